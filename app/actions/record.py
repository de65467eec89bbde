"""The one function that writes the audit trail: an event for each change, chained to the one before it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from app.store import chain
from app.store.db import WriteSession
from app.store.models import Event, EventContent

TURN = 5_086_316  # of the advisory lock on PostgreSQL; SQLite's writers take turns anyway


def record(
    session: WriteSession,
    at: datetime,
    actor: str,
    action: str,
    subject_type: str,
    subject_id: int,
    detail: Mapping[str, Any],
    *,
    site_id: int | None = None,
    reason: str | None = None,
    content: object = None,
) -> Event:
    """Append an event, after the change it tells of and in the same transaction.

    `detail` holds no value of a patient. Values and free texts go into `content` (plain data), which can be erased
    later (see `redact`). `reason` is a code. Rows that a transaction locks are locked before its first event.
    """
    last = _last(session)
    event = Event(
        seq=1 if last is None else last.seq + 1,
        at=at,
        actor=actor,
        action=action,
        subject_type=subject_type,
        subject_id=subject_id,
        site_id=site_id,
        detail=dict(detail),
        reason=reason,
    )
    event.previous = _before(session) if last is None or not last.hash else last.hash
    kept = (
        None
        if content is None
        else EventContent(seq=event.seq, salt=chain.new_salt(), text=chain.content_text(content))
    )
    event.content_hash = None if kept is None else chain.content_hash(kept.salt, kept.text)
    event.hash = chain.entry_hash(session.info["audit_key"], event.fields)
    session.add(event)
    session.flush()  # the change fails here, in the action that made it, not somewhere later
    if kept is not None:
        session.add(kept)
        session.flush()
    return event


def _content(seq: int, content: object) -> EventContent:
    return EventContent(seq=seq, salt=chain.new_salt(), text=chain.content_text(content))


def take_turn(session: WriteSession) -> None:
    """From here to its end, this transaction is the only one that records, or counts what was recorded."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(TURN)))


def _last(session: WriteSession) -> Event | None:
    """The last event; nobody else can append one before this transaction ends."""
    take_turn(session)
    return session.scalar(select(Event).order_by(Event.seq.desc()).limit(1))


def _before(session: WriteSession) -> str:
    """The seal over the events before the chain began."""
    return chain.seal(event.fields for event in session.scalars(select(Event).order_by(Event.seq)))
