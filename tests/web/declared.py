"""Every route of the application, and what is declared of it: who may use it, of which site, and how it is used.

What stands here is written by hand, beside what the routes themselves say (`app.web.access`); the tests hold the one to
the other. A route without an entry fails the suite. Entries may stand here before their route does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

SAFE = ("GET", "HEAD", "OPTIONS")
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class Entry:
    """What is declared of a route.

    `needs` is `public`, `signed in`, or a permission, of a person or (`by`) of a program. A route whose path has a
    `{reference}` is about one screening, of one site. `always` is the status that it answers to all who may.
    `form` and `json` are sent to make it write, with the hidden fields of the form on `page`; `writes` says what it
    takes where none is given here.
    """

    needs: str
    by: str = "person"
    always: tuple[int, ...] = ()
    form: Mapping[str, str] | None = None
    json: Any = None
    page: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    why_not: str = ""


def public(**more: Any) -> Entry:
    return Entry("public", **more)


def person(needs: str, **more: Any) -> Entry:
    return Entry(needs, **more)


def program(needs: str, **more: Any) -> Entry:
    return Entry(needs, by="program", **more)


KEPT_NOWHERE = "keeps nothing"
READ, WRITE, SIGN, EXPORT = (f"screening:{verb}" for verb in ("read", "write", "confirm", "export"))
ANY_VERSION = {"if-match": "*"}
SCREENING = "/screenings/{reference}"
DATES = {f"{name}-{part}": value for name in ("as_of", "consent_date", "first_dose_date")
         for part, value in (("day", "1"), ("month", "12"), ("year", "2026"))}  # fmt: skip

DECLARED: dict[str, Entry] = {
    # Everybody
    "GET /": public(),
    "POST /language": public(form={"language": "fr", "to": "/"}, why_not="a cookie"),
    "GET /trials/{nct_id}/rules": public(),
    "GET /healthz": public(),
    "GET /readyz": public(),
    "GET /metrics": public(),
    "GET /api/v1/trials/{nct_id}": public(),
    "POST /api/v1/trials/{nct_id}/evaluate": public(why_not=KEPT_NOWHERE),
    "POST /api/v1/trials/{nct_id}/evaluate-batch": public(why_not=KEPT_NOWHERE),
    "POST /api/v1/trials/{nct_id}/next": public(why_not=KEPT_NOWHERE),
    # Quick checks: whoever has the address
    "POST /checks": public(form=NOTHING),
    "GET /checks/{token}": public(),
    "GET /checks/{token}/questions/{keys}": public(),
    "POST /checks/{token}/questions/{keys}": public(form={"sex": "female", "do": "continue"}),
    "GET /checks/{token}/answers": public(),
    "GET /checks/{token}/dates": public(),
    "POST /checks/{token}/dates": public(form=DATES),
    "GET /checks/{token}/result": public(),
    "GET /checks/{token}/note": public(),
    "POST /checks/{token}/delete": public(form=NOTHING),
    # A site's screenings, for people
    "GET /screenings": person(READ),
    "GET /screenings/waiting": person(READ),
    "GET /screenings/charts": person(READ),
    "GET /screenings/print": person(EXPORT),
    "GET /screenings/export.csv": person(EXPORT),
    "GET /screenings/export.xlsx": person(EXPORT),
    "POST /screenings/waiting/calendar": person(READ, form={"do": "make"}),
    "GET /calendar/{token}.ics": public(always=(404,)),
    "GET /screenings/new": person(WRITE),
    "POST /screenings": person(WRITE, form={"subject_code": "NEW-1"}, page="/screenings/new"),
    f"GET {SCREENING}": person(READ),
    f"POST {SCREENING}/state": person(WRITE, form={"status": "declined", "reason": "distance"}, page=SCREENING),
    f"POST {SCREENING}/assignee": person(WRITE, form={"assigned_to": ""}, page=SCREENING),
    f"POST {SCREENING}/look-again": person(
        WRITE,
        form={"look_again_on-day": "1", "look_again_on-month": "12", "look_again_on-year": "2030"},
        page=SCREENING,
    ),
    f"POST {SCREENING}/notes": person(WRITE, form={"text": "Asked for an ECG"}, page=SCREENING),
    f"POST {SCREENING}/notes/{{note_id}}/erase": person(WRITE, form={"reason": "not_needed"}, page=SCREENING),
    f"GET {SCREENING}/questions": person(READ),
    f"GET {SCREENING}/questions/{{keys}}": person(WRITE),
    f"POST {SCREENING}/questions/{{keys}}": person(
        WRITE, form={"sex": "female", "do": "continue"}, page=f"{SCREENING}/questions/sex"
    ),
    f"GET {SCREENING}/answers": person(READ),
    f"GET {SCREENING}/dates": person(WRITE),
    f"POST {SCREENING}/dates": person(WRITE, form=DATES, page=f"{SCREENING}/dates"),
    f"GET {SCREENING}/result": person(READ),
    f"GET {SCREENING}/note": person(READ),
    f"GET {SCREENING}/confirm": person(SIGN),
    f"POST {SCREENING}/confirm": person(SIGN, why_not="a signature takes a password and a code"),
    f"GET {SCREENING}/history": person(READ),
    "GET /audit": person("audit:read"),
    # Coming in, accounts
    "GET /login": public(),
    "POST /login": public(form={"login": "nobody", "password": "not the password of anybody"}),
    "GET /login/code": public(),
    "POST /login/code": public(why_not="comes after the password"),
    "POST /logout": public(form=NOTHING),
    "GET /invite/{token}": public(always=(404,)),
    "POST /invite/{token}": public(always=(404, 422), why_not="takes a secret of the page"),
    "GET /account": person("signed in"),
    "POST /account/sessions": person("signed in", form={"do": "end_others"}),
    "GET /account/password": person("signed in"),
    "POST /account/password": person("signed in", why_not="takes the password"),
    "GET /account/recovery-codes": person("signed in"),
    "POST /account/recovery-codes": person("signed in", form=NOTHING),
    "GET /account/prove": person("signed in"),
    "POST /account/prove": person("signed in", why_not="takes the password and a code"),
    "GET /people": person("account:manage"),
    "GET /keys": person("key:manage"),
    # A site's screenings, for programs
    "GET /api/v1/screenings": program(READ),
    "POST /api/v1/screenings": program(WRITE, json={"subject_code": "NEW-2", "answers": {"qtcf_ms": 482}}),
    "GET /api/v1/screenings/{reference}": program(READ),
    "GET /api/v1/screenings/{reference}/next": program(READ),
    "PATCH /api/v1/screenings/{reference}/answers": program(
        WRITE, json={"answers": {"sex": "male"}}, headers=ANY_VERSION
    ),
    "POST /api/v1/screenings/{reference}/status": program(
        WRITE, json={"status": "declined", "reason": "distance"}, headers=ANY_VERSION
    ),
    "POST /api/v1/screenings/{reference}/confirm": program(WRITE, always=(403,), why_not="is refused always"),
}


def routes(app: FastAPI) -> list[tuple[str, str, APIRoute]]:
    """Each method and path that the application answers, with its route."""
    found = [(method, route.path, route) for route in _walk(app.routes) for method in sorted(route.methods)]
    return [(method, path, route) for method, path, route in found if method != "HEAD"]


def _walk(listed: Any) -> Iterator[APIRoute]:
    for route in listed:
        below = getattr(route, "original_router", None) or getattr(route, "router", None)
        if isinstance(route, APIRoute):
            yield route
        elif below is not None:
            yield from _walk(below.routes)


def written(app: FastAPI) -> list[str]:
    """The routes that may change something."""
    return [f"{method} {path}" for method, path, _ in routes(app) if method not in SAFE]
