"""Accounts and how their people come in: invitations, sessions, roles, keys for programs."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import update

from app.access import ROLES, SITE_ROLES, Role
from app.actions.record import record
from app.errors import Conflict, Invalid
from app.store import accounts
from app.store.db import WriteSession
from app.store.models import Account, ApiKey, Grant, Login
from app.store.queries import token_hash

LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{2,99}")


def create_account(
    session: WriteSession, *, login: str, name: str, grants: Sequence[tuple[Role, int | None]], at: datetime, actor: str
) -> Account:
    """Add a person, who cannot sign in before an invitation is taken up. Invalid; Conflict where the login is taken."""
    complaints = []
    if not LOGIN.fullmatch(login.lower()):
        complaints.append(("login", "must be 3 to 100 letters, digits or . _ @ + -, beginning with a letter or digit"))
    if not name.strip() or len(name) > 100 or not name.isprintable():
        complaints.append(("name", "must be a name of at most 100 characters"))
    complaints += check_grants(grants)
    if complaints:
        raise Invalid(complaints)
    if accounts.account_by_login(session, login) is not None:
        raise Conflict("this login is taken")
    account = Account(login=login.lower(), name=name.strip(), created_at=at)
    account.grants = [Grant(role=role, site_id=site_id) for role, site_id in grants]
    session.add(account)
    session.flush()  # its id is needed for the event
    record(session, at, actor, "account.created", "account", account.id, {"grants": [list(grant) for grant in grants]})
    return account


def check_grants(grants: Sequence[tuple[str, int | None]]) -> list[tuple[str, str]]:
    """What is wrong with roles: each of a site needs one, the others are everywhere."""
    wrong = []
    for role, site_id in grants:
        if role not in ROLES:
            wrong.append(("role", f"must be one of {', '.join(ROLES)}"))
        elif (role in SITE_ROLES) != (site_id is not None):
            wrong.append(("site", f"must {'' if role in SITE_ROLES else 'not '}be given for the role {role}"))
    return wrong


def begin_login(
    session: WriteSession,
    *,
    account: Account,
    at: datetime,
    hours: int,
    address: str = "",
    browser: str = "",
    proved_at: datetime | None = None,
) -> str:
    """Open a session; gives its token, which is kept nowhere. `proved_at` says when the second factor was given."""
    token = secrets.token_urlsafe(32)
    session.add(
        Login(
            token_hash=token_hash(token),
            account_id=account.id,
            created_at=at,
            seen_at=at,
            expires_at=at + timedelta(hours=hours),
            proved_at=proved_at,
            address=address,
            browser=browser[:200],
        )
    )
    record(session, at, accounts.actor_of(account.id), "account.signed_in", "account", account.id, {})
    return token


def see_login(session: WriteSession, *, token_hash: str, at: datetime) -> None:
    """Keep when a session was last used. No event: it changes nothing that anybody decides on."""
    session.execute(update(Login).where(Login.token_hash == token_hash, Login.seen_at < at).values(seen_at=at))


def see_key(session: WriteSession, *, key_id: int, at: datetime) -> None:
    """Keep when a key was last used. No event, as above."""
    session.execute(update(ApiKey).where(ApiKey.id == key_id).values(used_at=at))
