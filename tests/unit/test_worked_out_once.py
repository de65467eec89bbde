"""What falls alike is worked out once: participants who do not differ to the rules share rulings, sentences and JSON.

Whether the answers stay right is the matter of `test_remembering`; here, that nothing is worked out twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from app.rules import edit_checks, explain, traits
from app.rules.codec import protocol_from_plain, protocol_to_plain
from app.rules.participant import Participant, read_participant
from app.rules.protocol import Protocol
from app.rules.report import Reporter
from app.rules.verdict import Evaluator, Line
from app.trials import read_trial

TODAY = date(2026, 11, 22)
_, TRIAL = read_trial()
HEAD = b'"trial":null'


def written(criteria: dict[str, dict[str, Any]], cohorts: dict[str, dict[str, Any]] | None = None) -> Protocol:
    """The facts of the built-in trial under other criteria and cohorts."""
    plain = protocol_to_plain(TRIAL)
    words = {"kind": "exclusion", "title": "T", "statement": "S.", "place": "P"}
    plain |= {"groups": [], "criteria": [{"code": code} | words | criterion for code, criterion in criteria.items()]}
    everybody = {"everybody": {"admits": {"always": True}}}
    plain["cohorts"] = [{"code": code, "title": code} | cohort for code, cohort in (cohorts or everybody).items()]
    return protocol_from_plain(plain)


def person(answers: dict[str, Any], protocol: Protocol = TRIAL) -> Participant:
    return read_participant(protocol, {"answers": answers}, TODAY)


def counted(patch: pytest.MonkeyPatch, module: Any, name: str) -> list[Any]:
    """The first arguments with which a function of a module is called from now on."""
    calls: list[Any] = []
    real: Callable[..., Any] = getattr(module, name)

    def watched(*args: Any) -> Any:
        calls.append(args[0])
        return real(*args)

    patch.setattr(module, name, watched)
    return calls


GVHD, HEAVY = {"yes": "gvhd"}, {"compare": ["weight_kg", ">", 100]}


def lines(engine: Evaluator, *people: dict[str, Any]) -> list[Line]:
    """The line of the first criterion for each participant."""
    return [engine.evaluate(person(answers, engine.protocol)).lines[0] for answers in people]


def test_one_ruling_for_all_that_falls_alike() -> None:
    """81 kg and 82 kg are one to a limit of 100 kg; 101 kg is another, and so is a weight that is not known."""
    one, same, other, unknown = lines(
        Evaluator(written({"E1": {"rule": HEAVY}})), {"weight_kg": 81}, {"weight_kg": 82}, {"weight_kg": 101}, {}
    )
    assert one is same
    assert len({id(line) for line in (one, other, unknown)}) == 3


def test_one_ruling_for_all_to_whom_a_criterion_does_not_apply() -> None:
    """Outside of its scope nothing else counts; inside, what the rule reads does."""
    engine = Evaluator(written({"E1": {"rule": HEAVY, "scope": GVHD}}))
    light, heavy = {"weight_kg": 80}, {"weight_kg": 120}
    outside = lines(engine, *({"gvhd": False} | answers for answers in (light, heavy, {})))
    assert outside[0].outcome == "not_applicable"
    assert outside[0] is outside[1] is outside[2]
    inside = lines(engine, *({"gvhd": True} | answers for answers in (light, heavy, {"weight_kg": 81})))
    assert [line.outcome for line in inside] == ["pass", "fail", "pass"]
    assert inside[0] is inside[2]


def test_admissions_are_made_once() -> None:
    engine = Evaluator(written({"E1": {"rule": HEAVY}}, {"c": {"admits": GVHD}}))
    first, same, other = (
        engine.evaluate(person(answers, engine.protocol)).cohorts[0].admits
        for answers in ({"gvhd": True}, {"gvhd": True, "weight_kg": 80}, {"gvhd": False})
    )
    assert first is same
    assert first is not other


def test_cohorts_that_are_closed_tell_participants_apart() -> None:
    """The same answers to a criterion come to something else where another cohort may admit."""
    cohorts = {
        "one": {"admits": GVHD, "parts": {"p": {"always": True}}},
        "two": {"admits": {"not": GVHD}, "parts": {}},
    }
    engine = Evaluator(written({"E1": {"rule": {"part": "p"}}}, cohorts))
    people = [{"gvhd": True}, {"gvhd": False}, {}]
    for _ in range(2):
        assert [line.outcome for line in lines(engine, *people)] == ["fail", "pass", "unknown"]
    again = lines(engine, *people)
    assert [line is known for line, known in zip(lines(engine, *people), again, strict=True)] == [True] * 3


def test_each_cohort_that_is_closed_counts() -> None:
    """Of three, the one in the middle alone differs: it is the only one that a criterion excludes from."""
    everybody = {"admits": {"always": True}}
    second = {"admits": GVHD, "parts": {"p": {"always": True}}}
    engine = Evaluator(written({"E1": {"rule": {"part": "p"}}}, {"one": everybody, "two": second, "three": everybody}))
    assert [line.outcome for line in lines(engine, {"gvhd": True}, {"gvhd": False})] == ["unknown", "pass"]


def test_one_sheet_for_all_whom_the_rules_do_not_tell_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is said without their own values is put together, and its summary written, once for them."""
    protocol = written({"E1": {"rule": HEAVY}, "E2": {"rule": GVHD}})
    engine, reporter = Evaluator(protocol), Reporter(protocol, HEAD)
    summaries = counted(monkeypatch, explain, "summary")
    first, same, other = (
        engine.evaluate(person({"weight_kg": weight, "gvhd": False}, protocol)) for weight in (120, 121, 80)
    )
    assert first.sheet is same.sheet
    assert first.sheet is not other.sheet
    assert len({reporter.report(verdict) for verdict in (first, same, other)}) == 3
    assert summaries == [first, other]


def test_edit_checks_are_decided_once_for_their_own_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks that read few facts together are decided together, whatever else was answered."""
    engine = Evaluator(TRIAL)
    assert len(engine._checks.runs) > 1
    assert all(len(run.names) <= edit_checks.TOGETHER for run in engine._checks.runs)
    decided = counted(monkeypatch, edit_checks, "decide")
    answers = {"ecog": 1, "karnofsky": 90, "pregnancy": "pregnant", "sex": "female"}
    engine.evaluate(person(answers))
    codes = {check.code: check.rule for check in TRIAL.edit_checks}
    assert codes["Q1"] in decided
    assert codes["Q9"] in decided
    decided.clear()
    engine.evaluate(person(answers | {"karnofsky": 40}))
    assert codes["Q1"] in decided
    assert codes["Q9"] not in decided


def test_a_value_is_held_against_the_rules_once(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Evaluator(TRIAL)
    answers = {"weight_kg": 81, "birth_date": "1970-05", "gvhd": False, "prior_cellular_therapy": ["dli"]}
    engine.evaluate(person(answers))
    decided = counted(monkeypatch, traits, "decide")
    engine.evaluate(person(answers))
    assert decided == []
    engine.evaluate(person(answers | {"weight_kg": 82}))
    assert {leaf.fact for leaf in decided} == {"weight_kg"}


def test_a_value_known_and_one_not_known_are_never_alike() -> None:
    """Even where the value, a year, decides nothing: one is not exact enough, the other is missing."""
    protocol = written({"E1": {"rule": {"compare": ["age_years", ">=", 18]}}})
    engine = Evaluator(protocol)
    said = [
        explain.result_reason(engine.evaluate(person(answers, protocol)).results[0])
        for answers in ({"birth_date": None}, {"birth_date": "2008"}, {"birth_date": None})
    ]
    vague = "Not exact enough to decide: Date of birth (2008)."
    assert said == ["Not known: Date of birth.", vague, "Not known: Date of birth."]


def test_what_is_not_exact_enough_of_one_is_of_another() -> None:
    """Both answered the same questions: whether it applies, and whether it holds, is open for the first alone."""
    therapy, disease = "other_malignancy_therapy_end_date", "autoimmune_last_active_date"
    recently = {fact: {"elapsed": [fact, "<", 5, "years", "as_of"]} for fact in (therapy, disease)}
    protocol = written({"E1": {"rule": recently[disease], "scope": recently[therapy]}})
    vague, exact = {therapy: "2021", disease: "2021"}, {therapy: "2025", disease: "2010"}
    assert [line.outcome for line in lines(Evaluator(protocol), vague, exact)] == ["unknown", "pass"]
    assert [line.outcome for line in lines(Evaluator(protocol), exact, vague)] == ["pass", "unknown"]


def test_what_a_limit_tells_apart_is_never_alike() -> None:
    """However many limits there are, and whatever the engine has seen before."""
    between = {"any": [{"compare": ["weight_kg", "<", 20]}, {"compare": ["weight_kg", ">", 60]}, HEAVY]}
    engine = Evaluator(written({"E1": {"rule": between}, "E2": {"rule": {"not": between}}}))
    for weight, outcomes in (
        (None, ["unknown", "unknown"]),
        (10, ["fail", "pass"]),
        (40, ["pass", "fail"]),
        (80, ["fail", "pass"]),
        (120, ["fail", "pass"]),
    ):
        verdict = engine.evaluate(person({"weight_kg": weight}, engine.protocol))
        assert [line.outcome for line in verdict.lines] == outcomes, weight


def test_readings_tell_participants_apart() -> None:
    """What is given for a reading counts for that participant alone; X17 is open, X4 taken as yes."""
    engine = Evaluator(written({"E1": {"rule": {"reading": "X17"}}, "E2": {"rule": {"reading": "X4"}}}))
    for readings, outcomes in (
        ({}, ["unknown", "fail"]),
        ({"X17": True}, ["fail", "fail"]),
        ({"X17": False}, ["pass", "fail"]),
        ({"X4": False}, ["unknown", "pass"]),
        ({}, ["unknown", "fail"]),
    ):
        participant = read_participant(engine.protocol, {"answers": {}, "readings": readings}, TODAY)
        assert [line.outcome for line in engine.evaluate(participant).lines] == outcomes, readings


def test_a_sentence_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The JSON of a criterion and of an admission is made once for all whom the rules do not tell apart, and the
    words for a value once for all who have it.
    """
    protocol = written({"E1": {"rule": HEAVY}}, {"c": {"admits": {"compare": ["qtcf_ms", "<", 500]}}})
    engine, reporter = Evaluator(protocol), Reporter(protocol, HEAD)
    criteria = counted(monkeypatch, explain, "result_form")
    findings = counted(monkeypatch, explain, "reason_form")
    words = counted(monkeypatch, explain, "gap_words")

    def worked_out(**answers: Any) -> tuple[int, int, list[str]]:
        """The sentences on criteria and on findings, and the values in words, that one more report takes."""
        for calls in (criteria, findings, words):
            calls.clear()
        assert reporter.report(engine.evaluate(person(answers, protocol)))
        return len(criteria), len(findings), list(words)

    assert worked_out(weight_kg=81, qtcf_ms=430) == (1, 2, ["qtcf_ms", "weight_kg"])
    assert worked_out(weight_kg=81, qtcf_ms=430) == (0, 0, [])
    assert worked_out(weight_kg=82, qtcf_ms=430) == (0, 0, ["weight_kg"])
    assert worked_out(weight_kg=82, qtcf_ms=510) == (0, 1, ["qtcf_ms"])
    assert worked_out(weight_kg=120, qtcf_ms=430) == (1, 1, ["weight_kg"])
    assert worked_out(weight_kg=81, qtcf_ms=510) == (0, 0, [])


def test_a_date_is_held_against_the_rules_anew_each_day() -> None:
    """What is remembered of a date, or of an age from a birth date, counts for the days of its evaluation alone."""
    window = {"elapsed": ["autoimmune_last_active_date", "<", 5, "years", "as_of"]}
    protocol = written({"E1": {"rule": window}, "E2": {"rule": {"compare": ["age_years", ">=", 18]}}})
    engine = Evaluator(protocol)
    answers = {"autoimmune_last_active_date": "2022-03-01", "birth_date": "2009-05-06"}
    for _ in range(2):
        for day, outcomes in (("2026-11-22", ["fail", "pass"]), ("2028-11-22", ["pass", "fail"])):
            participant = read_participant(protocol, {"answers": answers, "as_of": day}, TODAY)
            assert [line.outcome for line in engine.evaluate(participant).lines] == outcomes
