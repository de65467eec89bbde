"""Posted fields as raw answers. What a person leaves open is asked for again, never guessed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.calculators import halfwidth, plain, read_number
from app.rules.calendar import read_date, read_partial
from app.rules.explain import ANCHOR_WORDS
from app.rules.facts import ANCHORS, Age, Choice, Date, Dates, Integer, Many, Number, Refusal, YesNo
from app.rules.participant import read_answer
from app.rules.protocol import Protocol, Question
from app.rules.words import N_, _, current, date_words, number_words

NOT_KNOWN = "not_known"
NONE = "none"
DATE_PARTS = ("day", "month", "year")
Fields = Mapping[str, list[str]]


@dataclass
class Form:
    """What a step's form gave: raw answers to save, what was typed, and an error per question."""

    answers: dict[str, Any] = field(default_factory=dict)
    typed: dict[str, Any] = field(default_factory=dict)
    not_known: set[str] = field(default_factory=set)
    errors: dict[str, str] = field(default_factory=dict)
    error_parts: dict[str, set[str]] = field(default_factory=dict)


def read_step(protocol: Protocol, questions: Iterable[Question], fields: Fields, dates: Dates) -> Form:
    """The answers to a step's questions; `errors` names each question that has none or a wrong one."""
    form = Form()
    for question in questions:
        alternative = protocol.question_by_key[question.alternative] if question.alternative else None
        pair = [question, alternative] if alternative else [question]
        typed = {one.key: _typed(one, fields) for one in pair}
        form.typed |= typed
        given = [one for one in pair if typed[one.key]]
        not_known = _says_not_known(question, fields)
        if not_known:
            form.not_known.add(question.key)
        twice = [one for one in pair if _is_given_twice(one, fields)]
        if twice:
            form.errors[twice[0].key] = _("{label}: give one answer", label=question.label)
        elif not_known and given:
            form.errors[given[0].key] = _("{label}: give an answer or choose Not known, not both", label=question.label)
        elif not_known:
            form.answers |= dict.fromkeys(typed)
        elif not given:
            form.errors[question.key] = _("{label}: give an answer, or choose Not known", label=question.label)
        else:
            form.answers |= dict.fromkeys(typed)
            for one in given:
                _read(protocol, one, typed[one.key], dates, form)
    return form


def is_filled(question: Question, fields: Fields) -> bool:
    """Whether a question's own field holds an answer, be it that it is not known."""
    return bool(_typed(question, fields)) or _says_not_known(question, fields)


def _is_given_twice(question: Question, fields: Fields) -> bool:
    """Whether a field that holds one value came more than once, as no form of ours sends it."""
    if isinstance(question.type, Many):
        return False
    parts = [f"{question.key}-{part}" for part in DATE_PARTS] if isinstance(question.type, Date) else [question.key]
    return any(len(fields.get(name, ())) > 1 for name in parts)


def _says_not_known(question: Question, fields: Fields) -> bool:
    return f"{question.key}-{NOT_KNOWN}" in fields or NOT_KNOWN in fields.get(question.key, ())


def _typed(question: Question, fields: Fields) -> Any:
    """What stands in the question's fields: a text, a list, or the parts of a date; empty if nothing."""
    if isinstance(question.type, Date):
        parts = {part: halfwidth(fields.get(f"{question.key}-{part}", [""])[0]) for part in DATE_PARTS}
        return parts if any(parts.values()) else {}
    values = [value for value in fields.get(question.key, ()) if value not in ("", NOT_KNOWN)]
    if isinstance(question.type, Many):
        return values
    return values[0] if values else ""


def _read(protocol: Protocol, question: Question, typed: Any, dates: Dates, form: Form) -> None:
    try:
        raw = _raw(question, typed)
        read_answer(question, raw, dates)
        form.answers[question.key] = raw
    except Refusal as refusal:
        form.errors[question.key] = _(
            "{label} {complaint}", label=question.label, complaint=in_words(protocol, str(refusal))
        )
        form.error_parts[question.key] = _wrong_parts(typed) if isinstance(typed, dict) else set()


def in_words(protocol: Protocol, message: str) -> str:
    """A complaint as people read it: facts and dates of the evaluation by their names, days in words."""
    for key, question in protocol.question_by_key.items():
        if key in message:
            message = _named(key, _("the {fact}", fact=current().lower(question.label)), message)
    for key, words in ANCHOR_WORDS.items():
        message = _named(key, _(words), message)
    return re.sub(r"(?<![0-9])[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])", _day_words, message)


def _named(key: str, words: str, message: str) -> str:
    """The message with a name in place of a key; a script without spaces may stand right beside it."""
    return re.sub(rf"(?<![A-Za-z0-9_]){key}(?![A-Za-z0-9_])", lambda _: words, message)


def _day_words(day: re.Match[str]) -> str:
    return date_words(date.fromisoformat(day[0]))


def _raw(question: Question, typed: Any) -> Any:
    """The raw JSON value of what was typed."""
    match question.type:
        case YesNo():
            if typed not in YES_NO:
                raise Refusal(_("must be yes or no"))
            return YES_NO[typed]
        case Choice(options=options):
            if typed not in {option.value for option in options}:
                raise Refusal(_(NO_OPTION))
            return typed
        case Many(options=options):
            if NONE in typed and len(typed) > 1:
                raise Refusal(_("cannot be none together with something else"))
            if not set(typed) <= {NONE, *(option.value for option in options)}:
                raise Refusal(_(NO_OPTION))
            return [] if typed == [NONE] else typed
        case Integer() | Number() | Age():
            number = read_number(typed, current().decimal_sign)
            if number is None:
                return typed
            return int(number) if number.denominator == 1 else float(plain(number))
        case Date():
            return _date_text(typed)
    raise AssertionError(question.type)


YES_NO = {"yes": True, "no": False}
NO_OPTION = N_("must be one of the answers shown")


def _date_text(parts: Mapping[str, str]) -> str:
    """YYYY, YYYY-MM or YYYY-MM-DD."""
    if parts["day"] and not parts["month"]:
        raise Refusal(_("needs the month where it gives the day"))
    if not parts["year"]:
        raise Refusal(_("needs the year"))
    padded = [parts["year"], *(parts[part].zfill(2) for part in ("month", "day") if parts[part])]
    text = "-".join(padded)
    if read_partial(text) is None:
        raise Refusal(_("must be a real date with a four-digit year, such as 27 3 1962"))
    return text


def _wrong_parts(parts: Mapping[str, str]) -> set[str]:
    """The parts of a date that are wrong by themselves; none where only the whole is."""
    wrong = {"year"} if not (parts["year"].isdecimal() and len(parts["year"]) == 4) else set()
    for part, most in (("month", 12), ("day", 31)):
        if parts[part] and not (parts[part].isdecimal() and 1 <= int(parts[part]) <= most):
            wrong.add(part)
    if parts["day"] and not parts["month"]:
        wrong.add("month")
    return wrong


def shown(question: Question, raw: Any) -> Any:
    """A saved raw answer as the form shows it again: the reverse of reading it."""
    if raw is None:
        return {} if isinstance(question.type, Date) else [] if isinstance(question.type, Many) else ""
    match question.type:
        case YesNo():
            return "yes" if raw else "no"
        case Many():
            return list(raw) or [NONE]
        case Date():
            year, month, day = (*raw.split("-"), "", "")[:3]
            return {"day": day.lstrip("0"), "month": month.lstrip("0"), "year": year}
        case Choice():
            return raw
    return number_words(raw)


def read_dates(fields: Fields) -> tuple[dict[str, dict[str, str]], dict[str, date], dict[str, str]]:
    """The evaluation's dates: what was typed, those that could be read, and an error for each other."""
    typed: dict[str, dict[str, str]] = {}
    given: dict[str, date] = {}
    errors: dict[str, str] = {}
    for name in ANCHORS:
        parts = {part: halfwidth(fields.get(f"{name}-{part}", [""])[0]) for part in DATE_PARTS}
        typed[name] = parts
        text = "-".join([parts["year"], parts["month"].zfill(2), parts["day"].zfill(2)])
        day = read_date(text)
        if day is None:
            label = _(DATE_LABELS[name])
            errors[name] = _("{label} must be a date with day, month and year, such as 27 3 2026", label=label)
        else:
            given[name] = day
    return typed, given, errors


DATE_LABELS: dict[str, str] = {
    "as_of": N_("Day of this evaluation"),
    "consent_date": N_("Consent"),
    "first_dose_date": N_("First dose"),
}
