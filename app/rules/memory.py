"""What was worked out once, by what it depends on: bounded, and nothing to keep in order."""

from typing import TypeVar

Kept = TypeVar("Kept")


class Memory(dict[object, Kept]):
    """At most `size` things; look up with `get`."""

    def __init__(self, size: int) -> None:
        self.size = size

    def keep(self, key: object, thing: Kept) -> Kept:
        """Remember the thing, and give it back."""
        if len(self) >= self.size:
            self.clear()
        if self.size:
            self[key] = thing
        return thing
