"""The rights that the deployment guide gives to the application on PostgreSQL: enough for its work, and no more."""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from app import actions
from app.access import Principal
from app.actions import Outcome
from app.main import purge_database
from app.store import accounts, audit, migrate, queries, screenings
from app.store.db import Database
from app.store.models import Note, SiteRow
from app.store.models.schema import Base
from app.trials import read_trial

GUIDE = Path(__file__).parents[2] / "docs" / "deployment.md"
NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
NCT = "NCT05086315"
KEY = b"k" * 32


def statements(who: str, suffix: str) -> list[str]:
    """The guide's SQL for somebody; roles and databases belong to a whole server, so their names are made unique."""
    found = re.search(rf"<!-- least rights: {who} -->\n```sql\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found is not None
    sql = re.sub(r"\bprescreen(_owner|_app)?\b", lambda name: f"{name[0]}_{suffix}", found[1])
    return [statement for statement in sql.split(";") if statement.strip()]


def run(url: URL, told: list[str]) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in told:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def installed(postgresql_server: URL) -> Iterator[tuple[URL, URL]]:
    """A database set up as the guide says: the URLs of its owner and of the application."""
    suffix = uuid.uuid4().hex[:8]
    run(postgresql_server, statements("administrator", suffix))
    of = postgresql_server.set(database=f"prescreen_{suffix}")
    owner = of.set(username=f"prescreen_owner_{suffix}", password="change-this-1")
    database = Database(owner, KEY)
    migrate.upgrade(database.engine)
    trial, protocol = read_trial()
    with database.write() as session:
        actions.publish_protocol(session, trial=trial, protocol=protocol, at=NOW, actor="test")
    database.close()
    run(owner, statements("owner", suffix))
    yield owner, of.set(username=f"prescreen_app_{suffix}", password="change-this-2")
    run(
        postgresql_server,
        [
            f"DROP DATABASE prescreen_{suffix} WITH (FORCE)",
            f"DROP ROLE prescreen_app_{suffix}",
            f"DROP ROLE prescreen_owner_{suffix}",
        ],
    )


@pytest.fixture
def least(installed: tuple[URL, URL]) -> Iterator[Database]:
    database = Database(installed[1], KEY)
    yield database
    database.close()


def hired(database: Database, site_id: int) -> Principal:
    with database.write() as session:
        grants = [("coordinator", site_id), ("physician", site_id)]
        account = actions.create_account(session, login="ada", name="Ada", grants=grants, at=NOW, actor="test")
        token = actions.begin_login(session, account=account, at=NOW, hours=12, proved_at=NOW)
        actions.see_login(session, token_hash=queries.token_hash(token), at=NOW)
        return accounts.principal_of(account)


def test_the_application_works_with_the_least_rights(least: Database) -> None:
    migrate.upgrade(least.engine)  # as `serve` does: there is nothing to do
    with least.read() as session:
        site = session.scalars(select(SiteRow.id).order_by(SiteRow.position)).first() or 0
    who = hired(least, site)
    with least.write() as session:
        begun = actions.start_quick_check(session, nct_id=NCT, at=NOW, as_of=NOW.date(), hours=1, actor="quick check")
    with least.write() as session:
        check = queries.screening(session, token=begun.token, at=NOW)
        actions.give_answers(session, screening=check, answers={"ecog": 1}, at=NOW, actor="quick check", source="typed")
    with least.write() as session:
        started = actions.start_screening(
            session, nct_id=NCT, site_id=site, subject_code="DE-1", at=NOW, as_of=NOW.date(), who=who
        )
        reference = str(started.reference)
    outcome = Outcome('{"out":1}', "excluded", ("E13",), None, False)
    with least.write() as session:
        found = screenings.screening(session, reference=reference, sites=None)
        actions.answer_screening(
            session, screening=found, answers={"qtcf_ms": 482}, outcome=outcome, at=NOW, who=who, source="typed"
        )
        actions.add_note(session, screening=found, text="Asked for an ECG", at=NOW, who=who)
    with least.write() as session:
        found = screenings.screening(session, reference=reference, sites=None)
        actions.view_screening(session, screening_id=found.id, site_id=found.site_id, at=NOW, who=who)
        note_id = session.scalars(select(Note.id)).one()
        actions.erase_note(session, note_id=note_id, reason="not_needed", at=NOW, who=who, screening=found)
    assert purge_database(least, NOW.replace(day=28)) == (1, 0, 0)
    with least.read() as session:
        assert audit.verify(session, KEY).is_whole


FORBIDDEN = [
    "UPDATE event SET actor = 'nobody'",
    "DELETE FROM event",
    "TRUNCATE event CASCADE",
    "UPDATE event_content SET text = ''",
    "UPDATE criterion SET title = 'x'",
    "UPDATE protocol SET status = 'draft'",
    "DELETE FROM rule_node",
    "INSERT INTO section SELECT * FROM section",
    "UPDATE alembic_version SET version_num = 'x'",
    "ALTER TABLE event DISABLE TRIGGER ALL",
    "DROP TABLE event CASCADE",
    "CREATE TABLE mine (id int)",
    "SET session_replication_role = replica",
    "ALTER TABLE event OWNER TO CURRENT_USER",
]


def test_P20_and_can_do_nothing_else(least: Database) -> None:
    for statement in FORBIDDEN:
        with pytest.raises(DBAPIError), least.engine.begin() as connection:
            connection.execute(text(statement))


def test_the_guide_names_every_table_that_the_application_writes() -> None:
    written = set(re.findall(r"[a-z_]+", "".join(statements("owner", "x"))))
    owned = {table.name for table in Base.metadata.sorted_tables if "protocol_id" in table.c}
    of_protocols = owned | {"trial", "site", "protocol", "rule_option", "question_option", "cohort_part", "translation"}
    of_protocols |= {"cohort_reading", "criterion_reading"}
    assert set(Base.metadata.tables) - of_protocols - {"screening"} <= written
