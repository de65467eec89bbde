"""The screening log, read: filtered, sorted, in pages that cost the same however deep, and counted for its charts.

A page is asked for by where the one before it ended (never by an offset), and no list reads what the screenings come
to: a result is some 10 kB.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import ColumnElement, Date, Select, exists, false, func, literal, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, selectinload

from app.access import EVERYWHERE, Sites
from app.errors import Invalid, NotFound
from app.lifecycle import BY_VERDICT, WAITING
from app.store.db import ReadSession
from app.store.models import Account, Screening, ScreeningReason, Tally
from app.store.queries import token_hash
from app.store.screenings import scoped

PAGE: Final = 50
BATCH: Final = 1_000
Sort = Literal["updated", "begun", "oldest", "subject", "look_again"]
NOBODY: Final = "nobody"


# LISTS


@dataclass(frozen=True)
class Filter:
    """Which screenings are wanted, and in which order; None: whatever it is.

    `criterion` is one that excludes, the first or not. The days are those on which a screening began, both included.
    """

    status: str | None = None
    verdict: str | None = None
    criterion: str | None = None
    assigned_to: int | Literal["nobody"] | None = None
    begun_from: date | None = None
    begun_to: date | None = None
    subject: str = ""
    sort: Sort = "updated"


class Entry(NamedTuple):
    """One row of the log. `criteria` are the codes of those that exclude, the first one first."""

    id: int
    reference: str
    subject_code: str
    site_id: int
    protocol_id: int
    version: int
    created_at: datetime
    updated_at: datetime
    status: str
    status_reason: str | None
    status_at: datetime
    verdict: str | None
    passes_from: date | None
    look_again_on: date | None
    assigned_to: int | None
    criteria: tuple[str, ...]


class Listed(NamedTuple):
    """A page of a list; `after` is where the next one begins, None on the last."""

    entries: list[Entry]
    after: str | None


class Spot(NamedTuple):
    """Where a page ended: in which stretch, at which value of its column, at which row."""

    stretch: int
    value: date | datetime | str
    id: int


@dataclass(frozen=True)
class Stretch:
    """A part of a list, in the order of a column; rows that are alike there follow by their number."""

    column: InstrumentedAttribute[Any]
    descending: bool = False
    where: tuple[ColumnElement[bool], ...] = field(default=())


COLUMNS: Final = tuple(getattr(Screening, name) for name in Entry._fields[:-1])
DATED, UNDATED = Screening.look_again_on.is_not(None), Screening.look_again_on.is_(None)
SORTS: Final[Mapping[Sort, tuple[Stretch, ...]]] = {
    "updated": (Stretch(Screening.updated_at, descending=True),),
    "begun": (Stretch(Screening.created_at, descending=True),),
    "oldest": (Stretch(Screening.created_at),),
    "subject": (Stretch(Screening.subject_code),),
    "look_again": (
        Stretch(Screening.look_again_on, where=(DATED,)),
        Stretch(Screening.updated_at, descending=True, where=(UNDATED,)),
    ),
}


def _one_of(column: InstrumentedAttribute[Any], values: Sequence[str]) -> ColumnElement[bool]:
    """Written out in the statement, so that an index over just these rows is found."""
    return column.in_([literal(value, literal_execute=True) for value in values])


# Due first, then those without a day, the ones that have waited longest first.
WAITING_LIST: Final = (
    Stretch(Screening.look_again_on, where=(_one_of(Screening.status, BY_VERDICT), DATED)),
    Stretch(Screening.updated_at, where=(_one_of(Screening.status, WAITING), UNDATED)),
)


def page(session: ReadSession, sites: Sites, wanted: Filter, after: str = "", size: int = PAGE) -> Listed:
    """A page of the log; `after` is what the page before it gave. Invalid where it is not."""
    return _page(session, _wanted(sites, wanted), SORTS[wanted.sort], wanted.sort, after, size)


def waiting(
    session: ReadSession, sites: Sites, assigned_to: int | Literal["nobody"] | None, after: str = "", size: int = PAGE
) -> Listed:
    """A page of those that wait for an answer or a day: with a day first, the earliest one first."""
    query = _wanted(sites, Filter(assigned_to=assigned_to))
    return _page(session, query, WAITING_LIST, "waiting", after, size)


def walk(session: ReadSession, sites: Sites, wanted: Filter) -> Iterator[list[Entry]]:
    """All that is wanted, in its order, in batches."""
    after = ""
    while True:
        listed = page(session, sites, wanted, after, BATCH)
        yield listed.entries
        if listed.after is None:
            return
        after = listed.after


def _wanted(sites: Sites, wanted: Filter) -> Select[Any]:
    query = scoped(select(*COLUMNS), sites)
    if wanted.status is not None:
        query = query.where(Screening.status == wanted.status)
    if wanted.verdict is not None:
        query = query.where(Screening.verdict == wanted.verdict)
    if wanted.criterion is not None:
        excludes = ScreeningReason.screening_id == Screening.id, ScreeningReason.code == wanted.criterion
        query = query.where(exists().where(*excludes))
    if wanted.assigned_to is not None:
        query = query.where(
            Screening.assigned_to.is_(None)
            if wanted.assigned_to == NOBODY
            else Screening.assigned_to == wanted.assigned_to
        )
    if wanted.begun_from is not None:
        query = query.where(Screening.created_at >= _midnight(wanted.begun_from))
    if wanted.begun_to is not None and wanted.begun_to < date.max:
        query = query.where(Screening.created_at < _midnight(wanted.begun_to + timedelta(days=1)))
    if wanted.subject:
        last = wanted.subject[:-1] + chr(ord(wanted.subject[-1]) + 1)
        query = query.where(Screening.subject_code >= wanted.subject, Screening.subject_code < last)
    return query


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _page(
    session: ReadSession, query: Select[Any], stretches: Sequence[Stretch], name: str, after: str, size: int
) -> Listed:
    """Fill a page from the stretches, beginning after a place."""
    place = _read_cursor(after, name, stretches) if after else None
    rows: list[Any] = []
    number = 0 if place is None else place.stretch
    last = number
    while number < len(stretches) and len(rows) <= size:
        found = session.execute(_stretch(query, stretches[number], place, size + 1 - len(rows))).all()
        rows, place, number = [*rows, *((number, row) for row in found)], None, number + 1
    shown = rows[:size]
    entries = _with_criteria(session, [row for _, row in shown])
    if len(rows) <= size:
        return Listed(entries, None)
    last, row = shown[-1]
    value = getattr(row, stretches[last].column.key)
    return Listed(entries, _cursor(name, Spot(last, value, row.id)))


def _stretch(query: Select[Any], stretch: Stretch, after: Spot | None, limit: int) -> Select[Any]:
    column, identity = stretch.column, Screening.id
    found = query.where(*stretch.where)
    if after is not None:
        there = tuple_(literal(after.value, column.type), literal(after.id, identity.type))
        here = tuple_(column, identity)
        found = found.where(here < there if stretch.descending else here > there)
    order = (column.desc(), identity.desc()) if stretch.descending else (column, identity)
    return found.order_by(*order).limit(limit)


def _with_criteria(session: ReadSession, rows: Sequence[Any]) -> list[Entry]:
    found: dict[int, list[str]] = {row.id: [] for row in rows}
    query = select(ScreeningReason.screening_id, ScreeningReason.code).where(ScreeningReason.screening_id.in_(found))
    if rows:
        for identity, code in session.execute(query.order_by(ScreeningReason.position)):
            found[identity].append(code)
    return [Entry._make([*row, tuple(found[row.id])]) for row in rows]


def _cursor(name: str, place: Spot) -> str:
    value = place.value.isoformat() if isinstance(place.value, date) else place.value
    text = json.dumps([name, place.stretch, value, place.id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(text: str, name: str, stretches: Sequence[Stretch]) -> Spot:
    """The place that a cursor of this list names. Invalid."""
    try:
        plain = json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        given, number, value, identity = plain
        if given != name or type(number) is not int or type(identity) is not int or type(value) is not str:
            raise ValueError
        if not (0 <= number < len(stretches) and 0 <= identity < 2**31) or "\0" in value or not value.isascii():
            raise ValueError
        return Spot(number, _value(stretches[number].column, value), identity)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise Invalid([("after", "is not a place in this list; begin at its first page")]) from None


def _value(column: InstrumentedAttribute[Any], text: str) -> date | datetime | str:
    if column is Screening.subject_code:
        return text
    if isinstance(column.type, Date):
        return date.fromisoformat(text)
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return value.astimezone(UTC)


def missing(session: ReadSession, sites: Sites, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The facts that each of these screenings still needs, as its stored result says; none where there is no result."""
    columns: tuple[Any, ...] = (Screening.id, Screening.result)
    query: Select[Any] = select(*columns)
    rows = session.execute(scoped(query, sites).where(Screening.id.in_(ids))) if ids else ()
    return {identity: _missing(result) for identity, result in rows}


def _missing(result: str | None) -> tuple[str, ...]:
    plain = json.loads(result) if result else {}
    return tuple(one["fact"] for one in plain.get("missing", ()))


# CHARTS


def _tallied(query: Select[Any], sites: Sites, month: str | None) -> Select[Any]:
    """The query over the tally, held to these sites and to a month (YYYY-MM)."""
    found = query if month is None else query.where(Tally.month == month)
    if sites is EVERYWHERE:
        return found
    return found.where(Tally.site_id.in_(sorted(sites))) if sites else found.where(false())


def counts(session: ReadSession, sites: Sites, measure: str, month: str | None = None) -> dict[str, int]:
    """How many screenings count for each code: by 'status', by the 'first' reason, or by 'any'."""
    columns: tuple[Any, ...] = (Tally.code, func.sum(Tally.number))
    query: Select[Any] = select(*columns).where(Tally.measure == measure).group_by(Tally.code)
    return {code: int(number) for code, number in session.execute(_tallied(query, sites, month)) if number}


def months(session: ReadSession, sites: Sites) -> list[str]:
    """The months in which screenings began, the last one first."""
    query = select(Tally.month).where(Tally.measure == "status", Tally.number > 0).distinct()
    return list(session.scalars(_tallied(query, sites, None).order_by(Tally.month.desc())))


# THE CALENDAR

CALENDAR_LIMIT: Final = 2_000


def calendar_account(session: ReadSession, token: str) -> Account:
    """Whose calendar a token opens, with their grants. NotFound; also where the account is disabled."""
    query = select(Account).where(Account.calendar_hash == token_hash(token), Account.disabled_at.is_(None))
    found = session.scalar(query.options(selectinload(Account.grants)))
    if found is None:
        raise NotFound("no such calendar")
    return found


def has_calendar(session: ReadSession, account_id: int) -> bool:
    """Whether a person has a calendar feed."""
    return session.scalar(select(Account.calendar_hash).where(Account.id == account_id)) is not None


def due(session: ReadSession, sites: Sites, since: date) -> list[Entry]:
    """What is to be looked at again from a day on, the earliest first."""
    stretch = WAITING_LIST[0]
    query = scoped(select(*COLUMNS), sites).where(*stretch.where, Screening.look_again_on >= since)
    rows = session.execute(query.order_by(Screening.look_again_on, Screening.id).limit(CALENDAR_LIMIT)).all()
    return _with_criteria(session, rows)
