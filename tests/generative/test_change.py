"""What would change a verdict, held against the verdict itself and against brute force."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations, islice, product
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import TODAY, Plain, cases

from app.rules import conditions
from app.rules.change import (
    HOLDS,
    MAX_SETS,
    MAY_HOLD,
    TO_FIND_OUT,
    TO_REPEAT,
    Changer,
    Changing,
    Counterfactual,
    Excluding,
    Passing,
    Setting,
)
from app.rules.facts import ANCHORS, Age, PartialDate
from app.rules.participant import Participant, read_participant
from app.rules.protocol import Protocol
from app.rules.verdict import Evaluator, Verdict

SMALL = {"facts": 4, "criteria": 3, "cohorts": 2, "size": 4}
TRIED = 40
GRID = 4000


def with_settings(participant: Participant, chosen: Iterable[Setting], protocol: Protocol) -> Participant:
    values = {name: value for setting in chosen for name, value in setting.values}
    readings = {name: value for name, value in values.items() if name in protocol.reading_by_code}
    answers = {name: value for name, value in values.items() if name not in readings}
    return replace(
        participant, answers={**participant.answers, **answers}, readings={**participant.readings, **readings}
    )


def is_turned(one: Counterfactual, verdict: Verdict) -> bool:
    if one.turn == "excluded":
        return verdict.decision == "excluded"
    said = {cohort.cohort.code: cohort.verdict for cohort in verdict.cohorts}
    if one.turn == "likely_eligible":
        return all(said[code] == "likely_eligible" for code in one.cohorts)
    return all(said[code] != "excluded" for code in one.cohorts)


@given(cases(known=75, **SMALL))
def test_a_counterfactual_turns_the_verdict_and_no_part_of_it_does(case: tuple[Protocol, Plain]) -> None:
    """With any combination of the values that it names; and with no values of only some of its facts."""
    protocol, body = case
    evaluator = Evaluator(protocol)
    verdict = evaluator.evaluate(read_participant(protocol, body, TODAY))
    changer = Changer(evaluator)
    looked = Changing(changer.search, verdict.context.world)
    for one in changer.changes(verdict).sets:
        for chosen in islice(product(*[change.settings for change in one.changes]), TRIED):
            assert is_turned(one, evaluator.evaluate(with_settings(verdict.participant, chosen, protocol)))
        for left_out in one.changes:
            rest = [looked.settings(change.fact) for change in one.changes if change is not left_out]
            for chosen in islice(product(*rest), TRIED):
                after = evaluator.evaluate(with_settings(verdict.participant, chosen, protocol))
                each = [replace(one, cohorts=(code,)) for code in one.cohorts] or [one]
                assert not any(is_turned(single, after) for single in each)


@given(cases(known=75, **SMALL), st.sampled_from(["eligible", "not excluded", "excluded"]), st.booleans())
def test_all_smallest_sets_are_found(case: tuple[Protocol, Plain], goal: str, only_missing: bool) -> None:
    """By brute force over all sets of facts that may change, there is no other."""
    protocol, body = case
    evaluator = Evaluator(protocol)
    world = evaluator.world(read_participant(protocol, body, TODAY))
    search = Changer(evaluator).search
    clauses = [*search.common, *search.own[protocol.cohorts[0].code]]
    wanted = {
        "eligible": Passing(search, clauses, HOLDS),
        "not excluded": Passing(search, clauses, MAY_HOLD),
        "excluded": Excluding(search),
    }[goal]
    kinds = TO_FIND_OUT if only_missing else TO_REPEAT | {"age", "fixed"}
    looked = Changing(search, world)
    names = [question.key for question in protocol.questions if not isinstance(question.type, Age)]
    names += [reading.code for reading in protocol.readings if reading.status != "convention"]
    names = [name for name in names if looked.kind(name) in kinds and looked.settings(name)]
    assume(wanted.unmet(world))
    size = 1
    for name in names:
        size *= 1 + len(looked.settings(name))
    assume(size <= GRID)
    smallest: list[frozenset[str]] = []
    for number in range(1, 5):
        for chosen in combinations(names, number):
            if any(other <= set(chosen) for other in smallest):
                continue
            for taken in product(*[looked.settings(name) for name in chosen]):
                after = {**world, **{name: value for setting in taken for name, value in setting.values}}
                if not wanted.unmet(after):
                    smallest.append(frozenset(chosen))
                    break
    found = [frozenset(change.fact for change in changes) for changes in looked.smallest(wanted, kinds)]
    if len(smallest) <= MAX_SETS:
        assert set(found) == set(smallest)
    else:
        assert len(found) == MAX_SETS
        assert set(found) <= set(smallest)


@given(cases(known=90, facts=3))
def test_nobody_grows_younger_and_time_passed_stays_passed(case: tuple[Protocol, Plain]) -> None:
    protocol, body = case
    evaluator = Evaluator(protocol)
    participant = read_participant(protocol, body, TODAY)
    looked = Changing(Changer(evaluator).search, evaluator.world(participant))
    for question in protocol.questions:
        for setting in () if isinstance(question.type, Age) else looked.settings(question.key):
            for name, value in setting.values:
                given_ = participant.answers.get(name)
                if isinstance(given_, PartialDate) and protocol.question_by_key[name].can_change == "time":
                    assert value.first <= given_.last
                elif given_ is not None and isinstance(protocol.question_by_key[name].type, Age):
                    assert value > given_


# TIME


def on(protocol: Protocol, body: Plain, day: date) -> Verdict:
    """The verdict of the same answers on a day, all dates moved up to it."""
    moved = {name: max(body[name], day.isoformat()) for name in ANCHORS}
    return Evaluator(protocol).evaluate(read_participant(protocol, body | moved, TODAY))


def is_exact(verdict: Verdict) -> bool:
    dates = [value for value in verdict.participant.answers.values() if isinstance(value, PartialDate)]
    return all(value.is_exact for value in dates)


def failing(verdict: Verdict) -> set[str]:
    return {result.criterion.code for result in verdict.results if "fail" in outcomes(result.findings)}


def outcomes(findings: Mapping[str, Any]) -> set[str]:
    return {finding.outcome for finding in findings.values()}


@settings(max_examples=12)  # few of the cases drawn have such a day
@given(cases(known=95, kinds=("date", "age", "date", "yes_no"), facts=3))
def test_from_the_joint_day_on_all_that_time_can_turn_passes(case: tuple[Protocol, Plain]) -> None:
    """For the first time: on the day before, some of it still fails or is not known."""
    protocol, body = case
    assume(all(not cohort.parts for cohort in protocol.cohorts))  # then each criterion has one finding
    verdict = Evaluator(protocol).evaluate(read_participant(protocol, body, TODAY))
    changes = Changer(Evaluator(protocol)).changes(verdict)
    timed = {reason.code for reason in changes.reasons if reason.passes_from is not None}
    assume(changes.passes_from is not None and changes.passes_from.year < 2200 and "" not in timed)
    assert changes.passes_from is not None
    later = on(protocol, body, changes.passes_from)
    passed = {result.criterion.code: result.outcome for result in later.results}
    assert all(passed[code] in ("pass", "not_applicable") for code in timed)
    before = on(protocol, body, changes.passes_from - timedelta(days=1))
    if is_exact(verdict):
        assert timed & failing(before)


@given(cases(known=95, kinds=("date", "age", "yes_no"), facts=3))
def test_a_cohort_no_longer_excludes_from_the_day_it_says(case: tuple[Protocol, Plain]) -> None:
    protocol, body = case
    verdict = Evaluator(protocol).evaluate(read_participant(protocol, body, TODAY))
    for code, day in Changer(Evaluator(protocol)).changes(verdict).cohorts.items():
        later = {cohort.cohort.code: cohort for cohort in on(protocol, body, day).cohorts}[code]
        now = {cohort.cohort.code: cohort for cohort in verdict.cohorts}[code]
        if day.year < 2200:
            assert not set(now.reasons) & set(later.reasons)


@given(cases(known=95, kinds=("date", "age", "integer", "yes_no"), facts=3, criteria=2))
def test_a_likely_eligible_verdict_holds_until_that_day(case: tuple[Protocol, Plain]) -> None:
    protocol, body = case
    verdict = Evaluator(protocol).evaluate(read_participant(protocol, body, TODAY))
    assume(verdict.decision == "likely_eligible")
    changes = Changer(Evaluator(protocol)).changes(verdict)
    if changes.holds_until is not None:
        assert on(protocol, body, changes.holds_until).decision != "likely_eligible"
        if is_exact(verdict):
            assert on(protocol, body, changes.holds_until - timedelta(days=1)).decision == "likely_eligible"
    elif is_exact(verdict):
        assert on(protocol, body, date(2199, 12, 31)).decision == "likely_eligible"


@given(cases(known=95, facts=3, criteria=2))
def test_a_risk_excludes(case: tuple[Protocol, Plain]) -> None:
    """Each value that it names, alone."""
    protocol, body = case
    evaluator = Evaluator(protocol)
    verdict = evaluator.evaluate(read_participant(protocol, body, TODAY))
    assume(verdict.decision == "likely_eligible")
    for risk in Changer(evaluator).changes(verdict).risks:
        for setting in risk.change.settings:
            after = evaluator.evaluate(with_settings(verdict.participant, [setting], protocol))
            assert after.decision == "excluded"


# SENTENCES


@given(cases(known=75, **SMALL))
def test_every_change_can_be_said(case: tuple[Protocol, Plain]) -> None:
    """And its example is an answer that the protocol accepts and that turns the verdict as said."""
    protocol, body = case
    evaluator, found = Evaluator(protocol), 0
    participant = read_participant(protocol, body, TODAY)
    verdict = evaluator.evaluate(participant)
    changer = Changer(evaluator)
    changes = changer.changes(verdict)
    plain = conditions.plain(changes, changer.search, verdict.context.world)
    for one, said in zip(changes.sets, plain["sets"], strict=True):
        assert said["sentence"].startswith("Would ")
        answers, readings = dict(body["answers"]), dict(body.get("readings", {}))
        for change in said["changes"]:
            (readings if change["kind"] == "reading" else answers).update(change["example"])
        again = read_participant(protocol, body | {"answers": answers, "readings": readings}, TODAY)
        assert is_turned(one, evaluator.evaluate(again))
        found += 1
    assert sum(line.startswith("  Would") for line in conditions.told(plain)) == found
