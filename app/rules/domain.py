"""Enough values of each question: one for every way in which its answer can fall on the rules.

Two values that every leaf of the protocol judges alike are the same to every rule, so one of them
stands for both. Thresholds, and the days on which windows and ages turn, make the list finite.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import pairwise

from app.rules import calendar
from app.rules.calendar import PartialDate, read_partial
from app.rules.evaluate import Context, decide, leaf_reads, leaves
from app.rules.facts import ANCHORS, Age, Choice, Date, Dates, Integer, Many, Number, Value, YesNo
from app.rules.memory import Memory
from app.rules.protocol import Protocol, Question
from app.rules.tree import Compare, Elapsed, Includes, Rule

REMEMBERED = 4096


class Domains:
    """The representative values of each question of a protocol; they depend on the dates."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self._leaves: dict[str, list[Rule]] = {question.key: [] for question in protocol.questions}
        for leaf in dict.fromkeys(leaves(protocol, rules_that_decide(protocol))):
            for name in leaf_reads(protocol, leaf):
                if name in self._leaves:
                    self._leaves[name].append(leaf)
        self._known: Memory[tuple[Value, ...]] = Memory(REMEMBERED)

    def values(self, key: str, dates: Dates) -> tuple[Value, ...]:
        """One value per way in which the question's leaves can be decided together; numbers and days in their order."""
        question = self.protocol.question_by_key[key]
        place = (key, dates) if isinstance(question.type, Date) else key
        values = self._known.get(place)
        return self._known.keep(place, tuple(self._distinct(question, dates))) if values is None else values

    def _distinct(self, question: Question, dates: Dates) -> Iterator[Value]:
        read_by = self._leaves[question.key]
        blank: dict[str, object] = dict.fromkeys(name for leaf in read_by for name in leaf_reads(self.protocol, leaf))
        blank |= {name: getattr(dates, name) for name in ANCHORS}
        seen = set()
        for value in _candidates(question, read_by, dates):
            context = Context(self.protocol, {**blank, question.key: value})
            falls = tuple(decide(leaf, context) for leaf in read_by)
            if falls not in seen:
                seen.add(falls)
                yield value


def rules_that_decide(protocol: Protocol) -> list[Rule]:
    """All rules of a protocol but the conditions on which its questions are asked."""
    rules = [term.rule for term in protocol.terms] + [cohort.admits for cohort in protocol.cohorts]
    rules += [rule for cohort in protocol.cohorts for _, rule in cohort.parts]
    for criterion in protocol.criteria:
        rules += [criterion.rule] + ([criterion.scope] if criterion.scope is not None else [])
    return rules


def _candidates(question: Question, leaves: list[Rule], dates: Dates) -> Iterable[Value]:
    match question.type:
        case YesNo():
            return (True, False)
        case Choice(options):
            return [option.value for option in options]
        case Many(options):
            return _lists([option.value for option in options], [leaf for leaf in leaves if isinstance(leaf, Includes)])
        case Integer(minimum, maximum, step):
            lowest = -(-minimum // step) * step
            near = [_down(limit, step) + beside for limit in _limits(leaves) for beside in (0, step)]
            return [n for n in sorted({lowest, *near}) if minimum <= n <= maximum]
        case Number(minimum, maximum) | Age(minimum, maximum):
            edges = sorted({minimum, maximum, *(x for x in _limits(leaves) if minimum <= x <= maximum)})
            between = [(a + b) / 2 for a, b in pairwise(edges)]
            return sorted({*edges, *between})
        case Date(not_after=bound):  # pragma: no branch  # the last type
            last = calendar.LATEST if bound is None else getattr(dates, bound)
            days = sorted(day for day in _days(leaves, dates) if calendar.EARLIEST <= day <= last)
            return [_exact(day) for day in dict.fromkeys([calendar.EARLIEST, *days, last])]


def _lists(options: list[str], leaves: list[Includes]) -> list[tuple[str, ...]]:
    """Lists that reach every set of leaves that some list can satisfy together."""
    reached: dict[frozenset[int], tuple[str, ...]] = {frozenset(): ()}
    for option in options:
        held = frozenset(n for n, leaf in enumerate(leaves) if option in leaf.options)
        for falls, values in list(reached.items()):
            reached.setdefault(falls | held, (*values, option))
    return list(reached.values())


def _limits(leaves: list[Rule]) -> list[float]:
    return [leaf.limit for leaf in leaves if isinstance(leaf, Compare)]


def _down(limit: float, step: int) -> int:
    return int(limit // step) * step


def _days(leaves: list[Rule], dates: Dates) -> Iterator[date]:
    """The days on either side of which a window or an age turns."""
    for leaf in leaves:
        if isinstance(leaf, Elapsed):
            edges = [calendar.back(getattr(dates, leaf.anchor), leaf.amount, leaf.unit)]
        else:
            assert isinstance(leaf, Compare)
            limits = (int(leaf.limit), int(leaf.limit) + 1)
            edges = [calendar.back(dates.consent_date, years, "years") for years in limits]
        yield from (day for edge in edges for day in (edge, edge + timedelta(days=1)))


def _exact(day: date) -> PartialDate:
    exact = read_partial(day.isoformat())
    assert exact is not None
    return exact
