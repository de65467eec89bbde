"""Looks an authored protocol over for what is valid and yet probably a slip.

`Protocol` refuses what cannot be built; this names what nothing uses, what no answer can reach, and
what is always decided alike. Each warning has its place.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.rules.evaluate import reads
from app.rules.facts import Age, Choice, FactType, Integer, Number
from app.rules.finding import rules_of
from app.rules.protocol import Protocol
from app.rules.tree import All, AnyOf, Compare, IsOneOf, Not, Rule, Term, children, walk


@dataclass(frozen=True, slots=True)
class Warning:
    """A probable slip, and where it stands."""

    place: str
    message: str


def warnings(protocol: Protocol) -> Iterator[Warning]:
    """Every probable slip of a protocol."""
    yield from _unused(protocol)
    for place, rule in _placed(protocol):
        for node in walk(rule):
            if not (place.startswith("edit check") and isinstance(node, IsOneOf)):  # which may ask whether it is given
                yield from (Warning(place, message) for message in _odd(protocol, node))


def _placed(protocol: Protocol) -> Iterator[tuple[str, Rule]]:
    """Every rule of the protocol with its place."""
    for question in protocol.questions:
        if question.relevant is not None:
            yield f"question {question.key}", question.relevant
    for term in protocol.terms:
        yield f"term {term.name}", term.rule
    for criterion in protocol.criteria:
        yield from ((f"criterion {criterion.code}", rule) for rule in rules_of(criterion, None))
    for cohort in protocol.cohorts:
        yield f"cohort {cohort.code}", cohort.admits
        yield from ((f"cohort {cohort.code}", rule) for _, rule in cohort.parts)
    for check in protocol.edit_checks:
        yield f"edit check {check.code}", check.rule


def _unused(protocol: Protocol) -> Iterator[Warning]:
    """Facts, options, terms and readings that decide nothing."""
    deciding = [rule for place, rule in _placed(protocol) if not place.startswith(("question", "term", "edit check"))]
    used = set(reads(protocol, deciding))
    for question in protocol.questions:
        if question.key not in used and question.alternative not in used:
            yield Warning(f"question {question.key}", "decides no criterion and no admission")
    for reading in protocol.readings:
        if reading.status != "convention" and reading.code not in used:
            yield Warning(f"reading {reading.code}", "stands in no rule")
    names = {node.name for _, rule in _placed(protocol) for node in walk(rule) if isinstance(node, Term)}
    for term in protocol.terms:
        if term.name not in names:
            yield Warning(f"term {term.name}", "is used nowhere")
    for section in protocol.sections:
        if not any(question.section == section.key for question in protocol.questions):
            yield Warning(f"section {section.key}", "has no question")


def _odd(protocol: Protocol, node: Rule) -> Iterator[str]:
    """What is odd about one node."""
    below = children(node)
    if len(set(below)) < len(below):
        yield f"{node.kind} holds the same rule twice"
    if isinstance(node, All | AnyOf):
        if len(below) == 1:
            yield f"{node.kind} of a single rule"
        for rule in below:
            if isinstance(rule, Not) and rule.rule in below:
                yield f"{node.kind} holds a rule and its opposite"
            if isinstance(rule, type(node)):
                yield f"{node.kind} directly inside {node.kind}"
    if isinstance(node, Not) and isinstance(node.rule, Not):
        yield "not of not"
    if isinstance(node, Compare):
        yield from _range(node, protocol.question_by_key[node.fact].type)
    if isinstance(node, IsOneOf):
        type_ = protocol.question_by_key[node.fact].type
        assert isinstance(type_, Choice)
        if len(node.options) == len(type_.options):
            yield f"every option of {node.fact} is named: always true once it is answered"


def _range(node: Compare, type_: FactType) -> Iterable[str]:
    """A comparison that every accepted value decides alike."""
    assert isinstance(type_, Integer | Number | Age)
    low, high, limit = type_.minimum, type_.maximum, node.limit
    always = {"<": high < limit, "<=": high <= limit, ">": low > limit, ">=": low >= limit}[node.comparison]
    never = {"<": low >= limit, "<=": low > limit, ">": high <= limit, ">=": high < limit}[node.comparison]
    if always or never:
        decided = "always" if always else "never"
        yield f"{node.fact} {node.comparison} {limit:g} is {decided} true from {low:g} to {high:g}"
