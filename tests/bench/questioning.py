"""How many questions it takes to come to a verdict, in several orders. See README.md beside this file.

    python tests/bench/questioning.py [--quick | --whole | --weights]

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
from statistics import mean, median_low
from time import thread_time
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from population import AS_OF, participants

from app.rules.ask import Interviewer, Order, is_asked
from app.rules.board import Board
from app.rules.evaluate import Context, decide
from app.rules.facts import Choice, Value
from app.rules.participant import Participant, read_participant
from app.rules.protocol import Question
from app.rules.search import Grounds, Search
from app.rules.truth import FALSE, TRUE
from app.rules.verdict import Decision, Evaluator
from app.rules.ways import Ways
from app.trials import read_trial

PROTOCOL = read_trial()[1]
SHARES = (0.0, 0.1, 0.3)
LEARNED, OTHER_SEED = 3000, 12  # whom the policy of information gain learns from
LEARNING = (501, 502, 503, 504)  # the weights of the protocol are of these; the index was chosen on 101 to 106
SEEDS = (7001, 7002, 7003, 7004)  # reported: neither weights nor index were chosen by them
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


class Weights:
    """Which answers those give to whom each question applies, and how often they can exclude."""

    def __init__(self, engines: Engines, seeds: Iterable[int], count: int) -> None:
        self.engines = engines
        self.evidence = engines.board.evidence
        self.told: dict[str, list[tuple[int, Any]]] = defaultdict(list)  # what each answer shows, and the answer
        for seed in seeds:
            for answers in participants(count, seed):
                self._tell(engines.read(answers))
        self.fails = self._fails()

    def _tell(self, participant: Participant) -> None:
        known, context = self.engines.shown(participant), Context(PROTOCOL, self.engines.evaluator.world(participant))
        for question in self.engines.questions:
            applies = question.relevant is None or decide(question.relevant, context) is TRUE
            if applies and any(participant.answers.get(key) is not None for key in keys(question)):
                shown = known & self.evidence.mask([question.key])
                self.told[question.key].append((shown, participant.answers.get(keys(question)[-1])))

    def _fails(self) -> Ways:
        """The ways in which somebody can be excluded of whom nothing is known yet."""
        nobody = self.engines.read({})
        open_ = self.evidence.mask(question.key for question in self.engines.questions)
        grounds, world = Grounds(self.engines.board, nobody.dates), self.engines.evaluator.world(nobody)
        return Search(grounds, world, self.engines.shown(nobody), open_, "verdict").fails

    def needed(self, question: Question) -> set[int]:
        """What the ways to exclude need of the question, one by one."""
        mask = self.evidence.mask([question.key])
        return {way & mask for way in self.fails if way & mask}

    def decides(self, question: Question) -> float:
        """The share whose answer can exclude, alone or with others."""
        needed, told = self.needed(question), self.told[question.key]
        return sum(any(not need & ~shown for need in needed) for shown, _ in told) / len(told)

    def likely(self, question: Question) -> list[tuple[Any, float]]:
        """The answers with their shares; of a number and a list one for all that the rules do not tell apart."""
        told = self.told[question.key]
        kinds: dict[object, list[Any]] = defaultdict(list)
        for shown, answer in told:
            kinds[answer if isinstance(question.type, Choice) else shown].append(answer)
        shares = [(self._one(answers), round(len(answers) / len(told), 3)) for answers in kinds.values()]
        return sorted([(answer, share) for answer, share in shares if share and answer is not None], key=str)

    def _one(self, answers: list[Any]) -> Any:
        """One answer that stands for all of these: the shortest list, the number in the middle."""
        given = [answer for answer in answers if answer is not None]
        if given and isinstance(given[0], tuple):
            return min(given, key=len)
        return median_low(given) if given else None


def weights() -> Iterator[str]:
    """The weights of the questions, to be copied into the protocol."""
    found = Weights(Engines(), LEARNING, 4000)
    for question in found.engines.questions:
        if found.told[question.key]:
            several = len(found.needed(question)) > 1
            yield f"{question.key}: decides {found.decides(question):.2g}"
            yield from (f"    {answer}: {share}" for answer, share in (found.likely(question) if several else ()))


# THE TABLE

Counted = list[tuple[Decision, int | None]]  # one interview each: the verdict, and how many questions it took

FIXED, GAIN, SECTION, PAGES, QUICKEST, CERTIFICATE = (
    "fixed order, skips, stop at the verdict",
    "information gain",
    "by section",
    "by section, page by page",
    "quickest",
    "smallest certificate",
)


class Table:
    """The interviews of `count` people of each seed, for each share of unknowns."""

    def __init__(self, count: int) -> None:
        self.count, self.engines = count, Engines()
        self.policies: dict[str, Policy] = {
            FIXED: fixed(self.engines),
            GAIN: InformationGain(self.engines),
            SECTION: ours(self.engines, "section"),
            PAGES: ours(self.engines, "section", whole_step=True),
            QUICKEST: ours(self.engines, "quickest"),
        }
        self.counted: dict[tuple[str, float, int], Counted] = {}

    def means(self, share: float) -> Iterator[tuple[str, dict[str, float], float]]:
        """For each policy: its name, the mean number by verdict over all seeds, microseconds a step."""
        engines = self.engines
        people = {seed: [engines.read(one) for one in participants(self.count, seed, share)] for seed in SEEDS}
        yield "everything", dict.fromkeys(COLUMNS, float(len(engines.questions))), 0.0
        for name, policy in self.policies.items():
            steps: list[float] = []
            for seed in SEEDS:
                taken = [interviewed(engines, policy, participant) for participant in people[seed]]
                self.counted[name, share, seed] = [(one.decision, one.questions) for one in taken]
                steps += [seconds for one in taken for seconds in one.seconds]
            yield name, self.mean(name, share), mean(steps) * 1e6
        for seed in SEEDS:
            sizes = [(engines.evaluator.evaluate(one).decision, certificate(engines, one)) for one in people[seed]]
            self.counted[CERTIFICATE, share, seed] = sizes
        yield CERTIFICATE, self.mean(CERTIFICATE, share), 0.0

    def mean(self, name: str, share: float, seeds: Iterable[int] = SEEDS) -> dict[str, float]:
        """The mean number of questions by verdict."""
        return by_verdict(one for seed in seeds for one in self.counted[name, share, seed])

    def ratios(self, share: float, seeds: Iterable[int] = SEEDS) -> tuple[float, float, float]:
        """What the goals are about: quickest against the best there is, and by section against the fixed order.

        Of excluded participants against information gain, of likely eligible ones against the certificate; by
        section, the worst of all columns.
        """
        quickest, gain, least, section, order = (
            self.mean(name, share, seeds) for name in (QUICKEST, GAIN, CERTIFICATE, SECTION, FIXED)
        )
        eligible = quickest["likely_eligible"] / least["likely_eligible"]
        worst = max(section[column] / order[column] for column in COLUMNS if order[column] == order[column])
        return quickest["excluded"] / gain["excluded"], eligible, worst


def by_verdict(counted: Iterable[tuple[Decision, int | None]]) -> dict[str, float]:
    """The means by verdict; what has no number is left out."""
    found: dict[str, list[int]] = defaultdict(list)
    for decision, number in counted:
        if number is not None:
            found[decision].append(number)
            found["everybody"].append(number)
    return {column: mean(found[column]) if found[column] else float("nan") for column in COLUMNS}


def rows(table: Table) -> Iterator[tuple[str, ...]]:
    """The table as it is printed."""
    yield "Questions to a verdict", "Not known", *(column.replace("_", " ") for column in COLUMNS), "About, a step"
    yield "---", "---:", *("---:" for _ in COLUMNS), "---:"
    for share in SHARES:
        for name, means, step in table.means(share):
            yield name, f"{share:.0%}", *map(_shown, means.values()), f"{step:.0f} us" if step else "-"


def ratio_rows(table: Table) -> Iterator[tuple[str, ...]]:
    """The ratios of each seed, and of all together."""
    yield "Seed", "Not known", "quickest / gain, excluded", "quickest / certificate, eligible", "section / fixed, worst"
    yield "---", "---:", "---:", "---:", "---:"
    for share in SHARES:
        for name, seeds in (*((str(seed), (seed,)) for seed in SEEDS), ("all", SEEDS)):
            yield name, f"{share:.0%}", *map(_exactly, table.ratios(share, seeds))


def _shown(number: float) -> str:
    return "-" if number != number else f"{number:.2f}"


def _exactly(number: float) -> str:
    return "-" if number != number else f"{number:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="100 participants of each seed and share instead of 500")
    parser.add_argument("--whole", action="store_true", help="1,000 participants of each seed and share")
    parser.add_argument("--weights", action="store_true", help="how likely the answers are, for the protocol")
    arguments = parser.parse_args()
    if arguments.weights:
        print("\n".join(weights()))
        return
    table = Table(100 if arguments.quick else 1000 if arguments.whole else 500)
    for each in (rows, ratio_rows):
        for row in each(table):
            print(f"| {' | '.join(row)} |", flush=True)
        print()


if __name__ == "__main__":
    main()
