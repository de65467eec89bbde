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
from datetime import UTC, datetime
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
    pass_context,
)
from jinja2.runtime import Context, Macro
from markupsafe import Markup, escape

from app.languages import LANGUAGES
from app.rules import words
from app.rules.calendar import read_partial
from app.rules.memory import Memory

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
STATIC = ROOT / "static"
REMEMBERED = 1024
PAGES_REMEMBERED = 512  # some 16 kB each
GAP = "\0"  # which no text of a protocol, and no answer, can hold


def long_date(value: object) -> str:
    """A date as people read it: 22 November 2026, November 2026, 2026.

    Takes a date, a moment (its own date, whatever its zone), or anything whose text is
    YYYY, YYYY-MM or YYYY-MM-DD. Nothing at all gives an empty string.
    """
    if value is None or value == "":
        return ""
    text = value.date().isoformat() if isinstance(value, datetime) else str(value)
    partial = read_partial(text)
    if partial is None:
        raise ValueError(f"not a date: {text!r}")
    return words.partial_words(partial)


def gap(name: str) -> str:
    """Room in a page for what differs from one check to the next, filled in later (see `Pages.filled`)."""
    return f"{GAP}{name}{GAP}"


def moment(value: datetime | str, zone: str = "UTC") -> str:
    """A moment in a named zone: 22 November 2026, 14:05 UTC. Without a zone it is UTC. A text, such as a gap, stays."""
    if isinstance(value, str):
        return value
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    local = aware.astimezone(UTC if zone == "UTC" else ZoneInfo(zone))
    name = zone if zone == "UTC" else local.tzname()
    hour = f"{local:%H:%M}"
    return words._("{date}, {time} {zone}", date=long_date(local), time=hour, zone=name)


def number(value: object) -> str:
    """A number as people write it: no trailing .0, no exponent, no thousands separator."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, Fraction)):
        raise ValueError(f"not a number: {value!r}")
    if isinstance(value, Fraction):
        value = value.numerator / value.denominator
    text = format(Decimal(str(value)), "f")
    return words.decimal_words(text.rstrip("0").rstrip(".") if "." in text else text)


def by_language(filter_: Callable[..., str]) -> Callable[..., str]:
    """The filter, worked out at each rendering: Jinja would work out what it does to a constant once for all."""

    @pass_context
    def filtered(context: Context, value: Any, *arguments: Any) -> str:
        return filter_(value, *arguments)

    return filtered


def said(message: str, /, **values: object) -> Markup:
    """A message for a template. It may hold tags; the values are escaped."""
    found = Markup(words._(message))  # messages are our own
    return found.format(**values) if values else found


def said_of(one: str, many: str, number: int, /, **values: object) -> Markup:
    """A message for this number of things, for a template."""
    return Markup(words.current().plural(one, many, number)).format(**values)


def commas(items: list[str]) -> Markup:
    """a, b, c, for a template: what is no markup is escaped."""
    return escape(words.joined(said("{first}, {next}"), items))


UNTRANSLATED = '<span lang="en">'
_NO_PLACE_FOR_TAGS = re.compile(r"<(title|textarea|option|desc|text)\b[^>]*>.*?</\1>|<[^>]*>", re.DOTALL)


def with_languages(page: str) -> str:
    """The page with what is English in another language's page said to be English, where a tag can stand."""
    if words.BEGIN not in page:
        return page
    page = _NO_PLACE_FOR_TAGS.sub(lambda found: words.unmarked(found[0]), page)
    return page.replace(words.BEGIN, UNTRANSLATED).replace(words.END, "</span>")


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
        for name, filter_ in (("long_date", long_date), ("moment", moment), ("number", number)):
            self.environment.filters[name] = by_language(filter_)
        self.environment.globals.update(
            _=said,
            ngettext=said_of,
            commas=commas,
            semicolons=words.semicolons,
            current_words=words.current,
            languages=LANGUAGES,
        )
        self.environment.globals["asset"] = asset or Assets()

    def _once(self, macro: Macro, view: Hashable, *constant: object) -> str:
        """What a macro makes of a view, made once for all equal views; `constant` is always the same with them."""
        place = macro, view, words.current().language
        made = self._made.get(place)
        return made if made is not None else self._made.keep(place, macro(view, *constant))

    def render(self, name: str, context: Mapping[str, object] | None = None) -> str:
        """The whole page as text."""
        return with_languages(self.environment.get_template(name).render(context or {}))

    def filled(self, key: Hashable, make: Callable[[], str], values: Mapping[str, str]) -> bytes:
        """A page with its gaps filled; `key` says all that the page with its gaps depends on, and it is made once.

        The values are escaped as a template would have done.
        """
        parts = self._gapped.get(key) or self._gapped.keep(key, make().encode().split(GAP.encode()))
        page = list(parts)
        page[1::2] = [escape(values[name.decode()]).encode() for name in parts[1::2]]
        return b"".join(page)
