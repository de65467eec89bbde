"""What is taken out of the screening log: CSV, Excel and a printed log. Coded, without identifiers and free texts.

A file is made whole before anything is sent, from one state of the database; then it is recorded that it was, and its
last line names that entry of the audit trail. It is in English, whatever language the page is in.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from xlsxwriter import Workbook

from app import actions
from app.access import Principal
from app.errors import Forbidden, Invalid
from app.lifecycle import REASONS, STATUS_WORDS
from app.rules import words
from app.rules.words import ENGLISH, _, date_words, speaking
from app.store import log, queries
from app.store.db import ReadSession
from app.store.log import Entry
from app.web.access import need
from app.web.deps import App
from app.web.log import FILTERS, Asked, Link, month_words, place_words, read, row_view, titles_of
from app.web.pages import Parts
from app.web.published import Published
from app.web.site import site_page

router = APIRouter(prefix="/screenings")
Taker = Annotated[Principal, need("screening:export")]

HEAD: Final = (
    "Subject code",
    "Site",
    "Begun (UTC)",
    "State",
    "Reason code",
    "Reason",
    "Verdict",
    "Criteria that exclude",
    "Protocol version",
    "Protocol hash",
    "Look again on",
    "Last change (UTC)",
)
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
IN_MEMORY: Final = 4_194_304
CHUNK: Final = 65_536
PRINTED: Final = 1_000
Line = tuple[str, ...]


# FILES


@router.get("/export.csv")
def export_csv(app: Parts, who: Taker, request: Request) -> Response:
    """The log, as filtered, as comma separated values: UTF-8 with a mark, every cell quoted, no cell a formula."""
    return _export(app, who, request, "csv", "text/csv; charset=utf-8", write_csv)


@router.get("/export.xlsx")
def export_xlsx(app: Parts, who: Taker, request: Request) -> Response:
    """The log, as filtered, for Excel: every cell a text."""
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return _export(app, who, request, "xlsx", media_type, write_xlsx)


Write = Callable[[IO[bytes], Iterable[Line], Callable[[], str]], None]


def _export(app: App, who: Principal, request: Request, form: str, media_type: str, write: Write) -> Response:
    at = app.clock()
    counted = 0
    with app.database.read() as session:
        asked = asked_of(app, session, request, who, f"/screenings/export.{form}")
        name = f"screening-log-{re.sub('[^A-Za-z0-9]', '', asked.place.number)}-{at:%Y-%m-%d}.{form}"

        def lines() -> Iterator[Line]:
            nonlocal counted
            versions: dict[int, queries.Version] = {}
            for entries in log.walk(session, asked.sites, asked.filter):
                for entry in entries:
                    if entry.protocol_id not in versions:
                        versions[entry.protocol_id] = queries.version(session, entry.protocol_id)
                    counted += 1
                    yield line_of(entry, asked.place.number, versions[entry.protocol_id])

        def footer() -> str:
            with app.database.write() as writing:
                event = actions.export_log(
                    writing, site_id=asked.place.id, form=form, count=counted, filters=asked.filters, at=at, who=who
                )
            return (
                f"{counted} screenings of site {asked.place.number}, trial {app.nct_id}, exported {_moment(at)} by "
                f"{who.actor}; audit entry {event.seq}:{event.hash}"
            )

        file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 (closed when it was sent)
        try:
            write(file, lines(), footer)
        except BaseException:
            file.close()
            raise
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(file.tell())}
    file.seek(0)
    return StreamingResponse(_sent(file), 200, headers, media_type)


def asked_of(app: App, session: ReadSession, request: Request, who: Principal, base: str) -> Asked:
    """What is asked for, where they may take it out. Invalid, Forbidden."""
    asked = read(app, session, request, who, base)
    if not who.may("screening:export", asked.place.id):
        raise Forbidden("the permission is missing at this site")
    if asked.errors:
        raise Invalid(list(asked.errors.items()))
    return asked


def _sent(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK):
            yield chunk


def line_of(entry: Entry, site: str, version: queries.Version) -> Line:
    """A screening as a line of an export, in the order of HEAD."""
    return (
        entry.subject_code,
        site,
        _moment(entry.created_at),
        entry.status,
        entry.status_reason or "",
        reason_words(entry),
        entry.verdict or "",
        "; ".join(entry.criteria),
        str(version.version),
        version.hash,
        entry.look_again_on.isoformat() if entry.look_again_on else "",
        _moment(entry.updated_at),
    )


def reason_words(entry: Entry) -> str:
    """The reason of a state in English."""
    with speaking(ENGLISH):
        said = REASONS.get(entry.status, {}).get(entry.status_reason or "", "")
        return _(said) if said else ""


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def inert(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula: with an apostrophe before it, where it might."""
    return f"'{text}" if text.startswith(FORMULA) else text


def write_csv(file: IO[bytes], lines: Iterable[Line], footer: Callable[[], str]) -> None:
    """All lines and then the footer, which is made last."""
    text = io.TextIOWrapper(file, "utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(HEAD)
    for line in lines:
        writer.writerow([inert(cell) for cell in line])
    writer.writerow([inert(footer()), *[""] * (len(HEAD) - 1)])
    text.detach()


def write_xlsx(file: IO[bytes], lines: Iterable[Line], footer: Callable[[], str]) -> None:
    """All lines and then the footer, as texts and nothing else."""
    book = Workbook(file, {"constant_memory": True})
    sheet = book.add_worksheet("Screening log")
    bold = book.add_format({"bold": True})
    for column, width in enumerate((18, 10, 21, 16, 18, 34, 16, 22, 10, 16, 14, 21)):
        sheet.set_column(column, column, width)
    sheet.freeze_panes(1, 0)
    row = 0
    for column, cell in enumerate(HEAD):
        sheet.write_string(row, column, cell, bold)
    for row, line in enumerate(lines, 1):
        for column, cell in enumerate(line):
            sheet.write_string(row, column, cell)
    sheet.write_string(row + 2, 0, footer())
    book.close()
    file.seek(0, io.SEEK_END)


# ON PAPER


@dataclass(frozen=True)
class PrintedRow:
    """A numbered row of the printed log; reasons and criteria by their codes."""

    number: int
    subject: str
    begun: str
    status: str
    since: str
    reason: str
    criteria: str
    verdict: str
    version: int


@dataclass(frozen=True)
class PrintedLog:
    """A screening log as sponsors ask for it."""

    title: str
    sponsor: str
    place: str
    period: str
    filters: list[str]
    rows: list[PrintedRow]
    reasons: list[tuple[str, str]]
    criteria: list[tuple[str, str]]
    versions: list[tuple[int, str]]
    printed: str
    by: str
    entry: str
    is_cut: bool


@router.get("/print")
def print_log(app: Parts, who: Taker, request: Request) -> Response:
    """The log, as filtered, to be printed and signed: in the order in which the screenings began."""
    at = app.clock()
    with app.database.read() as session:
        asked = asked_of(app, session, request, who, "/screenings/print")
        wanted = log.Filter(**{**vars(asked.filter), "sort": "oldest"})
        listed = log.page(session, asked.sites, wanted, size=PRINTED)
        versions = {one: queries.version(session, one) for one in {entry.protocol_id for entry in listed.entries}}
    with app.database.write() as session:
        event = actions.export_log(
            session,
            site_id=asked.place.id,
            form="print",
            count=len(listed.entries),
            filters=asked.filters,
            at=at,
            who=who,
        )
    published = app.library.current_in_language(app.nct_id, words.current().language)
    view = _printed(app, asked, listed, versions, published, at, who, f"{event.seq}:{event.hash}")
    back = Link(asked.url("/screenings"), _("Screening log"))
    return site_page(app, request, who, "log_print.html", log=view, back=back)


def _printed(
    app: App,
    asked: Asked,
    listed: log.Listed,
    versions: dict[int, queries.Version],
    published: Published,
    at: datetime,
    who: Principal,
    entry: str,
) -> PrintedLog:
    titles, entries = titles_of(app), listed.entries
    reasons = {e.status_reason: row_view(e, titles, {}, at.date()).reason for e in entries if e.status_reason}
    used = {code for e in entries for code in e.criteria}
    month = asked.given.get("month")
    days = [(asked.filter.begun_from, _("from {day}")), (asked.filter.begun_to, _("until {day}"))]
    period = month_words(month) if month else " ".join(said.format(day=date_words(day)) for day, said in days if day)
    return PrintedLog(
        title=published.trial.title,
        sponsor=published.trial.sponsor,
        place=place_words(asked.place),
        period=period or _("from the beginning"),
        filters=[name for name in FILTERS if name in asked.given and name not in ("month", "from", "to")],
        rows=[_printed_row(number, e, versions[e.protocol_id].version) for number, e in enumerate(entries, 1)],
        reasons=sorted((code, said) for code, said in reasons.items() if code),
        criteria=[
            (code, titles.get(code, ""))
            for code in sorted(used, key=lambda code: list(titles).index(code) if code in titles else len(titles))
        ],
        versions=sorted({(version.version, version.hash) for version in versions.values()}),
        printed=date_words(at.date()),
        by=who.name,
        entry=entry,
        is_cut=listed.after is not None,
    )


def _printed_row(number: int, entry: Entry, version: int) -> PrintedRow:
    return PrintedRow(
        number=number,
        subject=entry.subject_code,
        begun=date_words(entry.created_at.date()),
        status=_(STATUS_WORDS[entry.status]),
        since=date_words(entry.status_at.date()),
        reason=entry.status_reason or "",
        criteria=", ".join(entry.criteria),
        verdict=_(STATUS_WORDS[entry.verdict]) if entry.verdict else "",
        version=version,
    )
