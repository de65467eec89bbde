"""Errors as answers: what each becomes for a person and for a program; a database that goes and comes back."""

import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from serving import EVALUATE, NEXT, NOW, PROBLEM, TRIAL_PATH, Client, load_built_in, settings
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from app import actions, errors
from app.main import create_app
from app.rules.codec import protocol_from_plain, protocol_to_plain
from app.store.db import Database
from app.trials import read_trial
from app.web.errors import STATUS

# EVERY ERROR HAS ONE ANSWER


@pytest.fixture
def raising(api: Client) -> Iterator[Client]:
    """An application with a route for each error, below /api and beside it."""
    app = create_app(settings(api.app.state.parts.settings.database_url))
    for kind in errors.PrescreenError.__subclasses__():
        made = kind([("weight_kg", "must be a number")]) if kind is errors.Invalid else kind("value 73.5")
        app.get(f"/api/{kind.__name__}")(failing(made))
        app.get(f"/{kind.__name__}")(failing(made))
    client = Client(app)
    yield client
    client.close()


def failing(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("kind", "status"),
    [("NotFound", 404), ("Conflict", 409), ("Invalid", 422), ("Unavailable", 503), ("Misconfigured", 500)],
)
def test_each_error(raising: Client, kind: str, status: int) -> None:
    for_programs, for_people = raising.get(f"/api/{kind}"), raising.get(f"/{kind}")
    assert for_programs.status_code == for_people.status_code == status
    assert for_programs.headers["content-type"] == PROBLEM
    plain = for_programs.json()
    assert (plain["type"], plain["status"]) == ("about:blank", status)
    assert plain["errors"] == ([{"fact": "weight_kg", "message": "must be a number"}] if kind == "Invalid" else [])
    assert for_people.headers["content-type"] == "text/html; charset=utf-8"
    for response in (for_programs, for_people):
        assert "73.5" not in response.text
        assert response.headers.get("retry-after") == ("5" if status == 503 else None)


def test_the_table_names_every_error() -> None:
    assert set(STATUS) == set(errors.PrescreenError.__subclasses__())


def test_pages_are_for_people_and_the_rest_for_programs(api: Client) -> None:
    for path in ("/nothing", "/apis", "/trials/NCT00000000/rules", "/checks/nothing/result", "/static/nothing"):
        response = api.get(path)
        assert response.status_code == 404
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert response.text.count("<h1") == 1


# A DATABASE THAT GOES AND COMES BACK


def check_unavailable(client: Client) -> None:
    for response in (client.get("/readyz"), client.get(TRIAL_PATH), client.post(EVALUATE, {"answers": {}})):
        assert response.status_code == 503
        assert response.headers["content-type"] == PROBLEM
        assert int(response.headers["retry-after"]) > 0
    assert client.get("/").status_code == 503
    assert client.get("/healthz").json() == {"status": "ok"}


def check_available(client: Client) -> None:
    ready = client.get("/readyz").json()
    assert ready["status"] == "ready"
    assert ready["protocol"]["version"] == 1
    for response in (client.get("/"), client.get(TRIAL_PATH), client.post(NEXT, {"answers": {}})):
        assert response.status_code == 200


def test_P7_postgresql_goes_and_comes_back(
    postgresql_server: URL, postgresql_url: URL, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("app.web.published.REFRESH_SECONDS", -1)
    load_built_in(postgresql_url)
    client = Client.of(postgresql_url)
    check_available(client)
    shut = f"ALTER DATABASE {postgresql_url.database} WITH ALLOW_CONNECTIONS"
    administer(postgresql_server, f"{shut} false")
    everybody = f"pg_stat_activity WHERE datname = '{postgresql_url.database}'"
    end = f"SELECT pg_terminate_backend(pid) FROM {everybody}"  # noqa: S608
    administer(postgresql_server, end)
    check_unavailable(client)
    administer(postgresql_server, f"{shut} true")
    check_available(client)
    administer(postgresql_server, end)  # a restart that nobody notices: dead connections are replaced
    check_available(client)
    client.close()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def administer(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize("instead", ["nothing", "a folder", "another file"])
def test_P7_sqlite_goes_and_comes_back(
    loaded_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instead: str
) -> None:
    monkeypatch.setattr("app.web.published.REFRESH_SECONDS", -1)
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    client = Client.of(URL.create("sqlite", database=str(home / "prescreen.sqlite3")))
    shutil.copyfile(loaded_template, home / "prescreen.sqlite3")
    home.rename(away)
    if instead != "nothing":
        home.mkdir()
    if instead == "a folder":
        (home / "prescreen.sqlite3").mkdir()
    elif instead == "another file":
        (home / "prescreen.sqlite3").write_bytes(b"This is no database. " * 1000)
    check_unavailable(client)
    shutil.rmtree(home, ignore_errors=True)
    away.rename(home)
    check_available(client)
    client.close()


def test_a_database_without_a_schema_is_not_ready(bare_database: Database, caplog: pytest.LogCaptureFixture) -> None:
    client = Client.of(bare_database.engine.url)
    check_unavailable(client)
    client.close()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_database_without_the_trial_is_not_ready(database: Database) -> None:
    client = Client.of(database.engine.url)
    assert client.get("/readyz").status_code == 503
    assert client.post(EVALUATE, {"answers": {}}).status_code == 404
    load_built_in(database.engine.url)
    check_available(client)
    client.close()


def test_a_sqlite_file_that_somebody_else_holds(
    loaded_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading goes on while somebody writes; beginning a check waits, says so, and works afterwards."""
    monkeypatch.setattr("app.store.db.BUSY_SECONDS", 0.1)
    shutil.copyfile(loaded_template, tmp_path / "held.sqlite3")
    url = URL.create("sqlite", database=str(tmp_path / "held.sqlite3"))
    client = Client.of(url)
    form = {"headers": {"content-type": "application/x-www-form-urlencoded"}}
    other = Database(url)
    with other.write() as session:
        session.execute(text("SELECT 1"))  # holds the write lock from here on
        check_available(client)
        waiting = client.request("POST", "/checks", **form)
        assert (waiting.status_code, waiting.headers["retry-after"]) == (503, "5")
    assert client.request("POST", "/checks", **form).status_code == 303
    other.close()
    client.close()


def test_a_new_version_is_in_force_without_a_restart(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.published.REFRESH_SECONDS", -1)
    load_built_in(database.engine.url)
    client = Client.of(database.engine.url)
    assert client.post(EVALUATE, {"answers": {}}).json()["protocol"]["version"] == 1
    trial, protocol = read_trial()
    plain = protocol_to_plain(protocol)
    plain["criteria"][0]["title"] = "Age, amended"
    with database.write() as session:
        at = NOW + timedelta(days=1)
        actions.publish_protocol(session, trial=trial, protocol=protocol_from_plain(plain), at=at, actor="test")
    after = client.post(EVALUATE, {"answers": {}}).json()
    assert (after["protocol"]["version"], after["criteria"][0]["title"]) == (2, "Age, amended")
    versions = client.get(TRIAL_PATH).json()["versions"]
    assert [(version["version"], version["status"]) for version in versions] == [(1, "retired"), (2, "published")]
    client.close()


def test_many_at_once(api: Client) -> None:
    """Requests from several threads while the current version is looked up anew: all are answered alike."""
    answers = []

    def ask() -> None:
        for _ in range(10):
            answers.append(api.post(EVALUATE, {"answers": {"ecog": 1}}).content)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 80
    assert len(set(answers)) == 1
