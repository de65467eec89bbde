"""Nothing is acknowledged before it is committed: at every route that writes, of pages and of the API alike."""

import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pyotp
import pytest
from declared import DECLARED, PASSWORD, Entry, written
from people import Person, begin, give_key, hire, site_ids
from serving import NOW, Client, settings
from sqlalchemy import Connection, event, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from app import actions, credentials
from app.errors import Unavailable
from app.main import create_app
from app.settings import secret
from app.store import screenings
from app.store.db import Database
from app.store.models import Account, Base
from app.web.entry import vault
from app.web.outcome import outcome, participant_of

HIDDEN = re.compile(r'<input(?=[^>]*type="hidden")(?=[^>]*name="([^"]*)")(?=[^>]*value="([^"]*)")[^>]*>')


class Desk:
    """The application with a screening, a quick check, a physician and a key, on whom nothing is to be saved."""

    def __init__(self, url: URL) -> None:
        given = settings(url, rate_limit="off")
        self.database = Database(url, secret(given, "audit"))
        self.app = create_app(given, now=lambda: NOW)
        self.client = Client(self.app)
        self.site = site_ids(self.database)[0]
        self.doctor = hire(self.database, "dora", ("physician", self.site), at=NOW)
        self.spare = hire(self.database, "victim", ("coordinator", self.site), at=NOW)
        self.administrator = hire(self.database, "admin", ("administrator", None), at=NOW)
        self.key = give_key(self.database, self.site, at=NOW)
        self.spare_key = give_key(self.database, self.site, at=NOW)
        self.number = 0
        self.seed = credentials.new_seed()
        self.begin_anew()
        for path in ("/api/v1/screenings", "/screenings/new"):  # who was seen a moment ago is not noted again
            self.client.get(path, headers={**self.key.headers, **self.doctor.headers})

    def begin_anew(self) -> None:
        """A screening with an answer and a note, which was looked at, and a quick check without answers."""
        self.number += 1
        with self.database.write() as session:
            account = session.get_one(Account, self.doctor.principal.account_id)
            account.password_hash = credentials.hash_password(PASSWORD)
            account.totp_secret = credentials.sealed(vault(self.app.state.parts), self.seed, NOW)
            account.totp_step = None
            token = actions.begin_login(session, account=account, at=NOW, hours=12, proved_at=NOW)
        self.doctor = Person(self.doctor.principal, {"login": token})  # a proof renews the session's token
        self.reference = begin(self.database, self.doctor, self.site, f"US01-{self.number}", NOW)
        with self.database.write() as session:
            found = screenings.screening(session, reference=self.reference, sites=None)
            who, published = self.doctor.principal, self.app.state.parts.library.by_id(found.protocol_id)
            answers = {"qtcf_ms": 482}
            come_to = outcome(published, participant_of(published, found, answers))
            actions.answer_screening(
                session, screening=found, answers=answers, outcome=come_to, at=NOW, who=who, source="typed"
            )
            self.note = actions.add_note(session, screening=found, text="Asked", at=NOW, who=who).id
        self.token = self.post("/checks", {}, {}).headers["location"].rpartition("/")[2]
        self.client.get(f"/screenings/{self.reference}", headers=self.doctor.headers)

    def post(self, address: str, fields: dict[str, str], headers: dict[str, str]) -> httpx.Response:
        content = str(httpx.QueryParams(fields)).encode()
        form = {"content-type": "application/x-www-form-urlencoded"}
        return self.client.request("POST", address, content=content, headers={**form, **headers})

    def address(self, path: str) -> str:
        parts = {"reference": self.reference, "token": self.token, "keys": "sex", "nct_id": "NCT05086315",
                 "note_id": self.note, "account_id": self.spare.principal.account_id,
                 "key_id": self.spare_key.key_id}  # fmt: skip
        return re.sub(r"{(\w+)(?::\w+)?}", lambda found: str(parts[found[1]]), path)

    def headers(self, entry: Entry) -> dict[str, str]:
        if entry.by == "program":
            return {"content-type": "application/json", **self.key.headers, **entry.headers}
        if entry.sender:
            return self.spare.headers
        is_office = entry.needs in ("account:manage", "key:manage")
        return {} if entry.needs == "public" else (self.administrator if is_office else self.doctor).headers

    def request(self, route: str) -> httpx.Request:
        """What makes a route write, with the hidden fields of its page."""
        method, path = route.split(" ")
        entry = DECLARED[route]
        headers = self.headers(entry)
        if entry.by == "program":
            return httpx.Request(method, self.address(path), headers=headers, content=json.dumps(entry.json))
        fields: dict[str, str] = {}
        if entry.page:
            page = self.client.get(self.address(entry.page), headers=headers)
            assert page.status_code == 200, page.text
            forms = re.findall(r"<form[^>]*>.*?</form>", page.text, re.DOTALL)
            own = [one for one in forms if f'action="{self.address(path)}' in html.unescape(one)] or forms
            fields = {name: html.unescape(value) for name, value in HIDDEN.findall(own[0])}
        fields |= {name: value.format(code=pyotp.TOTP(self.seed).at(NOW)) for name, value in (entry.form or {}).items()}
        content = str(httpx.QueryParams(fields)).encode()
        form = {"content-type": "application/x-www-form-urlencoded"}
        return httpx.Request(method, self.address(path), headers={**form, **headers}, content=content)

    def send(self, request: httpx.Request) -> httpx.Response:
        given, doctor = request.headers.get("cookie"), self.doctor.headers["cookie"]
        answer = self.client.request(request.method, str(request.url), headers=request.headers, content=request.content)
        if given == doctor:  # who proves again who they are goes on under another token
            self.doctor.cookies.update(answer.cookies)
        return answer

    def rows(self) -> dict[str, list[Any]]:
        """All that is stored."""
        with self.database.read() as session:
            return {
                table.name: sorted(map(repr, session.execute(select(table)))) for table in Base.metadata.tables.values()
            }


@pytest.fixture
def desk(loaded: URL) -> Iterator[Desk]:
    desk = Desk(loaded)
    yield desk
    desk.client.close()
    desk.database.close()


@contextmanager
def failing(app: Any, after: int = 0) -> Iterator[list[str]]:
    """Within the block the commits of the application fail, `after` so many, as where the disk is full; gives those."""
    tried: list[str] = []
    done: list[str] = []

    def fail(_connection: Connection) -> None:
        if len(done) < after:
            done.append("commit")
            return
        tried.append("commit")
        raise OperationalError("COMMIT", {}, Exception("the disk is full"))

    engine = app.state.parts.database.engine
    event.listen(engine, "commit", fail)
    try:
        yield tried
    finally:
        event.remove(engine, "commit", fail)


def faults(desk: Desk, route: str, request: httpx.Request) -> list[str]:
    """What is wrong with a route whose commit fails: it has to answer 503, and to leave nothing behind."""
    before = desk.rows()
    with failing(desk.app) as tried:
        refused = desk.send(request)
    wrong = []
    if not tried:
        wrong.append(f"{route} did not try to commit anything: {refused.status_code}")
    elif refused.status_code != 503 or "retry-after" not in refused.headers:
        wrong.append(f"{route} answered {refused.status_code} although its commit failed")
    if desk.rows() != before:
        wrong.append(f"{route} left something behind")
    return wrong


def late_faults(desk: Desk, route: str) -> list[str]:
    """The same of a route with several commits, of which the first ones succeed and the rest fail, until none is left.

    Then the request has to be accepted.
    """
    for after in range(1, 9):
        desk.begin_anew()
        request = desk.request(route)
        with failing(desk.app, after) as tried:
            response = desk.send(request)
        status = response.status_code
        if not tried:
            accepted = 200 <= status < 400 or status in DECLARED[route].always
            return [] if accepted else [f"{route} was refused afterwards: {status}"]
        if status != 503:
            return [f"{route} answered {status} although a commit failed, not the first one"]
    return [f"{route} commits without end"]


def test_P3_a_commit_that_fails_is_never_acknowledged(desk: Desk) -> None:
    """Every route that writes: 503, and nothing is stored; and the same request is accepted afterwards."""
    shown = [route for route in written(desk.app) if not DECLARED[route].why_not]
    last = ["POST /account/sessions", "POST /logout", "POST /people/{account_id}/state"]
    wrong = []
    for route in [*[route for route in shown if route not in last], *last]:  # those that end sessions come last
        desk.begin_anew()
        wrong += faults(desk, route, desk.request(route)) + late_faults(desk, route)
    assert wrong == [], "\n".join(wrong)
    assert len(shown) >= 24


def test_P3_what_keeps_nothing_says_so_and_keeps_nothing(desk: Desk) -> None:
    """The routes that are left out above: whatever they are sent, no row changes without its commit."""
    for route in written(desk.app):
        entry = DECLARED[route]
        if entry.why_not:
            method, path = route.split(" ")
            is_json = path.startswith("/api/")
            media_type = "application/json" if is_json else "application/x-www-form-urlencoded"
            headers = {"content-type": media_type, **desk.headers(entry)}
            before = desk.rows()
            with failing(desk.app) as tried:
                content = b"{}" if is_json else b"version=1"
                response = desk.client.request(method, desk.address(path), content=content, headers=headers)
            assert desk.rows() == before, route
            assert not tried or response.status_code >= 400, route


def test_P3_an_answer_before_the_commit_would_be_seen(desk: Desk) -> None:
    database = desk.app.state.parts.database

    def early() -> dict[str, str]:
        with suppress(Unavailable), database.write() as session:
            actions.forget_submissions(session, at=NOW)
        return {}

    desk.app.post("/early")(early)
    assert faults(desk, "POST /early", httpx.Request("POST", "/early"))
