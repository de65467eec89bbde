"""A protocol in z3's terms: one participant as variables, and what every rule, criterion and cohort comes to.

Every truth is a pair: surely true, surely false; neither means unknown. So the three-valued logic is
encoded as it stands, and the engine can be compared with it on any participant whose dates are exact.

A participant is, for each fact, whether it is known and its value: a number within the question's
range, an option's place among the options, a flag for each option of a list, a day. An age is known by
the birth date or as a stated number. The dates of the evaluation are fixed ones, of which the
participant takes any: calendar windows then have an edge day each, and the encoding is exact. Partial
dates are left out; they only make known answers less known.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

import z3

from app.rules import calendar
from app.rules.calendar import Unit
from app.rules.evaluate import reads
from app.rules.facts import Age, Anchor, Choice, Date, Dates, Integer, Many, Number, YesNo
from app.rules.finding import rules_of
from app.rules.protocol import Cohort, Criterion, Protocol, Question
from app.rules.tree import (
    All,
    Always,
    AnyOf,
    Compare,
    Comparison,
    Elapsed,
    ExceedsAge,
    Includes,
    InPart,
    IsOneOf,
    IsYes,
    Not,
    ReadingHolds,
    Rule,
    Term,
)
from app.rules.verdict import reads_part

Formula = Any  # a z3 expression: the package has no types

_DAY = date(2024, 2, 29)
CALENDARS = (
    Dates(_DAY, _DAY, _DAY),
    Dates(_DAY, _DAY, date(2024, 6, 15)),  # the first dose is still to come
    Dates(date(2026, 3, 1), _DAY, date(2024, 3, 14)),  # looked at again when everything was long ago
)
TRUE, FALSE = z3.BoolVal(True), z3.BoolVal(False)


class Pair(NamedTuple):
    """A three-valued truth: surely true, surely false."""

    yes: Formula
    no: Formula


UNKNOWN = Pair(FALSE, FALSE)


class Outcomes(NamedTuple):
    """What a criterion comes to, one formula each; unknown where none holds. `route`: scope and rule together."""

    passes: Formula
    fails: Formula
    not_applicable: Formula
    route: Pair


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that a verdict is made of: whether it holds, and the names in the world that it reads."""

    name: str
    holds: Formula
    reads: frozenset[str]


class Encoding:
    """One participant of a protocol, as variables, and what follows.

    `domain` says which values are accepted; `answered` that every question has an answer and every reading is
    settled; `as_asked` that just the questions have one whose condition is not false.
    """

    def __init__(self, protocol: Protocol, calendars: Sequence[Dates] = CALENDARS) -> None:
        self.protocol = protocol
        self.calendars = calendars
        self.calendar = z3.Int("calendar")
        self.known = {question.key: z3.Bool(f"{question.key} is known") for question in protocol.questions}
        self.values = {question.key: _variables(question, "") for question in protocol.questions}
        leaves = [reading for reading in protocol.readings if reading.status != "convention"]
        self.readings = {reading.code: z3.Bool(f"reading {reading.code}") for reading in leaves}
        self.settled = {reading.code: z3.Bool(f"reading {reading.code} is settled") for reading in leaves}
        self.assumed = {r.code: self.readings[r.code] == r.value for r in leaves if r.value is not None}
        self.births = {q.type.birth_date: q.key for q in protocol.questions if isinstance(q.type, Age)}
        self.domain = [self.calendar >= 0, self.calendar < len(calendars)]
        for question in protocol.questions:
            self.domain += self.accepted(question.key, self.values[question.key])
        self.truth: Callable[[Rule, Cohort | None], Pair] = cache(self._truth)
        self.outcomes: Callable[[Criterion, Cohort | None], Outcomes] = cache(self._outcomes)
        self.answered = [*self._one_of_each_pair({}), *self.settled.values()]
        self.as_asked = [
            *self._one_of_each_pair({q.key: z3.Not(self.due(q).no) for q in protocol.questions}),
            *self.settled.values(),
        ]

    def _one_of_each_pair(self, asked: dict[str, Formula]) -> list[Formula]:
        """Each question is answered just where it is asked; of a birth date and an age, one of the two."""
        said = []
        for key, known in self.known.items():
            if key in self.births:
                age = self.known[self.births[key]]
                said += [z3.Not(z3.And(known, age)), z3.Or(known, age) == asked.get(key, TRUE)]
            elif key not in self.births.values():
                said.append(known == asked.get(key, TRUE))
        return said

    def variables(self, key: str, suffix: str) -> tuple[Formula, ...]:
        """Fresh variables for another value of a fact."""
        return _variables(self.protocol.question_by_key[key], suffix)

    def accepted(self, key: str, values: tuple[Formula, ...]) -> list[Formula]:
        """That the question accepts these values."""
        value = values[0]
        match self.protocol.question_by_key[key].type:
            case Choice(options):
                return [value >= 0, value < len(options)]
            case Integer(minimum, maximum, step):
                return [value >= -(-minimum // step), value <= maximum // step]
            case Number(minimum, maximum) | Age(minimum, maximum):
                return [value >= _exact(minimum), value <= _exact(maximum)]
            case Date(not_after=None):
                return [value >= calendar.EARLIEST.toordinal(), value <= calendar.LATEST.toordinal()]
            case Date(not_after=bound) if bound is not None:
                days = self._by_calendar(lambda dates: getattr(dates, bound))
                return [value >= calendar.EARLIEST.toordinal(), value <= days]
        return []

    def _by_calendar(self, day: Callable[[Dates], date]) -> Formula:
        """A day that depends on the dates of the evaluation."""
        *others, last = [day(dates).toordinal() for dates in self.calendars]
        found = z3.IntVal(last)
        for number, ordinal in reversed(list(enumerate(others))):
            found = z3.If(self.calendar == number, ordinal, found)
        return found

    # RULES

    def due(self, question: Question) -> Pair:
        """Whether a question's condition holds."""
        return Pair(TRUE, FALSE) if question.relevant is None else self.truth(question.relevant, None)

    def _truth(self, rule: Rule, cohort: Cohort | None) -> Pair:
        match rule:
            case Always(truth):
                return Pair(z3.BoolVal(truth), z3.BoolVal(not truth))
            case All(rules):
                return all_of([self.truth(child, cohort) for child in rules])
            case AnyOf(rules):
                return negate(all_of([negate(self.truth(child, cohort)) for child in rules]))
            case Not(child):
                return negate(self.truth(child, cohort))
            case Term(name):
                return self.truth(self.protocol.term_by_name[name].rule, cohort)
            case ReadingHolds(code):
                return _decided(self.settled[code], self.readings[code])
            case InPart(part):
                if cohort is None:
                    return UNKNOWN
                named = [self.truth(of_part, cohort) for name, of_part in cohort.parts if name == part]
                return negate(all_of([negate(one) for one in named]))
            case Compare():
                return self._compare(rule)
            case IsYes(fact):
                return _decided(self.known[fact], self.values[fact][0])
            case IsOneOf(fact, options):
                chosen = z3.Or([self.values[fact][0] == self._place(fact, option) for option in options])
                return _decided(self.known[fact], chosen)
            case Includes(fact, options):
                held = z3.Or([self.values[fact][self._place(fact, option)] for option in options])
                return _decided(self.known[fact], held)
            case Elapsed():
                recent = self.values[rule.fact][0] > self._edge(rule.anchor, rule.amount, rule.unit)
                return _decided(self.known[rule.fact], recent if rule.comparison == "<" else z3.Not(recent))
            case ExceedsAge():
                raise AssertionError("stands in edit checks alone, which decide nothing")

    def _place(self, fact: str, option: str) -> int:
        """Where an option stands among those of its question."""
        type_ = self.protocol.question_by_key[fact].type
        assert isinstance(type_, Choice | Many)
        return [each.value for each in type_.options].index(option)

    def _edge(self, anchor: Anchor, amount: int, unit: Unit) -> Formula:
        """The last day on which so much time has passed since."""
        return self._by_calendar(lambda dates: calendar.back(getattr(dates, anchor), amount, unit))

    def _compare(self, rule: Compare) -> Pair:
        type_ = self.protocol.question_by_key[rule.fact].type
        known, value = self.known[rule.fact], self.values[rule.fact][0]
        if isinstance(type_, Integer):
            return _decided(known, _whole(rule.comparison, value * type_.step, rule.limit))
        stated = _compared(rule.comparison, value, _exact(rule.limit))
        if not isinstance(type_, Age):
            return _decided(known, stated)
        born = self.known[type_.birth_date]
        turned = int(rule.limit) + (rule.comparison in (">", "<="))  # the limits of ages are whole years
        old_enough = self.values[type_.birth_date][0] <= self._edge("consent_date", turned, "years")
        completed = old_enough if rule.comparison in (">", ">=") else z3.Not(old_enough)
        return _decided(z3.Or(born, known), z3.If(born, completed, stated))

    # CRITERIA, GROUPS, COHORTS

    def _outcomes(self, criterion: Criterion, cohort: Cohort | None) -> Outcomes:
        scope = Pair(TRUE, FALSE) if criterion.scope is None else self.truth(criterion.scope, cohort)
        rule = self.truth(criterion.rule, cohort)
        wanted = negate(rule) if criterion.kind == "exclusion" else rule
        passes, fails = z3.And(z3.Not(scope.no), wanted.yes), z3.And(scope.yes, wanted.no)
        if criterion.kind == "review":  # it is raised or not, and never fails
            passes, fails = z3.And(scope.yes, z3.Or(rule.yes, rule.no)), FALSE
        elif criterion.group is not None:
            passes = z3.And(scope.yes, wanted.yes)
        return Outcomes(passes, fails, scope.no, all_of([scope, rule]))

    def of(self, criterion: Criterion, cohort: Cohort) -> Outcomes:
        """What a criterion comes to for one cohort; the same formula where it does not depend on the cohort."""
        return self.outcomes(criterion, cohort if by_cohort(criterion) else None)

    def single(self) -> list[Criterion]:
        """The criteria that count alone: not through a group, and not for review."""
        return [c for c in self.protocol.criteria if c.group is None and c.kind != "review"]

    def group(self, code: str) -> Pair:
        """Whether one of the group's criteria applies and holds."""
        routes = [self.outcomes(c, None).route for c in self.protocol.criteria if c.group == code]
        return negate(all_of([negate(route) for route in routes]))

    def met(self, criterion: Criterion, cohort: Cohort) -> Formula:
        """That a criterion does not stand in the way of the cohort, and surely not."""
        outcomes = self.of(criterion, cohort)
        return z3.Or(outcomes.passes, outcomes.not_applicable)

    def passes_all(self, cohort: Cohort, *, but: Criterion | None = None) -> Formula:
        """That nothing but the admission may stand in the way of the cohort; one criterion may be left aside."""
        groups = [
            self.group(group.code).yes for group in self.protocol.groups if but is None or group.code != but.group
        ]
        return z3.And(*groups, *[self.met(criterion, cohort) for criterion in self.single() if criterion is not but])

    def eligible(self, cohort: Cohort, *, but: Criterion | None = None) -> Formula:
        """That the participant is likely eligible for the cohort, one criterion perhaps left aside."""
        return z3.And(self.admits(cohort).yes, self.passes_all(cohort, but=but))

    def excluded(self, cohort: Cohort) -> Formula:
        """That the participant is excluded from the cohort."""
        groups = [self.group(group.code).no for group in self.protocol.groups]
        return z3.Or(self.admits(cohort).no, *groups, *[self.of(c, cohort).fails for c in self.single()])

    def admits(self, cohort: Cohort) -> Pair:
        """Whether the cohort admits the participant."""
        return self.truth(cohort.admits, cohort)

    def effects(self) -> list[Effect]:
        """All that a verdict is made of: what excludes, which groups hold, who admits, what is to be reviewed."""
        found = []
        for criterion in self.protocol.criteria:
            if criterion.group is not None:
                continue
            for cohort in self.protocol.cohorts if by_cohort(criterion) else (None,):
                outcomes = self.outcomes(criterion, cohort)
                holds = outcomes.route.yes if criterion.kind == "review" else outcomes.fails
                found.append(self._effect(criterion.code, holds, rules_of(criterion, None)))
        for group in self.protocol.groups:
            rules = [rule for c in self.protocol.criteria if c.group == group.code for rule in rules_of(c, None)]
            found.append(self._effect(group.code, self.group(group.code).yes, rules))
        for cohort in self.protocol.cohorts:
            found.append(self._effect(cohort.code, self.admits(cohort).yes, [cohort.admits]))
        return found

    def _effect(self, name: str, holds: Formula, rules: Iterable[Rule]) -> Effect:
        return Effect(name, holds, frozenset(reads(self.protocol, rules)))


def by_cohort(criterion: Criterion) -> bool:
    """Whether what a criterion comes to depends on the cohort."""
    return any(reads_part(rule) for rule in rules_of(criterion, None))


def all_of(pairs: Sequence[Pair]) -> Pair:
    """And: of nothing, true."""
    return Pair(z3.And([pair.yes for pair in pairs]), z3.Or([pair.no for pair in pairs]))


def negate(pair: Pair) -> Pair:
    """Not."""
    return Pair(pair.no, pair.yes)


def _decided(known: Formula, holds: Formula) -> Pair:
    return Pair(z3.And(known, holds), z3.And(known, z3.Not(holds)))


def _variables(question: Question, suffix: str) -> tuple[Formula, ...]:
    name = question.key + suffix
    match question.type:
        case YesNo():
            return (z3.Bool(name),)
        case Many(options):
            return tuple(z3.Bool(f"{name} has {option.value}") for option in options)
        case Number() | Age():
            return (z3.Real(name),)
    return (z3.Int(name),)  # an option's place, a multiple of the step, a day


def _exact(number: float) -> Formula:
    return z3.RealVal(str(Fraction(number)))


def _whole(comparison: Comparison, value: Formula, limit: float) -> Formula:
    """A whole number compared with any limit."""
    rounded = math.ceil(limit) if comparison in ("<", ">=") else math.floor(limit)
    return _compared(comparison, value, z3.IntVal(rounded))


def _compared(comparison: Comparison, value: Formula, limit: Formula) -> Formula:
    return {"<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit}[comparison]
