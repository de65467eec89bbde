"""A few cycles of each long run (see `tests.crash` and docs/long-runs.md), and that they would notice a loss."""

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from tests.crash import cycles, powercut, writers

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="the recorder of writes needs a C compiler")


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_P1_what_was_acknowledged_outlives_kill_9(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    url: URL = request.getfixturevalue(f"bare_{name}_url")
    cycles.prepare(url)
    figures = cycles.run(url, 3, tmp_path, fork=False)
    assert (figures.lost, figures.broken) == ([], [])
    assert figures.acknowledged >= 15


def test_P1_a_loss_would_be_noticed(bare_sqlite_url: URL, tmp_path: Path) -> None:
    """Answers, checks, screenings and events are taken away behind the application's back."""
    cycles.prepare(bare_sqlite_url)
    database = cycles.opened(bare_sqlite_url)
    server = cycles.servers.Server(bare_sqlite_url, tmp_path / "log")
    server.wait()
    writing = writers.Writers([server.port], threads=2)
    threads = writing.run(until=30, pause=0)
    for _ in range(1000):
        checks, kept = ([each for each in writing.written if each.of_site is of_site] for of_site in (False, True))
        if len(checks) > 3 and len(kept) > 1:
            break
        time.sleep(0.02)
    server.kill()
    for thread in threads:
        thread.join(60)
    assert writers.lost(database, writing.written) == []
    assert writers.broken(database) == ""
    with database.read() as session:
        first, second, third, screening = (
            {"id": each.stored(session, datetime.now(UTC)).id} for each in (*checks[:3], kept[0])
        )
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM answer WHERE screening_id = :id"), [first, second, screening])
        connection.execute(text("DELETE FROM screening WHERE id = :id"), [first, screening])
        connection.execute(text("DROP TRIGGER guard_event_delete"))
        connection.execute(text("DELETE FROM event WHERE subject_type = 'screening' AND subject_id = :id"), third)
    assert set(writers.lost(database, writing.written)) == {
        "a check that was begun", "a screening that was begun", "an answer", "an event"
    }  # fmt: skip
    assert "is missing" in writers.broken(database)
    database.close()


@needs_gcc
def test_P2_what_was_acknowledged_outlives_a_power_cut(tmp_path: Path) -> None:
    figures = powercut.run(tmp_path, 2)
    assert (figures.lost, figures.broken) == ([], [])
    assert figures.images == 4
    assert figures.acknowledged >= 10


@needs_gcc
def test_P2_a_disk_that_does_not_sync_would_be_noticed(tmp_path: Path) -> None:
    figures = powercut.run(tmp_path, 1, lying=True)
    assert figures.lost


def test_P2_the_image_of_a_disk_is_what_was_synced() -> None:
    """Written at one place: twice and synced in between; the end is cut off without a sync; a file goes away."""

    def done(kind: bytes, offset: int = 0, data: bytes = b"", path: str = "db") -> powercut.Operation:
        return powercut.Operation(kind, path, offset, data)

    operations = [
        done(b"W", 2, b"synced"), done(b"S"), done(b"W", 2, b"later!"), done(b"T", 1),
        done(b"W", 0, b"wal", "db-wal"), done(b"S", path="db-wal"), done(b"U", path="db-wal"),
    ]  # fmt: skip
    assert powercut.image(operations, {"db": b"0"}, 0) == ({"db": bytearray(b"0\0synced")}, 2)
    assert powercut.image(operations, {"db": b"0"}, 1) == ({"db": bytearray(b"0")}, 2)
