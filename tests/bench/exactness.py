"""How often the exact verdict decides more than Kleene logic, and what it costs.

    python tests/bench/exactness.py [participants]

prints one table row per share of unknown answers, and one for files as they fill up in an interview,
in the protocol's order. Times are those of the exact verdict alone, beside a verdict already made, in
microseconds of processor time; only undetermined participants count: for the others there is nothing to do.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from statistics import median
from time import process_time
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

import population

from app.rules.exact import Exactness
from app.rules.participant import read_participant
from app.rules.protocol import Protocol
from app.rules.verdict import Evaluator
from app.trials import read_trial

SHARES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7)
SEED = 11
HEAD = "| participants | undetermined | decided exactly | eligible | excluded | median us | p99 us | worst us |"
RULE = "| --- " * (HEAD.count("|") - 1) + "|"


class Row(NamedTuple):
    """One row of the table: counts, and times in microseconds."""

    name: str
    undetermined: int
    eligible: int
    excluded: int
    median: float
    p99: float
    worst: float

    def __str__(self) -> str:
        more = self.eligible + self.excluded
        share = f"{100 * more / max(1, self.undetermined):.1f} %"
        times = f"{self.median:.0f} | {self.p99:.0f} | {self.worst:.0f}"
        return f"| {self.name} | {self.undetermined} | {share} | {self.eligible} | {self.excluded} | {times} |"


def rows(n: int) -> Iterator[Row]:
    """The rows, over n participants each."""
    _, protocol = read_trial()
    exactness = Exactness(protocol)
    for share in SHARES:
        name = f"{share:.0%} unknown"
        yield row(name, protocol, exactness, (dict(file) for file in population.participants(n, SEED, share)))
    yield row("in an interview", protocol, exactness, filling(protocol, n))
    yield row("without the country", protocol, exactness, without(n))


def row(name: str, protocol: Protocol, exactness: Exactness, files: Iterable[dict[str, Any]]) -> Row:
    """The figures over these files."""
    evaluator = Evaluator(protocol)
    counts = dict.fromkeys(("undetermined", "likely_eligible", "excluded"), 0)
    times = [0.0]
    for file in files:
        verdict = evaluator.evaluate(read_participant(protocol, {"answers": file}, population.AS_OF))
        if verdict.decision != "undetermined":
            continue
        start = process_time()
        decision = exactness.decision(verdict)
        times.append(1e6 * (process_time() - start))
        counts[decision] += 1
    times.sort()
    return Row(
        name,
        sum(counts.values()),
        counts["likely_eligible"],
        counts["excluded"],
        median(times),
        times[int(0.99 * (len(times) - 1))],
        times[-1],
    )


def filling(protocol: Protocol, n: int) -> Iterator[dict[str, Any]]:
    """Files of which only the answers to the first questions are there yet, some of these not known."""
    rng = Random(SEED)
    order = [question.key for question in protocol.questions]
    for file in population.participants(n, SEED, 0.03):
        asked = order[: rng.randrange(len(order) + 1)]
        yield {key: file.get(key) for key in asked if key in file}


def without(n: int) -> Iterator[dict[str, Any]]:
    """Complete files but for the country of the site."""
    for file in population.participants(n, SEED):
        yield {key: value for key, value in file.items() if key != "country"}


if __name__ == "__main__":
    print(HEAD, RULE, sep="\n")
    for each in rows(int(sys.argv[1]) if len(sys.argv) > 1 else 3000):
        print(each)
