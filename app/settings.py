"""The settings, read from the environment. Every variable is optional and begins with PRESCREEN_."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.errors import Misconfigured

PREFIX: Final = "PRESCREEN_"
DEFAULT_DATABASE_URL: Final = "sqlite:///var/prescreen.sqlite3"

_POSTGRESQL = ("postgres", "postgresql", "postgresql+psycopg")
_SQLITE = ("sqlite", "sqlite+pysqlite")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this installation runs. Its repr shows no password."""

    database_url: URL
    host: str
    port: int
    quick_check_hours: int
    max_body_bytes: int
    max_batch_bytes: int
    allowed_origins: tuple[str, ...]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings that `environ` says. Raises Misconfigured, which names every wrong variable."""
        read = _Reader(environ)
        settings = cls(
            database_url=read.database_url("DATABASE_URL", DEFAULT_DATABASE_URL),
            host=read.text("HOST", "127.0.0.1"),
            port=read.whole("PORT", 8000, 1, 65_535),
            quick_check_hours=read.whole("QUICK_CHECK_HOURS", 24, 1, 720),
            max_body_bytes=read.whole("MAX_BODY_BYTES", 65_536, 1_024, 16_777_216),
            max_batch_bytes=read.whole("MAX_BATCH_BYTES", 67_108_864, 1_024, 4_294_967_296),
            allowed_origins=read.origins("ALLOWED_ORIGINS"),
        )
        if read.faults:
            raise Misconfigured("; ".join(read.faults))
        return settings


def parse_database_url(text: str) -> URL:
    """The URL of a database that the store can use. Raises ValueError, without repeating `text`."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("is not a database URL") from None
    if url.drivername in _POSTGRESQL:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in _SQLITE and url.database and ":memory:" not in url.database and not url.host:
        return url.set(drivername="sqlite")
    raise ValueError("is neither PostgreSQL nor a SQLite file")


class _Reader:
    """Reads variables and collects what is wrong with them; an empty variable counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.faults: list[str] = []

    def text(self, name: str, default: str) -> str:
        return self.environ.get(PREFIX + name, "").strip() or default

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        text = self.text(name, str(default))
        if re.fullmatch(r"[0-9]{1,12}", text) and least <= int(text) <= most:
            return int(text)
        self._refuse(name, f"must be a whole number from {least} to {most}")
        return default

    def database_url(self, name: str, default: str) -> URL:
        try:
            return parse_database_url(self.text(name, default))
        except ValueError as error:
            accepted = "sqlite:///path/to/file or postgresql://user:password@host/database"
            self._refuse(name, f"{error}; accepted are {accepted}")
            return make_url(default)

    def origins(self, name: str) -> tuple[str, ...]:
        origins = self.text(name, "").replace(",", " ").split()
        if all(_ORIGIN.fullmatch(origin) for origin in origins):
            return tuple(origin.lower() for origin in origins)
        self._refuse(name, "must list origins such as https://ehr.example.org, separated by commas or spaces")
        return ()

    def _refuse(self, name: str, accepted: str) -> None:
        self.faults.append(f"{PREFIX}{name} {accepted}")
