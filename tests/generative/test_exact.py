"""The exact verdict against brute force: every completion of the missing answers, tried out."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import TODAY, Plain, bodies, cases, protocols

from app.rules.calendar import PartialDate, read_partial
from app.rules.domain import Domains
from app.rules.evaluate import Context, World, decide, leaf_reads, leaves
from app.rules.exact import Exactness
from app.rules.facts import Age, Value
from app.rules.participant import Participant, read_participant
from app.rules.protocol import Protocol
from app.rules.tree import Rule
from app.rules.verdict import Evaluator, Verdict

SMALL = {"facts": 3, "criteria": 3, "cohorts": 3, "size": 4}
GRID = 1500


def rules(protocol: Protocol) -> Iterator[Rule]:
    for cohort in protocol.cohorts:
        yield cohort.admits
        yield from (rule for _, rule in cohort.parts)
    for criterion in protocol.criteria:
        yield criterion.rule
        if criterion.scope is not None:
            yield criterion.scope


def days(protocol: Protocol, name: str, value: PartialDate, world: World) -> list[PartialDate]:
    """The days of a partial date, one for each way in which they fall on the leaves."""
    mine = [leaf for leaf in leaves(protocol, rules(protocol)) if name in leaf_reads(protocol, leaf)]
    found: dict[tuple[object, ...], PartialDate] = {}
    for number in range((value.last - value.first).days + 1):
        day = read_partial((value.first + timedelta(days=number)).isoformat())
        assert day is not None
        context = Context(protocol, {**world, name: day})
        found.setdefault(tuple(decide(leaf, context) for leaf in mine), day)
    return list(found.values())


def completions(protocol: Protocol, participant: Participant) -> list[Participant]:
    """All of them, by values that stand for every value."""
    domains, world = Domains(protocol), Evaluator(protocol).world(participant)
    ages = {q.type.birth_date: q.key for q in protocol.questions if isinstance(q.type, Age)}
    choices: list[list[dict[str, Any]]] = []
    for question in protocol.questions:
        key, value = question.key, world[question.key]
        age = ages.get(key)
        if isinstance(question.type, Age):
            continue
        if isinstance(value, PartialDate):
            choices.append([{key: day} for day in days(protocol, key, value, world)])
        elif value is None and (age is None or world[age] is None):
            found = [{key: each} for each in domains.values(key, participant.dates)]
            found += [{age: each} for each in domains.values(age, participant.dates)] if age is not None else []
            choices.append(found)
    for reading in protocol.readings:
        if reading.status != "convention" and world[reading.code] is None:
            choices.append([{reading.code: True}, {reading.code: False}])
    size = 1
    for choice in choices:
        size *= len(choice)
    assume(size <= GRID)
    made = []
    for chosen in product(*choices):
        values: dict[str, Value | None] = {key: each for values in chosen for key, each in values.items()}
        readings = {key: bool(each) for key, each in values.items() if key in protocol.reading_by_code}
        answers = {key: each for key, each in values.items() if key not in readings}
        made.append(
            replace(
                participant, answers={**participant.answers, **answers}, readings={**participant.readings, **readings}
            )
        )
    return made


def agreed(decisions: set[str]) -> str:
    return decisions.pop() if len(decisions) == 1 else "undetermined"


@settings(max_examples=2 * settings.default.max_examples)
@given(cases(known=45, **SMALL))
def test_P13_P14_it_is_what_every_completion_agrees_on(case: tuple[Protocol, Plain]) -> None:
    """Sound and complete: decided exactly where all completions come to the same."""
    protocol, body = case
    participant = read_participant(protocol, body, TODAY)
    evaluator = Evaluator(protocol)
    verdict = evaluator.evaluate(participant)
    completed = [evaluator.evaluate(each) for each in completions(protocol, participant)]
    found = Exactness(protocol).exact(verdict)
    assert found.decision == agreed({each.decision for each in completed})
    assert Exactness(protocol).decision(verdict) == found.decision
    if verdict.decision == "undetermined":
        for number, cohort in enumerate(protocol.cohorts):
            assert found.cohorts[cohort.code] == agreed({each.cohorts[number].verdict for each in completed})
        for code, outcomes in outcomes_of(verdict, completed).items():
            assert (code in found.passes) == (outcomes <= {"pass", "not_applicable"}), code
            assert (code in found.fails) == (outcomes == {"fail"}), code


def outcomes_of(verdict: Verdict, completed: list[Verdict]) -> dict[str, set[str]]:
    """What each undecided criterion comes to over the completions; those that have one finding for all cohorts."""
    return {
        line.criterion.code: {each.lines[number].rulings[""].outcome for each in completed}
        for number, line in enumerate(verdict.lines)
        if line.criterion.kind != "review" and line.criterion.group is None
        if "" in line.rulings and line.rulings[""].outcome == "unknown"
    }


@given(cases(known=60))
def test_it_never_contradicts_the_verdict(case: tuple[Protocol, Plain]) -> None:
    """What is decided in Kleene logic is decided alike, for the whole and for each cohort."""
    protocol, body = case
    verdict = Evaluator(protocol).evaluate(read_participant(protocol, body, TODAY))
    found = Exactness(protocol).exact(verdict)
    assert verdict.decision in ("undetermined", found.decision)
    for cohort in verdict.cohorts:
        assert cohort.verdict in ("undetermined", found.cohorts[cohort.cohort.code])


@given(st.data())
def test_what_was_remembered_makes_no_difference(data: st.DataObject) -> None:
    protocol = data.draw(protocols(**SMALL))
    evaluator, exactness = Evaluator(protocol), Exactness(protocol)
    for _ in range(4):
        verdict = evaluator.evaluate(read_participant(protocol, data.draw(bodies(protocol, 40)), TODAY))
        assert exactness.exact(verdict) == Exactness(protocol, remember=0).exact(verdict)
