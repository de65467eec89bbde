"""How many questions it takes to come to a verdict, in several orders. See README.md beside this file.

    python tests/bench/questioning.py [--quick | --weights]

Questions are counted one at a time, over synthetic participants for whom a share of the facts is not known: what the
file lacks is answered "not known". Every policy ends at the verdict, or when nothing can bring one any more.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from math import log2
from pathlib import Path
from statistics import mean
from time import thread_time
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from population import AS_OF, participants

from app.rules.ask import Interviewer, Order, is_asked
from app.rules.board import Board
from app.rules.evaluate import Context, decide
from app.rules.facts import Value
from app.rules.participant import Participant, read_participant
from app.rules.protocol import Question
from app.rules.truth import FALSE, TRUE
from app.rules.verdict import Decision, Evaluator
from app.trials import read_trial

PROTOCOL = read_trial()[1]
SHARES = (0.0, 0.1, 0.3)
LEARNED, SEED, OTHER_SEED = 3000, 11, 12
COLUMNS = ("everybody", "excluded", "likely_eligible", "undetermined")

Policy = Callable[[Participant], Sequence[Question]]  # what to ask next, given the answers so far


class Engines:
    """What the policies share."""

    def __init__(self) -> None:
        self.evaluator = Evaluator(PROTOCOL)
        self.interviewer = Interviewer(self.evaluator)
        self.board = Board(PROTOCOL)
        self.questions = self.interviewer.questions

    def read(self, answers: dict[str, Any]) -> Participant:
        return read_participant(PROTOCOL, {"answers": answers}, AS_OF)

    def shown(self, participant: Participant) -> int:
        """What the answers show, as bits."""
        return self.board.evidence.of(self.evaluator.world(participant), participant.dates)


# THE POLICIES


def fixed(engines: Engines) -> Policy:
    """The protocol's order: a question whose condition is false is skipped, and the verdict ends it."""

    def ask(participant: Participant) -> Sequence[Question]:
        if engines.evaluator.evaluate(participant).decision != "undetermined":
            return ()
        context = Context(PROTOCOL, engines.evaluator.world(participant))
        for question in engines.questions:
            relevant = question.relevant
            if not is_asked(question, participant) and (relevant is None or decide(relevant, context) is not FALSE):
                return (question,)
        return ()

    return ask


def ours(engines: Engines, order: Order, *, whole_step: bool = False) -> Policy:
    """The application's own order: of each step the first question, or all of them, as a page asks them."""

    def ask(participant: Participant) -> Sequence[Question]:
        step = engines.interviewer.interview(participant, "verdict", order).step
        return () if step is None else step.questions if whole_step else step.questions[:1]

    return ask


class InformationGain:
    """Of the questions that are due, the one after which the verdict is least uncertain.

    The uncertainty is the entropy of the verdict over other synthetic participants who would have given the same
    answers so far (alike in all that the rules can tell apart); a question's is the mean over their answers to it.
    What was chosen for the same answers is remembered.
    A question that nobody consistent differs on gains nothing; where none gains, the order is the protocol's. The
    people who are learned from know everything about themselves, as the index of the application supposes too.
    """

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.mask = {question.key: engines.board.evidence.mask([question.key]) for question in engines.questions}
        self.people: list[tuple[int, Decision]] = []
        for answers in participants(LEARNED, OTHER_SEED):
            participant = engines.read(answers)
            self.people.append((engines.shown(participant), engines.evaluator.evaluate(participant).decision))
        self._chosen: dict[object, Question] = {}

    def __call__(self, participant: Participant) -> Sequence[Question]:
        due = self.engines.interviewer.due(participant)
        if len(due) < 2:
            return due
        asked = [q for q in self.engines.questions if any(participant.answers.get(k) is not None for k in keys(q))]
        mask = sum(self.mask[question.key] for question in asked)
        shown = self.engines.shown(participant) & mask
        place = mask, shown, tuple(question.key for question in due)
        if place not in self._chosen:
            alike = [one for one in self.people if one[0] & mask == shown]
            self._chosen[place] = min(due, key=lambda question: self._uncertainty(self.mask[question.key], alike))
        return (self._chosen[place],)

    def _uncertainty(self, mask: int, people: Iterable[tuple[int, Decision]]) -> float:
        """The expected entropy of the verdict after the question, in bits, times the number of people."""
        by_answer: dict[int, Counter[Decision]] = defaultdict(Counter)
        for shown, decision in people:
            by_answer[shown & mask][decision] += 1
        return sum(_entropy(tuple(sorted(found.values()))) for found in by_answer.values())


@cache
def _entropy(counts: tuple[int, ...]) -> float:
    """The entropy of a distribution, in bits, times the number of people."""
    total = sum(counts)
    return -sum(n * log2(n / total) for n in counts)


def keys(question: Question) -> tuple[str, ...]:
    return (question.key,) if question.alternative is None else (question.key, question.alternative)


# AN INTERVIEW


class Taken(NamedTuple):
    """One interview: the verdict, how many questions it took, and the seconds of each step."""

    decision: Decision
    questions: int
    seconds: tuple[float, ...]


def interviewed(engines: Engines, policy: Policy, whole: Participant) -> Taken:
    """An interview of someone whose whole file this is."""
    given: dict[str, Value | None] = {}
    seconds = []
    while True:
        now = Participant(dict(given), whole.dates, whole.readings)
        start = thread_time()
        questions = policy(now)
        seconds.append(thread_time() - start)
        if not questions:
            return Taken(engines.evaluator.evaluate(now).decision, asked(engines, now), tuple(seconds))
        for question in questions:
            known = {key: whole.answers[key] for key in keys(question) if whole.answers.get(key) is not None}
            given.update(known or {question.key: None})


def asked(engines: Engines, participant: Participant) -> int:
    return sum(is_asked(question, participant) for question in engines.questions)


# THE SMALLEST CERTIFICATE


def certificate(engines: Engines, participant: Participant) -> int | None:
    """The fewest facts of this participant that alone decide the verdict; None where it is undetermined.

    Exact: for an exclusion, the fewest facts with which one block fails; for eligibility, the smallest union of facts
    with which each block holds.
    """
    known = engines.shown(participant)
    slots = [slot.mask for slot in engines.board.evidence.slots if slot.names[0] in PROTOCOL.question_by_key]

    def facts(way: int) -> frozenset[int]:
        return frozenset(mask for mask in slots if way & mask)

    against = [facts(way) for block in engines.board.blocks for way in block.fails if not way & ~known]
    if against:
        return min(map(len, against))
    each = [{facts(way) for way in block.holds if not way & ~known} for block in engines.board.blocks]
    if not all(each):
        return None
    return _smallest_union(sorted((_least(sets) for sets in each), key=len), frozenset(), len(slots) + 1)


def _least(sets: set[frozenset[int]]) -> list[frozenset[int]]:
    return [one for one in sets if not any(other < one for other in sets)]


def _smallest_union(each: list[list[frozenset[int]]], taken: frozenset[int], best: int) -> int:
    """The size of the smallest union of one set of each, or `best` where none is smaller."""
    if len(taken) >= best:
        return best
    if not each:
        return len(taken)
    for one in sorted(each[0], key=lambda facts: len(facts - taken)):
        best = min(best, _smallest_union(each[1:], taken | one, best))
    return best


# THE WEIGHTS


def deciding(engines: Engines, count: int = 6000, seed: int = 77) -> dict[str, float]:
    """For each question, the share of those to whom it applies whose answer has a part in excluding them."""
    applies, decides = Counter[str](), Counter[str]()
    for answers in participants(count, seed):
        participant = engines.read(answers)
        known, context = engines.shown(participant), Context(PROTOCOL, engines.evaluator.world(participant))
        against = 0
        for block in engines.board.blocks:
            for way in block.fails:
                against |= 0 if way & ~known else way
        for question in engines.questions:
            relevant = question.relevant is None or decide(question.relevant, context) is TRUE
            if relevant and any(participant.answers.get(key) is not None for key in keys(question)):
                applies[question.key] += 1
                decides[question.key] += bool(against & engines.board.evidence.mask([question.key]))
    return {key: decides[key] / number for key, number in applies.items()}


# THE TABLE


def table(count: int, shares: Iterable[float] = SHARES) -> Iterator[tuple[str, float, dict[str, float], float]]:
    """For each policy and share of unknowns: its name, the share, the mean number by verdict, microseconds a step."""
    engines = Engines()
    gain = InformationGain(engines)
    policies: dict[str, Policy] = {
        "fixed order, skips, stop at the verdict": fixed(engines),
        "information gain": gain,
        "by section": ours(engines, "section"),
        "by section, page by page": ours(engines, "section", whole_step=True),
        "quickest": ours(engines, "quickest"),
    }
    for share in shares:
        people = [engines.read(answers) for answers in participants(count, SEED, share)]
        yield "everything", share, dict.fromkeys(COLUMNS, float(len(engines.questions))), 0.0
        for name, policy in policies.items():
            taken = [interviewed(engines, policy, participant) for participant in people]
            steps = [seconds for one in taken for seconds in one.seconds]
            yield name, share, by_verdict([(one.decision, one.questions) for one in taken]), mean(steps) * 1e6
        sizes = [(engines.evaluator.evaluate(one).decision, certificate(engines, one)) for one in people]
        yield "smallest certificate", share, by_verdict(sizes), 0.0


def by_verdict(counted: Iterable[tuple[Decision, int | None]]) -> dict[str, float]:
    """The means by verdict; what has no number is left out."""
    found: dict[str, list[int]] = defaultdict(list)
    for decision, number in counted:
        if number is not None:
            found[decision].append(number)
            found["everybody"].append(number)
    return {column: mean(found[column]) if found[column] else float("nan") for column in COLUMNS}


def rows(count: int) -> Iterator[tuple[str, ...]]:
    """The table as it is printed."""
    yield "Questions to a verdict", "Not known", *(column.replace("_", " ") for column in COLUMNS), "About, a step"
    yield "---", "---:", *("---:" for _ in COLUMNS), "---:"
    for name, share, means, step in table(count):
        numbers = ("-" if number != number else f"{number:.2f}" for number in means.values())
        yield name, f"{share:.0%}", *numbers, f"{step:.0f} us" if step else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="200 participants instead of 1,000 for each share")
    parser.add_argument("--weights", action="store_true", help="how often each answer has a part in an exclusion")
    arguments = parser.parse_args()
    if arguments.weights:
        for key, share in deciding(Engines()).items():
            print(f"{key}: {share:.2g}")
        return
    for row in rows(200 if arguments.quick else 1000):
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
