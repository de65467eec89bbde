"""11. The plain form: how protocols are written, and the hash of their content."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from authoring import EVERYBODY, Plain, options, plain

from app.rules import codec
from app.rules.codec import content_hash, protocol_from_plain, protocol_to_plain, rule_from_plain, rule_to_plain
from app.rules.protocol import InvalidProtocol, Protocol
from app.rules.tree import (
    All,
    Always,
    AnyOf,
    Compare,
    Elapsed,
    ExceedsAge,
    Includes,
    InPart,
    IsOneOf,
    IsYes,
    Not,
    ReadingHolds,
    Rule,
    Term,
)
from app.trials import BUILT_IN, read_trial, trial_from_plain

A: Plain = {"yes": "a"}


@pytest.mark.parametrize(
    ("form", "rule"),
    [
        ({"always": True}, Always(True)),
        ({"always": False}, Always(False)),
        ({"all": [A, A]}, All((IsYes("a"), IsYes("a")))),
        ({"any": [A]}, AnyOf((IsYes("a"),))),
        ({"not": A}, Not(IsYes("a"))),
        ({"yes": "a"}, IsYes("a")),
        ({"is": {"site": ["FR", "US"]}}, IsOneOf("site", ("FR", "US"))),
        ({"includes": {"cells": ["dli"]}}, Includes("cells", ("dli",))),
        ({"compare": ["weight", ">=", 10]}, Compare("weight", ">=", 10)),
        ({"compare": ["weight", "<", 9.5]}, Compare("weight", "<", 9.5)),
        ({"elapsed": ["stop", "<", 5, "years", "as_of"]}, Elapsed("stop", "<", 5, "years", "as_of")),
        ({"exceeds_age": ["stay", "months", "age"]}, ExceedsAge("stay", "months", "age")),
        ({"reading": "X1"}, ReadingHolds("X1")),
        ({"part": "expansion"}, InPart("expansion")),
        ({"term": "adult"}, Term("adult")),
    ],
)
def test_the_form_of_each_rule(form: Plain, rule: Rule) -> None:
    """A rule is a mapping with one key, its kind."""
    assert rule_from_plain(form) == rule
    assert rule_to_plain(rule) == form


def test_numbers_are_written_as_people_do() -> None:
    """A limit of 10.0 is 10, in the rule and in the hash."""
    assert repr(rule_from_plain({"compare": ["w", "<", 10.0]}).limit) == "10"
    assert json.dumps(rule_to_plain(Compare("w", "<", 10.0))) == '{"compare": ["w", "<", 10]}'


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        *[
            (form, "rule: a rule is a mapping with one key, its kind")
            for form in (None, [], "yes", {}, {"yes": "a", "no": "b"})
        ],
        (
            {"no": "a"},
            "rule: no kind of rule 'no'; there are always, all, any, not, yes, is, includes, compare, elapsed, "
            "exceeds_age, reading, part, term",
        ),
        ({True: "a"}, "rule: no kind of rule True; there are"),
        ({"always": "yes"}, "rule.always: takes true or false"),
        ({"all": A}, "rule.all: takes a list of rules"),
        ({"any": "a"}, "rule.any: takes a list of rules"),
        ({"any": [A, 1]}, "rule.any[2]: a rule is a mapping with one key, its kind"),
        ({"not": [A]}, "rule.not: a rule is a mapping"),
        *[({kind: 1}, f"rule.{kind}: takes a name") for kind in ("yes", "reading", "part", "term")],
        *[
            ({kind: form}, f"rule.{kind}: takes {{fact: [option, ...]}}")
            for kind in ("is", "includes")
            for form in ("site", {}, {"site": "FR"}, {"site": [1]}, {"site": ["FR"], "b": []}, {1: ["FR"]})
        ],
        *[
            ({"compare": form}, "rule.compare: takes [fact, < <= > or >=, number]")
            for form in (
                "a",
                ["a", "<"],
                ["a", "=", 1],
                [1, "<", 1],
                ["a", "<", "1"],
                ["a", "<", True],
                ["a", "<", float("nan")],
                ["a", "<", float("inf")],
                ["a", "<", 10**400],
                ["a", "<", 1, 2],
            )
        ],
        *[
            ({"elapsed": form}, "rule.elapsed: takes [fact, < or >=, whole number, unit, anchor date]")
            for form in (
                "a",
                ["a", "<", 5, "years"],
                ["a", "<", 5.0, "years", "as_of"],
                ["a", "<", True, "years", "as_of"],
                [1, "<", 5, "years", "as_of"],
                ["a", 1, 5, "years", "as_of"],
                ["a", "<", 5, 1, "as_of"],
                ["a", "<", 5, "years", None],
            )
        ],
    ],
)
def test_a_form_that_is_none(form: object, fault: str) -> None:
    """Whatever is written otherwise is refused, with its place."""
    with pytest.raises(InvalidProtocol) as refusal:
        rule_from_plain(form)
    assert refusal.value.faults[0].startswith(fault)


def test_forms_are_nested_thirty_deep_at_most() -> None:
    """Deeper ones are not even read."""
    form: Plain = A
    for _ in range(30):
        form = {"not": form}
    assert rule_to_plain(rule_from_plain(form)) == form
    with pytest.raises(InvalidProtocol, match=r"^rule(\.not){31}: is nested deeper than 30$"):
        rule_from_plain({"not": form})
    with pytest.raises(InvalidProtocol, match=r"^rule\.all\[1\](\.not){30}: is nested deeper than 30$"):
        rule_from_plain({"all": [form]})
    endless: Plain = {}
    endless["not"] = endless
    with pytest.raises(InvalidProtocol, match="nested deeper"):
        rule_from_plain(endless)


# QUESTIONS AND PROTOCOLS

TYPES: list[Plain] = [
    {"type": "yes_no"},
    {"type": "choice", "options": [*options("FR"), {"value": "US", "label": "States", "hint": "Of America."}]},
    {"type": "many", "options": options("dli")},
    {"type": "integer", "min": 0, "max": 9, "step": 3, "unit": "cycles"},
    {"type": "number", "min": 0.5, "max": 9, "unit": "kg"},
    {"type": "date", "partial": False, "not_after": "as_of"},
    {"type": "date", "partial": True},
]


def whole() -> Plain:
    """A protocol with everything, as it is written back."""
    facts: dict[str, str | Plain] = {f"q{n}": type_ for n, type_ in enumerate(TYPES)}
    raw = plain(
        {
            **facts,
            "birth": {"type": "date", "partial": True, "not_after": "consent_date", "alternative": "age"},
            "age": {"type": "age", "min": 0, "max": 120, "birth_date": "birth", "unit": "years"},
        },
        {
            "I1": {"rule": {"yes": "q0"}, "group": "disease", "scope": {"term": "t"}, "readings": ["X1"]},
            "E1": {"rule": {"part": "p"}},
        },
        {
            "c": EVERYBODY | {"parts": {"p": {"always": True}, "q": {"reading": "X2"}}, "readings": ["X1"]},
            "d": {"admits": {"yes": "q0"}, "parts": {}},
        },
        terms={"t": {"yes": "q0"}},
        readings={"X1": "convention", "X2": "assumed no"},
        groups=("disease",),
    )
    raw["questions"][0]["hint"] = "Look twice."
    raw["questions"][1]["relevant"] = {"yes": "q0"}
    return deepcopy(raw)


def test_a_protocol_is_written_back_as_it_was_read() -> None:
    """Everything that was written is there again, and nothing else."""
    assert protocol_to_plain(protocol_from_plain(whole())) == whole()


def test_what_may_be_left_out() -> None:
    """Hints, units, scopes, groups, shown readings and parts are absent where they are empty; a step is 1, a date
    may be partial, an age is in years.
    """
    raw = plain(
        {
            "n": {"type": "integer", "min": 0, "max": 9},
            "x": {"type": "number", "min": 0, "max": 9},
            "birth": {"type": "date", "alternative": "age"},
            "age": {"type": "age", "min": 0, "max": 120, "birth_date": "birth"},
        },
        {"I1": {"compare": ["n", "<", 3]}},
    )
    for name in ("terms", "readings", "groups"):
        del raw[name]
    protocol = protocol_from_plain(raw)
    number, decimal, birth, age = (question.type for question in protocol.questions)
    assert (number.step, number.unit, birth.partial, birth.not_after, age.unit) == (1, "", True, None, "years")
    assert decimal.unit == ""
    assert protocol.questions[0].hint == ""
    assert protocol_from_plain(whole()).questions[1].type.options[0].hint == ""
    written = protocol_to_plain(protocol)
    assert set(written["questions"][0]) == {
        "key",
        "section",
        "type",
        "min",
        "max",
        "step",
        "text",
        "label",
        "why",
        "can_change",
    }
    assert set(written["criteria"][0]) == {"code", "kind", "title", "statement", "place", "rule"}
    assert set(written["cohorts"][0]) == {"code", "title", "admits", "parts"}


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        ((), None, "protocol: takes a mapping"),
        (("sections",), {}, "protocol.sections: takes a list"),
        (("sections", 0), "s", "protocol.sections[1]: takes a mapping"),
        (("sections", 0, "title"), 1, "protocol.sections[1].title: takes a text"),
        (("sections", 0, "colour"), "red", "protocol.sections[1]: unknown field colour"),
        (("version",), 2, "protocol: unknown field version"),
        (("sections", 0), {"key": "s", "title": "S", "b": 1, "a": 2}, "protocol.sections[1]: unknown field b, a"),
        (("nct_id",), None, "protocol.nct_id: takes a text"),
        (("questions", 0, "type"), "text", "protocol.questions[1]: no type 'text'"),
        (("questions", 0, "min"), 3, "protocol.questions[1]: unknown field min"),
        (("questions", 0, "hint"), 3, "protocol.questions[1].hint: takes a text"),
        (("questions", 0, "can_change"), "never", "protocol.questions[1].can_change: takes one of fixed, repeat, time"),
        (("questions", 1, "options"), "FR", "protocol.questions[2].options: takes a list"),
        (("questions", 1, "options", 0, "hint"), 1, "protocol.questions[2].options[1].hint: takes a text"),
        (("questions", 1, "relevant"), "q0", "protocol.questions[2].relevant: a rule is a mapping"),
        (("questions", 3, "min"), 0.5, "protocol.questions[4].min: takes a whole number"),
        (("questions", 3, "max"), True, "protocol.questions[4].max: takes a whole number"),
        (("questions", 3, "step"), "1", "protocol.questions[4].step: takes a whole number"),
        (("questions", 3, "unit"), 1, "protocol.questions[4].unit: takes a text"),
        (("questions", 4, "min"), "0", "protocol.questions[5].min: takes a number"),
        (("questions", 4, "min"), float("inf"), "protocol.questions[5].min: takes a number"),
        (("questions", 4, "max"), True, "protocol.questions[5].max: takes a number"),
        (("questions", 5, "partial"), "no", "protocol.questions[6].partial: takes true or false"),
        (("questions", 5, "not_after"), 1, "protocol.questions[6].not_after: takes a text"),
        (("questions", 7, "alternative"), 1, "protocol.questions[8].alternative: takes a text"),
        (("questions", 8, "birth_date"), 1, "protocol.questions[9].birth_date: takes a text"),
        (("questions", 8, "unit"), 1, "protocol.questions[9].unit: takes a text"),
        (("terms", 0, "rule"), None, "protocol.terms[1].rule: a rule is a mapping"),
        (
            ("readings", 0, "status"),
            "yes",
            "protocol.readings[1].status: takes one of convention, assumed yes, assumed no, open",
        ),
        (("criteria", 0, "kind"), [], "protocol.criteria[1].kind: takes one of inclusion, exclusion, review"),
        (("criteria", 0, "group"), 1, "protocol.criteria[1].group: takes a text"),
        (("criteria", 0, "scope"), None, "protocol.criteria[1].scope: a rule is a mapping"),
        (("criteria", 0, "readings"), "X1", "protocol.criteria[1].readings: takes a list"),
        (("criteria", 0, "readings"), [1], "protocol.criteria[1].readings: takes a name"),
        (("cohorts", 0, "parts"), [], "protocol.cohorts[1].parts: takes a mapping of rules"),
        (("cohorts", 0, "parts"), {1: A, "a": A}, "protocol.cohorts[1].parts: takes a name"),
        (("cohorts", 0, "parts"), {"p": 1}, "protocol.cohorts[1].parts: a rule is a mapping"),
    ],
)
def test_a_protocol_that_is_written_wrongly(place: tuple[Any, ...], value: object, fault: str) -> None:
    """An unknown or a missing field, or one of the wrong kind, is refused with its place."""
    raw: Any = {"all": whole()}
    spot, steps = raw, ("all", *place)
    for step in steps[:-1]:
        spot = spot[step]
    spot[steps[-1]] = value
    with pytest.raises(InvalidProtocol) as refusal:
        protocol_from_plain(raw["all"])
    assert [found[: len(fault)] for found in refusal.value.faults] == [fault]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (("nct_id",), "protocol: lacks nct_id"),
        (("sections", 0, "key"), "protocol.sections[1]: lacks key"),
        (("questions", 0, "type"), "protocol.questions[1]: lacks type"),
        (("questions", 0, "can_change"), "protocol.questions[1]: lacks can_change"),
        (("questions", 1, "options", 0, "value"), "protocol.questions[2].options[1]: lacks value"),
        (("questions", 3, "min"), "protocol.questions[4]: lacks min"),
        (("questions", 4, "max"), "protocol.questions[5]: lacks max"),
        (("questions", 8, "birth_date"), "protocol.questions[9]: lacks birth_date"),
        (("readings", 0, "status"), "protocol.readings[1]: lacks status"),
        (("criteria", 0, "rule"), "protocol.criteria[1]: lacks rule"),
        (("cohorts", 0, "admits"), "protocol.cohorts[1]: lacks admits"),
    ],
)
def test_a_protocol_that_lacks_something(place: tuple[Any, ...], name: str) -> None:
    """Named with its place too."""
    raw = whole()
    spot: Any = raw
    for step in place[:-1]:
        spot = spot[step]
    del spot[place[-1]]
    with pytest.raises(InvalidProtocol) as refusal:
        protocol_from_plain(raw)
    assert refusal.value.faults == [name]


# THE HASH


def test_the_hash_is_that_of_the_content() -> None:
    """It is the SHA-256 of the content as compact JSON with sorted keys, so the order of fields makes no difference."""
    protocol = protocol_from_plain(whole())
    turned = protocol_from_plain(dict(reversed(whole().items())))
    assert content_hash(protocol) == content_hash(turned)
    assert len(content_hash(protocol)) == 64
    other = whole()
    other["criteria"][0]["title"] = "Another"
    assert content_hash(protocol_from_plain(other)) != content_hash(protocol)
    assert codec.canonical_json({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"\\u00e9"]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        codec.canonical_json(float("nan"))


def test_the_hash_of_the_built_in_trial_is_the_one_of_its_file() -> None:
    """Reading the file twice gives one hash."""
    (_, one), (_, other) = read_trial(), read_trial()
    assert isinstance(one, Protocol)
    assert content_hash(one) == content_hash(other)


# THE FILE


def test_a_file_says_no_key_twice(tmp_path: Path) -> None:
    """A second rule under the same name would silently replace the first: it is refused."""
    text = BUILT_IN.read_text("utf-8")
    twice = text.replace("      rule: {compare: [prednisone_mg_per_day, '>', 10]}", "      rule: {always: true}\n" * 2)
    assert twice != text
    path = tmp_path / "twice.yaml"
    path.write_text(twice, encoding="utf-8")
    with pytest.raises(InvalidProtocol, match=r"rule.*twice|duplicate"):
        read_trial(path)


@pytest.mark.parametrize(
    "text", ["", "a: [", "\x00", "- a", "trial: {}", "protocol: 1\ntrial: 2\nmore: 3", "? [a]\n: b"]
)
def test_a_file_that_is_none(tmp_path: Path, text: str) -> None:
    """Malformed YAML, and YAML that is something else, are refused in the same way."""
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidProtocol):
        read_trial(path)


def test_a_trial_matches_its_protocol() -> None:
    """The registry's number is the same in both halves of a file."""
    raw = {"trial": {"nct_id": "NCT1"}, "protocol": whole()}
    with pytest.raises(InvalidProtocol, match=r"^trial: "):
        trial_from_plain(raw)
