"""P5: two tabs on one screening. Whatever they do in whatever order, nothing is lost; what is out of date is refused.

The long run: python -m tests.store.test_two_tabs --steps 10000
"""

import argparse
import sys
import tempfile
import threading
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from runpy import run_path
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select
from sqlalchemy.engine import URL

from app import actions
from app.actions import Outcome
from app.errors import Conflict, Invalid
from app.rules.codec import protocol_from_plain
from app.rules.protocol import Group, Protocol
from app.store import accounts, audit, migrate, screenings
from app.store.db import Database
from app.store.models import Event, SiteRow
from app.trials import Site, Trial

NCT = "NCT00000001"
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
TODAY = date(2026, 11, 23)
TABS = st.sampled_from(["one", "other"])
FACTS: dict[str, st.SearchStrategy[Any]] = {
    "weight": st.one_of(st.none(), st.integers(31, 249)),
    "smoker": st.one_of(st.none(), st.booleans()),
    "stage": st.one_of(st.none(), st.sampled_from(["early", "late"])),
}
ANSWERS = st.fixed_dictionaries({}, optional=FACTS).filter(bool)


def outcome_of(answers: dict[str, Any]) -> Outcome:
    """Some outcome, different for different answers."""
    weight = answers.get("weight")
    if weight is None:
        return Outcome(repr(sorted(answers.items())), "undetermined", (), None, False)
    reasons = ("E1",) if weight > 100 else ()
    return Outcome(repr(sorted(answers.items())), "excluded" if reasons else "likely_eligible", reasons, None, True)


class TwoTabs(RuleBasedStateMachine):
    """Two tabs, each with the version that it showed last, against a model of what must be stored."""

    database: ClassVar[Database]
    rules_in_force: ClassVar[Protocol]
    trial: ClassVar[Trial]
    steps: ClassVar[int] = 0
    refused: ClassVar[int] = 0
    begun: ClassVar[int] = 0
    published: ClassVar[int] = 0

    @initialize()
    def begin(self) -> None:
        TwoTabs.begun += 1
        with self.database.write() as session:
            site = session.scalars(select(SiteRow.id).order_by(SiteRow.id)).first() or 0
            grants: Any = [("physician", site)]
            found = accounts.account_by_login(session, "ada")
            found = found or actions.create_account(
                session, login="ada", name="Ada", grants=grants, at=NOW, actor="test"
            )
            self.ada = accounts.principal_of(found)
            row = actions.start_screening(
                session, nct_id=NCT, site_id=site, subject_code=f"S-{self.begun}", at=NOW, as_of=TODAY, who=self.ada
            )
            self.reference, self.protocol = str(row.reference), row.protocol_id
        self.at = NOW
        self.answers: dict[str, Any] = {}
        self.version, self.entries, self.status = 1, 1, "pre_screening"
        self.seen = {"one": 1, "other": 1}

    @rule(tab=TABS)
    def reload(self, tab: str) -> None:
        TwoTabs.steps += 1
        self.seen[tab] = self.version

    @rule(tab=TABS, answers=ANSWERS, reason=st.sampled_from(["typing_error", None]))
    def save(self, tab: str, answers: dict[str, Any], reason: str | None) -> None:
        merged = {**self.answers, **answers}
        corrected = [fact for fact in answers if self.answers.get(fact) not in (None, answers[fact])]
        expected = Conflict if self.is_stale(tab) else Invalid if corrected and reason is None else None

        def do(session: Any, row: Any) -> None:
            actions.answer_screening(
                session, screening=row, answers=answers, outcome=outcome_of(merged), at=self.at, who=self.ada,
                source="typed", reason=reason, version=self.seen[tab],
            )  # fmt: skip

        if self.does(do, expected) and (merged != self.answers or self.result != outcome_of(merged).result):
            self.answers, self.result = merged, outcome_of(merged).result
            self.count(tab)
            if self.status in ("pre_screening", "likely_eligible", "excluded", "undetermined"):
                verdict = outcome_of(merged).verdict
                self.status = "pre_screening" if verdict == "undetermined" else verdict

    result: str | None = None

    @rule(tab=TABS)
    def consent(self, tab: str) -> None:
        allowed = self.status in ("likely_eligible", "pre_screening", "excluded")
        expected = Conflict if self.is_stale(tab) else None if allowed else Invalid
        given: Any = {"status": "consented", "reason": "investigator", "outcome": outcome_of(self.answers)}

        def do(session: Any, row: Any) -> None:
            actions.set_status(session, screening=row, at=self.at, who=self.ada, version=self.seen[tab], **given)

        if self.does(do, expected):
            self.status = "consented"
            self.count(tab)

    @rule(tab=TABS)
    def reopen(self, tab: str) -> None:
        expected = Conflict if self.is_stale(tab) else None if self.status == "consented" else Invalid
        given: Any = {"status": "pre_screening", "reason": "entered_wrongly", "outcome": outcome_of(self.answers)}

        def do(session: Any, row: Any) -> None:
            actions.set_status(session, screening=row, at=self.at, who=self.ada, version=self.seen[tab], **given)

        if self.does(do, expected):
            verdict = outcome_of(self.answers).verdict
            self.status = "pre_screening" if verdict == "undetermined" else verdict
            self.count(tab)

    @rule()
    def note(self) -> None:
        self.does(lambda s, row: actions.add_note(s, screening=row, text="A note", at=self.at, who=self.ada), None)
        self.entries += 1

    @rule(word=st.sampled_from(["Ways", "Routes", "Paths"]))
    def publish(self, word: str) -> None:
        """An amendment, while the tabs are open: the screening stays with the version that it began with."""
        TwoTabs.steps += 1
        amended = replace(self.rules_in_force, groups=(Group("routes", word),))
        with self.database.write() as session:
            made = actions.publish_protocol(session, trial=self.trial, protocol=amended, at=self.at, actor="test")
        TwoTabs.published += made.created

    @invariant()
    def nothing_is_lost(self) -> None:
        with self.database.read() as session:
            row = screenings.screening(session, reference=self.reference, sites=None)
            of_row = Event.subject_type == "screening", Event.subject_id == row.id
            entries = session.scalar(select(func.count()).where(*of_row))
        assert row.raw_answers == self.answers
        assert (row.version, row.status, row.protocol_id) == (self.version, self.status, self.protocol)
        assert entries == self.entries

    def is_stale(self, tab: str) -> bool:
        return self.seen[tab] != self.version

    def count(self, tab: str) -> None:
        self.version += 1
        self.entries += 1
        self.seen[tab] = self.version

    def does(self, do: Any, expected: type[Exception] | None) -> bool:
        """Do it in a transaction; whether it was done, which must be as expected."""
        TwoTabs.steps += 1
        self.at += timedelta(seconds=1)
        try:
            with self.database.write() as session:
                do(session, screenings.screening(session, reference=self.reference, sites=None))
        except (Conflict, Invalid) as error:
            TwoTabs.refused += 1
            found: type[Exception] | None = type(error)
        else:
            found = None
        assert found is expected
        return found is None


def run(database: Database, trial: Trial, protocol: Protocol, examples: int, steps: int) -> None:
    TwoTabs.database, TwoTabs.trial, TwoTabs.rules_in_force = database, trial, protocol
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        TwoTabs,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=quiet,
            database=None,
            phases=[Phase.generate],
        ),
    )
    with database.read() as session:
        assert audit.verify(session, database.audit_key).is_whole


def test_P5_two_tabs_lose_nothing_and_what_is_out_of_date_is_refused(
    published: Database, trial: Trial, protocol: Protocol
) -> None:
    run(published, trial, protocol, 12, 20)


def test_P5_four_threads_keep_all_that_they_save(published: Database, now: datetime) -> None:
    """Each saves 10 numbers of its own beside those of the others, and begins anew where it was too late."""
    with published.write() as session:
        site = session.scalars(select(SiteRow.id).order_by(SiteRow.id)).first() or 0
        grants: Any = [("coordinator", site)]
        ada = accounts.principal_of(
            actions.create_account(session, login="ada", name="Ada", grants=grants, at=now, actor="test")
        )
        begun = actions.start_screening(
            session, nct_id=NCT, site_id=site, subject_code="S-1", at=now, as_of=TODAY, who=ada
        )
        reference = str(begun.reference)
    conflicts: list[str] = []
    failures: list[BaseException] = []

    def save(fact: str, values: list[Any]) -> None:
        try:
            for value in values:
                while not attempt(fact, value):
                    conflicts.append(fact)
        except BaseException as error:
            failures.append(error)

    def attempt(fact: str, value: Any) -> bool:
        with published.read() as session:
            seen = screenings.screening(session, reference=reference, sites=None).version
        time.sleep(0.002)  # somebody thinks
        try:
            with published.write() as session:
                row = screenings.screening(session, reference=reference, sites=None)
                given: Any = {"outcome": outcome_of({"at": seen}), "reason": "new_result", "source": "typed"}
                actions.answer_screening(
                    session, screening=row, answers={fact: value}, at=now, who=ada, version=seen, **given
                )
        except Conflict:
            return False
        return True

    values = {"weight": list(range(41, 51)), "packs": list(range(1, 31, 3)), "smoker": [True, False] * 5,
              "stage": ["late", "early"] * 5}  # fmt: skip
    threads = [threading.Thread(target=save, args=pair) for pair in values.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []
    assert conflicts
    with published.read() as session:
        row = screenings.screening(session, reference=reference, sites=None)
        saved = session.scalar(select(func.count()).where(Event.action == "screening.answered"))
        assert row.raw_answers == {fact: given[-1] for fact, given in values.items()}
        assert (saved, row.version) == (40, 41)
        assert audit.verify(session, published.audit_key).is_whole


def main() -> int:
    """The long run on SQLite."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    options = parser.parse_args()
    protocol = protocol_from_plain(run_path(str(Path(__file__).with_name("conftest.py")))["RICH"])
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(URL.create("sqlite", database=f"{folder}/prescreen.sqlite3"), b"key")
        migrate.upgrade(database.engine)
        site = Site("0001", "Clinic", "Arica", "", "Chile")
        told = dict.fromkeys(("title", "sponsor", "phase", "status", "source"), "")
        days = dict.fromkeys(("status_as_of", "start_date", "completion_date"), "2026-11-01")
        trial = Trial(nct_id=NCT, **told, **days, enrolment=1, conditions=(), countries=(), sites=(site,))
        with database.write() as session:
            actions.publish_protocol(session, trial=trial, protocol=protocol, at=NOW, actor="test")
        while TwoTabs.steps < options.steps:
            run(database, trial, protocol, 40, 50)
            print(f"{TwoTabs.steps} steps, {TwoTabs.begun} screenings, {TwoTabs.refused} refused,"
                  f" {TwoTabs.published} protocols published, 0 deviations", flush=True)  # fmt: skip
        database.close()
    print(f"{time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
