"""The application over HTTP, in this process or behind a real server, and the example participants."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx
from fastapi import FastAPI
from sqlalchemy.engine import URL

from app import actions
from app.main import create_app
from app.rules.protocol import Protocol
from app.settings import Settings, secret
from app.store.db import Database
from app.trials import read_trial

ROOT = Path(__file__).parents[2]
KEY = "5a" * 32  # the installation's key in tests
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TRIAL_PATH = "/api/v1/trials/NCT05086315"
EVALUATE, BATCH, NEXT = (f"{TRIAL_PATH}/{verb}" for verb in ("evaluate", "evaluate-batch", "next"))
PROBLEM, NDJSON = "application/problem+json", "application/x-ndjson"
CASES_FOLDER = ROOT / "tests" / "cases"
CASES: list[dict[str, Any]] = [
    case
    for name in ("nct05086315", "nct05086315-more")
    for case in json.loads((CASES_FOLDER / f"{name}.json").read_text())
]
BAD: list[dict[str, Any]] = json.loads((CASES_FOLDER / "nct05086315-bad.json").read_text())
BODY_KEYS = ("answers", "as_of", "consent_date", "first_dose_date", "readings")


def body_of(case: Mapping[str, Any]) -> dict[str, Any]:
    """The request body of an example participant."""
    return {key: case[key] for key in BODY_KEYS if key in case}


def settings(url: URL, **environ: str) -> Settings:
    given = {f"PRESCREEN_{name.upper()}": value for name, value in environ.items()}
    shown = url.render_as_string(hide_password=False)
    return Settings.from_environment({"PRESCREEN_DATABASE_URL": shown, "PRESCREEN_KEY": KEY, **given})


def load_built_in(url: URL) -> Protocol:
    """Put the built-in trial in force in a migrated database."""
    trial, protocol = read_trial()
    database = Database(url, secret(settings(url), "audit"))
    with database.write() as session:
        actions.publish_protocol(session, trial=trial, protocol=protocol, at=NOW, actor="test")
    database.close()
    return protocol


class Client:
    """An application called in this process, with its own event loop in a thread of its own.

    An exception that escapes the application is raised here.
    """

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        transport = httpx.ASGITransport(app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://testserver", timeout=60)

    @classmethod
    def of(cls, url: URL, **environ: str) -> Self:
        return cls(create_app(settings(url, **environ), now=lambda: NOW))

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(120)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        response: httpx.Response = self.run(self._client.request(method, path, **options))
        return response

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(
        self, path: str, body: Any = None, headers: Mapping[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        """POST plain data as JSON, or bytes (or their stream) as they are."""
        if isinstance(body, dict | list):
            body = json.dumps(body).encode()
        media_type = NDJSON if path.endswith("-batch") else "application/json"
        return self.request(
            "POST", path, content=body, headers={"content-type": media_type, **(headers or {})}, **options
        )

    def close(self) -> None:
        self.run(self._client.aclose())
        self.app.state.parts.database.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Live:
    """A server process: where it answers, and everything it wrote to standard error."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process = process
        self._log = log
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"Prescreen is at http://127\.0\.0\.1:(\d+)\n", line)
        assert found is not None, (line, self.log)
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._log.read_text()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def exchange(self, sent: bytes) -> bytes:
        """Send raw bytes, end the sending, and give all that comes back."""
        with self.connect() as connection:
            connection.sendall(sent)
            return receive_all(connection)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def receive_all(connection: socket.socket) -> bytes:
    received = []
    try:
        while chunk := connection.recv(65_536):
            received.append(chunk)
    except ConnectionResetError:
        pass
    return b"".join(received)


@contextmanager
def serving(url: URL, *arguments: str, **environ: str) -> Iterator[Live]:
    """`python -m app serve` on a free port."""
    given = {f"PRESCREEN_{name.upper()}": value for name, value in environ.items()}
    shown = url.render_as_string(hide_password=False)
    quiet = {"PRESCREEN_LOG_LEVEL": "warning"}  # what else it writes is what a test looks at
    env = {**os.environ, "PRESCREEN_DATABASE_URL": shown, "PRESCREEN_KEY": KEY, **quiet, **given}
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        command = [sys.executable, "-m", "app", "serve", "--port", "0", *arguments]
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            yield Live(process, Path(log.name))
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()
