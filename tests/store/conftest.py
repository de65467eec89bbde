"""A trial and a protocol made by hand that hold every node, every type and every optional field."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event

from app import actions
from app.rules.codec import protocol_from_plain
from app.rules.protocol import Protocol
from app.store.db import Database
from app.trials import Site, Trial

NOW = datetime(2026, 11, 23, 9, 30, 15, 123456, tzinfo=UTC)
ACTOR = "test"


def _question(key: str, **fields: Any) -> dict[str, Any]:
    texts = {"text": f"What about {key}?", "label": key, "why": f"Because of {key}", "can_change": "fixed"}
    return {"key": key, "section": "person", **texts, **fields}


ASKING = {"decides": 0.3, "burden": 1.5, "source": "A survey"}
RICH: dict[str, Any] = {
    "nct_id": "NCT00000001",
    "sections": [{"key": "person", "title": "The person - é"}, {"key": "disease", "title": "The disease"}],
    "questions": [
        _question("birth_date", type="date", partial=True, not_after="as_of", alternative="age_years"),
        _question("age_years", type="age", min=0, max=120, birth_date="birth_date", can_change="time"),
        _question("smoker", type="yes_no", hint="Now or ever", asking=ASKING),
        _question("packs", type="integer", min=1, max=99, step=3, unit="packs", relevant={"yes": "smoker"}),
        _question("weight", type="number", min=30.5, max=250, unit="kg", can_change="repeat", calculator="prednisone"),
        _question("last_dose", type="date", partial=False, section="disease"),
        _question("started", type="date", not_after="first_dose_date", section="disease"),
        _question(
            "stage",
            type="choice",
            section="disease",
            options=[{"value": "late", "label": "Late", "hint": "III or IV"}, {"value": "early", "label": "Early"}],
            asking={"likely": [["late", 0.25], ["early", 0.5]], "burden": 1, "source": "A survey"},
        ),
        _question(
            "drugs",
            type="many",
            section="disease",
            options=[{"value": drug, "label": drug.title()} for drug in ("zeta", "alpha", "mu")],
            asking={"likely": [[[], 0.9], [["zeta", "mu"], 0.1]], "burden": 2, "source": "A survey"},
            relevant={"all": [{"not": {"term": "young"}}, {"any": [{"yes": "smoker"}, {"always": True}]}]},
        ),
    ],
    "terms": [
        {"name": "young", "title": "Young", "rule": {"compare": ["age_years", "<", 18]}},
        {"name": "light", "title": "Light", "rule": {"all": [{"term": "young"}, {"compare": ["weight", "<=", 50.25]}]}},
    ],
    "readings": [
        {"code": "X1", "statement": "A month is a calendar month", "status": "convention"},
        {"code": "X2", "statement": "Past use counts", "status": "assumed yes"},
        {"code": "X3", "statement": "Both sides count", "status": "assumed no"},
        {"code": "X4", "statement": "Still asked", "status": "open"},
    ],
    "groups": [{"code": "routes", "title": "Routes"}],
    "criteria": [
        {
            "code": "I1",
            "kind": "inclusion",
            "title": "Adult",
            "statement": "Is 18 or older",
            "place": "Inclusion 1",
            "rule": {"not": {"term": "young"}},
            "scope": {"reading": "X2"},
            "readings": ["X1", "X2"],
        },
        {
            "code": "I2a",
            "kind": "inclusion",
            "title": "Stage",
            "statement": "Late or early",
            "place": "Inclusion 2",
            "group": "routes",
            "rule": {"is": {"stage": ["early", "late"]}},
        },
        {
            "code": "E1",
            "kind": "exclusion",
            "title": "Recent drug",
            "statement": "Had a drug lately",
            "place": "Exclusion 1",
            "scope": {"any": [{"part": "main"}, {"part": "extension"}]},
            "rule": {
                "any": [
                    {
                        "all": [
                            {"includes": {"drugs": ["mu", "zeta"]}},
                            {"elapsed": ["started", ">=", 5, "years", "as_of"]},
                        ]
                    },
                    {"elapsed": ["last_dose", "<", 6, "months", "first_dose_date"]},
                    {"elapsed": ["last_dose", "<", 14, "days", "consent_date"]},
                    {"not": {"any": [{"compare": ["packs", ">", 20]}, {"compare": ["weight", ">=", 0.1]}]}},
                    {"reading": "X3"},
                    {"always": False},
                ]
            },
        },
        {
            "code": "R1",
            "kind": "review",
            "title": "Look",
            "statement": "Look at the weight",
            "place": "Anywhere",
            "rule": {"term": "light"},
        },
    ],
    "cohorts": [
        {
            "code": "B",
            "title": "Second, given first",
            "admits": {"reading": "X4"},
            "parts": {"main": {"yes": "smoker"}, "extension": {"not": {"yes": "smoker"}}},
            "readings": ["X4", "X1"],
        },
        {"code": "A", "title": "No parts", "admits": {"always": True}},
    ],
    "edit_checks": [
        {
            "code": "Q1",
            "message": "The packs and the age do not go together.",
            "rule": {"exceeds_age": ["packs", "months", "age_years"]},
        },
        {
            "code": "Q2",
            "message": "The stage and the weight do not go together.",
            "rule": {"all": [{"is": {"stage": ["late"]}}, {"compare": ["weight", ">", 200]}]},
        },
    ],
}  # fmt: skip


@pytest.fixture
def protocol() -> Protocol:
    return protocol_from_plain(RICH)


@pytest.fixture
def other_protocol() -> Protocol:
    """The same protocol with one word changed."""
    return protocol_from_plain({**RICH, "groups": [{"code": "routes", "title": "Ways in"}]})


@pytest.fixture
def trial() -> Trial:
    return Trial(
        nct_id="NCT00000001",
        title="A trial of things",
        sponsor="Sponsor",
        phase="Phase 2",
        status="Recruiting",
        status_as_of="2026-11-01",
        source="https://clinicaltrials.gov/study/NCT00000001",
        start_date="2024-02-29",
        completion_date="2030-12-31",
        enrolment=120,
        conditions=("One", "Another é"),
        countries=("Japan", "Chile"),
        sites=(Site("0002", "Clinic", "Osaka", "", "Japan"), Site("0001", "", "Arica", "Arica", "Chile")),
    )


@pytest.fixture
def published(database: Database, trial: Trial, protocol: Protocol) -> Database:
    """A database with the trial and its protocol in force."""
    with database.write() as session:
        actions.publish_protocol(session, trial=trial, protocol=protocol, at=NOW, actor=ACTOR)
    return database


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def counted(database: Database) -> Callable[[], AbstractContextManager[list[str]]]:
    """`with counted() as statements:` lists what the database is asked within the block."""
    return lambda: _counted(database)


@contextmanager
def _counted(database: Database) -> Iterator[list[str]]:
    """The statements that run within the block, without those that open a transaction."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN")):
            statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield statements
    event.remove(database.engine, "before_cursor_execute", note)
