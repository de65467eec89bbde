"""The hand-written reading of the criteria against the example participants, and its dates against the calendar."""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS / "bench"))  # the benchmarks are scripts, not a package

handwritten = import_module("handwritten")
population = import_module("population")

CASES: list[dict[str, Any]] = json.loads((TESTS / "cases" / "nct05086315.json").read_text("utf-8"))


def dates(case: dict[str, Any]) -> tuple[date, date | None, date | None]:
    as_of, consent, first_dose = (
        date.fromisoformat(case[key]) if key in case else None for key in ("as_of", "consent_date", "first_dose_date")
    )
    assert as_of
    return as_of, consent, first_dose


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_example(case: dict[str, Any]) -> None:
    expect = case["expect"]
    found = handwritten.outcomes(case["answers"], *dates(case), case.get("readings"))
    assert found["verdict"] == expect["verdict"], case["why"]
    assert sorted(found["fails"]) == sorted(expect["fails"]), case["why"]
    assert found["cohorts"] == expect["cohorts"], case["why"]
    unknown = {code for code, outcome in found["criteria"].items() if outcome == "unknown"}
    assert unknown >= set(expect["unknown_must_include"]), case["why"]
    if "depends_on" in expect:
        named = handwritten.depends_on(case["answers"], *dates(case), case.get("readings"))
        assert named == expect["depends_on"], case["why"]


def test_mds_origin_by_cohort_without_answers() -> None:
    found = handwritten.outcomes({}, date(2026, 11, 22))
    assert found["by_cohort"]["E15"] == {
        "adult-escalation": "not_applicable",
        "adult-expansion-aml": "unknown",
        "adult-expansion-mds": "unknown",
        "japan": "unknown",
        "pediatric-escalation": "not_applicable",
        "pediatric-expansion": "unknown",
    }
    assert found["criteria"]["E15"] == "unknown"


def test_open_reading_that_closes_the_japanese_part() -> None:
    answers = {"country": "JP", "age_years": 60, "diagnosis": "mds", "mds_origin": "therapy_related"}
    as_of = date(2026, 11, 22)
    assert "X19" in handwritten.depends_on(answers, as_of, readings={"X19": None})
    assert handwritten.outcomes(answers, as_of)["criteria"]["E15"] == "fail"
    assert handwritten.outcomes(answers, as_of, readings={"X19": False})["criteria"]["E15"] == "not_applicable"


def whole_years(born: date, on: date) -> int:
    """Completed years, counted birthday by birthday."""
    years = 0
    while birthday(born, born.year + years + 1) <= on:
        years += 1
    return years


def birthday(born: date, year: int) -> date:
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 2, 28)


def meant(partial: str, bound: date) -> list[date]:
    """Every day that a partial date may mean, by walking the calendar."""
    parts = [int(part) for part in partial.split("-")]
    day = date(*[*parts, 1, 1][:3])
    days = []
    while day <= bound and partial == day.isoformat()[: len(partial)]:
        days.append(day)
        day += timedelta(days=1)
    return days


def kleene(truths: set[bool]) -> bool | None:
    return truths.pop() if len(truths) == 1 else None


DAYS = [
    date(2026, 11, 22),
    date(2028, 2, 29),
    date(2027, 2, 28),
    date(2027, 3, 1),
    date(2028, 3, 31),
    date(2024, 1, 1),
]


@pytest.mark.parametrize("on", DAYS, ids=str)
def test_windows_hold_for_every_day_of_a_partial_date(on: date) -> None:
    for year in range(on.year - 6, on.year + 1):
        months = [f"{year}-{month:02}" for month in range(1, 13)]
        near = {years_before(on, n) + timedelta(days=d) for n in (0, 3, 5) for d in range(-40, 41)}
        for partial in [str(year), *months, *(day.isoformat() for day in near)]:
            days = meant(partial, on)
            if not days:
                continue
            for years in (3, 5):
                inside = kleene({day > years_before(on, years) for day in days})
                assert handwritten.within(partial, years, on, on) is inside, (partial, years)
            free = kleene({(on - day).days >= 28 for day in days})
            assert handwritten.stopped_in_time(partial, on, on) is free, partial


@pytest.mark.parametrize("on", DAYS, ids=str)
def test_age_at_consent(on: date) -> None:
    for born in (
        "2008",
        "2010",
        "2026",
        "2024-02",
        "2025-11",
        "2008-02-29",
        "2026-11-22",
        "2008-11-23",
        "1951-11-22",
    ):
        days = meant(born, on)
        if not days:
            continue
        ages = {whole_years(day, on) for day in (days[0], days[-1])}
        adult = {age >= 18 for age in ages}
        found = handwritten.outcomes({"birth_date": born, "inherited_marrow_failure": True}, on)["criteria"]["E14"]
        assert found == {True: "not_applicable", False: "fail", None: "unknown"}[kleene(adult)]
        old_enough = {age >= 2 for age in ages}
        found = handwritten.outcomes({"birth_date": born, "country": "FR"}, on)["criteria"]["I1"]
        assert found == {True: "pass", False: "fail", None: "unknown"}[kleene(old_enough)]


def test_car_t_after_which_neither_course_can_qualify() -> None:
    """Relapse or none, unknown which: two months are too short for the one, and X14 excludes the other."""
    answers = {"diagnosis": "b_all", "prior_cellular_therapy": ["car_t"], "car_t_to_relapse_months": 2}
    as_of = date(2026, 11, 22)
    assert handwritten.outcomes(answers, as_of)["criteria"]["E7"] == "fail"
    assert handwritten.outcomes(answers, as_of, readings={"X14": None})["criteria"]["E7"] == "unknown"
    after_hsct = {"prior_hsct": True, "hsct_to_relapse_months": 2}  # may have been for another disease
    assert handwritten.outcomes(after_hsct, as_of)["criteria"]["E7"] == "unknown"


def test_population_is_reproducible_and_varied() -> None:
    people = list(population.participants(2000, 7, 0.0))
    assert people[:500] == list(population.participants(500, 7, 0.0))
    assert people[:500] != list(population.participants(500, 8, 0.0))
    verdicts = [handwritten.outcomes(answers, population.AS_OF)["verdict"] for answers in people]
    assert verdicts.count("likely_eligible") >= 0.15 * len(people)
    assert 0.4 <= verdicts.count("excluded") / len(people) <= 0.6
    for fact, values in {
        "country": {"US", "FR", "AU", "CN", "NL", "JP", "other"},
        "diagnosis": {"aml", "apl", "mds", "b_all", "bpdcn", "jmml", "other"},
    }.items():
        assert {answers[fact] for answers in people} == values
    assert {len(answers.get("birth_date", "")) for answers in people} == {0, 4, 7, 10}


@pytest.mark.parametrize("peer", ["zen", "json_logic"])
def test_published_engines_agree(peer: str) -> None:
    pytest.importorskip("zen")
    pytest.importorskip("json_logic")
    peers = import_module("peers")

    people = list(population.participants(300, 11, 0.2))
    assert peers.mismatches(peers.PEERS[peer], people) == []
    every_open = dict.fromkeys(handwritten.READINGS)
    assert peers.mismatches(peers.PEERS[peer], people, every_open) == []
