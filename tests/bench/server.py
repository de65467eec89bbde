"""The server that is measured: the application, and beside it in the same process what it is held against.

    python tests/bench/server.py DATABASE BYTES_OF_A_RESULT

Prints its port and serves until its standard input closes. Under /bare stand a FastAPI endpoint that validates
a body of the same shape with pydantic and answers ready bytes, and a page of ready bytes; neither has middleware.
"""

import datetime
import socket
import sys
import threading
from pathlib import Path
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, create_model
from sqlalchemy.engine import URL
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from app import actions
from app.main import clock, create_app
from app.rules.facts import ANCHORS, Age, Choice, FactType, Integer, Many, Number
from app.rules.protocol import Protocol
from app.settings import Settings
from app.store import migrate
from app.store.db import Database
from app.trials import read_trial


def settings(database: Path) -> Settings:
    """As installed, with this database."""
    return Settings.from_environment({"PRESCREEN_DATABASE_URL": str(URL.create("sqlite", database=str(database)))})


def fill(database: Path) -> None:
    """A database with the built-in trial."""
    opened = Database(settings(database).database_url)
    migrate.upgrade(opened.engine)
    trial, protocol = read_trial()
    with opened.write() as session:
        actions.publish_protocol(session, trial=trial, protocol=protocol, at=clock(), actor="bench")
    opened.close()


def python_type(type_: FactType) -> Any:
    """The type of a fact for pydantic, with its range or its options."""
    match type_:
        case Choice(options):
            return Literal[tuple(option.value for option in options)]
        case Many(options):
            return list[Literal[tuple(option.value for option in options)]]  # type: ignore[misc]
        case Integer(minimum, maximum):
            return Annotated[int, Field(ge=minimum, le=maximum)]
        case Number(minimum, maximum) | Age(minimum, maximum):
            return Annotated[float, Field(ge=minimum, le=maximum)]
    return {"yes_no": bool, "date": str}[type_.name]


def body_model(protocol: Protocol) -> type[BaseModel]:
    """The body of an evaluation as a pydantic model."""
    strict = ConfigDict(extra="forbid")
    facts: dict[str, Any] = {question.key: (python_type(question.type) | None, None) for question in protocol.questions}
    dates: dict[str, Any] = dict.fromkeys(ANCHORS, (datetime.date | None, None))
    answers = create_model("Answers", __config__=strict, **facts)
    readings = (dict[str, bool] | None, None)
    return create_model("Body", __config__=strict, answers=(answers, ...), readings=readings, **dates)


def bare_app(size: int) -> FastAPI:
    """What the application is held against. `size` is that of the ready result."""
    app = FastAPI(openapi_url=None)
    body = body_model(read_trial()[1])
    ready, page = b'"' + b"x" * (size - 2) + b'"', b""

    @app.post("/bare/trials/{nct_id}/evaluate")
    async def evaluate(nct_id: str, participant: body) -> Response:  # type: ignore[valid-type]
        return Response(ready, media_type="application/json")

    @app.post("/bare/page/{length}")
    async def prepare(length: int) -> Response:
        nonlocal page
        page = b"x" * length
        return Response()

    @app.get("/bare/page")
    async def show() -> Response:
        return HTMLResponse(page)

    return app


def main() -> None:
    real, bare = create_app(settings(Path(sys.argv[1]))), bare_app(int(sys.argv[2]))

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        is_bare = scope["type"] == "http" and scope["path"].startswith("/bare/")
        await (bare if is_bare else real)(scope, receive, send)

    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        both, loop="uvloop", http="httptools", access_log=False, log_level="warning", server_header=False
    )
    server = uvicorn.Server(config)
    print(listening.getsockname()[1], flush=True)

    def wait() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=wait, daemon=True).start()
    server.run(sockets=[listening])


if __name__ == "__main__":
    main()
