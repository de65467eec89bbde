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

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
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


@dataclass(frozen=True, slots=True)
class Lot:
    """Undecided units that must be looked at together, and the open questions that can turn them.

    `signature` is all that a search among them depends on.
    """

    units: frozenset[int]
    names: frozenset[str]
    of_cohorts: bool
    signature: tuple[object, ...]


class Search:
    """One search, from one state of an interview."""

    def __init__(self, turns: Turns, world: World, open_keys: list[str], goal: Goal) -> None:
        self.turns, self.board = turns, turns.board
        self.open_keys = open_keys
        self.state = self.board.state(world, frozenset(open_keys))
        self.verdict, self.waiting = self.board.verdict(self.state)
        self._dates = Dates(*(world[name] for name in ANCHORS))
        self._units = self._goal_units(goal)
        self._criteria = [n for n in self._units if self.board.units[n].criterion is not None and goal != "verdict"]
        self._known: dict[str, bool] = {}
        self._steps = 0

    def is_live(self, key: str) -> bool:
        """Whether the question may still turn something undecided: needed for it to matter, not enough."""
        return any(key in self.state.standings[number].turns for number in self._units)

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
            if self.state.standings[number].passes is UNKNOWN
            and (number in self.waiting or (goal == "all_reasons" and unit.criterion is not None))
        ]
        return sorted(units, key=lambda number: len(self.board.units[number].names))

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
        if truth not in self.state.standings[number].turns.get(key, ()):
            return False
        return self.turns.recall(
            (number, key, truth, *self._local(number)),
            lambda: self._turns(
                key,
                truth,
                undecided=lambda state: state.standings[number].passes is UNKNOWN,
                reached=lambda state: state.standings[number].passes is truth,
                live=lambda state: state.standings[number].turns,
            ),
        )

    def _can_pass_alone(self, number: int) -> bool:
        """Whether some values of the open questions make this unit pass."""
        return self.turns.recall(
            (number, *self._local(number)),
            lambda: self._can_reach(
                verdict=lambda state: state.standings[number].passes,
                live=lambda state: state.standings[number].turns,
            ),
        )

    def _local(self, number: int) -> tuple[object, ...]:
        """All that a search inside one unit depends on."""
        unit = self.board.units[number]
        return (unit.values(self.state.world), self.state.open_names.intersection(unit.names), self._dates)

    # THE VERDICT

    def _excludes_alone(self, key: str, number: int) -> bool:
        """Whether the question can make this unit fail, which all cohorts share."""
        return self._can_turn(key, number, FALSE) and self.turns.recall(
            ("alone", key, number, self._lot(key).signature),
            lambda: self._turns(
                key,
                FALSE,
                undecided=lambda state: self.board.verdict(state)[0] == "undetermined",
                reached=lambda state: state.standings[number].passes is FALSE,
                live=lambda state: state.standings[number].turns,
            ),
        )

    def _excludes_with_others(self, key: str, units: list[int]) -> bool:
        """Whether the question can exclude through a group, or through what depends on the cohort."""
        if not any(self._can_turn(key, number, FALSE) for number in units):
            return False
        return self._turns_verdict(key, FALSE, self._lot(key), frozenset())

    def _makes_eligible(self, key: str, units: list[int]) -> bool:
        """Whether the question can be the last one that makes the participant eligible."""
        if not self._may_become_eligible or not any(self._can_turn(key, number, TRUE) for number in units):
            return False
        lot = self._lot(key)
        far = frozenset().union(*(other.units for other in self._lots if other is not lot))
        able = all(self._can_pass(other) for other in self._lots if other is not lot)
        return able and self._turns_verdict(key, TRUE, lot, far)

    @cached_property
    def _may_become_eligible(self) -> bool:
        """Whether in some cohort every unit can pass, as far as it alone is concerned."""
        return self.board.may_all_pass(self.state, self._can_pass_alone)

    def _turns_verdict(self, key: str, truth: Truth, lot: Lot, passed: frozenset[int]) -> bool:
        wanted = "likely_eligible" if truth is TRUE else "excluded"
        verdict = self.board.verdict

        def live(state: State) -> Mapping[str, Truths]:
            found: dict[str, Truths] = {}
            for number in verdict(state, passed)[1] & lot.units:
                for name, truths in state.standings[number].turns.items():
                    found[name] = found.get(name, frozenset()) | truths
            return found

        return self.turns.recall(
            (key, truth, bool(passed), lot.signature),
            lambda: self._turns(
                key,
                truth,
                undecided=lambda state: verdict(state, passed)[0] == "undetermined",
                reached=lambda state: verdict(state, passed)[0] == wanted,
                live=live,
            ),
        )

    # LOTS: undecided units that must be looked at together

    def _lot(self, key: str) -> Lot:
        """The lot in which a question can turn something."""
        return next(lot for lot in self._lots if key in lot.names)

    @cached_property
    def _lots(self) -> list[Lot]:
        """The waiting units, linked through the open questions that can turn them.

        All that depends on the cohort is one lot, and so are the routes of a group.
        """
        lots: list[tuple[set[int], set[str]]] = []
        for units in self.board.lots(self.waiting):
            names = {name for number in units for name in self.state.standings[number].turns}
            apart = []
            for other in lots:
                if names.isdisjoint(other[1]):
                    apart.append(other)
                else:
                    units, names = units | other[0], names | other[1]
            lots = [*apart, (units, names)]
        return [self._make_lot(frozenset(units), frozenset(names)) for units, names in lots]

    def _make_lot(self, units: frozenset[int], names: frozenset[str]) -> Lot:
        of_cohorts = any(self.board.units[number].cohort is not None for number in units)
        decided = self.board.cohort_standings(self.state) if of_cohorts else ()
        local = tuple((number, *self._local(number)) for number in sorted(units))
        return Lot(units, names, of_cohorts, (local, decided))

    def _can_pass(self, lot: Lot) -> bool:
        """Whether some values of the open questions make the units of a lot pass together.

        Of what depends on the cohort, it is enough that all of one cohort's passes.
        """
        others = self.waiting - lot.units
        words = {"likely_eligible": TRUE, "excluded": FALSE, "undetermined": UNKNOWN}
        return self.turns.recall(
            ("pass", lot.signature),
            lambda: self._can_reach(
                verdict=lambda state: words[self.board.verdict(state, others)[0]],
                live=lambda state: {
                    name
                    for number in self.board.verdict(state, others)[1] & lot.units
                    for name in state.standings[number].turns
                },
            ),
        )

    def _can_reach(self, verdict: Callable[[State], Truth], live: Callable[[State], Collection[str]]) -> bool:
        """Whether some values of the open questions make the verdict true."""

        def reaches(state: State) -> bool:
            self._spend()
            found = verdict(state)
            if found is not UNKNOWN:
                return found is TRUE
            names = live(state)
            key = next((key for key in self.open_keys if key in names and state.world[key] is None), None)
            return key is not None and any(reaches(after) for after in self._answers(state, key))

        return reaches(self.state)

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

        for depth in (0, 1, SHALLOW, len(self.open_keys)):  # pragma: no branch  # the last one cuts nothing
            cut = False
            givens = list(self._answers(self.state, key))
            if any(turned(self.state, given, frozenset(), depth) for given in givens):
                return True
            if not cut:
                break
        return False

    def _answers(self, state: State, key: str) -> Iterable[State]:
        values: tuple[Any, ...] = self.turns.domains.values(key, self._dates)
        return (self.board.answer(state, key, value) for value in values)

    def _spend(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise GaveUp
