"""People and programs of sites, for tests: hired without ceremony, and signed in by a session that is simply there."""

import secrets
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import select

from app import actions
from app.access import API_SCOPES, Principal, Role
from app.store import accounts
from app.store.db import Database
from app.store.models import ApiKey, SiteRow
from app.store.queries import token_hash


class Person(NamedTuple):
    """Somebody with an open session; `cookies` go with their requests."""

    principal: Principal
    cookies: dict[str, str]

    @property
    def headers(self) -> dict[str, str]:
        """The header of a browser that holds the cookies."""
        return {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}


def site_ids(database: Database) -> list[int]:
    """The sites of the trial, in its order."""
    with database.read() as session:
        return list(session.scalars(select(SiteRow.id).order_by(SiteRow.position)))


def hire(database: Database, login: str, *roles: tuple[Role, int | None], at: datetime) -> Person:
    """An account with these roles, signed in over plain HTTP at `at`, the second factor given just then."""
    with database.write() as session:
        account = actions.create_account(
            session, login=login, name=login.replace(".", " ").title(), grants=roles, at=at, actor="test"
        )
        token = actions.begin_login(session, account=account, at=at, hours=12, proved_at=at)
        return Person(accounts.principal_of(account), {"login": token})


def begin(database: Database, who: Person, site_id: int, subject_code: str, at: datetime, **more: Any) -> str:
    """A screening that somebody begins; gives its reference."""
    with database.write() as session:
        begun = actions.start_screening(
            session,
            nct_id="NCT05086315",
            site_id=site_id,
            subject_code=subject_code,
            at=at,
            as_of=at.date(),
            who=who.principal,
            **more,
        )
        return str(begun.reference)


class Program(NamedTuple):
    """A program with a key; `headers` go with its requests."""

    key_id: int
    headers: dict[str, str]


def give_key(
    database: Database,
    site_id: int,
    *scopes: str,
    at: datetime,
    until: datetime = datetime(2999, 1, 1, tzinfo=UTC),
    token: str = "",
) -> Program:
    """A key of a site, by default with all scopes; `token` chooses it."""
    prefix, _, secret = (token or f"pk_{secrets.token_hex(4)}.{secrets.token_urlsafe(32)}").partition(".")
    with database.write() as session:
        key = ApiKey(
            prefix=prefix,
            secret_hash=token_hash(secret),
            client=prefix,
            site_id=site_id,
            scopes=list(scopes or API_SCOPES),
            created_at=at,
            expires_at=until,
        )
        session.add(key)
        session.flush()
        return Program(key.id, {"authorization": f"Bearer {prefix}.{secret}"})
