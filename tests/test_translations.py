"""The catalogues and the trial's translations are current, complete, and say the same with the same places."""

import importlib.util
import re
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages import Catalog

from app.languages import LANGUAGES, negotiated, words_of
from app.rules import words
from app.rules.calendar import read_partial
from app.rules.explain import span_words, value_words
from app.rules.facts import Dates, Refusal
from app.rules.protocol import InvalidProtocol
from app.rules.translation import source_of, texts
from app.rules.tree import Elapsed
from app.rules.truth import TRUE
from app.rules.words import BEGIN, END, ENGLISH, _, english, listed, measured, ngettext, speaking, unmarked, unstopped
from app.trials import BUILT_IN, read_trial
from app.trials.translations import (
    Text,
    Translation,
    problems,
    read_translation,
    translation_file,
    write_translation,
)

ROOT = Path(__file__).parents[1]
OTHERS = [language for language in LANGUAGES if language != "en"]
COMPLETE = ["fr", "nl", "zh-Hans", "ja"]
TRIAL, PROTOCOL = read_trial()


@pytest.fixture(scope="module")
def making() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_messages", ROOT / "docs" / "make_messages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forms(texts: object) -> list[str]:
    return [str(text) for text in texts] if isinstance(texts, tuple | list) else [str(texts)]


def places(text: str) -> list[str]:
    """What stands in braces, and the tags, in order of their names."""
    return sorted(re.findall(r"\{[^}]*\}|<[^>]*>", text))


def unused_places(catalogue: Catalog) -> list[str]:
    """The messages of which a translation has other places or tags than one of the English forms."""
    wrong = []
    for message in catalogue:
        accepted = [places(text) for text in forms(message.id)]
        wrong += [text for text in forms(message.string) if message.id and text and places(text) not in accepted]
    return wrong


# THE CATALOGUES


@pytest.mark.parametrize("tag", OTHERS)
def test_a_catalogue_has_exactly_the_messages_that_are_said(making: ModuleType, tag: str) -> None:
    kept = making.catalogue(LANGUAGES[tag])
    said = {(m.id, m.context) for m in making.collected() if m.id}
    assert {(m.id, m.context) for m in kept if m.id} == said, "run `make messages`"
    assert not [message.id for message in kept if message.fuzzy and message.id]


@pytest.mark.parametrize("tag", OTHERS)
def test_translations_have_the_places_and_tags_of_the_english_text(making: ModuleType, tag: str) -> None:
    assert unused_places(making.catalogue(LANGUAGES[tag])) == []


def test_a_place_that_was_renamed_is_found() -> None:
    catalogue = Catalog(locale="fr")
    catalogue.add("{day} <b>x</b>", "{jour} <b>x</b>")
    catalogue.add(("{n} day", "{n} days"), ("{n} jour", "jours"))
    assert unused_places(catalogue) == ["{jour} <b>x</b>", "jours"]


@pytest.mark.parametrize("tag", COMPLETE)
def test_nothing_is_missing(making: ModuleType, tag: str) -> None:
    catalogue = making.catalogue(LANGUAGES[tag])
    assert [m.id for m in catalogue if m.id and not all(forms(m.string))] == []
    file = translation_file(BUILT_IN, tag)
    assert problems(read_translation(file, PROTOCOL), PROTOCOL) == []


def test_every_message_is_a_plain_text_that_can_be_collected() -> None:
    """A call inside an f-string, or with one, is not found by the collector."""
    for file in (ROOT / "app").rglob("*.py"):
        found = re.findall(r"""\bf["'].*\{_\(|\b(?:_|N_|ngettext)\(f["']""", file.read_text())
        assert not found, (file.name, found)


# THE TRIAL'S TEXTS


@pytest.mark.parametrize("tag", OTHERS)
def test_a_translation_file_is_as_it_would_be_written(tag: str) -> None:
    file = translation_file(BUILT_IN, tag)
    translation = read_translation(file, PROTOCOL)
    assert translation.language == tag
    assert file.read_text() == write_translation(translation, PROTOCOL), "run `make messages`"


def test_an_outdated_text_keeps_its_source_and_is_named(tmp_path: Path) -> None:
    path, text = next(texts(PROTOCOL))
    old = Translation("fr", "draft", {path: Text("0" * 12, "Ancien"), "question.gone.text": Text("1" * 12, "Parti")})
    file = tmp_path / "trial.fr.yaml"
    file.write_text(write_translation(old, PROTOCOL))
    again = read_translation(file, PROTOCOL)
    assert again.texts[path] == Text("0" * 12, "Ancien")
    assert f"OUTDATED: the English text has changed; translate it anew, with the source '{source_of(text)}'" in (
        file.read_text()
    )
    found = problems(again, PROTOCOL)
    assert found[0] == f"{path}: is outdated; the English text is now {source_of(text)}: {text}"
    assert all(problem.endswith(": is not translated") for problem in found[1:])
    assert problems(old, PROTOCOL)[-1] == "question.gone.text: is no text of this protocol"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("language: fr", "takes the keys language, status and texts"),
        ("{language: fr, status: final, texts: {}}", "status is one of draft, reviewed"),
        ("{language: fr, status: draft, texts: {a: {text: b}}}", "a: takes the keys source and text"),
        ("{language: fr, status: draft, texts: {a: {source: b, text: c}}}", "a: source is the first 12 hex digits"),
        ('{language: fr, status: draft, texts: {a: {source: "000000000000", text: 1}}}', "a: text takes one line"),
        ('{language: fr, status: draft, texts: {a: {source: "000000000000", text: "b\\nc"}}}', "takes one line"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, content: str, fault: str) -> None:
    file = tmp_path / "trial.fr.yaml"
    file.write_text(content)
    with pytest.raises(InvalidProtocol, match=re.escape(fault)):
        read_translation(file, PROTOCOL)


# WORDS


def test_dates_and_numbers_are_those_of_the_language() -> None:
    day, month, year = (read_partial(text) for text in ("2026-11-22", "2026-11", "2026"))
    assert day is not None and month is not None and year is not None
    said = {}
    for tag in LANGUAGES:
        with speaking(words_of(tag)):
            said[tag] = [*map(words.partial_words, (day, month, year)), words.number_words(17.5)]
    assert said == {
        "en": ["22 November 2026", "November 2026", "2026", "17.5"],
        "fr": ["22 novembre 2026", "novembre 2026", "2026", "17,5"],
        "nl": ["22 november 2026", "november 2026", "2026", "17,5"],
        "zh-Hans": ["2026年11月22日", "2026年11月", "2026年", "17.5"],
        "ja": ["2026年11月22日", "2026年11月", "2026年", "17.5"],
    }


def test_a_number_decides_the_form() -> None:
    with speaking(words_of("fr")):
        assert [measured(str(n), "years", n) for n in (0, 1, 2)] == ["0 an", "1 an", "2 ans"]
        assert measured("1,5", "cycles", 1.5) == "1,5 cycles"
        assert ngettext("{number} more", "{number} more", 1, number=1) == "1 autre"
        assert listed(["a", "b", "c"], "or") == "a, b ou c"
    assert [measured(str(n), "years", n) for n in (0, 1, 2)] == ["0 years", "1 year", "2 years"]
    assert measured("50", "%", 50) == "50%"


def test_a_year_of_age_is_no_year_of_time() -> None:
    age = PROTOCOL.question_by_key["age_years"]
    window = Elapsed("autoimmune_last_active_date", "<", 5, "years", "first_dose_date")
    said = {}
    for tag in LANGUAGES:
        with speaking(words_of(tag)):
            said[tag] = [value_words(age, 54), unmarked(span_words(window, TRUE))]
    assert said["en"] == ["54 years", "less than 5 years"]
    assert said["fr"] == ["54 ans", "moins de 5 ans"]
    assert said["zh-Hans"] == ["54 岁", "不足 5 年"]
    assert said["ja"] == ["54歳", "5年未満"]
    with speaking(words_of("ja")), pytest.raises(Refusal, match="単位:歳"):
        age.type.read(999, Dates(*[date(2026, 11, 22)] * 3))


def test_what_has_no_translation_is_english_between_marks() -> None:
    message = "never to be translated {place}"
    with speaking(words_of("fr")):
        assert _(message, place=1) == f"{BEGIN}never to be translated 1{END}"
        assert ngettext("one {thing}", "many {thing}", 2, thing="x") == f"{BEGIN}many x{END}"
        assert measured("2", "kg", 2, "age") == f"2 {BEGIN}kg{END}"
        assert english("Sanofi") == f"{BEGIN}Sanofi{END}"
        assert unmarked(_(message, place=1)) == "never to be translated 1"
    assert _(message, place=1) == "never to be translated 1"
    assert english("Sanofi") == "Sanofi"
    assert unstopped(f"{BEGIN}A sentence.{END}") == f"{BEGIN}A sentence{END}"
    assert unstopped("一句话。") == "一句话"


def test_words_are_those_of_the_block_alone() -> None:
    with speaking(words_of("fr")):
        with speaking(ENGLISH):
            assert words.date_words(date(2026, 1, 2)) == "2 January 2026"
        assert words.date_words(date(2026, 1, 2)) == "2 janvier 2026"
    assert words.current() is ENGLISH


@pytest.mark.parametrize(
    ("accepted", "tag"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("de-DE, nl;q=0.5, en;q=0.4", "nl"),
        ("en;q=0.4, ja;q=0.9", "ja"),
        ("zh-CN", "zh-Hans"),
        ("zh-Hans-SG", "zh-Hans"),
        ("zh-TW", "en"),
        ("zh-Hant, fr;q=0.1", "fr"),
        ("fr;q=0", "en"),
        ("fr;q=often", "en"),
        ("*", "en"),
        (";;,,=" * 200, "en"),
    ],
)
def test_the_language_that_a_browser_asks_for(accepted: str, tag: str) -> None:
    assert negotiated(accepted) == tag
