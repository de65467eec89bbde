"""The JSON API, version 1. Stateless: nothing that is sent here is kept.

The handlers read and answer bytes themselves: what is accepted is decided by the protocol (which
says it for every fact at once), not by a schema, and an answer is put together from pieces.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict
from datetime import date
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.rules import codec
from app.rules.ask import ORDERS, Interview, Order, criteria_of
from app.rules.facts import Age, Choice, Integer, Many, Number
from app.rules.participant import Complaint, InvalidParticipant, Participant
from app.rules.protocol import Protocol, Question
from app.rules.report import dumps, readings_of
from app.rules.search import Goal
from app.settings import Settings
from app.store import queries
from app.web import openapi
from app.web.access import public
from app.web.body import NotJson, parse_json, read_json, read_lines, refuse_over, require_type
from app.web.deps import app_of
from app.web.direct import Direct, current
from app.web.errors import REFUSED, problem_json
from app.web.openapi import NDJSON, NctId
from app.web.published import Published

router = APIRouter(prefix="/api/v1", tags=["eligibility"], route_class=Direct, dependencies=[public])


@router.post("/trials/{nct_id}/evaluate", openapi_extra=openapi.EVALUATE, responses=openapi.EVALUATED)
async def evaluate(nct_id: NctId, request: Request) -> Response:
    """Evaluate one participant: verdict, cohorts, every criterion with its reason, what is missing."""
    app = app_of(request)
    published = await current(app, nct_id)
    body = await read_json(request, app.settings.max_body_bytes)
    if isinstance(body, dict) and "explain" in body:
        return await run_in_threadpool(_explained, published, body, app.today())
    return Response(evaluated(published, body, app.today()), media_type="application/json")


def _explained(published: Published, body: dict[str, Any], today: date) -> Response:
    """The result with, where it is asked for, what would change it."""
    explain = body["explain"]
    complaints = [] if isinstance(explain, bool | None) else [Complaint("explain", "must be true or false")]
    try:
        fields = {name: value for name, value in body.items() if name != "explain"}
        participant = published.read(fields, today)
    except InvalidParticipant as error:
        raise InvalidParticipant([*complaints, *error.complaints]) from None
    if complaints:
        raise InvalidParticipant(complaints)
    verdict = published.evaluate(participant)
    content = published.explained(verdict) if explain else published.report(verdict)
    return Response(content, media_type="application/json")


def evaluated(published: Published, body: object, today: date) -> bytes:
    """The JSON result for one participant's body. Raises InvalidParticipant."""
    return published.report(published.evaluate(published.read(body, today)))


class Streamed(StreamingResponse):
    """A response whose content reads the request itself, while it is sent.

    Starlette's own listens meanwhile for the client to leave, and so swallows what still arrives.
    """

    media_type = NDJSON

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.stream_response(send)


@router.post(
    "/trials/{nct_id}/evaluate-batch",
    openapi_extra=openapi.BATCH,
    responses=openapi.BATCHED,
    response_class=Streamed,
)
async def evaluate_batch(nct_id: NctId, request: Request) -> Response:
    """Evaluate many participants: one JSON body a line in, one result or problem a line out, in order."""
    app = app_of(request)
    published = await current(app, nct_id)
    require_type(request, NDJSON, "application/jsonl", "application/ndjson")
    refuse_over(request, app.settings.max_batch_bytes)
    return Streamed(_results(published, request, app.settings, app.today()))


async def _results(published: Published, request: Request, settings: Settings, today: date) -> AsyncIterator[bytes]:
    """The answer to each line; other requests get their turn between two groups of lines."""
    try:
        async with aclosing(read_lines(request, settings.max_batch_bytes, settings.max_body_bytes)) as groups:
            async for lines in groups:
                yield b"".join(_line_result(published, line, settings.max_body_bytes, today) for line in lines)
                await asyncio.sleep(0)
    except HTTPException as error:
        yield problem_json(error.status_code, f"{error.detail} What follows was not evaluated.") + b"\n"


def _line_result(published: Published, line: bytes, limit: int, today: date) -> bytes:
    try:
        if len(line) > limit:
            raise NotJson(f"is a line of more than {limit} bytes")
        return evaluated(published, parse_json(line), today) + b"\n"
    except InvalidParticipant as error:
        return problem_json(422, REFUSED, error.complaints) + b"\n"


@router.post("/trials/{nct_id}/next", openapi_extra=openapi.NEXT, responses=openapi.NEXTED)
async def next_step(nct_id: NctId, request: Request) -> Response:
    """The next step of an interview: what to ask now, how much is left, and where the verdict stands."""
    app = app_of(request)
    published = await current(app, nct_id)
    body = await read_json(request, app.settings.max_body_bytes)
    return await run_in_threadpool(_next, published, body, app.today())


def _next(published: Published, body: object, today: date) -> Response:
    fields = dict(body) if isinstance(body, dict) else {}
    order, goal = fields.pop("order", None), fields.pop("goal", None)
    complaints = []
    if order not in (None, *ORDERS):
        complaints.append(Complaint("order", f"must be {' or '.join(ORDERS)}"))
    if goal not in (None, "verdict", "all_reasons"):
        complaints.append(Complaint("goal", "must be verdict or all_reasons"))
    try:
        participant = published.read(fields if isinstance(body, dict) else body, today)
    except InvalidParticipant as error:
        raise InvalidParticipant([*complaints, *error.complaints]) from None
    if complaints:
        raise InvalidParticipant(complaints)
    return Response(stepped(published, participant, goal, order), media_type="application/json")


def stepped(published: Published, participant: Participant, goal: Goal | None, order: Order | None) -> bytes:
    """The next step as JSON; by default of the verdict, section by section."""
    interview = published.interviewer.interview(participant, goal or "verdict", order or "section")
    evaluation = published.report(published.evaluate(participant), exact=True)
    plain = dumps(_interview(published.protocol, interview))
    return plain[:-1] + b',"evaluation":' + evaluation + b"}"


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
def describe(nct_id: NctId, request: Request) -> Response:
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
        "edit_checks": plain.get("edit_checks", []),
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
        row |= {"asking": asdict(question.asking), "calculator": question.calculator or None}
        del row["key"]
    return Response(dumps(plain), media_type="application/json")
