"""Accounts over HTTP: coming in, staying in, going out; people and keys; the organisation's sign-in."""

import re
import statistics
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pyotp
import pytest
from people import hire, site_ids
from provider import CLIENT, SECRET, Provider, providing
from serving import NOW, Client, load_built_in, settings
from sqlalchemy import select
from sqlalchemy.engine import URL

from app import actions, credentials
from app.errors import Misconfigured
from app.main import create_app
from app.store import accounts
from app.store.db import Database
from app.store.models import Event
from app.web import oidc

PASSWORD = "tin umbrella yodels softly"
FORM = {"content-type": "application/x-www-form-urlencoded"}
HTTPS = "https://prescreen.example"


class Clock:
    """The time that the application sees."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Browser:
    """Somebody who keeps cookies; `base` is where the application is for them."""

    def __init__(self, client: Client, base: str = "http://testserver") -> None:
        self.client, self.base = client, base
        self.cookies: dict[str, str] = {}
        self.last = httpx.Response(200)

    def send(self, method: str, path: str, fields: Mapping[str, Any] | None = None, **headers: str) -> httpx.Response:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {**headers, **({"cookie": cookie} if cookie else {}), **(FORM if method == "POST" else {})}
        content = urlencode(fields or {}, doseq=True) if method == "POST" else None
        self.client._client.cookies.clear()  # which all browsers would share
        self.last = self.client.request(method, self.base + path, headers=sent, content=content)
        for line in self.last.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if "Max-Age=0" in line:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return self.last

    def get(self, path: str) -> httpx.Response:
        return self.send("GET", path)

    def post(self, path: str, **fields: Any) -> httpx.Response:
        return self.send("POST", path, fields)

    @property
    def token(self) -> str:
        return self.cookies.get("login", "") or self.cookies.get("__Host-login", "")

    def is_in(self) -> bool:
        return self.get("/account").status_code == 200


class House:
    """The application with its clock, and ways to come in."""

    def __init__(self, url: URL, **environ: str) -> None:
        self.clock = Clock()
        self.client = Client(create_app(settings(url, **environ), now=self.clock, strict_templates=True))
        self.database: Database = self.client.app.state.parts.database
        self.seeds: dict[str, str] = {}

    def browser(self, base: str = "http://testserver") -> Browser:
        return Browser(self.client, base)

    def link(self, login: str, *grants: Any) -> str:
        """A one-time link for a new account."""
        with self.database.write() as session:
            at = self.clock()
            account = actions.create_account(
                session, login=login, name=login.title(), grants=grants, at=at, actor="test"
            )
            return f"/invite/{actions.invite(session, account=account, at=at, actor='test')}"

    def code(self, login: str) -> str:
        """The next code that somebody's device shows."""
        self.clock.now += timedelta(seconds=30)
        return pyotp.TOTP(self.seeds[login]).at(self.clock.now)

    def enrol(self, login: str, link: str, browser: Browser | None = None) -> Browser:
        """Somebody who has just taken up a link, and is signed in."""
        browser = browser or self.browser()
        page = browser.post(link, password=PASSWORD, again=PASSWORD)
        assert page.status_code == 200, page.text
        self.seeds[login] = found(r'class="app-seed"[^>]*>([^<]+)<', page).replace(" ", "")
        codes = browser.post(link, pending=found(r'name="pending" value="([^"]+)"', page), code=self.code(login))
        assert codes.status_code == 200 and len(set(recovery_codes(codes))) == 10
        return browser

    def somebody(self, login: str = "ada", *grants: Any) -> Browser:
        return self.enrol(login, self.link(login, *(grants or [("administrator", None)])))

    def sign_in(self, login: str, browser: Browser | None = None) -> Browser:
        browser = browser or self.browser()
        assert browser.post("/login", login=login, password=PASSWORD).headers["location"] == "/login/code"
        assert browser.post("/login/code", code=self.code(login)).status_code == 303
        return browser

    def events(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(Event.action).order_by(Event.seq)))


def found(pattern: str, page: httpx.Response) -> str:
    match = re.search(pattern, page.text)
    assert match is not None, page.text
    return match[1]


def recovery_codes(page: httpx.Response) -> list[str]:
    return re.findall(r"<code>([a-z0-9-]{29})</code>", page.text)


@pytest.fixture
def house(sqlite_url: URL) -> Iterator[House]:
    load_built_in(sqlite_url)
    house = House(sqlite_url)
    yield house
    house.client.close()


@pytest.fixture
def postgresql_house(postgresql_url: URL) -> Iterator[House]:
    load_built_in(postgresql_url)
    house = House(postgresql_url)
    yield house
    house.client.close()


# THE FIRST ACCOUNT


def test_P29_nobody_comes_in_before_a_link_was_made_and_the_page_says_how(house: House) -> None:
    browser = house.browser()
    page = browser.get("/login")
    assert page.status_code == 200
    assert "python -m app invite LOGIN --name NAME --role administrator" in page.text
    assert 'name="password"' not in page.text
    for login in ("admin", "administrator", "root", "prescreen", "test"):
        for password in ("admin", "password", "prescreen", "changeme", ""):
            assert browser.post("/login", login=login, password=password).status_code in (422, 429)
    assert not browser.is_in()
    with house.database.read() as session:
        assert not accounts.has_accounts(session)
    assert house.client.get("/").status_code == 200, "quick checks need no account"


def test_P29_no_password_stands_in_the_code_or_its_settings(house: House) -> None:
    shown = repr(house.client.app.state.parts.settings)
    assert "password" not in shown.lower() and "key=" not in shown


def test_a_link_leads_through_password_code_and_recovery_codes(house: House) -> None:
    link, browser = house.link("ada", ("administrator", None)), house.browser()
    assert "Welcome, Ada" in browser.get(link).text
    wrong = browser.post(link, password="password1234", again="password1234")
    assert wrong.status_code == 422 and "guessed first" in wrong.text
    assert browser.post(link, password=PASSWORD, again="another").status_code == 422
    house.enrol("ada", link, browser)
    assert browser.is_in()
    assert browser.get(link).status_code == 404 and "not good any more" in browser.last.text


def test_a_password_chosen_for_one_link_is_no_use_for_another(house: House) -> None:
    ours, theirs = house.link("ada", ("administrator", None)), house.link("eve", ("auditor", None))
    browser = house.browser()
    pending = found(r'name="pending" value="([^"]+)"', browser.post(theirs, password=PASSWORD, again=PASSWORD))
    assert "must be given" in browser.post(ours, pending=pending, code="000000").text
    house.clock.now += timedelta(minutes=31)
    assert "must be given" in browser.post(theirs, pending=pending, code="000000").text


# COMING IN


def test_P27_each_step_of_signing_in_opens_a_new_session_and_signing_out_ends_it(house: House) -> None:
    house.somebody()
    browser = house.browser()
    browser.cookies["login"] = "planted-by-somebody-else"
    browser.post("/login", login="ADA", password=PASSWORD)
    half = browser.token
    assert half not in ("", "planted-by-somebody-else")
    assert browser.get("/account").headers["location"] == "/login?to=%2Faccount", "half is not in"
    browser.post("/login/code", code=house.code("ada"))
    whole = browser.token
    assert whole != half and browser.is_in()
    for stale in (half, "planted-by-somebody-else"):
        other = house.browser()
        other.cookies["login"] = stale
        assert not other.is_in()
        assert other.get("/login/code").status_code == 303

    house.sign_in("ada", browser)
    assert browser.token != whole
    other = house.browser()
    other.cookies["login"] = whole
    assert not other.is_in(), "signing in again ends the session before"
    other.cookies["login"] = kept = browser.token
    assert browser.post("/logout").status_code == 303
    assert browser.cookies == {}
    other.cookies["login"] = kept
    assert not other.is_in(), "ended at the server, not in the browser alone"


def test_P27_idle_and_absolute_limits_hold_for_the_next_request(house: House) -> None:
    browser = house.somebody()
    house.clock.now += timedelta(minutes=14)
    assert browser.is_in()
    house.clock.now += timedelta(minutes=15)
    assert not browser.is_in()
    house.sign_in("ada", browser)
    for _step in range(12 * 6 - 1):
        house.clock.now += timedelta(minutes=10)
        assert browser.is_in()
    house.clock.now += timedelta(minutes=10)
    assert not browser.is_in()


def test_a_recovery_code_comes_in_once_in_place_of_the_device(house: House) -> None:
    link = house.link("ada", ("administrator", None))
    browser = house.enrol("ada", link)
    code = recovery_codes(browser.last)[0]
    other = house.browser()
    for status in (303, 422):
        other.post("/login", login="ada", password=PASSWORD)
        assert other.post("/login/code", code=code.upper().replace("-", " ")).status_code == status


def test_a_one_time_code_is_no_good_a_second_time(house: House) -> None:
    house.somebody()
    code = house.code("ada")
    for status in (303, 422):
        browser = house.browser()
        browser.post("/login", login="ada", password=PASSWORD)
        assert browser.post("/login/code", code=code).status_code == status


@pytest.mark.parametrize(
    ("to", "where"),
    [
        ("/keys", "/keys"),
        ("/trials/NCT05086315/rules?version=1", "/trials/NCT05086315/rules?version=1"),
        ("//evil.example", "/people"),
        ("/\\evil.example", "/people"),
        ("https://evil.example/", "/people"),
        ("javascript:alert(1)", "/people"),
        ("", "/people"),
    ],
)
def test_after_signing_in_one_goes_on_within_this_site_alone(house: House, to: str, where: str) -> None:
    house.somebody()
    browser = house.browser()
    halfway = browser.post("/login", login="ada", password=PASSWORD, to=to).headers["location"]
    assert halfway == ("/login/code" if where == "/people" else f"/login/code?{urlencode({'to': where})}")
    assert browser.post("/login/code", code=house.code("ada"), to=to).headers["location"] == where


# COOKIES AND ORIGINS


def test_P28_the_cookie_is_bound_to_this_host_to_https_and_to_no_script(house: House) -> None:
    browser = house.browser(HTTPS)
    house.enrol("ada", house.link("ada", ("administrator", None)), browser)
    (cookie,) = browser.last.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-login=")
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert parts == {"secure", "httponly", "samesite=lax", "path=/"}
    assert browser.is_in()
    plain = house.browser()
    plain.cookies = dict(browser.cookies)
    assert not plain.is_in(), "over plain HTTP the cookie is another one"
    browser.post("/logout")
    assert browser.cookies == {}


def test_P28_over_plain_http_nobody_signs_in_from_another_machine(house: House) -> None:
    house.somebody()
    link = house.link("bob", ("auditor", None))
    for host in ("http://prescreen.example", "http://192.0.2.1:8000"):
        browser = house.browser(host)
        for answer in (
            browser.get("/login"),
            browser.post("/login", login="ada", password=PASSWORD),
            browser.get(link),
            browser.post(link, password=PASSWORD, again=PASSWORD),
        ):
            assert answer.status_code == 403 and "Signing in needs HTTPS" in answer.text
        assert browser.cookies == {}
    for host in ("http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"):
        assert house.browser(host).get("/login").status_code == 200


@pytest.mark.parametrize("path", ["/login", "/login/code", "/logout", "/account/password", "/people", "/keys"])
def test_P28_what_another_sites_page_posts_is_refused(house: House, path: str) -> None:
    browser = house.somebody()
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}):
        assert browser.send("POST", path, {"x": "1"}, **headers).status_code == 403
    assert browser.is_in()


# THROTTLING, AND NO DIFFERENCE


def failed(browser: Browser, login: str, password: str = "not the password") -> str:
    """What a failed attempt is answered, without what was typed."""
    answer = browser.post("/login", login=login, password=password)
    assert answer.status_code == 422
    return answer.text.replace(login, "LOGIN")


def test_P30_an_unknown_user_is_told_the_same_and_costs_the_same_work(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.somebody()
    house.somebody("disabled.one", ("auditor", None))
    house.link("not.yet", ("auditor", None))
    with house.database.write() as session:
        account = accounts.account_by_login(session, "disabled.one")
        assert account is not None
        actions.disable_account(session, account=account, at=house.clock(), actor="test")
    work: list[str] = []
    verify = credentials.HASHER.verify
    monkeypatch.setattr(
        type(credentials.HASHER), "verify", lambda _self, kept, given: work.append(kept) or verify(kept, given)
    )
    monkeypatch.setattr(credentials, "_nobodys", lambda: NOBODYS)
    told, done = {}, {}
    for login in ("ada", "nobody.known", "disabled.one", "not.yet", "no such login!"):
        work.clear()
        before = len(house.events())
        told[login] = failed(house.browser(), login, PASSWORD if login == "disabled.one" else "not the password")
        done[login] = ([kept.rpartition("$")[0].rpartition("$")[0] for kept in work], house.events()[before:])
        house.clock.now += timedelta(minutes=16)
    assert len(set(told.values())) == 1
    assert all(one == done["ada"] for one in done.values())
    assert done["ada"] == (["$argon2id$v=19$m=19456,t=2,p=1"], ["account.sign_in_failed"])


NOBODYS = credentials.hash_password("a password that nobody has")


def test_P30_an_unknown_user_costs_the_same_time(house: House) -> None:
    house.somebody()
    browser = house.browser()
    failed(browser, "nobody")  # the first one also makes the hash that nobody has
    took: dict[str, list[float]] = {"ada": [], "nobody.known": []}
    for _turn in range(15):
        for login, times in took.items():
            house.clock.now += timedelta(minutes=16)
            began = time.perf_counter()
            failed(browser, login)
            times.append(time.perf_counter() - began)
    known, unknown = (statistics.median(times) for times in took.values())
    assert 0.5 < unknown / known < 2, (known, unknown)


def test_P30_after_ten_failures_even_the_right_password_waits(house: House) -> None:
    house.somebody()
    browser = house.browser()
    for _turn in range(10):
        failed(browser, "ada")
    refused = browser.post("/login", login="ada", password=PASSWORD)
    assert refused.status_code == 429 and refused.headers["retry-after"] == "900"
    assert "tried too often" in refused.text
    house.clock.now += timedelta(minutes=15)
    assert browser.post("/login", login="ada", password=PASSWORD).status_code == 303


def test_P30_wrong_codes_are_counted_over_all_attempts_with_the_password(house: House) -> None:
    house.somebody()
    statuses = []
    for _turn in range(12):
        browser = house.browser()
        if browser.post("/login", login="ada", password=PASSWORD).status_code == 429:
            statuses.append(429)
            continue
        statuses.append(browser.post("/login/code", code="000000").status_code)
    assert statuses == [422] * 10 + [429] * 2


def test_P30_works_the_same_on_postgresql(postgresql_house: House) -> None:
    postgresql_house.somebody()
    browser = postgresql_house.browser()
    assert failed(browser, "ada") == failed(browser, "nobody.known")
    for _turn in range(8):
        failed(browser, "x\x00y", "\ufffd")
    assert browser.post("/login", login="ada", password=PASSWORD).status_code == 429


def test_P22_signing_in_and_failing_are_in_the_trail_without_what_was_typed(house: House) -> None:
    house.somebody()
    browser = house.browser()
    failed(browser, "my-password-in-the-wrong-field")
    browser.post("/login", login="ada", password=PASSWORD)
    browser.post("/login/code", code="000000")
    browser.post("/login/code", code=house.code("ada"))
    browser.post("/logout")
    assert house.events()[-5:] == [
        "account.sign_in_failed",
        "account.password_given",
        "account.sign_in_failed",
        "account.signed_in",
        "account.signed_out",
    ]
    with house.database.read() as session:
        trail = repr([event.fields for event in session.scalars(select(Event))])
    assert "my-password-in-the-wrong-field" not in trail and PASSWORD not in trail


# ONE'S OWN ACCOUNT


def test_P27_one_sees_ones_sessions_and_ends_them(house: House) -> None:
    desk = house.somebody()
    phone = house.browser()
    phone.post("/login", login="ada", password=PASSWORD)
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) Safari/605"
    phone.send("POST", "/login/code", {"code": house.code("ada")}, **{"user-agent": agent})
    page = desk.get("/account")
    assert "Safari on iPhone" in page.text and page.text.count('name="session"') == 2
    assert desk.token not in page.text and phone.token not in page.text
    desk.post("/account/sessions", session=found(r'name="session" value="([0-9a-f]{16})"', page))
    assert desk.is_in() and not phone.is_in()
    house.sign_in("ada", phone)
    desk.post("/account/sessions", session="others")
    assert desk.is_in() and not phone.is_in()


def test_P27_changing_the_password_ends_the_other_sessions(house: House) -> None:
    desk, phone = house.somebody(), house.sign_in("ada")
    new = "seven quiet llamas hum"
    assert desk.post("/account/password", current="wrong", password=new, again=new).status_code == 422
    assert desk.post("/account/password", current=PASSWORD, password="short", again="short").status_code == 422
    assert desk.post("/account/password", current=PASSWORD, password=new, again=new).status_code == 303
    assert desk.is_in() and not phone.is_in()
    assert phone.post("/login", login="ada", password=PASSWORD).status_code == 422
    assert phone.post("/login", login="ada", password=new).status_code == 303


def test_new_recovery_codes_ask_for_proof_where_the_last_is_old(house: House) -> None:
    browser = house.somebody()
    assert len(recovery_codes(browser.post("/account/recovery-codes"))) == 10
    for minutes in (10, 10):
        house.clock.now += timedelta(minutes=minutes)
        assert browser.is_in()
    for answer in (browser.get("/account/recovery-codes"), browser.post("/account/recovery-codes")):
        assert answer.headers["location"] == "/account/prove?to=%2Faccount%2Frecovery-codes"
    to = "/account/recovery-codes"
    wrong = browser.post("/account/prove", password="wrong", code=house.code("ada"), to=to)
    assert wrong.status_code == 422
    assert browser.post("/account/prove", password=PASSWORD, code="000000", to=to).text == wrong.text
    assert browser.post("/account/prove", password=PASSWORD, code=house.code("ada"), to=to).headers["location"] == to
    assert browser.get(to).status_code == 200


# PEOPLE


def test_P27_disabling_somebody_and_changing_roles_end_their_sessions(house: House) -> None:
    ada, bob = house.somebody(), house.somebody("bob", ("auditor", None))
    with house.database.read() as session:
        account = accounts.account_by_login(session, "bob")
        assert account is not None
    place, (site, *_) = f"/people/{account.id}", site_ids(house.database)
    assert ada.post(f"{place}/roles", role="physician", site=str(site)).status_code == 303
    assert not bob.is_in()
    assert "Physician at" in ada.get(place).text and "Auditor" in ada.last.text
    house.sign_in("bob", bob)
    assert ada.post(f"{place}/roles", remove="auditor:").status_code == 303
    assert not bob.is_in()
    house.sign_in("bob", bob)
    assert ada.post(f"{place}/state", state="disable").status_code == 303
    assert not bob.is_in()
    assert bob.post("/login", login="bob", password=PASSWORD).status_code == 422
    assert ada.post(f"{place}/link").status_code == 409
    assert ada.post(f"{place}/state", state="enable").status_code == 303
    assert house.sign_in("bob", bob).is_in()


def test_an_administrator_invites_and_resets_by_a_link_that_is_shown_once(house: House) -> None:
    ada = house.somebody()
    page = ada.post("/people", login="bob", name="Bob", role="auditor", site="")
    link = found(r">(http://testserver/invite/[^<]+)</textarea>", page)
    bob = house.enrol("bob", link.removeprefix("http://testserver"))
    assert link not in ada.get("/people").text
    assert ada.post("/people", login="BOB", name="Another", role="auditor", site="").status_code == 422
    assert "This login is taken" in ada.last.text
    wrong = ada.post("/people", login="!", name="", role="coordinator", site="")
    assert wrong.status_code == 422 and wrong.text.count('href="#') == 4, "three complaints, and the skip link"
    reset = found(r">http://testserver(/invite/[^<]+)</textarea>", ada.post("/people/2/link"))
    assert bob.is_in(), "a link alone changes nothing"
    house.enrol("bob", reset)
    assert not bob.is_in()


def test_the_last_administrator_stays(house: House) -> None:
    ada = house.somebody()
    for path, fields in (("state", {"state": "disable"}), ("roles", {"remove": "administrator:"})):
        assert ada.send("POST", f"/people/1/{path}", fields).status_code == 409
        assert "Nobody would be left to manage accounts" in ada.last.text
    assert ada.is_in()


@pytest.mark.parametrize("path", ["/people/99", "/people/99999999999999999999", "/people/0", "/people/x"])
def test_who_is_not_there_is_no_fault_of_ours(house: House, path: str) -> None:
    ada = house.somebody()
    assert ada.get(path).status_code in (404, 422)


@pytest.mark.parametrize("role", ["coordinator", "physician", "author", "auditor"])
def test_only_administrators_see_people_and_keys(house: House, role: Any) -> None:
    site = site_ids(house.database)[0] if role in ("coordinator", "physician") else None
    person = hire(house.database, "somebody", (role, site), at=house.clock())
    for method, path in (
        *(("GET", path) for path in ("/people", "/people/new", "/people/1", "/keys", "/keys/new")),
        *(("POST", path) for path in ("/people", "/people/1/roles", "/people/1/state", "/people/1/link")),
        *(("POST", path) for path in ("/keys", "/keys/1/revoke")),
    ):
        answer = house.client.request(method, path, headers={**person.headers, **FORM}, content="")
        assert answer.status_code == 403, path
    assert house.client.request("GET", "/account", headers=person.headers).status_code == 200


# KEYS


def test_P31_a_key_is_shown_once_listed_with_its_use_and_revoked_at_once(house: House) -> None:
    ada, (site, *_) = house.somebody(), site_ids(house.database)
    assert ada.post("/keys", client="", site="", days="9").status_code == 422
    assert ada.last.text.count('class="govuk-error-message"') == 4
    fields = {"client": "EHR North", "site": str(site), "days": "30", "scopes": ["screening:read"]}
    page = ada.send("POST", "/keys", fields)
    whole = found(r">(pk_[0-9a-f]{8}\.[A-Za-z0-9_-]{43})</textarea>", page)
    listed = ada.get("/keys").text
    assert whole.split(".")[0] in listed and whole.split(".")[1] not in listed
    assert "Never used" in listed and "until 22 December 2026" in listed
    ada.send("POST", "/keys", fields)
    assert ada.send("POST", "/keys", fields).status_code == 422 and "two active keys" in ada.last.text
    assert ada.post("/keys/1/revoke").status_code == 303
    assert "Revoked" in ada.get("/keys").text
    assert ada.send("POST", "/keys", fields).status_code == 200


# WITHOUT QUICK CHECKS


def test_with_quick_checks_switched_off_their_pages_are_not_there(sqlite_url: URL) -> None:
    load_built_in(sqlite_url)
    closed = House(sqlite_url, quick_checks="off")
    browser = closed.browser()
    assert browser.post("/checks", order="section").status_code == 404
    assert browser.get("/checks/any/questions/age_years").status_code == 404
    assert browser.get("/checks/any/result").status_code == 404
    start = browser.get("/")
    assert start.status_code == 200 and "Start a quick check" not in start.text and 'href="/login"' in start.text
    closed.client.close()


# THE ORGANISATION'S SIGN-IN


@pytest.fixture
def provider() -> Iterator[Provider]:
    with providing(NOW) as running:
        yield running


def open_house(url: URL, provider: Provider, **environ: str) -> House:
    given = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET, **environ}
    return House(url, **given)


@pytest.fixture
def connected(sqlite_url: URL, provider: Provider) -> Iterator[House]:
    load_built_in(sqlite_url)
    house = open_house(sqlite_url, provider)
    yield house
    house.client.close()


def travel(browser: Browser, path: str) -> httpx.Response:
    """To the provider and back, as a browser is sent."""
    away = browser.get(path)
    assert away.status_code == 303, away.text
    there = httpx.get(away.headers["location"])
    assert there.status_code == 303
    back = urlsplit(there.headers["location"])
    assert f"{back.scheme}://{back.netloc}" == browser.base
    return browser.get(f"{back.path}?{back.query}")


def test_an_invitation_binds_the_providers_sign_in_and_it_opens_the_account(
    connected: House, provider: Provider
) -> None:
    link, browser = connected.link("ada", ("administrator", None)), connected.browser()
    assert f"{link}/organisation" in browser.get(link).text
    assert travel(browser, f"{link}/organisation").headers["location"] == "/people"
    assert browser.is_in() and "oidc" not in browser.cookies
    other = connected.browser()
    assert travel(other, "/login/organisation?to=/keys").headers["location"] == "/keys"
    assert other.is_in()
    assert {"state", "nonce", "code_challenge"} <= provider.asked[-1].keys()
    assert provider.asked[0]["nonce"] != provider.asked[1]["nonce"]
    assert connected.browser().get(f"{link}/organisation").status_code == 404, "the link is used up"


def test_who_was_not_invited_gets_no_account(connected: House, provider: Provider) -> None:
    connected.somebody()
    browser = connected.browser()
    answer = travel(browser, "/login/organisation")
    assert answer.status_code == 422 and "not known here" in answer.text
    assert not browser.is_in()
    assert connected.events()[-1] == "account.sign_in_failed"
    with connected.database.read() as session:
        assert len(accounts.everyone(session)) == 1


def test_a_disabled_account_is_not_opened_by_the_provider_either(connected: House) -> None:
    browser = connected.browser()
    travel(browser, f"{connected.link('bob', ('auditor', None))}/organisation")
    with connected.database.write() as session:
        account = accounts.account_by_login(session, "bob")
        assert account is not None
        actions.disable_account(session, account=account, at=connected.clock(), actor="test")
    assert not browser.is_in()
    assert travel(browser, "/login/organisation").status_code == 422 and not browser.is_in()


def test_one_sign_in_of_the_provider_belongs_to_one_account(connected: House) -> None:
    travel(connected.browser(), f"{connected.link('ada', ('administrator', None))}/organisation")
    answer = travel(connected.browser(), f"{connected.link('bob', ('auditor', None))}/organisation")
    assert answer.status_code == 422 and "another account" in answer.text


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another client"},
        {"iss": "https://another.example"},
        {"exp": int(NOW.timestamp()) - 61},
        {"sub": None},
        {"azp": "another client"},
    ],
    ids=lambda claims: "-".join(claims),
)
def test_an_id_token_that_is_not_for_us_now_opens_nothing(
    connected: House, provider: Provider, claims: dict[str, Any]
) -> None:
    travel(connected.browser(), f"{connected.link('ada', ('administrator', None))}/organisation")
    provider.claims = claims
    browser = connected.browser()
    assert travel(browser, "/login/organisation").status_code == 422
    assert not browser.is_in()


def test_an_id_token_of_another_key_opens_nothing(connected: House, provider: Provider) -> None:
    travel(connected.browser(), f"{connected.link('ada', ('administrator', None))}/organisation")
    provider.key = type(provider.key).generate_key("P-256", {"kid": "first"}, private=True)
    browser = connected.browser()
    assert travel(browser, "/login/organisation").status_code == 422 and not browser.is_in()


def test_what_was_not_begun_in_this_browser_ends_nowhere(connected: House) -> None:
    travel(connected.browser(), f"{connected.link('ada', ('administrator', None))}/organisation")
    victim, attacker = connected.browser(), connected.browser()
    back = urlsplit(httpx.get(attacker.get("/login/organisation").headers["location"]).headers["location"])
    assert victim.get(f"{back.path}?{back.query}").status_code == 422, "no journey"
    victim.get("/login/organisation")
    assert victim.get(f"{back.path}?{back.query}").status_code == 422, "another's state"
    assert not victim.is_in()
    late = connected.browser()
    back = urlsplit(httpx.get(late.get("/login/organisation").headers["location"]).headers["location"])
    connected.clock.now += timedelta(minutes=11)
    assert late.get(f"{back.path}?{back.query}").status_code == 422, "too late"


def test_who_says_no_or_mixes_up_providers_is_refused(connected: House) -> None:
    browser = connected.browser()
    state = parse_qs(urlsplit(browser.get("/login/organisation").headers["location"]).query)["state"][0]
    assert browser.get(f"{oidc.CALLBACK}?state={state}&error=access_denied").status_code == 422
    state = parse_qs(urlsplit(browser.get("/login/organisation").headers["location"]).query)["state"][0]
    assert browser.get(f"{oidc.CALLBACK}?state={state}&code=x&iss=https://evil.example").status_code == 422
    state = parse_qs(urlsplit(browser.get("/login/organisation").headers["location"]).query)["state"][0]
    assert browser.get(f"{oidc.CALLBACK}?state={state}&code=unknown").status_code == 422


def test_a_provider_can_be_asked_for_a_strength_of_proof(sqlite_url: URL, provider: Provider) -> None:
    load_built_in(sqlite_url)
    house = open_house(sqlite_url, provider, oidc_acr="mfa phr")
    link, browser = house.link("ada", ("administrator", None)), house.browser()
    assert travel(browser, f"{link}/organisation").status_code == 422
    assert provider.asked[-1]["acr_values"] == "mfa phr"
    provider.claims = {"acr": "phr"}
    assert travel(browser, f"{link}/organisation").status_code == 303 and browser.is_in()
    house.client.close()


def test_one_proves_it_again_at_the_provider(connected: House, provider: Provider) -> None:
    browser = connected.browser()
    travel(browser, f"{connected.link('ada', ('administrator', None))}/organisation")
    place = re.sub(
        "&amp;", "&", found(r'href="(/login/organisation\?again=1[^"]*)"', browser.get("/account/prove?to=/keys"))
    )
    assert travel(browser, place).headers["location"] == "/keys"
    assert provider.asked[-1]["prompt"] == "login" and provider.asked[-1]["max_age"] == "0"
    provider.claims = {"auth_time": int(NOW.timestamp()) - 3_600}
    assert travel(browser, place).status_code == 422, "an old proof is none"
    provider.claims, provider.subject = {}, "somebody else"
    assert travel(browser, place).status_code == 422


def test_without_a_provider_there_is_no_such_way_in(house: House) -> None:
    house.somebody()
    assert "organisation" not in house.browser().get("/login").text
    for path in ("/login/organisation", oidc.CALLBACK):
        assert house.browser().get(path).status_code == 404


def test_a_provider_that_is_away_is_said_to_be(sqlite_url: URL) -> None:
    load_built_in(sqlite_url)
    with providing(NOW) as gone:
        pass
    house = open_house(sqlite_url, gone)
    assert house.browser().get("/login/organisation").status_code == 502
    house.client.close()


def test_without_the_extra_the_settings_of_a_provider_stop_the_start(
    sqlite_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "find_spec", lambda name: None)
    create_app(settings(sqlite_url)).state.parts.database.close()
    given = {"oidc_issuer": "https://idp.example", "oidc_client_id": "x", "oidc_client_secret": "y"}
    with pytest.raises(Misconfigured, match=r"prescreen\[oidc\]"):
        create_app(settings(sqlite_url, **given))


def test_a_provider_is_set_whole_or_not_at_all(tmp_path: Path) -> None:
    url = URL.create("sqlite", database=str(tmp_path / "none.sqlite3"))
    with pytest.raises(Misconfigured, match="PRESCREEN_OIDC_CLIENT_ID must be given together"):
        settings(url, oidc_issuer="https://idp.example", oidc_client_secret="y")
