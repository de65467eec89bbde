"""What the database itself refuses, whoever asks: changes to a published or retired protocol, and to events."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Table, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from app import actions
from app.store.db import Database
from app.store.models import OWNED, Base, Event, Owned, ProtocolRow, TrialRow


@pytest.fixture
def kept(published: Database, trial: Any, other_protocol: Any, now: Any) -> Database:
    """A database with a retired protocol (1), a published one (2) and a draft (3) that owns a section."""
    with published.write() as session:
        later = now + timedelta(days=1)
        actions.publish_protocol(session, trial=trial, protocol=other_protocol, at=later, actor="test")
        trial_id = session.scalars(select(TrialRow.id)).one()
        session.add(ProtocolRow(id=99, trial_id=trial_id, version=3, status="draft", content_hash="0" * 64))
    return published


def contents(database: Database) -> dict[str, list[Any]]:
    models: tuple[type[Base], ...] = (*OWNED, ProtocolRow, Event)
    tables = [model.__table__ for model in models]
    with database.engine.connect() as connection:
        return {str(table): sorted(map(tuple, connection.execute(select(table))), key=repr) for table in tables}


@pytest.fixture(autouse=True)
def unchanged(kept: Database) -> Iterator[None]:
    """Whatever a test here tries, every row stays as it was."""
    before = contents(kept)
    yield
    assert contents(kept) == before


def refused(database: Database, statement: Any, message: str = "cannot change") -> None:
    with pytest.raises(IntegrityError, match=message), database.engine.begin() as connection:
        connection.execute(statement)


def protocols(database: Database) -> dict[str, int]:
    with database.engine.connect() as connection:
        return {row.status: row.id for row in connection.execute(select(ProtocolRow.id, ProtocolRow.status))}


@pytest.mark.parametrize("status", ["published", "retired"])
@pytest.mark.parametrize("model", OWNED)
def test_rows_of_a_protocol(kept: Database, model: type[Owned], status: str) -> None:
    table, owner, draft = model.__table__, protocols(kept)[status], protocols(kept)["draft"]
    assert isinstance(table, Table)
    with kept.engine.connect() as connection:
        row = dict(connection.execute(select(table).where(table.c.protocol_id == owner)).mappings().first() or {})
    assert row, f"the protocol made by hand has no {table}"
    mine = [table.c[column.name] == row[column.name] for column in table.primary_key]
    refused(kept, insert(table).values(**{**row, "position": 4096}))
    refused(kept, update(table).where(*mine).values(position=4096))
    refused(kept, update(table).where(*mine).values(protocol_id=draft))
    refused(kept, delete(table).where(*mine))
    refused(kept, delete(table).where(table.c.protocol_id == owner))
    if kept.engine.dialect.name == "sqlite":
        refused(kept, insert(table).prefix_with("OR REPLACE").values(**row))
        refused(kept, insert(table).prefix_with("OR IGNORE").values(**row))
        refused(kept, update(table).prefix_with("OR REPLACE").where(*mine).values(position=4096))
    else:
        refused(kept, text(f"TRUNCATE {table} CASCADE"))


def test_rows_of_a_draft_can_change_but_not_move_to_a_published_protocol(kept: Database) -> None:
    section = OWNED[0].__table__
    assert isinstance(section, Table)
    of_draft = section.c.protocol_id == protocols(kept)["draft"]
    with kept.engine.begin() as connection:
        connection.execute(insert(section).values(protocol_id=99, key="new", position=0, title="New"))
        connection.execute(update(section).where(of_draft).values(title="Newer"))
    refused(kept, update(section).where(of_draft).values(protocol_id=protocols(kept)["published"]))
    with kept.engine.begin() as connection:
        connection.execute(delete(section).where(of_draft))


CHANGES: list[dict[str, Any]] = [
    {"content_hash": "f" * 64},
    {"version": 77},
    {"status": "draft"},
    {"status": "draft", "published_at": None},
    {"status": "retired", "content_hash": "f" * 64},
    {"status": "retired", "version": 77},
    {"status": "retired", "id": 77},
]


@pytest.mark.parametrize("status", ["published", "retired"])
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_protocol_itself(kept: Database, status: str, change: dict[str, Any]) -> None:
    if "id" in change and kept.engine.dialect.name == "postgresql":
        change = {**change, "id": 77}
    refused(kept, update(ProtocolRow).where(ProtocolRow.status == status).values(**change))


def test_retired_protocol_stays_retired(kept: Database) -> None:
    refused(kept, update(ProtocolRow).where(ProtocolRow.status == "retired").values(status="published"))


@pytest.mark.parametrize("status", ["published", "retired"])
def test_protocol_cannot_be_deleted_or_replaced(kept: Database, status: str) -> None:
    refused(kept, delete(ProtocolRow).where(ProtocolRow.status == status))
    with kept.engine.connect() as connection:
        query = select(ProtocolRow.__table__).where(ProtocolRow.status == status)
        row = dict(connection.execute(query).mappings().one())
    draft = {**row, "status": "draft", "published_at": None}
    refused(kept, insert(ProtocolRow).values(**{**row, "id": 77, "version": 77}))
    if kept.engine.dialect.name == "postgresql":
        refused(kept, text("TRUNCATE protocol CASCADE"))
        return
    replace = insert(ProtocolRow).prefix_with("OR REPLACE")
    refused(kept, replace.values(**draft))
    refused(kept, replace.values(**{**draft, "id": 77}))
    changed = update(ProtocolRow).prefix_with("OR REPLACE").where(ProtocolRow.status == "draft")
    refused(kept, changed.values(version=row["version"]))
    refused(kept, changed.values(id=row["id"]))


def test_only_one_protocol_of_a_trial_is_published(kept: Database) -> None:
    publish = update(ProtocolRow).where(ProtocolRow.status == "draft")
    refused(kept, publish.values(status="published", published_at=text("CURRENT_TIMESTAMP")), "(?i)unique")


def test_trial_with_protocols_cannot_be_deleted(kept: Database) -> None:
    with pytest.raises(DBAPIError), kept.engine.begin() as connection:
        connection.execute(delete(TrialRow))


def test_P20_events_cannot_change(kept: Database) -> None:
    with kept.engine.connect() as connection:
        row = dict(connection.execute(select(Event.__table__)).mappings().first() or {})
    refused(kept, update(Event).values(actor="nobody"))
    refused(kept, update(Event).where(Event.seq == row["seq"]).values(seq=4096))
    refused(kept, delete(Event))
    refused(kept, delete(Event).where(Event.seq == row["seq"]))
    if kept.engine.dialect.name == "sqlite":
        refused(kept, insert(Event).prefix_with("OR REPLACE").values(**{**row, "actor": "nobody"}))
        refused(kept, update(Event).prefix_with("OR REPLACE").values(seq=row["seq"]))
        with kept.engine.begin() as connection:  # also where somebody opens the file without our pragmas
            connection.exec_driver_sql("PRAGMA recursive_triggers = OFF")
        refused(kept, insert(Event).prefix_with("OR REPLACE").values(**{**row, "actor": "nobody"}))
    else:
        refused(kept, text("TRUNCATE event, event_content, note"))
        refused(kept, text("TRUNCATE event RESTART IDENTITY CASCADE"))
        upsert = "INSERT INTO event SELECT * FROM event LIMIT 1 ON CONFLICT (seq) DO UPDATE SET actor = 'nobody'"
        refused(kept, text(upsert))
