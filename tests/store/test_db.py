"""Transactions: durable, all or nothing, committed when the block ends; readers cannot write."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event, func, insert, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidRequestError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError

from app import errors
from app.store import db
from app.store.db import Database
from app.store.models import Event, LoginFailure, ProtocolRow, QuestionRow, SectionRow, SiteRow, TrialRow

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def noted(number: int) -> LoginFailure:
    return LoginFailure(at=NOW, subject=f"login:{number}")


def events(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(LoginFailure)) or 0


def test_write_is_all_or_nothing(database: Database) -> None:
    with database.write() as session:
        session.add_all([noted(1), noted(2)])
    with pytest.raises(RuntimeError), database.write() as session:
        session.add(noted(3))
        session.flush()
        raise RuntimeError
    assert events(database) == 2


def test_P3_failed_commit_surfaces(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It raises before the block is left, nothing is kept, and the connection is fit for the next one."""
    driver = database.engine.dialect.dbapi

    def fail(_connection: object) -> None:
        raise driver.OperationalError("disk full")  # type: ignore[union-attr]

    acknowledged = False
    with monkeypatch.context() as patch:
        patch.setattr(database.engine.dialect, "do_commit", fail)
        with pytest.raises(errors.Unavailable):
            with database.write() as session:
                session.add(noted(1))
            acknowledged = True
    assert not acknowledged
    assert events(database) == 0
    with database.write() as session:
        session.add(noted(2))
    assert events(database) == 1


def test_P3_commit_that_the_database_refuses(database: Database, trial_fields: dict[str, Any]) -> None:
    """A reference that is checked at the commit; SQLite leaves such a transaction open, locks and all."""
    question = {"text": "", "label": "", "why": "", "hint": "", "can_change": "fixed", "alternative": "none"}
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(insert(TrialRow).values(id=1, **trial_fields))
        session.execute(insert(ProtocolRow).values(id=1, trial_id=1, version=1, status="draft", content_hash="0" * 64))
        session.execute(insert(SectionRow).values(protocol_id=1, position=0, key="s", title=""))
        session.execute(
            insert(QuestionRow).values(protocol_id=1, position=0, key="q", section_key="s", type="yes_no", **question)
        )
    with database.read() as session:
        assert session.scalars(select(TrialRow)).all() == []
    with database.write() as session:
        session.add(noted(1))
    assert events(database) == 1


def test_reader_cannot_write(database: Database) -> None:
    with pytest.raises((DBAPIError, errors.Unavailable)), database.read() as session:
        session.execute(insert(LoginFailure), [{"at": NOW, "subject": ""}])
    assert events(database) == 0
    with database.write() as session:
        session.add(noted(1))
    assert events(database) == 1


def test_only_a_writing_session_says_so(database: Database) -> None:
    with database.read() as session:
        assert not db.is_writing(session)
    with database.write() as session:
        assert db.is_writing(session)


def test_reader_sees_what_was_committed(database: Database) -> None:
    with database.write() as session:
        session.add(noted(1))
        session.flush()
        assert events(database) == 0
    assert events(database) == 1


def test_relationships_are_never_loaded_unasked(database: Database, trial_fields: dict[str, Any]) -> None:
    with database.write() as session:
        session.add(TrialRow(**trial_fields))
    with database.read() as session, pytest.raises(InvalidRequestError, match="lazy='raise'"):
        session.scalars(select(TrialRow)).one().sites  # noqa: B018


def test_moments_are_utc(database: Database) -> None:
    tokyo = datetime(2026, 11, 23, 8, 30, 0, 5, tzinfo=timezone(timedelta(hours=9)))
    with database.write() as session:
        session.add(LoginFailure(at=tokyo, subject=""))
    with database.read() as session:
        found = session.scalars(select(LoginFailure.at)).one()
    assert (found, found.tzinfo) == (tokyo, UTC)
    with pytest.raises(StatementError, match="without a time zone"), database.write() as session:
        session.add(LoginFailure(at=tokyo.replace(tzinfo=None), subject=""))


def test_error_texts_hold_no_values(database: Database) -> None:
    with pytest.raises(IntegrityError) as refused, database.write() as session:
        session.add(Event(seq=1, at=NOW, actor="canary-value", action="", subject_type="none", subject_id=1, detail={}))
    assert "SQL parameters hidden" in str(refused.value)
    assert database.engine.dialect.name == "postgresql" or "canary-value" not in str(refused.value)


def test_two_writers_at_once_both_succeed(database: Database) -> None:
    """Each reads a count and writes what follows from it; on SQLite a late lock would fail at once."""
    barrier = threading.Barrier(2)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(25):
                if number == 0:
                    barrier.wait(10)
                with database.write() as session:
                    session.scalar(select(func.count()).select_from(LoginFailure))
                    session.add(noted(number))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert events(database) == 50


@pytest.fixture
def trial_fields() -> dict[str, Any]:
    names = ("title", "sponsor", "phase", "status", "status_as_of", "source", "start_date", "completion_date")
    return {**dict.fromkeys(names, ""), "nct_id": "NCT1", "enrolment": 1, "conditions": [], "countries": []}


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (OperationalError("SELECT", {}, Exception("gone")), errors.Unavailable),
        (PoolTimeoutError("no connection is free"), errors.Unavailable),
        (DBAPIError("SELECT", {}, Exception("gone"), connection_invalidated=True), errors.Unavailable),
        (StaleDataError("no row matched"), errors.Conflict),
        (DBAPIError("SELECT", {}, Exception("a fault of ours")), DBAPIError),
        (errors.NotFound("kept"), errors.NotFound),
    ],
)
def test_translation(raised: Exception, becomes: type[Exception]) -> None:
    with pytest.raises(becomes) as translated, db.translated():
        _raise(raised)
    assert translated.value is raised or translated.value.__cause__ is raised


def test_duplicate_is_a_conflict_and_other_violations_are_not(database: Database, trial_fields: dict[str, Any]) -> None:
    def site(number: str) -> SiteRow:
        return SiteRow(trial_id=1, position=0, number=number, name="", city="", region="", country="")

    with database.write() as session:
        session.add(TrialRow(id=1, sites=[site("1")], **trial_fields))
    with pytest.raises(errors.Conflict), database.write() as session:
        session.add(site("1"))
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(SiteRow(trial_id=2, position=0, number="", name="", city="", region="", country=""))


def test_unreachable_server_is_unavailable() -> None:
    nowhere = Database(URL.create("postgresql+psycopg", host="127.0.0.1", port=1, database="none"))
    with pytest.raises(errors.Unavailable), nowhere.read() as session:
        session.execute(text("SELECT 1"))
    nowhere.close()


# SQLITE


def test_pragmas(sqlite_url: URL) -> None:
    database = Database(sqlite_url)
    with database.engine.connect() as connection:
        said = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in (*db.PRAGMAS, "busy_timeout", "query_only")
        }
    database.close()
    assert said == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "trusted_schema": 0,
        "busy_timeout": 10_000,
        "query_only": 0,
    }


def test_writers_lock_first_and_readers_never(sqlite_url: URL) -> None:
    database = Database(sqlite_url)
    said: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    with database.write() as session:
        session.execute(text("SELECT 1"))
    with database.read() as session:
        session.execute(text("SELECT 1"))
    database.close()
    assert [statement for statement in said if statement.startswith("BEGIN")] == ["BEGIN IMMEDIATE", "BEGIN"]


def test_reading_goes_on_while_somebody_writes(sqlite_url: URL) -> None:
    database = Database(sqlite_url)
    with database.write() as session:
        session.add(noted(1))
        session.flush()
        assert events(database) == 0
    database.close()


def test_folder_is_made(tmp_path: Path) -> None:
    database = Database(URL.create("sqlite", database=str(tmp_path / "a" / "b" / "file.sqlite3")))
    with database.read() as session:
        session.execute(text("SELECT 1"))
    database.close()
    assert (tmp_path / "a" / "b" / "file.sqlite3").exists()


# POSTGRESQL


def test_timeouts(postgresql_url: URL) -> None:
    database = Database(postgresql_url)
    with database.engine.connect() as connection:
        said = {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in db.POSTGRESQL_OPTIONS}
    database.close()
    timezone_name = said.pop("timezone")
    assert timezone_name == "UTC"
    assert said == {"statement_timeout": "5s", "lock_timeout": "4s", "idle_in_transaction_session_timeout": "10s"}


@pytest.fixture
def waiting(postgresql_url: URL) -> Callable[[], None]:
    """Asks for a statement that takes too long."""

    def wait() -> None:
        database = Database(postgresql_url)
        try:
            with database.write() as session:
                session.execute(text("SET LOCAL statement_timeout = '50ms'"))
                session.execute(text("SELECT pg_sleep(5)"))
        finally:
            database.close()

    return wait


def test_statement_that_takes_too_long_is_unavailable(waiting: Callable[[], None]) -> None:
    with pytest.raises(errors.Unavailable):
        waiting()


def test_restart_of_the_server_is_survived(postgresql_url: URL) -> None:
    database = Database(postgresql_url)
    assert events(database) == 0
    with pytest.raises(errors.Unavailable), database.write() as session:
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert events(database) == 0
    database.close()


def test_a_glance_reads_what_is_committed_now_and_cannot_write(database: Database) -> None:
    """On SQLite, also while somebody else writes; PostgreSQL must be asked in a thread."""
    count = select(func.count()).select_from(LoginFailure)
    if database._glancing is None:
        with pytest.raises(db.NotAtOnce):
            database.glance(count, {})
        return
    for number in (1, 2):
        with database.write() as session:
            session.add(noted(number))
            session.flush()
            assert database.glance(count, {}) == [(number - 1,)]
        assert database.glance(count, {}) == [(number,)]
    removing: Any = delete(LoginFailure).returning(LoginFailure.subject)
    with pytest.raises(db.NotAtOnce):
        database.glance(removing, {})
    with database._glancing.lock, pytest.raises(db.NotAtOnce):
        database.glance(count, {})
    assert database.glance(count, {}) == [(2,)]
    assert events(database) == 2
