"""Answers kept for a day, so that what is sent again is answered alike and done once."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select

from app.store.db import WriteSession
from app.store.models import Submission

KEPT = timedelta(hours=24)


def keep_submission(
    session: WriteSession,
    *,
    key: str,
    fingerprint: str,
    at: datetime,
    status: int,
    location: str | None,
    etag: str | None,
    body: str,
) -> None:
    """Keep the answer to a request, in the transaction that did what it asks. No event: that has one of its own."""
    session.add(
        Submission(key=key, fingerprint=fingerprint, at=at, status=status, location=location, etag=etag, body=body)
    )
    session.flush()


def forget_submissions(session: WriteSession, *, at: datetime) -> int:
    """Delete the answers that are older than a day; gives their number. They are copies of what is kept elsewhere."""
    old = Submission.at <= at - KEPT
    number = session.scalar(select(func.count()).select_from(Submission).where(old)) or 0
    session.execute(delete(Submission).where(old))
    return number
