"""The built-in trial, served: in this process (`api`) and by a real server (`live`); both are shared by all tests."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from sqlalchemy.engine import URL

sys.path.insert(0, str(Path(__file__).parent))  # for `serving`, which the tests of this folder share

from people import give_key, site_ids
from serving import NOW, TOKEN, Client, Live, load_built_in, serving

from app.store.db import Database
from app.web import render


class Compiled(BytecodeCache):
    """Templates that were compiled once, for all applications of a process."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    """Most tests make an application of their own, and compiling its templates takes longer than the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "Environment", partial(Environment, bytecode_cache=Compiled()))
        yield


@pytest.fixture(scope="session")
def loaded_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the built-in trial in force, to be copied."""
    path = tmp_path_factory.mktemp("loaded") / "prescreen.sqlite3"
    shutil.copyfile(sqlite_template, path)
    load_built_in(URL.create("sqlite", database=str(path)))
    return path


@pytest.fixture(scope="session")
def loaded_postgresql(
    new_postgresql: Callable[[URL], AbstractContextManager[URL]], postgresql_template: URL
) -> Iterator[URL]:
    """The same as a PostgreSQL database, from which others are copied."""
    with new_postgresql(postgresql_template) as url:
        load_built_in(url)
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def loaded(request: pytest.FixtureRequest) -> Iterator[URL]:
    """A database of its own with the built-in trial in force, on each engine."""
    if request.param == "sqlite":
        yield request.getfixturevalue("loaded_sqlite")
    else:
        template = request.getfixturevalue("loaded_postgresql")
        with request.getfixturevalue("new_postgresql")(template) as url:
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
    url = URL.create("sqlite", database=str(path))
    database = Database(url)
    give_key(database, site_ids(database)[0], at=NOW, token=TOKEN)
    database.close()
    with serving(url, rate_limit="off") as server:
        yield server
