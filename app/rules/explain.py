"""Every sentence about rules: what a rule says, why an outcome is what it is, what is missing.

Sentences are made from the rule and the values that decided it, so they cannot drift from the
logic. A value is always named with its fact, and a limit with its comparison.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from app.rules.calendar import PartialDate
from app.rules.edit_checks import Raised
from app.rules.evaluate import Context, decide, number_reads, numbers
from app.rules.facts import Age, Choice, Integer, Many, Number, Value
from app.rules.finding import Finding
from app.rules.memory import Memory
from app.rules.protocol import ADMISSION, Protocol, Question
from app.rules.tree import (
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

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
ANCHOR_WORDS = {"as_of": "the day of this evaluation", "consent_date": "consent", "first_dose_date": "the first dose"}
OPPOSITE: dict[Comparison, Comparison] = {"<": ">=", ">=": "<", "<=": ">", ">": "<="}
BOUND_WORDS: dict[Comparison, str] = {"<": "below", "<=": "at most", ">": "above", ">=": "at least"}
MAX_NEEDS = 6
AGE_WORDS: dict[Comparison, str] = {"<": "under", "<=": "at most", ">": "over", ">=": "at least"}


# VALUES IN WORDS


def number_words(number: float) -> str:
    """A number as people write it: no trailing zeros."""
    return f"{number:.10g}"


def date_words(day: date) -> str:
    """22 November 2026."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def partial_words(value: PartialDate) -> str:
    """22 November 2026, November 2026 or 2026: as exact as it was given."""
    parts = value.text.split("-")
    if len(parts) == 1:
        return parts[0]
    month = f"{MONTHS[int(parts[1]) - 1]} {parts[0]}"
    return month if len(parts) == 2 else f"{int(parts[2])} {month}"


def value_words(question: Question, value: Value | None) -> str:
    """A fact's value as a person reads it, with its unit."""
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _with_unit(question, number_words(value))
    if isinstance(value, PartialDate):
        return partial_words(value)
    labels = _labels(question)
    if isinstance(value, tuple):
        return ", ".join(labels[option] for option in value) or "none"
    return labels[value]


def _with_unit(question: Question, text: str) -> str:
    unit = question.type.unit if isinstance(question.type, Integer | Number | Age) else ""
    return f"{text}{'' if unit in ('', '%') else ' '}{_of_one(unit) if text == '1' else unit}"


def _of_one(unit: str) -> str:
    """The unit for a single one: year, cycle. Abbreviations, such as ms, stay."""
    return unit.removesuffix("s") if len(unit) > 3 else unit


def _labels(question: Question) -> dict[str, str]:
    options = question.type.options if isinstance(question.type, Choice | Many) else ()
    return {option.value: option.label for option in options}


# RULES IN WORDS


@dataclass(frozen=True, slots=True)
class Outline:
    """A rule in words: `kind` is all, any, not, term or leaf; `truth` is None where nobody is judged."""

    text: str
    kind: str
    truth: Truth | None
    children: "tuple[Outline, ...]" = ()


def outline(protocol: Protocol, rule: Rule, context: Context | None = None) -> Outline:
    """The rule tree in words, with the truth of every node where a context is given."""
    truth = decide(rule, context) if context is not None else None
    match rule:
        case All(rules) | AnyOf(rules):
            below = tuple(outline(protocol, child, context) for child in rules)
            return Outline("All of" if isinstance(rule, All) else "Any of", rule.kind, truth, below)
        case Not(child):
            return Outline("Not", "not", truth, (outline(protocol, child, context),))
        case Term(name):
            term = protocol.term_by_name[name]
            return Outline(term.title, "term", truth, (outline(protocol, term.rule, context),))
    return Outline(leaf_words(protocol, rule), "leaf", truth)


def leaf_words(protocol: Protocol, rule: Rule) -> str:
    """What a leaf asks, in words."""
    match rule:
        case Always(truth):
            return "Always" if truth else "Never"
        case IsYes(fact):
            return f"{_label(protocol, fact)}: yes"
        case IsOneOf(fact, options):
            return f"{_label(protocol, fact)}: {_or(protocol, fact, options)}"
        case Includes(fact, options):
            return f"{_label(protocol, fact)}: includes {_or(protocol, fact, options)}"
        case Compare(fact, comparison, limit):
            return f"{_label(protocol, fact)}: {_bound(protocol, fact, comparison, limit)}"
        case Elapsed(fact):
            return f"{_label(protocol, fact)}: {_span(rule, TRUE)} before {ANCHOR_WORDS[rule.anchor]}"
        case ExceedsAge(fact):
            return f"{_label(protocol, fact)}: longer than the participant has lived"
        case ReadingHolds(code):
            return f"Reading {code}: {protocol.reading_by_code[code].statement}"
        case InPart(part):
            words = _part(part, TRUE)
            return f"{words[0].upper()}{words[1:]}"
    raise AssertionError(rule)


def rule_words(protocol: Protocol, rule: Rule) -> str:
    """A whole rule in one line of words, brackets where needed; terms by their title."""
    match rule:
        case All(rules):
            return " AND ".join(_bracketed(protocol, child) for child in rules)
        case AnyOf(rules):
            return " OR ".join(_bracketed(protocol, child) for child in rules)
        case Not(child):
            return f"NOT {_bracketed(protocol, child)}"
        case Term(name):
            return protocol.term_by_name[name].title
        case ReadingHolds(code):
            return f"reading {code}"
    return leaf_words(protocol, rule)


def _bracketed(protocol: Protocol, rule: Rule) -> str:
    words = rule_words(protocol, rule)
    return f"({words})" if len(children(rule)) > 1 else words


def _label(protocol: Protocol, fact: str) -> str:
    return protocol.question_by_key[fact].label


def _or(protocol: Protocol, fact: str, options: Iterable[str]) -> str:
    labels = _labels(protocol.question_by_key[fact])
    return listed([labels[option] for option in options], "or")


def _bound(protocol: Protocol, fact: str, comparison: Comparison, limit: float) -> str:
    question = protocol.question_by_key[fact]
    words = AGE_WORDS if isinstance(question.type, Age) else BOUND_WORDS
    return f"{words[comparison]} {_with_unit(question, number_words(limit))}"


def _span(rule: Elapsed, truth: Truth) -> str:
    less = (rule.comparison == "<") is (truth is TRUE)
    unit = _of_one(rule.unit) if rule.amount == 1 else rule.unit
    return f"{'less than' if less else 'at least'} {rule.amount} {unit}"


def listed(items: list[str], word: str = "and") -> str:
    """a; a and b; a, b and c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {word} {items[-1]}" if items else ""


# QUERIES


def query_words(raised: Raised, protocol: Protocol) -> str:
    """A query in a line: its message, and the answers that it is about."""
    questions = protocol.question_by_key
    facts = [f"{questions[fact].label}: {value_words(questions[fact], value)}" for fact, value in raised.facts.items()]
    return f"{raised.message} {'; '.join(facts)}."


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
    return _forms.get(finding.ruling) or _forms.keep(finding.ruling, _reason_form(finding))


def _reason_form(finding: Finding) -> str:
    if finding.outcome == "unknown":
        return _waits(finding)
    if finding.outcome == "not_applicable":
        return f"Does not apply. {_based(_evidence(finding, finding.rules[:1]))}"
    condition = finding.rules[-1:]
    rest = finding.rules[:-1] if finding.scope is TRUE else ()
    return _based(_evidence(finding, (*condition, *rest)))


def _based(evidence: str) -> str:
    """The evidence as a sentence; without any, the rule comes out alike for everybody."""
    return f"{evidence[0].upper()}{evidence[1:]}." if evidence else "So by the protocol, whatever the answers."


def result_reason(result: Result) -> str:
    """The reason of a criterion over all cohorts; where they differ, each is named."""
    return fill(result_form(result), result.context)


def result_form(result: Result) -> str:
    """The form of the reason over all cohorts."""
    if len({finding.outcome for finding in result.deciding}) == 1:
        return reason_form(max(result.deciding, key=lambda finding: len(finding.facts)))
    parts = [
        f"{finding.cohort.title}: {OUTCOME_WORDS[result.criterion.kind][finding.outcome]}"
        for finding in result.deciding
        if finding.cohort is not None
    ]
    details = dict.fromkeys(
        reason_form(finding) for finding in result.deciding if finding.outcome in ("fail", "unknown")
    )
    return " ".join(["Depends on the cohort.", f"{'; '.join(parts)}.", *details])


OUTCOME_WORDS = {
    "inclusion": {"pass": "met", "fail": "not met", "unknown": "not known", "not_applicable": "does not apply"},
    "exclusion": {"pass": "clear", "fail": "excludes", "unknown": "not known", "not_applicable": "does not apply"},
    "review": {"pass": "noted", "fail": "noted", "unknown": "not known", "not_applicable": "does not apply"},
}


def _waits(finding: Finding) -> str:
    context, sentences = finding.context, []
    questions = context.protocol.question_by_key
    absent = [questions[name].label for name in finding.missing if name in questions and context.world[name] is None]
    vague = [name for name in finding.missing if name in questions and context.world[name] is not None]
    if absent:
        sentences.append(f"Not known: {'; '.join(absent)}.")
    for name in vague:
        sentences.append(f"Not exact enough to decide: {questions[name].label} ({_gap(name, context)}).")
    for name in finding.missing:
        if name not in questions:
            statement = context.protocol.reading_by_code[name].statement
            sentences.append(f"Reading {name} is open: {statement.removesuffix('.')}.")
    known = _evidence(finding, finding.rules) if finding.facts else ""
    return " ".join([*sentences, *([f"Known so far: {known}."] if known else [])])


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
                    parts.setdefault(_part(part, truth))
                case Compare(fact):
                    name = _source(finding.context, fact)
                    if everything or name in finding.facts:
                        held = leaf.comparison if truth is TRUE else OPPOSITE[leaf.comparison]
                        bounds.setdefault(fact, []).append((held, leaf.limit))
                        phrases.setdefault(fact, [])
                case Elapsed(fact) if everything or fact in finding.facts:
                    day = _gap(leaf.anchor, finding.context)
                    remark = f"{_span(leaf, truth)} before {ANCHOR_WORDS[leaf.anchor]} on {day}"
                    phrases.setdefault(fact, []).append(remark)
                case IsYes(fact) | IsOneOf(fact) | Includes(fact) if everything or fact in finding.facts:
                    phrases.setdefault(fact, [])
    facts = _fact_phrases(finding.context, phrases, bounds)
    return "; ".join([*facts, *parts, *_reading_phrases(finding, readings)])


def _part(part: str, truth: Truth) -> str:
    return f"the cohort {'belongs' if truth is TRUE else 'does not belong'} to the {part.replace('_', ' ')} part"


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
    return next((name for name in names if context.world[name] is not None), fact)


def _fact_phrases(
    context: Context, phrases: dict[str, list[str]], bounds: dict[str, list[tuple[Comparison, float]]]
) -> Iterator[str]:
    for fact, remarks in phrases.items():
        question = context.protocol.question_by_key[fact]
        held = _range(context.protocol, fact, _tightest(bounds.get(fact, [])))
        remark = ", ".join(dict.fromkeys([*held, *remarks]))
        yield f"{question.label}: {_gap(fact, context)}" + (f" ({remark})" if remark else "")


def _tightest(bounds: list[tuple[Comparison, float]]) -> list[tuple[Comparison, float]]:
    """Of several bounds on one number, the highest lower one and the lowest upper one."""
    lower = [bound for bound in bounds if bound[0] in (">", ">=")]
    upper = [bound for bound in bounds if bound[0] in ("<", "<=")]
    best = [max(lower, key=lambda bound: (bound[1], bound[0] == ">"))] if lower else []
    return best + ([min(upper, key=lambda bound: (bound[1], bound[0] != "<"))] if upper else [])


def _range(protocol: Protocol, fact: str, bounds: list[tuple[Comparison, float]]) -> list[str]:
    """The bounds as one remark, which names the unit once: at least 18 and under 75 years."""
    if len(bounds) < 2:
        return [_bound(protocol, fact, *bound) for bound in bounds]
    words = AGE_WORDS if isinstance(protocol.question_by_key[fact].type, Age) else BOUND_WORDS
    (low, least), above = bounds[0], bounds[1]
    return [f"{words[low]} {number_words(least)} and {_bound(protocol, fact, *above)}"]


def _age_words(context: Context, fact: str) -> str | None:
    """An age that comes from a birth date, with that date; None for any other fact."""
    type_ = context.protocol.question_by_key[fact].type
    if not isinstance(type_, Age) or (birth := context.world[type_.birth_date]) is None:
        return None
    interval = numbers(fact, context)
    assert interval is not None
    years = " or ".join(number_words(bound) for bound in dict.fromkeys(interval))  # a date spans a year at the most
    return f"{_with_unit(context.protocol.question_by_key[fact], years)}, born {partial_words(birth)}"


def _reading_phrases(finding: Finding, codes: Iterable[str]) -> Iterator[str]:
    for code in codes:
        if code in finding.readings:
            yield f"reading {code} taken as {'yes' if finding.context.world[code] else 'no'}"


# THE VERDICT IN A SENTENCE


def summary(verdict: Verdict) -> str:
    """One sentence on the whole."""
    if verdict.decision == "likely_eligible":
        titles = [cohort.cohort.title for cohort in verdict.cohorts if cohort.verdict == "likely_eligible"]
        return f"Likely eligible for {listed(titles)}."
    if verdict.decision == "excluded":
        return f"Excluded: {_exclusion(verdict)}."
    return f"Cannot tell yet: {_needs(verdict)}."


def _exclusion(verdict: Verdict) -> str:
    shared = shared_reasons(verdict)
    if shared:
        return "; ".join(_named_reasons(verdict, shared))
    closing = {code for each in verdict.standings for code in each.reasons if ADMISSION not in each.reasons}
    if closing:
        names = _named_reasons(verdict, closing)
        return (
            f"{listed(names)} {'closes' if len(names) == 1 else 'close'} every cohort that would admit this participant"
        )
    questions = verdict.protocol.question_by_key
    cited = dict.fromkeys(questions[fact].label for cohort in verdict.cohorts for fact in cohort.admission.facts)
    return f"no cohort takes this combination of {listed(list(cited))}" if cited else "no cohort takes anybody"


def _named_reasons(verdict: Verdict, codes: set[str]) -> list[str]:
    """The reasons in the protocol's order: what excludes, and what is not met."""
    names = [
        f"{criterion.title} ({criterion.code}){' not met' if criterion.kind == 'inclusion' else ''}"
        for criterion in verdict.protocol.criteria
        if criterion.code in codes
    ]
    return names + [f"{group.title} not met" for group in verdict.protocol.groups if group.code in codes]


def shared_reasons(verdict: Verdict) -> set[str]:
    """The reasons that exclude from every cohort alike."""
    reasons = [set(standing.reasons) - {ADMISSION} for standing in dict.fromkeys(verdict.standings)]
    return set.intersection(*reasons)


def _needs(verdict: Verdict) -> str:
    """What an undetermined verdict waits for, in the cohorts that are still open."""
    waiting = _open_codes(verdict)
    facts = [m.fact for m in verdict.missing if m.cohorts or not waiting.isdisjoint(m.criteria)]
    named = facts if len(facts) <= MAX_NEEDS else facts[: MAX_NEEDS - 1]
    needed = [_need_words(verdict, fact) for fact in named]
    if len(named) < len(facts):
        needed.append(f"{len(facts) - len(named)} other answers")
    needs = f"need {listed(needed)}" if needed else ""
    codes = verdict.depends_on if needed or verdict.depends_on else _open_readings(verdict)
    readings = [f"reading {code}" for code in codes]
    depends = f"depends on {listed(readings)}, which {'is' if len(readings) == 1 else 'are'} open" if readings else ""
    return "; ".join(part for part in (needs, depends) if part)


def _need_words(verdict: Verdict, fact: str) -> str:
    """The fact to ask for; where it was given already, but only partly, a more exact one."""
    label = verdict.protocol.question_by_key[fact].label
    return label if verdict.participant.answers.get(fact) is None else f"a more exact {label}"


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
