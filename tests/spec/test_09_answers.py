"""9. Answers: what a request may hold, and how it is refused."""

from datetime import date

import pytest
from authoring import TODAY, Plain, choice, many, table, write

from app.rules.facts import Dates, Refusal, to_json
from app.rules.participant import InvalidParticipant, Participant, read_answer, read_participant

FACTS: dict[str, str | Plain] = {
    "fever": "yes_no",
    "site": choice("FR", "US"),
    "cells": many("car_t", "dli"),
    "cycles": {"type": "integer", "min": 1, "max": 9, "unit": "cycles"},
    "score": "tens",
    "weight": "weight",
    "stop": "date",
    "day": "exact date",
    "grade": {"type": "integer", "min": 0, "max": 5},
    "birth": "birth",
    "age": "age",
}
READINGS = {"X1": "open", "X2": "assumed yes", "X3": "convention"}
PROTOCOL = write(FACTS, {"I1": {"yes": "fever"}}, readings=READINGS)


def read(answers: object, **more: object) -> Participant:
    return read_participant(PROTOCOL, {"answers": answers, **more}, TODAY)


def refused(answers: object, **more: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidParticipant) as refusal:
        read(answers, **more)
    assert str(refusal.value) == "; ".join(f"{fact}: {message}" for fact, message in refusal.value.complaints)
    return [tuple(complaint) for complaint in refusal.value.complaints]


def test_answers_become_values() -> None:
    """Yes and no are booleans, numbers are numbers, options are texts, lists keep the order of the options."""
    answers = {"fever": False, "site": "FR", "cells": ["dli", "car_t"], "cycles": 3, "weight": 70.5, "stop": "2026-11"}
    values = read(answers).answers
    assert {key: to_json(value) for key, value in values.items()} == answers | {"cells": ["car_t", "dli"]}
    assert values["cells"] == ("car_t", "dli")


def test_a_whole_number_is_one_however_it_is_written() -> None:
    """70 and 70.0 are the same value, and so is what is stored."""
    for raw in (70, 70.0):
        value = read({"weight": raw, "cycles": 3.0, "age": 70.0}).answers
        assert (repr(value["weight"]), repr(value["cycles"]), repr(value["age"])) == ("70", "3", "70")


def test_null_is_asked_and_not_known() -> None:
    """An answer of null differs from an absent one only in that the question will not be asked again."""
    assert read({"fever": None}).answers == {"fever": None}
    assert read({}).answers == {}
    assert to_json(None) is None


@pytest.mark.parametrize(
    ("fact", "raw", "message"),
    [
        *[("fever", raw, "must be true or false") for raw in ("yes", 1, 0, [], "true")],
        *[("site", raw, "must be one of FR, US") for raw in ("JP", "fr", "", 1, True, ["FR"])],
        *[
            ("cells", raw, "must be a list of car_t, dli; an empty list says none")
            for raw in ("car_t", {"car_t": True}, [1], [["car_t"]], True)
        ],
        ("cells", ["car_t", "car_t"], "must name each option at most once"),
        ("cells", ["car_t", "nk"], "must hold only car_t, dli"),
        *[("cycles", raw, "must be a whole number from 1 to 9 (cycles)") for raw in (0, 10, 2.5, "3", True)],
        ("grade", 6, "must be a whole number from 0 to 5"),
        *[("score", raw, "must be a multiple of 10") for raw in (5, 99, 41.0)],
        ("score", 110, "must be a whole number from 0 to 100 (%)"),
        *[("weight", raw, "must be a number from 0.5 to 400 (kg)") for raw in (0.49, 400.1, "70", True, 10**400)],
        *[("weight", float(raw), "must be a number from 0.5 to 400 (kg)") for raw in ("nan", "inf", "-inf")],
        *[("age", raw, "must be a number from 0 to 120 (years)") for raw in (-1, 121, "40")],
        *[
            ("stop", raw, "must be a date written YYYY-MM-DD, YYYY-MM or YYYY, from 1900 to 2199")
            for raw in ("22.11.2026", "2026-13", "2026-00", "2026-11-00", 2026, "1899", "2200-01-01")
        ],
        *[
            ("day", raw, "must be a date written YYYY-MM-DD, from 1900 to 2199")
            for raw in ("2026-11", "2026", 20261122)
        ],
        ("stop", "2026-11-23", "must not be after as_of (2026-11-22)"),
        ("stop", "2026-12", "must not be after as_of (2026-11-22)"),
        ("birth", "2027", "must not be after consent_date (2026-11-22)"),
    ],
)
def test_what_does_not_fit_is_refused(fact: str, raw: object, message: str) -> None:
    """A value outside its type, range or options is refused with a message that says what is accepted, and never
    repeats the value. Nothing is clamped or ignored.
    """
    assert refused({fact: raw}) == [(fact, message)]


def test_one_answer_can_be_read_alone() -> None:
    """As a form does that has only one question."""
    fever = PROTOCOL.question_by_key["fever"]
    dates = Dates(TODAY, TODAY, TODAY)
    assert read_answer(fever, False, dates) is False
    assert read_answer(fever, None, dates) is None
    with pytest.raises(Refusal, match="must be true or false"):
        read_answer(fever, 0, dates)


def test_numbers_at_the_ends_are_accepted() -> None:
    """A range includes its ends."""
    for fact, raw in (("cycles", 1), ("cycles", 9), ("score", 0), ("score", 100), ("weight", 0.5), ("weight", 400)):
        assert read({fact: raw}).answers == {fact: raw}


def test_a_date_that_begins_by_its_bound_is_cut_at_it() -> None:
    """This month and this year are accepted for a date that cannot be in the future: they end today."""
    for text, first in (("2026-11", date(2026, 11, 1)), ("2026", date(2026, 1, 1)), ("2026-11-22", TODAY)):
        value = read({"stop": text}).answers["stop"]
        assert (value.first, value.last, value.text) == (first, TODAY, text)
    assert read({"day": "2199-12-31"}).answers["day"].last == date(2199, 12, 31)  # no bound


def test_no_such_fact() -> None:
    """A key that is no fact is refused by name, cut short; what no text can hold is shown as a question mark."""
    message = "is no fact of this trial; the trial's description lists the facts"
    assert refused({"feverr": True}) == [("feverr", message)]
    assert refused({"x" * 500: True}) == [("x" * 80, message)]
    assert refused({"\ud800": None}) == [("?", message)]


def test_all_faults_at_once() -> None:
    """Everything that is wrong is said, one complaint per fault, each by the name of its fact."""
    complaints = refused({"fever": 1, "weight": 0, "nope": 2}, as_of="today", extra=1, readings={"X9": True})
    assert [fact for fact, _ in complaints] == ["extra", "as_of", "X9", "fever", "weight", "nope"]


# AGE AND BIRTH DATE


def test_a_stated_age_must_fit_the_birth_date() -> None:
    """Both may be given: an age whose whole years are more than one away from what the birth date allows is refused."""
    for birth, age, fits in table(
        """
        birth      | age   | fits
        -----------+-------+-----
        2006-11-22 | 20    | yes
        2006-11-22 | 19    | yes
        2006-11-22 | 21.9  | yes
        2006-11-22 | 22    | no
        2006-11-22 | 18.9  | no
        2006-11-23 | 18    | yes
        2006-11-23 | 20.99 | yes
        2006-11-23 | 21    | no
        2006       | 18    | yes
        2006       | 21    | yes
        2006       | 17.9  | no
        2006       | 22    | no
        """
    ):
        answers = {"birth": birth, "age": float(age)}
        if fits == "yes":
            assert set(read(answers).answers) == {"birth", "age"}
        else:
            assert refused(answers) == [("age", "does not fit birth: give one, or correct one")], (birth, age)
    assert read({"birth": None, "age": 5}).answers == {"birth": None, "age": 5}
    assert read({"birth": "1970", "age": None}).answers["age"] is None


def test_the_age_is_the_one_at_consent() -> None:
    """The two are compared on the day of consent."""
    assert refused({"birth": "2006-11-22", "age": 20}, consent_date="2030-01-01")[0][0] == "age"


# DATES AND READINGS OF THE EVALUATION


def test_the_dates_of_an_evaluation() -> None:
    """The day of the evaluation is today unless it is given; consent is on that day; the first dose on the later of
    both.
    """
    for as_of, consent, dose, result in table(
        """
        as_of      | consent    | dose       | dates
        -----------+------------+------------+---------------------------------
                   |            |            | 2026-11-22 2026-11-22 2026-11-22
        2026-01-01 |            |            | 2026-01-01 2026-01-01 2026-01-01
                   | 2026-12-01 |            | 2026-11-22 2026-12-01 2026-12-01
                   | 2026-10-01 |            | 2026-11-22 2026-10-01 2026-11-22
                   |            | 2027-01-01 | 2026-11-22 2026-11-22 2027-01-01
        2027-05-05 | 2026-12-01 | 2026-12-01 | 2027-05-05 2026-12-01 2026-12-01
        """
    ):
        given = {"as_of": as_of, "consent_date": consent, "first_dose_date": dose}
        dates = read({}, **{name: text or None for name, text in given.items()}).dates
        assert f"{dates.as_of} {dates.consent_date} {dates.first_dose_date}" == result


def test_the_first_dose_is_not_before_consent() -> None:
    """A first dose before consent is refused, wherever the consent comes from."""
    complaint = ("first_dose_date", "must not be before consent_date (2026-11-22)")
    assert refused({}, first_dose_date="2026-11-21") == [complaint]
    assert refused({}, consent_date="2026-11-22", first_dose_date="2026-11-21") == [complaint]
    with pytest.raises(ValueError, match=r"^first_dose_date is before consent_date$"):
        Dates(TODAY, TODAY, date(2026, 11, 21))


@pytest.mark.parametrize("name", ["as_of", "consent_date", "first_dose_date"])
@pytest.mark.parametrize("raw", ["2026-12", "2026", "tomorrow", 20261122, True, [], "1899-12-31"])
def test_a_date_of_the_evaluation_is_a_day(name: str, raw: object) -> None:
    """A month or a year is not enough for it."""
    assert refused({}, **{name: raw}) == [(name, "must be a date written YYYY-MM-DD, from 1900 to 2199")]


def test_readings_of_an_evaluation() -> None:
    """A reading that is no convention can be set to yes or no for one evaluation."""
    assert read({}, readings={"X1": True, "X2": False}).readings == {"X1": True, "X2": False}
    assert read({}, readings={}).readings == read({}, readings=None).readings == {}
    no_such = "is no reading that can be set; there are X1, X2"
    assert refused({}, readings={"X3": True, "X9": True}) == [("X3", no_such), ("X9", no_such)]
    assert refused({}, readings={"X" * 99: True}) == [("X" * 80, no_such)]
    for raw in (None, "yes", 1):
        assert refused({}, readings={"X1": raw}) == [("X1", "must be true or false")]
    for raw in ([], "X1", True, 0):
        assert refused({}, readings=raw) == [("readings", "must be an object of reading codes, each true or false")]


def test_the_body_of_a_request() -> None:
    """It is an object with the answers; whatever else it holds must be known."""
    whole = "the body must be an object with the key answers"
    for body in (None, [], "answers", 1):
        with pytest.raises(InvalidParticipant) as refusal:
            read_participant(PROTOCOL, body, TODAY)
        assert refusal.value.complaints == [("answers", whole)]
    for answers in (None, [], "fever", 1):
        assert refused(answers) == [("answers", "must be an object of facts; it may be empty")]
    with pytest.raises(InvalidParticipant):
        read_participant(PROTOCOL, {}, TODAY)
    takes = "is not accepted here; the body takes answers, as_of, consent_date, first_dose_date, readings"
    assert refused({}, goal="verdict") == [("goal", takes)]
    assert refused({}, **{"g" * 99: 1}) == [("g" * 80, takes)]


def test_a_date_that_cannot_be_read_hides_no_other_fault_and_makes_none() -> None:
    """Nothing is held against an unreadable day of consent; against a known one the age is, whatever else is wrong."""
    unreadable = "must be a date written YYYY-MM-DD, from 1900 to 2199"
    misfit = ("age", "does not fit birth: give one, or correct one")
    answers = {"birth": "1970", "age": 20}
    assert refused(answers, consent_date="soon") == [("consent_date", unreadable)]
    assert refused(answers, as_of="soon") == [("as_of", unreadable)]
    assert refused(answers, as_of="soon", consent_date="2026-11-22") == [("as_of", unreadable), misfit]
    assert refused(answers, first_dose_date="soon") == [("first_dose_date", unreadable), misfit]
    assert [fact for fact, _ in refused({"nothing": 1, "fever": 1})] == ["nothing", "fever"]


def test_one_answer_is_held_against_its_dates() -> None:
    """A single answer is read as in a whole request."""
    with pytest.raises(Refusal, match="must not be after as_of"):
        read_answer(PROTOCOL.question_by_key["stop"], "2026-11-23", Dates(TODAY, TODAY, TODAY))
