"""The screenings of a site, for programs: begun, answered, read, listed and moved, each with a key of the site.

What a program may see and change is that of its key: one site, some scopes. A write names the version that it was made
from (If-Match); one that is sent again under the same Idempotency-Key is done once and answered alike. A signature
under a verdict is a physician's, given in the browser, never a program's.
"""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app import actions
from app.access import Principal, Sites
from app.actions.screenings import SubjectTaken
from app.errors import Conflict, Invalid
from app.lifecycle import STATUSES, VERDICTS
from app.rules.participant import InvalidParticipant
from app.rules.report import dumps
from app.store import screenings
from app.store.db import WriteSession
from app.store.models import Screening
from app.web import once, openapi
from app.web.access import need_key
from app.web.api import stepped
from app.web.body import parse_json, read_bytes, require_type
from app.web.deps import App, app_of
from app.web.errors import problem
from app.web.openapi import Reference
from app.web.outcome import outcome, participant_of
from app.web.rates import Metered
from app.web.screening_json import Answers, Move, listed_plain, read_answers, read_move, read_new, shown
from app.web.viewing import record_view

router = APIRouter(prefix="/api/v1/screenings", tags=["screenings"], route_class=Metered)
JSON = "application/json"
ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})(?:\.[0-9]{1,9})?"')
MOMENT = re.compile(r"(?:19|20|21)\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
SIGNED_BY_PEOPLE = (
    "A verdict is confirmed or overridden by a physician of the site, who signs in and proves it again in the browser. "
    "No key can do that."
)
STALE = "The screening was changed since. Look at both, then decide."


class Sent(NamedTuple):
    """A body, as it came and as it reads."""

    content: bytes
    plain: Any


async def _sent(request: Request) -> Sent:
    require_type(request, JSON)
    content = await read_bytes(request, app_of(request).settings.max_body_bytes)
    return Sent(content, parse_json(content))


Reader = Annotated[Principal, need_key("screening:read")]
Writer = Annotated[Principal, need_key("screening:write")]
Body = Annotated[Sent, Depends(_sent)]


class Stale(Conflict):
    """The screening has moved on since the version that a write was made from; has what stands, and what was sent."""

    def __init__(self, screening: Screening, sent: Answers | Move) -> None:
        super().__init__("the screening was changed in the meantime")
        self.version = screening.version
        self.current, self.sent = sent.beside(screening), sent.plain


# READING


@router.get("", openapi_extra=openapi.READS, responses=openapi.LISTED)
def listing(
    who: Reader,
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200, description="how many at most", examples=[50])] = 50,
    after: Annotated[str | None, Query(description="the `next` of the page before", examples=["MjAyNi0..."])] = None,
    status: Annotated[str | None, openapi.one_of_query("the state in the log", STATUSES)] = None,
    verdict: Annotated[str | None, openapi.one_of_query("what the rules come to", VERDICTS)] = None,
    updated_since: Annotated[str | None, openapi.MOMENT_QUERY] = None,
) -> Response:
    """The screenings of the site, by their last change, the oldest first: a page, and where the next one begins."""
    complaints = []
    if status not in (None, *STATUSES):
        complaints.append(("status", f"must be one of {', '.join(STATUSES)}"))
    if verdict not in (None, *VERDICTS):
        complaints.append(("verdict", f"must be one of {', '.join(VERDICTS)}"))
    since, begin = _moment(updated_since), _place(after)
    if updated_since is not None and since is None:
        complaints.append(("updated_since", "must be a moment with its zone, such as 2026-11-27T08:00:00Z"))
    if after is not None and begin is None:
        complaints.append(("after", "must be the `next` of a page"))
    if complaints:
        raise Invalid(complaints)
    with app_of(request).database.read() as session:
        rows = screenings.changed(
            session,
            sites=who.sites("screening:read"),
            limit=limit + 1,
            after=begin,
            since=since,
            status=status,
            verdict=verdict,
        )
    page, headers, following = rows[:limit], {}, None
    if len(rows) > limit:
        following = _cursor(page[-1].updated_at, page[-1].id)
        asked = {"limit": limit, "status": status, "verdict": verdict, "updated_since": updated_since}
        query = {name: value for name, value in asked.items() if value is not None} | {"after": following}
        headers = {"Link": f'<{router.prefix}?{urlencode(query)}>; rel="next"'}
    plain = {"screenings": [listed_plain(row) for row in page], "next": following}
    return Response(dumps(plain), headers=headers, media_type=JSON)


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text is not None and MOMENT.fullmatch(text) else None
    except ValueError:
        return None


def _cursor(at: datetime, identity: int) -> str:
    return base64.urlsafe_b64encode(f"{at.isoformat()} {identity}".encode()).decode().rstrip("=")


def _place(cursor: str | None) -> tuple[datetime, int] | None:
    """The place in the list that a cursor names; None where it names none."""
    try:
        text = base64.urlsafe_b64decode(f"{cursor or ''}==".encode("ascii")).decode("ascii")
    except (binascii.Error, UnicodeError):
        return None
    moment, _, identity = text.partition(" ")
    at = _moment(moment)
    return (at, int(identity)) if at is not None and re.fullmatch(r"[0-9]{1,9}", identity) else None


@router.get("/{reference}", openapi_extra=openapi.READS, responses=openapi.SHOWN)
def read(who: Reader, reference: Reference, request: Request) -> Response:
    """A screening: its state, its answers with where each came from, and the result that is stored with it."""
    app, sites = app_of(request), who.sites("screening:read")
    with app.database.read() as session:
        screening = screenings.screening(session, reference=reference, sites=sites)
        etag, content = shown(session, app, screening)
    known = request.headers.get("if-none-match", "")
    if known.strip() == "*" or etag in [each.strip().removeprefix("W/") for each in known.split(",")]:
        return Response(status_code=304, headers={"ETag": etag})
    record_view(app, screening, who)
    return Response(content, headers={"ETag": etag}, media_type=JSON)


@router.get("/{reference}/next", openapi_extra=openapi.READS, responses=openapi.NEXT_SHOWN)
def following(
    who: Reader,
    reference: Reference,
    request: Request,
    order: Annotated[Literal["section", "quickest"] | None, Query(examples=["section"])] = None,
    goal: Annotated[Literal["verdict", "all_reasons"] | None, Query(examples=["verdict"])] = None,
) -> Response:
    """What to ask now, how much is left, and where the verdict stands."""
    app, sites = app_of(request), who.sites("screening:read")
    with app.database.read() as session:
        screening = screenings.screening(session, reference=reference, sites=sites)
    published = app.library.by_id(screening.protocol_id)
    participant = participant_of(published, screening, screening.raw_answers)
    record_view(app, screening, who)
    return Response(stepped(published, participant, goal, order), media_type=JSON)


# WRITING


@router.post("", status_code=201, openapi_extra=openapi.CREATE, responses=openapi.CREATED)
def create(who: Writer, sent: Body, request: Request) -> Response:
    """Begin a screening by the version in force, with which it stays; with the answers that are there already."""
    app = app_of(request)

    def act(session: WriteSession) -> once.Reply:
        new = read_new(app.library.current(app.nct_id), sent.plain, app.today())
        screening = actions.start_screening(
            session,
            nct_id=app.nct_id,
            site_id=_site(who.sites("screening:write")),
            subject_code=new.subject_code,
            at=app.clock(),
            as_of=new.as_of,
            who=who,
        )
        if new.answers.answers or new.answers.dates:
            _answer(app, session, screening, new.answers, who)
        return _reply(app, session, screening, 201)

    try:
        return _written(app, request, who, sent, act)
    except SubjectTaken:
        taken = [("subject_code", "is that of another screening of this site")]
        return problem(409, "This site has a screening with this subject code.", complaints=taken)


def _site(sites: Sites) -> int:
    """The one site of a key."""
    return next(iter(sites or ()))


@router.patch("/{reference}/answers", openapi_extra=openapi.CHANGE, responses=openapi.CHANGED)
def change(who: Writer, reference: Reference, sent: Body, request: Request) -> Response:
    """Give answers or dates, or change them; those that are not named stay. Null: asked, and not known."""
    app, wanted = app_of(request), _precondition(request)

    def act(session: WriteSession) -> once.Reply:
        screening = screenings.screening(session, reference=reference, sites=who.sites("screening:write"))
        given = read_answers(app.library.by_id(screening.protocol_id), screening, sent.plain)
        if not wanted(screening):
            raise Stale(screening, given)
        _answer(app, session, screening, given, who)
        return _reply(app, session, screening, 200)

    return _written(app, request, who, sent, act)


@router.post("/{reference}/status", openapi_extra=openapi.MOVE, responses=openapi.MOVED)
def move(who: Writer, reference: Reference, sent: Body, request: Request) -> Response:
    """Move a screening to another state of the log, or close it; `pre_screening` goes back to what the verdict says."""
    app, wanted = app_of(request), _precondition(request)

    def act(session: WriteSession) -> once.Reply:
        screening = screenings.screening(session, reference=reference, sites=who.sites("screening:write"))
        given = read_move(sent.plain)
        if not wanted(screening):
            raise Stale(screening, given)
        published = app.library.by_id(screening.protocol_id)
        found = outcome(published, participant_of(published, screening, screening.raw_answers))
        at, (status, reason) = app.clock(), given
        actions.set_status(session, screening=screening, status=status, reason=reason, outcome=found, at=at, who=who)
        return _reply(app, session, screening, 200)

    return _written(app, request, who, sent, act)


@router.post(
    "/{reference}/confirm",
    status_code=403,
    response_class=Response,
    openapi_extra=openapi.CONFIRM,
    responses=openapi.CONFIRMED,
)
def confirm(who: Writer, reference: Reference, request: Request) -> Response:
    """Refused, always: a verdict is confirmed by a physician, in the browser."""
    with app_of(request).database.read() as session:
        screenings.screening(session, reference=reference, sites=who.sites("screening:write"))
    return problem(403, SIGNED_BY_PEOPLE)


def _precondition(request: Request) -> Callable[[Screening], bool]:
    """Whether a screening is still the one that was read. 428 where the request does not say which that was."""
    header = request.headers.get("if-match", "").strip()
    if not header:
        raise HTTPException(428, "Send If-Match with the ETag of the screening that the change was made from.")
    versions = {int(found[1]) for each in header.split(",") if (found := ETAG.fullmatch(each.strip()))}
    return lambda screening: header == "*" or screening.version in versions


def _answer(app: App, session: WriteSession, screening: Screening, given: Answers, who: Principal) -> None:
    """Save answers and dates, and what all of them come to. Invalid, or InvalidParticipant."""
    published = app.library.by_id(screening.protocol_id)
    participant = participant_of(published, screening, {**screening.raw_answers, **given.answers}, given.dates)
    actions.answer_screening(
        session,
        screening=screening,
        answers=given.answers,
        outcome=outcome(published, participant),
        at=app.clock(),
        who=who,
        source=given.source,
        dates=given.dates,
        reason=given.reason,
    )


def _reply(app: App, session: WriteSession, screening: Screening, status: int) -> once.Reply:
    """The screening as it stands now; where it is, if it is new."""
    etag, content = shown(session, app, screening)
    location = f"{router.prefix}/{screening.reference}" if status == 201 else None
    return once.Reply(status, content.decode(), location, etag)


def _written(
    app: App, request: Request, who: Principal, sent: Sent, act: Callable[[WriteSession], once.Reply]
) -> Response:
    """Do it once, and answer when it is committed."""
    mark = once.marked(request, who.actor, sent.content)
    try:
        with app.database.write() as session:
            reply = once.earlier(session, mark)
            if reply is None:
                reply = act(session)
                once.keep(session, mark, reply, app.clock())
    except once.Reused:
        raise Invalid([(once.HEADER, "was sent before with another request")]) from None
    except InvalidParticipant as error:
        raise Invalid(error.complaints) from None
    except Stale as stale:
        return problem(412, STALE, more={"current": stale.current, "sent": stale.sent})
    headers = {"ETag": reply.etag, "Location": reply.location, once.REPLAYED: "true" if reply.is_again else None}
    given = {name: value for name, value in headers.items() if value is not None}
    return Response(reply.body, reply.status, given, JSON)
