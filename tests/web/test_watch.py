"""What is logged and counted of requests: one line each, by the route's template, and figures for monitoring."""

import json
import logging
import re
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep

import httpx
import pytest
from people import begin, hire, site_ids
from prometheus_client.parser import text_string_to_metric_families
from serving import EVALUATE, NOW, Client, serving, settings
from sqlalchemy import func, select
from sqlalchemy.engine import URL

from app import actions, logs
from app.main import clock, create_app
from app.settings import secret
from app.store.db import Database
from app.store.models import Screening
from app.web.watch import REQUEST_ID

TOKEN = "a-token-for-the-figures"
SAID = ["time", "level", "logger", "message", "request", "route", "method", "status", "ms"]


def lines_of(log: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.splitlines()]


@pytest.fixture
def file(loaded_template: Path, tmp_path: Path) -> URL:
    path = tmp_path / "served.sqlite3"
    path.write_bytes(loaded_template.read_bytes())
    return URL.create("sqlite", database=str(path))


def test_each_request_is_a_line_of_json(file: URL) -> None:
    given = "0af7651916cd43dd8448eb211c80319c"
    with serving(file, log_level="info") as live:
        client = httpx.Client(base_url=live.url)
        ours = client.get("/healthz", headers={"x-request-id": given})
        client.post(EVALUATE, json={"answers": {"ecog": 1}})
        client.get("/checks/a-token-that-is-none/result")
        client.get("/nothing-like-this")
        client.request("HEAD", "/trials/NCT05086315/rules")
        client.get("/static/app.css")
        client.post("/checks", headers={"origin": "https://evil.example"})
        client.close()
        live.stop()
        lines = [line for line in lines_of(live.log) if line["logger"] == "prescreen.access"]
    assert [list(line) for line in lines] == [SAID] * 7
    told = [(line["method"], line["route"], line["status"]) for line in lines]
    expected = [
        ("GET", "/healthz", 200),
        ("POST", "/api/v1/trials/{nct_id}/evaluate", 200),
        ("GET", "/checks/{token}/result", 404),
        ("GET", "other", 404),
        ("HEAD", "/trials/{nct_id}/rules", 200),
        ("GET", "/static", 200),
        ("POST", "/checks", 403),
    ]
    assert sorted(told) == sorted(expected)  # a line is due when the answer has ended, which the client may not await
    [first] = [line for line in lines if line["route"] == "/healthz"]
    assert first["request"] == ours.headers["x-request-id"] == given
    assert all(re.fullmatch(r"[0-9]{4}-[0-9-]{5}T[0-9:]{8}\.[0-9]{3}\+00:00", str(line["time"])) for line in lines)
    assert len({line["request"] for line in lines}) == 7


@pytest.mark.parametrize(
    "given",
    ["Jane Roe", "jane-roe-1980-02-29", "0" * 31, "0" * 33, "A" * 32, "", "4bf92f35-77b3-4da6-a3ce-929d0e0e47361"],
)
def test_a_number_that_may_be_a_text_is_replaced(api: Client, given: str) -> None:
    answered = api.get("/healthz", headers={"x-request-id": given}).headers["x-request-id"]
    assert answered != given
    assert REQUEST_ID.fullmatch(answered.encode())


def test_the_line_names_the_account_and_no_reference(file: URL) -> None:
    database = Database(file, b"")
    [site, *_] = site_ids(database)
    with serving(file, log_level="info") as live:
        ada = hire(database, "ada", ("coordinator", site), at=clock())
        reference = begin(database, ada, site, "DE01-0042", clock())
        httpx.get(f"{live.url}/screenings/{reference}/history", headers=ada.headers)
        httpx.get(f"{live.url}/nothing/{reference}", headers=ada.headers)
        live.stop()
        assert reference not in live.log
        assert "DE01" not in live.log
        assert ada.cookies["login"] not in live.log
    database.close()


def test_as_text_for_people(file: URL) -> None:
    with serving(file, log_level="info", log_format="text") as live:
        httpx.get(f"{live.url}/healthz")
        live.stop()
        [line] = [line for line in live.log.splitlines() if "prescreen.access" in line]
    assert re.search(r" INFO prescreen\.access answered request=\w{32} route=/healthz method=GET status=200 ms=", line)


# LINES


def record(name: str, message: str, *arguments: object, error: Exception | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord(name, logging.ERROR, __file__, 7, message, arguments, info)


INJECTED = ["\n{}", "\r\nERROR forged", "\x1b[2J", "\u2028", '"}\n{"level": "INFO"']


@pytest.mark.parametrize("text", INJECTED)
@pytest.mark.parametrize("shape", [logs.Json(), logs.Text()], ids=["json", "text"])
def test_no_text_ends_a_line(shape: logging.Formatter, text: str) -> None:
    line = shape.format(record("prescreen", "said %s", text))
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    if isinstance(shape, logs.Json):
        assert json.loads(line)["message"] == f"said {text}"


def test_P34_the_text_of_an_exception_is_never_logged() -> None:
    try:
        raise ValueError("weight_kg=73.5 Ms Example")
    except ValueError as error:
        ours = logs.Json().format(record("prescreen", "failed", error=error))
        theirs = logs.Json().format(record("asyncio", f"Task exception was never retrieved: {error!r}", error=error))
    for line in (ours, theirs):
        assert "73.5" not in line
        assert "Example" not in line
        assert "ValueError at test_watch.py:" in line
    assert "failed" in ours


# FIGURES


def test_figures_are_for_whoever_has_the_token(api: Client, file: URL) -> None:
    client = Client.of(file, metrics_token=TOKEN)
    right = {"authorization": f"Bearer {TOKEN}"}
    assert client.get("/metrics", headers=right).status_code == 200
    for wrong in ({}, {"authorization": "Bearer"}, {"authorization": f"Bearer {TOKEN}x"}, {"authorization": TOKEN}):
        assert client.get("/metrics", headers=wrong).status_code == 404
    assert client.get("/metrics", headers={"authorization": b"Bearer \xff"}).status_code == 404
    assert api.get("/metrics", headers=right).status_code == 404, "without a token there are none"
    assert api.get("/metrics", headers={"authorization": "Bearer "}).status_code == 404
    client.close()


def figures(client: Client) -> dict[tuple[str, tuple[str, ...]], float]:
    text = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_figures(file: URL) -> None:
    client = Client.of(file, metrics_token=TOKEN)
    for token in ("one", "two"):
        client.get(f"/checks/{token}/result")
    client.post(EVALUATE, {"answers": {}})
    client.request("BREW", "/coffee")
    found = figures(client)
    evaluate = "/api/v1/trials/{nct_id}/evaluate"
    assert found["prescreen_requests_total", ("GET", "/checks/{token}/result", "4xx")] == 2
    assert found["prescreen_requests_total", ("POST", evaluate, "2xx")] == 1
    assert found["prescreen_requests_total", ("other", "other", "4xx")] == 1
    assert found["prescreen_request_seconds_count", (evaluate,)] == 1
    assert found["prescreen_request_seconds_bucket", ("+Inf", evaluate)] == 1
    assert found["prescreen_requests_in_flight", ()] == 1
    assert found["prescreen_database_up", ()] == 1
    assert found["prescreen_database_connections_in_use", ()] >= 0
    assert found["prescreen_audit_last_event", ()] > 0
    assert ("prescreen_build_info", ()) in {(name, ()) for name, _ in found}
    assert not [labels for _, labels in found if {"one", "two", "/coffee", "BREW"} & set(labels)]
    client.close()


def test_figures_go_on_without_a_database(file: URL, tmp_path: Path) -> None:
    client = Client.of(URL.create("sqlite", database=str(tmp_path / "empty.sqlite3")), metrics_token=TOKEN)
    assert figures(client)["prescreen_database_up", ()] == 0
    client.close()


def test_figures_do_not_grow_with_addresses(file: URL) -> None:
    client = Client.of(file, metrics_token=TOKEN)
    for number in range(200):
        client.get(f"/checks/{number}/result?x={number}")
        client.get(f"/{number}")
    routes = {labels[1] for name, labels in figures(client) if name == "prescreen_requests_total"}
    assert routes == {"/checks/{token}/result", "other"}
    client.close()


# WHAT HAS EXPIRED


def test_a_running_server_purges_and_a_request_never_does(file: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.main.PURGE_SECONDS", 0.05)
    given = settings(file)
    app = create_app(given, now=lambda: NOW)
    database = Database(file, secret(given, "audit"))
    with database.write() as session:
        begun = actions.start_quick_check(
            session, nct_id="NCT05086315", at=NOW - timedelta(days=2), as_of=NOW.date(), hours=24, actor="test"
        )
    client = Client(app)
    assert client.get(f"/checks/{begun.token}/result").status_code == 404
    assert rows(database) == 1
    context = app.router.lifespan_context(app)
    client.run(context.__aenter__())
    deadline = monotonic() + 20
    while rows(database) and monotonic() < deadline:
        sleep(0.05)
    client.run(context.__aexit__(None, None, None))
    assert rows(database) == 0
    database.close()
    client.close()


def rows(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Screening)) or 0
