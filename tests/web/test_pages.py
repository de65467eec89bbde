"""The pages over HTTP: what they change, what they refuse, and what they never let out; on both databases."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from serving import NOW, Client, settings
from sqlalchemy.engine import URL

from app import actions
from app.main import create_app
from app.rules import explain
from app.rules.participant import read_participant
from app.rules.protocol import Protocol
from app.settings import secret
from app.store import queries
from app.store.db import Database
from app.store.models import Base
from app.trials import read_trial
from app.web.published import Published

TRIAL, PROTOCOL = read_trial()
TABLES = Base.metadata.sorted_tables
PAGES = ("answers", "dates", "result", "questions/country+birth_date+sex+weight_kg", "questions/qtcf_ms")


class Site:
    """The application for one test, its clock, and a check that has begun."""

    def __init__(self, url: URL) -> None:
        self.database = Database(url, secret(settings(url), "audit"))
        self.now = NOW
        self.protocol = PROTOCOL
        self.client = Client(create_app(settings(url), now=lambda: self.now, strict_templates=True))

    def close(self) -> None:
        self.client.close()
        self.database.close()

    def get(self, address: str) -> httpx.Response:
        return self.client.get(address)

    def post(self, address: str, fields: Any = None, **headers: str) -> httpx.Response:
        """Post a form: a mapping, or pairs where a field comes twice."""
        content = httpx.QueryParams(fields or {}).__str__().encode()
        form = {"content-type": "application/x-www-form-urlencoded", **headers}
        return self.client.request("POST", address, content=content, headers=form)

    def begin(self) -> str:
        """The address of a new check."""
        return self.post("/checks").headers["location"]

    def screening(self, check: str) -> Any:
        with self.database.read() as session:
            return queries.screening(session, token=check.rsplit("/", 1)[1], at=self.now)

    def saved(self, check: str) -> dict[str, Any]:
        return dict(self.screening(check).raw_answers)

    def rows(self) -> dict[str, list[Any]]:
        """Every row of every table."""
        with self.database.read() as session:
            return {table.name: sorted(map(repr, session.execute(table.select()).all())) for table in TABLES}


def publish(database: Database, protocol: Protocol) -> None:
    """Put another protocol of the trial in force."""
    with database.write() as session:
        actions.publish_protocol(session, trial=TRIAL, protocol=protocol, at=NOW, actor="test")


@pytest.fixture
def site(loaded: URL) -> Iterator[Site]:
    site = Site(loaded)
    yield site
    site.close()


# READING AND WRITING


def test_get_never_writes(site: Site) -> None:
    check = site.begin()
    site.post(f"{check}/questions/qtcf_ms", {"qtcf_ms": "482"})
    before = site.rows()
    for address in ("/", "/trials/NCT05086315/rules", check, *(f"{check}/{page}" for page in PAGES)):
        for query in ("", "?goal=all_reasons", "?from=answers", "?goal=junk&from=junk"):
            assert site.get(address + query).status_code in (200, 303), address
    assert site.rows() == before


def test_the_rules_page_lists_the_edit_checks(site: Site) -> None:
    """In words, each under the answers that it holds against each other; nothing where a protocol has none."""
    address, protocol = "/trials/NCT05086315/rules", site.protocol
    section = html.unescape(site.get(address).text).split('id="checks"')[1]
    for check in protocol.edit_checks:
        said = section.split(f'id="rule-{check.code}"')[1].split("</section>")[0]
        assert check.message in said
        outline = explain.outline(protocol, check.rule)
        assert all(part.text in said for part in outline.children or (outline,))
    assert "ECOG performance status and Karnofsky score" in section
    publish(site.database, replace(protocol, edit_checks=()))
    assert 'id="checks"' not in site.get(address).text


def test_the_note_does_not_look_for_what_would_change(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes longer than all the rest, and is for the result page alone."""
    check = site.begin()
    site.post(f"{check}/questions/qtcf_ms", {"qtcf_ms": "482"})
    assert "What would change it" in site.get(f"{check}/result").text
    monkeypatch.delattr(Published, "changes")
    assert "above 470 ms" in site.get(f"{check}/note").text


def test_a_post_saves_and_answers_303(site: Site) -> None:
    check = site.begin()
    answered = site.post(f"{check}/questions/country+birth_date+sex+weight_kg", {
        "country": "FR", "age_years": "54", "sex": "female", "weight_kg": "68,4", "do": "continue",
    })  # fmt: skip
    assert answered.status_code == 303
    assert answered.headers["location"] == f"{check}/questions/diagnosis+no_available_therapy"
    expected = {"country": "FR", "birth_date": None, "age_years": 54, "sex": "female", "weight_kg": 68.4}
    assert site.saved(check) == expected
    assert site.screening(check).version == 2


def test_the_same_post_again_changes_nothing(site: Site) -> None:
    check = site.begin()
    site.post(f"{check}/questions/weight_kg", {"weight_kg": "70"})
    before = site.rows()
    assert site.post(f"{check}/questions/weight_kg", {"weight_kg": "70.0"}).status_code == 303
    assert site.rows() == before


def test_the_result_that_is_kept_is_the_one_of_the_answers(site: Site) -> None:
    check = site.begin()
    site.post(f"{check}/questions/qtcf_ms", {"qtcf_ms": "482"})
    site.post(f"{check}/questions/weight_kg", {"weight_kg": "70"})
    published = site.client.app.state.parts.library.current("NCT05086315")
    screening = site.screening(check)
    body = {"answers": screening.raw_answers, "as_of": screening.as_of.isoformat()}
    verdict = published.evaluate(read_participant(published.protocol, body, NOW.date()))
    assert screening.result.encode() == published.report(verdict)


def test_errors_are_beside_the_field_and_in_the_summary(site: Site) -> None:
    check = site.begin()
    before = site.rows()
    answered = site.post(f"{check}/questions/sex+weight_kg+birth_date", {"weight_kg": "900", "birth_date-day": "3"})
    assert answered.status_code == 422
    assert "<title>Error: " in answered.text
    for message, target in (
        ("Sex: give an answer, or choose Not known", "sex"),
        ("Body weight must be a number from 0.5 to 400 (kg)", "weight_kg"),
        ("Date of birth needs the month where it gives the day", "birth_date-month"),
    ):
        assert answered.text.count(message) == 2, message
        assert f'href="#{target}"' in answered.text
        assert f'id="{target}"' in answered.text
    assert 'value="900"' in answered.text
    assert site.rows() == before


def test_an_answer_that_does_not_fit_another_is_refused_in_words(site: Site) -> None:
    check = site.begin()
    answered = site.post(f"{check}/questions/birth_date", {"birth_date-year": "1960", "age_years": "12"})
    assert answered.status_code == 422
    assert "Age at consent does not fit the date of birth: give one, or correct one" in answered.text
    later = site.post(f"{check}/questions/birth_date", {"birth_date-year": "2030"})
    assert "Date of birth must not be after consent (22 November 2026)" in later.text


CELLS = "prior_cellular_therapy"


@pytest.mark.parametrize(
    ("place", "fields"),
    [
        ("questions/sex", [("sex", "female"), ("sex", "male")]),
        ("questions/sex", [("sex", "female"), ("sex", "not_known")]),
        ("questions/sex", [("sex", "unheard of")]),
        ("questions/sex", [("sex", "")]),
        ("questions/sex", []),
        ("questions/prior_hsct", [("prior_hsct", "perhaps")]),
        ("questions/weight_kg", [("weight_kg", "70"), ("weight_kg", "80")]),
        ("questions/weight_kg", [("weight_kg", "70"), ("weight_kg-not_known", "1")]),
        ("questions/weight_kg", [("weight_kg", "70"), ("do", "delete")]),
        ("questions/weight_kg", [("weight_kg", "70"), ("do", "continue"), ("do", "continue")]),
        ("questions/weight_kg", [("weight_kg", "70"), ("do", "continue"), ("calculate", "qtcf")]),
        ("questions/weight_kg", [("calculate", "qtcf")]),
        ("questions/qtcf_ms", [("calculate", "magic")]),
        ("questions/qtcf_ms", [("calculate", "qtcf"), ("calculate", "qtcf")]),
        ("questions/qtcf_ms", [("calculate", "qtcf"), ("ecg-1-qt", "400"), ("ecg-1-qt", "401"), ("ecg-1-rate", "75")]),
        (f"questions/{CELLS}", [(CELLS, "none"), (CELLS, "dli")]),
        (f"questions/{CELLS}", [(CELLS, "not_known"), (CELLS, "dli")]),
        (f"questions/{CELLS}", [(CELLS, "dli"), (CELLS, "dli")]),
        (f"questions/{CELLS}", [(CELLS, "gene therapy")]),
        ("questions/birth_date", [("birth_date-year", "1960"), ("birth_date-year", "1961")]),
        ("questions/birth_date", [("birth_date-year", "١٩٦٠")]),
        ("questions/birth_date", [("birth_date-year", "60")]),
        ("dates", []),
        ("dates", [("as_of-day", "1")]),
    ],
)  # fmt: skip
def test_junk_is_refused_on_a_page(site_of_all: Site, place: str, fields: list[tuple[str, str]]) -> None:
    check = site_of_all.begin()
    before = site_of_all.rows()
    answered = site_of_all.post(f"{check}/{place}", fields)
    assert answered.status_code == 422
    assert answered.headers["content-type"].startswith("text/html")
    assert 'id="page"' in answered.text
    assert site_of_all.rows() == before


@pytest.fixture
def site_of_all(loaded_sqlite: URL) -> Iterator[Site]:
    """A site on SQLite alone, for tests that ask nothing of the database."""
    site = Site(loaded_sqlite)
    yield site
    site.close()


def test_other_bodies_are_refused(site_of_all: Site) -> None:
    site, check = site_of_all, site_of_all.begin()
    address = f"{check}/questions/weight_kg"
    assert site.client.request("POST", address, json={"weight_kg": 70}).status_code == 415
    assert site.client.request("POST", address, files={"weight_kg": b"70"}).status_code == 415
    assert site.client.request("POST", address).status_code == 415
    assert site.post(address, {"weight_kg": "7" * 70_000}).status_code == 413
    assert site.post(address, [(f"f{n}", "1") for n in range(500)]).status_code == 400
    assert site.client.request("PUT", address).status_code == 405
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert site.client.request("POST", address, content=b"weight_kg=%ff", headers=form).status_code in (400, 422)
    assert site.saved(check) == {}


def test_addresses_of_nothing(site_of_all: Site) -> None:
    check = site_of_all.begin()
    for address in (
        "/checks/unknown",
        "/checks/unknown/result",
        f"{check}/questions/nothing",
        f"{check}/questions/weight_kg+nothing",
        f"{check}/questions/age_years",
        f"{check}/elsewhere",
        "/trials/NCT00000000/rules",
        "/trials/NCT05086315/rules?version=2",
        "/trials/NCT05086315/rules?version=99999999999999999999999",
        "/trials/%00/rules",
        "/favicon.ico",
    ):
        answered = site_of_all.get(address)
        assert answered.status_code == 404, address
        assert 'id="page"' in answered.text, address
    assert site_of_all.get("/trials/NCT05086315/rules?version=one").status_code == 422
    assert site_of_all.get(f"{check}/answers?%ff=%ff").status_code == 200


# WHAT IS TYPED


@pytest.mark.parametrize(
    ("key", "fields", "raw"),
    [
        ("birth_date", {"birth_date-year": "1962"}, "1962"),
        ("birth_date", {"birth_date-month": "3", "birth_date-year": "1962"}, "1962-03"),
        ("birth_date", {"birth_date-day": "7", "birth_date-month": "03", "birth_date-year": "1962"}, "1962-03-07"),
        ("age_years", {"age_years": "17,9"}, 17.9),
        ("weight_kg", {"weight_kg": " 68,40 "}, 68.4),
        ("weight_kg", {"weight_kg": "70.0"}, 70),
        ("qtcf_ms", {"qtcf_ms": "430.91"}, 430.91),
        ("prior_cellular_therapy", {"prior_cellular_therapy": "none"}, []),
        ("sex", {"sex": "not_known"}, None),
        ("weight_kg", {"weight_kg-not_known": "1"}, None),
    ],
)
def test_what_is_typed_is_what_is_saved(site_of_all: Site, key: str, fields: dict[str, str], raw: Any) -> None:
    check = site_of_all.begin()
    question = "birth_date" if key == "age_years" else key
    assert site_of_all.post(f"{check}/questions/{question}", fields).status_code == 303
    assert site_of_all.saved(check)[key] == raw
    # and it stands in the form again
    shown = site_of_all.get(f"{check}/questions/{question}").text
    if isinstance(raw, str):
        assert f'value="{raw[:4]}"' in shown
    elif raw is None or raw == []:
        assert len(re.findall(r"\schecked\b", shown)) == 1


def test_taking_a_date_of_birth_back(site_of_all: Site) -> None:
    """The pair of date and age is one answer: a new one replaces both."""
    check = site_of_all.begin()
    site_of_all.post(f"{check}/questions/birth_date", {"birth_date-year": "1962", "age_years": "64"})
    site_of_all.post(f"{check}/questions/birth_date", {"age_years": "12"})
    assert site_of_all.saved(check) == {"birth_date": None, "age_years": 12}
    site_of_all.post(f"{check}/questions/birth_date", {"birth_date-not_known": "1"})
    assert site_of_all.saved(check) == {"birth_date": None, "age_years": None}


HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}"


def test_P35_what_is_typed_comes_back_inert(site_of_all: Site) -> None:
    """Every field of every question, of the calculators and of the dates."""
    site, check = site_of_all, site_of_all.begin()
    keys = [question.key for question in site.protocol.questions if question.key != "age_years"]
    names = set(re.findall(r'\bname="([^"]+)"', site.get(f"{check}/questions/{'+'.join(keys)}").text))
    names -= {"calculate", "do", "viewport", "theme-color", "color-scheme", "robots", "htmx-config"}
    assert len(names) > len(keys)
    typed = {name: f"{HOSTILE}{number}" for number, name in enumerate(sorted(names))}
    forms = [
        (f"{check}/questions/{'+'.join(keys)}", typed),
        (f"{check}/questions/qtcf_ms", {**typed, "calculate": "qtcf"}),
        (f"{check}/questions/prednisone_mg_per_day", {**typed, "calculate": "prednisone"}),
        (f"{check}/dates", {f"{name}-day": HOSTILE for name in ("as_of", "consent_date")}),
        (f"{check}/questions/weight_kg", {"do": HOSTILE}),
    ]  # fmt: skip
    for address, fields in forms:
        answered = site.post(address, fields)
        assert answered.status_code == 422, address
        assert "<script>alert" not in answered.text
        assert "<img src=x" not in answered.text
        assert "49" not in re.findall(r'value="([^"]*)"', answered.text)
    # what can be typed into comes back as it was
    assert f'value="{html.escape(HOSTILE)}' in site.post(*forms[1]).text.replace("&#34;", "&quot;").replace(
        "&#39;", "&#x27;"
    )


def test_P35_an_address_comes_back_inert(site_of_all: Site) -> None:
    hostile = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
    check = site_of_all.begin()
    places = (f"/checks/{hostile}", f"{check}/questions/{hostile}", f"{check}/answers?goal={hostile}&from={hostile}")
    for address in places:
        assert "<script>alert" not in site_of_all.get(address).text
    shown = site_of_all.client.get(f"{check}/answers", headers={"host": '"><script>alert(1)</script>'})
    assert "<script>alert" not in shown.text


# WHO MAY SEE IT


def test_P34_pages_of_patients_are_stored_nowhere(site: Site) -> None:
    check = site.begin()
    site.post(f"{check}/questions/qtcf_ms", {"qtcf_ms": "482"})
    for page in PAGES:
        answered = site.get(f"{check}/{page}")
        assert answered.headers["cache-control"] == "no-store"
        assert answered.headers["referrer-policy"] == "same-origin"
        assert "set-cookie" not in answered.headers
    refused = site.post(f"{check}/questions/qtcf_ms", {})
    assert (refused.status_code, refused.headers["cache-control"]) == (422, "no-store")


def test_the_token_cannot_be_guessed_and_is_not_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(0):
        checks = {site.begin() for _ in range(20)}
        for check in checks:
            site.get(f"{check}/result")
            site.get(f"{check}x/result")
            site.post(f"{check}/questions/weight_kg", {"weight_kg": "a secret"})
    tokens = {check.removeprefix("/checks/") for check in checks}
    assert len(tokens) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)
    with site.database.read() as session:
        kept = repr([session.execute(table.select()).all() for table in TABLES])
    for token in tokens:
        assert token not in logged(caplog)
        assert token not in kept
    assert "a secret" not in logged(caplog) + kept


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """What the application wrote to its log; the tests' own client writes there too."""
    records = [record for record in caplog.records if not record.name.startswith("http")]
    return "\n".join(f"{record.getMessage()} {record.exc_info}" for record in records)


def test_a_fault_names_no_value_and_no_token(
    site_of_all: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = site_of_all.begin()
    monkeypatch.setattr(actions, "give_answers", _fail)
    answered = site_of_all.post(f"{check}/questions/weight_kg", {"weight_kg": "71.5"})
    assert answered.status_code == 500
    assert "Something went wrong" in answered.text
    reference = re.search(r"<code>([0-9a-f]{12})</code>", answered.text)
    assert reference is not None
    assert reference[1] in logged(caplog)
    for private in ("71.5", check.removeprefix("/checks/")):
        assert private not in logged(caplog)
        assert private not in answered.text
    assert site_of_all.saved(check) == {}


def _fail(*args: object, **kwargs: object) -> None:
    raise RuntimeError(f"made to fail {kwargs}")


def test_another_sites_page_cannot_post(site_of_all: Site) -> None:
    check = site_of_all.begin()
    address, fields = f"{check}/questions/weight_kg", {"weight_kg": "70"}
    assert site_of_all.post(address, fields, **{"sec-fetch-site": "cross-site"}).status_code == 403
    assert site_of_all.post(address, fields, origin="https://elsewhere.example").status_code == 403
    assert site_of_all.saved(check) == {}
    assert site_of_all.post(address, fields, **{"sec-fetch-site": "same-origin"}).status_code == 303


def test_a_check_expires(site: Site) -> None:
    check = site.begin()
    site.post(f"{check}/questions/qtcf_ms", {"qtcf_ms": "482"})
    site.now = NOW + timedelta(hours=24)
    for page in PAGES:
        answered = site.get(f"{check}/{page}")
        assert answered.status_code == 404
        assert "482" not in answered.text
        assert "expired" in answered.text
    assert site.post(f"{check}/questions/weight_kg", {"weight_kg": "70"}).status_code == 404
    assert site.post(f"{check}/delete").status_code == 404


def test_deleting_removes_the_rows(site: Site) -> None:
    other, check = site.begin(), site.begin()
    site.post(f"{other}/questions/weight_kg", {"weight_kg": "70"})
    site.post(f"{check}/questions/weight_kg", {"weight_kg": "80"})
    assert site.post(f"{check}/delete").headers["location"] == "/"
    rows = site.rows()
    assert (len(rows["screening"]), len(rows["answer"])) == (1, 1)
    assert "80" not in repr(rows["answer"])
    assert site.get(f"{check}/result").status_code == 404
    assert site.get(f"{other}/result").status_code == 200


# VERSIONS


def test_a_check_stays_with_its_version(site: Site) -> None:
    # Given a check begun under version 1, in which a QTcF of 475 ms excludes
    check = site.begin()
    site.post(f"{check}/questions/qtcf_ms", {"qtcf_ms": "475"})
    before = site.get(f"{check}/result").text
    assert "above 470 ms" in before

    # When version 2 with another title of that criterion comes into force
    amended = tuple(
        replace(criterion, title="QTcF, amended") if criterion.code == "E13" else criterion
        for criterion in site.protocol.criteria
    )
    publish(site.database, replace(site.protocol, criteria=amended))
    site.client.app.state.parts.library._current.clear()

    # Then the old check is unchanged and leads to its own rules
    assert site.get(f"{check}/result").text == before
    assert "/trials/NCT05086315/rules?version=1" in before
    assert "QTcF, amended" not in site.get("/trials/NCT05086315/rules?version=1").text

    # And a new one is made by version 2
    assert "QTcF, amended" in site.get("/trials/NCT05086315/rules").text
    assert "QTcF, amended" in site.get(f"{site.begin()}/result").text


# DATES


def test_dates_are_changed_together_and_the_answers_stay(site: Site) -> None:
    check = site.begin()
    site.post(f"{check}/questions/birth_date", {"birth_date-year": "1962"})
    days = {"as_of": "2026-11-20", "consent_date": "2026-11-21", "first_dose_date": "2026-12-01"}
    assert site.post(f"{check}/dates", typed(days)).headers["location"] == f"{check}/answers"
    screening = site.screening(check)
    assert {name: str(getattr(screening, name)) for name in days} == days
    assert site.saved(check) == {"birth_date": "1962", "age_years": None}

    refused = site.post(f"{check}/dates", typed(days | {"first_dose_date": "2026-11-20"}))
    assert refused.status_code == 422
    assert refused.text.count("First dose must not be before consent (21 November 2026)") == 2
    refused = site.post(f"{check}/dates", typed(days | {"consent_date": "1950-01-01"}))
    assert refused.text.count("Date of birth must not be after consent (1 January 1950)") == 2
    refused = site.post(f"{check}/dates", typed(days | {"as_of": "2026-02-30"}))
    assert refused.text.count("Day of this evaluation must be a date with day, month and year") == 2
    assert {name: str(getattr(site.screening(check), name)) for name in days} == days


def typed(days: dict[str, str]) -> dict[str, str]:
    return {
        f"{name}-{part}": text.lstrip("0")
        for name, day in days.items()
        for part, text in zip(("year", "month", "day"), day.split("-"), strict=True)
    }


# THE CALCULATORS


def test_a_calculator_saves_nothing(site: Site) -> None:
    check = site.begin()
    before = site.rows()
    fields = {"calculate": "qtcf", "ecg-1-qt": "400", "ecg-1-rate": "75"}
    worked = site.post(f"{check}/questions/qtcf_ms", fields)
    assert worked.status_code == 200
    assert 'value="430.9"' in worked.text
    refused = site.post(f"{check}/questions/qtcf_ms", fields | {"ecg-1-qt": "4"})
    assert refused.status_code == 422
    assert 'href="#ecg-1-qt"' in refused.text
    assert site.rows() == before


def test_enter_in_a_calculator_without_scripts(site_of_all: Site) -> None:
    """Continue works out a calculator that was filled in while its field is empty, and saves otherwise."""
    check, ecg = site_of_all.begin(), {"ecg-1-qt": "400", "ecg-1-rate": "75", "do": "continue"}
    address = f"{check}/questions/qtcf_ms+prior_hsct"
    worked = site_of_all.post(address, ecg | {"qtcf_ms": "", "prior_hsct": "no"})
    assert worked.status_code == 200
    assert 'value="430.9"' in worked.text
    assert "There is a problem" not in worked.text
    assert site_of_all.saved(check) == {}
    assert site_of_all.post(address, ecg | {"qtcf_ms": "430.9", "prior_hsct": "no"}).status_code == 303
    assert site_of_all.saved(check) == {"qtcf_ms": 430.9, "prior_hsct": False}
    assert site_of_all.post(address, ecg | {"qtcf_ms-not_known": "1", "prior_hsct": "no"}).status_code == 303
    assert site_of_all.saved(check)["qtcf_ms"] is None


# WHERE IT LEADS


def test_the_goal_is_carried_on(site_of_all: Site) -> None:
    """Going on after an exclusion, the way through the answers and back does not fall back to the short look."""
    check = site_of_all.begin()
    site_of_all.post(f"{check}/questions/qtcf_ms", {"qtcf_ms": "482"})
    result = html.unescape(site_of_all.get(f"{check}/result").text)
    (more,) = set(re.findall(r'href="([^"]+)"[^>]*>Go on and find every reason', result))
    assert more.endswith("?goal=all_reasons")
    step = html.unescape(site_of_all.get(more).text)
    assert f"{check}/answers?goal=all_reasons" in step
    shown = html.unescape(site_of_all.get(f"{check}/answers?goal=all_reasons").text)
    (change,) = re.findall(r'href="([^"]+/questions/qtcf_ms[^"]*)"', shown)
    assert change == f"{check}/questions/qtcf_ms?goal=all_reasons&from=answers"
    answered = site_of_all.post(change, {"qtcf_ms": "490"})
    assert answered.headers["location"] == f"{check}/answers?goal=all_reasons"


# QUERIES


def test_answers_that_hardly_go_together_are_pointed_out(site: Site) -> None:
    """On the answers, the result and the next step alike: both answers, each with a way to change it."""
    check = site.begin()
    assert "Please check" not in site.get(f"{check}/answers").text
    site.post(f"{check}/questions/birth_date", {"age_years": "40"})
    answered = site.post(f"{check}/questions/weight_kg", {"weight_kg": "3"})
    assert answered.status_code == 303
    message = "The body weight is very low for the age at consent; hardly any adult weighs under 30 kg."
    for place, way_back in (("answers", "?from=answers"), ("result", "?from=result"), ("questions/qtcf_ms", "")):
        shown = html.unescape(site.get(f"{check}/{place}").text)
        notice = shown[
            shown.index('class="app-queries"') : shown.index("</section>", shown.index('class="app-queries"'))
        ]
        assert message in notice
        assert re.findall(r'href="([^"]+)"', notice) == [
            f"{check}/questions/{question}{way_back}" for question in ("weight_kg", "birth_date")
        ]
        assert "3 kg" in notice
        assert "40 years" in notice
    site.post(f"{check}/questions/weight_kg", {"weight_kg": "63"})
    assert "Please check" not in site.get(f"{check}/result").text


def test_the_order_is_carried_on(site_of_all: Site) -> None:
    """In the quickest order each step has one question, and the way back leads to the one before it."""
    check = site_of_all.begin()
    place = site_of_all.get(f"{check}?order=quickest").headers["location"]
    before = ""
    for _ in range(3):
        assert place.endswith("?order=quickest")
        assert "+" not in place
        shown = html.unescape(site_of_all.get(place).text)
        assert f"{check}/answers?order=quickest" in shown
        assert not before or f'href="{before}"' in shown
        fact = place.removesuffix("?order=quickest").rpartition("/")[2]
        field = "age_years" if fact == "birth_date" else fact
        answers = {"diagnosis": "aml", "age_years": "50", "country": "US", "disease_state": "relapsed"}
        given = answers.get(field, "not_known")
        before, place = place, site_of_all.post(place, {field: given}).headers["location"]
    assert site_of_all.get(f"{check}/answers?order=junk").status_code == 200


def test_start_page(site: Site) -> None:
    shown = site.get("/")
    assert shown.status_code == 200
    for words in (
        "Could this patient fit trial NCT05086315?",
        "Terminated",
        "15 December 2025",
        "Who this is for",
        "What it is not",
        "It supports a decision; it never makes one.",
        "deleted after 24 hours",
        "United States 10",
        "City of Hope, Duarte, California (8400002)",
    ):
        assert words in shown.text


HOSTS = ("prescreen.example:8443", '"><script>alert(1)</script>', "a&amp;b", "'onfocus='x", "%(host)s", "{{ 7*7 }}")


def test_a_step_that_was_made_for_another_check_shows_this_ones_address_alone(site: Site) -> None:
    """Whatever the host is called, the page is the one that is made anew for it."""
    first, second = site.begin(), site.begin()
    place = "questions/qtcf_ms"
    assert site.get(f"{first}/{place}").status_code == 200
    for _ in range(2):  # the second time from memory
        for host in HOSTS:
            page = site.client.request("GET", f"{second}/{place}", headers={"host": host}).text
            own = html.escape(f"{host}{second}").replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
            assert f">{own}</a>" in page
            assert first not in page
            assert "\0" not in page
            assert "<script>alert" not in page


def test_a_remembered_step_shows_what_is_saved_now_and_expires(site: Site) -> None:
    check = site.begin()
    address = f"{check}/questions/qtcf_ms"
    for value in ("430", "431", "430"):
        site.post(address, {"qtcf_ms": value, "do": "continue"})
        for _ in range(2):
            assert f'value="{value}"' in site.get(address).text
    site.now += timedelta(days=2)
    assert site.get(address).status_code == 404
