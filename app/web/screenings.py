"""The pages of one screening in a site's log: begun, answered, signed, moved from state to state.

The questionnaire is that of a quick check (see `pages`), under the screening's address. What differs: a changed answer
needs a reason, a form that is out of date is shown again with what stands now, and whoever looks is recorded.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from app import actions
from app.access import Principal
from app.actions.screenings import SubjectTaken
from app.errors import Conflict, Forbidden, Invalid, PrescreenError
from app.lifecycle import CHANGE_REASONS, NEXT, REASONS, STATUS_WORDS, VERDICTS, needs_reason
from app.rules import words
from app.rules.calendar import read_date
from app.rules.participant import InvalidParticipant
from app.rules.protocol import Question
from app.rules.words import _, date_words
from app.store import accounts, queries, screenings
from app.store.db import ReadSession, WriteSession
from app.store.models import Decision, Note, Screening
from app.web import entry, errors, once, present
from app.web.access import need
from app.web.deps import App
from app.web.forms import DATE_PARTS, Fields, Form, read_dates, read_step
from app.web.outcome import outcome, participant_of
from app.web.pages import (
    Check,
    Parts,
    Posted,
    accept,
    calculate,
    calculated,
    came_from,
    check_context,
    date_complaint,
    dates_typed,
    goal_of,
    host_of,
    links_of,
    note_of,
    order_of,
    questions_of,
    saved_answers,
    step_context,
    step_way,
    url_after,
)
from app.web.render import moment
from app.web.site import site_page
from app.web.viewing import record_view

router = APIRouter(prefix="/screenings")
SOURCE = "typed"

Reader = Annotated[Principal, need("screening:read")]
Writer = Annotated[Principal, need("screening:write")]
Physician = Annotated[Principal, need("screening:confirm")]


# A SCREENING, OPENED


@dataclass(frozen=True)
class Opened:
    """A screening as it stands, for somebody who may see it: its row, and its answers as a check."""

    row: Screening
    check: Check
    who: Principal

    @property
    def version(self) -> str:
        """The version that a form of this page carries."""
        return str(self.row.version)


def opened(app: App, who: Principal, row: Screening, request: Request) -> Opened:
    """What the rows of a screening say, under the protocol that it was begun with."""
    published = app.library.in_language(row.protocol_id, words.current().language)
    participant = participant_of(published, row, row.raw_answers)
    base, goal, order = f"/screenings/{row.reference}", goal_of(request), order_of(request)
    return Opened(row, Check(base, published, row.raw_answers, participant, None, goal, order), who)


def look(app: App, who: Principal, reference: str, request: Request) -> Opened:
    """Open a screening to look at it, which is recorded once in a while. NotFound, also where it is another site's."""
    with app.database.read() as session:
        row = screenings.screening(session, reference=reference, sites=who.sites("screening:read"))
    record_view(app, row, who)
    return opened(app, who, row, request)


def screening_page(
    app: App, request: Request, found: Opened, template: str, status: int = 200, **context: object
) -> Response:
    """A page of a screening, with the links to its other pages."""
    base = found.check.base
    shown = check_context(found.check, host_of(request))
    own = {"log": "/screenings", "history": f"{base}/history", "confirm": f"{base}/confirm"}
    shown["links"] = own | links_of(found.check)
    subject = {"code": found.row.subject_code, "status": found.row.status, "version": found.version}
    subject["status_words"] = _(STATUS_WORDS[str(found.row.status)])
    frame: dict[str, object] = {**shown, "subject": subject, **context}
    return site_page(app, request, found.who, template, status, found.check.published, **frame)


def version_of(posted: Fields) -> int:
    """The version that a form carries. Invalid where it carries none."""
    text = posted.get("version", [""])[0]
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Invalid([("version", _("is missing: open the page again"))])
    return int(text)


# BEGINNING


@router.get("/new")
def new(app: Parts, who: Writer, request: Request) -> Response:
    """Begin a screening: at which site, and under which subject code."""
    return new_page(app, who, request, {}, {})


def new_page(
    app: App, who: Principal, request: Request, typed: Mapping[str, str], errors: Mapping[str, str], status: int = 200
) -> Response:
    """The form, with what was typed and what is wrong with it."""
    with app.database.read() as session:
        sites = queries.site_names(session, app.nct_id, who.sites("screening:write"))
    has_errors = bool(errors)
    shown = {"sites": sites, "typed": typed, "errors": errors, "has_errors": has_errors, "once_key": once.new_key()}
    return site_page(app, request, who, "screening_new.html", status, **shown)


@router.post("")
def begin(app: Parts, who: Writer, posted: Posted, request: Request) -> Response:
    """Begin a screening."""
    typed = {name: posted.get(name, [""])[0] for name in ("site", "subject_code")}
    with app.database.read() as session:
        sites = {str(one.id): one.id for one in queries.site_names(session, app.nct_id, who.sites("screening:write"))}
    site_id = sites.get(typed["site"]) if len(sites) != 1 else next(iter(sites.values()))
    if site_id is None:
        return new_page(app, who, request, typed, {"site": _("Choose the site")}, 422)

    def act(session: WriteSession) -> str:
        begun = actions.start_screening(
            session,
            nct_id=app.nct_id,
            site_id=site_id,
            subject_code=typed["subject_code"],
            at=app.clock(),
            as_of=app.today(),
            who=who,
        )
        return f"/screenings/{begun.reference}/questions"

    try:
        return once.redirected(app, once.marked_form(request, who.actor, posted), act)
    except Invalid as error:
        found = {field: _("Subject code {complaint}", complaint=_(text)) for field, text in error.complaints}
        return new_page(app, who, request, typed, found, 422)
    except SubjectTaken:
        told = _("Your site has a screening with this subject code already; open that one, or give another code")
        return new_page(app, who, request, typed, {"subject_code": told}, 409)


# THE OVERVIEW


@router.get("/{reference}")
def overview(reference: str, app: Parts, who: Reader, request: Request) -> Response:
    """Where a screening stands, and what can be done with it."""
    return overview_page(app, request, look(app, who, reference, request))


def overview_page(
    app: App,
    request: Request,
    found: Opened,
    status: int = 200,
    errors: Mapping[str, str] | None = None,
    stale: Sequence[str] = (),
) -> Response:
    """The overview, with what is wrong with a form that was sent, or what changed meanwhile."""
    row, check = found.row, found.check
    assert row.site_id is not None
    with app.database.read() as session:
        site = queries.site_names(session, app.nct_id, frozenset({row.site_id}))[0]
        people = accounts.people_of(session, row.site_id)
        view = overview_view(session, found, site.name, dict(people))
        newer = newer_version(session, app.nct_id, check.published.version)
    verdict = check.published.evaluate(check.participant)
    result = present.result_view(check.published, verdict, check.change("result"))
    return screening_page(
        app,
        request,
        found,
        "screening.html",
        status,
        screening=view,
        result=result,
        next_step=check.next_step(),
        people=people,
        newer=newer,
        errors=errors or {},
        has_errors=bool(errors),
        stale=stale,
        may_write=found.who.may("screening:write", row.site_id),
        may_confirm=found.who.may("screening:confirm", row.site_id),
        once_key=once.new_key(),
        erasure_reasons=[(code, _(told)) for code, told in ERASURE_WORDS.items()],
    )


ERASURE_WORDS = {
    "identifies_somebody": words.N_("It may say who somebody is"),
    "wrong_participant": words.N_("It belongs to another participant"),
    "not_needed": words.N_("It is not needed"),
}


def newer_version(session: ReadSession, nct_id: str, version: int) -> int | None:
    """The version in force, where it is not the one of the screening, which stays with its own."""
    now = queries.current_version(session, nct_id).version
    return now if now != version else None


@dataclass(frozen=True)
class Signature:
    """A physician's signature as the page tells of it."""

    words: str
    reason: str
    is_void: bool


@dataclass(frozen=True)
class Remark:
    """A note as the page shows it; an erased one has no text."""

    id: int
    text: str | None
    by: str
    at: str


@dataclass(frozen=True)
class OverviewView:
    """What the overview says of a screening beside its verdict."""

    facts: list[present.Row]
    signatures: list[Signature]
    remarks: list[Remark]
    states: list[tuple[str, str]]  # what it can be moved to
    reasons: list[tuple[str, list[tuple[str, str]]]]  # by state, where one is due
    assigned_to: int | None


def overview_view(session: ReadSession, found: Opened, site: str, people: Mapping[int, str]) -> OverviewView:
    """The overview's texts."""
    row = found.row
    signed, remarks = screenings.decisions(session, row.id), screenings.notes(session, row.id)
    ids = {one.account_id for one in remarks} | ({row.assigned_to} if row.assigned_to else set())
    names = {**accounts.names(session, ids), **people}
    status, protocol = str(row.status), found.check.published
    facts = [
        present.Row(_("Site"), site),
        present.Row(_("State"), _(STATUS_WORDS[status]), _state_note(row)),
        present.Row(_("Begun"), moment(row.created_at)),
        present.Row(_("Last change"), moment(row.updated_at or row.created_at)),
        present.Row(_("Assigned to"), names.get(row.assigned_to or 0, _("nobody"))),
        present.Row(_("Look again on"), date_words(row.look_again_on) if row.look_again_on else _("no day"), _due(row)),
        present.Row(_("Rules"), _("version {number}, {hash}", number=protocol.version, hash=protocol.hash[:12])),
    ]
    states = [(code, _state_words(code)) for code in NEXT[status]]
    reasons = [(code, [(key, _(told)) for key, told in REASONS.get(code, {}).items()]) for code in NEXT[status]]
    return OverviewView(
        facts,
        [_signature(one) for one in signed],
        [_remark(one, names) for one in remarks],
        states,
        [(_state_words(code), codes) for code, codes in reasons if codes and needs_reason(status, code)],
        row.assigned_to,
    )


def _state_words(code: str) -> str:
    """A state to choose; going back has its own words."""
    return _("Back to pre-screening") if code == "pre_screening" else _(STATUS_WORDS[code])


def _state_note(row: Screening) -> str:
    reason = REASONS.get(str(row.status), {}).get(row.status_reason or "")
    since = _("since {moment}", moment=moment(row.status_at)) if row.status_at else ""
    return words.semicolons([part for part in (_(reason) if reason else "", since) if part])


def _due(row: Screening) -> str:
    if row.passes_from is None or row.look_again_on != row.passes_from:
        return ""
    return _("the first day on which what excludes may have passed")


def _signature(one: Decision) -> Signature:
    told = {
        "confirmed": _("{name} confirmed the verdict on {moment}: {verdict}."),
        "overridden": _("{name} overrode the verdict on {moment}: {verdict}."),
    }[one.meaning]
    verdict = _(STATUS_WORDS[one.verdict]).lower()
    sentence = told.format(name=one.name, moment=moment(one.at), verdict=verdict)
    return Signature(sentence, one.reason or "", one.voided_at is not None)


def _remark(one: Note, names: Mapping[int, str]) -> Remark:
    return Remark(one.id, one.text, names.get(one.account_id, _("somebody")), moment(one.at))


# WHAT CAN BE DONE WITH IT


def change(
    app: App, who: Principal, reference: str, request: Request, posted: Fields, wanted: str, do: Any
) -> Response:
    """Do something with a screening as the page showed it; else show the page again, and what stands now."""
    sites = who.sites("screening:write")
    base, mark = f"/screenings/{reference}", once.marked_form(request, who.actor, posted)

    def act(session: WriteSession) -> str:
        do(session, screenings.screening(session, reference=reference, sites=sites), version_of(posted))
        return base

    try:
        return once.redirected(app, mark, act)
    except Invalid as error:
        found = look(app, who, reference, request)
        return overview_page(app, request, found, 422, {field: _(text) for field, text in error.complaints})
    except Conflict:
        return stale_page(app, request, look(app, who, reference, request), wanted)


def stale_page(app: App, request: Request, found: Opened, wanted: str) -> Response:
    """What was wanted, and what stands now: nothing was changed."""
    row = found.row
    told = [
        _("You wanted: {wanted}.", wanted=wanted),
        _("Meanwhile, on {moment}, it was changed: its state is “{state}”.",
          moment=moment(row.updated_at or row.created_at), state=_(STATUS_WORDS[str(row.status)])),
    ]  # fmt: skip
    return overview_page(app, request, found, 409, stale=told)


@router.post("/{reference}/state")
def move(reference: str, app: Parts, who: Writer, posted: Posted, request: Request) -> Response:
    """Move the screening to another state of the log."""
    status, reason = (posted.get(name, [""])[0] for name in ("status", "reason"))

    def do(session: Any, row: Screening, version: int) -> None:
        english = app.library.by_id(row.protocol_id)
        found = outcome(english, participant_of(english, row, row.raw_answers))
        actions.set_status(
            session, screening=row, status=status, reason=reason or None, outcome=found, at=app.clock(), who=who,
            version=version,
        )  # fmt: skip

    wanted = _("the state “{state}”", state=_(STATUS_WORDS.get(status, status)))
    return change(app, who, reference, request, posted, wanted, do)


@router.post("/{reference}/assignee")
def assign(reference: str, app: Parts, who: Writer, posted: Posted, request: Request) -> Response:
    """Give the screening to somebody of its site."""
    chosen = posted.get("assigned_to", [""])[0]
    account_id = int(chosen) if chosen.isascii() and chosen.isdecimal() and len(chosen) < 10 else None

    def do(session: Any, row: Screening, version: int) -> None:
        actions.assign(session, screening=row, account_id=account_id, at=app.clock(), who=who, version=version)

    return change(app, who, reference, request, posted, _("to give it to somebody"), do)


@router.post("/{reference}/look-again")
def look_again(reference: str, app: Parts, who: Writer, posted: Posted, request: Request) -> Response:
    """Choose the day on which to look again; an empty one is the day that the reasons name."""
    parts = {part: posted.get(f"look_again_on-{part}", [""])[0] for part in DATE_PARTS}
    day = read_date("-".join([parts["year"], parts["month"].zfill(2), parts["day"].zfill(2)]))

    def do(session: Any, row: Screening, version: int) -> None:
        if any(parts.values()) and (day is None or day < app.today()):
            raise Invalid([("look_again_on", _("must be a day from today on, with day, month and year"))])
        actions.look_again(session, screening=row, on=day, at=app.clock(), who=who, version=version)

    return change(app, who, reference, request, posted, _("another day to look again"), do)


@router.post("/{reference}/notes")
def add_note(reference: str, app: Parts, who: Writer, posted: Posted, request: Request) -> Response:
    """Add a remark."""

    def do(session: Any, row: Screening, version: int) -> None:
        text = posted.get("text", [""])[0].replace("\r\n", "\n")
        actions.add_note(session, screening=row, text=text, at=app.clock(), who=who)

    return change(app, who, reference, request, posted, _("to add a note"), do)


@router.post("/{reference}/notes/{note_id}/erase")
def erase_note(reference: str, note_id: int, app: Parts, who: Writer, posted: Posted, request: Request) -> Response:
    """Erase a remark, which the audit trail then says."""
    reason = posted.get("reason", [""])[0]

    def do(session: Any, row: Screening, version: int) -> None:
        actions.erase_note(session, screening=row, note_id=note_id, reason=reason, at=app.clock(), who=who)

    return change(app, who, reference, request, posted, _("to erase a note"), do)


# THE QUESTIONNAIRE


@router.get("/{reference}/questions")
def resume(reference: str, app: Parts, who: Reader, request: Request) -> Response:
    """Go where the interview stands."""
    return RedirectResponse(look(app, who, reference, request).check.next_url(), 303)


@router.get("/{reference}/questions/{keys}")
def ask(reference: str, keys: str, app: Parts, who: Writer, request: Request) -> Response:
    """A step: its questions, with what was answered before."""
    found = look(app, who, reference, request)
    return step_page(app, request, found, questions_of(found.check, keys))


@router.post("/{reference}/questions/{keys}")
def reply(reference: str, keys: str, app: Parts, who: Writer, posted: Posted, request: Request) -> Response:
    """Save a step's answers, or work out what a calculator was given."""
    found = look(app, who, reference, request)
    questions = questions_of(found.check, keys)
    calculations = calculate(posted, questions)
    if calculations:
        form = read_step(found.check.published.protocol, questions, posted, found.check.participant.dates)
        form = calculated(form, questions, calculations)
        wrong = any(calculation.errors for calculation in calculations.values())
        return step_page(app, request, found, questions, 422 if wrong else 200, form, calculations=calculations)
    try:
        with app.database.write() as session:
            row = screenings.screening(session, reference=reference, sites=who.sites("screening:write"))
            found = opened(app, who, row, request)
            form = read_step(found.check.published.protocol, questions, posted, found.check.participant.dates)
            is_stale = posted.get("seen", [""])[0] != seen(found.check, questions)
            participant = None if form.errors or is_stale else accept(found.check, row, form)
            if participant is not None:
                _save(app, session, found, form.answers, posted.get("reason", [""])[0] or None)
    except Invalid:  # leaves the block above, so that nothing of it is kept
        errors = {"reason": _("Say why what was answered before is changed")}
        return step_page(app, request, look(app, who, reference, request), questions, 422, form, errors=errors)
    if participant is None:
        return step_page(app, request, found, questions, 409 if is_stale else 422, form, is_stale=is_stale)
    after = replace(found.check, raw={**found.check.raw, **form.answers}, participant=participant)
    return RedirectResponse(url_after(found.check, after, came_from(request)), 303)


def _save(
    app: App,
    session: Any,
    found: Opened,
    answers: Mapping[str, Any],
    reason: str | None,
    dates: Mapping[str, date] | None = None,
) -> None:
    """Save answers and dates with what they come to. Raises Invalid where a reason is missing."""
    row, english = found.row, app.library.by_id(found.row.protocol_id)
    participant = participant_of(english, row, {**row.raw_answers, **answers}, dates)
    actions.answer_screening(
        session,
        screening=row,
        answers=answers,
        outcome=outcome(english, participant),
        at=app.clock(),
        who=found.who,
        source=SOURCE,
        dates=dates,
        reason=reason,
    )


def seen(check: Check, questions: list[Question]) -> str:
    """What a step's form says that it was made from: the answers to its questions, as a hash."""
    said = repr(saved_answers(check, questions))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def step_page(
    app: App,
    request: Request,
    found: Opened,
    questions: list[Question],
    status: int = 200,
    form: Form | None = None,
    *,
    errors: Mapping[str, str] | None = None,
    is_stale: bool = False,
    calculations: Any = None,
) -> Response:
    """A page of questions. Of a stale form it shows both what was typed and what stands now."""
    check, published = found.check, found.check.published
    view = present.step_view(published.protocol, questions, check.raw, form, calculations)
    interview = published.interviewer.interview(check.participant, check.goal, check.order)
    path = published.interviewer.path(check.participant, check.goal, check.order)
    way = step_way(check, questions, came_from(request), path)
    raised = present.query_views(published, published.evaluator.queries(check.participant), check.go_to)
    context = step_context(view, interview.progress, way, raised)
    known = any(raw is not None for _fact, raw in saved_answers(check, questions))
    stands = present.answer_rows(published, check.participant, questions) if is_stale else []
    context["saving"] = {
        "seen": seen(check, questions),
        "reasons": [(code, _(told)) for code, told in CHANGE_REASONS.items()] if known or errors else [],
        "errors": dict(errors or {}),
        "stands": stands,
        "is_stale": is_stale,
    }
    context["has_errors"] = bool(context["has_errors"] or errors or is_stale)
    return screening_page(app, request, found, "step.html", status, **context)


@router.get("/{reference}/answers")
def answers(reference: str, app: Parts, who: Reader, request: Request) -> Response:
    """Check the answers: each can be changed, the others stay."""
    found = look(app, who, reference, request)
    check = found.check
    view = present.answers_view(check.published, check.participant, check.change("answers"), check.url("dates"))
    return screening_page(app, request, found, "answers.html", answers=view, next_step=check.next_step())


@router.get("/{reference}/dates")
def dates(reference: str, app: Parts, who: Writer, request: Request) -> Response:
    """The dates of the evaluation."""
    found = look(app, who, reference, request)
    typed = dates_typed(found.check)
    return screening_page(app, request, found, "dates.html", typed=typed, errors={}, has_errors=False)


@router.post("/{reference}/dates")
def change_dates(reference: str, app: Parts, who: Writer, posted: Posted, request: Request) -> Response:
    """Save the dates of the evaluation; the answers must still fit them."""
    typed, given, errors = read_dates(posted)
    with app.database.write() as session:
        row = screenings.screening(session, reference=reference, sites=who.sites("screening:write"))
        found = opened(app, who, row, request)
        if not errors and version_of(posted) != row.version:
            label = _("Changed meanwhile: these are the dates as they stand now. Look again, then decide")
            errors, typed = {"as_of": label}, dates_typed(found.check)
        if not errors:
            try:
                _save(app, session, found, {}, None, given)
            except InvalidParticipant as error:
                errors = dict(date_complaint(found.check, *complaint) for complaint in error.complaints)
    if errors:
        shown = {"typed": typed, "errors": errors, "has_errors": True}
        return screening_page(app, request, found, "dates.html", 422, **shown)
    return RedirectResponse(found.check.url("answers"), 303)


@router.get("/{reference}/result")
def result(reference: str, app: Parts, who: Reader, request: Request) -> Response:
    """The verdict and everything that it rests on."""
    found, now = look(app, who, reference, request), app.clock()
    check = found.check
    verdict = check.published.evaluate(check.participant)
    view = present.result_view(check.published, verdict, check.change("result"))
    return screening_page(
        app,
        request,
        found,
        "result.html",
        result=view,
        outlook=present.outlook_view(check.published, verdict),
        note=note_of(app, check, view, now),
        at=now,
        next_step=check.next_step("verdict"),
        more=check.next_step("all_reasons"),
    )


@router.get("/{reference}/note")
def plain_note(reference: str, app: Parts, who: Reader, request: Request) -> Response:
    """The result as plain text, to be copied into the chart."""
    found = look(app, who, reference, request)
    check = found.check
    view = present.result_view(check.published, check.published.evaluate(check.participant), check.change("result"))
    return PlainTextResponse(note_of(app, check, view, app.clock()))


# THE PHYSICIAN'S SIGNATURE


@router.get("/{reference}/confirm")
def sign_form(reference: str, app: Parts, who: Physician, request: Request) -> Response:
    """What a signature means, and what it is put under."""
    return sign_page(app, request, look(app, who, reference, request), {}, {})


def sign_page(
    app: App, request: Request, found: Opened, typed: Mapping[str, str], errors: Mapping[str, str], status: int = 200
) -> Response:
    """The form, with what was chosen and what is wrong with it; a password is never shown again."""
    if not found.who.may("screening:confirm", found.row.site_id):
        raise Forbidden("not a physician of this site")
    verdict = found.check.published.evaluate(found.check.participant)
    view = present.result_view(found.check.published, verdict, found.check.change("result"))
    others = [(code, _(STATUS_WORDS[code])) for code in VERDICTS if code != found.row.verdict]
    shown = {"result": view, "others": others, "typed": typed, "errors": errors, "has_errors": bool(errors)}
    return screening_page(app, request, found, "confirm.html", status, **shown)


@router.post("/{reference}/confirm")
def sign(reference: str, app: Parts, who: Physician, posted: Posted, request: Request) -> Response:
    """Sign: the verdict is confirmed, or overridden with a reason; who signs proves anew who it is."""
    typed = {name: posted.get(name, [""])[0] for name in ("meaning", "verdict", "reason")}
    version = version_of(posted)
    token = entry.prove_again(app, request, who, posted.get("password", [""])[0], posted.get("code", [""])[0])
    if token is None:
        told = _("The password or the code is wrong, or the code was used already")
        return sign_page(app, request, look(app, who, reference, request), typed, {"password": told}, 422)
    try:
        response = _signed(app, who, reference, request, typed, version)
    except PrescreenError as error:  # whatever comes of it, the session goes on under its new token
        response = errors.answered(request, error)
    entry.keep_session(response, request, token)
    return response


def _signed(
    app: App, who: Principal, reference: str, request: Request, typed: Mapping[str, str], version: int
) -> Response:
    try:
        with app.database.write() as session:
            row = screenings.screening(session, reference=reference, sites=who.sites("screening:confirm"))
            digest = queries.version(session, row.protocol_id).hash
            actions.sign_verdict(
                session,
                screening=row,
                meaning=typed["meaning"],
                verdict=typed["verdict"] if typed["meaning"] == "overridden" else str(row.verdict),
                reason=typed["reason"] or None,
                signed_hash=screenings.record_hash(row, digest),
                at=app.clock(),
                who=who,
                version=version,
            )
    except Invalid as error:
        wrong = {field: _(text) for field, text in error.complaints}
        return sign_page(app, request, look(app, who, reference, request), typed, wrong, 422)
    except Conflict:
        return stale_page(app, request, look(app, who, reference, request), _("to sign the verdict"))
    return RedirectResponse(f"/screenings/{reference}", 303)
