"""A protocol as rows and back; both directions side by side, so that they are read together.

`to_rows` numbers the nodes of every rule in reading order. `from_rows` builds them from the last to
the first, each from those below it, and lets `Protocol` check the whole again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from typing import Protocol as Shape

from app.rules.codec import likely_from_plain, likely_to_plain
from app.rules.facts import Age, Choice, Date, FactType, Integer, Many, Number, Option, YesNo
from app.rules.protocol import (
    Asking,
    Cohort,
    Criterion,
    EditCheck,
    Group,
    NamedRule,
    Protocol,
    Question,
    Reading,
    Section,
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
    children,
)
from app.store.models import (
    CohortPartRow,
    CohortReadingRow,
    CohortRow,
    CriterionReadingRow,
    CriterionRow,
    EditCheckRow,
    GroupRow,
    Owned,
    QuestionOptionRow,
    QuestionRow,
    ReadingRow,
    RuleNodeRow,
    RuleOptionRow,
    SectionRow,
    TermRow,
)

Row = dict[str, Any]
Owner = tuple[str, str, str]  # kind, key, role: whose rule it is, and which of its rules
R = TypeVar("R", bound=Owned)


class Reader(Shape):
    """Gives all rows of one kind that a protocol owns, in order."""

    def __call__(self, model: type[R], /) -> Sequence[R]: ...


# PROTOCOL -> ROWS


def to_rows(protocol: Protocol, protocol_id: int) -> Iterator[tuple[type[Owned], list[Row]]]:
    """Every row that the protocol owns, by table, those first to which others refer."""
    for model, rows in _tables(protocol):
        yield model, [{"protocol_id": protocol_id, **row} for row in rows]


def _tables(protocol: Protocol) -> Iterator[tuple[type[Owned], Iterable[Row]]]:
    nodes = list(_nodes(protocol))
    yield SectionRow, _numbered({"key": each.key, "title": each.title} for each in protocol.sections)
    yield QuestionRow, _numbered(_question_row(each) for each in protocol.questions)
    yield QuestionOptionRow, [row for each in protocol.questions for row in _option_rows(each)]
    yield TermRow, _numbered({"name": each.name, "title": each.title} for each in protocol.terms)
    yield ReadingRow, _numbered(_reading_row(each) for each in protocol.readings)
    yield GroupRow, _numbered({"code": each.code, "title": each.title} for each in protocol.groups)
    yield CriterionRow, _numbered(_criterion_row(each) for each in protocol.criteria)
    yield CriterionReadingRow, _concerning("criterion_code", protocol.criteria)
    yield CohortRow, _numbered({"code": each.code, "title": each.title} for each in protocol.cohorts)
    yield CohortPartRow, [row for each in protocol.cohorts for row in _part_rows(each)]
    yield CohortReadingRow, _concerning("cohort_code", protocol.cohorts)
    yield EditCheckRow, _numbered({"code": each.code, "message": each.message} for each in protocol.edit_checks)
    yield RuleNodeRow, [row for row, _ in nodes]
    yield (
        RuleOptionRow,
        [
            {"node_id": row["id"], **option}
            for row, rule in nodes
            if isinstance(rule, IsOneOf | Includes)
            for option in _numbered({"value": value} for value in rule.options)
        ],
    )


def _numbered(rows: Iterable[Row]) -> list[Row]:
    return [{"position": position, **row} for position, row in enumerate(rows)]


def _question_row(question: Question) -> Row:
    return {
        "key": question.key,
        "section_key": question.section,
        "type": question.type.name,
        "text": question.text,
        "label": question.label,
        "why": question.why,
        "hint": question.hint,
        "can_change": question.can_change,
        "alternative": question.alternative,
        "decides": question.asking.decides,
        "burden": question.asking.burden,
        "asking_source": question.asking.source,
        "likely": likely_to_plain(question.asking) or None,
        "calculator": question.calculator,
    } | {name: getattr(question.type, name, None) for name in _TYPE_COLUMNS}


_TYPE_COLUMNS = ("minimum", "maximum", "step", "unit", "birth_date", "partial", "not_after")


def _option_rows(question: Question) -> list[Row]:
    options = question.type.options if isinstance(question.type, Choice | Many) else ()
    return _numbered(
        {"question_key": question.key, "value": option.value, "label": option.label, "hint": option.hint}
        for option in options
    )


def _reading_row(reading: Reading) -> Row:
    return {"code": reading.code, "statement": reading.statement, "status": reading.status}


def _criterion_row(criterion: Criterion) -> Row:
    return {
        "code": criterion.code,
        "kind": criterion.kind,
        "title": criterion.title,
        "statement": criterion.statement,
        "place": criterion.place,
        "group_code": criterion.group,
    }


def _part_rows(cohort: Cohort) -> list[Row]:
    return _numbered({"cohort_code": cohort.code, "part": part} for part, _ in cohort.parts)


def _concerning(column: str, owners: Iterable[Criterion | Cohort]) -> list[Row]:
    """The conventions that concern each criterion or cohort."""
    return [
        row
        for owner in owners
        for row in _numbered({column: owner.code, "reading_code": code} for code in owner.readings)
    ]


def _owned_rules(protocol: Protocol) -> Iterator[tuple[Owner, Rule | None]]:
    for question in protocol.questions:
        yield ("question", question.key, "relevant"), question.relevant
    for term in protocol.terms:
        yield ("term", term.name, "rule"), term.rule
    for criterion in protocol.criteria:
        yield ("criterion", criterion.code, "scope"), criterion.scope
        yield ("criterion", criterion.code, "rule"), criterion.rule
    for cohort in protocol.cohorts:
        yield ("cohort", cohort.code, "admits"), cohort.admits
        for part, rule in cohort.parts:
            yield _part_owner(cohort.code, part), rule
    for check in protocol.edit_checks:
        yield ("edit_check", check.code, "rule"), check.rule


def _part_owner(cohort: str, part: str) -> Owner:
    return "part", f"{cohort}.{part}", "rule"


def _nodes(protocol: Protocol) -> Iterator[tuple[Row, Rule]]:
    """Every node of every rule with its row, numbered in reading order."""
    number = 0
    for owner, top in _owned_rules(protocol):
        for row, rule in _tree(top, parent=None, position=0, first=number) if top is not None else ():
            owner_kind, owner_key, role = owner
            yield {"owner_kind": owner_kind, "owner_key": owner_key, "role": role, **row}, rule
            number += 1


def _tree(rule: Rule, *, parent: int | None, position: int, first: int) -> Iterator[tuple[Row, Rule]]:
    yield {"id": first, "parent_id": parent, "position": position, "kind": rule.kind, **_operands(rule)}, rule
    following = first + 1
    for place, child in enumerate(children(rule)):
        for row, below in _tree(child, parent=first, position=place, first=following):
            yield row, below
            following = row["id"] + 1


def _operands(rule: Rule) -> Row:
    """The operands of a node, each in its column; the options are rows of their own."""
    filled: Row = {}
    match rule:
        case Always(truth):
            filled = {"truth": truth}
        case All() | AnyOf() | Not():
            pass
        case IsYes(fact) | IsOneOf(fact) | Includes(fact):
            filled = {"fact": fact}
        case Compare(fact, comparison, limit):
            filled = {"fact": fact, "comparison": comparison, "amount": limit}
        case Elapsed(fact, comparison, amount, unit, anchor):
            filled = {"fact": fact, "comparison": comparison, "amount": amount, "unit": unit, "anchor": anchor}
        case ExceedsAge(fact, unit, age):
            filled = {"fact": fact, "unit": unit, "name": age}
        case ReadingHolds(name) | InPart(name) | Term(name):
            filled = {"name": name}
    return dict.fromkeys(_OPERAND_COLUMNS) | filled


_OPERAND_COLUMNS = ("fact", "comparison", "amount", "unit", "anchor", "name", "truth")


# ROWS -> PROTOCOL. The literal types of the tree are held by check constraints, hence cast by Any.


def from_rows(nct_id: str, rows: Reader) -> Protocol:
    """The protocol whose rows `rows` gives. Raises InvalidProtocol where they make none."""
    rules = _rules(rows(RuleNodeRow), _grouped(rows(RuleOptionRow), "node_id", "value"))
    options = _grouped(rows(QuestionOptionRow), "question_key")
    parts = _grouped(rows(CohortPartRow), "cohort_code", "part")
    of_criteria = _grouped(rows(CriterionReadingRow), "criterion_code", "reading_code")
    of_cohorts = _grouped(rows(CohortReadingRow), "cohort_code", "reading_code")
    return Protocol(
        nct_id=nct_id,
        sections=tuple(Section(row.key, row.title) for row in rows(SectionRow)),
        questions=tuple(_question(row, options[row.key], rules) for row in rows(QuestionRow)),
        terms=tuple(NamedRule(row.name, row.title, rules["term", row.name, "rule"]) for row in rows(TermRow)),
        readings=tuple(_reading(row) for row in rows(ReadingRow)),
        groups=tuple(Group(row.code, row.title) for row in rows(GroupRow)),
        criteria=tuple(_criterion(row, rules, of_criteria[row.code]) for row in rows(CriterionRow)),
        cohorts=tuple(_cohort(row, rules, parts[row.code], of_cohorts[row.code]) for row in rows(CohortRow)),
        edit_checks=tuple(
            EditCheck(row.code, row.message, rules["edit_check", row.code, "rule"]) for row in rows(EditCheckRow)
        ),
    )


def _grouped(rows: Iterable[Owned], owner: str, column: str | None = None) -> defaultdict[Any, list[Any]]:
    """The rows (or one column of them) of each owner, in order."""
    groups: defaultdict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, owner)].append(row if column is None else getattr(row, column))
    return groups


def _question(row: QuestionRow, options: list[QuestionOptionRow], rules: Mapping[Owner, Rule]) -> Question:
    can_change: Any = row.can_change
    return Question(
        key=row.key,
        section=row.section_key,
        type=_type(row, options),
        text=row.text,
        label=row.label,
        why=row.why,
        can_change=can_change,
        hint=row.hint,
        relevant=rules.get(("question", row.key, "relevant")),
        alternative=row.alternative,
        asking=_asking(row),
        calculator=row.calculator or "",
    )


def _asking(row: Any) -> Asking:
    if row.decides is None:
        return Asking()
    likely = likely_from_plain(row.likely or [], f"question {row.key} likely")
    return Asking(_number(row.decides), _number(row.burden), row.asking_source, likely)


def _type(row: Any, options: list[QuestionOptionRow]) -> FactType:
    choices = tuple(Option(option.value, option.label, option.hint) for option in options)
    match row.type:
        case YesNo.name:
            return YesNo()
        case Choice.name:
            return Choice(choices)
        case Many.name:
            return Many(choices)
        case Integer.name:
            return Integer(int(row.minimum), int(row.maximum), row.step, row.unit)
        case Number.name:
            return Number(_number(row.minimum), _number(row.maximum), row.unit)
        case Age.name:
            return Age(_number(row.minimum), _number(row.maximum), row.birth_date, row.unit)
        case _:
            return Date(row.partial, row.not_after)


def _number(stored: float) -> int | float:
    """The number as a person writes it: 18, not 18.0 (the two are equal, and hash alike)."""
    return int(stored) if stored == int(stored) else stored


def _reading(row: ReadingRow) -> Reading:
    status: Any = row.status
    return Reading(row.code, row.statement, status)


def _criterion(row: CriterionRow, rules: Mapping[Owner, Rule], readings: list[str]) -> Criterion:
    kind: Any = row.kind
    return Criterion(
        code=row.code,
        kind=kind,
        title=row.title,
        statement=row.statement,
        place=row.place,
        rule=rules["criterion", row.code, "rule"],
        scope=rules.get(("criterion", row.code, "scope")),
        group=row.group_code,
        readings=tuple(readings),
    )


def _cohort(row: CohortRow, rules: Mapping[Owner, Rule], parts: list[str], readings: list[str]) -> Cohort:
    return Cohort(
        code=row.code,
        title=row.title,
        admits=rules["cohort", row.code, "admits"],
        parts=tuple((part, rules[_part_owner(row.code, part)]) for part in parts),
        readings=tuple(readings),
    )


def _rules(nodes: Sequence[RuleNodeRow], options: Mapping[int, list[str]]) -> dict[Owner, Rule]:
    """Every rule by its owner. A node stands after its parent, so the last are built first."""
    below: defaultdict[int, list[tuple[int, Rule]]] = defaultdict(list)
    rules: dict[Owner, Rule] = {}
    for node in sorted(nodes, key=lambda node: node.id, reverse=True):
        ordered = tuple(rule for _, rule in sorted(below[node.id], key=lambda placed: placed[0]))
        rule = _rule(node, ordered, tuple(options[node.id]))
        if node.parent_id is None:
            rules[node.owner_kind, node.owner_key, node.role] = rule
        else:
            below[node.parent_id].append((node.position, rule))
    return rules


def _rule(node: Any, below: tuple[Rule, ...], options: tuple[str, ...]) -> Rule:
    match node.kind:
        case Always.kind:
            return Always(node.truth)
        case All.kind:
            return All(below)
        case AnyOf.kind:
            return AnyOf(below)
        case Not.kind:
            (child,) = below
            return Not(child)
        case IsYes.kind:
            return IsYes(node.fact)
        case IsOneOf.kind:
            return IsOneOf(node.fact, options)
        case Includes.kind:
            return Includes(node.fact, options)
        case Compare.kind:
            return Compare(node.fact, node.comparison, _number(node.amount))
        case Elapsed.kind:
            return Elapsed(node.fact, node.comparison, int(node.amount), node.unit, node.anchor)
        case ExceedsAge.kind:
            return ExceedsAge(node.fact, node.unit, node.name)
        case ReadingHolds.kind:
            return ReadingHolds(node.name)
        case InPart.kind:
            return InPart(node.name)
        case _:
            return Term(node.name)
