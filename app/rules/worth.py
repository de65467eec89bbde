"""How much a question is worth asking: the chance to exclude soon, against what it costs to find out.

What is left to exclude a participant are ways, each of which takes answers to some questions. How likely
each answer is are data of the protocol, so that the chance of a way is a product, and what it costs on
average is less than all of its questions: the first answer that does not belong to it ends it. A question
is worth the chance that its answer excludes, or opens ways that are worth following, against the cost of
itself and of following them. Answers count as independent of each other. The order of the questions
rests on this, never a verdict.
"""

from collections.abc import Iterable, Iterator

from app.rules.facts import UNDATED
from app.rules.memory import Memory
from app.rules.protocol import Protocol, Question
from app.rules.ways import Evidence, Ways

REMEMBERED = 20_000
BURDEN = 0.1  # of a unit of burden, against one more question


class Worth:
    """Weighs the questions of a protocol. `evidence` says what their answers would show."""

    def __init__(self, protocol: Protocol, evidence: Evidence) -> None:
        self._slots, self._slot_at = evidence.slots, evidence.slot_at
        self._answers: list[tuple[tuple[int, float], ...]] = []
        self._costs: list[float] = []
        for slot in evidence.slots:
            question = protocol.question_by_key.get(slot.names[0])
            self._answers.append(() if question is None else tuple(self._likely(protocol, evidence, question)))
            self._costs.append(1.0 if question is None else 1 + BURDEN * question.asking.burden)
        self._chances: Memory[float] = Memory(REMEMBERED)
        self._followed: Memory[tuple[float, float]] = Memory(REMEMBERED)
        self._worth: Memory[float] = Memory(REMEMBERED)

    def _likely(self, protocol: Protocol, evidence: Evidence, question: Question) -> Iterator[tuple[int, float]]:
        """What the answers show, and how likely each is; what is left of the whole shows nothing.

        Where the protocol does not say, some answer shows all that could exclude.
        """
        slot = evidence.slots[evidence.slot_of[question.key]]
        other = protocol.question_by_key.get(question.alternative or "")
        told = next((one for one in (question, other) if one is not None and one.asking.likely), None)
        if told is None:
            yield slot.mask, question.asking.decides
            return
        for answer, share in told.asking.likely:
            yield slot.shown(dict.fromkeys(slot.names) | {told.key: answer}, UNDATED), share

    def of(self, mask: int, fails: Ways) -> float:
        """What the question with these bits is worth, where these are the ways that are left to exclude."""
        ways = tuple([way for way in fails if way & mask])
        if not ways:
            return 0.0
        place = mask, ways
        found = self._worth.get(place)
        return self._worth.keep(place, self._weigh(mask, ways)) if found is None else found

    def _weigh(self, mask: int, ways: Ways) -> float:
        """The most that can be had for what it costs: what is opened is followed while that is worth more."""
        number = self._number(mask)
        chance, cost = 0.0, self._costs[number]
        opened = []
        for shown, share in self._answers[number]:
            left = {way & ~mask for way in ways if not way & mask & ~shown}
            if 0 in left:
                chance += share
            elif left:
                excludes, takes = max(map(self._follow, left), key=lambda followed: followed[0] / followed[1])
                opened.append((excludes / takes, share * excludes, share * takes))
        for rate, excludes, takes in sorted(opened, reverse=True):
            if rate > chance / cost:
                chance, cost = chance + excludes, cost + takes
        return chance / cost

    def _follow(self, way: int) -> tuple[float, float]:
        """The chance that all answers belong to the way, and what it costs on average to see whether they do."""
        found = self._followed.get(way)
        return self._followed.keep(way, self._walk(self._parts(way))) if found is None else found

    def _walk(self, parts: Iterable[tuple[float, float]]) -> tuple[float, float]:
        """What is most likely to end it, for what it costs, is asked first."""
        chance, cost = 1.0, 0.0
        for likely, takes in sorted(parts, key=lambda part: (part[0] - 1) / part[1]):
            chance, cost = chance * likely, cost + chance * takes
        return chance, cost

    def _parts(self, way: int) -> Iterator[tuple[float, float]]:
        """Of each question of a way, how likely an answer belongs to it, and what it costs."""
        while way:
            number = self._number(way)
            need = way & self._slots[number].mask
            way &= ~need
            chance = self._chances.get(need)
            if chance is None:
                chance = sum(share for shown, share in self._answers[number] if not need & ~shown)
                self._chances.keep(need, chance)
            yield chance, self._costs[number]

    def _number(self, bits: int) -> int:
        """The slot of the lowest bit."""
        return self._slot_at[(bits & -bits).bit_length() - 1]
