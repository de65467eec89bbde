"""What is checked of a protocol, claim by claim. `docs/check.md` says how to read what comes out.

A remark's witness shows what is wrong where somebody can show it, else the participant who comes closest:
one whom a criterion that never fails applies to, one whom a cohort that takes nobody turns away.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, pairwise

import z3

from app.proof.encode import TRUE, Formula, by_cohort
from app.proof.prove import Prover
from app.proof.remark import Remark
from app.rules.codec import rule_to_plain
from app.rules.evaluate import leaves
from app.rules.facts import Age, Choice, Many
from app.rules.protocol import Cohort, Criterion, Protocol, Question
from app.rules.tree import Always, Compare, ReadingHolds, Rule, children

Substitution = list[tuple[Formula, Formula]]


def remarks(protocol: Protocol) -> Iterator[Remark]:
    """Every remark on a protocol. Raises Disagreement, Undecided."""
    prover = Prover(protocol)
    for part in (_rules, _criteria, _files, _questions, _readings, _cohorts, _ages):
        yield from part(prover)


# RULES: none is decided alike for everybody whom it concerns, whatever the readings

Within = tuple[Cohort | None, Formula]  # for which cohort a rule is decided, and whom it concerns then


def _rules(prover: Prover) -> Iterator[Remark]:
    encoding, protocol = prover.encoding, prover.protocol
    everybody: list[Within] = [(None, TRUE)]
    for term in protocol.terms:
        yield from _constant(prover, f"term {term.name}", term.rule, everybody)
    for question in protocol.questions:
        if question.relevant is not None:
            yield from _constant(prover, f"question {question.key}", question.relevant, everybody)
    for criterion in protocol.criteria:
        at = f"criterion {criterion.code}"
        cohorts = protocol.cohorts if by_cohort(criterion) else (None,)
        if criterion.scope is not None:
            yield from _constant(prover, f"{at} scope", criterion.scope, [(cohort, TRUE) for cohort in cohorts])
        inside = [(cohort, z3.Not(encoding.outcomes(criterion, cohort).not_applicable)) for cohort in cohorts]
        yield from _constant(prover, at, criterion.rule, inside)
    for cohort in protocol.cohorts:
        yield from _constant(prover, f"cohort {cohort.code}", cohort.admits, [(cohort, TRUE)])
        for part, rule in cohort.parts:
            yield from _constant(prover, f"cohort {cohort.code} part {part}", rule, [(cohort, TRUE)])


def _constant(prover: Prover, place: str, rule: Rule, within: list[Within]) -> list[Remark]:
    """The innermost rules that are true of everybody whom they concern, or of nobody."""
    if isinstance(rule, Always | ReadingHolds):
        return []
    below = [remark for child in children(rule) for remark in _constant(prover, place, child, within)]
    if below:
        return below
    free = prover.encoding.readings
    truths = [(inside, prover.encoding.truth(rule, cohort)) for cohort, inside in within]
    holds = z3.Or([z3.And(inside, truth.yes) for inside, truth in truths])
    fails = z3.Or([z3.And(inside, truth.no) for inside, truth in truths])
    can_hold, can_fail = prover.possible(holds, free=free), prover.possible(fails, free=free)
    if can_hold == can_fail:  # where it concerns nobody, that is said elsewhere
        return []
    claim = f"{json.dumps(rule_to_plain(rule))} is {'always' if can_hold else 'never'} true"
    return [Remark(place, claim, "error", prover.closest([holds if can_hold else fails], free=free))]


# CRITERIA: each can fail alone, and each can pass in somebody who is eligible


def _criteria(prover: Prover) -> Iterator[Remark]:
    for criterion in prover.protocol.criteria:
        yield from (_review if criterion.kind == "review" else _criterion)(prover, criterion)


def _criterion(prover: Prover, criterion: Criterion) -> Iterator[Remark]:
    encoding, cohorts = prover.encoding, prover.protocol.cohorts
    place = f"criterion {criterion.code}"
    of = {cohort.code: encoding.of(criterion, cohort) for cohort in cohorts}
    applies = z3.Or([z3.Not(outcomes.not_applicable) for outcomes in of.values()])
    fails = z3.Or([outcomes.fails for outcomes in of.values()])
    passes = z3.Or([outcomes.passes for outcomes in of.values()])
    if not prover.possible(applies):
        yield Remark(place, "applies to nobody", "error", prover.closest([TRUE]))
        return
    group_fails = TRUE if criterion.group is None else encoding.group(criterion.group).no
    alone = [z3.And(encoding.eligible(c, but=criterion), of[c.code].fails, group_fails) for c in cohorts]
    if not prover.possible(fails):
        yield Remark(place, "never fails", "error", prover.closest([applies]))
    elif not prover.possible(z3.Or(alone)):
        unadmitted = z3.Or([z3.And(of[c.code].fails, encoding.passes_all(c, but=criterion)) for c in cohorts])
        yield Remark(place, "never excludes alone", "warning", prover.closest([unadmitted], [fails]))
    counts = [z3.And(encoding.eligible(c), of[c.code].passes) for c in cohorts]
    if not prover.possible(passes):
        yield Remark(place, "never passes", "error", prover.closest([fails]))
    elif not prover.possible(z3.Or(counts)):
        claim = "never passes in anybody who is likely eligible"
        yield Remark(place, claim, "warning", prover.closest([passes]))


def _review(prover: Prover, criterion: Criterion) -> Iterator[Remark]:
    outcomes = [prover.encoding.of(criterion, cohort) for cohort in prover.protocol.cohorts]
    if not prover.possible(z3.Or([each.route.yes for each in outcomes])):
        yield Remark(f"criterion {criterion.code}", "is never raised", "warning", prover.closest([TRUE]))


# FILES: who has answered all that is asked is decided


def _files(prover: Prover) -> Iterator[Remark]:
    encoding = prover.encoding
    claim = "may stay unknown although all that is asked is answered"
    for criterion in prover.protocol.criteria:
        outcomes = [encoding.of(criterion, cohort) for cohort in prover.protocol.cohorts]
        unknown = [z3.Not(z3.Or(each.passes, each.fails, each.not_applicable)) for each in outcomes]
        if criterion.group is None and (witness := prover.find_as_asked(z3.Or(unknown))):
            yield Remark(f"criterion {criterion.code}", claim, "error", (witness,))
    for group in prover.protocol.groups:
        if witness := prover.find_as_asked(z3.Not(z3.Or(*encoding.group(group.code)))):
            yield Remark(f"group {group.code}", claim, "error", (witness,))
    for cohort in prover.protocol.cohorts:
        if witness := prover.find_as_asked(z3.Not(z3.Or(*encoding.admits(cohort)))):
            yield Remark(f"cohort {cohort.code}", claim, "error", (witness,))


# QUESTIONS: each is asked of somebody, and each decides; no two options are taken alike


def _questions(prover: Prover) -> Iterator[Remark]:
    for question in prover.protocol.questions:
        place = f"question {question.key}"
        due = _due(prover, question)
        if not prover.possible(*due):
            yield Remark(place, "is never asked", "error", prover.closest([TRUE]))
            continue
        fresh = prover.encoding.variables(question.key, " instead")
        swap = list(zip(prover.encoding.values[question.key], fresh, strict=True))
        accepted = prover.encoding.accepted(question.key, fresh)
        if not _differ(prover, question, [], swap, [*due, *accepted]):
            yield Remark(place, "never decides", "warning", prover.closest(due))
        elif isinstance(question.type, Choice):
            yield from _choice(prover, question, [option.value for option in question.type.options])
        elif isinstance(question.type, Many):
            yield from _list(prover, question, [option.value for option in question.type.options])


def _due(prover: Prover, question: Question) -> list[Formula]:
    return [prover.encoding.due(question).yes, prover.encoding.known[question.key]]


def _differ(
    prover: Prover, question: Question, one: Substitution, other: Substitution, claims: Iterable[Formula]
) -> bool:
    """Whether one value and the other can make a difference to anything of which the verdict is made."""
    differs = [
        z3.substitute(effect.holds, *one) != z3.substitute(effect.holds, *other)
        for effect in prover.effects
        if question.key in effect.reads
    ]
    return bool(differs) and prover.possible(*claims, z3.Or(differs))


def _choice(prover: Prover, question: Question, options: list[str]) -> Iterator[Remark]:
    value, due = prover.encoding.values[question.key][0], _due(prover, question)

    def alike(one: int, other: int) -> bool:
        return not _differ(prover, question, [(value, z3.IntVal(one))], [(value, z3.IntVal(other))], due)

    for group in _classes(len(options), alike):
        witnesses = prover.closest([*due, value == group[0]])
        yield Remark(f"question {question.key}", _taken_alike(options, group), "warning", witnesses)


def _list(prover: Prover, question: Question, options: list[str]) -> Iterator[Remark]:
    held, due = prover.encoding.values[question.key], _due(prover, question)
    yes, no = z3.BoolVal(True), z3.BoolVal(False)
    deciding = []
    for place, option in enumerate(options):
        if _differ(prover, question, [(held[place], yes)], [(held[place], no)], due):
            deciding.append(place)
        else:
            witnesses = prover.closest([*due, held[place]])
            yield Remark(f"question {question.key}", f"option {option} never decides", "warning", witnesses)

    def alike(one: int, other: int) -> bool:
        first, second = held[deciding[one]], held[deciding[other]]
        swaps = [(first, yes), (second, no)], [(first, no), (second, yes)]
        return not _differ(prover, question, *swaps, due)

    for group in _classes(len(deciding), alike):
        places = [deciding[number] for number in group]
        witnesses = prover.closest([*due, held[places[0]]])
        yield Remark(f"question {question.key}", _taken_alike(options, places), "warning", witnesses)


def _classes(number: int, alike: Callable[[int, int], bool]) -> list[list[int]]:
    """Of 0 to `number` - 1, those that are alike, two or more together."""
    classes: list[list[int]] = []
    for one in range(number):
        for known in classes:
            if alike(known[0], one):
                known.append(one)
                break
        else:
            classes.append([one])
    return [known for known in classes if len(known) > 1]


def _taken_alike(options: list[str], group: list[int]) -> str:
    *most, last = [options[place] for place in group]
    return f"options {', '.join(most)} and {last} are taken alike"


# READINGS: each that is no convention can change a cohort's verdict


def _readings(prover: Prover) -> Iterator[Remark]:
    eligible = [prover.encoding.eligible(cohort) for cohort in prover.protocol.cohorts]
    yes, no = z3.BoolVal(True), z3.BoolVal(False)
    for code, reading in prover.encoding.readings.items():
        turned = [z3.substitute(e, (reading, yes)) != z3.substitute(e, (reading, no)) for e in eligible]
        if not prover.possible(z3.Or(turned), free=[code]):
            witnesses = prover.closest([TRUE])
            yield Remark(f"reading {code}", "never decides", "warning", witnesses)


# COHORTS: somebody can enter each


def _cohorts(prover: Prover) -> Iterator[Remark]:
    for cohort in prover.protocol.cohorts:
        place, admits = f"cohort {cohort.code}", prover.encoding.admits(cohort).yes
        if prover.possible(prover.encoding.eligible(cohort)):
            continue
        if prover.possible(admits):
            yield Remark(place, "admits, but nobody whom it admits is eligible", "error", prover.closest([admits]))
        else:
            yield Remark(place, "admits nobody", "error", prover.closest([TRUE]))


# AGES: an arm is the cohorts that admit the same ages; arms neither overlap nor leave a gap


def _ages(prover: Prover) -> Iterator[Remark]:
    for question in prover.protocol.questions:
        if isinstance(question.type, Age):
            yield from _arms(prover, question)
            yield from _gaps(prover, question)


def _arms(prover: Prover, question: Question) -> Iterator[Remark]:
    ranges = _ranges(prover, question)
    arms: dict[tuple[bool, ...], list[Cohort]] = {}
    for cohort in prover.protocol.cohorts:
        admits = prover.encoding.admits(cohort).yes
        ages = tuple(prover.possible(admits, within) for _, _, within in ranges)
        if any(ages):
            arms.setdefault(ages, []).append(cohort)
    for (one, ones), (other, others) in combinations(arms.items(), 2):
        shared = [number for number in range(len(ranges)) if one[number] and other[number]]
        if shared:
            said = _spans(ranges, shared)
            claim = f"{_codes(ones)} and {_codes(others)} share the ages {said}, but not all"
            within = z3.Or([ranges[number][2] for number in shared])
            admitted = [z3.Or([prover.encoding.admits(c).yes for c in arm]) for arm in (ones, others)]
            yield Remark(
                f"question {question.key}", claim, "error", prover.closest([within, *admitted], [within, admitted[0]])
            )


def _gaps(prover: Prover, question: Question) -> Iterator[Remark]:
    value = prover.encoding.values[question.key][0]
    admitted = z3.Or([prover.encoding.admits(cohort).yes for cohort in prover.protocol.cohorts])
    younger, older = z3.Real(f"{question.key} younger"), z3.Real(f"{question.key} older")
    claims = [prover.encoding.known[question.key], younger < value, value < older, z3.Not(admitted)]
    for age in (younger, older):
        claims += [*prover.encoding.accepted(question.key, (age,)), z3.substitute(admitted, (value, age))]
    ranges = _ranges(prover, question)
    found = {number: prover.find(*claims, within) for number, (_, _, within) in enumerate(ranges)}
    gap = [number for number, witness in found.items() if witness]
    if gap:
        claim = f"no cohort admits at the ages {_spans(ranges, gap)} who would be admitted younger and older"
        witnesses = tuple(witness for witness in found.values() if witness)[:1]
        yield Remark(f"question {question.key}", claim, "error", witnesses)


Range = tuple[str, str, Formula]


def _ranges(prover: Prover, question: Question) -> list[Range]:
    """The ages that the admissions can tell apart: each limit by itself, and what lies between two."""
    type_, value = question.type, prover.encoding.values[question.key][0]
    assert isinstance(type_, Age)
    named = leaves(prover.protocol, [cohort.admits for cohort in prover.protocol.cohorts])
    limits = {leaf.limit for leaf in named if isinstance(leaf, Compare) and leaf.fact == question.key}
    edges = sorted({type_.minimum, type_.maximum, *[x for x in limits if type_.minimum <= x <= type_.maximum]})
    stated = prover.encoding.known[question.key]
    found: list[Range] = []
    for low, high in pairwise([*edges, None]):
        assert low is not None
        found.append((f"{low:g}", f"{low:g}", z3.And(stated, value == z3.RealVal(str(low)))))
        if high is not None:
            between = z3.And(stated, value > z3.RealVal(str(low)), value < z3.RealVal(str(high)))
            found.append((f"over {low:g}", f"under {high:g}", between))
    return found


def _spans(ranges: list[Range], numbers: list[int]) -> str:
    """Ranges in words, those that follow each other put together."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = []
    for run in runs:
        first, last = ranges[run[0]][0], ranges[run[-1]][1]
        words.append(first if first == last else f"{first} to {last}")
    return ", ".join(words)


def _codes(cohorts: list[Cohort]) -> str:
    return ", ".join(cohort.code for cohort in cohorts)
