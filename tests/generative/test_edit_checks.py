"""Laws of edit checks: they change nothing, they name answers that alone raise them, and they are never withdrawn."""

import json
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from strategies import TODAY, bodies, cases

from app.rules.calendar import first_day_elapsed, months_between
from app.rules.edit_checks import Raised, raised
from app.rules.evaluate import World
from app.rules.facts import to_json
from app.rules.participant import read_participant
from app.rules.protocol import Protocol
from app.rules.report import report
from app.rules.verdict import Evaluator, evaluate
from app.trials import read_trial

_, BUILT_IN = read_trial()
DAYS = st.dates(date(1900, 1, 1), date(2199, 11, 30))


def world(protocol: Protocol, body: dict[str, Any]) -> World:
    return Evaluator(protocol).world(read_participant(protocol, body, TODAY))


def check_named_answers(protocol: Protocol, body: dict[str, Any]) -> None:
    for query in raised(protocol, world(protocol, body)):
        named = {fact: to_json(value) for fact, value in query.facts.items()}
        assert query in raised(protocol, world(protocol, {**body, "answers": named}))
        for fact in named:
            fewer = {key: value for key, value in named.items() if key != fact}
            assert query.code not in {one.code for one in raised(protocol, world(protocol, {**body, "answers": fewer}))}


@given(case=cases(known=90))
def test_the_answers_named_raise_it_alone_and_none_can_be_left_out(case: tuple[Protocol, dict[str, Any]]) -> None:
    check_named_answers(*case)


@given(body=bodies(BUILT_IN, known=90))
def test_the_answers_named_in_the_built_in_trial(body: dict[str, Any]) -> None:
    check_named_answers(BUILT_IN, body)


@given(data=st.data(), case=cases(known=90))
def test_more_answers_never_withdraw_a_query(data: st.DataObject, case: tuple[Protocol, dict[str, Any]]) -> None:
    protocol, body = case
    answers = body["answers"]
    kept = data.draw(st.lists(st.sampled_from(sorted(answers)), unique=True)) if answers else []
    if any(question.alternative in kept for question in protocol.questions if question.key in answers):
        return  # a birth date that is given later overrules the age
    fewer = raised(protocol, world(protocol, {**body, "answers": {key: answers[key] for key in kept}}))
    assert {query.code for query in fewer} <= {query.code for query in raised(protocol, world(protocol, body))}


@given(case=cases(known=90))
def test_a_verdict_does_not_depend_on_edit_checks(case: tuple[Protocol, dict[str, Any]]) -> None:
    protocol, body = case
    said = []
    for checked in (protocol, replace(protocol, edit_checks=())):
        plain = json.loads(report(evaluate(checked, read_participant(checked, body, TODAY)), b'"trial":1'))
        said.append({key: value for key, value in plain.items() if key != "queries"})
    assert said[0] == said[1]


@given(data=st.data(), case=cases(known=90))
def test_what_is_remembered_changes_nothing(data: st.DataObject, case: tuple[Protocol, dict[str, Any]]) -> None:
    protocol = case[0]
    evaluator = Evaluator(protocol)
    for body in [case[1], *data.draw(st.lists(bodies(protocol, known=90), max_size=4)), case[1]]:
        assert queries(evaluator, body) == raised(protocol, world(protocol, body))


@given(body=bodies(BUILT_IN, known=95))
def test_what_is_remembered_changes_nothing_in_the_built_in_trial(body: dict[str, Any]) -> None:
    assert queries(EVALUATOR, body) == raised(BUILT_IN, world(BUILT_IN, body))


EVALUATOR = Evaluator(BUILT_IN)


def queries(evaluator: Evaluator, body: dict[str, Any]) -> tuple[Raised, ...]:
    return evaluator.evaluate(read_participant(evaluator.protocol, body, TODAY)).queries


@given(one=DAYS, other=DAYS, months=st.integers(0, 2400))
def test_months_between_two_days(one: date, other: date, months: int) -> None:
    """As many months have passed as the calendar says, never less with each day, and nothing between equal days."""
    since, until = sorted((one, other))
    assert months_between(since, since) == 0
    between = months_between(since, until)
    assert (between >= months) is (first_day_elapsed(since, months, "months") <= until)
    assert between < months_between(since, date.fromordinal(until.toordinal() + 1))
    assert isinstance(between, Fraction)
