"""The log: one line for each record, on standard error. Nothing in it was sent by a person.

What is logged are our own words, the template of a route (its address holds tokens), and how an account or a key is
called in events. Of an exception the type and the places are kept, never its text, which may hold values; of a record
of somebody else's library, only where it was made.
"""

import json
import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

FORMATS: Final = ("json", "text")
LEVELS: Final = ("debug", "info", "warning", "error")
OURS: Final = ("prescreen", "uvicorn", "alembic")  # the loggers whose texts are known to hold no values
PLACES: Final = 8

request_id: ContextVar[str] = ContextVar("request_id", default="")


def configure(level: str, shape: str) -> None:
    """Send the records of all loggers from this level on to standard error, as lines of this shape."""
    handler = logging.StreamHandler()
    handler.setFormatter(Json() if shape == "json" else Text())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)


def places(error: BaseException) -> str:
    """Where an exception came from, the innermost place first; without its text."""
    frames = reversed(traceback.extract_tb(error.__traceback__)[-PLACES:])
    return " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames)


def plain(record: logging.LogRecord) -> list[dict[str, Any]]:
    """What a record says, in the order in which it is written; one that stands for several says each of them."""
    said = {"level": record.levelname, "logger": record.name, "message": _message(record)}
    several: list[tuple[float, dict[str, Any]]] = getattr(record, "several", [])
    if several:
        return [{"time": _moment(record.created - ago), **said, **fields} for ago, fields in several]
    told: dict[str, Any] = {"time": _moment(record.created), **said}
    identity = request_id.get()
    if identity:
        told["request"] = identity
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        told["fault"] = f"{type(error).__name__} at {places(error)}"
    return [told]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _message(record: logging.LogRecord) -> str:
    if record.name.partition(".")[0] in OURS:
        return record.getMessage()
    return f"a message of {record.module}:{record.lineno}, which may hold values, is left out"


class Json(logging.Formatter):
    """A record as a line of JSON, in which no text can end the line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, or the lines."""
        return "\n".join(json.dumps(told) for told in plain(record))


class Text(logging.Formatter):
    """A record as a line for a person to read."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, or the lines."""
        return "\n".join(_line(told) for told in plain(record))


def _line(told: dict[str, Any]) -> str:
    """What could end the line, or steer a terminal, is escaped."""
    time, level, name, message = (told.pop(key) for key in ("time", "level", "logger", "message"))
    rest = "".join(f" {key}={value}" for key, value in told.items())
    return f"{time} {level} {name} {message}{rest}".encode("unicode_escape").decode("ascii")
