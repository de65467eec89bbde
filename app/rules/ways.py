"""The ways in which a rule comes out true, or false, as sets of bits (prime implicants).

What an answer shows is a number whose bits are the literals that it settles. For most questions one
bit says that the answer is known, and one for each value that it is not this one; for dates and ages,
which may be known in part only, two bits for each leaf: it holds, it does not hold. A way is such a
number too, and it is reached where what is known includes it: `way & ~known == 0`. A rule is true in
strong Kleene logic where one of its ways to be true is reached, and false likewise.
"""

from collections.abc import Iterable, Iterator
from functools import reduce

from app.rules.domain import Domains, rules_that_decide
from app.rules.evaluate import Context, World, decide, leaf_reads, leaves
from app.rules.facts import ANCHORS, UNDATED, Date, Dates
from app.rules.memory import Memory
from app.rules.protocol import Cohort, Protocol
from app.rules.tree import All, Always, AnyOf, InPart, Not, Rule, Term
from app.rules.truth import FALSE, TRUE, Truth

REMEMBERED = 4096
MOST = 3000  # ways of one rule
TRIED = 60_000  # pairs of ways put together at a time

Ways = tuple[int, ...]


class TooMany(Exception):
    """A rule has more ways than are worth listing."""


class Slot:
    """A question with its alternative, or a reading: its bits, and what its answers show."""

    def __init__(self, protocol: Protocol, names: tuple[str, ...], offset: int) -> None:
        self.protocol, self.names, self.offset = protocol, names, offset
        question = protocol.question_by_key.get(names[0])
        self.is_dated = question is not None and isinstance(question.type, Date)
        self.of_leaf: dict[Rule, tuple[int, int]] = {}
        self.leaves: list[Rule] = []  # told apart one by one, by two bits each
        self.values = self.mask = 0
        self._shown: Memory[int] = Memory(REMEMBERED)
        self._classes: dict[tuple[Truth, ...], int] = {}
        self._told: list[Rule] = []

    def tell_values(self, told: list[Rule], classes: list[tuple[Truth, ...]]) -> None:
        """Give each value a bit, by how the leaves come out on it, after one that says that it is known."""
        self._told = told
        bits = {falls: 2 << self.offset << number for number, falls in enumerate(classes)}
        self.values = sum(bits.values())
        self._classes = {falls: 1 << self.offset | self.values & ~bit for falls, bit in bits.items()}
        for place, leaf in enumerate(told):
            holds, fails = [
                sum(bit for falls, bit in bits.items() if falls[place] is not truth) for truth in (TRUE, FALSE)
            ]
            self.of_leaf[leaf] = 1 << self.offset | holds, 1 << self.offset | fails
        self.mask = 1 << self.offset | self.values

    def tell_leaf(self, leaf: Rule) -> None:
        """Give a leaf two bits."""
        bit = 1 << max(self.offset, self.mask.bit_length())
        self.of_leaf[leaf] = bit, bit << 1
        self.leaves.append(leaf)
        self.mask |= bit | bit << 1

    def shown(self, world: World, dates: Dates) -> int:
        """What an answer that is known shows."""
        values = tuple([world[name] for name in self.names])
        key = (values, dates) if self.is_dated else values
        found = self._shown.get(key)
        return self._shown.keep(key, self._show(values, dates)) if found is None else found

    def _show(self, values: tuple[object, ...], dates: Dates) -> int:
        world = dict(zip(self.names, values, strict=True)) | {name: getattr(dates, name) for name in ANCHORS}
        context = Context(self.protocol, world)
        shown = self._classes[tuple(decide(leaf, context) for leaf in self._told)] if self._told else 0
        for leaf in self.leaves:
            truth = decide(leaf, context)
            shown |= 0 if truth not in (TRUE, FALSE) else self.of_leaf[leaf][truth is FALSE]
        return shown


class Evidence:
    """What the answers of a participant show, as one number; and the ways of rules in its bits."""

    def __init__(self, protocol: Protocol, domains: Domains, conditions: Iterable[Rule]) -> None:
        self.protocol, self.domains = protocol, domains
        self.slots: list[Slot] = []
        self.slot_of: dict[str, int] = {}
        told = list(dict.fromkeys(leaves(protocol, rules_that_decide(protocol))))
        only = [leaf for leaf in dict.fromkeys(leaves(protocol, conditions)) if leaf not in set(told)]
        by_name: dict[tuple[str, ...], tuple[list[Rule], list[Rule]]] = {}
        for kind, found in enumerate((told, only)):
            for leaf in found:
                if not isinstance(leaf, Always | InPart):
                    by_name.setdefault(self._names(leaf), ([], []))[kind].append(leaf)
        self.pairs = 0
        for names, (rules, others) in by_name.items():
            self._add(names, rules, others)
        sizes = [slot.mask.bit_length() - slot.offset for slot in self.slots]
        self.slot_at = [number for number, size in enumerate(sizes) for _ in range(size)]  # by bit
        self.plain = [slot.values for slot in self.slots if slot.values]

    def _names(self, leaf: Rule) -> tuple[str, ...]:
        """The names whose values the leaf's slot takes: the question, and the age that is its alternative."""
        name = next(name for name in leaf_reads(self.protocol, leaf))
        question = self.protocol.question_by_key.get(name)
        return (name,) if question is None or question.alternative is None else (name, question.alternative)

    def _add(self, names: tuple[str, ...], rules: list[Rule], others: list[Rule]) -> None:
        slot = Slot(self.protocol, names, self.slots[-1].mask.bit_length() if self.slots else 0)
        if slot.is_dated:
            others = rules + others
        elif rules:
            is_reading = names[0] in self.protocol.reading_by_code
            values = (True, False) if is_reading else self.domains.values(names[0], UNDATED)
            contexts = [Context(self.protocol, {names[0]: value}) for value in values]
            slot.tell_values(rules, [tuple(decide(leaf, context) for leaf in rules) for context in contexts])
        for leaf in others:
            slot.tell_leaf(leaf)
            self.pairs |= slot.of_leaf[leaf][0]
        for name in names:
            self.slot_of[name] = len(self.slots)
        self.slots.append(slot)

    def mask(self, names: Iterable[str]) -> int:
        """The bits of what these names stand for; the dates have none."""
        mask = 0
        for name in names:
            if name in self.slot_of:
                mask |= self.slots[self.slot_of[name]].mask
        return mask

    def of(self, world: World, dates: Dates) -> int:
        """All that the answers and readings show."""
        slot_of = self.slot_of
        telling = {slot_of[name] for name, value in world.items() if value is not None and name in slot_of}
        shown = 0
        for number in telling:
            shown |= self.slots[number].shown(world, dates)
        return shown

    def answers(self, dates: Dates) -> list[Ways]:
        """What each value of each question that makes a difference would show; nothing for readings."""
        return [tuple(self._answers(slot, dates)) for slot in self.slots]

    def _answers(self, slot: Slot, dates: Dates) -> Iterator[int]:
        if slot.names[0] in self.protocol.question_by_key:
            blank: dict[str, object] = dict.fromkeys(slot.names)
            for value in self.domains.values(slot.names[0], dates):
                yield slot.shown({**blank, slot.names[0]: value}, dates)

    # THE WAYS OF A RULE

    def ways(self, rule: Rule, truth: bool, cohort: Cohort | None = None) -> Ways:
        """The ways in which the rule comes out so. Raises TooMany."""
        match rule:
            case Always(held):
                return (0,) if held is truth else ()
            case Not(below):
                return self.ways(below, not truth, cohort)
            case Term(name):
                return self.ways(self.protocol.term_by_name[name].rule, truth)
            case All(rules):
                return self._joined([self.ways(below, truth, cohort) for below in rules], together=truth)
            case AnyOf(rules):
                return self._joined([self.ways(below, truth, cohort) for below in rules], together=not truth)
            case InPart(part):
                if cohort is None:
                    return ()
                return self.ways(AnyOf(tuple(of for name, of in cohort.parts if name == part)), truth)
        return (self.slots[self.slot_of[self._names(rule)[0]]].of_leaf[rule][not truth],)

    def _joined(self, parts: list[Ways], *, together: bool) -> Ways:
        return self.together(parts) if together else either(parts)

    def together(self, parts: Iterable[Ways]) -> Ways:
        """The ways to reach one way of each part at once. Raises TooMany."""
        return reduce(self._both, sorted(parts, key=len), (0,))

    def _both(self, one: Ways, other: Ways) -> Ways:
        if len(one) * len(other) > TRIED:
            raise TooMany
        joined = shortest(way for way in {a | b for a in one for b in other} if self._is_possible(way))
        if len(joined) > MOST:
            raise TooMany
        return joined

    def _is_possible(self, way: int) -> bool:
        """Whether some answers could show it: no leaf that holds and does not, no question without a value."""
        return not way & self.pairs & way >> 1 and all(way & values != values for values in self.plain)


def either(parts: Iterable[Ways]) -> Ways:
    """The ways to reach one way of any part."""
    return shortest(way for part in parts for way in part)


def shortest(ways: Iterable[int]) -> Ways:
    """The ways that do not include another one."""
    kept: list[int] = []
    for way in sorted(set(ways), key=int.bit_count):
        if all(other & ~way for other in kept):
            kept.append(way)
    return tuple(kept)
