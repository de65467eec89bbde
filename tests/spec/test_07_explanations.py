"""7. Explanations: what a finding rests on, what is missing, what may change, and how that is said."""

from datetime import date

import pytest
from authoring import EVERYBODY, TODAY, Plain, body, choice, many, write

from app.rules import explain
from app.rules.codec import rule_from_plain
from app.rules.evaluate import Context, decide
from app.rules.facts import to_json
from app.rules.finding import Finding, find
from app.rules.participant import read_participant
from app.rules.tree import IsYes
from app.rules.truth import FALSE, TRUE, UNKNOWN
from app.rules.verdict import Evaluator, Verdict, evaluate

FACTS: dict[str, str | Plain] = {"a": "yes_no", "b": "yes_no", "c": "yes_no"}
A, B, C, Z = ({"yes": fact} for fact in "abcz")
AGE: dict[str, str | Plain] = {"birth": "birth", "age": "age"}


def judged(protocol, answers, **more) -> Verdict:
    return evaluate(protocol, read_participant(protocol, body(answers, **more), TODAY))


def found(rule: Plain, answers: Plain, facts=FACTS, code: str = "I1", **more) -> Finding:
    """The finding on one criterion."""
    kept = {name: more.pop(name) for name in ("terms", "readings", "cohorts") if name in more}
    return judged(write(facts, {code: rule}, **kept), answers, **more).results[0].deciding[0]


def cited(finding: Finding) -> Plain:
    return {fact: to_json(value) for fact, value in finding.facts.items()}


def test_a_finding_can_be_made_alone() -> None:
    """A finding depends on nothing but the criterion, the cohort, and the values that its rules read."""
    protocol = write(FACTS, {"E1": {"rule": A, "scope": B}}, {"c": {"admits": C}})
    world = dict.fromkeys(("as_of", "consent_date", "first_dose_date"), TODAY)
    context = Context(protocol, {**world, "a": True, "b": None, "c": False})
    finding = find(protocol.criteria[0], context)
    assert (finding.criterion, finding.cohort) == (protocol.criteria[0], None)
    assert (finding.outcome, finding.scope, finding.truth, finding.route) == ("unknown", UNKNOWN, TRUE, UNKNOWN)
    assert finding.facts == {"a": True}
    assert finding.rules == (IsYes("b"), IsYes("a"))
    cohort = protocol.cohorts[0]
    admission = find(None, Context(protocol, context.world, cohort))
    assert (admission.criterion, admission.cohort) == (None, cohort)
    assert (admission.outcome, admission.scope, admission.truth) == ("fail", TRUE, FALSE)
    assert admission.rules == (IsYes("c"),)


def test_without_a_cohort_no_part_is_known() -> None:
    """Outside of any cohort nobody can say to which part it belongs."""
    protocol = write(FACTS, {"I1": {"part": "p"}}, {"c": EVERYBODY | {"parts": {"p": {"always": True}}}})
    assert decide(protocol.criteria[0].rule, Context(protocol, {})) is UNKNOWN


# WHAT AN OUTCOME RESTS ON


def test_only_what_is_needed_is_cited() -> None:
    """The facts that a finding cites give the same finding alone, and none of them can be left out."""
    assert cited(found({"all": [A, B]}, {"a": True, "b": True})) == {"a": True, "b": True}
    assert cited(found({"all": [A, B]}, {"a": False, "b": True})) == {"a": False}
    assert cited(found({"any": [A, B]}, {"a": False, "b": True})) == {"b": True}
    assert cited(found({"any": [{"all": [A, B]}, C]}, {"a": True, "b": True, "c": False})) == {"a": True, "b": True}


def test_of_two_that_would_do_the_first_is_cited() -> None:
    """Where either of two facts would do, the one that the rule reads first is kept."""
    assert cited(found({"any": [A, B]}, {"a": True, "b": True})) == {"a": True}
    assert cited(found({"all": [B, A]}, {"a": False, "b": False})) == {"b": False}


def test_a_birth_date_is_cited_for_an_age() -> None:
    """What is cited is what was answered: the birth date where it is known, else the age."""
    rule = {"compare": ["age", ">=", 18]}
    assert cited(found(rule, {"birth": "1970", "age": 56}, AGE)) == {"birth": "1970"}
    assert cited(found(rule, {"age": 56}, AGE)) == {"age": 56}


def test_an_unknown_finding_cites_what_is_known_so_far() -> None:
    """Without these facts more would be missing. What is decided beside the question is not cited."""
    assert cited(found({"all": [A, B]}, {"a": True})) == {"a": True}
    assert cited(found({"any": [A, {"all": [B, C]}]}, {"a": False, "b": True})) == {"a": False, "b": True}
    assert cited(found({"any": [A, {"all": [B, C]}]}, {"b": False})) == {"b": False}
    assert cited(found({"rule": A, "scope": B}, {"b": True})) == {"b": True}


def test_what_does_not_apply_has_no_truth() -> None:
    """Where the scope is false the rule is not looked at: its truth is unknown, whatever the answers."""
    for answer in (True, False):
        finding = found({"rule": A, "scope": B}, {"a": answer, "b": False})
        assert (finding.outcome, finding.scope, finding.truth) == ("not_applicable", FALSE, UNKNOWN)


def test_settled_readings_are_named_where_they_count() -> None:
    """A reading with a value is named where the finding would be another without it."""
    readings = {"X1": "assumed yes", "X2": "assumed no", "X3": "open"}
    assert found({"reading": "X1"}, {}, readings=readings).readings == ("X1",)
    assert found({"any": [{"reading": "X1"}, A]}, {"a": True}, readings=readings).readings == ()
    assert found({"any": [{"reading": "X2"}, A]}, {"a": False}, readings=readings).readings == ("X2",)
    assert found({"reading": "X3"}, {}, readings=readings).readings == ()


# WHAT IS MISSING


def test_what_is_missing() -> None:
    """The facts and the open readings that leave a finding unknown: those that could still decide it, in reading
    order.
    """
    assert found({"all": [A, B]}, {"a": True}).missing == ("b",)
    assert found({"all": [B, A]}, {}).missing == ("b", "a")
    assert found({"any": [{"all": [A, B]}, C]}, {"a": False}).missing == ("c",)
    assert found({"all": [A, {"not": {"reading": "X1"}}]}, {"a": True}, readings={"X1": "open"}).missing == ("X1",)
    assert found({"term": "ill"}, {}, terms={"ill": {"not": A}}).missing == ("a",)
    assert found({"all": [A, A]}, {}).missing == ("a",)
    assert found({"all": [A, B]}, {"a": True, "b": False}).missing == ()


def test_what_is_decided_inside_a_rule_waits_for_nothing() -> None:
    """Alternatives that have failed, and conditions that are met, settle the rule around them."""
    D = {"yes": "d"}
    facts = FACTS | {"d": "yes_no"}
    assert found({"any": [{"all": [{"any": [A, B]}, C]}, D]}, {"a": False, "b": False}, facts).missing == ("d",)
    assert found({"all": [{"any": [{"all": [A, B]}, C]}, D]}, {"a": True, "b": True}, facts).missing == ("d",)


def test_a_partial_date_may_be_missing_although_given() -> None:
    """It is then not exact enough. For an age the birth date is named, which is what is asked for."""
    window = {"elapsed": ["stop", "<", 5, "years", "as_of"]}
    finding = found(window, {"stop": "2021"}, {"stop": "date"})
    assert (finding.missing, cited(finding)) == (("stop",), {})
    finding = found({"compare": ["age", ">=", 18]}, {"birth": "2008"}, AGE)
    assert (finding.missing, cited(finding)) == (("birth",), {})
    assert found({"compare": ["age", ">=", 18]}, {}, AGE).missing == ("birth",)


def test_each_leaf_names_its_fact() -> None:
    """Whatever the kind of the leaf."""
    facts = {"site": choice("FR", "US"), "cells": many("dli"), "weight": "weight", "stop": "date"}
    rules: dict[str, Plain] = {
        "site": {"is": {"site": ["FR"]}},
        "cells": {"includes": {"cells": ["dli"]}},
        "weight": {"compare": ["weight", "<", 10]},
        "stop": {"elapsed": ["stop", "<", 5, "years", "as_of"]},
    }
    for fact, rule in rules.items():
        assert found(rule, {}, facts).missing == (fact,)


def test_a_part_may_be_missing() -> None:
    """Where the cohort's part is unknown, what it rests on is missing."""
    cohorts = {
        "one": EVERYBODY | {"parts": {"escalation": A, "expansion": {"reading": "X1"}}},
        "two": EVERYBODY | {"parts": {"expansion": B}},
    }
    protocol = write(FACTS, {"I1": {"part": "expansion"}}, cohorts, readings={"X1": "open"})
    result = judged(protocol, {}).results[0]
    assert {code: finding.missing for code, finding in result.findings.items()} == {"one": ("X1",), "two": ("b",)}


def test_a_part_that_is_decided_is_not_missing() -> None:
    """Nor is what stands beside a part to which the cohort does not belong."""
    beside = {"any": [{"all": [{"part": "expansion"}, A]}, C]}
    cohorts = {
        "none": EVERYBODY,
        "no": EVERYBODY | {"parts": {"expansion": B}},
        "yes": EVERYBODY | {"parts": {"expansion": {"not": B}}},
    }
    protocol = write(FACTS, {"I1": beside}, cohorts)
    result = judged(protocol, {"b": False}).results[0]
    missing = {code: finding.missing for code, finding in result.findings.items()}
    assert missing == {"none": ("c",), "no": ("c",), "yes": ("a", "c")}


def test_missing_questions_of_a_verdict() -> None:
    """All questions that leave something unknown, in the protocol's order, with the criteria and the cohorts that
    wait.
    """
    cohorts = {"open": {"admits": {"any": [C, {"not": A}]}}, "closed": {"admits": {"all": [C, {"always": False}]}}}
    protocol = write(FACTS, {"I1": {"all": [C, A]}, "I2": A, "R1": B}, cohorts)
    missing = [(m.fact, m.criteria, m.cohorts) for m in judged(protocol, {}).missing]
    assert missing == [("a", ("I1", "I2"), ("open",)), ("b", ("R1",), ()), ("c", ("I1",), ("open",))]
    assert [m.fact for m in judged(protocol, {"a": True, "c": True}).missing] == ["b"]
    assert [(m.fact, m.cohorts) for m in judged(protocol, {"a": False}).missing] == [("b", ())]


def test_a_question_of_several_admissions() -> None:
    """It names each cohort that waits, and no criterion where none does; the order stays the protocol's."""
    protocol = write({"z": "yes_no", **FACTS}, {"I1": B}, {"one": {"admits": A}, "two": {"admits": {"all": [A, Z]}}})
    missing = [(m.fact, m.criteria, m.cohorts) for m in judged(protocol, {}).missing]
    assert missing == [("z", (), ("two",)), ("a", (), ("one", "two")), ("b", ("I1",), ())]


def test_an_excluded_cohort_waits_for_nothing() -> None:
    """What only a cohort's admission lacks is no longer missing once the cohort is excluded."""
    protocol = write(FACTS, {"I1": A}, {"c": {"admits": B}})
    assert [m.fact for m in judged(protocol, {"a": False}).missing] == []
    assert [m.fact for m in judged(protocol, {"a": True}).missing] == ["b"]


# OPEN READINGS THAT DECIDE


def test_an_open_reading_is_named_where_setting_it_decides() -> None:
    """A verdict depends on an open reading where setting it to yes, or to no, decides a finding that is unknown."""
    assert found({"reading": "X1"}, {}, readings={"X1": "open"}).depends_on == ("X1",)
    assert found({"all": [A, {"reading": "X1"}]}, {}, readings={"X1": "open"}).depends_on == ("X1",)  # a no decides
    assert found({"any": [A, {"reading": "X1"}]}, {}, readings={"X1": "open"}).depends_on == ("X1",)  # a yes decides
    assert found({"any": [A, {"reading": "X1"}]}, {"a": True}, readings={"X1": "open"}).depends_on == ()
    assert found({"any": [{"all": [A, {"reading": "X1"}]}, B]}, {}, readings={"X1": "open"}).depends_on == ()
    assert found({"reading": "X1"}, {}, readings={"X1": "assumed yes"}).depends_on == ()


def test_two_readings_that_only_decide_together() -> None:
    """Where no single reading decides none is named, though both are missing."""
    both = {
        "any": [
            {"all": [{"reading": "X1"}, {"reading": "X2"}]},
            {"not": {"any": [{"reading": "X1"}, {"reading": "X2"}]}},
        ]
    }
    finding = found(both, {}, readings={"X1": "open", "X2": "open"})
    assert (finding.missing, finding.depends_on) == (("X1", "X2"), ())


def test_a_verdict_depends_on_its_findings_and_admissions() -> None:
    """The readings are named in the protocol's order; an admission counts like a criterion."""
    protocol = write(
        FACTS,
        {"I1": {"reading": "X2"}, "I2": A},
        {"c": {"admits": {"reading": "X1"}}},
        readings={"X1": "open", "X2": "open", "X3": "open"},
    )
    assert judged(protocol, {}).depends_on == ("X1", "X2")
    assert judged(protocol, {}, readings={"X2": True}).depends_on == ("X1",)


# REVIEW POINTS


def test_review_points_are_raised() -> None:
    """A review point is raised where its rule holds and it may apply."""
    protocol = write(FACTS, {"R1": {"rule": A, "scope": B}, "R2": A, "E1": A})
    assert judged(protocol, {"a": True, "b": True}).review == ("R1", "R2")
    assert judged(protocol, {"a": True}).review == ("R1", "R2")
    assert judged(protocol, {"a": True, "b": False}).review == ("R2",)
    assert judged(protocol, {"a": False, "b": True}).review == ()
    assert judged(protocol, {"b": True}).review == ()


# WHAT MAY CHANGE

CHANGES: dict[str, str | Plain] = {
    "sex": {"type": "yes_no", "can_change": "fixed"},
    "weight": {"type": "number", "min": 0, "max": 400, "can_change": "repeat"},
    "stop": {"type": "date", "not_after": "as_of", "can_change": "time"},
    **AGE,
}
HEAVY = {"compare": ["weight", ">=", 10]}
LONG_AGO = {"elapsed": ["stop", ">=", 5, "years", "as_of"]}
SEX: Plain = {"yes": "sex"}
ADULT = {"compare": ["age", ">=", 18]}


def change(rule: Plain, answers: Plain, **more) -> tuple[str | None, date | None]:
    finding = found(rule, answers, CHANGES, **more)
    return finding.can_change, finding.passes_from


def test_only_a_failure_may_change() -> None:
    """What passes, is unknown or does not apply has nothing to wait for."""
    assert change(HEAVY, {"weight": 20}) == (None, None)
    assert change(HEAVY, {}) == (None, None)


def test_only_a_failure_is_watched() -> None:
    """No day is looked for on which something passes that does not fail, or that no date or age can turn."""
    for rule, answers, may_pass in (
        (LONG_AGO, {"stop": "2022-03-01"}, True),
        (LONG_AGO, {"stop": "2010"}, False),  # passes
        (LONG_AGO, {}, False),  # is unknown
        ({"rule": LONG_AGO, "scope": SEX}, {"sex": False, "stop": "2022-03-01"}, False),  # does not apply
        ({"all": [SEX, LONG_AGO]}, {"sex": False, "stop": "2022-03-01"}, False),  # fails for good
        (HEAVY, {"weight": 9}, False),
    ):
        assert found(rule, answers, CHANGES).ruling.may_pass is may_pass, (rule, answers)


def test_fixed_repeatable_and_in_time() -> None:
    """A failure is fixed where its answers are; repeatable where a later measurement, or a change of treatment, may
    differ; a matter of time where the same answers pass on a later day, which is named.
    """
    assert change(SEX, {"sex": False}) == ("fixed", None)
    assert change(HEAVY, {"weight": 9}) == ("repeat", None)
    assert change(LONG_AGO, {"stop": "2022-03-01"}) == ("time", date(2027, 3, 1))
    for amount, unit, day in ((28, "days", date(2026, 11, 29)), (6, "months", date(2027, 5, 1))):
        window = {"elapsed": ["stop", ">=", amount, unit, "as_of"]}
        assert change(window, {"stop": "2026-11-01"}) == ("time", day)
    assert change(ADULT, {"birth": "2009-05-06"}) == ("time", date(2027, 5, 6))
    assert change(ADULT, {"age": 17}) == ("time", None)


def test_what_is_both_fixed_and_repeatable() -> None:
    """A failure that two answers make is fixed where one of them alone makes it and is."""
    assert change({"all": [SEX, HEAVY]}, {"sex": False, "weight": 9}) == ("fixed", None)
    assert change({"any": [SEX, HEAVY]}, {"sex": False, "weight": 9}) == ("repeat", None)
    assert change({"rule": HEAVY, "scope": SEX}, {"sex": True, "weight": 9}) == ("repeat", None)


def test_several_things_may_have_to_pass() -> None:
    """The day is the first on which everything passes, all dates of the evaluation moved up to it."""
    both = {"all": [LONG_AGO, ADULT]}
    assert change(both, {"stop": "2022-03-01", "birth": "2009-05-06"}) == ("time", date(2027, 5, 6))
    assert change(both, {"stop": "2022-03-01", "birth": "2000"}) == ("time", date(2027, 3, 1))
    assert change({"any": [LONG_AGO, ADULT]}, {"stop": "2022-03-01", "birth": "2009-05-06"}) == (
        "time",
        date(2027, 3, 1),
    )
    later = change(LONG_AGO, {"stop": "2022-03-01"}, first_dose_date="2030-01-01")
    assert later == ("time", date(2027, 3, 1))


def test_a_date_that_is_not_known_does_not_hinder() -> None:
    """What need not pass has no day."""
    rule = {"all": [ADULT, {"any": [LONG_AGO, HEAVY]}]}
    assert change(rule, {"birth": "2009-05-06", "weight": 20}) == ("time", date(2027, 5, 6))


def test_a_partial_date_passes_on_the_day_on_which_it_surely_does() -> None:
    """Of a month or a year the last day counts, also where it was cut at the day of the evaluation."""
    assert change(LONG_AGO, {"stop": "2022-03"}) == ("time", date(2027, 3, 31))
    assert change(LONG_AGO, {"stop": "2026"}) == ("time", date(2031, 12, 31))
    assert change(ADULT, {"birth": "2009"}) == ("time", date(2027, 12, 31))


def test_an_exclusion_may_end_by_leaving_its_scope() -> None:
    """What no longer applies no longer fails."""
    rule = {"rule": SEX, "scope": {"not": ADULT}}
    assert change(rule, {"sex": True, "birth": "2009-05-06"}, code="E1") == ("time", date(2027, 5, 6))


@pytest.mark.parametrize(
    ("sign", "day"),
    [("<=", date(2028, 5, 6)), (">", date(2028, 5, 6)), ("<", date(2027, 5, 6)), (">=", date(2027, 5, 6))],
)
def test_each_comparison_turns_on_its_own_birthday(sign: str, day: date) -> None:
    """`over 18` holds from the nineteenth birthday, as ages are completed years."""
    code = "I1" if sign in (">", ">=") else "E1"
    assert change({"compare": ["age", sign, 18]}, {"birth": "2009-05-06"}, code=code) == ("time", day)


def test_a_day_is_found_through_terms_and_parts() -> None:
    """Whatever hides the window: a term, a not, the cohort's part."""
    assert change({"not": {"term": "recent"}}, {"stop": "2022-03-01"}, terms={"recent": {"not": LONG_AGO}}) == (
        "time",
        date(2027, 3, 1),
    )
    cohorts = {"c": EVERYBODY | {"parts": {"expansion": LONG_AGO}}}
    assert change({"part": "expansion"}, {"stop": "2022-03-01"}, cohorts=cohorts) == ("time", date(2027, 3, 1))
    cohorts = {"c": EVERYBODY | {"parts": {"expansion": {"term": "long_ago"}}}}
    terms = {"long_ago": LONG_AGO}
    assert change({"part": "expansion"}, {"stop": "2022-03-01"}, cohorts=cohorts, terms=terms) == (
        "time",
        date(2027, 3, 1),
    )


def test_a_matter_of_time_without_a_date() -> None:
    """An answer may be said to change with time though nothing tells when; an age may be given without a birth date."""
    undated = CHANGES | {"healing": {"type": "yes_no", "can_change": "time"}}
    finding = found({"yes": "healing"}, {"healing": False}, undated)
    assert (finding.can_change, finding.passes_from) == ("time", None)
    child = {"rule": SEX, "scope": {"not": ADULT}}
    assert change(child, {"sex": True, "age": 15}, code="E1") == ("time", None)  # at 18 it no longer applies
    assert change({"all": [SEX, ADULT]}, {"sex": True, "age": 15}) == ("time", None)
    both = {"all": [HEAVY, ADULT]}
    assert change(both, {"weight": 9, "age": 15}) == ("repeat", None)
    assert change(both, {"weight": 9, "birth": "2009-05-06"}) == ("repeat", None)
    assert change({"all": [SEX, ADULT]}, {"sex": False, "age": 15}) == ("fixed", None)
    assert change({"all": [{"compare": ["age", ">", 18]}, HEAVY]}, {"weight": 9, "age": 18}) == ("repeat", None)
    teens = {"all": [{"compare": ["age", ">=", 12]}, {"compare": ["age", "<", 18]}]}
    assert change(teens, {"age": 10}) == ("time", None)
    assert change(teens, {"age": 20}) == ("fixed", None)
    assert change({"all": [teens, HEAVY]}, {"weight": 9, "age": 20}) == ("fixed", None)


def test_a_date_that_is_fixed_still_grows_older() -> None:
    """Its window opens by itself; beside something to repeat, that is waited for, unless the window has closed."""
    fixed = CHANGES | {"onset": {"type": "date", "can_change": "fixed"}}
    old = {"all": [HEAVY, {"elapsed": ["onset", ">=", 5, "years", "as_of"]}]}
    new = {"all": [HEAVY, {"elapsed": ["onset", "<", 5, "years", "as_of"]}]}
    for rule, onset, can_change in (
        (old, "2024-01-01", "repeat"),
        (old, "2010-01-01", "repeat"),
        (new, "2024-01-01", "repeat"),
        (new, "2010-01-01", "fixed"),
    ):
        assert found(rule, {"weight": 9, "onset": onset}, fixed).can_change == can_change, (rule, onset)


def test_a_window_that_closes_never_passes() -> None:
    """Time only runs forward: what failed for being too long ago, or too old, does so for ever."""
    recent = {"elapsed": ["stop", "<", 5, "years", "as_of"]}
    finding = found({"all": [recent, HEAVY, LONG_AGO]}, {"weight": 9, "stop": "2010"}, CHANGES)
    assert (finding.can_change, finding.passes_from) == ("repeat", None)
    finding = found(recent, {"stop": "2010"}, CHANGES)
    assert (finding.outcome, finding.passes_from) == ("fail", None)
    finding = found({"compare": ["age", "<", 18]}, {"birth": "1970"}, CHANGES)
    assert (finding.can_change, finding.passes_from) == ("fixed", None)
    assert change({"compare": ["age", "<", 18]}, {"age": 56}) == ("fixed", None)


def test_treatment_and_time_together() -> None:
    """Where a failure needs both a repeat and time, a repeat is what it waits for."""
    assert change({"all": [HEAVY, LONG_AGO]}, {"weight": 9, "stop": "2022-03-01"}) == ("repeat", None)


# A REASON IN WORDS

KILOGRAMS: dict[str, str | Plain] = CHANGES | {"weight": "weight"}


def reason(rule: Plain, answers: Plain, facts=KILOGRAMS, code: str = "I1", **more) -> str:
    """Why one criterion comes out as it does."""
    kept = {name: more.pop(name) for name in ("terms", "readings", "cohorts") if name in more}
    return explain.result_reason(judged(write(facts, {code: rule}, **kept), answers, **more).results[0])


def test_a_rule_that_reads_nothing_is_the_protocols_own() -> None:
    """It comes out alike for everybody."""
    assert reason({"always": True}, {}) == "So by the protocol, whatever the answers."
    assert reason({"always": False}, {}) == "So by the protocol, whatever the answers."


def test_a_failure_names_all_that_makes_it() -> None:
    """Each answer that would do alone, because none of them may stay; what passes names only what it rests on."""
    both_fail: Plain = {"all": [SEX, HEAVY]}
    either_passes: Plain = {"any": [SEX, HEAVY]}
    assert reason(both_fail, {"sex": False, "weight": 9}) == "Sex: no; Weight: 9 kg (below 10 kg)."
    assert reason(either_passes, {"sex": True, "weight": 12}) == "Sex: yes."


def limits(fact: str, value: float, *bounds: tuple[str, float]) -> str:
    """The limits that are named where a number keeps to all of these."""
    text = reason({"all": [{"compare": [fact, *bound]} for bound in bounds]}, {fact: value})
    return text[text.index("(") + 1 : text.index(")")]


def test_of_several_limits_the_strictest_is_named() -> None:
    """The highest lower one and the lowest upper one, whichever stands first; of two with one number, the one that
    leaves this number out.
    """
    for kept, said in (
        ([(">", 10), (">=", 5)], "above 10 kg"),
        ([(">=", 10), (">", 5)], "at least 10 kg"),
        ([(">=", 10), (">", 10)], "above 10 kg"),
        ([(">", 10), (">=", 10)], "above 10 kg"),
        ([("<=", 50), ("<", 80)], "at most 50 kg"),
        ([("<", 50), ("<=", 80)], "below 50 kg"),
        ([("<=", 50), ("<", 50)], "below 50 kg"),
        ([("<", 50), ("<=", 50)], "below 50 kg"),
    ):
        assert limits("weight", 20, *kept) == said, kept


def test_two_limits_are_one_range() -> None:
    """The lower one first, the unit once; ages have words of their own."""
    assert limits("weight", 20, ("<=", 50), (">", 10)) == "above 10 and at most 50 kg"
    assert limits("age", 20, ("<", 75), (">", 17)) == "over 17 and under 75 years"


def test_a_partial_birth_date_leaves_two_ages() -> None:
    """Both are named with the date; the unit is that of several."""
    small: Plain = {"compare": ["age", "<", 3]}
    assert reason(small, {"birth": "2024"}) == "Age: 1 or 2 years, born 2024 (under 3 years)."
    assert reason(small, {"birth": "2025-11-22"}) == "Age: 1 year, born 22 November 2025 (under 3 years)."


def test_a_settled_reading_is_said_with_its_value() -> None:
    """Where the reason rests on it."""
    readings = {"X1": "assumed yes", "X2": "assumed no"}
    assert reason({"reading": "X1"}, {}, readings=readings) == "Reading X1 taken as yes."
    assert reason({"reading": "X2"}, {}, readings=readings) == "Reading X2 taken as no."


def test_a_part_is_named_by_its_words() -> None:
    """Whether the cohort belongs to it, or does not."""
    cohorts = {"c": EVERYBODY | {"parts": {"dose_escalation": A}}}
    rule: Plain = {"part": "dose_escalation"}
    assert reason(rule, {"a": False}, FACTS, cohorts=cohorts) == (
        "A: no; the cohort does not belong to the dose escalation part."
    )
    assert reason(rule, {"a": True}, FACTS, "E1", cohorts=cohorts) == (
        "A: yes; the cohort belongs to the dose escalation part."
    )


def test_what_differs_between_cohorts_is_said_of_each() -> None:
    """Then why it fails, and what is open; why it passes or does not apply needs no words."""
    cohorts = {
        "fails": EVERYBODY | {"parts": {"p": A, "q": A}},
        "waits": EVERYBODY | {"parts": {"p": B, "q": A}},
        "passes": EVERYBODY | {"parts": {"q": A}},
        "apart": EVERYBODY,
    }
    rule: Plain = {"rule": {"part": "p"}, "scope": {"part": "q"}}
    assert reason(rule, {"a": True}, FACTS, "E1", cohorts=cohorts) == (
        "Depends on the cohort. Cohort fails: excludes; Cohort waits: not known; Cohort passes: clear; Cohort apart: "
        "does not apply. A: yes; the cohort belongs to the p part; the cohort belongs to the q part. Not known: B. "
        "Known so far: A: yes; the cohort belongs to the q part."
    )


def test_a_criterion_goes_by_title_and_code() -> None:
    """What has no code, as an admission, by its title alone."""
    assert explain.coded("Body weight", "I5") == "Body weight (I5)"
    assert explain.coded("Adults", "") == "Adults"


# THE VALUE BESIDE A LEAF


def beside(rule: Plain, answers: Plain, **more) -> str:
    """What the outline of a leaf shows of a participant."""
    protocol = write(KILOGRAMS, {"I1": rule}, **more)
    world = Evaluator(protocol).world(read_participant(protocol, body(answers), TODAY))
    return explain.outline(protocol, protocol.criteria[0].rule, Context(protocol, world)).value


def test_an_outline_shows_the_answer_that_a_leaf_reads() -> None:
    """With its unit; for an age, what it comes from."""
    assert beside(HEAVY, {"weight": 20}) == "20 kg"
    assert beside(SEX, {"sex": False}) == "no"
    assert beside(LONG_AGO, {"stop": "2022-03"}) == "March 2022"
    assert beside(ADULT, {"age": 40}) == "40 years"
    assert beside(ADULT, {"birth": "1970-05"}) == "56 years, born May 1970"


def test_an_outline_shows_no_answer_where_there_is_none() -> None:
    """Not known, not read by the leaf, or of nobody."""
    assert beside(HEAVY, {}) == beside(HEAVY, {"weight": None}) == beside(ADULT, {}) == ""
    assert beside({"reading": "X1"}, {}, readings={"X1": "assumed yes"}) == ""
    assert explain.outline(write(KILOGRAMS, {"I1": HEAVY}), rule_from_plain(HEAVY)).value == ""


# WHAT A VERDICT WAITS FOR, IN WORDS


def waits(criteria: dict[str, Plain], answers: Plain, facts=FACTS, **more) -> list[str]:
    """What an undetermined verdict waits for; its summary says the same."""
    verdict = judged(write(facts, criteria, **more), answers)
    assert verdict.decision == "undetermined"
    assert all(name in explain.summary(verdict) for name in explain.open_words(verdict))
    return explain.open_words(verdict)


def test_a_verdict_waits_for_answers() -> None:
    """Those that are missing; where one was given only partly, a more exact one."""
    assert waits({"I1": {"all": [A, B]}, "E1": C}, {"a": True}) == ["B", "C"]
    assert waits({"I1": LONG_AGO, "I2": HEAVY}, {"stop": "2021"}, CHANGES) == ["Weight", "a more exact Stop"]
    assert waits({"I1": LONG_AGO}, {"stop": None}, CHANGES) == ["Stop"]


def test_at_most_six_answers_are_named() -> None:
    """Of more, five and how many others there are."""
    seven: dict[str, str | Plain] = dict.fromkeys("abcdefg", "yes_no")
    criteria = {f"I{number}": {"yes": fact} for number, fact in enumerate(seven, start=1)}
    assert waits(criteria, {}, seven) == ["A", "B", "C", "D", "E", "2 other answers"]
    assert waits(criteria, {"a": True}, seven) == ["B", "C", "D", "E", "F", "G"]


def test_a_verdict_may_wait_for_readings() -> None:
    """Those of which one setting decides; without such a one, and without an answer to wait for, all that are open."""
    X1, X2 = ({"reading": code} for code in ("X1", "X2"))
    readings = {"X1": "open", "X2": "open"}
    both_or_none = {"any": [{"all": [X1, X2]}, {"not": {"any": [X1, X2]}}]}
    assert waits({"I1": {"all": [A, X1]}}, {}, readings=readings) == ["A", "reading X1"]
    assert waits({"I1": X2}, {}, readings=readings) == ["reading X2"]
    assert waits({"I1": both_or_none}, {}, readings=readings) == ["reading X1", "reading X2"]
    assert waits({"I1": {"any": [{"all": [A, X1]}, B]}}, {}, readings=readings) == ["A", "B"]


def test_a_group_waits_by_its_routes() -> None:
    """Beside what else is open."""
    criteria = {"I1": {"rule": A, "group": "g"}, "I2": {"rule": B, "group": "g"}, "I3": C}
    assert waits(criteria, {}, groups=("g",)) == ["A", "B", "C"]
    assert waits(criteria, {"a": True}, groups=("g",)) == ["C"]
