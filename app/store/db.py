"""The database: how it is opened, and the transactions in which it is read and written.

    with database.read() as session: ...     # one snapshot; writing is refused
    with database.write() as session: ...    # all or nothing, committed when the block ends
    with database.glance() as connection: ...  # one query that waits for nothing, or NotAtOnce

The commit stands here and nowhere else. It happens at the end of the block, so a caller who answers
after the block never acknowledges what was not saved. SQLite serialises the writers by taking the
write lock at the start (a transaction that reads first and locks later fails at once when another
was faster, whatever the timeout); on PostgreSQL a row that is read in order to change it is locked.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NewType

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.pool import QueuePool

from app import errors

ReadSession = NewType("ReadSession", Session)
WriteSession = NewType("WriteSession", ReadSession)  # whoever may write may also read, not the reverse

BUSY_SECONDS: Final = 10
POOL: Final = {"pool_size": 10, "max_overflow": 30, "pool_timeout": 10}
PRAGMAS: Final = {
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "recursive_triggers": "ON",
    "trusted_schema": "OFF",
}
POSTGRESQL_OPTIONS: Final = {
    "statement_timeout": "5s",
    "lock_timeout": "4s",
    "idle_in_transaction_session_timeout": "10s",
    "timezone": "UTC",
}


class NotAtOnce(Exception):
    """What was asked for cannot be read without waiting, or cannot be read; ask in a thread."""


class Database:
    """A database with its pool of connections; safe to share between threads.

    `audit_key` is what the chain of events is made with (see `app.store.chain`); it is kept outside the database.
    """

    def __init__(self, url: URL, audit_key: bytes = b"") -> None:
        self.engine = engine(url)
        self.audit_key = audit_key
        self._reading = self.engine.execution_options(reading=True, **_read_only(url))
        self._glancing = _glancing(url) if url.get_backend_name() == "sqlite" else None

    @contextmanager
    def read(self) -> Iterator[ReadSession]:
        """A session that sees one state of the database and cannot change it."""
        with translated(), Session(self._reading, expire_on_commit=False) as session:
            yield ReadSession(session)

    @contextmanager
    def write(self) -> Iterator[WriteSession]:
        """A session whose changes are committed when the block ends, and dropped if it raises."""
        info = {"writing": True, "audit_key": self.audit_key}
        with translated(), Session(self.engine, expire_on_commit=False, info=info) as session:
            yield WriteSession(ReadSession(session))
            session.commit()

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """A connection for one query that must not wait, as on an event loop. Raises NotAtOnce.

        SQLite alone can promise that: a query of its own needs no transaction, readers wait for nobody, and
        where they would after all (a recovery, another glance), this gives up.
        """
        if self._glancing is None:
            raise NotAtOnce
        try:
            with self._glancing.connect() as connection:
                yield connection
        except (DBAPIError, PoolTimeoutError) as error:
            raise NotAtOnce from error

    def connections(self) -> tuple[int, int]:
        """How many connections are open, and how many of them are in use."""
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)
        return pool.checkedin() + pool.checkedout(), pool.checkedout()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self.engine.dispose()
        if self._glancing is not None:
            self._glancing.dispose()


def is_writing(session: ReadSession) -> bool:
    """Whether the session comes from `Database.write`."""
    return bool(session.info.get("writing"))


def engine(url: URL) -> Engine:
    """An engine with the promises of this module: durable, checked, and no values in error texts."""
    made = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)
    event.listen(made, "reset", _end_transaction)
    return made


def _postgresql(url: URL) -> Engine:
    options = " ".join(f"-c {name}={value}" for name, value in POSTGRESQL_OPTIONS.items())
    connect_args = {"options": options, "connect_timeout": 5, "application_name": "prescreen"}
    return create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=connect_args, **POOL)


@contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's complaints into the application's own errors; the original is the cause."""
    try:
        yield
    except (OperationalError, PoolTimeoutError) as error:
        raise errors.Unavailable("the database is not available") from error
    except StaleDataError as error:
        raise errors.Conflict("was changed by somebody else at the same time") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise errors.Unavailable("the connection to the database was lost") from error
        if _is_no_database_of_ours(error.orig):
            raise errors.Unavailable("the database does not hold what this program needs") from error
        if isinstance(error, IntegrityError) and _is_duplicate(error.orig):
            raise errors.Conflict("was added by somebody else at the same time") from error
        raise


def _is_no_database_of_ours(error: BaseException | None) -> bool:
    """A file that is no database (or a broken one), or a schema that is not the one of this program."""
    missing = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)
    return type(error) is sqlite3.DatabaseError or isinstance(error, missing)


def _is_duplicate(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.IntegrityError):
        return error.sqlite_errorname in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
    return isinstance(error, psycopg.errors.UniqueViolation)


def _read_only(url: URL) -> dict[str, Any]:
    """One state of the database, as SQLite shows it anyway."""
    if url.get_backend_name() == "sqlite":
        return {}
    return {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}


def _sqlite(url: URL) -> Engine:
    assert url.database is not None
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    made = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS}, **POOL)
    event.listen(made, "connect", _prepare_sqlite)
    event.listen(made, "begin", _begin_sqlite)
    return made


def _glancing(url: URL) -> Engine:
    """One connection that cannot write, waits for no lock, and begins no transactions."""
    made = create_engine(
        url, hide_parameters=True, connect_args={"timeout": 0}, poolclass=QueuePool, pool_size=1, max_overflow=0,
        pool_timeout=0, pool_reset_on_return=None,
    )  # fmt: skip
    event.listen(made, "connect", _prepare_glancing)
    return made


def _prepare_glancing(connection: sqlite3.Connection, record: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")


def _end_transaction(connection: DBAPIConnection, record: object, state: object) -> None:
    """Roll back when a connection returns to the pool, always.

    SQLAlchemy leaves that out once it has tried to commit. But where the commit failed, the
    transaction may still be open, and on SQLite it would keep the write lock for ever.
    """
    connection.rollback()


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    """Set the promises of a new connection; from here on `_begin_sqlite` begins its transactions."""
    connection.isolation_level = None
    for name, value in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")


def _begin_sqlite(connection: Connection) -> None:
    """Begin to read or to write. The flag goes to the driver itself, which takes a tenth of the time."""
    reading = connection.get_execution_options().get("reading", False)
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.execute(f"PRAGMA query_only = {'ON' if reading else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
