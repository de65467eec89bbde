"""The screenings of a site: begun, answered, confirmed, moved through the states of the log.

Every action takes the `version` that the person had before them (None: whatever it is now) and raises Conflict where
the screening has moved on. Values and texts stand in the events' contents, which can be erased; details name them.
"""

import re
import secrets
import string
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, select, update

from app.access import Principal
from app.actions.checks import check_facts, check_open, move_dates, put_answer
from app.actions.record import record, take_turn
from app.errors import Conflict, Invalid, NotFound
from app.lifecycle import BY_VERDICT, CHANGE_REASONS, NEXT, REASONS, by_verdict, needs_reason
from app.store import accounts, queries
from app.store.db import WriteSession
from app.store.models import (
    Decision,
    Event,
    EventContent,
    Note,
    Screening,
    ScreeningReason,
    SiteRow,
    Tally,
)

REFERENCE_LENGTH = 12
REFERENCE_LETTERS = string.ascii_lowercase + string.digits
SUBJECT_CODE = re.compile(r"[A-Z0-9]{1,12}(-[A-Z0-9]{1,12}){0,3}")
RECORD_NUMBER = re.compile(r"[0-9]{9,}")
NOTE_LENGTH = 2_000


class Outcome(NamedTuple):
    """What the answers come to: the canonical JSON, and of it what the log is searched and counted by.

    `reasons` are the codes of the criteria that exclude, the first one first; `passes_from` is the first day on which
    all of them have passed, where time alone does that; `is_over` says that nothing is left to ask.
    """

    result: str
    verdict: str
    reasons: tuple[str, ...]
    passes_from: date | None
    is_over: bool


class SubjectTaken(Conflict):
    """The site has a screening with this subject code."""


def start_screening(
    session: WriteSession,
    *,
    nct_id: str,
    site_id: int,
    subject_code: str,
    at: datetime,
    as_of: date,
    who: Principal,
) -> Screening:
    """Begin a screening at a site, by the version in force now, with which it stays.

    Invalid where the subject code may say who the person is; SubjectTaken where the site has it already.
    """
    code = subject_code.strip().upper()
    complaint = subject_complaint(code)
    if complaint:
        raise Invalid([("subject_code", complaint)])
    version = queries.current_version(session, nct_id)
    if session.get(SiteRow, site_id) is None:
        raise NotFound("no such site")
    taken = select(Screening.id).where(Screening.site_id == site_id, Screening.subject_code == code)
    if session.scalar(taken) is not None:
        raise SubjectTaken("this site has a screening with this subject code")
    screening = Screening(
        kind="site",
        reference="".join(secrets.choice(REFERENCE_LETTERS) for _ in range(REFERENCE_LENGTH)),
        protocol_id=version.id,
        site_id=site_id,
        subject_code=code,
        created_at=at,
        created_by=who.actor,
        updated_at=at,
        assigned_to=who.account_id,
        status="pre_screening",
        status_at=at,
        version=1,
        as_of=as_of,
        answers=[],
        reasons=[],
    )
    session.add(screening)
    session.flush()  # its id is needed for the event
    _count(session, screening, "status", ["pre_screening"], 1)
    detail = {"nct_id": nct_id, "protocol_version": version.version, "subject_code": code}
    record(session, at, who.actor, "screening.started", "screening", screening.id, detail, site_id=site_id)
    return screening


def subject_complaint(code: str) -> str | None:
    """What is wrong with a subject code: it must not look like a name, an address, a phone or a record number."""
    if "@" in code:
        return "looks like an e-mail address; give the code of the subject, such as DE01-0042"
    if RECORD_NUMBER.search(re.sub(r"[\s()+./-]", "", code)):
        return "looks like a phone or record number; give the code of the subject, such as DE01-0042"
    if not SUBJECT_CODE.fullmatch(code):
        return "must be letters and digits in up to four groups joined by hyphens, such as DE01-0042"
    if not re.search(r"[0-9]", code):
        return "must hold a digit, and never a name or initials alone; give a code such as DE01-0042"
    return None


def answer_screening(
    session: WriteSession,
    *,
    screening: Screening,
    answers: Mapping[str, Any],
    outcome: Outcome,
    at: datetime,
    who: Principal,
    source: str,
    dates: Mapping[str, date | None] | None = None,
    reason: str | None = None,
    version: int | None = None,
) -> None:
    """Save answers (None: asked, and not known) and dates, and what all of them, these included, come to.

    A value that stood already needs a `reason` (of CHANGE_REASONS) to be changed; Invalid without one. One that was not
    known, or not asked yet, does not.
    """
    check_open(screening, at, version)
    check_facts(session, screening, answers)
    before = {one.fact: one.raw for one in screening.answers}
    corrected = sorted(fact for fact, raw in answers.items() if before.get(fact) not in (None, raw))
    if corrected and reason not in CHANGE_REASONS:
        raise Invalid([(fact, "was answered before; say why it is changed") for fact in corrected])
    dated = {name: getattr(screening, name) for name in dates or {}}
    changed = sorted(fact for fact, raw in answers.items() if put_answer(screening, fact, raw, source, at, who.actor))
    moved = move_dates(screening, dates or {})
    if not (changed or moved or screening.result != outcome.result):
        return
    content = {
        "answers": {fact: [before.get(fact), answers[fact]] for fact in changed},
        "first": [fact for fact in changed if fact not in before],
        "dates": {name: [_day(dated[name]), _day(getattr(screening, name))] for name in moved},
    }
    detail = {"facts": changed, "dates": moved, "source": source}
    _save(session, screening, outcome, at)
    given = reason if corrected else None
    _record(session, screening, at, who, "screening.answered", detail, reason=given, content=content)


def set_status(
    session: WriteSession,
    *,
    screening: Screening,
    status: str,
    reason: str | None,
    outcome: Outcome,
    at: datetime,
    who: Principal,
    version: int | None = None,
) -> None:
    """Move a screening to another state. `pre_screening` means: back to what the verdict (`outcome`) says.

    Invalid where the state does not follow the present one, or needs a reason and has none.
    """
    check_open(screening, at, version)
    before = str(screening.status)
    if status not in NEXT[before]:
        raise Invalid([("status", f"must be one of {', '.join(NEXT[before])}")])
    codes = REASONS.get(status, {})
    if needs_reason(before, status) and reason not in codes:
        raise Invalid([("reason", f"must be one of {', '.join(codes)}")])
    if reason is not None and reason not in codes:
        raise Invalid([("reason", f"must be one of {', '.join(codes)}")])
    after = by_verdict(outcome.verdict, outcome.is_over) if status == "pre_screening" else status
    screening.version += 1
    _enter(session, screening, after, reason, at)
    _record(session, screening, at, who, "screening.moved", {"from": before, "to": after}, reason=reason)


def assign(
    session: WriteSession,
    *,
    screening: Screening,
    account_id: int | None,
    at: datetime,
    who: Principal,
    version: int | None = None,
) -> None:
    """Give a screening to a person of its site, or to nobody."""
    check_open(screening, at, version)
    assert screening.site_id is not None
    if account_id is not None and account_id not in dict(accounts.people_of(session, screening.site_id)):
        raise Invalid([("assigned_to", "must be somebody who works at the site")])
    if account_id == screening.assigned_to:
        return
    detail = {"from": screening.assigned_to, "to": account_id}
    screening.assigned_to, screening.updated_at = account_id, at
    screening.version += 1
    _record(session, screening, at, who, "screening.assigned", detail)


def look_again(
    session: WriteSession,
    *,
    screening: Screening,
    on: date | None,
    at: datetime,
    who: Principal,
    version: int | None = None,
) -> None:
    """Choose the day on which to look at a screening again; None: the one that its reasons name, if any."""
    check_open(screening, at, version)
    day = on or screening.passes_from
    if day == screening.look_again_on:
        return
    detail = {"from": _day(screening.look_again_on), "to": _day(day), "chosen": on is not None}
    screening.look_again_on, screening.updated_at = day, at
    screening.version += 1
    _record(session, screening, at, who, "screening.look_again", detail)


def add_note(session: WriteSession, *, screening: Screening, text: str, at: datetime, who: Principal) -> Note:
    """Add a remark. The screening's version stays: what a physician signed is not touched by it."""
    check_open(screening, at, None)
    kept = text.strip()
    if not kept or len(kept) > NOTE_LENGTH or not kept.replace("\n", "").replace("\r", "").isprintable():
        raise Invalid([("text", f"must be a text of at most {NOTE_LENGTH} characters")])
    if "@" in kept or RECORD_NUMBER.search(re.sub(r"[\s()+./-]", "", kept)):
        raise Invalid([("text", "must not hold an e-mail address, a phone number or a record number")])
    if who.account_id is None:
        raise Invalid([("text", "can be added by a person only")])
    content = {"text": kept}
    event = _record(session, screening, at, who, "screening.noted", {"length": len(kept)}, content=content)
    note = Note(screening_id=screening.id, at=at, account_id=who.account_id, text=kept, event_seq=event.seq)
    session.add(note)
    session.flush()
    return note


def erase_note(
    session: WriteSession, *, screening: Screening, note_id: int, reason: str, at: datetime, who: Principal
) -> None:
    """Erase the text of a remark, here and in the audit trail, which keeps that and why it was erased."""
    note = session.get(Note, note_id, with_for_update=True)
    if note is None or note.screening_id != screening.id or note.text is None:
        raise NotFound("no such note")
    note.text, note.erased_at = None, at
    session.flush()
    redact(session, seq=note.event_seq, reason=reason, at=at, actor=who.actor, site_id=screening.site_id)


ERASURE_REASONS = ("identifies_somebody", "wrong_participant", "not_needed")


def redact(
    session: WriteSession, *, seq: int, reason: str, at: datetime, actor: str, site_id: int | None = None
) -> None:
    """Erase the content of an event for good. The event itself stays, and a new one says so."""
    if reason not in ERASURE_REASONS:
        raise Invalid([("reason", f"must be one of {', '.join(ERASURE_REASONS)}")])
    if session.get(EventContent, seq) is None:
        raise NotFound("no such content")
    record(session, at, actor, "event.redacted", "event", seq, {}, site_id=site_id, reason=reason)
    session.execute(delete(EventContent).where(EventContent.seq == seq))


def sign_verdict(
    session: WriteSession,
    *,
    screening: Screening,
    meaning: str,
    verdict: str,
    reason: str | None,
    signed_hash: str,
    at: datetime,
    who: Principal,
    version: int,
) -> Decision:
    """A physician's signature: the verdict is confirmed, or overridden by another one with a reason.

    `signed_hash` is that of the record as it stands (`store.screenings.record_hash`). A later change of answers or
    dates voids the signature.
    """
    check_open(screening, at, version)
    if meaning not in ("confirmed", "overridden") or who.account_id is None:
        raise Invalid([("meaning", "must be confirmed or overridden, by a person")])
    if (meaning == "confirmed") != (verdict == screening.verdict):
        raise Invalid([("verdict", "must be another one than the rules come to, or be confirmed as it is")])
    if meaning == "overridden" and not 10 <= len((reason or "").strip()) <= NOTE_LENGTH:
        raise Invalid([("reason", f"must be given in 10 to {NOTE_LENGTH} characters")])
    _void(session, screening, at)
    screening.version += 1
    if screening.status in BY_VERDICT:
        _enter(session, screening, verdict, None, at)
    decision = Decision(
        screening_id=screening.id,
        at=at,
        account_id=who.account_id,
        name=who.name,
        meaning=meaning,
        verdict=verdict,
        reason=(reason or "").strip() or None,
        screening_version=version,
        signed_hash=signed_hash,
    )
    session.add(decision)
    detail = {"meaning": meaning, "verdict": verdict, "name": who.name, "hash": signed_hash}
    content = None if decision.reason is None else {"text": decision.reason}
    _record(session, screening, at, who, "screening.signed", detail, content=content)
    return decision


def view_screening(
    session: WriteSession, *, screening_id: int, site_id: int | None, at: datetime, who: Principal
) -> None:
    """Record that somebody looked at a screening."""
    record(session, at, who.actor, "screening.viewed", "screening", screening_id, {}, site_id=site_id)


def read_audit(session: WriteSession, *, at: datetime, who: Principal) -> None:
    """Record that somebody read the audit trail."""
    record(session, at, who.actor, "audit.read", "account", who.account_id or 0, {})


def _save(session: WriteSession, screening: Screening, outcome: Outcome, at: datetime) -> None:
    """Bring what the log is searched by up to date with the answers, and void what was signed before."""
    screening.version += 1
    screening.result, screening.result_at = outcome.result, at
    screening.updated_at = at
    _void(session, screening, at)
    was = [one.code for one in screening.reasons]
    if was != list(outcome.reasons):
        _count(session, screening, "any", was, -1)
        _count(session, screening, "first", was[:1], -1)
        kept = {one.code: one for one in screening.reasons}
        screening.reasons = [
            kept.get(code) or ScreeningReason(code=code, position=position)
            for position, code in enumerate(outcome.reasons)
        ]
        for position, one in enumerate(screening.reasons):
            one.position = position
        _count(session, screening, "any", outcome.reasons, 1)
        _count(session, screening, "first", outcome.reasons[:1], 1)
    screening.verdict = outcome.verdict
    if screening.look_again_on in (None, screening.passes_from):
        screening.look_again_on = outcome.passes_from
    screening.passes_from = outcome.passes_from
    if screening.status in BY_VERDICT:
        _enter(session, screening, by_verdict(outcome.verdict, outcome.is_over), None, at)


def _enter(session: WriteSession, screening: Screening, status: str, reason: str | None, at: datetime) -> None:
    """Put a screening into a state, and count it there."""
    if status != screening.status:
        _count(session, screening, "status", [str(screening.status)], -1)
        _count(session, screening, "status", [status], 1)
        screening.status_at = at
    screening.status, screening.status_reason, screening.updated_at = status, reason, at


def _void(session: WriteSession, screening: Screening, at: datetime) -> None:
    signed = Decision.screening_id == screening.id, Decision.voided_at.is_(None)
    session.execute(update(Decision).where(*signed).values(voided_at=at))


def _count(session: WriteSession, screening: Screening, measure: str, codes: Sequence[str], by: int) -> None:
    """Count a screening in or out, where the charts look."""
    assert screening.site_id is not None
    take_turn(session)  # two that count the first one of a month at once would both add the row
    month = f"{screening.created_at:%Y-%m}"
    for code in sorted(codes):
        key = {"site_id": screening.site_id, "month": month, "measure": measure, "code": code}
        found = session.get(Tally, key, with_for_update=True)
        if found is None:
            session.add(Tally(**key, number=by))
        else:
            found.number += by
    session.flush()


def _record(
    session: WriteSession,
    screening: Screening,
    at: datetime,
    who: Principal,
    action: str,
    detail: dict[str, Any],
    *,
    reason: str | None = None,
    content: object = None,
) -> Event:
    full = {**detail, "version": screening.version}
    return record(
        session,
        at,
        who.actor,
        action,
        "screening",
        screening.id,
        full,
        site_id=screening.site_id,
        reason=reason,
        content=content,
    )


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
