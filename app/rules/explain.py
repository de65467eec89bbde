"""Every sentence about rules: what a rule says, why an outcome is what it is, what is missing.

Sentences are made from the rule and the values that decided it, so they cannot drift from the
logic. A value is always named with its fact, and a limit with its comparison.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.rules.calendar import PartialDate
from app.rules.edit_checks import Raised
from app.rules.evaluate import Context, decide, number_reads, numbers
from app.rules.facts import Age, Choice, Integer, Many, Number, Value
from app.rules.finding import Finding
from app.rules.memory import Memory
from app.rules.protocol import ADMISSION, Protocol, Question
from app.rules.tree import (
    FACT_RULES,
    All,
    Always,
    AnyOf,
    Compare,
    Comparison,
    Elapsed,
    ExceedsAge,
    Includes,
    InPart,
    IsOneOf,
    IsYes,
    Not,
    ReadingHolds,
    Rule,
    Term,
    children,
)
from app.rules.truth import FALSE, TRUE, UNKNOWN, Truth
from app.rules.verdict import Result, Verdict
from app.rules.words import (
    N_,
    NN_,
    _,
    commas,
    current,
    date_words,
    joined,
    listed,
    measured,
    ngettext,
    number_words,
    partial_words,
    semicolons,
    sentences,
    unstopped,
)

ANCHOR_WORDS = {
    "as_of": N_("the day of this evaluation"),
    "consent_date": N_("consent"),
    "first_dose_date": N_("the first dose"),
}
OPPOSITE: dict[Comparison, Comparison] = {"<": ">=", ">=": "<", "<=": ">", ">": "<="}
BOUND_WORDS: dict[Comparison, str] = {
    "<": N_("below {limit}"),
    "<=": N_("at most {limit}"),
    ">": N_("above {limit}"),
    ">=": N_("at least {limit}"),
}
MAX_NEEDS = 6
AGE_WORDS: dict[Comparison, str] = {
    "<": N_("under {limit}"),
    "<=": N_("at most {limit}"),
    ">": N_("over {limit}"),
    ">=": N_("at least {limit}"),
}


# VALUES IN WORDS


def coded(title: str, code: str) -> str:
    """A criterion by its title and code."""
    return _("{title} ({code})", title=title, code=code) if code else title


def value_words(question: Question, value: Value | None) -> str:
    """A fact's value as a person reads it, with its unit."""
    if value is None:
        return _("not known")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float):
        return _with_unit(question, number_words(value), value)
    if isinstance(value, PartialDate):
        return partial_words(value)
    labels = _labels(question)
    if isinstance(value, tuple):
        return commas([labels[option] for option in value]) or _("none")
    return labels[value]


def _with_unit(question: Question, text: str, number: float) -> str:
    type_ = question.type
    assert isinstance(type_, Integer | Number | Age)
    return measured(text, type_.unit, number, type_.unit_context)


def _labels(question: Question) -> dict[str, str]:
    assert isinstance(question.type, Choice | Many)
    return {option.value: option.label for option in question.type.options}


# RULES IN WORDS


@dataclass(frozen=True, slots=True)
class Outline:
    """A rule in words: `kind` is all, any, not, term or leaf; `truth` is None where nobody is judged.

    `value` is what a leaf found of a participant, in words; empty where that is not known.
    """

    text: str
    kind: str
    truth: Truth | None
    children: "tuple[Outline, ...]" = ()
    value: str = ""


def outline(protocol: Protocol, rule: Rule, context: Context | None = None) -> Outline:
    """The rule tree in words, with the truth of every node where a context is given."""
    truth = decide(rule, context) if context is not None else None
    match rule:
        case All(rules) | AnyOf(rules):
            below = tuple(outline(protocol, child, context) for child in rules)
            return Outline(_("All of") if isinstance(rule, All) else _("Any of"), rule.kind, truth, below)
        case Not(child):
            return Outline(_("Not"), "not", truth, (outline(protocol, child, context),))
        case Term(name):
            term = protocol.term_by_name[name]
            return Outline(term.title, "term", truth, (outline(protocol, term.rule, context),))
    return Outline(leaf_words(protocol, rule), "leaf", truth, value=_found(rule, context))


def _found(rule: Rule, context: Context | None) -> str:
    """The answer that a leaf reads, in words."""
    if context is None or not isinstance(rule, FACT_RULES):
        return ""
    names = [name for name in number_reads(context.protocol, rule.fact) if name in context.protocol.question_by_key]
    return "" if all(context.world[name] is None for name in names) else gap_words(rule.fact, context)


def leaf_words(protocol: Protocol, rule: Rule) -> str:
    """What a leaf asks, in words."""
    match rule:
        case Always(truth):
            return _("Always") if truth else _("Never")
        case IsYes(fact):
            return _("{label}: {value}", label=_label(protocol, fact), value=_("yes"))
        case IsOneOf(fact, options):
            return _("{label}: {value}", label=_label(protocol, fact), value=_or(protocol, fact, options))
        case Includes(fact, options):
            return _("{label}: includes {value}", label=_label(protocol, fact), value=_or(protocol, fact, options))
        case Compare(fact, comparison, limit):
            value = _bound(protocol, fact, comparison, limit)
            return _("{label}: {value}", label=_label(protocol, fact), value=value)
        case Elapsed(fact):
            span = _("{span} before {day}", span=span_words(rule, TRUE), day=_(ANCHOR_WORDS[rule.anchor]))
            return _("{label}: {value}", label=_label(protocol, fact), value=span)
        case ExceedsAge(fact):
            return _("{label}: longer than the participant has lived", label=_label(protocol, fact))
        case ReadingHolds(code):
            return _("Reading {code}: {statement}", code=code, statement=protocol.reading_by_code[code].statement)
        case InPart(part):
            words = _part(protocol, part, TRUE)
            return f"{words[0].upper()}{words[1:]}"
    raise AssertionError(rule)


def rule_words(protocol: Protocol, rule: Rule) -> str:
    """A whole rule in one line of words, brackets where needed; terms by their title."""
    match rule:
        case All(rules):
            return joined(_("{first} AND {next}"), [_bracketed(protocol, child) for child in rules])
        case AnyOf(rules):
            return joined(_("{first} OR {next}"), [_bracketed(protocol, child) for child in rules])
        case Not(child):
            return _("NOT {rule}", rule=_bracketed(protocol, child))
        case Term(name):
            return protocol.term_by_name[name].title
        case ReadingHolds(code):
            return _("reading {code}", code=code)
    return leaf_words(protocol, rule)


def _bracketed(protocol: Protocol, rule: Rule) -> str:
    words = rule_words(protocol, rule)
    return _("({rule})", rule=words) if len(children(rule)) > 1 else words


def _label(protocol: Protocol, fact: str) -> str:
    return protocol.question_by_key[fact].label


def _or(protocol: Protocol, fact: str, options: Iterable[str]) -> str:
    labels = _labels(protocol.question_by_key[fact])
    return listed([labels[option] for option in options], "or")


def _bound(protocol: Protocol, fact: str, comparison: Comparison, limit: float) -> str:
    question = protocol.question_by_key[fact]
    words = AGE_WORDS if isinstance(question.type, Age) else BOUND_WORDS
    return _(words[comparison], limit=_with_unit(question, number_words(limit), limit))


def span_words(rule: Elapsed, truth: Truth) -> str:
    """A window in words: at least 28 days, or less than that."""
    less = (rule.comparison == "<") is (truth is TRUE)
    time = measured(str(rule.amount), rule.unit, rule.amount)
    return _("less than {time}", time=time) if less else _("at least {time}", time=time)


# QUERIES


def query_words(raised: Raised, protocol: Protocol) -> str:
    """A query in a line: its message, and the answers that it is about."""
    questions = protocol.question_by_key
    facts = [
        _("{label}: {value}", label=questions[fact].label, value=value_words(questions[fact], value))
        for fact, value in raised.facts.items()
    ]
    return _("{message} {facts}.", message=raised.message, facts=semicolons(facts))


# WHY AN OUTCOME IS WHAT IT IS


# The sentences are written as forms first: in a form, a name between two GAPs (which no text of a protocol
# can hold) stands for what the participant's world has there. Findings by one ruling share their form.

GAP = "\0"
_forms: Memory[str] = Memory(16384)


def reason(finding: Finding) -> str:
    """One sentence: the values, limits and readings that make this outcome."""
    return fill(reason_form(finding), finding.context)


def fill(form: str, context: Context) -> str:
    """The form with the participant's own values and dates in its gaps."""
    pieces = form.split(GAP)
    pieces[1::2] = [gap_words(name, context) for name in pieces[1::2]]
    return "".join(pieces)


def gap_words(name: str, context: Context) -> str:
    """What a name in the world comes to, in words."""
    value = context.world[name]
    if name in ANCHOR_WORDS:
        return date_words(value)
    return _age_words(context, name) or value_words(context.protocol.question_by_key[name], value)


def _gap(name: str, context: Context) -> str:
    """Room for the value of a name; yes and no, which every rule tells apart, are filled in at once."""
    return gap_words(name, context) if isinstance(context.world[name], bool) else f"{GAP}{name}{GAP}"


def reason_form(finding: Finding) -> str:
    """The form of the reason, remembered."""
    place = current().language, finding.ruling
    return _forms.get(place) or _forms.keep(place, _reason_form(finding))


def _reason_form(finding: Finding) -> str:
    if finding.outcome == "unknown":
        return _waits(finding)
    if finding.outcome == "not_applicable":
        return sentences([_("Does not apply."), _based(_evidence(finding, finding.rules[:1]))])
    condition = finding.rules[-1:]
    rest = finding.rules[:-1] if finding.scope is TRUE else ()
    return _based(_evidence(finding, (*condition, *rest)))


def _based(evidence: str) -> str:
    """The evidence as a sentence; without any, the rule comes out alike for everybody."""
    if not evidence:
        return _("So by the protocol, whatever the answers.")
    sentence = evidence[0].upper() + evidence[1:]
    return _("{evidence}.", evidence=sentence)


def result_reason(result: Result) -> str:
    """The reason of a criterion over all cohorts; where they differ, each is named."""
    return fill(result_form(result), result.context)


def result_form(result: Result) -> str:
    """The form of the reason over all cohorts."""
    if len({finding.outcome for finding in result.deciding}) == 1:
        return reason_form(max(result.deciding, key=lambda finding: len(finding.facts)))
    parts = [
        _(
            "{label}: {value}",
            label=finding.cohort.title,
            value=_(OUTCOME_WORDS[result.criterion.kind][finding.outcome]),
        )
        for finding in result.deciding
        if finding.cohort is not None
    ]
    details = dict.fromkeys(
        reason_form(finding) for finding in result.deciding if finding.outcome in ("fail", "unknown")
    )
    return sentences([_("Depends on the cohort."), _("{evidence}.", evidence=semicolons(parts)), *details])


_OPEN_WORDS = {"unknown": N_("not known"), "not_applicable": N_("does not apply")}
OUTCOME_WORDS = {
    "inclusion": {"pass": N_("met"), "fail": N_("not met"), **_OPEN_WORDS},
    "exclusion": {"pass": N_("clear"), "fail": N_("excludes"), **_OPEN_WORDS},
    "review": {"pass": N_("noted"), "fail": N_("noted"), **_OPEN_WORDS},
}
_OPEN_COUNTS = {
    "unknown": NN_("{number} not known", "{number} not known"),
    "not_applicable": NN_("{number} does not apply", "{number} do not apply"),
}
OUTCOME_COUNTS = {
    "inclusion": {
        "pass": NN_("{number} met", "{number} met"),
        "fail": NN_("{number} not met", "{number} not met"),
        **_OPEN_COUNTS,
    },
    "exclusion": {
        "pass": NN_("{number} clear", "{number} clear"),
        "fail": NN_("{number} excludes", "{number} exclude"),
        **_OPEN_COUNTS,
    },
    "review": dict.fromkeys(("pass", "fail"), NN_("{number} noted", "{number} noted")) | _OPEN_COUNTS,
}


def _waits(finding: Finding) -> str:
    context, told = finding.context, []
    questions = context.protocol.question_by_key
    absent = [questions[name].label for name in finding.missing if name in questions and context.world[name] is None]
    vague = [name for name in finding.missing if name in questions and context.world[name] is not None]
    if absent:
        told.append(_("Not known: {facts}.", facts=semicolons(absent)))
    for name in vague:
        label, value = questions[name].label, _gap(name, context)
        told.append(_("Not exact enough to decide: {label} ({value}).", label=label, value=value))
    for name in finding.missing:
        if name not in questions:
            statement = unstopped(context.protocol.reading_by_code[name].statement)
            told.append(_("Reading {code} is open: {statement}.", code=name, statement=statement))
    known = _evidence(finding, finding.rules) if finding.facts else ""
    return sentences([*told, *([_("Known so far: {evidence}.", evidence=known)] if known else [])])


def _evidence(finding: Finding, rules: Iterable[Rule]) -> str:
    """The facts that decided, each with its value and the limits it was held against."""
    phrases: dict[str, list[str]] = {}
    bounds: dict[str, list[tuple[Comparison, float]]] = {}
    readings: dict[str, None] = {}
    parts: dict[str, None] = {}
    everything = finding.outcome == "fail"
    for rule in rules:
        for leaf, truth in _deciding(rule, finding.context):
            match leaf:
                case ReadingHolds(code):
                    readings.setdefault(code)
                case InPart(part) if finding.outcome != "pass":
                    parts.setdefault(_part(finding.context.protocol, part, truth))
                case Compare(fact):
                    name = _source(finding.context, fact)
                    if everything or name in finding.facts:
                        held = leaf.comparison if truth is TRUE else OPPOSITE[leaf.comparison]
                        bounds.setdefault(fact, []).append((held, leaf.limit))
                        phrases.setdefault(fact, [])
                case Elapsed(fact) if everything or fact in finding.facts:
                    day = _gap(leaf.anchor, finding.context)
                    remark = _(
                        "{span} before {event} on {day}",
                        span=span_words(leaf, truth),
                        event=_(ANCHOR_WORDS[leaf.anchor]),
                        day=day,
                    )
                    phrases.setdefault(fact, []).append(remark)
                case IsYes(fact) | IsOneOf(fact) | Includes(fact) if everything or fact in finding.facts:
                    phrases.setdefault(fact, [])
    facts = _fact_phrases(finding.context, phrases, bounds)
    return semicolons([*facts, *parts, *_reading_phrases(finding, readings)])


def _part(protocol: Protocol, part: str, truth: Truth) -> str:
    words = protocol.part_words[part]
    if truth is TRUE:
        return _("the cohort belongs to the {part} part", part=words)
    return _("the cohort does not belong to the {part} part", part=words)


def _deciding(rule: Rule, context: Context) -> Iterator[tuple[Rule, Truth]]:
    """The decided leaves that make a rule's truth; below an unknown rule, all that are decided."""
    truth = decide(rule, context)
    match rule:
        case All(rules) | AnyOf(rules):
            decisive = FALSE if isinstance(rule, All) else TRUE
            for child in rules:
                if truth is not decisive or decide(child, context) is truth:
                    yield from _deciding(child, context)
        case Not(child):
            yield from _deciding(child, context)
        case Term(name):
            yield from _deciding(context.protocol.term_by_name[name].rule, context)
        case InPart(part) if truth is not UNKNOWN and context.cohort is not None:
            yield rule, truth
            for name, of_part in context.cohort.parts:
                if name == part:
                    yield from _deciding(of_part, context)
        case _ if truth is not UNKNOWN:
            yield rule, truth


def _source(context: Context, fact: str) -> str:
    """The answer that a number comes from: for an age, the birth date where it is known."""
    names = [name for name in number_reads(context.protocol, fact) if name in context.protocol.question_by_key]
    return next(name for name in names if context.world[name] is not None)


def _fact_phrases(
    context: Context, phrases: dict[str, list[str]], bounds: dict[str, list[tuple[Comparison, float]]]
) -> Iterator[str]:
    for fact, remarks in phrases.items():
        question = context.protocol.question_by_key[fact]
        held = range_words(context.protocol, fact, tightest(bounds.get(fact, [])))
        remark, value = commas(list(dict.fromkeys([*held, *remarks]))), _gap(fact, context)
        if remark:
            yield _("{label}: {value} ({remark})", label=question.label, value=value, remark=remark)
        else:
            yield _("{label}: {value}", label=question.label, value=value)


def tightest(bounds: list[tuple[Comparison, float]]) -> list[tuple[Comparison, float]]:
    """Of several bounds on one number, the highest lower one and the lowest upper one."""
    lower = [bound for bound in bounds if bound[0] in (">", ">=")]
    upper = [bound for bound in bounds if bound[0] in ("<", "<=")]
    best = [max(lower, key=lambda bound: (bound[1], bound[0] == ">"))] if lower else []
    return best + ([min(upper, key=lambda bound: (bound[1], bound[0] != "<"))] if upper else [])


def range_words(protocol: Protocol, fact: str, bounds: list[tuple[Comparison, float]]) -> list[str]:
    """The bounds as one remark, which names the unit once: at least 18 and under 75 years."""
    if len(bounds) < 2:
        return [_bound(protocol, fact, *bound) for bound in bounds]
    words = AGE_WORDS if isinstance(protocol.question_by_key[fact].type, Age) else BOUND_WORDS
    (low, least), above = bounds[0], bounds[1]
    return [listed([_(words[low], limit=number_words(least)), _bound(protocol, fact, *above)])]


def _age_words(context: Context, fact: str) -> str | None:
    """An age that comes from a birth date, with that date; None for any other fact."""
    type_ = context.protocol.question_by_key[fact].type
    if not isinstance(type_, Age) or (birth := context.world[type_.birth_date]) is None:
        return None
    interval = numbers(fact, context)
    assert interval is not None
    bounds = list(dict.fromkeys(interval))
    years = listed([number_words(bound) for bound in bounds], "or")  # a date spans a year at the most
    age = _with_unit(context.protocol.question_by_key[fact], years, bounds[0] if len(bounds) == 1 else 2)
    return _("{age}, born {date}", age=age, date=partial_words(birth))


def _reading_phrases(finding: Finding, codes: Iterable[str]) -> Iterator[str]:
    for code in codes:
        if code in finding.readings:
            value = _("yes") if finding.context.world[code] else _("no")
            yield _("reading {code} taken as {value}", code=code, value=value)


# THE VERDICT IN A SENTENCE


def summary(verdict: Verdict) -> str:
    """One sentence on the whole."""
    if verdict.decision == "likely_eligible":
        titles = [cohort.cohort.title for cohort in verdict.cohorts if cohort.verdict == "likely_eligible"]
        return _("Likely eligible for {cohorts}.", cohorts=listed(titles))
    if verdict.decision == "excluded":
        return _("Excluded: {reasons}.", reasons=exclusion(verdict))
    return _("Cannot tell yet: {needs}.", needs=_needs(verdict))


def exclusion(verdict: Verdict) -> str:
    """What excludes, to go on a sentence."""
    shared = shared_reasons(verdict)
    if shared:
        return semicolons(_named_reasons(verdict, shared))
    closing = {code for each in verdict.standings for code in each.reasons if ADMISSION not in each.reasons}
    if closing:
        names = _named_reasons(verdict, closing)
        return ngettext(
            "{reasons} closes every cohort that would admit this participant",
            "{reasons} close every cohort that would admit this participant",
            len(names),
            reasons=listed(names),
        )
    questions = verdict.protocol.question_by_key
    cited = dict.fromkeys(questions[fact].label for cohort in verdict.cohorts for fact in cohort.admission.facts)
    if not cited:
        return _("no cohort takes anybody")
    return _("no cohort takes this combination of {facts}", facts=listed(list(cited)))


def _named_reasons(verdict: Verdict, codes: set[str]) -> list[str]:
    """The reasons in the protocol's order: what excludes, and what is not met."""
    names = []
    for criterion in verdict.protocol.criteria:
        if criterion.code in codes:
            name = _("{title} ({code})", title=criterion.title, code=criterion.code)
            names.append(_("{criterion} not met", criterion=name) if criterion.kind == "inclusion" else name)
    groups = [group.title for group in verdict.protocol.groups if group.code in codes]
    return names + [_("{criterion} not met", criterion=title) for title in groups]


def shared_reasons(verdict: Verdict) -> set[str]:
    """The reasons that exclude from every cohort alike."""
    reasons = [set(standing.reasons) - {ADMISSION} for standing in dict.fromkeys(verdict.standings)]
    return set.intersection(*reasons)


def _needs(verdict: Verdict) -> str:
    """What an undetermined verdict waits for, in the cohorts that are still open."""
    needed = _needed(verdict)
    needs = _("need {facts}", facts=listed(needed)) if needed else ""
    codes = verdict.depends_on if needed or verdict.depends_on else _open_readings(verdict)
    readings = listed([_("reading {code}", code=code) for code in codes])
    depends = ngettext(
        "depends on {readings}, which is open", "depends on {readings}, which are open", len(codes), readings=readings
    )
    return semicolons([part for part in (needs, depends if codes else "") if part])


def _needed(verdict: Verdict) -> list[str]:
    """The facts that an undetermined verdict waits for; after so many, their number."""
    waiting = _open_codes(verdict)
    facts = [m.fact for m in verdict.missing if m.cohorts or not waiting.isdisjoint(m.criteria)]
    named = facts if len(facts) <= MAX_NEEDS else facts[: MAX_NEEDS - 1]
    needed = [_need_words(verdict, fact) for fact in named]
    rest = len(facts) - len(named)
    if rest:
        needed.append(ngettext("{number} other answer", "{number} other answers", rest, number=rest))
    return needed


def open_words(verdict: Verdict) -> list[str]:
    """The facts, and the open readings, that an undetermined verdict waits for."""
    needed = _needed(verdict)
    codes = verdict.depends_on if needed or verdict.depends_on else _open_readings(verdict)
    return [*needed, *[_("reading {code}", code=code) for code in codes]]


def _need_words(verdict: Verdict, fact: str) -> str:
    """The fact to ask for; where it was given already, but only partly, a more exact one."""
    label = verdict.protocol.question_by_key[fact].label
    return label if verdict.participant.answers.get(fact) is None else _("a more exact {label}", label=label)


def _open_codes(verdict: Verdict) -> set[str]:
    """What the open cohorts wait for, a group by its routes; a review point is not among it."""
    waiting = {
        code for each in dict.fromkeys(verdict.standings) if each.verdict == "undetermined" for code in each.open
    }
    if not waiting.isdisjoint(verdict.groups):
        waiting |= {criterion.code for criterion in verdict.protocol.criteria if criterion.group in waiting}
    return waiting


def _open_readings(verdict: Verdict) -> list[str]:
    """The open readings of which no single one decides, but all of them together may."""
    findings = [finding for result in verdict.results for finding in result.deciding]
    findings += [cohort.admission for cohort in verdict.cohorts]
    names = {name for finding in findings for name in finding.missing}
    return [reading.code for reading in verdict.protocol.readings if reading.code in names]
