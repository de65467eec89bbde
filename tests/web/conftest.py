"""The built-in trial, served: in this process (`api`) and by a real server (`live`); both are shared by all tests."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

sys.path.insert(0, str(Path(__file__).parent))  # for `serving`, which the tests of this folder share

from serving import Client, Live, load_built_in, serving


@pytest.fixture(scope="session")
def loaded_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the built-in trial in force, to be copied."""
    path = tmp_path_factory.mktemp("loaded") / "prescreen.sqlite3"
    shutil.copyfile(sqlite_template, path)
    load_built_in(URL.create("sqlite", database=str(path)))
    return path


@pytest.fixture(scope="session")
def loaded_postgresql(
    new_postgresql: Callable[[str], AbstractContextManager[URL]], postgresql_template: URL
) -> Iterator[URL]:
    """The same as a PostgreSQL database, from which others are copied."""
    with new_postgresql(f"TEMPLATE {postgresql_template.database}") as url:
        load_built_in(url)
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def loaded(request: pytest.FixtureRequest) -> Iterator[URL]:
    """A database of its own with the built-in trial in force, on each engine."""
    if request.param == "sqlite":
        yield request.getfixturevalue("loaded_sqlite")
    else:
        template = request.getfixturevalue("loaded_postgresql")
        with request.getfixturevalue("new_postgresql")(f"TEMPLATE {template.database}") as url:
            yield url


@pytest.fixture
def loaded_sqlite(loaded_template: Path, tmp_path: Path) -> URL:
    """A SQLite file of its own with the built-in trial in force."""
    path = tmp_path / "loaded.sqlite3"
    shutil.copyfile(loaded_template, path)
    return URL.create("sqlite", database=str(path))


@pytest.fixture(scope="session")
def api(loaded_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    path = tmp_path_factory.mktemp("api") / "prescreen.sqlite3"
    shutil.copyfile(loaded_template, path)
    client = Client.of(URL.create("sqlite", database=str(path)))
    yield client
    client.close()


@pytest.fixture(scope="session")
def live(loaded_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    path = tmp_path_factory.mktemp("live") / "prescreen.sqlite3"
    shutil.copyfile(loaded_template, path)
    with serving(URL.create("sqlite", database=str(path))) as server:
        yield server
