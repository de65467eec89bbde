"""Findings: one criterion, or one cohort's admission, decided and explained by its own values.

A finding depends only on the facts, dates and readings that its rules read. Beside the outcome it
says which answers it rests on, what is missing, which open readings would decide it, and whether a
failure may pass by itself or by a repeat.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from app.rules import calendar
from app.rules.calendar import PartialDate
from app.rules.evaluate import Context, decide, number_reads, reads, with_values
from app.rules.facts import ANCHORS, Age, Value
from app.rules.protocol import CanChange, Cohort, Criterion
from app.rules.tree import (
    All,
    AnyOf,
    Compare,
    Elapsed,
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
from app.rules.truth import FALSE, TRUE, UNKNOWN, Truth, all_of, negate

Outcome = Literal["pass", "fail", "unknown", "not_applicable"]


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A criterion evaluated for one cohort, or a cohort's admission (`criterion` is None).

    `facts` are the answers that this outcome rests on: they reproduce it alone, and none can be
    left out; `readings` are the settled readings that it rests on. `missing` are the questions (and
    open readings) that leave it unknown; `depends_on` the open readings that would decide it.
    `can_change` and `passes_from` say what a failure may turn on.
    """

    criterion: Criterion | None
    cohort: Cohort | None
    outcome: Outcome
    scope: Truth
    truth: Truth
    context: Context
    facts: Mapping[str, Value]
    readings: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    can_change: CanChange | None = None
    passes_from: date | None = None

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that were decided: the scope, if there is one, and the condition."""
        return rules_of(self.criterion, self.cohort)

    @property
    def route(self) -> Truth:
        """Whether scope and condition hold together: what a group of alternatives needs."""
        return all_of((self.scope, self.truth))


def rules_of(criterion: Criterion | None, cohort: Cohort | None) -> tuple[Rule, ...]:
    """The rules that decide a criterion, or the admission to a cohort where it is None."""
    if criterion is None:
        assert cohort is not None
        return (cohort.admits,)
    return (criterion.rule,) if criterion.scope is None else (criterion.scope, criterion.rule)


def judge(criterion: Criterion | None, context: Context) -> tuple[Outcome, Truth, Truth]:
    """Outcome, truth of the scope and truth of the rule; without a criterion: the cohort's admission."""
    if criterion is None:
        assert context.cohort is not None
        truth = decide(context.cohort.admits, context)
        return OUTCOMES[truth], TRUE, truth
    scope = TRUE if criterion.scope is None else decide(criterion.scope, context)
    truth = decide(criterion.rule, context)
    return _outcome(criterion, scope, truth), scope, truth


OUTCOMES: dict[Truth, Outcome] = {TRUE: "pass", FALSE: "fail", UNKNOWN: "unknown"}


def _outcome(criterion: Criterion, scope: Truth, truth: Truth) -> Outcome:
    if scope is FALSE:
        return "not_applicable"
    if criterion.kind == "review":
        return "unknown" if UNKNOWN in (scope, truth) else "pass"
    outcome = OUTCOMES[negate(truth) if criterion.kind == "exclusion" else truth]
    if scope is UNKNOWN and (outcome != "pass" or criterion.group is not None):
        return "unknown"
    return outcome


def find(criterion: Criterion | None, context: Context) -> Finding:
    """The finding on a criterion, or on the admission to the context's cohort."""
    outcome, scope, truth = judge(criterion, context)
    rules = rules_of(criterion, context.cohort)
    names = reads(context.protocol, rules)
    missing = tuple(missing_names(criterion, context)) if outcome == "unknown" else ()
    depends_on = tuple(_depends_on(criterion, context, names)) if outcome == "unknown" else ()
    can_change, passes_from = _change(criterion, context, names) if outcome == "fail" else (None, None)
    return Finding(
        criterion=criterion,
        cohort=context.cohort,
        outcome=outcome,
        scope=scope,
        truth=truth,
        context=context,
        facts=_cited(criterion, context, names),
        readings=tuple(_settled(criterion, context, names)),
        missing=missing,
        depends_on=depends_on,
        can_change=can_change,
        passes_from=passes_from,
    )


def _cited(criterion: Criterion | None, context: Context, names: tuple[str, ...]) -> dict[str, Value]:
    """A smallest set of known answers that alone gives the same finding: none can be left out.

    Answers are tried for removal from the last to the first. Removing one can only lose certainty,
    so what one pass leaves is minimal for a decided outcome; an unknown one is repeated until it
    stays, because what is missing must stay the same too.
    """
    kept = {name: context.world[name] for name in names if name in context.protocol.question_by_key}
    kept = {name: value for name, value in kept.items() if value is not None}
    blank = dict.fromkeys(kept)
    wanted = _explanation(criterion, context)
    while True:
        before = len(kept)
        for name in reversed(list(kept)):
            fewer = {key: value for key, value in kept.items() if key != name}
            if _explanation(criterion, with_values(context, blank | fewer)) == wanted:
                kept = fewer
        if len(kept) == before:
            return kept


def _settled(criterion: Criterion | None, context: Context, names: Iterable[str]) -> Iterable[str]:
    """The readings with a value without which the finding would be another."""
    wanted = _explanation(criterion, context)
    for name in names:
        settled = name in context.protocol.reading_by_code and context.world[name] is not None
        if settled and _explanation(criterion, with_values(context, {name: None})) != wanted:
            yield name


def _explanation(criterion: Criterion | None, context: Context) -> tuple[object, ...]:
    """What a finding says: its outcome and, while that is unknown, what it waits for."""
    outcome, _, _ = judge(criterion, context)
    if outcome != "unknown":
        return (outcome,)
    return (outcome, *missing_names(criterion, context))


def missing_names(criterion: Criterion | None, context: Context) -> Iterable[str]:
    """The names that leave a finding unknown: those of the unknown leaves below unknown rules only."""
    names: dict[str, None] = {}
    for rule in rules_of(criterion, context.cohort):
        for name in _open_leaves(rule, context):
            names.setdefault(name)
    return names


def _open_leaves(rule: Rule, context: Context) -> Iterable[str]:
    if decide(rule, context) is not UNKNOWN:
        return
    match rule:
        case All(rules) | AnyOf(rules):
            for child in rules:
                yield from _open_leaves(child, context)
        case Not(child):
            yield from _open_leaves(child, context)
        case Term(name):
            yield from _open_leaves(context.protocol.term_by_name[name].rule, context)
        case InPart(part) if context.cohort is not None:
            for name, of_part in context.cohort.parts:
                if name == part:
                    yield from _open_leaves(of_part, context)
        case Compare(fact):
            yield next(iter(number_reads(context.protocol, fact)))
        case IsYes(fact) | IsOneOf(fact) | Includes(fact) | Elapsed(fact):
            yield fact
        case ReadingHolds(code):
            yield code


def _depends_on(criterion: Criterion | None, context: Context, names: Iterable[str]) -> Iterable[str]:
    """The open readings of which setting one, to yes or to no, decides this finding."""
    for name in names:
        if name in context.protocol.reading_by_code and context.world[name] is None:
            settings = (with_values(context, {name: value}) for value in (True, False))
            if any(judge(criterion, setting)[0] != "unknown" for setting in settings):
                yield name


# WHAT MAY TURN A FAILURE


def _change(criterion: Criterion | None, context: Context, names: tuple[str, ...]) -> tuple[CanChange, date | None]:
    """Whether a failure passes by itself (and from which day), by a repeat, or never.

    It is a matter of time where the same answers pass on a later day, or may do so once a fact that
    time moves differs; repeatable where it is no longer certain without the repeatable answers.
    """
    day = passing_day(criterion, context, names)
    if day is not None:
        return "time", day
    questions = context.protocol.question_by_key
    kinds: tuple[CanChange, ...] = ("repeat", "time")
    for kind in kinds:
        loose = {name: None for name in names if name in questions and questions[name].can_change == kind}
        if judge(criterion, with_values(context, loose))[0] != "fail":
            return kind, None
    return "fixed", None


def passing_day(criterion: Criterion | None, context: Context, names: tuple[str, ...]) -> date | None:
    """The first day on which the same answers pass, all dates of the evaluation moved up to it.

    A partial date that was cut at its bound stands for all of its days again: on a later day the
    bound is later too.
    """
    partial = {name: value.whole for name, value in context.world.items() if isinstance(value, PartialDate)}
    context = with_values(context, partial)
    for day in sorted(set(_turning_days(context, rules_of(criterion, context.cohort)))):
        moved: dict[str, Any] = {name: max(day, context.world[name]) for name in ANCHORS if name in names}
        if judge(criterion, with_values(context, moved))[0] in ("pass", "not_applicable"):
            return day
    return None


def _turning_days(context: Context, rules: Iterable[Rule]) -> Iterable[date]:
    """The later days on which a leaf of the rules turns by itself."""
    for rule in rules:
        match rule:
            case Elapsed():
                value = context.world[rule.fact]
                if value is not None:
                    day = calendar.first_day_elapsed(value.last, rule.amount, rule.unit)
                    yield from [day] if day > context.world[rule.anchor] else []
            case Compare(fact, comparison, limit):
                yield from _birthdays(context, fact, int(limit) + (comparison in ("<=", ">")))
            case Term(name):
                yield from _turning_days(context, [context.protocol.term_by_name[name].rule])
            case InPart(part) if context.cohort is not None:
                yield from _turning_days(context, [of for name, of in context.cohort.parts if name == part])
            case _:
                yield from _turning_days(context, children(rule))


def _birthdays(context: Context, fact: str, years: int) -> Iterable[date]:
    type_ = context.protocol.question_by_key[fact].type
    birth = context.world[type_.birth_date] if isinstance(type_, Age) else None
    if birth is not None:
        day = calendar.birthday(birth.last, years)
        yield from [day] if day > context.world["consent_date"] else []
