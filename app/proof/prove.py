"""Asks the solver: is there a participant of whom these claims hold? One encoding, asked many times.

*Answered* participants have an answer to every question; those answers that would not be asked do no
harm as long as a file with just the asked answers is always decided, because more answers never undo a
decision. That is itself a claim that is checked (see `check`), with participants *as asked*.
"""

from collections.abc import Collection, Iterable
from functools import cached_property

import z3

from app.proof.encode import Effect, Encoding, Formula
from app.proof.remark import Witness
from app.proof.witness import witness_of
from app.rules.protocol import Protocol
from app.rules.verdict import Evaluator


class Undecided(RuntimeError):
    """The solver gave up on a claim."""


class Prover:
    """Claims about all participants of a protocol. Readings hold as assumed; open ones may be settled either way."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.encoding = Encoding(protocol)
        self.asked = 0
        self._engine = Evaluator(protocol)
        self._answered = self._solver(self.encoding.answered)

    def _solver(self, said: Iterable[Formula]) -> z3.Solver:
        solver = z3.Solver()
        solver.add(*self.encoding.domain, *said)
        return solver

    @cached_property
    def effects(self) -> list[Effect]:
        """All that a verdict is made of."""
        return self.encoding.effects()

    def possible(self, *claims: Formula, free: Collection[str] = ()) -> bool:
        """Whether all the claims can hold of a participant with every answer; `free` readings go either way."""
        return self._model(self._answered, claims, free) is not None

    def find(self, *claims: Formula, free: Collection[str] = ()) -> Witness | None:
        """A participant with every answer of whom all the claims hold; `free` readings go either way."""
        return self._witness(self._model(self._answered, claims, free))

    def find_as_asked(self, *claims: Formula) -> Witness | None:
        """Likewise a participant who was asked just the questions whose condition is not false."""
        return self._witness(self._model(self._as_asked, claims, ()))

    def closest(self, *tries: Iterable[Formula], free: Collection[str] = ()) -> tuple[Witness, ...]:
        """The witness of the first of several lists of claims that has one, likely eligible where one can be."""
        for claims in tries:
            witness = self.find(*claims, self.eligible, free=free) or self.find(*claims, free=free)
            if witness is not None:
                return (witness,)
        return ()

    @cached_property
    def eligible(self) -> Formula:
        """That the participant is likely eligible for some cohort."""
        return z3.Or([self.encoding.eligible(cohort) for cohort in self.protocol.cohorts])

    @cached_property
    def _as_asked(self) -> z3.Solver:
        return self._solver(self.encoding.as_asked)

    def _model(self, solver: z3.Solver, claims: Iterable[Formula], free: Collection[str]) -> z3.ModelRef | None:
        self.asked += 1
        assumed = [holds for code, holds in self.encoding.assumed.items() if code not in free]
        solver.push()
        solver.add(*claims, *assumed)
        found = solver.check()
        if found == z3.unknown:
            raise Undecided(solver.reason_unknown())
        model = solver.model() if found == z3.sat else None
        solver.pop()
        return model

    def _witness(self, model: z3.ModelRef | None) -> Witness | None:
        return None if model is None else witness_of(self._engine, self.encoding, model)
