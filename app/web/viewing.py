"""That somebody looked is recorded, once in a while. Where nothing can be written just now, reading goes on.

With a full disk those who treat patients still see what is there; our log says which entries the trail lacks for it.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from app import actions
from app.access import Principal
from app.errors import Unavailable
from app.store import audit
from app.store.models import Screening
from app.web.deps import App

log = logging.getLogger("prescreen")
AGAIN: Final = timedelta(minutes=15)


@contextmanager
def if_it_can_be_written(what: str) -> Iterator[None]:
    """What reading writes on the way; where the database does not take it, a warning names `what`."""
    try:
        yield
    except Unavailable:
        log.warning("%s could not be recorded", what)


def record_view(app: App, screening: Screening, who: Principal) -> None:
    """Record that somebody looked at a screening."""
    at, identity, site_id = app.clock(), screening.id, screening.site_id
    if _is_recorded(app, who, "screening.viewed", "screening", identity):
        return
    with if_it_can_be_written(f"a view of screening {identity} by {who.actor}"), app.database.write() as session:
        actions.view_screening(session, screening_id=identity, site_id=site_id, at=at, who=who)


def record_reading(app: App, who: Principal) -> None:
    """Record that somebody reads the audit trail."""
    at = app.clock()
    if _is_recorded(app, who, "audit.read", "account", who.account_id or 0):
        return
    with if_it_can_be_written(f"a reading of the audit trail by {who.actor}"), app.database.write() as session:
        actions.read_audit(session, at=at, who=who)


def _is_recorded(app: App, who: Principal, action: str, subject_type: str, subject_id: int) -> bool:
    """Whether that was recorded a while ago already."""
    with app.database.read() as session:
        return audit.was_recorded(
            session,
            actor=who.actor,
            action=action,
            subject_type=subject_type,
            subject_id=subject_id,
            since=app.clock() - AGAIN,
        )
