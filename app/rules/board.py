"""The verdict without explanations, kept up answer by answer: what the search for questions needs.

Every criterion (for each cohort, where it depends on one) and every admission is a unit; after one
more answer only the units that read it are judged again. Review points decide nothing and are left
out. The meaning is that of `verdict`, to which the tests hold it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from app.rules.evaluate import Context, World, decide, reads
from app.rules.finding import rules_of
from app.rules.influence import Truths, influence
from app.rules.protocol import Cohort, Criterion, Protocol
from app.rules.tree import All, Not, Rule
from app.rules.truth import FALSE, TRUE, UNKNOWN, Truth, any_of
from app.rules.verdict import Decision, decision_of, reads_part

Verdict = tuple[Decision, frozenset[int]]


class State:
    """A world, and how every unit stands in it. Never changed once it is made.

    `open_names` are the questions that may still be answered; an answer leaves it as it is, because
    what is answered has no unknown leaf left.
    """

    __slots__ = ("_verdicts", "open_names", "standings", "world")

    def __init__(self, world: World, standings: "tuple[Standing, ...]", open_names: frozenset[str]) -> None:
        self.world = world
        self.standings = standings
        self.open_names = open_names
        self._verdicts: dict[frozenset[int], Verdict] = {}

    def remember(self, passed: frozenset[int], work: Callable[[], Verdict]) -> Verdict:
        """The verdict with these units counted as passed; worked out once."""
        if passed not in self._verdicts:
            self._verdicts[passed] = work()
        return self._verdicts[passed]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a unit stands: whether it passes (unknown: undecided), and what open questions can do to it."""

    passes: Truth
    turns: Mapping[str, Truths]


class Unit:
    """A criterion, for one cohort where it depends on the cohort, or a cohort's admission.

    `rule` puts scope and condition into one rule: true where the unit passes or does not apply,
    false where it fails; for a route of a group, true only where it applies and holds.
    """

    def __init__(self, protocol: Protocol, criterion: Criterion | None, cohort: Cohort | None) -> None:
        self.criterion, self.cohort = criterion, cohort
        self.group = None if criterion is None else criterion.group
        self.rule = _rule(criterion, cohort)
        self.names = reads(protocol, rules_of(criterion, cohort))
        self._protocol = protocol
        self._standing = lru_cache(maxsize=16384)(self._stand)

    def _stand(self, open_names: frozenset[str], *values: object) -> Standing:
        context = Context(self._protocol, dict(zip(self.names, values, strict=True)), self.cohort)
        found = influence(self.rule, context, open_names)
        return Standing(decide(self.rule, context), found.turns)

    def values(self, world: World) -> tuple[object, ...]:
        """The values of the names that the unit reads."""
        return tuple([world[name] for name in self.names])

    def standing(self, world: World, open_names: frozenset[str]) -> Standing:
        """How the unit stands in a world, with these questions open."""
        return self._standing(open_names.intersection(self.names), *[world[name] for name in self.names])


def _rule(criterion: Criterion | None, cohort: Cohort | None) -> Rule:
    if criterion is None:
        assert cohort is not None
        return cohort.admits
    scope = () if criterion.scope is None else (criterion.scope,)
    if criterion.group is not None:
        return All((*scope, criterion.rule))
    against = criterion.rule if criterion.kind == "exclusion" else Not(criterion.rule)
    return Not(All((*scope, against)))


class Board:
    """All units of a protocol, and what they make of the verdict."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.units = [Unit(protocol, None, cohort) for cohort in protocol.cohorts]
        for criterion in protocol.criteria:
            if criterion.kind != "review":
                dependent = any(reads_part(rule) for rule in rules_of(criterion, None))
                cohorts: Sequence[Cohort | None] = protocol.cohorts if dependent else (None,)
                self.units += [Unit(protocol, criterion, cohort) for cohort in cohorts]
        numbered = list(enumerate(self.units))
        self._common = [n for n, unit in numbered if unit.cohort is None and unit.group is None]
        self._of_cohort = [[n for n, unit in numbered if unit.cohort == cohort] for cohort in protocol.cohorts]
        self._groups = [[n for n, unit in numbered if unit.group == group.code] for group in protocol.groups]
        self._shared = [[number] for number in self._common] + self._groups
        self._by_name: dict[str, list[int]] = {}
        for number, unit in numbered:
            for name in unit.names:
                self._by_name.setdefault(name, []).append(number)

    def state(self, world: World, open_names: frozenset[str] = frozenset()) -> State:
        """The state of a world in which these questions may still be answered."""
        return State(world, tuple([unit.standing(world, open_names) for unit in self.units]), open_names)

    def answer(self, state: State, key: str, value: Any) -> State:
        """The state after one more answer."""
        world = {**state.world, key: value}
        standings = list(state.standings)
        for number in self._by_name.get(key, ()):
            standings[number] = self.units[number].standing(world, state.open_names)
        return State(world, tuple(standings), state.open_names)

    def beside(self, key: str) -> set[str]:
        """The names that stand in one unit with this one."""
        return {name for number in self._by_name.get(key, ()) for name in self.units[number].names}

    def is_shared(self, number: int) -> bool:
        """Whether the unit stands alone and counts for every cohort."""
        return number in self._common

    def cohort_standings(self, state: State) -> tuple[Truth, ...]:
        """Whether each unit that depends on the cohort passes."""
        return tuple(state.standings[number].passes for numbers in self._of_cohort for number in numbers)

    def lots(self, waiting: Iterable[int]) -> list[set[int]]:
        """The waiting units in the lots that must be looked at together.

        All that depend on the cohort are one lot, and so are the routes of a group.
        """
        lots: dict[object, set[int]] = {}
        for number in waiting:
            unit = self.units[number]
            lot = "cohort" if unit.cohort is not None else ("group", unit.group) if unit.group is not None else number
            lots.setdefault(lot, set()).add(number)
        return list(lots.values())

    def may_all_pass(self, state: State, can_pass: Callable[[int], bool]) -> bool:
        """Whether in some cohort every unit passes, or is undecided and can pass; of a group one is enough."""

        def may(number: int) -> bool:
            truth = state.standings[number].passes
            return truth is TRUE or (truth is UNKNOWN and can_pass(number))

        return (
            all(may(number) for number in self._common)
            and all(any(may(number) for number in numbers) for numbers in self._groups)
            and any(all(may(number) for number in numbers) for numbers in self._of_cohort)
        )

    def verdict(self, state: State, passed: frozenset[int] = frozenset()) -> Verdict:
        """The verdict and the units on which it waits; those in `passed` count as passed."""
        return state.remember(passed, lambda: self._verdict(state, passed))

    def _verdict(self, state: State, passed: frozenset[int]) -> Verdict:
        truth, waiting = self.pass_together(state, passed)
        if truth is FALSE:
            return "excluded", frozenset()
        verdicts: list[Decision] = []
        for numbers in self._of_cohort:
            truths = [TRUE if number in passed else state.standings[number].passes for number in numbers]
            if FALSE in truths:
                verdicts.append("excluded")
            else:
                unknown = {number for number, found in zip(numbers, truths, strict=True) if found is UNKNOWN}
                waiting |= unknown
                verdicts.append("undetermined" if unknown or truth is UNKNOWN else "likely_eligible")
        decision = decision_of(verdicts)
        return decision, frozenset(waiting) if decision == "undetermined" else frozenset()

    def pass_together(self, state: State, passed: frozenset[int] = frozenset()) -> tuple[Truth, set[int]]:
        """Whether the units that all cohorts share pass, and the undecided ones; those in `passed` count as passed."""
        waiting: set[int] = set()
        for numbers in self._shared:
            if not passed.isdisjoint(numbers):
                continue
            truth = any_of([state.standings[number].passes for number in numbers])
            if truth is FALSE:
                return FALSE, set()
            if truth is UNKNOWN:
                waiting |= {number for number in numbers if state.standings[number].passes is UNKNOWN}
        return UNKNOWN if waiting else TRUE, waiting
