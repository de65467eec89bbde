"""Whether a question can still change the goal, decided exactly.

A question changes the verdict where, beside some answers to other open questions (the rest staying not
known), some value of it turns an undecided verdict into a decided one. More answers never undo a
decision, so it is enough to try answers that belong to one way in which the rules come out:

- to exclude, some block fails in a way that holds this question, and what else belongs to that way
  does not exclude already;
- to make eligible, all blocks hold at once, one of them not without this question. A question that one
  block alone reads can be answered to its liking, so of the other blocks only what they share counts;
- to decide a criterion, when every reason is wanted, one of its ways holds this question.

A block with too many ways to list, and a search that takes more than `BUDGET` steps, count in favour
of the question: better asked than left out.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from app.rules.board import Block, Board
from app.rules.evaluate import World
from app.rules.facts import Dates
from app.rules.memory import Memory
from app.rules.truth import FALSE, TRUE, UNKNOWN, Truth
from app.rules.verdict import Decision
from app.rules.ways import Ways, shortest

Goal = Literal["verdict", "all_reasons"]
BUDGET = 20_000
REMEMBERED = 50_000


class GaveUp(Exception):
    """The search has used up its budget."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a block stands, and what of its ways is left to be answered."""

    truth: Truth
    holds: Ways = ()
    fails: Ways = ()


class Grounds:
    """The board on some dates: what each answer would show, and what was worked out on these dates."""

    def __init__(self, board: Board, dates: Dates) -> None:
        self.board, self.dates = board, dates
        self.answers = board.evidence.answers(dates)
        self._standings: Memory[Standing] = Memory(REMEMBERED)
        self._left: Memory[Ways] = Memory(REMEMBERED)

    def standing(self, number: int, known: int, open_: int, world: World) -> Standing:
        """How a block stands."""
        block = self.board.blocks[number]
        place = number, known & block.mask, open_ & block.mask
        found = self._standings.get(place)
        return self._standings.keep(place, self._stand(block, known, open_, world)) if found is None else found

    def _stand(self, block: Block, known: int, open_: int, world: World) -> Standing:
        if block.is_wide:
            return Standing(block.truth(self.board.protocol, world))
        if any(not way & ~known for way in block.fails):
            return Standing(FALSE)
        if any(not way & ~known for way in block.holds):
            return Standing(TRUE)
        return Standing(UNKNOWN, self._open(block.holds, known, open_), self._open(block.fails, known, open_))

    def left(self, reason: int, known: int, open_: int) -> Ways:
        """What is left of the ways to decide a criterion; nothing where it is decided."""
        mask = self.board.reasons[reason].mask
        place = reason, known & mask, open_ & mask
        found = self._left.get(place)
        return self._left.keep(place, self._decide(*place)) if found is None else found

    def _decide(self, reason: int, known: int, open_: int) -> Ways:
        ways = self.board.reasons[reason].ways
        return () if any(not way & ~known for way in ways) else self._open(ways, known, open_)

    def _open(self, ways: Ways, known: int, open_: int) -> Ways:
        """What is left of the ways that open questions can still complete."""
        closed = ~(known | open_)
        return shortest(way & ~known for way in ways if not way & closed and self._is_possible(way & ~known))

    def _is_possible(self, way: int) -> bool:
        """Whether for each question some answer shows what the way needs of it."""
        slots = self.board.evidence.slots
        while way:
            number = self.slot(way)
            need = way & slots[number].mask
            if all(need & ~shown for shown in self.answers[number]):
                return False
            way &= ~need
        return True

    def slot(self, bits: int) -> int:
        """The slot of the lowest bit."""
        return self.board.evidence.slot_at[(bits & -bits).bit_length() - 1]


class Search:
    """One search, from one state of an interview: what is known, and the bits of what may still be answered."""

    def __init__(self, grounds: Grounds, world: World, known: int, open_: int, goal: Goal) -> None:
        self.grounds, self.evidence = grounds, grounds.board.evidence
        self.known, self.open, self.goal = known, open_, goal
        blocks = grounds.board.blocks
        standings = [grounds.standing(number, known, open_, world) for number in range(len(blocks))]
        truths = {standing.truth for standing in standings}
        self.verdict: Decision = (
            "excluded" if FALSE in truths else "undetermined" if UNKNOWN in truths else "likely_eligible"
        )
        waiting = [number for number, standing in enumerate(standings) if standing.truth is UNKNOWN]
        if self.verdict != "undetermined":
            waiting = []
        self._wide = [blocks[number].mask for number in waiting if blocks[number].is_wide]
        if goal == "all_reasons":
            self._wide += [reason.mask for reason in grounds.board.reasons if reason.is_wide]
        listed = [standings[number] for number in waiting if not blocks[number].is_wide]
        self.fails: Ways = tuple([way for standing in listed for way in standing.fails])
        self._holds = [standing.holds for standing in listed]
        if not all(self._holds):
            self._holds = []  # nobody can become eligible any more
        self._found: dict[int, bool] = {}
        self._steps: int  # that are left of the budget, for each question anew

    @cached_property
    def live(self) -> int:
        """The bits of the questions that may still change the goal: needed for it, not enough."""
        bits = 0
        for mask in self._wide:
            bits |= mask & self.open
        for ways in (self.fails, *self._holds, *self._reasons):
            for way in ways:
                bits |= way
        return bits

    def matters(self, mask: int) -> bool:
        """Whether some value of the question with these bits can still change the goal."""
        found = self._found.get(mask)
        if found is None:
            self._steps = BUDGET
            try:
                found = self._can_change(mask)
            except GaveUp:
                found = True
            self._found[mask] = found
        return found

    def _can_change(self, mask: int) -> bool:
        return (
            any(mask & wide for wide in self._wide)
            or self._completes(mask, self.fails)
            or any(self._completes(mask, ways) for ways in self._reasons)
            or self._makes_eligible(mask)
        )

    @cached_property
    def _reasons(self) -> list[Ways]:
        """What is left of the ways to decide the criteria; none where only the verdict counts."""
        if self.goal == "verdict":
            return []
        found = [self.grounds.left(number, self.known, self.open) for number in range(len(self.grounds.board.reasons))]
        return [ways for ways in found if ways]

    def _spend(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise GaveUp

    # ONE WAY

    def _completes(self, mask: int, ways: Ways) -> bool:
        """Whether the question completes one of the ways where, without it, none is reached."""
        return any(way & mask and self._avoids(way & ~mask, 0, ways) for way in ways)

    def _avoids(self, left: int, shown: int, ways: Ways) -> bool:
        """Whether what is left of a way can be answered so that none of the ways is reached."""
        if not left:
            return True
        self._spend()
        number = self.grounds.slot(left)
        need = left & self.evidence.slots[number].mask
        for answer in self.grounds.answers[number]:
            if not need & ~answer:
                after = shown | answer
                if all(way & ~after for way in ways) and self._avoids(left & ~need, after, ways):
                    return True
        return False

    # ALL BLOCKS AT ONCE

    def _makes_eligible(self, mask: int) -> bool:
        """Whether the question can be the last one that makes the participant eligible."""
        for number, ways in enumerate(self._holds):
            mine = [way for way in ways if way & mask]
            if mine:
                others = sorted([shared for n, shared in enumerate(self._shared) if n != number and shared], key=len)
                if any(_Eligible(self, mask, ways, others).reaches(way, 0, 0, 0) for way in mine):
                    return True
        return False

    @cached_property
    def _shared(self) -> list[Ways]:
        """Of each block's ways to hold, what other blocks read too; nothing where it can hold without any of that."""
        read = []
        for ways in self._holds:
            bits = 0
            for way in ways:
                bits |= way
            read.append(bits)
        seen = twice = 0
        for bits in map(self._whole, read):
            twice |= seen & bits
            seen |= bits
        shared = [shortest(way & twice for way in ways) for ways in self._holds]
        return [() if 0 in ways else ways for ways in shared]

    def _whole(self, bits: int) -> int:
        """All bits of the questions of which there are some."""
        whole = 0
        while bits:
            mask = self.evidence.slots[self.grounds.slot(bits)].mask
            whole |= mask
            bits &= ~mask
        return whole


class _Eligible:
    """Looks for answers with which all blocks hold, one of them not without the question."""

    def __init__(self, search: Search, mask: int, ways: Ways, others: list[Ways]) -> None:
        self.search, self.mask, self.ways, self.others = search, mask, ways, others
        self.slots, self.answers = search.evidence.slots, search.grounds.answers

    def reaches(self, left: int, shown: int, without: int, taken: int) -> bool:
        """Whether what is left of a way, and then some way of each other block, can be reached.

        `shown` is what the answers show, `without` the same without the question, `taken` the bits of
        what was answered.
        """
        self.search._spend()
        if left:
            if left & taken:
                return False
            number = self.search.grounds.slot(left)
            mask = self.slots[number].mask
            need = left & mask
            return any(
                self._is_needed(after := without if mask == self.mask else without | answer)
                and self.reaches(left & ~need, shown | answer, after, taken | mask)
                for answer in self.answers[number]
                if not need & ~answer
            )
        waiting = next((ways for ways in self.others if all(way & ~shown for way in ways)), None)
        return waiting is None or any(self.reaches(way & ~shown, shown, without, taken) for way in waiting)

    def _is_needed(self, without: int) -> bool:
        """Whether the block does not hold without the question."""
        return all(way & ~without for way in self.ways)
