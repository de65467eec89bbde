"""The protocol as the search sees it: the blocks that make the verdict, and the units that are explained.

The verdict is one rule in three-valued logic. It says that every block holds: each criterion that all
cohorts share, each group (some route of it), and that some cohort admits and has nothing against it.
What is said of a block here is the ways in which it holds and fails.
"""

from collections.abc import Iterator, Sequence
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
    """Something that has to hold, and the ways in which it does and does not.

    `rule` are alternatives of clauses that hold together, `mask` the bits of all that they read. A
    wide block has too many ways to list them.
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


class Unit:
    """A criterion, for one cohort where it depends on the cohort, or a cohort's admission.

    `rule` puts scope and condition into one rule: true where the unit passes or does not apply,
    false where it fails; for a route of a group, true only where it applies and holds.
    """

    def __init__(self, protocol: Protocol, criterion: Criterion | None, cohort: Cohort | None) -> None:
        self.criterion, self.cohort = criterion, cohort
        self.group = None if criterion is None else criterion.group
        self.rule = _rule(criterion, cohort)
        self.names = reads(protocol, rules_of(criterion, cohort))


@dataclass(frozen=True, slots=True)
class Reason:
    """The ways in which a criterion, or a review point, comes out one way or the other."""

    ways: Ways
    mask: int
    is_wide: bool = False


class Board:
    """The blocks of a protocol, the units that they are made of, and the reasons for those who want them all.

    Review points decide nothing: they stand among the reasons alone.
    """

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        conditions = [question.relevant for question in protocol.questions if question.relevant is not None]
        self.evidence = Evidence(protocol, Domains(protocol), conditions)
        self.units = [Unit(protocol, None, cohort) for cohort in protocol.cohorts]
        for criterion in protocol.criteria:
            if criterion.kind != "review":
                self.units += [Unit(protocol, criterion, cohort) for cohort in cohorts_of(protocol, criterion)]
        self.blocks = [self._block(rule) for rule in dict.fromkeys(self._parts())]
        self.reasons = [
            reason
            for criterion in protocol.criteria
            for cohort in cohorts_of(protocol, criterion)
            for reason in self._reasons(criterion, cohort)
        ]

    def _parts(self) -> Iterator[Alternatives]:
        """What has to hold."""
        for unit in self.units:
            if unit.cohort is None and unit.group is None:
                for rule in self._conjuncts(unit.rule, True):
                    yield (((rule, None),),)
        for group in self.protocol.groups:
            yield tuple(((unit.rule, None),) for unit in self.units if unit.group == group.code)
        yield tuple(
            tuple((unit.rule, cohort) for unit in self.units if unit.cohort == cohort)
            for cohort in self.protocol.cohorts
        )

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

    def _reasons(self, criterion: Criterion, cohort: Cohort | None) -> Iterator[Reason]:
        """One for a criterion, two for a review point: it is raised also where nobody knows whether it applies.

        There only that its rule holds makes a difference; that it does not leaves the point as open as before.
        """
        evidence = self.evidence
        mask = evidence.mask(reads(self.protocol, rules_of(criterion, cohort)))

        def known(rule: Rule) -> Ways:
            return either(evidence.ways(rule, truth, cohort) for truth in (True, False))

        try:
            if criterion.kind != "review":
                yield Reason(known(_rule(criterion, cohort)), mask)
                return
            scope, holds = criterion.scope or Always(True), known(criterion.rule)
            outside, applies = (evidence.ways(scope, truth, cohort) for truth in (False, True))
            yield Reason(either([outside, evidence.ways(criterion.rule, True, cohort)]), mask)
            yield Reason(either([outside, evidence.together([applies, holds])]), mask)
        except TooMany:
            yield Reason((), mask, is_wide=True)


def cohorts_of(protocol: Protocol, criterion: Criterion) -> Sequence[Cohort | None]:
    """The cohorts for which a criterion is decided one by one; a single None where it does not depend on them."""
    return protocol.cohorts if any(reads_part(rule) for rule in rules_of(criterion, None)) else (None,)


def _rule(criterion: Criterion | None, cohort: Cohort | None) -> Rule:
    if criterion is None:
        assert cohort is not None
        return cohort.admits
    scope = () if criterion.scope is None else (criterion.scope,)
    if criterion.group is not None:
        return All((*scope, criterion.rule))
    against = criterion.rule if criterion.kind == "exclusion" else Not(criterion.rule)
    return Not(All((*scope, against)))
