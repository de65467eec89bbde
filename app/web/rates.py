"""How often may be asked: counted in this process, over a window that moves, and said in each answer.

The headers are those of the IETF's draft (RateLimit-Policy, RateLimit); a refusal says when to come back.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from fastapi.routing import APIRoute
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from app.errors import TooMany
from app.settings import Rate


class Standing(NamedTuple):
    """Where somebody stands after having asked: whether it was too often, what is left, and for how long."""

    is_over: bool
    left: int
    seconds: int


class Meter:
    """Counts who asks how often. `clock` is the one that the storage goes by: seconds since 1970."""

    def __init__(self, rate: Rate | None, clock: Callable[[], float]) -> None:
        self.is_on = rate is not None
        self._clock = clock
        if rate is not None:
            self._rate = rate
            self._limit = RateLimitItemPerSecond(rate.times, rate.seconds)
            self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, who: str) -> Standing:
        """Count one question. One that is refused does not count."""
        is_over = not self._limiter.hit(self._limit, who)
        reset, left = self._limiter.get_window_stats(self._limit, who)
        return Standing(is_over, left, max(1, min(self._rate.seconds, math.ceil(reset - self._clock()))))

    def headers(self, standing: Standing) -> list[tuple[bytes, bytes]]:
        """What an answer says of the limit."""
        policy = f'"default";q={self._rate.times};w={self._rate.seconds}'
        now = f'"default";r={standing.left};t={standing.seconds}'
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", now.encode())]

    def admit(self, request: Request, who: str) -> None:
        """Count a request of a `Metered` route. Raises TooMany."""
        if not self.is_on:
            return
        standing = self.count(who)
        request.state.rate_headers = self.headers(standing)
        if standing.is_over:
            raise TooMany(standing.seconds)


class Metered(APIRoute):
    """A route whose answers, the refusals among them, say how often may still be asked."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_metered(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *scope.get("state", {}).get("rate_headers", ())]
            await send(message)

        await super().handle(scope, receive, send_metered)
