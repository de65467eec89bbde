"""What is read from the database, by name. Nothing here changes anything."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import selectinload

from app.access import EVERYWHERE, Sites
from app.errors import NotFound
from app.rules.protocol import Protocol
from app.store.db import Database, ReadSession, is_writing
from app.store.models import Answer, ProtocolRow, Screening, SiteRow, TranslationRow, TrialRow, raw_answer
from app.store.rows import R, from_rows
from app.trials import Site, Trial


class Version(NamedTuple):
    """One version of a trial's protocol."""

    version: int
    hash: str
    id: int
    status: str
    published_at: datetime | None


def current_version(session: ReadSession, nct_id: str) -> Version:
    """The version that is published now: one small query. NotFound where a trial has none."""
    found = session.execute(
        _versions().where(TrialRow.nct_id == _searchable(nct_id), ProtocolRow.status == "published")
    ).first()
    if found is None:
        raise NotFound(f"no published protocol of trial {nct_id}")
    return Version(*found)


def version(session: ReadSession, protocol_id: int) -> Version:
    """One version, whatever its status."""
    found = session.execute(_versions().where(ProtocolRow.id == protocol_id)).first()
    if found is None:
        raise NotFound("no such protocol")
    return Version(*found)


def versions(session: ReadSession, nct_id: str) -> list[Version]:
    """All versions of a trial's protocol, the first one first."""
    of_trial = _versions().where(TrialRow.nct_id == _searchable(nct_id))
    return [Version(*row) for row in session.execute(of_trial.order_by(ProtocolRow.version))]


def _versions() -> Select[int, str, int, str, datetime | None]:
    return select(
        ProtocolRow.version, ProtocolRow.content_hash, ProtocolRow.id, ProtocolRow.status, ProtocolRow.published_at
    ).join(TrialRow)


def _searchable(nct_id: str) -> str:
    """The number, unless it can be none: some texts (a NUL, half a character) PostgreSQL does not even look up."""
    if not (nct_id.isascii() and nct_id.isalnum()):
        raise NotFound("no such trial")
    return nct_id


def load_protocol(session: ReadSession, protocol_id: int) -> Protocol:
    """The protocol, built from its rows alone: one query for each table it owns."""
    nct_id = session.scalar(select(TrialRow.nct_id).join(ProtocolRow).where(ProtocolRow.id == protocol_id))
    if nct_id is None:
        raise NotFound("no such protocol")

    def rows(model: type[R]) -> Sequence[R]:
        return session.scalars(select(model).where(model.protocol_id == protocol_id).order_by(model.position)).all()

    return from_rows(nct_id, rows)


class Translated(NamedTuple):
    """A trial's texts in another language, by path and source, and whether all of them were reviewed."""

    texts: dict[tuple[str, str], str]
    is_reviewed: bool


def translation(session: ReadSession, nct_id: str, language: str) -> Translated:
    """The trial's texts in a language; none where it was not translated."""
    columns = TranslationRow.path, TranslationRow.source, TranslationRow.text, TranslationRow.status
    of_language = TrialRow.nct_id == _searchable(nct_id), TranslationRow.language == language
    rows = session.execute(select(*columns).join(TrialRow).where(*of_language)).all()
    texts = {(path, source): text for path, source, text, _ in rows}
    return Translated(texts, all(status == "reviewed" for *_, status in rows))


def trial(session: ReadSession, nct_id: str) -> Trial:
    """What the registry says about a trial."""
    row = trial_row(session, nct_id)
    if row is None:
        raise NotFound(f"no trial {nct_id}")
    return trial_from_row(row)


def trial_row(session: ReadSession, nct_id: str) -> TrialRow | None:
    """The trial's row with its sites, locked where the session writes."""
    query = select(TrialRow).where(TrialRow.nct_id == _searchable(nct_id)).options(selectinload(TrialRow.sites))
    return session.scalar(query.with_for_update() if is_writing(session) else query)


def trial_from_row(row: TrialRow) -> Trial:
    """The trial that a row and its sites say."""
    return Trial(
        nct_id=row.nct_id,
        title=row.title,
        sponsor=row.sponsor,
        phase=row.phase,
        status=row.status,
        status_as_of=row.status_as_of,
        source=row.source,
        start_date=row.start_date,
        completion_date=row.completion_date,
        enrolment=row.enrolment,
        conditions=tuple(row.conditions),
        countries=tuple(row.countries),
        sites=tuple(_site(site) for site in row.sites),
    )


def _site(row: SiteRow) -> Site:
    return Site(row.number, row.name, row.city, row.region, row.country)


class SiteName(NamedTuple):
    """A site, as people tell it from others."""

    id: int
    number: str
    name: str
    city: str


def site_names(session: ReadSession, nct_id: str, sites: Sites = EVERYWHERE) -> list[SiteName]:
    """Those of the trial's sites that are asked for, in the order of the record."""
    columns = SiteRow.id, SiteRow.number, SiteRow.name, SiteRow.city
    query = select(*columns).join(TrialRow).where(TrialRow.nct_id == nct_id)
    if sites is not EVERYWHERE:
        query = query.where(SiteRow.id.in_(sorted(sites)))
    return [SiteName(*row) for row in session.execute(query.order_by(SiteRow.position))]


def token_hash(token: str) -> str:
    """What is kept of a token. It has 256 random bits, so a fast hash without salt is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Kept(NamedTuple):
    """What a screening says, read once; for changing it there is `screening`."""

    protocol_id: int
    expires_at: datetime
    as_of: date
    consent_date: date | None
    first_dose_date: date | None
    raw_answers: dict[str, Any]


_KEPT = (
    select(*(getattr(Screening, name) for name in Kept._fields[:-1]), Answer.fact, Answer.value)
    .outerjoin(Answer)
    .where(Screening.token_hash == bindparam("token_hash"), Screening.expires_at > bindparam("at"))
    .order_by(Answer.fact)
)


def check(session: ReadSession, *, token: str, at: datetime) -> Kept:
    """What the screening that the token opens says, in one query. NotFound if there is none, or it has expired."""
    return _kept(session.execute(_KEPT, {"token_hash": token_hash(token), "at": at}).all())


def check_at_once(database: Database, *, token: str, at: datetime) -> Kept:
    """The same without waiting. NotFound or NotAtOnce."""
    return _kept(database.glance(_KEPT, {"token_hash": token_hash(token), "at": at}))


def _kept(rows: Sequence[Sequence[Any]]) -> Kept:
    if not rows:
        raise NotFound("no such screening, or it has expired")
    protocol_id, expires_at, as_of, consent_date, first_dose_date, *_ = rows[0]
    answers = {fact: raw_answer(value) for *_, fact, value in rows if fact is not None}
    return Kept(protocol_id, expires_at, as_of, consent_date, first_dose_date, answers)


def screening(session: ReadSession, *, token: str, at: datetime) -> Screening:
    """The screening that the token opens, with its answers. NotFound if there is none, or it has expired.

    In a writing session its row is locked: two tabs that save at once take turns, and the second one
    sees what the first one saved.
    """
    query = (
        select(Screening)
        .where(Screening.token_hash == token_hash(token), Screening.expires_at > at)
        .options(selectinload(Screening.answers))
        .execution_options(populate_existing=True)
    )
    found = session.scalar(query.with_for_update() if is_writing(session) else query)
    if found is None:
        raise NotFound("no such screening, or it has expired")
    return found


EVALUATED_AT_ONCE = 200


def evaluated(session: ReadSession, *, after: int) -> list[Screening]:
    """The next screenings that hold a verdict, quick checks too, with their answers, by number."""
    query = select(Screening).where(Screening.id > after, Screening.result.is_not(None)).order_by(Screening.id)
    return list(session.scalars(query.limit(EVALUATED_AT_ONCE).options(selectinload(Screening.answers))))


def read_result(text: str) -> dict[str, Any]:
    """A stored verdict as plain data. ValueError where it is none."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found
