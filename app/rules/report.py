"""A verdict as JSON, in the shape of the API's contract (version 1).

The bytes are put together from pieces, because most pieces recur from one participant to the next.
The same verdict always gives the same bytes, whatever is remembered.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from app.rules import explain
from app.rules.calendar import PartialDate
from app.rules.edit_checks import Raised
from app.rules.evaluate import Context, World, number_reads
from app.rules.explain import GAP
from app.rules.facts import to_json
from app.rules.memory import Memory
from app.rules.protocol import Criterion, Protocol
from app.rules.tree import ReadingHolds, walk
from app.rules.verdict import CohortVerdict, Line, Missing, Result, Verdict

REMEMBERED = 65_536


def report(verdict: Verdict, head: bytes) -> bytes:
    """The JSON object of a verdict. `head` are its first members, written as JSON without braces."""
    return Reporter(verdict.protocol, head).report(verdict)


def dumps(plain: object) -> bytes:
    """Compact JSON in UTF-8."""
    return _ENCODER.encode(plain).encode()


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False)


class Reporter:
    """Writes the verdicts under one protocol, and remembers the pieces that recur.

    All participants with the same ruling share a form; with the same values in its gaps as well, they
    share the piece itself.
    """

    def __init__(self, protocol: Protocol, head: bytes) -> None:
        self._protocol = protocol
        self._head = b"{" + head
        self._cohorts = {c.code: dumps({"code": c.code, "title": c.title})[:-1] + b"," for c in protocol.cohorts}
        self._questions = {q.key: dumps({"fact": q.key, "question": q.text})[:-1] for q in protocol.questions}
        self._forms: Memory[_Form] = Memory(REMEMBERED)
        self._pieces: Memory[bytes] = Memory(REMEMBERED)

    def report(self, verdict: Verdict) -> bytes:
        """The JSON object of a verdict."""
        dates, context = verdict.participant.dates, verdict.context
        return b"".join(
            (
                self._head,
                f',"as_of":"{dates.as_of}","consent_date":"{dates.consent_date}"'.encode(),
                f',"first_dose_date":"{dates.first_dose_date}","verdict":"{verdict.decision}","summary":'.encode(),
                dumps(explain.summary(verdict)),
                b',"cohorts":[',
                b",".join([self._cohort(cohort, context) for cohort in verdict.cohorts]),
                b'],"groups":',
                dumps(verdict.groups),
                b',"criteria":[',
                b",".join([self._criterion(line, context) for line in verdict.lines]),
                b'],"missing":[',
                b",".join([self._missing(missing) for missing in verdict.missing]),
                b'],"depends_on":',
                _codes(verdict.depends_on),
                b',"review":',
                _codes(verdict.review),
                b',"queries":',
                dumps([query_plain(query) for query in verdict.queries]) if verdict.queries else b"[]",
                b"}",
            )
        )

    def _criterion(self, line: Line, context: Context) -> bytes:
        form = self._forms.get(line) or self._forms.keep(line, _Form(self._protocol, _plain(line, context)))
        if line.may_pass:
            return form.filled(context, _passing(line, context))
        key = (line, form.pick(context.world))
        return self._pieces.get(key) or self._pieces.keep(key, form.filled(context))

    def _cohort(self, cohort: CohortVerdict, context: Context) -> bytes:
        return b'%b"verdict":"%b","reasons":%b,"open":%b,"admission":%b}' % (
            self._cohorts[cohort.cohort.code],
            cohort.verdict.encode(),
            _codes(cohort.reasons),
            _codes(cohort.open),
            self._admission(cohort, context),
        )

    def _admission(self, cohort: CohortVerdict, context: Context) -> bytes:
        admits = cohort.admits
        form = self._forms.get(admits) or self._forms.keep(admits, _Form(self._protocol, _plain_admission(cohort)))
        key = (admits, form.pick(context.world))
        return self._pieces.get(key) or self._pieces.keep(key, form.filled(context))

    def _missing(self, missing: Missing) -> bytes:
        return self._pieces.get(missing) or self._pieces.keep(
            missing,
            b'%b,"criteria":%b,"cohorts":%b}'
            % (self._questions[missing.fact], _codes(missing.criteria), _codes(missing.cohorts)),
        )


class _Form:
    """A piece of the report with gaps for the participant's own values.

    `%(name)b` stands where a value belongs in words, `%(=name)b` where it belongs in JSON. `pick` gives
    all values on which the filled piece depends.
    """

    __slots__ = ("_gaps", "_template", "pick")

    def __init__(self, protocol: Protocol, plain: object) -> None:
        found: dict[str, None] = {}

        def opened(gap: re.Match[bytes]) -> bytes:
            name = gap[1] or gap[2]
            found.setdefault(name.decode())
            return b"%%(%b)b" % name

        self._template = _GAP.sub(opened, dumps(plain).replace(b"%", b"%%"))
        self._gaps = [gap for gap in found if not gap.startswith("=@")]
        names = dict.fromkeys(name for gap in self._gaps for name in _read_by(protocol, gap))
        self.pick: Callable[[World], object] = itemgetter(*names) if names else _nothing

    def filled(self, context: Context, more: Mapping[bytes, bytes] = MappingProxyType({})) -> bytes:
        """The piece with the participant's values; `more` fills the gaps that are no values."""
        return self._template % {**{gap.encode(): _filling(gap, context) for gap in self._gaps}, **more}


def _read_by(protocol: Protocol, gap: str) -> Iterable[str]:
    """The names on whose values a gap's filling depends."""
    return number_reads(protocol, gap) if gap in protocol.question_by_key else (gap.removeprefix("="),)


def _nothing(world: World) -> object:
    return None


def _filling(gap: str, context: Context) -> bytes:
    if gap.startswith("="):
        value = context.world[gap[1:]]
        return dumps(value.text if isinstance(value, PartialDate) else value)
    return dumps(explain.gap_words(gap, context))[1:-1]


PASSES, CHANGES = "=@passes_from", "=@can_change"  # no fact is called so
_GAP = re.compile(rb'(?<!\\)(?:"\\u0000(=@?\w+)\\u0000"|\\u0000(\w+)\\u0000)')


def _passing(line: Line, context: Context) -> Mapping[bytes, bytes]:
    """From which day a failure passes as time goes on; the day is the participant's own."""
    finding = Result(line, context).deciding[0]
    day = finding.passes_from
    return {
        PASSES.encode(): b"null" if day is None else dumps(day.isoformat()),
        CHANGES.encode(): dumps(finding.ruling.can_change if day is None else "time"),
    }


def _plain_admission(cohort: CohortVerdict) -> dict[str, Any]:
    return {"outcome": cohort.admits.outcome, "reason": explain.reason_form(cohort.admission)}


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
        "can_change": _gap(CHANGES) if line.may_pass else can_change,
        "passes_from": _gap(PASSES) if line.may_pass else None,
    }
    if "" not in line.rulings:
        plain["by_cohort"] = {code: ruling.outcome for code, ruling in line.rulings.items()}
    return plain


def query_plain(raised: Raised) -> dict[str, Any]:
    """A raised edit check as plain data."""
    facts = {fact: to_json(value) for fact, value in raised.facts.items()}
    return {"code": raised.code, "message": raised.message, "facts": facts}


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
