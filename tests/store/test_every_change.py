"""P19: every change of a record makes exactly one entry, in the transaction of the change."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from recording import guarded
from sqlalchemy import func, select, update

from app import actions
from app.access import Principal
from app.actions import Outcome
from app.store import accounts, queries, screenings
from app.store.db import Database, WriteSession
from app.store.models import Event, Screening, SiteRow

NCT = "NCT00000001"
TODAY = date(2026, 11, 23)
IN = Outcome('{"in":1}', "likely_eligible", (), None, True)
OUT = Outcome('{"out":1}', "excluded", ("E2",), date(2026, 12, 24), False)


class Work:
    """A screening of a site and a quick check, and people who work on them."""

    def __init__(self, database: Database, now: datetime) -> None:
        self.database, self.now = database, now
        with database.write() as session:
            self.site = session.scalars(select(SiteRow.id).order_by(SiteRow.id)).first() or 0
            self.ada, self.dora = (self.hire(session, name) for name in ("ada", "dora"))
            begun = actions.start_screening(
                session, nct_id=NCT, site_id=self.site, subject_code="A-1", at=now, as_of=TODAY, who=self.ada
            )
            self.reference = str(begun.reference)
            self.token = actions.start_quick_check(
                session, nct_id=NCT, at=now, as_of=TODAY, hours=24, actor="test"
            ).token

    def hire(self, session: WriteSession, login: str) -> Principal:
        grants: Any = [("physician", self.site)]
        account = actions.create_account(session, login=login, name=login, grants=grants, at=self.now, actor="test")
        return accounts.principal_of(account)

    def entries(self, do: Callable[[WriteSession, Any, "Work"], object], of: str = "screening") -> int:
        """How many entries there are more after somebody did something."""
        with self.database.write() as session:
            before = session.scalar(select(func.count()).select_from(Event)) or 0
            if of == "screening":
                row = screenings.screening(session, reference=self.reference, sites=None)
            else:
                row = queries.screening(session, token=self.token, at=self.now)
            do(session, row, self)
            return (session.scalar(select(func.count()).select_from(Event)) or 0) - before


@pytest.fixture
def work(published: Database, now: datetime) -> Work:
    return Work(published, now)


Do = Callable[[WriteSession, Any, Work], object]
SITE: dict[str, Do] = {
    "answer": lambda s, row, w: actions.answer_screening(
        s, screening=row, answers={"weight": 70}, outcome=OUT, at=w.now, who=w.ada, source="typed",
        dates={"consent_date": TODAY},
    ),
    "correct": lambda s, row, w: actions.answer_screening(
        s, screening=row, answers={"weight": 71}, outcome=IN, at=w.now, who=w.ada, source="typed", reason="new_result"
    ),
    "assign": lambda s, row, w: actions.assign(s, screening=row, account_id=w.dora.account_id, at=w.now, who=w.ada),
    "look again": lambda s, row, w: actions.look_again(s, screening=row, on=date(2027, 1, 1), at=w.now, who=w.ada),
    "note": lambda s, row, w: actions.add_note(s, screening=row, text="A note", at=w.now, who=w.ada),
    "erase": lambda s, row, w: actions.erase_note(
        s, screening=row, note_id=1, reason="not_needed", at=w.now, who=w.ada
    ),
    "sign": lambda s, row, w: actions.sign_verdict(
        s, screening=row, meaning="confirmed", verdict="likely_eligible", reason=None, signed_hash="0" * 64, at=w.now,
        who=w.dora, version=row.version,
    ),
    "move": lambda s, row, w: actions.set_status(
        s, screening=row, status="consented", reason=None, outcome=IN, at=w.now, who=w.ada
    ),
    "view": lambda s, row, w: actions.view_screening(
        s, screening_id=row.id, site_id=row.site_id, at=w.now, who=w.ada
    ),
}  # fmt: skip
QUICK: dict[str, Do] = {
    "answer": lambda s, row, w: actions.give_answers(
        s, screening=row, answers={"weight": 70, "smoker": True}, at=w.now, actor="test", source="typed", result="{}"
    ),
    "dates": lambda s, row, w: actions.set_dates(
        s, screening=row, dates={"consent_date": TODAY}, at=w.now, actor="test", result="{}"
    ),
    "forget": lambda s, row, w: actions.forget_answer(s, screening=row, fact="weight", at=w.now, actor="test"),
    "evaluate": lambda s, row, w: actions.record_result(s, screening=row, result="[]", at=w.now, actor="test"),
    "delete": lambda s, row, w: actions.delete_check(s, screening=row, at=w.now, actor="test"),
}
REPEATABLE = {"note", "erase", "sign", "move", "view", "delete"}  # which are refused, or are something new, again


def test_P19_every_change_makes_exactly_one_entry_and_no_change_makes_none(work: Work) -> None:
    for of, matrix in (("screening", SITE), ("check", QUICK)):
        for name, do in matrix.items():
            assert work.entries(do, of) == 1, name
            if name not in REPEATABLE:
                assert work.entries(do, of) == 0, f"{name}, again"
    with work.database.write() as session:
        later = work.now + timedelta(days=2)
        actions.start_quick_check(session, nct_id=NCT, at=work.now, as_of=TODAY, hours=24, actor="test")
        before = session.scalar(select(func.count()).select_from(Event)) or 0
        assert actions.purge_expired(session, at=later, actor="test") == 1
        assert session.scalar(select(func.count()).select_from(Event)) == before + 1


@pytest.mark.parametrize("name", SITE)
def test_P19_where_the_entry_cannot_be_made_the_change_is_not_there_either(work: Work, name: str) -> None:
    for earlier in list(SITE)[: list(SITE).index(name)]:
        work.entries(SITE[earlier])
    before = snapshot(work.database)
    key, work.database.audit_key = work.database.audit_key, None  # type: ignore[assignment]
    with pytest.raises((TypeError, AttributeError)):
        work.entries(SITE[name])
    work.database.audit_key = key
    assert snapshot(work.database) == before


def snapshot(database: Database) -> list[Any]:
    with database.read() as session:
        tables = Screening.metadata.sorted_tables
        return [sorted(map(tuple, session.execute(select(table))), key=repr) for table in tables]


def forgetful(session: WriteSession, *, screening: Screening) -> None:
    """An action as it must not be."""
    screening.subject_code = "B-2"


def forgetful_of_many(session: WriteSession, *, screening: Screening) -> None:
    """The same, by one statement."""
    session.execute(update(Screening).where(Screening.id == screening.id).values(subject_code="B-2"))


@pytest.mark.parametrize("action", [forgetful, forgetful_of_many])
def test_P19_an_action_that_forgets_its_entry_is_caught(work: Work, action: Callable[..., None]) -> None:
    with pytest.raises(AssertionError, match=r"changes .*Screening.* and records nothing"):
        work.entries(lambda session, row, _: guarded(action)(session, screening=row))


def test_P19_the_guard_is_around_every_action_in_every_test() -> None:
    changing = [name for name in actions.__all__ if name[0].islower() and name not in ("record", "redact")]
    unguarded = [name for name in changing if not hasattr(getattr(actions, name), "__wrapped__")]
    assert not [name for name in unguarded if "session" in getattr(actions, name).__annotations__]
    assert hasattr(actions.answer_screening, "__wrapped__")
