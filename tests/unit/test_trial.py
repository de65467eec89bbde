"""The encoded trial, NCT05086315, against a table of its facts, codes and statuses written out once more by hand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.rules.codec import content_hash, type_to_plain
from app.rules.evaluate import Context, decide
from app.rules.facts import Choice, Many
from app.rules.protocol import Criterion, Question
from app.rules.tree import FACT_RULES, ReadingHolds, Rule, Term, walk
from app.rules.truth import FALSE, TRUE, UNKNOWN
from app.trials import read_trial, write_trial

TRIAL, PROTOCOL = read_trial()


# THE FACTS


def yes_no() -> dict[str, Any]:
    return {"type": "yes_no"}


def choice(options: str) -> dict[str, Any]:
    return {"type": "choice", "options": options.split()}


def many(options: str) -> dict[str, Any]:
    return {"type": "many", "options": options.split()}


def integer(minimum: int, maximum: int, unit: str | None = None, step: int = 1) -> dict[str, Any]:
    plain = {"type": "integer", "min": minimum, "max": maximum, "step": step}
    return plain | ({"unit": unit} if unit else {})


def number(minimum: float, maximum: float, unit: str) -> dict[str, Any]:
    return {"type": "number", "min": minimum, "max": maximum, "unit": unit}


def age(minimum: int, maximum: int, birth_date: str) -> dict[str, Any]:
    return {"type": "age", "min": minimum, "max": maximum, "birth_date": birth_date, "unit": "years"}


def partial_date(not_after: str) -> dict[str, Any]:
    return {"type": "date", "partial": True, "not_after": not_after}


FACTS: dict[str, dict[str, tuple[dict[str, Any], str]]] = {
    "participant": {
        "country": (choice("AU CN FR JP NL US other"), "fixed"),
        "birth_date": (partial_date("consent_date"), "time"),
        "age_years": (age(0, 120, "birth_date"), "time"),
        "sex": (choice("female male other"), "fixed"),
        "weight_kg": (number(0.5, 400, "kg"), "repeat"),
    },
    "diagnosis": {
        "diagnosis": (choice("aml apl mds b_all bpdcn jmml other"), "fixed"),
        "disease_state": (choice("newly_diagnosed refractory relapsed remission"), "repeat"),
        "refractory_to_intensive_induction": (yes_no(), "fixed"),
        "unfit_for_intensive_induction": (yes_no(), "fixed"),
        "hma_cycles": (integer(0, 100, "cycles"), "repeat"),
        "hma_venetoclax_cycles": (integer(0, 100, "cycles"), "repeat"),
        "induction_cycles": (integer(0, 20, "cycles"), "repeat"),
        "remission_duration_months": (number(0, 600, "months"), "fixed"),
        "ipss_r": (choice("very_low low intermediate high very_high"), "repeat"),
        "mds_origin": (choice("de_novo other_secondary evolved_from_mpn mds_mpn therapy_related"), "fixed"),
        "cd123_positive": (yes_no(), "repeat"),
        "extramedullary_lesions": (yes_no(), "repeat"),
        "chloroma_outside_cns": (yes_no(), "repeat"),
        "no_available_therapy": (yes_no(), "repeat"),
    },
    "performance": {
        "ecog": (integer(0, 5), "repeat"),
        "karnofsky": (integer(0, 100, "%", step=10), "repeat"),
        "lansky": (integer(0, 100, "%", step=10), "repeat"),
    },
    "qtc": {
        "qtcf_ms": (number(200, 800, "ms"), "repeat"),
    },
    "prior_therapy": {
        "prior_anti_cd123": (yes_no(), "fixed"),
        "prior_cellular_therapy": (many("car_t car_nk dli other"), "fixed"),
        "prior_hsct": (yes_no(), "fixed"),
        "hsct_outcome": (choice("relapsed no_relapse other_disease"), "fixed"),
        "hsct_to_relapse_months": (number(0, 600, "months"), "fixed"),
        "car_t_outcome": (choice("relapsed no_relapse"), "fixed"),
        "car_t_to_relapse_months": (number(0, 600, "months"), "fixed"),
        "immunosuppression": (choice("never ongoing stopped"), "repeat"),
        "immunosuppression_stop_date": (partial_date("as_of"), "time"),
        "gvhd": (yes_no(), "repeat"),
        "prednisone_mg_per_day": (number(0, 2000, "mg/day"), "repeat"),
        "other_investigational_drug": (yes_no(), "repeat"),
    },
    "history": {
        "autoimmune_disease": (choice("none no_systemic_treatment systemic_ongoing systemic_past"), "repeat"),
        "autoimmune_last_active_date": (partial_date("as_of"), "time"),
        "other_malignancy": (yes_no(), "fixed"),
        "other_malignancy_therapy": (choice("none adjuvant_hormonal completed active"), "repeat"),
        "other_malignancy_therapy_end_date": (partial_date("as_of"), "time"),
        "cns_status": (choice("none cns1 cns2 cns3"), "repeat"),
        "hiv": (choice("negative not_tested positive_art_not_required positive_art_required aids"), "fixed"),
        "hepatitis_b_active": (yes_no(), "repeat"),
        "hepatitis_c_active": (yes_no(), "repeat"),
        "sars_cov_2": (yes_no(), "repeat"),
        "solid_organ_transplant": (yes_no(), "fixed"),
        "inherited_marrow_failure": (yes_no(), "fixed"),
        "down_syndrome": (yes_no(), "fixed"),
        "pregnancy": (choice("neither pregnant breast_feeding not_possible"), "repeat"),
    },
}


def without_words(question: Question) -> dict[str, Any]:
    """A question's type in plain form, its options by their values alone."""
    plain = type_to_plain(question.type)
    return plain | ({"options": [option["value"] for option in plain["options"]]} if "options" in plain else {})


def test_sections_and_facts_in_order() -> None:
    assert [section.key for section in PROTOCOL.sections] == list(FACTS)
    asked = [(question.section, question.key) for question in PROTOCOL.questions]
    assert asked == [(section, key) for section, facts in FACTS.items() for key in facts]


@pytest.mark.parametrize("question", PROTOCOL.questions, ids=lambda question: question.key)
def test_fact(question: Question) -> None:
    type_, can_change = FACTS[question.section][question.key]
    assert without_words(question) == type_
    assert question.can_change == can_change


def test_birth_date_and_age_answer_one_question() -> None:
    alternatives = {question.key: question.alternative for question in PROTOCOL.questions if question.alternative}
    assert alternatives == {"birth_date": "age_years"}


@pytest.mark.parametrize("question", PROTOCOL.questions, ids=lambda question: question.key)
def test_question_can_be_read(question: Question) -> None:
    assert question.text.endswith("?")
    assert question.label[0].isupper() and question.label[-1].isalnum()
    assert question.why.endswith(".")
    assert not question.hint or question.hint.endswith(".")
    options = question.type.options if isinstance(question.type, Choice | Many) else ()
    assert all(option.label and not option.label.endswith(".") for option in options)
    assert all(option.hint.endswith(".") for option in options if option.hint)
    texts = [question.text, question.label, question.why, question.hint]
    texts += [text for option in options for text in (option.label, option.hint)]
    assert not [text for text in texts if re.search(r"\s\s|\n|^\s|\s$", text)]


def test_labels_and_texts_are_distinct() -> None:
    for words in ([q.label for q in PROTOCOL.questions], [q.text for q in PROTOCOL.questions]):
        assert len(set(words)) == len(words)


# WHEN A QUESTION IS ASKED: answers on which it is, and answers on which it is not

AML = {"diagnosis": "aml", "disease_state": "refractory", "age_years": 40}
CHILD = {"diagnosis": "apl", "disease_state": "refractory", "age_years": 17.9}
B_ALL = {"diagnosis": "b_all", "prior_cellular_therapy": ("car_t",), "prior_hsct": False}

CONDITIONS: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {
    "disease_state": [
        *[({"diagnosis": d}, {"diagnosis": n}) for d, n in (("aml", "mds"), ("apl", "b_all"), ("bpdcn", "jmml"))],
        ({"diagnosis": "aml"}, {"diagnosis": "other"}),
    ],
    "refractory_to_intensive_induction": [
        (AML, AML | {"disease_state": "relapsed"}),
        (CHILD, CHILD | {"diagnosis": "bpdcn"}),
    ],
    "unfit_for_intensive_induction": [
        (AML | {"age_years": 18}, CHILD),
        (AML | {"age_years": 74.9}, AML | {"age_years": 75}),
        (AML | {"diagnosis": "apl"}, AML | {"diagnosis": "mds"}),
        (AML, AML | {"disease_state": "newly_diagnosed"}),
    ],
    **{
        key: [
            (AML | {"age_years": 75}, CHILD | {"diagnosis": "aml"}),
            (AML | {"diagnosis": "apl"}, AML | {"diagnosis": "bpdcn"}),
            (AML, AML | {"disease_state": "remission"}),
        ]
        for key in ("hma_cycles", "hma_venetoclax_cycles")
    },
    "induction_cycles": [
        (CHILD, CHILD | {"age_years": 18}),
        (CHILD | {"diagnosis": "aml"}, CHILD | {"diagnosis": "b_all"}),
        (CHILD, CHILD | {"disease_state": "relapsed"}),
    ],
    "remission_duration_months": [
        (AML | {"disease_state": "relapsed"}, AML),
        (CHILD | {"disease_state": "relapsed"}, {"diagnosis": "bpdcn", "disease_state": "relapsed"}),
    ],
    "ipss_r": [({"diagnosis": "mds"}, {"diagnosis": "aml"})],
    "mds_origin": [
        ({"diagnosis": "mds", "age_years": 18}, {"diagnosis": "mds", "age_years": 17}),
        ({"diagnosis": "mds", "age_years": 70}, {"diagnosis": "aml", "age_years": 70}),
    ],
    "cd123_positive": [
        ({"diagnosis": "mds"}, {"diagnosis": "aml"}),
        ({"diagnosis": "b_all"}, {"diagnosis": "bpdcn"}),
    ],
    "extramedullary_lesions": [({"diagnosis": "b_all"}, {"diagnosis": "aml"})],
    "chloroma_outside_cns": [
        ({"diagnosis": "aml"}, {"diagnosis": "mds"}),
        ({"diagnosis": "apl"}, {"diagnosis": "b_all"}),
    ],
    "ecog": [({"age_years": 18}, {"age_years": 17.9})],
    "karnofsky": [({"age_years": 16}, {"age_years": 15.9}), ({"age_years": 17.9}, {"age_years": 18})],
    "lansky": [({"age_years": 15.9}, {"age_years": 16})],
    "hsct_outcome": [({"prior_hsct": True}, {"prior_hsct": False})],
    "hsct_to_relapse_months": [
        ({"prior_hsct": True, "hsct_outcome": "relapsed"}, {"prior_hsct": True, "hsct_outcome": "no_relapse"}),
        ({"prior_hsct": True, "hsct_outcome": "relapsed"}, {"prior_hsct": False, "hsct_outcome": "relapsed"}),
    ],
    "car_t_outcome": [
        (B_ALL, B_ALL | {"diagnosis": "aml"}),
        (B_ALL, B_ALL | {"prior_cellular_therapy": ("car_nk", "dli", "other")}),
    ],
    "car_t_to_relapse_months": [
        (B_ALL | {"car_t_outcome": "relapsed"}, B_ALL | {"car_t_outcome": "no_relapse"}),
        (B_ALL | {"car_t_outcome": "relapsed"}, B_ALL | {"car_t_outcome": "relapsed", "diagnosis": "bpdcn"}),
    ],
    **{
        key: [
            ({"prior_hsct": True}, {"prior_hsct": False, "diagnosis": "aml"}),
            (B_ALL, B_ALL | {"prior_cellular_therapy": ()}),
        ]
        for key in ("immunosuppression", "gvhd")
    },
    "immunosuppression_stop_date": [
        ({"immunosuppression": "stopped"}, {"immunosuppression": "ongoing"}),
        ({"immunosuppression": "stopped"}, {"immunosuppression": "never"}),
    ],
    "autoimmune_last_active_date": [
        ({"autoimmune_disease": "systemic_past"}, {"autoimmune_disease": "systemic_ongoing"}),
        ({"autoimmune_disease": "systemic_past"}, {"autoimmune_disease": "no_systemic_treatment"}),
    ],
    "other_malignancy_therapy": [({"other_malignancy": True}, {"other_malignancy": False})],
    "other_malignancy_therapy_end_date": [
        ({"other_malignancy_therapy": "completed"}, {"other_malignancy_therapy": "active"}),
        ({"other_malignancy_therapy": "completed"}, {"other_malignancy_therapy": "adjuvant_hormonal"}),
    ],
    "inherited_marrow_failure": [({"age_years": 17.9}, {"age_years": 18})],
    "down_syndrome": [({"age_years": 17.9}, {"age_years": 18})],
    "pregnancy": [
        ({"sex": "female", "age_years": 10}, {"sex": "female", "age_years": 9.9}),
        ({"sex": "other", "age_years": 30}, {"sex": "male", "age_years": 30}),
    ],
}


def context(answers: dict[str, Any]) -> Context:
    blank = {question.key: None for question in PROTOCOL.questions}
    dates = dict.fromkeys(("as_of", "consent_date", "first_dose_date"), date(2026, 11, 22))
    readings = {reading.code: reading.value for reading in PROTOCOL.readings}
    return Context(PROTOCOL, {**blank, **dates, **readings, **answers})


def test_every_other_question_is_asked_of_all() -> None:
    conditional = {question.key for question in PROTOCOL.questions if question.relevant is not None}
    assert conditional == set(CONDITIONS)


@pytest.mark.parametrize("key", CONDITIONS)
def test_condition(key: str) -> None:
    relevant = PROTOCOL.question_by_key[key].relevant
    assert relevant is not None
    assert decide(relevant, context({})) is UNKNOWN
    for asked, not_asked in CONDITIONS[key]:
        assert decide(relevant, context(asked)) is TRUE, asked
        assert decide(relevant, context(not_asked)) is FALSE, not_asked


def opened(rule: Rule | None) -> Iterator[Rule]:
    """A rule and all below it, terms opened."""
    for node in walk(rule) if rule is not None else ():
        yield node
        if isinstance(node, Term):
            yield from opened(PROTOCOL.term_by_name[node.name].rule)


def test_a_condition_rests_on_earlier_questions() -> None:
    order = {question.key: number for number, question in enumerate(PROTOCOL.questions)}
    for question in PROTOCOL.questions:
        facts = {node.fact for node in opened(question.relevant) if isinstance(node, FACT_RULES)}
        assert all(order[fact] < order[question.key] for fact in facts), question.key


def test_every_fact_serves_a_criterion() -> None:
    rules = [rule for criterion in PROTOCOL.criteria for rule in (criterion.scope, criterion.rule)]
    used = {node.fact for rule in rules for node in opened(rule) if isinstance(node, FACT_RULES)}
    assert {question.key for question in PROTOCOL.questions} - used == {"birth_date"}  # the age stands for it


# CRITERIA, GROUPS, COHORTS, READINGS

CRITERIA = [
    *[(f"I{number}", "inclusion") for number in (1, 2, 3, 4, "4b", 5, 6, 7)],
    *[(f"E{number}", "exclusion") for number in range(1, 17)],
    ("R1", "review"),
]
SCOPED = {"I2", "I3", "I4", "I4b", "I6", "I7", "E9", "E11", "E14", "E15", "R1"}
PLACES = {"I4b": "Inclusion criterion 4, last sentence", "R1": "Exclusion criterion 14, last sentence"}
CRITERION_READINGS = {
    "I1": "X1",
    "I2": "X1 X2 X3",
    "I3": "X1 X4 X18",
    "I4": "X1 X11",
    "I4b": "X7",
    "I6": "X9",
    "I7": "X1 X11",
    "E1": "X1",
    "E2": "X8",
    "E3": "X8 X13 X21",
    "E4": "X1 X5",
    "E6": "X1",
    "E7": "X6 X14 X15 X16",
    "E9": "X12 X17",
    "E11": "X1 X10",
    "E14": "X1",
    "E15": "X1 X18 X19",
    "R1": "X1",
}
COHORTS = {
    "adult-escalation": (["escalation"], "X1 X9 X11"),
    "adult-expansion-aml": (["expansion"], "X1 X11 X20"),
    "adult-expansion-mds": (["expansion"], "X1 X11"),
    "japan": (["escalation", "expansion"], "X1 X11 X19"),
    "pediatric-escalation": (["escalation"], "X1 X11"),
    "pediatric-expansion": (["expansion"], "X1 X9 X11 X20"),
}
ASSUMED_YES = {"X4", "X5", "X14", "X18", "X19"}
ASSUMED_NO = {"X2"}
OPEN = {"X7", "X9", "X13", "X17"}


def test_criteria_in_the_order_of_the_record() -> None:
    assert [(criterion.code, criterion.kind) for criterion in PROTOCOL.criteria] == CRITERIA
    for criterion in PROTOCOL.criteria:
        place = f"{criterion.kind.capitalize()} criterion {criterion.code[1:]}"
        assert criterion.place == PLACES.get(criterion.code, place)
        assert criterion.title and criterion.statement.endswith(".")


def test_scopes_and_the_disease_group() -> None:
    assert {criterion.code for criterion in PROTOCOL.criteria if criterion.scope is not None} == SCOPED
    assert [group.code for group in PROTOCOL.groups] == ["disease"]
    groups = {criterion.code: criterion.group for criterion in PROTOCOL.criteria if criterion.group}
    assert groups == dict.fromkeys(("I2", "I3", "I4", "I6"), "disease")


def test_readings_and_statuses() -> None:
    assert [reading.code for reading in PROTOCOL.readings] == [f"X{number}" for number in range(1, 22)]
    by_status: dict[str, set[str]] = {}
    for reading in PROTOCOL.readings:
        by_status.setdefault(reading.status, set()).add(reading.code)
    conventions = by_status.pop("convention")
    assert by_status == {"assumed yes": ASSUMED_YES, "assumed no": ASSUMED_NO, "open": OPEN}
    assert conventions.isdisjoint(ASSUMED_YES | ASSUMED_NO | OPEN) and len(conventions) == 11


def leaves(*rules: Rule | None) -> set[str]:
    """The readings on which rules rest."""
    return {node.code for rule in rules for node in opened(rule) if isinstance(node, ReadingHolds)}


@pytest.mark.parametrize("criterion", PROTOCOL.criteria, ids=lambda criterion: criterion.code)
def test_readings_of_a_criterion(criterion: Criterion) -> None:
    assert list(criterion.readings) == CRITERION_READINGS.get(criterion.code, "").split()
    assert leaves(criterion.scope, criterion.rule) <= set(criterion.readings)


def test_cohorts() -> None:
    assert [cohort.code for cohort in PROTOCOL.cohorts] == list(COHORTS)
    for cohort in PROTOCOL.cohorts:
        parts, readings = COHORTS[cohort.code]
        assert [name for name, _ in cohort.parts] == parts
        assert list(cohort.readings) == readings.split()
        assert leaves(cohort.admits, *[rule for _, rule in cohort.parts]) <= set(cohort.readings)
        assert ("A1, A2, D (arm not stated)" in cohort.title) is ("X20" in cohort.readings)


def test_no_reading_is_idle() -> None:
    shown = {code for criterion in PROTOCOL.criteria for code in criterion.readings}
    shown |= {code for cohort in PROTOCOL.cohorts for code in cohort.readings}
    assert shown == {reading.code for reading in PROTOCOL.readings}
    rules = [rule for criterion in PROTOCOL.criteria for rule in (criterion.scope, criterion.rule)]
    rules += [rule for cohort in PROTOCOL.cohorts for rule in (cohort.admits, *[part for _, part in cohort.parts])]
    assert leaves(*rules) == ASSUMED_YES | ASSUMED_NO | OPEN


def test_no_term_is_idle() -> None:
    rules = [question.relevant for question in PROTOCOL.questions]
    rules += [rule for criterion in PROTOCOL.criteria for rule in (criterion.scope, criterion.rule)]
    rules += [cohort.admits for cohort in PROTOCOL.cohorts]
    used = {node.name for rule in rules for node in opened(rule) if isinstance(node, Term)}
    assert used == {term.name for term in PROTOCOL.terms}


# THE REGISTRY'S FACTS, AND THE FILE


def test_registry_facts() -> None:
    assert (TRIAL.nct_id, TRIAL.sponsor, TRIAL.phase) == ("NCT05086315", "Sanofi", "Phase 1/Phase 2")
    assert (TRIAL.status, TRIAL.status_as_of) == ("TERMINATED", "2025-12-15")
    assert (TRIAL.start_date, TRIAL.completion_date, TRIAL.enrolment) == ("2021-12-08", "2025-06-13", 101)
    assert TRIAL.source == "https://clinicaltrials.gov/study/NCT05086315"
    assert TRIAL.countries == ("US", "AU", "CN", "FR", "NL")
    assert len(TRIAL.conditions) == 4


def test_sites() -> None:
    assert Counter(site.country for site in TRIAL.sites) == {"US": 10, "AU": 2, "CN": 2, "FR": 4, "NL": 5}
    assert len({site.number for site in TRIAL.sites}) == 23
    prefixes = {"US": "840", "AU": "036", "CN": "156", "FR": "250", "NL": "528"}  # ISO 3166-1 numeric
    for site in TRIAL.sites:
        assert re.fullmatch(rf"{prefixes[site.country]}00\d\d", site.number)
        assert site.city and (site.name == "Investigational site") is (site.country != "US")
        assert bool(site.region) is (site.country in ("US", "AU"))


def test_the_file_survives_writing_and_reading(tmp_path: Path) -> None:
    copy = tmp_path / "copy.yaml"
    copy.write_text(write_trial(TRIAL, PROTOCOL), encoding="utf-8")
    trial, protocol = read_trial(copy)
    assert (trial, protocol) == (TRIAL, PROTOCOL)
    assert content_hash(protocol) == content_hash(PROTOCOL)
    assert write_trial(trial, protocol) == copy.read_text(encoding="utf-8")
