"""Who writes while the servers are killed, what was acknowledged to them, and whether it is stored.

People fill in quick checks by the forms; a program of a site keeps screenings by the API, one after the other.
"""

import http.client
import json
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from sqlalchemy import func, select

from app.errors import NotFound
from app.store import audit, queries, screenings
from app.store.db import Database, ReadSession
from app.store.models import Event, Screening
from tests.web.people import give_key, site_ids

FORM = {"content-type": "application/x-www-form-urlencoded"}
API = "/api/v1/screenings"
SITE_KEY = "pk_0c4a5b1e.of-a-database-that-is-thrown-away"
ANSWERS = 6
STOPPED = (OSError, http.client.HTTPException)


def give_site_key(database: Database) -> None:
    """Let the program of a site write."""
    give_key(database, site_ids(database)[0], at=datetime.now(UTC), token=SITE_KEY)


@dataclass
class Written:
    """A screening as its writer knows it: the weight that was acknowledged last, and the one on its way, if any.

    `name` is the token of a quick check, or the reference of a site's screening.
    """

    name: str
    of_site: bool = False
    weight: float | None = None
    sent: float | None = None

    def stored(self, session: ReadSession, now: datetime) -> Screening:
        """What is stored of it. NotFound where nothing is."""
        if self.of_site:
            return screenings.screening(session, reference=self.name, sites=None)
        return queries.screening(session, token=self.name, at=now)


@dataclass
class Writers:
    """Threads that write until the servers are gone: every other one as a program of a site."""

    ports: Sequence[int]
    threads: int = 6
    written: list[Written] = field(default_factory=list)
    acknowledged: int = 0
    refused: list[int] = field(default_factory=list)

    def run(self, until: int, pause: float, stop: "threading.Event | None" = None) -> list[threading.Thread]:
        """Begin to write, and come back when so many writes were acknowledged and the pause is over."""
        self._stop = stop or threading.Event()
        running = [
            threading.Thread(target=self._write, args=(self.ports[n // 2 % len(self.ports)], n % 2 == 1), daemon=True)
            for n in range(self.threads)
        ]
        for thread in running:
            thread.start()
        deadline = time.monotonic() + 120
        while self.acknowledged < until and time.monotonic() < deadline:
            time.sleep(0.002)
        assert self.acknowledged >= until, f"only {self.acknowledged} writes were acknowledged: {self.refused[:5]}"
        time.sleep(pause)
        return running

    def _write(self, port: int, of_site: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with suppress(*STOPPED):
            while not self._stop.is_set():
                (self._keep_screening if of_site else self._fill_in)(connection)

    def _fill_in(self, connection: http.client.HTTPConnection) -> None:
        headers = self._send(connection, "POST", "/checks", {"do": "continue"})
        if headers is None:
            return
        check = Written(headers["location"].split("/checks/")[1].split("?")[0])
        self.written.append(check)
        for number in range(ANSWERS):
            check.sent = 50 + number
            path = f"/checks/{check.name}/questions/weight_kg"
            if self._send(connection, "POST", path, {"weight_kg": str(check.sent)}):
                check.weight, check.sent = check.sent, None

    def _keep_screening(self, connection: http.client.HTTPConnection) -> None:
        code = f"S-{uuid4().hex[:12]}"
        headers = self._send_json(connection, "POST", API, {"subject_code": code})
        if headers is None:
            return
        kept = Written(headers["location"].removeprefix(f"{API}/"), of_site=True)
        self.written.append(kept)
        for number in range(ANSWERS):
            kept.sent = 50 + number
            given = {"answers": {"weight_kg": kept.sent}, "reason": "new_result"}
            path = f"{API}/{kept.name}/answers"
            answered = self._send_json(connection, "PATCH", path, given, {"if-match": headers["etag"]})
            if answered:
                headers, kept.weight, kept.sent = answered, kept.sent, None

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, fields: Mapping[str, str]
    ) -> http.client.HTTPMessage | None:
        return self._sent(connection, method, path, urlencode(fields), FORM, 303)

    def _send_json(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Mapping[str, Any],
        more: Mapping[str, str] | None = None,
    ) -> http.client.HTTPMessage | None:
        headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {SITE_KEY}",
            "idempotency-key": uuid4().hex,
            **(more or {}),
        }
        return self._sent(connection, method, path, json.dumps(body), headers, 201 if method == "POST" else 200)

    def _sent(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: str,
        headers: Mapping[str, str],
        good: int,
    ) -> http.client.HTTPMessage | None:
        """The headers of the answer, if the write was acknowledged."""
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        response.read()
        if response.status != good:
            self.refused.append(response.status)
            return None
        self.acknowledged += 1
        return response.headers


def lost(database: Database, written: Sequence[Written]) -> list[str]:
    """Acknowledged writes that are not there, and screenings whose events do not tell all of their changes.

    PostgreSQL may still be at a commit whose client is gone, so what seems to be missing is looked for once more.
    """
    if _lost(database, written):
        time.sleep(1)
    return _lost(database, written)


def _lost(database: Database, written: Sequence[Written]) -> list[str]:
    now, missing = datetime.now(UTC), []
    with database.read() as session:
        for each in written:
            try:
                screening = each.stored(session, now)
            except NotFound:
                missing.append("a screening that was begun" if each.of_site else "a check that was begun")
                continue
            possible = {each.weight} if each.sent is None else {each.weight, each.sent}
            if screening.raw_answers.get("weight_kg") not in possible:
                missing.append("an answer")
            of_screening = Event.subject_type == "screening", Event.subject_id == screening.id
            if session.scalar(select(func.count()).where(*of_screening)) != screening.version:
                missing.append("an event")
    return missing


def broken(database: Database) -> str:
    """What is wrong with the audit trail; nothing where it is whole."""
    with database.read() as session:
        found = audit.verify(session, database.audit_key)
    return "" if found.fault is None else f"entry {found.fault.seq} {found.fault.problem}"
