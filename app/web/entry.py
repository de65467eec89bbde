"""Coming in and going out: what stands between a form and the actions that open and end sessions.

Passwords are hashed outside every transaction. Whoever is unknown, disabled or mistyped costs the same time, is told
the same words and is counted in the same way. Each step that proves more of who somebody is opens another session, and
ends the one before.
"""

from datetime import timedelta
from typing import NamedTuple

from cryptography.fernet import Fernet
from starlette.requests import Request
from starlette.responses import Response

from app import actions, credentials
from app.access import Principal
from app.actions.accounts import LOGIN
from app.errors import Forbidden, NotSignedIn
from app.settings import secret
from app.store import accounts
from app.store.db import WriteSession
from app.store.models import Account
from app.store.queries import token_hash
from app.web.access import cookie_name, is_secure, person
from app.web.deps import App

PROVED_FOR = timedelta(minutes=15)  # how long who somebody is counts as proved, for their own secrets


class Visit(NamedTuple):
    """Where somebody comes from."""

    address: str
    browser: str


def visit_of(request: Request) -> Visit:
    """Where a request comes from, as the server (or the proxy that it trusts) says."""
    host = request.client.host if request.client is not None else ""
    return Visit(host, request.headers.get("user-agent", ""))


def vault(app: App) -> Fernet:
    """What the seeds of one-time codes are encrypted with."""
    return credentials.vault(secret(app.settings, "totp"))


def token_of(request: Request) -> str:
    """The token of the browser's session, or nothing."""
    return request.cookies.get(cookie_name(request), "")


def whoever(app: App, request: Request) -> Principal | None:
    """Who is signed in, if anybody is."""
    try:
        return person(app, request)
    except NotSignedIn:
        return None


def keep_session(response: Response, request: Request, token: str) -> None:
    """Let the browser hold a session, for this host and as long as it is open."""
    response.set_cookie(cookie_name(request), token, secure=is_secure(request), httponly=True, samesite="lax")


def drop_session(response: Response, request: Request) -> None:
    """Let the browser forget its session."""
    response.delete_cookie(cookie_name(request), secure=is_secure(request), httponly=True, samesite="lax")


# SIGNING IN


def give_password(app: App, request: Request, login: str, password: str) -> str | None:
    """The first half: gives the token of a session that waits for the code; None where it is refused. TooMany."""
    at, visit = app.clock(), visit_of(request)
    with app.database.write() as session:
        attempt = actions.attempt_login(session, login=login, address=visit.address, at=at)
    with app.database.read() as session:
        account = accounts.account_by_login(session, login if LOGIN.fullmatch(login.lower()) else "")
    kept = None if account is None or account.disabled_at is not None else account.password_hash
    fits, renewed = _checked(kept, password)
    with app.database.write() as session:
        known = account is not None and fits and _still(session, account.id, kept)
        if account is None or not known:
            account_id = None if account is None else account.id
            actions.refuse_login(session, account_id=account_id, factor="password", address=visit.address, at=at)
            return None
        actions.succeed(session, attempt=attempt)
        account = accounts.account(session, account.id)
        if renewed is not None:
            actions.rehash_password(session, account=account, password_hash=renewed)
        _end_earlier(session, request, app)
        hours = app.settings.login_hours
        return actions.begin_login(session, account=account, at=at, hours=hours, **visit._asdict())


def _checked(kept: str | None, password: str) -> tuple[bool, str | None]:
    """Whether the password is the one, and its hash under today's parameters where it has to be made again."""
    fits = credentials.is_password(kept, password)
    outdated = fits and kept is not None and credentials.is_outdated(kept)
    return fits, credentials.hash_password(password) if outdated else None


def _still(session: WriteSession, account_id: int, kept: str | None) -> bool:
    """Whether the account is as it was when its password was looked at."""
    account = accounts.account(session, account_id)
    return account.disabled_at is None and account.password_hash == kept


def _end_earlier(session: WriteSession, request: Request, app: App) -> None:
    """End the session that the browser held until now, whoever's it was."""
    earlier = token_of(request)
    if earlier:
        actions.end_login(session, token_hash=token_hash(earlier), at=app.clock(), actor=actions.NOBODY)


def give_code(app: App, request: Request, code: str) -> tuple[str, Principal] | None:
    """The second half: gives a new token and who it is; None where the code is refused. NotSignedIn; TooMany."""
    at, visit = app.clock(), visit_of(request)
    with app.database.write() as session:
        half = accounts.halfway(session, token=token_of(request), at=at)
        account = accounts.account(session, half.account_id)
        attempt = actions.attempt_login(session, login=account.login, address=visit.address, at=at)
        by = actions.take_code(session, account=account, code=code, at=at, keeper=vault(app))
        if by is None:
            actions.refuse_login(session, account_id=account.id, factor="code", address=visit.address, at=at)
            return None
        actions.succeed(session, attempt=attempt)
        actions.close_halfway(session, login=half, at=at)
        return open_session(app, session, account, visit, by), accounts.principal_of(account)


def open_session(app: App, session: WriteSession, account: Account, visit: Visit, by: str) -> str:
    """A session of somebody who has proved who they are; gives its token."""
    at, hours = app.clock(), app.settings.login_hours
    return actions.begin_login(
        session, account=account, at=at, hours=hours, proved_at=at, by=by, address=visit.address, browser=visit.browser
    )


def sign_out(app: App, request: Request) -> None:
    """End the browser's session, if it has one."""
    token, who = token_of(request), whoever(app, request)
    if token:
        actor = actions.NOBODY if who is None else who.actor
        with app.database.write() as session:
            actions.end_login(session, token_hash=token_hash(token), at=app.clock(), actor=actor)


# PROVING IT AGAIN


def knows_password(app: App, request: Request, who: Principal, password: str) -> bool:
    """Whether somebody who is signed in knows their password; a failure counts as one to sign in does. TooMany."""
    at, visit = app.clock(), visit_of(request)
    account = own_account(app, who)
    with app.database.write() as session:
        attempt = actions.attempt_login(session, login=account.login, address=visit.address, at=at)
    fits = credentials.is_password(account.password_hash, password)
    with app.database.write() as session:
        if fits:
            actions.succeed(session, attempt=attempt)
        else:
            actions.refuse_login(session, account_id=account.id, factor="password", address=visit.address, at=at)
    return fits


def prove_again(app: App, request: Request, who: Principal, password: str, code: str) -> bool:
    """Let somebody who is signed in prove again who they are, as a signature asks for. TooMany.

    Both are looked at whatever comes of the first, so that no answer says which of them was wrong.
    """
    at, visit = app.clock(), visit_of(request)
    knows = knows_password(app, request, who, password)
    with app.database.write() as session:
        account = accounts.account(session, who.account_id or 0)
        attempt = actions.attempt_login(session, login=account.login, address=visit.address, at=at)
        by = actions.take_code(session, account=account, code=code, at=at, keeper=vault(app)) if knows else None
        if by is None:
            if knows:
                actions.refuse_login(session, account_id=account.id, factor="code", address=visit.address, at=at)
            return False
        actions.succeed(session, attempt=attempt)
        actions.prove_again(session, account=account, token_hash=token_hash(token_of(request)), by=by, at=at)
        return True


def own_account(app: App, who: Principal) -> Account:
    """The account of somebody who is signed in."""
    if who.account_id is None:
        raise Forbidden("programs have no account")
    with app.database.read() as session:
        return accounts.account(session, who.account_id)
