"""The screening log in a browser: accessible, within its width, on a phone and without scripts, printed on A4."""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page
from stage import DESK, NARROW, NOW, PHONE, Server, Visitor

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))  # for `people`

from people import Person, begin, hire, site_ids

from app import actions
from app.actions import Outcome
from app.store import screenings

Visit = Callable[..., Visitor]
Axe = Callable[[Page], list[str]]
LATER = NOW.date() + timedelta(days=12)
MISSING = json.dumps({"missing": [{"fact": fact} for fact in ("weight_kg", "qtcf_ms", "hiv", "ecog", "pregnancy")]})
OUTCOMES = (
    None,
    Outcome(MISSING, "undetermined", (), None, True),
    Outcome("{}", "excluded", ("E13", "E2"), LATER, True),
    Outcome("{}", "excluded", ("E5",), NOW.date(), True),
    Outcome("{}", "likely_eligible", (), None, True),
)


@pytest.fixture(scope="module")
def ada(running: Server) -> Person:
    """Somebody who works at two sites, one of which has sixty screenings."""
    first, second = site_ids(running.database)[:2]
    ada = hire(running.database, "ada.okafor", ("coordinator", first), ("coordinator", second), at=NOW)
    for number in range(60):
        reference = begin(running.database, ada, first, f"US01-{number:04}", NOW)
        outcome = OUTCOMES[number % len(OUTCOMES)]
        if outcome is None:
            continue
        with running.database.write() as session:
            found = screenings.screening(session, reference=reference, sites=None)
            actions.answer_screening(
                session, screening=found, answers={}, outcome=outcome, at=NOW, who=ada.principal, source="typed"
            )
            if number % 10 == 4:
                actions.set_status(
                    session, screening=found, status="declined", reason="distance", outcome=outcome, at=NOW,
                    who=ada.principal,
                )  # fmt: skip
    return ada


@pytest.fixture
def comes(visit: Visit, ada: Person, server: Server) -> Visit:
    """Makes visitors who are signed in: comes(width=360, scripts=False)."""

    def make(width: int = DESK, scripts: bool = True) -> Visitor:
        visitor = visit(width, scripts)
        visitor.page.context.add_cookies(
            [{"name": name, "value": value, "url": server.url} for name, value in ada.cookies.items()]
        )
        return visitor

    return make


def pages(visitor: Visitor) -> Iterator[str]:
    """Every page of the log in turn; gives a name for each."""
    for name, path in (
        ("log", "/screenings"),
        ("log, filtered", "/screenings?status=excluded&criterion=E2&assigned=me"),
        ("log, nothing fits", "/screenings?subject=ZZ"),
        ("log, errors", "/screenings?subject=a@b&from=x&month=y"),
        ("log of another site", "/screenings?site=8400006"),
        ("waiting", "/screenings/waiting"),
        ("figures", "/screenings/charts"),
        ("figures of nothing", "/screenings/charts?month=2020-01"),
        ("print", "/screenings/print"),
    ):
        visitor.opens(path)
        visitor.page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
        yield name


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_every_page_of_the_log_is_accessible(comes: Visit, axe: Axe, width: int) -> None:
    visitor = comes(width)
    assert {name: found for name in pages(visitor) if (found := axe(visitor.page))} == {}


def test_no_page_of_the_log_scrolls_sideways_on_a_narrow_phone(comes: Visit) -> None:
    visitor = comes(NARROW)
    wide = {name: width for name in pages(visitor) if (width := _width(visitor.page)) > NARROW}
    assert wide == {}


def _width(page: Page) -> int:
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width


@pytest.mark.parametrize("scripts", [True, False])
def test_filters_are_kept_in_the_address_and_lead_on(comes: Visit, scripts: bool) -> None:
    # Given somebody who looks for those that are excluded
    visitor = comes(DESK, scripts)
    visitor.opens("/screenings")
    visitor.page.get_by_label("State", exact=True).select_option("excluded")
    visitor.page.get_by_label("Order", exact=True).select_option("subject")

    # When the list is shown
    with visitor.another_page() if scripts else visitor.page.expect_navigation():
        visitor.page.get_by_role("button", name="Show", exact=True).click()

    # Then the address says so, and the same address opens the same list
    assert "status=excluded" in visitor.page.url
    listed = visitor.page.locator("tbody th").all_inner_texts()
    assert listed[:2] == ["US01-0002", "US01-0003"]
    visitor.opens(visitor.page.url)
    assert visitor.page.locator("tbody th").all_inner_texts() == listed
    assert visitor.page.get_by_label("State", exact=True).input_value() == "excluded"


def test_the_next_page_goes_on_where_this_one_ends(comes: Visit) -> None:
    visitor = comes(PHONE)
    visitor.opens("/screenings?sort=subject")
    first = visitor.page.locator("tbody th").all_inner_texts()
    visitor.follows("Next page")
    assert [*first, *visitor.page.locator("tbody th").all_inner_texts()] == [f"US01-{n:04}" for n in range(60)]
    visitor.follows("First page")
    assert visitor.page.locator("tbody th").all_inner_texts() == first


def test_a_chart_says_the_same_as_its_table(comes: Visit) -> None:
    visitor = comes()
    visitor.opens("/screenings/charts")
    chart = visitor.page.get_by_role("img", name="How far they came")
    drawn = chart.locator(".app-chart__number").all_text_contents()
    table = visitor.page.get_by_role("table", name="How far they came")
    assert drawn == table.locator("tbody td:nth-child(2)").all_inner_texts()
    assert drawn[0] == "60"


def test_the_calendars_address_is_shown_once(comes: Visit) -> None:
    visitor = comes()
    visitor.opens("/screenings/waiting")
    visitor.presses("Make a calendar address")
    assert "/calendar/" in visitor.page.get_by_label("Address of the calendar").input_value()
    visitor.opens("/screenings/waiting")
    assert visitor.page.get_by_label("Address of the calendar").count() == 0
    visitor.presses("Close the calendar")
    assert visitor.page.get_by_role("button", name="Make a calendar address").count() == 1


def test_a_download_is_a_file(comes: Visit) -> None:
    visitor = comes()
    visitor.opens("/screenings?status=declined")
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("link", name="CSV", exact=True).click()
    content = Path(download.value.path()).read_text("utf-8-sig")
    assert download.value.suggested_filename == "screening-log-8400002-2026-11-23.csv"
    assert content.count("Travel or distance") == 6


def test_the_printed_log_lies_on_a4_landscape_with_its_signature(comes: Visit) -> None:
    visitor = comes()
    visitor.opens("/screenings/print")
    content = visitor.page.pdf(prefer_css_page_size=True, print_background=True)
    boxes = set(_boxes(content))
    assert boxes == {(842, 595)}
    assert 2 <= content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") <= 3
    visitor.page.emulate_media(media="print")
    printed = visitor.page.locator("body").inner_text()
    assert "Investigator (name)" in printed
    for words in ("Sign out", "Print this page", "Back"):
        assert words not in printed


def _boxes(pdf: bytes) -> Iterator[tuple[int, int]]:
    """The size of each page of a PDF, in points."""
    for piece in pdf.split(b"/MediaBox [")[1:]:
        _, _, width, height = piece.split(b"]")[0].split()
        yield round(float(width)), round(float(height))
