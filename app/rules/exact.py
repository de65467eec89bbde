"""The exact verdict: what every completion of the missing answers agrees on.

Strong Kleene logic looks at each leaf alone, so it says unknown where a fact stands in several places
and every value of it comes to the same: some cohort fits wherever the site is. A completion gives each
fact that is missing a value, refines each partial date to one of its days, and takes each open reading
as yes or no. A stated age is an answer: where it stands for the birth date, that date is not missing.

A claim about every completion is settled by looking for one against it. What is looked for is a list of
clauses, as in propositional satisfiability: each wants one of its units (criteria, routes, admissions)
to pass, or not to. Clauses that wait for no common name are looked at apart, again after each value tried,
and what was found for a lot of clauses is remembered by all that it depends on; so facts are never
enumerated all together. A search that has used up its `BUDGET` counts as if it had found one, which
leaves the verdict undetermined: the safe side.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from app.rules.board import Board, Unit
from app.rules.calendar import PartialDate, read_partial
from app.rules.domain import Domains
from app.rules.evaluate import Context, World, decide, leaf_reads, leaves
from app.rules.facts import ANCHORS, Age, Dates
from app.rules.finding import waits
from app.rules.memory import Memory
from app.rules.protocol import Protocol
from app.rules.tree import Rule
from app.rules.truth import FALSE, UNKNOWN, Truth, any_of, negate
from app.rules.verdict import Decision, Verdict

BUDGET = 1000
REMEMBERED = 32768

Literal = tuple[int, bool]  # a unit, and whether it is to pass or not to
Clause = tuple[Literal, ...]  # one of them is wanted
Stand = tuple[Truth, tuple[str, ...]]  # whether a unit passes and, while that is unknown, the open names it waits for


class GaveUp(Exception):
    """The search has used up its budget."""


@dataclass(frozen=True, slots=True)
class Exact:
    """What every completion agrees on.

    `decision` is the verdict and `cohorts` has that of each cohort; undetermined where completions
    differ. `passes` and `fails` are the codes of the criteria that are unknown in Kleene logic and yet
    come to the same for every completion; in `passes`, a criterion may also come not to apply.
    """

    decision: Decision
    cohorts: Mapping[str, Decision]
    passes: tuple[str, ...] = ()
    fails: tuple[str, ...] = ()


class Exactness:
    """Finds exact verdicts under one protocol, and remembers what it found."""

    def __init__(self, protocol: Protocol, remember: int = REMEMBERED) -> None:
        self._search = Search(protocol, remember)

    def decision(self, verdict: Verdict) -> Decision:
        """The verdict that every completion agrees on; where the verdict is decided, that one."""
        if verdict.decision != "undetermined":
            return verdict.decision
        look = self._search.at(verdict.context.world)
        common, own = self._undecided(look, verdict)
        shared = all(not look.some(_denied([clause])) for clause in common)
        if shared and not look.some([_closed(clauses) for clauses in own.values()]):
            return "likely_eligible"
        return "undetermined" if any(look.some([*common, *clauses]) for clauses in own.values()) else "excluded"

    def exact(self, verdict: Verdict) -> Exact:
        """The same with all that every completion agrees on for each cohort and criterion."""
        kleene: dict[str, Decision] = {each.cohort.code: each.verdict for each in verdict.cohorts}
        decision = self.decision(verdict)
        if verdict.decision != "undetermined":
            return Exact(decision, kleene)
        look = self._search.at(verdict.context.world)
        common, own = self._undecided(look, verdict)
        sure = {clause: not look.some(_denied([clause])) for clause in chain(common, *own.values())}
        cohorts = dict(kleene)
        for code, clauses in own.items():
            if not look.some([*common, *clauses]):
                cohorts[code] = "excluded"
            elif all(sure[clause] for clause in [*common, *clauses]):
                cohorts[code] = "likely_eligible"
        return Exact(decision, cohorts, *self._criteria(look, sure))

    def _undecided(self, look: "Look", verdict: Verdict) -> tuple[list[Clause], dict[str, list[Clause]]]:
        """What is undecided for all cohorts, and for each one that is not excluded alone."""
        left = [each.cohort.code for each in verdict.cohorts if each.verdict != "excluded"]
        own = {code: look.undecided(self._search.own[code]) for code in left}
        return look.undecided(self._search.common), own

    def _criteria(self, look: "Look", sure: Mapping[Clause, bool]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The undecided criteria without a cohort or group that pass, and that fail, for every completion."""
        passes, fails = [], []
        for clause, always in sure.items():
            unit = self._search.units[clause[0][0]]
            if unit.criterion is not None and unit.cohort is None and unit.group is None:
                if always:
                    passes.append(unit.criterion.code)
                elif not look.some([clause]):
                    fails.append(unit.criterion.code)
        return tuple(passes), tuple(fails)


def _denied(clauses: Iterable[Clause]) -> list[Clause]:
    """What is wanted where none of the clauses' literals is to hold."""
    return [((number, not passes),) for clause in clauses for number, passes in clause]


def _closed(clauses: Iterable[Clause]) -> Clause:
    """That some unit of a cohort's own does not pass."""
    return tuple((number, False) for ((number, _),) in clauses)


class Search:
    """Looks for completions under one protocol.

    A cohort takes a participant for whom all clauses in `common` and in its `own` are satisfied.
    """

    def __init__(self, protocol: Protocol, remember: int = REMEMBERED) -> None:
        self.protocol = protocol
        self.units = Board(protocol).units
        self.completions = Completions(protocol, remember)
        self._names = [self.completions.with_ages(unit.names) for unit in self.units]
        self._stands: list[Memory[Stand]] = [Memory(remember) for _ in self.units]
        self.found: Memory[bool] = Memory(remember)
        self.turners: Memory[frozenset[str]] = Memory(remember)
        numbered = list(enumerate(self.units))
        self.common: list[Clause] = [((n, True),) for n, unit in numbered if unit.cohort is None and not unit.group]
        self.common += [
            tuple((n, True) for n, unit in numbered if unit.group == group.code) for group in protocol.groups
        ]
        self.own: dict[str, list[Clause]] = {
            cohort.code: [((n, True),) for n, unit in numbered if unit.cohort == cohort] for cohort in protocol.cohorts
        }

    def at(self, world: World) -> "Look":
        """The search for completions of a world."""
        return Look(self, self.completions.alike(world))

    def stand(self, number: int, world: World) -> Stand:
        """How a unit stands in a world."""
        key, known = self.values(number, world), self._stands[number]
        return known.get(key) or known.keep(key, self._stand(self.units[number], world))

    def values(self, number: int, world: World) -> tuple[object, ...]:
        """All that a unit's stand depends on."""
        return tuple([world[name] for name in self._names[number]])

    def _stand(self, unit: Unit, world: World) -> Stand:
        truth, names = waits(unit.rule, Context(self.protocol, world, unit.cohort))
        return truth, tuple(name for name in dict.fromkeys(names) if self.completions.is_open(name, world))


class Look:
    """One world, looked at."""

    def __init__(self, search: Search, world: World) -> None:
        self._search, self._world = search, world
        self._dates = Dates(*(world[name] for name in ANCHORS))
        self._steps: int  # that are left of the budget, for each search anew

    def undecided(self, clauses: Iterable[Clause]) -> list[Clause]:
        """Those of the clauses that are neither satisfied nor violated yet."""
        return [clause for clause in clauses if self._truth(clause, self._world) is UNKNOWN]

    def some(self, clauses: Iterable[Clause]) -> bool:
        """Whether some completion violates none of the clauses; also where the search gives up."""
        self._steps = BUDGET
        try:
            return self._some(clauses, self._world)
        except GaveUp:
            return True

    def _some(self, clauses: Iterable[Clause], world: World) -> bool:
        left = []
        for clause in clauses:
            truth = self._truth(clause, world)
            if truth is FALSE:
                return False
            if truth is UNKNOWN:
                left.append(clause)
        return all(self._some_of_lot(lot, world) for lot in self._lots(left, world))

    def _some_of_lot(self, lot: Sequence[Clause], world: World) -> bool:
        """The same for clauses that wait for common names, remembered."""
        values = self._search.values
        key = (self._dates, *[(clause, *[values(number, world) for number, _ in clause]) for clause in lot])
        found = self._search.found.get(key)
        return self._search.found.keep(key, self._tries(lot, world)) if found is None else found

    def _tries(self, lot: Sequence[Clause], world: World) -> bool:
        """The value tried next is that of the name for which most clauses wait."""
        self._steps -= 1
        if self._steps < 0:
            raise GaveUp
        counts: dict[str, int] = {}
        for clause in lot:
            for name in sorted(self._names(clause, world)):  # in one order, so that a search gives up alike each time
                counts[name] = counts.get(name, 0) + 1
        if not counts:
            return True
        name = max(counts, key=counts.__getitem__)
        completions = self._search.completions.of(name, world, self._dates)
        return any(self._some(lot, {**world, **values}) for values in completions)

    def _truth(self, clause: Clause, world: World) -> Truth:
        stands = [(self._search.stand(number, world)[0], passes) for number, passes in clause]
        return any_of([truth if passes else negate(truth) for truth, passes in stands])

    def _names(self, clause: Clause, world: World) -> set[str]:
        return {name for number, _ in clause for name in self._search.stand(number, world)[1]}

    def _lots(self, clauses: Iterable[Clause], world: World) -> list[list[Clause]]:
        """The clauses in lots that wait for no common name, the smallest first."""
        lots: list[tuple[set[str], list[Clause]]] = []
        for clause in clauses:
            names = self._names(clause, world)
            linked = [lot for lot in lots if not names.isdisjoint(lot[0])]
            lots = [lot for lot in lots if names.isdisjoint(lot[0])]
            together = [*chain.from_iterable([lot[1] for lot in linked]), clause]
            lots.append((names.union(*[lot[0] for lot in linked]), together))
        return sorted([lot for _, lot in lots], key=len)


class Completions:
    """The values that a missing name can take, one for each way in which it can fall on the rules."""

    def __init__(self, protocol: Protocol, remember: int = REMEMBERED) -> None:
        self.domains, self._protocol = Domains(protocol), protocol
        self.ages = {q.type.birth_date: q.key for q in protocol.questions if isinstance(q.type, Age)}
        self._alike: Memory[tuple[Any]] = Memory(remember)
        self._falls: Memory[tuple[Any]] = Memory(remember)
        self.leaves: dict[str, list[Rule]] = {question.key: [] for question in protocol.questions}
        units = [unit.rule for unit in Board(protocol).units]
        for leaf in dict.fromkeys(leaves(protocol, units)):
            for name in leaf_reads(protocol, leaf):
                if name in self.leaves:
                    self.leaves[name].append(leaf)

    def alike(self, world: World) -> World:
        """A world on which all rules come out alike, with answers that were seen before where possible."""
        dates = tuple(world[name] for name in ANCHORS)
        return {name: self._seen(name, value, world, dates) for name, value in world.items()}

    def _seen(self, name: str, value: Any, world: World, dates: tuple[Any, ...]) -> Any:
        """The first answer seen that falls on every leaf as this one does."""
        if value is None or isinstance(value, bool) or name not in self.leaves:
            return value
        key = (name, value, dates)
        found = self._alike.get(key)
        if found is None:
            alone: dict[str, Any] = dict.fromkeys(world)
            alone |= {other: world[other] for other in ANCHORS} | {name: value}
            context = Context(self._protocol, alone)
            falls = (name, dates, *[decide(leaf, context) for leaf in self.leaves[name]])
            found = self._falls.get(falls) or self._falls.keep(falls, (value,))
            self._alike.keep(key, found)
        return found[0]

    def with_ages(self, names: Iterable[str]) -> tuple[str, ...]:
        """The names, and the ages that may be stated in place of the birth dates among them."""
        return tuple(dict.fromkeys(each for name in names for each in (name, self.ages.get(name, name))))

    def is_open(self, name: str, world: World) -> bool:
        """Whether a name that a rule waits for has more than one completion."""
        value = world[name]
        if value is None:
            age = self.ages.get(name)
            return age is None or world[age] is None
        return isinstance(value, PartialDate) and not value.is_exact

    def of(self, name: str, world: World, dates: Dates) -> Iterator[dict[str, Any]]:
        """What the world may come to hold for an open name; an age may be stated in place of its birth date."""
        value = world[name]
        if name not in self._protocol.question_by_key:
            yield from ({name: True}, {name: False})
        elif isinstance(value, PartialDate):
            yield from ({name: day} for day in self._days(name, value, dates))
        else:
            yield from ({name: each} for each in self.domains.values(name, dates))
            if name in self.ages:
                yield from ({self.ages[name]: each} for each in self.domains.values(self.ages[name], dates))

    def _days(self, name: str, value: PartialDate, dates: Dates) -> Iterator[PartialDate]:
        """Days of the interval: its first, and each one in it on which some leaf turns."""
        first = read_partial(value.first.isoformat())
        assert first is not None
        yield first
        for day in self.domains.values(name, dates):
            if isinstance(day, PartialDate) and value.first < day.first <= value.last:
                yield day
