"""The screenings of a site: what each action keeps, counts and records, and what it refuses."""

import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import actions
from app.access import Principal
from app.actions import Outcome
from app.errors import Conflict, Invalid, NotFound
from app.store import accounts, screenings
from app.store.db import Database
from app.store.models import Decision, Event, EventContent, Screening, SiteRow, Tally

NCT = "NCT00000001"
TODAY = date(2026, 11, 23)
OPEN = Outcome("{}", "undetermined", (), None, False)
OUT = Outcome('{"out":1}', "excluded", ("E2", "E7"), date(2026, 12, 24), False)
IN = Outcome('{"in":1}', "likely_eligible", (), None, True)


@pytest.fixture
def site(published: Database) -> int:
    with published.read() as session:
        return session.scalars(select(SiteRow.id).order_by(SiteRow.id)).first() or 0


@pytest.fixture
def hired(published: Database, site: int, now: datetime) -> Callable[..., Principal]:
    """Gives somebody who works at the site."""

    def hire(login: str, role: Any = "coordinator") -> Principal:
        with published.write() as session:
            grants = [(role, site)]
            account = actions.create_account(
                session, login=login, name=login.title(), grants=grants, at=now, actor="test"
            )
            return accounts.principal_of(account)

    return hire


@pytest.fixture
def ada(hired: Callable[..., Principal]) -> Principal:
    return hired("ada")


@pytest.fixture
def reference(published: Database, site: int, ada: Principal, now: datetime) -> str:
    """A screening that has just begun."""
    with published.write() as session:
        begun = actions.start_screening(
            session, nct_id=NCT, site_id=site, subject_code="de01-0042", at=now, as_of=TODAY, who=ada
        )
        return str(begun.reference)


def opened(database: Database, reference: str) -> Screening:
    with database.read() as session:
        return screenings.screening(session, reference=reference, sites=None)


def answer(database: Database, reference: str, who: Principal, at: datetime, outcome: Outcome, /, **more: Any) -> None:
    answers = more.pop("answers", {})
    with database.write() as session:
        found = screenings.screening(session, reference=reference, sites=None)
        actions.answer_screening(
            session, screening=found, answers=answers, outcome=outcome, at=at, who=who, source="typed", **more
        )


def tallies(database: Database) -> dict[tuple[str, str], int]:
    with database.read() as session:
        return {(one.measure, one.code): one.number for one in session.scalars(select(Tally)) if one.number}


def last_event(database: Database) -> Event:
    with database.read() as session:
        return session.scalars(select(Event).order_by(Event.seq.desc())).first()  # type: ignore[return-value]


def test_a_screening_begins_with_a_subject_code_and_the_version_in_force(published: Database, reference: str) -> None:
    begun = opened(published, reference)
    assert (begun.subject_code, begun.status, begun.version, begun.verdict) == ("DE01-0042", "pre_screening", 1, None)
    assert tallies(published) == {("status", "pre_screening"): 1}
    assert last_event(published).action == "screening.started"
    assert last_event(published).site_id == begun.site_id


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("anna@clinic.example", "e-mail"),
        ("+49 170 1234567", "phone"),
        ("123456789", "record number"),
        ("MRN-1234-56789", "record number"),
        ("Anna Example", "letters and digits"),
        ("ANNA", "digit"),
        ("", "letters and digits"),
        ("A-1-2-3-4", "letters and digits"),
    ],
)
def test_a_code_that_may_say_who_it_is_is_refused(
    published: Database, site: int, ada: Principal, now: datetime, code: str, hint: str
) -> None:
    with pytest.raises(Invalid, match=hint), published.write() as session:
        actions.start_screening(session, nct_id=NCT, site_id=site, subject_code=code, at=now, as_of=TODAY, who=ada)


def test_a_site_has_a_subject_code_once(
    published: Database, site: int, reference: str, ada: Principal, now: datetime
) -> None:
    with pytest.raises(Conflict), published.write() as session:
        actions.start_screening(
            session, nct_id=NCT, site_id=site, subject_code="DE01-0042", at=now, as_of=TODAY, who=ada
        )


def test_another_sites_screening_is_not_there(published: Database, reference: str, site: int) -> None:
    with published.read() as session:
        assert screenings.screening(session, reference=reference, sites=frozenset({site})).reference == reference
        for sites in (frozenset({site + 1}), frozenset()):
            with pytest.raises(NotFound):
                screenings.screening(session, reference=reference, sites=sites)


def test_answers_bring_the_state_the_reasons_and_the_day_to_look_again(
    published: Database, reference: str, ada: Principal, now: datetime
) -> None:
    answer(published, reference, ada, now, OUT, answers={"weight": 70})
    found = opened(published, reference)
    assert (found.status, found.verdict, found.look_again_on) == ("excluded", "excluded", date(2026, 12, 24))
    assert [one.code for one in found.reasons] == ["E2", "E7"]
    assert found.answers[0].actor == ada.actor
    assert tallies(published) == {
        ("status", "excluded"): 1, ("first", "E2"): 1, ("any", "E2"): 1, ("any", "E7"): 1
    }  # fmt: skip
    answer(published, reference, ada, now, IN, answers={"smoker": False})
    assert tallies(published) == {("status", "likely_eligible"): 1}
    assert opened(published, reference).look_again_on is None


def test_P23_a_changed_answer_needs_a_reason_and_the_first_one_does_not(
    published: Database, reference: str, ada: Principal, now: datetime
) -> None:
    answer(published, reference, ada, now, OPEN, answers={"weight": 70})
    assert last_event(published).reason is None
    for wrong in (None, "", "because"):
        with pytest.raises(Invalid, match="why it is changed"):
            answer(published, reference, ada, now, OUT, answers={"weight": 71}, reason=wrong)
    answer(published, reference, ada, now, OUT, answers={"weight": 71}, reason="typing_error")
    event = last_event(published)
    assert (event.reason, event.detail["facts"]) == ("typing_error", ["weight"])
    with published.read() as session:
        content = session.get(EventContent, event.seq)
        assert content is not None
        assert '"weight":[70,71]' in content.text


def test_values_stand_in_contents_alone(published: Database, reference: str, ada: Principal, now: datetime) -> None:
    answer(published, reference, ada, now, OPEN, answers={"weight": 70.125})
    with published.read() as session:
        assert "70.125" not in repr([event.fields for event in session.scalars(select(Event))])


def test_the_same_answers_again_leave_no_trace(
    published: Database, reference: str, ada: Principal, now: datetime
) -> None:
    answer(published, reference, ada, now, OPEN, answers={"weight": 70})
    before = last_event(published).seq, opened(published, reference).version
    answer(published, reference, ada, now + timedelta(hours=1), OPEN, answers={"weight": 70})
    assert (last_event(published).seq, opened(published, reference).version) == before


def test_a_stale_version_is_refused(published: Database, reference: str, ada: Principal, now: datetime) -> None:
    answer(published, reference, ada, now, OPEN, answers={"weight": 70}, version=1)
    with pytest.raises(Conflict):
        answer(published, reference, ada, now, OPEN, answers={"smoker": True}, version=1)


def move(database: Database, reference: str, who: Principal, at: datetime, status: str, reason: str | None) -> None:
    with database.write() as session:
        found = screenings.screening(session, reference=reference, sites=None)
        actions.set_status(session, screening=found, status=status, reason=reason, outcome=IN, at=at, who=who)


def test_states_follow_one_another_with_a_reason_where_one_is_due(
    published: Database, reference: str, ada: Principal, now: datetime
) -> None:
    answer(published, reference, ada, now, IN, answers={"weight": 70})
    with pytest.raises(Invalid, match="status"):
        move(published, reference, ada, now, "enrolled", None)
    move(published, reference, ada, now, "consented", None)
    with pytest.raises(Invalid, match="reason"):
        move(published, reference, ada, now, "screen_failure", None)
    move(published, reference, ada, now, "screen_failure", "laboratory")
    assert (opened(published, reference).status, opened(published, reference).status_reason) == (
        "screen_failure", "laboratory"
    )  # fmt: skip
    assert tallies(published) == {("status", "screen_failure"): 1}
    assert last_event(published).detail | {"version": 0} == {"from": "consented", "to": "screen_failure", "version": 0}


def sign(database: Database, reference: str, who: Principal, at: datetime, **given: Any) -> None:
    with database.write() as session:
        found = screenings.screening(session, reference=reference, sites=None)
        signed = screenings.record_hash(found, "0" * 64)
        given = {"meaning": "confirmed", "verdict": found.verdict, "reason": None, **given}
        version = found.version
        actions.sign_verdict(session, screening=found, signed_hash=signed, at=at, who=who, version=version, **given)


def signatures(database: Database) -> list[tuple[str, str, bool]]:
    with database.read() as session:
        rows = session.scalars(select(Decision).order_by(Decision.id))
        return [(row.meaning, row.verdict, row.voided_at is None) for row in rows]


def test_P24_a_physician_confirms_and_a_later_change_voids_it(
    published: Database, reference: str, ada: Principal, hired: Callable[..., Principal], now: datetime
) -> None:
    doctor = hired("dora", "physician")
    answer(published, reference, ada, now, IN, answers={"weight": 70})
    sign(published, reference, doctor, now)
    assert signatures(published) == [("confirmed", "likely_eligible", True)]
    answer(published, reference, ada, now, OUT, answers={"smoker": True})
    assert signatures(published) == [("confirmed", "likely_eligible", False)]


def test_an_override_needs_a_reason_and_moves_the_state(
    published: Database, reference: str, ada: Principal, hired: Callable[..., Principal], now: datetime
) -> None:
    doctor = hired("dora", "physician")
    answer(published, reference, ada, now, OUT, answers={"weight": 70})
    with pytest.raises(Invalid, match="reason"):
        sign(published, reference, doctor, now, meaning="overridden", verdict="undetermined")
    with pytest.raises(Invalid, match="verdict"):
        sign(published, reference, doctor, now, meaning="overridden", verdict="excluded", reason="x" * 20)
    sign(published, reference, doctor, now, meaning="overridden", verdict="undetermined", reason="A newer ECG is due")
    assert opened(published, reference).status == "undetermined"


def test_an_erased_note_is_gone_from_the_audit_trail_too(
    published: Database, reference: str, ada: Principal, now: datetime
) -> None:
    with published.write() as session:
        found = screenings.screening(session, reference=reference, sites=None)
        note = actions.add_note(session, screening=found, text="Canary Island", at=now, who=ada)
    with published.write() as session:
        found = screenings.screening(session, reference=reference, sites=None)
        actions.erase_note(session, screening=found, note_id=note.id, reason="identifies_somebody", at=now, who=ada)
    with published.read() as session:
        assert "Canary" not in repr(session.scalars(select(EventContent.text)).all())
        assert screenings.notes(session, opened(published, reference).id)[0].text is None
    assert last_event(published).action == "event.redacted"


@pytest.mark.parametrize("text", ["", " ", "call anna@example.org", "tel 0170 1234567", "x" * 2001, "a\x00b"])
def test_a_note_that_may_say_who_it_is_is_refused(
    published: Database, reference: str, ada: Principal, now: datetime, text: str
) -> None:
    with pytest.raises(Invalid, match="text"), published.write() as session:
        found = screenings.screening(session, reference=reference, sites=None)
        actions.add_note(session, screening=found, text=text, at=now, who=ada)


def test_a_screening_is_given_to_somebody_of_its_site(
    published: Database, reference: str, ada: Principal, hired: Callable[..., Principal], now: datetime
) -> None:
    bob = hired("bob")
    for account_id, refused in ((bob.account_id, False), (4096, True), (None, False)):
        with published.write() as session:
            found = screenings.screening(session, reference=reference, sites=None)
            if refused:
                with pytest.raises(Invalid):
                    actions.assign(session, screening=found, account_id=account_id, at=now, who=ada)
            else:
                actions.assign(session, screening=found, account_id=account_id, at=now, who=ada)
        assert refused or opened(published, reference).assigned_to == account_id


def test_the_first_two_screenings_of_a_month_may_begin_at_once(
    published: Database, site: int, ada: Principal, now: datetime
) -> None:
    barrier, failures = threading.Barrier(4), []

    def work(number: int) -> None:
        try:
            barrier.wait(10)
            with published.write() as session:
                actions.start_screening(
                    session, nct_id=NCT, site_id=site, subject_code=f"DE01-{number}", at=now, as_of=TODAY, who=ada
                )
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert tallies(published) == {("status", "pre_screening"): 4}
