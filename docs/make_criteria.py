"""Writes docs/criteria.md from the built-in trial: `make criteria`. A test holds the page to it."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from app.rules import explain
from app.rules.participant import read_participant
from app.rules.protocol import Cohort, Criterion, Protocol
from app.rules.report import readings_of
from app.rules.tree import Rule
from app.rules.verdict import Evaluator, Verdict
from app.trials import read_trial

HERE = Path(__file__).parent
CASES = [HERE.parent / "tests" / "cases" / name for name in ("nct05086315.json", "nct05086315-more.json")]
BODY = ("answers", "as_of", "consent_date", "first_dose_date", "readings")
ASKS = {"inclusion": "Met when", "exclusion": "Excludes when", "review": "For review when"}
MEANS = {"pass": "Passes", "fail": "Fails", "unknown": "Unknown", "not_applicable": "Does not apply"}
STATUS = {
    "convention": "convention",
    "assumed yes": "assumed yes, to be confirmed",
    "assumed no": "assumed no, to be confirmed",
    "open": "open",
}


def page() -> str:
    """The whole page."""
    trial, protocol = read_trial()
    examples = evaluated(protocol)
    parts = [
        "# The criteria of " + trial.nct_id,
        "Made from `app/trials/nct05086315.yaml` by `make criteria`; do not edit. The statements are our own words; "
        f"the places are those of the [registry record]({trial.source}), status {trial.status} as of "
        f"{trial.status_as_of}. Rules are in three-valued logic: an unknown answer stays unknown.",
    ]
    parts += [criterion_text(protocol, criterion, examples) for criterion in protocol.criteria]
    parts.append("## Terms\n\n" + "\n".join(f"- **{t.title}**: {words(protocol, t.rule)}" for t in protocol.terms))
    parts.append("## Cohorts\n\n" + "\n".join(cohort_text(protocol, cohort) for cohort in protocol.cohorts))
    parts.append("## Readings\n\n| code | reading | status |\n| --- | --- | --- |\n" + readings_text(protocol))
    parts.append(
        "## Edit checks\n\nAnswers that cannot both be true, or hardly. Where one of these rules surely holds, they "
        "are to be looked at again; no verdict rests on it.\n\n"
        + "\n".join(f"- {c.code}: {c.message} Raised when {words(protocol, c.rule)}." for c in protocol.edit_checks)
    )
    parts.append("## Example participants\n\n" + "\n".join(f"- {case['id']}: {case['title']}" for case, _ in examples))
    return "\n\n".join(parts) + "\n"


def evaluated(protocol: Protocol) -> list[tuple[dict[str, Any], Verdict]]:
    """Every example participant with its verdict."""
    evaluator = Evaluator(protocol)
    cases = [case for path in CASES for case in json.loads(path.read_text())]
    bodies = [{key: case[key] for key in BODY if key in case} for case in cases]
    today = date(2026, 1, 1)  # every example names its own day
    verdicts = [evaluator.evaluate(read_participant(protocol, body, today)) for body in bodies]
    return list(zip(cases, verdicts, strict=True))


def words(protocol: Protocol, rule: Rule) -> str:
    """A rule in one line."""
    return explain.rule_words(protocol, rule)


def criterion_text(protocol: Protocol, criterion: Criterion, examples: list[tuple[dict[str, Any], Verdict]]) -> str:
    """One criterion: place, statement, rule, readings, and examples of each outcome."""
    lines = [f"## {criterion.code} {criterion.title}", "", f"*{criterion.place}.* {criterion.statement}", ""]
    if criterion.scope is not None:
        lines.append(f"- Applies to: {words(protocol, criterion.scope)}")
    lines.append(f"- {ASKS[criterion.kind]}: {words(protocol, criterion.rule)}")
    for code in readings_of(criterion):
        reading = protocol.reading_by_code[code]
        lines.append(f"- Reading {code} ({STATUS[reading.status]}): {reading.statement.rstrip('.')}")
    if criterion.group is not None:
        lines.append(f"- Counts through the group *{criterion.group}*: one of its criteria must apply and hold.")
    for outcome, title in MEANS.items():
        found = [case["id"] for case, verdict in examples if outcome in outcomes(verdict, criterion)]
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        lines.append(f"- {title}: {', '.join(found[:3])}{more}" if found else f"- {title}: no example")
    return "\n".join(lines)


def outcomes(verdict: Verdict, criterion: Criterion) -> set[str]:
    """The outcomes of a criterion, in any cohort that may admit the participant."""
    result = next(result for result in verdict.results if result.criterion is criterion)
    return {finding.outcome for finding in result.deciding}


def cohort_text(protocol: Protocol, cohort: Cohort) -> str:
    """One cohort: whom it admits, and its part."""
    parts = [f"{part} when {words(protocol, rule)}" for part, rule in cohort.parts]
    return f"- **{cohort.title}** (`{cohort.code}`): {words(protocol, cohort.admits)}. Part: {'; '.join(parts)}."


def readings_text(protocol: Protocol) -> str:
    """The table of readings."""
    return "\n".join(f"| {r.code} | {r.statement} | {STATUS[r.status]} |" for r in protocol.readings)


if __name__ == "__main__":
    (HERE / "criteria.md").write_text(page(), encoding="utf-8")
