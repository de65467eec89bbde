"""A screening's history and the audit trail in a browser: accessible and within their width, with real content."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from stage import DESK, NARROW, NOW, PHONE, Server, Visitor

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))  # for `people`

from people import Person, begin, hire, site_ids

from app import actions
from app.store import audit, screenings
from app.web.outcome import outcome, participant_of
from app.web.published import Library

Visit = Callable[..., Visitor]
Axe = Callable[[Page], list[str]]
FIRST = {"age_years": 54, "sex": "female", "weight_kg": 68.4, "prior_cellular_therapy": ["dli"], "qtcf_ms": 428}
NOTE = "The referring hospital was asked for the ECG of last week.\nIt calls back on Thursday."


class Told:
    """A screening with which everything was done that a history can tell of, and an auditor."""

    def __init__(self, server: Server) -> None:
        self.server, self.library = server, Library(server.database)
        site = site_ids(server.database)[4]
        self.ada = hire(server.database, "ada.told", ("coordinator", site), at=NOW)
        self.dora = hire(server.database, "dora.told", ("physician", site), at=NOW)
        self.max = hire(server.database, "max.told", ("auditor", None), at=NOW)
        self.reference = begin(server.database, self.ada, site, "US01-TOLD", NOW)
        self.answer(FIRST)
        self.answer({"qtcf_ms": 482}, reason="typing_error")
        self.answer({"hiv": None, "disease_state": "relapsed"})
        self.act(actions.add_note, text=NOTE)
        self.act(actions.add_note, text="Mrs. Doe, born in 1972")
        self.act(actions.erase_note, note_id=2, reason="not_needed")
        self.act(actions.assign, account_id=self.dora.principal.account_id)
        self.act(
            actions.sign_verdict, self.dora, meaning="overridden", verdict="undetermined",
            reason="A second ECG is due tomorrow; the first was taken under a drug that was stopped since.",
            signed_hash="0" * 64, version=self.version,
        )  # fmt: skip

    @property
    def version(self) -> int:
        with self.server.database.read() as session:
            return screenings.screening(session, reference=self.reference, sites=None).version

    def act(self, do: Callable[..., object], by: Person | None = None, **more: Any) -> None:
        who = (by or self.ada).principal
        with self.server.database.write() as session:
            row = screenings.screening(session, reference=self.reference, sites=None)
            do(session, screening=row, at=NOW, who=who, **more)

    def answer(self, answers: dict[str, Any], **more: Any) -> None:
        with self.server.database.read() as session:
            row = screenings.screening(session, reference=self.reference, sites=None)
        published = self.library.by_id(row.protocol_id)
        found = outcome(published, participant_of(published, row, {**row.raw_answers, **answers}))
        self.act(actions.answer_screening, answers=answers, outcome=found, source="typed", **more)


@pytest.fixture(scope="module")
def told(running: Server) -> Told:
    return Told(running)


@pytest.fixture
def comes(visit: Visit, told: Told, server: Server) -> Visit:
    """Makes auditors who are signed in: comes(width=360)."""

    def make(width: int = DESK, who: Person | None = None) -> Visitor:
        visitor = visit(width)
        cookies = (who or told.max).cookies.items()
        visitor.page.context.add_cookies([{"name": name, "value": value, "url": server.url} for name, value in cookies])
        return visitor

    return make


def pages(visitor: Visitor, told: Told) -> Iterator[str]:
    """Every page in turn; gives a name for each."""
    with told.server.database.read() as session:
        head = audit.head(session)
    for name, path in (
        ("history", f"/screenings/{told.reference}/history"),
        ("trail", "/audit"),
        ("trail of a screening", "/audit?subject=US01-TOLD&action=screening.answered"),
        ("trail, nothing fits", "/audit?until=2020-01-01"),
        ("trail, errors", "/audit?subject=nobody"),
        ("whole", f"/audit/verify?expect={head}"),
        ("broken", f"/audit/verify?expect={head.seq}:{'0' * 64}"),
        ("verify, error", "/audit/verify?expect=abc"),
    ):
        visitor.opens(path)
        yield name


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_the_history_and_the_trail_are_accessible(comes: Visit, told: Told, axe: Axe, width: int) -> None:
    visitor = comes(width)
    assert {name: found for name in pages(visitor, told) if (found := axe(visitor.page))} == {}


def test_neither_scrolls_sideways_on_a_narrow_phone(comes: Visit, told: Told) -> None:
    visitor = comes(NARROW)
    wide = "document.documentElement.scrollWidth"
    assert {name: found for name in pages(visitor, told) if (found := visitor.page.evaluate(wide)) > NARROW} == {}


def test_a_history_shows_what_was_and_what_is_and_not_what_was_erased(comes: Visit, told: Told) -> None:
    visitor = comes(PHONE, told.ada)
    visitor.opens(f"/screenings/{told.reference}/history")
    corrected = visitor.page.locator(".app-history__item", has_text="changed answers")
    assert corrected.locator("del").inner_text().endswith("428 ms")
    assert corrected.locator("ins").inner_text().endswith("482 ms")
    assert "Typing error" in corrected.inner_text()
    assert "It calls back on Thursday." in visitor.text
    assert "Mrs. Doe" not in visitor.page.content()
    erased = visitor.page.locator(".app-history__erased")
    assert erased.count() == 1
    assert erased.inner_text().startswith("Erased by Ada Told on 23 November 2026")
    assert "Meaning: overrides the verdict" in visitor.page.locator(".app-history__signed").inner_text()


def test_the_way_leads_from_the_trail_to_a_history_and_back(comes: Visit, told: Told) -> None:
    # Given an auditor who filters the trail
    visitor = comes()
    visitor.opens("/audit")
    visitor.page.get_by_label("What", exact=True).select_option("screening.signed")
    visitor.presses("Show")

    # When they open the screening of an entry
    visitor.follows("US01-TOLD")

    # Then its history tells more, and leads back to the entries of that screening
    assert visitor.heading.startswith("History of US01-TOLD")
    visitor.follows("Back")
    assert "subject=US01-TOLD" in visitor.page.url
    visitor.follows("Verify the whole trail now")
    assert "It is whole" in visitor.text
