"""The database: how it is opened, and the transactions in which it is read and written.

    with database.read() as session: ...     # one snapshot; writing is refused
    with database.write() as session: ...    # all or nothing, committed when the block ends
    rows = database.glance(query, values)    # one query that waits for nothing, or NotAtOnce

The commit stands here and nowhere else. It happens at the end of the block, so a caller who answers
after the block never acknowledges what was not saved. SQLite serialises the writers by taking the
write lock at the start (a transaction that reads first and locks later fails at once when another
was faster, whatever the timeout); on PostgreSQL a row that is read in order to change it is locked.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NewType

import psycopg
from sqlalchemy import Connection, Engine, Select, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.pool import NullPool, QueuePool

from app import errors

ReadSession = NewType("ReadSession", Session)
WriteSession = NewType("WriteSession", ReadSession)  # whoever may write may also read, not the reverse

BUSY_SECONDS: Final = 10
VALUES: Final = 256  # of a column, remembered as the application knows them
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
        self._glancing = Glancing(url) if url.get_backend_name() == "sqlite" else None

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

    def glance(self, query: Select[Any], values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """The rows of one query that must not wait, as on an event loop. Raises NotAtOnce.

        SQLite alone can promise that: a query of its own needs no transaction, readers wait for nobody, and
        where they would after all (a recovery, another glance), this gives up.
        """
        if self._glancing is None:
            raise NotAtOnce
        return self._glancing.rows(query, values)

    def connections(self) -> tuple[int, int]:
        """How many connections are open, and how many of them are in use."""
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)
        return pool.checkedin() + pool.checkedout(), pool.checkedout()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self.engine.dispose()
        if self._glancing is not None:
            self._glancing.close()


class Glancing:
    """One SQLite connection that cannot write, waits for no lock, and begins no transactions.

    SQLAlchemy writes each query once and says how its values are kept; the driver alone runs it, in a tenth of
    the time.
    """

    def __init__(self, url: URL) -> None:
        self.lock = threading.Lock()
        self._engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": 0, "check_same_thread": False})
        event.listen(self._engine, "connect", _prepare_glancing)
        self._driver: sqlite3.Connection | None = None
        self._written: dict[Select[Any], _Written] = {}

    def rows(self, query: Select[Any], values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """The rows of a query. Raises NotAtOnce."""
        written = self._written.get(query)
        if written is None:
            written = self._written[query] = _Written(query)
        if not self.lock.acquire(blocking=False):
            raise NotAtOnce
        try:
            driver = self._driver = self._driver or self._opened()
            return written.read(driver.execute(written.sql, written.bound(values)).fetchall())
        except (sqlite3.Error, DBAPIError) as error:
            self._close()
            raise NotAtOnce from error
        finally:
            self.lock.release()

    def close(self) -> None:
        """Close the connection; the next query opens another."""
        with self.lock:
            self._close()

    def _opened(self) -> sqlite3.Connection:
        connection = self._engine.raw_connection()
        driver = connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        connection.detach()  # from SQLAlchemy, which would close it
        return driver

    def _close(self) -> None:
        if self._driver is not None:
            self._driver.close()
        self._driver = None


class _Written:
    """A query as SQLite takes it, and what turns its values into those of SQLite and back."""

    def __init__(self, query: Select[Any]) -> None:
        dialect = sqlite.dialect(paramstyle="named")
        compiled = query.compile(dialect=dialect)
        self.sql = str(compiled)
        self._given = compiled.params
        binds = {name: bind.type.dialect_impl(dialect) for name, bind in compiled.binds.items()}
        self._bind = {name: process for name, type_ in binds.items() if (process := type_.bind_processor(dialect))}
        types = enumerate(column.type.dialect_impl(dialect) for column in query.exported_columns)
        reading = [(number, type_.result_processor(dialect, None)) for number, type_ in types]
        self._read = [(number, lru_cache(VALUES)(process)) for number, process in reading if process is not None]

    def bound(self, values: Mapping[str, object]) -> dict[str, object]:
        """The values as SQLite keeps them."""
        bound = {**self._given, **values}
        for name, process in self._bind.items():
            bound[name] = process(bound[name])
        return bound

    def read(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows as the application knows them; a value that recurs from row to row is turned once."""
        columns: list[Iterable[Any]] = list(zip(*rows, strict=True))
        for number, process in self._read if rows else ():
            columns[number] = map(process, columns[number])
        return list(zip(*columns, strict=True))


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
