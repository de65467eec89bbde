"""Who is who, as the database says: accounts, their sessions, and keys of programs. Nothing here changes anything."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from app.access import Permission, Principal, Role, permissions
from app.errors import NotFound, NotSignedIn
from app.store.db import ReadSession, is_writing
from app.store.models import (
    Account,
    ApiKey,
    Grant,
    Invitation,
    Login,
    LoginFailure,
    RecoveryCode,
    SiteRow,
)
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


# WHO COMES IN


def has_accounts(session: ReadSession) -> bool:
    """Whether there is any account at all."""
    return session.scalar(select(Account.id).limit(1)) is not None


def everyone(session: ReadSession) -> list[Account]:
    """All accounts with their grants, by name."""
    query = select(Account).options(selectinload(Account.grants)).order_by(Account.name, Account.id)
    return list(session.scalars(query))


def last_seen(session: ReadSession) -> dict[int, datetime]:
    """When each account was last signed in."""
    proved = select(Login.account_id, func.max(Login.seen_at)).where(Login.proved_at.is_not(None))
    return dict(session.execute(proved.group_by(Login.account_id)).all())


def administrators(session: ReadSession) -> set[int]:
    """Who can manage accounts: those with the role who are not disabled. Locked where the session writes."""
    query = select(Account.id).join(Grant).where(Grant.role == "administrator", Account.disabled_at.is_(None))
    return set(session.scalars(query.with_for_update(of=Account) if is_writing(session) else query))


def account_by_identity(session: ReadSession, *, issuer: str, subject: str) -> Account | None:
    """The account that a provider's sign-in opens, with its grants."""
    query = select(Account).where(Account.issuer == issuer, Account.subject == subject)
    return session.scalar(query.options(selectinload(Account.grants)))


def invited(session: ReadSession, *, token: str, at: datetime) -> Account:
    """Whose invitation a token is. NotFound where there is none, or it was used, replaced or has run out."""
    open_ = (
        Invitation.token_hash == token_hash(token),
        Invitation.used_at.is_(None),
        Invitation.expires_at > at,
        Account.disabled_at.is_(None),
    )
    found = session.scalar(select(Account).join(Invitation).where(*open_))
    if found is None:
        raise NotFound("no such invitation")
    return found


def open_invitations(session: ReadSession, at: datetime) -> dict[int, datetime]:
    """The accounts with a link that was not used yet, and until when it is good."""
    open_ = Invitation.used_at.is_(None), Invitation.expires_at > at
    return dict(session.execute(select(Invitation.account_id, Invitation.expires_at).where(*open_)).all())


def halfway(session: ReadSession, *, token: str, at: datetime) -> Login:
    """The session of somebody who gave the password and not the second factor yet. NotSignedIn."""
    query = select(Login).where(
        Login.token_hash == token_hash(token),
        Login.proved_at.is_(None),
        Login.ended_at.is_(None),
        Login.expires_at > at,
    )
    found = session.scalar(query)
    if found is None:
        raise NotSignedIn("no such session")
    return found


def logins(session: ReadSession, *, account_id: int, at: datetime, idle: timedelta) -> list[Login]:
    """The open sessions of an account, the one used last first."""
    query = select(Login).where(
        Login.account_id == account_id,
        Login.ended_at.is_(None),
        Login.proved_at.is_not(None),
        Login.expires_at > at,
        Login.seen_at > at - idle,
    )
    return list(session.scalars(query.order_by(Login.seen_at.desc(), Login.created_at.desc())))


def failures(session: ReadSession, *, subject: str, since: datetime) -> list[datetime]:
    """When attempts to sign in failed, in order."""
    query = select(LoginFailure.at).where(LoginFailure.subject == subject, LoginFailure.at > since)
    return list(session.scalars(query.order_by(LoginFailure.at)))


def recovery_codes_left(session: ReadSession, account_id: int) -> int:
    """How many recovery codes an account has left."""
    unused = RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None)
    return session.scalar(select(func.count()).select_from(RecoveryCode).where(*unused)) or 0


# SITES AND KEYS


def has_site(session: ReadSession, site_id: int) -> bool:
    """Whether there is such a site."""
    return session.get(SiteRow, site_id) is not None


def keys(session: ReadSession) -> list[ApiKey]:
    """All keys, the newest first."""
    return list(session.scalars(select(ApiKey).order_by(ApiKey.id.desc())))


def key(session: ReadSession, key_id: int) -> ApiKey:
    """A key, locked where the session writes. NotFound."""
    query = select(ApiKey).where(ApiKey.id == key_id)
    found = session.scalar(query.with_for_update() if is_writing(session) else query)
    if found is None:
        raise NotFound("no such key")
    return found


def active_keys(session: ReadSession, *, client: str, site_id: int, at: datetime) -> int:
    """How many keys of a client at a site are good. The site is locked where the session writes."""
    if is_writing(session):
        session.execute(select(SiteRow.id).where(SiteRow.id == site_id).with_for_update())
    active = ApiKey.client == client, ApiKey.site_id == site_id, ApiKey.revoked_at.is_(None), ApiKey.expires_at > at
    return session.scalar(select(func.count()).select_from(ApiKey).where(*active)) or 0
