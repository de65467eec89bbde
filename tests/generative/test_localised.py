"""A protocol in another language has the same rules: every verdict is the same, whatever was translated."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from strategies import TODAY, Plain, cases, protocols

from app.rules.ask import Interviewer
from app.rules.participant import read_participant
from app.rules.protocol import Protocol
from app.rules.translation import localised, source_of, texts
from app.rules.verdict import Evaluator, Verdict
from app.rules.words import BEGIN, END


def decided(verdict: Verdict) -> Any:
    """All that a verdict decides, no texts."""
    return (
        verdict.decision,
        verdict.groups,
        [(line.criterion.code, line.outcome, line.missing, line.depends_on) for line in verdict.lines],
        [(cohort.cohort.code, cohort.verdict, cohort.reasons, cohort.open) for cohort in verdict.cohorts],
        verdict.missing,
        verdict.depends_on,
        verdict.review,
    )


@given(cases(), st.data())
def test_the_same_verdict_and_the_same_questions(case: tuple[Protocol, Plain], data: st.DataObject) -> None:
    protocol, body = case
    some = [(path, source_of(text)) for path, text in texts(protocol) if data.draw(st.booleans())]
    other = localised(protocol, {at: f"traduit {number}" for number, at in enumerate(some)})
    participant = read_participant(protocol, body, TODAY)
    assert read_participant(other, body, TODAY) == participant
    evaluators = Evaluator(protocol), Evaluator(other)
    assert decided(evaluators[0].evaluate(participant)) == decided(evaluators[1].evaluate(participant))
    keys = []
    for evaluator in evaluators:
        step = Interviewer(evaluator).interview(participant).step
        keys.append(step and [question.key for question in step.questions])
    assert keys[0] == keys[1]


@given(protocols(), st.data())
def test_each_text_is_translated_or_marked_as_english(protocol: Protocol, data: st.DataObject) -> None:
    english = dict(texts(protocol))
    assert len(english) == len(list(texts(protocol)))  # no two texts have one path
    path = data.draw(st.sampled_from(sorted(english)))
    other = dict(texts(localised(protocol, {(path, source_of(english[path])): "traduit"})))
    assert other == {at: "traduit" if at == path else f"{BEGIN}{text}{END}" for at, text in english.items()}
    outdated = dict(texts(localised(protocol, {(path, "0" * 12): "traduit"})))
    assert outdated[path] == f"{BEGIN}{english[path]}{END}"
