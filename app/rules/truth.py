"""Three-valued truth (strong Kleene logic).

Unknown is a value of its own. It never becomes yes or no by accident: asking Python for the
truthiness of a `Truth` raises, so `if truth:` or `not truth` cannot slip in.

    all_of:  false wins, then unknown, then true     (of nothing: true)
    any_of:  true wins, then unknown, then false     (of nothing: false)
    negate:  swaps true and false, keeps unknown
"""

from collections.abc import Iterable
from enum import Enum
from typing import NoReturn


class Truth(Enum):
    """True, false or unknown."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"

    def __bool__(self) -> NoReturn:
        raise TypeError("a Truth is three-valued: compare it with `is`, do not use it as a bool")


TRUE, FALSE, UNKNOWN = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN


def known(value: bool | None) -> Truth:
    """The truth of a yes/no value; `None` is unknown."""
    if value is None:
        return UNKNOWN
    return TRUE if value else FALSE


def negate(truth: Truth) -> Truth:
    """Not: unknown stays unknown."""
    if truth is UNKNOWN:
        return UNKNOWN
    return FALSE if truth is TRUE else TRUE


def all_of(truths: Iterable[Truth]) -> Truth:
    """And: one false decides, whatever is unknown beside it."""
    result = TRUE
    for truth in truths:
        if truth is FALSE:
            return FALSE
        if truth is UNKNOWN:
            result = UNKNOWN
    return result


def any_of(truths: Iterable[Truth]) -> Truth:
    """Or: one true decides, whatever is unknown beside it."""
    result = FALSE
    for truth in truths:
        if truth is TRUE:
            return TRUE
        if truth is UNKNOWN:
            result = UNKNOWN
    return result
