"""Backups: a copy of a database that is in use, and the way back from one, with a look at what was brought back.

SQLite is copied by its online backup, which writers do not disturb; a plain copy of the file would miss what lies in
its journal. PostgreSQL is copied by pg_dump and brought back by pg_restore, at least as new as the server is.
"""

import os
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import inspect
from sqlalchemy.engine import URL

from app.errors import Misconfigured
from app.store.db import Database, translated


def backup(url: URL, file: Path) -> None:
    """Copy the database into a new file, which appears once it is whole and on the disk. Raises Misconfigured."""
    if file.exists():
        raise Misconfigured(f"{file} exists already; give a new file")
    with _unfinished(file) as unfinished:
        if url.get_backend_name() == "sqlite":
            _copy(Path(str(url.database)), unfinished)
            check(unfinished)
        else:
            _run(url, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={unfinished}")
        _keep(unfinished)
        os.link(unfinished, file)  # unlike a rename, it never takes the place of a file that is there
    _keep(file.parent)


def restore(url: URL, file: Path) -> None:
    """Bring a backup back into a database that does not exist yet, or is empty. Raises Misconfigured."""
    if not file.is_file():
        raise Misconfigured(f"there is no file {file}")
    if url.get_backend_name() == "sqlite":
        _restore_sqlite(Path(str(url.database)), file)
        return
    with closing(Database(url)) as database, translated():
        if inspect(database.engine).get_table_names():
            raise Misconfigured("the database is not empty; restore into a new one")
    _run(url, "pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", str(file))


def _restore_sqlite(place: Path, file: Path) -> None:
    if place.exists():
        raise Misconfigured(f"{place} exists already; restore into a new place")
    check(file)
    place.parent.mkdir(parents=True, exist_ok=True)
    with _unfinished(place) as unfinished:
        _copy(file, unfinished)
        _keep(unfinished)
        os.link(unfinished, place)
    _keep(place.parent)


def check(file: Path) -> None:
    """Make sure that a SQLite file is sound: its pages, its indexes and its references. Raises Misconfigured."""
    try:
        with closing(_opened(file)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
            strays = connection.execute("PRAGMA foreign_key_check").fetchall()
    except sqlite3.DatabaseError as error:
        raise Misconfigured(f"{file} is no sound SQLite database: {error.sqlite_errorname}") from error
    if found != ["ok"] or strays:
        raise Misconfigured(f"{file} is damaged: {len(strays)} stray references, {found[0]}")


def _opened(file: Path) -> sqlite3.Connection:
    if not file.is_file():
        raise Misconfigured(f"there is no database {file}")
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=10, isolation_level=None)


def _copy(source: Path, target: Path) -> None:
    """All pages in one step: writers may go on meanwhile, and the copy is of one moment."""
    with closing(_opened(source)) as from_, closing(sqlite3.connect(target, isolation_level=None)) as to:
        from_.backup(to, pages=-1)
        to.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing left beside it


@contextmanager
def _unfinished(file: Path) -> Iterator[Path]:
    place = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        yield place
    finally:
        place.unlink(missing_ok=True)


def _keep(path: Path) -> None:
    """See to it that the disk has a file, or a folder's list of files."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _run(url: URL, program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL's on the database; the password goes by the environment, which nobody else sees."""
    if shutil.which(program) is None:
        raise Misconfigured(f"{program} is not installed; it comes with PostgreSQL's client programs")
    plain = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    environment = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    command = [program, f"--dbname={plain.render_as_string()}", *arguments]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise Misconfigured(
            f"{program} failed: {ran.stderr.strip().splitlines()[0] if ran.stderr.strip() else 'no word'}"
        )
