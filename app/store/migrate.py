"""The schema's version: bringing a database up to date, or back, and asking where it stands.

The steps are in `migrations/`, which lies beside `app/` in the repository and in the image. All steps
of one call are one transaction: they succeed together or leave the database as it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine

from app.errors import Misconfigured
from app.store.db import translated

HERE: Final = (Path(__file__).resolve().parents[2], Path.cwd())


def config() -> Config:
    """Alembic's configuration, from the pyproject.toml beside `migrations/`."""
    for folder in HERE:
        if (folder / "migrations" / "env.py").is_file() and (folder / "pyproject.toml").is_file():
            return Config(toml_file=folder / "pyproject.toml")
    raise Misconfigured("the folder migrations/ and pyproject.toml must lie beside app/ or in the current folder")


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema up to a revision; does nothing where it is there already."""
    with translated(), _in_one_line(), engine.connect() as connection:
        upgrading = config()
        upgrading.attributes["connection"] = connection
        command.upgrade(upgrading, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to a revision, or away with `base`; what newer tables hold is lost."""
    with translated(), _in_one_line(), engine.connect() as connection:
        downgrading = config()
        downgrading.attributes["connection"] = connection
        command.downgrade(downgrading, revision)


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Turns a revision that does not exist (a newer program's, perhaps) into the application's own error."""
    try:
        yield
    except CommandError as error:
        raise Misconfigured(f"the schema cannot be brought there: {error}") from error


def current(engine: Engine) -> str | None:
    """The revision of the database's schema; None where it has none yet."""
    with translated(), engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str | None:
    """The revision that this program needs."""
    return ScriptDirectory.from_config(config()).get_current_head()


def is_current(engine: Engine) -> bool:
    """Whether the schema is the one that this program needs."""
    return current(engine) == head()
