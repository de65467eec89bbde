"""A program behind a line that cuts off one exchange in five: the long run in a small measure, on both databases."""

import sys
from pathlib import Path

from sqlalchemy.engine import URL

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.long.retries import run


def test_P4_writes_through_a_bad_line_are_stored_exactly_once(loaded: URL) -> None:
    told: list[str] = []
    run(loaded, writes=40, workers=2, seed=7, say=told.append)
    assert "cut after" in told[0]
    assert told[-1] == "each write is stored exactly once"
