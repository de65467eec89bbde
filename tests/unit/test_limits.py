"""What is remembered is bounded, and so is the search for questions: running out changes the speed, not the meaning."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.rules import domain, search, ways
from app.rules.ask import Interviewer
from app.rules.codec import protocol_from_plain, protocol_to_plain
from app.rules.participant import Participant, read_participant
from app.rules.protocol import Protocol
from app.rules.report import Reporter, report
from app.rules.search import Goal
from app.rules.verdict import Evaluator, evaluate
from app.trials import read_trial

TODAY = date(2026, 11, 22)
_, PROTOCOL = read_trial()


def answered(answers: dict[str, Any], protocol: Protocol = PROTOCOL) -> Participant:
    return read_participant(protocol, {"answers": answers}, TODAY)


INTERVIEWS: list[dict[str, Any]] = [
    {},
    {"country": "US", "age_years": 40, "sex": "female", "weight_kg": 70},
    {"country": "US", "birth_date": "1960", "sex": "male", "weight_kg": 70, "diagnosis": "aml", "disease_state": None},
    {"country": "JP", "age_years": 30, "sex": None, "weight_kg": 70, "diagnosis": "b_all"},
    {"country": "FR", "age_years": 8, "sex": "female", "weight_kg": 30, "diagnosis": "bpdcn"},
]


def steps(goal: Goal) -> list[list[str]]:
    interviewer = Interviewer(Evaluator(PROTOCOL))
    found = [interviewer.interview(answered(answers), goal).step for answers in INTERVIEWS]
    return [[question.key for question in step.questions] if step else [] for step in found]


GOALS: tuple[Goal, ...] = ("verdict", "all_reasons")


@pytest.mark.parametrize("goal", GOALS)
def test_forgetting_changes_no_question(goal: Goal, monkeypatch: pytest.MonkeyPatch) -> None:
    before = steps(goal)
    monkeypatch.setattr(search, "REMEMBERED", 1)
    monkeypatch.setattr(domain, "REMEMBERED", 1)
    assert steps(goal) == before


def test_what_is_remembered_of_one_participant_is_not_said_of_another() -> None:
    """An engine, a reporter and an interviewer for all say what new ones would."""
    engine, reporter, interviewer = Evaluator(PROTOCOL), Reporter(PROTOCOL, b'"a":1'), Interviewer(Evaluator(PROTOCOL))
    people = [answered(answers) for answers in INTERVIEWS]
    people += [answered({**answers, "mds_origin": "mds_mpn"}) for answers in INTERVIEWS]
    for country in ("JP", "US", None):
        for age in (17, 18, None):
            for origin in ("therapy_related", "de_novo", None):
                answers = {"country": country, "age_years": age, "diagnosis": "mds", "mds_origin": origin}
                people.append(answered({key: value for key, value in answers.items() if value is not None}))
    people += [answered({"birth_date": "2008"}), answered({"birth_date": "2008-01-01"}), answered({"birth_date": None})]
    people += [read_participant(PROTOCOL, {"answers": {}, "readings": {"X7": held}}, TODAY) for held in (True, False)]
    for _ in range(2):
        for participant in people:
            fresh = evaluate(PROTOCOL, participant)
            assert reporter.report(engine.evaluate(participant)) == report(fresh, b'"a":1')
            for goal in GOALS:
                alone = Interviewer(Evaluator(PROTOCOL))
                assert interviewer.interview(participant, goal) == alone.interview(participant, goal)
                assert interviewer.path(participant, goal) == alone.path(participant, goal)


def test_a_search_that_gives_up_asks() -> None:
    """A question on which the search runs out counts as able to change the goal: better asked than left out."""
    drug, transplant = {"yes": "other_investigational_drug"}, {"yes": "solid_organ_transplant"}
    plain = protocol_to_plain(PROTOCOL)
    rules = {"E10": {"all": [drug, transplant]}, "E12": transplant}
    criteria = [criterion for criterion in plain["criteria"] if criterion["code"] in rules]
    plain |= {"criteria": [criterion | {"rule": rules[criterion["code"]]} for criterion in criteria], "groups": []}
    plain["cohorts"] = [plain["cohorts"][0] | {"admits": {"always": True}}]
    protocol = protocol_from_plain(plain)

    def asked() -> list[str]:
        found = Interviewer(Evaluator(protocol)).due(answered({}, protocol))
        return [question.key for question in found]

    assert asked() == ["solid_organ_transplant"]  # with a transplant the drug makes no difference, nor without one
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "BUDGET", 0)
        assert asked() == ["other_investigational_drug", "solid_organ_transplant"]


def test_a_rule_with_too_many_ways_is_asked_about() -> None:
    """Where there are too many ways to list, every open question of the rule is asked until the rule is decided."""
    drug, transplant = {"yes": "other_investigational_drug"}, {"yes": "solid_organ_transplant"}
    plain = protocol_to_plain(PROTOCOL)
    plain |= {"criteria": [c | {"rule": {"any": [drug, transplant]}} for c in plain["criteria"] if c["code"] == "E10"]}
    plain |= {"groups": [], "cohorts": [plain["cohorts"][0] | {"admits": {"always": True}}]}
    conditions = {"solid_organ_transplant": {"not": {"all": [drug, drug]}}}
    plain["questions"] = [
        question | ({"relevant": conditions[question["key"]]} if question["key"] in conditions else {})
        for question in plain["questions"]
    ]
    protocol = protocol_from_plain(plain)
    for most in (ways.TRIED, 0):  # with 0, there are too many for the condition too
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ways, "TRIED", most)
            interviewer = Interviewer(Evaluator(protocol))
        for goal in GOALS:
            for answers, asked in (
                ({}, ["other_investigational_drug"]),
                ({"other_investigational_drug": True}, []),
                ({"other_investigational_drug": False}, ["solid_organ_transplant"]),
                ({"other_investigational_drug": False, "solid_organ_transplant": False}, []),
            ):
                due = interviewer.due(answered(answers, protocol), goal)
                assert [question.key for question in due] == asked
