"""12. Slips: what is valid and yet probably not meant."""

import pytest
from authoring import EVERYBODY, Plain, choice, many, plain

from app.rules.check import warnings
from app.rules.codec import protocol_from_plain
from app.trials import read_trial

A: Plain = {"yes": "a"}
B: Plain = {"yes": "b"}
FACTS: dict[str, str | Plain] = {"a": "yes_no", "b": "yes_no"}


def slips(raw: Plain) -> list[tuple[str, str]]:
    return [(warning.place, warning.message) for warning in warnings(protocol_from_plain(raw))]


def test_the_built_in_trial_has_none() -> None:
    """Nothing in it is idle or odd."""
    assert list(warnings(read_trial()[1])) == []


def test_what_nothing_uses() -> None:
    """Facts that decide nothing, terms and readings that stand nowhere, sections without a question."""
    raw = plain(
        FACTS | {"c": "yes_no", "birth": "birth", "age": "age"},
        {"I1": A, "I2": {"reading": "X2"}},
        {"c": EVERYBODY | {"parts": {"p": {"term": "used"}}}},
        terms={"used": A, "idle": B},
        readings={"X1": "open", "X2": "open", "X3": "convention"},
        sections=("history", "empty"),
    )
    raw["questions"][2]["relevant"] = {"not": B}
    assert slips(raw) == [
        ("question b", "decides no criterion and no admission"),
        ("question c", "decides no criterion and no admission"),
        ("question birth", "decides no criterion and no admission"),
        ("question age", "decides no criterion and no admission"),
        ("reading X1", "stands in no rule"),
        ("term idle", "is used nowhere"),
        ("section empty", "has no question"),
    ]


def test_a_birth_date_serves_by_its_age() -> None:
    """Either of the two is enough for both."""
    assert slips(plain({"birth": "birth", "age": "age"}, {"I1": {"compare": ["age", "<", 18]}})) == []


@pytest.mark.parametrize(
    ("rule", "messages"),
    [
        ({"all": [A, A]}, ["all holds the same rule twice"]),
        ({"any": [B, A, B]}, ["any holds the same rule twice"]),
        ({"all": [A, B]}, []),
        ({"all": [A]}, ["all of a single rule"]),
        ({"any": [A]}, ["any of a single rule"]),
        ({"any": [A, {"not": A}]}, ["any holds a rule and its opposite"]),
        ({"all": [{"not": B}, A]}, []),
        ({"all": [A, {"all": [B, {"not": A}]}]}, ["all directly inside all"]),
        ({"all": [A, {"any": [B, {"not": A}]}]}, []),
        ({"not": {"not": A}}, ["not of not"]),
        ({"not": A}, []),
    ],
)
def test_rules_that_say_too_much(rule: Plain, messages: list[str]) -> None:
    """The same rule twice, a rule beside its opposite, nesting that changes nothing."""
    raw = plain(FACTS, {"I1": rule, "I2": B, "I3": A})
    assert slips(raw) == [("criterion I1", message) for message in messages]


@pytest.mark.parametrize(
    ("sign", "limit", "said"),
    [
        ("<", 0, "never"),
        ("<", 1, None),
        ("<", 9, None),
        ("<", 10, "always"),
        ("<=", -1, "never"),
        ("<=", 0, None),
        ("<=", 8, None),
        ("<=", 9, "always"),
        (">", -1, "always"),
        (">", 0, None),
        (">", 8, None),
        (">", 9, "never"),
        (">=", 0, "always"),
        (">=", 1, None),
        (">=", 9, None),
        (">=", 9.5, "never"),
    ],
)
@pytest.mark.parametrize("kind", ["integer", "number"])
def test_limits_that_no_answer_reaches(kind: str, sign: str, limit: float, said: str | None) -> None:
    """A comparison that every accepted value decides alike."""
    raw = plain({"n": {"type": kind, "min": 0, "max": 9}}, {"I1": {"compare": ["n", sign, limit]}})
    message = f"n {sign} {limit:g} is {said} true from 0 to 9"
    assert slips(raw) == ([("criterion I1", message)] if said else [])


def test_every_option_is_named() -> None:
    """A choice that is one of all its options says only that it was answered; a list may still be empty."""
    facts = {"site": choice("FR", "US"), "cells": many("dli")}
    rules = {
        "I1": {"is": {"site": ["US", "FR"]}},
        "I2": {"includes": {"cells": ["dli"]}},
        "I3": {"is": {"site": ["US"]}},
    }
    message = "every option of site is named: always true once it is answered"
    assert slips(plain(facts, rules)) == [("criterion I1", message)]


def test_every_rule_is_looked_over() -> None:
    """Conditions, terms, rules, scopes, admissions and parts, each with its place."""
    odd: Plain = {"all": [A]}
    raw = plain(
        FACTS,
        {"I1": {"rule": odd, "scope": {"term": "t"}}, "I2": B},
        {"c": {"admits": odd, "parts": {"p": odd}}},
        terms={"t": odd},
    )
    raw["questions"][1]["relevant"] = odd
    places = ["question b", "term t", "criterion I1", "cohort c", "cohort c"]
    assert slips(raw) == [(place, "all of a single rule") for place in places]
    raw["criteria"][0]["scope"] = odd
    assert [place for place, _ in slips(raw)].count("criterion I1") == 2
