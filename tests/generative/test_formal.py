"""The encoding for the solver and the reference engine say the same of any participant whose dates are exact."""

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import TODAY, Plain, cases

from app.rules.facts import Age, Choice, Date, Dates, Integer, Many, Number
from app.rules.participant import InvalidParticipant, read_participant
from app.rules.protocol import Protocol, Question
from app.rules.verdict import Evaluator

z3 = pytest.importorskip("z3", reason="the formal check is optional")

from app.proof.check import remarks  # noqa: E402
from app.proof.encode import Encoding  # noqa: E402
from app.proof.witness import as_asked, body_of, compare  # noqa: E402


def exactly(body: Plain) -> Plain:
    """The same, each month or year being its first day."""
    answers = {
        key: value + "-01-01"[len(value) - 4 :] if isinstance(value, str) and value[:4].isdigit() else value
        for key, value in body["answers"].items()
    }
    return body | {"answers": answers}


def saying(question: Question, variables: tuple[Any, ...], value: Any) -> list[Any]:
    """That the variables of a question have the value that a raw answer means."""
    match question.type:
        case Choice(options):
            return [variables[0] == [option.value for option in options].index(value)]
        case Many(options):
            return [held == (option.value in value) for held, option in zip(variables, options, strict=True)]
        case Integer(step=step):
            return [variables[0] * step == int(value)]
        case Number() | Age():
            return [variables[0] == z3.RealVal(str(Fraction(value)))]
        case Date():
            return [variables[0] == date.fromisoformat(value).toordinal()]
    return [variables[0] == value]


def model_of(encoding: Encoding, body: Plain) -> "z3.ModelRef":
    """The model in which just this participant is said, through the raw values of the body."""
    solver = z3.Solver()
    solver.add(*encoding.domain)
    for question in encoding.protocol.questions:
        value = body["answers"].get(question.key)
        solver.add(encoding.known[question.key] == (value is not None))
        if value is not None:
            solver.add(*saying(question, encoding.values[question.key], value))
    for code, reading in encoding.readings.items():
        said = body.get("readings", {}).get(code, encoding.protocol.reading_by_code[code].value)
        solver.add(encoding.settled[code] == (said is not None), *([] if said is None else [reading == said]))
    assert solver.check() == z3.sat
    return solver.model()


@given(st.one_of(cases(known=100), cases(known=70)))
def test_every_outcome_is_the_engines(case: tuple[Protocol, Plain]) -> None:
    """Criteria for each cohort, groups and cohorts, on complete files and on files that lack answers."""
    protocol, body = case[0], exactly(case[1])
    try:
        participant = read_participant(protocol, body, TODAY)
    except InvalidParticipant:
        return  # the first day of the month is that of an age that does not fit
    dates = participant.dates
    encoding = Encoding(protocol, [dates, Dates(date(2020, 1, 1), date(2020, 1, 1), date(2020, 1, 1))])
    encoding.domain.append(encoding.calendar == 0)
    model = model_of(encoding, body)
    verdict = Evaluator(protocol, remember=0).evaluate(participant)
    compare(encoding, model, verdict)
    back = read_participant(protocol, body_of(encoding, model), TODAY)
    assert (back.dates, dict(back.answers)) == (dates, {k: v for k, v in participant.answers.items() if v is not None})


@settings(max_examples=settings.default.max_examples // 3)
@given(cases())
def test_every_witness_is_confirmed(case: tuple[Protocol, Plain]) -> None:
    """Of any protocol: the check comes to an end, the engine agrees, and each witness is a body that is accepted."""
    protocol = case[0]
    for remark in remarks(protocol):
        for witness in remark.witnesses:
            participant = read_participant(protocol, witness.body, TODAY)
            assert Evaluator(protocol, remember=0).evaluate(participant).decision == witness.decision


@given(cases(known=100))
def test_what_would_not_be_asked_is_left_out(case: tuple[Protocol, Plain]) -> None:
    """Only answers are left out, and none to a question without a condition."""
    protocol, body = case
    kept = as_asked(Evaluator(protocol), body)
    assert kept.items() <= body["answers"].items()
    always = {question.key for question in protocol.questions if question.relevant is None}
    assert always & body["answers"].keys() <= kept.keys()
