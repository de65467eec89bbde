"""The rule tree: thirteen kinds of node, all frozen. This module says what can be written.

What a node means stands in `evaluate`; that its names and types fit is checked by the `Protocol`
it stands in.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from app.rules.calendar import Unit
from app.rules.facts import Anchor

Comparison = Literal["<", "<=", ">", ">="]
COMPARISONS: tuple[Comparison, ...] = ("<", "<=", ">", ">=")
UNITS: tuple[Unit, ...] = ("days", "months", "years")


@dataclass(frozen=True, slots=True)
class Always:
    """True or false, whatever the answers."""

    kind: ClassVar[str] = "always"
    truth: bool


@dataclass(frozen=True, slots=True)
class All:
    """Each of the rules holds."""

    kind: ClassVar[str] = "all"
    rules: "tuple[Rule, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the rules holds."""

    kind: ClassVar[str] = "any"
    rules: "tuple[Rule, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The rule does not hold."""

    kind: ClassVar[str] = "not"
    rule: "Rule"


@dataclass(frozen=True, slots=True)
class IsYes:
    """A yes/no fact is yes."""

    kind: ClassVar[str] = "yes"
    fact: str


@dataclass(frozen=True, slots=True)
class IsOneOf:
    """A choice is one of the options."""

    kind: ClassVar[str] = "is"
    fact: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Includes:
    """A list holds at least one of the options."""

    kind: ClassVar[str] = "includes"
    fact: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """A number, or an age in years, compared with a limit in the fact's own unit."""

    kind: ClassVar[str] = "compare"
    fact: str
    comparison: Comparison
    limit: float


@dataclass(frozen=True, slots=True)
class Elapsed:
    """The time from a date to an anchor date: `<` is less than, `>=` is at least `amount` `unit`.

    A date after the anchor counts as less. Windows count back calendar units from the anchor, so
    exactly five years ago is "at least five years".
    """

    kind: ClassVar[str] = "elapsed"
    fact: str
    comparison: Literal["<", ">="]
    amount: int
    unit: Unit
    anchor: Anchor


@dataclass(frozen=True, slots=True)
class ReadingHolds:
    """How an ambiguous sentence is taken; unknown while the reading is open."""

    kind: ClassVar[str] = "reading"
    code: str


@dataclass(frozen=True, slots=True)
class InPart:
    """The cohort that is being judged belongs to this part of the trial."""

    kind: ClassVar[str] = "part"
    part: str


@dataclass(frozen=True, slots=True)
class Term:
    """A rule that the protocol has given a name."""

    kind: ClassVar[str] = "term"
    name: str


@dataclass(frozen=True, slots=True)
class ExceedsAge:
    """An interval (a number of months or years) is longer than the participant has lived at consent.

    `age` is the age question. It stands in edit checks alone, never in a rule that decides: what says how a
    rule can be turned (`traits`, `domain`, `search`) need not know a leaf that reads two facts.
    """

    kind: ClassVar[str] = "exceeds_age"
    fact: str
    unit: Unit
    age: str


Rule = (
    Always
    | All
    | AnyOf
    | Not
    | IsYes
    | IsOneOf
    | Includes
    | Compare
    | Elapsed
    | ExceedsAge
    | ReadingHolds
    | InPart
    | Term
)
RULES: tuple[type[Rule], ...] = (
    Always,
    All,
    AnyOf,
    Not,
    IsYes,
    IsOneOf,
    Includes,
    Compare,
    Elapsed,
    ExceedsAge,
    ReadingHolds,
    InPart,
    Term,
)
FACT_RULES = (IsYes, IsOneOf, Includes, Compare, Elapsed, ExceedsAge)


def children(rule: Rule) -> "tuple[Rule, ...]":
    """The rules directly below one."""
    if isinstance(rule, All | AnyOf):
        return rule.rules
    return (rule.rule,) if isinstance(rule, Not) else ()


def walk(rule: Rule) -> Iterator[Rule]:
    """The rule and all below it, in reading order (terms are not opened)."""
    yield rule
    for child in children(rule):
        yield from walk(child)
