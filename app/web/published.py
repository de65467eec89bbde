"""The protocols that are in use, held in memory and ready to evaluate.

A protocol never changes once it is published, so it is loaded once. Which version is current may
change at any moment; it is asked again after `REFRESH_SECONDS`.
"""

import threading
import time
from dataclasses import dataclass
from datetime import date

from app.rules.ask import Interviewer
from app.rules.participant import Participant, Reader
from app.rules.protocol import Protocol
from app.rules.report import Reporter, dumps
from app.rules.verdict import Evaluator, Verdict
from app.store import queries
from app.store.db import Database
from app.trials import Trial

REFRESH_SECONDS = 2.0


@dataclass(frozen=True)
class Published:
    """A published protocol with its trial, and the engines made for it."""

    version: int
    hash: str
    trial: Trial
    protocol: Protocol
    evaluator: Evaluator
    interviewer: Interviewer
    reporter: Reporter
    reader: Reader

    def read(self, body: object, today: date) -> Participant:
        """The participant that a plain JSON body says. Raises InvalidParticipant."""
        return self.reader.read(body, today)

    def evaluate(self, participant: Participant) -> Verdict:
        """The verdict on a participant."""
        return self.evaluator.evaluate(participant)

    def report(self, verdict: Verdict) -> bytes:
        """The verdict as the JSON of the API."""
        return self.reporter.report(verdict)


def prepare(trial: Trial, protocol: Protocol, version: int, digest: str) -> Published:
    """A protocol made ready to evaluate."""
    head = dumps(
        {
            "trial": {
                "nct_id": trial.nct_id,
                "status": trial.status,
                "status_as_of": trial.status_as_of,
                "source": trial.source,
            },
            "protocol": {"version": version, "hash": digest},
        }
    )
    evaluator = Evaluator(protocol)
    interviewer, reporter, reader = Interviewer(evaluator), Reporter(protocol, head[1:-1]), Reader(protocol)
    return Published(version, digest, trial, protocol, evaluator, interviewer, reporter, reader)


class Library:
    """The published protocols of one database, by trial (the current one) and by id."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._by_id: dict[int, Published] = {}
        self._current: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def remembered(self, nct_id: str) -> Published | None:
        """The current protocol of a trial if it was looked up a moment ago; touches no database."""
        found = self._current.get(nct_id)
        if found is None or time.monotonic() - found[1] > REFRESH_SECONDS:
            return None
        return self._by_id[found[0]]

    def current(self, nct_id: str) -> Published:
        """The protocol that is in force for a trial. Raises NotFound."""
        with self.database.read() as session:
            identity = queries.current_version(session, nct_id).id
            trial = queries.trial(session, nct_id)
        published = self.by_id(identity)
        if published.trial != trial:  # the registry's facts were corrected meanwhile
            published = prepare(trial, published.protocol, published.version, published.hash)
        with self._lock:
            self._by_id[identity] = published
            self._current[nct_id] = (identity, time.monotonic())
        return published

    def known(self, identity: int) -> Published | None:
        """A published protocol if it is in memory; touches no database, waits for no lock."""
        return self._by_id.get(identity)

    def by_id(self, identity: int) -> Published:
        """One published protocol, whatever its status now. Raises NotFound."""
        with self._lock:
            if identity not in self._by_id:
                with self.database.read() as session:
                    version = queries.version(session, identity)
                    protocol = queries.load_protocol(session, identity)
                    trial = queries.trial(session, protocol.nct_id)
                self._by_id[identity] = prepare(trial, protocol, version.version, version.hash)
            return self._by_id[identity]
