"""The example participants, and the malformed ones, through the reference engine."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.rules.participant import InvalidParticipant, read_participant
from app.rules.protocol import ADMISSION
from app.rules.verdict import Verdict, evaluate
from app.trials import read_trial


def read(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((Path(__file__).parent / "cases" / name).read_text("utf-8"))
    return cases


CASES = read("nct05086315.json") + read("nct05086315-more.json")
BAD = read("nct05086315-bad.json")
TODAY = date(2026, 11, 22)
FIELDS = ("answers", "as_of", "consent_date", "first_dose_date", "readings")
_, PROTOCOL = read_trial()


def body(case: dict[str, Any]) -> dict[str, Any]:
    return {name: case[name] for name in FIELDS if name in case}


def fails(verdict: Verdict) -> set[str]:
    """What fails: the criteria, and a group without a failing route."""
    reasons = {code for cohort in verdict.cohorts for code in cohort.reasons} - {ADMISSION}
    groups = {group for group, outcome in verdict.groups.items() if outcome == "fail"} & reasons
    return {result.criterion.code for result in verdict.results if result.outcome == "fail"} | groups


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_example(case: dict[str, Any]) -> None:
    verdict = evaluate(PROTOCOL, read_participant(PROTOCOL, body(case), TODAY))
    expect = case["expect"]
    assert verdict.decision == expect["verdict"], case["why"]
    assert fails(verdict) == set(expect["fails"]), case["why"]
    assert {c.cohort.code: c.verdict for c in verdict.cohorts} == expect["cohorts"], case["why"]
    unknown = {result.criterion.code for result in verdict.results if result.outcome == "unknown"}
    assert unknown >= set(expect["unknown_must_include"]), case["why"]
    if "depends_on" in expect:
        assert list(verdict.depends_on) == expect["depends_on"], case["why"]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case["id"])
def test_malformed_example(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidParticipant) as refusal:
        read_participant(PROTOCOL, body(case), TODAY)
    assert [complaint.fact for complaint in refusal.value.complaints] == [case["error_fact"]], case["title"]


def test_there_are_examples_of_everything() -> None:
    """Each verdict, and no cohort that excludes everybody."""
    assert {case["expect"]["verdict"] for case in CASES} == {"likely_eligible", "excluded", "undetermined"}
    cohorts = {code for case in CASES for code, verdict in case["expect"]["cohorts"].items() if verdict != "excluded"}
    assert cohorts == {cohort.code for cohort in PROTOCOL.cohorts}
