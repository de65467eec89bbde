"""Writes small protocols in few words, so that a paragraph of the manual can show one.

    write(facts={"fever": "yes_no"}, criteria={"E1": {"yes": "fever"}})

A criterion's code says its kind: I inclusion, E exclusion, R review. What a paragraph is not about
is filled in.
"""

from datetime import date
from typing import Any

from app.rules.codec import protocol_from_plain
from app.rules.protocol import Protocol

Plain = dict[str, Any]
TODAY = date(2026, 11, 22)
KINDS = {"I": "inclusion", "E": "exclusion", "R": "review"}
EVERYBODY: Plain = {"admits": {"always": True}}

SHORT: dict[str, Plain] = {
    "yes_no": {"type": "yes_no"},
    "count": {"type": "integer", "min": 0, "max": 100},
    "tens": {"type": "integer", "min": 0, "max": 100, "step": 10, "unit": "%"},
    "weight": {"type": "number", "min": 0.5, "max": 400, "unit": "kg"},
    "date": {"type": "date", "not_after": "as_of"},
    "exact date": {"type": "date", "partial": False},
    "birth": {"type": "date", "not_after": "consent_date", "alternative": "age", "can_change": "time"},
    "age": {"type": "age", "min": 0, "max": 120, "birth_date": "birth", "unit": "years", "can_change": "time"},
}


def options(*values: str) -> list[Plain]:
    return [{"value": value, "label": value.replace("_", " ").capitalize()} for value in values]


def choice(*values: str) -> Plain:
    return {"type": "choice", "options": options(*values)}


def many(*values: str) -> Plain:
    return {"type": "many", "options": options(*values)}


def plain(
    facts: dict[str, str | Plain],
    criteria: dict[str, Plain],
    cohorts: dict[str, Plain] | None = None,
    terms: dict[str, Plain] | None = None,
    readings: dict[str, str] | None = None,
    groups: tuple[str, ...] = (),
    sections: tuple[str, ...] = ("history",),
) -> Plain:
    """The plain form of a protocol."""
    return {
        "nct_id": "NCT00000000",
        "sections": [{"key": key, "title": key.capitalize()} for key in sections],
        "questions": [question(key, fact, sections[0]) for key, fact in facts.items()],
        "terms": [{"name": name, "title": name.capitalize(), "rule": rule} for name, rule in (terms or {}).items()],
        "readings": [
            {"code": code, "statement": f"The record means {code}.", "status": status}
            for code, status in (readings or {}).items()
        ],
        "groups": [{"code": group, "title": group.capitalize()} for group in groups],
        "criteria": [criterion(code, rule) for code, rule in criteria.items()],
        "cohorts": [
            {"code": code, "title": f"Cohort {code}", **cohort}
            for code, cohort in (cohorts or {"everybody": EVERYBODY}).items()
        ],
    }


def question(key: str, fact: str | Plain, section: str = "history") -> Plain:
    words = {"text": f"What is {key}?", "label": key.replace("_", " ").capitalize(), "why": "It counts."}
    given = SHORT[fact] if isinstance(fact, str) else fact
    return {"key": key, "section": section, "can_change": "repeat", **words, **given}


def criterion(code: str, given: Plain) -> Plain:
    words = {
        "kind": KINDS[code[0]],
        "title": f"Criterion {code}",
        "statement": f"Says {code}.",
        "place": f"Place {code}",
    }
    return {"code": code, **words, **(given if "rule" in given else {"rule": given})}


def write(*args: Any, **kwargs: Any) -> Protocol:
    """The protocol itself."""
    return protocol_from_plain(plain(*args, **kwargs))


def body(answers: Plain, as_of: date | str = TODAY, **more: Any) -> Plain:
    """A request with these answers."""
    return {"answers": answers, "as_of": str(as_of), **more}


def table(text: str) -> list[list[str]]:
    """The rows of an ASCII table, the heading left out: cells between bars, words as they stand."""
    rows = [[cell.strip() for cell in line.strip().split("|")] for line in text.strip().splitlines()]
    return [row for row in rows[1:] if not set("".join(row)) <= set("-+")]


WORDS: dict[str, bool | None] = {"yes": True, "no": False, "?": None}
TRUTHS = {"pass": "yes", "fail": "no", "unknown": "?"}


def holds(engine: Any, rule: Plain, facts: dict[str, str | Plain], answers: Plain, **more: Any) -> str:
    """Whether a rule holds on some answers: yes, no or ?. It is asked as an inclusion criterion."""
    known = {name: more.pop(name) for name in ("terms", "readings") if name in more}
    protocol = write(facts, {"I1": rule}, **known)
    return TRUTHS[engine(protocol, body(answers, **more), TODAY).outcomes["I1"]]
