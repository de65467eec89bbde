"""The verdict: every criterion for every cohort, put together.

`Evaluator` remembers rulings by the traits of what they rest on, which is what makes it fast; with
nothing remembered it gives the same verdicts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from app.rules.edit_checks import EditChecks, Raised
from app.rules.evaluate import Context
from app.rules.finding import OUTCOMES, Finding, Outcome, Ruling, rule_on, rules_of
from app.rules.memory import Memory
from app.rules.participant import Participant
from app.rules.protocol import ADMISSION, Cohort, Criterion, Protocol
from app.rules.traits import Traits
from app.rules.tree import InPart, Rule, children
from app.rules.truth import TRUE, any_of

Decision = Literal["likely_eligible", "excluded", "undetermined"]


class Line:
    """What a criterion comes to over all cohorts, the participant's own values left out.

    `rulings` has one per cohort where the criterion depends on the cohort, else a single one under
    the key "". `deciding` are those of the cohorts that may admit the participant (of all cohorts
    where none may); `outcome` is theirs where they agree, else unknown.
    """

    def __init__(self, criterion: Criterion, rulings: Mapping[str, Ruling], closed: frozenset[str]) -> None:
        self.criterion, self.codes = criterion, (criterion.code,)
        self.rulings = rulings
        self.deciding = [code for code in rulings if code not in closed] or list(rulings)
        outcomes = {rulings[code].outcome for code in self.deciding}
        self.outcome: Outcome = outcomes.pop() if len(outcomes) == 1 else "unknown"
        found = {ruling.outcome for ruling in rulings.values()}
        self.varies = len(found) > 1
        self.can_exclude = "fail" in found
        self.must_wait = "unknown" in found and criterion.kind != "review" and criterion.group is None
        self.missing = tuple(dict.fromkeys(name for code in self.deciding for name in rulings[code].missing))
        self.depends_on = tuple(dict.fromkeys(name for code in self.deciding for name in rulings[code].depends_on))
        raised = any(rulings[code].truth is TRUE for code in self.deciding)
        self.may_pass = self.outcome == "fail" and rulings[self.deciding[0]].may_pass
        self.is_raised = criterion.kind == "review" and self.outcome != "not_applicable" and raised
        self.route = next(iter(rulings.values())).route  # of a group's criteria, which are the same for all cohorts
        matters = self.can_exclude or self.must_wait or self.varies or self.is_raised
        self.is_plain = not (matters or self.missing or self.depends_on)

    def of(self, cohort: Cohort) -> Ruling:
        """The ruling for one cohort."""
        return self.rulings.get(cohort.code) or self.rulings[""]


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a criterion comes to for one participant over all cohorts (see `Line`)."""

    line: Line
    context: Context

    @property
    def criterion(self) -> Criterion:
        """The criterion."""
        return self.line.criterion

    @property
    def outcome(self) -> Outcome:
        """What it comes to."""
        return self.line.outcome

    @property
    def findings(self) -> Mapping[str, Finding]:
        """One finding per cohort where the criterion depends on it, else a single one under the key ""."""
        return {code: _finding(ruling, self.context) for code, ruling in self.line.rulings.items()}

    @property
    def deciding(self) -> tuple[Finding, ...]:
        """The findings of the cohorts that may admit the participant."""
        return tuple(_finding(self.line.rulings[code], self.context) for code in self.line.deciding)


class Standing(NamedTuple):
    """How a cohort stands: `reasons` are the codes that exclude from it, `open` those still unknown."""

    verdict: Decision
    reasons: tuple[str, ...]
    open: tuple[str, ...]


class CohortVerdict(NamedTuple):
    """A cohort's verdict for one participant (see `Standing`)."""

    cohort: Cohort
    standing: Standing
    admits: Ruling
    context: Context

    @property
    def verdict(self) -> Decision:
        """Excluded, still undetermined, or likely eligible."""
        return self.standing.verdict

    @property
    def reasons(self) -> tuple[str, ...]:
        """The codes that exclude."""
        return self.standing.reasons

    @property
    def open(self) -> tuple[str, ...]:
        """The codes that are still unknown."""
        return self.standing.open

    @property
    def admission(self) -> Finding:
        """Whether the cohort admits the participant."""
        return _finding(self.admits, self.context)


class Missing(NamedTuple):
    """A question that leaves something unknown, and the criteria and cohorts that wait for it."""

    fact: str
    criteria: tuple[str, ...]
    cohorts: tuple[str, ...]


class Admissions(NamedTuple):
    """The rulings on the admissions to all cohorts, and those closed, as codes and as one bit each."""

    rulings: tuple[Ruling, ...]
    outcomes: tuple[Outcome, ...]
    closed: frozenset[str]
    bits: int
    missing: bool
    depends_on: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """All that follows from a participant's answers, the values themselves left out."""

    decision: Decision
    admissions: Admissions
    standings: tuple[Standing, ...]
    groups: Mapping[str, Outcome]
    lines: tuple[Line, ...]
    missing: tuple[Missing, ...]
    depends_on: tuple[str, ...]
    review: tuple[str, ...]


@dataclass(eq=False)  # not frozen, which takes longer than half of the cohorts
class Verdict:
    """Everything that follows from one participant's answers under one protocol."""

    protocol: Protocol
    participant: Participant
    context: Context
    sheet: Sheet
    queries: tuple[Raised, ...]

    @property
    def decision(self) -> Decision:
        """Eligible for some cohort, excluded from all, or undetermined."""
        return self.sheet.decision

    @property
    def standings(self) -> tuple[Standing, ...]:
        """How each cohort stands."""
        return self.sheet.standings

    @property
    def groups(self) -> Mapping[str, Outcome]:
        """What each group of alternatives comes to."""
        return self.sheet.groups

    @property
    def lines(self) -> tuple[Line, ...]:
        """What each criterion comes to, in the protocol's order."""
        return self.sheet.lines

    @property
    def missing(self) -> tuple[Missing, ...]:
        """The questions that leave something unknown, in the protocol's order."""
        return self.sheet.missing

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The open readings that would decide something."""
        return self.sheet.depends_on

    @property
    def review(self) -> tuple[str, ...]:
        """The review points that are raised."""
        return self.sheet.review

    @cached_property
    def cohorts(self) -> tuple[CohortVerdict, ...]:
        """Every cohort, in the protocol's order."""
        decided = zip(self.protocol.cohorts, self.standings, self.sheet.admissions.rulings, strict=True)
        return tuple(CohortVerdict(*each, self.context) for each in decided)

    @cached_property
    def results(self) -> tuple[Result, ...]:
        """Every criterion, in the protocol's order."""
        return tuple(Result(line, self.context) for line in self.lines)


def _finding(ruling: Ruling, context: Context) -> Finding:
    of_cohort = context if ruling.cohort is None else Context(context.protocol, context.world, ruling.cohort)
    return Finding(ruling, of_cohort)


def evaluate(protocol: Protocol, participant: Participant) -> Verdict:
    """The verdict on one participant, nothing remembered."""
    return Evaluator(protocol, remember=0).evaluate(participant)


class Evaluator:
    """Evaluates participants under one protocol and remembers rulings, and whole sheets of them.

    `remember` bounds what is kept per criterion and cohort, and twice as many sheets; where it is full, it starts anew.
    """

    def __init__(self, protocol: Protocol, remember: int = 4096) -> None:
        self.protocol = protocol
        self._blank: dict[str, Any] = {question.key: None for question in protocol.questions}
        self._order = {question.key: number for number, question in enumerate(protocol.questions)}
        self._blank |= {r.code: r.value for r in protocol.readings if r.status != "convention"}
        self._admitting = _Admitting(protocol, remember)
        self._checks = EditChecks(protocol, remember)
        made = [_Lines(protocol, criterion, remember) for criterion in protocol.criteria]
        rules = [rules for each in made for rules in (each.rules[:1], each.rules)]
        runs = self._checks.runs
        self._traits = Traits(protocol, [self._admitting.rules, *[run.rules for run in runs], *rules])
        self._admitting_mask, *masks = self._traits.masks
        for run in runs:
            run.mask = masks.pop(0)
        closed = (2 ** len(protocol.cohorts) - 1) << self._traits.size
        for each, *pair in zip(made, masks[::2], masks[1::2], strict=True):
            each.scope_mask, each.mask = [mask | (closed if each.is_by_cohort else 0) for mask in pair]
        self._criteria = [(each.outside.get, each.scope_mask, each.inside.get, each.mask, each) for each in made]
        self._sheets: Memory[Sheet] = Memory(2 * remember)
        self._groups = {
            group.code: [number for number, criterion in enumerate(protocol.criteria) if criterion.group == group.code]
            for group in protocol.groups
        }

    def world(self, participant: Participant) -> dict[str, Any]:
        """All that the rules may read of a participant."""
        dates = participant.dates
        return {
            **self._blank,
            **participant.readings,
            **participant.answers,
            "as_of": dates.as_of,
            "consent_date": dates.consent_date,
            "first_dose_date": dates.first_dose_date,
        }

    def queries(self, participant: Participant) -> tuple[Raised, ...]:
        """The edit checks that a participant's answers raise."""
        return self._checks.raised(self._traits.of(participant), self.world(participant))

    def evaluate(self, participant: Participant) -> Verdict:
        """The verdict on one participant."""
        world = self.world(participant)
        context = Context(self.protocol, world)
        traits = self._traits.of(participant)
        sheet = self._sheets.get(traits) or self._sheets.keep(traits, self._sheet(traits, context))
        return Verdict(self.protocol, participant, context, sheet, self._checks.raised(traits, world))

    def _sheet(self, traits: int, context: Context) -> Sheet:
        admissions = self._admitting.admissions(traits & self._admitting_mask, context)
        traits |= admissions.bits << self._traits.size
        lines = [
            outside(traits & scope) or inside(traits & mask) or each.anew(traits, context, admissions.closed)
            for outside, scope, inside, mask, each in self._criteria
        ]
        groups = {
            code: OUTCOMES[any_of([lines[number].route for number in numbers])]
            for code, numbers in self._groups.items()
        }
        telling = [line for line in lines if not line.is_plain]
        standings = _standings(self.protocol.cohorts, admissions.outcomes, telling, groups)
        depends = admissions.depends_on.union(*[line.depends_on for line in telling if line.depends_on])
        return Sheet(
            decision=decision_of([standing.verdict for standing in standings]),
            admissions=admissions,
            standings=standings,
            groups=groups,
            lines=tuple(lines),
            missing=_all_missing(self._order, telling, admissions, standings),
            depends_on=tuple([r.code for r in self.protocol.readings if r.code in depends]) if depends else (),
            review=tuple([line.criterion.code for line in telling if line.is_raised]),
        )


# Rulings are remembered by the traits of all that the rules read; where a criterion does not apply, of
# what its scope reads, because the rest counts for nothing then. The last trait is which cohorts are closed.


class _Lines:
    """The lines of a criterion: `outside` its scope (or all, where it has none), and `inside` it."""

    def __init__(self, protocol: Protocol, criterion: Criterion, remember: int) -> None:
        self.criterion = criterion
        self.rules = rules_of(criterion, None)
        self.is_by_cohort = any(reads_part(rule) for rule in self.rules)
        self.outside: Memory[Line] = Memory(remember)
        self.inside: Memory[Line] = Memory(remember)
        self.scope_mask = self.mask = 0  # of the traits, see Evaluator
        self._cohorts: dict[str, Cohort | None] = {"": None}
        if self.is_by_cohort:
            self._cohorts = {cohort.code: cohort for cohort in protocol.cohorts}

    def anew(self, traits: int, context: Context, closed: frozenset[str]) -> Line:
        """The line of a participant whom the cohorts in `closed` do not admit, worked out and remembered."""
        rulings = {
            code: rule_on(self.criterion, Context(context.protocol, context.world, cohort))
            for code, cohort in self._cohorts.items()
        }
        line = Line(self.criterion, rulings, closed)
        if len(self.rules) == 1 or all(ruling.outcome == "not_applicable" for ruling in rulings.values()):
            return self.outside.keep(traits & self.scope_mask, line)
        return self.inside.keep(traits & self.mask, line)


class _Admitting:
    """Makes the rulings on all admissions at once, and remembers them."""

    def __init__(self, protocol: Protocol, remember: int) -> None:
        self.cohorts = protocol.cohorts
        self.rules = tuple(cohort.admits for cohort in protocol.cohorts)
        self._known: Memory[Admissions] = Memory(remember)

    def admissions(self, traits: int, context: Context) -> Admissions:
        """The admissions of a participant; `traits` are those that concern `rules`."""
        return self._known.get(traits) or self._known.keep(traits, self._anew(context))

    def _anew(self, context: Context) -> Admissions:
        rulings = [rule_on(None, Context(context.protocol, context.world, cohort)) for cohort in self.cohorts]
        closed = [number for number, ruling in enumerate(rulings) if ruling.outcome == "fail"]
        codes = frozenset(self.cohorts[number].code for number in closed)
        depends_on = frozenset(name for ruling in rulings for name in ruling.depends_on)
        return Admissions(
            tuple(rulings),
            tuple(ruling.outcome for ruling in rulings),
            codes,
            sum(1 << number for number in closed),
            any(ruling.missing for ruling in rulings),
            depends_on,
        )


def reads_part(rule: Rule) -> bool:
    """Whether a rule depends on the cohort's part."""
    return isinstance(rule, InPart) or any(reads_part(child) for child in children(rule))


def _standings(
    cohorts: Iterable[Cohort], admissions: Iterable[Outcome], lines: list[Line], groups: Mapping[str, Outcome]
) -> tuple[Standing, ...]:
    """How each cohort stands; those on which admission and criteria come out alike stand alike."""
    varying = [line for line in lines if line.varies]
    known: dict[tuple[Outcome, ...], Standing] = {}
    standings = []
    for cohort, admission in zip(cohorts, admissions, strict=True):
        outcomes = (admission, *[line.of(cohort).outcome for line in varying]) if varying else (admission,)
        standing = known.get(outcomes)
        if standing is None:
            reasons, waits = _reasons(cohort, lines, groups), _waits(cohort, lines, groups)
            if admission == "fail":
                reasons = (*reasons, ADMISSION)
            elif admission == "unknown":
                waits = (*waits, ADMISSION)
            verdict: Decision = "excluded" if reasons else "undetermined" if waits else "likely_eligible"
            standing = known[outcomes] = Standing(verdict, reasons, waits)
        standings.append(standing)
    return tuple(standings)


def _reasons(cohort: Cohort, lines: list[Line], groups: Mapping[str, Outcome]) -> tuple[str, ...]:
    """What excludes from the cohort, admission apart. A route of a group does so where the whole group fails."""
    failing = [
        line.criterion
        for line in lines
        if line.can_exclude
        and (not line.varies or line.of(cohort).outcome == "fail")
        and groups.get(line.criterion.group or "", "fail") == "fail"
    ]
    bare: list[str] = []
    if "fail" in groups.values():
        covered = {criterion.group for criterion in failing}
        bare = [group for group, outcome in groups.items() if outcome == "fail" and group not in covered]
    return (*[criterion.code for criterion in failing], *bare)


def _waits(cohort: Cohort, lines: list[Line], groups: Mapping[str, Outcome]) -> tuple[str, ...]:
    """What is unknown for the cohort, admission apart; a group counts as a whole."""
    open_ = [
        line.criterion.code
        for line in lines
        if line.must_wait and (not line.varies or line.of(cohort).outcome == "unknown")
    ]
    return (*open_, *[group for group, outcome in groups.items() if outcome == "unknown"])


def decision_of(verdicts: Iterable[Decision]) -> Decision:
    """The overall verdict: eligible for some cohort, excluded from all, or undetermined."""
    found = set(verdicts)
    if "likely_eligible" in found:
        return "likely_eligible"
    return "excluded" if found == {"excluded"} else "undetermined"


def _all_missing(
    order: Mapping[str, int], lines: Iterable[Line], admissions: Admissions, standings: Iterable[Standing]
) -> tuple[Missing, ...]:
    """What leaves a criterion unknown, or the admission to a cohort that nothing else excludes."""
    criteria: dict[str, tuple[str, ...]] = {}
    for line in lines:
        for name in line.missing:
            criteria[name] = criteria[name] + line.codes if name in criteria else line.codes
    if not admissions.missing:
        facts = sorted([name for name in criteria if name in order], key=order.__getitem__)  # no open readings
        return tuple([Missing(fact, criteria[fact], ()) for fact in facts])
    cohorts: dict[str, tuple[str, ...]] = {}
    for ruling, standing in zip(admissions.rulings, standings, strict=True):
        if standing.verdict == "undetermined" and ruling.cohort is not None:
            for name in ruling.missing:
                cohorts[name] = (*cohorts.get(name, ()), ruling.cohort.code)
    facts = sorted([name for name in criteria.keys() | cohorts.keys() if name in order], key=order.__getitem__)
    return tuple([Missing(fact, criteria.get(fact, ()), cohorts.get(fact, ())) for fact in facts])
