"""Random protocols, and random answers, dates and readings for them.

Protocols are drawn as plain data, the form in which they are written, so that building them also
exercises the codec. They are small and dense: few facts, which many leaves share, because that is
where rules meet each other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from app.rules.codec import protocol_from_plain
from app.rules.facts import ANCHORS, Age, Choice, Date, Integer, Many, Number, YesNo
from app.rules.protocol import CALCULATORS, Protocol, Question

Plain = dict[str, Any]
TODAY = date(2026, 11, 22)
KINDS = ("yes_no", "choice", "many", "integer", "number", "age", "date")
OPTIONS = ("red", "green", "blue")
STATUSES = ("convention", "assumed yes", "assumed no", "open")
WINDOWS = {"days": (0, 1, 28), "months": (1, 6), "years": (0, 1, 5)}

DAYS = st.sampled_from(
    [
        TODAY,
        TODAY + timedelta(days=1),
        TODAY - timedelta(days=28),
        date(2028, 2, 29),
        date(2027, 2, 28),
        date(2027, 3, 1),
        date(2026, 12, 31),
    ]
) | st.dates(date(2024, 1, 1), date(2030, 12, 31))


def once_in(n: int) -> st.SearchStrategy[bool]:
    """True once in n times."""
    return st.integers(1, n).map(lambda drawn: drawn == n)


@dataclass(frozen=True)
class Vocabulary:
    """What rules may speak of: the facts by type, the readings that are leaves, terms, parts and cohorts."""

    facts: tuple[Plain, ...]
    leaves: tuple[str, ...]
    terms: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


# QUESTIONS


def question(key: str, kind: str) -> st.SearchStrategy[Plain]:
    """A question of one type; where it stands and its condition are added later."""
    words = {"key": key, "type": kind, "text": f"What is {key}?", "label": f"Fact {key}", "why": "It counts."}
    labels = [{"value": option, "label": option.title()} for option in OPTIONS]
    fields: dict[str, st.SearchStrategy[Plain]] = {
        "yes_no": st.just({}),
        "choice": st.integers(1, 3).map(lambda n: {"options": labels[:n]}),
        "many": st.integers(1, 3).map(lambda n: {"options": labels[:n]}),
        "integer": st.sampled_from(
            [{"min": 0, "max": 5}, {"min": 0, "max": 100, "step": 10, "unit": "%"}, {"min": -3, "max": 7, "step": 2}]
        ),
        "number": st.sampled_from([{"min": 0.5, "max": 40, "unit": "kg"}, {"min": -1, "max": 2.25}]),
        "date": st.fixed_dictionaries({"partial": st.booleans()}, optional={"not_after": st.sampled_from(ANCHORS)}),
    }
    return st.builds(
        lambda own, change, hint, asking: (
            {**words, **own, "can_change": change} | ({"hint": hint} if hint else {}) | asking
        ),
        fields[kind],
        st.sampled_from(["fixed", "repeat", "time"]),
        st.sampled_from(["", "Take the latest."]),
        weights(),
    )


def weights() -> st.SearchStrategy[Plain]:
    """Nothing, the default written out, or weights of a question's own."""
    asking = {
        "decides": st.sampled_from([0.1, 0.001, 0.5, 0.99]),
        "burden": st.sampled_from([3, 0.5, 10]),
        "source": st.sampled_from(["judgement", "A registry."]),
    }
    return st.fixed_dictionaries({}, optional={"asking": st.fixed_dictionaries(asking)})


def age_pair(number: int) -> st.SearchStrategy[list[Plain]]:
    """A birth date and the stated age that is its alternative."""
    birth, age = f"born{number}", f"age{number}"
    words = {"why": "It counts.", "can_change": "time"}

    def pair(not_after: str) -> list[Plain]:
        return [
            {"key": birth, "type": "date", "text": "When born?", "label": f"Birth {number}", **words}
            | {"not_after": not_after, "alternative": age},
            {"key": age, "type": "age", "min": 0, "max": 120, "birth_date": birth, "text": "How old?", **words}
            | {"label": f"Age {number}", "unit": "years"},
        ]

    return st.sampled_from(ANCHORS).map(pair)


# RULES


def leaf(fact: Plain) -> st.SearchStrategy[Plain]:
    """A leaf that asks about this fact."""
    key, kind = fact["key"], fact["type"]
    if kind == "yes_no":
        return st.just({"yes": key})
    if kind in ("choice", "many"):
        values = [option["value"] for option in fact["options"]]
        options = st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)
        return options.map(lambda chosen: {"is" if kind == "choice" else "includes": {key: chosen}})
    if kind == "date":
        span = st.sampled_from([(amount, unit) for unit, amounts in WINDOWS.items() for amount in amounts])
        return st.builds(
            lambda comparison, span, anchor: {"elapsed": [key, comparison, *span, anchor]},
            st.sampled_from(["<", ">="]),
            span,
            st.sampled_from(ANCHORS),
        )
    limits: st.SearchStrategy[int | float] = st.sampled_from([0, 1, 2, 16, 18, 75])
    if kind == "integer":
        limits = st.sampled_from([0, 1, 3, 50, 2.5])
    elif kind == "number":
        limits = st.sampled_from([0.5, 1, 2.25, 10, -1])
    return st.builds(
        lambda comparison, limit: {"compare": [key, comparison, limit]}, st.sampled_from(["<", "<=", ">", ">="]), limits
    )


def rule(words: Vocabulary, size: int = 5) -> st.SearchStrategy[Plain]:
    """A rule of the vocabulary with at most about so many leaves."""
    leaves = [st.sampled_from(words.facts).flatmap(leaf)] * 4
    if words.leaves:
        leaves.append(st.sampled_from(words.leaves).map(lambda code: {"reading": code}))
    if words.terms:
        leaves.append(st.sampled_from(words.terms).map(lambda name: {"term": name}))
    if words.parts:
        leaves += [st.sampled_from(words.parts).map(lambda part: {"part": part})] * 2
    always = st.tuples(once_in(12), st.booleans(), st.one_of(leaves))
    base = always.map(lambda drawn: {"always": drawn[1]} if drawn[0] else drawn[2])

    def above(below: st.SearchStrategy[Plain]) -> st.SearchStrategy[Plain]:
        several = st.lists(below, min_size=1, max_size=3)
        return st.one_of(
            several.map(lambda rules: {"all": rules}),
            several.map(lambda rules: {"any": rules}),
            below.map(lambda one: {"not": one}),
        )

    return st.recursive(base, above, max_leaves=size)


# PROTOCOLS


@st.composite
def plain_protocols(
    draw: st.DrawFn, facts: int = 5, criteria: int = 4, cohorts: int = 3, size: int = 5, kinds: tuple[str, ...] = KINDS
) -> Plain:
    """A protocol in plain form, with at most so many facts, criteria and cohorts."""
    questions: list[Plain] = []
    for number in range(draw(st.integers(1, facts))):
        kind = draw(st.sampled_from(kinds))
        made = draw(age_pair(number)) if kind == "age" else [draw(question(f"{kind}{number}", kind))]
        questions += made
    sections = [{"key": f"section{n}", "title": f"Section {n}"} for n in range(draw(st.integers(1, 3)))]
    statuses = draw(st.lists(st.sampled_from(STATUSES), max_size=3))
    readings = [
        {"code": f"X{n}", "statement": f"The record means {n}.", "status": status} for n, status in enumerate(statuses)
    ]
    leaves = tuple(reading["code"] for reading in readings if reading["status"] != "convention")
    words = Vocabulary(tuple(questions), leaves)

    terms: list[Plain] = []
    for number in range(draw(st.integers(0, 2))):
        known = Vocabulary(words.facts, words.leaves, tuple(term["name"] for term in terms))
        terms.append({"name": f"term{number}", "title": f"Term {number}", "rule": draw(rule(known, 3))})
    words = Vocabulary(words.facts, words.leaves, tuple(term["name"] for term in terms))
    _place(draw, questions, sections, terms)
    for asked, name in zip((q for q in questions if q["type"] in ("integer", "number")), CALCULATORS, strict=False):
        asked |= {"calculator": name} if draw(st.booleans()) else {}

    named = draw(st.lists(st.sampled_from(["part_a", "part_b"]), unique=True, max_size=2))
    made_cohorts = []
    for number in range(draw(st.integers(1, cohorts))):
        within = draw(st.lists(st.sampled_from(named), unique=True)) if named else []
        parts = {part: draw(st.just({"always": True}) | rule(words, 2)) for part in within}
        admits = draw(st.just({"always": True}) | rule(words, 3))
        made_cohorts.append(
            {"code": f"cohort-{number}", "title": f"Cohort {number}", "admits": admits, "parts": parts}
            | _readings(draw, readings)
        )
    parts = tuple({part for cohort in made_cohorts for part in cohort["parts"]})

    made_criteria = [
        draw(_criterion(number, words, tuple(sorted(parts)), readings, size))
        for number in range(draw(st.integers(1, criteria)))
    ]
    checks = draw(st.lists(edit_check(questions), max_size=2)) if len(questions) > 1 else []
    used = dict.fromkeys(criterion["group"] for criterion in made_criteria if "group" in criterion)
    return {
        "nct_id": "NCT00000000",
        "sections": sections,
        "questions": questions,
        "terms": terms,
        "readings": readings,
        "groups": [{"code": group, "title": f"Group {group}"} for group in used],
        "criteria": made_criteria,
        "cohorts": made_cohorts,
    } | ({"edit_checks": [{**check, "code": f"Q{n}"} for n, check in enumerate(checks)]} if checks else {})


def edit_check(questions: list[Plain]) -> st.SearchStrategy[Plain]:
    """A rule over two answers or more; where there are a number and an age, often whether the one exceeds the other."""
    both = st.lists(st.sampled_from(questions), min_size=2, max_size=3, unique_by=lambda asked: asked["key"])
    compared: st.SearchStrategy[Plain] = both.flatmap(
        lambda facts: st.builds(
            lambda kind, rules: {kind: rules}, st.sampled_from(["all", "any"]), st.tuples(*map(leaf, facts)).map(list)
        )
    )
    numbers = [asked["key"] for asked in questions if asked["type"] in ("integer", "number")]
    ages = [asked["key"] for asked in questions if asked["type"] == "age"]
    if numbers and ages:
        units = st.sampled_from(["months", "years"])
        exceeds = st.tuples(st.sampled_from(numbers), units, st.sampled_from(ages))
        longer = exceeds.map(lambda drawn: {"exceeds_age": list(drawn)})
        compared |= longer | st.tuples(longer, compared).map(lambda rules: {"all": [rules[0], {"not": rules[1]}]})
    return compared.map(lambda rule: {"message": "These do not go together.", "rule": rule})


def _place(draw: st.DrawFn, questions: list[Plain], sections: list[Plain], terms: list[Plain]) -> None:
    """Give each question a section and now and then a condition on those before it, an age those of its birth date."""
    before: list[Plain] = []
    for number, asked in enumerate(questions):
        if asked["type"] == "age":
            birth = questions[number - 1]
            asked |= {name: birth[name] for name in ("section", "relevant") if name in birth}
        else:
            asked["section"] = draw(st.sampled_from(sections))["key"]
            if before and draw(once_in(3)):
                asked["relevant"] = draw(rule(Vocabulary(tuple(before), ()), 2))
        before.append(asked)


def _criterion(
    number: int, words: Vocabulary, parts: tuple[str, ...], readings: list[Plain], size: int
) -> st.SearchStrategy[Plain]:
    @st.composite
    def build(draw: st.DrawFn) -> Plain:
        kind = draw(st.sampled_from(["inclusion", "inclusion", "exclusion", "exclusion", "review"]))
        grouped = kind == "inclusion" and draw(once_in(2))
        own = words if grouped else Vocabulary(words.facts, words.leaves, words.terms, parts)
        criterion = {
            "code": f"{kind[0].upper()}{number}",
            "kind": kind,
            "title": f"Criterion {number}",
            "statement": f"Statement {number}.",
            "place": f"Place {number}",
            "rule": draw(rule(own, size)),
        }
        if grouped:
            criterion["group"] = draw(st.sampled_from(["disease", "fitness"]))
        if draw(once_in(2)):
            criterion["scope"] = draw(rule(own, 3))
        return criterion | _readings(draw, readings)

    return build()


def _readings(draw: st.DrawFn, readings: list[Plain]) -> Plain:
    if not readings or draw(st.booleans()):
        return {}
    return {"readings": draw(st.lists(st.sampled_from([reading["code"] for reading in readings]), unique=True))}


def protocols(**sizes: Any) -> st.SearchStrategy[Protocol]:
    """A protocol."""
    return plain_protocols(**sizes).map(protocol_from_plain)


# ANSWERS


def instants(before: date) -> st.SearchStrategy[date]:
    """Days up to one, many of them where the windows and ages of these protocols turn."""
    back = [0, 1, 27, 28, 29, 30, 31, 182, 365, 366, 1826, 1827, 730, 5843, 5844, 6574, 6575, 27393]
    near = st.sampled_from([before - timedelta(days=days) for days in back])
    return near | st.dates(max(before - timedelta(days=36_000), date(1900, 1, 1)), before)


def partial_dates(before: date) -> st.SearchStrategy[str]:
    """The text of a date, a month or a year that begins by a day."""
    lengths = st.sampled_from([10, 10, 7, 4])
    return st.builds(lambda day, length: day.isoformat()[:length], instants(before), lengths)


def raw_value(question: Question, bounds: dict[str, date]) -> st.SearchStrategy[Any]:
    """A raw answer that the question accepts."""
    match question.type:
        case YesNo():
            return st.booleans()
        case Choice(options):
            return st.sampled_from([option.value for option in options])
        case Many(options):
            return st.lists(st.sampled_from([option.value for option in options]), unique=True)
        case Integer(minimum, maximum, step):
            low, high = -(-minimum // step), maximum // step
            near = [n for n in (0, 1, 2, 3, 4, 5, 40, 50, 60) if minimum <= n <= maximum and n % step == 0]
            return st.sampled_from(near or [low * step]) | st.integers(low, high).map(lambda n: n * step)
        case Number(minimum, maximum):
            return st.sampled_from([minimum, maximum]) | st.floats(minimum, maximum)
        case Age(minimum, maximum):
            return st.sampled_from([0, 1.5, 2, 16, 17.9, 18, 75]) | st.floats(minimum, maximum)
        case Date(partial, not_after):
            bound = bounds[not_after] if not_after else TODAY
            return partial_dates(bound) if partial else instants(bound).map(date.isoformat)
    raise AssertionError(question.type)


@st.composite
def bodies(draw: st.DrawFn, protocol: Protocol, known: int = 70) -> Plain:
    """A body that the protocol accepts; of a hundred answers, about so many are known, some others null."""
    as_of = draw(DAYS)
    consent = draw(DAYS | st.just(as_of))
    dose = max(draw(DAYS), consent)
    bounds = {"as_of": as_of, "consent_date": consent, "first_dose_date": dose}
    ages = {question.type.birth_date: question.key for question in protocol.questions if isinstance(question.type, Age)}
    answers: Plain = {}
    for question in protocol.questions:
        if draw(st.integers(0, 99)) < known:
            answers[question.key] = draw(raw_value(question, bounds))
        elif draw(once_in(3)):
            answers[question.key] = None
    for birth, age in ages.items():
        if answers.get(birth) is not None and answers.get(age) is not None:
            del answers[draw(st.sampled_from([birth, age]))]  # together they would have to fit
    settable = [reading.code for reading in protocol.readings if reading.status != "convention"]
    readings = draw(st.dictionaries(st.sampled_from(settable), st.booleans(), max_size=2)) if settable else {}
    body: Plain = {"answers": answers, **{name: day.isoformat() for name, day in bounds.items()}}
    return body | ({"readings": readings} if readings else {})


@st.composite
def cases(draw: st.DrawFn, known: int = 70, **sizes: Any) -> tuple[Protocol, Plain]:
    """A protocol and a body that it accepts."""
    protocol = draw(protocols(**sizes))
    return protocol, draw(bodies(protocol, known))


# JUNK

Junk = Callable[[], st.SearchStrategy[Any]]


def junk() -> st.SearchStrategy[Any]:
    """Anything that JSON, or a careless reader of it, can give."""
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([10**400, -(10**400), float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 1e308]),
        st.floats(),
        st.text(),
        st.sampled_from(
            ["\x00", "\ud800", "2026", "2026-13", "2026-02-30", "0000", "9999-12-31", "١٩٩٩", "yes", "aml"]
        ),
        st.dates(date(1, 1, 1), date(9999, 12, 31)).map(date.isoformat),
    )
    names = st.text(max_size=8) | st.sampled_from(["answers", "as_of", "\ud800", "\x00"])
    return st.recursive(
        scalars, lambda below: st.lists(below, max_size=4) | st.dictionaries(names, below, max_size=4), max_leaves=8
    )
