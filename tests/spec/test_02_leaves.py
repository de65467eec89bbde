"""2. Leaves: what a rule can ask of a fact."""

from authoring import WORDS, choice, holds, many, table, write

from app.rules.tree import RULES


def test_always(engine) -> None:
    """`always` holds, or never does, whatever the answers. It is for parts that need no condition."""
    assert holds(engine, {"always": True}, {"fever": "yes_no"}, {}) == "yes"
    assert holds(engine, {"always": False}, {"fever": "yes_no"}, {}) == "no"


def test_yes(engine) -> None:
    """`yes` asks whether a yes/no fact is yes. Absent and null are unknown, never no."""
    for answer, result in table(
        """
        fever | yes
        ------+----
        yes   | yes
        no    | no
        ?     | ?
        """
    ):
        assert holds(engine, {"yes": "fever"}, {"fever": "yes_no"}, {"fever": WORDS[answer]}) == result
    assert holds(engine, {"yes": "fever"}, {"fever": "yes_no"}, {}) == "?"


def test_is(engine) -> None:
    """`is` asks whether a choice is one of some options."""
    facts = {"site": choice("FR", "JP", "US")}
    for site, result in table(
        """
        site | is FR or JP
        -----+------------
        FR   | yes
        JP   | yes
        US   | no
        """
    ):
        assert holds(engine, {"is": {"site": ["FR", "JP"]}}, facts, {"site": site}) == result
    assert holds(engine, {"is": {"site": ["FR"]}}, facts, {"site": None}) == "?"


def test_includes(engine) -> None:
    """`includes` asks whether a list holds at least one of some options. An empty list says that there is none."""
    facts = {"cells": many("car_t", "car_nk", "dli")}
    rule = {"includes": {"cells": ["car_t", "car_nk"]}}
    for cells, result in table(
        """
        cells         | includes car_t or car_nk
        --------------+-------------------------
        car_t         | yes
        dli           | no
        dli car_nk    | yes
        car_t car_nk  | yes
                      | no
        """
    ):
        assert holds(engine, rule, facts, {"cells": cells.split()}) == result, cells
    assert holds(engine, rule, facts, {"cells": None}) == "?"


def test_compare(engine) -> None:
    """`compare` holds a number against a limit; the sign says whether the limit itself counts."""
    for kilograms, below, at_most, above, at_least in table(
        """
        weight | <   | <=  | >   | >=
        -------+-----+-----+-----+----
        9.99   | yes | yes | no  | no
        10     | no  | yes | no  | yes
        10.0   | no  | yes | no  | yes
        10.01  | no  | no  | yes | yes
        """
    ):
        for sign, result in (("<", below), ("<=", at_most), (">", above), (">=", at_least)):
            rule = {"compare": ["weight", sign, 10]}
            assert holds(engine, rule, {"weight": "weight"}, {"weight": float(kilograms)}) == result, (kilograms, sign)
            assert holds(engine, rule, {"weight": "weight"}, {}) == "?"


def test_compare_whole_numbers(engine) -> None:
    """A whole number is compared in the same way, also with a limit that is none."""
    rule = {"compare": ["cycles", ">=", 2.5]}
    assert holds(engine, rule, {"cycles": "count"}, {"cycles": 2}) == "no"
    assert holds(engine, rule, {"cycles": "count"}, {"cycles": 3}) == "yes"


def test_a_fact_of_another_question_does_not_matter(engine) -> None:
    """A leaf reads its own fact alone."""
    facts = {"fever": "yes_no", "cough": "yes_no"}
    for cough in (True, False, None):
        assert holds(engine, {"yes": "fever"}, facts, {"fever": True, "cough": cough}) == "yes"


def test_thirteen_kinds() -> None:
    """There are thirteen kinds of rule, and each is written as one key; `exceeds_age` stands in edit checks alone."""
    kinds = "always all any not yes is includes compare elapsed exceeds_age reading part term"
    assert [rule.kind for rule in RULES] == kinds.split()
    assert write({"fever": "yes_no"}, {"I1": {"yes": "fever"}}).criteria[0].rule.kind == "yes"
