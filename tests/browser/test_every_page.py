"""Every kind of page: accessible, within its width, and readable on paper."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page
from stage import (
    AFTER_DONOR_LYMPHOCYTES,
    DESK,
    FILE_WITH_GAPS,
    LONG_QT,
    NARROW,
    PHONE,
    WOMAN_OF_54,
    Server,
    Visitor,
    with_unknowns,
)

Visit = Callable[..., Visitor]
Axe = Callable[[Page], list[str]]
STEPS = (
    "country+birth_date+sex+weight_kg",
    "diagnosis+no_available_therapy",
    "disease_state+chloroma_outside_cns",
    "ecog",
    "prior_cellular_therapy",
    "prior_anti_cd123+prior_cellular_therapy+prior_hsct+prednisone_mg_per_day+other_investigational_drug",
    "immunosuppression_stop_date",
    "autoimmune_disease+other_malignancy+cns_status+hiv+hepatitis_b_active+solid_organ_transplant+pregnancy",
)


def pages(visitor: Visitor, server: Server) -> Iterator[str]:
    """Open every kind of page in turn, each in its states; gives a name for each."""
    page = visitor.page
    visitor.opens("/")
    yield "start"
    check = server.check(WOMAN_OF_54)
    for keys in STEPS:
        visitor.opens(f"{check}/questions/{keys}")
        open_folds(page)
        yield f"step {keys}"
    empty = server.check({})
    visitor.opens(f"{empty}/questions/{STEPS[0]}")
    page.locator("#birth_date-day").fill("45")
    page.locator("#age_years").fill("old")
    visitor.presses("Continue")
    yield "errors"
    visitor.opens(f"{empty}/questions/qtcf_ms+prednisone_mg_per_day")
    open_folds(page)
    yield "calculators"
    page.locator('[name="ecg-1-qt"]').fill("400")
    page.locator('[name="ecg-1-rate"]').fill("75")
    visitor.presses("Work out QTcF")
    yield "QTcF worked out"
    page.locator('[name="ecg-2-qt"]').fill("9")
    visitor.presses("Work out QTcF")
    yield "errors of a calculator"
    visitor.opens(f"{check}/answers")
    yield "answers"
    visitor.opens(f"{check}/dates")
    yield "dates"
    page.locator("#first_dose_date-year").fill("2020")
    visitor.presses("Save")
    yield "errors of the dates"
    for name, answers in (
        ("eligible", WOMAN_OF_54),
        ("excluded", LONG_QT),
        ("open reading", AFTER_DONOR_LYMPHOCYTES),
        ("gaps", with_unknowns(server.protocol, FILE_WITH_GAPS)),
        ("no disease of the trial", WOMAN_OF_54 | {"diagnosis": "other"}),
        ("nothing answered", {}),
    ):
        visitor.opens(f"{server.check(answers)}/result")
        yield name
    open_folds(page)
    yield "result with its folds open"
    visitor.opens("/trials/NCT05086315/rules")
    yield "rules"
    open_folds(page)
    yield "rules with their folds open"
    visitor.opens("/nowhere")
    yield "not found"
    visitor.opens("/checks/expired/result")
    yield "expired"


def open_folds(page: Page) -> None:
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_every_page_is_accessible(server: Server, visit: Visit, axe: Axe, width: int) -> None:
    """Nothing that axe finds, no target below 24 px (WCAG 2.5.8), no id twice, no reference to nowhere."""
    visitor = visit(width)
    faults = {}
    for name in pages(visitor, server):
        twice, lost = visitor.page.evaluate(REFERENCES)
        small = visitor.page.evaluate(SMALL_TARGETS)
        found = [*axe(visitor.page), *(f"twice: {one}" for one in twice), *(f"lost: {one}" for one in lost), *small]
        if found:
            faults[name] = found
    assert faults == {}


def test_nothing_scrolls_sideways_on_a_narrow_phone(server: Server, visit: Visit) -> None:
    visitor = visit(NARROW)
    wide = {name: width for name in pages(visitor, server) if (width := overflow(visitor.page)) > NARROW}
    assert wide == {}


def overflow(page: Page) -> int:
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width


SMALL_TARGETS = """
[...document.querySelectorAll("button, summary, select, input:not([type=radio]):not([type=checkbox])")]
  .filter(thing => thing.tabIndex >= 0 && thing.checkVisibility() && !thing.closest(".app-default-button"))
  .filter(thing => { const box = thing.getBoundingClientRect(); return box.height < 24 || box.width < 24; })
  .map(thing => thing.outerHTML.slice(0, 120))
"""


REFERENCES = """() => {
  const ids = [...document.querySelectorAll("[id]")].map(one => one.id);
  const links = [...document.querySelectorAll("a[href^='#']")].map(one => one.getAttribute("href").slice(1));
  const named = ["for", "aria-describedby", "aria-labelledby"].flatMap(name =>
    [...document.querySelectorAll(`[${name}]`)].flatMap(one => one.getAttribute(name).split(" ")));
  const lost = [...links, ...named].filter(id => !ids.includes(id));
  return [ids.filter((id, at) => ids.indexOf(id) !== at), lost];
}"""


LATE_RELAPSE = LONG_QT | {"autoimmune_disease": "systemic_past", "autoimmune_last_active_date": "2024-05-03"}
AFTER_HSCT = LATE_RELAPSE | {
    "prior_hsct": True,
    "hsct_outcome": "relapsed",
    "hsct_to_relapse_months": 2,
    "immunosuppression": "stopped",
    "immunosuppression_stop_date": "2026-11-10",
    "gvhd": True,
}
UNDER_THERAPY = LATE_RELAPSE | {"other_malignancy": True, "other_malignancy_therapy": "active"}


@pytest.mark.parametrize(
    ("answers", "reasons"),
    [(LONG_QT, 1), (LATE_RELAPSE, 2), (AFTER_HSCT, 3), (UNDER_THERAPY, 3)],
    ids=["one reason", "two", "three", "three, and much that would change it"],
)
def test_a_result_of_up_to_three_long_reasons_prints_on_one_page_without_the_address(
    server: Server, visitor: Visitor, answers: dict[str, Any], reasons: int
) -> None:
    check = server.check(answers)
    visitor.opens(f"{check}/result")
    assert visitor.page.locator(".app-reasons__item").count() == reasons
    content = visitor.page.pdf(format="A4", print_background=True)
    assert content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") == 1
    visitor.page.emulate_media(media="print")
    printed = visitor.page.locator("body").inner_text()
    assert check.rsplit("/", 1)[1] not in printed
    assert "It supports a decision; it never makes one." in printed
    for words in ("Go on and find", "Change", "Delete", "Come back"):
        assert words not in printed


def test_forced_colours_keep_every_outcome_apart(server: Server, visit: Visit) -> None:
    visitor = visit(forced_colors="active")
    visitor.opens(f"{server.check(LONG_QT)}/result")
    words = set(visitor.page.locator(".app-outcome").all_inner_texts())
    assert {"Met", "Clear", "Excludes", "Does not apply"} <= words


def test_the_rules_show_every_criterion_cohort_and_reading(server: Server, visitor: Visitor) -> None:
    # Given a clinician who wants to know how it is put together
    visitor.opens("/trials/NCT05086315/rules")

    # Then each stands there
    protocol = server.protocol
    codes = [one.code for one in (*protocol.criteria, *protocol.cohorts)]
    for code in codes:
        assert visitor.page.locator(f"#rule-{code} .app-rule").count() >= 1
    for reading in protocol.readings:
        assert visitor.page.locator(f"#reading-{reading.code}").count() == 1

    # And every named rule opens, one by one or all at once
    fold = visitor.page.locator(
        "#rule-I2 details", has=visitor.page.get_by_text("Route (d): primary", exact=False)
    ).last
    assert not fold.locator(".app-rule__list").first.is_visible()
    visitor.page.get_by_role("button", name="Open every fold").click()
    assert fold.get_by_text("Induction cycles without response: at least 2 cycles").is_visible()
    assert visitor.page.locator("details:not([open])").count() == 0
