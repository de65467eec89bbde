"""What a person typed stays where it was typed: not in logs, addresses, answers to errors, or the details of events.

Texts that are easy to find again are sent to every route that the application has, in every place of a request. Where a
form is shown again with its faults, its own fields still hold what was typed; nothing else does.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, urlencode

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from people import begin, give_key, hire, site_ids
from serving import NOW, Client, settings
from sqlalchemy import select
from sqlalchemy.engine import URL

from app import logs
from app.main import create_app
from app.settings import secret
from app.store.db import Database
from app.store.models import Event
from app.trials import read_trial

TYPED, ADDRESSED, HEADED = "Zebedee Quux 7351", "Yolanda Vex 8462", "Xaver Pym 9573"
WEIGHT = "83.517"
CANARIES = (TYPED, ADDRESSED, HEADED, WEIGHT)
QUESTIONS = list(read_trial()[1].question_by_key)
FIELDS = [
    *QUESTIONS,
    *(f"{name}-{part}" for name in ("as_of", "birth_date") for part in ("day", "month", "year")),
    *(
        "login",
        "name",
        "password",
        "new_password",
        "code",
        "subject_code",
        "text",
        "note",
        "reason",
        "client",
        "scopes",
    ),
    *(
        "status",
        "site_id",
        "assigned_to",
        "meaning",
        "verdict",
        "language",
        "to",
        "once",
        "do",
        "calculate",
        "q",
        "role",
    ),
]
HEADERS = (
    "accept", "accept-language", "authorization", "cookie", "idempotency-key", "if-match", "if-none-match", "origin",
    "range", "referer", "user-agent", "x-forwarded-for", "x-request-id", "content-type", "hx-request", "x-anything",
)  # fmt: skip
SKIPPED = ("/openapi.json",)


def spellings(text: str) -> set[str]:
    """A text as it may be written in an address, in HTML, in JSON."""
    return {text, text.upper(), text.lower(), quote(text), quote(text, safe=""), text.replace(" ", "+")}


def holds(where: str, *texts: str) -> list[str]:
    return [text for text in texts if any(one in where for one in spellings(text))]


class Outside(HTMLParser):
    """What a page says outside the fields into which people type."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.links: list[str] = []
        self._is_typed = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_typed = tag == "textarea" or ("class", "app-remark__text") in attrs  # a note that is kept
        shown = [(name, value or "") for name, value in attrs if not (tag == "input" and name == "value")]
        self.said += [value for name, value in shown if name != "href"]
        self.links += [value for name, value in shown if name == "href"]

    def handle_data(self, data: str) -> None:
        if not self._is_typed:
            self.said.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._is_typed = False


def repeated(page: str) -> list[str]:
    """What a form that is shown again repeats outside its fields. Its links may lead to where the reader is."""
    parser = Outside()
    parser.feed(page)
    return holds("\n".join(parser.said), *CANARIES) + holds("\n".join(parser.links), TYPED, HEADED, WEIGHT)


def everything(page: str) -> list[str]:
    return holds(page, *CANARIES)


class Kept(logging.Handler):
    """Everything that is logged, raw and as the application writes it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logs.Json())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith(("httpx", "httpcore", "asyncio")):  # of the tests' own client
            self.lines.append(self.format(record))


@pytest.fixture
def log() -> Iterator[Kept]:
    kept, root = Kept(), logging.getLogger()
    names = ("", "prescreen", "prescreen.access", "sqlalchemy.pool", "uvicorn.error")
    before = {name: logging.getLogger(name).level for name in names}
    root.addHandler(kept)
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield kept
    root.removeHandler(kept)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


class Site:
    """An application with a person of a site who may do everything there, and the key of a program."""

    def __init__(self, url: URL) -> None:
        given = settings(url, rate_limit="off")
        self.database = Database(url, secret(given, "audit"))
        self.client = Client(create_app(given, now=lambda: NOW))
        self.site, *_ = site_ids(self.database)
        self.key = give_key(self.database, self.site, at=NOW).headers
        self._number = 0
        self.reference = self.check = ""
        self.renew()

    def renew(self) -> None:
        """Somebody, a screening and a check; a route may have ended those before."""
        self._number += 1
        grants = (("coordinator", self.site), ("physician", self.site), ("administrator", None), ("auditor", None))
        who = hire(self.database, f"person-{self._number}", *grants, at=NOW)  # type: ignore[arg-type]
        self.person = who.headers
        self.reference = begin(self.database, who, self.site, f"C-{self._number}", NOW)
        begun = self.client.request("POST", "/checks", headers=FORM, content=b"")
        self.check = begun.headers["location"].split("/")[2]

    def routes(self) -> list[tuple[str, str]]:
        found = [one for one in iter_route_contexts(self.client.app.routes) if isinstance(one.original_route, APIRoute)]
        return [(method, str(one.path)) for one in found for method in sorted(one.methods or ())]

    def address(self, path: str, **parts: str) -> str:
        known = {"nct_id": "NCT05086315", "token": self.check, "reference": self.reference, "keys": "weight_kg"}
        known |= {"version": "1", "note_id": "1", "account_id": "1", "key_id": "1", "seq": "1", **parts}
        return re.sub(r"{(\w+)(?::\w+)?}", lambda part: quote(known.get(part[1], "1"), safe=""), path)

    def said(self, path: str) -> dict[str, str]:
        return self.key if path.startswith("/api/") else self.person

    def events(self) -> str:
        with self.database.read() as session:
            return json.dumps([[event.detail, event.reason, event.actor] for event in session.scalars(select(Event))])

    def close(self) -> None:
        self.client.close()
        self.database.close()


FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


@pytest.fixture
def site(loaded_template: Path, tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "canary.sqlite3").write_bytes(loaded_template.read_bytes())
    site = Site(URL.create("sqlite", database=str(tmp_path / "canary.sqlite3")))
    yield site
    site.close()


def wrong_with(response: httpx.Response, path: str) -> list[str]:
    """Where an answer repeats what was sent, or may be stored."""
    said = response.headers
    found = [f"location: {text}" for text in holds(said.get("location", ""), TYPED, HEADED, WEIGHT)]
    found += [f"header {name}" for name in said if name != "location" and holds(said[name], *CANARIES)]
    if response.status_code >= 400:
        is_page = said.get("content-type", "").startswith("text/html")
        is_form = is_page and response.status_code in (409, 422)
        found += [f"body: {text}" for text in (repeated if is_form else everything)(response.text)]
    if said.get("cache-control") != "no-store":
        found.append("may be stored")
    return [f"{response.request.method} {path}: {response.status_code} {one}" for one in found]


def sendings(site: Site, method: str, path: str) -> Iterator[Callable[[], httpx.Response]]:
    """The requests for one route: a canary in each place."""
    client, said = site.client, site.said(path)
    kind = JSON if path.startswith("/api/") else FORM

    def send(address: str, headers: dict[str, str], content: bytes | None = None) -> Callable[[], httpx.Response]:
        body = content if method not in ("GET", "HEAD") else None
        raw = {name: value.encode() for name, value in headers.items()}
        return lambda: client.request(method, address, headers=raw, content=body)

    for name in re.findall(r"{(\w+)(?::\w+)?}", path):
        yield send(site.address(path, **{name: ADDRESSED}), {**said, **kind}, b"")
    query = urlencode(dict.fromkeys(("goal", "order", "from", "version", "to", "q", "after", "status"), ADDRESSED))
    yield send(f"{site.address(path)}?{query}", {**said, **kind}, b"")
    for name in HEADERS:
        yield send(site.address(path), {**said, **kind, name: HEADED}, b"{}" if kind is JSON else b"")
        if name in ("cookie", "authorization"):
            given = f"login={HEADED}; lang={HEADED}" if name == "cookie" else f"Bearer pk_{HEADED}.{HEADED}"
            yield send(site.address(path), {**kind, name: given}, b"")
    if method in ("GET", "HEAD", "DELETE"):
        return
    address = site.address(path)
    for form in (dict.fromkeys(FIELDS, TYPED), {"weight_kg": WEIGHT, "do": "continue", "version": "0"}):
        yield send(address, {**said, **FORM}, urlencode(form).encode())
        yield send(address, {**FORM}, urlencode(form).encode())
        yield send(address, {**said, **FORM}, urlencode(form | {"once": "o" * 32, "version": "1"}).encode())
    nested = {"answers": {"weight_kg": 83.517, **dict.fromkeys(QUESTIONS[:4], TYPED), TYPED: TYPED}}
    for plain in (dict.fromkeys(FIELDS, TYPED), nested, {"answers": {"weight_kg": 83.517}, "readings": {TYPED: TYPED}}):
        whole = {"subject_code": f"N-{len(plain)}", **plain}
        yield send(address, {**said, **JSON, "if-match": "*"}, json.dumps(whole).encode())
        yield send(address, {**said, **JSON, "if-match": '"0"'}, json.dumps(whole).encode())
    yield send(address, {**said, **kind}, TYPED.encode() + b"\xff\x00")
    yield send(address, {**said, **kind}, (TYPED * 10_000).encode())


def test_P34_nothing_that_was_sent_comes_out_where_it_must_not(site: Site, log: Kept) -> None:
    wrong, number = [], 0
    for method, path in site.routes():
        if path.endswith(SKIPPED):
            continue
        site.renew()
        for send in sendings(site, method, path):
            response = send()
            number += 1
            wrong += wrong_with(response, path)
    assert wrong == [], "\n".join(sorted(set(wrong)))
    assert number > 40 * 20
    assert not holds("\n".join(log.lines), *CANARIES)
    assert not holds(site.events(), *CANARIES)
    assert not holds("\n".join(log.lines), site.check, site.reference), "nor what opens a page"


def test_P34_nor_while_the_database_is_away(tmp_path: Path, site: Site, log: Kept) -> None:
    away = Client.of(URL.create("sqlite", database=str(tmp_path / "empty.sqlite3")))
    wrong, statuses = [], set()
    away_site = site
    kept, away_site.client = site.client, away
    for method, path in [*site.routes()]:
        if path.endswith(SKIPPED):
            continue
        for send in sendings(away_site, method, path):
            response = send()
            statuses.add(response.status_code)
            wrong += wrong_with(response, path)
    site.client = kept
    away.close()
    assert wrong == [], "\n".join(sorted(set(wrong)))
    assert 503 in statuses
    assert not holds("\n".join(log.lines), *CANARIES)


def test_P34_nor_by_a_fault_of_ours(site: Site, log: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"{TYPED} {WEIGHT}")

    for verb in ("give_answers", "set_dates", "answer_screening", "start_screening", "add_note", "start_quick_check"):
        with suppress(AttributeError):
            monkeypatch.setattr(f"app.actions.{verb}", fail)
    statuses = set()
    for method, path in site.routes():
        if method == "POST" and not path.endswith(SKIPPED):
            for form in ({"weight_kg": "71", "do": "continue", "text": "Asked", "subject_code": "F-1"}, {}):
                response = site.client.request(
                    method, site.address(path), headers={**site.said(path), **FORM}, content=urlencode(form).encode()
                )
                statuses.add(response.status_code)
                assert wrong_with(response, path) == []
    assert 500 in statuses
    assert not holds("\n".join(log.lines), *CANARIES)
    assert any("RuntimeError" in line for line in log.lines)
