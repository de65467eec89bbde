"""Routes whose coroutines answer at once: on the event loop, without what FastAPI does around a handler."""

from inspect import iscoroutinefunction

from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from app.web.deps import App
from app.web.published import Published


class Direct(APIRoute):
    """A route whose coroutine gets the request and the parts of the path as they are.

    The handlers read bodies themselves; FastAPI's own gathering of arguments and its exit stacks, which
    take as long as half an evaluation, would find nothing to do. Its errors go to the application's handlers.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["method"] not in (self.methods or ()) or not iscoroutinefunction(self.endpoint):
            await super().handle(scope, receive, send)
            return
        response = await self.endpoint(**scope["path_params"], request=Request(scope, receive, send))
        await response(scope, receive, send)


async def current(app: App, nct_id: str) -> Published:
    """The protocol in force, from memory where it was looked up a moment ago."""
    remembered = app.library.remembered(nct_id)
    return remembered if remembered is not None else await run_in_threadpool(app.library.current, nct_id)
