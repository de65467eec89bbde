"""A verdict as JSON, in the shape of the API's contract (version 1).

The bytes are put together from pieces, because most pieces recur from one participant to the next.
The same verdict always gives the same bytes, whatever is remembered.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

from app.rules import conditions, explain
from app.rules.calendar import PartialDate
from app.rules.edit_checks import Raised
from app.rules.evaluate import Context, World, number_reads, reads
from app.rules.exact import Exactness
from app.rules.explain import GAP
from app.rules.facts import ANCHORS, Choice, Integer, Many, YesNo, to_json
from app.rules.finding import rules_of
from app.rules.memory import Memory
from app.rules.protocol import Criterion, Protocol
from app.rules.tree import ReadingHolds, walk
from app.rules.verdict import CohortVerdict, Line, Missing, Result, Standing, Verdict
from app.rules.words import ENGLISH, speaking

REMEMBERED = 65_536
SHEETS_REMEMBERED = 8192


def report(verdict: Verdict, head: bytes) -> bytes:
    """The JSON object of a verdict. `head` are its first members, written as JSON without braces."""
    return Reporter(verdict.protocol, head).report(verdict)


def dumps(plain: object) -> bytes:
    """Compact JSON in UTF-8."""
    return _ENCODER.encode(plain).encode()


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False)


class Reporter:
    """Writes the verdicts under one protocol, and remembers the pieces that recur.

    All participants with the same ruling share a form. Its gaps for what is chosen (an option, yes or no) are
    filled once for all who chose the same; what is measured, and all dates, is filled in for each participant.
    Which forms there are, and all that has no gaps, is put together once for a sheet.
    """

    def __init__(self, protocol: Protocol, head: bytes) -> None:
        self._protocol = protocol
        self._head = b"{" + head
        self._questions = {q.key: dumps({"fact": q.key, "question": q.text})[:-1] for q in protocol.questions}
        self._forms: Memory[_Form] = Memory(REMEMBERED)
        self._pieces: Memory[bytes] = Memory(REMEMBERED)
        self._fillings: Memory[bytes] = Memory(REMEMBERED)
        self._written: Memory[_Written] = Memory(SHEETS_REMEMBERED)
        self._standings = [(STANDS + cohort.code).encode() for cohort in protocol.cohorts]
        gaps = [gap for name in (*protocol.question_by_key, *ANCHORS) for gap in (name, f"={name}")]
        self._gaps: dict[bytes, _Open | _InTime] = {
            gap.encode(): _Open(gap, itemgetter(*_read_by(protocol, gap))) for gap in gaps
        }
        for number, criterion in enumerate(protocol.criteria):
            names = itemgetter(*dict.fromkeys((*reads(protocol, rules_of(criterion, None)), *ANCHORS)))
            for gap in (PASSES, CHANGES):
                self._gaps[(gap + criterion.code).encode()] = _InTime(gap, number, names)

    def report(self, verdict: Verdict, exact: bool = False) -> bytes:
        """The JSON object of a verdict: in English, whatever language is spoken around it.

        `exact` adds the exact verdict, which takes as long as all the rest where this one is undetermined.
        """
        with speaking(ENGLISH):
            return self._report(verdict, exact)

    def _report(self, verdict: Verdict, exact: bool) -> bytes:
        sheet, context, dates, pieces = verdict.sheet, verdict.context, verdict.participant.dates, self._pieces
        written = self._written.get(sheet) or self._written.keep(sheet, self._write(verdict))
        criteria = [form.chosen(context, pieces) if form.has_choice else form.open for form in written.criteria]
        body = b'%b,"groups":%b,"criteria":[%b' % (
            written.cohorts.chosen(context, pieces),
            written.groups,
            b",".join(criteria),
        )
        fillings = dict(zip(self._standings, written.standings, strict=True))
        for gap, room in written.gaps:
            fillings[gap] = room.filling(verdict, self._fillings)
        return b"".join(
            (
                self._head,
                f',"as_of":"{dates.as_of}","consent_date":"{dates.consent_date}"'.encode(),
                f',"first_dose_date":"{dates.first_dose_date}",'.encode(),
                written.summary,
                self._exact(verdict) if exact else b"",
                b',"cohorts":',
                body % fillings,
                b'],"missing":[',
                b",".join(written.missing),
                written.ending,
                b"[%b]" % b",".join([self._query(raised) for raised in verdict.queries]) if verdict.queries else b"[]",
                b"}",
            )
        )

    def _write(self, verdict: Verdict) -> "_Written":
        """What all reports on a sheet share."""
        sheet = verdict.sheet
        cohorts, criteria = self._cohorts_form(verdict), self._criterion_forms(sheet.lines, verdict.context)
        gaps = dict.fromkeys(gap for form in (cohorts, *criteria) for gap in form.gaps)
        return _Written(
            summary=b'"verdict":"%b","summary":%b' % (sheet.decision.encode(), dumps(explain.summary(verdict))),
            cohorts=cohorts,
            standings=tuple([self._standing(standing) for standing in sheet.standings]),
            groups=dumps(sheet.groups),
            criteria=criteria,
            gaps=tuple([(gap, self._gaps[gap]) for gap in gaps if gap not in self._standings]),
            missing=tuple([self._pieces.get(missing) or self._missing(missing) for missing in sheet.missing]),
            ending=b'],"depends_on":%b,"review":%b,"queries":' % (_codes(sheet.depends_on), _codes(sheet.review)),
        )

    @cached_property
    def exactness(self) -> Exactness:
        """What finds exact verdicts under the protocol."""
        return Exactness(self._protocol)

    def _exact(self, verdict: Verdict) -> bytes:
        """The verdict that every completion of the missing answers agrees on, and why where this one waits."""
        decision = self.exactness.decision(verdict)
        return b',"exact":' + dumps({"verdict": decision, "note": conditions.decided_words(verdict, decision)})

    def _criterion_forms(self, lines: Iterable[Line], context: Context) -> tuple["_Form", ...]:
        forms = self._forms
        return tuple(
            [forms.get(line) or forms.keep(line, _Form(self._protocol, _plain(line, context))) for line in lines]
        )

    def _cohorts_form(self, verdict: Verdict) -> "_Form":
        """The list of cohorts; how each stands is a gap."""
        rulings = verdict.sheet.admissions.rulings
        found = self._forms.get(rulings)
        if found is not None:
            return found
        return self._forms.keep(rulings, _Form(self._protocol, [_plain_cohort(cohort) for cohort in verdict.cohorts]))

    def _standing(self, standing: Standing) -> bytes:
        """A cohort's verdict, and the members that follow it."""
        return self._pieces.get(standing) or self._pieces.keep(
            standing,
            b'"%b","reasons":%b,"open":%b'
            % (standing.verdict.encode(), _codes(standing.reasons), _codes(standing.open)),
        )

    def _missing(self, missing: Missing) -> bytes:
        return self._pieces.keep(
            missing,
            b'%b,"criteria":%b,"cohorts":%b}'
            % (self._questions[missing.fact], _codes(missing.criteria), _codes(missing.cohorts)),
        )

    def _query(self, raised: Raised) -> bytes:
        key = (raised.code, *raised.facts.items())
        return self._pieces.get(key) or self._pieces.keep(key, dumps(query_plain(raised)))


class _Form:
    """A piece of the report with gaps for the participant's own values.

    `%(name)b` stands where a value belongs in words, `%(=name)b` where it belongs in JSON.
    """

    __slots__ = ("_chosen", "_gapped", "_pick", "gaps", "has_choice", "open")

    def __init__(self, protocol: Protocol, plain: object) -> None:
        self._gapped = dumps(plain).replace(b"%", b"%%")
        found = dict.fromkeys((gap[1] or gap[2]).decode() for gap in _GAP.finditer(self._gapped))
        self._chosen = [gap for gap in found if _is_chosen(protocol, gap)]
        self.gaps = tuple([gap.encode() for gap in found if gap not in self._chosen])
        names = dict.fromkeys(gap.removeprefix("=") for gap in self._chosen)
        self._pick: Callable[[World], object] | None = itemgetter(*names) if names else None
        self.has_choice = bool(names)
        self.open = self._filled({})

    def chosen(self, context: Context, pieces: Memory[bytes]) -> bytes:
        """The form with what is chosen filled in; the other gaps, and doubled percent signs, stay."""
        if self._pick is None:
            return self.open
        key = (self, self._pick(context.world))
        return pieces.get(key) or pieces.keep(key, self._filled({gap: _filling(gap, context) for gap in self._chosen}))

    def _filled(self, fillings: Mapping[str, bytes]) -> bytes:
        def filled(gap: re.Match[bytes]) -> bytes:
            name = gap[1] or gap[2]
            filling = fillings.get(name.decode())
            return b"%%(%b)b" % name if filling is None else filling.replace(b"%", b"%%")

        return _GAP.sub(filled, self._gapped)


def _is_chosen(protocol: Protocol, gap: str) -> bool:
    question = protocol.question_by_key.get(gap.removeprefix("="))
    return question is not None and isinstance(question.type, YesNo | Choice | Many | Integer)


class _Open(NamedTuple):
    """A gap for an answer or a date, and what picks the values on which its filling depends."""

    gap: str
    pick: Callable[[World], object]

    def filling(self, verdict: Verdict, known: Memory[bytes]) -> bytes:
        """What belongs into the gap for a participant."""
        context = verdict.context
        key = (self.gap, self.pick(context.world))
        found = known.get(key)
        return found if found is not None else known.keep(key, _filling(self.gap, context))


class _InTime(NamedTuple):
    """A gap for what time may do to a failure of the criterion with this number."""

    gap: str
    number: int
    pick: Callable[[World], object]

    def filling(self, verdict: Verdict, known: Memory[bytes]) -> bytes:
        """What belongs into the gap for a participant."""
        context, line = verdict.context, verdict.lines[self.number]
        key = (self.gap, line, self.pick(context.world))
        found = known.get(key)
        return found if found is not None else known.keep(key, _passing(self.gap, line, context))


@dataclass(frozen=True, slots=True, eq=False)
class _Written:
    """What all reports on a sheet share: forms, the gaps that they leave, and what needs no filling."""

    summary: bytes
    cohorts: _Form
    standings: tuple[bytes, ...]
    groups: bytes
    criteria: tuple[_Form, ...]
    gaps: tuple[tuple[bytes, _Open | _InTime], ...]
    missing: tuple[bytes, ...]
    ending: bytes


def _read_by(protocol: Protocol, gap: str) -> Iterable[str]:
    """The names on whose values a gap's filling depends."""
    return number_reads(protocol, gap) if gap in protocol.question_by_key else (gap.removeprefix("="),)


def _filling(gap: str, context: Context) -> bytes:
    if gap.startswith("="):
        value = context.world[gap[1:]]
        return dumps(value.text if isinstance(value, PartialDate) else value)
    return dumps(explain.gap_words(gap, context))[1:-1]


PASSES, CHANGES, STANDS = "=@passes_from ", "=@can_change ", "=@stands "  # and a code; no fact is called so
_GAP = re.compile(rb'(?<!\\)(?:"\\u0000(=[^"\\]+)\\u0000"|\\u0000(\w+)\\u0000)')


def _passing(gap: str, line: Line, context: Context) -> bytes:
    """From which day a failure passes as time goes on, or by what it may; the day is the participant's own."""
    finding = Result(line, context).deciding[0]
    if gap == CHANGES:
        return dumps(finding.can_change)
    day = finding.passes_from
    return b"null" if day is None else dumps(day.isoformat())


def _plain_cohort(cohort: CohortVerdict) -> dict[str, Any]:
    """A cohort as plain data, with gaps."""
    return {
        "code": cohort.cohort.code,
        "title": cohort.cohort.title,
        "verdict": _gap(STANDS + cohort.cohort.code),
        "admission": {"outcome": cohort.admits.outcome, "reason": explain.reason_form(cohort.admission)},
    }


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
        "can_change": _gap(CHANGES + criterion.code) if line.may_pass else can_change,
        "passes_from": _gap(PASSES + criterion.code) if line.may_pass else None,
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
    leaves = [node.code for rule in criterion.rules for node in walk(rule) if isinstance(node, ReadingHolds)]
    return sorted({*criterion.readings, *leaves}, key=lambda code: (len(code), code))


def _codes(codes: Sequence[str]) -> bytes:
    """A list of codes or keys, which need no escaping."""
    return b'["%b"]' % '","'.join(codes).encode() if codes else b"[]"
