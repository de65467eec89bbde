"""The pages of a site's screening over HTTP: whose it is, what they save, what they ask for, and what they refuse."""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from people import Person, begin, hire, site_ids
from serving import NOW, Client, settings
from sqlalchemy import select
from sqlalchemy.engine import URL

from app import actions
from app.main import create_app
from app.settings import secret
from app.store import screenings
from app.store.db import Database
from app.store.models import Event, Screening
from app.trials import read_trial

ABOUT = "questions/country+birth_date+sex+weight_kg"


class Desk:
    """The application for one test, with its clock, and people of two sites."""

    def __init__(self, url: URL) -> None:
        self.now = NOW
        self.database = Database(url, secret(settings(url), "audit"))
        self.client = Client(create_app(settings(url), now=lambda: self.now, strict_templates=True))
        here, there = site_ids(self.database)[:2]
        self.here = here
        self.ada = hire(self.database, "ada", ("coordinator", here), at=NOW)
        self.eve = hire(self.database, "eve", ("coordinator", there), at=NOW)
        self.dora = hire(self.database, "dora", ("physician", here), at=NOW)

    def get(self, address: str, who: Person | None = None) -> httpx.Response:
        return self.client.get(address, headers=who.headers if who else {})

    def post(self, address: str, who: Person, fields: dict[str, str]) -> httpx.Response:
        content = str(httpx.QueryParams(fields)).encode()
        headers = {"content-type": "application/x-www-form-urlencoded", **who.headers}
        return self.client.request("POST", address, content=content, headers=headers)

    def begin(self, code: str = "DE01-0042") -> str:
        """The address of a new screening of Ada's."""
        return f"/screenings/{begin(self.database, self.ada, self.here, code, self.now)}"

    def fill(self, address: str, who: Person, fields: dict[str, str]) -> httpx.Response:
        """Open a page with a form, fill it in as it stands, and send it."""
        page = self.get(address, who)
        assert page.status_code == 200, page.text
        return self.post(address, who, {**hidden(page.text), **fields})

    def row(self, base: str) -> Screening:
        with self.database.read() as session:
            return screenings.screening(session, reference=base.rsplit("/", 1)[1], sites=None)

    def events(self) -> list[str]:
        with self.database.read() as session:
            query = select(Event.action).where(Event.subject_type == "screening").order_by(Event.seq)
            return list(session.scalars(query))


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(seen|version|once)" value="([^"]*)"', page))


@pytest.fixture
def desk(loaded: URL) -> Iterator[Desk]:
    desk = Desk(loaded)
    yield desk
    desk.client.close()
    desk.database.close()


# BEGINNING


def test_a_coordinator_begins_a_screening_and_is_asked_the_first_questions(desk: Desk) -> None:
    answered = desk.post("/screenings", desk.ada, {"subject_code": "de01-0042"})
    assert answered.status_code == 303
    page = desk.get(answered.headers["location"], desk.ada)
    step = desk.get(page.headers["location"], desk.ada)
    assert "DE01-0042" in step.text
    assert 'name="seen"' in step.text
    assert "Come back to this check" not in step.text


def test_a_code_that_may_be_a_name_is_refused_with_a_hint(desk: Desk) -> None:
    answered = desk.post("/screenings", desk.ada, {"subject_code": "anna@clinic.example"})
    assert answered.status_code == 422
    assert "looks like an e-mail address" in answered.text
    taken = desk.begin()
    assert desk.row(taken).subject_code == "DE01-0042"
    answered = desk.post("/screenings", desk.ada, {"subject_code": "DE01-0042"})
    assert answered.status_code == 409
    assert "already" in answered.text


def test_nobody_signed_in_is_sent_to_sign_in(desk: Desk) -> None:
    base = desk.begin()
    for place in ("", "/questions", "/answers", "/result", "/dates", "/note"):
        answered = desk.get(base + place)
        assert (answered.status_code, answered.headers["location"][:7]) == (303, "/login?"), place


def test_P26_another_sites_screening_is_as_if_it_were_not_there(desk: Desk) -> None:
    base = desk.begin()
    for place in ("", f"/{ABOUT}", "/answers", "/result", "/dates", "/note", "/confirm"):
        who = desk.eve
        answered = desk.get(base + place, who)
        nothing = desk.get(f"/screenings/{'a' * 12}{place}", who)
        assert answered.status_code == nothing.status_code in (403, 404), place
        assert answered.text.replace(base, "") == nothing.text.replace(f"/screenings/{'a' * 12}", "")
    assert desk.post(f"{base}/state", desk.eve, {"version": "1", "status": "declined"}).status_code == 404
    assert desk.row(base).version == 1


# ANSWERING


def test_answers_are_saved_with_who_and_what_they_come_to(desk: Desk) -> None:
    base = desk.begin()
    answered = desk.fill(f"{base}/{ABOUT}", desk.ada, {
        "country": "FR", "age_years": "54", "sex": "female", "weight_kg": "68", "do": "continue",
    })  # fmt: skip
    assert answered.status_code == 303
    row = desk.row(base)
    assert row.raw_answers["weight_kg"] == 68
    assert {answer.actor for answer in row.answers} == {desk.ada.principal.actor}
    assert (row.status, row.verdict) == ("pre_screening", "undetermined")
    desk.fill(f"{base}/questions/qtcf_ms", desk.ada, {"qtcf_ms": "490", "do": "continue"})
    row = desk.row(base)
    assert (row.status, [reason.code for reason in row.reasons]) == ("excluded", ["E13"])


def test_P23_a_changed_answer_is_saved_with_a_reason_only(desk: Desk) -> None:
    base = desk.begin()
    address = f"{base}/questions/qtcf_ms"
    desk.fill(address, desk.ada, {"qtcf_ms": "490"})
    answered = desk.fill(address, desk.ada, {"qtcf_ms": "460"})
    assert answered.status_code == 422
    assert "Say why what was answered before is changed" in answered.text
    assert desk.row(base).raw_answers["qtcf_ms"] == 490
    assert desk.fill(address, desk.ada, {"qtcf_ms": "460", "reason": "new_result"}).status_code == 303
    assert desk.row(base).raw_answers["qtcf_ms"] == 460


def test_P5_a_stale_form_shows_what_stands_and_what_was_typed(desk: Desk) -> None:
    base = desk.begin()
    address = f"{base}/questions/qtcf_ms"
    first = hidden(desk.get(address, desk.ada).text)
    desk.fill(address, desk.dora, {"qtcf_ms": "455"})
    answered = desk.post(address, desk.ada, {**first, "qtcf_ms": "490"})
    assert answered.status_code == 409
    shown = html.unescape(answered.text)
    assert "455 ms" in shown
    assert 'value="490"' in shown
    assert desk.row(base).raw_answers["qtcf_ms"] == 455
    again = desk.post(address, desk.ada, {**hidden(answered.text), "qtcf_ms": "490", "reason": "typing_error"})
    assert again.status_code == 303
    assert desk.row(base).raw_answers["qtcf_ms"] == 490


def test_two_tabs_that_answer_different_questions_lose_nothing(desk: Desk) -> None:
    base = desk.begin()
    first, second = f"{base}/questions/qtcf_ms", f"{base}/questions/weight_kg"
    one, other = hidden(desk.get(first, desk.ada).text), hidden(desk.get(second, desk.ada).text)
    assert desk.post(first, desk.ada, {**one, "qtcf_ms": "455"}).status_code == 303
    assert desk.post(second, desk.ada, {**other, "weight_kg": "70"}).status_code == 303
    assert desk.row(base).raw_answers == {"qtcf_ms": 455, "weight_kg": 70}


def test_dates_are_saved_and_a_stale_form_of_them_is_refused(desk: Desk) -> None:
    base = desk.begin()
    stale = hidden(desk.get(f"{base}/dates", desk.ada).text)
    fields = {
        f"{name}-{part}": value
        for name in ("as_of", "consent_date", "first_dose_date")
        for part, value in (("day", "24"), ("month", "11"), ("year", "2026"))
    }
    assert desk.fill(f"{base}/dates", desk.ada, fields).status_code == 303
    assert str(desk.row(base).consent_date) == "2026-11-24"
    answered = desk.post(f"{base}/dates", desk.ada, {**stale, **fields, "as_of-day": "25"})
    assert answered.status_code == 422
    assert "Changed meanwhile" in answered.text


# THE OVERVIEW


PAGES = ["", f"/{ABOUT}", "/questions/qtcf_ms", "/answers", "/dates", "/result", "/note"]


def test_every_page_opens(desk: Desk) -> None:
    base = desk.begin()
    desk.fill(f"{base}/questions/qtcf_ms", desk.ada, {"qtcf_ms": "490"})
    for place in PAGES:
        assert desk.get(base + place, desk.ada).status_code == 200, place
    assert desk.get("/screenings/new", desk.ada).status_code == 200
    assert desk.get(f"{base}/confirm", desk.dora).status_code == 200
    assert desk.get(f"{base}/confirm", desk.ada).status_code == 403


def test_who_looks_is_recorded_once_in_a_while(desk: Desk) -> None:
    base = desk.begin()
    for _ in range(3):
        desk.get(base, desk.ada)
    desk.get(base, desk.dora)
    assert desk.events().count("screening.viewed") == 2
    desk.now += timedelta(minutes=14)
    desk.get(base, desk.ada)
    assert desk.events().count("screening.viewed") == 2


def do(desk: Desk, base: str, place: str, who: Person | None = None, **fields: str) -> httpx.Response:
    carried = hidden(desk.get(base, who or desk.ada).text)
    return desk.post(f"{base}/{place}", who or desk.ada, {**carried, **fields})


def test_states_assignee_day_and_notes(desk: Desk) -> None:
    base = desk.begin()
    assert do(desk, base, "assignee", assigned_to=str(desk.dora.principal.account_id)).status_code == 303
    day = {"look_again_on-day": "24", "look_again_on-month": "12", "look_again_on-year": "2026"}
    assert do(desk, base, "look-again", **day).status_code == 303
    assert do(desk, base, "notes", text="Waits for the <b>bone marrow</b>").status_code == 303
    assert do(desk, base, "state", status="declined").status_code == 422
    assert do(desk, base, "state", status="declined", reason="distance").status_code == 303
    page = desk.get(base, desk.ada).text
    for shown in ("Dora", "24 December 2026", "Waits for the &lt;b&gt;bone marrow&lt;/b&gt;", "Travel or distance"):
        assert shown in page, shown
    note_id = re.search(r"/notes/(\d+)/erase", page)
    assert note_id is not None
    assert do(desk, base, f"notes/{note_id[1]}/erase", reason="not_needed").status_code == 303
    assert "bone marrow" not in desk.get(base, desk.ada).text


def test_a_stale_move_shows_both_and_changes_nothing(desk: Desk) -> None:
    base = desk.begin()
    stale = hidden(desk.get(base, desk.ada).text)
    do(desk, base, "state", desk.dora, status="declined", reason="distance")
    answered = desk.post(f"{base}/state", desk.ada, {**stale, "status": "consented"})
    assert answered.status_code == 409
    assert "You wanted: the state “Consented”" in answered.text
    assert "its state is “Declined”" in answered.text
    assert desk.row(base).status == "declined"


@pytest.mark.parametrize("fields", [{}, {"version": "x"}, {"version": ""}, {"version": "9" * 30}])
def test_a_form_without_its_version_is_refused(desk: Desk, fields: dict[str, str]) -> None:
    base = desk.begin()
    answered = desk.post(f"{base}/state", desk.ada, {**fields, "status": "declined", "reason": "distance"})
    assert answered.status_code in (409, 422)
    assert desk.row(base).status == "pre_screening"


def test_P11_a_screening_stays_with_its_version_and_says_that_a_newer_one_exists(
    desk: Desk, republished: Callable[[], int]
) -> None:
    base = desk.begin()
    version = republished()
    page = desk.get(base, desk.ada).text
    assert f"Version {version} of the rules is in force now" in page
    desk.fill(f"{base}/questions/qtcf_ms", desk.ada, {"qtcf_ms": "490"})
    assert '"version":1' in (desk.row(base).result or "")
    other = desk.begin("DE01-0043")
    assert "is in force now" not in desk.get(other, desk.ada).text


@pytest.fixture
def republished(desk: Desk) -> Callable[[], int]:
    """Publishes the trial's protocol with one word changed."""

    def publish() -> int:
        trial, protocol = read_trial()
        first = protocol.sections[0]
        changed = replace(protocol, sections=(replace(first, title="The person"), *protocol.sections[1:]))
        with desk.database.write() as session:
            published = actions.publish_protocol(session, trial=trial, protocol=changed, at=desk.now, actor="test")
        return published.version

    return publish


def test_nothing_typed_is_ever_markup(desk: Desk) -> None:
    base = desk.begin()
    answered = do(desk, base, "state", status='"><script>alert(1)</script>', reason="<i>")
    assert answered.status_code == 422
    assert "<script>alert" not in answered.text
