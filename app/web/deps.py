"""What every request handler needs, wired once in `main` and found on the request."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from starlette.requests import Request

from app.settings import Settings
from app.store.db import Database
from app.web.published import Library
from app.web.render import Pages

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class App:
    """The parts of the running application. `clock` gives the time now, in UTC."""

    settings: Settings
    database: Database
    library: Library
    pages: Pages
    clock: Clock
    nct_id: str

    def today(self) -> date:
        """Today's date by the clock."""
        return self.clock().date()


def app_of(request: Request) -> App:
    """The application's parts, from any request."""
    parts: App = request.app.state.parts
    return parts
