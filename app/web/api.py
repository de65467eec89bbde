"""The JSON API, version 1. Stateless: nothing that is sent here is kept.

The handlers read and answer bytes themselves: what is accepted is decided by the protocol (which
says it for every fact at once), not by a schema, and an answer is put together from pieces.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import date
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from app.rules import codec
from app.rules.ask import Interview, criteria_of
from app.rules.facts import Age, Choice, Integer, Many, Number
from app.rules.participant import Complaint, InvalidParticipant, read_participant
from app.rules.protocol import Protocol, Question
from app.rules.report import dumps, readings_of
from app.store import queries
from app.web import openapi
from app.web.body import NotJson, parse_json, read_json, refuse_over, require_type
from app.web.deps import App, app_of
from app.web.errors import unprocessable
from app.web.published import Published

router = APIRouter(prefix="/api/v1", tags=["eligibility"])
NDJSON = "application/x-ndjson"
CHUNK = 64 * 1024


async def current(app: App, nct_id: str) -> Published:
    """The protocol in force, from memory where it was looked up a moment ago."""
    remembered = app.library.remembered(nct_id)
    return remembered if remembered is not None else await run_in_threadpool(app.library.current, nct_id)


@router.post("/trials/{nct_id}/evaluate", openapi_extra=openapi.EVALUATE, responses=openapi.EVALUATED)
async def evaluate(nct_id: str, request: Request) -> Response:
    """Evaluate one participant: verdict, cohorts, every criterion with its reason, what is missing."""
    app = app_of(request)
    published = await current(app, nct_id)
    body = await read_json(request, app.settings.max_body_bytes)
    return Response(evaluated(published, body, app.today()), media_type="application/json")


def evaluated(published: Published, body: object, today: date) -> bytes:
    """The JSON result for one participant's body. Raises InvalidParticipant."""
    return published.report(published.evaluate(read_participant(published.protocol, body, today)))


@router.post("/trials/{nct_id}/evaluate-batch", openapi_extra=openapi.BATCH, responses=openapi.BATCHED)
async def evaluate_batch(nct_id: str, request: Request) -> Response:
    """Evaluate many participants: one JSON body a line in, one result or problem a line out, in order."""
    app = app_of(request)
    published = await current(app, nct_id)
    require_type(request, NDJSON, "application/jsonl", "application/ndjson")
    refuse_over(request, app.settings.max_batch_bytes)
    lines = _lines(request, app.settings.max_batch_bytes, app.settings.max_body_bytes)
    return StreamingResponse(_results(published, lines, app.today()), media_type=NDJSON)


async def _results(published: Published, lines: AsyncIterator[bytes | str], today: date) -> AsyncIterator[bytes]:
    """The answer to each line, sent in chunks; other requests get their turn between two chunks."""
    held: list[bytes] = []
    size = 0
    async for line in lines:
        held.append(_line_result(published, line, today))
        size += len(held[-1])
        if size >= CHUNK:
            yield b"".join(held)
            held, size = [], 0
            await asyncio.sleep(0)
    yield b"".join(held)


def _line_result(published: Published, line: bytes | str, today: date) -> bytes:
    try:
        if isinstance(line, str):
            raise NotJson(line)
        return evaluated(published, parse_json(line), today) + b"\n"
    except InvalidParticipant as error:
        return dumps_ascii(unprocessable(error.complaints)) + b"\n"


def dumps_ascii(plain: object) -> bytes:
    """JSON in ASCII: also what is no valid Unicode can be named."""
    return codec.canonical_json(plain).encode("ascii")


async def _lines(request: Request, limit: int, line_limit: int) -> AsyncIterator[bytes | str]:
    """The lines of the body as they arrive; a text says why a line is refused.

    A client that sends everything before it reads anything must not be made to wait for itself, so
    what arrives is taken in at once, by a task of its own, up to `limit` bytes.
    """
    arrived: asyncio.Queue[bytes | None] = asyncio.Queue()
    pump = asyncio.create_task(_pump(request, arrived))
    try:
        rest, size, too_long = b"", 0, False
        while (chunk := await arrived.get()) is not None:
            size += len(chunk)
            if size > limit:
                yield f"is over the limit of {limit} bytes for one request; what follows was not read"
                return
            *complete, rest = (rest + chunk).split(b"\n")
            for line in complete:
                yield f"is over the limit of {line_limit} bytes for one line" if len(line) > line_limit else line
            if len(rest) > line_limit:
                too_long = True
                break
        if too_long:
            yield f"is over the limit of {line_limit} bytes for one line; what follows was not read"
        elif rest.strip():
            yield rest
    finally:
        pump.cancel()


async def _pump(request: Request, arrived: "asyncio.Queue[bytes | None]") -> None:
    try:
        async for chunk in request.stream():
            if chunk:
                arrived.put_nowait(chunk)
    except ClientDisconnect:
        pass
    finally:
        arrived.put_nowait(None)


@router.post("/trials/{nct_id}/next", openapi_extra=openapi.NEXT, responses=openapi.NEXTED)
async def next_step(nct_id: str, request: Request) -> Response:
    """The next step of an interview: what to ask now, how much is left, and where the verdict stands."""
    app = app_of(request)
    published = await current(app, nct_id)
    body = await read_json(request, app.settings.max_body_bytes)
    return await run_in_threadpool(_next, published, body, app.today())


def _next(published: Published, body: object, today: date) -> Response:
    fields = dict(body) if isinstance(body, dict) else {}
    order, goal = fields.pop("order", None), fields.pop("goal", None)
    complaints = []
    if order not in (None, "section"):
        complaints.append(Complaint("order", "must be section"))
    if goal not in (None, "verdict", "all_reasons"):
        complaints.append(Complaint("goal", "must be verdict or all_reasons"))
    try:
        participant = read_participant(published.protocol, fields if isinstance(body, dict) else body, today)
    except InvalidParticipant as error:
        raise InvalidParticipant([*complaints, *error.complaints]) from None
    if complaints:
        raise InvalidParticipant(complaints)
    interview = published.interviewer.interview(participant, goal or "verdict")
    evaluation = published.report(published.evaluate(participant))
    plain = dumps(_interview(published.protocol, interview))
    return Response(plain[:-1] + b',"evaluation":' + evaluation + b"}", media_type="application/json")


def _interview(protocol: Protocol, interview: Interview) -> dict[str, Any]:
    step, progress = interview.step, interview.progress
    return {
        "step": None
        if step is None
        else {
            "section": step.section.key,
            "title": step.section.title,
            "questions": [question_plain(protocol, question) for question in step.questions],
        },
        "progress": {
            "answered": progress.answered,
            "at_least": progress.at_least,
            "at_most": progress.at_most,
        },
    }


def question_plain(protocol: Protocol, question: Question) -> dict[str, Any]:
    """A question as the API gives it."""
    type_ = question.type
    number = type_ if isinstance(type_, Integer | Number | Age) else None
    options = type_.options if isinstance(type_, Choice | Many) else None
    return {
        "fact": question.key,
        "text": question.text,
        "label": question.label,
        "why": question.why,
        "hint": question.hint,
        "type": "number" if isinstance(type_, Age) else type_.name,
        "unit": number.unit or None if number else None,
        "min": number.minimum if number else None,
        "max": number.maximum if number else None,
        "step": type_.step if isinstance(type_, Integer) else None,
        "options": None if options is None else [{"value": o.value, "label": o.label, "hint": o.hint} for o in options],
        "alternative": question.alternative,
        "criteria": [criterion.code for criterion in criteria_of(protocol, question)],
    }


@router.get("/trials/{nct_id}", responses=openapi.DESCRIBED)
def describe(nct_id: str, request: Request) -> Response:
    """The trial: registry facts, questions, criteria, cohorts, readings, and all versions of its protocol."""
    app = app_of(request)
    published = app.library.current(nct_id)
    with app.database.read() as session:
        versions = queries.versions(session, nct_id)
    protocol, trial = published.protocol, published.trial
    plain = codec.protocol_to_plain(protocol)
    for criterion, row in zip(protocol.criteria, plain["criteria"], strict=True):
        row["readings"] = readings_of(criterion)
    plain |= {
        "trial": asdict(trial),
        "protocol": {"version": published.version, "hash": published.hash},
        "versions": [
            {
                "version": version.version,
                "hash": version.hash,
                "status": version.status,
                "published_at": version.published_at and version.published_at.isoformat(),
            }
            for version in versions
        ],
    }
    for question, row in zip(protocol.questions, plain["questions"], strict=True):
        row |= question_plain(protocol, question)
        del row["key"]
    return Response(dumps(plain), media_type="application/json")
