"""The language in which sentences are said: English, unless something else is set.

Sentences stand in the code in English, whole, with named places in braces. `_` says one in the language
of the moment; what knows other languages implements `Words` and sets it with `speaking` or `speak`.
A text that has no translation stays English between two marks, so that a page can say so; no text of a
protocol or of a person holds them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from functools import reduce
from typing import Literal

from app.rules.calendar import PartialDate

BEGIN, END = "\ue000", "\ue001"  # around a text in English where the language is another
DatePart = Literal["day", "month", "year"]

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


class Words:
    """English. Other languages override what differs."""

    language = "en"
    decimal_sign = "."
    date_order: tuple[DatePart, ...] = ("day", "month", "year")

    def message(self, message: str) -> str:
        """The message in this language, its places still in braces."""
        return message

    def plural(self, one: str, many: str, number: int, context: str = "") -> str:
        """The message for this number of things, its places still in braces; a context tells apart what English says
        alike."""
        return one if number == 1 else many

    def day(self, day: date) -> str:
        """22 November 2026."""
        return f"{day.day} {MONTHS[day.month - 1]} {day.year}"

    def month(self, day: date) -> str:
        """November 2026."""
        return f"{MONTHS[day.month - 1]} {day.year}"

    def year(self, day: date) -> str:
        """2026."""
        return f"{day.year}"

    def lower(self, words: str) -> str:
        """The words as they go on a sentence; what begins with an abbreviation stays."""
        return words[:1].lower() + words[1:] if words[1:2].islower() else words


ENGLISH = Words()
_words: ContextVar[Words] = ContextVar("words", default=ENGLISH)


def current() -> Words:
    """The words of the moment."""
    return _words.get()


def speak(words: Words) -> None:
    """Say everything in these words from here on, in this thread or task alone."""
    _words.set(words)


@contextmanager
def speaking(words: Words) -> Iterator[None]:
    """Say everything in these words until the block ends."""
    before = _words.set(words)
    try:
        yield
    finally:
        _words.reset(before)


# SENTENCES. Their first arguments are collected for the translators, so they are plain texts, never made up.


def _(message: str, /, **values: object) -> str:
    """The message in the language of the moment, with these values in its places."""
    found = _words.get().message(message)
    return found.format(**values) if values else found


def ngettext(one: str, many: str, number: int, /, **values: object) -> str:
    """The message for this number of things."""
    return _words.get().plural(one, many, number).format(**values)


def N_(message: str) -> str:
    """The message as it is, marked for the translators; said later with `_`."""
    return message


def NN_(one: str, many: str) -> tuple[str, str]:
    """Both forms of a message as they are, marked for the translators; said later with `ngettext`."""
    return one, many


def NNP_(context: str, one: str, many: str) -> tuple[str, str]:
    """Both forms of a message that other languages say otherwise in this context."""
    return one, many


# VALUES


def number_words(number: float) -> str:
    """A number as people write it: no trailing zeros, the decimal sign of the language."""
    return decimal_words(f"{number:.10g}")


def decimal_words(text: str) -> str:
    """A decimal written with a point, with the decimal sign of the language."""
    return text.replace(".", _words.get().decimal_sign)


def date_words(day: date) -> str:
    """22 November 2026."""
    return _words.get().day(day)


def partial_words(value: PartialDate) -> str:
    """22 November 2026, November 2026 or 2026: as exact as it was given."""
    words, parts = _words.get(), value.text.count("-")
    day = value.whole.first
    return words.day(day) if parts == 2 else words.month(day) if parts == 1 else words.year(day)


UNITS = (
    NN_("day", "days"),
    NN_("month", "months"),
    NN_("year", "years"),
    NN_("cycle", "cycles"),
    NN_("mg/day", "mg/day"),
    NN_("kg", "kg"),
    NN_("ms", "ms"),
    NNP_("age", "year", "years"),  # years that somebody has lived, where others are a span of time
)


def unit_words(unit: str, number: float = 2, context: str = "") -> str:
    """The unit for this number of it: year, years. Abbreviations, such as ms, stay."""
    if not unit:
        return ""
    one = unit.removesuffix("s") if len(unit) > 3 else unit
    return _words.get().plural(one, unit, int(number) if number == int(number) else 2, context)


def measured(text: str, unit: str, number: float, context: str = "") -> str:
    """A number, said as `text`, with its unit."""
    if unit == "%":
        return _("{number}%", number=text)
    return _("{number} {unit}", number=text, unit=unit_words(unit, number, context)) if unit else text


def listed(items: list[str], word: Literal["and", "or"] = "and") -> str:
    """a; a and b; a, b and c."""
    if len(items) < 2:
        return commas(items)
    if word == "or":
        return _("{items} or {last}", items=commas(items[:-1]), last=items[-1])
    return _("{items} and {last}", items=commas(items[:-1]), last=items[-1])


def commas(items: list[str]) -> str:
    """a, b, c."""
    return joined(_("{first}, {next}"), items)


def semicolons(items: list[str]) -> str:
    """a; b; c."""
    return joined(_("{first}; {next}"), items)


def sentences(items: list[str]) -> str:
    """Sentences one after the other."""
    return joined(_("{first} {next}"), items)


def joined(pattern: str, items: list[str]) -> str:
    """The items put together two by two by a pattern with the places first and next."""
    return reduce(lambda first, next: pattern.format(first=first, next=next), items) if items else ""


def unstopped(sentence: str) -> str:
    """The sentence without its full stop, to go on after it."""
    ending = END if sentence.endswith(END) else ""
    return sentence.removesuffix(END).rstrip(".。 ") + ending


# TEXTS WITHOUT A TRANSLATION


def english(text: str) -> str:
    """A text that is English in every language, marked where the language is another one."""
    return text if not text or _words.get() is ENGLISH else f"{BEGIN}{text}{END}"


def unmarked(text: str) -> str:
    """The text without marks, for what is no page."""
    return text.replace(BEGIN, "").replace(END, "")
