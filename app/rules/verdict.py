"""The verdict: every criterion for every cohort, put together.

`Evaluator` remembers findings by the values that they depend on, which is what makes it fast; with
nothing remembered it gives the same verdicts.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from app.rules.evaluate import Context, World, reads
from app.rules.finding import OUTCOMES, Finding, Outcome, find, rules_of
from app.rules.participant import Participant
from app.rules.protocol import ADMISSION, Cohort, Criterion, Protocol
from app.rules.tree import InPart, Rule, children
from app.rules.truth import TRUE, any_of

Decision = Literal["likely_eligible", "excluded", "undetermined"]


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a criterion comes to over all cohorts.

    `findings` has one finding per cohort where the criterion depends on the cohort, else a single
    one under the key "". `outcome` is the one of the cohorts that may admit the participant where
    they agree, else unknown.
    """

    criterion: Criterion
    outcome: Outcome
    findings: Mapping[str, Finding]
    deciding: tuple[Finding, ...]

    def of(self, cohort: Cohort) -> Finding:
        """The finding for one cohort."""
        return self.findings.get(cohort.code) or self.findings[""]


@dataclass(frozen=True, slots=True, eq=False)
class CohortVerdict:
    """A cohort's verdict: `reasons` are the codes that exclude, `open` those still unknown."""

    cohort: Cohort
    verdict: Decision
    admission: Finding
    reasons: tuple[str, ...]
    open: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Missing:
    """A question that leaves something unknown, and the criteria and cohorts that wait for it."""

    fact: str
    criteria: tuple[str, ...]
    cohorts: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """Everything that follows from one participant's answers under one protocol."""

    protocol: Protocol
    participant: Participant
    decision: Decision
    cohorts: tuple[CohortVerdict, ...]
    groups: Mapping[str, Outcome]
    results: tuple[Result, ...]
    missing: tuple[Missing, ...]
    depends_on: tuple[str, ...]
    review: tuple[str, ...]


def evaluate(protocol: Protocol, participant: Participant) -> Verdict:
    """The verdict on one participant, nothing remembered."""
    return Evaluator(protocol, remember=0).evaluate(participant)


class Evaluator:
    """Evaluates participants under one protocol and remembers findings.

    `remember` bounds the findings kept per criterion and cohort; the oldest unused go first.
    """

    def __init__(self, protocol: Protocol, remember: int = 512) -> None:
        self.protocol = protocol
        self._blank: dict[str, Any] = {question.key: None for question in protocol.questions}
        self._blank |= {r.code: r.value for r in protocol.readings if r.status != "convention"}
        self._criteria = [(criterion, self._finders(criterion, remember)) for criterion in protocol.criteria]
        self._admissions = [(cohort, self._finder(None, cohort, remember)) for cohort in protocol.cohorts]

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

    def evaluate(self, participant: Participant) -> Verdict:
        """The verdict on one participant."""
        world = self.world(participant)
        admissions = [finder(world) for _, finder in self._admissions]
        results = [self._result(criterion, finders, world, admissions) for criterion, finders in self._criteria]
        groups = {group.code: _group_outcome(group.code, results) for group in self.protocol.groups}
        cohorts = [_cohort_verdict(self.protocol, admission, results, groups) for admission in admissions]
        findings = [finding for result in results for finding in result.deciding] + admissions
        depends = {code for finding in findings for code in finding.depends_on}
        return Verdict(
            protocol=self.protocol,
            participant=participant,
            decision=decision_of(cohort.verdict for cohort in cohorts),
            cohorts=tuple(cohorts),
            groups=groups,
            results=tuple(results),
            missing=_all_missing(self.protocol, results, cohorts),
            depends_on=tuple(reading.code for reading in self.protocol.readings if reading.code in depends),
            review=tuple(_review(results)),
        )

    def _finders(self, criterion: Criterion, remember: int) -> "dict[str, _Finder]":
        """One finder for all cohorts, or one per cohort where the criterion reads the part."""
        if any(reads_part(rule) for rule in rules_of(criterion, None)):
            return {cohort.code: self._finder(criterion, cohort, remember) for cohort in self.protocol.cohorts}
        return {"": self._finder(criterion, None, remember)}

    def _finder(self, criterion: Criterion | None, cohort: Cohort | None, remember: int) -> "_Finder":
        """Finds, from the world, by the values of the names that the rules read."""
        names = reads(self.protocol, rules_of(criterion, cohort))

        def find_by(*values: object) -> Finding:
            return find(criterion, Context(self.protocol, dict(zip(names, values, strict=True)), cohort))

        remembered = lru_cache(maxsize=remember)(find_by)
        return lambda world: remembered(*[world[name] for name in names])

    def _result(
        self, criterion: Criterion, finders: "dict[str, _Finder]", world: World, admissions: list[Finding]
    ) -> Result:
        findings = {code: finder(world) for code, finder in finders.items()}
        if "" in findings:
            return Result(criterion, findings[""].outcome, findings, (findings[""],))
        closed = {a.cohort.code for a in admissions if a.outcome == "fail" and a.cohort is not None}
        deciding = tuple(finding for code, finding in findings.items() if code not in closed)
        deciding = deciding or tuple(findings.values())
        outcomes = {finding.outcome for finding in deciding}
        return Result(criterion, outcomes.pop() if len(outcomes) == 1 else "unknown", findings, deciding)


_Finder = Callable[[World], Finding]


def reads_part(rule: Rule) -> bool:
    """Whether a rule depends on the cohort's part."""
    return isinstance(rule, InPart) or any(reads_part(child) for child in children(rule))


def _group_outcome(group: str, results: Iterable[Result]) -> Outcome:
    routes = (result.findings[""].route for result in results if result.criterion.group == group)
    return OUTCOMES[any_of(routes)]


def _cohort_verdict(
    protocol: Protocol, admission: Finding, results: list[Result], groups: Mapping[str, Outcome]
) -> CohortVerdict:
    cohort = admission.cohort
    assert cohort is not None
    failing = [
        result.criterion
        for result in results
        if result.of(cohort).outcome == "fail" and groups.get(result.criterion.group or "", "fail") == "fail"
    ]
    reasons = [criterion.code for criterion in failing]
    for group, outcome in groups.items():
        if outcome == "fail" and group not in {criterion.group for criterion in failing}:
            reasons.append(group)
    if admission.outcome == "fail":
        reasons.append(ADMISSION)
    waiting = [
        result.criterion.code
        for result in results
        if result.criterion.kind != "review"
        and result.criterion.group is None
        and result.of(cohort).outcome == "unknown"
    ]
    waiting += [group for group, outcome in groups.items() if outcome == "unknown"]
    waiting += [ADMISSION] if admission.outcome == "unknown" else []
    verdict: Decision = "excluded" if reasons else "undetermined" if waiting else "likely_eligible"
    return CohortVerdict(cohort, verdict, admission, tuple(reasons), tuple(waiting))


def decision_of(verdicts: Iterable[Decision]) -> Decision:
    """The overall verdict: eligible for some cohort, excluded from all, or undetermined."""
    found = set(verdicts)
    if "likely_eligible" in found:
        return "likely_eligible"
    return "excluded" if found == {"excluded"} else "undetermined"


def _all_missing(
    protocol: Protocol, results: Iterable[Result], cohorts: Iterable[CohortVerdict]
) -> tuple[Missing, ...]:
    """What leaves a criterion unknown, or the admission to a cohort that nothing else excludes."""
    criteria: dict[str, list[str]] = {}
    admissions: dict[str, list[str]] = {}
    for result in results:
        for fact in dict.fromkeys(fact for finding in result.deciding for fact in finding.missing):
            criteria.setdefault(fact, []).append(result.criterion.code)
    for cohort in cohorts:
        if cohort.verdict == "undetermined":
            for fact in cohort.admission.missing:
                admissions.setdefault(fact, []).append(cohort.cohort.code)
    return tuple(
        Missing(question.key, tuple(criteria.get(question.key, ())), tuple(admissions.get(question.key, ())))
        for question in protocol.questions
        if question.key in criteria or question.key in admissions
    )


def _review(results: Iterable[Result]) -> Iterable[str]:
    for result in results:
        raised = any(finding.truth is TRUE for finding in result.deciding)
        if result.criterion.kind == "review" and result.outcome != "not_applicable" and raised:
            yield result.criterion.code
