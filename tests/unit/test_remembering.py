"""What is remembered from one participant to the next changes nothing: many participants, one engine, the same bytes.

Also with memories so small that they are always being emptied.
"""

from datetime import timedelta

import pytest
from population import AS_OF, participants

from app.rules import memory, traits
from app.rules.ask import Interviewer
from app.rules.participant import Participant, read_participant
from app.rules.report import Reporter, report
from app.rules.verdict import Evaluator
from app.trials import read_trial

PROTOCOL = read_trial()[1]
HEAD = b'"trial":null'


def people(count: int, seed: int) -> list[Participant]:
    """Participants on several days, some with readings of their own."""
    made = []
    for number, answers in enumerate(participants(count, seed, 0.2)):
        day = (AS_OF + timedelta(days=number % 3)).isoformat()
        readings = {"X7": True} if number % 5 == 0 else {"X9": False, "X19": False} if number % 7 == 0 else {}
        made.append(read_participant(PROTOCOL, {"answers": answers, "as_of": day, "readings": readings}, AS_OF))
    return made


@pytest.mark.parametrize("remember", [1, 7, 4096])
def test_an_engine_that_remembers_gives_the_same_bytes(remember: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traits, "REMEMBERED", remember)
    forgetful, remembering = Evaluator(PROTOCOL, remember=0), Evaluator(PROTOCOL, remember=remember)
    reporter = Reporter(PROTOCOL, HEAD)
    for participant in people(300, 1):
        plain = report(forgetful.evaluate(participant), HEAD)
        for _ in range(2):
            assert reporter.report(remembering.evaluate(participant)) == plain


def test_an_interview_that_remembers_asks_the_same() -> None:
    remembering = Interviewer(Evaluator(PROTOCOL))
    for participant in people(40, 2):
        anew = Interviewer(Evaluator(PROTOCOL))
        for goal in ("verdict", "all_reasons"):
            assert remembering.interview(participant, goal) == anew.interview(participant, goal)
            assert remembering.path(participant, goal) == anew.path(participant, goal)


def test_a_memory_stays_in_its_bounds() -> None:
    kept: memory.Memory[str] = memory.Memory(3)
    for number in range(10):
        assert kept.keep(number, str(number)) == str(number)
        assert kept.get(number) == str(number)
        assert len(kept) <= 3
    nothing: memory.Memory[str] = memory.Memory(0)
    assert nothing.keep(1, "one") == "one"
    assert not nothing
