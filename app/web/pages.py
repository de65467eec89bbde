"""The pages: the start, the questionnaire of a quick check, its result, and the rules.

A check's address holds an unguessable token; a step's address names its questions, never a value. GET
never writes. A POST saves and answers 303, or shows the step again with its errors and status 422.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from app import actions
from app.calculators import (
    ECG_NUMBERS,
    STEROID_NUMBERS,
    Calculation,
    ecg_fields,
    read_prednisone,
    read_qtcf,
    steroid_fields,
)
from app.errors import Invalid, NotFound
from app.languages import LANGUAGES, words_of
from app.rules import words
from app.rules.ask import Interview, Order, Progress, Step
from app.rules.facts import ANCHORS
from app.rules.participant import InvalidParticipant, Participant
from app.rules.protocol import Question
from app.rules.search import Goal
from app.rules.words import _
from app.store import queries
from app.store.db import NotAtOnce
from app.store.models import Screening
from app.trials import Trial
from app.web import present
from app.web.access import public
from app.web.body import read_form
from app.web.deps import LANGUAGE_COOKIE, App, address_of, app_of, language_of
from app.web.direct import Direct
from app.web.forms import DATE_LABELS, DATE_PARTS, Fields, Form, in_words, is_filled, read_dates, read_step
from app.web.note import note
from app.web.outcome import participant_of
from app.web.published import Published
from app.web.render import gap, moment

router = APIRouter(dependencies=[public])
direct = APIRouter(route_class=Direct, dependencies=[public])
ACTOR = "quick check"


def _no_quick_check(request: Request) -> Response:
    raise NotFound("there are no quick checks here")


no_quick_checks = Route("/checks{rest:path}", _no_quick_check, methods=["GET", "POST"])  # where they are switched off
SOURCE = "typed"


async def _posted(request: Request) -> Fields:
    return await read_form(request, app_of(request).settings.max_body_bytes)


async def _parts(request: Request) -> App:  # a coroutine, because FastAPI would send a function to a thread
    words.speak(words_of(language_of(request)))  # the handler runs in a copy of this task's context
    return app_of(request)


Posted = Annotated[Fields, Depends(_posted)]
Parts = Annotated[App, Depends(_parts)]


def page(app: App, name: str, published: Published, status: int = 200, **context: object) -> HTMLResponse:
    """A page of the trial, under the status that the registry gives it now."""
    return HTMLResponse(app.pages.render(name, {**language_context(app, published), **context}), status)


def language_context(app: App, published: Published) -> dict[str, object]:
    """What every page of a trial shows: the trial as it stands now, and whether the translation is a draft."""
    is_draft = not published.is_reviewed or LANGUAGES[words.current().language].status == "draft"
    return {"trial": present.trial_view(trial_now(app, published)), "is_draft": is_draft}


def trial_now(app: App, published: Published) -> Trial:
    """The trial of a protocol, as the registry has it now."""
    now = app.library.remembered(app.nct_id) or app.library.current(app.nct_id)
    return now.trial if now.trial.nct_id == published.trial.nct_id else published.trial


def in_force(app: App, nct_id: str) -> Published:
    """The protocol in force, in the reader's language. Raises NotFound."""
    return app.library.current_in_language(nct_id, words.current().language)


# THE LANGUAGE

LANGUAGE_DAYS = 365
SAME_SITE = re.compile(r"/(?![/\\\\])[\x21-\x7e]*")


@router.post("/language")
def choose_language(app: Parts, posted: Posted, request: Request) -> Response:
    """Keep the language that was chosen in a cookie, and go back to the page."""
    chosen, back = (posted.get(name, [""])[0] for name in ("language", "to"))
    if chosen not in LANGUAGES:
        raise Invalid([("language", _("is not a language of this site"))])
    response = RedirectResponse(back if SAME_SITE.fullmatch(back) else "/", 303)
    is_secure = request.url.scheme == "https"
    response.set_cookie(
        LANGUAGE_COOKIE, chosen, LANGUAGE_DAYS * 86_400, secure=is_secure, httponly=True, samesite="lax"
    )
    return response


# THE TRIAL


@router.get("/")
def start(app: Parts, request: Request) -> Response:
    """What the trial is, its status, who this is for, and where to begin."""
    published = in_force(app, app.nct_id)
    view = present.start_view(published)
    quick = {"quick_checks": app.settings.quick_checks, "hours": app.settings.quick_check_hours}
    return page(app, "start.html", published, start=view, here=address_of(request), **quick)


@router.get("/trials/{nct_id}/rules")
def rules(nct_id: str, app: Parts, request: Request, version: int | None = None) -> Response:
    """The whole rule tree of the protocol in force, or of an earlier version of it."""
    published = in_force(app, nct_id)
    if version is not None and version != published.version:
        published = app.library.in_language(_earlier(app, nct_id, version), words.current().language)
    return page(app, "rules.html", published, rules=present.rules_view(published), here=address_of(request))


def _earlier(app: App, nct_id: str, version: int) -> int:
    with app.database.read() as session:
        found = [one for one in queries.versions(session, nct_id) if one.version == version and one.status != "draft"]
    if not found:
        raise NotFound("no such version of the protocol")
    return found[0].id


# A QUICK CHECK


@dataclass(frozen=True)
class Check:
    """A quick check as it stands: its protocol, its raw answers, and what they mean.

    `goal` is what the reader is after, as the address says: the verdict, or every reason. `order` is that
    of the questions: section by section, or the quickest way to a verdict, one question at a time.
    """

    base: str
    published: Published
    raw: Mapping[str, Any]
    participant: Participant
    expires_at: datetime | str | None
    goal: Goal = "verdict"
    order: Order = "section"

    def url(self, place: str = "", goal: Goal | None = None, came_from: str = "") -> str:
        """The address of a page of this check; it carries the goal and the order on."""
        aim = goal or self.goal
        query: dict[str, str] = {"goal": aim} if aim != "verdict" else {}
        query |= {"order": self.order} if self.order != "section" else {}
        return with_query(f"{self.base}/{place}".removesuffix("/"), query | ({"from": came_from} if came_from else {}))

    def change(self, came_from: str) -> Callable[[str], str]:
        """Where an answer is changed, by its fact; from there the way leads back."""
        protocol = self.published.protocol
        return lambda fact: self.url(f"questions/{present.primary(protocol, fact)}", came_from=came_from)

    def go_to(self, fact: str) -> str:
        """Where an answer is changed, by its fact; from there the interview goes on."""
        return self.url(f"questions/{present.primary(self.published.protocol, fact)}")

    def next_step(self, goal: Goal | None = None) -> str | None:
        """The address of the next step of the interview; None when it is over."""
        aim = goal or self.goal
        step = self.published.interviewer.interview(self.participant, aim, self.order).step
        return None if step is None else self.url(present.step_place(step.questions), aim)

    def next_url(self) -> str:
        """Where the interview goes on: the next step, or the result."""
        return self.next_step() or self.url("result")


def with_query(path: str, query: Mapping[str, str]) -> str:
    """An address with its query, if there is one."""
    return f"{path}?{urlencode(query)}" if query else path


def check_of(app: App, token: str, screening: Screening | queries.Kept, request: Request) -> Check:
    """The check that a screening's rows say, under the protocol it was begun with."""
    language = words.current().language
    published = app.library.known(screening.protocol_id, language)
    published = published or app.library.in_language(screening.protocol_id, language)
    raw = screening.raw_answers
    participant = participant_of(published, screening, raw)
    return Check(
        f"/checks/{token}", published, raw, participant, screening.expires_at, goal_of(request), order_of(request)
    )


def load(app: App, token: str, request: Request) -> Check:
    """The check that a token opens. Raises NotFound."""
    with app.database.read() as session:
        return check_of(app, token, queries.check(session, token=token, at=app.clock()), request)


def check_page(app: App, name: str, check: Check, request: Request, status: int = 200, **context: object) -> Response:
    """A page of a check, which shows its own address and links to the check's other pages."""
    shown = {**check_context(check, host_of(request)), "here": address_of(request), **context}
    return page(app, name, check.published, status, **shown)


def host_of(request: Request) -> str:
    """The host by which the reader came here."""
    return request.headers.get("host", "")


def check_context(check: Check, host: str) -> dict[str, object]:
    """What every page of a check shows: its address, how long it is kept, and the links to its other pages."""
    address = f"{host}{check.base}"
    kept = {
        "address": address,
        "expires_at": check.expires_at,
        "base": check.base,
        "goal": check.goal,
        "order": check.order,
    }
    return {"check": kept, "links": links_of(check)}


def links_of(check: Check) -> dict[str, str]:
    """The addresses of a check's pages."""
    return {
        "home": check.base,
        "answers": check.url("answers"),
        "result": check.url("result"),
        "dates": check.url("dates"),
        "note": check.url("note"),
        "other_order": replace(check, order="section" if check.order == "quickest" else "quickest").url(),
        "rules": f"/trials/{check.published.trial.nct_id}/rules?version={check.published.version}",
    }


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
    order = {"order": "quickest"} if posted.get("order") == ["quickest"] else {}
    return RedirectResponse(with_query(f"/checks/{started.token}", order), 303)


@router.get("/checks/{token}")
def resume(token: str, app: Parts, request: Request) -> Response:
    """Go where the check stands."""
    return RedirectResponse(load(app, token, request).next_url(), 303)


@direct.get("/checks/{token}/questions/{keys}", include_in_schema=False)
async def ask(token: str, keys: str, request: Request) -> Response:
    """A step: its questions, with what was answered before.

    Answered at once where nothing has to be waited or searched for; else in a thread.
    """
    app = app_of(request)
    words.speak(words_of(language_of(request)))
    check = glance(app, token, request)
    stands = None
    if check is not None:
        stands = check.published.interviewer.remembered(check.participant, check.goal, check.order)
    if check is None or stands is None:
        return await run_in_threadpool(_ask, app, token, keys, request)
    return saved_step(app, check, questions_of(check, keys), request, *stands)


def _ask(app: App, token: str, keys: str, request: Request) -> Response:
    check = load(app, token, request)
    questions, interviewer = questions_of(check, keys), check.published.interviewer
    interview = interviewer.interview(check.participant, check.goal, check.order)
    path = interviewer.path(check.participant, check.goal, check.order)
    return saved_step(app, check, questions, request, interview, path)


def glance(app: App, token: str, request: Request) -> Check | None:
    """The check that a token opens, if all that takes can be had without waiting. Raises NotFound."""
    if app.library.remembered(app.nct_id) is None:
        return None
    try:
        kept = queries.check_at_once(app.database, token=token, at=app.clock())
    except NotAtOnce:
        return None
    known = app.library.known(kept.protocol_id, words.current().language)
    return None if known is None else check_of(app, token, kept, request)


@router.post("/checks/{token}/questions/{keys}")
def reply(token: str, keys: str, app: Parts, posted: Posted, request: Request) -> Response:
    """Save a step's answers, or work out what a calculator was given."""
    check = load(app, token, request)
    questions = questions_of(check, keys)
    calculations = calculate(posted, questions)
    if calculations:
        form = read_step(check.published.protocol, questions, posted, check.participant.dates)
        form = calculated(form, questions, calculations)
        wrong = any(calculation.errors for calculation in calculations.values())
        return step_page(app, check, questions, request, 422 if wrong else 200, form, calculations)
    with app.database.write() as session:
        screening = queries.screening(session, token=token, at=app.clock())
        check = check_of(app, token, screening, request)
        form = read_step(check.published.protocol, questions, posted, check.participant.dates)
        participant = None if form.errors else accept(check, screening, form)
        if participant is not None:
            english = app.library.by_id(screening.protocol_id)
            actions.give_answers(
                session,
                screening=screening,
                answers=form.answers,
                at=app.clock(),
                actor=ACTOR,
                source=SOURCE,
                result=english.report(english.evaluate(participant)).decode(),
            )
    if participant is None:
        return step_page(app, check, questions, request, 422, form)
    raw = {**check.raw, **form.answers}
    after = Check(check.base, check.published, raw, participant, check.expires_at, check.goal, check.order)
    return RedirectResponse(url_after(check, after, came_from(request)), 303)


def accept(check: Check, screening: Screening, form: Form) -> Participant | None:
    """The participant with the form's answers; None where together they cannot be (an error is added)."""
    protocol = check.published.protocol
    try:
        return participant_of(check.published, screening, {**check.raw, **form.answers})
    except InvalidParticipant as error:
        for fact, message in error.complaints:
            key = fact if fact in form.typed else next(iter(form.typed))
            label = protocol.question_by_key[fact].label
            form.errors[key] = _("{label} {complaint}", label=label, complaint=in_words(protocol, message))
        return None


def url_after(before: Check, after: Check, origin: str) -> str:
    """Where to go after a step: back to the page it was changed from, unless something new must be asked."""
    if not origin:
        return after.next_url()
    next_step = after.next_step()
    if next_step is not None and before.next_step() is None:
        return next_step
    return after.url(origin)


def goal_of(request: Request) -> Goal:
    """The goal that an address asks for; anything else is the verdict."""
    return "all_reasons" if request.query_params.get("goal") == "all_reasons" else "verdict"


def order_of(request: Request) -> Order:
    """The order of questions that an address asks for; anything else is section by section."""
    return "quickest" if request.query_params.get("order") == "quickest" else "section"


def came_from(request: Request) -> str:
    """The page that an answer is changed from, or nothing."""
    origin = request.query_params.get("from", "")
    return origin if origin in ("answers", "result") else ""


def questions_of(check: Check, keys: str) -> list[Question]:
    """The questions that an address names. Raises NotFound where there is no such question."""
    by_key = {question.key: question for question in check.published.interviewer.questions}
    names = list(dict.fromkeys(keys.split("+")))
    if not all(name in by_key for name in names):
        raise NotFound("no such question")
    return [by_key[name] for name in names]


# THE CALCULATORS

READERS: dict[str, tuple[Callable[[Mapping[str, str]], Calculation[Any]], list[str]]] = {
    "qtcf": (read_qtcf, [name for number in ECG_NUMBERS for name in ecg_fields(number)]),
    "prednisone": (read_prednisone, [name for number in STEROID_NUMBERS for name in steroid_fields(number)]),
}


def calculate(posted: Fields, questions: list[Question]) -> dict[str, Calculation[Any]]:
    """The calculators to work out, by name; none where the answers are to be saved. Raises Invalid.

    That is the one whose button was pressed. Without scripts, Enter in a calculator presses Continue, so
    one that was filled in while the field that it fills is empty is worked out as well.
    """
    offered = {question.calculator: question for question in questions if question.calculator}
    pressed, do = posted.get("calculate", []), posted.get("do", [])
    if do not in ([], ["continue"]) or (do and pressed):
        raise Invalid([("do", _("is not a button of this page"))])
    if len(pressed) > 1 or not set(pressed) <= offered.keys():
        raise Invalid([("calculate", _("is not a calculator of this page"))])
    names = pressed or [name for name, question in offered.items() if _left_to_calculate(posted, question, name)]
    typed = {name: " ".join(values) for name, values in posted.items()}
    return {name: READERS[name][0](typed) for name in names}


def _left_to_calculate(posted: Fields, question: Question, name: str) -> bool:
    filled = any(any(posted.get(field, ())) for field in READERS[name][1])
    return filled and not is_filled(question, posted)


def calculated(form: Form, questions: list[Question], calculations: Mapping[str, Calculation[Any]]) -> Form:
    """The form with the calculated value in its field, and none of the errors of a form not sent yet."""
    form.errors.clear()
    form.error_parts.clear()
    for question in questions:
        calculation = calculations.get(question.calculator)
        if calculation is not None and calculation.working is not None:
            form.typed[question.key] = calculation.working.shown
            form.not_known.discard(question.key)
    return form


# A STEP


def step_page(
    app: App,
    check: Check,
    questions: list[Question],
    request: Request,
    status: int = 200,
    form: Form | None = None,
    calculations: Mapping[str, Calculation[Any]] | None = None,
) -> Response:
    """A page of questions as they were just answered or calculated."""
    view = present.step_view(check.published.protocol, questions, check.raw, form, calculations)
    interview = check.published.interviewer.interview(check.participant, check.goal, check.order)
    path = check.published.interviewer.path(check.participant, check.goal, check.order)
    way = step_way(check, questions, came_from(request), path)
    found = present.query_views(check.published, check.published.evaluator.queries(check.participant), check.go_to)
    context = step_context(view, interview.progress, way, found)
    return check_page(app, "step.html", check, request, status, **context)


def saved_step(
    app: App, check: Check, questions: list[Question], request: Request, interview: Interview, path: Sequence[Step]
) -> Response:
    """A page of questions as they are saved: made once for all checks on which it differs by its address only."""
    published, origin, progress = check.published, came_from(request), interview.progress
    found = published.evaluator.queries(check.participant)
    anyone = replace(check, base=gap("base"), expires_at=gap("expires_at"))
    way = step_way(anyone, questions, origin, path)
    saved = repr(saved_answers(check, questions))
    keys = tuple(question.key for question in questions)

    def made() -> str:
        view = present.step_view(published.protocol, questions, check.raw)
        shown = present.query_views(published, found, anyone.go_to)
        context = check_context(anyone, gap("host")) | step_context(view, progress, way, shown)
        return app.pages.render("step.html", {**language_context(app, published), **context})

    # All that the page shows, gaps apart.
    asked = (keys, saved, repr(found), progress, way, check.goal, check.order)
    language = (words.current().language, published.is_reviewed)
    key = (published.hash, published.version, trial_now(app, published), language, *asked)
    expires = words.unmarked(moment(check.expires_at)) if check.expires_at is not None else ""
    values = {"base": check.base, "expires_at": expires, "host": host_of(request)}
    return HTMLResponse(app.pages.filled(key, made, values))


def saved_answers(check: Check, questions: list[Question]) -> list[tuple[str, Any]]:
    """What is saved of questions and their alternatives: facts and raw values."""
    facts = [key for question in questions for key in (question.key, question.alternative) if key is not None]
    return [(fact, check.raw[fact]) for fact in facts if fact in check.raw]


class Way(NamedTuple):
    """Where a step leads: back, and on where its form is sent; `changing` an answer given before."""

    back: str
    action: str
    changing: bool


def step_way(check: Check, questions: list[Question], origin: str, path: Sequence[Step]) -> Way:
    """The way from a step that was reached from `origin`, or by the interview."""
    back = check.url(origin) if origin else step_before(check, questions, path)
    return Way(back, check.url(present.step_place(questions), came_from=origin), bool(origin))


def step_context(
    view: present.StepView, progress: Progress, way: Way, found: list[present.QueryView]
) -> dict[str, object]:
    """What the template of a step is given; its own address is that of its form."""
    step = {"step": view, "progress": progress, "has_errors": view.has_errors, "queries": found}
    return {**step, **way._asdict(), "here": way.action}


def step_before(check: Check, questions: list[Question], path: Sequence[Step]) -> str:
    """The address of the step before this one, or of the start."""
    before = present.path_before(path, [question.key for question in questions])
    return check.url(present.step_place(before.questions)) if before else "/"


# ANSWERS, DATES, RESULT


@router.get("/checks/{token}/answers")
def answers(token: str, app: Parts, request: Request) -> Response:
    """Check your answers: each can be changed, the others stay."""
    check = load(app, token, request)
    view = present.answers_view(check.published, check.participant, check.change("answers"), check.url("dates"))
    return check_page(app, "answers.html", check, request, answers=view, next_step=check.next_step())


@router.get("/checks/{token}/dates")
def dates(token: str, app: Parts, request: Request) -> Response:
    """The dates of the evaluation."""
    check = load(app, token, request)
    return check_page(app, "dates.html", check, request, typed=dates_typed(check), errors={}, has_errors=False)


def dates_typed(check: Check) -> dict[str, dict[str, str]]:
    """The dates of an evaluation as their form shows them."""
    days = {name: getattr(check.participant.dates, name) for name in ANCHORS}
    return {name: {part: str(getattr(day, part)) for part in DATE_PARTS} for name, day in days.items()}


@router.post("/checks/{token}/dates")
def change_dates(token: str, app: Parts, posted: Posted, request: Request) -> Response:
    """Save the dates of the evaluation; the answers must still fit them."""
    typed, given, errors = read_dates(posted)
    with app.database.write() as session:
        screening = queries.screening(session, token=token, at=app.clock())
        check = check_of(app, token, screening, request)
        if not errors:
            body: dict[str, Any] = {name: day.isoformat() for name, day in given.items()}
            try:
                participant = check.published.read({**body, "answers": check.raw}, app.today())
            except InvalidParticipant as error:
                errors = dict(date_complaint(check, *complaint) for complaint in error.complaints)
            else:
                english = app.library.by_id(screening.protocol_id)
                result = english.report(english.evaluate(participant)).decode()
                actions.set_dates(session, screening=screening, dates=given, at=app.clock(), actor=ACTOR, result=result)
    if errors:
        return check_page(app, "dates.html", check, request, 422, typed=typed, errors=errors, has_errors=True)
    return RedirectResponse(check.url("answers"), 303)


def date_complaint(check: Check, fact: str, message: str) -> tuple[str, str]:
    """The date beside which a complaint is shown, and its words: an answer that no longer fits counts there."""
    protocol = check.published.protocol
    question, complaint = protocol.question_by_key.get(fact), in_words(protocol, message)
    if question is None:
        return fact, _("{label} {complaint}", label=_(DATE_LABELS[fact]), complaint=complaint)
    told = _("{label} {complaint}", label=question.label, complaint=complaint)
    return getattr(question.type, "not_after", None) or "consent_date", told


@router.get("/checks/{token}/result")
def result(token: str, app: Parts, request: Request) -> Response:
    """The verdict and everything that it rests on."""
    check, now = load(app, token, request), app.clock()
    verdict = check.published.evaluate(check.participant)
    view = present.result_view(check.published, verdict, check.change("result"))
    return check_page(
        app,
        "result.html",
        check,
        request,
        result=view,
        outlook=present.outlook_view(check.published, verdict),
        note=note_of(app, check, view, now),
        at=now,
        next_step=check.next_step("verdict"),
        more=check.next_step("all_reasons"),
    )


@router.get("/checks/{token}/note")
def plain_note(token: str, app: Parts, request: Request) -> Response:
    """The result as plain text, to be copied into the chart."""
    check = load(app, token, request)
    view = present.result_view(check.published, check.published.evaluate(check.participant), check.change("result"))
    return PlainTextResponse(note_of(app, check, view, app.clock()))


def note_of(app: App, check: Check, view: present.ResultView, at: datetime) -> str:
    """The note of a check's result, under the status that the registry gives the trial now."""
    answers = present.answers_view(check.published, check.participant, check.change("result"), check.url("dates"))
    return note(present.trial_view(trial_now(app, check.published)), view, answers, at)


@router.post("/checks/{token}/delete")
def delete(token: str, app: Parts, posted: Posted) -> Response:
    """Delete the check and its answers now."""
    with app.database.write() as session:
        screening = queries.screening(session, token=token, at=app.clock())
        actions.delete_check(session, screening=screening, at=app.clock(), actor=ACTOR)
    return RedirectResponse("/", 303)
