"""A verdict as JSON, in the shape of the API's contract (version 1).

The bytes are put together from pieces, because most pieces recur from one participant to the next.
The same verdict always gives the same bytes, whatever is remembered.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from app.rules import explain
from app.rules.calendar import PartialDate
from app.rules.evaluate import Context
from app.rules.explain import GAP
from app.rules.facts import Age, Date
from app.rules.memory import Memory
from app.rules.protocol import Criterion, Protocol
from app.rules.tree import ReadingHolds, walk
from app.rules.verdict import CohortVerdict, Line, Missing, Result, Verdict
from app.rules.words import ENGLISH, speaking

REMEMBERED = 16384


def report(verdict: Verdict, head: bytes) -> bytes:
    """The JSON object of a verdict. `head` are its first members, written as JSON without braces."""
    return Reporter(verdict.protocol, head).report(verdict)


def dumps(plain: object) -> bytes:
    """Compact JSON in UTF-8."""
    return _ENCODER.encode(plain).encode()


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False)


class Reporter:
    """Writes the verdicts under one protocol, and remembers the pieces that recur.

    For all participants with the same ruling there is one template: in it `%(name)b` stands where
    the participant's own value belongs in words, and `%(=name)b` where it belongs in JSON.
    """

    def __init__(self, protocol: Protocol, head: bytes) -> None:
        self._head = b"{" + head
        self._cohorts = {c.code: dumps({"code": c.code, "title": c.title})[:-1] + b"," for c in protocol.cohorts}
        self._questions = {q.key: dumps({"fact": q.key, "question": q.text})[:-1] for q in protocol.questions}
        self._templates: Memory[bytes] = Memory(REMEMBERED)
        self._fillings: dict[bytes, Memory[bytes]] = {}
        for question in protocol.questions:
            if not isinstance(question.type, Date | Age):  # which are said differently from date to date
                self._fillings |= {gap.encode(): Memory(REMEMBERED) for gap in (question.key, f"={question.key}")}

    def report(self, verdict: Verdict) -> bytes:
        """The JSON object of a verdict: in English, whatever language is spoken around it."""
        with speaking(ENGLISH):
            return self._report(verdict)

    def _report(self, verdict: Verdict) -> bytes:
        dates = verdict.participant.dates
        values = _Values(verdict.context, self._fillings)
        written = self._templates.get
        return b"".join(
            (
                self._head,
                f',"as_of":"{dates.as_of}","consent_date":"{dates.consent_date}"'.encode(),
                f',"first_dose_date":"{dates.first_dose_date}","verdict":"{verdict.decision}","summary":'.encode(),
                dumps(explain.summary(verdict)),
                b',"cohorts":[',
                b",".join([self._cohort(cohort, values) for cohort in verdict.cohorts]),
                b'],"groups":',
                dumps(verdict.groups),
                b',"criteria":[',
                b",".join(
                    [
                        self._in_time(line, verdict, values)
                        if line.may_pass
                        else (written(line) or self._criterion(line, verdict)) % values
                        for line in verdict.lines
                    ]
                ),
                b'],"missing":[',
                b",".join([self._missing(missing) for missing in verdict.missing]),
                b'],"depends_on":',
                _codes(verdict.depends_on),
                b',"review":',
                _codes(verdict.review),
                b"}",
            )
        )

    def _criterion(self, line: Line, verdict: Verdict) -> bytes:
        """The template of a criterion."""
        return self._templates.get(line) or self._templates.keep(line, _template(_plain(line, verdict.context)))

    def _in_time(self, line: Line, verdict: Verdict, values: "_Values") -> bytes:
        """A criterion whose failure may pass as time goes on. From which day is the participant's own."""
        finding = Result(line, verdict.context).deciding[0]
        day = finding.passes_from
        values[PASSES] = b"null" if day is None else dumps(day.isoformat())
        values[CHANGES] = dumps(finding.ruling.can_change if day is None else "time")
        return self._criterion(line, verdict) % values

    def _cohort(self, cohort: CohortVerdict, values: "_Values") -> bytes:
        admission = self._templates.get(cohort.admits) or self._templates.keep(
            cohort.admits,
            _template({"outcome": cohort.admits.outcome, "reason": explain.reason_form(cohort.admission)}),
        )
        decided = (cohort.verdict.encode(), _codes(cohort.reasons), _codes(cohort.open), admission % values)
        return b'%b"verdict":"%b","reasons":%b,"open":%b,"admission":%b}' % (
            self._cohorts[cohort.cohort.code],
            *decided,
        )

    def _missing(self, missing: Missing) -> bytes:
        waiting = (_codes(missing.criteria), _codes(missing.cohorts))
        return b'%b,"criteria":%b,"cohorts":%b}' % (self._questions[missing.fact], *waiting)


class _Values(dict[bytes, bytes]):
    """What fills a participant's templates; each value is worked out when it is first asked for."""

    def __init__(self, context: Context, recurring: dict[bytes, Memory[bytes]]) -> None:
        self.context, self.recurring = context, recurring

    def __missing__(self, gap: bytes) -> bytes:
        name = gap.decode()
        value = self.context.world[name.removeprefix("=")]
        recurring = self.recurring.get(gap)
        if recurring is None:
            filling = self._filling(name, value)
        else:
            filling = recurring.get(value) or recurring.keep(value, self._filling(name, value))
        self[gap] = filling
        return filling

    def _filling(self, name: str, value: Any) -> bytes:
        if name.startswith("="):
            return dumps(value.text if isinstance(value, PartialDate) else value)
        return dumps(explain.gap_words(name, self.context))[1:-1]


PASSES, CHANGES = b"=@passes_from", b"=@can_change"  # no fact is called so
_GAP = re.compile(rb'(?<!\\)(?:"\\u0000(=@?\w+)\\u0000"|\\u0000(\w+)\\u0000)')


def _template(plain: object) -> bytes:
    return _GAP.sub(lambda gap: b"%%(%b)b" % (gap[1] or gap[2]), dumps(plain).replace(b"%", b"%%"))


def _plain(line: Line, context: Context) -> dict[str, Any]:
    """A criterion as plain data, gaps where the participant's own values belong."""
    criterion, result = line.criterion, Result(line, context)
    facts = {fact: value for finding in result.deciding for fact, value in finding.facts.items()}
    # Where it fails for some cohorts only, nothing needs to change.
    can_change = result.deciding[0].ruling.can_change if line.outcome == "fail" else None
    plain = {
        "code": criterion.code,
        "kind": criterion.kind,
        "title": criterion.title,
        "outcome": line.outcome,
        "reason": explain.result_form(result),
        "facts": {fact: value if isinstance(value, bool) else _gap(f"={fact}") for fact, value in facts.items()},
        "readings": readings_of(criterion),
        "can_change": _gap(CHANGES.decode()) if line.may_pass else can_change,
        "passes_from": _gap(PASSES.decode()) if line.may_pass else None,
    }
    if "" not in line.rulings:
        plain["by_cohort"] = {code: ruling.outcome for code, ruling in line.rulings.items()}
    return plain


def _gap(name: str) -> str:
    return f"{GAP}{name}{GAP}"


def readings_of(criterion: Criterion) -> list[str]:
    """The readings that concern a criterion: those it names and those its rules hold."""
    rules = [criterion.rule, *([criterion.scope] if criterion.scope is not None else [])]
    leaves = [node.code for rule in rules for node in walk(rule) if isinstance(node, ReadingHolds)]
    return sorted({*criterion.readings, *leaves}, key=lambda code: (len(code), code))


def _codes(codes: Sequence[str]) -> bytes:
    """A list of codes or keys, which need no escaping."""
    return b'["%b"]' % '","'.join(codes).encode() if codes else b"[]"
