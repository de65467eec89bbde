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

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from app.rules.board import Board, State
from app.rules.domain import Domains
from app.rules.evaluate import World
from app.rules.facts import ANCHORS, Dates
from app.rules.influence import Truths
from app.rules.truth import FALSE, TRUE, UNKNOWN, Truth

Goal = Literal["verdict", "all_reasons"]
BUDGET = 4000
REMEMBERED = 50_000
SHALLOW = 2

Decided = Callable[[State], bool]
Live = Callable[[State], Mapping[str, Truths]]


class GaveUp(Exception):
    """The search has used up its budget."""


class Turns:
    """The board and the domains, and what is remembered from one search to the next."""

    def __init__(self, board: Board, domains: Domains) -> None:
        self.board, self.domains = board, domains
        self._remembered: dict[object, bool] = {}

    def recall(self, key: object, work: Callable[[], bool]) -> bool:
        """The remembered answer, or the one that `work` finds."""
        found = self._remembered.get(key)
        if found is None:
            found = work()
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = found
        return found


class Search:
    """One search, from one state of an interview."""

    def __init__(self, turns: Turns, world: World, open_keys: list[str], goal: Goal) -> None:
        self.turns, self.board = turns, turns.board
        self.open_keys = open_keys
        self.state = self.board.state(world)
        self.verdict, self.waiting = self.board.verdict(self.state)
        self._units = self._goal_units(goal)
        self._criteria = [n for n in self._units if self.board.units[n].criterion is not None and goal != "verdict"]
        self._open = frozenset(open_keys)
        self._dates = Dates(*(world[name] for name in ANCHORS))
        self._known: dict[str, bool] = {}
        self._steps = 0

    def is_live(self, key: str) -> bool:
        """Whether the question may still turn something undecided: needed for it to matter, not enough."""
        return any(key in self._influence(number, self.state) for number in self._units)

    def matters(self, key: str) -> bool:
        """Whether some value of the question can still change the goal."""
        if key not in self._known:
            self._steps = BUDGET
            try:
                self._known[key] = self._matters(key)
            except GaveUp:
                self._known[key] = True
        return self._known[key]

    def _goal_units(self, goal: Goal) -> list[int]:
        """The undecided units that concern the goal, those that read least first."""
        units = [
            number
            for number, unit in enumerate(self.board.units)
            if self.state.passes[number] is UNKNOWN
            and (number in self.waiting or (goal == "all_reasons" and unit.criterion is not None))
        ]
        return sorted(units, key=lambda number: len(self.board.units[number].names))

    def _influence(self, number: int, state: State) -> Mapping[str, Truths]:
        """The open questions that may still turn a unit, and to what."""
        return self.board.units[number].influence(state.world, self._open).turns

    def _matters(self, key: str) -> bool:
        if any(self._can_turn(key, number, truth) for number in self._criteria for truth in (FALSE, TRUE)):
            return True
        units = [number for number in self._units if number in self.waiting]
        return (
            any(self._excludes_alone(key, number) for number in units if self.board.is_shared(number))
            or self._excludes_with_others(key, [number for number in units if not self.board.is_shared(number)])
            or self._makes_eligible(key, units)
        )

    # ONE UNIT

    def _can_turn(self, key: str, number: int, truth: Truth) -> bool:
        """Whether the question can make this unit pass (true) or fail (false)."""
        if truth not in self._influence(number, self.state).get(key, ()):
            return False
        return self.turns.recall(
            (number, key, truth, *self._local(number)),
            lambda: self._turns(
                key,
                truth,
                undecided=lambda state: state.passes[number] is UNKNOWN,
                reached=lambda state: state.passes[number] is truth,
                live=lambda state: self._influence(number, state),
            ),
        )

    def _can_pass_alone(self, number: int) -> bool:
        """Whether some values of the open questions make this unit pass."""

        def passes(state: State) -> bool:
            self._spend()
            if state.passes[number] is not UNKNOWN:
                return state.passes[number] is TRUE
            live = self._influence(number, state)
            key = next((key for key in self.open_keys if key in live and state.world[key] is None), None)
            return key is not None and any(passes(after) for after in self._answers(state, key))

        return self.turns.recall((number, *self._local(number)), lambda: passes(self.state))

    def _local(self, number: int) -> tuple[object, ...]:
        """All that a search inside one unit depends on."""
        unit = self.board.units[number]
        values = tuple(self.state.world[name] for name in unit.names)
        return (values, self._open.intersection(unit.names), self._dates)

    # THE VERDICT

    def _excludes_alone(self, key: str, number: int) -> bool:
        """Whether the question can make this unit fail, which all cohorts share."""
        return self._can_turn(key, number, FALSE) and self._turns(
            key,
            FALSE,
            undecided=self._undetermined(),
            reached=lambda state: state.passes[number] is FALSE,
            live=lambda state: self._influence(number, state),
        )

    def _excludes_with_others(self, key: str, units: list[int]) -> bool:
        """Whether the question can exclude through a group, or through what depends on the cohort."""
        if not any(self._can_turn(key, number, FALSE) for number in units):
            return False
        return self._turns_verdict(key, FALSE, self._linked(key)[0], frozenset())

    def _makes_eligible(self, key: str, units: list[int]) -> bool:
        """Whether the question can be the last one that makes the participant eligible."""
        if not any(self._can_turn(key, number, TRUE) for number in units):
            return False
        if not self.board.may_all_pass(self.state, self._can_pass_alone):
            return False
        near, far = self._linked(key)
        return self._can_pass(self.state, far) and self._turns_verdict(key, TRUE, near, far)

    def _turns_verdict(self, key: str, truth: Truth, near: frozenset[str], passed: frozenset[int]) -> bool:
        wanted = "likely_eligible" if truth is TRUE else "excluded"

        def live(state: State) -> Mapping[str, Truths]:
            found: dict[str, Truths] = {}
            for number in self.board.verdict(state, passed)[1]:
                for name, truths in self._influence(number, state).items():
                    if name in near:
                        found[name] = found.get(name, frozenset()) | truths
            return found

        return self._turns(
            key,
            truth,
            undecided=self._undetermined(passed),
            reached=lambda state: self.board.verdict(state, passed)[0] == wanted,
            live=live,
        )

    def _undetermined(self, passed: frozenset[int] = frozenset()) -> Decided:
        return lambda state: self.board.verdict(state, passed)[0] == "undetermined"

    def _linked(self, key: str) -> tuple[frozenset[str], frozenset[int]]:
        """The open questions linked with this one through waiting units, and the units not linked."""
        lots = self.board.lots(self.waiting)
        names, linked = {key}, set[int]()
        grown = True
        while grown:
            grown = False
            for lot in lots:
                concerned = {name for number in lot for name in self._influence(number, self.state)}
                by_cohort = any(self.board.units[number].cohort is not None for number in lot)
                if not lot <= linked and (by_cohort or concerned & names):
                    linked |= lot
                    names |= concerned
                    grown = True
        return frozenset(names), self.waiting - linked

    def _can_pass(self, state: State, units: frozenset[int]) -> bool:
        """Whether some values of the open questions make these units pass together."""
        self._spend()
        truth, waiting = self.board.pass_together(state, among=units)
        if not units or truth is not UNKNOWN:
            return not units or truth is TRUE
        live = {name for number in waiting for name in self._influence(number, state)}
        key = next((key for key in self.open_keys if key in live and state.world[key] is None), None)
        return key is not None and any(self._can_pass(after, units) for after in self._answers(state, key))

    # TRYING ANSWERS

    def _turns(self, key: str, truth: Truth, *, undecided: Decided, reached: Decided, live: Live) -> bool:
        """Whether some value of the question, with some other answers, reaches what is undecided without it.

        Witnesses with few other answers are looked for first; most are found there.
        """
        beside = self.board.beside(key)
        cut = False

        def turned(without: State, given: State, left: frozenset[str], depth: int) -> bool:
            nonlocal cut
            self._spend()
            if not undecided(without):
                return False
            if reached(given):
                return True
            if not undecided(given) or truth not in live(without).get(key, ()):
                return False
            names = live(given)
            tried = [n for n in self.open_keys if n in names and n not in left and given.world[n] is None]
            other = min(tried, key=lambda name: name not in beside, default=None)
            if other is None:
                return False
            if depth > 0:
                pairs = zip(self._answers(without, other), self._answers(given, other), strict=True)
                if any(turned(*pair, left, depth - 1) for pair in pairs):
                    return True
            cut = cut or depth <= 0
            return depth > 0 and turned(without, given, left | {other}, depth)

        for depth in (0, 1, SHALLOW, len(self.open_keys)):
            cut = False
            givens = list(self._answers(self.state, key))
            if any(turned(self.state, given, frozenset(), depth) for given in givens):
                return True
            if not cut:
                return False
        return False

    def _answers(self, state: State, key: str) -> Iterable[State]:
        values: tuple[Any, ...] = self.turns.domains.values(key, self._dates)
        return (self.board.answer(state, key, value) for value in values)

    def _spend(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise GaveUp
