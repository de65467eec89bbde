"""10. Protocols: what may be written, and what an invalid one says."""

from collections.abc import Callable
from typing import Any

import pytest
from authoring import EVERYBODY, TODAY, Plain, body, choice, many, plain, write

from app.rules.codec import content_hash, protocol_from_plain, protocol_to_plain
from app.rules.facts import Age, Choice, Date, Integer, Number, Option, YesNo
from app.rules.participant import read_participant
from app.rules.protocol import (
    Asking,
    Cohort,
    Criterion,
    InvalidProtocol,
    NamedRule,
    Protocol,
    Question,
    Reading,
    Section,
)
from app.rules.tree import All, Always, Compare, Elapsed, Includes, IsOneOf, IsYes, Not, Term
from app.rules.verdict import evaluate

A: Plain = {"yes": "a"}


def base() -> Plain:
    """A valid protocol in which every kind of thing occurs."""
    facts: dict[str, str | Plain] = {
        "a": "yes_no",
        "site": choice("FR", "US"),
        "cells": many("dli", "car_t"),
        "count": "count",
        "weight": "weight",
        "stop": "date",
        "birth": "birth",
        "age": "age",
    }
    raw = plain(
        facts,
        {
            "I1": {"rule": A, "group": "disease"},
            "E1": {"rule": {"part": "expansion"}, "scope": {"term": "ill"}, "readings": ["X1"]},
            "E2": {"elapsed": ["stop", "<", 5, "years", "as_of"]},
            "R1": {"compare": ["age", "<", 18]},
        },
        {"c": EVERYBODY | {"parts": {"expansion": {"reading": "X2"}}, "readings": ["X1"]}},
        terms={"ill": A, "well": {"not": {"term": "ill"}}},
        readings={"X1": "convention", "X2": "open"},
        groups=("disease",),
    )
    raw["questions"][0]["asking"] = {"decides": 0.3, "burden": 1, "source": "judgement"}
    raw["questions"][4]["calculator"] = "prednisone"
    return raw


def faults(change: Callable[[Plain], Any]) -> list[str]:
    """What the protocol says after a change that spoils it."""
    raw = base()
    change(raw)
    with pytest.raises(InvalidProtocol) as refusal:
        protocol_from_plain(raw)
    assert str(refusal.value) == "; ".join(refusal.value.faults)
    return refusal.value.faults


def put(value: object, *place: Any) -> Callable[[Plain], None]:
    """A change: the value is put at a place of the plain form."""

    def change(raw: Any) -> None:
        for step in place[:-1]:
            raw = raw[step]
        raw[place[-1]] = value

    return change


def test_the_example_is_valid() -> None:
    """An invalid protocol cannot be built; this one can, and the tests below spoil it."""
    protocol = protocol_from_plain(base())
    assert list(protocol.question_by_key) == [question.key for question in protocol.questions]
    assert list(protocol.criterion_by_code) == ["I1", "E1", "E2", "R1"]
    assert list(protocol.cohort_by_code) == ["c"]
    assert list(protocol.term_by_name) == ["ill", "well"]
    assert list(protocol.reading_by_code) == ["X1", "X2"]
    assert [reading.value for reading in protocol.readings] == [None, None]
    assert Reading("X", "So.", "assumed yes").value is True
    assert Reading("X", "So.", "assumed no").value is False


# NAMES

KEY, CODE = "[a-z][a-z0-9_]{0,59}", "[A-Za-z][A-Za-z0-9-]{0,39}"


@pytest.mark.parametrize(
    ("what", "place", "pattern"),
    [
        ("section", ("sections", 0, "key"), KEY),
        ("question", ("questions", 0, "key"), KEY),
        ("term", ("terms", 1, "name"), KEY),
        ("code", ("readings", 0, "code"), CODE),
        ("code", ("groups", 0, "code"), CODE),
        ("code", ("criteria", 3, "code"), CODE),
        ("code", ("cohorts", 0, "code"), CODE),
    ],
)
def test_how_things_may_be_called(what: str, place: tuple[Any, ...], pattern: str) -> None:
    """Keys are lower-case words, codes letters, digits and dashes, both of a length that a database and a page can
    bear.
    """
    for name in ("", "1a", "é", "a b", "a.b", "a\n", "x" * 61):
        assert f"{what} {name!r}: must match {pattern}" in faults(put(name, *place))


def test_part_names() -> None:
    """A part is a key too."""
    assert f"part 'Expansion': must match {KEY}" in faults(put({"Expansion": A}, "cohorts", 0, "parts"))


@pytest.mark.parametrize(
    ("what", "collection", "name"),
    [
        ("section", "sections", "key"),
        ("question", "questions", "key"),
        ("term", "terms", "name"),
        *(("code", collection, "code") for collection in ("readings", "groups", "criteria", "cohorts")),
    ],
)
def test_nothing_is_named_twice(what: str, collection: str, name: str) -> None:
    """Sections, questions and terms have names of their own; codes differ over criteria, groups, cohorts and
    readings.
    """

    def twice(raw: Plain) -> None:
        raw[collection].append(dict(raw[collection][0]))

    assert f"{what} {base()[collection][0][name]}: is given twice" in faults(twice)


def test_codes_differ_over_all_that_has_one() -> None:
    """A cohort cannot be called like a criterion, nor a group like a reading."""
    assert "code I1: is given twice" in faults(put("I1", "cohorts", 0, "code"))
    assert "code disease: is given twice" in faults(put("disease", "readings", 1, "code"))


def test_names_that_mean_something_else() -> None:
    """The dates of an evaluation are no facts, `admission` is no code, and no fact is called like a reading."""
    for name in ("as_of", "consent_date", "first_dose_date"):
        assert f"question {name}: is the name of an evaluation date" in faults(put(name, "questions", 1, "key"))
    for place in (("criteria", 3), ("cohorts", 0), ("groups", 0), ("readings", 0)):
        assert "code admission: stands for the admission to a cohort" in faults(put("admission", *place, "code"))
    assert "question site: is the code of a reading too" in faults(put("site", "readings", 0, "code"))


@pytest.mark.parametrize("collection", ["sections", "questions", "criteria", "cohorts"])
def test_what_cannot_be_missing(collection: str) -> None:
    """A protocol has sections, questions, criteria and cohorts; terms, readings and groups it may do without."""
    assert f"protocol: has no {collection}" in faults(put([], collection))
    assert write({"a": "yes_no"}, {"I1": A}).terms == ()


@pytest.mark.parametrize(
    ("at", "place"),
    [
        ("protocol nct_id", ("nct_id",)),
        ("section history title", ("sections", 0, "title")),
        ("question a text", ("questions", 0, "text")),
        ("question a label", ("questions", 0, "label")),
        ("question a why", ("questions", 0, "why")),
        ("question a asking source", ("questions", 0, "asking", "source")),
        ("question site option", ("questions", 1, "options", 0, "value")),
        ("question site option", ("questions", 1, "options", 0, "label")),
        ("question cells option", ("questions", 2, "options", 0, "label")),
        ("question age unit", ("questions", 7, "unit")),
        ("term ill title", ("terms", 0, "title")),
        ("reading X1 statement", ("readings", 0, "statement")),
        ("group disease title", ("groups", 0, "title")),
        ("criterion I1 title", ("criteria", 0, "title")),
        ("criterion I1 statement", ("criteria", 0, "statement")),
        ("criterion I1 place", ("criteria", 0, "place")),
        ("cohort c title", ("cohorts", 0, "title")),
    ],
)
def test_texts_are_lines(at: str, place: tuple[Any, ...]) -> None:
    """What a person reads is one line of text: never empty, without control characters or halves of characters."""
    for text in ("", " ", "a\nb", "\x00", "a\x85", "\ud800", "a\u2028b"):
        assert f"{at}: must be one line of text" in faults(put(text, *place))


@pytest.mark.parametrize(
    ("at", "place"),
    [
        ("question a hint", ("questions", 0, "hint")),
        ("question site hint", ("questions", 1, "options", 0, "hint")),
        ("question weight unit", ("questions", 4, "unit")),
        ("question count unit", ("questions", 3, "unit")),
    ],
)
def test_texts_that_may_be_left_out(at: str, place: tuple[Any, ...]) -> None:
    """Hints and units may be empty; where they are given they are lines too."""
    raw = base()
    put("", *place)(raw)
    protocol_from_plain(raw)
    assert faults(put("a\nb", *place)) == [f"{at}: must be one line of text"]


# QUESTIONS


def test_a_question_stands_in_a_section() -> None:
    """Which must exist."""
    assert faults(put("nowhere", "questions", 0, "section")) == ["question a: no section nowhere"]


def test_options_differ() -> None:
    """A choice, or a list, has one to twenty options, each with a value of its own."""
    message = "needs 1 to 20 different options"
    many_options = [{"value": f"v{n}", "label": "V"} for n in range(21)]
    for number, key in ((1, "site"), (2, "cells")):
        for options in ([], many_options, [{"value": "FR", "label": "A"}, {"value": "FR", "label": "B"}]):
            assert f"question {key}: {message}" in faults(put(options, "questions", number, "options"))
    raw = plain({"a": "yes_no", "site": {"type": "choice", "options": many_options[:20]}}, {"I1": A})
    assert len(protocol_from_plain(raw).questions[1].type.options) == 20


@pytest.mark.parametrize(("number", "key"), [(3, "count"), (4, "weight"), (7, "age")])
def test_ranges(number: int, key: str) -> None:
    """The minimum lies below the maximum, and both are numbers that every system can hold."""
    for minimum in (90, 91):
        said = faults(lambda raw, low=minimum: raw["questions"][number].update({"min": low, "max": 90}))
        assert said == [f"question {key}: the minimum must be below the maximum"]


def test_weights() -> None:
    """How likely an answer is to settle the verdict is a probability, never certain; what it costs is above 0."""
    for decides in (0, 1, -0.1, 1.5):
        said = faults(put(decides, "questions", 0, "asking", "decides"))
        assert said == ["question a: asking decides must be a number above 0 and below 1"]
    for burden in (0, -1):
        said = faults(put(burden, "questions", 0, "asking", "burden"))
        assert said == ["question a: asking burden must be a number above 0"]
    assert faults(put({"decides": 0.5}, "questions", 0, "asking")) == ["protocol.questions[1].asking: lacks burden"]
    assert faults(put(0.5, "questions", 0, "asking")) == ["protocol.questions[1].asking: takes a mapping"]
    said = faults(put(True, "questions", 0, "asking", "decides"))
    assert said == ["protocol.questions[1].asking.decides: takes a number"]
    with pytest.raises(InvalidProtocol, match="asking decides must be a number"):
        one(Question("b", "s", YesNo(), "B?", "B", "So.", "fixed", asking=Asking(decides=float("nan"))), IsYes("a"))


def test_how_likely_each_answer_is() -> None:
    """Answers that the question takes, each once, with shares of one whole, in the place of `decides`."""

    def said(number: int, *likely: Plain) -> list[str]:
        asking = {"likely": list(likely), "burden": 1, "source": "judgement"}
        return faults(put(asking, "questions", number, "asking"))

    raw = base()
    raw["questions"][1]["asking"] = {"likely": [["FR", 0.25], ["US", 0.75]], "burden": 1, "source": "judgement"}
    raw["questions"][2]["asking"] = {"likely": [[[], 0.9], [["car_t"], 0.1]], "burden": 1, "source": "judgement"}
    raw["questions"][3]["asking"] = {"likely": [[0, 1]], "burden": 1, "source": "judgement"}  # as good as certain
    protocol = protocol_from_plain(raw)
    assert protocol.questions[2].asking.likely == (((), 0.9), (("car_t",), 0.1))
    assert protocol_to_plain(protocol)["questions"][2]["asking"] == raw["questions"][2]["asking"]
    assert said(0, ["yes", 0.5]) == ["question a: asking likely: an answer must be true or false"]
    assert said(0, [{"a": []}, 0.5]) == ["question a: asking likely: an answer must be true or false"]
    assert said(0, [True, 0.5], [True, 0.2]) == ["question a: asking likely: names an answer twice"]
    assert said(0, [True, 0.5], [False, 0.6]) == ["question a: asking likely: the shares come to more than 1"]
    for share in (0, 1.1, "half", True):
        assert said(0, [True, share]) == ["question a: asking likely: a share must be a number above 0, 1 at the most"]
    for pair in (True, [True], [True, 0.5, 1]):
        assert said(0, pair) == ["protocol.questions[1].asking.likely: takes pairs of an answer and its share"]
    date = next(number for number, question in enumerate(base()["questions"]) if question["type"] == "date")
    assert said(date, ["2020", 0.5])[0].endswith("asking likely: is not for a date")
    both = {"likely": [[True, 0.5]], "decides": 0.5, "burden": 1, "source": "judgement"}
    assert faults(put(both, "questions", 0, "asking")) == ["protocol.questions[1].asking: unknown field decides"]


def test_weights_that_are_left_out() -> None:
    """A question without weights of its own has the usual ones; written out they are the same content."""
    raw = base()
    del raw["questions"][0]["asking"]
    without = protocol_from_plain(raw)
    assert without.questions[0].asking == Asking(decides=0.1, burden=3, source="judgement")
    raw["questions"][0]["asking"] = {"decides": 0.1, "burden": 3.0, "source": "judgement"}
    assert content_hash(protocol_from_plain(raw)) == content_hash(without) != content_hash(protocol_from_plain(base()))
    assert "asking" not in protocol_to_plain(without)["questions"][0]
    assert "calculator" not in protocol_to_plain(without)["questions"][0]


def test_calculators() -> None:
    """A calculator is one that the pages have, works out a number, and belongs to one question."""
    assert faults(put("bmi", "questions", 4, "calculator")) == [
        "question weight: calculator must be one of qtcf, prednisone"
    ]
    assert faults(put("qtcf", "questions", 0, "calculator")) == ["question a: a calculator works out a number"]
    assert faults(put("prednisone", "questions", 3, "calculator")) == [
        "question count: calculator prednisone belongs to another question too",
        "question weight: calculator prednisone belongs to another question too",
    ]


def test_numbers_are_finite() -> None:
    """NaN, infinity and numbers of more than twelve digits are no limits, however a protocol is built."""

    def with_type(type_: Any) -> list[str]:
        with pytest.raises(InvalidProtocol) as refusal:
            one(Question("n", "s", type_, "N?", "N", "So.", "fixed"), IsYes("a"))
        return refusal.value.faults

    said = "question n: the minimum and the maximum must be numbers of at most 1,000,000,000,000"
    for minimum, maximum in ((0, float("inf")), (float("nan"), 1), (0, 10**400), (-(10**13), 0), (True, 5)):
        assert with_type(Number(minimum, maximum)) == [said]
    assert with_type(Integer(0, 10**13)) == [said]
    one(Question("n", "s", Number(-(10**12), 10**12), "N?", "N", "So.", "fixed"), IsYes("a"))


def test_steps() -> None:
    """A step is at least 1, and some multiple of it lies in the range."""
    assert faults(put(0, "questions", 3, "step")) == ["question count: the step must be at least 1"]
    assert faults(put(-5, "questions", 3, "step")) == ["question count: the step must be at least 1"]

    def no_multiple(raw: Plain) -> None:
        raw["questions"][3].update({"min": 1, "max": 9, "step": 10})

    assert faults(no_multiple) == ["question count: no multiple of the step lies in the range"]
    assert faults(lambda raw: raw["questions"][3].update({"min": 5, "max": 5, "step": 10})) == [
        "question count: the minimum must be below the maximum"
    ]
    for minimum in (1, 9, 10):
        raw = base()
        raw["questions"][3].update({"min": minimum, "max": 14, "step": 10})
        protocol_from_plain(raw)


def test_an_age_and_its_birth_date_belong_together() -> None:
    """An age names the birth date that it follows from, and is that question's alternative; neither stands alone."""
    no_date = "question age: birth_date must name a date question"
    no_pair = "question birth: alternative must name the age that this date of birth gives"
    assert faults(put("nothing", "questions", 7, "birth_date")) == [no_pair, no_date]
    assert faults(put("site", "questions", 7, "birth_date")) == [no_pair, no_date]
    assert faults(put("stop", "questions", 7, "birth_date")) == [
        no_pair,
        "question age: must be the alternative of stop",
    ]
    assert faults(lambda raw: raw["questions"][6].pop("alternative")) == [
        "question age: must be the alternative of birth"
    ]
    for other in ("a", "nothing"):
        assert faults(put(other, "questions", 6, "alternative")) == [
            no_pair,
            "question age: must be the alternative of birth",
        ]
    assert faults(put("age", "questions", 0, "alternative")) == [
        "question a: alternative must name the age that this date of birth gives"
    ]
    together = "question birth: alternative must stand in the same section, on the same condition"
    assert faults(put(A, "questions", 7, "relevant")) == [together]
    raw = base()
    raw["sections"].append({"key": "other", "title": "Other"})
    raw["questions"][7]["section"] = "other"
    with pytest.raises(InvalidProtocol) as refusal:
        protocol_from_plain(raw)
    assert refusal.value.faults == [together]


def test_an_age_is_a_human_one() -> None:
    """From 0 to 150 years, and compared with whole years in between."""
    span = "question age: an age lies between 0 and 150"
    assert faults(put(-1, "questions", 7, "min")) == [span]
    assert faults(put(151, "questions", 7, "max")) == [span]
    whole = "criterion R1 rule: an age is compared with whole years up to 150"
    for limit in (17.5, -1, 151):
        assert faults(put({"compare": ["age", "<", limit]}, "criteria", 3, "rule")) == [whole]
    for limit in (0, 150, 18.0):
        raw = base()
        raw["questions"][7]["max"] = 150
        put({"compare": ["age", "<", limit]}, "criteria", 3, "rule")(raw)
        protocol_from_plain(raw)


def test_a_bound_is_a_date_of_the_evaluation() -> None:
    """A date is at most as late as one of the three."""
    assert faults(put("today", "questions", 5, "not_after")) == [
        "question stop: not_after must be one of as_of, consent_date, first_dose_date"
    ]


def test_a_condition_rests_on_earlier_questions() -> None:
    """So no two questions wait for each other, and none for itself; terms are looked into, and an age is its birth
    date.
    """
    later = "question a relevant: rests on {}, which is not asked before"
    for rule, name in (({"yes": "a"}, "a"), ({"is": {"site": ["FR"]}}, "site"), ({"not": {"term": "well"}}, "a")):
        assert faults(put(rule, "questions", 0, "relevant")) == [later.format(name)]
    assert faults(put({"compare": ["age", "<", 18]}, "questions", 0, "relevant")) == [
        later.format("birth"),
        later.format("age"),
    ]
    raw = base()
    put({"term": "well"}, "questions", 1, "relevant")(raw)
    protocol_from_plain(raw)

    def between(raw: Plain) -> None:
        questions = raw["questions"]
        questions[:] = [questions[7], *questions[:7]]
        questions[1]["relevant"] = {"compare": ["age", "<", 18]}

    assert faults(between) == [later.format("birth")]


# RULES

RULE = ("criteria", 0, "rule")


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ({"yes": "nothing"}, "no question nothing"),
        ({"all": []}, "all needs at least one rule"),
        ({"any": []}, "any needs at least one rule"),
        ({"term": "sick"}, "no earlier term sick"),
        ({"part": "expansion"}, None),
        ({"reading": "X9"}, "no reading X9"),
        ({"reading": "X1"}, "reading X1 is a convention, not a leaf"),
        ({"yes": "site"}, "yes does not fit site, which is choice"),
        ({"is": {"a": ["FR"]}}, "is does not fit a, which is yes_no"),
        ({"is": {"cells": ["dli"]}}, "is does not fit cells, which is many"),
        ({"includes": {"site": ["FR"]}}, "includes does not fit site, which is choice"),
        ({"compare": ["stop", "<", 3]}, "compare does not fit stop, which is date"),
        ({"elapsed": ["age", "<", 3, "years", "as_of"]}, "elapsed does not fit age, which is age"),
        ({"is": {"site": ["JP"]}}, "site has no option JP"),
        ({"includes": {"cells": ["nk"]}}, "cells has no option nk"),
        ({"is": {"site": []}}, "is takes one or more different options"),
        ({"includes": {"cells": ["dli", "dli"]}}, "includes takes one or more different options"),
        *[
            (
                {"elapsed": ["stop", *wrong]},
                "elapsed needs < or >=, days, months, years and one of as_of, consent_date, first_dose_date",
            )
            for wrong in (["<=", 5, "years", "as_of"], ["<", 5, "weeks", "as_of"], ["<", 5, "years", "today"])
        ],
        *[
            ({"elapsed": ["stop", "<", amount, unit, "as_of"]}, "elapsed reaches at most 100 years")
            for amount, unit in ((-1, "days"), (36_601, "days"), (1201, "months"), (101, "years"))
        ],
    ],
)
def test_a_rule_that_does_not_fit(rule: Plain, fault: str | None) -> None:
    """Every reference, type and name of a rule is checked, and the fault says where it stands."""
    at = "criterion E2 rule"
    found = faults(put(rule, "criteria", 2, "rule")) if fault else []
    if fault is None:
        raw = base()
        put(rule, "criteria", 2, "rule")(raw)
        protocol_from_plain(raw)
    elif "weeks" in str(rule):
        assert found == [f"{at}: {fault}", f"{at}: elapsed reaches at most 100 years"]
    else:
        assert found == [f"{at}: {fault}"]


def test_a_unit_that_is_none_reaches_nowhere() -> None:
    """Not even a single one of it."""
    needs = "elapsed needs < or >=, days, months, years and one of as_of, consent_date, first_dose_date"
    found = faults(put({"elapsed": ["stop", "<", 1, "weeks", "as_of"]}, "criteria", 2, "rule"))
    assert found == [f"criterion E2 rule: {needs}", "criterion E2 rule: elapsed reaches at most 100 years"]


def test_windows_reach_a_hundred_years() -> None:
    """And no further; no time at all is a window too."""
    for amount, unit in ((36_600, "days"), (1200, "months"), (100, "years"), (0, "days")):
        raw = base()
        put({"elapsed": ["stop", "<", amount, unit, "as_of"]}, "criteria", 2, "rule")(raw)
        protocol_from_plain(raw)


def test_a_fault_says_its_place() -> None:
    """Down to the rule within the rule."""
    deep = {"all": [A, {"not": {"any": [A, {"yes": "nothing"}]}}]}
    nested = "all[2].not[1].any[2]: no question nothing"
    assert faults(put(deep, "criteria", 2, "rule")) == [f"criterion E2 rule.{nested}"]
    assert faults(put(deep, "criteria", 1, "scope")) == [f"criterion E1 scope.{nested}"]
    assert faults(put(deep, "questions", 2, "relevant")) == [f"question cells relevant.{nested}"]
    assert faults(put(deep, "cohorts", 0, "admits")) == [f"cohort c admits.{nested}"]
    assert faults(put(deep, "cohorts", 0, "parts", "expansion")) == [f"cohort c part expansion.{nested}"]
    assert f"term ill.{nested}" in faults(put(deep, "terms", 0, "rule"))


def test_terms_are_built_of_earlier_terms() -> None:
    """So none can mean itself."""
    for name in ("ill", "well"):
        assert faults(put({"term": name}, "terms", 0, "rule")) == [f"term ill: no earlier term {name}"]


def test_the_part_can_only_be_read_by_criteria() -> None:
    """Terms, conditions, admissions and parts stand for all cohorts alike; so does a group and its routes."""
    part = {"part": "expansion"}
    assert "term ill: no part expansion here" in faults(put(part, "terms", 0, "rule"))
    assert faults(put(part, "questions", 1, "relevant")) == ["question site relevant: no part expansion here"]
    assert faults(put(part, "cohorts", 0, "admits")) == ["cohort c admits: no part expansion here"]
    assert faults(put(part, "cohorts", 0, "parts", "expansion")) == ["cohort c part expansion: no part expansion here"]
    assert faults(put({"part": "other"}, "criteria", 2, "rule")) == ["criterion E2 rule: no part other here"]
    route = "criterion I1: a criterion of a group cannot depend on the part"
    assert faults(put({"not": part}, "criteria", 0, "rule")) == [route]
    assert faults(put(part, "criteria", 0, "scope")) == [route]


def test_groups_have_inclusion_criteria() -> None:
    """A group has at least one criterion, and all of them are inclusion criteria."""
    assert faults(put("fitness", "criteria", 0, "group")) == [
        "criterion I1: no group fitness",
        "group disease: has no criterion",
    ]
    for number, code in ((2, "E2"), (3, "R1")):
        assert faults(put("disease", "criteria", number, "group")) == [
            f"criterion {code}: only an inclusion criterion can be in a group"
        ]


def test_readings_that_are_shown_exist() -> None:
    """Beside a criterion or a cohort."""
    assert faults(put(["X1", "X9"], "criteria", 2, "readings")) == ["criterion E2: no reading X9"]
    assert faults(put(["X8"], "cohorts", 0, "readings")) == ["cohort c: no reading X8"]


def test_all_faults_of_a_protocol_at_once() -> None:
    """Everything that is wrong is said at once."""

    def spoil(raw: Plain) -> None:
        raw["questions"][0]["section"] = "nowhere"
        raw["criteria"][2]["rule"] = {"yes": "nothing"}
        raw["cohorts"][0]["readings"] = ["X8"]

    assert faults(spoil) == [
        "question a: no section nowhere",
        "criterion E2 rule: no question nothing",
        "cohort c: no reading X8",
    ]


# DEPTH, AND PROTOCOLS BUILT BY HAND


def one(question: Question, rule: Any, terms: tuple[NamedRule, ...] = (), cohorts: tuple[Cohort, ...] = ()) -> Protocol:
    """A protocol built of its parts, without the plain form."""
    return Protocol(
        nct_id="NCT00000000",
        sections=(Section("s", "S"),),
        questions=(Question("a", "s", YesNo(), "A?", "A", "So.", "fixed"), question),
        terms=terms,
        readings=(),
        groups=(),
        criteria=(Criterion("I1", "inclusion", "One", "Says one.", "1", rule),),
        cohorts=cohorts or (Cohort("c", "C", Always(True), ()),),
    )


def nested(depth: int, rule: Any) -> Any:
    for _ in range(depth):
        rule = Not(rule)
    return rule


SPARE = Question("b", "s", Choice((Option("v", "V"),)), "B?", "B", "So.", "fixed")


def test_rules_are_nested_thirty_deep_at_most() -> None:
    """Terms count with all that they hold, so that no chain of terms is deeper than that either."""
    assert one(SPARE, nested(30, IsYes("a"))).criteria
    with pytest.raises(
        InvalidProtocol, match=r"criterion I1 rule(\.not\[1\]){31}: is nested deeper than 30, terms opened"
    ):
        one(SPARE, nested(31, IsYes("a")))
    with pytest.raises(InvalidProtocol, match="nested deeper than 30"):
        one(SPARE, nested(2000, IsYes("a")))
    term = NamedRule("t", "T", nested(9, IsYes("a")))  # ten levels
    assert one(SPARE, nested(20, Term("t")), (term,)).terms
    with pytest.raises(
        InvalidProtocol, match=r"^criterion I1 rule(\.not\[1\]){21}: is nested deeper than 30, terms opened$"
    ):
        one(SPARE, nested(21, Term("t")), (term,))


def test_a_chain_of_terms_is_as_deep_as_its_sum() -> None:
    """Each term adds a level to what it names; all of two rules are as deep as the deeper."""
    chain = [NamedRule("t0", "T", All((IsYes("a"), nested(3, IsYes("a")))))]  # five levels
    for number in range(1, 26):
        chain.append(NamedRule(f"t{number}", "T", Term(f"t{number - 1}")))
    same = (NamedRule("t", "T", IsYes("a")), NamedRule("t", "T", IsYes("a")))
    with pytest.raises(InvalidProtocol, match=r"^term t: is given twice$"):
        one(SPARE, Term("t"), same)
    assert evaluate(one(SPARE, Term("t25"), tuple(chain)), read_participant(one(SPARE, IsYes("a")), body({}), TODAY))
    chain.append(NamedRule("t26", "T", Term("t25")))
    with pytest.raises(InvalidProtocol, match=r"^criterion I1 rule: is nested deeper than 30, terms opened$"):
        one(SPARE, Term("t26"), tuple(chain))
    broken = (NamedRule("t", "T", IsYes("nothing")), NamedRule("u", "U", Term("t")))
    with pytest.raises(InvalidProtocol, match=r"^term t: no question nothing$"):
        one(SPARE, Term("u"), broken)


def test_at_the_greatest_depth_a_name_is_still_looked_up() -> None:
    """A term that is not there, or not valid, has no depth of its own: only the name, or the term, is at fault."""
    with pytest.raises(InvalidProtocol, match=r"^criterion I1 rule(\.not\[1\]){30}: no earlier term sick$"):
        one(SPARE, nested(30, Term("sick")))
    with pytest.raises(InvalidProtocol, match=r"^term t: no question nothing$"):
        one(SPARE, nested(30, Term("t")), (NamedRule("t", "T", IsYes("nothing")),))


def test_what_only_code_can_get_wrong() -> None:
    """Built by hand, a protocol is checked as one that is read: signs, limits, units, parts."""
    number = Question("b", "s", Number(0, 9), "B?", "B", "So.", "fixed")
    day = Question("b", "s", Date(), "B?", "B", "So.", "fixed")
    for question, rule, fault in (
        (number, Compare("b", "=", 3), "the comparison must be one of < <= > >="),
        (number, Compare("b", "<", float("nan")), "the limit must be a number of at most 1,000,000,000,000"),
        (number, Compare("b", "<", float("inf")), "the limit must be a number of at most 1,000,000,000,000"),
        (day, Elapsed("b", "<", 5, "weeks", "as_of"), "elapsed needs < or >="),
        (SPARE, IsOneOf("b", ()), "is takes one or more different options"),
        (SPARE, Includes("b", ("v",)), "includes does not fit b, which is choice"),
    ):
        with pytest.raises(InvalidProtocol, match=f"^criterion I1 rule: {fault}"):
            one(question, rule)
    with pytest.raises(InvalidProtocol, match=r"^cohort c: names a part twice$"):
        one(SPARE, IsYes("a"), cohorts=(Cohort("c", "C", Always(True), (("p", IsYes("a")), ("p", Always(True)))),))
    with pytest.raises(InvalidProtocol, match="question b unit: must be one line of text"):
        one(Question("b", "s", Age(0, 9, "a", ""), "B?", "B", "So.", "fixed"), IsYes("a"))


def test_parts_have_no_order() -> None:
    """The parts of a cohort are sorted by name, so the order in which they are written makes no difference."""
    one_way = Cohort("c", "C", Always(True), (("b", IsYes("a")), ("a", IsYes("a"))))
    assert one_way == Cohort("c", "C", Always(True), (("a", IsYes("a")), ("b", IsYes("a"))))
