"""Migrations: up, down and up again on both engines, no drift from the models, whole or not at all."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from app.errors import Misconfigured, Unavailable
from app.store import migrate
from app.store.db import Database
from app.store.models import OWNED, Base

ROOT = Path(__file__).parents[2]


def schema(engine: Engine) -> dict[str, Any]:
    """Everything that the database says of its tables, and its triggers and functions."""
    inspector = inspect(engine)
    said: dict[str, Any] = {
        table: [
            [{**column, "type": str(column["type"])} for column in inspector.get_columns(table)],
            inspector.get_pk_constraint(table),
            _by_name(inspector.get_foreign_keys(table)),
            _by_name(inspector.get_unique_constraints(table)),
            _by_name(inspector.get_check_constraints(table)),
            [_index(index) for index in _by_name(inspector.get_indexes(table))],
        ]
        for table in sorted(inspector.get_table_names())
    }
    queries = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
        "postgresql": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal UNION ALL"
        " SELECT prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
    }
    with engine.connect() as connection:
        said["triggers"] = list(connection.execute(text(queries[engine.dialect.name])).scalars())
    return said


def _index(index: Any) -> Any:
    """The index with its conditions as texts, which compare."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}


def _by_name(constraints: list[Any]) -> list[Any]:
    return sorted(constraints, key=lambda constraint: str(constraint["name"]))


def test_up_down_up(bare_database: Database) -> None:
    engine = bare_database.engine
    assert (migrate.current(engine), migrate.is_current(engine)) == (None, False)
    migrate.upgrade(engine)
    assert (migrate.current(engine), migrate.is_current(engine)) == (migrate.head(), True)
    up = schema(engine)
    assert len(up["triggers"]) > len(OWNED)
    migrate.downgrade(engine, "base")
    left = schema(engine)
    left.pop("alembic_version")
    assert left == {"triggers": []}
    migrate.upgrade(engine)
    assert schema(engine) == up


def test_upgrade_twice_changes_nothing(bare_database: Database) -> None:
    migrate.upgrade(bare_database.engine)
    once = schema(bare_database.engine)
    migrate.upgrade(bare_database.engine)
    assert schema(bare_database.engine) == once


def test_no_drift_from_the_models(database: Database) -> None:
    """As `alembic check` sees it: tables, columns, types, keys and indexes."""
    with database.engine.connect() as connection:
        config = migrate.config()
        config.attributes["connection"] = connection
        command.check(config)


def test_no_drift_in_check_constraints(database: Database, request: pytest.FixtureRequest) -> None:
    """`alembic check` does not see check constraints, so these are compared as the database says them."""
    bare = Database(request.getfixturevalue(f"bare_{database.engine.dialect.name}_url"))
    Base.metadata.create_all(bare.engine)
    expected, found = _checks(bare.engine), _checks(database.engine)
    bare.close()
    assert found == expected
    assert len(found) > 25


def _checks(engine: Engine) -> dict[str, str]:
    inspector = inspect(engine)
    return {
        str(each["name"]): _words(each["sqltext"])
        for table in Base.metadata.tables
        for each in inspector.get_check_constraints(table)
    }


def _words(sql: str) -> str:
    return re.sub(r"\s+", " ", sql)


def test_every_owned_table_is_guarded(database: Database) -> None:
    """A table that a later migration adds to a protocol must get its triggers too."""
    triggers = schema(database.engine)["triggers"]
    for model in OWNED:
        of_table = [each for each in triggers if re.search(rf"\bON (public\.)?{model.__tablename__}\b", each)]
        assert len(of_table) == (3 if database.engine.dialect.name == "sqlite" else 2), model


FAILING = """
import sqlalchemy as sa
from alembic import op

revision = "broken"
down_revision = "{after}"


def upgrade():
    op.create_table("half_made", sa.Column("id", sa.Integer, primary_key=True))
    op.add_column("trial", sa.Column("half_added", sa.Text))
    op.execute("INSERT INTO half_made (id) VALUES (1)")
    op.execute("SELECT * FROM no_such_table")


def downgrade():
    pass
"""


@contextmanager
def failing_migration(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The project's migrations and, after them, one that fails at its end."""
    (folder / "broken.py").write_text(FAILING.format(after=migrate.head()))

    def config() -> Config:
        config = real()
        versions = Path(str(config.get_alembic_option("script_location"))) / "versions"
        config.set_main_option("script_location", str(config.get_alembic_option("script_location")))
        config.set_main_option("path_separator", "os")
        config.set_main_option("version_locations", f"{versions}:{folder}")
        return config

    real = migrate.config
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "config", config)
        yield


def test_P8_failed_migration_leaves_the_old_schema(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = schema(database.engine)
    with failing_migration(tmp_path, monkeypatch):
        assert migrate.head() == "broken"
        with pytest.raises((Unavailable, DBAPIError)):
            migrate.upgrade(database.engine)
    assert schema(database.engine) == before
    assert migrate.is_current(database.engine)


def test_alembic_finds_its_configuration_without_an_ini_file() -> None:
    assert migrate.config().get_alembic_option("script_location") == str(ROOT / "migrations")
    assert not list(ROOT.glob("alembic.ini"))


@pytest.fixture(params=["sqlite", "postgresql"])
def alembic(request: pytest.FixtureRequest) -> Callable[..., subprocess.Popen[str]]:
    """Starts the alembic command line, whose database is a bare one, named by the environment."""
    url = request.getfixturevalue(f"bare_{request.param}_url").render_as_string(hide_password=False)
    environment = {**os.environ, "PRESCREEN_DATABASE_URL": url}

    def start(*arguments: str) -> subprocess.Popen[str]:
        command_line = [sys.executable, "-m", "alembic", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command_line, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)

    return start


def _end(program: subprocess.Popen[str]) -> None:
    said = program.communicate(timeout=60)
    assert program.returncode == 0, said


def test_alembic_command_line(alembic: Callable[..., subprocess.Popen[str]]) -> None:
    for arguments in (["upgrade", "head"], ["check"], ["downgrade", "base"]):
        _end(alembic(*arguments))


def test_several_programs_at_once(alembic: Callable[..., subprocess.Popen[str]]) -> None:
    """One migrates, the others wait and find it done."""
    for program in [alembic("upgrade", "head") for _ in range(3)]:
        _end(program)
    _end(alembic("check"))


def test_missing_migrations_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(migrate, "HERE", (tmp_path,))
    with pytest.raises(Misconfigured, match="migrations/"):
        migrate.head()
