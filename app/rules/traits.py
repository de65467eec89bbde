"""What the rules can tell apart in a participant's values.

Two values of a fact on which every leaf of some rules comes out alike have one trait for these
rules: 81 kg and 82 kg, where only 10 kg is a limit. Participants with the same traits get the same
ruling, so rulings can be remembered by them. A trait is a number that means nothing by itself.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from operator import itemgetter

from app.rules.evaluate import Context, World, decide, leaf_reads, leaves
from app.rules.facts import ANCHORS
from app.rules.memory import Memory
from app.rules.protocol import Protocol
from app.rules.tree import Rule

REMEMBERED = 4096

Key = Callable[[Sequence[int]], object]


class Traits:
    """The traits of participants for several sets of rules at once.

    `keys` has for each set what picks the traits that concern it from those of a world.
    """

    def __init__(self, protocol: Protocol, sets: Iterable[Iterable[Rule]]) -> None:
        wanted = [_views(protocol, rules) for rules in sets]
        by_name: dict[str, list[frozenset[Rule]]] = {}
        for name, seen in dict.fromkeys(view for views in wanted for view in views):
            by_name.setdefault(name, []).append(seen)
        self._facts = [_Fact(protocol, name, seen) for name, seen in by_name.items()]
        places = {view: place for place, view in enumerate((f.name, seen) for f in self._facts for seen in f.views)}
        self.keys: list[Key] = [_picking([places[view] for view in views]) for views in wanted]

    def of(self, world: World) -> list[int]:
        """The traits of all that a world says."""
        dates = tuple([world[name] for name in ANCHORS])
        traits: list[int] = []
        for fact in self._facts:
            value = world[fact.name]
            key = (value, dates) if fact.is_dated and value is not None else value
            traits += fact.known.get(key) or fact.traits(key, value, world)
        return traits


def _views(protocol: Protocol, rules: Iterable[Rule]) -> list[tuple[str, frozenset[Rule]]]:
    """Each name that the rules read, with their leaves that read it."""
    found: dict[str, list[Rule]] = {}
    for leaf in leaves(protocol, rules):
        for name in leaf_reads(protocol, leaf):
            if name not in ANCHORS:
                found.setdefault(name, []).append(leaf)
    return [(name, frozenset(seen)) for name, seen in found.items()]


def _picking(places: list[int]) -> Key:
    return itemgetter(*places) if places else lambda traits: ()


class _Fact:
    """One name in the world, and the sets of leaves that read it: for each of them a value has a trait."""

    def __init__(self, protocol: Protocol, name: str, views: list[frozenset[Rule]]) -> None:
        self.protocol, self.name = protocol, name
        self.views = views
        self.known: Memory[tuple[int, ...]] = Memory(REMEMBERED)
        self._leaves = list(dict.fromkeys(leaf for seen in self.views for leaf in seen))
        read = {other for leaf in self._leaves for other in leaf_reads(protocol, leaf)}
        self.is_dated = not read.isdisjoint(ANCHORS)
        self._blank: dict[str, object] = dict.fromkeys(read)
        self._numbers: dict[object, int] = {}
        self._next = count()

    def traits(self, key: object, value: object, world: World) -> tuple[int, ...]:
        """The value's traits, worked out with every other fact unknown, and remembered by `key`."""
        alone = self._blank | {name: world[name] for name in ANCHORS} | {self.name: value}
        context = Context(self.protocol, alone)
        truths = {leaf: decide(leaf, context).value for leaf in self._leaves}
        falls = [
            (number,) if value is None else (number, *(truths[leaf] for leaf in seen))
            for number, seen in enumerate(self.views)
        ]
        traits = tuple(self._numbers.setdefault(fall, next(self._next)) for fall in falls)
        return self.known.keep(key, traits)
