"""P1: processes of the application killed in the middle of writing, again and again, on one database."""

import random
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL

from app import __main__ as command_line
from app.settings import Settings, secret
from app.store import audit, migrate
from app.store.db import Database
from app.trials import BUILT_IN
from tests.crash import servers
from tests.crash.writers import Writers, broken, give_site_key, lost


@dataclass
class Figures:
    """What the cycles came to."""

    cycles: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    entries: int = 0
    slowest_start: float = 0

    def __str__(self) -> str:
        return (
            f"{self.cycles} cycles, {self.acknowledged} acknowledged writes, {len(self.lost)} lost, "
            f"{len(self.broken)} broken audit trails, {self.entries} entries in the end, "
            f"slowest start {self.slowest_start:.1f} s"
        )


def opened(url: URL) -> Database:
    """The database with the key that the servers use."""
    settings = Settings.from_environment({"PRESCREEN_KEY": servers.KEY})
    return Database(url, secret(settings, "audit"))


def prepare(url: URL) -> None:
    """Bring an empty database up to date, put the built-in trial in force, and give a site its key."""
    with closing(opened(url)) as database:
        migrate.upgrade(database.engine)
        command_line._load(database, BUILT_IN, only_if_none=True)
        give_site_key(database)


def run(url: URL, cycles: int, folder: Path, *, processes: int = 2, fork: bool, shown: bool = False) -> Figures:
    """Kill `processes` processes at once in each cycle; the next ones find what they left."""
    figures = Figures()
    for number in range(1, cycles + 1):
        begun = time.monotonic()
        running = [servers.Server(url, folder / "server.log", fork=fork) for _ in range(processes)]
        for server in running:
            server.wait()
        figures.slowest_start = max(figures.slowest_start, time.monotonic() - begun)
        writers = Writers([server.port for server in running])
        threads = writers.run(until=random.randint(5, 40), pause=random.uniform(0, 0.05))
        for server in running:
            server.kill()
        for thread in threads:
            thread.join(60)
        with closing(opened(url)) as database:
            figures.lost += lost(database, writers.written)
            figures.broken += [found for found in [broken(database)] if found]
            with database.read() as session:
                figures.entries = audit.head(session).seq
        figures.cycles += 1
        figures.acknowledged += writers.acknowledged
        if shown and number % 10 == 0:
            print(figures, flush=True)
    return figures
