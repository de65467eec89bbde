"""The screening log, read: any filter, order and walk through the pages lists exactly what a plain loop would."""

import base64
import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from app import actions
from app.access import Sites
from app.errors import Invalid, NotFound
from app.lifecycle import BY_VERDICT, REACHED, STAGES, STATUSES, VERDICTS, WAITING, funnel
from app.store import log
from app.store.db import Database
from app.store.log import Entry, Filter
from app.store.models import Account, ProtocolRow, Screening, ScreeningReason, SiteRow, Tally

TODAY = date(2026, 11, 23)
CODES = ("E1", "E2", "E7", "I1")
ROWS = 240


@pytest.fixture
def sites(published: Database) -> list[int]:
    with published.read() as session:
        return list(session.scalars(select(SiteRow.id).order_by(SiteRow.id)))


@pytest.fixture
def people(published: Database, sites: list[int], now: datetime) -> list[int]:
    """Two who work at the first site."""
    with published.write() as session:
        hired = [
            actions.create_account(
                session, login=login, name=login, grants=[("coordinator", sites[0])], at=now, actor="test"
            )
            for login in ("ada", "bob")
        ]
        return [account.id for account in hired]


@pytest.fixture
def rows(published: Database, sites: list[int], people: list[int], now: datetime) -> list[Entry]:
    """Screenings of two sites in every state, many of them alike in what they are sorted by; and a quick check."""
    chance = random.Random(20261123)
    with published.write() as session:
        protocol = session.scalars(select(ProtocolRow.id)).one()
        entries = [_entry(chance, number, protocol, sites, people, now) for number in range(ROWS)]
        for entry in entries:
            plain = entry._asdict()
            session.add(
                Screening(
                    **{name: plain[name] for name in Entry._fields if name != "criteria"},
                    kind="site",
                    as_of=TODAY,
                    created_by="test",
                    result=json.dumps({"missing": [{"fact": f"fact_{entry.id}"}]}) if entry.verdict else None,
                    result_at=now if entry.verdict else None,
                    answers=[],
                    reasons=[ScreeningReason(code=code, position=at) for at, code in enumerate(entry.criteria)],
                )
            )
        session.flush()
        actions.start_quick_check(session, nct_id="NCT00000001", at=now, as_of=TODAY, hours=1, actor="test")
    return entries


def _entry(
    chance: random.Random, number: int, protocol: int, sites: list[int], people: list[int], now: datetime
) -> Entry:
    status = chance.choice(STATUSES)
    begun = now - timedelta(days=chance.randrange(40), hours=chance.choice((0, 9, 10)))
    return Entry(
        id=number + 1_000,  # after those that the database numbers itself
        reference=f"{number:012}",
        subject_code=f"{chance.choice(('A', 'AB', 'B', 'A-B'))}{chance.choice('-0')}{number:04}",
        site_id=chance.choice((sites[0], sites[0], sites[1])),
        protocol_id=protocol,
        version=1,
        created_at=begun,
        updated_at=begun + timedelta(days=chance.randrange(3)),
        status=status,
        status_reason=None,
        status_at=begun,
        verdict=chance.choice((None, *VERDICTS)),
        passes_from=None,
        look_again_on=chance.choice((None, TODAY + timedelta(days=chance.randrange(-3, 3)))),
        assigned_to=chance.choice((None, *people)),
        criteria=tuple(chance.sample(CODES, chance.randrange(3))),
    )


# WHAT A PLAIN LOOP SAYS

UTC_ORDER: dict[str, tuple[Callable[[Entry], Any], bool]] = {
    "updated": (lambda e: (e.updated_at, e.id), True),
    "begun": (lambda e: (e.created_at, e.id), True),
    "oldest": (lambda e: (e.created_at, e.id), False),
    "subject": (lambda e: (e.subject_code, e.id), False),
}


def fits(entry: Entry, wanted: Filter) -> bool:
    return (
        wanted.status in (None, entry.status)
        and wanted.verdict in (None, entry.verdict)
        and (wanted.criterion is None or wanted.criterion in entry.criteria)
        and (wanted.assigned_to is None or wanted.assigned_to == (entry.assigned_to or log.NOBODY))
        and (wanted.begun_from is None or entry.created_at.date() >= wanted.begun_from)
        and (wanted.begun_to is None or entry.created_at.date() <= wanted.begun_to)
        and entry.subject_code.startswith(wanted.subject)
    )


def expected(rows: list[Entry], sites: Sites, wanted: Filter) -> list[Entry]:
    found = [one for one in rows if (sites is None or one.site_id in sites) and fits(one, wanted)]
    if wanted.sort == "look_again":
        dated = sorted((e for e in found if e.look_again_on), key=lambda e: (e.look_again_on, e.id))
        return dated + sorted((e for e in found if not e.look_again_on), key=UTC_ORDER["updated"][0], reverse=True)
    key, is_reversed = UTC_ORDER[wanted.sort]
    return sorted(found, key=key, reverse=is_reversed)


def walked(turn: Callable[[str], log.Listed]) -> list[Entry]:
    """All pages, one after the other."""
    found, after = [], ""
    while True:
        listed = turn(after)
        found += listed.entries
        if listed.after is None:
            return found
        after = listed.after


DAYS = st.none() | st.integers(-45, 5).map(lambda days: TODAY + timedelta(days=days))


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    return Filter(
        status=draw(st.none() | st.sampled_from(STATUSES)),
        verdict=draw(st.none() | st.sampled_from(VERDICTS)),
        criterion=draw(st.none() | st.sampled_from((*CODES, "E99"))),
        assigned_to=draw(st.none() | st.sampled_from((1, 2, 3, log.NOBODY))),  # type: ignore[arg-type]
        begun_from=draw(DAYS),
        begun_to=draw(DAYS | st.just(date.max)),
        subject=draw(st.sampled_from(("", "", "A", "AB", "A-B0", "B-", "Z", "Z9", "A0-"))),
        sort=draw(st.sampled_from(("updated", "begun", "oldest", "subject", "look_again"))),
    )


SLOWLY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOWLY
@given(
    wanted=filters(), size=st.integers(1, 90), everywhere=st.sampled_from(("first", "second", "both", "all", "none"))
)
def test_a_walk_lists_exactly_what_fits_each_once_in_order(
    published: Database, rows: list[Entry], sites: list[int], wanted: Filter, size: int, everywhere: str
) -> None:
    allowed: Sites = {
        "first": frozenset(sites[:1]), "second": frozenset(sites[1:]), "both": frozenset(sites), "all": None
    }.get(everywhere, frozenset())  # fmt: skip
    with published.read() as session:
        found = walked(lambda after: log.page(session, allowed, wanted, after, size))
    assert found == expected(rows, allowed, wanted)


def test_a_walk_in_batches_lists_the_same(
    published: Database, rows: list[Entry], sites: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "BATCH", 7)
    with published.read() as session:
        for sort in ("updated", "subject", "look_again"):
            wanted = Filter(sort=sort)
            found = [one for batch in log.walk(session, None, wanted) for one in batch]
            assert found == expected(rows, None, wanted)


def test_the_next_page_begins_where_the_last_one_ended_whatever_came_meanwhile(
    published: Database, rows: list[Entry], sites: list[int]
) -> None:
    """A row that moves to the top between two pages is not missed, and pushes no other one onto both."""
    allowed = frozenset(sites[:1])
    with published.read() as session:
        first = log.page(session, allowed, Filter(), "", 10)
        before = walked(lambda after: log.page(session, allowed, Filter(), after, 500))
    with published.write() as session:
        session.get_one(Screening, before[30].id).updated_at = datetime(2027, 1, 1, tzinfo=UTC)
    with published.read() as session:
        rest = walked(lambda after: log.page(session, allowed, Filter(), after or str(first.after), 10))
    assert [one.id for one in rest] == [one.id for one in before[10:] if one.id != before[30].id]


@SLOWLY
@given(size=st.integers(1, 90), assigned_to=st.sampled_from((None, 1, 2, log.NOBODY)))
def test_what_waits_comes_by_its_day_and_then_by_how_long(
    published: Database, rows: list[Entry], sites: list[int], size: int, assigned_to: Any
) -> None:
    allowed = frozenset(sites[:1])
    with published.read() as session:
        found = walked(lambda after: log.waiting(session, allowed, assigned_to, after, size))
    mine = expected(rows, allowed, Filter(assigned_to=assigned_to))
    dated = [one for one in mine if one.status in BY_VERDICT and one.look_again_on]
    undated = [one for one in mine if one.status in WAITING and not one.look_again_on]
    assert found == sorted(dated, key=lambda e: (e.look_again_on, e.id)) + sorted(
        undated, key=lambda e: (e.updated_at, e.id)
    )


def test_a_list_never_reads_what_screenings_come_to(
    published: Database, rows: list[Entry], sites: list[int], counted: Any
) -> None:
    with counted() as statements, published.read() as session:
        for sort in ("updated", "begun", "oldest", "subject", "look_again"):
            log.page(session, frozenset(sites), Filter(sort=sort, criterion="E1"))
        log.waiting(session, frozenset(sites), None)
        log.due(session, frozenset(sites), TODAY)
    assert statements
    assert not [one for one in statements if "screening.result" in one]
    if published.engine.dialect.name == "postgresql":  # SQLAlchemy writes an offset of 0 for SQLite
        assert not [one for one in statements if "OFFSET" in one]


def test_what_is_missing_is_what_the_stored_result_says(
    published: Database, rows: list[Entry], sites: list[int]
) -> None:
    here = [one for one in rows if one.site_id == sites[0]]
    with published.read() as session:
        found = log.missing(session, frozenset(sites[:1]), [one.id for one in rows])
        assert log.missing(session, frozenset(sites[:1]), []) == {}
    assert found == {one.id: (f"fact_{one.id}",) if one.verdict else () for one in here}


def cursor(*plain: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "after",
    [
        "x", "=", "é", "A" * 2000, cursor(), cursor("updated", 0, "2026-11-01T00:00:00+00:00"),
        cursor("subject", 0, "A", 1), cursor("updated", 1, "2026-11-01T00:00:00+00:00", 1),
        cursor("updated", -1, "2026-11-01T00:00:00+00:00", 1), cursor("updated", 0, "2026-11-01T00:00:00", 1),
        cursor("updated", 0, "yesterday", 1), cursor("updated", 0, 7, 1),
        cursor("updated", 0, "2026-11-01T00:00:00+00:00", 2**31),
        cursor("updated", 0, "2026-11-01T00:00:00+00:00", True),
        cursor("updated", False, "2026-11-01T00:00:00+00:00", 1), cursor(["updated"], 0, "", 1),
        cursor("updated", 0, "0001-01-01T00:00:00+14:00", 1),
        base64.urlsafe_b64encode(b"[" * 5000).decode(),
    ],
)  # fmt: skip
def test_a_cursor_that_is_none_of_this_list_is_refused(published: Database, sites: list[int], after: str) -> None:
    with pytest.raises(Invalid, match="after"), published.read() as session:
        log.page(session, frozenset(sites), Filter(), after)


def test_a_cursor_of_subject_codes_holds_no_zero_byte(published: Database, sites: list[int]) -> None:
    with pytest.raises(Invalid, match="after"), published.read() as session:
        log.page(session, frozenset(sites), Filter(sort="subject"), cursor("subject", 0, "A\0", 1))


# CHARTS


@pytest.fixture
def tallied(published: Database, sites: list[int]) -> Database:
    rows = [
        (sites[0], "2026-10", "status", "excluded", 4),
        (sites[0], "2026-11", "status", "excluded", 2),
        (sites[0], "2026-11", "status", "enrolled", 0),
        (sites[0], "2026-11", "first", "E2", 2),
        (sites[0], "2026-11", "any", "E2", 3),
        (sites[1], "2026-11", "status", "excluded", 8),
        (sites[1], "2026-09", "status", "declined", 1),
    ]
    with published.write() as session:
        names = ("site_id", "month", "measure", "code", "number")
        session.execute(insert(Tally), [dict(zip(names, row, strict=True)) for row in rows])
    return published


def test_figures_are_those_of_the_sites_and_the_month(tallied: Database, sites: list[int]) -> None:
    first, both = frozenset(sites[:1]), frozenset(sites)
    with tallied.read() as session:
        assert log.counts(session, first, "status") == {"excluded": 6}
        assert log.counts(session, both, "status", "2026-11") == {"excluded": 10}
        assert log.counts(session, None, "status") == {"excluded": 14, "declined": 1}
        assert log.counts(session, frozenset(), "status") == {}
        assert (log.counts(session, first, "first"), log.counts(session, first, "any")) == ({"E2": 2}, {"E2": 3})
        assert log.months(session, both) == ["2026-11", "2026-10", "2026-09"]
        assert log.months(session, first) == ["2026-11", "2026-10"]


def test_the_funnel_only_narrows_and_counts_each_state_once() -> None:
    assert set(REACHED) == set(STATUSES)
    reached = funnel(dict.fromkeys(STATUSES, 1))
    assert list(reached) == list(STAGES)
    assert list(reached.values()) == [9, 7, 6, 4, 1]
    assert funnel({}) == dict.fromkeys(STAGES, 0)


# CALENDARS


def test_a_calendar_opens_by_its_token_alone(published: Database, people: list[int], now: datetime) -> None:
    with published.write() as session:
        token = actions.renew_calendar(session, account_id=people[0], at=now)
    with published.read() as session:
        assert log.calendar_account(session, token).id == people[0]
        assert (log.has_calendar(session, people[0]), log.has_calendar(session, people[1])) == (True, False)
        for wrong in ("", token[:-1], token.swapcase()):
            with pytest.raises(NotFound):
                log.calendar_account(session, wrong)
    with published.write() as session:
        session.get_one(Account, people[0]).disabled_at = now
    with pytest.raises(NotFound), published.read() as session:
        log.calendar_account(session, token)


def test_what_is_due_is_what_can_still_change(published: Database, rows: list[Entry], sites: list[int]) -> None:
    with published.read() as session:
        found = log.due(session, frozenset(sites[:1]), TODAY)
    assert [one.id for one in found] == [
        one.id
        for one in sorted(rows, key=lambda e: (e.look_again_on or date.max, e.id))
        if one.site_id == sites[0] and one.status in BY_VERDICT and one.look_again_on and one.look_again_on >= TODAY
    ]
