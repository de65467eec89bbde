"""The verbs that change state. Each does one thing and writes the event that says so, in one transaction.

Nothing is committed here: the caller's `with database.write()` does that, so several actions are one
change. The time and the actor are arguments. Where nothing changes, no event is written, so a repeated
submit leaves no trace. Events name facts, versions and counts, never a value.
"""

import json
import secrets
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete, func, insert, select

from app.errors import Conflict, Invalid, NotFound
from app.rules.codec import content_hash
from app.rules.protocol import Protocol
from app.store import queries
from app.store.db import WriteSession
from app.store.models import Answer, Event, ProtocolRow, QuestionRow, Screening, SiteRow, TranslationRow, TrialRow
from app.store.rows import to_rows
from app.trials import Trial
from app.trials.translations import Translation

# TRIALS AND PROTOCOLS


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
    _record(session, at, actor, "protocol.published", "protocol", row.id, detail)
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
    _record(session, at, actor, action, "trial", row.id, {"status": trial.status, "status_as_of": trial.status_as_of})
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
        _record(session, at, actor, "trial.translated", "trial", row.id, detail)
    return changed


# SCREENINGS


class Started(NamedTuple):
    """A new screening and the token that opens it, which is kept nowhere."""

    screening: Screening
    token: str


def start_quick_check(
    session: WriteSession, *, nct_id: str, at: datetime, as_of: date, hours: int, actor: str
) -> Started:
    """Begin a check by the version in force now; it stays with that version and expires after `hours`."""
    version = queries.current_version(session, nct_id)
    token = secrets.token_urlsafe(32)
    screening = Screening(
        token_hash=queries.token_hash(token),
        protocol_id=version.id,
        kind="quick",
        created_at=at,
        expires_at=at + timedelta(hours=hours),
        version=1,
        as_of=as_of,
        answers=[],
    )
    session.add(screening)
    session.flush()  # its id is needed for the event
    detail = {"nct_id": nct_id, "protocol_version": version.version}
    _record(session, at, actor, "screening.started", "screening", screening.id, detail)
    return Started(screening, token)


def give_answers(
    session: WriteSession,
    *,
    screening: Screening,
    answers: Mapping[str, Any],
    at: datetime,
    actor: str,
    source: str,
    dates: Mapping[str, date | None] | None = None,
    result: str | None = None,
    version: int | None = None,
) -> None:
    """Save these answers (None: asked, and not known) and leave the others; and the dates given.

    `screening` comes from `queries.screening` in the same session. `answers` are raw JSON values, which
    the caller has checked. `dates` may name as_of, consent_date and first_dose_date. `result` is the
    evaluation of all answers, these included; without it, the old one is dropped as out of date.
    `version` is the one the person had before them: Conflict if the screening has moved on.
    """
    _check(screening, at, version)
    _check_facts(session, screening, answers)
    changed = sorted(fact for fact, raw in answers.items() if _put(screening, fact, raw, source, at))
    moved = _move(screening, dates or {})
    if changed or moved or result != screening.result:
        _changed(session, screening, at, actor, "screening.answered", {"facts": changed, "dates": moved}, result)


def set_dates(
    session: WriteSession,
    *,
    screening: Screening,
    dates: Mapping[str, date | None],
    at: datetime,
    actor: str,
    result: str | None = None,
    version: int | None = None,
) -> None:
    """Save the dates named: as_of, consent_date, first_dose_date; the others stay."""
    _check(screening, at, version)
    moved = _move(screening, dates)
    if moved or result != screening.result:
        _changed(session, screening, at, actor, "screening.dated", {"dates": moved}, result)


def forget_answer(
    session: WriteSession,
    *,
    screening: Screening,
    fact: str,
    at: datetime,
    actor: str,
    result: str | None = None,
    version: int | None = None,
) -> None:
    """Take an answer back, as if the question had not been asked."""
    _check(screening, at, version)
    kept = [answer for answer in screening.answers if answer.fact != fact]
    if len(kept) < len(screening.answers):
        screening.answers = kept
        _changed(session, screening, at, actor, "screening.answer_forgotten", {"facts": [fact]}, result)


def record_result(session: WriteSession, *, screening: Screening, result: str, at: datetime, actor: str) -> None:
    """Keep the canonical JSON of the evaluation of what is answered so far."""
    _check(screening, at, None)
    if result != screening.result:
        _changed(session, screening, at, actor, "screening.evaluated", {}, result)


def delete_check(session: WriteSession, *, screening: Screening, at: datetime, actor: str) -> None:
    """Delete a quick check and its answers before it expires."""
    _check(screening, at, None)
    session.delete(screening)
    _record(session, at, actor, "screening.deleted", "screening", screening.id, {})


def purge_expired(session: WriteSession, *, at: datetime, actor: str) -> int:
    """Delete the quick checks that have expired, with their answers; gives their number."""
    expired = (Screening.kind == "quick", Screening.expires_at <= at)
    ids = session.scalars(select(Screening.id).where(*expired).order_by(Screening.id).with_for_update()).all()
    if ids:
        session.execute(delete(Answer).where(Answer.screening_id.in_(select(Screening.id).where(*expired))))
        session.execute(delete(Screening).where(*expired))
    for identity in ids:
        session.add(_event(at, actor, "screening.purged", "screening", identity, {}))
    session.flush()  # the change fails here, in the action that made it, not somewhere later
    return len(ids)


def _check(screening: Screening, at: datetime, version: int | None) -> None:
    if screening.expires_at <= at:
        raise NotFound("no such screening, or it has expired")
    if version is not None and version != screening.version:
        raise Conflict("the screening was changed in the meantime")


def _check_facts(session: WriteSession, screening: Screening, answers: Mapping[str, Any]) -> None:
    """Refuse facts that the screening's protocol does not ask for."""
    asked = session.scalars(select(QuestionRow.key).where(QuestionRow.protocol_id == screening.protocol_id))
    unknown = sorted(answers.keys() - set(asked))
    if unknown:
        raise Invalid([(fact, "is not asked by this protocol") for fact in unknown])


def _put(screening: Screening, fact: str, raw: Any, source: str, at: datetime) -> bool:
    """Save one answer; gives whether that changed anything."""
    value = None if raw is None else json.dumps(raw, allow_nan=False)
    answer = next((answer for answer in screening.answers if answer.fact == fact), None)
    if answer is None:
        screening.answers.append(Answer(fact=fact, value=value, source=source, at=at))
        return True
    if (answer.value, answer.source) == (value, source):
        return False
    answer.value, answer.source, answer.at = value, source, at
    return True


def _move(screening: Screening, dates: Mapping[str, date | None]) -> list[str]:
    """Set the dates given; gives the names of those that changed."""
    moved = sorted(name for name, day in dates.items() if getattr(screening, name) != day)
    for name in moved:
        setattr(screening, name, dates[name])
    return moved


def _changed(
    session: WriteSession,
    screening: Screening,
    at: datetime,
    actor: str,
    action: str,
    detail: dict[str, Any],
    result: str | None,
) -> None:
    """Count the version up, replace the result and write the event."""
    screening.version += 1
    screening.result, screening.result_at = result, None if result is None else at
    _record(session, at, actor, action, "screening", screening.id, {**detail, "version": screening.version})


def _record(
    session: WriteSession,
    at: datetime,
    actor: str,
    action: str,
    subject_type: str,
    subject_id: int,
    detail: Mapping[str, Any],
) -> None:
    """Append an event, after the change it tells of."""
    session.add(_event(at, actor, action, subject_type, subject_id, detail))
    session.flush()  # the change fails here, in the action that made it, not somewhere later


def _event(
    at: datetime, actor: str, action: str, subject_type: str, subject_id: int, detail: Mapping[str, Any]
) -> Event:
    return Event(
        at=at, actor=actor, action=action, subject_type=subject_type, subject_id=subject_id, detail=dict(detail)
    )
