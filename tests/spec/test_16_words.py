"""16. Words: sentences are said in the language of the moment, and another language says each part its own way."""

import re
from datetime import date
from threading import Thread

import pytest
from authoring import EVERYBODY, TODAY, Plain, body, choice, plain, write

from app.rules import explain, words
from app.rules.calendar import read_partial
from app.rules.codec import protocol_from_plain
from app.rules.facts import Dates, Refusal
from app.rules.participant import read_answer, read_participant
from app.rules.translation import localised, source_of, texts
from app.rules.verdict import evaluate
from app.rules.words import BEGIN, END, ENGLISH, Words, speaking


class Shouted(Words):
    """Says what it is asked for, so that a test sees it."""

    language = "en-x-loud"
    decimal_sign = ","

    def message(self, message: str) -> str:
        return re.sub(r"[a-z]+(?![a-z]*})", lambda found: found[0].upper(), message)

    def plural(self, one: str, many: str, number: int, context: str = "") -> str:
        return f"[{one}|{many}|{number}|{context}]"


LOUD = Shouted()
DATES = Dates(TODAY, TODAY, TODAY)


# THE LANGUAGE OF THE MOMENT


def test_english_is_spoken_unless_something_else_is_set() -> None:
    """Until the block ends, also where it ends with an error."""
    assert words.current() is ENGLISH
    with speaking(LOUD):
        assert words.current() is LOUD
        with speaking(ENGLISH):
            assert words.current() is ENGLISH
        assert words.current() is LOUD
        with pytest.raises(ZeroDivisionError), speaking(ENGLISH):
            _ = 1 / 0
        assert words.current() is LOUD
    assert words.current() is ENGLISH


def test_a_thread_speaks_for_itself() -> None:
    """What it says from some point on stays in it."""
    said = []

    def request() -> None:
        words.speak(LOUD)
        said.append(words._("yes"))

    thread = Thread(target=request)
    thread.start()
    thread.join()
    assert said == ["YES"]
    assert words._("yes") == "yes"


# SENTENCES


def test_a_message_says_its_values() -> None:
    """Without values its braces are text: it is not a pattern then."""
    assert words._("{number}%", number=5) == "5%"
    assert words._("a set such as {x}") == "a set such as {x}"
    assert words.ngettext("{n} day", "{n} days", 1, n=1) == "1 day"
    assert words.ngettext("{n} day", "{n} days", 2, n=2) == "2 days"
    with speaking(LOUD):
        assert words._("yes") == "YES"
        assert words.ngettext("{n} day", "{n} days", 2, n=2) == "[2 day|2 days|2|]"


def test_what_is_marked_for_the_translators_stays_as_it_is() -> None:
    with speaking(LOUD):
        assert words.N_("yes") == "yes"
        assert words.NN_("day", "days") == ("day", "days")
        assert words.NNP_("age", "year", "years") == ("year", "years")


def test_items_are_listed() -> None:
    """With commas, and a word before the last; nothing is said of nothing."""
    assert [words.listed(list("abc")[:count]) for count in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert [words.listed(list("abc")[:count], "or") for count in range(4)] == ["", "a", "a or b", "a, b or c"]
    assert [words.commas(list("abc")[:count]) for count in range(4)] == ["", "a", "a, b", "a, b, c"]
    assert [words.semicolons(list("abc")[:count]) for count in range(4)] == ["", "a", "a; b", "a; b; c"]
    assert [words.sentences(["A.", "B.", "C."][:count]) for count in range(4)] == ["", "A.", "A. B.", "A. B. C."]


def test_a_sentence_goes_on_without_its_full_stop() -> None:
    """The mark of a text without a translation stays around it."""
    assert words.unstopped("It counts.") == "It counts"
    assert words.unstopped("It counts") == "It counts"
    assert words.unstopped("It counts. ") == "It counts"
    assert words.unstopped("算。") == "算"
    assert words.unstopped("XX.") == "XX"
    assert words.unstopped(f"{BEGIN}It counts.{END}") == f"{BEGIN}It counts{END}"


def test_a_sentence_that_goes_on_begins_small() -> None:
    """But for what begins with an abbreviation."""
    said = [ENGLISH.lower(text) for text in ("Weight", "QTcF", "A", "", "HIV infection", "X ray")]
    assert said == ["weight", "QTcF", "A", "", "HIV infection", "X ray"]


# VALUES


def test_days_are_as_exact_as_they_were_given() -> None:
    said = [words.partial_words(value) for text in ("2026-11-22", "2026-01", "2026") if (value := read_partial(text))]
    assert said == ["22 November 2026", "January 2026", "2026"]
    assert words.date_words(date(2026, 12, 1)) == "1 December 2026"


def test_numbers_have_the_decimal_sign_of_the_language() -> None:
    """And no zeros that say nothing."""
    numbers = (17.5, 18.0, 3, 0.1 + 0.2)
    assert [words.number_words(number) for number in numbers] == ["17.5", "18", "3", "0.3"]
    assert words.decimal_words("17.50") == "17.50"
    with speaking(LOUD):
        assert [words.number_words(number) for number in numbers] == ["17,5", "18", "3", "0,3"]
        assert words.decimal_words("17.50") == "17,50"


def test_a_unit_follows_its_number() -> None:
    """Of one there is one; an abbreviation stays; without a number, of several; without a unit, nothing."""
    said = {unit: [words.unit_words(unit, n) for n in (0, 1, 1.5, 2)] for unit in ("years", "cycles", "ms", "kg")}
    assert said == {
        "years": ["years", "year", "years", "years"],
        "cycles": ["cycles", "cycle", "cycles", "cycles"],
        "ms": ["ms"] * 4,
        "kg": ["kg"] * 4,
    }
    assert words.unit_words("years") == "years"
    assert words.unit_words("") == ""
    with speaking(LOUD):
        assert words.unit_words("years", 1, "age") == "[year|years|1|age]"
        assert words.unit_words("days") == "[day|days|2|]"
        assert words.unit_words("days", 2.5) == "[day|days|2|]"
        assert words.unit_words("days", 40) == "[day|days|40|]"
        assert words.unit_words("cms", 1) == "[cms|cms|1|]"


def test_a_number_is_said_with_its_unit() -> None:
    assert [words.measured("50", unit, 50) for unit in ("%", "", "kg")] == ["50%", "50", "50 kg"]
    assert [words.measured(str(n), "years", n) for n in (1, 2)] == ["1 year", "2 years"]
    with speaking(LOUD):
        assert words.measured("two", "years", 2, "age") == "two [year|years|2|age]"
        assert words.measured("two", "years", 2) == "two [year|years|2|]"


def test_the_years_of_an_age_are_other_years() -> None:
    """An age says its unit in the context of ages, a span of time without one; of several ages, as of two."""
    facts: dict[str, str | Plain] = {"age": "age", "birth": "birth", "weight": "weight", "score": "tens"}
    protocol = write(facts, {"I1": {"compare": ["age", "<", 3]}})
    age = protocol.question_by_key["age"]

    def reason(answers: Plain) -> str:
        return explain.result_reason(evaluate(protocol, read_participant(protocol, body(answers), TODAY)).results[0])

    with speaking(LOUD):
        assert explain.value_words(age, 1) == "1 [year|years|1|age]"
        assert explain.value_words(protocol.question_by_key["weight"], 70) == "70 [kg|kg|70|]"
        assert reason({"birth": "2024"}) == "Age: 1 OR 2 [year|years|2|age], BORN 2024 (UNDER 3 [year|years|3|age])."
        with pytest.raises(Refusal, match=re.escape("MUST BE A NUMBER FROM 0 TO 120 ([year|years|2|age])")):
            read_answer(age, 121, DATES)
        with pytest.raises(Refusal, match=re.escape("MUST BE A NUMBER FROM 0,5 TO 400 ([kg|kg|2|])")):
            read_answer(protocol.question_by_key["weight"], 0, DATES)
        with pytest.raises(Refusal, match=re.escape("MUST BE A WHOLE NUMBER FROM 0 TO 100 ([%|%|2|])")):
            read_answer(protocol.question_by_key["score"], 2.5, DATES)


def test_how_many_others_there_are_is_said_in_the_form_of_their_number() -> None:
    """Languages have more forms than one and many."""
    facts: dict[str, str | Plain] = dict.fromkeys("abcdefg", "yes_no")
    protocol = write(facts, {f"I{number}": {"yes": fact} for number, fact in enumerate(facts)})
    verdict = evaluate(protocol, read_participant(protocol, body({}), TODAY))
    with speaking(LOUD):
        assert explain.open_words(verdict)[-1] == "[2 other answer|2 other answers|2|]"


def test_what_is_english_in_every_language_is_marked() -> None:
    """Where another language is spoken; and a text that is no page holds no marks."""
    assert [words.english(text) for text in ("Sanofi", "")] == ["Sanofi", ""]
    with speaking(LOUD):
        assert [words.english(text) for text in ("Sanofi", "")] == [f"{BEGIN}Sanofi{END}", ""]
    assert words.unmarked(f"by {BEGIN}Sanofi{END} and {BEGIN}others{END}") == "by Sanofi and others"


# A PROTOCOL IN ANOTHER LANGUAGE


OPTIONS: list[Plain] = [{"value": "dli", "label": "Dli", "hint": "Of the donor."}, {"value": "nk", "label": "Nk"}]


def test_each_text_of_a_protocol_is_translated_or_marked() -> None:
    """By its path, and only from the English that stands there now; a text that is empty stays so."""
    raw = plain(
        {"site": choice("here"), "cells": {"type": "many", "options": OPTIONS, "hint": "All of them."}, "n": "count"},
        {"I1": {"rule": {"is": {"site": ["here"]}}, "group": "g"}, "E1": {"part": "p"}, "E2": {"reading": "X1"}},
        {"one": EVERYBODY | {"parts": {"p": {"always": True}}}},
        terms={"t": {"always": True}},
        readings={"X1": "open"},
        groups=("g",),
    )
    both = {"all": [{"is": {"site": ["here"]}}, {"compare": ["n", ">", 1]}]}
    raw["edit_checks"] = [{"code": "Q1", "message": "Look again.", "rule": both}]
    protocol = protocol_from_plain(raw)
    english = dict(texts(protocol))
    paths = {path.replace("question.site.", "question.n.").replace("criterion.E1", "criterion.I1") for path in english}
    assert {path for path in paths if "cells" not in path and "E2" not in path} == {
        "section.history.title",
        *(f"question.n.{part}" for part in ("text", "label", "why", "option.here")),
        "term.t.title",
        "reading.X1.statement",
        "group.g.title",
        *(f"criterion.I1.{part}" for part in ("title", "statement", "place")),
        "cohort.one.title",
        "part.p",
        "edit_check.Q1.message",
    }
    assert english["edit_check.Q1.message"] == "Look again."
    assert english["question.cells.hint"] == "All of them."
    assert english["question.cells.option.dli"] == "Dli"
    assert english["question.cells.option.dli.hint"] == "Of the donor."
    at = "question.cells.option.dli"
    other = localised(protocol, {(at, source_of("Dli")): "ILD", ("section.history.title", "0" * 12): "Histoire"})
    assert dict(texts(other)) == {
        path: "ILD" if path == at else f"{BEGIN}{text}{END}" for path, text in english.items()
    }
    assert [question.hint for question in other.questions] == ["", f"{BEGIN}All of them.{END}", ""]


def test_a_translation_notes_its_english_in_twelve_digits() -> None:
    """The files of translations hold them, so they stay the same."""
    assert source_of("It counts.") == "3e3572f15be9"


def test_a_part_is_called_as_the_translation_calls_it() -> None:
    """In the reasons, too."""
    protocol = write({"a": "yes_no"}, {"E1": {"part": "p"}}, {"c": EVERYBODY | {"parts": {"p": {"always": True}}}})
    other = localised(protocol, {("part.p", source_of("p")): "zweiten"})
    verdict = evaluate(other, read_participant(other, body({}), TODAY))
    assert explain.result_reason(verdict.results[0]) == "The cohort belongs to the zweiten part."
