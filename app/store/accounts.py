"""Who is who, as the database says: accounts, their sessions, and keys of programs. Nothing here changes anything."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from app.access import Permission, Principal, Role, permissions
from app.errors import NotFound, NotSignedIn
from app.store.db import ReadSession, is_writing
from app.store.models import Account, ApiKey, Grant, Login
from app.store.queries import token_hash


class SignedIn(NamedTuple):
    """An open session and whose it is."""

    principal: Principal
    token_hash: str
    seen_at: datetime
    proved_at: datetime | None


def signed_in(session: ReadSession, *, token: str, at: datetime, idle: timedelta) -> SignedIn:
    """The session that a token opens. NotSignedIn where there is none, or it was ended, idle or has run out."""
    query = (
        select(Login, Account)
        .join(Account, Account.id == Login.account_id)
        .where(
            Login.token_hash == token_hash(token),
            Login.ended_at.is_(None),
            Login.expires_at > at,
            Login.seen_at > at - idle,
            Account.disabled_at.is_(None),
        )
        .options(selectinload(Account.grants))
    )
    found = session.execute(query).first()
    if found is None:
        raise NotSignedIn("no such session")
    login, account = found
    return SignedIn(principal_of(account), login.token_hash, login.seen_at, login.proved_at)


def principal_of(account: Account) -> Principal:
    """What an account may do, by its grants."""
    held: Iterable[tuple[Role, int | None]] = [(grant.role, grant.site_id) for grant in account.grants]  # type: ignore[misc]
    return Principal(actor_of(account.id), account.name, permissions(held), account.id)


def actor_of(account_id: int) -> str:
    """How events name an account."""
    return f"account {account_id}"


def api_key(session: ReadSession, *, prefix: str) -> ApiKey | None:
    """The key that begins so, if there is one, whatever its state."""
    return session.scalar(select(ApiKey).where(ApiKey.prefix == prefix))


def program_of(key: ApiKey) -> Principal:
    """What a program may do with a key: its scopes, at its site."""
    scopes: list[Permission] = key.scopes  # type: ignore[assignment]
    return Principal(f"key {key.id}", key.client, {scope: frozenset({key.site_id}) for scope in scopes})


def account(session: ReadSession, account_id: int) -> Account:
    """An account with its grants, locked where the session writes. NotFound."""
    query = select(Account).where(Account.id == account_id).options(selectinload(Account.grants))
    found = session.scalar(query.with_for_update() if is_writing(session) else query)
    if found is None:
        raise NotFound("no such account")
    return found


def account_by_login(session: ReadSession, login: str) -> Account | None:
    """The account of a login name, with its grants; locked where the session writes."""
    query = select(Account).where(Account.login == login.lower()).options(selectinload(Account.grants))
    return session.scalar(query.with_for_update() if is_writing(session) else query)


def names(session: ReadSession, ids: Iterable[int]) -> dict[int, str]:
    """The names of accounts."""
    rows = session.execute(select(Account.id, Account.name).where(Account.id.in_(set(ids))))
    return {one: name for one, name in rows}  # noqa: C416


def people_of(session: ReadSession, site_id: int) -> list[tuple[int, str]]:
    """Who works at a site: ids and names, by name."""
    query = select(Account.id, Account.name).join(Grant).where(Grant.site_id == site_id, Account.disabled_at.is_(None))
    return [(one, name) for one, name in session.execute(query.distinct().order_by(Account.name))]
