"""The protocol as the search sees it: the blocks that make the verdict, and the units that are explained.

The verdict is one rule in three-valued logic. It says that every block holds: each criterion that all
cohorts share, each group (some route of it), and that some cohort admits and has nothing against it.
What is said of a block here is the ways in which it holds and fails.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from app.rules.domain import Domains
from app.rules.evaluate import Context, World, decide, reads
from app.rules.finding import rules_of
from app.rules.protocol import Cohort, Criterion, Protocol
from app.rules.tree import All, Always, AnyOf, Not, Rule, Term
from app.rules.truth import Truth, all_of, any_of
from app.rules.verdict import reads_part
from app.rules.ways import Evidence, TooMany, Ways, either

Clause = tuple[Rule, Cohort | None]


Alternatives = tuple[tuple[Clause, ...], ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Something that has to hold: alternatives of clauses that hold together, and the ways in which it holds, and fails.

    `mask` are the bits of all that it reads. A wide block has too many ways to list them.
    """

    rule: Alternatives
    holds: Ways
    fails: Ways
    mask: int
    is_wide: bool = False

    def truth(self, protocol: Protocol, world: World) -> Truth:
        """What the block comes to, by the rule itself."""
        return any_of(
            all_of(decide(rule, Context(protocol, world, cohort)) for rule, cohort in clauses) for clauses in self.rule
        )


@dataclass(frozen=True, slots=True)
class Unit:
    """A criterion, for one cohort where it depends on the cohort: the ways in which it is decided, either way."""

    decided: Ways
    mask: int
    is_wide: bool = False


class Board:
    """The blocks of a protocol and, for those who want every reason, the ways to decide each criterion."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        conditions = [question.relevant for question in protocol.questions if question.relevant is not None]
        self.evidence = Evidence(protocol, Domains(protocol), conditions)
        self.blocks = [self._block(rule) for rule in dict.fromkeys(self._parts())]
        self.units = [
            self._unit(criterion, cohort)
            for criterion in protocol.criteria
            for cohort in (protocol.cohorts if is_by_cohort(criterion) else (None,))
        ]

    def _parts(self) -> Iterator[Alternatives]:
        """What has to hold, each as alternatives of clauses that hold together."""
        protocol = self.protocol
        apart = [c for c in protocol.criteria if c.kind != "review" and c.group is None]
        for criterion in apart:
            if not is_by_cohort(criterion):
                for rule in self._conjuncts(passing(criterion), True):
                    yield (((rule, None),),)
        for group in protocol.groups:
            yield tuple(((passing(c), None),) for c in protocol.criteria if c.group == group.code)
        dependent = [passing(criterion) for criterion in apart if is_by_cohort(criterion)]
        yield tuple(tuple((rule, cohort) for rule in (cohort.admits, *dependent)) for cohort in protocol.cohorts)

    def _conjuncts(self, rule: Rule, truth: bool) -> Iterator[Rule]:
        """Rules that all hold exactly where this one is so: the smaller the blocks, the fewer their ways."""
        match rule:
            case All(rules) if truth:
                for below in rules:
                    yield from self._conjuncts(below, True)
            case AnyOf(rules) if not truth:
                for below in rules:
                    yield from self._conjuncts(below, False)
            case All((below,)) | AnyOf((below,)):
                yield from self._conjuncts(below, truth)
            case Not(below):
                yield from self._conjuncts(below, not truth)
            case Term(name):
                yield from self._conjuncts(self.protocol.term_by_name[name].rule, truth)
            case _:
                yield rule if truth else Not(rule)

    def _block(self, rule: Alternatives) -> Block:
        evidence = self.evidence
        mask = evidence.mask(name for clauses in rule for of, _ in clauses for name in reads(self.protocol, [of]))
        try:
            holds = [evidence.together(evidence.ways(of, True, cohort) for of, cohort in clauses) for clauses in rule]
            fails = [either(evidence.ways(of, False, cohort) for of, cohort in clauses) for clauses in rule]
            return Block(rule, either(holds), evidence.together(fails), mask)
        except TooMany:
            return Block(rule, (), (), mask, is_wide=True)

    def _unit(self, criterion: Criterion, cohort: Cohort | None) -> Unit:
        evidence = self.evidence
        mask = evidence.mask(reads(self.protocol, rules_of(criterion, cohort)))
        try:
            if criterion.kind != "review":
                rule = passing(criterion)
                return Unit(either(evidence.ways(rule, truth, cohort) for truth in (True, False)), mask)
            scope = criterion.scope or Always(True)
            applies = evidence.ways(scope, True, cohort)
            known = either(evidence.ways(criterion.rule, truth, cohort) for truth in (True, False))
            return Unit(either([evidence.ways(scope, False, cohort), evidence.together([applies, known])]), mask)
        except TooMany:
            return Unit((), mask, is_wide=True)


def is_by_cohort(criterion: Criterion) -> bool:
    """Whether the criterion depends on the cohort."""
    return any(reads_part(rule) for rule in rules_of(criterion, None))


def passing(criterion: Criterion) -> Rule:
    """Scope and condition in one rule: true where the criterion passes or does not apply, false where it fails.

    For a route of a group it is true only where it applies and holds.
    """
    scope = () if criterion.scope is None else (criterion.scope,)
    if criterion.group is not None:
        return All((*scope, criterion.rule))
    against = criterion.rule if criterion.kind == "exclusion" else Not(criterion.rule)
    return Not(All((*scope, against)))
