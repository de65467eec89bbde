"""The audit trail, read: whether it is whole, where it ends, and what it says.

`verify` walks from the first entry to the last and names the first one that is broken. What cannot be seen from within
is a trail whose end was cut off: for that, `expect` is held against it, an anchor that `head` gave earlier.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from app.errors import Invalid
from app.store import chain
from app.store.db import ReadSession
from app.store.models import Account, ApiKey, Base, Event, EventContent, Screening

STREAMED = 1_000
REDACTED = "event.redacted"
ANCHOR = re.compile(r"(0|[1-9][0-9]{0,17}):([0-9a-f]{64}|)")


class Anchor(NamedTuple):
    """An entry by its number and hash: with all before it, it is this trail and no other."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


NOTHING = Anchor(0, "")


class Fault(NamedTuple):
    """The first entry that is broken, and what is wrong with it."""

    seq: int
    problem: str


@dataclass
class Verified:
    """What a walk over the trail found: its end, how many entries, the first fault, and where time goes back."""

    head: Anchor = NOTHING
    number: int = 0
    sealed: int = 0  # entries before the chain, which its first one seals
    redacted: int = 0
    fault: Fault | None = None
    backwards: list[int] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is broken; time going back is remarkable, and no fault."""
        return self.fault is None


def anchor(text: str) -> Anchor:
    """The anchor that a text such as 1207:9f3c… says. Raises Invalid."""
    found = ANCHOR.fullmatch(text.strip())
    if found is None:
        raise Invalid([("anchor", "must be an entry's number and its 64 hexadecimal digits, joined by a colon")])
    return Anchor(int(found[1]), found[2])


def head(session: ReadSession) -> Anchor:
    """The last entry: kept outside the database, it shows later that nothing was cut off. 0 where there is none."""
    found = session.execute(select(Event.seq, Event.hash).order_by(Event.seq.desc()).limit(1)).first()
    return NOTHING if found is None else Anchor(found.seq, found.hash)


def fits(session: ReadSession, key: bytes) -> bool:
    """Whether the last entry was made with this key: a cheap look, no walk. True where nothing is chained yet."""
    event = session.scalar(select(Event).order_by(Event.seq.desc()).limit(1))
    return event is None or not event.hash or chain.entry_hash(key, event.fields) == event.hash


# VERIFY


def verify(session: ReadSession, key: bytes, expect: Anchor | None = None) -> Verified:
    """Walk the trail in order and stop at the first entry that is broken."""
    found = Verified()
    seal = _seal(session)
    with session.execute(_entries(), execution_options={"yield_per": STREAMED}) as rows:
        _walk(rows, found, key, seal, expect)
    if found.fault is None and expect is not None and expect.seq > found.head.seq:
        found.fault = Fault(found.head.seq + 1, f"the end is cut off: entry {expect.seq} is expected and is not there")
    if found.fault is None:
        found.fault = _orphan(session)
    return found


def _walk(rows: Iterable[Row[Any]], found: Verified, key: bytes, seal: str, expect: Anchor | None) -> None:
    at: datetime | None = None
    for row in rows:
        missing = _gap(row, found)
        problem = missing or _chained(row, found, key, seal) or _content(row) or _expected(row, expect)
        if problem:
            found.fault = Fault(found.head.seq + 1 if missing else row.seq, problem)
            return
        if at is not None and row.at < at:
            found.backwards.append(row.seq)
        at = row.at
        found.number += 1
        found.sealed += not row.hash
        found.redacted += row.content_hash is not None and row.salt is None
        found.head = Anchor(row.seq, row.hash)


def _entries() -> Select[Any]:
    later = aliased(Event)
    redaction = exists().where(
        later.action == REDACTED, later.subject_type == "event", later.subject_id == Event.seq, later.seq > Event.seq
    )
    columns = [getattr(Event, name) for name in (*chain.SIGNED, "hash")]
    query = select(*columns, EventContent.salt, EventContent.text, redaction.label("redacted"))
    return query.outerjoin(EventContent, EventContent.seq == Event.seq).order_by(Event.seq)


def _seal(session: ReadSession) -> str:
    """The seal over the entries before the chain, which its first entry must name."""
    first = session.scalar(select(func.min(Event.seq)).where(Event.hash != ""))
    if first is None:
        return ""
    columns = [getattr(Event, name) for name in chain.SIGNED]
    earlier = select(*columns).where(Event.seq < first).order_by(Event.seq)
    with session.execute(earlier, execution_options={"yield_per": STREAMED}) as rows:
        return chain.seal(row._asdict() for row in rows)


def _gap(row: Row[Any], found: Verified) -> str:
    """Numbers have no gaps. Those of the entries before the chain may have; their seal covers them."""
    if not row.hash or row.seq == found.head.seq + 1 or (found.number == found.sealed and found.number):
        return ""
    missing = row.seq - found.head.seq - 1
    return f"is missing, with {missing - 1} after it" if missing > 1 else "is missing"


def _chained(row: Row[Any], found: Verified, key: bytes, seal: str) -> str:
    is_chained = bool(found.head.hash)
    if not row.hash:
        return "has no hash" if is_chained or row.previous or row.content_hash else ""
    if row.previous != (found.head.hash if is_chained else seal):
        return "does not follow the entry before it"
    if chain.entry_hash(key, row._asdict()) != row.hash:
        return "was changed: its hash is another one, or was made with another key"
    return ""


def _content(row: Row[Any]) -> str:
    if row.content_hash is None:
        return "has a content that it does not speak of" if row.salt is not None else ""
    if row.salt is None:
        return "" if row.redacted else "has lost its content, and no redaction says so"
    if row.redacted:
        return "has a content, though it was redacted"
    same = chain.content_hash(row.salt, row.text) == row.content_hash
    return "" if same else "has a content that was changed"


def _expected(row: Row[Any], expect: Anchor | None) -> str:
    if expect is None or expect.seq != row.seq or expect.hash == row.hash:
        return ""
    return "is another entry than the one that is expected"


def _orphan(session: ReadSession) -> Fault | None:
    """A content whose entry is gone, which the walk does not meet."""
    query = (
        select(func.min(EventContent.seq)).outerjoin(Event, Event.seq == EventContent.seq).where(Event.seq.is_(None))
    )
    seq = session.scalar(query)
    return None if seq is None else Fault(seq, "is missing, and its content is still there")


# READING


class Wanted(NamedTuple):
    """Which entries to show; what is None does not matter. `until` is the first moment that is too late."""

    action: str | None = None
    actor: str | None = None
    site_id: int | None = None
    subject_type: str | None = None
    subject_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


class Entry(NamedTuple):
    """An entry with its content, where it has one and it was not erased."""

    event: Event
    content: dict[str, Any] | None


class Page(NamedTuple):
    """Some entries, the newest first, and from which number older and newer ones go on."""

    entries: list[Entry]
    older: int | None
    newer: int | None


def page(
    session: ReadSession, wanted: Wanted, *, before: int | None = None, after: int | None = None, size: int = 50
) -> Page:
    """The newest entries that are wanted; those before a number, or those just after it."""
    query = _wanted(select(Event), wanted)
    if after is not None:
        found = list(session.scalars(query.where(Event.seq > after).order_by(Event.seq).limit(size + 1)))
        more, found = len(found) > size, found[:size][::-1]
        older, newer = bool(found), more
    else:
        query = query if before is None else query.where(Event.seq < before)
        found = list(session.scalars(query.order_by(Event.seq.desc()).limit(size + 1)))
        older, found = len(found) > size, found[:size]
        newer = before is not None
    if not found:
        return Page([], None, None)
    entries = _with_contents(session, found)
    return Page(entries, found[-1].seq if older else None, found[0].seq if newer else None)


def _wanted(query: Select[Event], wanted: Wanted) -> Select[Event]:
    for name in ("action", "actor", "site_id", "subject_type", "subject_id"):
        value = getattr(wanted, name)
        query = query if value is None else query.where(getattr(Event, name) == value)
    query = query if wanted.since is None else query.where(Event.at >= wanted.since)
    return query if wanted.until is None else query.where(Event.at < wanted.until)


def history(session: ReadSession, screening_id: int) -> list[Entry]:
    """All that was done with a screening, the newest first: its own entries, and the redactions of their contents."""
    own = and_(Event.subject_type == "screening", Event.subject_id == screening_id)
    seqs = select(Event.seq).where(own).scalar_subquery()
    redactions = and_(Event.subject_type == "event", Event.subject_id.in_(seqs))
    query = select(Event).where(or_(own, redactions)).order_by(Event.seq.desc())
    return _with_contents(session, list(session.scalars(query)))


def _with_contents(session: ReadSession, events: list[Event]) -> list[Entry]:
    seqs = [event.seq for event in events if event.content_hash is not None]
    query = select(EventContent.seq, EventContent.text).where(EventContent.seq.in_(seqs))
    contents = {seq: json.loads(text) for seq, text in session.execute(query)}
    return [Entry(event, contents.get(event.seq)) for event in events]


def actions(session: ReadSession) -> list[str]:
    """The kinds of entries that there are, by name."""
    return list(session.scalars(select(Event.action).distinct().order_by(Event.action)))


def references(session: ReadSession, ids: Iterable[int]) -> dict[int, tuple[str, str]]:
    """The reference and the subject code of screenings of sites, by id."""
    query = select(Screening.id, Screening.reference, Screening.subject_code).where(
        Screening.id.in_(set(ids)), Screening.kind == "site"
    )
    return {one: (str(reference), str(code)) for one, reference, code in session.execute(query)}


def screening_id(session: ReadSession, text: str) -> int | None:
    """The number of a site's screening, by its subject code or its reference; of several, the newest."""
    if not text.isprintable():
        return None
    named = or_(Screening.subject_code == text.upper(), Screening.reference == text)
    return session.scalar(select(func.max(Screening.id)).where(Screening.kind == "site", named))


def people(session: ReadSession) -> list[tuple[str, str]]:
    """Everybody who has an account, as entries name them, with name and login."""
    query = select(Account.id, Account.name, Account.login).order_by(Account.name)
    return [(f"account {one}", f"{name} ({login})") for one, name, login in session.execute(query)]


def names(session: ReadSession, actors: Iterable[str]) -> dict[str, str]:
    """The names of accounts and the clients of keys, by how entries name them ("account 12", "key 3")."""
    ids: dict[str, set[int]] = {"account": set(), "key": set()}
    for kind, _, number in (actor.partition(" ") for actor in actors):
        if kind in ids and number.isdecimal():
            ids[kind].add(int(number))
    people = session.execute(select(Account.id, Account.name).where(Account.id.in_(ids["account"])))
    keys = session.execute(select(ApiKey.id, ApiKey.client).where(ApiKey.id.in_(ids["key"])))
    return {f"account {one}": name for one, name in people} | {f"key {one}": client for one, client in keys}


def was_recorded(
    session: ReadSession, *, actor: str, action: str, subject_type: str, subject_id: int, since: datetime
) -> bool:
    """Whether there is an entry of this action by somebody on a subject, since a moment."""
    of_subject = Event.subject_type == subject_type, Event.subject_id == subject_id
    query = select(Event.seq).where(*of_subject, Event.action == action, Event.actor == actor, Event.at > since)
    return session.scalar(query.limit(1)) is not None


# WHAT IS THERE


def counts(session: ReadSession) -> Iterator[tuple[str, int]]:
    """How many rows each table holds."""
    for table in sorted(Base.metadata.tables.values(), key=lambda table: table.name):
        yield table.name, session.scalar(select(func.count()).select_from(table)) or 0
