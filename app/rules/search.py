"""Whether a question can still change the goal, decided by looking for a witness.

A witness is a set of values of other open questions (the rest staying not known) with which some
value of this question turns an undecided verdict, or criterion, into a decided one. Two facts cut
the search: more answers never undo a decision, and never make a unit wait for a question again.
And a question changes the verdict only by making some unit fail, or some unit pass:

- a unit that all cohorts share excludes alone, so only its own questions need to be tried;
- to make eligible, every unit must be able to pass; those that share no open question with this
  one are looked at apart;
- to exclude through a group, or through what depends on the cohort, the linked questions are tried.

The search is exact up to `BUDGET` steps for a question; one on which it gives up counts as able to
change the goal.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal

from app.rules.board import Board, State
from app.rules.domain import Domains
from app.rules.evaluate import World
from app.rules.facts import ANCHORS, Dates
from app.rules.truth import FALSE, TRUE

Goal = Literal["verdict", "all_reasons"]
Turn = Literal["pass", "fail"]
TURNS: tuple[Turn, ...] = ("fail", "pass")
BUDGET = 4000
REMEMBERED = 50_000

Decided = Callable[[State], bool]
Live = Callable[[State], frozenset[str]]


class GaveUp(Exception):
    """The search has used up its budget."""


class Turns:
    """The board and the domains, and what is remembered from one search to the next."""

    def __init__(self, board: Board, domains: Domains) -> None:
        self.board, self.domains = board, domains
        self._remembered: dict[object, bool] = {}

    def recall(self, key: object, work: Callable[[], bool]) -> bool:
        """The remembered answer, or the one that `work` finds."""
        if key not in self._remembered:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = work()
        return self._remembered[key]


class Search:
    """One search, from one state of an interview."""

    def __init__(self, turns: Turns, world: World, open_keys: list[str], goal: Goal) -> None:
        self.turns, self.board = turns, turns.board
        self.goal = goal
        self.open_keys = open_keys
        self.state = self.board.state(world)
        self.verdict, self.waiting = self.board.verdict(self.state)
        self._open = frozenset(open_keys)
        self._dates = Dates(*(world[name] for name in ANCHORS))
        self._known: dict[str, bool] = {}
        self._steps = 0

    def is_live(self, key: str) -> bool:
        """Whether something undecided waits for the question: needed for it to matter, not enough."""
        return any(key in self.state.judgements[number].waits for number in self._goal_units())

    def matters(self, key: str) -> bool:
        """Whether some value of the question can still change the goal."""
        if key not in self._known:
            self._steps = BUDGET
            try:
                self._known[key] = self._matters(key)
            except GaveUp:
                self._known[key] = True
        return self._known[key]

    def _goal_units(self) -> Iterable[int]:
        if self.goal == "verdict":
            return self.waiting
        return [n for n, unit in enumerate(self.board.units) if unit.criterion is not None or n in self.waiting]

    def _matters(self, key: str) -> bool:
        concerned = [n for n in self._goal_units() if key in self.state.judgements[n].waits]
        units = sorted(concerned, key=lambda n: len(self._open.intersection(self.board.units[n].names)))
        if self.goal == "all_reasons":
            criteria = [n for n in units if self.board.units[n].criterion is not None]
            if any(self._can_turn(key, number, turn) for number in criteria for turn in TURNS):
                return True
        units = [number for number in units if number in self.waiting]
        return (
            any(self._excludes_alone(key, number) for number in units if not self._is_linked(number))
            or self._excludes_with_others(key, [number for number in units if self._is_linked(number)])
            or self._makes_eligible(key, units)
        )

    # ONE UNIT

    def _can_turn(self, key: str, number: int, turn: Turn) -> bool:
        """Whether the question can make this unit pass, or fail, where it is undecided without it."""
        return self.turns.recall(
            (number, key, turn, *self._local(number)),
            lambda: self._turns(
                key,
                undecided=lambda state: bool(state.judgements[number].waits),
                reached=lambda state: self._turn(number, state) == turn,
                live=lambda state: state.judgements[number].waits,
            ),
        )

    def _turn(self, number: int, state: State) -> Turn | None:
        judgement = state.judgements[number]
        if self.board.units[number].group is not None:
            return "pass" if judgement.route is TRUE else "fail" if judgement.route is FALSE else None
        return None if judgement.outcome == "unknown" else "fail" if judgement.outcome == "fail" else "pass"

    def _local(self, number: int) -> tuple[object, ...]:
        """All that a search inside one unit depends on."""
        unit = self.board.units[number]
        values = tuple(self.state.world[name] for name in unit.names)
        return (values, self._open.intersection(unit.names), self._dates)

    def _can_pass_alone(self, number: int) -> bool:
        """Whether some values of the open questions make this unit pass."""

        def passes(state: State) -> bool:
            self._spend()
            now = self._turn(number, state)
            if now is not None:
                return now == "pass"
            key = self._next(number, state)
            return key is not None and any(passes(after) for after in self._answers(state, key))

        return self.turns.recall((number, *self._local(number)), lambda: passes(self.state))

    def _next(self, number: int, state: State) -> str | None:
        waits = state.judgements[number].waits
        return next((key for key in self.open_keys if key in waits and state.world[key] is None), None)

    # THE VERDICT

    def _excludes_alone(self, key: str, number: int) -> bool:
        """Whether the question can make this unit fail, which all cohorts share."""
        return self._turns(
            key,
            undecided=self._undetermined(),
            reached=lambda state: self._turn(number, state) == "fail",
            live=lambda state: state.judgements[number].waits,
        )

    def _makes_eligible(self, key: str, units: list[int]) -> bool:
        """Whether the question can be the last one that makes the participant eligible."""
        if not self._may_become_eligible() or not any(self._can_turn(key, number, "pass") for number in units):
            return False
        near, far = self._linked(key)
        return self._can_pass(self.state, far) and self._turns_verdict(key, near, far, "likely_eligible")

    def _excludes_with_others(self, key: str, units: list[int]) -> bool:
        """Whether the question can exclude through a group, or through what depends on the cohort."""
        if not any(self._can_turn(key, number, "fail") for number in units):
            return False
        return self._turns_verdict(key, self._linked(key)[0], frozenset(), "excluded")

    def _turns_verdict(self, key: str, near: frozenset[str], passed: frozenset[int], verdict: str) -> bool:
        return self._turns(
            key,
            undecided=self._undetermined(passed),
            reached=lambda state: self.board.verdict(state, passed)[0] == verdict,
            live=lambda state: self._waits(state, self.board.verdict(state, passed)[1]) & near,
        )

    def _undetermined(self, passed: frozenset[int] = frozenset()) -> Decided:
        return lambda state: self.board.verdict(state, passed)[0] == "undetermined"

    def _is_linked(self, number: int) -> bool:
        unit = self.board.units[number]
        return unit.cohort is not None or unit.group is not None

    def _may_become_eligible(self) -> bool:
        """Whether, in some cohort, every unit can pass as far as it alone is concerned."""
        return self.board.may_all_pass(self.state, self._can_pass_alone)

    def _linked(self, key: str) -> tuple[frozenset[str], frozenset[int]]:
        """The open questions linked with this one through waiting units, and the units not linked."""
        lots = self.board.lots(self.waiting)
        names, linked = {key}, set[int]()
        grown = True
        while grown:
            grown = False
            for lot in lots:
                waits = self._waits(self.state, lot) & self._open
                by_cohort = any(self.board.units[number].cohort is not None for number in lot)
                if not lot <= linked and (by_cohort or waits & names):
                    linked |= lot
                    names |= waits
                    grown = True
        return frozenset(names), self.waiting - linked

    def _waits(self, state: State, units: Iterable[int]) -> frozenset[str]:
        return frozenset().union(*(state.judgements[number].waits for number in units))

    def _can_pass(self, state: State, units: frozenset[int]) -> bool:
        """Whether some values of the open questions make these units pass together."""
        self._spend()
        outcome, waiting = self.board.passes(state, units)
        if outcome != "unknown":
            return outcome == "pass"
        waits = self._waits(state, waiting)
        key = next((key for key in self.open_keys if key in waits and state.world[key] is None), None)
        return key is not None and any(self._can_pass(after, units) for after in self._answers(state, key))

    # TRYING ANSWERS

    def _turns(self, key: str, *, undecided: Decided, reached: Decided, live: Live) -> bool:
        """Whether some value of the question, with some other answers, reaches what is undecided without it."""
        beside = self.board.beside(key)

        def turned(without: State, given: State, left: frozenset[str]) -> bool:
            self._spend()
            if not undecided(without):
                return False
            if reached(given):
                return True
            if not undecided(given) or key not in live(without):
                return False
            names = live(given) - left
            tried = [name for name in self.open_keys if name in names and given.world[name] is None]
            other = min(tried, key=lambda name: name not in beside, default=None)
            if other is None:
                return False
            pairs = zip(self._answers(without, other), self._answers(given, other), strict=True)
            return any(turned(*pair, left) for pair in pairs) or turned(without, given, left | {other})

        return any(turned(self.state, given, frozenset()) for given in self._answers(self.state, key))

    def _answers(self, state: State, key: str) -> Iterable[State]:
        values: tuple[Any, ...] = self.turns.domains.values(key, self._dates)
        return (self.board.answer(state, key, value) for value in values)

    def _spend(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise GaveUp
