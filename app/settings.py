"""The settings, read from the environment. Every variable is optional and begins with PRESCREEN_."""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.errors import Misconfigured
from app.logs import FORMATS, LEVELS

PREFIX: Final = "PRESCREEN_"
DEFAULT_DATABASE_URL: Final = "sqlite:///var/prescreen.sqlite3"
DEFAULT_KEY_FILE: Final = "var/prescreen.key"
KEY_BYTES: Final = 32

_POSTGRESQL = ("postgres", "postgresql", "postgresql+psycopg")
_SQLITE = ("sqlite", "sqlite+pysqlite")
_RATE = re.compile(r"([1-9][0-9]{0,6})/(second|minute|hour)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600}
_KEY = re.compile(r"[0-9a-fA-F]{64}")
_ADDRESS = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?(?:/[\x21-\x7e]*)?")
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,200}")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?", re.IGNORECASE)


class Rate(NamedTuple):
    """How often something may be asked: so many times within so many seconds."""

    times: int
    seconds: int


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
    quick_checks: bool
    idle_minutes: int
    login_hours: int
    log_level: str
    log_format: str
    metrics_token: str = field(repr=False)
    rate_limit: Rate | None  # for each key of a program
    address_rate_limit: Rate | None  # of evaluations, which need no key
    base_url: str
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: str = field(repr=False)
    oidc_acr: str
    key_file: Path
    key: str = field(repr=False)

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
            quick_checks=read.switch("QUICK_CHECKS", "on"),
            idle_minutes=read.whole("IDLE_MINUTES", 15, 1, 1_440),
            login_hours=read.whole("LOGIN_HOURS", 12, 1, 168),
            log_level=read.one_of("LOG_LEVEL", LEVELS, "info"),
            log_format=read.one_of("LOG_FORMAT", FORMATS, "json"),
            metrics_token=read.token("METRICS_TOKEN"),
            rate_limit=read.rate("RATE_LIMIT", "600/minute"),
            address_rate_limit=read.rate("ADDRESS_RATE_LIMIT", "off"),
            base_url=read.address("BASE_URL"),
            oidc_issuer=read.address("OIDC_ISSUER"),
            oidc_client_id=read.with_issuer("OIDC_CLIENT_ID"),
            oidc_client_secret=read.with_issuer("OIDC_CLIENT_SECRET"),
            oidc_acr=read.text("OIDC_ACR", ""),
            key_file=Path(read.text("KEY_FILE", DEFAULT_KEY_FILE)),
            key=read.key("KEY"),
        )
        if read.faults:
            raise Misconfigured("; ".join(read.faults))
        return settings


def secret(settings: Settings, purpose: str) -> bytes:
    """The secret for one purpose, derived from the installation's key, which never lies in the database.

    The key is PRESCREEN_KEY or, without it, in the file that PRESCREEN_KEY_FILE names; the file is made at the first
    start. Raises Misconfigured.
    """
    return hmac.new(
        bytes.fromhex(settings.key or _kept_key(settings.key_file)), purpose.encode(), hashlib.sha256
    ).digest()


def _kept_key(path: Path) -> str:
    """The key in a file. Of several programs that find none at once, one makes it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_key(path)
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"the key file {path} cannot be read or made: {type(error).__name__}") from error
    if not _KEY.fullmatch(text):
        raise Misconfigured(f"the key file {path} must hold 64 hexadecimal digits")
    return text


def _make_key(path: Path) -> None:
    whole = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(whole, path)  # unlike a rename, it never takes the place of a key that is there
    whole.unlink()


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

    def address(self, name: str) -> str:
        text = self.text(name, "").rstrip("/")
        if text and not _ADDRESS.fullmatch(text):
            self._refuse(name, "must be an address such as https://prescreen.example.org")
            return ""
        return text

    def with_issuer(self, name: str) -> str:
        text = self.text(name, "")
        if bool(text) != bool(self.text("OIDC_ISSUER", "")):
            self._refuse(name, f"must be given together with {PREFIX}OIDC_ISSUER")
        return text

    def switch(self, name: str, default: str) -> bool:
        text = self.text(name, default).lower()
        if text not in ("on", "off"):
            self._refuse(name, "must be on or off")
        return text == "on"

    def one_of(self, name: str, accepted: tuple[str, ...], default: str) -> str:
        text = self.text(name, default).lower()
        if text not in accepted:
            self._refuse(name, f"must be {', '.join(accepted[:-1])} or {accepted[-1]}")
            return default
        return text

    def token(self, name: str) -> str:
        text = self.text(name, "")
        if text and not _TOKEN.fullmatch(text):
            self._refuse(name, "must be 16 to 200 letters, digits or . _ ~ + / = -")
            return ""
        return text

    def rate(self, name: str, default: str) -> Rate | None:
        text = self.text(name, default).lower()
        found = _RATE.fullmatch(text)
        if found is None and text != "off":
            self._refuse(name, "must be off, or a number per second, minute or hour, such as 600/minute")
        return None if found is None else Rate(int(found[1]), _SECONDS[found[2]])

    def key(self, name: str) -> str:
        text = self.text(name, "")
        if text and not _KEY.fullmatch(text):
            self._refuse(name, "must be 64 hexadecimal digits")
            return ""
        return text

    def _refuse(self, name: str, accepted: str) -> None:
        self.faults.append(f"{PREFIX}{name} {accepted}")
