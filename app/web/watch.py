"""What is known of every request, as pure ASGI around everything else: its number, its line in the log, the figures.

The line names the route's template and never the address, which may hold a token or a reference; no header and no body.
Lines are written a moment later, many at once: one by one they would cost a request several per cent of its time.
"""

import asyncio
import logging
import re
import secrets
from collections.abc import Iterable
from itertools import count
from time import perf_counter
from typing import Any, Final

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount, compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logs import request_id
from app.web.metrics import Metrics

log = logging.getLogger("prescreen.access")
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"  # a method, or an address, that is none of ours
# What a proxy or a tracing program sends: 32 hexadecimal digits or a UUID. Anything longer or freer may be a text.
REQUEST_ID: Final = re.compile(rb"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ID_HEADER: Final = b"x-request-id"
WRITE_SECONDS: Final = 0.2
WRITE_LINES: Final = 1_000


class Watch:
    """Gives each request a number, logs how it was answered, and counts it. It lives on one event loop."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics
        self._templates: list[tuple[re.Pattern[str], str]] | None = None
        self._prefix, self._numbers = secrets.token_hex(8).encode(), count(1)
        self._answered: list[tuple[float, dict[str, Any]]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            self.write()  # at the end of the application's life
            return
        began, status = perf_counter(), 0
        identity = _given_id(scope) or b"%b%016x" % (self._prefix, next(self._numbers))
        header = (ID_HEADER, identity)
        state = scope.setdefault("state", {})

        async def send_watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], header]
            await send(message)

        held = request_id.set(identity.decode())
        self.metrics.in_flight += 1
        try:
            await self.app(scope, receive, send_watched)
        finally:
            seconds = perf_counter() - began
            self.metrics.in_flight -= 1
            method = scope["method"] if scope["method"] in METHODS else OTHER
            route = self._template(scope)
            self.metrics.count(route, method, status, seconds)
            if log.isEnabledFor(logging.INFO):
                told: dict[str, Any] = {"request": header[1].decode(), "route": route, "method": method}
                told |= {"status": status, "ms": round(seconds * 1000, 1)}
                if "principal" in state:
                    told["actor"] = state["principal"].actor
                self._note(began + seconds, told)
            request_id.reset(held)

    def _note(self, at: float, told: dict[str, Any]) -> None:
        if not self._answered:
            asyncio.get_running_loop().call_later(WRITE_SECONDS, self.write)
        self._answered.append((at, told))
        if len(self._answered) >= WRITE_LINES:
            self.write()

    def write(self) -> None:
        """Write what there is to write, as one record that stands for several lines."""
        if self._answered:
            now = perf_counter()
            record = logging.LogRecord(log.name, logging.INFO, __file__, 0, "answered", None, None)
            record.several = [(now - at, told) for at, told in self._answered]
            self._answered.clear()
            log.handle(record)

    def _template(self, scope: Scope) -> str:
        """The template of the route that answered."""
        route = scope.get("route")
        if route is not None:
            return str(route.path)
        if self._templates is None:
            self._templates = templates(scope["app"].routes) if "app" in scope else []
        return next((path for pattern, path in self._templates if pattern.match(scope["path"])), OTHER)


def templates(routes: Iterable[BaseRoute]) -> list[tuple[re.Pattern[str], str]]:
    """The templates of all routes, with what matches an address of each."""
    found = [
        (compile_path(f"{one.path}/{{path:path}}" if isinstance(one.route, Mount) else one.path)[0], one.path)
        for one in iter_route_contexts(list(routes))
        if one.path is not None
    ]
    return list(dict.fromkeys(found))


def _given_id(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == ID_HEADER:
            return value if REQUEST_ID.fullmatch(value) else None
    return None
