"""What can go wrong, named once. Nothing here knows HTTP; the web layer decides on status codes.

PrescreenError
├── NotFound         the thing named does not exist, or has expired
├── Conflict         somebody else changed the same thing; look again, then decide
├── Invalid          the values given cannot be accepted; says which and why
├── NotSignedIn      who asks is not known; signing in comes first
├── Forbidden        who asks is known, and may not do this
├── TooMany          asked too often; says after how many seconds to ask again
├── Unavailable      the database cannot be reached or is too busy; the same call may work later
└── Misconfigured    the surroundings of the program are wrong; nothing works until they change
"""

from collections.abc import Sequence


class PrescreenError(Exception):
    """Everything that this application raises on purpose. The text never holds a patient's value."""


class NotFound(PrescreenError):
    """The thing named does not exist, or has expired."""


class Conflict(PrescreenError):
    """Somebody else changed the same thing in the meantime."""


class Invalid(PrescreenError):
    """Values that cannot be accepted: `complaints` pairs each fact (or field) with what is wrong."""

    def __init__(self, complaints: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{fact}: {message}" for fact, message in complaints))
        self.complaints = list(complaints)


class NotSignedIn(PrescreenError):
    """Who asks is not known, or has to prove it again."""


class Forbidden(PrescreenError):
    """Who asks may not do this."""


class TooMany(PrescreenError):
    """Asked too often; `seconds` says when it may be tried again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many attempts; try again in {seconds} seconds")
        self.seconds = seconds


class Unavailable(PrescreenError):
    """The database cannot be reached, or is too busy; nothing was changed."""


class Misconfigured(PrescreenError):
    """A setting or the installation is wrong; the text names it and says what is accepted."""
