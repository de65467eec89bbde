"""The protocols that are in use, held in memory and ready to evaluate.

A protocol never changes once it is published, so it is loaded once. Which version is current may
change at any moment; it is asked again after `REFRESH_SECONDS`.
"""

import threading
import time
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

from app.rules import conditions
from app.rules.ask import Interviewer
from app.rules.change import Changer
from app.rules.participant import Participant, Reader
from app.rules.protocol import Protocol
from app.rules.report import Reporter, dumps
from app.rules.translation import localised
from app.rules.verdict import Evaluator, Verdict
from app.rules.words import ENGLISH
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
    is_reviewed: bool = True  # the translation, where this is one

    def read(self, body: object, today: date) -> Participant:
        """The participant that a plain JSON body says. Raises InvalidParticipant."""
        return self.reader.read(body, today)

    def evaluate(self, participant: Participant) -> Verdict:
        """The verdict on a participant."""
        return self.evaluator.evaluate(participant)

    @cached_property
    def changer(self) -> Changer:
        """What finds out what would change a verdict."""
        return Changer(self.evaluator)

    def changes(self, verdict: Verdict) -> dict[str, Any]:
        """What would change a verdict, as plain data."""
        changer = self.changer
        return conditions.plain(changer.changes(verdict), changer.search, verdict.context.world)

    def report(self, verdict: Verdict, exact: bool = False) -> bytes:
        """The verdict as the JSON of the API; `exact` adds what is decided whatever the missing answers are."""
        return self.reporter.report(verdict, exact)

    def explained(self, verdict: Verdict) -> bytes:
        """The same with the exact verdict and with what would change it; takes some milliseconds."""
        return self.report(verdict, exact=True)[:-1] + b',"changes":' + dumps(self.changes(verdict)) + b"}"


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
        self._localised: dict[tuple[int, str], Published] = {}
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

    def known(self, identity: int, language: str) -> Published | None:
        """A published protocol in a language, if it is in memory; touches no database, waits for no lock."""
        if language == ENGLISH.language:
            return self._by_id.get(identity)
        return self._localised.get((identity, language))

    def in_language(self, identity: int, language: str) -> Published:
        """One published protocol with its texts in a language; made once and kept. Raises NotFound."""
        published = self.by_id(identity)
        if language == ENGLISH.language:
            return published
        with self._lock:
            if (identity, language) not in self._localised:
                with self.database.read() as session:
                    found = queries.translation(session, published.trial.nct_id, language)
                protocol = localised(published.protocol, found.texts)
                made = prepare(published.trial, protocol, published.version, published.hash)
                self._localised[identity, language] = replace(made, is_reviewed=found.is_reviewed)
            kept = self._localised[identity, language]
        return kept if kept.trial == published.trial else replace(kept, trial=published.trial)

    def current_in_language(self, nct_id: str, language: str) -> Published:
        """The protocol that is in force for a trial, with its texts in a language. Raises NotFound."""
        published = self.current(nct_id)
        if language == ENGLISH.language:
            return published
        return self.in_language(self._current[nct_id][0], language)

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
