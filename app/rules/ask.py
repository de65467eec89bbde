"""Which questions can still change the verdict, and in which step they are asked.

A question is due when everything in its condition has been asked (or never will be), the condition
is not false, and some value of it can still change the goal: the verdict or, with `all_reasons`,
some criterion. "Can change" is decided exactly, by `search`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from app.rules.board import Board
from app.rules.evaluate import Context, World, decide, reads
from app.rules.facts import Value
from app.rules.finding import rules_of
from app.rules.memory import Memory
from app.rules.participant import Participant
from app.rules.protocol import Criterion, Protocol, Question, Section
from app.rules.search import Goal, Grounds, Search
from app.rules.truth import FALSE
from app.rules.verdict import Evaluator
from app.rules.ways import TooMany, Ways
from app.rules.worth import Worth

Order = Literal["section", "quickest"]
ORDERS: tuple[Order, ...] = ("section", "quickest")
REMEMBERED = 4096
GROUNDS = 64


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
    """Finds the next step of an interview, in one of two orders.

    By section, a step has all questions of one section that are due, sections in the protocol's order.
    Quickest, a step is one question, whatever its section.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self.protocol = evaluator.protocol
        self._world = evaluator.world
        self._board = Board(self.protocol)
        self._worth = Worth(self.protocol, self._board.evidence)
        self._grounds: Memory[Grounds] = Memory(GROUNDS)
        alternatives = {question.alternative for question in self.protocol.questions}
        self.questions = [question for question in self.protocol.questions if question.key not in alternatives]
        self._entries = [self._entry(question) for question in self.questions]
        self._interviews: Memory[Interview] = Memory(REMEMBERED)
        self._paths: Memory[tuple[Step, ...]] = Memory(REMEMBERED)

    def _entry(self, question: Question) -> "_Entry":
        evidence, relevant = self._board.evidence, question.relevant
        names = reads(self.protocol, [relevant] if relevant is not None else [])
        rests_on = [other.key for other in self.questions if other.key in names or other.alternative in names]
        try:
            out = evidence.ways(relevant, False) if relevant is not None else ()
        except TooMany:
            out = None
        return _Entry(question, evidence.mask([question.key]), tuple(rests_on), out)

    def interview(self, participant: Participant, goal: Goal = "verdict", order: Order = "section") -> Interview:
        """The next step, and the progress."""
        place = self._place(participant, goal, order)
        return self._interviews.get(place) or self._interviews.keep(place, self._interview(participant, goal, order))

    def due(self, participant: Participant, goal: Goal = "verdict") -> list[Question]:
        """All questions that are due now, in whatever section, in the protocol's order."""
        look = self._look(participant, goal)
        return [entry.question for entry in look.possible if look.is_due(entry)]

    def remembered(
        self, participant: Participant, goal: Goal = "verdict", order: Order = "section"
    ) -> tuple[Interview, tuple[Step, ...]] | None:
        """The interview and its path where both are remembered, so that nothing has to be searched for."""
        place = self._place(participant, goal, order)
        interview, path = self._interviews.get(place), self._paths.get(place)
        return None if interview is None or path is None else (interview, path)

    def path(self, participant: Participant, goal: Goal = "verdict", order: Order = "section") -> list[Step]:
        """The steps that an interview with these answers has taken, replayed from the first one.

        The last step may be one that is not answered yet: where the interview stands.
        """
        place = self._place(participant, goal, order)
        return list(self._paths.get(place) or self._paths.keep(place, tuple(self._replayed(participant, goal, order))))

    def _place(self, participant: Participant, goal: Goal, order: Order) -> object:
        """All that an interview depends on: what was asked, and what the answers show."""
        known = self._board.evidence.of(self._world(participant), participant.dates)
        return goal, order, participant.dates, known, frozenset(participant.answers)

    def _interview(self, participant: Participant, goal: Goal, order: Order) -> Interview:
        look = self._look(participant, goal)
        step = look.by_section(self.protocol.sections) if order == "section" else look.quickest(self.protocol.sections)
        asked = sum(is_asked(question, participant) for question in self.questions)
        left = (0, 0) if step is None else (len(step.questions), len(look.possible))
        return Interview(step, Progress(asked, *left))

    def _look(self, participant: Participant, goal: Goal) -> "_Look":
        dates, world = participant.dates, self._world(participant)
        grounds = self._grounds.get(dates) or self._grounds.keep(dates, Grounds(self._board, dates))
        known = self._board.evidence.of(world, dates)
        unasked = [entry for entry in self._entries if not is_asked(entry.question, participant)]
        open_ = 0
        for entry in unasked:
            open_ |= entry.mask
        search = Search(grounds, world, known, open_, goal)
        live = [entry for entry in unasked if entry.mask & search.live]
        return _Look(search, self._worth, [entry for entry in live if self._may_apply(entry, world, known)])

    def _may_apply(self, entry: "_Entry", world: World, known: int) -> bool:
        if entry.out is None:
            assert entry.question.relevant is not None
            return decide(entry.question.relevant, Context(self.protocol, world)) is not FALSE
        return all(way & ~known for way in entry.out)

    def _replayed(self, participant: Participant, goal: Goal, order: Order) -> Iterator[Step]:
        given: dict[str, Value | None] = {}
        while True:
            step = self.interview(Participant(given, participant.dates, participant.readings), goal, order).step
            if step is None:
                return
            yield step
            if not all(is_asked(question, participant) for question in step.questions):
                return
            for question in step.questions:
                for key in (question.key, question.alternative or question.key):
                    if key in participant.answers:
                        given[key] = participant.answers[key]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A question: its bits, the questions on which its condition rests, and the ways in which that is false.

    A question that no rule reads has no bits. `out` is None where there are too many ways.
    """

    question: Question
    mask: int
    rests_on: tuple[str, ...]
    out: Ways | None


class _Look:
    """An interview at one point: `possible` are the questions that nothing has ruled out yet."""

    def __init__(self, search: Search, worth: Worth, possible: list[_Entry]) -> None:
        self.search, self.worth, self.possible = search, worth, possible
        self._pending = {entry.question.key: entry.mask for entry in possible}

    def is_due(self, entry: _Entry) -> bool:
        """Whether the question can change the goal, and what its condition rests on has been asked or never will be."""
        waits = any(key in self._pending and self.search.matters(self._pending[key]) for key in entry.rests_on)
        return not waits and self.search.matters(entry.mask)

    def by_section(self, sections: Iterable[Section]) -> Step | None:
        """The questions that are due in the first section that has any, what is most likely to decide first."""
        for section in sections:
            due = [entry for entry in self.possible if entry.question.section == section.key and self.is_due(entry)]
            if due:
                return Step(section, tuple(entry.question for entry in sorted(due, key=self._index, reverse=True)))
        return None

    def quickest(self, sections: Iterable[Section]) -> Step | None:
        """The one question, of all that are due, that is most worth asking."""
        ranked = sorted(self.possible, key=self._index, reverse=True)
        entry = next((entry for entry in ranked if self.is_due(entry)), None)
        if entry is None:
            return None
        section = next(section for section in sections if section.key == entry.question.section)
        return Step(section, (entry.question,))

    def _index(self, entry: _Entry) -> float:
        """How much a question is worth asking now, against the ways that are left to exclude."""
        return self.worth.of(entry.mask, self.search.fails)


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
