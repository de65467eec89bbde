"""From a form to raw answers and back: over every type of question of the built-in trial."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.facts import Age, Choice, Date, Dates, Integer, Many, Number, YesNo
from app.rules.protocol import Question
from app.trials import read_trial
from app.web.forms import DATE_PARTS, NOT_KNOWN, in_words, is_filled, read_step, shown

PROTOCOL = read_trial()[1]
DATES = Dates(date(2026, 11, 22), date(2026, 11, 22), date(2026, 12, 1))
few = settings(max_examples=25)  # for each question
QUESTIONS = [question for question in PROTOCOL.questions if not isinstance(question.type, Age)]


def fields_of(question: Question, value: Any) -> dict[str, list[str]]:
    """What a browser posts for a question that shows this value."""
    if isinstance(question.type, Date):
        return {f"{question.key}-{part}": [value.get(part, "")] for part in DATE_PARTS}
    return {question.key: value if isinstance(value, list) else [value]}


@st.composite
def raw_answers(draw: st.DrawFn, question: Question) -> Any:
    match question.type:
        case YesNo():
            return draw(st.booleans())
        case Choice(options=options):
            return draw(st.sampled_from([option.value for option in options]))
        case Many(options=options):
            return draw(st.lists(st.sampled_from([option.value for option in options]), unique=True))
        case Integer(minimum, maximum, step):
            return draw(st.integers(-(-minimum // step), maximum // step)) * step
        case Number(minimum, maximum) | Age(minimum, maximum):
            scaled = draw(st.integers(int(minimum * 100), int(maximum * 100))) / 100
            return int(scaled) if scaled == int(scaled) else scaled
        case Date():
            day = draw(st.dates(date(1900, 1, 1), DATES.as_of))
            return day.isoformat()[: draw(st.sampled_from([4, 7, 10]))]
    raise AssertionError(question.type)


@pytest.mark.parametrize("question", PROTOCOL.questions, ids=lambda question: question.key)
@few
@given(data=st.data())
def test_raw_to_form_to_raw(question: Question, data: st.DataObject) -> None:
    raw = data.draw(raw_answers(question))
    asked = next((one for one in QUESTIONS if one.alternative == question.key), question)
    fields = fields_of(question, shown(question, raw))
    assert is_filled(question, fields)
    form = read_step(PROTOCOL, [asked], fields, DATES)
    assert form.errors == {}
    assert form.answers[question.key] == raw
    assert type(form.answers[question.key]) is type(raw)
    others = {key: value for key, value in form.answers.items() if key != question.key}
    assert set(others.values()) <= {None}


@given(data=st.data(), mark=st.sampled_from([".", ","]), spaces=st.sampled_from(["", " "]))
def test_decimals_with_a_point_or_a_comma(data: st.DataObject, mark: str, spaces: str) -> None:
    whole, part = data.draw(st.integers(1, 399)), data.draw(st.integers(0, 99))
    typed = f"{spaces}{whole}{mark}{part:02}{spaces}"
    form = read_step(PROTOCOL, [PROTOCOL.question_by_key["weight_kg"]], {"weight_kg": [typed]}, DATES)
    assert form.answers == {"weight_kg": float(f"{whole}.{part:02}")}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
def test_not_known(question: Question) -> None:
    typed_in = not isinstance(question.type, YesNo | Choice | Many)
    fields = {f"{question.key}-{NOT_KNOWN}": ["1"]} if typed_in else {question.key: [NOT_KNOWN]}
    assert is_filled(question, fields)
    form = read_step(PROTOCOL, [question], fields, DATES)
    assert form.errors == {}
    assert form.not_known == {question.key}
    assert set(form.answers) == {question.key, *([question.alternative] if question.alternative else [])}
    assert set(form.answers.values()) == {None}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
def test_nothing_given_is_asked_for_again(question: Question) -> None:
    empty = {f"{question.key}-{part}": [""] for part in DATE_PARTS} | {question.key: [""]}
    for fields in ({}, empty):
        assert not is_filled(question, fields)
        form = read_step(PROTOCOL, [question], fields, DATES)
        assert form.errors == {question.key: f"{question.label}: give an answer, or choose Not known"}
        assert form.answers == {}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
@few
@given(data=st.data())
def test_an_answer_and_not_known_together(question: Question, data: st.DataObject) -> None:
    fields = fields_of(question, shown(question, data.draw(raw_answers(question))))
    if isinstance(question.type, YesNo | Choice | Many):
        fields[question.key] = [*fields[question.key], NOT_KNOWN]
    else:
        fields[f"{question.key}-{NOT_KNOWN}"] = ["1"]
    form = read_step(PROTOCOL, [question], fields, DATES)
    assert list(form.errors) == [question.key]
    assert form.answers == {}


@pytest.mark.parametrize("question", PROTOCOL.questions, ids=lambda question: question.key)
@few
@given(junk=st.text(min_size=1).map(str.strip).filter(lambda text: text not in ("", NOT_KNOWN)))
def test_junk_is_an_answer_or_an_error(question: Question, junk: str) -> None:
    """Nothing that is typed makes reading fail, and no error repeats it."""
    asked = next((one for one in QUESTIONS if one.alternative == question.key), question)
    fields = fields_of(question, dict.fromkeys(DATE_PARTS, junk) if isinstance(question.type, Date) else junk)
    form = read_step(PROTOCOL, [asked], fields, DATES)
    assert form.errors or form.answers[question.key] is not None
    if len(junk) > 20:
        assert junk not in str(form.errors)


@pytest.mark.parametrize(
    ("parts", "message", "wrong"),
    [
        (("31", "2", "1962"), "must be a real date with a four-digit year, such as 27 3 1962", set()),
        (("", "13", "1962"), "must be a real date with a four-digit year, such as 27 3 1962", {"month"}),
        (("32", "1", "1962"), "must be a real date with a four-digit year, such as 27 3 1962", {"day"}),
        (("1", "1", "62"), "must be a real date with a four-digit year, such as 27 3 1962", {"year"}),
        (("1", "1", "1899"), "must be a real date with a four-digit year, such as 27 3 1962", set()),
        (("1", "", "1962"), "needs the month where it gives the day", {"month"}),
        (("", "5", ""), "needs the year", {"year"}),
        (("", "", "2027"), "must not be after consent (22 November 2026)", set()),
    ],
)
def test_wrong_dates(parts: tuple[str, str, str], message: str, wrong: set[str]) -> None:
    fields = {f"birth_date-{part}": [text] for part, text in zip(DATE_PARTS, parts, strict=True)}
    form = read_step(PROTOCOL, [PROTOCOL.question_by_key["birth_date"]], fields, DATES)
    assert form.errors == {"birth_date": f"Date of birth {message}"}
    assert form.error_parts["birth_date"] == wrong


def test_complaints_in_words() -> None:
    message = "must not be before consent_date (2026-11-01)"
    assert in_words(PROTOCOL, message) == "must not be before consent (1 November 2026)"
    assert in_words(PROTOCOL, "does not fit birth_date: give one") == "does not fit the date of birth: give one"
    assert in_words(PROTOCOL, "without hma_cycles") == "without the HMA cycles without response"
