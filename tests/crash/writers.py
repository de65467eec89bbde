"""People who fill in quick checks at once, and what was acknowledged to them; held against what is stored."""

import http.client
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

from sqlalchemy import func, select

from app.errors import NotFound
from app.store import audit, queries
from app.store.db import Database
from app.store.models import Event

FORM = {"content-type": "application/x-www-form-urlencoded"}
ANSWERS = 6
STOPPED = (OSError, http.client.HTTPException)


@dataclass
class Written:
    """A check as its writer knows it: the weight that was acknowledged last, and the one on its way, if any."""

    token: str
    weight: float | None = None
    sent: float | None = None


@dataclass
class Writers:
    """Threads that write until the servers are gone."""

    ports: Sequence[int]
    threads: int = 6
    written: list[Written] = field(default_factory=list)
    acknowledged: int = 0
    refused: list[int] = field(default_factory=list)

    def run(self, until: int, pause: float, stop: "threading.Event | None" = None) -> list[threading.Thread]:
        """Begin to write, and come back when so many writes were acknowledged and the pause is over."""
        self._stop = stop or threading.Event()
        running = [threading.Thread(target=self._write, args=(self.ports[n % len(self.ports)],), daemon=True)
                   for n in range(self.threads)]  # fmt: skip
        for thread in running:
            thread.start()
        deadline = time.monotonic() + 120
        while self.acknowledged < until and time.monotonic() < deadline:
            time.sleep(0.002)
        assert self.acknowledged >= until, f"only {self.acknowledged} writes were acknowledged: {self.refused[:5]}"
        time.sleep(pause)
        return running

    def _write(self, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with suppress(*STOPPED):
            while not self._stop.is_set():
                self._fill_in(connection)

    def _fill_in(self, connection: http.client.HTTPConnection) -> None:
        location = self._post(connection, "/checks", {"do": "continue"})
        if location is None:
            return
        check = Written(location.split("/checks/")[1].split("?")[0])
        self.written.append(check)
        for number in range(ANSWERS):
            check.sent = 50 + number
            if self._post(connection, f"/checks/{check.token}/questions/weight_kg", {"weight_kg": str(check.sent)}):
                check.weight, check.sent = check.sent, None

    def _post(self, connection: http.client.HTTPConnection, path: str, fields: dict[str, str]) -> str | None:
        connection.request("POST", path, urlencode(fields), FORM)
        response = connection.getresponse()
        response.read()
        if response.status != 303:
            self.refused.append(response.status)
            return None
        self.acknowledged += 1
        return str(response.headers["location"])


def lost(database: Database, written: Sequence[Written]) -> list[str]:
    """Acknowledged writes that are not there, and checks whose events do not tell all of their changes.

    PostgreSQL may still be at a commit whose client is gone, so what seems to be missing is looked for once more.
    """
    if _lost(database, written):
        time.sleep(1)
    return _lost(database, written)


def _lost(database: Database, written: Sequence[Written]) -> list[str]:
    now, missing = datetime.now(UTC), []
    with database.read() as session:
        for check in written:
            try:
                screening = queries.screening(session, token=check.token, at=now)
            except NotFound:
                missing.append("a check that was begun")
                continue
            possible = {check.weight} if check.sent is None else {check.weight, check.sent}
            if screening.raw_answers.get("weight_kg") not in possible:
                missing.append("an answer")
            of_check = Event.subject_type == "screening", Event.subject_id == screening.id
            if session.scalar(select(func.count()).where(*of_check)) != screening.version:
                missing.append("an event")
    return missing


def broken(database: Database) -> str:
    """What is wrong with the audit trail; nothing where it is whole."""
    with database.read() as session:
        found = audit.verify(session, database.audit_key)
    return "" if found.fault is None else f"entry {found.fault.seq} {found.fault.problem}"
