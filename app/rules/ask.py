"""Which questions can still change the verdict, and in which step they are asked.

A question is due when everything in its condition has been asked (or never will be), the condition
is not false, and some value of it can still change the goal: the verdict or, with `all_reasons`,
some criterion. "Can change" is decided exactly, by `search`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from app.rules.board import Board
from app.rules.domain import Domains
from app.rules.evaluate import Context, World, decide, reads
from app.rules.facts import Value
from app.rules.finding import rules_of
from app.rules.memory import Memory
from app.rules.participant import Participant
from app.rules.protocol import Criterion, Protocol, Question, Section
from app.rules.search import Goal, Search, Turns
from app.rules.traits import Traits
from app.rules.truth import FALSE
from app.rules.verdict import Evaluator

REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Step:
    """The questions of one section that are due now."""

    section: Section
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How many questions were asked, and how many are left at the least and at the most."""

    answered: int
    at_least: int
    at_most: int


@dataclass(frozen=True, slots=True)
class Interview:
    """Where an interview stands; without a step it is over."""

    step: Step | None
    progress: Progress


class Interviewer:
    """Finds the next step of an interview, sections and questions in the protocol's order."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.protocol = evaluator.protocol
        self._world = evaluator.world
        self._board = Board(self.protocol)
        self._turns = Turns(self._board, Domains(self.protocol))
        alternatives = {question.alternative for question in self.protocol.questions}
        self.questions = [question for question in self.protocol.questions if question.key not in alternatives]
        self._conditions = {question.key: self._condition_keys(question) for question in self.questions}
        rules = [unit.rule for unit in self._board.units]
        rules += [question.relevant for question in self.questions if question.relevant is not None]
        self._traits = Traits(self.protocol, [rules])
        self._interviews: Memory[Interview] = Memory(REMEMBERED)
        self._paths: Memory[tuple[Step, ...]] = Memory(REMEMBERED)

    def interview(self, participant: Participant, goal: Goal = "verdict") -> Interview:
        """The next step, and the progress."""
        world = self._world(participant)
        place = self._place(participant, goal)
        return self._interviews.get(place) or self._interviews.keep(place, self._interview(participant, world, goal))

    def remembered(self, participant: Participant, goal: Goal = "verdict") -> tuple[Interview, tuple[Step, ...]] | None:
        """The interview and its path where both are remembered, so that nothing has to be searched for."""
        place = self._place(participant, goal)
        interview, path = self._interviews.get(place), self._paths.get(place)
        return None if interview is None or path is None else (interview, path)

    def _place(self, participant: Participant, goal: Goal) -> object:
        """All that an interview depends on: what was asked, and how the answers fall on the rules."""
        return goal, participant.dates, frozenset(participant.answers), self._traits.of(participant)

    def _interview(self, participant: Participant, world: World, goal: Goal) -> Interview:
        unasked = [question for question in self.questions if not is_asked(question, participant)]
        search = Search(self._turns, world, [question.key for question in unasked], goal)
        possible = [q for q in unasked if self._may_apply(q, world) and search.is_live(q.key)]
        step = self._step(possible, search)
        left = (0, 0) if step is None else (1, len(possible))
        return Interview(step, Progress(len(self.questions) - len(unasked), *left))

    def path(self, participant: Participant, goal: Goal = "verdict") -> list[Step]:
        """The steps that an interview with these answers has taken, replayed from the first one.

        The last step may be one that is not answered yet: where the interview stands.
        """
        place = self._place(participant, goal)
        return list(self._paths.get(place) or self._paths.keep(place, tuple(self._replayed(participant, goal))))

    def _replayed(self, participant: Participant, goal: Goal) -> Iterator[Step]:
        given: dict[str, Value | None] = {}
        while True:
            step = self.interview(Participant(given, participant.dates, participant.readings), goal).step
            if step is None:
                return
            yield step
            if not all(is_asked(question, participant) for question in step.questions):
                return
            for question in step.questions:
                for key in (question.key, question.alternative or question.key):
                    if key in participant.answers:
                        given[key] = participant.answers[key]

    def _step(self, possible: list[Question], search: "Search") -> Step | None:
        pending = {question.key for question in possible}
        for section in self.protocol.sections:
            due = [
                question
                for question in possible
                if question.section == section.key
                and not any(key in pending and search.matters(key) for key in self._conditions[question.key])
                and search.matters(question.key)
            ]
            if due:
                return Step(section, tuple(due))
        return None

    def _may_apply(self, question: Question, world: World) -> bool:
        return question.relevant is None or decide(question.relevant, Context(self.protocol, world)) is not FALSE

    def _condition_keys(self, question: Question) -> list[str]:
        """The questions whose answers this one's condition reads."""
        names = reads(self.protocol, [question.relevant] if question.relevant is not None else [])
        return [other.key for other in self.questions if other.key in names or other.alternative in names]


def is_asked(question: Question, participant: Participant) -> bool:
    """Whether the question, or its alternative, was answered or said to be not known."""
    return question.key in participant.answers or question.alternative in participant.answers


_criteria: Memory[tuple[Protocol, list[Criterion]]] = Memory(4096)


def criteria_of(protocol: Protocol, question: Question) -> list[Criterion]:
    """The criteria that the question, or its alternative, can decide."""
    key = (id(protocol), question.key)
    known = _criteria.get(key)
    if known is None or known[0] is not protocol:
        keys = {question.key, question.alternative}
        known = _criteria.keep(key, (protocol, [c for c in protocol.criteria if _is_read(protocol, c, keys)]))
    return known[1]


def _is_read(protocol: Protocol, criterion: Criterion, keys: set[str | None]) -> bool:
    return not keys.isdisjoint(reads(protocol, rules_of(criterion, None)))
