"""The encoding for the solver and the reference engine say the same of any participant whose dates are exact."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import TODAY, Plain, bodies, cases, protocols

from app.rules.calendar import Unit, back
from app.rules.codec import protocol_from_plain
from app.rules.evaluate import Context, decide
from app.rules.facts import ANCHORS, Age, Choice, Date, Dates, Integer, Many, Number
from app.rules.finding import rules_of
from app.rules.participant import InvalidParticipant, read_participant
from app.rules.protocol import Cohort, Protocol, Question
from app.rules.tree import COMPARISONS, UNITS, Rule, walk
from app.rules.truth import FALSE, TRUE
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


def rules(protocol: Protocol) -> Iterator[tuple[Rule, Cohort | None]]:
    """Every rule that stands anywhere, for the cohorts for which it is decided."""
    whole: list[tuple[Rule, Cohort | None]] = [(term.rule, None) for term in protocol.terms]
    whole += [(question.relevant, None) for question in protocol.questions if question.relevant is not None]
    for criterion in protocol.criteria:
        whole += [(rule, cohort) for rule in rules_of(criterion, None) for cohort in (None, *protocol.cohorts)]
    for cohort in protocol.cohorts:
        whole += [(rule, cohort) for rule in (cohort.admits, *[rule for _, rule in cohort.parts])]
    return ((rule, cohort) for top, cohort in whole for rule in walk(top))


def assert_agreement(protocol: Protocol, body: Plain) -> None:
    """Every rule, criterion, group and cohort comes to the same; the participant comes back as given."""
    participant = read_participant(protocol, body, TODAY)
    elsewhere = Dates(date(2020, 1, 1), date(2020, 1, 1), date(2020, 1, 1))
    encoding = Encoding(protocol, [elsewhere, participant.dates])
    encoding.domain.append(encoding.calendar == 1)
    model = model_of(encoding, body)
    engine = Evaluator(protocol, remember=0)
    compare(encoding, model, engine.evaluate(participant))
    world = engine.world(participant)
    for rule, cohort in rules(protocol):
        truth = decide(rule, Context(protocol, world, cohort))
        said = [z3.is_true(model.eval(side, model_completion=True)) for side in encoding.truth(rule, cohort)]
        assert said == [truth is TRUE, truth is FALSE], rule
    back = read_participant(protocol, body_of(encoding, model), TODAY)
    known = {key: value for key, value in participant.answers.items() if value is not None}
    assert (back.dates, back.answers) == (participant.dates, known)


@given(protocols(), st.data())
def test_P17_every_rule_and_outcome_is_the_engines(protocol: Protocol, data: st.DataObject) -> None:
    """On complete files and on files that lack answers."""
    for known in (100, 70):
        body = exactly(data.draw(bodies(protocol, known)))
        with suppress(InvalidParticipant):  # the first day of the year may be that of an age that does not fit
            assert_agreement(protocol, body)


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("limit", [-2, 0, 2, 2.5, 3, 7, 8.5])
@pytest.mark.parametrize(
    "type_", [{"type": "integer", "min": 0, "max": 8, "step": 2}, {"type": "number", "min": 0, "max": 8}]
)
def test_numbers_at_their_limits(comparison: str, limit: float, type_: Plain) -> None:
    protocol = asking({"n": type_}, {"compare": ["n", comparison, limit]})
    values = [0, 2, 4, 8] if "step" in type_ else [0, 1.999, 2, 2.001, 2.5, 3, 7, 8]
    for value in values:
        assert_agreement(protocol, {"answers": {"n": value}, **on(date(2026, 3, 1))})


@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("consent", [date(2024, 2, 29), date(2025, 2, 28), date(2025, 3, 1), date(2026, 11, 22)])
def test_ages_at_their_birthdays(comparison: str, consent: date) -> None:
    """By the birth date, the day before, on and after each birthday that counts; and as a stated number."""
    born: Plain = {"type": "date", "not_after": "consent_date", "alternative": "age"}
    protocol = asking(
        {"born": born, "age": {"type": "age", "min": 0, "max": 120, "birth_date": "born"}},
        {"compare": ["age", comparison, 18]},
    )
    for years in (18, 19):
        for days in (-2, -1, 0, 1, 2):
            day = back(consent, years, "years") + timedelta(days)
            assert_agreement(protocol, {"answers": {"born": day.isoformat()}, **on(consent)})
    for age in (17, 17.9, 18, 18.5, 19):
        assert_agreement(protocol, {"answers": {"age": age}, **on(consent)})


@pytest.mark.parametrize("comparison", ["<", ">="])
@pytest.mark.parametrize("amount", [0, 1, 6])
@pytest.mark.parametrize("unit", UNITS)
def test_windows_at_their_edges(comparison: str, amount: int, unit: Unit) -> None:
    for anchor in (date(2024, 2, 29), date(2026, 8, 31)):
        protocol = asking({"d": {"type": "date"}}, {"elapsed": ["d", comparison, amount, unit, "as_of"]})
        for days in (-1, 0, 1):
            day = back(anchor, amount, unit) + timedelta(days)
            assert_agreement(protocol, {"answers": {"d": day.isoformat()}, **on(anchor)})


def asking(facts: Plain, rule: Plain) -> Protocol:
    """A protocol with these facts, of which one criterion asks for the rule."""
    words = {"section": "s", "text": "What?", "label": "Fact", "why": "It counts.", "can_change": "time"}
    return protocol_from_plain(
        {
            "nct_id": "NCT00000000",
            "sections": [{"key": "s", "title": "Section"}],
            "questions": [{"key": key, **words, **type_} for key, type_ in facts.items()],
            "criteria": [
                {"code": "I1", "kind": "inclusion", "title": "T", "statement": "S.", "place": "P", "rule": rule}
            ],
            "cohorts": [{"code": "c", "title": "C", "admits": {"always": True}}],
        }
    )


def on(day: date) -> Plain:
    return {name: day.isoformat() for name in ANCHORS}


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
