"""The report: the JSON of the API's contract, byte for byte."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from app.rules import report as reporting
from app.rules.codec import protocol_from_plain, protocol_to_plain
from app.rules.participant import read_participant
from app.rules.protocol import Protocol
from app.rules.report import Reporter, dumps, readings_of, report
from app.rules.verdict import Evaluator, evaluate
from app.trials import read_trial

TODAY = date(2026, 11, 22)
_, PROTOCOL = read_trial()


def few(codes: tuple[str, ...], cohorts: tuple[str, ...]) -> Protocol:
    """The built-in trial with these criteria and cohorts only."""
    plain = protocol_to_plain(PROTOCOL)
    plain["criteria"] = [criterion for criterion in plain["criteria"] if criterion["code"] in codes]
    plain["cohorts"] = [cohort for cohort in plain["cohorts"] if cohort["code"] in cohorts]
    if "I6" not in codes:
        plain["groups"] = []
    return protocol_from_plain(plain)


def said(protocol: Protocol, answers: dict[str, Any], **more: Any) -> Any:
    verdict = evaluate(protocol, read_participant(protocol, {"answers": answers, **more}, TODAY))
    return json.loads(report(verdict, b'"trial":{"nct_id":"NCT05086315"}'))


def test_a_whole_report() -> None:
    protocol = few(("I6", "E2", "E9", "E13", "R1"), ("pediatric-escalation",))
    answers = {
        "birth_date": "2015-05",
        "diagnosis": "bpdcn",
        "country": "US",
        "autoimmune_disease": "systemic_past",
        "autoimmune_last_active_date": "2022-03-01",
        "prior_cellular_therapy": ["dli"],
        "qtcf_ms": 430.5,
        "down_syndrome": True,
    }
    assert said(protocol, answers, consent_date="2026-11-23", first_dose_date="2026-12-01") == {
        "trial": {"nct_id": "NCT05086315"},
        "as_of": "2026-11-22",
        "consent_date": "2026-11-23",
        "first_dose_date": "2026-12-01",
        "verdict": "excluded",
        "summary": "Excluded: Autoimmune disease (E2).",
        "cohorts": [
            {
                "code": "pediatric-escalation",
                "title": "Pediatric escalation",
                "verdict": "excluded",
                "reasons": ["E2"],
                "open": ["E9", "disease"],
                "admission": {
                    "outcome": "pass",
                    "reason": "Age at consent: 11 years, born May 2015 (under 18 years); Country of the site: United "
                    "States; Diagnosis: Blastic plasmacytoid dendritic cell neoplasm (BPDCN).",
                },
            }
        ],
        "groups": {"disease": "unknown"},
        "criteria": [
            {
                "code": "I6",
                "kind": "inclusion",
                "title": "BPDCN",
                "outcome": "unknown",
                "reason": "Not known: State of the disease; No available therapy of known benefit. Known so far: "
                "Diagnosis: Blastic plasmacytoid dendritic cell neoplasm (BPDCN).",
                "facts": {"diagnosis": "bpdcn"},
                "readings": ["X9"],
                "can_change": None,
                "passes_from": None,
            },
            {
                "code": "E2",
                "kind": "exclusion",
                "title": "Autoimmune disease",
                "outcome": "fail",
                "reason": "Autoimmune disease: Yes, with systemic immunosuppression, in the past; Autoimmune disease "
                "last active: 1 March 2022 (less than 5 years before the day of this evaluation on 22 November 2026).",
                "facts": {"autoimmune_disease": "systemic_past", "autoimmune_last_active_date": "2022-03-01"},
                "readings": ["X8"],
                "can_change": "time",
                "passes_from": "2027-03-01",
            },
            {
                "code": "E9",
                "kind": "exclusion",
                "title": "Earlier cellular therapy",
                "outcome": "unknown",
                "reason": "Reading X17 is open: A donor lymphocyte infusion counts as cellular therapy. Known so far: "
                "Diagnosis: Blastic plasmacytoid dendritic cell neoplasm (BPDCN); Earlier cellular therapy: Donor "
                "lymphocyte infusion (DLI).",
                "facts": {"diagnosis": "bpdcn", "prior_cellular_therapy": ["dli"]},
                "readings": ["X12", "X17"],
                "can_change": None,
                "passes_from": None,
            },
            {
                "code": "E13",
                "kind": "exclusion",
                "title": "QTcF",
                "outcome": "pass",
                "reason": "QTcF: 430.5 ms (at most 470 ms).",
                "facts": {"qtcf_ms": 430.5},
                "readings": [],
                "can_change": None,
                "passes_from": None,
            },
            {
                "code": "R1",
                "kind": "review",
                "title": "Down syndrome",
                "outcome": "pass",
                "reason": "Down syndrome: yes; Age at consent: 11 years, born May 2015 (under 18 years).",
                "facts": {"birth_date": "2015-05", "down_syndrome": True},
                "readings": ["X1"],
                "can_change": None,
                "passes_from": None,
            },
        ],
        "missing": [
            {
                "fact": "disease_state",
                "question": "What is the state of the disease now?",
                "criteria": ["I6"],
                "cohorts": [],
            },
            {
                "fact": "no_available_therapy",
                "question": "Has every therapy of known clinical benefit been ruled out for this participant?",
                "criteria": ["I6"],
                "cohorts": [],
            },
        ],
        "depends_on": ["X17"],
        "review": ["R1"],
        "queries": [],
    }


def test_a_criterion_that_depends_on_the_cohort() -> None:
    """Its outcome for every cohort, the facts of all that may admit, and a change only where all of them fail."""
    both = few(("E15",), ("adult-escalation", "adult-expansion-mds"))
    answers = {"age_years": 60, "diagnosis": "mds", "mds_origin": "therapy_related", "country": "US"}
    (mixed,) = said(both, answers)["criteria"]
    assert mixed["outcome"] == "unknown"
    assert mixed["by_cohort"] == {"adult-escalation": "not_applicable", "adult-expansion-mds": "fail"}
    assert mixed["facts"] == {"diagnosis": "mds", "age_years": 60, "mds_origin": "therapy_related"}
    assert (mixed["can_change"], mixed["passes_from"]) == (None, None)
    (alone,) = said(few(("E15",), ("adult-expansion-mds",)), answers)["criteria"]
    assert (alone["outcome"], alone["can_change"]) == ("fail", "fixed")
    assert "by_cohort" not in said(few(("E13",), ("japan",)), {})["criteria"][0]


def test_a_failure_for_some_cohorts_waits_for_nothing() -> None:
    """Whichever cohort comes first: where one passes there is nothing to wait for, neither a repeat nor a day."""
    plain = protocol_to_plain(few(("E2",), ("adult-escalation", "adult-expansion-mds")))
    recent = {"elapsed": ["autoimmune_last_active_date", "<", 5, "years", "as_of"]}
    heavy = {"compare": ["weight_kg", ">", 100]}
    answers = {"autoimmune_last_active_date": "2022-03-01", "weight_kg": 120, "country": "US", "age_years": 60}
    for rule, alone in ((recent, ("time", "2027-03-01")), (heavy, ("repeat", None))):
        plain["criteria"][0] |= {"rule": {"all": [{"part": "escalation"}, rule]}}
        plain["criteria"][0].pop("scope", None)
        for turned in (False, True):
            cohorts = plain["cohorts"][::-1] if turned else plain["cohorts"]
            protocol = protocol_from_plain(plain | {"cohorts": cohorts})
            (criterion,) = said(protocol, answers | {"diagnosis": "mds"})["criteria"]
            assert sorted(criterion["by_cohort"].values()) == ["fail", "pass"]
            assert criterion["outcome"] == "unknown"
            assert (criterion["can_change"], criterion["passes_from"]) == (None, None)
        (criterion,) = said(protocol_from_plain(plain | {"cohorts": plain["cohorts"][:1]}), answers)["criteria"]
        assert (criterion["can_change"], criterion["passes_from"]) == alone


@pytest.mark.parametrize(
    ("code", "answers", "can_change", "passes_from"),
    [
        ("E13", {"qtcf_ms": 471}, "repeat", None),
        ("E12", {"solid_organ_transplant": True}, "fixed", None),
        ("I1", {"age_years": 0.5}, "time", None),
        ("I1", {"birth_date": "2026-01-05", "country": "FR"}, "time", "2028-01-05"),
        ("E13", {"qtcf_ms": 470}, None, None),
        ("E13", {}, None, None),
    ],
)
def test_what_may_change(code: str, answers: dict[str, Any], can_change: str | None, passes_from: str | None) -> None:
    (criterion,) = said(few((code,), ("japan",)), answers)["criteria"]
    assert (criterion["can_change"], criterion["passes_from"]) == (can_change, passes_from)


def test_what_waits_for_admission() -> None:
    (missing,) = said(few(("E13",), ("japan",)), {"qtcf_ms": 400, "age_years": 30, "country": "JP"})["missing"]
    assert missing == {
        "fact": "diagnosis",
        "question": "What is the confirmed diagnosis?",
        "criteria": [],
        "cohorts": ["japan"],
    }


def test_the_bytes() -> None:
    """Compact JSON in UTF-8 that begins with the members that it is given."""
    protocol = few(("E13",), ("japan",))
    verdict = evaluate(protocol, read_participant(protocol, {"answers": {"qtcf_ms": 471}}, TODAY))
    bytes_ = report(verdict, b'"trial":1')
    assert bytes_.startswith(b'{"trial":1,"as_of":"2026-11-22","consent_date":"2026-11-22","first_dose_date":')
    assert bytes_ == dumps(json.loads(bytes_))
    assert dumps({"a": ["é", None]}) == '{"a":["é",null]}'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        dumps(float("nan"))


def test_texts_that_look_like_something_else() -> None:
    """Percent signs, quotes, backslashes, and what stands for a gap or an escape: all come out as they were written."""
    awkward = 'At 100 %d "of\\ %(qtcf_ms)b \\u0000qtcf_ms\\u0000'
    plain = protocol_to_plain(few(("E13",), ("japan",)))
    plain["criteria"][0]["title"] = plain["cohorts"][0]["title"] = awkward
    question = next(question for question in plain["questions"] if question["key"] == "qtcf_ms")
    question |= {"label": awkward, "unit": awkward, "text": awkward}
    protocol = protocol_from_plain(plain)
    criterion = said(protocol, {"qtcf_ms": 471})["criteria"][0]
    assert criterion["title"] == awkward
    assert criterion["reason"] == f"{awkward}: 471 {awkward} (above 470 {awkward})."
    assert said(protocol, {})["missing"][-1]["question"] == awkward
    assert said(protocol, {})["cohorts"][0]["title"] == awkward


def test_a_percent_sign_of_an_answer() -> None:
    """It is one, as in the limit beside it, which stands in the protocol."""
    (criterion,) = said(few(("E1",), ("japan",)), {"age_years": 16, "karnofsky": 40})["criteria"]
    assert criterion["reason"].endswith("Karnofsky score: 40% (below 50%).")


def test_a_reporter_tells_birth_dates_apart() -> None:
    """An age in words depends on the date of birth, whatever was said of another one before."""
    protocol = few(("I1",), ("japan",))
    engine, reporter = Evaluator(protocol), Reporter(protocol, b'"a":1')
    for birth, age in (("1960-05-06", "66 years, born 6 May 1960"), ("1970-05-06", "56 years, born 6 May 1970")):
        participant = read_participant(protocol, {"answers": {"birth_date": birth}}, TODAY)
        (criterion,) = json.loads(reporter.report(engine.evaluate(participant)))["criteria"]
        assert criterion["reason"].startswith(f"Age at consent: {age} ")


def test_a_reporter_that_remembers() -> None:
    """One reporter for many participants writes the same bytes, also where it has to forget."""
    engine = Evaluator(PROTOCOL)
    people: list[dict[str, Any]] = [
        {"qtcf_ms": qtcf, "prior_cellular_therapy": cells, "birth_date": birth, "weight_kg": 8 + n}
        for n, (qtcf, cells, birth) in enumerate(
            [
                (470, [], "1960"),
                (471, ["dli"], "1960-05"),
                (470, ["dli"], "2015-05-05"),
                (480, [], "2026"),
                (481, [], "1960"),
            ]
        )
    ]
    expected = []
    for answers in people:
        participant = read_participant(PROTOCOL, {"answers": answers}, TODAY)
        expected.append(report(evaluate(PROTOCOL, participant), b'"a":1'))
    assert len(set(expected)) == len(people)
    for size in (16384, 1, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reporting, "REMEMBERED", size)
            reporter = Reporter(PROTOCOL, b'"a":1')
        for _ in range(2):
            for answers, bytes_ in zip(people, expected, strict=True):
                participant = read_participant(PROTOCOL, {"answers": answers}, TODAY)
                assert reporter.report(engine.evaluate(participant)) == bytes_


def test_readings_of_a_criterion() -> None:
    """Those that it names and those that its rules hold, in the order of their numbers."""
    assert readings_of(PROTOCOL.criterion_by_code["E15"]) == ["X1", "X18", "X19"]
    plain = protocol_to_plain(few(("E13",), ("japan",)))
    rule = {"any": [{"reading": "X17"}, {"reading": "X4"}]}
    plain["criteria"][0] |= {"rule": rule, "scope": {"reading": "X9"}, "readings": ["X1", "X17"]}
    assert readings_of(protocol_from_plain(plain).criteria[0]) == ["X1", "X4", "X9", "X17"]
