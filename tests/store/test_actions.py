"""Quick checks: what is kept, what is counted up, and one event for each change, without any value."""

import hashlib
import json
import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from app import actions
from app.errors import Conflict, Invalid, NotFound
from app.store import queries
from app.store.db import Database
from app.store.models import Answer, Event, Screening

NCT = "NCT00000001"
TODAY = date(2026, 11, 23)


@pytest.fixture
def token(published: Database, now: datetime) -> str:
    """The token of a check that has just begun."""
    with published.write() as session:
        return actions.start_quick_check(session, nct_id=NCT, at=now, as_of=TODAY, hours=24, actor="person").token


def opened(database: Database, token: str, at: datetime) -> Screening:
    with database.read() as session:
        return queries.screening(session, token=token, at=at)


def give(database: Database, token: str, at: datetime, answers: dict[str, Any], **more: Any) -> None:
    with database.write() as session:
        screening = queries.screening(session, token=token, at=at)
        actions.give_answers(
            session, screening=screening, answers=answers, at=at, actor="person", source="form", **more
        )


def screening_events(database: Database) -> list[tuple[str, dict[str, Any]]]:
    with database.read() as session:
        query = select(Event).where(Event.subject_type == "screening").order_by(Event.seq)
        return [(event.action, event.detail) for event in session.scalars(query)]


def test_start(published: Database, token: str, now: datetime) -> None:
    screening = opened(published, token, now)
    assert (screening.version, screening.as_of, screening.result, screening.raw_answers) == (1, TODAY, None, {})
    assert screening.expires_at == now + timedelta(hours=24)
    assert screening_events(published) == [("screening.started", {"nct_id": NCT, "protocol_version": 1})]


def test_token_is_kept_nowhere(published: Database, token: str, now: datetime) -> None:
    assert len(token) == 43
    assert opened(published, token, now).token_hash == hashlib.sha256(token.encode()).hexdigest()
    with published.read() as session:
        kept = (
            session.execute(text("SELECT * FROM screening")).all(),
            session.execute(text("SELECT * FROM event")).all(),
        )
    assert token not in repr(kept)


def test_start_without_a_protocol(database: Database, now: datetime) -> None:
    with pytest.raises(NotFound), database.write() as session:
        actions.start_quick_check(session, nct_id=NCT, at=now, as_of=TODAY, hours=1, actor="person")


@pytest.mark.parametrize("token", ["", "x", "\x00", "\ud800", "x" * 100_000])
def test_wrong_token(published: Database, now: datetime, token: str) -> None:
    with pytest.raises(NotFound):
        opened(published, token, now)


def test_expired(published: Database, token: str, now: datetime) -> None:
    end = now + timedelta(hours=24)
    assert opened(published, token, end - timedelta(microseconds=1))
    with pytest.raises(NotFound):
        opened(published, token, end)
    with pytest.raises(NotFound), published.write() as session:
        screening = queries.screening(session, token=token, at=now)
        actions.give_answers(
            session, screening=screening, answers={"smoker": True}, at=end, actor="person", source="form"
        )
    assert opened(published, token, now).version == 1


RAW = [
    True,
    False,
    0,
    70,
    70.0,
    0.1,
    1e300,
    10**30,
    "",
    "late",
    "é \u200f\x00\ud800",
    [],
    ["mu", "zeta"],
    {"a": [None]},
    None,
]


@pytest.mark.parametrize("raw", RAW, ids=repr)
def test_answers_read_back_as_given(published: Database, token: str, now: datetime, raw: Any) -> None:
    give(published, token, now, {"weight": raw})
    found = opened(published, token, now).raw_answers
    assert found == {"weight": raw}
    assert type(found["weight"]) is type(raw)


def test_answers_leave_the_others(published: Database, token: str, now: datetime) -> None:
    give(published, token, now, {"smoker": True, "weight": 70})
    later = now + timedelta(minutes=1)
    give(published, token, later, {"weight": None, "packs": 3})
    screening = opened(published, token, later)
    assert screening.raw_answers == {"smoker": True, "weight": None, "packs": 3}
    assert {answer.fact: answer.at for answer in screening.answers} == {"smoker": now, "weight": later, "packs": later}
    assert screening.version == 3


def test_P19_each_change_is_one_event_without_values(published: Database, token: str, now: datetime) -> None:
    give(published, token, now, {"stage": "late", "weight": 77.5}, dates={"consent_date": date(2031, 1, 2)})
    with published.write() as session:
        screening = queries.screening(session, token=token, at=now)
        actions.forget_answer(session, screening=screening, fact="stage", at=now, actor="person")
    with published.write() as session:
        screening = queries.screening(session, token=token, at=now)
        actions.set_dates(session, screening=screening, dates={"as_of": date(2032, 1, 2)}, at=now, actor="person")
    with published.write() as session:
        screening = queries.screening(session, token=token, at=now)
        actions.record_result(session, screening=screening, result='{"verdict":"excluded"}', at=now, actor="person")
    assert screening_events(published)[1:] == [
        ("screening.answered", {"facts": ["stage", "weight"], "dates": ["consent_date"], "version": 2}),
        ("screening.answer_forgotten", {"facts": ["stage"], "version": 3}),
        ("screening.dated", {"dates": ["as_of"], "version": 4}),
        ("screening.evaluated", {"version": 5}),
    ]
    written = json.dumps(screening_events(published))
    assert not [value for value in ("late", "77", "2031", "2032", "excluded") if value in written]
    screening = opened(published, token, now)
    assert screening.raw_answers == {"weight": 77.5}
    assert (screening.as_of, screening.consent_date) == (date(2032, 1, 2), date(2031, 1, 2))
    assert (screening.result, screening.result_at) == ('{"verdict":"excluded"}', now)


def test_P19_a_change_that_is_not_kept_leaves_no_event(published: Database, now: datetime) -> None:
    with published.read() as session:
        before = session.scalar(select(func.count()).select_from(Event))
    with pytest.raises(ZeroDivisionError), published.write() as session:
        actions.start_quick_check(session, nct_id=NCT, at=now, as_of=TODAY, hours=24, actor="person")
        raise ZeroDivisionError
    with published.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == before
        assert session.scalar(select(func.count()).select_from(Screening)) == 0


def test_repeated_submit_changes_nothing(published: Database, token: str, now: datetime) -> None:
    for minute in range(3):
        at = now + timedelta(minutes=minute)
        give(published, token, at, {"smoker": True}, dates={"as_of": TODAY}, result="{}")
        with published.write() as session:
            screening = queries.screening(session, token=token, at=at)
            actions.forget_answer(session, screening=screening, fact="weight", at=at, actor="person")
            actions.record_result(session, screening=screening, result="{}", at=at, actor="person")
            actions.set_dates(session, screening=screening, dates={"as_of": TODAY}, at=at, actor="person", result="{}")
    screening = opened(published, token, now)
    assert (screening.version, screening.result_at, screening.answers[0].at) == (2, now, now)
    assert len(screening_events(published)) == 2


def test_result_without_its_answers_is_dropped(published: Database, token: str, now: datetime) -> None:
    give(published, token, now, {"smoker": True}, result="{}")
    assert opened(published, token, now).result == "{}"
    give(published, token, now, {"smoker": False})
    screening = opened(published, token, now)
    assert (screening.result, screening.result_at) == (None, None)


def test_fact_that_is_not_asked(published: Database, token: str, now: datetime) -> None:
    with pytest.raises(Invalid) as refused:
        give(published, token, now, {"smoker": True, "shoe_size": 43, "a\x00": 1})
    assert [fact for fact, _ in refused.value.complaints] == ["a\x00", "shoe_size"]
    assert opened(published, token, now).raw_answers == {}


def test_P5_stale_version_is_a_conflict(published: Database, token: str, now: datetime) -> None:
    give(published, token, now, {"smoker": True}, version=1)
    with pytest.raises(Conflict):
        give(published, token, now, {"smoker": False}, version=1)
    assert opened(published, token, now).raw_answers == {"smoker": True}


def test_P5_two_tabs_at_once_lose_nothing(published: Database, token: str, now: datetime) -> None:
    """Each saves its own facts, again and again, with a result made of all answers it sees."""
    failures: list[BaseException] = []
    barrier = threading.Barrier(2)

    def work(fact: str) -> None:
        try:
            barrier.wait(10)
            for number in range(1, 16):
                with published.write() as session:
                    screening = queries.screening(session, token=token, at=now)
                    answers = {**screening.raw_answers, fact: number}
                    actions.give_answers(
                        session, screening=screening, answers={fact: number}, at=now, actor=fact, source="form",
                        result=json.dumps(answers, sort_keys=True),
                    )  # fmt: skip
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(fact,)) for fact in ("packs", "weight")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    screening = opened(published, token, now)
    assert screening.raw_answers == {"packs": 15, "weight": 15}
    assert screening.result == json.dumps(screening.raw_answers, sort_keys=True)
    assert screening.version == 31
    assert len(screening_events(published)) == 31


def test_P11_screening_keeps_its_version(
    published: Database, token: str, now: datetime, trial: Any, protocol: Any, other_protocol: Any
) -> None:
    with published.write() as session:
        actions.publish_protocol(session, trial=trial, protocol=other_protocol, at=now, actor="test")
    with published.read() as session:
        screening = queries.screening(session, token=token, at=now)
        assert queries.load_protocol(session, screening.protocol_id) == protocol
        assert queries.current_version(session, NCT).id != screening.protocol_id
    give(published, token, now, {"smoker": True})


def test_purge(published: Database, token: str, now: datetime) -> None:
    give(published, token, now, {"smoker": True})
    with published.write() as session:
        young = actions.start_quick_check(session, nct_id=NCT, at=now, as_of=TODAY, hours=48, actor="person").token
    give(published, young, now, {"smoker": False})
    later = now + timedelta(hours=24)
    for expected in (1, 0):
        with published.write() as session:
            assert actions.purge_expired(session, at=later, actor="clock") == expected
    with published.read() as session:
        assert session.scalar(select(func.count()).select_from(Screening)) == 1
        assert session.scalar(select(func.count()).select_from(Answer)) == 1
        assert session.scalar(select(func.count()).where(Event.action == "screening.purged")) == 1
    assert opened(published, young, later).raw_answers == {"smoker": False}


def test_opening_and_saving_take_few_queries(published: Database, token: str, now: datetime, counted: Any) -> None:
    answers = {"smoker": True, "weight": 70, "packs": 3, "stage": "late", "drugs": []}
    with counted() as statements:
        give(published, token, now, answers)
    assert len(statements) <= 8
    with counted() as statements:
        opened(published, token, now)
    assert len(statements) == 2


def test_moments_far_from_utc(published: Database, now: datetime) -> None:
    with published.write() as session:
        started = actions.start_quick_check(
            session, nct_id=NCT, at=now.astimezone(), as_of=TODAY, hours=1, actor="person"
        )
    assert opened(published, started.token, now).created_at.tzinfo is UTC
