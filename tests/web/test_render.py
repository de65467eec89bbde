"""Rendering: filters, escaping, strictness, and every kind of question."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from jinja2 import DictLoader, UndefinedError

from app.calculators import CORTICOSTEROIDS, read_prednisone, read_qtcf
from app.web.render import Pages, long_date, moment, number

HOSTILE = "<script>alert('x')</script>&\""


@dataclass(frozen=True)
class View:
    key: str = "weight_kg"
    type: str = "number"
    label: str = "Body weight"
    why: str = "Why"
    hint: str = ""
    unit: str = ""
    options: list[tuple[str, str, str]] = field(default_factory=list)
    value: str | list[str] | dict[str, str] = ""
    not_known: bool = False
    error: str | None = None
    error_parts: frozenset[str] = frozenset()
    criteria: tuple[tuple[str, str], ...] = (("I5", "Weight"),)
    is_page_heading: bool = False
    alternative: View | None = None


@pytest.fixture(scope="module")
def pages() -> Pages:
    pages = Pages(strict=True)
    loader = pages.environment.loader
    loader.loaders.append(  # type: ignore[union-attr]
        DictLoader(
            {
                "question": '{% from "macros/fields.html" import question %}{{ question(q) }}',
                "wrapped": '{% from "macros/fields.html" import question %}{% call question(q) %}BELOW{% endcall %}',
                "summary": '{% import "macros/ui.html" as ui %}{{ ui.error_summary(qs, extra) }}',
                "tag": '{% import "macros/ui.html" as ui %}{{ ui.outcome_tag(kind, outcome) }}',
                "panel": '{% import "macros/ui.html" as ui %}{{ ui.verdict_panel(v, t, s) }}',
                "tree": '{% import "macros/ui.html" as ui %}{{ ui.rule_tree(node) }}',
                "qtcf": '{% import "macros/calculators.html" as c %}{{ c.qtcf(calc) }}',
                "prednisone": '{% import "macros/calculators.html" as c %}{{ c.prednisone(drugs, calc) }}',
            }
        )
    )
    return pages


QUESTIONS = [
    View("sex", "choice", options=[("f", HOSTILE, HOSTILE), ("m", "Male", "")], value="f"),
    View("hiv", "yes_no", value="no"),
    View("weight_kg", "number", unit="kg", value="71,5"),
    View("ecog", "integer", value="2"),
    View("prior", "many", options=[("dli", "DLI", HOSTILE)], value=["dli"]),
    View("born", "partial_date", value={"day": "", "month": "3", "year": "1962"}),
    View("stopped", "date", value={"day": "1", "month": "2", "year": "2026"}),
    View("born", "partial_date", alternative=View("age_years", unit="years", value="64")),
]


@pytest.mark.parametrize("q", QUESTIONS, ids=lambda q: q.type)
@pytest.mark.parametrize("heading", [False, True])
@pytest.mark.parametrize("error", [None, HOSTILE])
def test_every_question(pages: Pages, q: View, heading: bool, error: str | None) -> None:
    q = replace(q, label=HOSTILE, why=HOSTILE, hint=HOSTILE, error=error, is_page_heading=heading)
    html = pages.render("question", {"q": q})
    assert "<script" not in html
    assert html.count("<h1") == int(heading)
    assert "Not known" in html
    assert "Why we ask" in html
    assert ">I5<" in html
    assert ("govuk-error-message" in html) == bool(error)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'\b(?:for|aria-describedby)="([^"]+)"', html):
        assert set(target.split()) <= set(ids), target


@pytest.mark.parametrize("q", QUESTIONS, ids=lambda q: q.type)
def test_not_known_empties_the_answer(pages: Pages, q: View) -> None:
    html = pages.render("question", {"q": replace(q, not_known=True, alternative=None)})
    assert len(re.findall(r"\schecked\b", html)) == 1
    assert 'value="71,5"' not in html
    assert 'value="1962"' not in html


def test_names_that_are_posted(pages: Pages) -> None:
    names = {
        q.type: sorted(set(re.findall(r'\bname="([^"]+)"', pages.render("question", {"q": q})))) for q in QUESTIONS[:-1]
    }
    assert names == {
        "choice": ["sex"],
        "yes_no": ["hiv"],
        "number": ["weight_kg", "weight_kg-not_known"],
        "integer": ["ecog", "ecog-not_known"],
        "many": ["prior"],
        "partial_date": ["born-day", "born-month", "born-not_known", "born-year"],
        "date": ["stopped-day", "stopped-month", "stopped-not_known", "stopped-year"],
    }


def test_only_the_wrong_part_is_marked(pages: Pages) -> None:
    q = replace(QUESTIONS[6], error="Month", error_parts=frozenset({"month"}))
    marked = re.findall(r"<input[^>]*govuk-input--error[^>]*>", pages.render("question", {"q": q}))
    assert len(marked) == 1
    assert 'name="stopped-month"' in marked[0]
    assert 'aria-invalid="true"' in marked[0]
    assert 'href="#stopped-month"' in pages.render("summary", {"qs": [q], "extra": ()})


def test_summary_links_to_every_fault(pages: Pages) -> None:
    faulty = [
        replace(q, error="Wrong", alternative=q.alternative and replace(q.alternative, error="Too")) for q in QUESTIONS
    ]
    calc = read_qtcf({"ecg-1-qt": "9"})
    html = pages.render("summary", {"qs": faulty, "extra": calc.errors})
    rendered = "".join(pages.render("question", {"q": q}) for q in faulty)
    rendered += pages.render("qtcf", {"calc": calc})
    links = re.findall(r'href="#([^"]+)"', html)
    assert len(links) == len(faulty) + 1 + len(calc.errors)
    for link in links:
        assert f'id="{link}"' in rendered
    assert pages.render("summary", {"qs": QUESTIONS, "extra": ()}).strip() == ""


def test_call_block_stands_inside_the_question(pages: Pages) -> None:
    assert "BELOW" in pages.render("wrapped", {"q": QUESTIONS[2]})


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("inclusion", ["Met", "Not met", "Not known", "Does not apply"]),
        ("exclusion", ["Clear", "Excludes", "Not known", "Does not apply"]),
    ],
)
def test_outcomes_have_words_and_shapes(pages: Pages, kind: str, words: list[str]) -> None:
    tags = [
        pages.render("tag", {"kind": kind, "outcome": outcome})
        for outcome in ("pass", "fail", "unknown", "not_applicable")
    ]
    assert [re.sub(r"<[^>]+>", "", tag).strip() for tag in tags] == words
    assert len({"".join(re.findall(r"<svg.*?</svg>", tag, re.DOTALL)) for tag in tags}) == 4


def test_verdicts_have_words_and_shapes(pages: Pages) -> None:
    panels = [
        pages.render("panel", {"v": verdict, "t": "", "s": HOSTILE})
        for verdict in ("likely_eligible", "excluded", "undetermined")
    ]
    for panel, words in zip(panels, ("Likely eligible", "Excluded", "Cannot tell yet"), strict=True):
        assert words in panel
        assert "<script" not in panel
    assert len({"".join(re.findall(r"<svg.*?</svg>", panel, re.DOTALL)) for panel in panels}) == 3


@dataclass(frozen=True)
class Node:
    kind: str
    text: str = ""
    outcome: str | None = None
    children: tuple[Node, ...] = ()
    note: str = ""
    negated: bool = False
    value: str = ""


def test_rule_tree_nests(pages: Pages) -> None:
    leaf = Node("leaf", HOSTILE, "false", note=HOSTILE)
    named = Node("any", HOSTILE, None, (leaf, replace(leaf, negated=True)))
    html = pages.render("tree", {"node": Node("all", "", "unknown", (leaf, named), negated=True)})
    assert html.count("<details") == 1
    assert html.count("<ul") == html.count("</ul>") == 3
    for words in ("Not all of these", "at least one of these", "Not: "):
        assert words in html
    assert "<script" not in html


def test_calculators_show_their_working(pages: Pages) -> None:
    html = pages.render("qtcf", {"calc": read_qtcf({"ecg-1-qt": "400", "ecg-1-rate": "75"})})
    assert "430.9 ms" in html
    (button,) = re.findall(r"<button[^>]*>", html)
    assert 'name="calculate"' in button
    assert 'value="qtcf"' in button
    assert " open" not in pages.render("qtcf", {"calc": None}).split(">")[0]
    posted = {"steroid-1-drug": "dexamethasone", "steroid-1-mg": "1,5"}
    html = pages.render("prednisone", {"drugs": CORTICOSTEROIDS, "calc": read_prednisone(posted)})
    assert "10 mg per day" in html
    (button,) = re.findall(r"<button[^>]*>", html)
    assert 'name="calculate"' in button
    assert 'value="prednisone"' in button
    assert 'value="1,5"' in html


def test_error_page_holds_the_page(pages: Pages) -> None:
    html = pages.render("error.html", {"title": HOSTILE, "message": HOSTILE, "reference": "a1"})
    assert 'id="page"' in html
    assert "It supports a decision; it never makes one." in html
    assert "<script>" not in html


def test_strict_finds_our_own_slips_only(pages: Pages) -> None:
    with pytest.raises(UndefinedError, match="title"):
        pages.render("error.html", {"message": "x"})
    Pages().render("error.html", {"message": "x"})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2026, 11, 22), "22 November 2026"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2 January 2026"),
        ("2026-11-22", "22 November 2026"),
        ("2026-11", "November 2026"),
        ("2026", "2026"),
        (None, ""),
        ("", ""),
    ],
)
def test_long_date(value: object, text: str) -> None:
    assert long_date(value) == text


@pytest.mark.parametrize("value", ["2026-13", "2026-02-30", "22/11/2026", "26"])
def test_long_date_refuses(value: str) -> None:
    with pytest.raises(ValueError, match=r"not a date|month|day"):
        long_date(value)


def test_moment() -> None:
    when = datetime(2026, 11, 22, 14, 5, tzinfo=UTC)
    assert moment(when) == moment(when.replace(tzinfo=None)) == "22 November 2026, 14:05 UTC"
    assert moment(when, "Europe/Paris") == "22 November 2026, 15:05 CET"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12.0, "12"),
        (0.5, "0.5"),
        (100, "100"),
        (1e-05, "0.00001"),
        (Decimal("7.50"), "7.5"),
        (Fraction(25, 2), "12.5"),
        (None, ""),
    ],
)
def test_number(value: object, text: str) -> None:
    assert number(value) == text
