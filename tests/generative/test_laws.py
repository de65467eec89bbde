"""The promises of the rule language, for random protocols, answers, dates and readings.

The numbers are those of the architecture: 1 more answers undo nothing, 2 only questions that matter,
3 explanations that suffice, 5 one content one hash, 6 the same bytes again. Laws 4, 7 and the database's
part of 5 and 6 are tested where the second engine, the interview's pages and the store are.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given, note
from hypothesis import strategies as st
from strategies import TODAY, Plain, bodies, cases, instants, junk, protocols, raw_value

from app.rules.ask import ORDERS, Interviewer, Order
from app.rules.board import Board
from app.rules.calendar import read_partial
from app.rules.codec import content_hash, protocol_from_plain, protocol_to_plain
from app.rules.domain import Domains, rules_that_decide
from app.rules.evaluate import Context, decide, reads
from app.rules.facts import ANCHORS, Age, Date, PartialDate, Value, to_json
from app.rules.finding import Finding
from app.rules.participant import InvalidParticipant, Participant, read_participant
from app.rules.protocol import Criterion, InvalidProtocol, Protocol
from app.rules.report import Reporter, report
from app.rules.search import Goal, Grounds, Search
from app.rules.tree import FACT_RULES, All, AnyOf, Not, Rule, walk
from app.rules.truth import FALSE, TRUE, UNKNOWN, negate
from app.rules.verdict import Evaluator, Verdict, evaluate
from app.trials import read_trial, write_trial

SMALL = {"facts": 3, "criteria": 3, "cohorts": 2, "size": 4}
GRID = 900
TRIAL, BUILT_IN = read_trial()


def judged(protocol: Protocol, body: Plain) -> Verdict:
    return evaluate(protocol, read_participant(protocol, body, TODAY))


def findings(verdict: Verdict) -> dict[tuple[str, str], Finding]:
    """Every finding, by criterion (or "admission") and cohort."""
    found = {("admission", c.cohort.code): c.admission for c in verdict.cohorts}
    return found | {(r.criterion.code, code): f for r in verdict.results for code, f in r.findings.items()}


def explained(finding: Finding) -> tuple[object, ...]:
    """What a finding says: its outcome and, where that is unknown, what it waits for."""
    return (finding.outcome, *(finding.missing if finding.outcome == "unknown" else ()))


# LAW 1: MORE ANSWERS UNDO NOTHING


def is_kept(before: str, after: str) -> bool:
    """Whether a decision stands.

    A criterion that passes whether or not it applies is "pass" while its scope is unknown; the answer that shows
    that it does not apply turns this into "not_applicable", which is as harmless. Nothing else may move.
    """
    return before in ("unknown", "undetermined", after) or (before, after) == ("pass", "not_applicable")


def assert_nothing_undone(before: Verdict, after: Verdict) -> None:
    assert is_kept(before.decision, after.decision)
    later = findings(after)
    for key, finding in findings(before).items():
        assert is_kept(finding.outcome, later[key].outcome), key
    for was, now in zip(before.cohorts, after.cohorts, strict=True):
        assert is_kept(was.verdict, now.verdict)
        assert set(was.reasons) - set(before.groups) <= set(now.reasons)
    for group, outcome in before.groups.items():
        assert is_kept(outcome, after.groups[group])
    assert set(before.review) <= set(after.review) | {
        result.criterion.code for result in after.results if result.outcome == "not_applicable"
    }
    for one, other in zip(before.results, after.results, strict=True):
        if any(cohort.admission.outcome != "fail" for cohort in after.cohorts):
            assert is_kept(one.outcome, other.outcome)  # while some cohort may still admit


@st.composite
def extended(draw: st.DrawFn, protocol: Protocol) -> tuple[Plain, Plain]:
    """A body, and one with more answers.

    A birth date given beside a stated age would replace the age, and a stated age beside a birth date counts for
    nothing: neither is an addition, so where one of the two is given the other is not added.
    """
    body = draw(bodies(protocol, known=40))
    bounds = {name: date.fromisoformat(body[name]) for name in ANCHORS}
    more = dict(body["answers"])
    for question in protocol.questions:
        twins = {question.key, question.alternative} - {None}
        twins |= {question.type.birth_date} if isinstance(question.type, Age) else set()
        if all(more.get(key) is None for key in twins) and draw(st.booleans()):
            more[question.key] = draw(raw_value(question, bounds))
    return body, body | {"answers": more}


@given(st.data())
def test_1_P13_an_answer_more_changes_nothing_decided(data: st.DataObject) -> None:
    protocol = data.draw(protocols())
    fewer, more = data.draw(extended(protocol))
    assert_nothing_undone(judged(protocol, fewer), judged(protocol, more))


@given(st.data())
def test_1_a_more_exact_date_changes_nothing_decided(data: st.DataObject) -> None:
    """A year, then the month, then the day: each says the same, more exactly."""
    protocol = data.draw(protocols(kinds=("date", "age", "yes_no")))
    body = data.draw(bodies(protocol, known=95))
    vague, exact = dict(body["answers"]), dict(body["answers"])
    for question in protocol.questions:
        text = vague.get(question.key)
        if isinstance(question.type, Date) and question.type.partial and isinstance(text, str):
            interval = read_partial(text)
            assert interval
            bound = question.type.not_after
            day = data.draw(instants(interval.cut(date.fromisoformat(body[bound])).last if bound else interval.last))
            assume(day >= interval.first)
            exact[question.key] = day.isoformat()
            vague[question.key] = day.isoformat()[: data.draw(st.sampled_from([4, 7]))]
    assert_nothing_undone(judged(protocol, body | {"answers": vague}), judged(protocol, body | {"answers": exact}))


@given(st.data())
def test_1_P13_a_decided_verdict_holds_for_every_completion(data: st.DataObject) -> None:
    """Whatever the unknown answers turn out to be: tried out, all of them together."""
    protocol, body = data.draw(cases(known=50, **SMALL))
    participant = read_participant(protocol, body, TODAY)
    evaluator = Evaluator(protocol)
    before = evaluator.evaluate(participant)
    for answers in completions(protocol, participant):
        assert_nothing_undone(before, evaluator.evaluate(replace(participant, answers=answers)))


def questions_of(protocol: Protocol) -> list[str]:
    """The questions that an interview can ask: an age is asked for as the birth date."""
    return [question.key for question in protocol.questions if not isinstance(question.type, Age)]


def unasked(protocol: Protocol, participant: Participant) -> list[str]:
    return [
        key
        for key in questions_of(protocol)
        if key not in participant.answers and protocol.question_by_key[key].alternative not in participant.answers
    ]


def completions(protocol: Protocol, participant: Participant) -> Iterator[dict[str, Value | None]]:
    """Every way to answer what was not asked, "not known" included, by the values that make a difference."""
    domains, left = Domains(protocol), unasked(protocol, participant)
    choices = [(None, *domains.values(key, participant.dates)) for key in left]
    size = 1
    for choice in choices:
        size *= len(choice)
    assume(size <= GRID)
    for values in product(*choices):
        yield {**participant.answers, **dict(zip(left, values, strict=True))}


# LAW 2: ONLY QUESTIONS THAT MATTER, AND ALL OF THEM


class BruteForce:
    """What every completion comes to, and from that which questions matter. Knows nothing of the search."""

    def __init__(self, protocol: Protocol, participant: Participant, goal: Goal) -> None:
        self.goal, self.keys = goal, unasked(protocol, participant)
        evaluator, domains = Evaluator(protocol), Domains(protocol)
        self.values = {key: domains.values(key, participant.dates) for key in self.keys}
        self.decided: dict[tuple[object, ...], frozenset[object]] = {}
        for answers in completions(protocol, participant):
            verdict = evaluator.evaluate(replace(participant, answers=answers))
            self.decided[tuple(answers[key] for key in self.keys)] = frozenset(self._decided(verdict))

    def _decided(self, verdict: Verdict) -> Iterator[object]:
        if verdict.decision != "undetermined":
            yield "the verdict"
        for result in verdict.results if self.goal == "all_reasons" else ():
            for code, finding in result.findings.items():
                # A route counts as decided once it cannot hold, whether or not it applies.
                is_open = finding.route is UNKNOWN if result.criterion.group else finding.outcome == "unknown"
                if not is_open:
                    yield result.criterion.code, code
        for code in verdict.review if self.goal == "all_reasons" else ():
            yield code, "is raised"  # which it is also where nobody knows whether it applies

    def matters(self, key: str, given_: Mapping[str, Value | None]) -> bool:
        """Whether some value of the question decides something, beside some answers to the others."""
        at = self.keys.index(key)
        open_ = [
            (None,) if other == key else (given_[other],) if other in given_ else (None, *self.values[other])
            for other in self.keys
        ]
        for without in product(*open_):
            for value in self.values[key]:
                if self.decided[(*without[:at], value, *without[at + 1 :])] - self.decided[without]:
                    return True
        return False


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("goal", ["verdict", "all_reasons"])
@given(st.data())
def test_2_every_question_matters_and_whatever_matters_is_asked(goal: Goal, order: Order, data: st.DataObject) -> None:
    protocol, body = data.draw(cases(known=15, **SMALL))
    participant = read_participant(protocol, body, TODAY)
    brute = BruteForce(protocol, participant, goal)
    interviewer = Interviewer(Evaluator(protocol))
    given_: dict[str, Value | None] = {}
    promised: list[tuple[int, int, int]] = []
    while True:
        now = replace(participant, answers={**participant.answers, **given_})
        interview = interviewer.interview(now, goal, order)
        promised.append((len(given_), interview.progress.at_least, interview.progress.at_most))
        assert interview.progress.answered == len(questions_of(protocol)) - len(brute.keys) + len(given_)
        if interview.step is None:
            break
        assert interview.step.questions
        assert order == "section" or len(interview.step.questions) == 1
        for question in interview.step.questions:
            assert question.section == interview.step.section.key
            assert question.key in brute.keys  # an alternative is never asked for itself
            assert question.key not in given_  # nothing is asked twice
            assert condition(protocol, question.key, now) is not False
            assert brute.matters(question.key, given_), f"{question.key} cannot change the {goal}"
        for question in interview.step.questions:
            values = [None, *brute.values[question.key]]
            given_[question.key] = data.draw(st.sampled_from(values), label=question.key)
    for key in brute.keys:
        if key not in given_ and condition(protocol, key, now) is not False:
            assert not brute.matters(key, given_), f"{key} was never asked"
    for before, at_least, at_most in promised:
        assert at_least <= len(given_) - before <= at_most


def condition(protocol: Protocol, key: str, participant: Participant) -> bool | None:
    """Whether the question's condition holds."""
    relevant = protocol.question_by_key[key].relevant
    if relevant is None:
        return True
    truth = decide(relevant, Context(protocol, Evaluator(protocol).world(participant)))
    return None if truth is UNKNOWN else truth.value == "true"


@given(st.data())
def test_2_a_condition_waits_for_what_it_rests_on(data: st.DataObject) -> None:
    """While a question of the condition is still to be asked, the question itself is not."""
    protocol = data.draw(protocols(facts=4))
    assume(any(question.relevant is not None for question in protocol.questions))
    participant = read_participant(protocol, data.draw(bodies(protocol, known=25)), TODAY)
    interviewer = Interviewer(Evaluator(protocol))
    step = interviewer.interview(participant).step
    for question in step.questions if step else ():
        rests_on = reads(protocol, [question.relevant] if question.relevant is not None else [])
        assert not {other.key for other in step.questions if other is not question} & set(rests_on)  # type: ignore[union-attr]


@given(st.data())
def test_2_the_steps_of_an_interview_can_be_replayed(data: st.DataObject) -> None:
    """From the answers alone: the steps taken, each followed by the next, the last one where the interview stands."""
    protocol = data.draw(protocols())
    participant = read_participant(protocol, data.draw(bodies(protocol, known=0)) | {"answers": {}}, TODAY)
    interviewer, domains = Interviewer(Evaluator(protocol)), Domains(protocol)
    answers: dict[str, Value | None] = {}
    taken, order = [], data.draw(st.sampled_from(ORDERS))
    while (step := interviewer.interview(replace(participant, answers=answers), order=order).step) is not None:
        taken.append(step)
        assert interviewer.path(replace(participant, answers=answers), order=order) == taken
        for question in step.questions:
            answers[question.key] = data.draw(st.sampled_from([None, *domains.values(question.key, participant.dates)]))
    assert interviewer.path(replace(participant, answers=answers), order=order) == taken


# LAW 3: EXPLANATIONS THAT SUFFICE


def assert_explained(evaluator: Evaluator, participant: Participant) -> int:
    """The facts that a finding cites give the same finding alone, and none of them can be left out."""
    checked = 0
    verdict = evaluator.evaluate(participant)

    def alone(answers: Mapping[str, Value]) -> dict[tuple[str, str], Finding]:
        return findings(evaluator.evaluate(replace(participant, answers=answers)))

    for key, finding in findings(verdict).items():
        note(f"{key} {finding.outcome}: {dict(finding.facts)}")
        assert all(participant.answers[fact] == value for fact, value in finding.facts.items())
        assert explained(alone(finding.facts)[key]) == explained(finding)
        for left_out in finding.facts:
            fewer = {fact: value for fact, value in finding.facts.items() if fact != left_out}
            assert explained(alone(fewer)[key]) != explained(finding), left_out
            checked += 1
    cited = {fact: value for finding in findings(verdict).values() for fact, value in finding.facts.items()}
    assert evaluator.evaluate(replace(participant, answers=cited)).decision == verdict.decision
    return checked


@given(cases())
def test_3_cited_facts_suffice_and_none_is_idle(case: tuple[Protocol, Plain]) -> None:
    protocol, body = case
    assert_explained(Evaluator(protocol), read_participant(protocol, body, TODAY))


@given(bodies(BUILT_IN, known=85))
def test_3_cited_facts_of_the_built_in_trial(body: Plain) -> None:
    assert_explained(Evaluator(BUILT_IN), read_participant(BUILT_IN, body, TODAY))


@given(cases())
def test_3_what_is_missing_is_what_can_decide(case: tuple[Protocol, Plain]) -> None:
    """An unknown finding names what it waits for, all of it unknown; a decided one names nothing."""
    protocol, body = case
    verdict = judged(protocol, body)
    world = Evaluator(protocol).world(verdict.participant)
    for finding in findings(verdict).values():
        assert bool(finding.missing) is (finding.outcome == "unknown")
        assert set(finding.depends_on) <= set(finding.missing)
        for name in finding.missing:
            value = world[name]
            assert value is None or (isinstance(value, PartialDate) and not value.is_exact)


@given(cases(known=90))
def test_3_a_failure_passes_from_the_day_it_says(case: tuple[Protocol, Plain]) -> None:
    """On that day, all dates moved up to it, the same answers pass; with exact dates not on the day before."""
    protocol, body = case
    verdict = judged(protocol, body)

    def on(day: date, key: tuple[str, str]) -> str:
        moved = {name: max(body[name], day.isoformat()) for name in ANCHORS}
        return findings(judged(protocol, body | moved))[key].outcome

    for key, finding in findings(verdict).items():
        assert (finding.can_change is not None) is (finding.outcome == "fail")
        if finding.passes_from is not None:
            assert finding.can_change == "time"
            if finding.passes_from.year < 2200:
                assert on(finding.passes_from, key) in ("pass", "not_applicable")
            dates = [value for value in verdict.participant.answers.values() if isinstance(value, PartialDate)]
            if all(value.is_exact for value in dates):
                assert on(finding.passes_from - timedelta(days=1), key) not in ("pass", "not_applicable")


@given(st.data())
def test_3_a_fixed_failure_never_passes(data: st.DataObject) -> None:
    """Whatever is measured anew, however old the participant grows: while the fixed answers hold, it stays a
    failure.
    """
    protocol, body = data.draw(cases(known=90))
    later = data.draw(bodies(protocol, known=90))
    verdict = judged(protocol, body)
    moved = {name: max(body[name], later[name]) for name in ANCHORS}
    answers = dict(later["answers"])
    for question in protocol.questions:
        if question.can_change == "fixed" or question.alternative is not None or isinstance(question.type, Age):
            answers[question.key] = body["answers"].get(question.key)
        if isinstance(question.type, Age) and answers[question.key] is not None:
            answers[question.key] = min(120, answers[question.key] + data.draw(st.integers(0, 80)))
    after = findings(judged(protocol, {"answers": answers, "readings": body.get("readings"), **moved}))
    for key, finding in findings(verdict).items():
        if finding.can_change == "fixed":
            assert after[key].outcome not in ("pass", "not_applicable"), key


# LAW 5: ONE CONTENT, ONE HASH


@given(protocols())
def test_5_a_protocol_survives_its_plain_form(protocol: Protocol) -> None:
    plain = protocol_to_plain(protocol)
    again = protocol_from_plain(json.loads(json.dumps(plain)))
    assert again == protocol
    assert protocol_to_plain(again) == plain
    assert content_hash(again) == content_hash(protocol)


@given(protocols(), protocols())
def test_5_equal_hash_means_equal_content(one: Protocol, other: Protocol) -> None:
    assert (content_hash(one) == content_hash(other)) is (one == other)


@given(protocols(), st.data())
def test_5_any_change_changes_the_hash(protocol: Protocol, data: st.DataObject) -> None:
    """A text, a limit, an option, a status: one field of the plain form, anywhere, is set to something else."""
    plain = protocol_to_plain(protocol)
    places = list(leaf_places(plain))
    place = data.draw(st.sampled_from(places))
    spot: Any = plain
    for step in place[:-1]:
        spot = spot[step]
    old = spot[place[-1]]
    spot[place[-1]] = not old if isinstance(old, bool) else old + 1 if isinstance(old, int | float) else f"{old}x"
    try:
        changed = protocol_from_plain(plain)
    except ValueError:
        assume(False)
    assert changed != protocol
    assert content_hash(changed) != content_hash(protocol)


def leaf_places(plain: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for key, value in items:
        if isinstance(value, dict | list):
            yield from leaf_places(value, (*at, key))
        else:
            yield *at, key


@given(protocols())
def test_5_a_protocol_survives_its_file(tmp_path_factory: pytest.TempPathFactory, protocol: Protocol) -> None:
    path = tmp_path_factory.getbasetemp() / "protocol.yaml"
    trial = replace(TRIAL, nct_id=protocol.nct_id)
    path.write_text(write_trial(trial, protocol), encoding="utf-8")
    assert read_trial(path) == (trial, protocol)
    assert write_trial(*read_trial(path)) == path.read_text("utf-8")


TEXTS = st.text(min_size=1, max_size=12) | st.sampled_from(
    [
        "yes",
        "no",
        "null",
        "~",
        "1",
        "1.5",
        "0o7",
        "1:30",
        "2026-11-22",
        "true",
        "- a",
        "a: b",
        "#",
        "é",
        " x ",
        "<<",
        "=",
    ]
)


@given(TEXTS)
def test_5_any_text_that_is_accepted_survives_the_file(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    plain: Plain = {
        "nct_id": TRIAL.nct_id,
        "sections": [{"key": "s", "title": text}],
        "questions": [
            {
                "key": "q",
                "section": "s",
                "type": "choice",
                "can_change": "fixed",
                "text": "Q?",
                "label": "Q",
                "why": "So.",
            }
            | {"hint": text, "options": [{"value": text, "label": text}]}
        ],
        "criteria": [
            {"code": "I1", "kind": "inclusion", "title": "I", "statement": text, "place": "1"}
            | {"rule": {"is": {"q": [text]}}}
        ],
        "cohorts": [{"code": "c", "title": "C", "admits": {"always": True}}],
    }
    try:
        protocol = protocol_from_plain(plain)
    except InvalidProtocol:
        assert not text.isprintable() or not text.strip()
        return
    path = tmp_path_factory.getbasetemp() / "text.yaml"
    path.write_text(write_trial(TRIAL, protocol), encoding="utf-8")
    assert read_trial(path) == (TRIAL, protocol)
    judged(protocol, {"answers": {"q": text}, **dict.fromkeys(ANCHORS, "2026-11-22")})


# LAW 6: THE SAME BYTES AGAIN


@given(st.data())
def test_6_P12_stored_answers_give_the_same_bytes(data: st.DataObject) -> None:
    """Answers are stored as JSON: read back they give the same report, also from what remembers."""
    protocol = data.draw(protocols())
    remembering, reporter = Evaluator(protocol), Reporter(protocol, b'"trial":null')
    for _ in range(3):
        participant = read_participant(protocol, data.draw(bodies(protocol)), TODAY)
        bytes_ = report(evaluate(protocol, participant), b'"trial":null')
        stored = {
            "answers": {key: to_json(value) for key, value in participant.answers.items()},
            "readings": dict(participant.readings),
            **{name: getattr(participant.dates, name).isoformat() for name in ANCHORS},
        }
        again = read_participant(protocol, json.loads(json.dumps(stored)), date(1999, 1, 1))
        assert again == participant
        assert report(evaluate(protocol, again), b'"trial":null') == bytes_
        assert report(remembering.evaluate(again), b'"trial":null') == bytes_
        assert reporter.report(remembering.evaluate(participant)) == bytes_
        assert reporter.report(evaluate(protocol, again)) == bytes_
        assert_contract(json.loads(bytes_), protocol)


def assert_contract(said: dict[str, Any], protocol: Protocol) -> None:
    """The shape of the report: every name of the contract, every criterion and cohort in the protocol's order."""
    assert [criterion["code"] for criterion in said["criteria"]] == [c.code for c in protocol.criteria]
    assert [cohort["code"] for cohort in said["cohorts"]] == [c.code for c in protocol.cohorts]
    for criterion in said["criteria"]:
        assert criterion["reason"].endswith(".")
        assert criterion["outcome"] in ("pass", "fail", "unknown", "not_applicable")
        assert (criterion["can_change"] is not None) is (criterion["outcome"] == "fail")
    assert said["summary"].endswith(".")


# THE LOGIC


@given(st.data())
def test_de_morgan(data: st.DataObject) -> None:
    protocol, body = data.draw(cases(known=60))
    world = Evaluator(protocol).world(read_participant(protocol, body, TODAY))
    rules: list[Rule] = [node for criterion in protocol.criteria for node in walk(criterion.rule)]
    for cohort in (None, *protocol.cohorts):
        truth = partial(decide, context=Context(protocol, world, cohort))
        for rule in rules:
            assert truth(Not(Not(rule))) is truth(rule)
            assert truth(Not(rule)) is negate(truth(rule))
        some = tuple(data.draw(st.lists(st.sampled_from(rules), min_size=1, max_size=4)))
        denied = tuple(Not(rule) for rule in some)
        assert truth(Not(All(some))) is truth(AnyOf(denied))
        assert truth(Not(AnyOf(some))) is truth(All(denied))
        assert truth(All(some)) is truth(All(tuple(reversed(some))))


# THE FAST WAYS AGREE WITH THE PLAIN ONE


@given(st.data())
def test_the_ways_of_a_rule_are_what_it_means(data: st.DataObject) -> None:
    """Each rule is true, or false, exactly where what is known reaches a way to be so: partial dates included."""
    protocol = data.draw(protocols())
    participant = read_participant(protocol, data.draw(bodies(protocol)), TODAY)
    world = Evaluator(protocol).world(participant)
    evidence = Board(protocol).evidence
    known = evidence.of(world, participant.dates)
    for rule in rules_that_decide(protocol):
        for cohort in (None, *protocol.cohorts):
            reached = [any(not way & ~known for way in evidence.ways(rule, truth, cohort)) for truth in (True, False)]
            truth = decide(rule, Context(protocol, world, cohort))
            assert reached == [truth is TRUE, truth is FALSE]


@given(st.data())
def test_the_blocks_of_the_board_make_the_verdict(data: st.DataObject) -> None:
    """By their ways, and by their rules."""
    protocol = data.draw(protocols())
    participant = read_participant(protocol, data.draw(bodies(protocol)), TODAY)
    verdict = evaluate(protocol, participant)
    board, world = Board(protocol), verdict.context.world
    known = board.evidence.of(world, participant.dates)
    grounds = Grounds(board, participant.dates)
    assert Search(grounds, world, known, 0, "verdict").verdict == verdict.decision
    for number, block in enumerate(board.blocks):
        assert grounds.standing(number, known, 0, world).truth is block.truth(protocol, world)
    decided = [any(not way & ~known for way in reason.ways) for reason in board.reasons]
    assert decided == [
        each
        for result in verdict.results
        for finding in result.findings.values()
        for each in reasons_decided(result.criterion, finding)
    ]


def reasons_decided(criterion: Criterion, finding: Finding) -> list[bool]:
    """Whether each reason for which a criterion's questions are asked is decided.

    A review point has two: that it is raised, unless it does not apply, and what it comes to.
    """
    if criterion.kind == "review":
        return [finding.scope is FALSE or finding.truth is TRUE, finding.outcome != "unknown"]
    return [(finding.route if criterion.group else finding.outcome) not in (UNKNOWN, "unknown")]


@given(st.data())
def test_domain_values_stand_for_every_value(data: st.DataObject) -> None:
    """However a (fully known) answer falls on the leaves that read it, some value of the domain falls so too."""
    protocol = data.draw(protocols())
    participant = read_participant(protocol, data.draw(bodies(protocol)) | {"answers": {}}, TODAY)
    bounds = {name: getattr(participant.dates, name) for name in ANCHORS}
    base = Evaluator(protocol).world(participant)
    domains = Domains(protocol)
    leaves = [
        node
        for rule in [*[c.rule for c in protocol.criteria], *[c.scope for c in protocol.criteria if c.scope is not None]]
        for node in walk(rule)
        if isinstance(node, FACT_RULES)
    ]
    for question in protocol.questions:
        mine = [leaf for leaf in leaves if question.key in reads(protocol, [leaf])]

        def falls(value: Value, key: str = question.key, mine: list[Rule] = mine) -> tuple[object, ...]:
            return tuple(decide(leaf, Context(protocol, base | {key: value})) for leaf in mine)

        values = domains.values(question.key, participant.dates)
        reached = {falls(value) for value in values}
        assert all(question.type.read(to_json(value), participant.dates) == value for value in values)
        for _ in range(5):
            value = question.type.read(data.draw(raw_value(question, bounds)), participant.dates)
            if UNKNOWN not in falls(value):
                assert falls(value) in reached, value


# NOTHING CRASHES


def assert_clean_refusal(refusal: InvalidParticipant, facts: set[str] | None = None) -> None:
    assert refusal.complaints
    for fact, message in refusal.complaints:
        assert facts is None or fact in facts
        (fact + message).encode()
        assert message
        assert len(fact) <= 80


@given(st.data())
def test_any_input_is_evaluated_or_refused(data: st.DataObject) -> None:
    protocol = data.draw(protocols(facts=3))
    keys = [question.key for question in protocol.questions]
    answers = st.dictionaries(st.sampled_from(keys) | st.text(max_size=5), junk(), max_size=4)
    fields = {"answers": answers | junk(), "readings": junk(), **{name: junk() for name in ANCHORS}}
    body = data.draw(st.fixed_dictionaries({}, optional=fields) | junk())
    try:
        participant = read_participant(protocol, body, TODAY)
    except InvalidParticipant as refusal:
        assert_clean_refusal(refusal)
    else:
        json.loads(report(evaluate(protocol, participant), b'"trial":null'))


@given(st.data())
def test_one_bad_answer_is_refused_by_name(data: st.DataObject) -> None:
    protocol = data.draw(protocols())
    body = data.draw(bodies(protocol))
    key = data.draw(st.sampled_from([question.key for question in protocol.questions]))
    value = data.draw(junk())
    try:
        participant = read_participant(protocol, body | {"answers": body["answers"] | {key: value}}, TODAY)
    except InvalidParticipant as refusal:
        twins = {q.key for q in protocol.questions if isinstance(q.type, Age) and key in (q.key, q.type.birth_date)}
        assert_clean_refusal(refusal, {key} | twins)
    else:
        evaluate(protocol, participant)
        Interviewer(Evaluator(protocol)).interview(participant)
