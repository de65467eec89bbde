"""Who gets in where: every route, for everybody, about either site; and that nothing of one is seen in the other."""

import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from declared import DECLARED, SAFE, Entry, routes
from people import Person, Program, begin, give_key, hire, site_ids
from serving import NOW, Client, settings
from sqlalchemy import delete
from sqlalchemy.engine import URL

from app import actions
from app.main import create_app
from app.settings import secret
from app.store import accounts, screenings
from app.store.db import Database
from app.store.models import LoginFailure, SiteRow
from app.web.access import Need, Public, policies
from app.web.outcome import outcome, participant_of

# What a role may do, written down once more: the application's own table is held to this one.
MAY = {
    "anonymous": set(),
    "coordinator": {"screening:read", "screening:write", "screening:export"},
    "physician": {"screening:read", "screening:write", "screening:export", "screening:confirm"},
    "author": {"protocol:draft"},
    "administrator": {"account:manage", "key:manage"},
    "auditor": {"audit:read"},
    "key": {"screening:read", "screening:write"},
}
ACTORS = [("anonymous", ""), ("coordinator", "A"), ("coordinator", "B"), ("physician", "A"), ("author", ""),
          ("administrator", ""), ("auditor", ""), ("key", "A"), ("key", "B")]  # fmt: skip
NOT_THERE = "0" * 12
DOCS = Path(__file__).parents[2] / "docs"


@dataclass
class Two:
    """The application with two sites, A and B, and everybody; each screening's code begins with its site's name."""

    database: Database
    client: Client
    site_ids: dict[str, int]
    number: int = 0

    def __post_init__(self) -> None:
        self.references: dict[str, set[str]] = {"A": set(), "B": set()}
        self.notes: dict[str, int] = {}
        self.people: dict[tuple[str, str], Person] = {}
        for role, site in ACTORS:
            if role not in ("anonymous", "key"):
                grant: Any = (role, self.site_ids.get(site))
                self.people[role, site] = hire(self.database, f"{role}{site}".lower(), grant, at=NOW)
        self.people["coordinator", "victim"] = hire(
            self.database, "victim", ("coordinator", self.site_ids["B"]), at=NOW
        )
        self.keys: dict[str, Program] = {
            site: give_key(self.database, site_id, at=NOW) for site, site_id in self.site_ids.items()
        }
        self.spare_key = give_key(self.database, self.site_ids["B"], at=NOW)
        with self.database.read() as session:
            self.number_of = {
                name: str(session.get_one(SiteRow, site_id).number) for name, site_id in self.site_ids.items()
            }
        self.objects = {site: self.screening(site) for site in self.site_ids}
        for _ in range(2):  # more of each, for the lists
            for site in self.site_ids:
                self.screening(site)

    def screening(self, site: str) -> str:
        """A new screening of a site, with an answer and a note; gives its reference."""
        self.number += 1
        who = self.people["coordinator", site]
        reference = begin(self.database, who, self.site_ids[site], f"SITE{site}-{self.number:04}", NOW)
        published = self.client.app.state.parts.library.current("NCT05086315")
        with self.database.write() as session:
            found = screenings.screening(session, reference=reference, sites=None)
            come_to = outcome(published, participant_of(published, found, {"qtcf_ms": 482}))
            actions.answer_screening(
                session, screening=found, answers={"qtcf_ms": 482}, outcome=come_to, at=NOW, who=who.principal,
                source="typed",
            )  # fmt: skip
            note = actions.add_note(session, screening=found, text="Asked", at=NOW, who=who.principal)
            self.notes[reference] = note.id
        self.references[site].add(reference)
        return reference

    def check(self) -> str:
        return self.client.request("POST", "/checks", headers=FORM, content=b"").headers["location"].rpartition("/")[2]

    def headers(self, role: str, site: str) -> dict[str, str]:
        if role == "key":
            return self.keys[site].headers
        return self.people[role, site].headers if (role, site) in self.people else {}

    def renew(self, role: str, site: str) -> None:
        """A new session, where the one before may have been ended."""
        if (role, site) in self.people:
            principal = self.people[role, site].principal
            assert principal.account_id is not None
            with self.database.write() as session:
                account = accounts.account(session, principal.account_id)
                token = actions.begin_login(session, account=account, at=NOW, hours=12, proved_at=NOW)
            self.people[role, site] = Person(principal, {"login": token})

    def address(self, path: str, reference: str) -> str:
        """A path with its parts filled in, by their names."""
        victim = self.people["coordinator", "victim"].principal.account_id
        parts: dict[str, Any] = {"reference": reference, "nct_id": "NCT05086315", "keys": "sex", "version": 1,
                                 "note_id": self.notes.get(reference, 1), "account_id": victim,
                                 "key_id": self.spare_key.key_id, "seq": 1}  # fmt: skip
        parts["token"] = self.check() if path.startswith("/checks/") else "a-token-that-nobody-was-given"
        names = re.findall(r"{(\w+)(?::\w+)?}", path)
        assert set(names) <= parts.keys(), f"say how the parts of {path} are filled in"
        return re.sub(r"{(\w+)(?::\w+)?}", lambda found: str(parts[found[1]]), path)

    def send(self, method: str, address: str, role: str, site: str) -> httpx.Response:
        """A request without content, or with next to nothing."""
        if method not in SAFE:
            with self.database.write() as session:
                session.execute(delete(LoginFailure))  # which would hold up whoever tries next
        is_json = address.startswith("/api/")
        headers = {**self.headers(role, site), **(JSON if is_json else FORM), "if-match": "*"}
        content = None if method in SAFE else b"{}" if is_json else b"version=1"
        return self.client.request(method, address, headers=headers, content=content)


FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def two(loaded_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    path = tmp_path_factory.mktemp("two") / "prescreen.sqlite3"
    path.write_bytes(loaded_template.read_bytes())
    url = URL.create("sqlite", database=str(path))
    given = settings(url, rate_limit="off")
    database = Database(url, secret(given, "audit"))
    client = Client(create_app(given, now=lambda: NOW))
    a, b, *_ = site_ids(database)
    yield Two(database, client, {"A": a, "B": b})
    client.close()
    database.close()


# WHAT IS DECLARED


def test_P25_every_route_is_declared_and_says_the_same_itself(two: Two) -> None:
    wrong = []
    for method, path, route in routes(two.client.app):
        entry = DECLARED.get(f"{method} {path}")
        said = [_said(policy) for policy in policies(route)]
        if entry is None:
            wrong.append(f"{method} {path} is not declared; it says {said}")
        elif ("signed in" if entry.also else entry.needs, entry.by) not in said:
            wrong.append(f"{method} {path}: declared {entry.needs}, says {said}")
    assert wrong == []


def _said(policy: object) -> tuple[str, str]:
    if isinstance(policy, Public):
        return "public", "person"
    assert isinstance(policy, Need)
    return policy.permission or "signed in", "program" if policy.programs else "person"


# THE MATRIX


def expected(entry: Entry, role: str, site: str, about: str) -> str:
    """What somebody should meet at a route that is about a screening of a site (or about none)."""
    if entry.needs == "public":
        return "in"
    is_known = role == "key" if entry.by == "program" else role not in ("key", "anonymous")
    if not is_known:
        return "sign in"
    if entry.also in MAY[role]:
        return "in"
    if entry.needs != "signed in" and entry.needs not in MAY[role]:
        return "403"
    return "in" if about in ("", site) else "404"


def met(entry: Entry, response: httpx.Response) -> str:
    """What somebody met."""
    status, place = response.status_code, response.headers.get("location", "")
    if status == 401 or (status == 303 and re.match(r"/login($|\?)", place) and entry.needs != "public"):
        return "sign in"
    if status in entry.always:
        return "in"
    return str(status) if status in (403, 404) or status >= 500 else "in"


def cells(two: Two) -> Iterator[tuple[str, str, Entry, str]]:
    """Method, path, entry, and the site of what it is about; where it is about none, once."""
    for method, path, _ in routes(two.client.app):
        entry = DECLARED.get(f"{method} {path}")
        if entry is not None:
            for about in ("A", "B") if "{reference}" in path else ("",):
                yield method, path, entry, about


def test_P25_everybody_at_every_route_about_either_site(two: Two) -> None:
    """0 wrong statuses, 0 leaks."""
    wrong, leaks, number = [], [], 0
    for method, path, entry, about in cells(two):
        for role, site in ACTORS:
            reference = two.objects.get(about, NOT_THERE)
            response = two.send(method, two.address(path, reference), role, site)
            number += 1
            case = f"{method} {path} about {about or 'none'} by {role} {site}"
            want, got = expected(entry, role, site, about), met(entry, response)
            if want != got:
                wrong.append(f"{case}: {response.status_code}, not {want}")
            if role != "auditor":  # who reads the trail of all sites
                leaks += [f"{case}: {found}" for found in leaked(two, response, site, sent=reference)]
            if method not in SAFE and got == "in":
                two.renew(role, site)
                two.objects |= {about: two.screening(about)} if about else {}
    assert wrong == [], "\n".join(wrong)
    assert leaks == []
    promised = yaml.safe_load((DOCS / "promises.yaml").read_text("utf-8"))[25]["figure"]
    assert promised == f"{len(list(routes(two.client.app)))} routes, {number} requests, 0 wrong, 0 leaks"


def test_P25_a_list_that_is_asked_for_another_site_shows_nothing_of_it(two: Two) -> None:
    """However the site is named: by its number or its id, in the way of any page."""
    wrong, leaks = [], []
    for method, path, entry, about in cells(two):
        for role, site in ACTORS:
            if method == "GET" and not about and entry.needs.startswith("screening:") and site:
                for name in (two.number_of["A"], two.site_ids["A"]):
                    response = two.send(method, f"{two.address(path, NOT_THERE)}?site={name}&q=SITEA", role, site)
                    case = f"{path}?site={name} by {role} {site}"
                    leaks += [f"{case}: {found}" for found in leaked(two, response, site, sent=NOT_THERE)]
                    own = site == "A" and name == two.number_of["A"]
                    if response.status_code >= 500 or (own and expected(entry, role, site, "") != met(entry, response)):
                        wrong.append(f"{case}: {response.status_code}")
    assert wrong == [], "\n".join(wrong)
    assert leaks == []


def leaked(two: Two, response: httpx.Response, site: str, sent: str) -> list[str]:
    """What of the other sites an answer holds: subject codes and references, but the one that was asked for."""
    said = response.content + repr(response.headers.raw).encode()
    others = [name for name in two.site_ids if name != site]
    codes = [code for name in others for code in re.findall(rb"SITE" + name.encode() + rb"-\d{4}", said)]
    secrets = [one for name in others for one in two.references[name] - {sent} if one.encode() in said]
    return [code.decode() for code in codes] + secrets


def test_the_matrix_would_see_a_leak(two: Two) -> None:
    """The same look finds a site's own screenings in its own answers."""
    for role, path in (("key", "/api/v1/screenings"), ("coordinator", f"/screenings/{two.objects['A']}")):
        response = two.send("GET", path, role, "A")
        assert leaked(two, response, "B", sent=NOT_THERE)
        assert not leaked(two, response, "A", sent=NOT_THERE)


# ANOTHER SITE'S OBJECT


def test_P26_another_sites_screening_is_answered_like_one_that_is_not_there(two: Two) -> None:
    """The same status, headers and body, the address apart, at every route that names a screening."""
    compared = 0
    for method, path, entry, about in cells(two):
        for role, site in ACTORS:
            if expected(entry, role, site, about) == "404":
                there = two.send(method, two.address(path, two.objects[about]), role, site)
                nothing = two.send(method, two.address(path, NOT_THERE), role, site)
                assert there.status_code == nothing.status_code == 404, f"{method} {path}"
                same = there.content.replace(two.objects[about].encode(), NOT_THERE.encode()) == nothing.content
                assert same, f"{method} {path} by {role}"
                names = [[name for name, _ in answer.headers.items()] for answer in (there, nothing)]
                assert names[0] == names[1]
                compared += 1
    assert compared >= 6


def test_P26_and_takes_as_long(two: Two) -> None:
    """Medians of requests by turns: neither takes half as long again as the other."""
    path = "/api/v1/screenings/{}"
    for _ in range(3):
        took: dict[str, list[float]] = {two.objects["A"]: [], NOT_THERE: []}
        for number in range(160):
            for reference in sorted(took, reverse=number % 2 == 0):
                begun = time.perf_counter()
                response = two.send("GET", path.format(reference), "key", "B")
                took[reference].append(time.perf_counter() - begun)
                assert response.status_code == 404
        medians = [statistics.median(times) for times in took.values()]
        ratio = max(medians) / min(medians)
        if ratio < 1.25:
            break
    assert ratio < 1.5, f"medians {medians}"
