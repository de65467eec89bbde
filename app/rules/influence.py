"""What an open question can still do to a rule, at the most: make it true, make it false, or nothing.

One pass over the tree, leaf by leaf, as if leaves were independent of each other: a bound that is
never too small. A leaf whose fact was asked and is not known (or an open reading) stays unknown for
good, so "all of" it can no longer be true, and no other question can make it so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.rules.evaluate import Context, decide, number_reads
from app.rules.tree import All, AnyOf, Compare, ExceedsAge, InPart, Not, ReadingHolds, Rule, Term
from app.rules.truth import FALSE, TRUE, UNKNOWN, Truth

Truths = frozenset[Truth]
NOTHING: Truths = frozenset()
DECIDED: Truths = frozenset((TRUE, FALSE))
ANYTHING: Truths = frozenset(Truth)


@dataclass(frozen=True, slots=True)
class Influence:
    """What a rule can come to (`reach`), and which of these each open question can turn it to."""

    reach: Truths
    turns: Mapping[str, Truths]


def influence(rule: Rule, context: Context, open_names: frozenset[str]) -> Influence:
    """The influence of the open questions on a rule."""
    truth = decide(rule, context)
    if truth is not UNKNOWN:
        return Influence(frozenset((truth,)), {})
    match rule:
        case All(rules):
            return together([influence(child, context, open_names) for child in rules], FALSE)
        case AnyOf(rules):
            return together([influence(child, context, open_names) for child in rules], TRUE)
        case Not(child):
            return reverse(influence(child, context, open_names))
        case Term(name):
            return influence(context.protocol.term_by_name[name].rule, context, open_names)
        case InPart(part) if context.cohort is not None:
            rules = tuple(of_part for name, of_part in context.cohort.parts if name == part)
            return influence(AnyOf(rules), context, open_names)
        case ReadingHolds() | InPart():
            return Influence(frozenset((UNKNOWN,)), {})
        case Compare(fact):
            name = next(iter(number_reads(context.protocol, fact)))
        case ExceedsAge():  # pragma: no cover  # stands in edit checks alone, and these decide nothing
            raise AssertionError(rule)
        case _:
            name = rule.fact  # type: ignore[union-attr]  # every leaf that is left asks for a fact
    return Influence(ANYTHING, {name: DECIDED}) if name in open_names else Influence(frozenset((UNKNOWN,)), {})


def together(parts: list[Influence], decisive: Truth) -> Influence:
    """All of (where false is decisive) or any of (where true is) the parts."""
    reach = {truth for part in parts for truth in part.reach if truth is decisive}
    for truth in (TRUE, FALSE, UNKNOWN):
        if truth is not decisive and all(part.reach != {decisive} for part in parts):
            whole = all(truth in part.reach for part in parts)
            if whole or (truth is UNKNOWN and any(UNKNOWN in part.reach for part in parts)):
                reach.add(truth)
    turns: dict[str, set[Truth]] = {}
    for number, part in enumerate(parts):
        others = parts[:number] + parts[number + 1 :]
        for name, truths in part.turns.items():
            for truth in truths:
                if all(_leaves_open(other, truth, decisive) for other in others):
                    turns.setdefault(name, set()).add(truth)
    return Influence(frozenset(reach), {name: frozenset(truths) for name, truths in turns.items()})


def _leaves_open(other: Influence, truth: Truth, decisive: Truth) -> bool:
    """Whether beside this other part a turn to `truth` can show."""
    return bool(other.reach - {decisive}) if truth is decisive else truth in other.reach


def reverse(part: Influence) -> Influence:
    """Not: true and false change places."""
    return Influence(_reversed(part.reach), {name: _reversed(truths) for name, truths in part.turns.items()})


def _reversed(truths: Iterable[Truth]) -> Truths:
    swap = {TRUE: FALSE, FALSE: TRUE, UNKNOWN: UNKNOWN}
    return frozenset(swap[truth] for truth in truths)
