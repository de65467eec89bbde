"""The pages: the start, the questionnaire of a quick check, its result, and the rules.

A check's address holds an unguessable token; a step's address names its questions, never a value. GET
never writes. A POST saves and answers 303, or shows the step again with its errors and status 422.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app import actions
from app.calculators import Calculation, read_prednisone, read_qtcf
from app.errors import NotFound
from app.rules.facts import ANCHORS
from app.rules.participant import InvalidParticipant, Participant, read_participant
from app.rules.protocol import Question
from app.rules.search import Goal
from app.store import queries
from app.store.models import Screening
from app.web import present
from app.web.body import read_form
from app.web.deps import App, app_of
from app.web.forms import DATE_LABELS, DATE_PARTS, Fields, Form, read_dates, read_step
from app.web.published import Published

router = APIRouter()
ACTOR = "quick check"
SOURCE = "typed"


async def _posted(request: Request) -> Fields:
    return await read_form(request, app_of(request).settings.max_body_bytes)


def _parts(request: Request) -> App:
    return app_of(request)


Posted = Annotated[Fields, Depends(_posted)]
Parts = Annotated[App, Depends(_parts)]


def page(app: App, name: str, published: Published, status: int = 200, **context: object) -> HTMLResponse:
    """A page of the trial."""
    trial = present.trial_view(published.trial)
    return HTMLResponse(app.pages.render(name, {"trial": trial, **context}), status)


# THE TRIAL


@router.get("/")
def start(app: Parts) -> Response:
    """What the trial is, its status, who this is for, and where to begin."""
    published = app.library.current(app.nct_id)
    return page(app, "start.html", published, record=published.trial, hours=app.settings.quick_check_hours)


@router.get("/trials/{nct_id}/rules")
def rules(nct_id: str, app: Parts) -> Response:
    """The whole rule tree of the protocol in force."""
    published = app.library.current(nct_id)
    return page(app, "rules.html", published, rules=present.rules_view(published))


# A QUICK CHECK


@dataclass(frozen=True)
class Check:
    """A quick check as it stands: its protocol, its raw answers, and what they mean."""

    base: str
    published: Published
    raw: Mapping[str, Any]
    participant: Participant

    def step_url(self, keys: list[str], query: Mapping[str, str]) -> str:
        """The address of a step."""
        return with_query(f"{self.base}/questions/{'+'.join(keys)}", query)

    def next_url(self, goal: Goal, came_from: str = "") -> str:
        """Where the interview goes on: the next step, or the result."""
        step = self.published.interviewer.interview(self.participant, goal).step
        query = {"goal": goal} if goal != "verdict" else {}
        if step is None:
            return with_query(f"{self.base}/result", query)
        return self.step_url([question.key for question in step.questions], query)


def with_query(path: str, query: Mapping[str, str]) -> str:
    """An address with its query, if there is one."""
    return f"{path}?{urlencode(query)}" if query else path


def check_of(app: App, token: str, screening: Screening) -> Check:
    """The check that a screening's rows say, under the protocol it was begun with."""
    published = app.library.by_id(screening.protocol_id)
    raw = screening.raw_answers
    return Check(f"/checks/{token}", published, raw, participant_of(published, screening, raw))


def participant_of(published: Published, screening: Screening, raw: Mapping[str, Any]) -> Participant:
    """The participant of a screening with these raw answers. Raises InvalidParticipant."""
    days = {name: getattr(screening, name) for name in ANCHORS}
    body: dict[str, Any] = {name: day.isoformat() for name, day in days.items() if day is not None}
    return read_participant(published.protocol, {**body, "answers": raw}, screening.as_of)


def load(app: App, token: str) -> Check:
    """The check that a token opens. Raises NotFound."""
    with app.database.read() as session:
        return check_of(app, token, queries.screening(session, token=token, at=app.clock()))


@router.post("/checks")
def begin(app: Parts, posted: Posted) -> Response:
    """Begin a quick check."""
    with app.database.write() as session:
        started = actions.start_quick_check(
            session,
            nct_id=app.nct_id,
            at=app.clock(),
            as_of=app.today(),
            hours=app.settings.quick_check_hours,
            actor=ACTOR,
        )
    return RedirectResponse(f"/checks/{started.token}", 303)


@router.get("/checks/{token}")
def resume(token: str, app: Parts, goal: Goal = "verdict") -> Response:
    """Go where the check stands."""
    return RedirectResponse(load(app, token).next_url(goal), 303)


@router.get("/checks/{token}/questions/{keys}")
def ask(token: str, keys: str, app: Parts, request: Request) -> Response:
    """A step: its questions, with what was answered before."""
    check = load(app, token)
    return step_page(app, check, questions_of(check, keys), request)


@router.post("/checks/{token}/questions/{keys}")
def reply(token: str, keys: str, app: Parts, posted: Posted, request: Request) -> Response:
    """Save a step's answers, or work out what a calculator was given."""
    calculations = {} if "continue" in posted.get("do", ()) else calculate(posted)
    if calculations:
        check = load(app, token)
        questions = questions_of(check, keys)
        form = calculated(read_step(check.published.protocol, questions, posted, check.participant.dates), calculations)
        wrong = any(calculation.errors for calculation in calculations.values())
        return step_page(app, check, questions, request, 422 if wrong else 200, form, calculations)
    with app.database.write() as session:
        screening = queries.screening(session, token=token, at=app.clock())
        check = check_of(app, token, screening)
        questions = questions_of(check, keys)
        form = read_step(check.published.protocol, questions, posted, check.participant.dates)
        participant = None if form.errors else accept(check, screening, form)
        if participant is not None:
            published = check.published
            actions.give_answers(
                session,
                screening=screening,
                answers=form.answers,
                at=app.clock(),
                actor=ACTOR,
                source=SOURCE,
                result=published.report(published.evaluate(participant)).decode(),
            )
    if participant is None:
        return step_page(app, check, questions, request, 422, form)
    after = Check(check.base, check.published, {**check.raw, **form.answers}, participant)
    return RedirectResponse(url_after(check, after, request), 303)


def accept(check: Check, screening: Screening, form: Form) -> Participant | None:
    """The participant with the form's answers; None where together they cannot be (an error is added)."""
    try:
        return participant_of(check.published, screening, {**check.raw, **form.answers})
    except InvalidParticipant as error:
        for fact, message in error.complaints:
            label = check.published.protocol.question_by_key[fact].label
            key = fact if fact in form.typed else next(iter(form.typed))
            form.errors[key] = f"{label} {message}"
        return None


def url_after(before: Check, after: Check, request: Request) -> str:
    """Where to go after a step: back to the page it was changed from, unless something new must be asked."""
    goal = goal_of(request)
    came_from = request.query_params.get("from", "")
    if came_from not in ("answers", "result"):
        return after.next_url(goal)
    was_over = before.published.interviewer.interview(before.participant, goal).step is None
    next_url = after.next_url(goal)
    if was_over and "/questions/" in next_url:
        return next_url
    return with_query(f"{after.base}/{came_from}", {"goal": goal} if goal != "verdict" else {})


def goal_of(request: Request) -> Goal:
    """The goal that an address asks for; anything else is the verdict."""
    return "all_reasons" if request.query_params.get("goal") == "all_reasons" else "verdict"


def questions_of(check: Check, keys: str) -> list[Question]:
    """The questions that an address names. Raises NotFound where there is no such question."""
    by_key = {question.key: question for question in check.published.interviewer.questions}
    names = list(dict.fromkeys(keys.split("+")))
    if not all(name in by_key for name in names):
        raise NotFound("no such question")
    return [by_key[name] for name in names]


def calculate(posted: Fields) -> dict[str, Calculation[Any]]:
    """The calculators that were used, by name: those whose button was pressed or that lack an answer."""
    typed = {name: values[0] for name, values in posted.items()}
    pressed = posted.get("calculate", [""])[0]
    calculations: dict[str, Calculation[Any]] = {}
    if pressed == "qtcf":
        calculations["qtcf"] = read_qtcf(typed)
    elif pressed == "prednisone":
        calculations["prednisone"] = read_prednisone(typed)
    return calculations


def calculated(form: Form, calculations: Mapping[str, Calculation[Any]]) -> Form:
    """The form with the calculated value in its field, and none of the errors of a form not sent yet."""
    form.errors.clear()
    form.error_parts.clear()
    for key, name in present.CALCULATORS.items():
        calculation = calculations.get(name)
        if calculation is not None and calculation.working is not None and key in form.typed:
            form.typed[key] = calculation.working.shown
            form.not_known.discard(key)
    return form


def step_page(
    app: App,
    check: Check,
    questions: list[Question],
    request: Request,
    status: int = 200,
    form: Form | None = None,
    calculations: Mapping[str, Calculation[Any]] | None = None,
) -> Response:
    """A page of questions."""
    published, goal = check.published, goal_of(request)
    view = present.step_view(published.protocol, questions, check.raw, form, calculations)
    came_from = request.query_params.get("from", "")
    interview = published.interviewer.interview(check.participant, goal)
    return page(
        app,
        "step.html",
        published,
        status,
        step=view,
        progress=interview.progress,
        back=back_url(check, questions, goal, came_from),
        action=with_query(request.url.path, dict(request.query_params)),
        base=check.base,
        has_errors=view.has_errors,
        changing=came_from in ("answers", "result"),
    )


def back_url(check: Check, questions: list[Question], goal: Goal, came_from: str) -> str:
    """The page before this one: where it was changed from, else the step before."""
    query = {"goal": goal} if goal != "verdict" else {}
    if came_from in ("answers", "result"):
        return with_query(f"{check.base}/{came_from}", query)
    interviewer = check.published.interviewer
    path = interviewer.path(check.participant, goal)
    before = present.path_before(path, [question.key for question in questions])
    return check.step_url(before, query) if before else "/"


@router.get("/checks/{token}/answers")
def answers(token: str, app: Parts, request: Request) -> Response:
    """Check your answers: each can be changed, the others stay."""
    check = load(app, token)
    goal = goal_of(request)
    next_url = check.next_url(goal)
    view = present.answers_view(check.published, check.participant, check.base)
    return page(app, "answers.html", check.published, answers=view, base=check.base, next_url=next_url)


@router.get("/checks/{token}/dates")
def dates(token: str, app: Parts, request: Request) -> Response:
    """The dates of the evaluation."""
    check = load(app, token)
    days = {name: getattr(check.participant.dates, name) for name in ANCHORS}
    typed = {name: {part: str(getattr(day, part)) for part in DATE_PARTS} for name, day in days.items()}
    return page(app, "dates.html", check.published, typed=typed, errors={}, base=check.base, has_errors=False)


@router.post("/checks/{token}/dates")
def change_dates(token: str, app: Parts, posted: Posted) -> Response:
    """Save the dates of the evaluation; the answers must still fit them."""
    typed, given, errors = read_dates(posted)
    with app.database.write() as session:
        screening = queries.screening(session, token=token, at=app.clock())
        check = check_of(app, token, screening)
        if not errors:
            body: dict[str, Any] = {name: day.isoformat() for name, day in given.items()}
            try:
                participant = read_participant(check.published.protocol, {**body, "answers": check.raw}, app.today())
            except InvalidParticipant as error:
                errors = dict(_date_complaint(check, *complaint) for complaint in error.complaints)
            else:
                result = check.published.report(check.published.evaluate(participant)).decode()
                actions.set_dates(session, screening=screening, dates=given, at=app.clock(), actor=ACTOR, result=result)
    if errors:
        return page(
            app, "dates.html", check.published, 422, typed=typed, errors=errors, base=check.base, has_errors=True
        )
    return RedirectResponse(f"{check.base}/answers", 303)


def _date_complaint(check: Check, fact: str, message: str) -> tuple[str, str]:
    """The date beside which a complaint is shown, and its words: an answer that no longer fits counts there."""
    question = check.published.protocol.question_by_key.get(fact)
    if question is None:
        return fact, f"{DATE_LABELS[fact]} {message}"
    return getattr(question.type, "not_after", None) or "consent_date", f"{question.label} {message}"


@router.get("/checks/{token}/result")
def result(token: str, app: Parts, request: Request) -> Response:
    """The verdict and everything that it rests on."""
    check = load(app, token)
    verdict = check.published.evaluate(check.participant)
    view = present.result_view(check.published, verdict, check.base)
    goal = goal_of(request)
    return page(
        app,
        "result.html",
        check.published,
        result=view,
        base=check.base,
        at=app.clock(),
        next_url=check.next_url("verdict"),
        more_url=check.next_url("all_reasons"),
        goal=goal,
    )


@router.post("/checks/{token}/delete")
def delete(token: str, app: Parts, posted: Posted) -> Response:
    """Delete the check and its answers now."""
    with app.database.write() as session:
        screening = queries.screening(session, token=token, at=app.clock())
        actions.delete_check(session, screening=screening, at=app.clock(), actor=ACTOR)
    return RedirectResponse("/", 303)
