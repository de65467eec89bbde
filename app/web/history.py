"""What was done: a screening's history in sentences, and the audit trail for those who read all of it.

Whoever looks at a record, or reads the trail, is recorded in it, once in a while. Nothing else is written here.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.access import EVERYWHERE, Principal, Sites
from app.errors import Forbidden, Invalid
from app.lifecycle import CHANGE_REASONS, REASONS, STATUS_WORDS
from app.rules import explain
from app.rules.calendar import read_date
from app.rules.facts import Dates, Refusal
from app.rules.participant import read_answer
from app.rules.protocol import Protocol
from app.rules.words import N_, _, current, date_words
from app.store import audit, queries, screenings
from app.store.audit import Entry
from app.store.db import ReadSession
from app.store.models import Event
from app.web.access import need, signed_in
from app.web.deps import App
from app.web.forms import DATE_LABELS
from app.web.pages import Parts
from app.web.render import moment
from app.web.screenings import ERASURE_WORDS
from app.web.site import site_page
from app.web.viewing import record_reading, record_view

router = APIRouter()
Auditor = Annotated[Principal, need("audit:read")]
SIZE = 50


# A SCREENING'S HISTORY


@dataclass(frozen=True)
class Change:
    """One value that was given or changed; nothing before it where it is the first."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Told:
    """An entry as a page tells it: a sentence, and what belongs to it.

    `signed` is a signature's own line; `erased` says who took the content away, when and why.
    """

    seq: int
    at: str
    sentence: str
    changes: tuple[Change, ...] = ()
    text: str = ""
    reason: str = ""
    signed: str = ""
    erased: str = ""


@router.get("/screenings/{reference}/history")
def history(reference: str, app: Parts, who: Annotated[Principal, signed_in], request: Request) -> Response:
    """All that was done with a screening, the newest first: for its site, and for auditors."""
    with app.database.read() as session:
        row = screenings.screening(session, reference=reference, sites=readable(who))
    record_view(app, row, who)
    published = app.library.in_language(row.protocol_id, current().language)
    with app.database.read() as session:
        entries = audit.history(session, row.id)
        names = names_in(session, entries)
        site = site_numbers(app, session)[row.site_id or 0]
    subject = {"code": row.subject_code, "status": row.status, "status_words": _(STATUS_WORDS[str(row.status)])}
    may_open = who.may("screening:read", row.site_id)
    return site_page(
        app,
        request,
        who,
        "history.html",
        200,
        published,
        subject=subject,
        site=site,
        entries=told(entries, published.protocol, names),
        back=f"/screenings/{reference}" if may_open else f"/audit?{urlencode({'subject': str(row.subject_code)})}",
    )


def site_numbers(app: App, session: ReadSession) -> dict[int, str]:
    """The trial's sites by id, each by its number and name."""
    found = queries.site_names(session, app.nct_id)
    return {site.id: f"{site.number} {site.name or site.city}".strip() for site in found}


def readable(who: Principal) -> Sites:
    """The sites whose histories somebody may read. Forbidden where there is none."""
    sites = EVERYWHERE if who.may("audit:read") else who.sites("screening:read")
    if sites is not EVERYWHERE and not sites:
        raise Forbidden("the permission is missing")
    return sites


def names_in(session: ReadSession, entries: Iterable[Entry]) -> Mapping[str, str]:
    """The names of all whom entries name, by how they name them."""
    named = {entry.event.actor for entry in entries}
    named |= {f"account {one}" for entry in entries for one in _assigned(entry.event) if one is not None}
    return audit.names(session, named)


def _assigned(event: Event) -> tuple[Any, Any]:
    is_assigned = event.action == "screening.assigned"
    return (event.detail.get("from"), event.detail.get("to")) if is_assigned else (None, None)


def told(entries: list[Entry], protocol: Protocol, names: Mapping[str, str]) -> list[Told]:
    """The entries of one screening in sentences."""
    erasures = {entry.event.subject_id: entry.event for entry in entries if entry.event.action == audit.REDACTED}
    return [_told(entry, protocol, names, erasures.get(entry.event.seq)) for entry in entries]


def _told(entry: Entry, protocol: Protocol, names: Mapping[str, str], erasure: Event | None) -> Told:
    event = entry.event
    content = entry.content or {}
    return Told(
        seq=event.seq,
        at=moment(event.at),
        sentence=sentence(event, names),
        changes=tuple(changes(content, protocol)),
        text=str(content.get("text", "")),
        reason=reason_words(event),
        signed=_signed(event),
        erased="" if erasure is None else _erased(erasure, names),
    )


def changes(content: Mapping[str, Any], protocol: Protocol) -> Iterable[Change]:
    """The values of an entry, each with its question's label, before and after."""
    first = set(content.get("first", ()))
    for fact, (before, after) in content.get("answers", {}).items():
        question = protocol.question_by_key.get(fact)
        label = fact if question is None else question.label
        earlier = "" if fact in first else raw_words(protocol, fact, before)
        yield Change(label, earlier, raw_words(protocol, fact, after))
    for name, (before, after) in content.get("dates", {}).items():
        yield Change(_(DATE_LABELS[name]) if name in DATE_LABELS else name, _day(before), _day(after))


NO_LIMIT: Final = Dates(date.max, date.max, date.max)  # a value is told as it was given, whatever the dates are now


def raw_words(protocol: Protocol, fact: str, raw: object) -> str:
    """A raw answer in words; as it stands where the question does not know it."""
    question = protocol.question_by_key.get(fact)
    if question is None:
        return json.dumps(raw, ensure_ascii=False)
    try:
        return explain.value_words(question, read_answer(question, raw, NO_LIMIT))
    except Refusal:
        return json.dumps(raw, ensure_ascii=False)


def _day(text: str | None) -> str:
    day = read_date(text) if text else None
    return _("no day") if day is None else date_words(day)


ACTIONS: Final[Mapping[str, str]] = {
    "screening.started": N_("{who} began the screening of {code} under version {version} of the rules."),
    "screening.answered": N_("{who} gave answers."),
    "screening.corrected": N_("{who} changed answers."),
    "screening.dated": N_("{who} changed the dates of the evaluation."),
    "screening.evaluated": N_("{who} had the verdict worked out again."),
    "screening.moved": N_("{who} moved it from “{before}” to “{after}”."),
    "screening.assigned": N_("{who} gave it to {person}."),
    "screening.look_again": N_("{who} set the day to look again: {day}."),
    "screening.noted": N_("{who} wrote a note."),
    "screening.signed": N_("{who} signed the verdict."),
    "screening.viewed": N_("{who} looked at the record."),
    "event.redacted": N_("{who} erased the content of entry {number} for good."),
}


def sentence(event: Event, names: Mapping[str, str]) -> str:
    """What was done, and by whom, in a sentence."""
    detail = event.detail
    words = ACTIONS.get(_kind(event))
    who = names.get(event.actor, event.actor)
    if words is None:
        return _("{label}: {value}", label=who, value=action_words(event.action))
    person = names.get(f"account {detail['to']}", "") if detail.get("to") else _("nobody")
    return _(
        words,
        who=who,
        code=detail.get("subject_code", ""),
        version=detail.get("protocol_version", ""),
        before=_status(detail.get("from")),
        after=_status(detail.get("to")),
        person=person,
        day=_day(detail.get("to")) if event.action == "screening.look_again" else "",
        number=event.subject_id,
    )


def _kind(event: Event) -> str:
    """An answer that stood before and was changed has a reason; where only dates moved, the dates did."""
    if event.action != "screening.answered":
        return event.action
    if event.reason is not None:
        return "screening.corrected"
    if not event.detail.get("facts"):
        return "screening.dated" if event.detail.get("dates") else "screening.evaluated"
    return event.action


def _status(code: object) -> str:
    return _(STATUS_WORDS[code]) if isinstance(code, str) and code in STATUS_WORDS else ""


def reason_words(event: Event) -> str:
    """The coded reason of an entry in words; nothing where it has none."""
    if event.reason is None:
        return ""
    found = {**ERASURE_WORDS, **CHANGE_REASONS}
    if event.action == "screening.moved":
        found = {**REASONS["pre_screening"], **REASONS.get(str(event.detail.get("to")), {})}
    return _(found[event.reason]) if event.reason in found else event.reason


def _signed(event: Event) -> str:
    """The line of a signature: by whom, when, and what it means."""
    if event.action != "screening.signed":
        return ""
    confirmed = _("Signed by {name} on {moment}. Meaning: confirms the verdict “{verdict}”.")
    overridden = _("Signed by {name} on {moment}. Meaning: overrides the verdict; it is “{verdict}”.")
    words = confirmed if event.detail.get("meaning") == "confirmed" else overridden
    verdict = _status(event.detail.get("verdict"))
    return words.format(name=event.detail.get("name", ""), moment=moment(event.at), verdict=verdict)


def _erased(erasure: Event, names: Mapping[str, str]) -> str:
    return _(
        "Erased by {name} on {moment}: {reason}.",
        name=names.get(erasure.actor, erasure.actor),
        moment=moment(erasure.at),
        reason=current().lower(reason_words(erasure)),
    )


def action_words(action: str) -> str:
    """A kind of entry as it is listed: screening, answered."""
    return action.replace(".", ", ").replace("_", " ")


# THE AUDIT TRAIL


@dataclass(frozen=True)
class Line:
    """An entry in the list of all: `href` leads to the history of the screening that it is about."""

    seq: int
    at: str
    who: str
    sentence: str
    subject: str
    href: str
    site: str
    reason: str


@dataclass(frozen=True)
class Filters:
    """The filters as they stand in the address."""

    action: str
    actor: str
    site: str
    subject: str
    since: str
    until: str

    @property
    def query(self) -> dict[str, str]:
        """What of them is set."""
        return {name: value for name, value in vars(self).items() if value}


@router.get("/audit")
def trail(app: Parts, who: Auditor, request: Request) -> Response:
    """The entries of the audit trail, the newest first, by what is asked for."""
    given = (request.query_params.get(name, "").strip() for name in Filters.__dataclass_fields__)
    filters = Filters(*(text if text.isprintable() else "" for text in given))  # PostgreSQL looks no NUL up
    record_reading(app, who)
    errors: dict[str, str] = {}
    with app.database.read() as session:
        wanted = _wanted(session, filters, errors)
        number = {name: _number(request.query_params.get(name, "")) for name in ("before", "after")}
        page = audit.page(session, wanted, size=SIZE, **number) if not errors else audit.Page([], None, None)
        names = names_in(session, page.entries)
        sites = site_numbers(app, session)
        lines = _lines(session, page.entries, names, sites)
        context: dict[str, object] = {
            "head": audit.head(session),
            "kinds": [(action, action_words(action)) for action in audit.actions(session)],
            "people": audit.people(session),
        }
    return site_page(
        app,
        request,
        who,
        "audit.html",
        422 if errors else 200,
        **context,
        filters=filters,
        errors=errors,
        has_errors=bool(errors),
        entries=lines,
        sites=list(sites.items()),
        older=_href(filters, before=page.older),
        newer=_href(filters, after=page.newer),
    )


@router.get("/audit/verify")
def verify(app: Parts, who: Auditor, request: Request) -> Response:
    """Walk the whole trail now, and say whether it is whole; an anchor shows whether its end was cut off."""
    record_reading(app, who)
    typed, errors, expect = request.query_params.get("expect", "").strip(), dict[str, str](), None
    try:
        expect = audit.anchor(typed) if typed else None
    except Invalid:
        errors["expect"] = _("Anchor: give the number of an entry, a colon and 64 characters, as it was printed")
    found = None
    if not errors:
        with app.database.read() as session:
            found = audit.verify(session, app.database.audit_key, expect)
    shown = {"found": found, "at": app.clock(), "expect": typed, "errors": errors, "has_errors": bool(errors)}
    return site_page(app, request, who, "audit_verify.html", 422 if errors else 200, **shown)


def _wanted(session: ReadSession, filters: Filters, errors: dict[str, str]) -> audit.Wanted:
    since, until = _moment(filters, "since", errors), _moment(filters, "until", errors)
    subject_id = audit.screening_id(session, filters.subject) if filters.subject else None
    if filters.subject and subject_id is None:
        errors["subject"] = _("Subject code: there is no such screening")
    return audit.Wanted(
        action=filters.action or None,
        actor=filters.actor or None,
        site_id=_number(filters.site),
        subject_type="screening" if filters.subject else None,
        subject_id=subject_id,
        since=since,
        until=None if until is None else until + timedelta(days=1),
    )


def _moment(filters: Filters, name: str, errors: dict[str, str]) -> datetime | None:
    """The first moment of a day, in UTC."""
    text = getattr(filters, name)
    day = read_date(text) if text else None
    if text and day is None:
        label = {"since": _("From"), "until": _("To")}[name]
        errors[name] = _("{label} must be a date such as 2026-11-27", label=label)
    return None if day is None else datetime.combine(min(day, date(9000, 1, 1)), time(), UTC)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _href(filters: Filters, **place: int | None) -> str:
    """The address of other entries by the same filters; none where there are none."""
    found = {name: str(number) for name, number in place.items() if number is not None}
    return f"/audit?{urlencode({**filters.query, **found})}" if found else ""


def _lines(
    session: ReadSession, entries: list[Entry], names: Mapping[str, str], sites: Mapping[int, str]
) -> list[Line]:
    events = [entry.event for entry in entries]
    known = audit.references(session, [event.subject_id for event in events if event.subject_type == "screening"])
    accounts = audit.names(session, {f"account {event.subject_id}" for event in events})
    return [_line(event, names, sites, known, accounts) for event in events]


def _line(
    event: Event,
    names: Mapping[str, str],
    sites: Mapping[int, str],
    known: Mapping[int, tuple[str, str]],
    accounts: Mapping[str, str],
) -> Line:
    reference, code = known.get(event.subject_id, ("", "")) if event.subject_type == "screening" else ("", "")
    subject = code or f"{event.subject_type} {event.subject_id}"
    if event.subject_type == "account":
        subject = accounts.get(subject, subject)
    if event.subject_type == "event":
        subject = _("entry {number}", number=event.subject_id)
    return Line(
        seq=event.seq,
        at=moment(event.at),
        who=names.get(event.actor, event.actor),
        sentence=sentence(event, names),
        subject=subject,
        href=f"/screenings/{reference}/history" if reference else "",
        site="" if event.site_id is None else sites.get(event.site_id, ""),
        reason=reason_words(event),
    )
