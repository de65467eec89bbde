"""Requests that nobody should send, to a real server: what it must do with them is answer.

    python -m tests.long.hostile --requests 1000000

Each request is made by a grammar: a method and an address of a route that the application has (or of none), with
parts put in, headers, and a body that is valid, changed somewhere, cut, oversized or nonsense. Some are no HTTP at all.
Counted are answers of 5xx, connections that the server closed although the request was whole and asked for nothing of
the kind, requests without any answer, and how the memory of the server grows after a warm-up. Any 5xx, any such
connection, or growth of 20 % or more ends with status 1. The same seed makes the same requests, but for what they know
from inside: whoever a request signs out is signed in again, and a check that one deletes is begun anew.
"""

import argparse
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

from fastapi.routing import iter_route_contexts
from sqlalchemy import select
from starlette.routing import Mount

from app import actions
from app.main import clock, create_app
from app.settings import Settings, secret
from app.store import accounts
from app.store.db import Database
from app.store.models import Login, Screening
from app.store.queries import token_hash
from tests.web.people import begin, give_key, hire, site_ids

ROOT = Path(__file__).parents[2]
KEY = "5a" * 32
CASES = json.loads((ROOT / "tests" / "cases" / "nct05086315.json").read_text())
WARM_UP = 20_000  # requests, or half of them: passwords are hashed in much memory, which then stays
GROWTH = 0.2
RENEWED_EVERY = 0.5  # seconds
TIMEOUT = 60
METHODS = ["GET", "GET", "GET", "POST", "POST", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
TYPES = [
    b"application/json",
    b"application/json; charset=utf-8",
    b"application/x-www-form-urlencoded",
    b"application/x-ndjson",
    b"multipart/form-data; boundary=x",
    b"text/plain",
    b"application/xml",
    b"",
    b"/",
    b"application/json\t;;;=",
]
TEXTS = [
    "",
    " ",
    "0",
    "-1",
    "1",
    "null",
    "true",
    "NaN",
    "Infinity",
    "1e999",
    "-0",
    "0x10",
    "1_000",
    "٣",
    "½",
    "9" * 30,
    "9" * 5000,
    "2147483648",
    "9223372036854775808",
    "x" * 1000,
    "../../etc/passwd",
    "..%2f..%2f",
    "a\x00b",
    "\ufeff",
    "\u202e",
    "\u2028",
    "é",
    "e\u0301",
    "ﬀ",
    "İ",
    "ß",
    "\U0001d7d9",
    "\U0001f469\u200d\U0001f52c",
    "\ud800",
    "' OR 1=1 --",
    '"; DROP TABLE event; --',
    "<script>alert(1)</script>",
    "{{7*7}}",
    "${jndi:ldap://x/y}",
    "%s%n%x",
    "=1+1",
    "$(id)",
    "`id`",
    "|id",
    "\r\nSet-Cookie: a=b",
    "2026-02-30",
    "0000-00-00",
    "9999-12-31",
    "2026-13",
    "--",
    "NCT05086315",
    "NCT00000000",
    "verdict",
    "all_reasons",
    "quickest",
    "section",
    "likely_eligible",
    "country",
    "javascript:alert(1)",
    "//evil.example",
    "https://evil.example/",
    "\\\\evil",
    "constructor",
    "__proto__",
]
RAW = [
    b"GET\r\n\r\n",
    b"\r\n\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n",
    b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"BREW / HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    b"CONNECT x:1 HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(3000)) + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    os.fsencode("GET /\udcff\udcfe HTTP/1.1\r\nHost: x\r\n\r\n"),
]


@dataclass(frozen=True)
class Sent:
    """A request as it goes over the wire. `is_whole`: the server has no ground to close the connection."""

    content: bytes
    is_whole: bool
    is_head: bool = False


@dataclass
class Counts:
    """What came of the requests."""

    answers: Counter[int] = field(default_factory=Counter)
    dropped: int = 0
    faults: list[bytes] = field(default_factory=list)
    raw: int = 0

    def __iadd__(self, other: "Counts") -> "Counts":
        self.answers += other.answers
        self.dropped += other.dropped
        self.faults += other.faults
        self.raw += other.raw
        return self

    @property
    def server_errors(self) -> int:
        return sum(number for status, number in self.answers.items() if status >= 500)


def addresses() -> list[tuple[str, list[str]]]:
    """The templates of all routes that the application has, with their methods, found from the application itself."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {"PRESCREEN_DATABASE_URL": f"sqlite:///{folder}/x.sqlite3", "PRESCREEN_KEY": KEY}
        app = create_app(Settings.from_environment(environ))
        contexts = list(iter_route_contexts(app.routes))
        app.state.parts.database.close()
    found = [(f"{one.path}/{{path}}" if isinstance(one.route, Mount) else one.path, one.methods) for one in contexts]
    return sorted((path, sorted(methods or ["GET"])) for path, methods in found if path is not None)


@dataclass(frozen=True)
class Known:
    """What somebody inside knows: checks, screenings, open sessions with their accounts, keys of the API."""

    checks: list[str]
    screenings: list[str]
    sessions: list[str]
    accounts: list[int]
    keys: list[str]

    def renew(self, port: int, database: Database) -> None:
        """Sign in again whoever was signed out, and begin checks anew that were deleted: requests do that, too."""
        at = clock()
        with database.read() as session:
            hashes = [token_hash(token) for token in self.sessions]
            open_ = set(
                session.scalars(select(Login.token_hash).where(Login.token_hash.in_(hashes), Login.ended_at.is_(None)))
            )
            hashed = [token_hash(token) for token in self.checks]
            there = set(session.scalars(select(Screening.token_hash).where(Screening.token_hash.in_(hashed))))
        for number in [n for n, each in enumerate(hashes) if each not in open_]:
            with database.write() as session:
                account = accounts.account(session, self.accounts[number])
                if account.disabled_at is not None:
                    actions.enable_account(session, account=account, at=at, actor="test")
                self.sessions[number] = actions.begin_login(session, account=account, at=at, hours=12, proved_at=at)
        for number in [n for n, each in enumerate(hashed) if each not in there]:
            self.checks[number] = begun(port, 1)[0]


class Grammar:
    """Makes requests, the same ones for the same seed and what is known."""

    def __init__(self, seed: int, paths: list[tuple[str, list[str]]], known: Known) -> None:
        self.random = random.Random(seed)
        self.paths = paths
        self.known = known

    def request(self) -> Sent:
        """The next one."""
        chance = self.random
        if chance.random() < 0.02:
            return Sent(chance.choice(RAW), is_whole=False)
        path, methods = chance.choice(self.paths) if chance.random() < 0.95 else (f"/{self.text()}", METHODS)
        method = chance.choice(methods if chance.random() < 0.9 else METHODS)
        target = self.target(path)
        body, type_ = self.body(path) if method in ("POST", "PUT", "PATCH", "DELETE") else (b"", b"")
        headers = [b"Host: " + (b"localhost" if chance.random() < 0.9 else self.header_text())]
        if body or method == "POST":
            headers.append(b"Content-Type: " + type_)
        headers += self.headers()
        is_whole = True
        if body and chance.random() < 0.15:
            headers.append(b"Transfer-Encoding: chunked")
            body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in self.cut(body)) + b"0\r\n\r\n"
        elif body or method == "POST":
            announced = len(body)
            if chance.random() < 0.01:
                announced += chance.randint(1, 1000)  # what is announced never comes
                is_whole = False
            headers.append(b"Content-Length: %d" % announced)
        content = b"%b %b HTTP/1.1\r\n%b\r\n\r\n" % (method.encode(), target, b"\r\n".join(headers))
        return Sent(content + body, is_whole, is_head=method == "HEAD")

    def target(self, path: str) -> bytes:
        chance = self.random
        filled = re.sub(r"\{[^}]*\}", lambda part: self.part(part[0]), path)
        target = self.quoted(filled, safe="/,")
        if chance.random() < 0.05:
            target += chance.choice([b"/", b"//", b"/.", b"%2f", b";x", b"%00"])
        if chance.random() < 0.4:
            pairs = [self.pair() for _ in range(chance.choice([1, 1, 2, 5, 300]))]
            target += b"?" + b"&".join(pairs)
        return target[:16_000] or b"/"

    def part(self, name: str) -> str:
        chance = self.random.random()
        if "nct" in name and chance < 0.7:
            return "NCT05086315"
        if "token" in name and chance < 0.5:
            return self.random.choice(self.known.checks)
        if "reference" in name and chance < 0.7:
            return self.random.choice(self.known.screenings)
        if "_id" in name and chance < 0.5:
            return str(self.random.randint(0, 5))
        if "keys" in name and chance < 0.7:
            return self.random.choice(QUESTIONS)
        return self.text()

    def pair(self) -> bytes:
        name = self.random.choice(["goal", "order", "from", "version", "to", "page", "q", "after", self.text()])
        return self.quoted(name) + self.random.choice([b"=", b"", b"=="]) + self.quoted(self.text())

    def quoted(self, text: str, safe: str = "") -> bytes:
        raw = text.encode("utf-8", "surrogatepass")
        if self.random.random() < 0.02:
            raw += b"\xff\xc0\x80"
        quoted = quote_from_bytes(raw, safe=safe)
        return quoted.encode() if self.random.random() < 0.97 else quoted.encode().replace(b"%", b"%%", 1)

    def text(self) -> str:
        chance = self.random.random()
        if chance < 0.7:
            return self.random.choice(TEXTS)
        if chance < 0.9:
            return "".join(chr(self.random.randint(32, 0x2FF)) for _ in range(self.random.randint(0, 40)))
        return self.random.choice(TEXTS) + self.random.choice(TEXTS)

    def header_text(self) -> bytes:
        text = self.text().encode("utf-8", "surrogatepass")
        return re.sub(rb"[\x00-\x1f\x7f]", b"", text)[:4000].strip()

    def headers(self) -> list[bytes]:
        chance = self.random
        names = [
            b"Origin", b"Sec-Fetch-Site", b"Cookie", b"Accept-Language", b"If-Match", b"If-None-Match", b"Range",
            b"Idempotency-Key", b"Authorization", b"X-Request-ID", b"X-Forwarded-For", b"X-Forwarded-Proto", b"Accept",
            b"If-Modified-Since", b"Content-Encoding", b"HX-Request", b"Forwarded",
        ]  # fmt: skip
        made = []
        inside = chance.random()
        if inside < 0.35:
            made.append(b"Cookie: login=" + chance.choice(self.known.sessions).encode())
        elif inside < 0.5:
            made.append(b"Authorization: " + chance.choice(self.known.keys).encode())
        for _ in range(chance.choice([0, 0, 1, 2, 6])):
            value = self.header_text()
            name = chance.choice(names)
            if name == b"Cookie":
                value = chance.choice([b"lang=", b"login=", b"__Host-login=", b""]) + value
            if name == b"Authorization":
                value = chance.choice([b"Bearer ", b"Basic ", b""]) + value
            made.append(name + b": " + value)
        return made

    def cut(self, body: bytes) -> Iterator[bytes]:
        step = self.random.choice([1_000_000, 64, 4096]) if len(body) < 20_000 else 50_000
        for start in range(0, len(body), step):
            yield body[start : start + step]

    def body(self, path: str) -> tuple[bytes, bytes]:
        """A body and its type."""
        chance = self.random
        is_api = path.startswith("/api")
        type_ = (b"application/json" if is_api else TYPES[2]) if chance.random() < 0.85 else chance.choice(TYPES)
        if path.endswith("batch"):
            type_ = b"application/x-ndjson" if chance.random() < 0.9 else type_
            lines = [json.dumps(self.case()).encode() for _ in range(chance.randint(0, 3))]
            body = b"\n".join([*lines, json.dumps(self.changed(self.case())).encode("utf-8", "surrogatepass")])
        elif is_api:
            plain = self.case() if chance.random() < 0.3 else self.changed(self.case())
            body = json.dumps(plain).encode("utf-8", "surrogatepass")
        else:
            names = [
                *QUESTIONS,
                *(f"{key}-{part}" for key in QUESTIONS[:5] for part in ("day", "year", "not_known")),
                "version",
                "order",
                "to",
                "language",
                "login",
                "password",
                "code",
                "subject_code",
                "text",
                "calculate",
            ]
            number = chance.choice([0, 1, 3, 10, 500])
            body = b"&".join(
                self.quoted(chance.choice([*names, self.text()])) + b"=" + self.quoted(self.text())
                for _ in range(number)
            )
        return self.spoilt(body), type_

    def spoilt(self, body: bytes) -> bytes:
        chance = self.random
        kind = chance.random()
        if kind < 0.75 or not body:
            return body
        if kind < 0.82:
            return body[: chance.randrange(len(body))]
        if kind < 0.92:
            at = chance.randrange(len(body))
            return body[:at] + bytes(chance.randrange(256) for _ in range(chance.randint(1, 8))) + body[at:]
        if kind < 0.94:
            return body + b" " * 70_000
        if kind < 0.96:
            return b"[" * chance.choice([10, 500, 50_000])
        if kind < 0.98:
            return b'{"answers":{"weight_kg":' + chance.choice([b"NaN", b"1e999", b"-Infinity", b"9" * 5000]) + b"}}"
        return bytes(chance.randrange(256) for _ in range(chance.randint(0, 300)))

    def case(self) -> dict[str, Any]:
        case = self.random.choice(CASES)
        keys = ("answers", "as_of", "consent_date", "first_dose_date", "readings")
        return {key: case[key] for key in keys if key in case}

    def changed(self, plain: Any) -> Any:
        """The same plain data with something else somewhere in it."""
        if self.random.random() < 0.15 or not isinstance(plain, dict | list) or not plain:
            return self.value()
        if isinstance(plain, list):
            at = self.random.randrange(len(plain))
            return [self.changed(one) if n == at else one for n, one in enumerate(plain)]
        at = self.random.choice(list(plain))
        if self.random.random() < 0.1:
            return {**plain, self.text(): self.value()}
        return {key: self.changed(value) if key == at else value for key, value in plain.items()}

    def value(self) -> Any:
        chance = self.random
        return chance.choice(
            [None, True, False, 0, -1, 2**31, 2**63, 10**40, 1.5, 1e308, -0.0, [], {}, [[]], {"a": {"b": []}},
             self.text(), self.text(), self.text(), [self.text()] * 3, {self.text(): self.text()}, "x" * 70_000]
        )  # fmt: skip


QUESTIONS = ["country", "sex", "diagnosis", "birth_date", "age_years", "ecog", "weight_kg", "qtcf_ms", "hiv"]


class Attacker:
    """One keep-alive connection after another."""

    def __init__(self, port: int, grammar: Grammar) -> None:
        self.port = port
        self.grammar = grammar
        self.counts = Counts()
        self._connection: socket.socket | None = None
        self._left = b""

    def run(self, requests: int, stop: threading.Event) -> None:
        """Send so many requests."""
        for _ in range(requests):
            if stop.is_set():
                break
            self.exchange(self.grammar.request())
        self.close()

    def exchange(self, sent: Sent) -> None:
        """Send one request and read its answer; a whole one must get one."""
        if self._connection is None:
            self._connection = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT)
            self._left = b""
        try:
            with suppress(ConnectionError):  # an answer that came early can be read all the same
                self._connection.sendall(sent.content)
            if not sent.is_whole:
                self._connection.shutdown(socket.SHUT_WR)
            status, closes = self._answer(sent.is_head)
        except (OSError, ValueError):
            status, closes = 0, True
        if sent.is_whole and not status:
            self.counts.dropped += 1
            self.counts.faults.append(sent.content[:500])
        if status >= 500:
            self.counts.faults.append(b"%d " % status + sent.content[:500])
        self.counts.raw += not sent.is_whole
        self.counts.answers[status] += 1
        if closes or not sent.is_whole:
            self.close()

    def _answer(self, is_head: bool) -> tuple[int, bool]:
        head = self._until(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        status = int(first.split()[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        if not is_head and status not in (204, 304):
            if headers.get(b"transfer-encoding") == b"chunked":
                while size := int(self._until(b"\r\n"), 16):
                    self._exactly(size + 2)
                self._exactly(2)
            else:
                self._exactly(int(headers.get(b"content-length", b"0")))
        return status, headers.get(b"connection", b"").lower() == b"close"

    def _until(self, end: bytes) -> bytes:
        while end not in self._left:
            self._receive()
        found, _, self._left = self._left.partition(end)
        return found

    def _exactly(self, size: int) -> None:
        while len(self._left) < size:
            self._receive()
        self._left = self._left[size:]

    def _receive(self) -> None:
        assert self._connection is not None
        chunk = self._connection.recv(262_144)
        if not chunk:
            raise ConnectionResetError
        self._left += chunk

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def server(environ: dict[str, str]) -> Iterator[tuple[int, int, Database]]:
    """`python -m app serve` on a new database: its port, its process, its database. No limits stand in the way."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        env = {
            **os.environ,
            "PRESCREEN_DATABASE_URL": f"sqlite:///{folder}/hostile.sqlite3",
            "PRESCREEN_KEY": KEY,
            "PRESCREEN_RATE_LIMIT": "off",
            "PRESCREEN_IDLE_MINUTES": "1440",
            **environ,
        }
        settings = Settings.from_environment(env)
        database = Database(settings.database_url, secret(settings, "audit"))
        with open(Path(folder) / "log", "w") as log:
            command = [sys.executable, "-m", "app", "serve", "--port", "0"]
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
            try:
                assert process.stdout is not None
                found = re.search(r":(\d+)$", process.stdout.readline())
                assert found is not None, Path(log.name).read_text()
                yield int(found[1]), process.pid, database
            finally:
                database.close()
                process.terminate()
                process.communicate(timeout=30)


def memory(pid: int) -> int:
    """The bytes of memory that a process holds."""
    resident = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(resident) * os.sysconf("SC_PAGE_SIZE")


def inside(port: int, database: Database) -> Known:
    """Checks, screenings, sessions and keys that are there: what is behind the door is to be met as well."""
    at, sessions, people, screenings = clock(), [], [], []
    here, there, *_ = site_ids(database)
    for number in range(40):
        grants = [("coordinator", here), ("physician", here)] if number % 4 else [("administrator", None)]
        who = hire(database, f"person-{number}", *grants, ("auditor", None), at=at)  # type: ignore[arg-type]
        sessions.append(who.cookies["login"])
        people.append(who.principal.account_id or 0)
        if number % 4:
            screenings.append(begin(database, who, here, f"H-{number}", at))
    keys = [
        give_key(database, site, at=at, until=at + timedelta(days=90)).headers["authorization"]
        for site in (here, here, there)
    ]
    return Known(begun(port, 20), screenings, sessions, people, keys)


def begun(port: int, number: int) -> list[str]:
    """The tokens of new checks."""
    tokens = []
    for _ in range(number):
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection:
            connection.sendall(
                b"POST /checks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n"
            )
            found = re.search(rb"location: /checks/([^/\r]+)", connection.recv(65_536))
            assert found is not None
            tokens.append(found[1].decode())
    return tokens


@contextmanager
def renewing(known: Known, port: int, database: Database) -> Iterator[None]:
    """Renew what is known, beside the block; what goes wrong there goes wrong in the end."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEWED_EVERY):
            known.renew(port, database)

    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(renew)
        try:
            yield
        finally:
            over.set()
        beside.result()


@dataclass(frozen=True)
class Report:
    """The figures of a run."""

    counts: Counts
    seconds: float
    before: int
    after: int

    @property
    def growth(self) -> float:
        return self.after / self.before - 1

    @property
    def is_good(self) -> bool:
        return not self.counts.server_errors and not self.counts.dropped and self.growth < GROWTH

    def __str__(self) -> str:
        total, mib = self.counts.answers.total(), 1024 * 1024
        classes = Counter(f"{status // 100}xx" if status else "none" for status in self.counts.answers.elements())
        said = ", ".join(f"{number:,} {name}" for name, number in sorted(classes.items()))
        return (
            f"{total:,} requests in {self.seconds:,.0f} s ({total / self.seconds:,.0f} a second): {said}.\n"
            f"Answers of 5xx: {self.counts.server_errors}. Connections dropped: {self.counts.dropped}"
            f" (beside {self.counts.raw:,} requests that were no whole HTTP).\n"
            f"Memory of the server after the warm-up {self.before / mib:.0f} MiB, at the end {self.after / mib:.0f} MiB"
            f" ({self.growth:+.1%})."
        )


def attack(
    requests: int,
    connections: int,
    seed: int,
    say: Callable[[str], None] = lambda _: None,
    minutes: float = 0,
    **environ: str,
) -> Report:
    """Send the requests over several connections at once; no more of them after so many minutes."""
    paths = addresses()
    began = time.monotonic()
    stop = threading.Event()
    with server(environ) as (port, pid, database):
        known = inside(port, database)
        attackers = [Attacker(port, Grammar(seed + n, paths, known)) for n in range(connections)]

        def send(share: int) -> None:
            threads = [threading.Thread(target=one.run, args=(share, stop)) for one in attackers]
            for thread in threads:
                thread.start()
            try:
                for thread in threads:
                    thread.join()
            except KeyboardInterrupt:
                stop.set()

        alarm = threading.Timer(minutes * 60 or threading.TIMEOUT_MAX, stop.set)
        alarm.daemon = True
        alarm.start()
        with renewing(known, port, database):
            warm = max(min(WARM_UP, requests // 2) // connections, 1)
            send(warm)
            before = memory(pid)
            left = requests // connections - warm
            while left and not stop.is_set():
                share = min(left, 1_000)
                send(share)
                left -= share
                sent = sum(one.counts.answers.total() for one in attackers)
                say(f"{sent:,} sent after {time.monotonic() - began:,.0f} s, {memory(pid) / 2**20:.0f} MiB")
        alarm.cancel()
        after = memory(pid)
    counts = Counts()
    for one in attackers:
        counts += one.counts
    return Report(counts, time.monotonic() - began, before, after)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=0, help="stop after so long")
    options = parser.parse_args()
    report = attack(
        options.requests,
        options.connections,
        options.seed,
        lambda line: print(line, flush=True),
        options.minutes,
    )
    print(report)
    for fault in report.counts.faults[:20]:
        print(fault)
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
