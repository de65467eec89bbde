"""What would change a verdict: the passing of time, other answers, and what could still go wrong.

A counterfactual is a smallest set of facts whose answers, given or changed together, would bring about
another verdict; no part of it does, whatever its values. It is found by deepening: as long as something
is not as wanted, one of the facts that keep it so has to change. Nobody grows younger, and time that has
passed stays passed, so an age is only ever raised and a date that time moves is only ever put back. What
cannot change at all is tried last. The search is bounded by `MAX_SIZE` and `BUDGET`; what it
reports is right in any case.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, product
from typing import Any, Literal

from app.rules.calendar import LATEST, PartialDate, read_partial
from app.rules.evaluate import Context, World, decide, number_reads
from app.rules.exact import Clause, Search
from app.rules.facts import ANCHORS, Date, Dates, Integer, Number, to_json
from app.rules.finding import Finding, passing_together, turning_days
from app.rules.participant import Participant
from app.rules.protocol import ADMISSION, CanChange, Protocol
from app.rules.tree import All, Always, AnyOf, Compare, InPart, Not, ReadingHolds, Rule, Term
from app.rules.truth import FALSE, TRUE, UNKNOWN, Truth
from app.rules.verdict import CohortVerdict, Decision, Evaluator, Verdict

MAX_SIZE = 4
MAX_SETS = 6
BUDGET = 1500
NEAR = 0.1  # a measured value so close to its limit, as a share of it, is called near

Kind = Literal["missing", "repeat", "time", "age", "fixed", "reading"]
Turn = Literal["likely_eligible", "not_excluded", "excluded"]
Accepted = frozenset[Truth]
TO_FIND_OUT: frozenset[Kind] = frozenset(("missing", "reading"))
TO_REPEAT: frozenset[Kind] = TO_FIND_OUT | {"repeat", "time"}
LADDER: dict[Decision, tuple[frozenset[Kind], ...]] = {  # what is tried, step by step, until something is found
    "undetermined": (TO_FIND_OUT, TO_REPEAT),
    "excluded": (TO_REPEAT, TO_REPEAT | {"age"}, TO_REPEAT | {"age", "fixed"}),
}
HOLDS, FAILS = frozenset((TRUE,)), frozenset((FALSE,))
MAY_HOLD, MAY_FAIL = frozenset((TRUE, UNKNOWN)), frozenset((FALSE, UNKNOWN))
_SWAPPED = {HOLDS: FAILS, FAILS: HOLDS, MAY_HOLD: MAY_FAIL, MAY_FAIL: MAY_HOLD}


@dataclass(frozen=True, slots=True)
class Setting:
    """One way in which a fact may fall: its place among the fact's values, and what it puts into the world."""

    place: int
    values: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A fact that would have to be answered, or to be otherwise: any of the settings will do.

    `kind` says whether the answer is missing (or not exact enough), could change by a repeat, as time
    passes or with the person's age, or is fixed; or that it is an open reading, whose code `fact` is.
    """

    fact: str
    kind: Kind
    settings: tuple[Setting, ...]

    @property
    def example(self) -> dict[str, Any]:
        """One answer that will do, as JSON."""
        return {name: to_json(value) for name, value in self.settings[0].values if value is not None}


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """Changes that together would bring a cohort (all cohorts, where none is named) to another verdict."""

    turn: Turn
    cohorts: tuple[str, ...]
    changes: tuple[Change, ...]

    @property
    def is_fixed(self) -> bool:
        """Whether something would have to be otherwise that cannot change."""
        return any(change.kind == "fixed" for change in self.changes)


@dataclass(frozen=True, slots=True)
class Reason:
    """A criterion that fails, or a cohort's admission (no code), and when or how it may pass."""

    code: str
    title: str
    can_change: CanChange | None
    passes_from: date | None


@dataclass(frozen=True, slots=True)
class Risk:
    """An answer that can change and would then turn a likely eligible verdict; `near`: it is close to its limit."""

    change: Change
    near: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """What would change a verdict.

    `reasons` exclude, and `passes_from` is the first day on which those that time can turn pass together.
    `cohorts` has the first day from which a cohort no longer excludes, where time alone brings that about.
    `holds_until` is the first later day on which the same answers are no longer likely eligible.
    """

    reasons: tuple[Reason, ...] = ()
    passes_from: date | None = None
    cohorts: Mapping[str, date] = field(default_factory=dict)
    sets: tuple[Counterfactual, ...] = ()
    risks: tuple[Risk, ...] = ()
    holds_until: date | None = None


class Changer:
    """Finds what would change verdicts under one protocol."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.protocol: Protocol = evaluator.protocol
        self.evaluator = evaluator
        self.search = Search(self.protocol)

    def changes(self, verdict: Verdict) -> Changes:
        """All that would change a verdict."""
        if verdict.decision == "likely_eligible":
            return Changes(risks=tuple(self._risks(verdict)), holds_until=self._holds_until(verdict))
        failing = list(_failing(verdict))
        timed = [finding for finding in failing if finding.passes_from is not None]
        return Changes(
            reasons=tuple(_reason(finding) for finding in failing),
            passes_from=passing_together(timed),
            cohorts=dict(self._in_time(verdict)),
            sets=tuple(self._sets(verdict)),
        )

    # TIME

    def _in_time(self, verdict: Verdict) -> Iterator[tuple[str, date]]:
        """The cohorts that exclude now and would not any more from some day on, the answers unchanged."""
        for cohort in verdict.cohorts:
            findings = list(_excluding(verdict, cohort.cohort.code))
            named = {ADMISSION if f.criterion is None else f.criterion.code for f in findings}
            if findings and named >= set(cohort.reasons):
                day = passing_together(findings)
                if day is not None:
                    yield cohort.cohort.code, day

    def _holds_until(self, verdict: Verdict) -> date | None:
        """The first later day on which the same answers are not likely eligible any more."""
        context = verdict.context
        days = set(turning_days(context, [unit.rule for unit in self.search.units]))
        for day in sorted(day for day in days if day <= LATEST):
            if self.evaluator.evaluate(_moved(verdict.participant, day)).decision != "likely_eligible":
                return day
        return None

    # OTHER ANSWERS

    def _sets(self, verdict: Verdict) -> Iterator[Counterfactual]:
        """The counterfactuals; those of all cohorts alike are one."""
        look = Changing(self.search, verdict.context.world)
        for kinds in LADDER[verdict.decision]:
            found: dict[tuple[Turn, tuple[Change, ...]], list[str]] = {}
            for cohort in verdict.cohorts:
                if cohort.verdict == verdict.decision:
                    for turn, changes in self._of_cohort(look, cohort, kinds):
                        found.setdefault((turn, changes), []).append(cohort.cohort.code)
            if found:
                sets = [Counterfactual(turn, tuple(codes), changes) for (turn, changes), codes in found.items()]
                yield from sorted(sets, key=_rank)[:MAX_SETS]
                break
        if verdict.decision == "undetermined":
            for changes in look.smallest(Excluding(self.search), TO_FIND_OUT, 2):
                yield Counterfactual("excluded", (), changes)

    def _of_cohort(
        self, look: "Changing", cohort: CohortVerdict, kinds: frozenset[Kind]
    ) -> Iterator[tuple[Turn, tuple[Change, ...]]]:
        """To eligible or, where too much is missing for that, out of the exclusion."""
        clauses = [*self.search.common, *self.search.own[cohort.cohort.code]]
        most = 2 if "fixed" in kinds else MAX_SIZE
        sets = look.smallest(Passing(self.search, clauses, HOLDS), kinds, most)
        yield from (("likely_eligible", changes) for changes in sets)
        if not sets and cohort.verdict == "excluded":
            sets = look.smallest(Passing(self.search, clauses, MAY_HOLD), kinds, most)
            yield from (("not_excluded", changes) for changes in sets)

    def _risks(self, verdict: Verdict) -> Iterator[Risk]:
        """The answers given that can change by a repeat, and alone would turn the verdict."""
        world = verdict.context.world
        look = Changing(self.search, world)
        excluding = Excluding(self.search)
        for question in self.protocol.questions:
            if question.can_change != "repeat" or world[question.key] is None or isinstance(question.type, Date):
                continue
            turning = tuple(
                s for s in look.settings(question.key) if excluding.unmet({**world, **dict(s.values)}) == []
            )
            if turning:
                yield Risk(Change(question.key, "repeat", turning), self._is_near(question.key, world))

    def _is_near(self, key: str, world: World) -> bool:
        """Whether a measured value is within a tenth, or one step, of a limit of the rules."""
        type_, value = self.protocol.question_by_key[key].type, world[key]
        limits = [leaf.limit for leaf in self.search.completions.leaves[key] if isinstance(leaf, Compare)]
        if isinstance(type_, Integer):
            return any(abs(value - limit) <= type_.step for limit in limits)
        return isinstance(type_, Number) and any(abs(value - limit) <= NEAR * abs(limit) for limit in limits)


def _rank(one: Counterfactual) -> tuple[object, ...]:
    """What cannot change last; then the fewest facts, and those that are only to be found out or repeated first."""
    order = ("missing", "repeat", "reading", "time", "age", "fixed")
    return (
        one.is_fixed,
        one.turn != "likely_eligible",
        len(one.changes),
        sorted(order.index(c.kind) for c in one.changes),
    )


def _failing(verdict: Verdict) -> Iterator[Finding]:
    """What excludes from some cohort: each criterion once, and the admissions that exclude alone."""
    codes = {code for cohort in verdict.cohorts for code in cohort.reasons}
    for result in verdict.results:
        if result.criterion.code in codes:
            yield next(finding for finding in result.findings.values() if finding.outcome == "fail")
    if verdict.decision == "excluded":  # for the others, that some cohort is closed says nothing
        yield from (cohort.admission for cohort in verdict.cohorts if cohort.reasons == (ADMISSION,))


def _excluding(verdict: Verdict, code: str) -> Iterator[Finding]:
    """What excludes from one cohort."""
    cohort = next(each for each in verdict.cohorts if each.cohort.code == code)
    for result in verdict.results:
        if result.criterion.code in cohort.reasons:
            yield result.findings.get(code) or result.findings[""]
    if ADMISSION in cohort.reasons:
        yield cohort.admission


def _reason(finding: Finding) -> Reason:
    if finding.criterion is None:
        assert finding.cohort is not None
        return Reason("", finding.cohort.title, finding.can_change, finding.passes_from)
    return Reason(finding.criterion.code, finding.criterion.title, finding.can_change, finding.passes_from)


def _moved(participant: Participant, day: date) -> Participant:
    """The same answers on a later day; partial dates are cut at later bounds, if at all."""
    dates = participant.dates
    moved = Dates(*(max(day, getattr(dates, name)) for name in ANCHORS))
    answers = {
        key: value.whole.cut(max(day, value.last)) if isinstance(value, PartialDate) else value
        for key, value in participant.answers.items()
    }
    return Participant(answers, moved, participant.readings)


# WHAT IS WANTED


class Passing:
    """That every clause has a unit which stands as accepted: that one cohort takes, or may take, the participant."""

    def __init__(self, search: Search, clauses: Sequence[Clause], accepted: Accepted) -> None:
        self._search, self._clauses, self._accepted = search, clauses, accepted

    def unmet(self, world: World) -> list[frozenset[str]]:
        """Sets of names, of each of which one has to change; none is left where all is as wanted."""
        left = []
        for clause in self._clauses:
            if not any(self._search.stand(number, world)[0] in self._accepted for number, _ in clause):
                names = [turners(self._search, number, self._accepted, world) for number, _ in clause]
                left.append(frozenset().union(*names))
        return left


class Excluding:
    """That no cohort can take the participant."""

    def __init__(self, search: Search) -> None:
        self._search = search

    def unmet(self, world: World) -> list[frozenset[str]]:
        """One set of names, of which one has to change; none where all is as wanted."""
        search = self._search

        def fails(clause: Clause) -> bool:
            return all(search.stand(number, world)[0] is FALSE for number, _ in clause)

        if any(fails(clause) for clause in search.common):
            return []
        still = [clauses for clauses in search.own.values() if not any(fails(clause) for clause in clauses)]
        if not still:
            return []
        clauses = [*search.common, *still[0]]
        return [frozenset().union(*[turners(search, n, FAILS, world) for clause in clauses for n, _ in clause])]


Wanted = Passing | Excluding


def turners(search: Search, number: int, accepted: Accepted, world: World) -> frozenset[str]:
    """Names of which at least one has to change before the unit stands as accepted; none where nothing can."""
    unit, key = search.units[number], (number, accepted, search.values(number, world))
    found = search.turners.get(key)
    if found is None:
        found = _turners(unit.rule, accepted, Context(search.protocol, world, unit.cohort))
    return search.turners.keep(key, found)


def _turners(rule: Rule, accepted: Accepted, context: Context) -> frozenset[str]:
    match rule:
        case All(rules):
            return _turners_of(rules, accepted, TRUE in accepted, context)
        case AnyOf(rules):
            return _turners_of(rules, accepted, FALSE in accepted, context)
        case Not(child):
            return _turners(child, _SWAPPED[accepted], context)
        case Term(name):
            return _turners(context.protocol.term_by_name[name].rule, accepted, context)
        case InPart(part):
            assert context.cohort is not None
            rules = tuple(of for name, of in context.cohort.parts if name == part)
            return _turners(AnyOf(rules), accepted, context)
        case Always():
            return frozenset()
        case ReadingHolds(code):
            return frozenset((code,))
        case Compare(fact):
            return frozenset((next(iter(number_reads(context.protocol, fact))),))
    return frozenset((rule.fact,))


def _turners_of(rules: Iterable[Rule], accepted: Accepted, each: bool, context: Context) -> frozenset[str]:
    """Where each rule has to be as accepted, what turns one that is not; where one is enough, what turns any."""
    unmet = [rule for rule in rules if decide(rule, context) not in accepted]
    names = [_turners(rule, accepted, context) for rule in unmet]
    return min(names, key=len) if each else frozenset().union(*names)


# THE SEARCH


class Changing:
    """Looks for changes of one participant's answers."""

    def __init__(self, search: Search, world: World) -> None:
        self._search, self._world = search, world
        self._protocol, self._completions = search.protocol, search.completions
        self._dates = Dates(*(world[name] for name in ANCHORS))
        self._settings: dict[str, tuple[Setting, ...]] = {}
        self._steps: int  # that are left of the budget, for each search anew

    def smallest(self, wanted: Wanted, kinds: frozenset[Kind], most: int = MAX_SIZE) -> list[tuple[Change, ...]]:
        """Smallest sets of at most so many changes of these kinds; at most `MAX_SETS`."""
        found: dict[frozenset[str], tuple[Change, ...]] = {}
        self._steps = BUDGET
        for size in range(1, most + 1):
            for names, settings in self._of_size(wanted, kinds, size, found):
                found[names] = self._widened(wanted, settings)
                if len(found) == MAX_SETS:
                    return list(found.values())
        return list(found.values())

    def kind(self, name: str) -> Kind:
        """What sort of change another value of this name is."""
        if name in self._protocol.reading_by_code:
            return "reading"
        if self._completions.is_open(name, self._world):
            return "missing"
        return "age" if name in self._completions.ages else self._protocol.question_by_key[name].can_change

    def settings(self, name: str) -> tuple[Setting, ...]:
        """The ways in which a name may come to fall otherwise; none where it cannot."""
        if name not in self._settings:
            self._settings[name] = tuple(self._possible(name))
        return self._settings[name]

    def _possible(self, name: str) -> Iterator[Setting]:
        value = self._world[name]
        if name in self._protocol.reading_by_code:
            if value is None:
                yield from (Setting(place, ((name, truth),)) for place, truth in enumerate((False, True)))
            return
        age = self._completions.ages.get(name)
        if age is not None and value is None and self._world[age] is not None:
            years: Sequence[Any] = self._completions.domains.values(age, self._dates)
            yield from (Setting(n, ((age, each),)) for n, each in enumerate(years) if each > self._world[age])
        elif isinstance(self._protocol.question_by_key[name].type, Date):
            yield from self._days(name, value)
        else:
            here = self._completions.alike(self._world)[name]
            for place, each in enumerate(self._completions.domains.values(name, self._dates)):
                if value is None or self._completions.alike({**self._world, name: each})[name] != here:
                    yield Setting(place, ((name, each),))

    def _days(self, name: str, value: PartialDate | None) -> Iterator[Setting]:
        """Days, each the first of those that fall alike. An inexact date is refined; one that time moves, put back."""
        days: Sequence[Any] = self._completions.domains.values(name, self._dates)
        moves = name in self._completions.ages or self._protocol.question_by_key[name].can_change == "time"
        for place, day in enumerate(days):
            ends = days[place + 1].first if place + 1 < len(days) else date.max
            if value is None or not (value.first < ends and day.first <= value.last):
                if value is None or not moves or day.first < value.first:
                    yield Setting(place, ((name, day),))
            elif not value.is_exact:
                inside = read_partial(max(day.first, value.first).isoformat())
                yield Setting(place, ((name, inside),))

    def _of_size(
        self, wanted: Wanted, kinds: frozenset[Kind], size: int, found: Mapping[frozenset[str], object]
    ) -> Iterator[tuple[frozenset[str], dict[str, Setting]]]:
        """Changes of exactly so many names that bring about what is wanted, one for each set of names."""
        seen: set[frozenset[tuple[str, int]]] = set()

        def deeper(world: World, changed: dict[str, Setting]) -> Iterator[tuple[frozenset[str], dict[str, Setting]]]:
            self._steps -= 1
            names = frozenset(changed)
            place = frozenset((name, setting.place) for name, setting in changed.items())
            if self._steps < 0 or place in seen or any(other <= names for other in found):
                return
            seen.add(place)
            unmet = self._turning(wanted, kinds, world, names)
            if not unmet:
                yield names, changed
                return
            if _apart(unmet) > size - len(names):
                return
            fewest: list[str] = min(unmet, key=len)
            for name in sorted(fewest):
                for setting in self.settings(name):
                    yield from deeper({**world, **dict(setting.values)}, {**changed, name: setting})

        yield from deeper(self._world, {})

    def _turning(
        self, wanted: Wanted, kinds: frozenset[Kind], world: World, changed: Collection[str]
    ) -> list[list[str]]:
        """For each thing that is not as wanted, what may still change so that it is."""
        return [
            [name for name in names if name not in changed and self.kind(name) in kinds and self.settings(name)]
            for names in wanted.unmet(world)
        ]

    def _widened(self, wanted: Wanted, settings: Mapping[str, Setting]) -> tuple[Change, ...]:
        """The changes with all settings that will do, in any combination."""
        will_do = {name: [setting] for name, setting in settings.items()}
        for name, chosen in will_do.items():
            for setting in self.settings(name):
                others = [will_do[other] for other in will_do if other != name]
                if setting not in chosen and all(self._does(wanted, (setting, *rest)) for rest in product(*others)):
                    chosen.append(setting)
        order = {question.key: number for number, question in enumerate(self._protocol.questions)}
        return tuple(
            Change(name, self.kind(name), tuple(sorted(chosen, key=lambda setting: setting.place)))
            for name, chosen in sorted(will_do.items(), key=lambda item: order.get(item[0], len(order)))
        )

    def _does(self, wanted: Wanted, settings: Iterable[Setting]) -> bool:
        return not wanted.unmet({**self._world, **dict(chain.from_iterable(s.values for s in settings))})


def _apart(sets: Iterable[list[str]]) -> int:
    """How many of these sets, at the least, share no name with each other: so many names have to change."""
    taken: set[str] = set()
    count = 0
    for names in sorted(sets, key=len):
        if not names:
            return MAX_SIZE + 1
        if taken.isdisjoint(names):
            taken.update(names)
            count += 1
    return count
