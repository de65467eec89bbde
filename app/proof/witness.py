"""From a model of the solver to a participant, and the comparison with the engine.

Every witness is evaluated by the reference engine as well; where z3 and the engine do not say the
same of every criterion, group and cohort, `Disagreement` is raised and nothing is reported.
"""

from datetime import date
from fractions import Fraction
from typing import Any

import z3

from app.proof.encode import Encoding, Formula, Outcomes, Pair, by_cohort
from app.proof.remark import Witness
from app.rules.evaluate import Context, decide
from app.rules.facts import ANCHORS, Choice, Date, Integer, Many
from app.rules.participant import read_participant
from app.rules.protocol import Question
from app.rules.truth import TRUE
from app.rules.verdict import Evaluator, Verdict

Plain = dict[str, Any]


class Disagreement(RuntimeError):
    """z3 and the reference engine say different things of one participant: one of them is wrong."""


def body_of(encoding: Encoding, model: z3.ModelRef) -> Plain:
    """The participant of a model as the body of a request, with the readings that the protocol has otherwise."""
    dates = encoding.calendars[_value(model, encoding.calendar)]
    answers = {
        question.key: _raw(question, encoding.values[question.key], model)
        for question in encoding.protocol.questions
        if _value(model, encoding.known[question.key])
    }
    readings = {
        code: _value(model, reading)
        for code, reading in encoding.readings.items()
        if _value(model, encoding.settled[code])
        and _value(model, reading) != encoding.protocol.reading_by_code[code].value
    }
    body: Plain = {"answers": answers, **{name: getattr(dates, name).isoformat() for name in ANCHORS}}
    return body | ({"readings": readings} if readings else {})


def _value(model: z3.ModelRef, formula: Formula) -> Any:
    value = model.eval(formula, model_completion=True)
    if z3.is_bool(value):
        return z3.is_true(value)
    if z3.is_int_value(value):
        return value.as_long()
    number = Fraction(value.numerator_as_long(), value.denominator_as_long())
    return int(number) if number.denominator == 1 else float(number)


def _raw(question: Question, variables: tuple[Formula, ...], model: z3.ModelRef) -> Any:
    values = [_value(model, variable) for variable in variables]
    match question.type:
        case Choice(options):
            return options[values[0]].value
        case Many(options):
            return [option.value for option, held in zip(options, values, strict=True) if held]
        case Integer(step=step):
            return values[0] * step
        case Date():
            return date.fromordinal(values[0]).isoformat()
    return values[0]


def compare(encoding: Encoding, model: z3.ModelRef, verdict: Verdict) -> None:
    """Hold what the model says of a participant against the engine's verdict. Raises Disagreement."""
    said = dict(_said(encoding, model))
    found = {
        **{f"group {code}": outcome for code, outcome in verdict.groups.items()},
        **{f"cohort {cohort.cohort.code}": cohort.verdict for cohort in verdict.cohorts},
        **{
            f"criterion {line.criterion.code} {code}": ruling.outcome
            for line in verdict.lines
            for code, ruling in line.rulings.items()
        },
    }
    differing = [
        f"{name}: z3 {said[name]}, engine {outcome}" for name, outcome in found.items() if said[name] != outcome
    ]
    if differing:
        raise Disagreement(f"{'; '.join(differing)}; {body_of(encoding, model)}")


def _said(encoding: Encoding, model: z3.ModelRef) -> Any:
    def holds(formula: Formula) -> bool:
        return _value(model, formula) is True

    def truth(pair: Pair) -> str:
        return "pass" if holds(pair.yes) else "fail" if holds(pair.no) else "unknown"

    def outcome(outcomes: Outcomes) -> str:
        named = {
            "not_applicable": outcomes.not_applicable,
            "pass": outcomes.passes,
            "fail": outcomes.fails,
        }
        return next((name for name, formula in named.items() if holds(formula)), "unknown")

    for group in encoding.protocol.groups:
        yield f"group {group.code}", truth(encoding.group(group.code))
    for cohort in encoding.protocol.cohorts:
        eligible, excluded = holds(encoding.eligible(cohort)), holds(encoding.excluded(cohort))
        decided = "likely_eligible" if eligible else "excluded" if excluded else "undetermined"
        yield f"cohort {cohort.code}", decided
    for criterion in encoding.protocol.criteria:
        for of in encoding.protocol.cohorts if by_cohort(criterion) else (None,):
            yield f"criterion {criterion.code} {of.code if of else ''}", outcome(encoding.outcomes(criterion, of))


def witness_of(engine: Evaluator, encoding: Encoding, model: z3.ModelRef) -> Witness:
    """The participant of a model, compared with the engine. Raises Disagreement.

    Answers to questions that are not asked of this participant, and readings, are left out where
    everything comes to the same without.
    """
    body = body_of(encoding, model)
    verdict = _evaluate(engine, body)
    compare(encoding, model, verdict)
    without: tuple[Plain, ...] = ({"answers": as_asked(engine, body)}, {"readings": {}})
    for shorter in without:
        short = _evaluate(engine, body | shorter)
        if _outcomes(short) == _outcomes(verdict):
            body, verdict = body | shorter, short
    reasons = {cohort.cohort.code: cohort.reasons or cohort.open for cohort in verdict.cohorts}
    plain = {name: given for name, given in body.items() if given or name == "answers"}
    return Witness(plain, verdict.decision, {code: codes for code, codes in reasons.items() if codes})


def _evaluate(engine: Evaluator, body: Plain) -> Verdict:
    return engine.evaluate(read_participant(engine.protocol, body, _as_of(body)))


def _as_of(body: Plain) -> date:
    return date.fromisoformat(body["as_of"])


def _outcomes(verdict: Verdict) -> list[str]:
    rulings = [ruling.outcome for line in verdict.lines for ruling in line.rulings.values()]
    return [*rulings, *[cohort.verdict for cohort in verdict.cohorts]]


def as_asked(engine: Evaluator, body: Plain) -> Plain:
    """The answers to the questions whose condition holds, given the answers before them."""
    given = read_participant(engine.protocol, body, _as_of(body))
    world = engine.world(given) | dict.fromkeys(given.answers)
    answers: Plain = {}
    for question in engine.protocol.questions:
        if question.key not in given.answers:
            continue
        if question.relevant is None or decide(question.relevant, Context(engine.protocol, world)) is TRUE:
            answers[question.key] = body["answers"][question.key]
            world[question.key] = given.answers[question.key]
    return answers
