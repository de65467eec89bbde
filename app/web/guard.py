"""What stands around every request, as pure ASGI: headers, same-origin posts, and the last net.

Posts from another site's page are refused by what the browser itself says of their origin
(Sec-Fetch-Site, else Origin against Host); requests that no browser made carry neither and pass.
"""

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import TooMany
from app.rules.words import N_
from app.web import errors
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


class Guard:
    """Adds the security headers, refuses posts from other origins, and catches what nobody caught."""

    def __init__(self, app: ASGIApp, allowed_origins: Iterable[str] = ()) -> None:
        self.app = app
        self.allowed_origins = frozenset(allowed_origins)
        self._headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False
        is_head = scope["method"] == "HEAD"
        if is_head:  # is answered like GET, without the body
            scope = {**scope, "method": "GET"}

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = [*message["headers"], *self._headers]
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", _cache_control(scope, message["status"])))
                message["headers"] = headers
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        try:
            if scope["method"] in SAFE_METHODS or self._is_same_origin(scope):
                await self.app(scope, receive, send_guarded)
            else:
                refusal = errors.answer(Request(scope), 403, N_("This was sent from another site's page."))
                await refusal(scope, receive, send_guarded)
        except Exception as error:
            response = errors.crashed(Request(scope), error)
            if not started:
                await response(scope, receive, send_guarded)

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
            headers.append((b"retry-after", str(standing.seconds).encode()))
            refusal = errors.answer(Request(scope), *errors.STATUS[TooMany])
            await refusal(scope, receive, send_metered)
        else:
            await self.app(scope, receive, send_metered)
