"""The languages of the interface: their names, their catalogues of messages, their dates and numbers.

A catalogue is `<language>/prescreen.po`, read once, when the language is first used. `make messages` collects
the messages from the code and the templates and brings the catalogues up to date.
"""

import gettext
import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Literal

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import get_decimal_symbol

from app.rules.words import BEGIN, END, ENGLISH, DatePart, Words

FOLDER = Path(__file__).parent
CATALOGUE = "prescreen.po"


@dataclass(frozen=True)
class Language:
    """A language: its tag (BCP 47), its own name for itself, and whether its texts were reviewed."""

    tag: str
    name: str
    status: Literal["reviewed", "draft"]
    date_order: tuple[DatePart, ...] = ("day", "month", "year")

    @property
    def catalogue(self) -> Path:
        """The file of its messages."""
        return FOLDER / self.tag.replace("-", "_") / CATALOGUE


YEAR_FIRST: tuple[DatePart, ...] = ("year", "month", "day")
LANGUAGES = {
    language.tag: language
    for language in (
        Language("en", "English", "reviewed"),
        Language("fr", "Français", "draft"),
        Language("nl", "Nederlands", "draft"),
        Language("zh-Hans", "简体中文", "draft", YEAR_FIRST),
        Language("ja", "日本語", "draft", YEAR_FIRST),
    )
}
TRADITIONAL = ("zh-hant", "zh-tw", "zh-hk", "zh-mo")


class _Marked(gettext.NullTranslations):
    """What a message without a translation comes to: English, and marked so."""

    def gettext(self, message: str) -> str:
        return f"{BEGIN}{message}{END}"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"{BEGIN}{ENGLISH.plural(msgid1, msgid2, n)}{END}"

    def npgettext(self, context: str, msgid1: str, msgid2: str, n: int) -> str:
        return self.ngettext(msgid1, msgid2, n)


class Translated(Words):
    """The words of a language with a catalogue."""

    def __init__(self, language: Language) -> None:
        self.language = language.tag
        self.date_order = language.date_order
        self._locale = Locale.parse(language.tag, sep="-")
        self.decimal_sign = get_decimal_symbol(self._locale)
        with language.catalogue.open("rb") as file:
            catalogue = read_po(file, locale=self._locale)
        compiled = BytesIO()
        write_mo(compiled, catalogue)  # leaves out what is fuzzy or empty
        compiled.seek(0)
        self._messages = gettext.GNUTranslations(compiled)
        self._messages.add_fallback(_Marked())

    def message(self, message: str) -> str:
        return self._messages.gettext(message)

    def plural(self, one: str, many: str, number: int, context: str = "") -> str:
        if context:
            return self._messages.npgettext(context, one, many, number)
        return self._messages.ngettext(one, many, number)

    def day(self, day: date) -> str:
        return format_date(day, "long", self._locale)

    def month(self, day: date) -> str:
        return format_skeleton("yMMMM", day, locale=self._locale)

    def year(self, day: date) -> str:
        return format_skeleton("y", day, locale=self._locale)


@cache
def words_of(tag: str) -> Words:
    """The words of a language by its tag."""
    return ENGLISH if tag == "en" else Translated(LANGUAGES[tag])


def negotiated(accepted: str) -> str:
    """The tag of the language that an Accept-Language header likes best; English where it names none of ours."""
    wishes = [wish for wish in map(_wish, accepted[:500].split(",")) if wish[0] > 0]
    for _, tag in sorted(wishes, key=lambda wish: -wish[0]):
        for language in LANGUAGES:
            same = tag == language.lower() or tag.split("-")[0] == language.split("-")[0]
            if same and not tag.startswith(TRADITIONAL):
                return language
    return "en"


def _wish(text: str) -> tuple[float, str]:
    """One wish of the header: how much it is liked, and the tag."""
    tag, _, quality = text.replace(" ", "").lower().partition(";q=")
    liked = 1.0 if not quality else float(quality) if re.fullmatch(r"[01](\.[0-9]{0,3})?", quality) else 0.0
    return liked, tag
