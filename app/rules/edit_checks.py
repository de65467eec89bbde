"""Answers that cannot both be true, or hardly: which of a protocol's edit checks a participant's answers raise.

A raised check is a question to the user and names the answers that it is about. It changes no verdict.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.rules.evaluate import Context, World, decide, leaves, reads, with_values
from app.rules.facts import Value
from app.rules.memory import Memory
from app.rules.protocol import EditCheck, Protocol
from app.rules.tree import All, ExceedsAge
from app.rules.truth import TRUE


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

    `rules` are those that have traits. A check that holds an interval against an age has none; it is decided
    anew, where the interval is known. `remember` bounds what is kept.
    """

    def __init__(self, protocol: Protocol, remember: int) -> None:
        self.protocol = protocol
        numbered = list(enumerate(protocol.edit_checks))
        self._plain = [(number, check) for number, check in numbered if not _has_interval(protocol, check)]
        self._others = [(number, check, _needed(check)) for number, check in numbered if _has_interval(protocol, check)]
        self.rules = tuple(check.rule for _, check in self._plain)
        self._known: Memory[tuple[int, ...]] = Memory(remember)

    def raised(self, traits: int, world: World) -> tuple[Raised, ...]:
        """The checks that are raised, in the protocol's order; `traits` are those that concern `rules`."""
        found = self._known.get(traits)
        if found is None:
            found = self._known.keep(traits, tuple(self._holding(self._plain, world)))
        asked = [(number, check) for number, check, fact in self._others if fact is None or world[fact] is not None]
        if asked:
            found = tuple(sorted({*found, *self._holding(asked, world)}))
        if not found:
            return ()
        context = Context(self.protocol, world)
        return tuple(_raised(self.protocol.edit_checks[number], context) for number in found)

    def _holding(self, checks: list[tuple[int, EditCheck]], world: World) -> Iterator[int]:
        context = Context(self.protocol, world)
        return (number for number, check in checks if decide(check.rule, context) is TRUE)


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
