"""The audit trail: what the database refuses, what `verify` names, and that no action forgets its entry.

P20 and P21 are 28 attempts on each database to make the trail say something else: half of them as somebody who has the
application's rights, half as somebody who can do everything with the database, but does not have the key.
"""

# ruff: noqa: S608

import hashlib
import json
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError

from app import actions
from app.access import Principal
from app.actions import Outcome
from app.errors import Invalid
from app.store import accounts, audit, chain, screenings
from app.store.db import Database
from app.store.models import Event, EventContent, SiteRow

TODAY = date(2026, 11, 23)
OUT = Outcome('{"out":1}', "excluded", ("E2",), None, False)


@pytest.fixture
def trail(published: Database, now: datetime) -> Database:
    """A trail with a screening that was answered twice and has three notes, one of which is erased."""
    with published.write() as session:
        site = session.scalars(select(SiteRow.id).order_by(SiteRow.id)).first()
        account = actions.create_account(
            session, login="ada", name="Ada", grants=[("coordinator", site)], at=now, actor="test"
        )
        ada = accounts.principal_of(account)
        begun = actions.start_screening(
            session, nct_id="NCT00000001", site_id=site or 0, subject_code="DE01-0042", at=now, as_of=TODAY, who=ada
        )
        reference = str(begun.reference)
    answer(published, reference, ada, now + timedelta(minutes=1), 70, None)
    answer(published, reference, ada, now + timedelta(minutes=2), 71, "typing_error")
    notes = [note(published, reference, ada, now + timedelta(minutes=3), f"Note {number}") for number in range(3)]
    with published.write() as session:
        found = screenings.screening(session, reference=reference, sites=None)
        actions.erase_note(
            session, screening=found, note_id=notes[1], reason="identifies_somebody", at=later(now, 4), who=ada
        )
        found = screenings.screening(session, reference=reference, sites=None)
        actions.view_screening(session, screening_id=found.id, site_id=found.site_id, at=later(now, 5), who=ada)
    assert verified(published).is_whole
    return published


def later(now: datetime, minutes: int) -> datetime:
    return now + timedelta(minutes=minutes)


def answer(database: Database, reference: str, who: Principal, at: datetime, weight: float, reason: str | None) -> None:
    with database.write() as session:
        found = screenings.screening(session, reference=reference, sites=None)
        given: Any = {"answers": {"weight": weight}, "outcome": OUT, "reason": reason}
        actions.answer_screening(session, screening=found, at=at, who=who, source="typed", **given)


def note(database: Database, reference: str, who: Principal, at: datetime, words: str) -> int:
    with database.write() as session:
        found = screenings.screening(session, reference=reference, sites=None)
        return actions.add_note(session, screening=found, text=words, at=at, who=who).id


def verified(database: Database, expect: audit.Anchor | None = None) -> audit.Verified:
    with database.read() as session:
        return audit.verify(session, database.audit_key, expect)


def events(database: Database) -> list[Event]:
    with database.read() as session:
        return list(session.scalars(select(Event).order_by(Event.seq)))


def of(database: Database, action: str, number: int = 0) -> int:
    """The number of the entry of an action; of several, the first, second, ..."""
    return [event.seq for event in events(database) if event.action == action][number]


def about(database: Database) -> int:
    """The number of the screening."""
    return next(event.subject_id for event in events(database) if event.action == "screening.started")


# WHAT VERIFY SAYS


def test_a_trail_is_whole_and_its_head_is_an_anchor(trail: Database, now: datetime) -> None:
    found = verified(trail)
    last = events(trail)[-1]
    assert (found.fault, found.backwards, found.number, found.redacted) == (None, [], last.seq, 1)
    assert str(found.head) == f"{last.seq}:{last.hash}"
    with trail.read() as session:
        head = audit.head(session)
    assert head == found.head
    assert audit.anchor(f" {head}\n") == head
    with trail.write() as session:
        actions.record(session, later(now, 6), "test", "service.tested", "service", 0, {})
    assert verified(trail, expect=head).is_whole, "an earlier anchor goes on to hold"


def test_an_empty_trail_is_whole_unless_something_is_expected(database: Database) -> None:
    assert verified(database).is_whole
    assert str(verified(database).head) == "0:"
    expected = audit.Anchor(3, "a" * 64)
    assert verified(database, expected).fault == (1, "the end is cut off: entry 3 is expected and is not there")


@pytest.mark.parametrize(
    "wrong", ["", "12", "12:", "x:" + "a" * 64, "12:" + "A" * 64, "012:" + "a" * 64, "1:" + "a" * 63]
)
def test_what_is_no_anchor_is_refused(wrong: str) -> None:
    if wrong == "12:":
        assert audit.anchor(wrong) == (12, ""), "of a trail whose entries are all from before the chain"
        return
    with pytest.raises(Invalid, match="anchor"):
        audit.anchor(wrong)


def test_time_that_goes_back_is_remarked_and_no_fault(trail: Database, now: datetime) -> None:
    with trail.write() as session:
        seq = actions.record(session, now - timedelta(days=1), "test", "service.tested", "service", 0, {}).seq
    found = verified(trail)
    assert (found.is_whole, found.backwards) == (True, [seq])


def test_another_key_fits_neither_the_last_entry_nor_the_first(trail: Database) -> None:
    with trail.read() as session:
        assert audit.fits(session, trail.audit_key)
        assert not audit.fits(session, b"another")
        assert audit.verify(session, b"another").fault == (
            1, "was changed: its hash is another one, or was made with another key"
        )  # fmt: skip


def test_entries_from_before_the_chain_are_sealed_by_its_first(database: Database, now: datetime) -> None:
    with database.engine.begin() as connection:
        for seq in (1, 2, 3):
            values = {"seq": seq, "at": now, "actor": "old", "action": "trial.added", "subject_type": "trial"}
            connection.execute(insert(Event).values(**values, subject_id=seq, detail={"n": seq}))
    assert (verified(database).sealed, verified(database).head) == (3, audit.Anchor(3, ""))
    with database.write() as session:
        actions.record(session, now, "test", "service.tested", "service", 0, {})
    assert (verified(database).is_whole, verified(database).sealed, verified(database).number) == (True, 3, 4)
    for change in ("UPDATE event SET actor = 'new' WHERE seq = 2", "DELETE FROM event WHERE seq = 3"):
        with as_owner(database) as run:
            run(change)
        assert verified(database).fault == (4, "does not follow the entry before it")


# THE ATTEMPTS

Run = Callable[..., None]


def values_of(database: Database, seq: int) -> dict[str, Any]:
    event = next(event for event in events(database) if event.seq == seq)
    return event.fields | {"hash": event.hash}


def forged(database: Database, seq: int, previous: str, **fields: Any) -> dict[str, Any]:
    """An entry as somebody makes it who knows all but the key."""
    values = {**values_of(database, 1), "seq": seq, "content_hash": None, "previous": previous, **fields}
    return values | {"hash": chain.entry_hash(b"guessed", values)}


def append(database: Database, connection: Any, **fields: Any) -> int:
    last = events(database)[-1]
    values = forged(database, last.seq + 1, last.hash, **fields)
    connection.execute(insert(Event).values(**values))
    return int(values["seq"])


def upsert(database: Database, table: str, change: str, seq: int) -> str:
    if database.engine.dialect.name == "postgresql":
        return f"INSERT INTO {table} SELECT * FROM {table} WHERE seq = {seq} ON CONFLICT (seq) DO UPDATE SET {change}"
    names = {"event": [*chain.SIGNED, "hash"], "event_content": ["seq", "salt", "text"]}[table]
    name, value = change.split(" = ")
    columns = ", ".join(value if one == name else one for one in names)
    return f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) SELECT {columns} FROM {table} WHERE seq = {seq}"


def emptied(database: Database) -> str:
    is_sqlite = database.engine.dialect.name == "sqlite"
    return "DELETE FROM event" if is_sqlite else "TRUNCATE event, event_content, note CASCADE"


Attempt = Callable[[Database, Any], object]


def sql(statement: str | Callable[[Database], str]) -> Attempt:
    return lambda database, connection: connection.execute(
        text(statement if isinstance(statement, str) else statement(database))
    )


def _forged_redaction(database: Database, connection: Any) -> None:
    seq = of(database, "screening.answered")
    append(database, connection, action="event.redacted", subject_type="event", subject_id=seq)
    connection.execute(text(f"DELETE FROM event_content WHERE seq = {seq}"))


def _unguarded_replace(database: Database, connection: Any) -> None:
    if database.engine.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA recursive_triggers = OFF")  # as in somebody else's connection
    connection.execute(text(upsert(database, "event", "actor = 'nobody'", 3)))


WITH_TRIGGERS: dict[str, Attempt] = {
    "another actor": sql("UPDATE event SET actor = 'nobody' WHERE seq = 3"),
    "another detail": sql("UPDATE event SET detail = '{}' WHERE seq = 3"),
    "another number": sql("UPDATE event SET seq = 4096 WHERE seq = 3"),
    "another hash": sql("UPDATE event SET hash = 'x' WHERE seq = 3"),
    "one entry gone": sql(lambda database: f"DELETE FROM event WHERE seq = {of(database, 'screening.started')}"),
    "the last one gone": sql("DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)"),
    "all gone": sql(emptied),
    "an entry replaced": sql(lambda database: upsert(database, "event", "actor = 'nobody'", 3)),
    "an entry replaced without the pragma": _unguarded_replace,
    "an entry after a gap": lambda database, connection: connection.execute(
        insert(Event).values(**forged(database, 4096, events(database)[-1].hash))
    ),
    "a content changed": sql("UPDATE event_content SET text = '{}'"),
    "a content gone": sql(
        lambda database: f"DELETE FROM event_content WHERE seq = {of(database, 'screening.answered')}"
    ),
    "a forged entry": append,
    "a forged redaction, and the content gone": _forged_redaction,
}


@pytest.mark.parametrize("name", WITH_TRIGGERS)
def test_P20_with_the_rights_of_the_application_a_change_is_refused_or_named(trail: Database, name: str) -> None:
    last, before = events(trail)[-1].seq, [values_of(trail, event.seq) for event in events(trail)]
    refused = False
    try:
        with trail.engine.begin() as connection:
            WITH_TRIGGERS[name](trail, connection)
    except IntegrityError as error:
        refused = "cannot change" in str(error)
    assert refused is ("forged" not in name)
    assert [values_of(trail, seq) for seq in range(1, last + 1)] == before
    fault = verified(trail).fault
    assert (fault is None) is refused
    assert fault is None or fault.seq == last + 1


@contextmanager
def as_owner(database: Database) -> Iterator[Run]:
    """Statements of somebody who can do everything with the database: no trigger runs, no reference is checked."""
    url = database.engine.url
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(url.database))) as connection:
            triggers = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
            for trigger in triggers:
                connection.execute(f"DROP TRIGGER {trigger}")
            yield lambda statement, *_: connection.execute(statement) and None
            connection.commit()
        return
    with database.engine.begin() as connection_:
        connection_.execute(text("SET LOCAL session_replication_role = replica"))
        yield lambda statement, *_: connection_.execute(text(statement)) and None


def _shift(run: Run, seq: int, by: int, last: int) -> None:
    """Move the entries from a number on; one by one, as no two may have a number at any moment."""
    for one in sorted(range(seq, last + 1), reverse=by > 0):
        for table in ("event_content", "event"):
            run(f"UPDATE {table} SET seq = {one + by} WHERE seq = {one}")


def _renumbered(database: Database, run: Run) -> int:
    run("DELETE FROM event WHERE seq = 3")
    _shift(run, 4, -1, events(database)[-1].seq)
    return 3


def _swapped(database: Database, run: Run) -> int:
    for one, other in ((3, 4096), (4, 3), (4096, 4)):
        run(f"UPDATE event SET seq = {other} WHERE seq = {one}")
    return 3


def _put_between(database: Database, run: Run) -> int:
    values = forged(database, 3, values_of(database, 2)["hash"], action="trial.updated")
    _shift(run, 3, 1, events(database)[-1].seq)
    kept = ", ".join(["3", *chain.SIGNED[1:-1]])
    run(f"INSERT INTO event ({', '.join((*chain.SIGNED, 'hash'))}) SELECT {kept}, '{values['previous']}',"
        f" '{values['hash']}' FROM event WHERE seq = 1")  # fmt: skip
    return 3


def _rewritten(database: Database, run: Run) -> int:
    """The whole trail made anew from entry 3 on, with another key: all fits together, but not with the key."""
    previous = values_of(database, 2)["hash"]
    for event in events(database)[2:]:
        values = event.fields | {"actor": "nobody", "previous": previous}
        hashed = chain.entry_hash(b"guessed", values)
        run(f"UPDATE event SET actor = 'nobody', previous = '{previous}', hash = '{hashed}' WHERE seq = {event.seq}")
        previous = hashed
    return 3


def changed(column: str, value: str, action: str = "screening.answered") -> Callable[[Database, Run], int]:
    def attempt(database: Database, run: Run) -> int:
        seq = of(database, action)
        run(f"UPDATE event SET {column} = {value} WHERE seq = {seq}")
        return seq

    return attempt


def on_content(statement: str, action: str = "screening.answered", number: int = 0) -> Callable[[Database, Run], int]:
    def attempt(database: Database, run: Run) -> int:
        seq = of(database, action, number)
        run(statement.format(seq=seq))
        return seq

    return attempt


def _reread(database: Database, run: Run) -> int:
    """A content with its salt and hash made to fit: the hash stands in the entry, which the key protects."""
    seq, plain = of(database, "screening.answered"), chain.content_text({"answers": {"weight": [None, 50]}})
    salt = "0" * 32
    run(f"UPDATE event_content SET salt = '{salt}', text = '{plain}' WHERE seq = {seq}".replace(":", r"\:")
        if database.engine.dialect.name == "postgresql"
        else f"UPDATE event_content SET salt = '{salt}', text = '{plain}' WHERE seq = {seq}")  # fmt: skip
    run(f"UPDATE event SET content_hash = '{chain.content_hash(salt, plain)}' WHERE seq = {seq}")
    return seq


def _cut(database: Database, run: Run) -> int:
    last = events(database)[-1].seq
    run(f"DELETE FROM event WHERE seq = {last}")
    return last


WITHOUT_TRIGGERS: dict[str, Callable[[Database, Run], int]] = {
    "another actor": changed("actor", "'nobody'"),
    "another time": changed("at", "'2020-01-01 00:00:00.000000'"),
    "another action": changed("action", "'screening.dated'"),
    "another detail": changed("detail", "'{}'"),
    "another reason": changed("reason", "'new_result'"),
    "another site": changed("site_id", "NULL"),
    "one entry gone": lambda database, run: run("DELETE FROM event WHERE seq = 3") or 3,
    "one entry gone, the others moved up": _renumbered,
    "two entries swapped": _swapped,
    "an entry put between": _put_between,
    "all made anew with another key": _rewritten,
    "a content changed": on_content("UPDATE event_content SET text = 'null' WHERE seq = {seq}"),
    "a content and its hash changed": _reread,
    "a content gone": on_content("DELETE FROM event_content WHERE seq = {seq}"),
    "a content gone, and never spoken of": on_content("UPDATE event SET content_hash = NULL WHERE seq = {seq}"),
    "a redacted content come back": on_content(
        "INSERT INTO event_content (seq, salt, text) VALUES ({seq}, '', 'null')", "screening.noted", 1
    ),
    "a content given to an entry that has none": on_content(
        "INSERT INTO event_content (seq, salt, text) VALUES ({seq}, '', 'null')", "screening.started"
    ),
    "a hash taken away": changed("hash", "''"),
    "the end cut off": _cut,
}  # fmt: skip


@pytest.mark.parametrize("name", WITHOUT_TRIGGERS)
def test_P21_with_the_triggers_gone_verify_names_the_first_broken_entry(trail: Database, name: str) -> None:
    anchor = verified(trail).head
    with as_owner(trail) as run:
        seq = WITHOUT_TRIGGERS[name](trail, run)
    fault = verified(trail, anchor).fault
    assert fault is not None
    assert fault.seq == seq
    assert (verified(trail).fault is None) is (name == "the end cut off"), "which only an anchor shows"


def test_P20_P21_there_are_28_attempts_at_least() -> None:
    assert (len(WITH_TRIGGERS), len(WITHOUT_TRIGGERS)) >= (14, 14)


def test_P21_a_content_whose_entry_is_gone_is_named(trail: Database, now: datetime) -> None:
    """The end is cut off, and no anchor is at hand; what was forgotten is still there."""
    with trail.write() as session:
        last = actions.record(session, now, "test", "service.tested", "service", 0, {}, content={"text": "kept"}).seq
    with as_owner(trail) as run:
        run(f"DELETE FROM event WHERE seq >= {last}")
    assert verified(trail).fault == (last, "is missing, and its content is still there")


# THE LEAST RIGHTS


@pytest.fixture
def least(postgresql_url: URL) -> Iterator[Database]:
    """A PostgreSQL database as a role sees it that may read and append to the trail, and no more."""
    role, password = f"prescreen_{uuid.uuid4().hex[:12]}", uuid.uuid4().hex
    owner = create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'"))
        connection.execute(text(f"GRANT SELECT, INSERT ON event, event_content TO {role}"))
    database = Database(postgresql_url.set(username=role, password=password), b"key")
    yield database
    database.close()
    with owner.connect() as connection:
        connection.execute(text(f"DROP OWNED BY {role}"))
        connection.execute(text(f"DROP ROLE {role}"))
    owner.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET actor = 'nobody'",
        "DELETE FROM event",
        "DELETE FROM event_content",
        "TRUNCATE event, event_content",
        "SET session_replication_role = replica",
        "ALTER TABLE event DISABLE TRIGGER ALL",
        "DROP TRIGGER guard_event ON event",
        "ALTER TABLE event DROP COLUMN hash",
        "DROP TABLE event CASCADE",
        "CREATE OR REPLACE FUNCTION guard_event() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "INSERT INTO event SELECT 4096, at, actor, action, subject_type, subject_id FROM event",
        "INSERT INTO event SELECT * FROM event ON CONFLICT (seq) DO UPDATE SET actor = 'nobody'",
    ],
)
def test_P20_a_role_with_the_least_rights_can_append_and_nothing_else(
    least: Database, now: datetime, statement: str
) -> None:
    with least.write() as session:
        actions.record(session, now, "test", "service.tested", "service", 0, {}, content={"text": "kept"})
    with pytest.raises(DBAPIError), least.engine.begin() as connection:
        connection.execute(text(statement))
    assert (verified(least).is_whole, verified(least).number) == (True, 1)


# READING


def test_entries_are_read_in_pages_and_by_what_is_wanted(trail: Database, now: datetime) -> None:
    everything = [event.seq for event in reversed(events(trail))]
    ada = events(trail)[-1].actor
    with trail.read() as session:
        first = audit.page(session, audit.Wanted(), size=4)
        second = audit.page(session, audit.Wanted(), size=4, before=first.older)
        back = audit.page(session, audit.Wanted(), size=4, after=second.newer)
        assert [entry.event.seq for entry in (*first.entries, *second.entries)] == everything[:8]
        assert (first.newer, back.entries, back.newer) == (None, first.entries, None)
        for wanted, expected in (
            (audit.Wanted(action="screening.noted"), 3),
            (audit.Wanted(actor="nobody"), 0),
            (audit.Wanted(actor=ada, subject_type="screening", subject_id=about(trail)), 7),
            (audit.Wanted(since=later(now, 4)), 2),
            (audit.Wanted(until=later(now, 1), action="screening.answered"), 0),
        ):
            assert len(audit.page(session, wanted).entries) == expected, wanted
        last = audit.page(session, audit.Wanted(), size=100)
    assert (len(last.entries), last.older) == (len(everything), None)


def test_a_history_holds_the_redactions_of_its_contents(trail: Database) -> None:
    with trail.read() as session:
        found = audit.history(session, about(trail))
    told = [(entry.event.action, entry.content is not None) for entry in found]
    assert told == [
        ("screening.viewed", False),
        ("event.redacted", False),
        ("screening.noted", True),
        ("screening.noted", False),
        ("screening.noted", True),
        ("screening.answered", True),
        ("screening.answered", True),
        ("screening.started", False),
    ]


def test_the_salt_keeps_a_content_from_being_guessed(trail: Database) -> None:
    with trail.read() as session:
        content = session.get_one(EventContent, of(trail, "screening.noted"))
    event = next(event for event in events(trail) if event.seq == content.seq)
    assert json.loads(content.text) == {"text": "Note 0"}
    assert event.content_hash != hashlib.sha256(content.text.encode()).hexdigest()
