"""A protocol: the questions, criteria, cohorts and readings of one version of a trial.

An invalid protocol cannot be built: each reference, type and name is checked when it is made, and
`InvalidProtocol` names every fault and its place.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from app.rules.facts import (
    ANCHORS,
    UNDATED,
    Age,
    Choice,
    Date,
    FactType,
    Integer,
    Many,
    Number,
    Refusal,
    Value,
    YesNo,
)
from app.rules.tree import (
    COMPARISONS,
    FACT_RULES,
    UNITS,
    All,
    AnyOf,
    Compare,
    Elapsed,
    ExceedsAge,
    Includes,
    InPart,
    IsOneOf,
    IsYes,
    ReadingHolds,
    Rule,
    Term,
    children,
    walk,
)

MAX_DEPTH = 30
MAX_OPTIONS = 20
MAX_AGE = 150
MAX_NUMBER = 10**12
CALCULATORS = ("qtcf", "prednisone")  # those that the pages have
ADMISSION = "admission"  # stands among the codes that exclude, so nothing else may be called so


class InvalidProtocol(ValueError):
    """A protocol that cannot be built; `faults` names each place and what is wrong there."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


CanChange = Literal["fixed", "repeat", "time"]
Kind = Literal["inclusion", "exclusion", "review"]
Status = Literal["convention", "assumed yes", "assumed no", "open"]
STATUSES: tuple[Status, ...] = ("convention", "assumed yes", "assumed no", "open")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the questionnaire."""

    key: str
    title: str


@dataclass(frozen=True, slots=True)
class Asking:
    """When a question is worth asking: what its answer is likely to settle, against what it costs to find out.

    `decides` is how likely the answer is one that can exclude, alone or with others, above 0 and below 1.
    `likely` takes its place where different answers do different things: answers, each with its share of the
    participants who are asked; of a number, values that stand for those that the rules do not tell apart.
    `burden` is above 0: about 1 for what is in everybody's head, 3 for the chart, 10 for a new test. `source`
    says where they come from, or "judgement". They order questions and never change a verdict.
    """

    decides: float = 0.1
    burden: float = 3
    source: str = "judgement"
    likely: tuple[tuple[Value, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """Asks for one fact.

    `text` is the question, `label` the fact's short name in sentences, `why` says why it is asked.
    `relevant` is the condition on which it is asked (None: always). `can_change` says whether a
    later value may differ: never (fixed), by a new measurement or treatment (repeat), or by itself
    as time passes (time). `alternative` is another fact that answers the question as well.
    `calculator` is the calculator (of CALCULATORS) that works its number out; empty: none.
    """

    key: str
    section: str
    type: FactType
    text: str
    label: str
    why: str
    can_change: CanChange
    hint: str = ""
    relevant: Rule | None = None
    alternative: str | None = None
    asking: Asking = Asking()
    calculator: str = ""


@dataclass(frozen=True, slots=True)
class NamedRule:
    """A rule with a name of its own, such as "adult"."""

    name: str
    title: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Reading:
    """How a place is taken where the record leaves room.

    A convention is fixed and stands in no rule. The others are yes/no leaves of the rule tree that
    the trial's owner answers: assumed until confirmed, or open, which is unknown.
    """

    code: str
    statement: str
    status: Status

    @property
    def value(self) -> bool | None:
        """Yes, no, or None while the reading is open."""
        return {"assumed yes": True, "assumed no": False}.get(self.status)


@dataclass(frozen=True, slots=True)
class Group:
    """Criteria of which one must hold (scope and rule), such as the disease routes."""

    code: str
    title: str


@dataclass(frozen=True, slots=True)
class Criterion:
    """One bullet of the record.

    `rule` is what an inclusion criterion asks for, what an exclusion criterion excludes, or what a
    review point brings to the investigator's eye. `scope` says to whom it applies (None: to all).
    `place` is where it stands in the record; `readings` are the conventions that concern it.
    """

    code: str
    kind: Kind
    title: str
    statement: str
    place: str
    rule: Rule
    scope: Rule | None = None
    group: str | None = None
    readings: tuple[str, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The scope, if there is one, and the rule."""
        return (self.rule,) if self.scope is None else (self.scope, self.rule)


@dataclass(frozen=True, slots=True)
class Cohort:
    """A cohort of the trial: whom it admits, and to which part it belongs (a rule per part, by name)."""

    code: str
    title: str
    admits: Rule
    parts: tuple[tuple[str, Rule], ...]
    readings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(sorted(self.parts, key=lambda part: part[0])))


@dataclass(frozen=True, slots=True)
class EditCheck:
    """Answers that cannot both be true, or hardly: where `rule` surely holds, the user is asked to check them.

    `message` is one sentence that names each by its label. A check never changes a verdict or blocks anything.
    """

    code: str
    message: str
    rule: Rule


@dataclass(frozen=True)
class Protocol:
    """One immutable version of a trial's questions, criteria, cohorts and readings.

    Raises InvalidProtocol, which names every fault at once.
    """

    nct_id: str
    sections: tuple[Section, ...]
    questions: tuple[Question, ...]
    terms: tuple[NamedRule, ...]
    readings: tuple[Reading, ...]
    groups: tuple[Group, ...]
    criteria: tuple[Criterion, ...]
    cohorts: tuple[Cohort, ...]
    edit_checks: tuple[EditCheck, ...] = ()
    question_by_key: dict[str, Question] = field(init=False, repr=False, compare=False)
    term_by_name: dict[str, NamedRule] = field(init=False, repr=False, compare=False)
    reading_by_code: dict[str, Reading] = field(init=False, repr=False, compare=False)
    criterion_by_code: dict[str, Criterion] = field(init=False, repr=False, compare=False)
    cohort_by_code: dict[str, Cohort] = field(init=False, repr=False, compare=False)
    part_words: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        faults = list(_Checker(self).faults())
        if faults:
            raise InvalidProtocol(faults)
        for name, key, items in (
            ("question_by_key", "key", self.questions),
            ("term_by_name", "name", self.terms),
            ("reading_by_code", "code", self.readings),
            ("criterion_by_code", "code", self.criteria),
            ("cohort_by_code", "code", self.cohorts),
        ):
            object.__setattr__(self, name, {getattr(item, key): item for item in items})
        parts = {part: part.replace("_", " ") for cohort in self.cohorts for part, _ in cohort.parts}
        object.__setattr__(self, "part_words", parts)


# VALIDATION

_KEY = re.compile(r"[a-z][a-z0-9_]{0,59}")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,39}")
_LINE = re.compile(r"(?=.*\S)[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]+")


def is_number(value: object) -> bool:
    """Whether a limit can be this: a number (never NaN or infinite) of at most twelve digits before the point."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER


class _Checker:
    """Finds what is wrong with a protocol before anything uses it."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.questions = {question.key: question for question in protocol.questions}
        self.readings = {reading.code: reading for reading in protocol.readings}
        self.parts = {part for cohort in protocol.cohorts for part, _ in cohort.parts}
        self.heights: dict[str, int] = {}  # of the terms checked so far: levels of rules, terms opened

    def faults(self) -> Iterator[str]:
        yield from self._names()
        for at, text in self._texts():
            if _LINE.fullmatch(text) is None:
                yield f"{at}: must be one line of text"
        yield from self._terms()
        yield from self._questions()
        yield from self._criteria()
        yield from self._cohorts()
        yield from self._edit_checks()

    def _names(self) -> Iterator[str]:
        protocol = self.protocol
        keys = (
            ("section", [section.key for section in protocol.sections], _KEY),
            ("question", [question.key for question in protocol.questions], _KEY),
            ("term", [term.name for term in protocol.terms], _KEY),
            ("part", sorted(self.parts), _KEY),
        )
        codes = [criterion.code for criterion in protocol.criteria]
        codes += [group.code for group in protocol.groups] + [cohort.code for cohort in protocol.cohorts]
        codes += [reading.code for reading in protocol.readings] + [check.code for check in protocol.edit_checks]
        for what, names, pattern in (*keys, ("code", codes, _CODE)):
            for name in sorted({name for name in names if names.count(name) > 1}):
                yield f"{what} {name}: is given twice"
            for name in names:
                if pattern.fullmatch(name) is None:
                    yield f"{what} {name!r}: must match {pattern.pattern}"
        for key in ANCHORS:
            if key in self.questions:
                yield f"question {key}: is the name of an evaluation date"
        for name in sorted(self.questions.keys() & self.readings.keys()):
            yield f"question {name}: is the code of a reading too"
        if ADMISSION in codes:
            yield f"code {ADMISSION}: stands for the admission to a cohort"
        for missing in ("sections", "questions", "criteria", "cohorts"):
            if not getattr(protocol, missing):
                yield f"protocol: has no {missing}"

    def _texts(self) -> Iterator[tuple[str, str]]:
        """All that a person reads, and where it stands; what may be left out only where it is given."""
        protocol = self.protocol
        yield "protocol nct_id", protocol.nct_id
        for section in protocol.sections:
            yield f"section {section.key} title", section.title
        for question in protocol.questions:
            at = f"question {question.key}"
            yield from ((f"{at} {name}", getattr(question, name)) for name in ("text", "label", "why"))
            type_ = question.type
            if isinstance(type_, Integer | Number | Age) and (type_.unit or isinstance(type_, Age)):
                yield f"{at} unit", type_.unit
            options = type_.options if isinstance(type_, Choice | Many) else ()
            yield from ((f"{at} option", text) for option in options for text in (option.value, option.label))
            yield f"{at} asking source", question.asking.source
            hints = [question.hint, *(option.hint for option in options)]
            yield from ((f"{at} hint", hint) for hint in hints if hint)
        for term in protocol.terms:
            yield f"term {term.name} title", term.title
        for reading in protocol.readings:
            yield f"reading {reading.code} statement", reading.statement
        for criterion in protocol.criteria:
            at = f"criterion {criterion.code}"
            yield from ((f"{at} {name}", getattr(criterion, name)) for name in ("title", "statement", "place"))
        for group in protocol.groups:
            yield f"group {group.code} title", group.title
        for cohort in protocol.cohorts:
            yield f"cohort {cohort.code} title", cohort.title
        for check in protocol.edit_checks:
            yield f"edit check {check.code} message", check.message

    def _questions(self) -> Iterator[str]:
        sections = {section.key for section in self.protocol.sections}
        for question in self.protocol.questions:
            at = f"question {question.key}"
            if question.section not in sections:
                yield f"{at}: no section {question.section}"
            yield from self._type(at, question.type)
            yield from self._asking(at, question)
            if question.calculator:
                yield from self._calculator(at, question)
            if question.alternative is not None:
                yield from self._alternative(at, question)
            if question.relevant is not None:
                yield from self._condition(f"{at} relevant", question.key, question.relevant)

    def _condition(self, at: str, key: str, rule: Rule) -> Iterator[str]:
        """A condition rests on earlier questions, so that no two questions wait for each other."""
        faults = list(self._rule(at, rule, parts=False, terms=self._all_terms()))
        yield from faults
        order = list(self.questions)
        for fact in () if faults else dict.fromkeys(self._facts(rule)):
            type_ = self.questions[fact].type
            for name in (type_.birth_date, fact) if isinstance(type_, Age) else (fact,):
                if name in order and order.index(name) >= order.index(key):
                    yield f"{at}: rests on {name}, which is not asked before"

    def _facts(self, rule: Rule) -> Iterator[str]:
        """The facts that a rule holds, terms opened."""
        rules = {term.name: term.rule for term in self.protocol.terms}
        for node in walk(rule):
            if isinstance(node, FACT_RULES):
                yield node.fact
                if isinstance(node, ExceedsAge):
                    yield node.age
            elif isinstance(node, Term):
                yield from self._facts(rules[node.name])

    def _type(self, at: str, type_: FactType) -> Iterator[str]:
        if isinstance(type_, Choice | Many):
            values = [option.value for option in type_.options]
            if not 1 <= len(values) <= MAX_OPTIONS or len(set(values)) != len(values):
                yield f"{at}: needs 1 to {MAX_OPTIONS} different options"
        if isinstance(type_, Integer | Number | Age):
            if not (is_number(type_.minimum) and is_number(type_.maximum)):
                yield f"{at}: the minimum and the maximum must be numbers of at most {MAX_NUMBER:,}"
            elif not type_.minimum < type_.maximum:
                yield f"{at}: the minimum must be below the maximum"
        if isinstance(type_, Integer):
            if type_.step < 1:
                yield f"{at}: the step must be at least 1"
            elif type_.maximum // type_.step * type_.step < type_.minimum < type_.maximum:
                yield f"{at}: no multiple of the step lies in the range"
        if isinstance(type_, Age):
            if not (type_.minimum >= 0 and type_.maximum <= MAX_AGE):
                yield f"{at}: an age lies between 0 and {MAX_AGE}"
            birth = self.questions.get(type_.birth_date)
            if birth is None or not isinstance(birth.type, Date):
                yield f"{at}: birth_date must name a date question"
            elif birth.alternative is None or not at.endswith(f" {birth.alternative}"):
                yield f"{at}: must be the alternative of {birth.key}"
        if isinstance(type_, Date) and type_.not_after not in (None, *ANCHORS):
            yield f"{at}: not_after must be one of {', '.join(ANCHORS)}"

    def _asking(self, at: str, question: Question) -> Iterator[str]:
        asking = question.asking
        if not (is_number(asking.decides) and 0 < asking.decides < 1):
            yield f"{at}: asking decides must be a number above 0 and below 1"
        if not (is_number(asking.burden) and asking.burden > 0):
            yield f"{at}: asking burden must be a number above 0"
        yield from self._likely(f"{at}: asking likely", question)

    def _likely(self, at: str, question: Question) -> Iterator[str]:
        """Answers that the question takes, each once, with shares that make one whole at most."""
        likely = question.asking.likely
        if likely and isinstance(question.type, Date):
            yield f"{at}: is not for a date"
            return
        for answer, share in likely:
            try:
                question.type.read(list(answer) if isinstance(answer, tuple) else answer, UNDATED)
            except Refusal as refusal:
                yield f"{at}: an answer {refusal}"
                return
            if not (is_number(share) and 0 < share <= 1):
                yield f"{at}: a share must be a number above 0, 1 at the most"
                return
        if len({answer for answer, _ in likely}) != len(likely):
            yield f"{at}: names an answer twice"
        if sum(share for _, share in likely) > 1 + 1e-9:
            yield f"{at}: the shares come to more than 1"

    def _calculator(self, at: str, question: Question) -> Iterator[str]:
        if question.calculator not in CALCULATORS:
            yield f"{at}: calculator must be one of {', '.join(CALCULATORS)}"
        if not isinstance(question.type, Integer | Number):
            yield f"{at}: a calculator works out a number"
        if sum(other.calculator == question.calculator for other in self.protocol.questions) > 1:
            yield f"{at}: calculator {question.calculator} belongs to another question too"

    def _alternative(self, at: str, question: Question) -> Iterator[str]:
        other = self.questions.get(question.alternative or "")
        if other is None or not isinstance(other.type, Age) or other.type.birth_date != question.key:
            yield f"{at}: alternative must name the age that this date of birth gives"
        elif other.section != question.section or other.relevant != question.relevant:
            yield f"{at}: alternative must stand in the same section, on the same condition"

    def _all_terms(self) -> set[str]:
        return {term.name for term in self.protocol.terms}

    def _terms(self) -> Iterator[str]:
        earlier: set[str] = set()
        for term in self.protocol.terms:
            faults = list(self._rule(f"term {term.name}", term.rule, parts=False, terms=earlier))
            yield from faults
            earlier.add(term.name)
            self.heights[term.name] = 0 if faults else self._height(term.rule)

    def _height(self, rule: Rule) -> int:
        below = [self._height(child) for child in children(rule)]
        return 1 + (self.heights[rule.name] if isinstance(rule, Term) else max(below, default=0))

    def _criteria(self) -> Iterator[str]:
        groups = {group.code for group in self.protocol.groups}
        for criterion in self.protocol.criteria:
            at = f"criterion {criterion.code}"
            yield from self._rule(f"{at} rule", criterion.rule, parts=True, terms=self._all_terms())
            if criterion.scope is not None:
                yield from self._rule(f"{at} scope", criterion.scope, parts=True, terms=self._all_terms())
            yield from self._known_readings(at, criterion.readings)
            if criterion.group is not None:
                yield from self._member(at, criterion, groups)
        for group in groups - {criterion.group for criterion in self.protocol.criteria}:
            yield f"group {group}: has no criterion"

    def _member(self, at: str, criterion: Criterion, groups: set[str]) -> Iterator[str]:
        if criterion.group not in groups:
            yield f"{at}: no group {criterion.group}"
        if criterion.kind != "inclusion":
            yield f"{at}: only an inclusion criterion can be in a group"
        if any(isinstance(rule, InPart) for top in criterion.rules for rule in walk(top)):
            yield f"{at}: a criterion of a group cannot depend on the part"

    def _cohorts(self) -> Iterator[str]:
        for cohort in self.protocol.cohorts:
            at = f"cohort {cohort.code}"
            yield from self._rule(f"{at} admits", cohort.admits, parts=False, terms=self._all_terms())
            for part, rule in cohort.parts:
                yield from self._rule(f"{at} part {part}", rule, parts=False, terms=self._all_terms())
            if len({part for part, _ in cohort.parts}) != len(cohort.parts):
                yield f"{at}: names a part twice"
            yield from self._known_readings(at, cohort.readings)

    def _edit_checks(self) -> Iterator[str]:
        """A check compares answers with each other, and nothing else."""
        for check in self.protocol.edit_checks:
            at = f"edit check {check.code}"
            faults = list(self._rule(at, check.rule, parts=False, terms=self._all_terms(), intervals=True))
            yield from faults
            if faults:
                continue
            if self._reads_reading(check.rule):
                yield f"{at}: rests on a reading, which is no answer"
            if len(set(self._facts(check.rule))) < 2:
                yield f"{at}: needs two answers that it compares"

    def _reads_reading(self, rule: Rule) -> bool:
        rules = {term.name: term.rule for term in self.protocol.terms}
        nodes = list(walk(rule))
        opened = [rules[node.name] for node in nodes if isinstance(node, Term)]
        return any(isinstance(node, ReadingHolds) for node in nodes) or any(map(self._reads_reading, opened))

    def _known_readings(self, at: str, codes: tuple[str, ...]) -> Iterator[str]:
        for code in codes:
            if code not in self.readings:
                yield f"{at}: no reading {code}"

    def _rule(
        self, at: str, rule: Rule, *, parts: bool, terms: set[str], intervals: bool = False, depth: int = 0
    ) -> Iterator[str]:
        if depth + (self.heights.get(rule.name, 0) if isinstance(rule, Term) else 0) > MAX_DEPTH:
            yield f"{at}: is nested deeper than {MAX_DEPTH}, terms opened"
            return
        if isinstance(rule, All | AnyOf) and not rule.rules:
            yield f"{at}: {rule.kind} needs at least one rule"
        if isinstance(rule, Term) and rule.name not in terms:
            yield f"{at}: no earlier term {rule.name}"
        if isinstance(rule, InPart) and (not parts or rule.part not in self.parts):
            yield f"{at}: no part {rule.part} here"
        if isinstance(rule, ReadingHolds):
            yield from self._reading(at, rule)
        if isinstance(rule, ExceedsAge):
            if not intervals:
                yield f"{at}: {rule.kind} stands in edit checks alone"
            yield from self._exceeds_age(at, rule)
        elif isinstance(rule, FACT_RULES):
            yield from self._fact(at, rule)
        for number, child in enumerate(children(rule), start=1):
            below = f"{at}.{rule.kind}[{number}]"
            yield from self._rule(below, child, parts=parts, terms=terms, intervals=intervals, depth=depth + 1)

    def _reading(self, at: str, rule: ReadingHolds) -> Iterator[str]:
        reading = self.readings.get(rule.code)
        if reading is None:
            yield f"{at}: no reading {rule.code}"
        elif reading.status == "convention":
            yield f"{at}: reading {rule.code} is a convention, not a leaf"

    def _fact(self, at: str, rule: IsYes | IsOneOf | Includes | Compare | Elapsed) -> Iterator[str]:
        question = self.questions.get(rule.fact)
        if question is None:
            yield f"{at}: no question {rule.fact}"
            return
        match rule, question.type:
            case (IsYes(), YesNo()) | (Elapsed(), Date()):
                pass
            case (Compare(), Integer() | Number() | Age()):
                if rule.comparison not in COMPARISONS:
                    yield f"{at}: the comparison must be one of {' '.join(COMPARISONS)}"
                if not is_number(rule.limit):
                    yield f"{at}: the limit must be a number of at most {MAX_NUMBER:,}"
                elif isinstance(question.type, Age) and not (0 <= rule.limit <= MAX_AGE and rule.limit % 1 == 0):
                    yield f"{at}: an age is compared with whole years up to {MAX_AGE}"
            case (IsOneOf(options=values), Choice(options)) | (Includes(options=values), Many(options)):
                for value in set(values) - {option.value for option in options}:
                    yield f"{at}: {rule.fact} has no option {value}"
                if not values or len(set(values)) != len(values):
                    yield f"{at}: {rule.kind} takes one or more different options"
            case _:
                yield f"{at}: {rule.kind} does not fit {rule.fact}, which is {question.type.name}"
        if isinstance(rule, Elapsed):
            yield from self._elapsed(at, rule)

    def _elapsed(self, at: str, rule: Elapsed) -> Iterator[str]:
        if rule.comparison not in ("<", ">=") or rule.unit not in UNITS or rule.anchor not in ANCHORS:
            yield f"{at}: elapsed needs < or >=, {', '.join(UNITS)} and one of {', '.join(ANCHORS)}"
        most = {"days": 36_600, "months": 1200, "years": 100}.get(rule.unit, 0)
        if not 0 <= rule.amount <= most:
            yield f"{at}: elapsed reaches at most 100 years"

    def _exceeds_age(self, at: str, rule: ExceedsAge) -> Iterator[str]:
        interval, age = self.questions.get(rule.fact), self.questions.get(rule.age)
        if interval is None or not isinstance(interval.type, Integer | Number):
            yield f"{at}: {rule.kind} needs a number, and {rule.fact} is none"
        if age is None or not isinstance(age.type, Age):
            yield f"{at}: {rule.kind} needs an age, and {rule.age} is none"
        if rule.unit not in ("months", "years"):
            yield f"{at}: {rule.kind} counts months or years"
