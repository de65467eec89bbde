"""14. Claims: what the formal check proves of a protocol, over every participant there can be.

Each paragraph seeds one fault, and shows the remark that names it and the participant who shows it.
"""

import json

import pytest
from authoring import TODAY, Plain, choice, many, plain

from app.proof.remark import Acknowledged, Remark, acknowledge
from app.rules.codec import protocol_from_plain
from app.rules.participant import read_participant
from app.rules.verdict import Verdict, evaluate

pytest.importorskip("z3", reason="the formal check is optional")

from app.proof.check import remarks

AGES: Plain = {"birth": "birth", "age": "age"}
A: Plain = {"yes": "a"}
B: Plain = {"yes": "b"}


def at(sign: str, years: int) -> Plain:
    return {"compare": ["age", sign, years]}


def found(raw: Plain) -> dict[str, Remark]:
    """The remarks by name; each has a witness."""
    made = {remark.name: remark for remark in remarks(protocol_from_plain(raw))}
    assert all(remark.witnesses for remark in made.values())
    return made


def shown(raw: Plain, remark: Remark) -> Verdict:
    """What the engine says of the first witness, who is read as any participant is."""
    protocol = protocol_from_plain(raw)
    return evaluate(protocol, read_participant(protocol, json.loads(json.dumps(remark.witnesses[0].body)), TODAY))


def arms(young: Plain, old: Plain) -> Plain:
    """Two arms by age."""
    cohorts = {"young": {"admits": young}, "old": {"admits": old}}
    return plain({**AGES, "a": "yes_no"}, {"E1": A}, cohorts)


def test_a_protocol_as_it_should_be() -> None:
    """Nothing to remark on."""
    assert found(arms(at("<", 18), at(">=", 18))) == {}


# AGES


def test_overlapping_arms() -> None:
    """Cohorts that admit the same ages are one arm; two arms share no age."""
    raw = arms(at("<", 19), at(">=", 18))
    name = "question age: young and old share the ages 18 to under 19, but not all"
    assert list(found(raw)) == [name]
    verdict = shown(raw, found(raw)[name])
    assert [cohort.admission.outcome for cohort in verdict.cohorts] == ["pass", "pass"]


@pytest.mark.parametrize(
    ("young", "old", "ages"),
    [
        (at("<", 17), at(">=", 18), "17 to under 18"),
        (at("<", 18), at(">", 18), "18"),
        (at("<=", 17), at(">=", 18), "over 17 to under 18"),
    ],
)
def test_a_gap_of_ages(young: Plain, old: Plain, ages: str) -> None:
    """Nobody is turned away for an age between two at which the same person is admitted."""
    raw = arms(young, old)
    name = f"question age: no cohort admits at the ages {ages} who would be admitted younger and older"
    assert list(found(raw)) == [name]
    assert {cohort.verdict for cohort in shown(raw, found(raw)[name]).cohorts} == {"excluded"}


def test_a_gap_for_some_only() -> None:
    """It is enough that one diagnosis has the gap."""
    aml: Plain = {"is": {"disease": ["aml"]}}
    raw = plain(
        {**AGES, "disease": choice("aml", "mds")},
        {"E1": {"all": [{"is": {"disease": ["mds"]}}, at("<", 2)]}},
        {
            "young": {"admits": {"any": [at("<", 12), {"all": [{"not": aml}, at("<", 18)]}]}},
            "old": {"admits": at(">=", 18)},
        },
    )
    remark = found(raw)[
        "question age: no cohort admits at the ages 12 to under 18 who would be admitted younger and older"
    ]
    assert remark.witnesses[0].body["answers"]["disease"] == "aml"


def test_an_inverted_range() -> None:
    """No age is at least 18 and under 16."""
    raw = plain({**AGES, "a": "yes_no"}, {"E1": {"any": [A, {"all": [at(">=", 18), at("<", 16)]}]}})
    name = 'criterion E1: {"all": [{"compare": ["age", ">=", 18]}, {"compare": ["age", "<", 16]}]} is never true'
    assert name in found(raw)


# RULES


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"any": [A, {"not": A}]}, '{"any": [{"yes": "a"}, {"not": {"yes": "a"}}]} is always true'),
        ({"compare": ["n", ">", 100]}, '{"compare": ["n", ">", 100]} is never true'),
        ({"compare": ["n", ">=", 0]}, '{"compare": ["n", ">=", 0]} is always true'),
        ({"elapsed": ["d", "<", 0, "days", "as_of"]}, '{"elapsed": ["d", "<", 0, "days", "as_of"]} is never true'),
    ],
)
def test_rules_decided_alike_for_everybody(rule: Plain, said: str) -> None:
    """A contradiction, a tautology, a comparison that no accepted value turns."""
    raw = plain({"a": "yes_no", "n": "count", "d": "date"}, {"I1": {"any": [A, rule]}})
    assert f"criterion I1: {said}" in found(raw)


def test_only_whom_a_rule_concerns_counts() -> None:
    """Within its scope a rule may be decided, though it is not for others."""
    raw = plain({"a": "yes_no", "b": "yes_no"}, {"E1": {"scope": A, "rule": {"all": [A, B]}}})
    assert 'criterion E1: {"yes": "a"} is always true' in found(raw)


# CRITERIA


def test_a_criterion_that_can_never_fail() -> None:
    """The witness is somebody to whom it applies, and who passes."""
    raw = plain({"n": "count", "a": "yes_no"}, {"I1": {"compare": ["n", "<=", 100]}, "E1": A})
    assert shown(raw, found(raw)["criterion I1: never fails"]).decision == "likely_eligible"


def test_a_criterion_that_nobody_passes() -> None:
    """Then nobody is eligible either."""
    raw = plain({"n": "count", "a": "yes_no"}, {"I1": {"compare": ["n", "<", 0]}, "E1": A})
    assert {"criterion I1: never passes", "cohort everybody: admits, but nobody whom it admits is eligible"} <= set(
        found(raw)
    )


def test_a_criterion_that_never_excludes_alone() -> None:
    """Whoever fails it fails another one too, which the witness does."""
    raw = plain({"a": "yes_no", "b": "yes_no"}, {"E1": A, "E2": {"all": [A, B]}})
    name = "criterion E2: never excludes alone"
    assert shown(raw, found(raw)[name]).cohorts[0].reasons == ("E1", "E2")
    assert "criterion E1: never excludes alone" not in found(raw)


def test_a_criterion_that_applies_to_nobody() -> None:
    """Its scope is a contradiction with itself."""
    raw = plain(
        {"a": "yes_no", "b": "yes_no"}, {"E1": B, "E2": {"scope": {"all": [A, {"not": A}]}, "rule": B}, "E3": A}
    )
    assert "criterion E2: applies to nobody" in found(raw)


def test_a_criterion_that_only_the_excluded_pass() -> None:
    """It applies just where another criterion excludes."""
    raw = plain({"a": "yes_no", "b": "yes_no"}, {"E1": A, "I2": {"scope": A, "rule": B}})
    assert "criterion I2: never passes in anybody who is likely eligible" in found(raw)


def test_a_review_point_that_is_never_raised() -> None:
    """It concerns nobody."""
    raw = plain({"a": "yes_no"}, {"E1": A, "R1": {"all": [A, {"not": A}]}})
    assert "criterion R1: is never raised" in found(raw)


def test_groups_count_as_a_whole() -> None:
    """A route excludes alone where the group fails."""
    routes = {code: {"group": "g", "scope": scope, "rule": B} for code, scope in (("I1", A), ("I2", {"not": A}))}
    assert found(plain({"a": "yes_no", "b": "yes_no"}, routes, groups=("g",))).keys() == {
        "question a: never decides"  # it only says which route is taken
    }


# QUESTIONS AND OPTIONS


def test_a_question_that_never_decides() -> None:
    """The rule reads it, and yet nothing depends on it."""
    raw = plain({"a": "yes_no", "b": "yes_no"}, {"E1": {"any": [A, {"all": [A, B]}]}})
    remark = found(raw)["question b: never decides"]
    assert remark.severity == "warning"
    assert "b" in remark.witnesses[0].body["answers"]


def test_a_question_that_is_never_asked() -> None:
    """Its condition holds of nobody; who is excluded by its answer is then never decided."""
    raw = plain({"a": "yes_no", "b": "yes_no"}, {"E1": A, "E2": B})
    raw["questions"][1]["relevant"] = {"all": [A, {"not": A}]}
    names = {"question b: is never asked", "criterion E2: may stay unknown although all that is asked is answered"}
    assert names <= set(found(raw))


def test_a_question_that_is_not_asked_of_all_whom_it_decides() -> None:
    """The file is complete and the verdict open: the witness lacks the answer."""
    raw = plain({"a": "yes_no", "b": "yes_no"}, {"E1": {"any": [A, B]}})
    raw["questions"][1]["relevant"] = A
    remark = found(raw)["criterion E1: may stay unknown although all that is asked is answered"]
    assert remark.witnesses[0].body["answers"] == {"a": False}
    assert shown(raw, remark).decision == "undetermined"


def test_birth_date_and_age_answer_for_each_other() -> None:
    """Each decides where it is the one that is given."""
    assert found(plain(AGES, {"I1": at(">=", 18)})) == {}
    both = plain({**AGES, "a": "yes_no"}, {"E1": {"any": [A, {"all": [A, at(">=", 18)]}]}})
    assert {"question birth: never decides", "question age: never decides"} <= set(found(both))


def test_options_that_are_taken_alike() -> None:
    """No verdict ever depends on which of them is chosen."""
    facts = {"site": choice("FR", "US", "NL"), "cells": many("car_t", "car_nk", "dli")}
    raw = plain(facts, {"E1": {"is": {"site": ["FR"]}}, "E2": {"includes": {"cells": ["car_t", "car_nk"]}}})
    assert set(found(raw)) == {
        "question site: options US and NL are taken alike",
        "question cells: option dli never decides",
        "question cells: options car_t and car_nk are taken alike",
    }


def test_an_option_that_no_rule_reaches() -> None:
    """It is named only where another condition keeps it out."""
    rule: Plain = {"all": [{"is": {"site": ["FR"]}}, {"not": {"is": {"site": ["US"]}}}]}
    raw = plain({"site": choice("FR", "US", "NL")}, {"E1": rule})
    assert "question site: options US and NL are taken alike" in found(raw)


# READINGS AND COHORTS


def test_a_reading_that_never_decides() -> None:
    """Yes or no, the verdict is the same; an open reading may decide where another one is settled its way."""
    rule: Plain = {"any": [A, {"all": [A, {"reading": "X1"}]}, {"all": [B, {"reading": "X2"}]}]}
    raw = plain({"a": "yes_no", "b": "yes_no"}, {"E1": rule}, readings={"X1": "open", "X2": "assumed no"})
    assert {"reading X1: never decides", "question b: never decides"} == set(found(raw))


def test_a_cohort_that_nobody_can_enter() -> None:
    """It admits nobody, or nobody who is eligible."""
    nobody = plain(
        {"a": "yes_no", "b": "yes_no"}, {"E1": B}, {"c": {"admits": {"all": [A, {"not": A}]}}, "d": {"admits": A}}
    )
    assert shown(nobody, found(nobody)["cohort c: admits nobody"]).cohorts[0].reasons == ("admission",)
    excluded = plain({"a": "yes_no"}, {"E1": A}, {"c": {"admits": A}, "d": {"admits": {"always": True}}})
    name = "cohort c: admits, but nobody whom it admits is eligible"
    assert shown(excluded, found(excluded)[name]).cohorts[0].reasons == ("E1",)


# ACKNOWLEDGEMENTS


def test_what_is_acknowledged_becomes_a_note() -> None:
    """What is acknowledged and does not occur is a warning."""
    error = Remark("cohort c", "admits nobody", "error")
    other = Remark("criterion E1", "never fails", "error")
    known = [
        Acknowledged("cohort c: admits nobody", "It opens later."),
        Acknowledged("cohort d: admits nobody", "Closed."),
    ]
    assert list(acknowledge([error, other], known)) == [
        Remark("cohort c", "admits nobody", "note", (), "It opens later."),
        other,
        Remark("acknowledged", "does not occur: cohort d: admits nobody", "warning"),
    ]
