"""Trials and their protocols: what the registry says, the rules in force, and their translations."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, insert, select

from app.actions.record import record
from app.errors import Invalid, NotFound
from app.rules.codec import content_hash
from app.rules.protocol import Protocol
from app.store import queries
from app.store.db import WriteSession
from app.store.models import ProtocolRow, SiteRow, TranslationRow, TrialRow
from app.store.rows import to_rows
from app.trials import Trial
from app.trials.translations import Translation


class Published(NamedTuple):
    """The version that is now in force, and whether it is new."""

    version: int
    created: bool


def publish_protocol(session: WriteSession, *, trial: Trial, protocol: Protocol, at: datetime, actor: str) -> Published:
    """Put the protocol in force, unless just this content already is. The one in force before retires.

    The registry's facts are brought up to date as well. Raises Invalid where the protocol cannot be
    kept as it is.
    """
    if trial.nct_id != protocol.nct_id:
        raise Invalid([("nct_id", "the trial and the protocol differ")])
    trial_id = _save_trial(session, trial, at, actor)
    digest = content_hash(protocol)
    in_force = session.scalar(
        select(ProtocolRow).where(ProtocolRow.trial_id == trial_id, ProtocolRow.status == "published")
    )
    if in_force is not None and in_force.content_hash == digest:
        return Published(in_force.version, created=False)
    row = _draft(session, trial_id, protocol, digest)
    detail = {"version": row.version, "hash": digest}
    if in_force is not None:
        in_force.status = "retired"
        detail["retires"] = in_force.version
        session.flush()  # only one version may be published at any moment
    row.status, row.published_at = "published", at
    record(session, at, actor, "protocol.published", "protocol", row.id, detail)
    return Published(row.version, created=True)


def _draft(session: WriteSession, trial_id: int, protocol: Protocol, digest: str) -> ProtocolRow:
    """Write the protocol as the next version, read it back and make sure that it is the same."""
    last = session.scalar(select(func.max(ProtocolRow.version)).where(ProtocolRow.trial_id == trial_id))
    row = ProtocolRow(trial_id=trial_id, version=(last or 0) + 1, status="draft", content_hash=digest)
    session.add(row)
    session.flush()  # its id is needed for the rows it owns
    for model, rows in to_rows(protocol, row.id):
        if rows:
            session.execute(insert(model), rows)
    if content_hash(queries.load_protocol(session, row.id)) != digest:
        raise Invalid([("protocol", "holds a value that the database cannot keep exactly")])
    return row


def _save_trial(session: WriteSession, trial: Trial, at: datetime, actor: str) -> int:
    """The id of the trial, its row made equal to `trial`."""
    row = queries.trial_row(session, trial.nct_id)
    if row is not None and queries.trial_from_row(row) == trial:
        return row.id
    action = "trial.added" if row is None else "trial.updated"
    row = row or TrialRow(nct_id=trial.nct_id, sites=[])
    session.add(row)
    for name in _TRIAL_COLUMNS:
        setattr(row, name, getattr(trial, name))
    row.conditions, row.countries = list(trial.conditions), list(trial.countries)
    _save_sites(row, trial)
    session.flush()  # its id is needed for the event
    record(session, at, actor, action, "trial", row.id, {"status": trial.status, "status_as_of": trial.status_as_of})
    return row.id


_TRIAL_COLUMNS = (
    "title",
    "sponsor",
    "phase",
    "status",
    "status_as_of",
    "source",
    "start_date",
    "completion_date",
    "enrolment",
)


def _save_sites(row: TrialRow, trial: Trial) -> None:
    """Keep the rows of the sites that stay (known by their number), add and drop the others."""
    if len({site.number for site in trial.sites}) != len(trial.sites):
        raise Invalid([("sites", "two sites have the same number")])
    known = {site.number: site for site in row.sites}
    row.sites = [known.get(site.number) or SiteRow(number=site.number) for site in trial.sites]
    for position, (kept, site) in enumerate(zip(row.sites, trial.sites, strict=True)):
        kept.position = position
        kept.name, kept.city, kept.region, kept.country = site.name, site.city, site.region, site.country


def translate_trial(session: WriteSession, *, nct_id: str, translation: Translation, at: datetime, actor: str) -> int:
    """Keep a translation's texts; gives how many rows that changed.

    A text that is empty in it is dropped; one of another source, which an earlier version may have, stays.
    """
    row = queries.trial_row(session, nct_id)
    if row is None:
        raise NotFound(f"no trial {nct_id}")
    of_language = (TranslationRow.trial_id == row.id, TranslationRow.language == translation.language)
    kept = {(one.path, one.source): one for one in session.scalars(select(TranslationRow).where(*of_language))}
    changed = 0
    for path, (source, text) in ((path, (one.source, one.text)) for path, one in translation.texts.items()):
        known = kept.get((path, source))
        if known is not None and not text:
            session.delete(known)
        elif known is not None and (known.text, known.status) != (text, translation.status):
            known.text, known.status = text, translation.status
        elif known is None and text:
            values = {"language": translation.language, "path": path, "source": source, "text": text}
            session.add(TranslationRow(trial_id=row.id, status=translation.status, **values))
        else:
            continue
        changed += 1
    if changed:
        detail = {"language": translation.language, "status": translation.status, "texts": changed}
        record(session, at, actor, "trial.translated", "trial", row.id, detail)
    return changed
