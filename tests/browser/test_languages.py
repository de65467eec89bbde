"""In a browser: the language is switched in the middle, nothing is lost, and every page is accessible in each."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from stage import DESK, PHONE, WOMAN_OF_54, Server, Visitor

from app.languages import LANGUAGES

Visit = Callable[..., Visitor]
Axe = Callable[[Page], list[str]]
STEP = "questions/country+birth_date+sex+weight_kg"


def switch(page: Page, tag: str) -> None:
    page.locator(f'.app-language button[lang="{tag}"]').click()
    expect(page.locator("html")).to_have_attribute("lang", tag)


def test_a_switch_keeps_the_page_and_the_answers(visit: Visit, server: Server) -> None:
    visitor, check = visit(DESK), server.check(WOMAN_OF_54)
    page = visitor.page
    visitor.opens(f"{check}/{STEP}")
    for tag, shown in (("fr", "68,4"), ("ja", "68.4"), ("nl", "68,4"), ("zh-Hans", "68.4"), ("en", "68.4")):
        switch(page, tag)
        assert page.url == f"{check}/{STEP}"
        expect(page.locator("#weight_kg")).to_have_value(shown)
    assert server.saved(check) == WOMAN_OF_54


def test_the_switch_comes_back_to_the_page_that_was_swapped_in(visit: Visit, server: Server) -> None:
    """Steps follow one another inside one document; the way back is that of the step on the screen."""
    visitor, check = visit(DESK), server.check({})
    page = visitor.page
    visitor.opens(f"{check}/questions/weight_kg")
    page.locator("#weight_kg").fill("62,5")
    visitor.presses("Continue")
    page.wait_for_url(lambda url: not url.endswith("/weight_kg"))
    after = page.url
    switch(page, "fr")
    assert page.url == after
    assert server.saved(check) == {"weight_kg": 62.5}


@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_page_is_accessible_in_every_language(
    visit: Visit, server: Server, axe: Axe, tag: str, width: int
) -> None:
    visitor, check = visit(width), server.check(WOMAN_OF_54)
    page = visitor.page
    visitor.opens("/")
    switch(page, tag)
    for place in (STEP, "questions/qtcf_ms+prednisone_mg_per_day", "answers", "dates", "result"):
        visitor.opens(f"{check}/{place}")
        assert axe(page) == [], place
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    visitor.opens("/trials/NCT05086315/rules")
    assert axe(page) == []
