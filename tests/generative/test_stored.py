"""Laws 5 and 6 through both databases: a protocol comes back unchanged, a stored verdict is reproduced to the byte."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import bodies, cases, protocols

from app import actions
from app.rules.codec import content_hash, protocol_from_plain, protocol_to_plain
from app.rules.facts import ANCHORS
from app.rules.participant import read_participant
from app.rules.protocol import Protocol
from app.store import queries
from app.store.db import Database
from app.trials import Trial, read_trial, trial_from_plain, write_trial
from app.web.pages import participant_of
from app.web.published import Library, prepare

TRIAL, BUILT_IN = read_trial()
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FEW = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def publish(database: Database, protocol: Protocol, at: datetime = NOW) -> int:
    """The id of the protocol, in force under its own trial."""
    trial: Trial = replace(TRIAL, nct_id=protocol.nct_id)
    with database.write() as session:
        actions.publish_protocol(session, trial=trial, protocol=protocol, at=at, actor="test")
    with database.read() as session:
        return queries.current_version(session, protocol.nct_id).id


def store(database: Database, protocol: Protocol, body: dict[str, Any], portions: int) -> str:
    """The token of a check with these answers, given in several portions; the last one keeps the result."""
    published = prepare(TRIAL, protocol, 1, content_hash(protocol))
    days = {name: date.fromisoformat(body[name]) for name in ANCHORS}
    participant = read_participant(protocol, body, NOW.date())
    result = published.report(published.evaluate(participant)).decode()
    with database.write() as session:
        token = actions.start_quick_check(
            session, nct_id=protocol.nct_id, at=NOW, as_of=NOW.date(), hours=1, actor="test"
        ).token
    answers = list(body["answers"].items())
    for n in range(portions):
        with database.write() as session:
            actions.give_answers(
                session,
                screening=queries.screening(session, token=token, at=NOW),
                answers=dict(answers[n::portions]),
                at=NOW,
                actor="test",
                source="typed",
                dates=days,
                result=result if n == portions - 1 else None,
            )
    return token


def check_reproduced(database: Database, protocol: Protocol, body: dict[str, Any], portions: int) -> None:
    body = {name: value for name, value in body.items() if name != "readings"}  # a check has none of its own
    publish(database, protocol)
    token = store(database, protocol, body, portions)
    with database.read() as session:
        screening = queries.screening(session, token=token, at=NOW)
    published = Library(database).by_id(screening.protocol_id)
    published = prepare(TRIAL, published.protocol, 1, published.hash)
    participant = participant_of(published, screening, screening.raw_answers)
    assert participant == read_participant(protocol, body, NOW.date())
    assert published.report(published.evaluate(participant)).decode() == screening.result


@FEW
@given(body=bodies(BUILT_IN, known=80), portions=st.integers(1, 3))
def test_law_6_the_built_in_protocol(database: Database, body: dict[str, Any], portions: int) -> None:
    check_reproduced(database, BUILT_IN, body, portions)


@FEW
@given(case=cases(), portions=st.integers(1, 3))
def test_law_6_any_protocol(database: Database, case: tuple[Protocol, dict[str, Any]], portions: int) -> None:
    check_reproduced(database, *case, portions)


@FEW
@given(body=bodies(BUILT_IN, known=80))
def test_law_6_holds_after_the_protocol_was_amended(database: Database, body: dict[str, Any]) -> None:
    """A check stays with the version that it was begun with, and its verdict with it."""
    body.pop("readings", None)
    identity = publish(database, BUILT_IN)
    token = store(database, BUILT_IN, body, 1)
    plain = protocol_to_plain(BUILT_IN)
    plain["criteria"][0]["title"] = "Amended"
    assert publish(database, protocol_from_plain(plain), NOW + timedelta(hours=1)) != identity
    with database.read() as session:
        screening = queries.screening(session, token=token, at=NOW)
    assert screening.protocol_id == identity
    published = Library(database).by_id(identity)
    published = prepare(TRIAL, published.protocol, 1, published.hash)
    again = published.report(published.evaluate(participant_of(published, screening, screening.raw_answers)))
    assert again.decode() == screening.result
    publish(database, BUILT_IN, NOW + timedelta(hours=2))


@FEW
@given(protocol=protocols())
def test_law_5_any_protocol(database: Database, protocol: Protocol) -> None:
    """YAML, database, tree, YAML: unchanged, with an equal hash; putting the same in force again changes nothing."""
    trial = replace(TRIAL, nct_id=protocol.nct_id)
    written = write_trial(trial, protocol)
    identity = publish(database, protocol)
    assert publish(database, protocol, NOW + timedelta(hours=1)) == identity
    with database.read() as session:
        loaded = queries.load_protocol(session, identity)
        version = queries.version(session, identity)
    assert loaded == protocol
    assert version.hash == content_hash(loaded) == content_hash(protocol)
    assert write_trial(trial, loaded) == written


def test_law_5_the_built_in_protocol(database: Database) -> None:
    identity = publish(database, BUILT_IN)
    with database.read() as session:
        loaded, trial = queries.load_protocol(session, identity), queries.trial(session, BUILT_IN.nct_id)
    assert (trial, loaded) == (TRIAL, BUILT_IN)
    assert write_trial(trial, loaded) == write_trial(TRIAL, BUILT_IN)


def test_a_text_that_a_database_could_not_keep_is_refused_before() -> None:
    plain = {"trial": {**TRIAL_PLAIN, "sponsor": "a\x00b"}, "protocol": protocol_to_plain(BUILT_IN)}
    with pytest.raises(ValueError, match="sponsor"):
        trial_from_plain(plain)


TRIAL_PLAIN: dict[str, Any] = {
    **{name: getattr(TRIAL, name) for name in Trial.__slots__},
    "conditions": list(TRIAL.conditions),
    "countries": list(TRIAL.countries),
    "sites": [{name: getattr(site, name) for name in type(site).__slots__} for site in TRIAL.sites],
}
