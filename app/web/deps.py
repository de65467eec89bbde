"""What every request handler needs, wired once in `main` and found on the request."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from starlette.requests import Request

from app.languages import LANGUAGES, negotiated
from app.settings import Settings
from app.store.db import Database
from app.web.published import Library
from app.web.rates import Meter
from app.web.render import Pages

LANGUAGE_COOKIE = "lang"
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
    meter: Meter

    def today(self) -> date:
        """Today's date by the clock."""
        return self.clock().date()


def language_of(request: Request) -> str:
    """The language to answer in: the one that was chosen, else the one that the browser asks for, else English."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else negotiated(request.headers.get("accept-language", ""))


def address_of(request: Request) -> str:
    """The address of the page that is asked for, on this site."""
    path = request.scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1") or "/"
    query = request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def own_address(app: "App", request: Request) -> str:
    """Where the application is, for links that are taken away: as the settings say, else as the request came."""
    return app.settings.base_url or f"{request.scope['scheme']}://{request.headers.get('host', '')}"


def app_of(request: Request) -> App:
    """The application's parts, from any request."""
    parts: App = request.app.state.parts
    return parts
