"""Protocols as plain data (dicts, lists, strings, numbers) and back, and their content hash.

The plain form is the one of the YAML file, of the API and of the hash: a rule is a mapping with
one key, its kind.

    {all: [rule, ...]}  {any: [rule, ...]}  {not: rule}  {always: true}
    {yes: fact}  {is: {fact: [option, ...]}}  {includes: {fact: [option, ...]}}
    {compare: [fact, ">=", 18]}  {elapsed: [fact, "<", 5, years, as_of]}
    {exceeds_age: [fact, months, age]}  (in edit checks alone)
    {reading: X7}  {part: expansion}  {term: adult}

Reading is strict: an unknown or a missing key raises `InvalidProtocol` with its place.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from app.rules.facts import Age, Choice, Date, FactType, Integer, Many, Number, Option, YesNo
from app.rules.protocol import (
    MAX_DEPTH,
    STATUSES,
    Asking,
    Cohort,
    Criterion,
    EditCheck,
    Group,
    InvalidProtocol,
    NamedRule,
    Protocol,
    Question,
    Reading,
    Section,
    is_number,
)
from app.rules.tree import (
    All,
    Always,
    AnyOf,
    Compare,
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
)

Plain = dict[str, Any]
T = TypeVar("T")


def content_hash(protocol: Protocol) -> str:
    """SHA-256 (hex) of the protocol's canonical JSON: equal content, equal hash."""
    return hashlib.sha256(canonical_json(protocol_to_plain(protocol)).encode()).hexdigest()


def canonical_json(plain: object) -> str:
    """One text for one content: sorted keys, no spaces, ASCII."""
    return _CANONICAL.encode(plain)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


# RULES


def rule_to_plain(rule: Rule) -> Plain:
    """The plain form of a rule."""
    match rule:
        case Always(truth):
            content: object = truth
        case All(rules) | AnyOf(rules):
            content = [rule_to_plain(child) for child in rules]
        case Not(child):
            content = rule_to_plain(child)
        case IsYes(name) | ReadingHolds(name) | InPart(name) | Term(name):
            content = name
        case IsOneOf(fact, options) | Includes(fact, options):
            content = {fact: list(options)}
        case Compare(fact, comparison, limit):
            content = [fact, comparison, _plain_number(limit)]
        case ExceedsAge(fact, unit, age):
            content = [fact, unit, age]
        case Elapsed(fact, comparison, amount, unit, anchor):  # pragma: no branch  # the last kind
            content = [fact, comparison, amount, unit, anchor]
    return {rule.kind: content}


def _plain_number(number: float) -> int | float:
    return int(number) if number == int(number) else number


def rule_from_plain(plain: object, at: str = "rule", depth: int = 0) -> Rule:
    """The rule that the plain form says; `at` is its place in an error."""
    if depth > MAX_DEPTH:
        raise InvalidProtocol([f"{at}: is nested deeper than {MAX_DEPTH}"])
    if not isinstance(plain, dict) or len(plain) != 1:
        raise InvalidProtocol([f"{at}: a rule is a mapping with one key, its kind"])
    kind, content = next(iter(plain.items()))
    read = _READERS.get(kind)
    if read is None:
        raise InvalidProtocol([f"{at}: no kind of rule {kind!r}; there are {', '.join(_READERS)}"])
    return read(content, f"{at}.{kind}", depth + 1)


def _list(content: object, at: str, depth: int) -> tuple[Rule, ...]:
    if not isinstance(content, list):
        raise InvalidProtocol([f"{at}: takes a list of rules"])
    return tuple(rule_from_plain(item, f"{at}[{n}]", depth) for n, item in enumerate(content, start=1))


def _name(content: object, at: str) -> str:
    if not isinstance(content, str):
        raise InvalidProtocol([f"{at}: takes a name"])
    return content


def _options(content: object, at: str) -> tuple[str, tuple[str, ...]]:
    if isinstance(content, dict) and len(content) == 1:
        fact, options = next(iter(content.items()))
        if isinstance(fact, str) and isinstance(options, list) and all(isinstance(item, str) for item in options):
            return fact, tuple(options)
    raise InvalidProtocol([f"{at}: takes {{fact: [option, ...]}}"])


def _always(content: object, at: str, depth: int) -> Rule:
    if not isinstance(content, bool):
        raise InvalidProtocol([f"{at}: takes true or false"])
    return Always(content)


def _compare(content: object, at: str, depth: int) -> Rule:
    match content:
        case [str(fact), "<" | "<=" | ">" | ">=" as comparison, int() | float() as limit] if is_number(limit):
            return Compare(fact, comparison, _plain_number(limit))
    raise InvalidProtocol([f"{at}: takes [fact, < <= > or >=, number]"])


def _elapsed(content: object, at: str, depth: int) -> Rule:
    match content:
        case [str(fact), str(comparison), int(amount), str(unit), str(anchor)] if not isinstance(amount, bool):
            return Elapsed(fact, comparison, amount, unit, anchor)  # type: ignore[arg-type]
    raise InvalidProtocol([f"{at}: takes [fact, < or >=, whole number, unit, anchor date]"])


def _exceeds_age(content: object, at: str, depth: int) -> Rule:
    match content:
        case [str(fact), "months" | "years" as unit, str(age)]:
            return ExceedsAge(fact, unit, age)
    raise InvalidProtocol([f"{at}: takes [fact, months or years, age]"])


_READERS: dict[str, Callable[[object, str, int], Rule]] = {
    "always": _always,
    "all": lambda content, at, depth: All(_list(content, at, depth)),
    "any": lambda content, at, depth: AnyOf(_list(content, at, depth)),
    "not": lambda content, at, depth: Not(rule_from_plain(content, at, depth)),
    "yes": lambda content, at, depth: IsYes(_name(content, at)),
    "is": lambda content, at, depth: IsOneOf(*_options(content, at)),
    "includes": lambda content, at, depth: Includes(*_options(content, at)),
    "compare": _compare,
    "elapsed": _elapsed,
    "exceeds_age": _exceeds_age,
    "reading": lambda content, at, depth: ReadingHolds(_name(content, at)),
    "part": lambda content, at, depth: InPart(_name(content, at)),
    "term": lambda content, at, depth: Term(_name(content, at)),
}


# TYPES


def type_to_plain(type_: FactType) -> Plain:
    """The plain form of a fact's type."""
    plain: Plain = {"type": type_.name}
    match type_:
        case Choice(options) | Many(options):
            plain["options"] = [_without_empty({"value": o.value, "label": o.label, "hint": o.hint}) for o in options]
        case Integer(minimum, maximum, step, unit):
            plain |= {"min": minimum, "max": maximum, "step": step, "unit": unit}
        case Number(minimum, maximum, unit):
            plain |= {"min": _plain_number(minimum), "max": _plain_number(maximum), "unit": unit}
        case Age(minimum, maximum, birth_date, unit):
            plain |= {
                "min": _plain_number(minimum),
                "max": _plain_number(maximum),
                "birth_date": birth_date,
                "unit": unit,
            }
        case Date(partial, not_after):
            plain |= {"partial": partial, "not_after": not_after}
    return _without_empty(plain)


def _without_empty(plain: Plain) -> Plain:
    return {key: value for key, value in plain.items() if value is not None and value != "" and value != []}


def type_from_plain(fields: "_Fields") -> FactType:
    """The type that the fields of a plain question say; takes the fields it uses."""
    name = fields.text("type")
    match name:
        case "yes_no":
            return YesNo()
        case "choice":
            return Choice(_read_options(fields))
        case "many":
            return Many(_read_options(fields))
        case "integer":
            return Integer(fields.whole("min"), fields.whole("max"), fields.whole("step", 1), fields.text("unit", ""))
        case "number":
            return Number(fields.number("min"), fields.number("max"), fields.text("unit", ""))
        case "age":
            return Age(
                fields.number("min"), fields.number("max"), fields.text("birth_date"), fields.text("unit", "years")
            )
        case "date":
            return Date(fields.flag("partial", True), fields.text("not_after", None))
    raise InvalidProtocol([f"{fields.at}: no type {name!r}"])


def _read_options(fields: "_Fields") -> tuple[Option, ...]:
    return tuple(fields.each("options", lambda f: Option(f.text("value"), f.text("label"), f.text("hint", ""))))


# PROTOCOL


def protocol_to_plain(protocol: Protocol) -> Plain:
    """The plain form of a whole protocol; `edit_checks` only where there are any, so that old hashes stay."""
    plain = {
        "nct_id": protocol.nct_id,
        "sections": [{"key": section.key, "title": section.title} for section in protocol.sections],
        "questions": [question_to_plain(question) for question in protocol.questions],
        "terms": [
            {"name": term.name, "title": term.title, "rule": rule_to_plain(term.rule)} for term in protocol.terms
        ],
        "readings": [
            {"code": reading.code, "statement": reading.statement, "status": reading.status}
            for reading in protocol.readings
        ],
        "groups": [{"code": group.code, "title": group.title} for group in protocol.groups],
        "criteria": [criterion_to_plain(criterion) for criterion in protocol.criteria],
        "cohorts": [cohort_to_plain(cohort) for cohort in protocol.cohorts],
    }
    checks = [{"code": c.code, "message": c.message, "rule": rule_to_plain(c.rule)} for c in protocol.edit_checks]
    return plain | ({"edit_checks": checks} if checks else {})


def question_to_plain(question: Question) -> Plain:
    """The plain form of a question, its type's fields beside its own."""
    return _without_empty(
        {
            "key": question.key,
            "section": question.section,
            **type_to_plain(question.type),
            "text": question.text,
            "label": question.label,
            "why": question.why,
            "hint": question.hint,
            "can_change": question.can_change,
            "relevant": _optional_rule(question.relevant),
            "alternative": question.alternative,
            "asking": _asking_to_plain(question.asking),
            "calculator": question.calculator,
        }
    )


def _asking_to_plain(asking: Asking) -> Plain | None:
    """None for the default weights: a protocol that gives none keeps the hash that it had without them."""
    if asking == Asking():
        return None
    likely = likely_to_plain(asking)
    return {
        **({"likely": likely} if likely else {"decides": _plain_number(asking.decides)}),
        "burden": _plain_number(asking.burden),
        "source": asking.source,
    }


def likely_to_plain(asking: Asking) -> list[Any]:
    """The answers and their shares, as pairs."""
    return [
        [list(answer) if isinstance(answer, tuple) else answer, _plain_number(share)] for answer, share in asking.likely
    ]


def criterion_to_plain(criterion: Criterion) -> Plain:
    """The plain form of a criterion."""
    return _without_empty(
        {
            "code": criterion.code,
            "kind": criterion.kind,
            "title": criterion.title,
            "statement": criterion.statement,
            "place": criterion.place,
            "group": criterion.group,
            "scope": _optional_rule(criterion.scope),
            "rule": rule_to_plain(criterion.rule),
            "readings": list(criterion.readings),
        }
    )


def cohort_to_plain(cohort: Cohort) -> Plain:
    """The plain form of a cohort."""
    return _without_empty(
        {
            "code": cohort.code,
            "title": cohort.title,
            "admits": rule_to_plain(cohort.admits),
            "parts": {part: rule_to_plain(rule) for part, rule in cohort.parts},
            "readings": list(cohort.readings),
        }
    )


def _optional_rule(rule: Rule | None) -> Plain | None:
    return None if rule is None else rule_to_plain(rule)


def protocol_from_plain(plain: object) -> Protocol:
    """The protocol that the plain form says. Raises InvalidProtocol."""
    with _Fields(plain, "protocol") as fields:
        return Protocol(
            nct_id=fields.text("nct_id"),
            sections=fields.each("sections", lambda f: Section(f.text("key"), f.text("title"))),
            questions=fields.each("questions", _question),
            terms=fields.each("terms", lambda f: NamedRule(f.text("name"), f.text("title"), f.rule("rule"))),
            readings=fields.each("readings", _reading),
            groups=fields.each("groups", lambda f: Group(f.text("code"), f.text("title"))),
            criteria=fields.each("criteria", _criterion),
            cohorts=fields.each("cohorts", _cohort),
            edit_checks=fields.each(
                "edit_checks", lambda f: EditCheck(f.text("code"), f.text("message"), f.rule("rule"))
            ),
        )


def _question(fields: "_Fields") -> Question:
    return Question(
        key=fields.text("key"),
        section=fields.text("section"),
        type=type_from_plain(fields),
        text=fields.text("text"),
        label=fields.text("label"),
        why=fields.text("why"),
        hint=fields.text("hint", ""),
        can_change=fields.one_of("can_change", ("fixed", "repeat", "time")),
        relevant=fields.optional_rule("relevant"),
        alternative=fields.text("alternative", None),
        asking=fields.one("asking", _asking, Asking()),
        calculator=fields.text("calculator", ""),
    )


def _asking(fields: "_Fields") -> Asking:
    likely = likely_from_plain(fields.items("likely"), f"{fields.at}.likely")
    decides = Asking().decides if likely else fields.number("decides")
    return Asking(decides, fields.number("burden"), fields.text("source"), likely)


def likely_from_plain(pairs: list[Any], at: str) -> tuple[tuple[Any, float], ...]:
    """Answers and their shares. Raises InvalidProtocol where one is no pair."""
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise InvalidProtocol([f"{at}: takes pairs of an answer and its share"])
    return tuple([(tuple(answer) if isinstance(answer, list) else answer, share) for answer, share in pairs])


def _reading(fields: "_Fields") -> Reading:
    status = fields.one_of("status", STATUSES)
    return Reading(fields.text("code"), fields.text("statement"), status)


def _criterion(fields: "_Fields") -> Criterion:
    return Criterion(
        code=fields.text("code"),
        kind=fields.one_of("kind", ("inclusion", "exclusion", "review")),
        title=fields.text("title"),
        statement=fields.text("statement"),
        place=fields.text("place"),
        rule=fields.rule("rule"),
        scope=fields.optional_rule("scope"),
        group=fields.text("group", None),
        readings=fields.names("readings"),
    )


def _cohort(fields: "_Fields") -> Cohort:
    return Cohort(
        code=fields.text("code"),
        title=fields.text("title"),
        admits=fields.rule("admits"),
        parts=fields.rules("parts"),
        readings=fields.names("readings"),
    )


_REQUIRED = object()


class _Fields:
    """Takes the fields of a plain mapping one by one; what is left over at the end is a fault."""

    def __init__(self, plain: object, at: str) -> None:
        if not isinstance(plain, Mapping):
            raise InvalidProtocol([f"{at}: takes a mapping"])
        self.at = at
        self.left = dict(plain)

    def __enter__(self) -> "_Fields":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None and self.left:
            raise InvalidProtocol([f"{self.at}: unknown field {', '.join(map(str, self.left))}"])

    def given(self, key: str, default: object = _REQUIRED) -> Any:
        value = self.left.pop(key, default)
        if value is _REQUIRED:
            raise InvalidProtocol([f"{self.at}: lacks {key}"])
        return value

    def take(self, key: str, accepts: Callable[[object], bool], what: str, default: object = _REQUIRED) -> Any:
        value = self.given(key, default)
        if value is not default and not accepts(value):
            raise InvalidProtocol([f"{self.at}.{key}: takes {what}"])
        return value

    def text(self, key: str, default: object = _REQUIRED) -> Any:
        return self.take(key, lambda value: isinstance(value, str), "a text", default)

    def flag(self, key: str, default: object = _REQUIRED) -> Any:
        return self.take(key, lambda value: isinstance(value, bool), "true or false", default)

    def whole(self, key: str, default: object = _REQUIRED) -> Any:
        return self.take(key, lambda value: type(value) is int, "a whole number", default)

    def number(self, key: str) -> Any:
        return self.take(key, is_number, "a number")

    def one_of(self, key: str, values: tuple[str, ...]) -> Any:
        return self.take(key, lambda value: value in values, f"one of {', '.join(values)}")

    def items(self, key: str) -> list[Any]:
        found: list[Any] = self.take(key, lambda value: isinstance(value, list), "a list", [])
        return found

    def names(self, key: str) -> tuple[str, ...]:
        return tuple(_name(item, f"{self.at}.{key}") for item in self.items(key))

    def rule(self, key: str) -> Rule:
        return rule_from_plain(self.given(key), f"{self.at}.{key}")

    def optional_rule(self, key: str) -> Rule | None:
        return self.rule(key) if key in self.left else None

    def rules(self, key: str) -> tuple[tuple[str, Rule], ...]:
        plain = self.take(key, lambda value: isinstance(value, Mapping), "a mapping of rules", {})
        return tuple(
            (_name(name, f"{self.at}.{key}"), rule_from_plain(rule, f"{self.at}.{key}")) for name, rule in plain.items()
        )

    def one(self, key: str, read: "Callable[[_Fields], T]", default: T) -> T:
        if key not in self.left:
            return default
        with _Fields(self.left.pop(key), f"{self.at}.{key}") as fields:
            return read(fields)

    def each(self, key: str, read: "Callable[[_Fields], T]") -> tuple[T, ...]:
        made = []
        for number, item in enumerate(self.items(key), start=1):
            with _Fields(item, f"{self.at}.{key}[{number}]") as fields:
                made.append(read(fields))
        return tuple(made)
