"""What the formal check says: remarks on a protocol, each with a witness, and which of them are acknowledged.

Needs no solver.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Witness:
    """A participant who shows a remark: a body that `screen` and the API take, and what the engine says of it.

    `reasons` has the codes that exclude from each cohort, or that leave it open.
    """

    body: dict[str, Any]
    decision: str
    reasons: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a protocol that is probably not meant.

    `place` and `claim` together name it. An `error` is always a fault, a `warning` one until somebody says why it is
    wanted (`why`), which makes either a `note`.
    """

    place: str
    claim: str
    severity: Severity
    witnesses: tuple[Witness, ...] = ()
    why: str = ""

    @property
    def name(self) -> str:
        """Place and claim in one line."""
        return f"{self.place}: {self.claim}"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A remark, by its name, that the authors of a protocol know of and want to stay, and why."""

    name: str
    why: str


def acknowledge(remarks: Iterable[Remark], acknowledged: Iterable[Acknowledged]) -> Iterator[Remark]:
    """The remarks; those acknowledged become notes, and what is acknowledged without occurring is a warning."""
    why = {each.name: each.why for each in acknowledged}
    found = list(remarks)
    for remark in found:
        reason = why.get(remark.name)
        yield remark if reason is None else replace(remark, severity="note", why=reason)
    names = {remark.name for remark in found}
    for name in why:
        if name not in names:
            yield Remark("acknowledged", f"does not occur: {name}", "warning")
