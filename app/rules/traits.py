"""What the rules can tell apart in a participant's values.

Two values of a fact on which every leaf of some rules comes out alike have one trait for these
rules: 81 kg and 82 kg, where only 10 kg is a limit. Participants with the same traits get the same
ruling, so rulings can be remembered by them.

A trait is a small number: 0 is that of an unknown value, and how the leaves fall makes the others. All traits of
a participant are one whole number, each trait in bits of its own. So they are put together by
adding, and a mask picks those that concern some rules.
"""

from collections.abc import Iterable, Mapping

from app.rules.evaluate import Context, World, decide, leaf_reads, leaves
from app.rules.facts import ANCHORS
from app.rules.memory import Memory
from app.rules.participant import Participant
from app.rules.protocol import Protocol
from app.rules.tree import Rule
from app.rules.truth import FALSE, TRUE, UNKNOWN

REMEMBERED = 4096
DATES_REMEMBERED = 64
_DIGITS = {TRUE: 0, FALSE: 1, UNKNOWN: 2}
_NO_DATES: World = dict.fromkeys(ANCHORS)


class Traits:
    """The traits of participants for several sets of rules at once.

    `masks` has for each set the mask of the traits that concern it, `size` is the number of all bits.
    """

    def __init__(self, protocol: Protocol, sets: Iterable[Iterable[Rule]]) -> None:
        wanted = [_views(protocol, rules) for rules in sets]
        by_name: dict[str, list[frozenset[Rule]]] = {}
        for name, seen in dict.fromkeys(view for views in wanted for view in views):
            by_name.setdefault(name, []).append(seen)
        self.size = 0
        places: dict[tuple[str, frozenset[Rule]], int] = {}
        facts = []
        for name, views in by_name.items():
            fields = []
            for seen in views:
                width = (3 ** len(seen)).bit_length()  # every way in which the leaves can fall, and unknown
                places[name, seen] = (2**width - 1) << self.size
                fields.append((seen, self.size))
                self.size += width
            facts.append(_Fact(protocol, name, fields))
        self.masks = [sum(places[view] for view in views) for views in wanted]
        self._facts = {fact.name: fact for fact in facts}
        self._known: dict[str, Memory[int]] = {fact.name: Memory(REMEMBERED) for fact in facts}
        self._of_dates: Memory[dict[str, Memory[int]]] = Memory(DATES_REMEMBERED)
        self._readings = {r.code: r.value for r in protocol.readings if r.code in self._facts}
        self._settled = self._of_readings({})

    def of(self, participant: Participant) -> int:
        """The traits of all that a participant's answers, dates and readings say."""
        dates = participant.dates
        days = (dates.as_of, dates.consent_date, dates.first_dose_date)
        known = self._of_dates.get(days) or self._of_dates.keep(days, self._on(days))
        traits = self._of_readings(participant.readings) if participant.readings else self._settled
        for name, value in participant.answers.items():
            if value is not None and name in known:
                found = known[name].get(value)
                traits += self._anew(known[name], name, value, days) if found is None else found
        return traits

    def _on(self, days: object) -> dict[str, Memory[int]]:
        """What is known on these dates: of the facts that are held against them, nothing yet."""
        dated = {name: Memory[int](REMEMBERED) for name, fact in self._facts.items() if fact.is_dated}
        return self._known | dated

    def _anew(self, known: Memory[int], name: str, value: object, days: Iterable[object]) -> int:
        return known.keep(value, self._facts[name].traits(value, dict(zip(ANCHORS, days, strict=True))))

    def _of_readings(self, given: Mapping[str, bool]) -> int:
        values = {code: given.get(code, value) for code, value in self._readings.items()}
        known = {code: value for code, value in values.items() if value is not None}
        return sum([self._facts[code].traits(value, _NO_DATES) for code, value in known.items()])


def _views(protocol: Protocol, rules: Iterable[Rule]) -> list[tuple[str, frozenset[Rule]]]:
    """Each name that the rules read, with their leaves that read it."""
    found: dict[str, list[Rule]] = {}
    for leaf in leaves(protocol, rules):
        for name in leaf_reads(protocol, leaf):
            if name not in ANCHORS:
                found.setdefault(name, []).append(leaf)
    return [(name, frozenset(seen)) for name, seen in found.items()]


class _Fact:
    """One name in the world, and the sets of leaves that read it, each with the bits where its traits begin."""

    def __init__(self, protocol: Protocol, name: str, fields: list[tuple[frozenset[Rule], int]]) -> None:
        self.protocol, self.name, self._fields = protocol, name, fields
        self._leaves = list(dict.fromkeys(leaf for seen, _ in fields for leaf in seen))
        read = {other for leaf in self._leaves for other in leaf_reads(protocol, leaf)}
        self.is_dated = not read.isdisjoint(ANCHORS)
        self._blank: dict[str, object] = dict.fromkeys(read)

    def traits(self, value: object, dates: World) -> int:
        """The traits of a value that is known, worked out with every other fact unknown."""
        context = Context(self.protocol, {**self._blank, **dates, self.name: value})
        digits = {leaf: _DIGITS[decide(leaf, context)] for leaf in self._leaves}
        traits = 0
        for seen, start in self._fields:
            fall = 0
            for leaf in seen:
                fall = 3 * fall + digits[leaf]
            traits += (fall + 1) << start
        return traits
