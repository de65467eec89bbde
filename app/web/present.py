"""View data: what a page shows, worked out and worded; templates only lay it out."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.calculators import CORTICOSTEROIDS, Calculation
from app.rules import conditions, explain
from app.rules.ask import Step, criteria_of, is_asked
from app.rules.calendar import read_partial
from app.rules.edit_checks import Raised
from app.rules.evaluate import Context, decide, reads
from app.rules.facts import Age, Choice, Date, Integer, Number
from app.rules.finding import Finding
from app.rules.participant import Participant
from app.rules.protocol import ADMISSION, Cohort, Criterion, EditCheck, Group, Protocol, Question, Reading
from app.rules.report import readings_of
from app.rules.tree import Always
from app.rules.truth import FALSE, UNKNOWN, Truth
from app.rules.verdict import CohortVerdict, Missing, Result, Verdict
from app.rules.words import (
    N_,
    _,
    commas,
    current,
    date_words,
    english,
    listed,
    ngettext,
    partial_words,
    semicolons,
    sentences,
    unit_words,
    unstopped,
)
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
    status_words: str
    is_open: bool


STATUSES = {
    "NOT_YET_RECRUITING": N_("not yet recruiting"),
    "RECRUITING": N_("recruiting"),
    "ENROLLING_BY_INVITATION": N_("enrolling by invitation"),
    "ACTIVE_NOT_RECRUITING": N_("active not recruiting"),
    "SUSPENDED": N_("suspended"),
    "TERMINATED": N_("terminated"),
    "COMPLETED": N_("completed"),
    "WITHDRAWN": N_("withdrawn"),
    "UNKNOWN": N_("unknown"),
}
OPEN = ("RECRUITING", "ENROLLING_BY_INVITATION")


def trial_view(trial: Trial) -> TrialView:
    """The trial's header."""
    words = STATUSES.get(trial.status)
    told = english(trial.status.lower().replace("_", " ")) if words is None else _(words)
    is_open = trial.status in OPEN
    return TrialView(trial.nct_id, trial.title, trial.status, trial.status_as_of, trial.source, told, is_open)


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
        told = english(f"{site.name}, {place} ({site.number})")
        sites.setdefault(names.get(site.country, site.country), []).append(told)
    counts = [f"{name} {len(there)}" for name, there in sites.items()]
    return StartView(
        title=english(trial.title),
        facts=[
            Row(_("Sponsor"), trial.sponsor),
            Row(_("Phase"), english(trial.phase)),
            Row(_("Ran"), _("{first} to {last}", first=_day(trial.start_date), last=_day(trial.completion_date))),
            Row(_("Participants"), f"{trial.enrolment}"),
            Row(_("Conditions"), english("; ".join(trial.conditions))),
            Row(_("Sites"), _("{label}: {value}", label=len(trial.sites), value=commas(counts))),
        ],
        sites=list(sites.items()),
    )


def _day(text: str) -> str:
    partial = read_partial(text)
    return text if partial is None else partial_words(partial)


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
        unit=unit_words(type_.unit, context=type_.unit_context) if isinstance(type_, Integer | Number | Age) else "",
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


# QUERIES


@dataclass(frozen=True)
class QueryView:
    """Answers that hardly go together: why, and each with where it is changed."""

    message: str
    facts: list[Row]


def query_views(published: Published, found: Iterable[Raised], change: ChangeUrl) -> list[QueryView]:
    """The edit checks that a participant's answers raise."""
    questions = published.protocol.question_by_key
    return [QueryView(query.message, _rows(query.facts, questions, change)) for query in found]


def _rows(facts: Mapping[str, Any], questions: Mapping[str, Question], change: ChangeUrl) -> list[Row]:
    return [
        Row(questions[fact].label, _capital(explain.value_words(questions[fact], value)), href=change(fact))
        for fact, value in facts.items()
    ]


# ANSWERS


@dataclass(frozen=True)
class AnswersView:
    """All answers given, by section; the dates; and what hardly goes together."""

    sections: list[tuple[str, list[Row]]]
    dates: list[Row]
    answered: int
    queries: list[QueryView]


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
    return AnswersView(
        sections, dates, len(asked), query_views(published, published.evaluator.queries(participant), change)
    )


def answer_rows(published: Published, participant: Participant, questions: Iterable[Question]) -> list[Row]:
    """What is answered to these questions, in words, with nothing to change it."""
    context = Context(published.protocol, published.evaluator.world(participant))
    asked = [question for question in questions if is_asked(question, participant)]
    return [replace(_answer_row(one, context, participant, lambda fact: ""), href="") for one in asked]


def _date_rows(participant: Participant) -> list[Row]:
    dates = participant.dates
    return [
        Row(_("Day of this evaluation"), date_words(dates.as_of)),
        Row(_("Consent"), date_words(dates.consent_date), _("age counts on this day")),
        Row(_("First dose"), date_words(dates.first_dose_date), _("waiting times count back from this day")),
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
    note = _("Kept, but it does not count while the other answers are as they are.") if idle else ""
    return Row(label, _capital(words), note, change(question.key))


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _sentence(words: str) -> str:
    """The words with exactly one full stop at the end."""
    return _("{sentence}.", sentence=unstopped(words))


# RULES


@dataclass(frozen=True)
class Node:
    """A rule as the tree macro draws it.

    `kind` is all, any or leaf; `negated` turns it round; a named rule has its title in `text`, and one
    that asks a single thing is drawn as a leaf with what it asks in `note`. `value` is what was answered.
    """

    text: str
    kind: str
    children: "list[Node]"
    outcome: str | None
    note: str = ""
    negated: bool = False
    value: str = ""


def node(outline: explain.Outline) -> Node:
    """An outline as a node, with as few levels as its meaning allows."""
    outcome = outline.truth.value if outline.truth is not None else None
    if outline.kind == "leaf":
        return Node(outline.text, "leaf", [], outcome, value=outline.value)
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
        return Node(title, "leaf", [], outcome, below.note or below.text, value=below.value)
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
    checks: list[RuleView]
    groups: list[tuple[str, list[tuple[str, str]]]]


KIND_TITLES = {
    "inclusion": N_("Inclusion criteria"),
    "exclusion": N_("Exclusion criteria"),
    "review": N_("Points for review"),
}
STATUS_WORDS = {
    "convention": N_("Convention"),
    "assumed yes": N_("Assumed to hold until the sponsor confirms it"),
    "assumed no": N_("Assumed not to hold until the sponsor confirms it"),
    "open": N_("Open: nobody has decided it, and where it decides the verdict stays open"),
}


def rules_view(published: Published) -> RulesView:
    """Every criterion, cohort, reading and edit check of a protocol, in words."""
    protocol = published.protocol
    kinds = [
        (kind, _(title), [_rule_view(protocol, c) for c in protocol.criteria if c.kind == kind])
        for kind, title in KIND_TITLES.items()
    ]
    return RulesView(
        version=published.version,
        hash=published.hash,
        kinds=[found for found in kinds if found[2]],
        cohorts=[_cohort_rule(protocol, cohort) for cohort in protocol.cohorts],
        readings=[(reading, _(STATUS_WORDS[reading.status])) for reading in protocol.readings],
        checks=[_edit_check(protocol, check) for check in protocol.edit_checks],
        groups=[
            (group.title, [(c.code, c.title) for c in protocol.criteria if c.group == group.code])
            for group in protocol.groups
        ],
    )


ASKS = {"inclusion": N_("Met when"), "exclusion": N_("Excludes when"), "review": N_("For review when")}


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
        asks=_(ASKS[criterion.kind]),
    )


def _cohort_rule(protocol: Protocol, cohort: Cohort) -> RuleView:
    parts = [
        protocol.part_words[part]
        if rule == Always(True)
        else _("{part} if {condition}", part=protocol.part_words[part], condition=explain.rule_words(protocol, rule))
        for part, rule in cohort.parts
        if rule != Always(False)
    ]
    return RuleView(
        code=cohort.code,
        kind="cohort",
        title=cohort.title,
        statement=_("Part of the trial: {parts}.", parts=semicolons(parts)),
        place="",
        scope=None,
        rule=node(explain.outline(protocol, cohort.admits)),
        readings=[protocol.reading_by_code[code] for code in cohort.readings],
        asks=_("Takes those for whom these hold"),
    )


def _edit_check(protocol: Protocol, check: EditCheck) -> RuleView:
    """An edit check, under the names of the answers that it holds against each other."""
    names = reads(protocol, [check.rule])
    asked = [protocol.question_by_key[name] for name in names if name in protocol.question_by_key]
    labels = [question.label for question in asked if question.alternative not in names]
    return RuleView(
        code=check.code,
        kind="check",
        title=_capital(listed(labels)),
        statement=check.message,
        place="",
        scope=None,
        rule=node(explain.outline(protocol, check.rule)),
        readings=[],
        asks=_("Asks to look again when"),
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
    """Something to find out: the question, where the answer may be found, what waits for it, where to give it."""

    text: str
    source: str
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
    queries: list[QueryView]
    depends_on: list[ReadingView]
    review: list[CriterionView]
    cohorts: list[CohortView]
    criteria: list[tuple[str, str, list[CriterionView]]]
    basis: list[Row]
    version: int
    hash: str
    decided: str | None


VERDICT_TITLES = {
    "likely_eligible": N_("Likely eligible"),
    "excluded": N_("Excluded"),
    "undetermined": N_("Cannot tell yet"),
}


REASONS_SHOWN = 4


def result_view(published: Published, verdict: Verdict, change: ChangeUrl) -> ResultView:
    """Everything that the result page says."""
    results = [_criterion_view(result, change) for result in verdict.results]
    needs = _needs(published, verdict, change)
    reasons = _reasons(verdict, results) if verdict.decision == "excluded" else []
    return ResultView(
        verdict=verdict.decision,
        title=_(VERDICT_TITLES[verdict.decision]),
        summary=_summary(verdict, reasons, needs),
        reasons=reasons,
        needs=needs,
        queries=query_views(published, verdict.queries, change),
        depends_on=[_reading(verdict, code) for code in verdict.depends_on],
        review=[view for view in results if view.code in verdict.review],
        cohorts=[_cohort_view(verdict, cohort) for cohort in verdict.cohorts],
        criteria=[
            (_(title), _counts(kind, views), views)
            for kind, title in KIND_TITLES.items()
            if (views := [view for view in results if view.kind == kind])
        ],
        basis=[
            *_date_rows(verdict.participant),
            Row(_("Rules"), _("version {number}", number=published.version), published.hash[:12]),
        ],
        version=published.version,
        hash=published.hash,
        decided=conditions.decided_words(verdict, published.reporter.exactness.decision(verdict)),
    )


def outlook_view(published: Published, verdict: Verdict) -> list[conditions.Part]:
    """What would change the verdict: for the result page alone, because it takes longer than all the rest."""
    return conditions.parts(published.changes(verdict))


def _summary(verdict: Verdict, reasons: list[CriterionView], needs: NeedsView) -> str:
    """The sentence below the verdict's title: it adds to the title and does not repeat it."""
    if reasons:
        named = [explain.coded(one.title, one.code) for one in reasons]
        if len(named) > REASONS_SHOWN:
            named[REASONS_SHOWN - 1 :] = [_more(len(named) - REASONS_SHOWN + 1)]
        return _("{sentence}.", sentence=listed(named))
    if verdict.decision == "excluded":
        return _("{sentence}.", sentence=_capital(explain.exclusion(verdict)))
    if verdict.decision == "likely_eligible":
        titles = [cohort.cohort.title for cohort in verdict.cohorts if cohort.verdict == "likely_eligible"]
        return _("For {cohorts}.", cohorts=listed(titles))
    open_ = [_("reading {code}", code=code) for code in verdict.depends_on]
    depends = ngettext("how {readings} is taken", "how {readings} are taken", len(open_), readings=listed(open_))
    if not needs.count:
        told = _("All that was asked is answered. It depends on {readings}.", readings=depends)
        return told if open_ else explain.summary(verdict)
    answers = ngettext("{number} answer is missing", "{number} answers are missing", needs.count, number=needs.count)
    if not open_:
        return _("{sentence}.", sentence=answers)
    return _("{answers}; it may also depend on {readings}.", answers=answers, readings=depends)


def _more(number: int) -> str:
    return ngettext("{number} more", "{number} more", number, number=number)


def _counts(kind: str, views: list[CriterionView]) -> str:
    """How many criteria of a kind came out how: 3 met, 1 not known, 4 do not apply."""
    counts = Counter(explain.OUTCOME_COUNTS[kind][view.outcome] for view in views)
    forms = dict.fromkeys(forms for forms in explain.OUTCOME_COUNTS[kind].values() if forms in counts)
    return commas([ngettext(*both, counts[both], number=counts[both]) for both in forms])


def _reasons(verdict: Verdict, results: list[CriterionView]) -> list[CriterionView]:
    """What excludes: the criteria that fail, and the groups of which none applies."""
    failed = [view for view in results if view.outcome == "fail"]
    groups = {criterion.code: criterion.group for criterion in verdict.protocol.criteria}
    told = {groups[view.code] for view in failed}
    alone = [g for g in verdict.protocol.groups if verdict.groups[g.code] == "fail" and g.code not in told]
    return failed + [_group_view(verdict, group) for group in alone]


def _group_view(verdict: Verdict, group: Group) -> CriterionView:
    members = [result for result in verdict.results if result.criterion.group == group.code]
    names = listed([explain.coded(member.criterion.title, member.criterion.code) for member in members], "or")
    questions = verdict.protocol.question_by_key
    facts = {fact: value for member in members for f in member.deciding for fact, value in f.facts.items()}
    known = [
        _("{label}: {value}", label=questions[fact].label, value=explain.value_words(questions[fact], value))
        for fact, value in facts.items()
    ]
    told = [_("{sentence}.", sentence=semicolons(known))] if known else []
    reason = sentences([_("None of {criteria} can be met.", criteria=names), *told])
    return CriterionView("", "inclusion", _("No {group}", group=_lower(group.title)), "fail", reason)


def _criterion_view(result: Result, change: ChangeUrl) -> CriterionView:
    finding, criterion = result.deciding[0], result.criterion
    protocol, context = finding.context.protocol, finding.context
    scope = criterion.scope
    return CriterionView(
        code=criterion.code,
        kind=criterion.kind,
        title=criterion.title,
        outcome=result.outcome,
        reason=_capital(explain.result_reason(result).removeprefix(_("Does not apply.")).strip()),
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
        day = date_words(finding.passes_from)
        return _("A matter of time: with the same answers it no longer stands in the way from {day}.", day=day)
    notes = {
        "fixed": _("It rests on what does not change with time or treatment."),
        "repeat": _("A later measurement, or a change of treatment, may change this."),
        "time": _("It may pass with time."),
    }
    return notes.get(finding.can_change or "", "")


def _fact_rows(finding: Finding, change: ChangeUrl) -> list[Row]:
    return _rows(finding.facts, finding.context.protocol.question_by_key, change)


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
    shown = waits if len(waits) <= 4 else [*waits[:3], _more(len(waits) - 3)]
    return NeedView(question.label, _source(question), listed(shown), change(question.key))


IN_THE_HEAD, IN_THE_CHART = 1, 5  # burdens up to which an answer needs no looking up, or no new test


def _source(question: Question) -> str:
    """Where an answer is to be looked for, by what it costs to find out; nothing where one has only to ask."""
    burden = question.asking.burden
    if burden <= IN_THE_HEAD:
        return ""
    return _("in the chart") if burden <= IN_THE_CHART else _("by a test")


def _reading(verdict: Verdict, code: str) -> ReadingView:
    findings = [finding for result in verdict.results for finding in result.deciding]
    findings += [cohort.admission for cohort in verdict.cohorts]
    decided = dict.fromkeys(_name(finding) for finding in findings if code in finding.depends_on)
    statement = verdict.protocol.reading_by_code[code].statement
    return ReadingView(code, _sentence(statement), listed(list(decided)))


def _name(finding: Finding) -> str:
    if finding.criterion is not None:
        return explain.coded(finding.criterion.title, finding.criterion.code)
    return _("the admission to {cohort}", cohort=finding.cohort.title) if finding.cohort is not None else ""


def _cohort_view(verdict: Verdict, cohort: CohortVerdict) -> CohortView:
    protocol = verdict.protocol
    codes = cohort.reasons if cohort.verdict == "excluded" else cohort.open
    titles = {criterion.code: criterion.title for criterion in protocol.criteria}
    groups = {group.code: _capital(group.title) for group in protocol.groups}
    if cohort.verdict == "excluded":
        groups = {group.code: _("No {group}", group=_lower(group.title)) for group in protocol.groups}
    admission = ""
    if ADMISSION in codes:
        admission = _lower(explain.reason(cohort.admission))
        if cohort.verdict == "excluded":
            admission = _("Does not take this participant: {reason}", reason=admission)
        else:
            admission = _("Admission is open: {reason}", reason=admission)
    named = [("", groups[code]) if code in groups else (code, titles[code]) for code in codes if code != ADMISSION]
    shown = named if len(named) <= REASONS_SHOWN else named[: REASONS_SHOWN - 1]
    more = len(named) - len(shown)
    return CohortView(cohort.cohort.code, cohort.cohort.title, cohort.verdict, shown, more, admission)


def _lower(words: str) -> str:
    """The words as they go on a sentence; a label that begins with an abbreviation stays."""
    return current().lower(words)


def path_before(path: Sequence[Step], keys: Iterable[str]) -> Step | None:
    """The step before the one with these questions; None where there is none."""
    wanted = set(keys)
    for number, step in enumerate(path):
        if wanted & {question.key for question in step.questions}:
            return path[number - 1] if number else None
    return path[-1] if path else None
