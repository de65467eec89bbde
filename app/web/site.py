"""The frame of the pages for people who have signed in: who they are, and where they may go."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.access import Permission, Principal
from app.rules.words import N_, _
from app.web.deps import App, address_of
from app.web.pages import in_force, page
from app.web.published import Published

PLACES: tuple[tuple[Permission, str, str], ...] = (
    ("screening:read", "/screenings", N_("Screening log")),
    ("screening:read", "/screenings/waiting", N_("Waiting")),
    ("screening:read", "/screenings/charts", N_("Figures")),
    ("audit:read", "/audit", N_("Audit trail")),
    ("account:manage", "/people", N_("People")),
    ("key:manage", "/keys", N_("Keys")),
)


@dataclass(frozen=True)
class Nav:
    """The signed-in person's way around: places (address, words; the last is their own), and where a page belongs."""

    places: tuple[tuple[str, str], ...]
    place: str


def nav(who: Principal, path: str) -> Nav:
    """The places where somebody may go, for the page at this path."""
    may = [(href, _(words)) for permission, href, words in PLACES if who.may(permission)]
    places = (*may, ("/account", who.name))
    above = [href for href, _words in places if f"{path}/".startswith(f"{href}/")]
    return Nav(places, max(above, key=len, default=""))


def site_page(
    app: App,
    request: Request,
    who: Principal,
    template: str,
    status: int = 200,
    published: Published | None = None,
    /,
    **context: object,
) -> HTMLResponse:
    """A page for somebody who has signed in: of the protocol that it tells of, else of the one in force."""
    frame: dict[str, object] = {"who": nav(who, request.url.path), "here": address_of(request)}
    return page(app, template, published or in_force(app, app.nct_id), status, **{**frame, **context})
