"""Who asks, and whether they may. Every route says what it needs: `need("...")`, `signed_in` or `public`.

    def log(app: Parts, who: Annotated[Principal, need("screening:read")]) -> Response: ...
    @router.get("/", dependencies=[public])

A person is known by the session that the browser's cookie opens, a program by its key. A route that says nothing stops
the application from starting.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from fastapi import Depends
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request
from starlette.routing import BaseRoute

from app import actions
from app.access import Permission, Principal
from app.errors import Forbidden, NotSignedIn
from app.store import accounts
from app.store.queries import token_hash
from app.web.deps import App, app_of
from app.web.viewing import if_it_can_be_written

SECURE_COOKIE = "__Host-login"
PLAIN_COOKIE = "login"  # over plain HTTP, which is for this machine alone
LOOPBACK = ("127.0.0.1", "localhost", "::1", "testserver")
SEEN_SECONDS = 60


class Policy:
    """What a route needs. A dependency of FastAPI; gives the principal."""


class Public(Policy):
    """Open to everyone."""

    async def __call__(self) -> None:
        """Nothing to check."""


class Need(Policy):
    """Somebody who is signed in and, where a permission is named, has it somewhere."""

    def __init__(self, permission: Permission | None, programs: bool) -> None:
        self.permission = permission
        self.programs = programs

    def __call__(self, request: Request) -> Principal:
        """The principal. Raises NotSignedIn or Forbidden; for programs that ask too often, TooMany."""
        app = app_of(request)
        principal = program(app, request) if self.programs else person(app, request)
        if self.permission is not None and not principal.may(self.permission):
            raise Forbidden("the permission is missing")
        request.state.principal = principal
        if self.programs:
            app.meter.admit(request, principal.actor)
        return principal


public: Any = Depends(Public())
signed_in: Any = Depends(Need(None, programs=False))


def need(permission: Permission) -> Any:
    """Somebody who is signed in and may do this, somewhere; at which site the handler checks."""
    return Depends(Need(permission, programs=False))


def need_key(permission: Permission) -> Any:
    """A program whose key has this scope."""
    return Depends(Need(permission, programs=True))


def person(app: App, request: Request) -> Principal:
    """Who is signed in. Raises NotSignedIn; also where the second factor was not given yet."""
    token = request.cookies.get(cookie_name(request), "")
    if not token:
        raise NotSignedIn("no session")
    at, idle = app.clock(), timedelta(minutes=app.settings.idle_minutes)
    with app.database.read() as session:
        found = accounts.signed_in(session, token=token, at=at, idle=idle)
    if found.proved_at is None:
        raise NotSignedIn("the second factor is missing")
    if (at - found.seen_at).total_seconds() >= SEEN_SECONDS:
        said = f"that {found.principal.actor} was here"
        with if_it_can_be_written(said), app.database.write() as session:  # of the record nothing is changed by this
            actions.see_login(session, token_hash=found.token_hash, at=at)
    return found.principal


def program(app: App, request: Request) -> Principal:
    """The program whose key came as a bearer token. Raises NotSignedIn, in the same way whatever is wrong with it."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    prefix, _, secret = given.strip().partition(".")
    at = app.clock()
    with app.database.read() as session:
        key = accounts.api_key(session, prefix=prefix) if prefix.isascii() and prefix.isprintable() else None
    kept = "0" * 64 if key is None else key.secret_hash
    fits = hmac.compare_digest(token_hash(secret), kept)
    if scheme.lower() != "bearer" or key is None or not fits or key.revoked_at is not None or key.expires_at <= at:
        raise NotSignedIn("no such key")
    if key.used_at is None or (at - key.used_at).total_seconds() >= SEEN_SECONDS:
        with if_it_can_be_written(f"a use of key {key.id}"), app.database.write() as session:
            actions.see_key(session, key_id=key.id, at=at)
    return accounts.program_of(key)


def proved_lately(app: App, request: Request, at: datetime, within: timedelta) -> bool:
    """Whether the second factor was given again a moment ago, as a signature asks for."""
    token = request.cookies.get(cookie_name(request), "")
    idle = timedelta(minutes=app.settings.idle_minutes)
    with app.database.read() as session:
        proved_at = accounts.signed_in(session, token=token, at=at, idle=idle).proved_at
    return proved_at is not None and at - proved_at <= within


def is_secure(request: Request) -> bool:
    """Whether the page came over HTTPS, as the server (or the proxy that it trusts) says."""
    return bool(request.scope["scheme"] == "https")


def cookie_name(request: Request) -> str:
    """The session's cookie: bound to this host and to HTTPS, except on this machine itself."""
    return SECURE_COOKIE if is_secure(request) else PLAIN_COOKIE


def is_at_home(request: Request) -> bool:
    """Whether a session may be opened here: over HTTPS, or on this machine itself."""
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        host = None
    return is_secure(request) or host in LOOPBACK


def require_policies(routes: Sequence[BaseRoute]) -> None:
    """Stop where a route of ours, be it of an included router, says nothing about who may use it."""
    ours = [one.original_route for one in iter_route_contexts(routes)]
    silent = [route.path for route in ours if isinstance(route, APIRoute) and not policies(route)]
    if silent:
        raise AssertionError(f"without a policy: {', '.join(silent)}")


def policies(route: APIRoute) -> list[Policy]:
    """What a route needs: its own dependencies, and those of its handler's arguments."""
    listed: list[object] = [dependency.dependency for dependency in route.dependencies]
    asked: list[object] = [dependant.call for dependant in route.dependant.dependencies]
    return [found for found in dict.fromkeys([*listed, *asked]) if isinstance(found, Policy)]
