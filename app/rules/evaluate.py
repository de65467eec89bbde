"""The reference engine: what each rule means, in strong Kleene logic, by plain recursion.

There is no cleverness here, so that other engines can be checked against it. Findings on criteria
are made in `finding`, the verdict over all of them in `verdict`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from app.rules import calendar
from app.rules.calendar import PartialDate
from app.rules.facts import Age, age_interval
from app.rules.protocol import Cohort, Protocol
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
    children,
)
from app.rules.truth import FALSE, UNKNOWN, Truth, all_of, any_of, known, negate

# What the rules see: every fact's value (None: unknown), the three dates, and every reading that is
# a leaf (None: open). Fact keys, date names and reading codes never collide (see protocol).
World = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """Where a rule is decided: the protocol, the world, and the cohort for rules about the part."""

    protocol: Protocol
    world: World
    cohort: Cohort | None = None


def with_values(context: Context, values: Mapping[str, Any]) -> Context:
    """The same context in a world where some names have other values."""
    return Context(context.protocol, {**context.world, **values}, context.cohort)


def decide(rule: Rule, context: Context) -> Truth:
    """The truth of a rule."""
    return _MEANING[type(rule)](rule, context)


def _fact_yes(rule: IsYes, context: Context) -> Truth:
    return known(context.world[rule.fact])


def _is_one_of(rule: IsOneOf, context: Context) -> Truth:
    value = context.world[rule.fact]
    return UNKNOWN if value is None else known(value in rule.options)


def _includes(rule: Includes, context: Context) -> Truth:
    values = context.world[rule.fact]
    return UNKNOWN if values is None else known(any(option in values for option in rule.options))


def _compare(rule: Compare, context: Context) -> Truth:
    interval = numbers(rule.fact, context)
    if interval is None:
        return UNKNOWN
    return agreed(_COMPARE[rule.comparison](bound, rule.limit) for bound in interval)


def _elapsed(rule: Elapsed, context: Context) -> Truth:
    value: PartialDate | None = context.world[rule.fact]
    if value is None:
        return UNKNOWN
    edge = calendar.back(context.world[rule.anchor], rule.amount, rule.unit)
    recent = agreed(day > edge for day in (value.first, value.last))
    return recent if rule.comparison == "<" else negate(recent)


def _exceeds_age(rule: ExceedsAge, context: Context) -> Truth:
    length, stated, type_ = context.world[rule.fact], context.world[rule.age], _age_type(context.protocol, rule.age)
    birth: PartialDate | None = context.world[type_.birth_date]
    if length is None or (birth is None and stated is None):
        return UNKNOWN
    months = _exact(length) * (12 if rule.unit == "years" else 1)
    if birth is not None:
        consent = context.world["consent_date"]
        if months <= 12 * (consent.year - birth.last.year - 1):  # clear without counting the days
            return FALSE
        return agreed(months > calendar.months_between(day, consent) for day in (birth.last, birth.first))
    lived = 12 * _exact(stated)
    # A whole number of years may be one in completed years: then the next year has begun, and is not over.
    return agreed((months > lived, months >= lived + 12 if lived % 12 == 0 else months > lived))


def _age_type(protocol: Protocol, fact: str) -> Age:
    type_ = protocol.question_by_key[fact].type
    assert isinstance(type_, Age)
    return type_


def _exact(number: float) -> int | Fraction:
    """The number as it is written: 2.1 is 21/10, which no float is."""
    return number if isinstance(number, int) else Fraction(str(number))


def _in_part(rule: InPart, context: Context) -> Truth:
    if context.cohort is None:
        return UNKNOWN
    return any_of(decide(of_part, context) for part, of_part in context.cohort.parts if part == rule.part)


_COMPARE: dict[Comparison, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}

_MEANING: dict[type[Rule], Callable[[Any, Context], Truth]] = {
    Always: lambda rule, context: known(rule.truth),
    All: lambda rule, context: all_of(decide(child, context) for child in rule.rules),
    AnyOf: lambda rule, context: any_of(decide(child, context) for child in rule.rules),
    Not: lambda rule, context: negate(decide(rule.rule, context)),
    IsYes: _fact_yes,
    IsOneOf: _is_one_of,
    Includes: _includes,
    Compare: _compare,
    Elapsed: _elapsed,
    ExceedsAge: _exceeds_age,
    ReadingHolds: lambda rule, context: known(context.world[rule.code]),
    InPart: _in_part,
    Term: lambda rule, context: decide(context.protocol.term_by_name[rule.name].rule, context),
}


def numbers(fact: str, context: Context) -> tuple[float, float] | None:
    """The lowest and highest number that a fact may be; None where it is unknown."""
    value = context.world[fact]
    type_ = context.protocol.question_by_key[fact].type
    if isinstance(type_, Age):
        return age_interval(value, context.world[type_.birth_date], context.world["consent_date"])
    return None if value is None else (value, value)


def agreed(answers: Iterable[bool]) -> Truth:
    """True or false where both ends of an interval agree (all leaves are monotone), else unknown."""
    found = set(answers)
    return known(found.pop()) if len(found) == 1 else UNKNOWN


# WHAT A RULE READS


def reads(protocol: Protocol, rules: Iterable[Rule]) -> tuple[str, ...]:
    """The names in the world on which the truth of the rules depends, in reading order."""
    return tuple(dict.fromkeys(name for leaf in leaves(protocol, rules) for name in leaf_reads(protocol, leaf)))


def leaves(protocol: Protocol, rules: Iterable[Rule]) -> Iterator[Rule]:
    """The leaves on which the truth of the rules depends, terms and parts opened, in reading order."""
    for rule in rules:
        match rule:
            case InPart(part):
                yield from leaves(
                    protocol, [of for cohort in protocol.cohorts for name, of in cohort.parts if name == part]
                )
            case Term(name):
                yield from leaves(protocol, [protocol.term_by_name[name].rule])
            case All() | AnyOf() | Not():
                yield from leaves(protocol, children(rule))
            case _:
                yield rule


def leaf_reads(protocol: Protocol, leaf: Rule) -> Iterable[str]:
    """The names in the world that a leaf reads."""
    match leaf:
        case Compare(fact):
            yield from number_reads(protocol, fact)
        case IsYes(fact) | IsOneOf(fact) | Includes(fact):
            yield fact
        case Elapsed():
            yield leaf.fact
            yield leaf.anchor
        case ExceedsAge(fact):
            yield fact
            yield from number_reads(protocol, leaf.age)
        case ReadingHolds(code):
            yield code


def number_reads(protocol: Protocol, fact: str) -> Iterable[str]:
    """The names that a number comes from: for an age also the birth date, which wins, and the consent."""
    type_ = protocol.question_by_key[fact].type
    if isinstance(type_, Age):
        yield type_.birth_date
        yield fact
        yield "consent_date"
    else:
        yield fact
