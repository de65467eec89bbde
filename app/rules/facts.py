"""Facts, the questions that ask for them, and how a raw answer becomes a value or a complaint.

A fact's value is a Python bool, int, float, str (an option), a tuple of options, or a
`PartialDate`; `None` is "asked, and not known"; a fact that is absent has not been asked. Nothing
is clamped, guessed or ignored: what does not fit raises `Refusal`, whose text says what is accepted
and never repeats what was given.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Literal

from app.rules import calendar
from app.rules.calendar import PartialDate
from app.rules.words import N_, _, decimal_words, unit_words

Value = bool | int | float | str | tuple[str, ...] | PartialDate
Answers = Mapping[str, Value | None]
Anchor = Literal["as_of", "consent_date", "first_dose_date"]
ANCHORS: tuple[Anchor, ...] = ("as_of", "consent_date", "first_dose_date")


class Refusal(ValueError):
    """A raw answer that does not fit its type; the message says what is accepted."""


@dataclass(frozen=True, slots=True)
class Dates:
    """The dates of an evaluation: the day it is made, the consent and the first dose."""

    as_of: date
    consent_date: date
    first_dose_date: date

    def __post_init__(self) -> None:
        if self.first_dose_date < self.consent_date:
            raise ValueError("first_dose_date is before consent_date")


UNDATED = Dates(calendar.EARLIEST, calendar.EARLIEST, calendar.EARLIEST)  # for values that do not depend on them


@dataclass(frozen=True, slots=True)
class Option:
    """One value that a choice accepts, as a person reads it."""

    value: str
    label: str
    hint: str = ""


# TYPES. Each reads a raw JSON value: `read(raw, dates)` gives a Value or raises Refusal.


@dataclass(frozen=True, slots=True)
class YesNo:
    """A JSON boolean."""

    name: ClassVar[str] = "yes_no"

    def read(self, raw: object, dates: Dates) -> Value:
        if isinstance(raw, bool):
            return raw
        raise Refusal(_("must be true or false"))


@dataclass(frozen=True, slots=True)
class Choice:
    """Exactly one of the options."""

    name: ClassVar[str] = "choice"
    options: tuple[Option, ...]
    values: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozenset(option.value for option in self.options))

    def read(self, raw: object, dates: Dates) -> Value:
        if isinstance(raw, str) and raw in self.values:
            return raw
        raise Refusal(_("must be one of {options}", options=_listed(self.options)))


@dataclass(frozen=True, slots=True)
class Many:
    """A list of options, each at most once; an empty list says that none applies."""

    name: ClassVar[str] = "many"
    options: tuple[Option, ...]

    def read(self, raw: object, dates: Dates) -> Value:
        allowed = [option.value for option in self.options]
        if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
            raise Refusal(_("must be a list of {options}; an empty list says none", options=_listed(self.options)))
        if len(set(raw)) != len(raw):
            raise Refusal(_("must name each option at most once"))
        if not set(raw) <= set(allowed):
            raise Refusal(_("must hold only {options}", options=_listed(self.options)))
        return tuple(value for value in allowed if value in raw)


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number from `minimum` to `maximum`, in multiples of `step`."""

    name: ClassVar[str] = "integer"
    unit_context: ClassVar[str] = ""
    minimum: int
    maximum: int
    step: int = 1
    unit: str = ""

    def read(self, raw: object, dates: Dates) -> Value:
        number = _number(raw, self.minimum, self.maximum, self.unit, WHOLE)
        if number != int(number):
            raise Refusal(_(WHOLE, range=_range(self.minimum, self.maximum, self.unit)))
        if int(number) % self.step:
            raise Refusal(_("must be a multiple of {step}", step=self.step))
        return int(number)


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `minimum` to `maximum`, decimals allowed."""

    name: ClassVar[str] = "number"
    unit_context: ClassVar[str] = ""
    minimum: float
    maximum: float
    unit: str = ""

    def read(self, raw: object, dates: Dates) -> Value:
        return _number(raw, self.minimum, self.maximum, self.unit, ANY)


@dataclass(frozen=True, slots=True)
class Age:
    """An age at consent in years, given as a number or derived from the fact `birth_date`.

    Where the birth date is known it wins; a stated age more than a year away from what it allows
    is refused (see `participant`).
    """

    name: ClassVar[str] = "age"
    unit_context: ClassVar[str] = "age"
    minimum: float
    maximum: float
    birth_date: str
    unit: str = "years"

    def read(self, raw: object, dates: Dates) -> Value:
        return _number(raw, self.minimum, self.maximum, self.unit, ANY, self.unit_context)


@dataclass(frozen=True, slots=True)
class Date:
    """A date, not after the evaluation's `not_after` date.

    With `partial`, a year or a year and month stand for the interval of their days; one that begins
    by the bound is cut at it, one that begins later is refused.
    """

    name: ClassVar[str] = "date"
    partial: bool = True
    not_after: Anchor | None = None

    def read(self, raw: object, dates: Dates) -> Value:
        partial = calendar.read_partial(raw) if isinstance(raw, str) else None
        if partial is None or not (self.partial or partial.is_exact):
            if self.partial:
                raise Refusal(_("must be a date written YYYY-MM-DD, YYYY-MM or YYYY, from 1900 to 2199"))
            raise Refusal(_("must be a date written YYYY-MM-DD, from 1900 to 2199"))
        if self.not_after is None:
            return partial
        bound: date = getattr(dates, self.not_after)
        if partial.first > bound:
            raise Refusal(_("must not be after {date} ({day})", date=self.not_after, day=bound.isoformat()))
        return partial.cut(bound)


FactType = YesNo | Choice | Many | Integer | Number | Age | Date
FACT_TYPES: tuple[type[FactType], ...] = (YesNo, Choice, Many, Integer, Number, Age, Date)


WHOLE = N_("must be a whole number {range}")
ANY = N_("must be a number {range}")


def _number(raw: object, minimum: float, maximum: float, unit: str, message: str, context: str = "") -> int | float:
    """The JSON number `raw`; integral floats become ints, so that 70 and 70.0 are one value."""
    number = raw if isinstance(raw, int | float) and not isinstance(raw, bool) else math.nan
    if not minimum <= number <= maximum:  # so also for NaN
        raise Refusal(_(message, range=_range(minimum, maximum, unit, context)))
    return int(number) if number == int(number) else number


def _range(minimum: float, maximum: float, unit: str, context: str = "") -> str:
    least, most = decimal_words(f"{minimum:.12g}"), decimal_words(f"{maximum:.12g}")
    if unit:
        words = unit_words(unit, context=context)
        return _("from {least} to {most} ({unit})", least=least, most=most, unit=words)
    return _("from {least} to {most}", least=least, most=most)


def _listed(options: tuple[Option, ...]) -> str:
    return ", ".join(option.value for option in options)


def to_json(value: Value | None) -> Any:
    """The raw JSON value that reads back as `value`."""
    if isinstance(value, PartialDate):
        return value.text
    return list(value) if isinstance(value, tuple) else value


def age_interval(age: float | None, birth: PartialDate | None, consent: date) -> tuple[float, float] | None:
    """The ages in years that a participant may have at consent; a known birth date wins.

    From a birth date these are completed years, from a stated age the number itself; None where
    neither is known.
    """
    if birth is not None:
        return (
            calendar.completed_years(birth.last, consent),
            calendar.completed_years(birth.first, consent),
        )
    return None if age is None else (age, age)
