"""The stage of the browser tests: a live server, a browser, and a visitor who uses the pages.

The server runs in a thread of this process on a free port, so that a test can set its clock and make
it fail. The browser is the one that PRESCREEN_CHROMIUM names, else Playwright's own, else one that
the system has.
"""

import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, Page, Playwright, Response
from sqlalchemy.engine import URL

from app import actions
from app.main import NCT_ID, create_app
from app.rules.protocol import Protocol
from app.settings import Settings, secret
from app.store import migrate, queries
from app.store.db import Database
from app.trials import BUILT_IN, read_trial
from app.trials.translations import read_translations

ROOT = Path(__file__).parents[2]
KEY = "5b" * 32  # the installation's key
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
DESK, PHONE, NARROW = 1280, 360, 320
HOW_TO_GET_ONE = "playwright install --only-shell chromium (or: apt-get install chromium-headless-shell)"

# THE BROWSER

SYSTEM_BROWSERS = (
    "/usr/bin/chromium-headless-shell",  # draws no window that nobody sees
    *("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/usr/bin/microsoft-edge"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
FLAGS = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


def launch(playwright: Playwright) -> Browser | None:
    """A running browser, or None where there is none. PRESCREEN_CHROMIUM, where given, must work."""
    flags = [*FLAGS, *(["--no-sandbox"] if sys.platform == "linux" and os.geteuid() == 0 else [])]
    named = os.environ.get("PRESCREEN_CHROMIUM")
    if named:
        return playwright.chromium.launch(executable_path=named, args=flags)
    try:
        return playwright.chromium.launch(args=flags)
    except Error:
        found = next((path for path in SYSTEM_BROWSERS if shutil.which(path)), None)
        return None if found is None else playwright.chromium.launch(executable_path=found, args=flags)


# THE SERVER


@dataclass
class Clock:
    """The server's clock. It stands still until it is set."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Server:
    """The running application: where it is, its database and its clock."""

    url: str
    database: Database
    protocol: Protocol
    clock: Clock

    def check(self, answers: Mapping[str, Any], dates: Mapping[str, date] | None = None) -> str:
        """The address of a check that holds these raw answers already; what is left out was not asked."""
        with self.database.write() as session:
            at = self.clock()
            started = actions.start_quick_check(session, nct_id=NCT_ID, at=at, as_of=at.date(), hours=24, actor="test")
            actions.give_answers(
                session, screening=started.screening, answers=answers, at=at, actor="test", source="typed", dates=dates
            )
        return f"{self.url}/checks/{started.token}"

    def saved(self, check: str) -> dict[str, Any]:
        """The raw answers that a check holds."""
        with self.database.read() as session:
            token = check.rsplit("/checks/", 1)[1].split("/")[0]
            return dict(queries.screening(session, token=token, at=self.clock()).raw_answers)


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    """The application with the built-in trial on a new database, behind a real HTTP server on a free port."""
    url = URL.create("sqlite", database=str(folder / "prescreen.sqlite3"))
    shown = url.render_as_string(hide_password=False)
    settings = Settings.from_environment({"PRESCREEN_DATABASE_URL": shown, "PRESCREEN_KEY": KEY})
    database = Database(url, secret(settings, "audit"))
    migrate.upgrade(database.engine)
    trial, protocol = read_trial()
    with database.write() as session:
        actions.publish_protocol(session, trial=trial, protocol=protocol, at=NOW, actor="test")
        for translation in read_translations(BUILT_IN, protocol):
            actions.translate_trial(session, nct_id=NCT_ID, translation=translation, at=NOW, actor="test")
    clock = Clock()
    app = create_app(settings, clock, strict_templates=True)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Server(f"http://127.0.0.1:{port}", database, protocol, clock)
    finally:
        server.should_exit = True
        thread.join(20)
        database.close()


# PARTICIPANTS, as raw answers

WOMAN_OF_54: dict[str, Any] = {
    "country": "US",
    "age_years": 54,
    "sex": "female",
    "weight_kg": 68.4,
    "diagnosis": "aml",
    "disease_state": "relapsed",
    "chloroma_outside_cns": False,
    "no_available_therapy": True,
    "ecog": 1,
    "qtcf_ms": 428,
    "prior_anti_cd123": False,
    "prior_cellular_therapy": [],
    "prior_hsct": False,
    "prednisone_mg_per_day": 0,
    "other_investigational_drug": False,
    "autoimmune_disease": "none",
    "other_malignancy": False,
    "cns_status": "none",
    "hiv": "negative",
    "hepatitis_b_active": False,
    "hepatitis_c_active": False,
    "sars_cov_2": False,
    "solid_organ_transplant": False,
    "pregnancy": "neither",
}
LONG_QT = WOMAN_OF_54 | {"qtcf_ms": 482}
AFTER_DONOR_LYMPHOCYTES = WOMAN_OF_54 | {"prior_cellular_therapy": ["dli"]}
FILE_WITH_GAPS = {"country": "US", "age_years": 54, "diagnosis": "aml", "disease_state": "relapsed"}


def with_unknowns(protocol: Protocol, answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers, and "not known" for every other question."""
    return {question.key: answers.get(question.key) for question in protocol.questions}


# THE VISITOR


@dataclass
class Visitor:
    """Somebody at a browser, and every fault that the browser reported meanwhile."""

    page: Page
    server: Server
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(f"script error: {error}"))
        self.page.on("response", self._response)
        self.page.set_default_timeout(15_000)

    def _console(self, message: ConsoleMessage) -> None:
        answered = re.search(r"the server responded with a status of [45]\d\d", message.text)
        if message.type in ("error", "warning") and not (answered and "/static/" not in message.location["url"]):
            self.faults.append(f"{message.type}: {message.text}")

    def _response(self, response: Response) -> None:
        if not response.url.startswith(self.server.url):
            self.faults.append(f"fetched from elsewhere: {response.url}")

    # going

    def opens(self, address: str) -> None:
        self.page.goto(address if address.startswith("http") else self.server.url + address)

    def starts_a_check(self) -> None:
        self.opens("/")
        self.presses("Start a quick check")

    def presses(self, name: str) -> None:
        self.leaves_by(self.page.get_by_role("button", name=name, exact=True))

    def follows(self, name: str) -> None:
        self.leaves_by(self.page.get_by_role("link", name=name, exact=True).first)

    def leaves_by(self, thing: Locator) -> None:
        """Click, and wait until another page stands there, with scripts or without."""
        with self.another_page():
            thing.click()

    @contextmanager
    def another_page(self) -> Iterator[None]:
        self.page.evaluate("document.getElementById('page').dataset.old = ''")
        yield
        self.page.wait_for_selector("#page:not([data-old])")

    # answering

    @property
    def asked(self) -> list[str]:
        """The questions on this page, by their facts."""
        found: list[str] = self.page.locator("[data-question]").evaluate_all("all => all.map(q => q.dataset.question)")
        return found

    def answers(self, answers: Mapping[str, Any]) -> None:
        """Fill in every question on this page; what `answers` does not have is not known."""
        for key in self.asked:
            alternative = self.server.protocol.question_by_key[key].alternative
            if answers.get(key) is None and answers.get(alternative or "") is not None:
                self.gives(alternative or "", answers[alternative or ""])
            else:
                self.gives(key, answers.get(key))

    def gives(self, key: str, raw: Any) -> None:
        """Fill in one question with a raw answer."""
        page = self.page
        match raw:
            case None:
                page.locator(f'[name="{key}-not_known"], [name="{key}"][value="not_known"]').check()
            case bool():
                page.locator(f'[name="{key}"][value="{"yes" if raw else "no"}"]').check()
            case list():
                for value in raw or ["none"]:
                    page.locator(f'[name="{key}"][value="{value}"]').check()
            case str() if page.locator(f'[name="{key}-year"]').count():
                for part, text in zip(("year", "month", "day"), raw.split("-"), strict=False):
                    page.locator(f'[name="{key}-{part}"]').fill(text)
            case str() if page.locator(f'[type="radio"][name="{key}"]').count():
                page.locator(f'[name="{key}"][value="{raw}"]').check()
            case _:
                page.locator(f'[name="{key}"]').fill(str(raw))

    def screens(self, answers: Mapping[str, Any]) -> int:
        """Answer step by step until the interview is over; gives the number of steps."""
        steps = 0
        while "/questions/" in self.page.url:
            assert steps < 20, "the interview does not end"
            before = self.page.url
            self.answers(answers)
            self.presses("Continue")
            assert self.page.url != before, self.page.locator(".govuk-error-summary").all_inner_texts()
            steps += 1
        return steps

    # looking

    @property
    def heading(self) -> str:
        return self.page.locator("h1").inner_text().strip()

    @property
    def text(self) -> str:
        return self.page.locator("#page").inner_text()

    @property
    def check(self) -> str:
        """The address of the check that is open."""
        found = re.match(r".*/checks/[^/?]+", self.page.url)
        assert found is not None, self.page.url
        return found[0]

    @property
    def saved(self) -> dict[str, Any]:
        return self.server.saved(self.check)

    def is_focused(self, selector: str) -> bool:
        return bool(self.page.evaluate("what => document.activeElement?.matches(what) ?? false", selector))
