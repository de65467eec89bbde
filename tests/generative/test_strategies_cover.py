"""The laws are only worth what the random protocols hold: everything that the language can say occurs in them."""

from collections import Counter
from collections.abc import Iterator

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from strategies import TODAY, bodies, protocols

from app.rules.edit_checks import raised
from app.rules.facts import FACT_TYPES
from app.rules.participant import read_participant
from app.rules.protocol import CALCULATORS, STATUSES, Asking, Protocol
from app.rules.tree import COMPARISONS, RULES, UNITS, Compare, Elapsed, Rule, walk
from app.rules.truth import Truth
from app.rules.verdict import evaluate

SEEN: Counter[object] = Counter()


def rules(protocol: Protocol) -> Iterator[Rule]:
    for term in protocol.terms:
        yield from walk(term.rule)
    for question in protocol.questions:
        yield from walk(question.relevant) if question.relevant is not None else ()
    for criterion in protocol.criteria:
        yield from walk(criterion.rule)
        yield from walk(criterion.scope) if criterion.scope is not None else ()
    for cohort in protocol.cohorts:
        yield from walk(cohort.admits)
        for _, rule in cohort.parts:
            yield from walk(rule)
    for check in protocol.edit_checks:
        yield from walk(check.rule)


@seed(1)
@settings(max_examples=400, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def collect(data: st.DataObject) -> None:
    protocol = data.draw(protocols())
    for rule in rules(protocol):
        SEEN[type(rule)] += 1
        if isinstance(rule, Compare | Elapsed):
            SEEN[type(rule), rule.comparison] += 1
        if isinstance(rule, Elapsed):
            SEEN[rule.unit] += 1
    SEEN.update(type(question.type) for question in protocol.questions)
    SEEN.update(("can change", question.can_change) for question in protocol.questions)
    SEEN.update(("own weights", question.asking != Asking()) for question in protocol.questions)
    SEEN.update(question.calculator for question in protocol.questions)
    SEEN.update(("condition", question.relevant is not None) for question in protocol.questions)
    SEEN.update(reading.status for reading in protocol.readings)
    SEEN.update((criterion.kind, criterion.scope is None, criterion.group is None) for criterion in protocol.criteria)
    SEEN.update(("parts", len(cohort.parts)) for cohort in protocol.cohorts)
    SEEN["terms", len(protocol.terms)] += 1
    verdict = evaluate(protocol, read_participant(protocol, data.draw(bodies(protocol)), TODAY))
    SEEN["decision", verdict.decision] += 1
    for result in verdict.results:
        SEEN[result.criterion.kind, result.outcome] += 1
        SEEN["finding", result.deciding[0].can_change] += 1
        SEEN["passes from", result.deciding[0].passes_from is not None] += 1
        SEEN["deciding", len(result.deciding) > 1] += 1
        SEEN.update(finding.truth for finding in result.deciding)
    SEEN.update(("group", outcome) for outcome in verdict.groups.values())
    SEEN["depends", bool(verdict.depends_on)] += 1
    SEEN["query", bool(raised(protocol, verdict.context.world))] += 1
    SEEN["review", bool(verdict.review)] += 1
    SEEN["missing", bool(verdict.missing)] += 1


def test_every_word_of_the_language_is_generated() -> None:
    collect()
    wanted: list[object] = [*RULES, *FACT_TYPES, *STATUSES, *UNITS, *Truth]
    wanted += [*CALCULATORS, "", ("own weights", True), ("own weights", False)]
    wanted += [(Compare, comparison) for comparison in COMPARISONS] + [(Elapsed, "<"), (Elapsed, ">=")]
    wanted += [("can change", change) for change in ("fixed", "repeat", "time")]
    wanted += [(kind, scoped, True) for kind in ("inclusion", "exclusion", "review") for scoped in (True, False)]
    wanted += [("inclusion", scoped, False) for scoped in (True, False)]
    wanted += [("parts", n) for n in (0, 1, 2)] + [("terms", n) for n in (0, 1, 2)]
    wanted += [
        (name, flag)
        for name in ("condition", "depends", "query", "review", "missing", "deciding")
        for flag in (True, False)
    ]
    wanted += [("decision", decision) for decision in ("likely_eligible", "excluded", "undetermined")]
    wanted += [(kind, outcome) for kind in ("inclusion", "exclusion") for outcome in ("pass", "fail", "unknown")]
    wanted += [(kind, "not_applicable") for kind in ("inclusion", "exclusion", "review")]
    wanted += [("finding", change) for change in ("fixed", "repeat", "time", None)] + [("passes from", True)]
    wanted += [("group", outcome) for outcome in ("pass", "fail", "unknown")]
    assert not [what for what in wanted if SEEN[what] < 2]
