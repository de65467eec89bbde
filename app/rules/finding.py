"""Findings: one criterion, or one cohort's admission, decided and explained by its own values.

A finding depends only on the facts, dates and readings that its rules read. Beside the outcome it
says which answers it rests on, what is missing, which open readings would decide it, and whether a
failure may pass by itself or by a repeat.

Most of that is the same for all participants whose values fall alike on the leaves of the rules
(see `traits`): the ruling. The values themselves, and the day on which a failure passes, are the
participant's own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from app.rules import calendar
from app.rules.calendar import PartialDate
from app.rules.evaluate import Context, decide, leaf_reads, leaves, numbers, reads, with_values
from app.rules.facts import ANCHORS, Age, Date, Value
from app.rules.protocol import CanChange, Cohort, Criterion, Question
from app.rules.tree import All, AnyOf, Compare, Elapsed, InPart, Not, Rule, Term
from app.rules.truth import FALSE, TRUE, UNKNOWN, Truth, all_of, known, negate

Outcome = Literal["pass", "fail", "unknown", "not_applicable"]


@dataclass(frozen=True, slots=True, eq=False)
class Ruling:
    """What a finding says, the participant's own values left out.

    `truth` is that of the condition; a criterion that does not apply leaves it unknown. `cited` are
    the facts, and `readings` the settled readings, that the outcome rests on. `may_pass` says
    whether a failure could pass by itself as time goes on; for the rest see `Finding`.
    """

    criterion: Criterion | None
    cohort: Cohort | None
    names: tuple[str, ...]
    outcome: Outcome
    scope: Truth
    truth: Truth
    cited: tuple[str, ...]
    readings: tuple[str, ...]
    missing: tuple[str, ...]
    depends_on: tuple[str, ...]
    can_change: CanChange | None
    may_pass: bool

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that were decided: the scope, if there is one, and the condition."""
        return rules_of(self.criterion, self.cohort)

    @property
    def route(self) -> Truth:
        """Whether scope and condition hold together: what a group of alternatives needs."""
        return all_of((self.scope, self.truth))


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """A criterion evaluated for one cohort, or a cohort's admission (`criterion` is None)."""

    ruling: Ruling
    context: Context

    @property
    def criterion(self) -> Criterion | None:
        """The criterion; None for an admission."""
        return self.ruling.criterion

    @property
    def cohort(self) -> Cohort | None:
        """The cohort, where the finding depends on one."""
        return self.ruling.cohort

    @property
    def outcome(self) -> Outcome:
        """What the criterion comes to."""
        return self.ruling.outcome

    @property
    def scope(self) -> Truth:
        """Whether the criterion applies."""
        return self.ruling.scope

    @property
    def truth(self) -> Truth:
        """The truth of the condition."""
        return self.ruling.truth

    @property
    def route(self) -> Truth:
        """Whether scope and condition hold together."""
        return self.ruling.route

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that were decided."""
        return self.ruling.rules

    @property
    def facts(self) -> dict[str, Value]:
        """The answers that the outcome rests on: they reproduce it alone, and none can be left out."""
        return {fact: self.context.world[fact] for fact in self.ruling.cited}

    @property
    def readings(self) -> tuple[str, ...]:
        """The settled readings that the outcome rests on."""
        return self.ruling.readings

    @property
    def missing(self) -> tuple[str, ...]:
        """The questions, and open readings, that leave the outcome unknown."""
        return self.ruling.missing

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The open readings that would decide the outcome."""
        return self.ruling.depends_on

    @property
    def can_change(self) -> CanChange | None:
        """What a failure may turn on."""
        return "time" if self.passes_from is not None else self.ruling.can_change

    @property
    def passes_from(self) -> date | None:
        """The day from which a failure passes on the same answers."""
        return passing_day(self.ruling, self.context) if self.ruling.may_pass else None


def rules_of(criterion: Criterion | None, cohort: Cohort | None) -> tuple[Rule, ...]:
    """The rules that decide a criterion, or the admission to a cohort where it is None."""
    if criterion is None:
        assert cohort is not None
        return (cohort.admits,)
    return criterion.rules


def judge(criterion: Criterion | None, context: Context) -> tuple[Outcome, Truth, Truth]:
    """Outcome, truth of the scope and truth of the rule; without a criterion: the cohort's admission."""
    if criterion is None:
        assert context.cohort is not None
        truth = decide(context.cohort.admits, context)
        return OUTCOMES[truth], TRUE, truth
    scope = TRUE if criterion.scope is None else decide(criterion.scope, context)
    truth = UNKNOWN if scope is FALSE else decide(criterion.rule, context)
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
    return Finding(rule_on(criterion, context), context)


def rule_on(criterion: Criterion | None, context: Context) -> Ruling:
    """The ruling on a criterion, or on the admission to the context's cohort."""
    names = reads(context.protocol, rules_of(criterion, context.cohort))
    world = {name: context.world[name] for name in (*names, *ANCHORS)}
    context = Context(context.protocol, world, context.cohort)
    outcome, scope, truth = judge(criterion, context)
    wanted = _explanation(criterion, context)
    return Ruling(
        criterion=criterion,
        cohort=context.cohort,
        names=names,
        outcome=outcome,
        scope=scope,
        truth=truth,
        cited=_cited(criterion, context, names, wanted),
        readings=tuple(_settled(criterion, context, names, wanted)),
        missing=wanted[1:],
        depends_on=tuple(_depends_on(criterion, context, names)) if outcome == "unknown" else (),
        can_change=_can_change(criterion, context, names) if outcome == "fail" else None,
        may_pass=outcome == "fail" and _may_pass(criterion, context),
    )


def _cited(
    criterion: Criterion | None, context: Context, names: tuple[str, ...], wanted: tuple[str, ...]
) -> tuple[str, ...]:
    """A smallest set of known answers that alone gives the same finding: none can be left out.

    Answers are tried for removal from the last to the first. Removing one can only lose certainty,
    so what one pass leaves is minimal for a decided outcome; an unknown one is repeated until it
    stays, because what is missing must stay the same too.
    """
    kept = [name for name in names if name in context.protocol.question_by_key and context.world[name] is not None]
    while True:
        before = len(kept)
        for name in reversed(kept):
            fewer = with_values(context, {name: None})
            if _explanation(criterion, fewer) == wanted:
                context, kept = fewer, [other for other in kept if other != name]
        if len(kept) == before:
            return tuple(kept)


def _settled(
    criterion: Criterion | None, context: Context, names: Iterable[str], wanted: tuple[str, ...]
) -> Iterable[str]:
    """The readings with a value without which the finding would be another."""
    for name in names:
        settled = name in context.protocol.reading_by_code and context.world[name] is not None
        if settled and _explanation(criterion, with_values(context, {name: None})) != wanted:
            yield name


def _explanation(criterion: Criterion | None, context: Context) -> tuple[str, ...]:
    """What a finding says: its outcome and, while that is unknown, the names that it waits for."""
    outcome, _, _ = judge(criterion, context)
    if outcome != "unknown":
        return (outcome,)
    rules = rules_of(criterion, context.cohort)
    return (outcome, *dict.fromkeys(name for rule in rules for name in waits(rule, context)[1]))


def waits(rule: Rule, context: Context) -> tuple[Truth, list[str]]:
    """The truth of a rule and, while it is unknown, the names that leave it so.

    These are the names of the unknown leaves below unknown rules only.
    """
    if isinstance(rule, All | AnyOf):
        return _wait_together(rule.rules, FALSE if isinstance(rule, All) else TRUE, context)
    if isinstance(rule, Not):
        truth, names = waits(rule.rule, context)
        return negate(truth), names
    if isinstance(rule, Term):
        return waits(context.protocol.term_by_name[rule.name].rule, context)
    if isinstance(rule, InPart) and context.cohort is not None:
        return _wait_together([of for part, of in context.cohort.parts if part == rule.part], TRUE, context)
    truth = decide(rule, context)
    return truth, [] if truth is not UNKNOWN else list(leaf_reads(context.protocol, rule))[:1]


def _wait_together(rules: Iterable[Rule], decisive: Truth, context: Context) -> tuple[Truth, list[str]]:
    """All of (where false is decisive) or any of (where true is) the rules."""
    result = negate(decisive)
    names: list[str] = []
    for rule in rules:
        truth, left = waits(rule, context)
        if truth is decisive:
            return decisive, []
        if truth is UNKNOWN:
            result = UNKNOWN
            names += left
    return result, names


def _depends_on(criterion: Criterion | None, context: Context, names: Iterable[str]) -> Iterable[str]:
    """The open readings of which setting one, to yes or to no, decides this finding."""
    for name in names:
        if name in context.protocol.reading_by_code and context.world[name] is None:
            settings = (with_values(context, {name: value}) for value in (True, False))
            if any(judge(criterion, setting)[0] != "unknown" for setting in settings):
                yield name


# WHAT MAY TURN A FAILURE


def _can_change(criterion: Criterion | None, context: Context, names: tuple[str, ...]) -> CanChange:
    """Whether a failure that no later day alone turns may pass at a higher age, by a repeat, or never.

    Only what was stated as an age can be a matter of time here: from a birth date the day is known.
    It is repeatable where, at this age or a higher one, it is no longer certain without the answers
    that can change. Nobody grows younger, so an age itself never counts as one of them.
    """
    rules = rules_of(criterion, context.cohort)
    ages = list(_later_ages(context, rules))
    questions = context.protocol.question_by_key
    stated = [later for later, born in ages if context.world[born] is None]
    undated = [name for name in names if name in questions and _passes_undated(questions[name])]
    if any(judge(criterion, later)[0] in ("pass", "not_applicable") for later in stated):
        return "time"
    if judge(criterion, with_values(context, dict.fromkeys(undated)))[0] != "fail":
        return "time"
    loose = dict.fromkeys([*_changeable(context, names), *_elapsing(context, rules)])
    if any(judge(criterion, with_values(later, loose))[0] != "fail" for later in (context, *[c for c, _ in ages])):
        return "repeat"
    return "fixed"


def _later_ages(context: Context, rules: Iterable[Rule]) -> Iterable[tuple[Context, str]]:
    """The contexts at each limit of age not reached yet, with the name of the birth date that may say the age."""
    for leaf in leaves(context.protocol, rules):
        if not isinstance(leaf, Compare) or decide(leaf, context) is known(leaf.comparison in (">", ">=")):
            continue
        type_ = context.protocol.question_by_key[leaf.fact].type
        if isinstance(type_, Age) and numbers(leaf.fact, context) is not None:
            yield with_values(context, {leaf.fact: _years_turned(leaf), type_.birth_date: None}), type_.birth_date


def _passes_undated(question: Question) -> bool:
    """Whether an answer passes by itself, though no date or age says when."""
    return question.can_change == "time" and not isinstance(question.type, Date | Age)


def _changeable(context: Context, names: Iterable[str]) -> Iterable[str]:
    """The facts whose answers may differ later, ages and birth dates apart."""
    for name in names:
        question = context.protocol.question_by_key.get(name)
        if question is None or question.can_change == "fixed" or isinstance(question.type, Age):
            continue
        if question.alternative is None:
            yield name


def _elapsing(context: Context, rules: Iterable[Rule]) -> Iterable[str]:
    """The dates from which so much time has not surely passed yet as some window asks for."""
    for leaf in leaves(context.protocol, rules):
        if isinstance(leaf, Elapsed) and decide(leaf, context) is not known(leaf.comparison == ">="):
            yield leaf.fact


def _may_pass(criterion: Criterion | None, context: Context) -> bool:
    """Whether a failure is no longer certain without all that the passing of time moves.

    Where it is certain without, no day can turn it, and none needs to be looked for.
    """
    moved: dict[str, Any] = {}
    for leaf in leaves(context.protocol, rules_of(criterion, context.cohort)):
        read = list(leaf_reads(context.protocol, leaf))
        if not set(ANCHORS).isdisjoint(read):
            moved |= {name: None for name in read if name not in ANCHORS}
    return judge(criterion, with_values(context, moved))[0] != "fail"


def passing_day(ruling: Ruling, context: Context) -> date | None:
    """The first day on which the same answers pass, all dates of the evaluation moved up to it.

    A partial date that was cut at its bound stands for all of its days again: on a later day the
    bound is later too.
    """
    return passing_together([Finding(ruling, context)])


def passing_together(findings: Iterable[Finding]) -> date | None:
    """The first day on which the same answers pass all of these together."""
    pairs = [(finding.ruling, _uncut(finding)) for finding in findings]
    for day in sorted({day for ruling, context in pairs for day in turning_days(context, ruling.rules)}):
        if all(_passes_on(day, ruling, context) for ruling, context in pairs):
            return day
    return None


def _uncut(finding: Finding) -> Context:
    """The world of a finding, where partial dates stand for all of their days."""
    ruling, given = finding.ruling, finding.context.world
    world = {name: given[name] for name in (*ruling.names, *ANCHORS)}
    world |= {name: value.whole for name, value in world.items() if isinstance(value, PartialDate)}
    return Context(finding.context.protocol, world, ruling.cohort)


def _passes_on(day: date, ruling: Ruling, context: Context) -> bool:
    moved: dict[str, Any] = {name: max(day, context.world[name]) for name in ANCHORS if name in ruling.names}
    return judge(ruling.criterion, with_values(context, moved))[0] in ("pass", "not_applicable")


def turning_days(context: Context, rules: Iterable[Rule]) -> Iterable[date]:
    """The days on which a leaf of the rules turns by itself, those gone by among them."""
    for leaf in leaves(context.protocol, rules):
        if isinstance(leaf, Elapsed):
            value = context.world[leaf.fact]
            if value is not None:
                yield calendar.first_day_elapsed(value.last, leaf.amount, leaf.unit)
        elif isinstance(leaf, Compare):
            yield from _birthdays(context, leaf.fact, _years_turned(leaf))


def _years_turned(rule: Compare) -> int:
    """The completed years at which a comparison with an age turns."""
    return int(rule.limit) + (rule.comparison in ("<=", ">"))


def _birthdays(context: Context, fact: str, years: int) -> Iterable[date]:
    type_ = context.protocol.question_by_key[fact].type
    birth = context.world[type_.birth_date] if isinstance(type_, Age) else None
    if birth is not None:
        yield calendar.birthday(birth.last, years)
