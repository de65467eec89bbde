"""A verdict as JSON, in the shape of the API's contract (version 1).

The bytes are put together from pieces that are remembered per finding, because most pieces recur
from one participant to the next. The same verdict always gives the same bytes.
"""

import json
from functools import lru_cache
from typing import Any

from app.rules import explain
from app.rules.facts import to_json
from app.rules.finding import Finding, Outcome
from app.rules.protocol import Cohort, Criterion, Question
from app.rules.tree import ReadingHolds, walk
from app.rules.verdict import Result, Verdict


def report(verdict: Verdict, head: bytes) -> bytes:
    """The JSON object of a verdict. `head` are its first members, written as JSON without braces."""
    dates = verdict.participant.dates
    questions = verdict.protocol.question_by_key
    return b"".join(
        (
            b"{",
            head,
            f',"as_of":"{dates.as_of}","consent_date":"{dates.consent_date}"'.encode(),
            f',"first_dose_date":"{dates.first_dose_date}","verdict":"{verdict.decision}","summary":'.encode(),
            dumps(explain.summary(verdict)),
            b',"cohorts":[',
            b",".join([_cohort(c.cohort, c.verdict, c.reasons, c.open, c.admission) for c in verdict.cohorts]),
            b'],"groups":',
            dumps(dict(verdict.groups)),
            b',"criteria":[',
            b",".join([_criterion(result) for result in verdict.results]),
            b'],"missing":[',
            b",".join([_missing(questions[m.fact], m.criteria, m.cohorts) for m in verdict.missing]),
            b'],"depends_on":',
            dumps(verdict.depends_on),
            b',"review":',
            dumps(verdict.review),
            b"}",
        )
    )


def dumps(plain: object) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(plain, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()


@lru_cache(maxsize=4096)
def _cohort(
    cohort: Cohort, verdict: str, reasons: tuple[str, ...], waits: tuple[str, ...], admission: Finding
) -> bytes:
    return dumps(
        {
            "code": cohort.code,
            "title": cohort.title,
            "verdict": verdict,
            "reasons": reasons,
            "open": waits,
            "admission": {"outcome": admission.outcome, "reason": explain.reason(admission)},
        }
    )


def _criterion(result: Result) -> bytes:
    if "" in result.findings:
        return _single(result.findings[""])
    return _by_cohort(result.criterion, result.outcome, tuple(result.findings.values()), result.deciding)


@lru_cache(maxsize=16384)
def _single(finding: Finding) -> bytes:
    assert finding.criterion is not None
    return dumps(_plain(finding.criterion, finding.outcome, finding, explain.reason(finding)))


@lru_cache(maxsize=4096)
def _by_cohort(
    criterion: Criterion, outcome: Outcome, findings: tuple[Finding, ...], deciding: tuple[Finding, ...]
) -> bytes:
    per_cohort = {finding.cohort.code: finding for finding in findings if finding.cohort is not None}
    result = Result(criterion, outcome, per_cohort, deciding)
    plain = _plain(criterion, outcome, deciding[0], explain.result_reason(result))
    return dumps(plain | {"by_cohort": {code: finding.outcome for code, finding in per_cohort.items()}})


def _plain(criterion: Criterion, outcome: Outcome, finding: Finding, reason: str) -> dict[str, Any]:
    return {
        "code": criterion.code,
        "kind": criterion.kind,
        "title": criterion.title,
        "outcome": outcome,
        "reason": reason,
        "facts": {fact: to_json(value) for fact, value in finding.facts.items()},
        "readings": readings_of(criterion),
        "can_change": finding.can_change,
        "passes_from": finding.passes_from.isoformat() if finding.passes_from is not None else None,
    }


def readings_of(criterion: Criterion) -> list[str]:
    """The readings that concern a criterion: those it names and those its rules hold."""
    rules = [criterion.rule, *([criterion.scope] if criterion.scope is not None else [])]
    leaves = [node.code for rule in rules for node in walk(rule) if isinstance(node, ReadingHolds)]
    return sorted({*criterion.readings, *leaves}, key=lambda code: (len(code), code))


@lru_cache(maxsize=4096)
def _missing(question: Question, criteria: tuple[str, ...], cohorts: tuple[str, ...]) -> bytes:
    return dumps({"fact": question.key, "question": question.text, "criteria": criteria, "cohorts": cohorts})
