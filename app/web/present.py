"""View data: what a page shows, worked out and worded; templates only lay it out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.calculators import CORTICOSTEROIDS, Calculation
from app.rules import explain
from app.rules.ask import Step, criteria_of, is_asked
from app.rules.calendar import read_partial
from app.rules.evaluate import Context, decide
from app.rules.facts import Age, Choice, Date, Integer, Number
from app.rules.finding import Finding
from app.rules.participant import Participant
from app.rules.protocol import ADMISSION, Cohort, Criterion, Group, Protocol, Question, Reading
from app.rules.report import readings_of
from app.rules.truth import FALSE, UNKNOWN, Truth
from app.rules.verdict import CohortVerdict, Missing, Result, Verdict
from app.trials import Trial
from app.web.forms import Form, shown
from app.web.published import Published

ChangeUrl = Callable[[str], str]


@dataclass(frozen=True)
class Row:
    """A label and a value, with a note and a link to change it."""

    label: str
    value: str
    note: str = ""
    href: str = ""
    action: str = ""


# THE TRIAL


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


@dataclass(frozen=True)
class StartView:
    """The start page: what the registry says of the trial, and its sites by country."""

    title: str
    facts: list[Row]
    sites: list[tuple[str, list[str]]]


def start_view(published: Published) -> StartView:
    """The trial as the start page tells of it."""
    trial, names = published.trial, country_names(published.protocol)
    sites: dict[str, list[str]] = {}
    for site in trial.sites:
        place = f"{site.city}, {site.region}" if site.region else site.city
        sites.setdefault(names.get(site.country, site.country), []).append(f"{site.name}, {place} ({site.number})")
    counts = [f"{name} {len(there)}" for name, there in sites.items()]
    return StartView(
        title=trial.title,
        facts=[
            Row("Sponsor", trial.sponsor),
            Row("Phase", trial.phase),
            Row("Ran", f"{_day(trial.start_date)} to {_day(trial.completion_date)}"),
            Row("Participants", f"{trial.enrolment}"),
            Row("Conditions", "; ".join(trial.conditions)),
            Row("Sites", f"{len(trial.sites)}: {', '.join(counts)}"),
        ],
        sites=list(sites.items()),
    )


def _day(text: str) -> str:
    partial = read_partial(text)
    return text if partial is None else explain.partial_words(partial)


def country_names(protocol: Protocol) -> Mapping[str, str]:
    """The names of countries, from the question that offers them by their codes."""
    options = (o for q in protocol.questions if isinstance(q.type, Choice) for o in q.type.options)
    return {option.value: option.label for option in options if len(option.value) == 2 and option.value.isupper()}


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
    options: tuple[tuple[str, str, str], ...]
    value: Any
    not_known: bool
    error: str
    error_parts: frozenset[str]
    criteria: tuple[tuple[str, str], ...]
    is_page_heading: bool
    alternative: "QuestionView | None"
    calculator: str

    @property
    def recurs(self) -> bool:
        """Whether the question looks so for many: nothing is wrong, and nothing was typed in."""
        typed = self.value and not self.options and self.type != "yes_no"
        return not (self.error or typed) and (self.alternative is None or self.alternative.recurs)


@dataclass(frozen=True)
class StepView:
    """A page of questions."""

    title: str
    questions: list[QuestionView]
    calculations: Mapping[str, Calculation[Any]]
    drugs: Mapping[str, Any]
    has_errors: bool


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
        options=tuple((o.value, o.label, o.hint) for o in getattr(type_, "options", ())),
        value=_hashable(form.typed.get(key) if form else shown(question, raw.get(key))),
        not_known=key in form.not_known if form else saved_unknown,
        error=form.errors.get(key, "") if form else "",
        error_parts=frozenset(form.error_parts.get(key, ()) if form else ()),
        criteria=tuple((criterion.code, criterion.title) for criterion in criteria_of(protocol, question)),
        is_page_heading=heading and alternative is None,
        alternative=question_view(protocol, alternative, raw, form, False) if alternative else None,
        calculator=question.calculator,
    )


def _hashable(value: Any) -> Any:
    """What stands in the fields, fit to be compared as part of a view: a text, several as a tuple, or parts typed."""
    return tuple(value) if isinstance(value, list) else value or ""


_TYPES = {"age": "number"}


def step_place(questions: Iterable[Question]) -> str:
    """The address of a step below its check's: the questions that it asks, by their facts."""
    return f"questions/{'+'.join(question.key for question in questions)}"


# ANSWERS


@dataclass(frozen=True)
class AnswersView:
    """All answers given, by section; and the dates."""

    sections: list[tuple[str, list[Row]]]
    dates: list[Row]
    answered: int


def answers_view(published: Published, participant: Participant, change: ChangeUrl, dates_url: str) -> AnswersView:
    """The check-your-answers page."""
    protocol, interviewer = published.protocol, published.interviewer
    context = Context(protocol, published.evaluator.world(participant))
    sections = []
    asked = [question for question in interviewer.questions if is_asked(question, participant)]
    for section in protocol.sections:
        rows = [_answer_row(q, context, participant, change) for q in asked if q.section == section.key]
        if rows:
            sections.append((section.title, rows))
    dates = [replace(row, href=dates_url) for row in _date_rows(participant)]
    return AnswersView(sections, dates, len(asked))


def _date_rows(participant: Participant) -> list[Row]:
    dates = participant.dates
    return [
        Row("Day of this evaluation", explain.date_words(dates.as_of)),
        Row("Consent", explain.date_words(dates.consent_date), "age counts on this day"),
        Row("First dose", explain.date_words(dates.first_dose_date), "waiting times count back from this day"),
    ]


def _answer_row(question: Question, context: Context, participant: Participant, change: ChangeUrl) -> Row:
    protocol, value = context.protocol, participant.answers.get(question.key)
    label, words = question.label, explain.value_words(question, value)
    if value is None and question.alternative is not None:
        other = protocol.question_by_key[question.alternative]
        stated = participant.answers.get(other.key)
        if stated is not None:
            label, words = other.label, explain.value_words(other, stated)
    idle = question.relevant is not None and decide(question.relevant, context) is FALSE
    note = "Kept, but it does not count while the other answers are as they are." if idle else ""
    return Row(label, _capital(words), note, change(question.key))


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _sentence(words: str) -> str:
    """The words with exactly one full stop at the end."""
    return f"{words.rstrip('. ')}."


# RULES


@dataclass(frozen=True)
class Node:
    """A rule as the tree macro draws it.

    `kind` is all, any or leaf; `negated` turns it round; a named rule has its title in `text`, and one
    that asks a single thing is drawn as a leaf with what it asks in `note`.
    """

    text: str
    kind: str
    children: "list[Node]"
    outcome: str | None
    note: str = ""
    negated: bool = False


def node(outline: explain.Outline) -> Node:
    """An outline as a node, with as few levels as its meaning allows."""
    outcome = outline.truth.value if outline.truth is not None else None
    if outline.kind == "leaf":
        return Node(outline.text, "leaf", [], outcome)
    if outline.kind == "not":
        return _turned(node(outline.children[0]), outcome)
    if outline.kind == "term":
        return _named(outline.text, node(outline.children[0]), outcome)
    return Node("", outline.kind, [node(child) for child in outline.children], outcome)


def _turned(below: Node, outcome: str | None) -> Node:
    if below.negated:
        return Node("", "all", [below], outcome, negated=True)
    return replace(below, negated=True, outcome=outcome)


def _named(title: str, below: Node, outcome: str | None) -> Node:
    if below.negated or (below.text and below.kind != "leaf"):
        return Node(title, "all", [below], outcome)
    if below.kind == "leaf":
        return Node(title, "leaf", [], outcome, below.note or below.text)
    return Node(title, below.kind, below.children, outcome)


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
    kinds: list[tuple[str, str, list[RuleView]]]
    cohorts: list[RuleView]
    readings: list[tuple[Reading, str]]
    groups: list[tuple[str, list[tuple[str, str]]]]


KIND_TITLES = {"inclusion": "Inclusion criteria", "exclusion": "Exclusion criteria", "review": "Points for review"}
STATUS_WORDS = {
    "convention": "Convention",
    "assumed yes": "Assumed to hold until the sponsor confirms it",
    "assumed no": "Assumed not to hold until the sponsor confirms it",
    "open": "Open: nobody has decided it, and where it decides the verdict stays open",
}


def rules_view(published: Published) -> RulesView:
    """Every criterion, cohort and reading of a protocol, in words."""
    protocol = published.protocol
    kinds = [
        (kind, title, [_rule_view(protocol, c) for c in protocol.criteria if c.kind == kind])
        for kind, title in KIND_TITLES.items()
    ]
    return RulesView(
        version=published.version,
        hash=published.hash,
        kinds=[found for found in kinds if found[2]],
        cohorts=[_cohort_rule(protocol, cohort) for cohort in protocol.cohorts],
        readings=[(reading, STATUS_WORDS[reading.status]) for reading in protocol.readings],
        groups=[
            (group.title, [(c.code, c.title) for c in protocol.criteria if c.group == group.code])
            for group in protocol.groups
        ],
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
        asks="Takes those for whom these hold",
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
    statement: str = ""
    place: str = ""
    note: str = ""
    facts: list[Row] = field(default_factory=list)
    scope: Node | None = None
    rule: Node | None = None
    readings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CohortView:
    """A cohort on the result page: `reasons` are titles with codes, `admission` says whom it does not take."""

    code: str
    title: str
    verdict: str
    reasons: list[tuple[str, str]]
    more: int
    admission: str


@dataclass(frozen=True)
class NeedView:
    """Something to find out: the question, what waits for it, and where to answer it."""

    text: str
    waits: str
    href: str


@dataclass(frozen=True)
class NeedsView:
    """The to-do list: what is missing by section, and what may have to be asked after that."""

    sections: list[tuple[str, list[NeedView]]]
    later: list[NeedView]
    count: int


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
    needs: NeedsView
    depends_on: list[ReadingView]
    review: list[CriterionView]
    cohorts: list[CohortView]
    criteria: list[tuple[str, str, list[CriterionView]]]
    basis: list[Row]
    version: int


VERDICT_TITLES = {
    "likely_eligible": "Likely eligible",
    "excluded": "Excluded",
    "undetermined": "Cannot tell yet",
}


REASONS_SHOWN = 4


def result_view(published: Published, verdict: Verdict, change: ChangeUrl) -> ResultView:
    """Everything that the result page says."""
    results = [_criterion_view(result, change) for result in verdict.results]
    needs = _needs(published, verdict, change)
    reasons = _reasons(verdict, results) if verdict.decision == "excluded" else []
    return ResultView(
        verdict=verdict.decision,
        title=VERDICT_TITLES[verdict.decision],
        summary=_summary(verdict, reasons, needs),
        reasons=reasons,
        needs=needs,
        depends_on=[_reading(verdict, code) for code in verdict.depends_on],
        review=[view for view in results if view.code in verdict.review],
        cohorts=[_cohort_view(verdict, cohort) for cohort in verdict.cohorts],
        criteria=[
            (title, _counts(kind, views), views)
            for kind, title in KIND_TITLES.items()
            if (views := [view for view in results if view.kind == kind])
        ],
        basis=[*_date_rows(verdict.participant), Row("Rules", f"version {published.version}", published.hash[:12])],
        version=published.version,
    )


def _summary(verdict: Verdict, reasons: list[CriterionView], needs: NeedsView) -> str:
    """The sentence below the verdict's title: it adds to the title and does not repeat it."""
    if reasons:
        named = [f"{one.title} ({one.code})" if one.code else one.title for one in reasons]
        if len(named) > REASONS_SHOWN:
            named[REASONS_SHOWN - 1 :] = [f"{len(named) - REASONS_SHOWN + 1} more"]
        return f"{explain.listed(named)}."
    if verdict.decision != "undetermined":
        words = explain.summary(verdict).removeprefix("Excluded: ").removeprefix("Likely eligible ")
        return _capital(words)
    open_ = [f"reading {code}" for code in verdict.depends_on]
    depends = f"how {explain.listed(open_)} {'is' if len(open_) == 1 else 'are'} taken" if open_ else ""
    if not needs.count:
        return f"All that was asked is answered. It depends on {depends}." if depends else explain.summary(verdict)
    answers = f"{needs.count} {'answer is' if needs.count == 1 else 'answers are'} missing"
    return f"{answers}; it may also depend on {depends}." if depends else f"{answers}."


def _counts(kind: str, views: list[CriterionView]) -> str:
    """How many criteria of a kind came out how: 3 met, 1 not known, 4 do not apply."""
    words = [explain.OUTCOME_WORDS[kind][view.outcome] for view in views]
    order = dict.fromkeys(word for word in explain.OUTCOME_WORDS[kind].values() if word in words)
    return ", ".join(f"{words.count(word)} {_plural(word) if words.count(word) > 1 else word}" for word in order)


def _plural(word: str) -> str:
    return {"does not apply": "do not apply", "excludes": "exclude"}.get(word, word)


def _reasons(verdict: Verdict, results: list[CriterionView]) -> list[CriterionView]:
    """What excludes: the criteria that fail, and the groups of which none applies."""
    failed = [view for view in results if view.outcome == "fail"]
    groups = {criterion.code: criterion.group for criterion in verdict.protocol.criteria}
    told = {groups[view.code] for view in failed}
    alone = [g for g in verdict.protocol.groups if verdict.groups[g.code] == "fail" and g.code not in told]
    return failed + [_group_view(verdict, group) for group in alone]


def _group_view(verdict: Verdict, group: Group) -> CriterionView:
    members = [result for result in verdict.results if result.criterion.group == group.code]
    names = explain.listed([f"{member.criterion.title} ({member.criterion.code})" for member in members], "or")
    questions = verdict.protocol.question_by_key
    facts = {fact: value for member in members for f in member.deciding for fact, value in f.facts.items()}
    known = [f"{questions[fact].label}: {explain.value_words(questions[fact], value)}" for fact, value in facts.items()]
    reason = " ".join([f"None of {names} can be met.", *([f"{'; '.join(known)}."] if known else [])])
    return CriterionView("", "inclusion", f"No {_lower(group.title)}", "fail", reason)


def _criterion_view(result: Result, change: ChangeUrl) -> CriterionView:
    finding, criterion = result.deciding[0], result.criterion
    protocol, context = finding.context.protocol, finding.context
    scope = criterion.scope
    return CriterionView(
        code=criterion.code,
        kind=criterion.kind,
        title=criterion.title,
        outcome=result.outcome,
        reason=_capital(explain.result_reason(result).removeprefix("Does not apply. ").removeprefix(".").strip()),
        statement=criterion.statement,
        place=criterion.place,
        note=_change_note(finding) if result.outcome == "fail" else "",
        facts=_fact_rows(finding, change),
        scope=node(explain.outline(protocol, scope, context)) if scope is not None else None,
        rule=node(explain.outline(protocol, criterion.rule, context)),
        readings=readings_of(criterion),
    )


def _change_note(finding: Finding) -> str:
    """What may turn a failure, in a sentence."""
    if finding.passes_from is not None:
        day = explain.date_words(finding.passes_from)
        return f"A matter of time: with the same answers it no longer stands in the way from {day}."
    notes = {
        "fixed": "It rests on what does not change with time or treatment.",
        "repeat": "A later measurement, or a change of treatment, may change this.",
        "time": "It may pass with time.",
    }
    return notes.get(finding.can_change or "", "")


def _fact_rows(finding: Finding, change: ChangeUrl) -> list[Row]:
    questions = finding.context.protocol.question_by_key
    return [
        Row(questions[fact].label, _capital(explain.value_words(questions[fact], value)), href=change(fact))
        for fact, value in finding.facts.items()
    ]


def primary(protocol: Protocol, fact: str) -> str:
    """The question that asks for a fact: its own, or the one that it is the alternative of."""
    return next((q.key for q in protocol.questions if q.alternative == fact), fact)


def _needs(published: Published, verdict: Verdict, change: ChangeUrl) -> NeedsView:
    """What is missing: first what applies for sure, then what may come up depending on that."""
    protocol = verdict.protocol
    context = Context(protocol, published.evaluator.world(verdict.participant))
    found = {m.fact: m for m in verdict.missing if _may_apply(protocol.question_by_key[m.fact], context) is not FALSE}
    now = [q for q in protocol.questions if q.key in found and _may_apply(q, context) is not UNKNOWN]
    later = [q for q in protocol.questions if q.key in found and _may_apply(q, context) is UNKNOWN]
    if not now:
        now, later = later, []
    sections = [
        (section.title, [_need(protocol, found[q.key], change) for q in now if q.section == section.key])
        for section in protocol.sections
    ]
    return NeedsView(
        sections=[(title, needs) for title, needs in sections if needs],
        later=[_need(protocol, found[question.key], change) for question in later],
        count=len(now),
    )


def _may_apply(question: Question, context: Context) -> Truth | None:
    return None if question.relevant is None else decide(question.relevant, context)


def _need(protocol: Protocol, missing: Missing, change: ChangeUrl) -> NeedView:
    question = protocol.question_by_key[missing.fact]
    waits = list(missing.criteria) or [protocol.cohort_by_code[code].title for code in missing.cohorts]
    shown = waits if len(waits) <= 4 else [*waits[:3], f"{len(waits) - 3} more"]
    return NeedView(question.label, explain.listed(shown), change(question.key))


def _reading(verdict: Verdict, code: str) -> ReadingView:
    findings = [finding for result in verdict.results for finding in result.deciding]
    findings += [cohort.admission for cohort in verdict.cohorts]
    decided = dict.fromkeys(_name(finding) for finding in findings if code in finding.depends_on)
    statement = verdict.protocol.reading_by_code[code].statement
    return ReadingView(code, _sentence(statement), explain.listed(list(decided)))


def _name(finding: Finding) -> str:
    if finding.criterion is not None:
        return f"{finding.criterion.title} ({finding.criterion.code})"
    return f"the admission to {finding.cohort.title}" if finding.cohort is not None else ""


def _cohort_view(verdict: Verdict, cohort: CohortVerdict) -> CohortView:
    protocol = verdict.protocol
    codes = cohort.reasons if cohort.verdict == "excluded" else cohort.open
    titles = {criterion.code: criterion.title for criterion in protocol.criteria}
    wanting = "No" if cohort.verdict == "excluded" else ""
    groups = {group.code: _capital(f"{wanting} {_lower(group.title)}".strip()) for group in protocol.groups}
    admission = ""
    if ADMISSION in codes:
        begins = "Does not take this participant" if cohort.verdict == "excluded" else "Admission is open"
        admission = f"{begins}: {_lower(explain.reason(cohort.admission))}"
    named = [("", groups[code]) if code in groups else (code, titles[code]) for code in codes if code != ADMISSION]
    shown = named if len(named) <= REASONS_SHOWN else named[: REASONS_SHOWN - 1]
    more = len(named) - len(shown)
    return CohortView(cohort.cohort.code, cohort.cohort.title, cohort.verdict, shown, more, admission)


def _lower(words: str) -> str:
    """The words as they go on a sentence; a label that begins with an abbreviation stays."""
    return words[:1].lower() + words[1:] if words[1:2].islower() else words


def path_before(path: Sequence[Step], keys: Iterable[str]) -> Step | None:
    """The step before the one with these questions; None where there is none."""
    wanted = set(keys)
    for number, step in enumerate(path):
        if wanted & {question.key for question in step.questions}:
            return path[number - 1] if number else None
    return path[-1] if path else None
