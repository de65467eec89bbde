"""View data: what a page shows, worked out and worded; templates only lay it out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.calculators import CORTICOSTEROIDS, Calculation
from app.rules import explain
from app.rules.ask import Step, criteria_of, is_asked
from app.rules.facts import Age, Date, Integer, Number
from app.rules.finding import Finding
from app.rules.participant import Participant
from app.rules.protocol import ADMISSION, Cohort, Criterion, Protocol, Question, Reading
from app.rules.report import readings_of
from app.rules.verdict import CohortVerdict, Result, Verdict
from app.trials import Trial
from app.web.forms import Form, shown
from app.web.published import Published


@dataclass(frozen=True)
class TrialView:
    """The trial in a page's header: identity, and the status with its date and source."""

    nct_id: str
    title: str
    status: str
    status_as_of: str
    url: str


def trial_view(trial: Trial) -> TrialView:
    """The trial's header."""
    return TrialView(trial.nct_id, trial.title, trial.status, trial.status_as_of, trial.source)


# QUESTIONS


@dataclass(frozen=True)
class QuestionView:
    """One question as the form macro takes it."""

    key: str
    type: str
    label: str
    why: str
    hint: str
    unit: str
    options: list[tuple[str, str, str]]
    value: Any
    not_known: bool
    error: str
    error_parts: set[str]
    criteria: list[tuple[str, str]]
    is_page_heading: bool
    alternative: "QuestionView | None"
    calculator: str


@dataclass(frozen=True)
class StepView:
    """A page of questions."""

    title: str
    questions: list[QuestionView]
    calculations: Mapping[str, Calculation[Any]]
    drugs: Mapping[str, Any]
    has_errors: bool


CALCULATORS = {"qtcf_ms": "qtcf", "prednisone_mg_per_day": "prednisone"}


def step_view(
    protocol: Protocol,
    questions: list[Question],
    raw: Mapping[str, Any],
    form: Form | None = None,
    calculations: Mapping[str, Calculation[Any]] | None = None,
) -> StepView:
    """The questions of a step with what is saved, or with what was typed and is wrong."""
    sections = {section.key: section.title for section in protocol.sections}
    views = [question_view(protocol, question, raw, form, len(questions) == 1) for question in questions]
    wrong = bool(form and form.errors) or any(c.errors for c in (calculations or {}).values())
    return StepView(sections[questions[0].section], views, calculations or {}, CORTICOSTEROIDS, wrong)


def question_view(
    protocol: Protocol, question: Question, raw: Mapping[str, Any], form: Form | None, heading: bool
) -> QuestionView:
    """One question; a form, where there is one, wins over what is saved."""
    key, type_ = question.key, question.type
    alternative = protocol.question_by_key[question.alternative] if question.alternative else None
    keys = [key] + ([alternative.key] if alternative else [])
    saved_unknown = any(k in raw for k in keys) and all(raw.get(k) is None for k in keys)
    return QuestionView(
        key=key,
        type="partial_date" if isinstance(type_, Date) and type_.partial else _TYPES.get(type_.name, type_.name),
        label=question.text,
        why=question.why,
        hint=question.hint,
        unit=type_.unit if isinstance(type_, Integer | Number | Age) else "",
        options=[(o.value, o.label, o.hint) for o in getattr(type_, "options", ())],
        value=form.typed.get(key) if form else shown(question, raw.get(key)),
        not_known=key in form.not_known if form else saved_unknown,
        error=form.errors.get(key, "") if form else "",
        error_parts=form.error_parts.get(key, set()) if form else set(),
        criteria=[(criterion.code, criterion.title) for criterion in criteria_of(protocol, question)],
        is_page_heading=heading and alternative is None,
        alternative=question_view(protocol, alternative, raw, form, False) if alternative else None,
        calculator=CALCULATORS.get(key, ""),
    )


_TYPES = {"age": "number"}


# ANSWERS


@dataclass(frozen=True)
class Row:
    """A label and a value, with a note and a link to change it."""

    label: str
    value: str
    note: str = ""
    href: str = ""
    action: str = ""


@dataclass(frozen=True)
class AnswersView:
    """All answers given, by section; the dates; and what is still open."""

    sections: list[tuple[str, list[Row]]]
    dates: list[Row]
    answered: int


def answers_view(published: Published, participant: Participant, base: str) -> AnswersView:
    """The check-your-answers page. `base` is the address of the check."""
    protocol, interviewer = published.protocol, published.interviewer
    sections = []
    asked = [question for question in interviewer.questions if is_asked(question, participant)]
    for section in protocol.sections:
        rows = [_answer_row(protocol, q, participant, base) for q in asked if q.section == section.key]
        if rows:
            sections.append((section.title, rows))
    dates = participant.dates
    href = f"{base}/dates"
    date_rows = [
        Row("Day of this evaluation", explain.date_words(dates.as_of), href=href),
        Row("Consent", explain.date_words(dates.consent_date), "age counts on this day", href),
        Row("First dose", explain.date_words(dates.first_dose_date), "waiting times count back from this day", href),
    ]
    return AnswersView(sections, date_rows, len(asked))


def _answer_row(protocol: Protocol, question: Question, participant: Participant, base: str) -> Row:
    value = participant.answers.get(question.key)
    label, words = question.label, explain.value_words(question, value)
    if value is None and question.alternative is not None:
        other = protocol.question_by_key[question.alternative]
        stated = participant.answers.get(other.key)
        if stated is not None:
            label, words = other.label, explain.value_words(other, stated)
    return Row(label, words[0].upper() + words[1:], href=f"{base}/questions/{question.key}")


# RULES


@dataclass(frozen=True)
class Node:
    """A rule as the tree macro draws it."""

    text: str
    kind: str
    children: "list[Node]"
    outcome: str | None


def node(outline: explain.Outline) -> Node:
    """An outline as a node; a term is shown as a fold under its own title."""
    children = [node(child) for child in outline.children]
    outcome = outline.truth.value if outline.truth is not None else None
    text = "" if outline.kind in ("all", "any", "not") else outline.text
    return Node(text, outline.kind, children, outcome)


@dataclass(frozen=True)
class RuleView:
    """A criterion of the protocol, as a clinician reads it."""

    code: str
    kind: str
    title: str
    statement: str
    place: str
    scope: Node | None
    rule: Node
    readings: list[Reading]
    asks: str


@dataclass(frozen=True)
class RulesView:
    """The whole rule tree of a protocol."""

    version: int
    hash: str
    kinds: list[tuple[str, list[RuleView]]]
    cohorts: list[RuleView]
    readings: list[tuple[Reading, str]]
    groups: list[tuple[str, list[str]]]


KIND_TITLES = {"inclusion": "Inclusion criteria", "exclusion": "Exclusion criteria", "review": "Points for review"}
STATUS_WORDS = {
    "convention": "Convention",
    "assumed yes": "Assumed yes, until the sponsor confirms it",
    "assumed no": "Assumed no, until the sponsor confirms it",
    "open": "Open: nobody has decided it",
}


def rules_view(published: Published) -> RulesView:
    """Every criterion, cohort and reading of a protocol, in words."""
    protocol = published.protocol
    kinds = [
        (title, [_rule_view(protocol, c) for c in protocol.criteria if c.kind == kind])
        for kind, title in KIND_TITLES.items()
    ]
    return RulesView(
        version=published.version,
        hash=published.hash,
        kinds=[(title, views) for title, views in kinds if views],
        cohorts=[_cohort_rule(protocol, cohort) for cohort in protocol.cohorts],
        readings=[(reading, STATUS_WORDS[reading.status]) for reading in protocol.readings],
        groups=[(g.title, [c.code for c in protocol.criteria if c.group == g.code]) for g in protocol.groups],
    )


ASKS = {"inclusion": "Met when", "exclusion": "Excludes when", "review": "For review when"}


def _rule_view(protocol: Protocol, criterion: Criterion) -> RuleView:
    return RuleView(
        code=criterion.code,
        kind=criterion.kind,
        title=criterion.title,
        statement=criterion.statement,
        place=criterion.place,
        scope=node(explain.outline(protocol, criterion.scope)) if criterion.scope is not None else None,
        rule=node(explain.outline(protocol, criterion.rule)),
        readings=[protocol.reading_by_code[code] for code in readings_of(criterion)],
        asks=ASKS[criterion.kind],
    )


def _cohort_rule(protocol: Protocol, cohort: Cohort) -> RuleView:
    parts = "; ".join(
        part if words == "Always" else f"{part} if {words}"
        for part, rule in cohort.parts
        if (words := explain.rule_words(protocol, rule)) != "Never"
    )
    return RuleView(
        code=cohort.code,
        kind="cohort",
        title=cohort.title,
        statement=f"Part of the trial: {parts}.",
        place="",
        scope=None,
        rule=node(explain.outline(protocol, cohort.admits)),
        readings=[protocol.reading_by_code[code] for code in cohort.readings],
        asks="Admits when",
    )


# THE RESULT


@dataclass(frozen=True)
class CriterionView:
    """A criterion on the result page."""

    code: str
    kind: str
    title: str
    outcome: str
    reason: str
    note: str
    facts: list[Row]
    tree: Node | None


@dataclass(frozen=True)
class CohortView:
    """A cohort on the result page."""

    code: str
    title: str
    verdict: str
    reasons: list[str]


@dataclass(frozen=True)
class NeedView:
    """Something to find out: the question, what waits for it, and where to answer it."""

    text: str
    waits: str
    href: str


@dataclass(frozen=True)
class ReadingView:
    """An open reading that decides something here."""

    code: str
    statement: str
    decides: str


@dataclass(frozen=True)
class ResultView:
    """The result page."""

    verdict: str
    title: str
    summary: str
    reasons: list[CriterionView]
    needs: list[NeedView]
    depends_on: list[ReadingView]
    review: list[CriterionView]
    cohorts: list[CohortView]
    criteria: list[tuple[str, list[CriterionView]]]
    basis: list[Row]
    dates: list[Row]
    version: int
    hash: str


VERDICT_TITLES = {
    "likely_eligible": "Likely eligible",
    "excluded": "Excluded",
    "undetermined": "Cannot tell yet",
}


def result_view(published: Published, verdict: Verdict, base: str) -> ResultView:
    """Everything that the result page says. `base` is the address of the check, or empty."""
    protocol = published.protocol
    results = [_criterion_view(result, base) for result in verdict.results]
    dates = verdict.participant.dates
    return ResultView(
        verdict=verdict.decision,
        title=VERDICT_TITLES[verdict.decision],
        summary=explain.summary(verdict),
        reasons=[view for view in results if view.outcome == "fail"],
        needs=[_need(protocol, missing, base) for missing in verdict.missing],
        depends_on=[_reading(verdict, code) for code in verdict.depends_on],
        review=[view for view in results if view.code in verdict.review],
        cohorts=[_cohort_view(cohort) for cohort in verdict.cohorts],
        criteria=[
            (title, [view for view in results if view.kind == kind])
            for kind, title in KIND_TITLES.items()
            if any(view.kind == kind for view in results)
        ],
        basis=[],
        dates=[
            Row("Evaluated as of", explain.date_words(dates.as_of)),
            Row("Consent", explain.date_words(dates.consent_date)),
            Row("First dose", explain.date_words(dates.first_dose_date)),
            Row("Rules", f"version {published.version}, {published.hash[:12]}"),
        ],
        version=published.version,
        hash=published.hash,
    )


def _criterion_view(result: Result, base: str) -> CriterionView:
    finding = result.deciding[0]
    criterion = result.criterion
    return CriterionView(
        code=criterion.code,
        kind=criterion.kind,
        title=criterion.title,
        outcome=result.outcome,
        reason=explain.result_reason(result),
        note=_change_note(finding) if result.outcome == "fail" else "",
        facts=_fact_rows(finding, base),
        tree=_finding_tree(finding),
    )


def _change_note(finding: Finding) -> str:
    """What may turn a failure, in a sentence."""
    if finding.passes_from is not None:
        return f"A matter of time: on the same answers this passes from {explain.date_words(finding.passes_from)}."
    notes = {
        "fixed": "This will not change.",
        "repeat": "A later measurement or a change of treatment may differ.",
        "time": "This may pass with time.",
    }
    return notes.get(finding.can_change or "", "")


def _fact_rows(finding: Finding, base: str) -> list[Row]:
    questions = finding.context.protocol.question_by_key
    return [
        Row(
            questions[fact].label,
            explain.value_words(questions[fact], value),
            href=f"{base}/questions/{primary(finding.context.protocol, fact)}?from=result" if base else "",
        )
        for fact, value in finding.facts.items()
    ]


def _finding_tree(finding: Finding) -> Node:
    protocol, context = finding.context.protocol, finding.context
    criterion = finding.criterion
    assert criterion is not None
    rule = node(explain.outline(protocol, criterion.rule, context))
    if criterion.scope is None:
        return rule
    scope = node(explain.outline(protocol, criterion.scope, context))
    applies = Node("Applies to", "term", [scope], finding.scope.value)
    return Node("", "all", [applies, rule], None)


def primary(protocol: Protocol, fact: str) -> str:
    """The question that asks for a fact: its own, or the one that it is the alternative of."""
    return next((q.key for q in protocol.questions if q.alternative == fact), fact)


def _need(protocol: Protocol, missing: Any, base: str) -> NeedView:
    question = protocol.question_by_key[missing.fact]
    waits = explain.listed([*missing.criteria, *(protocol.cohort_by_code[c].title for c in missing.cohorts)])
    return NeedView(question.label, waits, f"{base}/questions/{question.key}?from=result" if base else "")


def _reading(verdict: Verdict, code: str) -> ReadingView:
    findings = [finding for result in verdict.results for finding in result.deciding]
    findings += [cohort.admission for cohort in verdict.cohorts]
    decided = dict.fromkeys(_name(finding) for finding in findings if code in finding.depends_on)
    statement = verdict.protocol.reading_by_code[code].statement
    return ReadingView(code, statement, explain.listed(list(decided)))


def _name(finding: Finding) -> str:
    if finding.criterion is not None:
        return f"{finding.criterion.title} ({finding.criterion.code})"
    return f"admission to {finding.cohort.title}" if finding.cohort is not None else ""


def _cohort_view(verdict: CohortVerdict) -> CohortView:
    codes = verdict.reasons if verdict.verdict == "excluded" else verdict.open
    reasons = ["does not admit" if code == ADMISSION else code for code in codes]
    if verdict.verdict == "undetermined":
        reasons = ["admission" if code == ADMISSION else code for code in codes]
    return CohortView(verdict.cohort.code, verdict.cohort.title, verdict.verdict, reasons)


def path_before(path: list[Step], keys: Iterable[str]) -> list[str] | None:
    """The questions of the step before the one with these; None where there is none."""
    wanted = set(keys)
    for number, step in enumerate(path):
        if wanted & {question.key for question in step.questions}:
            return [question.key for question in path[number - 1].questions] if number else None
    return [question.key for question in path[-1].questions] if path else None
