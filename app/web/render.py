"""The one place that knows Jinja.

The environment is built once: nothing is reloaded, and autoescaping is on for every
template whatever its name ends in. `Pages` turns a template name and a context into a
string; the callers know nothing of loaders, filters or macros.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    PrefixLoader,
    Undefined,
    UndefinedError,
)
from jinja2.runtime import Macro
from markupsafe import escape

from app.rules.explain import MONTHS
from app.rules.memory import Memory

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
STATIC = ROOT / "static"
REMEMBERED = 1024
PAGES_REMEMBERED = 512  # some 16 kB each
GAP = "\0"  # which no text of a protocol, and no answer, can hold

PARTIAL_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


def long_date(value: object) -> str:
    """A date as people read it: 22 November 2026, November 2026, 2026.

    Takes a date, a moment (its own date, whatever its zone), or anything whose text is
    YYYY, YYYY-MM or YYYY-MM-DD. Nothing at all gives an empty string.
    """
    if value is None or value == "":
        return ""
    text = value.date().isoformat() if isinstance(value, datetime) else str(value)
    match = PARTIAL_DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"not a date: {text!r}")
    year, month, day = match.groups()
    if month is None:
        return year
    name = MONTHS[date(int(year), int(month), int(day or 1)).month - 1]
    return f"{int(day)} {name} {year}" if day else f"{name} {year}"


def gap(name: str) -> str:
    """Room in a page for what differs from one check to the next, filled in later (see `Pages.filled`)."""
    return f"{GAP}{name}{GAP}"


def moment(value: datetime | str, zone: str = "UTC") -> str:
    """A moment in a named zone: 22 November 2026, 14:05 UTC. Without a zone it is UTC. A text, such as a gap, stays."""
    if isinstance(value, str):
        return value
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    local = aware.astimezone(UTC if zone == "UTC" else ZoneInfo(zone))
    return f"{long_date(local)}, {local:%H:%M} {zone if zone == 'UTC' else local.tzname()}"


def number(value: object) -> str:
    """A number as people write it: no trailing .0, no exponent, no thousands separator."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, Fraction)):
        raise ValueError(f"not a number: {value!r}")
    if isinstance(value, Fraction):
        value = value.numerator / value.denominator
    text = format(Decimal(str(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class StrictInOwnTemplates(Undefined):
    """For tests: a name that is not there is an error in our templates.

    The vendored macros read optional parameters all the time and stay lenient, so the
    stack decides: the nearest template on it is ours, or it is theirs.
    """

    __slots__ = ()

    def _check(self) -> None:
        ours = str(TEMPLATES)
        frame = sys._getframe(2)
        while frame is not None:
            filename = frame.f_code.co_filename
            if filename.endswith(".html"):
                if filename.startswith(ours):
                    self._fail_with_undefined_error()
                return
            if frame.f_back is None:
                return
            frame = frame.f_back

    def _fail_with_undefined_error(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise UndefinedError(self._undefined_message)

    def __str__(self) -> str:
        self._check()
        return super().__str__()

    def __html__(self) -> str:
        return str(self)

    def __bool__(self) -> bool:
        self._check()
        return super().__bool__()

    def __iter__(self) -> Any:
        self._check()
        return super().__iter__()

    def __len__(self) -> int:
        self._check()
        return super().__len__()

    def __eq__(self, other: object) -> bool:
        self._check()
        return bool(super().__eq__(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = Undefined.__hash__


class Assets:
    """The address of a file under static, with a mark that changes when the file does."""

    def __init__(self, folder: Path = STATIC, prefix: str = "/static/") -> None:
        self.folder = folder
        self.prefix = prefix
        self._known: dict[str, str] = {}

    def __call__(self, path: str) -> str:
        if path not in self._known:
            content = (self.folder / path).read_bytes()
            mark = hashlib.sha256(content).hexdigest()[:10]
            self._known[path] = f"{self.prefix}{path}?v={mark}"
        return self._known[path]


class Pages:
    """Renders pages by template name. Build one and keep it."""

    def __init__(self, *, strict: bool = False, asset: Assets | None = None) -> None:
        self.environment = Environment(
            loader=ChoiceLoader(
                [
                    FileSystemLoader(TEMPLATES),
                    PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
                ]
            ),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
            undefined=StrictInOwnTemplates if strict else Undefined,
        )
        self._made: Memory[str] = Memory(REMEMBERED)
        self._gapped: Memory[list[bytes]] = Memory(PAGES_REMEMBERED)
        self.environment.globals["once"] = self._once
        self.environment.filters.update(long_date=long_date, moment=moment, number=number)
        self.environment.globals["asset"] = asset or Assets()

    def _once(self, macro: Macro, view: Hashable, *constant: object) -> str:
        """What a macro makes of a view, made once for all equal views; `constant` is always the same with them."""
        made = self._made.get((macro, view))
        return made if made is not None else self._made.keep((macro, view), macro(view, *constant))

    def render(self, name: str, context: Mapping[str, object] | None = None) -> str:
        """The whole page as text."""
        return self.environment.get_template(name).render(context or {})

    def filled(self, key: Hashable, make: Callable[[], str], values: Mapping[str, str]) -> bytes:
        """A page with its gaps filled; `key` says all that the page with its gaps depends on, and it is made once.

        The values are escaped as a template would have done.
        """
        parts = self._gapped.get(key) or self._gapped.keep(key, make().encode().split(GAP.encode()))
        page = list(parts)
        page[1::2] = [escape(values[name.decode()]).encode() for name in parts[1::2]]
        return b"".join(page)
