"""Requests that were answered already, by the key that their sender gave them."""

from sqlalchemy import func, select

from app.store.db import WriteSession
from app.store.models import Submission


def submission(session: WriteSession, *, key: str) -> Submission | None:
    """The answer that was given, if it was. The same request sent twice at once takes turns here.

    On SQLite all writers take turns; on PostgreSQL a lock on the key is held until the transaction ends.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(bytes.fromhex(key[:16]), signed=True))))
    return session.get(Submission, key)
