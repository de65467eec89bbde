"""Every error as an answer: a page for people, problem+json (RFC 9457) for programs.

One table says which status each error has. No answer and no log line repeats what was sent; a fault
of ours is logged under a reference that the answer shows.
"""

import logging
import re
import secrets
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app import errors
from app.languages import LANGUAGES, words_of
from app.logs import places
from app.rules.codec import canonical_json
from app.rules.participant import InvalidParticipant
from app.rules.words import N_, _, speaking
from app.web.deps import address_of, app_of, language_of

log = logging.getLogger("prescreen")
PROBLEM = "application/problem+json"
RETRY_SECONDS = 5
NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")
REFUSED = N_("Some of the input cannot be accepted; nothing was evaluated.")

STATUS: dict[type[errors.PrescreenError], tuple[int, str]] = {
    errors.NotFound: (404, N_("What you asked for does not exist, or has expired.")),
    errors.Conflict: (409, N_("Somebody changed this at the same time. Look again, then decide.")),
    errors.Invalid: (422, N_("Some of what you sent cannot be accepted.")),
    errors.NotSignedIn: (401, N_("Sign in first.")),
    errors.Forbidden: (403, N_("You may not do this.")),
    errors.TooMany: (429, N_("That was tried too often. Wait a while, then try again.")),
    errors.Unavailable: (503, N_("The database is not available. Nothing was changed; try again in a moment.")),
    errors.Misconfigured: (500, N_("The service is not set up correctly.")),
}
EXPIRED = N_(
    "There is nothing here. The address may be mistyped, or the check has expired: a quick check and its answers "
    "are deleted after a day."
)


EXPECTED = (errors.PrescreenError, InvalidParticipant, HTTPException)


def install(app: FastAPI) -> None:
    """Let the application answer every error in the form that its reader needs."""
    for kind in EXPECTED:
        app.add_exception_handler(kind, answered)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(404, _http)
    app.add_exception_handler(405, _http)


def answered(request: Request, error: Exception) -> Response:
    """The answer to an error that is expected."""
    if isinstance(error, errors.PrescreenError):
        return _ours(request, error)
    return _invalid(request, error) if isinstance(error, InvalidParticipant) else _http(request, error)


def is_for_programs(request: Request) -> bool:
    """Whether an address is answered in JSON."""
    path: str = request.scope["path"]  # request.url fails where the query is no text
    return path.startswith("/api/") or path in ("/api", "/healthz", "/readyz")


def answer(
    request: Request,
    status: int,
    detail: str,
    *,
    complaints: Iterable[tuple[str, str]] = (),
    headers: dict[str, str] | None = None,
    reference: str = "",
) -> Response:
    """One error, as problem+json or as a page."""
    if is_for_programs(request):
        return problem(status, detail, complaints=complaints, headers=headers, reference=reference)
    with speaking(words_of(language_of(request))):
        message = [_(detail), *(f"{named(fact)}: {text}" for fact, text in complaints)]
        is_draft = LANGUAGES[language_of(request)].status == "draft"
        context: dict[str, object] = {
            "title": HTTPStatus(status).phrase,
            "message": message,
            "reference": reference,
            "retry": "",
        }
        page = app_of(request).pages.render("error.html", {**context, "is_draft": is_draft})
    return HTMLResponse(page, status, headers)


def problem(
    status: int,
    detail: str,
    *,
    complaints: Iterable[tuple[str, str]] = (),
    headers: dict[str, str] | None = None,
    reference: str = "",
    more: Mapping[str, object] | None = None,
) -> Response:
    """An RFC 9457 problem; `more` are members of its own."""
    return Response(problem_json(status, detail, complaints, reference, more), status, headers, PROBLEM)


def problem_json(
    status: int,
    detail: str,
    complaints: Iterable[tuple[str, str]] = (),
    reference: str = "",
    more: Mapping[str, object] | None = None,
) -> bytes:
    """The JSON of a problem, on one line."""
    plain = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "errors": [{"fact": named(fact), "message": message} for fact, message in complaints],
    }
    plain |= {"reference": reference} if reference else {}
    return canonical_json(plain | dict(more or {})).encode("ascii")


def named(fact: str) -> str:
    """The name of a field, where it can be one; a key that somebody made up may be anything, so it is not repeated."""
    return fact if NAME.fullmatch(fact) else "a key that is no name"


def _ours(request: Request, error: errors.PrescreenError) -> Response:
    status, detail = next(STATUS[kind] for kind in STATUS if isinstance(error, kind))
    if status == 404 and not is_for_programs(request):
        detail = EXPIRED
    if status == 401 and not is_for_programs(request):
        back = {"to": address_of(request)} if request.method == "GET" else {}
        return RedirectResponse(f"/login?{urlencode(back)}" if back else "/login", 303)
    if status == 503:
        log.warning("unavailable: %s", type(error.__cause__).__name__)
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else None
    if isinstance(error, errors.TooMany):
        headers = {"Retry-After": str(error.seconds)}
    if status == 401 and is_for_programs(request):
        headers = {"WWW-Authenticate": "Bearer"}
    complaints = error.complaints if isinstance(error, errors.Invalid) else ()
    return answer(request, status, detail, complaints=complaints, headers=headers)


def _invalid(request: Request, error: InvalidParticipant) -> Response:
    return answer(request, 422, REFUSED, complaints=error.complaints)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    details = {404: EXPIRED if not is_for_programs(request) else N_("There is nothing at this address.")}
    details[405] = N_("This address does not take that method.")
    detail = details.get(error.status_code, str(error.detail))
    return answer(request, error.status_code, detail, headers=dict(error.headers or {}))


def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    complaints = [(str(fault["loc"][-1])[:80], str(fault["msg"])) for fault in error.errors()]
    return answer(request, 422, "Some of what you sent cannot be accepted.", complaints=complaints)


def crashed(request: Request, error: Exception) -> Response:
    """A fault of ours: the log gets where it happened and a reference, but no text that may hold values."""
    reference = secrets.token_hex(6)
    log.error("fault %s: %s at %s", reference, type(error).__name__, places(error))
    return answer(request, 500, N_("Something went wrong on our side. Nothing was saved."), reference=reference)
