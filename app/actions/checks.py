"""Answering: quick checks, which anyone may begin, and the answers, dates and results of every screening."""

import json
import secrets
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete, select

from app.actions.record import record
from app.errors import Conflict, Invalid, NotFound
from app.store import queries
from app.store.db import WriteSession
from app.store.models import Answer, QuestionRow, Screening


class Started(NamedTuple):
    """A new screening and the token that opens it, which is kept nowhere."""

    screening: Screening
    token: str


def start_quick_check(
    session: WriteSession, *, nct_id: str, at: datetime, as_of: date, hours: int, actor: str
) -> Started:
    """Begin a check by the version in force now; it stays with that version and expires after `hours`."""
    version = queries.current_version(session, nct_id)
    token = secrets.token_urlsafe(32)
    screening = Screening(
        token_hash=queries.token_hash(token),
        protocol_id=version.id,
        kind="quick",
        created_at=at,
        expires_at=at + timedelta(hours=hours),
        version=1,
        as_of=as_of,
        answers=[],
    )
    session.add(screening)
    session.flush()  # its id is needed for the event
    detail = {"nct_id": nct_id, "protocol_version": version.version}
    record(session, at, actor, "screening.started", "screening", screening.id, detail)
    return Started(screening, token)


def give_answers(
    session: WriteSession,
    *,
    screening: Screening,
    answers: Mapping[str, Any],
    at: datetime,
    actor: str,
    source: str,
    dates: Mapping[str, date | None] | None = None,
    result: str | None = None,
    version: int | None = None,
) -> None:
    """Save these answers (None: asked, and not known) and leave the others; and the dates given.

    `screening` comes from `queries.screening` in the same session. `answers` are raw JSON values, which
    the caller has checked. `dates` may name as_of, consent_date and first_dose_date. `result` is the
    evaluation of all answers, these included; without it, the old one is dropped as out of date.
    `version` is the one the person had before them: Conflict if the screening has moved on.
    """
    check_open(screening, at, version)
    check_facts(session, screening, answers)
    changed = sorted(fact for fact, raw in answers.items() if put_answer(screening, fact, raw, source, at, actor))
    moved = move_dates(screening, dates or {})
    if changed or moved or result != screening.result:
        _changed(session, screening, at, actor, "screening.answered", {"facts": changed, "dates": moved}, result)


def set_dates(
    session: WriteSession,
    *,
    screening: Screening,
    dates: Mapping[str, date | None],
    at: datetime,
    actor: str,
    result: str | None = None,
    version: int | None = None,
) -> None:
    """Save the dates named: as_of, consent_date, first_dose_date; the others stay."""
    check_open(screening, at, version)
    moved = move_dates(screening, dates)
    if moved or result != screening.result:
        _changed(session, screening, at, actor, "screening.dated", {"dates": moved}, result)


def forget_answer(
    session: WriteSession,
    *,
    screening: Screening,
    fact: str,
    at: datetime,
    actor: str,
    result: str | None = None,
    version: int | None = None,
) -> None:
    """Take an answer back, as if the question had not been asked."""
    check_open(screening, at, version)
    kept = [answer for answer in screening.answers if answer.fact != fact]
    if len(kept) < len(screening.answers):
        screening.answers = kept
        _changed(session, screening, at, actor, "screening.answer_forgotten", {"facts": [fact]}, result)


def record_result(session: WriteSession, *, screening: Screening, result: str, at: datetime, actor: str) -> None:
    """Keep the canonical JSON of the evaluation of what is answered so far."""
    check_open(screening, at, None)
    if result != screening.result:
        _changed(session, screening, at, actor, "screening.evaluated", {}, result)


def delete_check(session: WriteSession, *, screening: Screening, at: datetime, actor: str) -> None:
    """Delete a quick check and its answers before it expires."""
    check_open(screening, at, None)
    session.delete(screening)
    record(session, at, actor, "screening.deleted", "screening", screening.id, {})


def purge_expired(session: WriteSession, *, at: datetime, actor: str) -> int:
    """Delete the quick checks that have expired, with their answers; gives their number."""
    expired = (Screening.kind == "quick", Screening.expires_at <= at)
    ids = session.scalars(select(Screening.id).where(*expired).order_by(Screening.id).with_for_update()).all()
    if ids:
        session.execute(delete(Answer).where(Answer.screening_id.in_(select(Screening.id).where(*expired))))
        session.execute(delete(Screening).where(*expired))
    for identity in ids:
        record(session, at, actor, "screening.purged", "screening", identity, {})
    return len(ids)


def check_open(screening: Screening, at: datetime, version: int | None) -> None:
    """Refuse a screening that has expired (NotFound) or has moved on since the version that is meant (Conflict)."""
    if screening.expires_at is not None and screening.expires_at <= at:
        raise NotFound("no such screening, or it has expired")
    if version is not None and version != screening.version:
        raise Conflict("the screening was changed in the meantime")


def check_facts(session: WriteSession, screening: Screening, answers: Mapping[str, Any]) -> None:
    """Refuse facts that the screening's protocol does not ask for."""
    asked = session.scalars(select(QuestionRow.key).where(QuestionRow.protocol_id == screening.protocol_id))
    unknown = sorted(answers.keys() - set(asked))
    if unknown:
        raise Invalid([(fact, "is not asked by this protocol") for fact in unknown])


def put_answer(screening: Screening, fact: str, raw: Any, source: str, at: datetime, actor: str) -> bool:
    """Save one answer; gives whether that changed anything."""
    value = None if raw is None else json.dumps(raw, allow_nan=False)
    answer = next((answer for answer in screening.answers if answer.fact == fact), None)
    if answer is None:
        screening.answers.append(Answer(fact=fact, value=value, source=source, at=at, actor=actor))
        return True
    if (answer.value, answer.source) == (value, source):
        return False
    answer.value, answer.source, answer.at, answer.actor = value, source, at, actor
    return True


def move_dates(screening: Screening, dates: Mapping[str, date | None]) -> list[str]:
    """Set the dates given; gives the names of those that changed."""
    moved = sorted(name for name, day in dates.items() if getattr(screening, name) != day)
    for name in moved:
        setattr(screening, name, dates[name])
    return moved


def _changed(
    session: WriteSession,
    screening: Screening,
    at: datetime,
    actor: str,
    action: str,
    detail: dict[str, Any],
    result: str | None,
) -> None:
    """Count the version up, replace the result and write the event."""
    screening.version += 1
    screening.result, screening.result_at = result, None if result is None else at
    record(session, at, actor, action, "screening", screening.id, {**detail, "version": screening.version})
