"""Answers that cannot both be true, or hardly: which of a protocol's edit checks a participant's answers raise.

A raised check is a question to the user and names the answers that it is about. It changes no verdict.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from app.rules.evaluate import Context, World, decide, leaves, reads, with_values
from app.rules.facts import Value
from app.rules.memory import Memory
from app.rules.protocol import EditCheck, Protocol
from app.rules.tree import All, ExceedsAge, Rule
from app.rules.truth import TRUE

TOGETHER = 6  # names


@dataclass(frozen=True, slots=True)
class Raised:
    """An edit check that is raised: `facts` are answers that alone raise it, in the order of its rule."""

    code: str
    message: str
    facts: Mapping[str, Value]


def raised(protocol: Protocol, world: World) -> tuple[Raised, ...]:
    """The checks that are raised, in the protocol's order, nothing remembered."""
    context = Context(protocol, world)
    return tuple(_raised(check, context) for check in protocol.edit_checks if decide(check.rule, context) is TRUE)


class EditChecks:
    """Finds the checks that are raised, fast where none is: what the rules cannot tell apart is decided once.

    Neighbouring checks that read few names together are decided together: all of them at once would hardly meet
    the same traits twice. `runs` are these, each with the mask of the traits that concern it, set from outside.
    A check that holds an interval against an age has none; where the interval is known, it is decided once for the
    same values. `remember` bounds what is kept.
    """

    def __init__(self, protocol: Protocol, remember: int) -> None:
        self.protocol = protocol
        self._others: list[_Numbered] = []
        self.runs: list[_Run] = []
        for number, check in enumerate(protocol.edit_checks):
            names = reads(protocol, [check.rule])
            one = _Numbered(number, check, itemgetter(*names), _needed(check))
            if _has_interval(protocol, check):
                self._others.append(one)
                continue
            if not self.runs or len(self.runs[-1].names.union(names)) > TOGETHER:
                self.runs.append(_Run(remember))
            self.runs[-1].add(one, names)
        self._by_values: Memory[tuple[Raised, ...]] = Memory(remember)

    def raised(self, traits: int, world: World) -> tuple[Raised, ...]:
        """The checks that are raised, in the protocol's order."""
        holding: list[_Numbered] = []
        for run in self.runs:
            key = traits & run.mask
            found = run.known.get(key)
            if found is None:
                found = run.known.keep(key, run.holding(Context(self.protocol, world)))
            if found:
                holding += found
        asked = [one for one in self._others if one.needed is None or world[one.needed] is not None]
        if asked:
            holding = sorted((*holding, *asked))
        return tuple([raised for one in holding for raised in self._of(one, world)]) if holding else ()

    def _of(self, one: "_Numbered", world: World) -> tuple[Raised, ...]:
        """The check if it is raised, remembered by the values that it reads."""
        key = (one.number, one.pick(world))
        found = self._by_values.get(key)
        if found is None:
            context = Context(self.protocol, world)
            holds = decide(one.check.rule, context) is TRUE
            found = self._by_values.keep(key, (_raised(one.check, context),) if holds else ())
        return found


class _Numbered(NamedTuple):
    """An edit check by its place in the protocol, with what picks the values that it reads (see `_needed`)."""

    number: int
    check: EditCheck
    pick: Callable[[World], object]
    needed: str | None


class _Run:
    """Neighbouring checks, the names that they read, and which of them hold for the traits that were met."""

    def __init__(self, remember: int) -> None:
        self.checks: list[_Numbered] = []
        self.names: set[str] = set()
        self.mask = 0  # of the traits, see Evaluator
        self.known: Memory[tuple[_Numbered, ...]] = Memory(remember)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of the checks."""
        return tuple(one.check.rule for one in self.checks)

    def add(self, one: _Numbered, names: Iterable[str]) -> None:
        """One more check, which reads these names."""
        self.checks.append(one)
        self.names.update(names)

    def holding(self, context: Context) -> tuple[_Numbered, ...]:
        """The checks that hold."""
        return tuple(one for one in self.checks if decide(one.check.rule, context) is TRUE)


def _has_interval(protocol: Protocol, check: EditCheck) -> bool:
    return any(isinstance(leaf, ExceedsAge) for leaf in leaves(protocol, [check.rule]))


def _needed(check: EditCheck) -> str | None:
    """An interval without which the check is never raised; None where there is no such."""
    parts = check.rule.rules if isinstance(check.rule, All) else (check.rule,)
    return next((part.fact for part in parts if isinstance(part, ExceedsAge)), None)


def _raised(check: EditCheck, context: Context) -> Raised:
    """Answers are left out one by one while the check stays raised: what is left is what it is about.

    The last go first, so that a date of birth stays rather than the age that it overrules.
    """
    protocol, world = context.protocol, context.world
    asked = [name for name in reads(protocol, [check.rule]) if name in protocol.question_by_key]
    kept = [name for name in asked if world[name] is not None]
    for name in reversed(kept):
        without = with_values(context, {name: None})
        if decide(check.rule, without) is TRUE:
            context = without
    return Raised(check.code, check.message, {name: world[name] for name in kept if context.world[name] is not None})
