"""The pages of the screening log, over HTTP: who sees what, what the address says, and what is taken out."""

import csv
import io
import re
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from icalendar import Calendar
from openpyxl import load_workbook
from people import Person, begin, hire, site_ids
from serving import NOW, Client, settings
from sqlalchemy import select
from sqlalchemy.engine import URL

from app import actions
from app.actions import Outcome
from app.settings import secret
from app.store import screenings
from app.store.db import Database
from app.store.models import Account, Event, Screening, SiteRow
from app.web.exports import HEAD, inert

LATER = NOW.date() + timedelta(days=9)
OUT = Outcome('{"missing":[]}', "excluded", ("E2", "E7"), LATER, True)
OPEN = Outcome('{"missing":[{"fact":"weight_kg"},{"fact":"qtcf_ms"}]}', "undetermined", (), None, True)
IN = Outcome('{"missing":[]}', "likely_eligible", (), None, True)


class Site:
    """A site at work: its people, and its screenings by subject code."""

    def __init__(self, client: Client, database: Database) -> None:
        self.client, self.database = client, database
        self.id, self.other_id = site_ids(database)[:2]
        self.ada = hire(database, "ada.site", ("coordinator", self.id), at=NOW)
        self.bo = hire(database, "bo.other", ("coordinator", self.other_id), at=NOW)
        self.cy = hire(database, "cy.both", ("coordinator", self.id), ("physician", self.other_id), at=NOW)
        self.references: dict[str, str] = {}

    def begins(self, code: str, outcome: Outcome | None = None, who: Person | None = None, site: int = 0) -> str:
        who = who or self.ada
        reference = begin(self.database, who, site or self.id, code, NOW)
        if outcome is not None:
            with self.database.write() as session:
                found = screenings.screening(session, reference=reference, sites=None)
                actions.answer_screening(
                    session, screening=found, answers={}, outcome=outcome, at=NOW, who=who.principal, source="typed"
                )
        self.references[code] = reference
        return reference

    def moves(self, code: str, status: str, reason: str | None) -> None:
        with self.database.write() as session:
            found = screenings.screening(session, reference=self.references[code], sites=None)
            actions.set_status(
                session, screening=found, status=status, reason=reason, outcome=IN, at=NOW, who=self.ada.principal
            )

    def number(self, site_id: int) -> str:
        with self.database.read() as session:
            return str(session.get_one(SiteRow, site_id).number)

    def get(self, path: str, who: Person | None = None) -> httpx.Response:
        return self.client.get(path, headers=(who or self.ada).headers)

    def post(self, path: str, body: str, who: Person | None = None) -> httpx.Response:
        headers = {**(who or self.ada).headers, "content-type": "application/x-www-form-urlencoded"}
        return self.client.request("POST", path, content=body, headers=headers)

    def events(self, action: str) -> list[Event]:
        with self.database.read() as session:
            return list(session.scalars(select(Event).where(Event.action == action).order_by(Event.seq)))


@pytest.fixture
def site(loaded_template: Path, tmp_path: Path) -> Iterator[Site]:
    path = tmp_path / "prescreen.sqlite3"
    shutil.copyfile(loaded_template, path)
    url = URL.create("sqlite", database=str(path))
    client, database = Client.of(url), Database(url, secret(settings(url), "audit"))
    yield Site(client, database)
    client.close()
    database.close()


@pytest.fixture
def busy(site: Site) -> Site:
    """A site with a screening in each of several states, and another site with one."""
    site.begins("A-1")
    site.begins("A-2", OUT)
    site.begins("A-3", OPEN, who=site.cy)
    site.begins("A-4", IN)
    site.moves("A-4", "declined", "distance")
    site.begins("B-1", IN)
    site.begins("X-1", OUT, who=site.bo, site=site.other_id)
    return site


def subjects(page: httpx.Response) -> list[str]:
    """The subject codes that a page lists, in order."""
    return re.findall(r'<th scope="row"><a class="govuk-link" href="/screenings/[a-z0-9]+">([^<]+)</a></th>', page.text)


# WHO SEES WHAT


def test_the_log_lists_the_screenings_of_the_own_site(busy: Site) -> None:
    assert set(subjects(busy.get("/screenings"))) == {"A-1", "A-2", "A-3", "A-4", "B-1"}
    assert subjects(busy.get("/screenings", busy.bo)) == ["X-1"]


@pytest.mark.parametrize("path", ["", "/waiting", "/charts", "/print", "/export.csv", "/export.xlsx"])
def test_another_sites_log_is_not_there(busy: Site, path: str) -> None:
    there, nowhere = busy.number(busy.other_id), "0000000"
    answers = [busy.get(f"/screenings{path}?site={number}") for number in (there, nowhere)]
    assert [one.status_code for one in answers] == [404, 404]
    assert answers[0].text.replace(there, nowhere) == answers[1].text
    assert busy.events("log.exported") == []


@pytest.mark.parametrize("path", ["", "/waiting", "/charts", "/print", "/export.csv", "/export.xlsx"])
def test_without_a_session_the_way_leads_to_the_login(site: Site, path: str) -> None:
    answer = site.client.get(f"/screenings{path}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")


def test_the_header_marks_the_place_where_a_page_belongs(busy: Site) -> None:
    belongs = {
        "/screenings": "Screening log",
        "/screenings/new": "Screening log",
        f"/screenings/{busy.references['A-1']}": "Screening log",
        "/screenings/waiting": "Waiting",
        "/screenings/charts": "Figures",
        "/account": "Ada Site",
    }
    for path, place in belongs.items():
        header = busy.get(path).text.split("<header")[1].split("</header>")[0]
        assert re.findall(r'aria-current="true">([^<]+)</a>', header) == [place], path


@pytest.mark.parametrize("role", ["author", "administrator", "auditor"])
def test_roles_without_health_data_get_nothing(site: Site, role: Any) -> None:
    someone = hire(site.database, "someone", (role, None), at=NOW)
    for path in ("", "/waiting", "/charts", "/print", "/export.csv", "/export.xlsx"):
        assert site.get(f"/screenings{path}", someone).status_code == 403


def test_who_works_at_two_sites_chooses(busy: Site) -> None:
    first, second = (busy.number(one) for one in (busy.id, busy.other_id))
    assert "A-1" in subjects(busy.get("/screenings", busy.cy))
    assert subjects(busy.get(f"/screenings?site={second}", busy.cy)) == ["X-1"]
    page = busy.get(f"/screenings?site={second}&status=excluded", busy.cy).text
    assert f'href="/screenings?site={first}"' in page
    assert f'name="site" value="{second}"' in page
    assert "Choose another site" not in busy.get("/screenings").text


# THE ADDRESS


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=excluded", ["A-2"]),
        ("verdict=likely_eligible&sort=subject", ["A-4", "B-1"]),
        ("criterion=E7", ["A-2"]),
        ("criterion=E13", []),
        ("assigned=me&sort=subject", ["A-1", "A-2", "A-4", "B-1"]),
        ("assigned=nobody", []),
        ("subject=a-&sort=subject", ["A-1", "A-2", "A-3", "A-4"]),
        ("month=2026-11&subject=B", ["B-1"]),
        ("month=2026-10", []),
        ("from=2026-11-22&to=2026-11-22&subject=B", ["B-1"]),
        ("from=2026-11-23", []),
        ("sort=look_again&subject=A-2", ["A-2"]),
        ("status=&verdict=&subject=B&after=", ["B-1"]),
    ],
)
def test_the_address_says_what_is_listed(busy: Site, query: str, found: list[str]) -> None:
    page = busy.get(f"/screenings?{query}")
    assert page.status_code == 200
    assert subjects(page) == found


def test_a_person_of_the_site_can_be_asked_for(busy: Site) -> None:
    assert subjects(busy.get(f"/screenings?assigned={busy.cy.principal.account_id}")) == ["A-3"]
    page = busy.get(f"/screenings?assigned={busy.bo.principal.account_id}")
    assert page.status_code == 422
    assert "Bo Other" not in page.text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("status=great", "is none of the choices"),
        ("verdict=maybe", "is none of the choices"),
        ("criterion=%00", "is no code of a criterion"),
        ("assigned=you", "is nobody who works at this site"),
        ("assigned=99999999999999999999", "is nobody who works at this site"),
        ("month=2026-13", "must be a month"),
        ("from=yesterday", "must be a day"),
        ("to=2026-02-30", "must be a day"),
        ("subject=anna%40example.org", "can hold letters, digits and hyphens only"),
        ("sort=luck", "is none of the choices"),
        ("after=here", "is not a place in this list"),
    ],
)
def test_what_the_address_cannot_mean_is_named(busy: Site, query: str, said: str) -> None:
    page = busy.get(f"/screenings?{query}")
    assert page.status_code == 422
    assert said in page.text
    assert subjects(page) == []


@pytest.mark.parametrize(
    "path", ["waiting?assigned=you", "charts?month=2026-13", "print?from=x", "export.xlsx?sort=luck"]
)
def test_every_page_of_the_log_names_what_it_cannot_mean(busy: Site, path: str) -> None:
    assert busy.get(f"/screenings/{path}").status_code == 422
    assert busy.get("/screenings?site=all").status_code == 404
    assert busy.events("log.exported") == []


def test_pages_lead_on_to_every_screening_once(site: Site) -> None:
    for number in range(120):
        site.begins(f"S-{number:03}")
    seen, address = [], "/screenings?sort=subject&subject=S"
    for _ in range(3):
        page = site.get(address)
        seen += subjects(page)
        following = re.search(r'href="([^"]+)"[^>]*>Next page', page.text)
        address = following[1].replace("&amp;", "&") if following else ""
    assert seen == [f"S-{number:03}" for number in range(120)]
    assert address == ""


def test_the_numbers_by_state_lead_to_what_they_count(busy: Site) -> None:
    page = busy.get("/screenings").text
    found = dict(re.findall(r'href="/screenings\?status=(\w+)"[^>]*>[^<]*<span[^>]*>([\d,]+)</span>', page))
    assert found == {
        "pre_screening": "1", "excluded": "1", "undetermined": "1", "declined": "1", "likely_eligible": "1"
    }  # fmt: skip


# WHAT WAITS


def test_what_waits_says_for_what_and_since_when(busy: Site) -> None:
    page = busy.get("/screenings/waiting")
    assert subjects(page) == ["A-2", "A-1", "A-3"]
    assert "From 1 December 2026 on" in page.text
    assert "Body weight, QTcF" in re.sub(r"\s+", " ", page.text)
    assert "Nothing is answered yet" in page.text
    assert subjects(busy.get("/screenings/waiting?assigned=nobody")) == []


def test_a_day_that_has_come_is_due(site: Site) -> None:
    site.begins("A-1", OUT._replace(passes_from=NOW.date()))
    assert "app-due" in site.get("/screenings/waiting").text


# FIGURES


def test_the_funnel_says_where_each_state_counts(busy: Site) -> None:
    busy.moves("B-1", "consented", None)
    page = re.sub(r"<[^>]+>|\s+", " ", busy.get("/screenings/charts").text)
    rows = re.findall(r"(Screened|Decided|Likely eligible|Consented|Enrolled)\s+(\d+)\s+(\d+ %)", page)
    assert rows == [
        ("Screened", "5", "100 %"), ("Decided", "3", "60 %"), ("Likely eligible", "2", "40 %"),
        ("Consented", "1", "20 %"), ("Enrolled", "0", "0 %"),
    ]  # fmt: skip
    assert "whoever withdrew counts as consented" in page.lower()


def test_bars_count_any_and_first_reasons(busy: Site) -> None:
    page = re.sub(r"<[^>]+>|\s+", " ", busy.get("/screenings/charts?month=2026-11").text)
    assert re.search(r"E2\s+Autoimmune disease\s+1\s+1", page)
    assert re.search(r"E7\s+Course after HSCT or CAR-T\s+1\s+0", page)
    assert "No screening began then." in busy.get("/screenings/charts?month=2025-01").text


def test_all_sites_together_are_those_of_the_person(busy: Site) -> None:
    assert "All 2 sites: 6 screenings" in busy.get("/screenings/charts?site=all", busy.cy).text
    assert "6 screenings" not in busy.get("/screenings/charts?site=all").text


# WHAT IS TAKEN OUT


def lines(answer: httpx.Response) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_a_csv_holds_what_the_list_shows(busy: Site) -> None:
    answer = busy.get("/screenings/export.csv?sort=subject")
    assert answer.status_code == 200
    assert answer.content.startswith(b'\xef\xbb\xbf"Subject code",')
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(
        r'attachment; filename="screening-log-\d+-2026-11-22\.csv"', answer.headers["content-disposition"]
    )
    head, *rows, footer = lines(answer)
    assert tuple(head) == HEAD
    assert [row[0] for row in rows] == ["A-1", "A-2", "A-3", "A-4", "B-1"]
    assert rows[1][3:8] == ["excluded", "", "", "excluded", "E2; E7"]
    assert rows[1][10] == LATER.isoformat()
    assert rows[3][3:6] == ["declined", "distance", "Travel or distance"]
    assert {len(row) for row in (head, *rows, footer)} == {len(HEAD)}


def test_P22_every_export_and_print_is_recorded_and_names_its_entry(busy: Site) -> None:
    first = lines(busy.get("/screenings/export.csv?status=excluded&subject=A"))[-1][0]
    busy.get("/screenings/export.xlsx")
    page = busy.get("/screenings/print?month=2026-11").text
    events = busy.events("log.exported")
    assert [(one.detail["form"], one.detail["count"], one.detail["filters"]) for one in events] == [
        ("csv", 1, ["status", "subject"]), ("xlsx", 5, []), ("print", 5, ["month"])
    ]  # fmt: skip
    assert {(one.site_id, one.subject_type, one.subject_id) for one in events} == {(busy.id, "site", busy.id)}
    assert f"audit entry {events[0].seq}:{events[0].hash}" in first
    assert f"{events[2].seq}:{events[2].hash}" in page


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    '=HYPERLINK("http://x")',
    "=cmd|' /C calc'!A0",
    "\uff1d1",
]


def harmed(site: Site, formula: str) -> None:
    """The site with this text in every text that an export shows, as only somebody with the database could put it."""
    site.begins("A-1", OUT._replace(reasons=(formula,)))
    with site.database.write() as session:
        session.get_one(SiteRow, site.id).number = formula
        row = session.scalars(select(Screening).where(Screening.reference == site.references["A-1"])).one()
        row.subject_code = formula


@pytest.mark.parametrize("formula", FORMULAS)
def test_P35_csv_cells_are_no_formulas(site: Site, formula: str) -> None:
    harmed(site, formula)
    answer = site.get("/screenings/export.csv")
    rows = lines(answer)
    assert [rows[1][0], rows[1][1], rows[1][7]] == [f"'{formula}"] * 3
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for row in rows for cell in row)
    unquoted = re.sub(r'"(?:[^"]|"")*"', "", answer.content.decode("utf-8-sig"))
    assert set(unquoted) <= set(",\r\n")


@pytest.mark.parametrize("formula", FORMULAS)
def test_P35_csv_and_excel_cells_are_texts(site: Site, formula: str) -> None:
    harmed(site, formula)
    book = load_workbook(io.BytesIO(site.get("/screenings/export.xlsx").content))
    cells = [cell for row in book.active for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert book.active["A2"].value.replace("_x000D_", "\r") == formula


def test_P35_csv_texts_that_are_no_formulas_stay() -> None:
    assert [inert(text) for text in ("DE01-0042", "", "a=1", "'=1")] == ["DE01-0042", "", "a=1", "'=1"]


def test_an_excel_file_holds_the_same_as_the_csv(busy: Site) -> None:
    book = load_workbook(io.BytesIO(busy.get("/screenings/export.xlsx?sort=subject").content))
    rows = [["" if cell is None else cell for cell in row] for row in book.active.iter_rows(values_only=True)]
    expected = lines(busy.get("/screenings/export.csv?sort=subject"))
    assert rows[: len(expected) - 1] == expected[:-1]
    assert "5 screenings of site" in rows[-1][0]


def test_an_export_says_no_more_than_it_must(busy: Site) -> None:
    """No name, no value, no note."""
    with busy.database.write() as session:
        found = screenings.screening(session, reference=busy.references["A-2"], sites=None)
        actions.add_note(session, screening=found, text="Canary in the notes", at=NOW, who=busy.ada.principal)
    for path in ("export.csv", "print"):
        text = busy.get(f"/screenings/{path}").text
        assert "Canary" not in text
    assert "Ada" not in busy.get("/screenings/export.csv").text


def test_a_wrong_filter_takes_nothing_out(busy: Site) -> None:
    answer = busy.get("/screenings/export.csv?status=great")
    assert (answer.status_code, busy.events("log.exported")) == (422, [])
    assert "status: is none of the choices" in answer.text


def test_the_printed_log_is_numbered_and_coded(busy: Site) -> None:
    page = busy.get("/screenings/print").text
    rows = re.findall(r"<tr><td>(\d+)</td><th scope=\"row\">([^<]+)</th>", page)
    assert rows == [(str(number), code) for number, code in enumerate(["A-1", "A-2", "A-3", "A-4", "B-1"], 1)]
    words = re.sub(r"<[^>]+>|\s+", " ", page)
    for said in ("E2 Autoimmune disease", "distance Travel or distance", "Signature", "version 1", "by Ada Site"):
        assert said in re.sub(r" +", " ", words)


# THE CALENDAR


def address(page: httpx.Response) -> str:
    found = re.search(r'value="http://testserver(/calendar/[\w-]{43}\.ics)"', page.text)
    assert found is not None
    return found[1]


def feed(site: Site, path: str) -> Calendar:
    answer = site.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    return Calendar.from_ical(answer.content)


def test_a_calendar_holds_the_days_to_look_again(busy: Site) -> None:
    path = address(busy.post("/screenings/waiting/calendar", "do=renew"))
    (event,) = feed(busy, path).walk("VEVENT")
    assert event["uid"] == f"look-again-{busy.references['A-2']}@prescreen"
    assert (event.decoded("dtstart"), event.decoded("dtend")) == (LATER, LATER + timedelta(days=1))
    assert "A-2" in event["summary"]
    assert "E2, E7" in event["description"]
    assert event["url"].endswith(f"/screenings/{busy.references['A-2']}")


def test_the_calendars_address_is_shown_once_and_a_new_one_ends_it(busy: Site) -> None:
    first = address(busy.post("/screenings/waiting/calendar", "do=renew"))
    assert "/calendar/" not in busy.get("/screenings/waiting").text.replace("/waiting/calendar", "")
    second = address(busy.post("/screenings/waiting/calendar", "do=renew"))
    assert [busy.client.get(path).status_code for path in (first, second)] == [404, 200]
    assert len(busy.events("account.calendar_renewed")) == 2
    with busy.database.read() as session:
        kept = session.get_one(Account, busy.ada.principal.account_id).calendar_hash
    assert kept is not None and kept not in second


def test_a_closed_calendar_and_one_of_nobody_are_not_there(busy: Site) -> None:
    path = address(busy.post("/screenings/waiting/calendar", "do=renew"))
    busy.post("/screenings/waiting/calendar", "do=stop")
    busy.post("/screenings/waiting/calendar", "do=stop")
    assert busy.client.get(path).status_code == 404
    assert busy.client.get("/calendar/nobody.ics").status_code == 404
    assert busy.client.get("/calendar/%ed%a0%80.ics").status_code == 404
    assert len(busy.events("account.calendar_stopped")) == 1


def test_a_disabled_account_has_no_calendar(busy: Site) -> None:
    path = address(busy.post("/screenings/waiting/calendar", "do=renew"))
    with busy.database.write() as session:
        session.get_one(Account, busy.ada.principal.account_id).disabled_at = NOW
    assert busy.client.get(path).status_code == 404


def test_a_calendar_follows_where_the_person_may_read(busy: Site) -> None:
    path = address(busy.post("/screenings/waiting/calendar", "do=renew", busy.bo))
    assert [event["summary"] for event in feed(busy, path).walk("VEVENT")] == ["Look again at X-1"]


def test_what_is_over_leaves_the_calendar(busy: Site) -> None:
    path = address(busy.post("/screenings/waiting/calendar", "do=renew"))
    busy.moves("A-2", "declined", "burden")
    assert feed(busy, path).walk("VEVENT") == []


def test_a_calendar_says_no_title_of_a_criterion(busy: Site) -> None:
    path = address(busy.post("/screenings/waiting/calendar", "do=renew"))
    assert "Autoimmune" not in busy.client.get(path).text
    assert date.fromisoformat("2026-12-01") == LATER
