"""The sentences about the rules: what a coordinator reads of the built-in trial, and what they never hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.rules import explain
from app.rules.codec import protocol_from_plain, protocol_to_plain, rule_from_plain
from app.rules.evaluate import Context
from app.rules.facts import Choice, Many
from app.rules.finding import Finding
from app.rules.participant import read_participant
from app.rules.protocol import Protocol
from app.rules.verdict import Evaluator, Verdict, evaluate
from app.trials import read_trial

TESTS = Path(__file__).resolve().parents[1]
CASES: list[dict[str, Any]] = [
    case
    for name in ("nct05086315.json", "nct05086315-more.json")
    for case in json.loads((TESTS / "cases" / name).read_text("utf-8"))
]
BY_ID = {case["id"]: case for case in CASES}
TODAY = date(2026, 11, 22)
_, PROTOCOL = read_trial()


def judged(case: dict[str, Any], protocol: Protocol = PROTOCOL) -> Verdict:
    body = {name: case[name] for name in ("answers", "as_of", "first_dose_date", "readings") if name in case}
    return evaluate(protocol, read_participant(protocol, body, TODAY))


def sentence(code: str, answers: dict[str, Any], **more: Any) -> str:
    """The reason of one criterion on some answers."""
    verdict = judged({"answers": answers, "as_of": "2026-11-22", **more})
    return explain.result_reason(next(result for result in verdict.results if result.criterion.code == code))


def sentences(verdict: Verdict) -> Iterator[str]:
    yield explain.summary(verdict)
    for result in verdict.results:
        yield explain.result_reason(result)
        yield from (explain.reason(finding) for finding in result.findings.values())
    yield from (explain.reason(cohort.admission) for cohort in verdict.cohorts)


# WHAT EVERY SENTENCE KEEPS TO

OPTION_CODES = {
    option.value
    for question in PROTOCOL.questions
    if isinstance(question.type, Choice | Many)
    for option in question.type.options
    if "_" in option.value
} | {question.key for question in PROTOCOL.questions if "_" in question.key}


def assert_well_formed(text: str) -> None:
    assert text.endswith("."), text
    assert text[0].isupper() or text[0].isdigit(), text
    assert not re.search(r"\s\s|\.\.|\. \.|None|\(\)|\( | \)|;\s*;|: ;|\x00|True|False| ,| \.|^\.| $|\n", text), text
    assert text.count("(") == text.count(")"), text
    assert not {word for word in re.findall(r"[A-Za-z0-9_]+", text) if word in OPTION_CODES}, text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_sentences_of_the_examples(case: dict[str, Any]) -> None:
    for text in sentences(judged(case)):
        assert_well_formed(text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_every_failure_names_its_values_and_limits(case: dict[str, Any]) -> None:
    """What the failure rests on stands in its sentence: the label and the value of every fact that is cited."""
    verdict = judged(case)
    findings = [finding for result in verdict.results for finding in result.findings.values()]
    for finding in [*findings, *(cohort.admission for cohort in verdict.cohorts)]:
        if finding.outcome in ("fail", "not_applicable"):
            text = explain.reason(finding)
            for fact, value in finding.facts.items():
                question = PROTOCOL.question_by_key[fact]
                if fact == "birth_date":
                    assert f"born {explain.value_words(question, value)}" in text
                else:
                    assert f"{question.label}: {explain.value_words(question, value)}" in text
            for reading in finding.readings:
                assert f"reading {reading} taken as " in text


# GOLDEN SENTENCES


@pytest.mark.parametrize(
    ("code", "answers", "text"),
    [
        ("I1", {"age_years": 0.9}, "Age at consent: 0.9 years (under 1 year)."),
        (
            "I1",
            {"birth_date": "2024-12-01", "country": "FR"},
            "Age at consent: 1 year, born 1 December 2024 (under 2 years); Country of the site: France.",
        ),
        ("I5", {"weight_kg": 9.99}, "Body weight: 9.99 kg (below 10 kg)."),
        ("I5", {"weight_kg": 10}, "Body weight: 10 kg (at least 10 kg)."),
        ("I5", {}, "Not known: Body weight."),
        (
            "E1",
            {"age_years": 16, "karnofsky": 40},
            "Age at consent: 16 years (at least 16 and under 18 years); Karnofsky score: 40% (below 50%).",
        ),
        (
            "E1",
            {"birth_date": "2008", "ecog": 1},
            "Not known: Karnofsky score. Not exact enough to decide: Date of birth (2008). Known so far: "
            "ECOG performance status: 1 (at most 2); Age at consent: 17 or 18 years, born 2008 (at least 16 years).",
        ),
        (
            "E2",
            {"autoimmune_disease": "systemic_past", "autoimmune_last_active_date": "2022-03"},
            "Autoimmune disease: Yes, with systemic immunosuppression, in the past; Autoimmune disease last active: "
            "March 2022 (less than 5 years before the day of this evaluation on 22 November 2026).",
        ),
        (
            "E3",
            {
                "other_malignancy": True,
                "other_malignancy_therapy": "completed",
                "other_malignancy_therapy_end_date": "2015",
            },
            "Therapy of the other malignancy: Active therapy, ended; End of therapy of the other malignancy: 2015 "
            "(at least 3 years before the first dose on 22 November 2026).",
        ),
        (
            "E4",
            {"cns_status": "cns2", "age_years": 47},
            "CNS status: CNS2; Age at consent: 47 years (at least 18 years); reading X5 taken as yes.",
        ),
        ("E5", {"hepatitis_b_active": True}, "Active hepatitis B: yes."),
        (
            "E7",
            {"prior_hsct": True, "immunosuppression": "stopped", "immunosuppression_stop_date": "2026-10-26"},
            "Earlier HSCT: yes; Immunosuppression since HSCT or CAR-T: Stopped; End of immunosuppression: "
            "26 October 2026 (less than 28 days before the first dose on 22 November 2026).",
        ),
        ("E8", {"prednisone_mg_per_day": 12.5}, "Corticosteroid as prednisone: 12.5 mg/day (above 10 mg/day)."),
        (
            "E9",
            {"diagnosis": "aml", "prior_cellular_therapy": ["dli"]},
            "Reading X17 is open: A donor lymphocyte infusion counts as cellular therapy. Known so far: Diagnosis: "
            "Acute myeloid leukemia (AML); Earlier cellular therapy: Donor lymphocyte infusion (DLI).",
        ),
        ("E9", {"prior_cellular_therapy": []}, "Earlier cellular therapy: none."),
        ("E11", {"sex": "male"}, "Does not apply. Sex: Male."),
        ("E13", {"qtcf_ms": 470.1}, "QTcF: 470.1 ms (above 470 ms)."),
        ("E14", {"age_years": 18}, "Does not apply. Age at consent: 18 years (at least 18 years)."),
        ("E16", {"diagnosis": "apl"}, "Diagnosis: Acute promyelocytic leukemia (APL)."),
        ("I7", {"country": "US"}, "Does not apply. Country of the site: United States."),
    ],
)
def test_golden_sentences(code: str, answers: dict[str, Any], text: str) -> None:
    assert sentence(code, answers) == text


def test_a_criterion_that_depends_on_the_cohort() -> None:
    adult_mds = {"country": "US", "age_years": 69, "diagnosis": "mds"}
    by_part = "Depends on the cohort. Adult escalation: does not apply; Adult expansion for MDS (cohort B): "
    assert sentence("E15", adult_mds | {"mds_origin": "therapy_related"}) == (
        f"{by_part}excludes. Origin of the MDS: Therapy-related (t-MDS); Diagnosis: Myelodysplastic syndrome (MDS); "
        "Age at consent: 69 years (at least 18 years); the cohort belongs to the expansion part."
    )
    assert sentence("E15", adult_mds | {"mds_origin": "de_novo"}) == f"{by_part}clear."
    assert sentence("E15", adult_mds) == (
        f"{by_part}not known. Not known: Origin of the MDS. Known so far: Diagnosis: Myelodysplastic syndrome (MDS); "
        "Age at consent: 69 years (at least 18 years); the cohort belongs to the expansion part."
    )
    assert sentence("E15", {"country": "US", "age_years": 69, "diagnosis": "aml"}) == (
        "Does not apply. Diagnosis: Acute myeloid leukemia (AML)."
    )
    japan = {"country": "JP", "age_years": 69, "diagnosis": "mds", "mds_origin": "mds_mpn"}
    assert sentence("E15", japan).endswith("the cohort belongs to the expansion part; reading X19 taken as yes.")
    assert sentence("E15", japan, readings={"X19": False}) == (
        "Does not apply. The cohort does not belong to the expansion part; reading X19 taken as no."
    )


# THE WHOLE IN A SENTENCE


@pytest.mark.parametrize(
    ("case", "text"),
    [
        (
            "V001",
            "Likely eligible for Adult escalation and Adult expansion for AML, cohorts A1, A2, D (arm not stated).",
        ),
        ("V016", "Likely eligible for Adult escalation."),
    ],
)
def test_summaries_of_examples(case: str, text: str) -> None:
    assert explain.summary(judged(BY_ID[case])) == text


def summary(answers: dict[str, Any], **more: Any) -> str:
    return explain.summary(judged({"answers": answers, **more}))


def test_the_summary_of_an_exclusion() -> None:
    assert summary({"qtcf_ms": 480}) == "Excluded: QTcF (E13)."
    assert summary({"weight_kg": 9}) == "Excluded: Body weight (I5) not met."
    assert summary({"weight_kg": 9, "qtcf_ms": 480}) == "Excluded: Body weight (I5) not met; QTcF (E13)."
    assert summary({"no_available_therapy": False}) == "Excluded: Qualifying disease not met."
    assert summary({"diagnosis": "aml", "no_available_therapy": False}) == "Excluded: AML (I2) not met."


def test_the_summary_where_the_cohorts_exclude() -> None:
    """Nothing else fails, and yet no cohort is open: the cohorts say why."""
    answers = BY_ID["V016"]["answers"] | {"country": "JP"}
    assert summary(answers, as_of="2026-11-22") == (
        "Excluded: Origin of the MDS (E15) closes every cohort that would admit this participant."
    )
    answers = BY_ID["V001"]["answers"] | {"diagnosis": "bpdcn", "country": "JP"}
    assert summary(answers, as_of="2026-11-22") == (
        "Excluded: no cohort takes this combination of Country of the site, Diagnosis and Age at consent."
    )


def test_the_summary_of_what_is_open() -> None:
    answers = BY_ID["V001"]["answers"]
    without = {key: value for key, value in answers.items() if key not in ("qtcf_ms", "weight_kg")}
    assert summary(without) == "Cannot tell yet: need Body weight and QTcF."
    assert summary(without | {"weight_kg": 70}) == "Cannot tell yet: need QTcF."
    assert summary({}) == (
        "Cannot tell yet: need Country of the site, Date of birth, Sex, Body weight, Diagnosis and 42 other answers; "
        "depends on reading X7, which is open."
    )
    six = ["country", "weight_kg", "ecog", "qtcf_ms", "hiv", "sars_cov_2"]
    without = {key: value for key, value in answers.items() if key not in six}
    named = "need Country of the site, Body weight, ECOG performance status, QTcF"
    assert summary(without) == f"Cannot tell yet: {named}, HIV and SARS-CoV-2 infection."
    del without["hepatitis_b_active"]
    assert summary(without) == f"Cannot tell yet: {named}, HIV and 2 other answers."
    chloroma = answers | {"chloroma_outside_cns": True}
    assert summary(chloroma) == "Cannot tell yet: depends on reading X7, which is open."
    both = chloroma | {"prior_cellular_therapy": ["dli"]}
    assert summary(both) == "Cannot tell yet: depends on reading X7 and reading X17, which are open."
    assert summary(chloroma | {"qtcf_ms": None}) == "Cannot tell yet: need QTcF; depends on reading X7, which is open."
    young = {key: value for key, value in answers.items() if key != "age_years"} | {"birth_date": "2008"}
    assert summary(young).startswith("Cannot tell yet: need a more exact Date of birth")


def test_the_readings_of_a_summary() -> None:
    """Those that decide by themselves; others only where no answer is needed and none decides alone."""
    beside = {"any": [{"all": [{"yes": "gvhd"}, {"reading": "X17"}]}, {"yes": "prior_hsct"}]}
    assert explain.summary(judged({"answers": {}}, odd(beside))) == (
        "Cannot tell yet: need Earlier HSCT and Graft-versus-host disease."
    )
    both = [{"reading": "X7"}, {"reading": "X17"}]
    together = {"any": [{"all": both}, {"not": {"any": both}}]}
    assert explain.summary(judged({"answers": {}}, odd(together))) == (
        "Cannot tell yet: depends on reading X7 and reading X17, which are open."
    )
    plain = protocol_to_plain(odd(together))
    plain["cohorts"][0]["admits"] = {"reading": "X9"}
    assert explain.summary(judged({"answers": {}}, protocol_from_plain(plain))) == (
        "Cannot tell yet: depends on reading X9, which is open."
    )


def test_a_review_point_is_not_needed() -> None:
    child = BY_ID["V001"]["answers"] | {"age_years": 10, "inherited_marrow_failure": False, "lansky": 90}
    verdict = judged({"answers": child | {"qtcf_ms": None}})
    assert "down_syndrome" in [missing.fact for missing in verdict.missing]
    assert explain.summary(verdict) == "Cannot tell yet: need QTcF."


# A PROTOCOL OF WHICH NOBODY THOUGHT


def odd(rule: dict[str, Any], **changes: Any) -> Protocol:
    """A small protocol with one criterion."""
    plain = protocol_to_plain(PROTOCOL)
    criterion = next(criterion for criterion in plain["criteria"] if criterion["code"] == "E13") | {"rule": rule}
    plain |= {"criteria": [criterion], "groups": []}
    plain["cohorts"] = [plain["cohorts"][0] | {"admits": {"always": True}, "parts": {"part_a": {"always": True}}}]
    return protocol_from_plain(plain | changes)


def reason(protocol: Protocol, answers: dict[str, Any] | None = None) -> str:
    return explain.result_reason(judged({"answers": answers or {}}, protocol).results[0])


def test_a_rule_that_needs_no_answer() -> None:
    protocol = odd({"always": False})
    assert reason(protocol) == "So by the protocol, whatever the answers."
    assert explain.summary(judged({"answers": {}}, protocol)) == "Likely eligible for Adult escalation."
    assert explain.summary(judged({"answers": {}}, odd({"always": True}))) == "Excluded: QTcF (E13)."
    assert reason(odd({"reading": "X4"})) == "Reading X4 taken as yes."
    assert reason(odd({"part": "part_a"})) == "The cohort belongs to the part a part."
    assert reason(odd({"any": [{"reading": "X4"}, {"yes": "gvhd"}]}), {"gvhd": True}) == (
        "Graft-versus-host disease: yes."
    )


def test_a_cohort_that_takes_nobody() -> None:
    plain = protocol_to_plain(odd({"always": False}))
    plain["cohorts"][0]["admits"] = {"always": False}
    assert explain.summary(judged({"answers": {}}, protocol_from_plain(plain))) == "Excluded: no cohort takes anybody."


def test_two_codes_that_close_the_cohorts() -> None:
    """One cohort each: neither excludes from both, together they leave none."""
    plain = protocol_to_plain(odd({"always": False}))
    first = plain["criteria"][0]
    parts = {"one": {"expansion": {"always": True}}, "two": {"escalation": {"always": True}}}
    plain["criteria"] = [
        first | {"code": "E1", "title": "First", "rule": {"part": "expansion"}},
        first | {"code": "I9", "title": "Second", "kind": "inclusion", "rule": {"not": {"part": "escalation"}}},
    ]
    plain["cohorts"] = [plain["cohorts"][0] | {"code": code, "parts": part} for code, part in parts.items()]
    assert explain.summary(judged({"answers": {}}, protocol_from_plain(plain))) == (
        "Excluded: First (E1) and Second (I9) not met close every cohort that would admit this participant."
    )


def test_readings_that_only_decide_together() -> None:
    both = {"all": [{"reading": "X7"}, {"reading": "X9"}]}
    neither = {"all": [{"not": {"reading": "X7"}}, {"not": {"reading": "X9"}}]}
    verdict = judged({"answers": {}}, odd({"any": [both, neither]}))
    assert verdict.depends_on == ()
    assert explain.summary(verdict) == "Cannot tell yet: depends on reading X7 and reading X9, which are open."


def test_a_reading_beside_an_open_one() -> None:
    """Without an answer there is nothing that is known so far."""
    assert reason(odd({"all": [{"reading": "X4"}, {"reading": "X17"}]})) == (
        "Reading X17 is open: A donor lymphocyte infusion counts as cellular therapy."
    )


def test_a_number_between_two_bounds() -> None:
    """Of several bounds the highest lower one and the lowest upper one count."""
    inner = {"all": [{"compare": ["qtcf_ms", sign, limit]} for sign, limit in ((">", 300), (">=", 400), ("<=", 500))]}
    assert reason(odd({"all": [inner, {"compare": ["qtcf_ms", "<", 500]}]}), {"qtcf_ms": 450}) == (
        "QTcF: 450 ms (at least 400 and below 500 ms)."
    )
    upper = {"all": [{"compare": ["qtcf_ms", sign, limit]} for sign, limit in (("<=", 400), ("<", 500))]}
    assert reason(odd(upper), {"qtcf_ms": 350}) == "QTcF: 350 ms (at most 400 ms)."
    between = {"all": [{"compare": ["qtcf_ms", ">", 300]}, {"compare": ["qtcf_ms", "<=", 400]}]}
    assert reason(odd(between), {"qtcf_ms": 350}) == "QTcF: 350 ms (above 300 and at most 400 ms)."
    ages = {"all": [{"compare": ["age_years", ">", 17]}, {"compare": ["age_years", "<", 75]}]}
    assert reason(odd(ages), {"age_years": 40}) == "Age at consent: 40 years (over 17 and under 75 years)."
    strict = {"all": [{"compare": ["qtcf_ms", sign, 400]} for sign in (">=", ">")]}
    assert reason(odd(strict), {"qtcf_ms": 450}) == "QTcF: 450 ms (above 400 ms)."
    assert reason(odd({"compare": ["qtcf_ms", "<=", 400]}), {"qtcf_ms": 450}) == "QTcF: 450 ms (above 400 ms)."
    assert reason(odd({"compare": ["age_years", ">", 18]}), {"age_years": 19}) == (
        "Age at consent: 19 years (over 18 years)."
    )
    assert reason(odd({"compare": ["age_years", "<=", 18]}), {"age_years": 18}) == (
        "Age at consent: 18 years (at most 18 years)."
    )


def test_ages_from_a_partial_birth_date() -> None:
    rule = {"compare": ["age_years", ">=", 2]}
    assert reason(odd(rule), {"birth_date": "1970"}) == "Age at consent: 55 or 56 years, born 1970 (at least 2 years)."
    assert reason(odd(rule), {"birth_date": "1970-05"}) == "Age at consent: 56 years, born May 1970 (at least 2 years)."


def test_only_what_decides_is_said() -> None:
    """What would not have excluded is left out beside what did, and so is the rule where the scope is false."""
    negative = {"hiv": "negative", "hepatitis_b_active": True, "hepatitis_c_active": False, "sars_cov_2": False}
    assert sentence("E5", negative) == "Active hepatitis B: yes."
    old = {"rule": {"compare": ["age_years", ">=", 75]}, "scope": {"compare": ["age_years", "<", 18]}}
    plain = protocol_to_plain(odd({"always": True}))
    plain["criteria"][0] |= old
    assert reason(protocol_from_plain(plain), {"age_years": 40}) == (
        "Does not apply. Age at consent: 40 years (at least 18 years)."
    )
    plain["criteria"][0]["scope"] = {"all": [{"compare": ["age_years", ">=", 10]}, {"yes": "gvhd"}]}
    assert reason(protocol_from_plain(plain), {"age_years": 40}) == "Age at consent: 40 years (under 75 years)."


def test_a_cohort_of_several_parts() -> None:
    """Only the part that is asked for is spoken of, and none where it does not decide."""
    plain = protocol_to_plain(odd({"part": "part_a"}))
    plain["cohorts"][0]["parts"] = {"part_a": {"yes": "gvhd"}, "part_b": {"yes": "prior_hsct"}}
    answers: dict[str, Any] = {"gvhd": True, "prior_hsct": True}
    assert reason(protocol_from_plain(plain), answers) == (
        "Graft-versus-host disease: yes; the cohort belongs to the part a part."
    )
    plain["criteria"][0]["rule"] = {"all": [{"yes": "prior_hsct"}, {"part": "part_a"}]}
    assert reason(protocol_from_plain(plain), {"prior_hsct": True}) == (
        "Not known: Graft-versus-host disease. Known so far: Earlier HSCT: yes."
    )
    expansion = few("E15", "adult-expansion-mds")
    assert reason(expansion, {"age_years": 69, "diagnosis": "mds", "mds_origin": "de_novo"}) == (
        "Origin of the MDS: De novo."
    )


def few(code: str, cohort: str) -> Protocol:
    """The built-in trial with one criterion and one cohort."""
    plain = protocol_to_plain(PROTOCOL) | {"groups": []}
    plain["criteria"] = [criterion for criterion in plain["criteria"] if criterion["code"] == code]
    plain["cohorts"] = [each for each in plain["cohorts"] if each["code"] == cohort]
    return protocol_from_plain(plain)


def test_one_date_held_to_two_windows() -> None:
    windows = [
        {"elapsed": ["autoimmune_last_active_date", *window]}
        for window in ([">=", 1, "years", "as_of"], ["<", 5, "years", "as_of"])
    ]
    assert reason(odd({"all": windows}), {"autoimmune_last_active_date": "2024-11-01"}) == (
        "Autoimmune disease last active: 1 November 2024 (at least 1 year before the day of this evaluation on "
        "22 November 2026, less than 5 years before the day of this evaluation on 22 November 2026)."
    )


@pytest.mark.parametrize(
    ("unit", "words"),
    [("hrs", "1 hrs"), ("days", "1 day"), ("ms", "1 ms"), ("kg", "1 kg"), ("", "1"), ("%", "1%"), ("/min", "1 /min")],
)
def test_one_of_a_unit(unit: str, words: str) -> None:
    plain = protocol_to_plain(PROTOCOL)
    question = next(question for question in plain["questions"] if question["key"] == "qtcf_ms")
    question |= {"unit": unit, "min": 0}
    number = protocol_from_plain(plain).question_by_key["qtcf_ms"]
    assert explain.value_words(number, 1) == words
    assert explain.value_words(number, 2) == words.replace("1", "2").replace("day", "days")


def test_one_of_a_unit_of_time() -> None:
    rule = {"elapsed": ["autoimmune_last_active_date", "<", 1, "months", "consent_date"]}
    assert reason(odd(rule), {"autoimmune_last_active_date": "2026-11-01"}) == (
        "Autoimmune disease last active: 1 November 2026 (less than 1 month before consent on 22 November 2026)."
    )


# RULES IN WORDS


def leaf(rule: dict[str, Any]) -> str:
    return explain.leaf_words(PROTOCOL, rule_from_plain(rule))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"always": True}, "Always"),
        ({"always": False}, "Never"),
        ({"yes": "gvhd"}, "Graft-versus-host disease: yes"),
        (
            {"is": {"hiv": ["aids", "negative", "not_tested"]}},
            "HIV: AIDS or an AIDS-related illness, Negative or Not tested, none known",
        ),
        ({"is": {"sex": ["male"]}}, "Sex: Male"),
        (
            {"includes": {"prior_cellular_therapy": ["car_t", "car_nk"]}},
            "Earlier cellular therapy: includes CAR-T cells or CAR-NK cells",
        ),
        ({"compare": ["qtcf_ms", ">", 470]}, "QTcF: above 470 ms"),
        ({"compare": ["age_years", "<", 16]}, "Age at consent: under 16 years"),
        ({"compare": ["karnofsky", "<", 50]}, "Karnofsky score: below 50%"),
        ({"compare": ["weight_kg", ">=", 0.5]}, "Body weight: at least 0.5 kg"),
        (
            {"elapsed": ["immunosuppression_stop_date", ">=", 28, "days", "first_dose_date"]},
            "End of immunosuppression: at least 28 days before the first dose",
        ),
        (
            {"elapsed": ["autoimmune_last_active_date", "<", 5, "years", "as_of"]},
            "Autoimmune disease last active: less than 5 years before the day of this evaluation",
        ),
        ({"reading": "X17"}, "Reading X17: A donor lymphocyte infusion counts as cellular therapy."),
        ({"part": "expansion"}, "The cohort belongs to the expansion part"),
    ],
)
def test_leaves_in_words(rule: dict[str, Any], words: str) -> None:
    assert leaf(rule) == words


def test_only_leaves_are_leaves() -> None:
    with pytest.raises(AssertionError, match=r"All\(rules=\(IsYes\(fact='gvhd'\),\)\)"):
        leaf({"all": [{"yes": "gvhd"}]})


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"term": "adult"}, "Adult arm (18 or older)"),
        ({"not": {"term": "in_japan"}}, "NOT Site in Japan"),
        (
            {"all": [{"term": "adult"}, {"any": [{"yes": "gvhd"}, {"reading": "X7"}]}]},
            "Adult arm (18 or older) AND (Graft-versus-host disease: yes OR reading X7)",
        ),
        (
            {"not": {"any": [{"yes": "gvhd"}, {"yes": "prior_hsct"}]}},
            "NOT (Graft-versus-host disease: yes OR Earlier HSCT: yes)",
        ),
        ({"any": [{"all": [{"yes": "gvhd"}]}, {"always": True}]}, "Graft-versus-host disease: yes OR Always"),
    ],
)
def test_rules_in_one_line(rule: dict[str, Any], words: str) -> None:
    assert explain.rule_words(PROTOCOL, rule_from_plain(rule)) == words


def test_every_rule_of_the_trial_can_be_read() -> None:
    for criterion in PROTOCOL.criteria:
        for rule in (criterion.rule, criterion.scope):
            if rule is not None:
                words = explain.rule_words(PROTOCOL, rule)
                assert not re.search(r"\s\s|\.\.|None|_", words)


def lines(outline: explain.Outline, depth: int = 0) -> Iterator[str]:
    truth = "" if outline.truth is None else f" [{outline.truth.value}]"
    yield f"{'  ' * depth}{outline.kind}: {outline.text}{truth}"
    for child in outline.children:
        yield from lines(child, depth + 1)


E4 = PROTOCOL.criterion_by_code["E4"].rule


def test_the_outline_of_a_rule() -> None:
    """Term by term, as it is written, with nobody to judge."""
    assert "\n".join(lines(explain.outline(PROTOCOL, E4))) == (
        "any: Any of\n"
        "  leaf: CNS status: CNS3\n"
        "  all: All of\n"
        "    leaf: CNS status: CNS2\n"
        "    term: Adult arm (18 or older)\n"
        "      leaf: Age at consent: at least 18 years\n"
        "    leaf: Reading X5: CNS2 is evidence by cytology and excludes adults."
    )


def test_the_outline_of_a_finding() -> None:
    """With the truth of every node for one participant."""
    participant = read_participant(PROTOCOL, {"answers": {"cns_status": "cns2"}}, TODAY)
    context = Context(PROTOCOL, Evaluator(PROTOCOL).world(participant))
    assert "\n".join(lines(explain.outline(PROTOCOL, E4, context))) == (
        "any: Any of [unknown]\n"
        "  leaf: CNS status: CNS3 [false]\n"
        "  all: All of [unknown]\n"
        "    leaf: CNS status: CNS2 [true]\n"
        "    term: Adult arm (18 or older) [unknown]\n"
        "      leaf: Age at consent: at least 18 years [unknown]\n"
        "    leaf: Reading X5: CNS2 is evidence by cytology and excludes adults. [true]"
    )
    rule = rule_from_plain({"not": {"term": "in_japan"}})
    assert "\n".join(lines(explain.outline(PROTOCOL, rule, context))) == (
        "not: Not [unknown]\n  term: Site in Japan [unknown]\n    leaf: Country of the site: Japan [unknown]"
    )


# VALUES IN WORDS


@pytest.mark.parametrize(
    ("fact", "raw", "words"),
    [
        ("gvhd", True, "yes"),
        ("gvhd", False, "no"),
        ("gvhd", None, "not known"),
        ("sex", "female", "Female"),
        ("prior_cellular_therapy", [], "none"),
        ("prior_cellular_therapy", ["dli", "car_t"], "CAR-T cells, Donor lymphocyte infusion (DLI)"),
        ("ecog", 0, "0"),
        ("karnofsky", 70, "70%"),
        ("qtcf_ms", 470.10, "470.1 ms"),
        ("weight_kg", 70.0, "70 kg"),
        ("hma_cycles", 4, "4 cycles"),
        ("hma_cycles", 1, "1 cycle"),
        ("age_years", 1.0, "1 year"),
        ("age_years", 1.5, "1.5 years"),
        ("birth_date", "1970", "1970"),
        ("birth_date", "1970-02", "February 1970"),
        ("birth_date", "1970-12-09", "9 December 1970"),
    ],
)
def test_values_in_words(fact: str, raw: Any, words: str) -> None:
    participant = read_participant(PROTOCOL, {"answers": {fact: raw}}, TODAY)
    assert explain.value_words(PROTOCOL.question_by_key[fact], participant.answers[fact]) == words


def test_dates_and_lists_in_words() -> None:
    assert explain.date_words(date(2026, 1, 2)) == "2 January 2026"
    assert [explain.listed(list("abc")[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert explain.listed(["a", "b"], "or") == "a or b"
    assert explain.number_words(0.1 + 0.2) == "0.3"


def test_the_sentence_of_a_finding_is_that_of_its_values() -> None:
    """Two participants alike to every rule are told apart by their own values."""
    engine = Evaluator(PROTOCOL)

    def first(weight: float) -> Finding:
        participant = read_participant(PROTOCOL, {"answers": {"weight_kg": weight}}, TODAY)
        return engine.evaluate(participant).results[5].deciding[0]

    assert explain.reason(first(70)) == "Body weight: 70 kg (at least 10 kg)."
    assert explain.reason(first(82.5)) == "Body weight: 82.5 kg (at least 10 kg)."


def test_the_form_of_a_sentence_is_made_once() -> None:
    """In it there is room for what differs between participants; yes and no, which every rule tells apart, stand."""
    results = judged({"answers": {"weight_kg": 70, "hepatitis_b_active": True}}).results
    by_code = {result.criterion.code: result.deciding[0] for result in results}
    form = explain.reason_form(by_code["I5"])
    assert form == "Body weight: \0weight_kg\0 (at least 10 kg)."
    assert explain.reason_form(by_code["I5"]) is form
    assert explain.fill(form, by_code["I5"].context) == "Body weight: 70 kg (at least 10 kg)."
    assert explain.reason_form(by_code["E5"]) == "Active hepatitis B: yes."
