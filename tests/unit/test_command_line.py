"""The command line: what each command does, prints and returns; a fault is named, never shown as a traceback."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.engine import URL

from app.__main__ import FIRST_ACCOUNT, listen, main, port_number
from app.errors import Misconfigured
from app.rules.protocol import Protocol
from app.store import migrate
from app.store.db import Database
from app.store.models import Event, ProtocolRow
from app.trials import BUILT_IN, Trial, read_trial

ROOT = Path(__file__).parents[2]
CASES_FOLDER = ROOT / "tests" / "cases"
CASES: list[dict[str, Any]] = json.loads((CASES_FOLDER / "nct05086315.json").read_text())
BAD: list[dict[str, Any]] = json.loads((CASES_FOLDER / "nct05086315-bad.json").read_text())
KEYS = ("answers", "as_of", "consent_date", "first_dose_date", "readings")


@dataclass(frozen=True)
class Ran:
    """What a command returned and printed."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it complained of."""
        assert "Traceback" not in self.err
        return self.err.splitlines()


Run = Callable[..., Ran]


@cache
def built_in() -> tuple[Trial, Protocol]:
    return read_trial()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process; the database is a file of its own unless the test names another."""
    for name in [name for name in os.environ if name.startswith("PRESCREEN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PRESCREEN_DATABASE_URL", f"sqlite:///{tmp_path}/default.sqlite3")
    monkeypatch.setattr("app.__main__.read_trial", lambda path: built_in() if path == BUILT_IN else read_trial(path))

    def command(*arguments: object) -> Ran:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ran(status, captured.out, captured.err)

    return command


def participant(tmp_path: Path, case: dict[str, Any]) -> Path:
    path = tmp_path / "participant.json"
    path.write_text(json.dumps({key: case[key] for key in KEYS if key in case}))
    return path


def give(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


# SCREEN


ADA = ("--name", "Ada Byron", "--role")


def test_P29_invite_makes_the_first_account_and_prints_a_link_that_is_good_once(run: Run) -> None:
    ran = run("invite", "ada", *ADA, "administrator", "--url", "https://prescreen.example.org/")
    assert (ran.status, ran.err) == (0, "")
    link, told = ran.out.splitlines()
    assert re.fullmatch(r"https://prescreen\.example\.org/invite/[\w-]{43}", link)
    assert told.startswith("It is good once, until ") and told.endswith(" UTC, for Ada Byron (ada).")
    again = run("invite", "ada", "--role", "coordinator", "--site", "8400002")
    assert again.status == 0 and again.out.startswith("http://127.0.0.1:8000/invite/")
    assert run("invite", "ada").out.splitlines()[0] != again.out.splitlines()[0]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("ada",), ["name: is needed for a new account; role: is needed for a new account"]),
        (("ada", *ADA, "coordinator"), ["site: must be given for the role coordinator"]),
        (("ada", *ADA, "auditor", "--site", "8400002"), ["site: must not be given for the role auditor"]),
        (("a b", *ADA, "auditor"), ["login: must be 3 to 100 letters, digits or . _ @ + -, beginning with"]),
        (("ada", *ADA, "coordinator", "--site", "1"), ["site: must be one of the trial's: 8400002, "]),
    ],
)
def test_invite_names_what_is_wrong(run: Run, options: tuple[str, ...], complaint: list[str]) -> None:
    ran = run("invite", *options)
    assert (ran.status, ran.out) == (1, "")
    assert [line[: len(text)] for line, text in zip(ran.lines, complaint, strict=True)] == complaint


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_screen(run: Run, tmp_path: Path, case: dict[str, Any]) -> None:
    path = participant(tmp_path, case)
    ran = run("screen", path, "--json")
    plain = json.loads(ran.out)
    assert (ran.status, ran.err) == (0, "")
    assert plain["verdict"] == case["expect"]["verdict"]
    assert {cohort["code"]: cohort["verdict"] for cohort in plain["cohorts"]} == case["expect"]["cohorts"]
    told = run("screen", path)
    assert (told.status, told.err) == (0, "")
    assert plain["summary"] in told.out
    assert "TERMINATED" in told.out.upper()
    assert "2025-12-15" in told.out
    assert "never makes one" in told.out
    for row in plain["criteria"]:
        assert re.search(rf"^ *{row['code']}  ", told.out, re.MULTILINE)
        if row["outcome"] in ("fail", "unknown"):
            assert row["reason"] in told.out


def test_screen_points_out_answers_that_hardly_go_together(run: Run, tmp_path: Path) -> None:
    body = {"answers": {"weight_kg": 3, "age_years": 40, "sex": "male", "pregnancy": "pregnant"}}
    told = run("screen", participant(tmp_path, body))
    assert [line for line in told.out.splitlines() if line.startswith("Please check")] == [
        "Please check: Pregnancy or breast-feeding does not go with the sex that is given. "
        "Pregnancy or breast-feeding: Pregnant; Sex: Male.",
        "Please check: The body weight is very low for the age at consent; hardly any adult weighs under 30 kg. "
        "Body weight: 3 kg; Age at consent: 40 years.",
    ]
    plain = json.loads(run("screen", participant(tmp_path, body), "--json").out)
    assert [(query["code"], query["facts"]) for query in plain["queries"]] == [
        ("Q9", {"pregnancy": "pregnant", "sex": "male"}),
        ("Q12", {"weight_kg": 3, "age_years": 40}),
    ]


@pytest.mark.parametrize("case", BAD, ids=[case["id"] for case in BAD])
def test_screen_bad_input(run: Run, tmp_path: Path, case: dict[str, Any]) -> None:
    for options in ((), ("--json",)):
        ran = run("screen", participant(tmp_path, case), *options)
        assert (ran.status, ran.out) == (1, "")
        assert [line.partition(":")[0] for line in ran.lines] == [case["error_fact"]]


def test_screen_names_all_faults(run: Run, tmp_path: Path) -> None:
    body = {"answers": {"ecog": 9, "sex": "x", "nothing": 1}, "as_of": "x"}
    ran = run("screen", participant(tmp_path, body))
    assert sorted(line.partition(":")[0] for line in ran.lines) == ["as_of", "ecog", "nothing", "sex"]


def test_screen_from_standard_input(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = participant(tmp_path, CASES[0]).read_bytes()
    give(monkeypatch, content)
    ran = run("screen", "-", "--json")
    assert json.loads(ran.out)["verdict"] == CASES[0]["expect"]["verdict"]
    give(monkeypatch, b"{")
    ran = run("screen", "-")
    assert (ran.status, len(ran.lines)) == (1, 1)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe{", b"[" * 100_000, b'{"answers": {"ecog": NaN}}', b"null"]
)
def test_screen_what_is_not_json(run: Run, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "input.json"
    path.write_bytes(content)
    ran = run("screen", path)
    assert (ran.status, ran.out, len(ran.lines)) == (1, "", 1)


def test_screen_needs_no_database(run: Run, tmp_path: Path) -> None:
    run("screen", participant(tmp_path, CASES[0]))
    assert not (tmp_path / "default.sqlite3").exists()


def test_screen_whatever_the_terminal_writes(tmp_path: Path) -> None:
    encoding = "ascii"
    path = participant(tmp_path, CASES[0])
    told = python("screen", str(path), PYTHONIOENCODING=encoding)
    assert told.returncode == 0, told.stderr
    machine = python("screen", str(path), "--json", PYTHONIOENCODING=encoding)
    assert json.loads(machine.stdout.decode("utf-8"))["verdict"] == CASES[0]["expect"]["verdict"]


def python(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a command in a process of its own."""
    env = {**os.environ, **environ}
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, timeout=60, check=False)


# FILES THAT ARE NOT WHAT THEY SHOULD BE


@pytest.mark.parametrize("command", ["load", "check", "screen"])
@pytest.mark.parametrize("what", ["missing", "a folder", "below a file", "unreadable"])
def test_paths_that_lead_nowhere(run: Run, tmp_path: Path, command: str, what: str) -> None:
    path = {
        "missing": tmp_path / "nothing",
        "a folder": tmp_path,
        "below a file": BUILT_IN / "x",
        "unreadable": Path("/proc/self/mem"),
    }[what]
    ran = run(command, path)
    assert (ran.status, ran.out, len(ran.lines)) == (1, "", 1)


BUILT_IN_TEXT = BUILT_IN.read_text()
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)
FILES = {
    "empty": "",
    "a text": "hello",
    "a list": "[]",
    "other keys": "trial: {}\nprotocol: {}\nmore: {}",
    "no mapping": "trial: []\nprotocol: []",
    "not YAML": "trial: [",
    "a tab": "trial:\n\t- x",
    "two documents": f"{BUILT_IN_TEXT}\n---\n{BUILT_IN_TEXT}",
    "a key twice": f"{BUILT_IN_TEXT}\nprotocol: {{}}\n",
    "an alias": BOMB,
    "an alias of itself": "trial: &a [*a]\nprotocol: *a",
    "a Python object": "trial: !!python/object/apply:os.system [echo]\nprotocol: {}",
    "a number that is none": "trial: !!int x\nprotocol: {}",
    "a number without end": f"trial: {'9' * 5000}\nprotocol: {{}}",
    "nested without end": "[" * 50_000,
    "a merge": "trial: &a {}\nprotocol: {<<: *a}",
    "no text": BUILT_IN_TEXT.replace("nct_id: NCT05086315", "nct_id: 5", 1),
    "another trial": BUILT_IN_TEXT.replace("nct_id: NCT05086315", "nct_id: NCT00000001", 1),
    "no number": re.sub(r"(?m)^  enrolment: .*$", "  enrolment: many", BUILT_IN_TEXT),
    "no date": re.sub(r"(?m)^  status_as_of: .*$", "  status_as_of: 2025-W51-1", BUILT_IN_TEXT),
    "no list": re.sub(r"(?m)^  conditions:.*\n(?:  +- .*\n)*", "  conditions: AML\n", BUILT_IN_TEXT),
    "a NUL": re.sub(r"(?m)^  sponsor: .*$", '  sponsor: "a\\\\0b"', BUILT_IN_TEXT),
    "half a character": re.sub(r"(?m)^  sponsor: .*$", '  sponsor: "\\\\ud800"', BUILT_IN_TEXT),
    "an unknown field": BUILT_IN_TEXT.replace("  sponsor:", "  favourite: x\n  sponsor:", 1),
    "a missing field": re.sub(r"(?m)^  sponsor: .*\n", "", BUILT_IN_TEXT),
    "a NUL in the rules": BUILT_IN_TEXT.replace("protocol:\n", 'protocol:\n  x: "\\0"\n', 1),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_trial(run: Run, tmp_path: Path, name: str) -> None:
    path = tmp_path / "trial.yaml"
    path.write_text(FILES[name])
    started = time.monotonic()
    for command in ("check", "load"):
        ran = run(command, path)
        assert (ran.status, ran.out) == (1, "")
        assert ran.lines
        assert all(line and len(line) < 600 for line in ran.lines)
    assert time.monotonic() - started < 20


def test_a_file_in_another_encoding(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "trial.yaml"
    for content in (BUILT_IN_TEXT.encode("utf-16"), BUILT_IN_TEXT.encode() + b"# \xff"):
        path.write_bytes(content)
        ran = run("check", path)
        assert (ran.status, ran.out, len(ran.lines)) == (1, "", 1)


# CHECK


def test_check_the_built_in_trial(run: Run) -> None:
    ran = run("check", "--strict")
    assert (ran.status, ran.err) == (0, "")
    assert "nct05086315.yaml: valid, 0 errors, 0 warnings, 17 notes." in ran.out


def test_check_names_warnings_with_their_place(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(BUILT_IN_TEXT.replace("[weight_kg, '>=', 10]", "[weight_kg, '>=', 0.5]", 1))
    assert "0.5]" in path.read_text()
    ran = run("check", path)
    assert ran.status == 1
    assert "warning: criterion I5: weight_kg >= 0.5 is always true" in ran.out
    assert "error: criterion I5: never fails" in ran.out
    assert "odd.yaml: valid, " in ran.out


def test_check_names_faults_with_their_place(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(BUILT_IN_TEXT.replace("[weight_kg, '>=', 10]", "[weigth_kg, '>=', 10]", 1))
    ran = run("check", path)
    assert (ran.status, ran.out) == (1, "")
    assert any("I5" in line and "weigth_kg" in line for line in ran.lines)


# MIGRATE, LOAD


@pytest.fixture
def chosen(bare_database: Database, monkeypatch: pytest.MonkeyPatch, run: Run) -> Database:
    """A database without a schema, on each engine, that the commands use."""
    monkeypatch.setenv("PRESCREEN_DATABASE_URL", shown(bare_database.engine.url))
    return bare_database


def shown(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def versions(database: Database) -> list[tuple[int, str]]:
    with database.read() as session:
        found = session.execute(select(ProtocolRow.version, ProtocolRow.status).order_by(ProtocolRow.version))
        return [(version, status) for version, status in found]


def events(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Event)) or 0


def test_migrate(run: Run, chosen: Database) -> None:
    for _ in range(2):
        ran = run("migrate")
        assert (ran.status, ran.err) == (0, "")
        assert migrate.is_current(chosen.engine)
        assert str(migrate.head()) in ran.out


@pytest.mark.parametrize("revision", ["nothing", "-1", "+9", "base:head", "\x00"])
def test_migrate_to_a_revision_that_is_none(run: Run, chosen: Database, revision: str) -> None:
    ran = run("migrate", "--", revision)
    assert (ran.status, ran.out, len(ran.lines)) == (1, "", 1)


def test_a_schema_of_a_newer_program(run: Run, chosen: Database) -> None:
    run("load")
    with chosen.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'newer'"))
    for command in ("serve", "migrate", "load"):
        ran = run(command)
        assert (ran.status, ran.out, len(ran.lines)) == (1, "", 1)
        assert "newer" in ran.err


def test_load(run: Run, chosen: Database, tmp_path: Path) -> None:
    assert run("load").out == "Version 1 is now in force.\n"
    before = events(chosen)
    for _ in range(2):
        ran = run("load")
        assert (ran.status, ran.out) == (0, "Version 1 was in force already; nothing changed.\n")
    assert events(chosen) == before
    amended = tmp_path / "amended.yaml"
    amended.write_text(BUILT_IN_TEXT.replace("[weight_kg, '>=', 10]", "[weight_kg, '>=', 12]", 1))
    assert run("load", amended).out == "Version 2 is now in force.\n"
    assert versions(chosen) == [(1, "retired"), (2, "published")]
    assert run("load").out == "Version 3 is now in force.\n"
    assert versions(chosen) == [(1, "retired"), (2, "retired"), (3, "published")]


def test_load_brings_the_registry_facts_up_to_date_without_a_new_version(
    run: Run, chosen: Database, tmp_path: Path
) -> None:
    run("load")
    corrected = tmp_path / "corrected.yaml"
    corrected.write_text(re.sub(r"(?m)^  status: .*$", "  status: COMPLETED", BUILT_IN_TEXT, count=1))
    before = events(chosen)
    assert run("load", corrected).status == 0
    assert versions(chosen) == [(1, "published")]
    assert events(chosen) == before + 1


def test_load_what_is_wrong_changes_nothing(run: Run, chosen: Database, tmp_path: Path) -> None:
    run("load")
    before = events(chosen)
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("trial: [")
    assert run("load", wrong).status == 1
    assert versions(chosen) == [(1, "published")]
    assert events(chosen) == before


# SETTINGS


@pytest.mark.parametrize("command", ["serve", "migrate", "load", "check"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "http"),
        ("PORT", "٨٠٨٠"),
        ("QUICK_CHECK_HOURS", "-1"),
        ("MAX_BODY_BYTES", "1e3"),
        ("ALLOWED_ORIGINS", "*"),
        ("DATABASE_URL", "mysql://root:secret@localhost/x"),
        ("DATABASE_URL", "secret"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "postgresql://root:secret@localhost:port/x"),
    ],
)
def test_settings_that_are_none(run: Run, monkeypatch: pytest.MonkeyPatch, command: str, name: str, value: str) -> None:
    monkeypatch.setenv(f"PRESCREEN_{name}", value)
    ran = run(command)
    assert (ran.status, ran.out, len(ran.lines)) == (1, "", 1)
    assert f"PRESCREEN_{name}" in ran.err
    assert "secret" not in ran.err


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://root:secret@127.0.0.1:1/x",
        "postgresql://root:secret@127.0.0.1:1/x?sslmode=perhaps",
        "postgresql://root:secret@127.0.0.1:1/x?nothing=1",
        "postgresql://root:secret@nothing.invalid/x",
        "sqlite:////proc/nothing/x.sqlite3",
        "sqlite:////dev/null/x.sqlite3",
        f"sqlite:///{ROOT}/app",
        f"sqlite:///{ROOT}/pyproject.toml",
    ],
)
@pytest.mark.parametrize("command", ["serve", "migrate", "load"])
def test_databases_that_cannot_be_had(run: Run, monkeypatch: pytest.MonkeyPatch, command: str, url: str) -> None:
    monkeypatch.setenv("PRESCREEN_DATABASE_URL", url)
    ran = run(command)
    assert (ran.status, ran.out, len(ran.lines)) == (1, "", 1)
    assert "secret" not in ran.err


def test_calls_that_are_wrong(run: Run) -> None:
    for arguments in (
        (),
        ("dance",),
        ("screen",),
        ("serve", "--port", "x"),
        ("serve", "--port", "65536"),
        ("load", "a", "b"),
    ):
        with pytest.raises(SystemExit) as stopped:
            run(*arguments)
        assert stopped.value.code == 2


@pytest.mark.parametrize("command", [(), ("serve",), ("migrate",), ("load",), ("check",), ("screen",)])
def test_help(run: Run, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(*command, "--help")
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("usage: python -m app")


# SERVE


@pytest.mark.parametrize("text", ["0", "8000", "65535"])
def test_ports(text: str) -> None:
    assert port_number(text) == int(text)


def test_listen_takes_any_free_port() -> None:
    for host in ("127.0.0.1", "localhost"):
        with listen(host, 0) as listening:
            assert listening.getsockname()[1] > 0


@pytest.mark.parametrize("host", ["nothing.invalid", "256.0.0.1", "a" * 300, "exa mple", "192.0.2.1", "\x00"])
def test_listen_names_an_address_that_is_none(host: str) -> None:
    with pytest.raises(Misconfigured, match="cannot listen"):
        listen(host, 0)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    return shown(request.getfixturevalue(f"bare_{request.param}_url"))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start `serve` on a database; it is killed afterwards where it still runs."""
    processes: list[subprocess.Popen[str]] = []

    def started(url: str, *arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "app", "serve", *arguments]
        env = {**os.environ, "PRESCREEN_DATABASE_URL": url, "PRESCREEN_LOG_LEVEL": "warning"}
        pipe = subprocess.PIPE
        processes.append(subprocess.Popen(command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True))
        return processes[-1]

    yield started
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def beside_the_usual(out: str) -> str:
    """What a server says but for where its audit trail ends and how the first account is made."""
    return re.sub(r"The audit trail ends with \d+:[0-9a-f]{64}\n", "", out).replace(f"{FIRST_ACCOUNT}\n", "")


def address_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"Prescreen is at (http://127\.0\.0\.1:\d+)\n", line)
    if found is None:
        process.kill()
        pytest.fail(f"{line!r} {process.communicate()}")
    return found[1]


def fetch(address: str, body: bytes | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


Start = Callable[..., "subprocess.Popen[str]"]


def test_serve_an_empty_database(start: Start, empty_url: str) -> None:
    """It migrates, loads the built-in trial, says where it is, answers, and stops when it is told to."""
    process = start(empty_url, "--port", "0")
    address = address_of(process)
    assert fetch(f"{address}/readyz")[0] == 200
    assert fetch(f"{address}/")[0] == 200
    body = json.dumps({key: CASES[0][key] for key in KEYS if key in CASES[0]}).encode()
    status, content = fetch(f"{address}/api/v1/trials/NCT05086315/evaluate", body)
    assert (status, json.loads(content)["verdict"]) == (200, CASES[0]["expect"]["verdict"])
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=15)
    assert process.returncode in (0, -signal.SIGTERM)
    assert (beside_the_usual(out), err) == ("", "")


def test_serve_again_and_twice_at_once(start: Start, empty_url: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several processes that find the same empty database make one version of it, not several."""
    processes = [start(empty_url, "--port", "0") for _ in range(2)]
    addresses = [address_of(process) for process in processes]
    for address in addresses:
        status, content = fetch(f"{address}/readyz")
        assert (status, json.loads(content)["protocol"]["version"]) == (200, 1)
    for process in processes:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=15)
        assert (beside_the_usual(out), err) == ("", "")
        assert process.returncode in (0, -signal.SIGINT)
    monkeypatch.setenv("PRESCREEN_DATABASE_URL", empty_url)
    assert run("load").out == "Version 1 was in force already; nothing changed.\n"


def test_P29_the_console_says_how_the_first_account_is_made(start: Start, tmp_path: Path, run: Run) -> None:
    process = start(f"sqlite:///{tmp_path}/default.sqlite3", "--port", "0")
    address_of(process)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("The audit trail ends with ")
    assert process.stdout.readline() == f"{FIRST_ACCOUNT}\n"
    assert "python -m app invite LOGIN" in FIRST_ACCOUNT and run("invite", "ada", *ADA, "administrator").status == 0
    again = start(f"sqlite:///{tmp_path}/default.sqlite3", "--port", "0")
    address_of(again)
    again.send_signal(signal.SIGTERM)
    assert FIRST_ACCOUNT not in again.communicate(timeout=15)[0]


def test_serve_on_a_port_that_is_taken(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(f"sqlite:///{tmp_path}/x.sqlite3", "--port", str(port))
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert str(port) in err


def test_serve_ends_in_time_though_a_client_holds_on(start: Start, tmp_path: Path) -> None:
    process = start(f"sqlite:///{tmp_path}/x.sqlite3", "--port", "0")
    port = int(address_of(process).rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=15)
