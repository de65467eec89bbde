"""The screening log leaves the house: exports, prints and the address of a person's calendar."""

import secrets
from collections.abc import Iterable
from datetime import datetime

from app.access import Principal
from app.actions.record import record
from app.store import accounts
from app.store.db import WriteSession
from app.store.models import Event
from app.store.queries import token_hash


def export_log(
    session: WriteSession, *, site_id: int, form: str, count: int, filters: Iterable[str], at: datetime, who: Principal
) -> Event:
    """Record that the log of a site was taken out: in which form, how many rows, by which filters (their names)."""
    detail = {"form": form, "count": count, "filters": sorted(filters)}
    return record(session, at, who.actor, "log.exported", "site", site_id, detail, site_id=site_id)


def renew_calendar(session: WriteSession, *, account_id: int, at: datetime) -> str:
    """Give a person's calendar a new address; its token is kept nowhere, and the one before opens nothing any more."""
    token = secrets.token_urlsafe(32)
    account = accounts.account(session, account_id)
    account.calendar_hash = token_hash(token)
    session.flush()
    record(session, at, accounts.actor_of(account_id), "account.calendar_renewed", "account", account_id, {})
    return token


def stop_calendar(session: WriteSession, *, account_id: int, at: datetime) -> None:
    """Close a person's calendar, if there is one."""
    account = accounts.account(session, account_id)
    if account.calendar_hash is None:
        return
    account.calendar_hash = None
    session.flush()
    record(session, at, accounts.actor_of(account_id), "account.calendar_stopped", "account", account_id, {})
