"""What is remembered from one participant to the next changes nothing: many participants, one engine, the same bytes.

Also with memories so small that they are always being emptied.
"""

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial

import pytest
from population import AS_OF, participants

from app.rules import memory, traits
from app.rules import participant as reading
from app.rules.ask import Interviewer
from app.rules.participant import InvalidParticipant, Participant, Reader, read_participant
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


def said(read: Callable[[object, date], Participant], body: object) -> object:
    """What reading a body comes to, types and all; or the complaints."""
    try:
        participant = read(body, AS_OF)
    except InvalidParticipant as invalid:
        return invalid.complaints
    values = [(key, type(value), value) for key, value in participant.answers.items()]
    return values, participant.dates, participant.readings


SLIPS: list[dict[str, object]] = [
    {"hiv": True, "hepatitis_b_active": 1},
    {"ecog": True},
    {"ecog": 1.0, "weight_kg": 70},
    {"weight_kg": 70.0},
    {"hepatitis_b_active": 1.0},
    {"prior_cellular_therapy": [["car_t"]]},
    {"prior_cellular_therapy": "car_t"},
    {"prior_cellular_therapy": ["car_t", "car_t"]},
    {"birth_date": "2027-01-01"},
    {"birth_date": "1960", "age_years": 3},
    {"no_such_fact": 1},
]


@pytest.mark.parametrize("remember", [1, 4096])
def test_a_reader_that_remembers_reads_the_same(remember: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "REMEMBERED", remember)
    reader = Reader(PROTOCOL)
    bodies: list[object] = [{"answers": answers} for answers in [*participants(200, 5, 0.2), *SLIPS]]
    bodies += [{"answers": answers, "as_of": "2020-02-29"} for answers in participants(50, 6, 0.2)]
    bodies += [{"answers": {"ecog": 1}, "first_dose_date": "2026-11-01"}, {"answers": {}, "as_of": [1]}]
    bodies += [{"answers": {}, "readings": {"X9": True}}, {"answers": {}, "readings": {"X9": 1}}, {"answers": []}, []]
    bodies += [{"answers": {}, "as_of": True}, {"answers": {}, "x": 1}, {"answers": {}, "readings": None}]
    for body in [*bodies, *reversed(bodies)]:
        assert said(reader.read, body) == said(partial(read_participant, PROTOCOL), body)
