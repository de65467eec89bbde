"""A person's calendar of the days on which to look at screenings again, for the calendar that they use anyway.

Whoever has the address reads it, without signing in, so it says little: subject codes and codes of criteria.
"""

from datetime import date, timedelta

from fastapi import APIRouter
from icalendar import Calendar, Event
from starlette.requests import Request
from starlette.responses import Response

from app.rules.words import ENGLISH, _, speaking
from app.store import accounts, log
from app.store.log import Entry
from app.web.access import public
from app.web.pages import Parts

router = APIRouter(dependencies=[public])
PAST_DAYS = 31  # what is long past is in the list of what waits, and no longer in the calendar


@router.get("/calendar/{token}.ics")
def calendar(token: str, app: Parts, request: Request) -> Response:
    """The days to look again, at the sites where the person may read now. NotFound."""
    with app.database.read() as session:
        who = accounts.principal_of(log.calendar_account(session, token))
        entries = log.due(session, who.sites("screening:read"), app.today() - timedelta(days=PAST_DAYS))
    origin = f"{request.url.scheme}://{request.headers.get('host', '')}"
    with speaking(ENGLISH):
        content = calendar_of(entries, app.nct_id, origin)
    return Response(content, media_type="text/calendar; charset=utf-8")


def calendar_of(entries: list[Entry], nct_id: str, origin: str) -> bytes:
    """The days to look again as a calendar (RFC 5545)."""
    made = Calendar()
    made.add("prodid", "-//Prescreen//Screening log//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", _("Screenings to look at again, {trial}", trial=nct_id))
    made.add("refresh-interval", timedelta(hours=6), parameters={"value": "DURATION"})
    for entry in entries:
        made.add_component(_event(entry, origin))
    content: bytes = made.to_ical()
    return content


def _event(entry: Entry, origin: str) -> Event:
    day = entry.look_again_on or date.max
    event = Event()
    event.add("uid", f"look-again-{entry.reference}@prescreen")  # the same one, should the day move
    event.add("sequence", entry.version)
    event.add("dtstamp", entry.updated_at)
    event.add("dtstart", day)
    event.add("dtend", day + timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    event.add("summary", _("Look again at {subject}", subject=entry.subject_code))
    event.add("description", what_to_look_at(entry))
    event.add("url", f"{origin}/screenings/{entry.reference}")
    return event


def what_to_look_at(entry: Entry) -> str:
    """Why that day, without a word of the patient."""
    codes = ", ".join(entry.criteria)
    if entry.criteria and entry.look_again_on == entry.passes_from:
        return _("From this day on, what excludes may have passed: {codes}.", codes=codes)
    if entry.criteria:
        return _("Excluded so far by {codes}.", codes=codes)
    return _("Answers may be missing still.")
