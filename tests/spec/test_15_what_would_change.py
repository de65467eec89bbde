"""14. What would change a verdict, and when a verdict is decided whatever the missing answers are."""

from typing import Any

from authoring import EVERYBODY, TODAY, Plain, body, choice, write

from app.rules import conditions
from app.rules.change import Changer
from app.rules.exact import Exact, Exactness
from app.rules.participant import read_participant
from app.rules.protocol import Protocol
from app.rules.verdict import Evaluator

FACTS: dict[str, str | Plain] = {"a": "yes_no", "b": "yes_no", "c": "yes_no"}
A, B, C = ({"yes": fact} for fact in "abc")
AGE: dict[str, str | Plain] = {"birth": "birth", "age": "age"}


def exact(protocol: Protocol, answers: Plain, **more: Any) -> Exact:
    return Exactness(protocol).exact(Evaluator(protocol).evaluate(participant(protocol, answers, **more)))


def participant(protocol: Protocol, answers: Plain, **more: Any) -> Any:
    return read_participant(protocol, body(answers, **more), TODAY)


def changes(protocol: Protocol, answers: Plain, **more: Any) -> dict[str, Any]:
    """What would change the verdict, as the API says it."""
    evaluator = Evaluator(protocol)
    changer, verdict = Changer(evaluator), evaluator.evaluate(participant(protocol, answers, **more))
    return conditions.plain(changer.changes(verdict), changer.search, verdict.context.world)


def sets(protocol: Protocol, answers: Plain, **more: Any) -> list[str]:
    return [one["sentence"] for one in changes(protocol, answers, **more)["sets"]]


# WHATEVER THE MISSING ANSWERS ARE


def test_where_every_completion_agrees_the_verdict_is_decided() -> None:
    """A fact in several places: each is unknown, and yet every value of it comes to the same."""
    protocol = write(FACTS, {"I1": {"any": [A, {"not": A}]}, "E1": B})
    assert Evaluator(protocol).evaluate(participant(protocol, {"b": False})).decision == "undetermined"
    assert exact(protocol, {"b": False}).decision == "likely_eligible"
    assert exact(protocol, {"b": False}).passes == ("I1",)
    assert exact(protocol, {}).decision == "undetermined"
    protocol = write(FACTS, {"I1": A, "E1": A})
    assert exact(protocol, {}).decision == "excluded"


def test_some_cohort_fits_wherever_the_site_is() -> None:
    """No cohort is certain, and no cohort is closed; but whatever the answer is, one of them fits."""
    protocol = write(
        {"site": choice("here", "there")}, {"I1": {"always": True}}, {"one": at("here"), "two": at("there")}
    )
    found = exact(protocol, {})
    assert (found.decision, found.cohorts) == ("likely_eligible", {"one": "undetermined", "two": "undetermined"})


def at(place: str) -> Plain:
    return {"admits": {"is": {"site": [place]}}}


def test_a_partial_date_and_an_open_reading_have_completions_too() -> None:
    """A partial date may be any of its days, and an open reading yes or no."""
    recent, old = ({"elapsed": ["stop", *how, "as_of"]} for how in (["<", 5, "years"], [">=", 4, "years"]))
    protocol = write({"stop": "date"}, {"I1": {"any": [recent, old]}})
    assert exact(protocol, {"stop": "2021"}).decision == "likely_eligible"
    protocol = write({"stop": "date"}, {"I1": recent})
    assert exact(protocol, {"stop": "2021"}).decision == "undetermined"
    both = {"any": [{"reading": "X1"}, {"not": {"reading": "X1"}}]}
    assert exact(write(FACTS, {"I1": both}, readings={"X1": "open"}), {}).decision == "likely_eligible"


def test_a_stated_age_is_an_answer() -> None:
    """It is not taken to be anything else; where neither age nor birth date is known, either may be given."""
    split = {"any": [{"compare": ["age", "<=", 17]}, {"compare": ["age", ">=", 18]}]}
    protocol = write(AGE, {"I1": split})
    assert exact(protocol, {"age": 17.5}).decision == "excluded"
    assert exact(protocol, {}).decision == "undetermined"  # an age of 17.5 may be stated
    assert exact(protocol, {"birth": "2008"}).decision == "likely_eligible"  # completed years are whole


# SMALLEST SETS OF OTHER ANSWERS


def test_the_whole_set_of_values_is_named() -> None:
    protocol = write({"w": "weight"}, {"E1": {"compare": ["w", "<", 10]}, "E2": {"compare": ["w", ">", 90]}})
    assert sets(protocol, {"w": 5}) == [
        "Would be likely eligible for Cohort everybody if W were at least 10 and at most 90 kg."
    ]
    protocol = write({"c": choice("red", "green", "blue")}, {"I1": {"is": {"c": ["red", "green"]}}})
    assert sets(protocol, {}) == [
        "Would be likely eligible for Cohort everybody if C were Red or Green.",
        "Would be excluded if C were Blue.",
    ]


def test_no_part_of_a_set_would_do() -> None:
    """A set has all that must change together, and nothing to spare."""
    protocol = write(FACTS, {"E1": A, "E2": B, "I1": {"any": [C, {"not": A}]}})
    assert sets(protocol, {"a": True, "b": True, "c": False}) == [
        "Would be likely eligible for Cohort everybody if A were no and B were no."
    ]


def test_an_example_is_an_answer_ready_to_be_sent() -> None:
    protocol = write({"w": "weight"}, {"E1": {"compare": ["w", "<", 10]}})
    (one,) = changes(protocol, {"w": 5})["sets"]
    assert one["changes"][0]["example"] == {"w": 10}


def test_time_and_ages_only_go_forward() -> None:
    """A child may be said to come of age; an adult is never said to become a child."""
    adult = {"compare": ["age", ">=", 18]}
    assert sets(write(AGE, {"I1": adult}), {"age": 12}) == [
        "Would be likely eligible for Cohort everybody if Age were at least 18 years."
    ]
    assert sets(write(AGE, {"E1": adult}), {"age": 40}) == []


# TIME


def test_when_all_that_time_can_turn_passes_together() -> None:
    facts: dict[str, str | Plain] = {"one": "date", "two": "date"}
    windows = {f"E{n}": {"elapsed": [fact, "<", 28, "days", "as_of"]} for n, fact in enumerate(facts, start=1)}
    found = changes(write(facts, windows), {"one": "2026-11-20", "two": "2026-11-10"})
    assert [reason["passes_from"] for reason in found["reasons"]] == ["2026-12-18", "2026-12-08"]
    assert (found["passes_from"], found["cohorts"]) == ("2026-12-18", {"everybody": "2026-12-18"})
    assert found["time"] == "From 18 December 2026 these reasons pass together on the same answers: E1 and E2."


def test_until_when_a_verdict_holds() -> None:
    protocol = write(AGE, {"E1": {"compare": ["age", ">=", 18]}})
    assert changes(protocol, {"birth": "2010-05-03"})["holds_until"] == "2028-05-03"


def test_what_could_still_turn_it() -> None:
    """Of the answers that can change, those that alone would exclude; near: within a tenth, or a step, of the limit."""
    repeat: Plain = {"type": "number", "min": 200, "max": 800, "unit": "ms", "can_change": "repeat"}
    protocol = write({"qtcf": repeat}, {"E1": {"compare": ["qtcf", ">", 470]}})
    (risk,) = changes(protocol, {"qtcf": 460})["risks"]
    assert (risk["fact"], risk["near"]) == ("qtcf", True)
    assert risk["sentence"] == "Qtcf: now 460 ms; would exclude if above 470 ms."
    assert [risk["near"] for risk in changes(protocol, {"qtcf": 300})["risks"]] == [False]


def test_what_time_does_not_turn_has_no_day() -> None:
    """Neither alone nor beside what it turns: then the cohort stays closed."""
    recent = {"elapsed": ["stop", "<", 28, "days", "as_of"]}
    protocol = write({"stop": "date", "a": "yes_no"}, {"E1": recent, "E2": A})
    found = changes(protocol, {"stop": "2026-11-20", "a": True})
    assert [reason["passes_from"] for reason in found["reasons"]] == ["2026-12-18", None]
    assert (found["passes_from"], found["cohorts"]) == ("2026-12-18", {})
    assert found["time"] == "From 18 December 2026 this reason passes on the same answers: E1."
    found = changes(protocol, {"stop": "2020", "a": True})
    assert (found["passes_from"], found["cohorts"], found["time"]) == (None, {}, None)
    assert [reason["sentence"] for reason in found["reasons"]] == [
        "Criterion E2 (E2): a later measurement or a change of treatment may differ."
    ]


def test_an_admission_that_time_opens() -> None:
    """A cohort that is closed by its admission is named by its title; the others say nothing of it."""
    adults, children = ({"admits": {"compare": ["age", sign, 18]}} for sign in (">=", "<"))
    protocol = write({**AGE, "a": "yes_no"}, {"E1": A}, {"adults": adults})
    found = changes(protocol, {"birth": "2010-05-03", "a": False})
    assert [(reason["code"], reason["title"]) for reason in found["reasons"]] == [("admission", "Cohort adults")]
    assert found["reasons"][0]["sentence"] == "Admission to Cohort adults: passes from 3 May 2028."
    assert found["cohorts"] == {"adults": "2028-05-03"}
    assert found["time"] == "From 3 May 2028 this reason passes on the same answers: Cohort adults."
    protocol = write({**AGE, "a": "yes_no"}, {"E1": A}, {"adults": adults, "children": children})
    assert changes(protocol, {"birth": "2010-05-03"})["reasons"] == []
    found = changes(protocol, {"birth": "2010-05-03", "a": True})
    assert [reason["code"] for reason in found["reasons"]] == ["E1"]


def test_a_verdict_that_time_does_not_turn_holds() -> None:
    protocol = write({**AGE, "stop": "date"}, {"E1": {"elapsed": ["stop", "<", 28, "days", "as_of"]}})
    found = changes(protocol, {"stop": "2020-02-02", "birth": "1980"})
    assert (found["holds_until"], found["time"]) == (None, None)
    old = {"compare": ["age", ">=", 65]}
    parts: Plain = {"one": {**EVERYBODY, "parts": {"old": old}}}
    protocol = write(AGE, {"E1": {"part": "old"}}, parts)
    found = changes(protocol, {"birth": "1970-01-31"})
    assert found["holds_until"] == "2035-01-31"
    assert found["time"] == "From 31 January 2035 the same answers no longer come to likely eligible."
