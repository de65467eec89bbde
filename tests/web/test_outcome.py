"""What a screening's answers come to, as the log keeps it."""

from datetime import date
from typing import Any

import pytest
from serving import CASES, NOW, body_of

from app.actions import Outcome
from app.rules.explain import summary
from app.trials import read_trial
from app.web.outcome import outcome, reasons
from app.web.published import prepare

TRIAL, PROTOCOL = read_trial()
PUBLISHED = prepare(TRIAL, PROTOCOL, 1, "")


def of(answers: dict[str, Any], **dates: str) -> Outcome:
    return outcome(PUBLISHED, PUBLISHED.read({"answers": answers, **dates}, NOW.date()))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_reasons_are_those_that_the_summary_names(case: dict[str, Any]) -> None:
    verdict = PUBLISHED.evaluate(PUBLISHED.read(body_of(case), NOW.date()))
    codes = reasons(verdict)
    assert bool(codes) is (verdict.decision == "excluded")
    known = {each.code for each in (*PROTOCOL.criteria, *PROTOCOL.groups)}
    titles = {each.code: each.title for each in PROTOCOL.groups}
    assert all(code in known or codes == ("admission",) for code in codes)
    assert all(titles.get(code, f"({code})") in summary(verdict) for code in codes if code != "admission")


def test_the_result_is_the_json_of_the_api() -> None:
    participant = PUBLISHED.read({"answers": {"qtcf_ms": 482}}, NOW.date())
    found = outcome(PUBLISHED, participant)
    assert found.result.encode() == PUBLISHED.report(PUBLISHED.evaluate(participant))
    assert (found.verdict, found.reasons, found.is_over) == ("excluded", ("E13",), True)


def test_nothing_is_over_before_the_questions_are() -> None:
    assert of({}) == Outcome(of({}).result, "undetermined", (), None, is_over=False)


def test_the_day_on_which_time_alone_makes_the_reasons_pass() -> None:
    past = {"autoimmune_disease": "systemic_past", "autoimmune_last_active_date": "2022-03-01"}
    assert of(past).reasons == ("E2",)
    assert of(past).passes_from == date(2027, 3, 1)
    assert of(past, as_of="2027-03-01").verdict == "undetermined"
    assert of(past | {"qtcf_ms": 482}).passes_from == date(2027, 3, 1), "which may pass by then when it is repeated"
    assert of(past | {"solid_organ_transplant": True}).passes_from is None, "of which no day makes anything else"
