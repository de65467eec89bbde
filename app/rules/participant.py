"""A participant as the rules see one: answers, dates and reading overrides, read from plain JSON.

`read_participant` finds every fault at once and raises `InvalidParticipant`: one complaint per
fault, each naming the fact (or the date, or the reading) and saying what is accepted.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from app.rules import calendar
from app.rules.calendar import PartialDate
from app.rules.facts import ANCHORS, Age, Answers, Date, Dates, Refusal, Value, age_interval
from app.rules.memory import Memory
from app.rules.protocol import Protocol, Question
from app.rules.words import _

NAME_SHOWN = 80
REMEMBERED = 4096
DATES_REMEMBERED = 64


class Complaint(NamedTuple):
    """What is wrong with one fact of the input; the message never repeats the value."""

    fact: str
    message: str


class InvalidParticipant(ValueError):
    """Input that cannot be evaluated; `complaints` has one entry per fault."""

    def __init__(self, complaints: list[Complaint]) -> None:
        super().__init__("; ".join(f"{fact}: {message}" for fact, message in complaints))
        self.complaints = complaints


@dataclass(frozen=True, slots=True)
class Participant:
    """The answers, the dates of the evaluation and the readings that are set for it alone."""

    answers: Answers
    dates: Dates
    readings: Mapping[str, bool]


FIELDS = ("answers", *ANCHORS, "readings")


def read_participant(protocol: Protocol, body: object, today: date) -> Participant:
    """The participant that a plain JSON body says.

    `as_of` defaults to `today`, `consent_date` to `as_of`, `first_dose_date` to the later of both.
    Raises InvalidParticipant.
    """
    if not isinstance(body, Mapping):
        raise InvalidParticipant([Complaint("answers", _("the body must be an object with the key answers"))])
    complaints = [
        Complaint(_shown(key), _("is not accepted here; the body takes {names}", names=", ".join(FIELDS)))
        for key in body
        if key not in FIELDS
    ]
    dates, consent_is_known = _read_dates(body, today, complaints)
    readings = _read_readings(protocol, body.get("readings"), complaints)
    answers = _read_answers(protocol, body.get("answers"), dates, complaints)
    if consent_is_known:
        complaints += age_complaints(protocol, answers, dates)
    if complaints:
        raise InvalidParticipant(complaints)
    return Participant(answers, dates, readings)


class Reader:
    """Reads participants as `read_participant` does, and remembers what valid answers come to.

    Whatever is not valid is left to `read_participant`, which finds every fault.
    """

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._known = {question.key: _fresh() for question in protocol.questions}
        self._dated = [question.key for question in protocol.questions if isinstance(question.type, Date)]
        self._ages = [(q.key, q.type.birth_date) for q in protocol.questions if isinstance(q.type, Age)]
        self._days: Memory[tuple[Dates, _Known]] = Memory(DATES_REMEMBERED)

    def read(self, body: object, today: date) -> Participant:
        """The participant that a plain JSON body says (see `read_participant`). Raises InvalidParticipant."""
        try:
            participant = self._valid(body, today)
        except (Refusal, InvalidParticipant, TypeError):  # the last where a list holds what cannot be a key
            participant = None
        return read_participant(self._protocol, body, today) if participant is None else participant

    def _valid(self, body: object, today: date) -> Participant | None:
        """The participant where everything is valid, else None (or Refusal, or TypeError)."""
        if (
            not isinstance(body, dict)
            or not isinstance(given := body.get("answers"), dict)
            or not body.keys() <= _FIELDS
        ):
            return None
        days = (body.get("as_of"), body.get("consent_date"), body.get("first_dose_date"), today)
        dates, known = self._days.get(days) or self._on(body, today, days)
        answers: dict[str, Value | None] = {}
        for key, raw in given.items():
            if key not in known:
                return None
            if raw is None:
                answers[key] = None
                continue
            hashable = tuple(raw) if isinstance(raw, list) else raw
            found = known[key].get(hashable)
            if found is None or found[0] is not raw.__class__:  # 1, 1.0 and True are the same key
                value = self._protocol.question_by_key[key].type.read(raw, dates)
                found = known[key].keep(hashable, (raw.__class__, value))
            answers[key] = found[1]
        complaints: list[Complaint] = []
        readings = _read_readings(self._protocol, body.get("readings"), complaints) if "readings" in body else {}
        for age, birth_date in self._ages:
            if answers.get(age) is not None and answers.get(birth_date) is not None:
                complaints += age_complaints(self._protocol, answers, dates)
        return None if complaints else Participant(answers, dates, readings)

    def _on(self, body: Mapping[str, Any], today: date, days: object) -> "tuple[Dates, _Known]":
        """The dates, and what is known of answers on them: of answers that are held against them, nothing yet."""
        complaints: list[Complaint] = []
        dates, _ = _read_dates(body, today, complaints)
        if complaints:
            raise InvalidParticipant(complaints)
        return self._days.keep(days, (dates, self._known | {key: _fresh() for key in self._dated}))


_Known = dict[str, Memory[tuple[type, Value]]]
_FIELDS = frozenset(FIELDS)


def _fresh() -> Memory[tuple[type, Value]]:
    """What valid answers to one question come to, each with the type that it had."""
    return Memory(REMEMBERED)


def _shown(key: object) -> str:
    """A name that was given, cut short; what no text can hold (half a surrogate pair) becomes a question mark."""
    return str(key)[:NAME_SHOWN].encode(errors="replace").decode()


def read_answer(question: Question, raw: object, dates: Dates) -> Value | None:
    """The value of one raw answer; None stays None (not known). Raises Refusal."""
    return None if raw is None else question.type.read(raw, dates)


def age_complaints(protocol: Protocol, answers: Answers, dates: Dates) -> Iterator[Complaint]:
    """A stated age whose whole years are more than one away from what the birth date allows."""
    for key, stated in answers.items():
        question = protocol.question_by_key[key]
        if not isinstance(question.type, Age) or not isinstance(stated, int | float):
            continue
        birth = answers.get(question.type.birth_date)
        if not isinstance(birth, PartialDate):
            continue
        allowed = age_interval(None, birth, dates.consent_date)
        assert allowed is not None
        if not allowed[0] - 1 <= math.floor(stated) <= allowed[1] + 1:
            message = _("does not fit {fact}: give one, or correct one", fact=question.type.birth_date)
            yield Complaint(question.key, message)


def _read_dates(body: Mapping[str, Any], today: date, complaints: list[Complaint]) -> tuple[Dates, bool]:
    """The dates, and whether the consent date is known.

    One that could not be read stands so late that nothing is held against it: one fault, one complaint.
    """
    given: dict[str, date] = {}
    unreadable = set()
    for name in ANCHORS:
        raw = body.get(name)
        if raw is None:
            continue
        day = calendar.read_date(raw) if isinstance(raw, str) else None
        if day is None:
            complaints.append(Complaint(name, _("must be a date written YYYY-MM-DD, from 1900 to 2199")))
            unreadable.add(name)
        given[name] = day or calendar.LATEST
    as_of = given.get("as_of", today)
    consent = given.get("consent_date", as_of)
    consent_is_known = ("consent_date" if "consent_date" in given else "as_of") not in unreadable
    dose = given.get("first_dose_date", max(as_of, consent))
    if dose < consent and consent_is_known:
        message = _("must not be before {date} ({day})", date="consent_date", day=consent.isoformat())
        complaints.append(Complaint("first_dose_date", message))
    return Dates(as_of, consent, max(dose, consent)), consent_is_known


def _read_readings(protocol: Protocol, raw: object, complaints: list[Complaint]) -> dict[str, bool]:
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        complaints.append(Complaint("readings", _("must be an object of reading codes, each true or false")))
        return {}
    settable = [reading.code for reading in protocol.readings if reading.status != "convention"]
    readings = {}
    for code, value in raw.items():
        if code not in settable:
            message = _("is no reading that can be set; there are {codes}", codes=", ".join(settable))
            complaints.append(Complaint(_shown(code), message))
        elif not isinstance(value, bool):
            complaints.append(Complaint(code, _("must be true or false")))
        else:
            readings[code] = value
    return readings


def _read_answers(
    protocol: Protocol, raw: object, dates: Dates, complaints: list[Complaint]
) -> dict[str, Value | None]:
    if not isinstance(raw, Mapping):
        complaints.append(Complaint("answers", _("must be an object of facts; it may be empty")))
        return {}
    answers: dict[str, Value | None] = {}
    for key, value in raw.items():
        question = protocol.question_by_key.get(key)
        if question is None:
            message = _("is no fact of this trial; the trial's description lists the facts")
            complaints.append(Complaint(_shown(key), message))
            continue
        try:
            answers[key] = None if value is None else question.type.read(value, dates)
        except Refusal as refusal:
            complaints.append(Complaint(key, str(refusal)))
    return answers
