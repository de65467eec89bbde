"""14. What would change a verdict, and when a verdict is decided whatever the missing answers are."""

import json
from datetime import date
from typing import Any

import pytest
from authoring import EVERYBODY, TODAY, Plain, body, choice, many, write

from app.rules import change as rules_change
from app.rules import conditions
from app.rules import exact as rules_exact
from app.rules.change import FAILS, HOLDS, Changer, Changing, turners
from app.rules.exact import Completions, Exact, Exactness
from app.rules.facts import to_json
from app.rules.participant import read_participant
from app.rules.protocol import Protocol
from app.rules.report import Reporter
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


def test_a_stated_age_says_nothing_of_the_day_of_birth() -> None:
    """What waits for that day then waits for ever: nothing completes it. Also where it did for somebody before."""
    old: Plain = {"elapsed": ["birth", ">=", 5, "years", "as_of"]}
    protocol = write(AGE, {"I1": {"any": [old, {"not": old}]}})
    exactness, evaluator = Exactness(protocol), Evaluator(protocol)
    for answers, decision in (
        ({"birth": "2021"}, "likely_eligible"),
        ({}, "undetermined"),
        ({"age": 20}, "undetermined"),
    ):
        assert exactness.exact(evaluator.evaluate(participant(protocol, answers))).decision == decision


def test_a_reading_may_be_taken_either_way() -> None:
    """So it decides nothing while it is open."""
    for code in ("I1", "E1"):
        found = exact(write(FACTS, {code: {"reading": "X1"}}, readings={"X1": "open"}), {})
        assert (found.decision, found.passes, found.fails) == ("undetermined", (), ())


def test_a_partial_date_may_be_each_of_its_days_and_no_other() -> None:
    """Its last day too."""
    last = (TODAY - date(2021, 12, 31)).days
    recent, old = ({"elapsed": ["stop", *how, "as_of"]} for how in (["<", 5, "years"], [">=", 5, "years"]))
    not_older: Plain = {"elapsed": ["stop", "<", 7, "years", "as_of"]}
    protocol = write({"stop": "date"}, {"I1": {"any": [recent, {"all": [old, not_older]}]}})
    assert exact(protocol, {"stop": "2021"}).decision == "likely_eligible"
    assert exact(protocol, {"stop": "2019"}).decision == "undetermined"
    for days, decision in ((last, "likely_eligible"), (last + 1, "undetermined")):
        window: Plain = {"elapsed": ["stop", "<", days, "days", "as_of"]}
        waits: Plain = {"any": [A, {"not": A}]}
        protocol = write({"stop": "date", **FACTS}, {"E1": {"all": [window, waits]}})
        assert exact(protocol, {"stop": "2021"}).decision == decision


def test_clauses_that_wait_for_common_names_are_looked_at_together() -> None:
    """Also where only a third one links two of them."""
    noise: Plain = {"any": [C, {"not": C}]}
    protocol = write(FACTS, {"I1": {"any": [A, B]}, "E2": {"all": [B, noise]}, "E3": A})
    assert exact(protocol, {}).decision == "excluded"
    assert (
        exact(write(FACTS, {"I1": {"any": [A, B]}, "E2": {"all": [B, noise]}, "E3": C}), {}).decision == "undetermined"
    )


def test_a_day_is_alike_on_its_own_date_alone() -> None:
    """One that was recent on the day of an evaluation is not recent a month later."""
    recent: Plain = {"elapsed": ["stop", "<", 28, "days", "as_of"]}
    protocol = write({"stop": "date", "a": "yes_no"}, {"E1": {"all": [recent, {"any": [A, {"not": A}]}]}})
    evaluator, exactness = Evaluator(protocol), Exactness(protocol)
    for stop, as_of in (("2026-11-01", TODAY), ("2026-12-01", date(2026, 12, 22)), ("2026-12-02", date(2026, 12, 22))):
        late = read_participant(protocol, body({"stop": stop}, as_of), as_of)
        assert exactness.exact(evaluator.evaluate(late)).decision == "excluded"


def test_a_report_says_what_is_decided_all_the_same() -> None:
    """Where it is asked to: the exact verdict, and why where the report's own verdict waits."""
    protocol = write(FACTS, {"I1": {"any": [A, {"not": A}]}, "E1": B})
    evaluator, reporter = Evaluator(protocol), Reporter(protocol, b'"v":1')
    for answers, verdict, note in (
        (
            {"b": False},
            "likely_eligible",
            "Decided whatever the missing answers are: some cohort fits, whatever is found for A.",
        ),
        ({}, "undetermined", None),
        ({"b": True}, "excluded", None),
    ):
        judged = evaluator.evaluate(participant(protocol, answers))
        said = json.loads(reporter.report(judged, exact=True))
        assert said.pop("exact") == {"verdict": verdict, "note": note}
        assert said == json.loads(reporter.report(judged))


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


# IN SENTENCES


def likely(protocol: Protocol, answers: Plain, **more: Any) -> str:
    """What would have to be so for the one cohort."""
    first, _, after = sets(protocol, answers, **more)[0].partition(" if ")
    assert first == "Would be likely eligible for Cohort everybody"
    return after.removesuffix(".")


def test_lists_are_said_by_what_they_hold() -> None:
    cells = {"cells": many("car_t", "car_nk", "dli")}
    one, two = {"includes": {"cells": ["car_t", "car_nk"]}}, {"includes": {"cells": ["dli"]}}
    with_one = "Cells were with Car t or Car nk"
    assert likely(write(cells, {"I1": one}), {"cells": []}) == with_one
    assert likely(write(cells, {"E1": one}), {"cells": ["car_t"]}) == "Cells were without Car t or Car nk"
    assert likely(write(cells, {"I1": one, "E1": two}), {"cells": ["dli"]}) == f"{with_one} and without Dli"
    assert likely(write(cells, {"I1": one, "I2": two}), {"cells": []}) == f"{with_one} and with Dli"
    both = write(cells, {"E1": one, "E2": two})
    assert likely(both, {"cells": ["dli"]}) == "Cells were without Car t, Car nk or Dli"
    assert likely(write(cells, {"I1": {"any": [one, {"not": one}]}}), {}) == "Cells were known"


def test_where_several_lists_will_do_the_first_is_said() -> None:
    """Only where one sentence cannot name them all; what it names will do."""
    cells = {"cells": many("car_t", "dli")}
    one, two = {"includes": {"cells": ["car_t"]}}, {"includes": {"cells": ["dli"]}}
    either = write(cells, {"I1": {"any": [one, two]}})
    assert likely(either, {"cells": []}) == "Cells were with Car t and without Dli"
    unread = write(cells, {"I1": one, "E1": {"all": [one, two, {"not": two}]}})
    assert likely(unread, {"cells": []}) == "Cells were with Car t"


def test_numbers_are_said_by_their_limits() -> None:
    low, high = {"compare": ["w", "<", 10]}, {"compare": ["w", ">", 90]}
    assert (
        likely(write({"w": "weight"}, {"I1": {"any": [low, high]}}), {"w": 50}) == "W were below 10 kg or above 90 kg"
    )
    assert likely(write({"w": "weight"}, {"I1": high}), {"w": 50}) == "W were above 90 kg"
    assert likely(write({"w": "weight"}, {"E1": high}), {"w": 95}) == "W were at most 90 kg"
    assert likely(write({"w": "weight"}, {"I1": {"any": [low, {"not": low}]}}), {}) == "W were known"


def test_dates_are_said_by_their_windows() -> None:
    recent, old = ({"elapsed": ["s", *how, "as_of"]} for how in (["<", 28, "days"], [">=", 2, "years"]))
    protocol = write({"s": "date"}, {"E1": recent, "E2": old})
    assert sets(protocol, {}) == [
        "Would be likely eligible for Cohort everybody if S were less than 2 years before the day of this evaluation "
        "and at least 28 days before the day of this evaluation.",
        "Would be excluded if S were at least 2 years before the day of this evaluation "
        "or less than 28 days before the day of this evaluation.",
    ]
    grown = write(AGE, {"I1": {"compare": ["age", ">=", 18]}, "E1": {"compare": ["age", ">", 65]}})
    assert likely(grown, {"birth": "2015-01-01"}) == "Age were at least 18 and at most 65 years"


def test_an_option_that_holds_a_comma_is_quoted() -> None:
    labels = [{"value": "x", "label": "X, or so"}, {"value": "y", "label": "Y"}, {"value": "z", "label": "Z"}]
    protocol = write({"c": {"type": "choice", "options": labels}}, {"I1": {"is": {"c": ["x", "y"]}}})
    assert likely(protocol, {"c": "z"}) == 'C were "X, or so" or Y'


def test_open_readings_are_taken_as_yes_or_no() -> None:
    criteria = {"I1": {"all": [{"reading": "X1"}, A]}, "E1": {"all": [B, {"reading": "X2"}]}}
    protocol = write(FACTS, criteria, readings={"X1": "open", "X2": "open"})
    assert sets(protocol, {"a": True, "b": True}) == [
        "Would be likely eligible for Cohort everybody "
        "if reading X1 were taken as yes and reading X2 were taken as no.",
        "Would be excluded if reading X1 were taken as no.",
        "Would be excluded if reading X2 were taken as yes.",
    ]


def test_what_only_has_to_be_known() -> None:
    """A decided verdict says so, and what it waits for."""
    both = {"any": [A, {"not": A}]}
    protocol = write(FACTS, {"I1": both, "I2": {"any": [B, {"not": B}]}})
    assert likely(protocol, {}) == "A were known and B were known"
    waiting = Evaluator(protocol).evaluate(participant(protocol, {}))
    assert conditions.decided_words(waiting, "likely_eligible") == (
        "Decided whatever the missing answers are: some cohort fits, whatever is found for A and B."
    )
    assert conditions.decided_words(waiting, "excluded") == (
        "Decided whatever the missing answers are: every cohort is closed, whatever is found for A and B."
    )
    assert conditions.decided_words(waiting, "undetermined") is None
    known = Evaluator(protocol).evaluate(participant(protocol, {"a": True, "b": True}))
    assert conditions.decided_words(known, "likely_eligible") is None


def test_cohorts_that_the_same_opens_are_named_together() -> None:
    protocol = write({**FACTS, "site": choice("here", "there")}, {"E1": A}, {"one": EVERYBODY, "two": at("here")})
    assert sets(protocol, {"a": True, "site": "here"}) == [
        "Would be likely eligible for Cohort one and Cohort two if A were no."
    ]


def test_out_of_the_exclusion_where_too_much_is_missing() -> None:
    """With more to find out than a set may have, what no longer excludes is said."""
    facts: dict[str, str | Plain] = dict.fromkeys("abcdefg", "yes_no")
    protocol = write(facts, {f"E{n}": {"yes": fact} for n, fact in enumerate(facts)})
    assert sets(protocol, {"a": True}) == ["Would no longer be excluded from Cohort everybody if A were no."]


FIXED: Plain = {"type": "yes_no", "can_change": "fixed"}


def test_what_cannot_change_comes_last_and_at_most_two_at_once() -> None:
    protocol = write({"a": FIXED, "b": "yes_no"}, {"E1": {"any": [A, B]}})
    assert sets(protocol, {"a": True, "b": False}) == ["Would be likely eligible for Cohort everybody if A were no."]
    protocol = write({"a": FIXED, "b": "yes_no"}, {"E1": {"all": [A, B]}})
    assert sets(protocol, {"a": True, "b": True}) == ["Would be likely eligible for Cohort everybody if B were no."]
    assert changes(protocol, {"a": True, "b": True})["reasons"][0]["can_change"] == "repeat"
    for count, found in ((2, 1), (3, 0)):
        facts: dict[str, str | Plain] = dict.fromkeys("abcd"[:count], FIXED)
        protocol = write(facts, {f"E{n}": {"yes": fact} for n, fact in enumerate(facts)})
        assert len(sets(protocol, dict.fromkeys(facts, True))) == found


def test_under_which_heading_a_sentence_stands() -> None:
    """What can be done comes first; asides are what is said elsewhere, or seldom matters."""
    facts = {"a": "yes_no", "n": {"type": "integer", "min": 0, "max": 100, "can_change": "fixed"}}
    protocol = write(facts, {"E1": {"compare": ["n", ">=", 5]}, "E2": A})
    assert conditions.told(changes(protocol, {"n": 50, "a": False})) == [
        "",
        "The reasons, and whether they can change:",
        "  Criterion E1 (E1): does not change.",
        "",
        "Only if what cannot change were otherwise:",
        "  Would be likely eligible for Cohort everybody if N were below 5.",
    ]
    stop = {"elapsed": ["stop", "<", 28, "days", "as_of"]}
    protocol = write({"stop": "date", "a": "yes_no"}, {"E1": stop})
    assert conditions.told(changes(protocol, {"stop": "2026-11-20"}))[:6] == [
        "",
        "What would change it:",
        "  Would be likely eligible for Cohort everybody "
        "if Stop were at least 28 days before the day of this evaluation.",
        "",
        "As time passes:",
        "  From 18 December 2026 this reason passes on the same answers: E1.",
    ]
    high = {"compare": ["w", ">", 90]}
    protocol = write({"w": "weight", "a": "yes_no"}, {"E1": high, "E2": A})
    found = changes(protocol, {"w": 89, "a": False})
    assert conditions.told(found) == [
        "",
        "Close to a limit:",
        "  W: now 89 kg; would exclude if above 90 kg.",
        "",
        "What else could turn it before the first dose:",
        "  A: now no; would exclude if yes.",
    ]
    assert [part.is_aside for part in conditions.parts(found)] == [False, True]


def test_how_near_is_near() -> None:
    """A tenth of the limit for what is measured, a step for what is counted."""
    tens: Plain = {"type": "integer", "min": 0, "max": 100, "step": 10}
    for fact, near, far in (("weight", 81, 80.9), (tens, 80, 70), ("count", 89, 88)):
        protocol = write({"n": fact}, {"E1": {"compare": ["n", ">", 90]}})
        if fact == "count":
            protocol = write({"n": fact}, {"E1": {"compare": ["n", ">=", 90]}})
        for value, expected in ((near, True), (far, False)):
            (risk,) = changes(protocol, {"n": value})["risks"]
            assert risk["near"] is expected
    protocol = write({"n": "weight"}, {"E1": {"compare": ["n", "<", 50]}})
    assert [changes(protocol, {"n": n})["risks"][0]["near"] for n in (55, 55.5)] == [True, False]


def test_terms_and_parts_are_looked_through() -> None:
    """To the facts of which one has to change, for each cohort its own."""
    cohorts: dict[str, Plain] = {name: {**EVERYBODY, "parts": {"p": rule}} for name, rule in (("one", B), ("two", C))}
    protocol = write(
        FACTS, {"E1": {"term": "t"}, "E2": {"part": "p"}}, cohorts, {"t": {"all": [A, {"not": {"not": A}}]}}
    )
    would = "Would be likely eligible for Cohort {} if {}."
    assert sets(protocol, {"a": True, "b": True, "c": True}) == [
        would.format("one", "A were no and B were no"),
        would.format("two", "A were no and C were no"),
    ]
    protocol = write(FACTS, {"I1": {"part": "p"}, "I2": {"term": "t"}}, cohorts, {"t": A})
    assert sets(protocol, {"a": True, "b": False, "c": False}) == [
        would.format("one", "B were yes"),
        would.format("two", "C were yes"),
    ]
    protocol = write(FACTS, {"I1": {"all": [{"any": [A, B]}, C]}})
    assert likely(protocol, dict.fromkeys("abc", False)) == "A were yes and C were yes"


def test_each_cohort_has_its_own_day() -> None:
    recent = ({"elapsed": [fact, "<", 28, "days", "as_of"]} for fact in ("one", "two"))
    cohorts: dict[str, Plain] = {
        name: {**EVERYBODY, "parts": {"p": rule}} for name, rule in zip(("one", "two"), recent, strict=True)
    }
    protocol = write({"one": "date", "two": "date"}, {"E1": {"part": "p"}}, cohorts)
    found = changes(protocol, {"one": "2026-11-20", "two": "2026-11-10"})
    assert found["cohorts"] == {"one": "2026-12-18", "two": "2026-12-08"}
    found = changes(protocol, {"one": "2020-01-01", "two": "2020-01-01"})
    assert (found["cohorts"], found["holds_until"]) == ({}, None)


def test_of_the_risks_only_what_can_be_repeated_is_named() -> None:
    facts: dict[str, str | Plain] = {"a": FIXED, "stop": "exact date", "b": "yes_no", "c": "yes_no", "w": "weight"}
    recent = {"elapsed": ["stop", "<", 28, "days", "as_of"]}
    protocol = write(facts, {"E1": A, "E2": recent, "E3": {"all": [B, C]}, "E4": {"compare": ["w", ">", 90]}})
    answers: Plain = {"a": False, "stop": "2020-01-01", "b": False, "w": 50}
    assert [(risk["fact"], risk["kind"]) for risk in changes(protocol, answers)["risks"]] == [("w", "repeat")]


def test_as_plain_data() -> None:
    protocol = write({**AGE, "a": "yes_no"}, {"I1": {"compare": ["age", ">=", 18]}, "E1": A})
    found = changes(protocol, {"age": 12, "a": True})
    (one,) = found["sets"]
    assert (one["verdict"], one["cohorts"]) == ("likely_eligible", ["everybody"])
    assert [(change["kind"], change["words"]) for change in one["changes"]] == [
        ("age", "Age were at least 18 years"),
        ("repeat", "A were no"),
    ]
    fixed = write({"a": FIXED}, {"E1": A})
    assert [part.is_aside for part in conditions.parts(changes(fixed, {"a": True}))] == [True, True]


# WHICH FACTS, AND TO WHAT


def turning(rule: Plain, answers: Plain, code: str = "I1", **more: Any) -> set[str]:
    """Names of which one has to change before the criterion passes for the first cohort."""
    protocol = write(FACTS, {code: rule}, **more)
    search, world = Changer(Evaluator(protocol)).search, Evaluator(protocol).world(participant(protocol, answers))
    number = next(n for n, unit in enumerate(search.units) if unit.criterion is not None)
    return set(turners(search, number, HOLDS, world))


def test_one_of_these_has_to_change() -> None:
    """Of all that must change, the fewest names; of what may change instead, all."""
    no, yes = dict.fromkeys("abc", False), dict.fromkeys("abc", True)
    assert turning({"all": [{"any": [A, B]}, C]}, no) == {"c"}
    assert turning({"all": [{"any": [A, B]}, C]}, no | {"c": True}) == {"a", "b"}
    assert turning({"any": [{"all": [A, B]}, C]}, no) in ({"a", "c"}, {"b", "c"})
    assert turning({"any": [{"all": [A, B]}, C]}, yes, "E1") == {"c"}
    assert turning({"all": [{"any": [A, B]}, C]}, yes, "E1") in ({"a", "c"}, {"b", "c"})
    assert turning({"all": [A, {"always": False}]}, no) == set()
    parts: dict[str, Plain] = {"one": EVERYBODY | {"parts": {"p": {"all": [A, {"not": B}]}}}}
    assert turning({"part": "p"}, {"a": True, "b": True}, cohorts=parts) == {"b"}
    assert turning({"part": "p"}, {"a": True, "b": False}, "E1", cohorts=parts) == {"a", "b"}
    protocol = write(FACTS, {"E1": {"not": A}})
    search, world = Changer(Evaluator(protocol)).search, Evaluator(protocol).world(participant(protocol, {"a": True}))
    assert turners(search, 1, FAILS, world) == {"a"}


def settings(fact: str | Plain, rules: list[Plain], answer: Any, **more: str | Plain) -> list[Any]:
    """What a fact may come to instead of an answer, where these rules read it."""
    protocol = write({"x": fact, **more}, {f"I{number}": rule for number, rule in enumerate(rules)})
    found = Changing(
        Changer(Evaluator(protocol)).search, Evaluator(protocol).world(participant(protocol, {"x": answer}))
    ).settings("x")
    assert sorted({setting.place for setting in found}) == [setting.place for setting in found]
    assert {name for setting in found for name, _ in setting.values} <= {"x"}
    return [to_json(value) for setting in found for _, value in setting.values]


def test_a_fact_may_come_to_each_value_that_falls_otherwise() -> None:
    """One for all that fall alike; of an answer that is missing, any."""
    limits: list[Plain] = [{"compare": ["x", "<", 10]}, {"compare": ["x", ">", 90]}]
    assert settings("count", limits, None) == [0, 10, 91]
    assert settings("count", limits, 5) == [10, 91]
    assert settings("count", limits, 50) == [0, 91]
    assert settings("yes_no", [{"yes": "x"}], True) == [False]
    assert settings("yes_no", [{"yes": "x"}], None) == [True, False]
    colours = choice("red", "green", "blue")
    assert settings(colours, [{"is": {"x": ["red", "green"]}}], "green") == ["blue"]
    assert settings(colours, [{"is": {"x": ["red"]}}, {"is": {"x": ["blue"]}}], "green") == ["red", "blue"]
    assert settings(many("a", "b"), [{"includes": {"x": ["a"]}}], ["b"]) == [["a"]]


def test_a_day_may_come_to_fall_otherwise() -> None:
    """Each is the first of those that fall alike. An inexact date may be refined; what time moves is put back only."""
    windows: list[Plain] = [{"elapsed": ["x", *how, "as_of"]} for how in (["<", 28, "days"], [">=", 2, "years"])]
    old, middle, recent = "1900-01-01", "2024-11-23", "2026-10-26"
    timed: Plain = {"type": "date", "not_after": "as_of", "can_change": "time"}
    for answer, repeated, put_back in (
        (None, [old, middle, recent], [old, middle, recent]),
        ("2020-05-06", [middle, recent], []),
        ("2025-01-01", [old, recent], [old]),
        (recent, [old, middle], [old, middle]),
        ("2026-10-25", [old, recent], [old]),
        ("2026-11-01", [old, middle], [old, middle]),
        ("2025", [old, "2025-01-01", recent], [old, "2025-01-01"]),
        ("2026-10", [old, "2026-10-01", recent], [old, "2026-10-01", recent]),
        ("2024", ["2024-01-01", middle, recent], ["2024-01-01", middle]),
    ):
        assert settings("date", windows, answer) == repeated, answer
        assert settings(timed, windows, answer) == put_back, answer


def test_nobody_is_born_later_or_grows_younger() -> None:
    """Whatever is said of how a date of birth can change. What is stated as an age is raised, above the age stated."""
    adult: Plain = {"compare": ["age", ">=", 18]}
    for can_change in ("time", "fixed", "repeat"):
        birth: Plain = {"type": "date", "not_after": "consent_date", "alternative": "age", "can_change": can_change}
        protocol = write({"birth": birth, "age": "age"}, {"I1": adult})
        for answers, found in (
            ({"birth": "2015-01-01"}, [{"birth": "1900-01-01"}]),
            ({"birth": "1980-01-01"}, []),
            ({"age": 12}, [{"age": 18}]),
            ({"age": 18}, []),
            ({"age": 40}, []),
        ):
            world = Evaluator(protocol).world(participant(protocol, answers))
            looked = Changing(Changer(Evaluator(protocol)).search, world)
            made = [{name: to_json(value) for name, value in each.values} for each in looked.settings("birth")]
            assert made == found, answers


def test_a_reading_that_is_taken_stays_so() -> None:
    """Only an open one may come to be taken as yes or no; what rests on it alone does not change."""
    protocol = write(FACTS, {"E1": {"reading": "X1"}}, readings={"X1": "open"})
    found = changes(protocol, {}, readings={"X1": True})
    assert found["sets"] == []
    assert [reason["sentence"] for reason in found["reasons"]] == ["Criterion E1 (E1): does not change."]
    assert found["reasons"][0]["can_change"] == "fixed"


def test_of_several_settings_that_do_together_the_first_is_said() -> None:
    """Where others would do as well, but not in any combination."""
    colours = choice("red", "green", "blue")
    same: Plain = {"any": [{"all": [{"is": {fact: [c]}} for fact in ("one", "two")]} for c in ("red", "green")]}
    protocol = write({"one": colours, "two": colours}, {"I1": same})
    assert likely(protocol, {"one": "blue", "two": "blue"}) == "One were Red and Two were Red"
    assert likely(protocol, {"one": "blue", "two": "green"}) == "One were Green"


def test_first_comes_what_makes_likely_eligible() -> None:
    """Then what only opens a cohort, be it less; what time moves is ranked too."""
    facts: dict[str, str | Plain] = dict.fromkeys("abdefgh", "yes_no")
    cohorts: dict[str, Plain] = {
        "much": {"admits": {"all": [{"yes": fact} for fact in "defgh"]}},
        "little": {"admits": B},
    }
    assert sets(write(facts, {"E1": A}, cohorts), {"a": True, "b": False}) == [
        "Would be likely eligible for Cohort little if A were no and B were yes.",
        "Would no longer be excluded from Cohort much if A were no.",
    ]
    timed: Plain = {"type": "date", "not_after": "as_of", "can_change": "time"}
    recent: Plain = {"elapsed": ["stop", "<", 28, "days", "as_of"]}
    protocol = write({"stop": timed, "a": "yes_no"}, {"E1": {"all": [recent, A]}})
    assert [one["changes"][0]["kind"] for one in changes(protocol, {"stop": "2026-11-20", "a": True})["sets"]] == [
        "repeat",
        "time",
    ]


def test_what_closes_every_cohort_excludes() -> None:
    """A value that no admission takes is a risk as well as one that a criterion excludes."""
    cohorts: dict[str, Plain] = {
        "light": {"admits": {"compare": ["w", "<", 50]}},
        "middle": {"admits": {"compare": ["w", "<=", 90]}},
    }
    (risk,) = changes(write({"w": "weight"}, {"I1": {"always": True}}, cohorts), {"w": 40})["risks"]
    assert risk["sentence"] == "W: now 40 kg; would exclude if above 90 kg."


def test_an_admission_says_how_it_can_change() -> None:
    protocol = write(FACTS, {"I1": {"always": True}}, {"one": {"admits": A}})
    (reason,) = changes(protocol, {"a": False})["reasons"]
    assert (reason["code"], reason["can_change"]) == ("admission", "repeat")
    evaluator = Evaluator(protocol)
    assert Changer(evaluator).changes(evaluator.evaluate(participant(protocol, {"a": False}))).reasons[0].code == ""


def test_a_cohort_that_a_group_closes_too_has_no_day() -> None:
    """Time turns one reason and not the other."""
    recent: Plain = {"elapsed": ["stop", "<", 28, "days", "as_of"]}
    criteria: dict[str, Plain] = {"E1": recent, "I1": {"rule": A, "group": "g"}}
    protocol = write({"stop": "date", "a": "yes_no"}, criteria, groups=("g",))
    assert changes(protocol, {"stop": "2026-11-20", "a": True})["cohorts"] == {"everybody": "2026-12-18"}
    assert changes(protocol, {"stop": "2026-11-20", "a": False})["cohorts"] == {}


def test_a_verdict_holds_until_a_part_no_longer_does() -> None:
    """Each cohort's part is looked at; the last day of the calendar counts."""
    part: Plain = {"elapsed": ["stop", ">=", 28, "days", "as_of"]}
    protocol = write({"stop": "exact date"}, {"E1": {"part": "p"}}, {"one": EVERYBODY | {"parts": {"p": part}}})
    for stop, until in (("2026-11-20", "2026-12-18"), ("2199-12-03", "2199-12-31")):
        assert changes(protocol, {"stop": stop})["holds_until"] == until


def test_a_month_that_is_not_over_grows() -> None:
    """ "November" is any of its days up to today; a few days later it may be a later one."""
    before, recent = (
        {"elapsed": [fact, *how, "as_of"]} for fact, how in (("x", [">=", 2, "days"]), ("y", ["<", 5, "days"]))
    )
    protocol = write({"x": "date", "y": "date"}, {"I1": {"any": [before, recent]}})
    assert changes(protocol, {"x": "2026-11", "y": "2026-11-19"})["holds_until"] == "2026-11-24"
    assert changes(protocol, {"x": "2026-10", "y": "2026-11-19"})["holds_until"] is None


def test_a_list_is_said_by_what_all_that_will_do_share() -> None:
    cells = {"cells": many("car_t", "dli")}
    one, either = {"includes": {"cells": ["car_t"]}}, {"includes": {"cells": ["car_t", "dli"]}}
    protocol = write(cells, {"I1": either, "I2": {"any": [one, {"not": one}]}})
    assert likely(protocol, {"cells": []}) == "Cells were with Car t or Dli"


def test_a_date_of_birth_is_spoken_of_by_the_age_only_where_that_alone_is_the_limit() -> None:
    infant: Plain = {"not": {"compare": ["age", ">=", 1]}}
    grown, adult = {"elapsed": ["birth", ">=", 20, "years", "as_of"]}, {"compare": ["age", ">=", 20]}
    assert likely(write(AGE, {"I1": {"any": [grown, infant]}}), {}) == (
        "Birth were at least 20 years before the day of this evaluation or under 1 year"
    )
    assert likely(write(AGE, {"I1": {"any": [adult, infant]}}), {}) == ("Age were at least 20 years or under 1 year")


# LIMITS


def test_an_exact_verdict_that_gives_up_is_undetermined(monkeypatch: pytest.MonkeyPatch) -> None:
    """The safe side: a search that has tried as many names as it may counts as if completions differed."""
    protocol = write(FACTS, {"E1": {"all": [A, B]}, "E2": {"all": [A, {"not": A}]}})
    for budget, decision in ((1, "likely_eligible"), (0, "undetermined")):
        monkeypatch.setattr(rules_exact, "BUDGET", budget)
        assert exact(protocol, {"b": False}).decision == decision


def test_the_name_for_which_most_waits_is_tried_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its name, and whatever the order of the criteria: one step is enough then."""
    monkeypatch.setattr(rules_exact, "BUDGET", 1)
    for shared, one, other in (("b", "a", "c"), ("a", "b", "c"), ("c", "a", "b")):
        first, *noises = ({"yes": fact} for fact in (shared, one, other))
        criteria: dict[str, Plain] = {
            f"I{number}": {"all": [held, {"any": [noise, {"not": noise}]}]}
            for number, (held, noise) in enumerate(zip((first, {"not": first}), noises, strict=True))
        }
        assert exact(write(FACTS, criteria), {}).decision == "excluded"


def watched(patch: pytest.MonkeyPatch, place: Any, name: str) -> list[Any]:
    """The calls of a function from now on."""
    calls: list[Any] = []
    real = getattr(place, name)

    def seen(*args: Any) -> Any:
        calls.append(args)
        return real(*args)

    patch.setattr(place, name, seen)
    return calls


def test_what_falls_alike_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answers take no search, and others that fall alike no more than to be held against the rules."""
    protocol = write({"w": "weight", **FACTS}, {"I1": {"any": [A, {"not": A}, {"compare": ["w", ">", 90]}]}, "E1": B})
    evaluator = Evaluator(protocol)
    one, alike = (evaluator.evaluate(participant(protocol, {"w": weight})) for weight in (50, 60))
    exactness, forgetful = Exactness(protocol), Exactness(protocol, remember=0)
    for each in (exactness, forgetful):
        each.exact(one)
    calls = [watched(monkeypatch, rules_exact, name) for name in ("waits", "decide")]
    calls += [watched(monkeypatch, Completions, "of")]
    found = exactness.exact(one)
    assert calls == [[], [], []]
    assert exactness.exact(alike) == found
    assert [bool(each) for each in calls] == [False, True, False]
    calls[1].clear()
    assert forgetful.exact(one) == found
    assert all(calls)


def test_what_keeps_a_rule_so_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = write(FACTS, {"E1": {"all": [A, {"any": [B, C]}]}})
    evaluator = Evaluator(protocol)
    changer, verdict = Changer(evaluator), evaluator.evaluate(participant(protocol, dict.fromkeys("abc", True)))
    found = changer.changes(verdict)
    calls = watched(monkeypatch, rules_change, "decide")
    assert changer.changes(verdict) == found
    assert calls == []
    assert Changer(evaluator).changes(verdict) == found
    assert calls


def test_what_takes_more_changes_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where four facts keep it so apart, nothing is tried with fewer; each setting tried is a step."""
    names = "abcd"
    protocol = write(dict.fromkeys(names, "yes_no"), {f"E{n}": {"yes": fact} for n, fact in enumerate(names)})
    for budget, found in ((8, [list(names)]), (7, [])):
        monkeypatch.setattr(rules_change, "BUDGET", budget)
        assert facts_of(protocol, dict.fromkeys(names, True)) == found
    protocol = write(FACTS, {"E1": A})
    for budget, found in ((2, [["a"]]), (1, [])):
        monkeypatch.setattr(rules_change, "BUDGET", budget)
        assert facts_of(protocol, {"a": True}) == found


def facts_of(protocol: Protocol, answers: Plain) -> list[list[str]]:
    return [[change["fact"] for change in one["changes"]] for one in changes(protocol, answers)["sets"]]


def test_a_change_is_of_at_most_four_facts() -> None:
    for names, found in (("abcd", [["a", "b", "c", "d"]]), ("abcde", [])):
        protocol = write(dict.fromkeys(names, "yes_no"), {f"E{n}": {"yes": fact} for n, fact in enumerate(names)})
        assert facts_of(protocol, dict.fromkeys(names, True)) == found


def test_at_most_six_changes_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """And none where the search may not take a step."""
    names = "abcdefgh"
    protocol = write(dict.fromkeys(names, "yes_no"), {"E1": {"all": [{"yes": fact} for fact in names]}})
    assert facts_of(protocol, dict.fromkeys(names, True)) == [[fact] for fact in "abcdef"]
    monkeypatch.setattr(rules_change, "BUDGET", 0)
    assert facts_of(protocol, dict.fromkeys(names, True)) == []


def test_what_would_exclude_is_of_at_most_two_answers() -> None:
    for names, found in (("ab", [["a", "b"]]), ("abc", [])):
        protocol = write(dict.fromkeys(names, "yes_no"), {"E1": {"all": [{"yes": fact} for fact in names]}})
        excluding = [one for one in changes(protocol, {})["sets"] if one["verdict"] == "excluded"]
        assert [[change["fact"] for change in one["changes"]] for one in excluding] == found


def test_each_cohort_and_criterion_has_its_exact_verdict() -> None:
    """Also where the whole is not decided; groups count as one."""
    both, never = {"any": [A, {"not": A}]}, {"all": [A, {"not": A}]}
    cohorts: dict[str, Plain] = {
        "sure": {"admits": both},
        "closed": {"admits": never},
        "open": {"admits": B},
        "shut": {"admits": {"always": False}},
    }
    protocol = write(FACTS, {"I1": both, "E1": both, "E2": C}, cohorts)
    found = exact(protocol, {})
    assert (found.decision, found.passes, found.fails) == ("excluded", ("I1",), ("E1",))
    found = exact(write(FACTS, {"I1": both, "E2": C}, cohorts), {"c": False})
    expected = {"sure": "likely_eligible", "closed": "excluded", "open": "undetermined", "shut": "excluded"}
    assert (found.decision, found.cohorts, found.passes, found.fails) == ("likely_eligible", expected, ("I1",), ())
    assert exact(write(FACTS, {"I1": A}, cohorts), {"a": False}).cohorts == dict.fromkeys(expected, "excluded")
    routes: dict[str, Plain] = {"I1": {"rule": A, "group": "g"}, "I2": {"rule": {"not": A}, "group": "g"}}
    found = exact(write(FACTS, routes, groups=("g",)), {})
    assert (found.decision, found.passes, found.fails) == ("likely_eligible", (), ())
    parts: dict[str, Plain] = {"one": EVERYBODY | {"parts": {"p": A}}}
    found = exact(write(FACTS, {"I1": {"any": [{"part": "p"}, {"not": {"part": "p"}}]}}, parts), {})
    assert (found.decision, found.cohorts, found.passes) == ("likely_eligible", {"one": "likely_eligible"}, ())
    assert exact(write(FACTS, {**routes, "I3": B}, groups=("g",)), {}).decision == "undetermined"
    routes["I2"] = {"rule": never, "group": "g"}
    found = exact(write(FACTS, routes, groups=("g",)), {})
    assert (found.decision, found.passes, found.fails) == ("undetermined", (), ())
