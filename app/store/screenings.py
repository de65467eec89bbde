"""Screenings of sites, read. Whoever asks sees those of the sites where they may, and no trace of others."""

import hashlib
from datetime import date, datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Select, and_, false, or_, select
from sqlalchemy.orm import selectinload

from app.access import EVERYWHERE, Sites
from app.errors import NotFound
from app.store import chain
from app.store.db import ReadSession, is_writing
from app.store.models import Decision, Note, ProtocolRow, Screening, SiteRow

S = TypeVar("S", bound=Select[Any])


def scoped(query: S, sites: Sites) -> S:
    """The query over screenings, held to these sites. Every query over the log goes through here."""
    found = query.where(Screening.kind == "site")
    if sites is EVERYWHERE:
        return found
    return found.where(Screening.site_id.in_(sorted(sites))) if sites else found.where(false())


def screening(session: ReadSession, *, reference: str, sites: Sites) -> Screening:
    """A screening with its answers and reasons, locked where the session writes.

    NotFound where there is none, or it is of another site: the two look alike.
    """
    if not (reference.isascii() and reference.isalnum()):
        raise NotFound("no such screening")
    query = (
        scoped(select(Screening).where(Screening.reference == reference), sites)
        .options(selectinload(Screening.answers), selectinload(Screening.reasons))
        .execution_options(populate_existing=True)
    )
    found = session.scalar(query.with_for_update() if is_writing(session) else query)
    if found is None:
        raise NotFound("no such screening")
    return found


class Listed(NamedTuple):
    """A screening as a list for programs gives it."""

    id: int
    reference: str
    subject_code: str
    site: str
    status: str
    status_reason: str | None
    verdict: str | None
    look_again_on: date | None
    protocol_version: int
    version: int
    created_at: datetime
    updated_at: datetime


def changed(
    session: ReadSession,
    *,
    sites: Sites,
    limit: int,
    after: tuple[datetime, int] | None = None,
    since: datetime | None = None,
    status: str | None = None,
    verdict: str | None = None,
) -> list[Listed]:
    """Screenings by the time of their last change, the oldest first; `after` is the last one of the page before.

    Whoever reads pages while others write meets a screening again that changed meanwhile, and misses none.
    """
    of_others: dict[str, Any] = {"site": SiteRow.number, "protocol_version": ProtocolRow.version}
    columns = [of_others[name] if name in of_others else getattr(Screening, name) for name in Listed._fields]
    query = scoped(select(*columns), sites).join(SiteRow, SiteRow.id == Screening.site_id).join(ProtocolRow)
    place = Screening.updated_at, Screening.id
    if after is not None:
        at, identity = after
        later = or_(place[0] > at, and_(place[0] == at, place[1] > identity))
        query = query.where(place[0] >= at, later)
    if since is not None:
        query = query.where(Screening.updated_at >= since)
    if status is not None:
        query = query.where(Screening.status == status)
    if verdict is not None:
        query = query.where(Screening.verdict == verdict)
    return [Listed(*row) for row in session.execute(query.order_by(*place).limit(limit))]


def decisions(session: ReadSession, screening_id: int) -> list[Decision]:
    """The signatures under a screening's verdict, the last one first."""
    query = select(Decision).where(Decision.screening_id == screening_id).order_by(Decision.id.desc())
    return list(session.scalars(query))


def notes(session: ReadSession, screening_id: int) -> list[Note]:
    """The remarks on a screening, the last one first."""
    return list(session.scalars(select(Note).where(Note.screening_id == screening_id).order_by(Note.id.desc())))


def record_hash(screening: Screening, protocol_hash: str) -> str:
    """The hash of all that a verdict rests on: what a signature is bound to."""
    said = {
        "reference": screening.reference,
        "subject_code": screening.subject_code,
        "version": screening.version,
        "protocol": protocol_hash,
        "dates": [str(screening.as_of), str(screening.consent_date), str(screening.first_dose_date)],
        "answers": [[one.fact, one.value, one.source, one.actor, one.at.isoformat()] for one in screening.answers],
        "result": screening.result,
    }
    return hashlib.sha256(chain.canonical(said)).hexdigest()
