"""The application, put together. The only place where things are wired, and where the clock is read."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import NamedTuple

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.staticfiles import StaticFiles

from app import actions
from app.errors import PrescreenError
from app.settings import Settings, secret
from app.store.db import Database
from app.web import (
    access,
    accounts,
    administration,
    api,
    calendar_feed,
    errors,
    exports,
    history,
    log,
    oidc,
    pages,
    screenings,
    screenings_api,
    service,
)
from app.web.deps import App
from app.web.direct import direct
from app.web.guard import AddressLimit, Guard
from app.web.metrics import Metrics
from app.web.metrics import router as metrics_router
from app.web.openapi import Documented
from app.web.published import Library
from app.web.rates import Meter
from app.web.render import STATIC, Pages
from app.web.watch import Watch

NCT_ID = "NCT05086315"
PURGER = "purge"
PURGE_SECONDS = 3_600


def clock() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


class Purged(NamedTuple):
    """How much was deleted."""

    checks: int
    answers: int
    logins: int


def purge_database(database: Database, at: datetime) -> Purged:
    """Delete what is kept no longer: expired quick checks, answers to programs, old sessions and invitations."""
    with database.write() as session:
        return Purged(
            actions.purge_expired(session, at=at, actor=PURGER),
            actions.forget_submissions(session, at=at),
            actions.forget_logins(session, at=at),
        )


async def purge_hourly(database: Database, now: Callable[[], datetime]) -> None:
    """Purge each hour, for as long as the application runs. No request does that, so reading never writes."""
    while True:
        await asyncio.sleep(PURGE_SECONDS)
        with suppress(PrescreenError):  # the database is away; the next time will do
            await run_in_threadpool(purge_database, database, now())


def create_app(settings: Settings, now: Callable[[], datetime] = clock, *, strict_templates: bool = False) -> FastAPI:
    """The application for these settings; `now` gives the time in UTC.

    The database must be migrated and hold the trial (see `app.__main__`). `strict_templates` turns a
    name that a template does not find into an error, for tests.
    """
    oidc.require_parts(settings)
    database = Database(settings.database_url, secret(settings, "audit"))
    library = Library(database)
    metrics = Metrics(database, library, NCT_ID)
    by_address = Meter(settings.address_rate_limit, time.time)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        purging = asyncio.create_task(purge_hourly(database, now))
        yield
        purging.cancel()
        database.close()

    checks = pages.direct.routes if settings.quick_checks else [pages.no_quick_checks]
    routes = [*api.router.routes, *checks, *screenings_api.router.routes]
    app = Documented(
        title="Prescreen",
        summary="Eligibility pre-screening for clinical trial NCT05086315",
        description="It supports a decision; it never makes one.",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # which are looked for at every request
        middleware=[
            Middleware(Watch, metrics=metrics),
            *([Middleware(AddressLimit, meter=by_address)] if by_address.is_on else []),
            Middleware(Guard, direct=direct(routes), allowed_origins=settings.allowed_origins),
        ],
    )
    by_key = Meter(settings.rate_limit, time.time)
    app.state.parts = App(settings, database, library, Pages(strict=strict_templates), now, NCT_ID, by_key)
    app.state.metrics = metrics
    errors.install(app)
    app.router.routes.extend(routes)
    app.include_router(service.router)
    app.include_router(metrics_router)
    for router in (pages.router, accounts.router, oidc.router, administration.router):
        app.include_router(router, include_in_schema=False)
    for router in (log.router, exports.router, calendar_feed.router, history.router):  # before /screenings/{reference}
        app.include_router(router, include_in_schema=False)
    app.include_router(screenings.router, include_in_schema=False)
    access.require_policies(app.routes)
    app.mount("/static", StaticFiles(directory=STATIC))
    return app
