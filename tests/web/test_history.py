"""The history of a screening and the audit trail over HTTP: who reads them, what they tell, and that it is recorded."""

import html
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from people import Person, begin, hire, site_ids
from serving import NOW, Client, load_built_in, settings
from sqlalchemy import select, update

from app import actions
from app.main import create_app
from app.settings import secret
from app.store import audit, screenings
from app.store.db import Database
from app.store.models import Event, Login
from app.web.outcome import outcome
from app.web.pages import participant_of


class Office:
    """The application, a site with a coordinator and a physician, another site's coordinator, and an auditor."""

    def __init__(self, database: Database) -> None:
        url = database.engine.url
        load_built_in(url)
        self.now = NOW
        self.database = Database(url, secret(settings(url), "audit"))
        self.app = create_app(settings(url), now=lambda: self.now, strict_templates=True)
        self.client = Client(self.app)
        here, there = site_ids(self.database)[:2]
        self.here = here
        self.ada = hire(self.database, "ada", ("coordinator", here), at=NOW)
        self.eve = hire(self.database, "eve", ("coordinator", there), at=NOW)
        self.dora = hire(self.database, "dora", ("physician", here), at=NOW)
        self.max = hire(self.database, "max", ("auditor", None), at=NOW)
        self.root = hire(self.database, "root", ("administrator", None), at=NOW)
        self.reference = begin(self.database, self.ada, here, "DE01-0042", NOW)
        self.base = f"/screenings/{self.reference}"

    def get(self, address: str, who: Person | None = None) -> httpx.Response:
        return self.client.get(address, headers=who.headers if who else {})

    def act(self, do: Callable[[Any, Any], object]) -> None:
        with self.database.write() as session:
            do(session, screenings.screening(session, reference=self.reference, sites=None))

    def answer(self, weight: float, reason: str | None = None) -> None:
        self.now += timedelta(minutes=1)

        def do(session: Any, row: Any) -> None:
            published = self.app.state.parts.library.by_id(row.protocol_id)
            raw = {**row.raw_answers, "weight_kg": weight}
            found = outcome(published, participant_of(published, row, raw))
            given: Any = {"answers": {"weight_kg": weight}, "outcome": found, "reason": reason, "source": "typed"}
            actions.answer_screening(session, screening=row, at=self.now, who=self.ada.principal, **given)

        self.act(do)

    def events(self, action: str) -> list[Event]:
        with self.database.read() as session:
            return list(session.scalars(select(Event).where(Event.action == action).order_by(Event.seq)))

    def close(self) -> None:
        self.client.close()
        self.database.close()


@pytest.fixture
def office(database: Database) -> Iterator[Office]:
    made = Office(database)
    yield made
    made.close()


def words(page: httpx.Response) -> str:
    """What a page says, without its tags."""
    assert page.status_code == 200, page.text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text.split("<main")[1].split("</main>")[0])).split())


def test_a_history_tells_who_did_what_when_and_why(office: Office) -> None:
    # Given a screening that was answered, corrected, noted, signed, moved and whose note was erased
    office.answer(70)
    office.answer(71.5, "typing_error")
    who, doctor = office.ada.principal, office.dora.principal
    office.act(lambda s, row: actions.add_note(s, screening=row, text="Seen <b>twice</b>", at=NOW, who=who))
    office.act(lambda s, row: actions.erase_note(s, screening=row, note_id=1, reason="not_needed", at=NOW, who=who))
    office.act(lambda s, row: actions.assign(s, screening=row, account_id=doctor.account_id, at=NOW, who=who))
    office.act(
        lambda s, row: actions.sign_verdict(
            s, screening=row, meaning="overridden", verdict="excluded", reason="A newer ECG shows it", at=NOW,
            signed_hash="0" * 64, who=doctor, version=row.version,
        )
    )  # fmt: skip

    # When somebody of the site reads its history
    told = words(office.get(f"{office.base}/history", office.ada))

    # Then it is told in sentences, the newest first, with values in words
    sentences = [
        "Dora signed the verdict.",
        "Signed by Dora on 22 November 2026, 12:00 UTC. Meaning: overrides the verdict; it is “Excluded”.",
        "A newer ECG shows it",
        "Ada gave it to Dora.",
        "Ada erased the content of entry",
        "Reason: It is not needed",
        "Ada wrote a note.",
        "Erased by Ada on 22 November 2026, 12:00 UTC: it is not needed.",
        "Ada changed answers. Body weight Before: 70 kg Now: 71.5 kg Reason: Typing error",
        "Ada gave answers. Body weight 70 kg",
        "Ada began the screening of DE01-0042 under version 1 of the rules.",
    ]
    places = [told.index(sentence) for sentence in sentences]
    assert places == sorted(places)
    assert "twice" not in told


def test_another_sites_history_is_not_there_and_the_auditor_reads_all(office: Office) -> None:
    for who, status in (
        (office.ada, 200),
        (office.dora, 200),
        (office.max, 200),
        (office.eve, 404),
        (office.root, 403),
    ):
        assert office.get(f"{office.base}/history", who).status_code == status
    gone, foreign = (
        office.get("/screenings/0000000000aa/history", office.eve),
        office.get(f"{office.base}/history", office.eve),
    )
    assert gone.text.replace("0000000000aa", "") == foreign.text.replace(office.reference, "")
    assert office.get(f"{office.base}/history").headers["location"].startswith("/login")


@pytest.mark.parametrize("address", ["/audit", "/audit/verify"])
def test_only_an_auditor_reads_the_audit_trail(office: Office, address: str) -> None:
    assert office.get(address, office.max).status_code == 200
    for who in (office.ada, office.dora, office.root):
        assert office.get(address, who).status_code == 403
    assert office.get(address).headers["location"].startswith("/login")


def test_P22_looking_is_recorded_once_in_a_quarter_of_an_hour(office: Office) -> None:
    for minutes, seen in ((0, 1), (14, 1), (16, 2)):
        office.now = NOW + timedelta(minutes=minutes)
        with office.database.write() as session:  # a session is idle after 15 minutes
            session.execute(update(Login).values(seen_at=office.now))
        for _ in range(2):
            assert office.get(f"{office.base}/history", office.max).status_code in (200, 303)
            office.get("/audit", office.max)
        assert len(office.events("screening.viewed")) == seen, minutes
        assert len(office.events("audit.read")) == seen, minutes
    office.get(f"{office.base}/history", office.ada)
    assert [event.actor for event in office.events("screening.viewed")][-1] == office.ada.principal.actor


def test_the_trail_is_shown_in_pages_and_by_filters(office: Office) -> None:
    for number in range(60):
        office.answer(50 + number, "typing_error" if number else None)
    office.now = NOW
    first = office.get("/audit", office.max)
    assert len(re.findall(r'<th scope="row">', first.text)) == 50
    older = re.search(r'href="(/audit\?before=\d+)"', first.text)
    assert older is not None
    second = office.get(older[1], office.max)
    newer = re.search(r'href="(/audit\?after=\d+)"', second.text)
    assert newer is not None
    numbers = re.findall(r'<th scope="row">(\d+)</th>', first.text)
    assert re.findall(r'<th scope="row">(\d+)</th>', office.get(newer[1], office.max).text) == numbers

    for query, expected, absent in (
        ("action=screening.started", "began the screening", "changed answers"),
        (f"actor=account+{office.ada.principal.account_id}", "Ada changed answers", "test"),
        ("subject=de01-0042", "DE01-0042", "account, signed in"),
        (f"site={office.here}", "Ada changed answers", "account, signed in"),
        ("since=2026-11-22&until=2026-11-22", "Ada changed answers", "There is no such entry"),
        ("until=2026-11-21", "There is no such entry", "Ada changed answers"),
        ("site=9999", "There is no such entry", "Ada changed answers"),
    ):
        page = office.get(f"/audit?{query}", office.max)
        told = words(page).split("Show everything")[1]
        assert expected in told, query
        assert absent not in told, query
    wrong = office.get("/audit?since=yesterday&subject=nobody", office.max)
    assert wrong.status_code == 422
    assert "From must be a date" in wrong.text
    assert "there is no such screening" in wrong.text
    assert office.get("/audit?before=x&after=-1&site=%00&actor=%00", office.max).status_code == 200


def test_the_trail_is_verified_at_the_push_of_a_button(office: Office) -> None:
    with office.database.read() as session:
        head = audit.head(session)
    page = office.get(f"/audit/verify?expect={head}", office.max)
    assert "It is whole" in words(page)
    with office.database.read() as session:
        number = audit.head(session).seq
    assert f"{number} entries were checked" in words(page)

    assert "is broken at entry" in words(office.get(f"/audit/verify?expect={head.seq}:{'0' * 64}", office.max))
    assert "is broken at entry" in words(office.get(f"/audit/verify?expect=999:{head.hash}", office.max))
    assert office.get("/audit/verify?expect=abc", office.max).status_code == 422
