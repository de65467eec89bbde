"""What stands around every request, as pure ASGI: headers, same-origin posts, and the last net.

Posts from another site's page are refused by what the browser itself says of their origin
(Sec-Fetch-Site, else Origin against Host); requests that no browser made carry neither and pass.
"""

from collections.abc import Iterable

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import TooMany
from app.rules.words import N_
from app.web import errors
from app.web.direct import Direct
from app.web.rates import Meter

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
EVALUATIONS = "/api/v1/trials/"
NO_STORE = b"no-store"
FOR_A_YEAR = b"public, max-age=31536000, immutable"
_Headers = list[tuple[bytes, bytes]]
_GUARDED: _Headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


class Guard:
    """Adds the security headers, refuses posts from other origins, and catches what nobody caught.

    It answers the routes in `direct` itself; all other requests go through the application.
    """

    def __init__(self, app: ASGIApp, direct: Iterable[Direct] = (), allowed_origins: Iterable[str] = ()) -> None:
        self.app = app
        self.direct = tuple(direct)
        self.allowed_origins = frozenset(allowed_origins)
        self._headers = _GUARDED

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_allowed = scope["method"] in SAFE_METHODS or self._is_same_origin(scope)
        for route in self.direct if is_allowed else ():
            parts = route.parts(scope)
            if parts is not None:
                await self._at_once(route, parts, scope, receive, send)
                return
        await self._through(scope, receive, send, is_allowed)

    async def _at_once(self, route: Direct, parts: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = route
        request = Request(scope, receive, send)
        scope["route"] = route
        try:
            response = await self._said(route, parts, request)
        except Exception as error:
            response = errors.crashed(request, error)
        response.raw_headers = self._headed(response.raw_headers, scope, response.status_code)
        try:
            await response(scope, receive, send)
        except Exception as error:  # the answer has begun: all that is left is to log it
            errors.crashed(request, error)

    async def _said(self, route: Direct, parts: dict[str, str], request: Request) -> Response:
        try:
            response: Response = await route.endpoint(**parts, request=request)
        except errors.EXPECTED as error:
            return await run_in_threadpool(errors.answered, request, error)
        return response

    async def _through(self, scope: Scope, receive: Receive, send: Send, is_allowed: bool) -> None:
        started = False
        is_head = scope["method"] == "HEAD"
        if is_head:  # is answered like GET, without the body
            scope = {**scope, "method": "GET"}

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = self._headed(message["headers"], scope, message["status"])
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        try:
            if is_allowed:
                await self.app(scope, receive, send_guarded)
            else:
                refusal = errors.answer(Request(scope), 403, N_("This was sent from another site's page."))
                await refusal(scope, receive, send_guarded)
        except Exception as error:
            response = errors.crashed(Request(scope), error)
            if not started:
                await response(scope, receive, send_guarded)

    def _headed(self, headers: _Headers, scope: Scope, status: int) -> _Headers:
        headers = [*headers, *self._headers]
        if b"cache-control" not in dict(headers):
            headers.append((b"cache-control", _cache_control(scope, status)))
        return headers

    def _is_same_origin(self, scope: Scope) -> bool:
        if not any(name in (b"origin", b"sec-fetch-site") for name, _ in scope["headers"]):
            return True
        headers = Headers(scope=scope)
        origin = headers.get("origin", "").lower()
        if origin in self.allowed_origins:
            return True
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site in ("same-origin", "none")
        return not origin or origin.partition("://")[1:] == ("://", headers.get("host", "").lower())


def _cache_control(scope: Scope, status: int) -> bytes:
    """Only files that carry their own hash in the address may be kept; nothing else is stored."""
    if not scope["path"].startswith("/static/") or status not in (200, 206, 304):
        return NO_STORE
    return FOR_A_YEAR if scope["query_string"].startswith(b"v=") else b"no-cache"


class AddressLimit:
    """Counts what comes without a key, by address. Stands in the way only where a limit is set."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        self.app, self.meter = app, meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(EVALUATIONS):
            await self.app(scope, receive, send)
            return
        standing = self.meter.count((scope.get("client") or ("unknown",))[0])
        headers = self.meter.headers(standing)

        async def send_metered(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        if standing.is_over:
            headers += [(b"retry-after", str(standing.seconds).encode()), (b"cache-control", NO_STORE), *_GUARDED]
            refusal = errors.answer(Request(scope), *errors.STATUS[TooMany])
            await refusal(scope, receive, send_metered)
        else:
            await self.app(scope, receive, send_metered)
