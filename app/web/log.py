"""The screening log of a site: its list, what waits, its figures, and what is taken out of it.

What is asked for stands in the address, so every list can be kept as a bookmark. One site is shown at a time; who works
at several sites chooses. Exports and prints are recorded, although they are asked for with GET.
"""

import re
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app import actions
from app.access import Principal, Sites
from app.errors import Invalid, NotFound
from app.lifecycle import BY_VERDICT, LEFT, REACHED, REASONS, STAGES, STATUS_WORDS, STATUSES, VERDICTS, funnel
from app.rules import words
from app.rules.calendar import read_date
from app.rules.words import N_, _, date_words, english, ngettext
from app.store import accounts, log
from app.store.db import ReadSession
from app.store.log import Entry, Filter, Listed
from app.store.queries import SiteName, site_names
from app.web.access import need
from app.web.deps import App, own_address
from app.web.pages import Parts, Posted, with_query
from app.web.site import site_page

router = APIRouter(prefix="/screenings")
Reader = Annotated[Principal, need("screening:read")]

SORTS: Mapping[log.Sort, str] = {
    "updated": N_("Last change, newest first"),
    "begun": N_("Begun, newest first"),
    "oldest": N_("Begun, oldest first"),
    "subject": N_("Subject code"),
    "look_again": N_("Day to look again, earliest first"),
}
SUBJECT = re.compile(r"[A-Z0-9-]{1,60}")
MONTH = re.compile(r"(20[0-9]{2}|21[0-9]{2})-(0[1-9]|1[0-2])")
FILTERS = ("status", "verdict", "criterion", "assigned", "month", "from", "to", "subject")
CARRIED = ("site", *FILTERS, "sort")
Choices = list[tuple[str, str]]
ALL = "all"  # their sites, in the figures


# WHAT IS ASKED FOR


@dataclass(frozen=True)
class Asked:
    """What the address asks for: at which site, as it was written, and as it is meant.

    `given` are the fields that were filled in, `errors` what is wrong with them; then `filter` leaves them out.
    """

    base: str
    place: SiteName
    places: Sequence[SiteName]
    given: Mapping[str, str]
    filter: Filter
    errors: Mapping[str, str]

    @property
    def sites(self) -> Sites:
        """The site that is shown."""
        return frozenset({self.place.id})

    @property
    def filters(self) -> list[str]:
        """The names of the filters that are set."""
        return [name for name in FILTERS if name in self.given]

    def url(self, base: str = "", **changed: str | None) -> str:
        """An address that asks for the same, but for what is changed; nothing stands for itself."""
        fields = {**{name: self.given[name] for name in CARRIED if name in self.given}, **changed}
        return with_query(base or self.base, {name: text for name, text in fields.items() if text})

    def only(self, base: str = "", **fields: str) -> str:
        """An address that asks for this alone, at the same site."""
        return with_query(base or self.base, ({"site": self.given["site"]} if "site" in self.given else {}) | fields)


def read(
    app: App, session: ReadSession, request: Request, who: Principal, base: str, *, anywhere: bool = False
) -> Asked:
    """What a request for the log asks for; `anywhere`: at all their sites too. NotFound where they may not see it."""
    given = {name: text.strip() for name, text in request.query_params.items() if text.strip()}
    places = site_names(session, app.nct_id, who.sites("screening:read"))
    wanted = given.get("site")
    place = next((one for one in places if wanted in (None, one.number) or (anywhere and wanted == ALL)), None)
    if place is None:
        raise NotFound("no such site")
    reading = _Reading(given, {})
    people = dict(accounts.people_of(session, place.id)) if "assigned" in given else {}
    found = Filter(
        status=reading.one_of("status", STATUSES),
        verdict=reading.one_of("verdict", VERDICTS),
        criterion=reading.matching("criterion", r"[A-Za-z0-9_.-]{1,40}", N_("is no code of a criterion")),
        assigned_to=reading.somebody(who, people),
        begun_from=reading.day("from"),
        begun_to=reading.day("to"),
        subject=(reading.matching("subject", SUBJECT, N_("can hold letters, digits and hyphens only")) or ""),
        sort=reading.sort(),
    )
    return Asked(base, place, places, given, reading.within_month(found), reading.errors)


def sound(asked: Asked) -> Asked:
    """The same. Invalid where something in it is wrong."""
    if asked.errors:
        raise Invalid(list(asked.errors.items()))
    return asked


@dataclass(frozen=True)
class _Reading:
    """Reads fields of an address, and collects what is wrong with them."""

    given: Mapping[str, str]
    errors: dict[str, str]

    def one_of(self, name: str, values: Iterable[str]) -> str | None:
        text = self.given.get(name)
        if text is None or text in values:
            return text
        self._refuse(name, N_("is none of the choices"))
        return None

    def matching(self, name: str, pattern: "str | re.Pattern[str]", message: str) -> str | None:
        text = self.given.get(name)
        if text is not None and name == "subject":
            text = text.upper()
        if text is None or re.fullmatch(pattern, text):
            return text
        self._refuse(name, message)
        return None

    def day(self, name: str) -> date | None:
        text = self.given.get(name)
        found = None if text is None else read_date(text)
        if text is not None and found is None:
            self._refuse(name, N_("must be a day, such as 2026-11-22"))
        return found

    def somebody(self, who: Principal, people: Mapping[int, str]) -> int | Literal["nobody"] | None:
        text = self.given.get("assigned")
        if text in (None, log.NOBODY):
            return log.NOBODY if text else None
        if text == "me" and who.account_id is not None:
            return who.account_id
        found = int(text) if text and re.fullmatch(r"[0-9]{1,9}", text) else None
        if found not in people:
            self._refuse("assigned", N_("is nobody who works at this site"))
            return None
        return found

    def sort(self) -> log.Sort:
        text = self.given.get("sort", "updated")
        if text not in SORTS:
            self._refuse("sort", N_("is none of the choices"))
        return next((one for one in SORTS if one == text), "updated")

    def within_month(self, found: Filter) -> Filter:
        """Held to a month as well."""
        text = self.given.get("month")
        if text is None:
            return found
        if not MONTH.fullmatch(text):
            self._refuse("month", N_("must be a month, such as 2026-11"))
            return found
        first, last = _days_of(text)
        return Filter(
            **{
                **vars(found),
                "begun_from": max(first, found.begun_from or first),
                "begun_to": min(last, found.begun_to or last),
            }
        )

    def _refuse(self, name: str, message: str) -> None:
        self.errors[name] = _(message)


def _days_of(month: str) -> tuple[date, date]:
    year, number = int(month[:4]), int(month[5:])
    return date(year, number, 1), date(year, number, monthrange(year, number)[1])


def month_words(month: str) -> str:
    """November 2026."""
    return words.current().month(_days_of(month)[0])


def place_words(place: SiteName) -> str:
    """A site by its name, with its number."""
    return english(f"{place.name or place.city} ({place.number})")


# THE LOG


@dataclass(frozen=True)
class RowView:
    """A row of the log. `criteria` are pairs of code and title; `verdict` is there where the state says otherwise."""

    href: str
    subject: str
    status: str
    status_words: str
    reason: str
    verdict: str
    criteria: list[tuple[str, str]]
    assigned: str
    look_again: str
    is_due: bool
    begun: str
    updated: str


@dataclass(frozen=True)
class Link:
    """A link with a number beside it, where there is one; `is_here`: it leads to what is shown."""

    href: str
    words: str
    number: int | None = None
    is_here: bool = False


@dataclass(frozen=True)
class Field:
    """A field of the filters: its choices, or none where it is typed into."""

    name: str
    label: str
    value: str
    choices: Choices | None
    error: str
    type: str = "text"
    hint: str = ""


@dataclass(frozen=True)
class ListView:
    """What every list of the log shows around its rows."""

    site: str
    place: str
    sites: list[Link]
    saved: list[Link]
    states: list[Link]
    more: list[Field]
    first: list[Field]
    is_open: bool
    is_filtered: bool
    total: int
    next: str
    start: str
    reset: str
    exports: list[Link]
    print: str


def sites_of(asked: Asked) -> list[Link]:
    """The sites to choose from, where there are several."""
    if len(asked.places) < 2:
        return []
    return [
        Link(with_query(asked.base, {"site": place.number}), place_words(place), is_here=place == asked.place)
        for place in asked.places
    ]


@router.get("")
def show_log(app: Parts, who: Reader, request: Request) -> Response:
    """The log of a site: a page of those that are wanted."""
    with app.database.read() as session:
        asked = read(app, session, request, who, "/screenings")
        after = request.query_params.get("after", "")
        listed = Listed([], None) if asked.errors else log.page(session, asked.sites, asked.filter, after)
        states = log.counts(session, asked.sites, "status")
        people = accounts.people_of(session, asked.place.id)
        names = dict(people) | accounts.names(session, {e.assigned_to for e in listed.entries if e.assigned_to})
        months = log.months(session, asked.sites)
    titles = titles_of(app)
    view = _list_view(asked, who, listed, states, people, months, titles, app.today(), after)
    fields = [*view.first, *view.more]
    return site_page(
        app,
        request,
        who,
        "log.html",
        422 if asked.errors else 200,
        view=view,
        rows=[row_view(entry, titles, names, app.today()) for entry in listed.entries],
        errors={one.name: _("{label}: {value}", label=one.label, value=one.error) for one in fields if one.error},
    )


def titles_of(app: App) -> Mapping[str, str]:
    """The titles of the criteria in force, by their codes, in the reader's language."""
    protocol = app.library.current_in_language(app.nct_id, words.current().language).protocol
    return {criterion.code: criterion.title for criterion in protocol.criteria} | {
        group.code: group.title for group in protocol.groups
    }


def row_view(entry: Entry, titles: Mapping[str, str], names: Mapping[int, str], today: date) -> RowView:
    """A row of the log, worded."""
    reason = REASONS.get(entry.status, {}).get(entry.status_reason or "", "")
    told = entry.status if entry.status in BY_VERDICT else "likely_eligible"
    differs = entry.verdict is not None and entry.verdict != told and entry.status != "pre_screening"
    return RowView(
        href=f"/screenings/{entry.reference}",
        subject=entry.subject_code,
        status=entry.status,
        status_words=_(STATUS_WORDS[entry.status]),
        reason=_(reason) if reason else "",
        verdict=_(STATUS_WORDS[entry.verdict]) if differs and entry.verdict else "",
        criteria=[(code, titles.get(code, "")) for code in entry.criteria],
        assigned=names.get(entry.assigned_to, "") if entry.assigned_to else "",
        look_again=date_words(entry.look_again_on) if entry.look_again_on else "",
        is_due=entry.look_again_on is not None and entry.look_again_on <= today,
        begun=date_words(entry.created_at.date()),
        updated=date_words(entry.updated_at.date()),
    )


def _list_view(
    asked: Asked,
    who: Principal,
    listed: Listed,
    states: Mapping[str, int],
    people: Sequence[tuple[int, str]],
    months: Sequence[str],
    titles: Mapping[str, str],
    today: date,
    after: str,
) -> ListView:
    given = asked.given
    here = {name: given[name] for name in asked.filters}
    may_export = who.may("screening:export", asked.place.id)
    downloads = [Link(asked.url(f"/screenings/export.{form}"), said) for form, said in EXPORTS.items()]
    return ListView(
        site=given.get("site", ""),
        place=place_words(asked.place),
        sites=sites_of(asked),
        saved=_saved(asked, today),
        states=[
            Link(asked.only(status=state), _(STATUS_WORDS[state]), states[state], here == {"status": state})
            for state in STATUSES
            if state in states
        ],
        first=_first_fields(asked),
        more=_more_fields(asked, people, months, titles),
        is_open=any(name in given for name in ("verdict", "criterion", "assigned", "month", "from", "to")),
        is_filtered=bool(asked.filters),
        total=sum(states.values()),
        next="" if listed.after is None else asked.url(after=listed.after),
        start=asked.url() if after else "",
        reset=asked.only(),
        exports=downloads if may_export else [],
        print=asked.url("/screenings/print", sort=None) if may_export else "",
    )


EXPORTS = {"csv": "CSV", "xlsx": "Excel"}


def _saved(asked: Asked, today: date) -> list[Link]:
    """Lists that are wanted often, by name."""
    month = f"{today:%Y-%m}"
    lists: list[tuple[str, dict[str, str]]] = [
        (_("All"), {}),
        (_("Mine"), {"assigned": "me"}),
        (_("Not assigned"), {"assigned": log.NOBODY}),
        (_("Likely eligible"), {"status": "likely_eligible"}),
        (_("Excluded this month"), {"status": "excluded", "month": month}),
        (_("Begun this month"), {"month": month}),
    ]
    here = {name: asked.given[name] for name in asked.filters}
    return [Link(asked.only(**fields), said, is_here=fields == here) for said, fields in lists]


def _first_fields(asked: Asked) -> list[Field]:
    states: Choices = [("", _("Any"))] + [(state, _(STATUS_WORDS[state])) for state in STATUSES]
    sorts: Choices = [(sort, _(said)) for sort, said in SORTS.items()]
    return [
        _field(asked, "subject", _("Subject code begins with")),
        _field(asked, "status", _("State"), states),
        _field(asked, "sort", _("Order"), sorts),
    ]


def _more_fields(
    asked: Asked, people: Sequence[tuple[int, str]], months: Sequence[str], titles: Mapping[str, str]
) -> list[Field]:
    anything: Choices = [("", _("Any"))]
    verdicts = [(verdict, _(STATUS_WORDS[verdict])) for verdict in VERDICTS]
    criteria = [(code, _("{code}: {title}", code=code, title=title)) for code, title in titles.items()]
    persons = [("me", _("Me")), (log.NOBODY, _("Nobody")), *((str(one), name) for one, name in people)]
    return [
        _field(asked, "verdict", _("Verdict of the rules"), anything + verdicts),
        _field(asked, "criterion", _("Criterion that excludes"), anything + criteria),
        _field(asked, "assigned", _("Assigned to"), anything + persons),
        _field(asked, "month", _("Begun in"), anything + [(month, month_words(month)) for month in months]),
        _field(asked, "from", _("Begun from"), type_="date"),
        _field(asked, "to", _("Begun until"), type_="date"),
    ]


def _field(asked: Asked, name: str, label: str, choices: Choices | None = None, type_: str = "text") -> Field:
    value = "" if type_ == "date" and name in asked.errors else asked.given.get(name, "")
    if choices is not None and value and value not in dict(choices) and name not in asked.errors:
        choices = [*choices, (value, value)]
    return Field(name, label, value, choices, asked.errors.get(name, ""), type_)


# WHAT WAITS


@dataclass(frozen=True)
class WaitView:
    """A screening that waits: for which answers, or for which day."""

    row: RowView
    missing: list[str]
    more: int
    passes_from: str
    is_begun: bool


SHOWN_MISSING = 4


@router.get("/waiting")
def show_waiting(app: Parts, who: Reader, request: Request) -> Response:
    """What waits for an answer or a day, and the calendar that reminds of it."""
    return _waiting_page(app, who, request)


@router.post("/waiting/calendar")
def change_calendar(app: Parts, who: Reader, posted: Posted, request: Request) -> Response:
    """Make (or renew) the address of the person's calendar, which is shown once; or close the calendar."""
    assert who.account_id is not None
    token = ""
    with app.database.write() as session:
        if posted.get("do") == ["stop"]:
            actions.stop_calendar(session, account_id=who.account_id, at=app.clock())
        else:
            token = actions.renew_calendar(session, account_id=who.account_id, at=app.clock())
    return _waiting_page(app, who, request, token)


def _waiting_page(app: App, who: Principal, request: Request, token: str = "") -> Response:
    with app.database.read() as session:
        asked = sound(read(app, session, request, who, "/screenings/waiting"))
        after = request.query_params.get("after", "")
        listed = log.waiting(session, asked.sites, asked.filter.assigned_to, after)
        missing = log.missing(session, asked.sites, [entry.id for entry in listed.entries])
        names = accounts.names(session, {e.assigned_to for e in listed.entries if e.assigned_to})
        has_calendar = who.account_id is not None and log.has_calendar(session, who.account_id)
    titles, today = titles_of(app), app.today()
    views = [wait_view(app, entry, missing[entry.id], titles, names, today) for entry in listed.entries]
    assigned = {"assigned": asked.given["assigned"]} if "assigned" in asked.given else {}
    lists = [(_("Everybody"), {}), (_("Mine"), {"assigned": "me"}), (_("Not assigned"), {"assigned": log.NOBODY})]
    return site_page(
        app,
        request,
        who,
        "waiting.html",
        rows=views,
        place=place_words(asked.place),
        sites=sites_of(asked),
        saved=[Link(asked.only(**fields), said, is_here=fields == assigned) for said, fields in lists],
        next="" if listed.after is None else asked.url(after=listed.after),
        start=asked.url() if after else "",
        calendar={
            "is_on": has_calendar,
            "address": f"{own_address(app, request)}/calendar/{token}.ics" if token else "",
        },
        here="/screenings/waiting",
    )


def wait_view(
    app: App, entry: Entry, missing: Sequence[str], titles: Mapping[str, str], names: Mapping[int, str], today: date
) -> WaitView:
    """What a screening waits for, worded by the protocol that it was begun with."""
    protocol = app.library.in_language(entry.protocol_id, words.current().language).protocol
    labels = [protocol.question_by_key[fact].label for fact in missing if fact in protocol.question_by_key]
    passes = date_words(entry.passes_from) if entry.passes_from else ""
    shown, more = labels[:SHOWN_MISSING], max(0, len(labels) - SHOWN_MISSING)
    return WaitView(row_view(entry, titles, names, today), shown, more, passes, entry.verdict is not None)


# FIGURES


@dataclass(frozen=True)
class StageView:
    """A stage of the funnel: how many came so far, as a width too, and what became of those who came no further."""

    words: str
    number: int
    width: str
    share: str
    waiting: list[tuple[str, int]]
    left: list[tuple[str, int]]


@dataclass(frozen=True)
class BarView:
    """How many screenings a criterion excludes: at all, and as the first reason."""

    code: str
    title: str
    any: int
    first: int
    any_width: str
    first_width: str


@router.get("/charts")
def show_charts(app: Parts, who: Reader, request: Request) -> Response:
    """The funnel and the criteria that exclude, of a site or of all sites where they work, and of a month or of all."""
    with app.database.read() as session:
        asked = sound(read(app, session, request, who, "/screenings/charts", anywhere=True))
        is_all = asked.given.get("site") == ALL
        sites = frozenset(place.id for place in asked.places) if is_all else asked.sites
        month = asked.given.get("month")
        states = log.counts(session, sites, "status", month)
        by_any, by_first = (log.counts(session, sites, measure, month) for measure in ("any", "first"))
        months = log.months(session, sites)
    places: Choices = [(place.number, place_words(place)) for place in asked.places]
    period = month_words(month) if month else _("all months")
    return site_page(
        app,
        request,
        who,
        "charts.html",
        stages=stage_views(states),
        bars=bar_views(by_any, by_first, titles_of(app)),
        total=sum(states.values()),
        place=ngettext("{number} site", "All {number} sites", len(places), number=len(places))
        if is_all
        else place_words(asked.place),
        period=period,
        places=places,
        chosen={"site": ALL if is_all else asked.place.number, "month": month or ""},
        months=[(one, month_words(one)) for one in months],
    )


def stage_views(states: Mapping[str, int]) -> list[StageView]:
    """The funnel of screenings that stand so now."""
    reached = funnel(states)
    total = reached["screened"]
    views = []
    for stage, said in STAGES.items():
        here = [(state, states[state]) for state in STATUSES if REACHED[state] == stage and state in states]
        views.append(
            StageView(
                words=_(said),
                number=reached[stage],
                width=_width(reached[stage], total),
                share=_share(reached[stage], total),
                waiting=[(_(STATUS_WORDS[state]), n) for state, n in here if state not in LEFT and stage != "enrolled"],
                left=[(_(STATUS_WORDS[state]), n) for state, n in here if state in LEFT],
            )
        )
    return views


def bar_views(by_any: Mapping[str, int], by_first: Mapping[str, int], titles: Mapping[str, str]) -> list[BarView]:
    """The criteria that exclude, the one that excludes most first."""
    most = max(by_any.values(), default=0)
    ranked = sorted(by_any, key=lambda code: (-by_any[code], -by_first.get(code, 0), code))
    return [
        BarView(
            code,
            titles.get(code, ""),
            by_any[code],
            by_first.get(code, 0),
            _width(by_any[code], most),
            _width(by_first.get(code, 0), most),
        )
        for code in ranked
    ]


def _width(number: int, whole: int) -> str:
    return f"{100 * number / whole:.1f}%" if whole else "0%"


def _share(number: int, whole: int) -> str:
    return _("{number} %", number=round(100 * number / whole)) if whole else ""
