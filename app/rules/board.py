"""The verdict without explanations, kept up answer by answer: what the search for questions needs.

Every criterion (for each cohort, where it depends on one) and every admission is a unit; after one
more answer only the units that read it are judged again. Review points decide nothing and are left
out. The meaning is that of `verdict`, to which the tests hold it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from app.rules.evaluate import Context, World, reads
from app.rules.finding import OUTCOMES, Outcome, judge, missing_names, rules_of
from app.rules.protocol import Cohort, Criterion, Protocol
from app.rules.truth import UNKNOWN, Truth, all_of, any_of
from app.rules.verdict import Decision, decision_of, reads_part


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a unit comes to: its outcome, its route (for a group) and the names it waits for."""

    outcome: Outcome
    route: Truth
    waits: frozenset[str]


@dataclass(frozen=True, slots=True)
class State:
    """A world and the judgement of every unit in it."""

    world: World
    judgements: tuple[Judgement, ...]


class Unit:
    """A criterion, for one cohort where it depends on the cohort, or a cohort's admission."""

    def __init__(self, protocol: Protocol, criterion: Criterion | None, cohort: Cohort | None) -> None:
        self.criterion, self.cohort = criterion, cohort
        self.group = None if criterion is None else criterion.group
        self.names = reads(protocol, rules_of(criterion, cohort))

        @lru_cache(maxsize=4096)
        def judged(*values: object) -> Judgement:
            context = Context(protocol, dict(zip(self.names, values, strict=True)), cohort)
            outcome, scope, truth = judge(criterion, context)
            route = all_of((scope, truth))
            waiting = outcome == "unknown" if self.group is None else route is UNKNOWN
            waits = missing_names(criterion, context) if waiting else ()
            return Judgement(outcome, route, frozenset(waits))

        self._judged = judged

    def judge(self, world: World) -> Judgement:
        """The judgement in a world."""
        return self._judged(*[world[name] for name in self.names])


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
        self._by_name: dict[str, list[int]] = {}
        for number, unit in numbered:
            for name in unit.names:
                self._by_name.setdefault(name, []).append(number)

    def state(self, world: World) -> State:
        """The state of a world."""
        return State(world, tuple(unit.judge(world) for unit in self.units))

    def answer(self, state: State, key: str, value: Any) -> State:
        """The state after one more answer."""
        world = {**state.world, key: value}
        judgements = list(state.judgements)
        for number in self._by_name.get(key, ()):
            judgements[number] = self.units[number].judge(world)
        return State(world, tuple(judgements))

    def beside(self, key: str) -> set[str]:
        """The names that stand in one unit with this one."""
        return {name for number in self._by_name.get(key, ()) for name in self.units[number].names}

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
        """Whether in some cohort every unit passes, or waits and can pass; of a group one is enough."""
        shared = all(
            outcome == "pass" or (outcome == "unknown" and any(can_pass(number) for number in units))
            for outcome, units in self._shared(state, frozenset())
        )
        return shared and any(
            all(
                outcome != "fail" and (outcome != "unknown" or can_pass(number))
                for number in numbers
                for outcome in [state.judgements[number].outcome]
            )
            for numbers in self._of_cohort
        )

    def verdict(self, state: State, passed: frozenset[int] = frozenset()) -> tuple[Decision, frozenset[int]]:
        """The verdict and the units on which it waits; those in `passed` count as passed."""
        waiting: set[int] = set()
        for outcome, units in self._shared(state, passed):
            if outcome == "fail":
                return "excluded", frozenset()
            if outcome == "unknown":
                waiting |= units
        shared_open = bool(waiting)
        verdicts: list[Decision] = []
        for numbers in self._of_cohort:
            judged = {n: "pass" if n in passed else state.judgements[n].outcome for n in numbers}
            unknown = {n for n, outcome in judged.items() if outcome == "unknown"}
            if "fail" in judged.values():
                verdicts.append("excluded")
            else:
                waiting |= unknown
                verdicts.append("undetermined" if unknown or shared_open else "likely_eligible")
        decision = decision_of(verdicts)
        return decision, frozenset(waiting) if decision == "undetermined" else frozenset()

    def passes(self, state: State, units: frozenset[int]) -> tuple[Outcome, set[int]]:
        """Whether these units, none of which depends on the cohort, pass together; and what they wait for."""
        waiting: set[int] = set()
        for outcome, concerned in self._shared(state, frozenset()):
            if not units.isdisjoint(concerned):
                if outcome == "fail":
                    return "fail", set()
                if outcome == "unknown":
                    waiting |= concerned
        return "unknown" if waiting else "pass", waiting

    def _shared(self, state: State, passed: frozenset[int]) -> Iterable[tuple[Outcome, set[int]]]:
        """What all cohorts have in common: criteria that do not depend on one, and the groups."""
        for number in self._common:
            outcome = state.judgements[number].outcome
            yield "pass" if number in passed or outcome == "not_applicable" else outcome, {number}
        for numbers in self._groups:
            outcome = OUTCOMES[any_of(state.judgements[n].route for n in numbers)]
            if not passed.isdisjoint(numbers):
                outcome = "pass"
            open_routes = {n for n in numbers if state.judgements[n].route is UNKNOWN}
            yield outcome, open_routes or set(numbers)
