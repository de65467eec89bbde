"""A program behind a bad line: of its requests one in five is cut off, before, while or after it is done.

    python -m tests.long.retries --writes 1000

Every write is sent again under the same Idempotency-Key until its answer arrives. In the end each is stored exactly
once: no screening more or less, no answer lost, and no event that was not asked for. The server is a real one, on
SQLite; `--database` names a migrated or empty PostgreSQL database instead.
"""

import argparse
import http.client
import json
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.engine import URL, make_url

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))

from people import Program, give_key, site_ids
from serving import serving, settings

from app.settings import secret
from app.store.db import Database
from app.store.models import Answer, Event, Screening, Submission

ROOT = "/api/v1/screenings"
SHARE = 0.2
CUTS = ("before", "while", "after")
PATIENCE = 200


@dataclass
class Line:
    """The line between a program and the server. It cuts off its share of the exchanges."""

    port: int
    key: Program
    chance: random.Random
    share: float = SHARE
    told: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def exchange(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        """One request. Raises OSError where the line was cut."""
        with self.lock:
            is_cut, cut = self.chance.random() < self.share, self.chance.choice(CUTS)
            self.told["sent"] += 1
            self.told[f"cut {cut}"] += is_cut
        content = json.dumps(body).encode()
        given = {"content-type": "application/json", **self.key.headers, **headers}
        if is_cut and cut == "before":
            self._throw_away(method, path, given, content, whole=False)
            raise ConnectionError("cut before the request had arrived")
        if is_cut and cut == "while":
            self._throw_away(method, path, given, content, whole=True)
            raise ConnectionError("cut while it was at work")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, content, given)
            response = connection.getresponse()
            answer = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        except http.client.HTTPException as error:
            raise ConnectionError("no answer") from error
        finally:
            connection.close()
        if is_cut:
            raise ConnectionError("cut after the answer had been given")
        status, found, text = answer
        return status, found, json.loads(text)

    def _throw_away(self, method: str, path: str, headers: dict[str, str], content: bytes, whole: bool) -> None:
        """Send a request, or the half of it, and hang up without waiting."""
        lines = [f"{method} {path} HTTP/1.1", "host: x", f"content-length: {len(content)}"]
        head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()
        sent = head + content
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(sent if whole else sent[: len(sent) // 2])

    def insist(self, method: str, path: str, body: Any, **headers: str) -> tuple[dict[str, str], Any]:
        """The answer, however often the line is cut. A server that is busy is asked again, too."""
        marked = {"idempotency-key": f"{self.chance.getrandbits(128):032x}", **headers}
        for _ in range(PATIENCE):
            try:
                status, found, plain = self.exchange(method, path, body, marked)
            except OSError:
                continue
            if status in (200, 201):
                self.told["answered again"] += "idempotency-replayed" in found
                return found, plain
            assert status == 503, f"{method} {path}: {status} {plain}"
            self.told["busy"] += 1
            time.sleep(0.05)
        raise AssertionError("no answer, however often it was sent")


def write(line: Line, name: str, number: int) -> None:
    """So many writes: a screening begun, then answered three times, each from the version before."""
    done = 0
    while done < number:
        code = f"{name}-{done}"
        headers, plain = line.insist("POST", ROOT, {"subject_code": code, "answers": {"age_years": 54}})
        done += 1
        for weight in (60, 61, 62)[: number - done]:
            body = {"answers": {"weight_kg": weight}, "reason": "new_result"}
            match = {"if-match": headers["etag"]}
            headers, plain = line.insist("PATCH", f"{ROOT}/{plain['reference']}/answers", body, **match)
            done += 1
            assert plain["answers"]["weight_kg"]["value"] == weight


def run(url: URL, writes: int, workers: int, seed: int, say: Callable[[str], None] = print) -> None:
    """Write through the bad line, then hold what is stored to what was asked for."""
    with serving(url, rate_limit="off") as server:
        database = Database(url, secret(settings(url), "audit"))
        site = site_ids(database)[0]
        key = give_key(database, site, at=datetime.now(UTC))
        before = _stored(database)
        shares = [writes // workers + (each < writes % workers) for each in range(workers)]
        lines = [Line(server.port, key, random.Random(f"{seed} {each}")) for each in range(workers)]
        begun = time.monotonic()
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(write, lines, [f"W{each}" for each in range(workers)], shares))
        took = time.monotonic() - begun
        time.sleep(1)  # what was hung up on may still be at work
        after = _stored(database)
        database.close()
        assert "fault" not in server.log, server.log
    told = sum((line.told for line in lines), Counter[str]())
    screenings = sum(-(-share // 4) for share in shares)
    added = {name: after[name] - before[name] for name in after}
    answered = sum(share - -(-share // 4) for share in shares)
    wanted = {"screenings": screenings, "answers": screenings + sum(share > done for share in shares
              for done in range(1, share, 4)), "started": screenings, "answered": screenings + answered,
              "submissions": writes}  # fmt: skip
    say(f"{writes} writes in {took:.0f} s: {dict(sorted(told.items()))}")
    say(f"stored: {added}; asked for: {wanted}")
    assert added == wanted
    say("each write is stored exactly once")


def _stored(database: Database) -> dict[str, int]:
    def count(query: Any) -> int:
        return session.scalar(query) or 0

    with database.read() as session:
        events = select(func.count()).select_from(Event)
        return {
            "screenings": count(select(func.count()).select_from(Screening)),
            "answers": count(select(func.count()).select_from(Answer)),
            "started": count(events.where(Event.action == "screening.started")),
            "answered": count(events.where(Event.action == "screening.answered")),
            "submissions": count(select(func.count()).select_from(Submission)),
        }


def main() -> None:
    """The command."""
    options = argparse.ArgumentParser(prog="python -m tests.long.retries", description=__doc__)
    options.add_argument("--writes", type=int, default=1000)
    options.add_argument("--workers", type=int, default=4)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--database", type=make_url)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.database or URL.create("sqlite", database=f"{folder}/prescreen.sqlite3")
        run(url, given.writes, given.workers, given.seed)


if __name__ == "__main__":
    main()
