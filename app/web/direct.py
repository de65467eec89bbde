"""Routes whose coroutines answer at once: on the event loop, without what the frameworks do around a handler."""

from collections.abc import Iterable
from inspect import iscoroutinefunction

from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute
from starlette.types import Scope

from app.web.deps import App
from app.web.published import Published


class Direct(APIRoute):
    """A route whose coroutine gets the request and the parts of the path as they are.

    The handlers read bodies themselves; FastAPI's own gathering of arguments, its exit stacks and the layers around
    its router take as long as an evaluation, and would find nothing to do. The guard answers such a route itself.
    """

    def parts(self, scope: Scope) -> dict[str, str] | None:
        """The parts of the path, where it is this route's; None where the application has to look."""
        if scope["method"] not in (self.methods or ()) or scope.get("root_path"):
            return None
        found = self.path_regex.match(scope["path"])
        return None if found is None else found.groupdict()


def direct(routes: Iterable[BaseRoute]) -> list[Direct]:
    """Those of the routes that are answered at once."""
    return [route for route in routes if isinstance(route, Direct) and iscoroutinefunction(route.endpoint)]


async def current(app: App, nct_id: str) -> Published:
    """The protocol in force, from memory where it was looked up a moment ago."""
    remembered = app.library.remembered(nct_id)
    return remembered if remembered is not None else await run_in_threadpool(app.library.current, nct_id)
