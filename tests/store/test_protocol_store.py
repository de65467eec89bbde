"""A protocol in the database is the one that was put there, built from its rows alone."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import DBAPIError

from app import actions
from app.errors import Conflict, Invalid, NotFound
from app.rules.codec import content_hash, rule_to_plain
from app.rules.facts import FACT_TYPES
from app.rules.protocol import Asking, Cohort, Protocol
from app.rules.tree import RULES, All, Always, Compare, Not, Rule, walk
from app.store import migrate, queries
from app.store.db import Database
from app.store.models import OWNED, EditCheckRow, Event, ProtocolRow, RuleNodeRow, RuleOptionRow, SiteRow
from app.trials import BUILT_IN, Trial, read_trial

Counted = Callable[[], AbstractContextManager[list[str]]]


def publish(database: Database, trial: Trial, protocol: Protocol, now: Any) -> actions.Published:
    with database.write() as session:
        return actions.publish_protocol(session, trial=trial, protocol=protocol, at=now, actor="test")


def load(database: Database, nct_id: str) -> Protocol:
    with database.read() as session:
        return queries.load_protocol(session, queries.current_version(session, nct_id).id)


def recorded(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        return [(event.action, event.subject_type) for event in session.scalars(select(Event).order_by(Event.seq))]


def test_protocol_made_by_hand_holds_every_node_and_type(protocol: Protocol) -> None:
    tops: list[Rule] = [question.relevant for question in protocol.questions if question.relevant]
    tops += [term.rule for term in protocol.terms]
    tops += [rule for criterion in protocol.criteria for rule in (criterion.scope, criterion.rule) if rule]
    tops += [check.rule for check in protocol.edit_checks]
    tops += [rule for cohort in protocol.cohorts for rule in (cohort.admits, *dict(cohort.parts).values())]
    assert {type(node) for top in tops for node in walk(top)} == set(RULES)
    assert {type(question.type) for question in protocol.questions} == set(FACT_TYPES)


def test_comes_back_equal(published: Database, protocol: Protocol) -> None:
    loaded = load(published, protocol.nct_id)
    assert loaded == protocol
    assert content_hash(loaded) == content_hash(protocol)
    assert repr(loaded) == repr(protocol)


def test_every_table_is_used(published: Database) -> None:
    with published.read() as session:
        for model in OWNED:
            assert session.scalar(select(func.count()).select_from(model)), model


@pytest.mark.skipif(not BUILT_IN.exists(), reason="no trial is built in")
def test_built_in_trial_comes_back_equal(database: Database, now: Any) -> None:
    trial, protocol = read_trial()
    assert publish(database, trial, protocol, now) == (1, True)
    assert load(database, trial.nct_id) == protocol
    with database.read() as session:
        assert queries.trial(session, trial.nct_id) == trial


def test_a_published_protocol_outlives_the_migrations(
    database: Database, trial: Trial, protocol: Protocol, now: Any
) -> None:
    """Back to the first schema and up again: what it could hold stays, with its hash and its triggers."""
    questions = tuple(replace(question, asking=Asking(), calculator="") for question in protocol.questions)
    old = replace(protocol, questions=questions, edit_checks=())
    publish(database, trial, old, now)
    migrate.downgrade(database.engine, "0001")
    migrate.upgrade(database.engine)
    loaded = load(database, trial.nct_id)
    assert loaded == old
    with database.read() as session:
        assert queries.current_version(session, trial.nct_id).hash == content_hash(loaded)
    for statement in (
        delete(RuleOptionRow),
        delete(RuleNodeRow),
        insert(EditCheckRow).values(protocol_id=1, position=0, code="Z", message="Z"),
    ):
        with pytest.raises(DBAPIError, match="a published protocol cannot change"), database.write() as session:
            session.execute(statement)
    publish(database, trial, protocol, now)
    assert load(database, trial.nct_id) == protocol
    migrate.downgrade(database.engine, "0002")
    migrate.upgrade(database.engine)
    questions = tuple(replace(question, asking=replace(question.asking, likely=())) for question in protocol.questions)
    assert load(database, trial.nct_id) == replace(protocol, questions=questions, edit_checks=())


def test_deepest_rule_comes_back(database: Database, trial: Trial, protocol: Protocol, now: Any) -> None:
    deep: Rule = All((Always(True), Always(False)))
    for _ in range(29):
        deep = Not(deep)
    cohort = Cohort("Z", "Deep", deep, ())
    deeper = replace(protocol, cohorts=(*protocol.cohorts, cohort))
    publish(database, trial, deeper, now)
    assert rule_to_plain(load(database, trial.nct_id).cohort_by_code["Z"].admits) == rule_to_plain(deep)


@pytest.mark.parametrize("limit", [0.1 + 0.2, 5e-324, 1e12, -1e12, -0.5, 10**12 - 1])
def test_limits_come_back_exactly(database: Database, trial: Trial, protocol: Protocol, now: Any, limit: float) -> None:
    """Numbers that a protocol may hold are all such that the database keeps them to the last bit."""
    cohort = Cohort("Z", "Limit", Compare("weight", "<", limit), ())
    limited = replace(protocol, cohorts=(*protocol.cohorts, cohort))
    publish(database, trial, limited, now)
    assert load(database, trial.nct_id) == limited


def test_queries_do_not_grow_with_the_protocol(
    database: Database, trial: Trial, protocol: Protocol, now: Any, counted: Counted
) -> None:
    counts = []
    more = replace(
        protocol,
        cohorts=(*protocol.cohorts, *(Cohort(f"Z{number}", "More", Not(Always(True)), ()) for number in range(40))),
    )
    for version in (protocol, more):
        publish(database, trial, version, now)
        with counted() as statements:
            load(database, trial.nct_id)
        counts.append(len(statements))
        assert sum("rule_node" in statement for statement in statements) == 1
    # the current version, the trial's number, and one for each table that a protocol owns
    assert counts == [2 + len(OWNED)] * 2


def test_current_version_is_one_query(published: Database, protocol: Protocol, counted: Counted) -> None:
    with counted() as statements, published.read() as session:
        version = queries.current_version(session, protocol.nct_id)
    assert len(statements) == 1
    assert (version.version, version.hash) == (1, content_hash(protocol))


def test_publishing_again_changes_nothing(published: Database, trial: Trial, protocol: Protocol, now: Any) -> None:
    before = recorded(published)
    assert before == [("trial.added", "trial"), ("protocol.published", "protocol")]
    assert publish(published, trial, protocol, now) == (1, False)
    assert recorded(published) == before


def test_new_content_retires_the_old(
    published: Database, trial: Trial, protocol: Protocol, other_protocol: Protocol, now: Any
) -> None:
    assert publish(published, trial, other_protocol, now) == (2, True)
    assert load(published, trial.nct_id) == other_protocol
    with published.read() as session:
        versions = queries.versions(session, trial.nct_id)
        assert [(each.version, each.status) for each in versions] == [(1, "retired"), (2, "published")]
        assert queries.load_protocol(session, versions[0].id) == protocol
        detail = session.scalars(select(Event.detail).order_by(Event.seq.desc())).first()
    assert detail == {"version": 2, "hash": content_hash(other_protocol), "retires": 1}


def test_old_content_again_becomes_a_new_version(
    published: Database, trial: Trial, protocol: Protocol, other_protocol: Protocol, now: Any
) -> None:
    publish(published, trial, other_protocol, now)
    assert publish(published, trial, protocol, now) == (3, True)
    assert load(published, trial.nct_id) == protocol


def test_publishing_at_once_publishes_once(
    published: Database, trial: Trial, protocol: Protocol, other_protocol: Protocol, now: Any
) -> None:
    """Several programs that start with a new file: one publishes it, the others find it there."""
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: publish(published, trial, other_protocol, now), range(3)))
    assert sorted(done) == [(2, False), (2, False), (2, True)]


def test_publishing_the_first_at_once(database: Database, trial: Trial, protocol: Protocol, now: Any) -> None:
    """Where there is no row yet to wait for, PostgreSQL lets one win and tells the others."""

    def attempt(_: int) -> actions.Published | type[Conflict]:
        try:
            return publish(database, trial, protocol, now)
        except Conflict:
            return Conflict

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(attempt, range(3)))
    assert done.count(actions.Published(1, created=True)) == 1
    assert set(done) <= {(1, True), (1, False), Conflict}
    assert load(database, trial.nct_id) == protocol


def test_registry_facts_are_corrected(published: Database, trial: Trial, protocol: Protocol, now: Any) -> None:
    with published.read() as session:
        assert queries.trial(session, trial.nct_id) == trial
        ids = {site.number: site.id for site in session.scalars(select(SiteRow))}
    second, first = trial.sites
    corrected = replace(
        trial, status="Completed", countries=("Chile",), sites=(first, replace(second, number="0003", city="Kobe"))
    )
    assert publish(published, corrected, protocol, now) == (1, False)
    assert recorded(published)[2:] == [("trial.updated", "trial")]
    with published.read() as session:
        assert queries.trial(session, trial.nct_id) == corrected
        after = {site.number: site.id for site in session.scalars(select(SiteRow))}
    assert after["0001"] == ids["0001"]
    assert set(after) == {"0001", "0003"}
    assert publish(published, replace(corrected, sites=corrected.sites[::-1]), protocol, now) == (1, False)


def test_refused_trials(database: Database, trial: Trial, protocol: Protocol, now: Any) -> None:
    with pytest.raises(Invalid, match="nct_id"):
        publish(database, replace(trial, nct_id="NCT2"), protocol, now)
    with pytest.raises(Invalid, match="sites"):
        publish(database, replace(trial, sites=trial.sites * 2), protocol, now)
    assert recorded(database) == []


def test_not_found(database: Database) -> None:
    with database.read() as session:
        assert queries.versions(session, "NCT1") == []
        with pytest.raises(NotFound):
            queries.current_version(session, "NCT1")
        with pytest.raises(NotFound):
            queries.trial(session, "NCT1")
        with pytest.raises(NotFound):
            queries.load_protocol(session, 1)


@pytest.mark.parametrize("nct_id", ["", "\x00", "NCT\x00", "\ud800", "NCT 1", "é"], ids=ascii)
def test_numbers_that_no_trial_can_have(database: Database, nct_id: str) -> None:
    with database.read() as session:
        for query in (queries.current_version, queries.versions, queries.trial):
            with pytest.raises(NotFound):
                query(session, nct_id)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "none"},
        {"kind": "compare"},
        {"kind": "yes"},
        {"kind": "always", "truth": None},
        {"name": "adult"},
        {"fact": "smoker"},
        {"parent_id": 0, "id": 0},
        {"parent_id": 7},
        {"owner_kind": "none"},
        {"role": "none"},
        {"kind": "yes", "truth": None, "fact": "no_such_question"},
    ],
    ids=str,
)
def test_database_refuses_nodes_that_cannot_be(published: Database, wrong: dict[str, Any]) -> None:
    """A rule node is checked where it lies: kind, operands, tree, references."""
    node = {"protocol_id": 99, "id": 1, "position": 0, "owner_kind": "term", "owner_key": "x", "role": "rule"}
    node |= {"kind": "always", "truth": True}
    with published.write() as session:
        trial_id = session.scalars(select(ProtocolRow.trial_id)).one()
        session.add(ProtocolRow(id=99, trial_id=trial_id, version=9, status="draft", content_hash="0" * 64))
        session.flush()
        session.add(RuleNodeRow(**node))
    with published.write() as session:
        session.execute(delete(RuleNodeRow).where(RuleNodeRow.protocol_id == 99))
    with pytest.raises(Exception, match=r"(?i)constraint"), published.write() as session:
        session.add(RuleNodeRow(**{**node, **wrong}))
