"""A site's screenings as JSON: what programs may send, and what they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from app.actions.screenings import subject_complaint
from app.errors import Invalid
from app.lifecycle import CHANGE_REASONS, REASON_CODES, STATUSES
from app.rules.facts import ANCHORS
from app.rules.participant import NAME_SHOWN, InvalidParticipant
from app.rules.report import dumps
from app.store import queries, screenings
from app.store.db import ReadSession
from app.store.models import Screening, SiteRow
from app.web.deps import App
from app.web.published import Published

SOURCES = ("ehr", "imported")
Complaints = list[tuple[str, str]]


@dataclass(frozen=True)
class Answers:
    """Answers and dates that were sent, and checked one by one; None as a date: its default."""

    answers: Mapping[str, Any]
    dates: Mapping[str, date | None]
    source: str
    reason: str | None

    @property
    def plain(self) -> dict[str, Any]:
        """What was sent, as JSON."""
        return {"answers": dict(self.answers), "dates": {name: _day(day) for name, day in self.dates.items()}}

    def beside(self, screening: Screening) -> dict[str, Any]:
        """What stands in a screening now, all answers included."""
        dates = {name: _day(getattr(screening, name)) for name in ANCHORS}
        return {"version": screening.version, "answers": screening.raw_answers, "dates": dates}


class Move(NamedTuple):
    """A state that was sent, and why."""

    status: str
    reason: str | None

    @property
    def plain(self) -> dict[str, Any]:
        """What was sent, as JSON."""
        return self._asdict()

    def beside(self, screening: Screening) -> dict[str, Any]:
        """The state that a screening is in now."""
        return {"version": screening.version, "status": screening.status, "reason": screening.status_reason}


class New(NamedTuple):
    """A screening to begin."""

    subject_code: str
    as_of: date
    answers: Answers


# WHAT IS SENT


def read_new(published: Published, body: object, today: date) -> New:
    """The screening that a body says. Invalid, with every fault."""
    complaints: Complaints = []
    fields = _fields(body, ("subject_code", *ANCHORS, "answers", "source"), complaints)
    code = fields.get("subject_code")
    complaint = subject_complaint(code.strip().upper()) if isinstance(code, str) else "must be a text"
    complaints += [("subject_code", complaint)] if complaint else []
    given: dict[str, Any] = {name: fields[name] for name in ANCHORS if name in fields}
    answers, dates = _checked(published, given, fields.get("answers", {}), today, complaints)
    source = _source(fields, complaints)
    if complaints:
        raise Invalid(complaints)
    as_of = dates.pop("as_of", None) or today
    return New(str(code), as_of, Answers(answers, {n: day for n, day in dates.items() if day}, source, None))


def read_answers(published: Published, screening: Screening, body: object) -> Answers:
    """The answers and dates that a body says. Invalid, with every fault. Whether they go together is not looked at."""
    complaints: Complaints = []
    fields = _fields(body, ("answers", "dates", "reason", "source"), complaints)
    given = fields.get("dates", {})
    if not isinstance(given, dict) or not given.keys() <= set(ANCHORS):
        complaints.append(("dates", f"must be an object of {', '.join(ANCHORS)}"))
        given = {}
    if "as_of" in given and given["as_of"] is None:
        complaints.append(("as_of", "must be a date"))
    stored = {name: _day(getattr(screening, name)) for name in ANCHORS}
    answers, dates = _checked(published, stored | given, fields.get("answers", {}), screening.as_of, complaints)
    dates = {name: day for name, day in dates.items() if name in given}
    reason = fields.get("reason")
    if not (reason is None or (isinstance(reason, str) and reason in CHANGE_REASONS)):
        complaints.append(("reason", f"must be one of {', '.join(CHANGE_REASONS)}"))
    source = _source(fields, complaints)
    if complaints:
        raise Invalid(complaints)
    return Answers(answers, dates, source, reason)


def read_move(body: object) -> Move:
    """The state that a body says, and the reason. Invalid, with every fault."""
    complaints: Complaints = []
    fields = _fields(body, ("status", "reason"), complaints)
    status, reason = fields.get("status"), fields.get("reason")
    if status not in STATUSES:
        complaints.append(("status", f"must be one of {', '.join(STATUSES)}"))
    if reason not in (None, *REASON_CODES):
        complaints.append(("reason", f"must be one of {', '.join(REASON_CODES)}"))
    if complaints:
        raise Invalid(complaints)
    return Move(str(status), reason)


def _fields(body: object, names: tuple[str, ...], complaints: Complaints) -> dict[str, Any]:
    """The fields of a body, of which those with other names are complained of."""
    if not isinstance(body, dict):
        raise Invalid([("body", f"must be an object with {', '.join(names)}")])
    complaints += [(name[:NAME_SHOWN], f"is not accepted here; the body takes {', '.join(names)}")
                   for name in body if name not in names]  # fmt: skip
    return body


def _source(fields: Mapping[str, Any], complaints: Complaints) -> str:
    source = fields.get("source", SOURCES[0])
    if source not in SOURCES:
        complaints.append(("source", f"must be {' or '.join(SOURCES)}"))
    return str(source)


def _checked(
    published: Published, given: Mapping[str, Any], answers: object, today: date, complaints: Complaints
) -> tuple[dict[str, Any], dict[str, date | None]]:
    """Answers and dates, each of which is what the protocol takes."""
    try:
        dates = published.read({**given, "answers": answers}, today).dates
    except InvalidParticipant as error:
        complaints += error.complaints
        return {}, {}
    days = {name: None if raw is None else getattr(dates, name) for name, raw in given.items()}
    return dict(answers) if isinstance(answers, dict) else {}, days


# WHAT IS SHOWN


def etag_of(version: int, in_force: int) -> str:
    """The ETag of a screening: of its version, and of the protocol's version that is in force."""
    return f'"{version}.{in_force}"'


def shown(session: ReadSession, app: App, screening: Screening) -> tuple[str, bytes]:
    """The ETag and the JSON of a screening as it stands."""
    site = session.get(SiteRow, screening.site_id)
    assert site is not None
    own = queries.version(session, screening.protocol_id)
    published = app.library.by_id(screening.protocol_id)
    in_force = queries.current_version(session, published.trial.nct_id)
    plain = {
        "reference": screening.reference,
        "subject_code": screening.subject_code,
        "site": site.number,
        "status": screening.status,
        "status_reason": screening.status_reason,
        "verdict": screening.verdict,
        "look_again_on": _day(screening.look_again_on),
        "protocol": {"version": own.version, "hash": own.hash, "newer": in_force.version > own.version},
        "dates": {name: _day(getattr(screening, name)) for name in ANCHORS},
        "answers": {
            one.fact: {"value": one.raw, "source": one.source, "at": _time(one.at), "actor": one.actor}
            for one in sorted(screening.answers, key=lambda one: one.fact)
        },
        "signed": _signed(session, screening),
        "version": screening.version,
        "created_at": _time(screening.created_at),
        "updated_at": _time(screening.updated_at),
    }
    result = b"null" if screening.result is None else screening.result.encode()
    return etag_of(screening.version, in_force.version), dumps(plain)[:-1] + b',"evaluation":' + result + b"}"


def _signed(session: ReadSession, screening: Screening) -> dict[str, Any] | None:
    """The signature under the verdict, if one counts."""
    for one in screenings.decisions(session, screening.id):
        if one.voided_at is None:
            return {"meaning": one.meaning, "verdict": one.verdict, "name": one.name, "at": _time(one.at)}
    return None


def listed_plain(row: screenings.Listed) -> dict[str, Any]:
    """A screening in a list."""
    plain = row._asdict()
    del plain["id"]
    return plain | {
        "look_again_on": _day(row.look_again_on),
        "created_at": _time(row.created_at),
        "updated_at": _time(row.updated_at),
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
