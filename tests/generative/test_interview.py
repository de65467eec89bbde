"""The interview of the built-in trial: whoever answers its questions gets the verdict of the whole file."""

import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import raw_value

from app.rules.ask import ORDERS, Interviewer, Order, is_asked
from app.rules.evaluate import Context, decide
from app.rules.facts import Age
from app.rules.participant import Participant, read_participant
from app.rules.protocol import Question
from app.rules.search import Goal
from app.rules.truth import FALSE
from app.rules.verdict import Evaluator
from app.trials import read_trial

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))  # the benchmarks are scripts, not a package
population = import_module("population")
questioning = import_module("questioning")

_, PROTOCOL = read_trial()
ENGINE = Evaluator(PROTOCOL)
INTERVIEWER = Interviewer(ENGINE)


def read(answers: dict[str, Any]) -> Participant:
    return read_participant(PROTOCOL, {"answers": answers}, population.AS_OF)


def interviewed(file: dict[str, Any], goal: Goal, order: Order = "section") -> tuple[dict[str, Any], int]:
    """The answers that an interview takes from a file, and its number of steps; what the file lacks is not known."""
    answers: dict[str, Any] = {}
    steps = 0
    while (step := INTERVIEWER.interview(read(answers), goal, order).step) is not None:
        steps += 1
        for question in step.questions:
            assert not is_asked(question, read(answers))
            keys = [key for key in (question.key, question.alternative) if key and file.get(key) is not None]
            answers |= {key: file[key] for key in keys} or {question.key: None}
    return answers, steps


def may_apply(question: Question, participant: Participant) -> bool:
    rule = question.relevant
    return rule is None or decide(rule, Context(PROTOCOL, ENGINE.world(participant))) is not FALSE


@example(25266, 0.2, "all_reasons", "section")  # of unknown age, with Down syndrome
@settings(max_examples=3 * settings.default.max_examples)
@given(
    st.integers(0, 10**6),
    st.sampled_from([0.0, 0.05, 0.2, 0.5]),
    st.sampled_from(["verdict", "all_reasons"]),
    st.sampled_from(ORDERS),
)
def test_the_interview_comes_to_the_verdict_of_the_whole_file(
    seed: int, unknown: float, goal: Goal, order: Order
) -> None:
    file = next(iter(population.participants(1, seed, unknown)))
    answers, _ = interviewed(file, goal, order)
    taken, whole = ENGINE.evaluate(read(answers)), ENGINE.evaluate(read(file))
    assert taken.decision == whole.decision
    if goal == "all_reasons":
        failing = {result.criterion.code for result in taken.results if result.outcome == "fail"}
        assert failing == {result.criterion.code for result in whole.results if result.outcome == "fail"}
        assert taken.review == whole.review


@settings(max_examples=3 * settings.default.max_examples)
@given(st.data())
def test_nothing_that_was_not_asked_could_have_changed_the_verdict(data: st.DataObject) -> None:
    """Where the interview ends without a verdict, no answers to what is left would have brought one."""
    seed, unknown = data.draw(st.integers(0, 10**6)), data.draw(st.sampled_from([0.1, 0.3]))
    file = next(iter(population.participants(1, seed, unknown)))
    answers, _ = interviewed(file, "verdict", data.draw(st.sampled_from(ORDERS)))
    before = ENGINE.evaluate(read(answers))
    bounds = dict.fromkeys(("as_of", "consent_date", "first_dose_date"), population.AS_OF)
    left = [question for question in INTERVIEWER.questions if not is_asked(question, read(answers))]
    for question in left:
        if may_apply(question, before.participant) and not isinstance(question.type, Age):
            answers[question.key] = data.draw(raw_value(question, bounds))
    assert ENGINE.evaluate(read(answers)).decision == before.decision


def test_interviews_are_short() -> None:
    """Over a hundred plausible files: few steps, and far fewer questions than there are facts."""
    steps, asked = Counter[int](), Counter[int]()
    for file in population.participants(100, 5, 0.0):
        answers, taken = interviewed(file, "verdict")
        steps[taken] += 1
        asked[len(answers)] += 1
    assert max(steps) <= 12
    assert max(asked) < len(INTERVIEWER.questions)


def test_each_order_asks_fewer_questions_than_the_one_before() -> None:
    """Over plausible files, question by question: the form from the top, by section, quickest, the certificate."""
    engines = questioning.Engines()
    people = [engines.read(answers) for answers in population.participants(60, 4, 0.1)]

    def asked(policy: questioning.Policy) -> int:
        return sum(questioning.interviewed(engines, policy, participant).questions for participant in people)

    form = asked(questioning.fixed(engines))
    by_section, quickest = (asked(questioning.ours(engines, order)) for order in ORDERS)
    assert len(people) * len(engines.questions) > form > by_section > quickest
    for participant in people:
        fewest = questioning.certificate(engines, participant)
        taken = questioning.interviewed(engines, questioning.ours(engines, "quickest"), participant)
        assert fewest is None or fewest <= taken.questions
