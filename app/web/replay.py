"""Stored verdicts worked out again, from the answers, the dates and the version of the protocol that they rest on."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from app.errors import PrescreenError
from app.rules.participant import InvalidParticipant
from app.store import queries
from app.store.db import Database
from app.store.models import Screening
from app.web.outcome import participant_of
from app.web.published import Library, Published, prepare


class Replayed(NamedTuple):
    """A screening (its reference, or its number where it is a quick check) and what differs: nothing, or where."""

    name: str
    difference: str


def replay(database: Database) -> Iterator[Replayed]:
    """Every stored verdict, each compared with what is worked out now, byte for byte.

    What the registry said of the trial at the time stands in the stored text; it is no part of the verdict, and is
    taken over from there.
    """
    library, prepared = Library(database), dict[tuple[Any, ...], Published]()
    last = 0
    while True:
        with database.read() as session:
            found = queries.evaluated(session, after=last)
        for screening in found:
            yield Replayed(screening.reference or f"number {screening.id}", _difference(library, prepared, screening))
        if not found:
            return
        last = found[-1].id


def _difference(library: Library, prepared: dict[tuple[Any, ...], Published], screening: Screening) -> str:
    stored = str(screening.result)
    try:
        published = _published(library, prepared, screening.protocol_id, queries.read_result(stored)["trial"])
        participant = participant_of(published, screening, screening.raw_answers)
    except (ValueError, KeyError, TypeError, AttributeError):
        return "the stored verdict cannot be read"
    except (InvalidParticipant, PrescreenError):
        return "the stored answers cannot be evaluated under the stored protocol"
    again = published.report(published.evaluate(participant)).decode()
    if again == stored:
        return ""
    place = next((at for at, (one, other) in enumerate(zip(stored, again, strict=False)) if one != other), -1)
    place = min(len(stored), len(again)) if place < 0 else place
    return f"differs from byte {len(stored[:place].encode())} on, in {_member(again, place)}"


def _published(
    library: Library, prepared: dict[tuple[Any, ...], Published], protocol_id: int, told: dict[str, Any]
) -> Published:
    """The protocol, under the status that the trial had at the time."""
    status, as_of, source = (str(told[name]) for name in ("status", "status_as_of", "source"))
    key = protocol_id, status, as_of, source
    if key not in prepared:
        now = library.by_id(protocol_id)
        trial = replace(now.trial, status=status, status_as_of=as_of, source=source)
        prepared[key] = prepare(trial, now.protocol, now.version, now.hash)
    return prepared[key]


def _member(text: str, place: int) -> str:
    """The member of the JSON in which a place lies; its name, never its value."""
    names = [name for name in queries.read_result(text) if 0 <= text.find(f'"{name}":') <= place]
    return names[-1] if names else "its beginning"
