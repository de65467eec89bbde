"""The pages in other languages: chosen, kept, never mixed; what is not translated says that it is English."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from serving import EVALUATE, NOW, Client, settings
from sqlalchemy.engine import URL

from app import actions
from app.languages import LANGUAGES
from app.main import create_app
from app.settings import secret
from app.store import queries
from app.store.db import Database
from app.store.models import Event, TranslationRow
from app.trials import BUILT_IN, read_trial
from app.trials.translations import Text, Translation, read_translation, translation_file

TRIAL, PROTOCOL = read_trial()
FRENCH = read_translation(translation_file(BUILT_IN, "fr"), PROTOCOL)
RULES = "/trials/NCT05086315/rules"
NOTICE = "Traduction provisoire, non relue. Le texte anglais fait foi."


class Site:
    """The application with the built-in trial and its French texts."""

    def __init__(self, url: URL, french: Translation = FRENCH) -> None:
        self.database = Database(url, secret(settings(url), "audit"))
        with self.database.write() as session:
            self.changed = translate(session, french)
        self.client = Client(create_app(settings(url), now=lambda: NOW, strict_templates=True))

    def close(self) -> None:
        self.client.close()
        self.database.close()

    def get(self, address: str, language: str = "", **headers: str) -> httpx.Response:
        cookie = {"cookie": f"lang={language}"} if language else {}
        return self.client.get(address, headers={**cookie, **headers})

    def post(self, address: str, fields: Any = None, language: str = "", **headers: str) -> httpx.Response:
        cookie = {"cookie": f"lang={language}"} if language else {}
        form = {"content-type": "application/x-www-form-urlencoded", **cookie, **headers}
        content = str(httpx.QueryParams(fields or {})).encode()
        return self.client.request("POST", address, content=content, headers=form)

    def begin(self) -> str:
        return self.post("/checks").headers["location"]

    def screening(self, check: str) -> Any:
        with self.database.read() as session:
            return queries.screening(session, token=check.rsplit("/", 1)[1], at=NOW)


def translate(session: Any, translation: Translation) -> int:
    return actions.translate_trial(session, nct_id=TRIAL.nct_id, translation=translation, at=NOW, actor="test")


def text_of(response: httpx.Response) -> str:
    return html.unescape(re.sub(r"\s+", " ", response.text)).replace("\u00a0", " ")


def language_of(response: httpx.Response) -> str:
    found = re.search(r'<html lang="([^"]+)"', response.text)
    assert found is not None
    return found[1]


@pytest.fixture
def site(loaded: URL) -> Iterator[Site]:
    site = Site(loaded)
    yield site
    site.close()


@pytest.fixture
def site_of_all(loaded_sqlite: URL) -> Iterator[Site]:
    """A site on SQLite alone, for tests that ask nothing of the database."""
    site = Site(loaded_sqlite)
    yield site
    site.close()


ANSWERS = {"country": "FR", "age_years": "17,5", "sex": "female", "weight_kg": "62,5", "do": "continue"}


# CHOOSING


def test_the_cookie_wins_then_the_browser_then_english(site: Site) -> None:
    assert language_of(site.get("/")) == "en"
    assert language_of(site.get("/", **{"accept-language": "fr-FR,fr;q=0.9"})) == "fr"
    assert language_of(site.get("/", "nl", **{"accept-language": "fr"})) == "nl"
    assert language_of(site.get("/", "tlh", **{"accept-language": "fr"})) == "fr"


def test_choosing_keeps_the_choice_and_goes_back(site: Site) -> None:
    answered = site.post("/language", {"language": "fr", "to": "/checks/x/questions/sex?from=answers"})
    assert answered.status_code == 303
    assert answered.headers["location"] == "/checks/x/questions/sex?from=answers"
    assert answered.headers["set-cookie"] == "lang=fr; HttpOnly; Max-Age=31536000; Path=/; SameSite=lax"


@pytest.mark.parametrize(
    "back", ["", "https://evil.example/", "//evil.example", "/\\evil.example", "evil", "/a\r\nset-cookie: b=c", "/é"]
)
def test_the_way_back_never_leaves_the_site(site_of_all: Site, back: str) -> None:
    assert site_of_all.post("/language", {"language": "fr", "to": back}).headers["location"] == "/"


def test_no_other_language_and_no_other_site(site: Site) -> None:
    assert site.post("/language", {"language": "de", "to": "/"}).status_code == 422
    elsewhere = site.post("/language", {"language": "fr"}, origin="https://evil.example")
    assert elsewhere.status_code == 403
    assert "set-cookie" not in elsewhere.headers


def test_each_language_is_named_by_itself_and_the_page_is_kept(site: Site) -> None:
    check = site.begin()
    page = site.get(f"{check}/questions/sex?from=answers", "fr").text
    assert f'name="to" value="{check}/questions/sex?from=answers"' in page
    for tag, language in LANGUAGES.items():
        marked = ' aria-current="true"' if tag == "fr" else ""
        assert f'value="{tag}" lang="{tag}"{marked}>{language.name}</button>' in page


def test_the_notice_stands_on_every_page_in_a_draft_language_alone(site: Site) -> None:
    check = site.begin()
    pages = ("/", "/trials/NCT05086315/rules", "/nowhere", f"{check}/questions/sex", f"{check}/answers",
             f"{check}/dates", f"{check}/result")  # fmt: skip
    for address in pages:
        assert NOTICE in text_of(site.get(address, "fr")), address
        assert "Draft translation" not in text_of(site.get(address)), address


# ANSWERS


def test_a_switch_of_the_language_keeps_the_answers_and_the_verdict(site: Site) -> None:
    check = site.begin()
    step = f"{check}/questions/country+birth_date+sex+weight_kg"
    assert site.post(step, ANSWERS, "fr").status_code == 303
    saved = {"country": "FR", "birth_date": None, "age_years": 17.5, "sex": "female", "weight_kg": 62.5}
    assert site.screening(check).raw_answers == saved
    french = site.get(step, "fr").text
    assert 'value="62,5"' in french
    assert 'value="17,5"' in french
    assert site.post("/language", {"language": "en", "to": step}, "fr").headers["location"] == step
    assert 'value="62.5"' in site.get(step, "en").text
    assert site.screening(check).raw_answers == saved
    assert "17,5 ans" in text_of(site.get(f"{check}/answers", "fr"))
    assert "17.5 years" in text_of(site.get(f"{check}/answers"))


def test_the_result_that_is_kept_is_english_whatever_the_language(site: Site) -> None:
    check = site.begin()
    site.post(f"{check}/questions/qtcf_ms", {"qtcf_ms": "482,5"}, "fr")
    kept = json.loads(site.screening(check).result)
    assert kept == site.client.post(EVALUATE, {"answers": {"qtcf_ms": 482.5}, "as_of": "2026-11-22"}).json()
    assert kept["summary"] == "Excluded: QTcF (E13)."


def test_the_api_speaks_english(site: Site) -> None:
    headers = {"accept-language": "fr", "cookie": "lang=fr"}
    bad = site.client.post(EVALUATE, {"answers": {"qtcf_ms": 5000}}, headers)
    assert bad.json()["errors"] == [{"fact": "qtcf_ms", "message": "must be a number from 200 to 800 (ms)"}]


@pytest.mark.parametrize(("typed", "saved"), [("62,5", 62.5), ("62.5", 62.5), ("62", 62), ("６２．５", 62.5)])  # noqa: RUF001
def test_comma_and_point_are_decimal_signs_in_every_language(site: Site, typed: str, saved: float) -> None:
    for language in LANGUAGES:
        check = site.begin()
        answered = site.post(f"{check}/questions/weight_kg", {"weight_kg": typed}, language)
        assert answered.status_code == 303, language
        assert site.screening(check).raw_answers == {"weight_kg": saved}, language


@pytest.mark.parametrize(
    ("language", "typed"),
    [("en", "1,000"), ("fr", "1,000"), ("fr", "1.000"), ("nl", "1.000"), ("fr", "1 000"), ("en", "1'000")],
)  # fmt: skip
def test_a_thousand_with_a_separator_is_refused_never_misread(site: Site, language: str, typed: str) -> None:
    check, fields = site.begin(), {"prednisone_mg_per_day": typed}
    assert site.post(f"{check}/questions/prednisone_mg_per_day", fields, language).status_code == 422
    assert site.screening(check).raw_answers == {}


def test_complaints_are_in_the_language(site: Site) -> None:
    check = site.begin()
    page = text_of(site.post(f"{check}/questions/weight_kg", {"weight_kg": "0,2"}, "fr"))
    assert "Poids corporel : doit être un nombre compris entre 0,5 et 400 (kg)" in page
    typed = {"birth_date-year": "2027", "country": "FR"}
    late = text_of(site.post(f"{check}/questions/birth_date", typed, "fr"))
    assert "ne doit pas être postérieur à la date suivante : le consentement (22 novembre 2026)" in late


def test_a_date_is_asked_for_in_the_order_of_the_language(site: Site) -> None:
    check = site.begin()
    for language, order in (("fr", ["day", "month", "year"]), ("ja", ["year", "month", "day"])):
        page = site.get(f"{check}/questions/birth_date", language).text
        assert re.findall(r'name="birth_date-(day|month|year)"', page) == order


# WHAT IS SHOWN


def test_two_readers_of_different_languages_get_their_own_pages(site: Site) -> None:
    """Nothing that is remembered for one is shown to the other."""
    check = site.begin()
    site.post(f"{check}/questions/country+birth_date+sex+weight_kg", ANSWERS)
    pages = ("/", "/trials/NCT05086315/rules", f"{check}/questions/diagnosis+no_available_therapy", f"{check}/result",
             f"{check}/answers", f"{check}/questions/qtcf_ms", f"{check}/questions/prednisone_mg_per_day")  # fmt: skip
    first = {(page, tag): site.get(page, tag).text for page in pages for tag in ("en", "fr")}
    again = {(page, tag): site.get(page, tag).text for page in reversed(pages) for tag in ("fr", "en")}
    assert first == again
    for page in pages:
        assert "Continue" not in first[page, "fr"].replace("Continuer", "")
        assert "Continuer" not in first[page, "en"]


def test_the_result_in_french(site: Site) -> None:
    check = site.begin()
    site.post(f"{check}/questions/qtcf_ms", {"qtcf_ms": "482,5"})
    page = text_of(site.get(f"{check}/result", "fr"))
    assert '<h1 class="app-verdict__title" id="verdict-title">Exclu</h1>' in page
    assert "QTcF : 482,5 ms (supérieur à 470 ms)." in page
    assert re.search("Statut de l.essai : arrêté prématurément, au 15 décembre 2025[.]", page)
    unmarked = re.findall(r'<span lang="en">(.*?)</span>', site.get(f"{check}/result", "fr").text)
    assert unmarked == []


def test_an_age_and_the_signs_between_words_are_those_of_the_language(site: Site) -> None:
    with site.database.write() as session:
        for tag in ("zh-Hans", "ja"):
            translate(session, read_translation(translation_file(BUILT_IN, tag), PROTOCOL))
    check = site.begin()
    site.post(f"{check}/questions/country+birth_date+sex+weight_kg", ANSWERS)
    site.post(f"{check}/questions/qtcf_ms", {"qtcf_ms": "482"})
    said = {
        tag: [text_of(site.get(address, tag)) for address in (f"{check}/answers", f"{check}/result", RULES)]
        for tag in ("zh-Hans", "ja")
    }
    answers, result, rules = said["zh-Hans"]
    assert "17.5 岁" in answers
    assert 'QTcF（<span class="app-muted">E13</span>）' in result  # noqa: RUF001
    assert re.search(r"依据解读 <a[^>]*>X\d+</a>、<a", rules)
    answers, result, rules = said["ja"]
    assert "17.5歳" in answers
    assert 'QTcF(<span class="app-muted">E13</span>)' in result
    assert "5年未満" in rules


def test_only_what_the_registry_says_is_english_on_the_french_pages(site: Site) -> None:
    check = site.begin()
    pages = ("/trials/NCT05086315/rules", f"{check}/answers", f"{check}/dates", f"{check}/questions/qtcf_ms",
             f"{check}/questions/prednisone_mg_per_day", f"{check}/questions/sex", "/nowhere")  # fmt: skip
    for address in pages:
        assert 'lang="en">' not in site.get(address, "fr").text.replace('value="en" lang="en">', ""), address
    assert '<span lang="en">First-in-human Study' in site.get("/", "fr").text


def test_no_mark_reaches_a_reader(site: Site) -> None:
    check = site.begin()
    for address in ("/", "/nowhere", f"{check}/result", f"{check}/questions/country+birth_date+sex+weight_kg"):
        for language in LANGUAGES:
            page = site.get(address, language).text
            assert not re.search("[\ue000\ue001]", page), (address, language)
            assert not re.search(r"<[^>]*<span lang", page), (address, language)
            assert "<span" not in re.findall(r"<title>(.*?)</title>", page, re.DOTALL)[0]


def test_an_outdated_or_missing_text_is_shown_in_english_and_says_so(loaded: URL) -> None:
    texts = dict(FRENCH.texts)
    texts["question.weight_kg.text"] = Text("0" * 12, "Ancien poids")
    del texts["question.sex.text"]
    site = Site(loaded, replace(FRENCH, texts=texts))
    check = site.begin()
    page = site.get(f"{check}/questions/country+birth_date+sex+weight_kg", "fr").text
    assert "Ancien poids" not in page
    assert '<span lang="en">How much does the participant weigh?</span>' in page
    assert '<span lang="en">What is the participant&#39;s sex?</span>' in page
    assert "date de naissance du participant" in html.unescape(page)
    site.close()


# THE DATABASE


def test_loading_again_changes_nothing_and_a_correction_replaces(site: Site) -> None:
    assert site.changed == len(FRENCH.texts)
    with site.database.write() as session:
        assert translate(session, FRENCH) == 0
    texts = dict(FRENCH.texts)
    label = texts["question.sex.label"]
    texts["question.sex.label"] = Text(label.source, "Genre")
    texts["question.sex.text"] = Text(texts["question.sex.text"].source, "")
    texts["question.sex.why"] = Text("0" * 12, "Autre version")
    with site.database.write() as session:
        assert translate(session, replace(FRENCH, texts=texts)) == 3
    with site.database.read() as session:
        kept = queries.translation(session, TRIAL.nct_id, "fr").texts
        events = [
            event.detail for event in session.query(Event).filter_by(action="trial.translated").order_by(Event.seq)
        ]
        rows = session.query(TranslationRow).count()
    assert kept["question.sex.label", label.source] == "Genre"
    assert ("question.sex.text", FRENCH.texts["question.sex.text"].source) not in kept
    why = FRENCH.texts["question.sex.why"]
    assert kept["question.sex.why", why.source] == why.text  # it serves the version that it was made for
    assert kept["question.sex.why", "0" * 12] == "Autre version"
    assert rows == len(FRENCH.texts)
    assert events == [
        {"language": "fr", "status": "draft", "texts": len(FRENCH.texts)},
        {"language": "fr", "status": "draft", "texts": 3},
    ]


def test_a_reviewed_translation_is_known_as_such(site: Site) -> None:
    with site.database.write() as session:
        assert translate(session, replace(FRENCH, status="reviewed")) == len(FRENCH.texts)
    with site.database.read() as session:
        assert queries.translation(session, TRIAL.nct_id, "fr").is_reviewed
