"""4. Names: readings, terms, and the parts of a trial."""

from authoring import EVERYBODY, TODAY, body, holds, table, write

FACTS = {"fever": "yes_no"}


# READINGS


def test_a_reading_is_a_leaf_with_a_status(engine) -> None:
    """Where the record leaves room, the trial's owner says how it is taken: assumed yes or no, or open, which is
    unknown.
    """
    for status, result in table(
        """
        status      | holds
        ------------+------
        assumed yes | yes
        assumed no  | no
        open        | ?
        """
    ):
        assert holds(engine, {"reading": "X1"}, FACTS, {}, readings={"X1": status}) == result


def test_a_reading_can_be_set_for_one_evaluation(engine) -> None:
    """To see what it would change, a reading may be set to yes or no in a request; the protocol stays as it is."""
    protocol = write(
        FACTS, {"I1": {"reading": "X1"}, "I2": {"reading": "X2"}}, readings={"X1": "open", "X2": "assumed no"}
    )
    said = engine(protocol, body({}, readings={"X1": True, "X2": True}), TODAY)
    assert said.outcomes == {"I1": "pass", "I2": "pass"}
    said = engine(protocol, body({}, readings={"X1": False}), TODAY)
    assert said.outcomes == {"I1": "fail", "I2": "fail"}
    assert engine(protocol, body({}, readings=None), TODAY).outcomes == {"I1": "unknown", "I2": "fail"}


def test_a_convention_stands_in_no_rule(engine) -> None:
    """A convention is how the protocol is written; it is shown beside a criterion, and nobody can set it."""
    protocol = write(FACTS, {"I1": {"rule": {"yes": "fever"}, "readings": ["X1"]}}, readings={"X1": "convention"})
    assert protocol.criteria[0].readings == ("X1",)
    assert protocol.readings[0].value is None
    assert engine(protocol, body({"fever": True}), TODAY).decision == "likely_eligible"


def test_an_open_reading_matters_only_where_it_decides(engine) -> None:
    """Beside a fact that decides alone an open reading changes nothing."""
    rule = {"any": [{"yes": "fever"}, {"reading": "X1"}]}
    for answer, result in ((True, "yes"), (False, "?"), (None, "?")):
        assert holds(engine, rule, FACTS, {"fever": answer}, readings={"X1": "open"}) == result


# TERMS


def test_a_term_is_a_rule_with_a_name(engine) -> None:
    """A term means the rule that it names, wherever it stands; terms may be built of earlier terms."""
    terms = {"ill": {"yes": "fever"}, "well": {"not": {"term": "ill"}}}
    for fever, result in ((True, "no"), (False, "yes"), (None, "?")):
        assert holds(engine, {"term": "well"}, FACTS, {"fever": fever}, terms=terms) == result


# PARTS


def test_a_part_belongs_to_the_cohort(engine) -> None:
    """`part` asks whether the cohort that is being judged belongs to a part of the trial; each cohort answers for
    itself.
    """
    cohorts = {
        "a": EVERYBODY | {"parts": {"expansion": {"always": True}}},
        "b": EVERYBODY | {"parts": {"escalation": {"always": True}}},
        "c": EVERYBODY | {"parts": {"escalation": {"reading": "X1"}, "expansion": {"not": {"reading": "X1"}}}},
        "d": EVERYBODY,
    }
    for status, in_c in (("assumed yes", "fail"), ("assumed no", "pass"), ("open", "unknown")):
        protocol = write(FACTS, {"I1": {"part": "expansion"}}, cohorts, readings={"X1": status})
        said = engine(protocol, body({}), TODAY)
        assert said.by_cohort["I1"] == {"a": "pass", "b": "fail", "c": in_c, "d": "fail"}


def test_a_part_may_rest_on_answers(engine) -> None:
    """The rule of a part is a rule like any other."""
    cohorts = {"a": EVERYBODY | {"parts": {"expansion": {"yes": "fever"}}}}
    protocol = write(FACTS, {"E1": {"rule": {"always": True}, "scope": {"part": "expansion"}}}, cohorts)
    for fever, outcome in ((True, "fail"), (False, "not_applicable"), (None, "unknown")):
        assert engine(protocol, body({"fever": fever}), TODAY).outcomes["E1"] == outcome
