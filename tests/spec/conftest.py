"""The engines that the manual is run on."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.rules.participant import read_participant
from app.rules.protocol import Protocol
from app.rules.verdict import evaluate

sys.path.insert(0, str(Path(__file__).parent))  # for `authoring`, which the tests of this folder share


@dataclass(frozen=True)
class Said:
    """What an engine says of one participant."""

    decision: str
    outcomes: Mapping[str, str]
    by_cohort: Mapping[str, Mapping[str, str]]
    cohorts: Mapping[str, str]
    groups: Mapping[str, str]


Engine = Callable[[Protocol, dict[str, Any], date], Said]


def reference(protocol: Protocol, body: dict[str, Any], today: date) -> Said:
    verdict = evaluate(protocol, read_participant(protocol, body, today))
    return Said(
        decision=verdict.decision,
        outcomes={result.criterion.code: result.outcome for result in verdict.results},
        by_cohort={
            result.criterion.code: {
                cohort.code: (result.findings.get(cohort.code) or result.findings[""]).outcome
                for cohort in protocol.cohorts
            }
            for result in verdict.results
        },
        cohorts={cohort.cohort.code: cohort.verdict for cohort in verdict.cohorts},
        groups=dict(verdict.groups),
    )


ENGINES: dict[str, Engine] = {"reference": reference}


@pytest.fixture(params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn: `engine(protocol, body, today)`."""
    return ENGINES[request.param]
