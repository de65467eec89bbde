"""8. The interview: which questions are asked, and when."""

from datetime import date

import pytest
from authoring import EVERYBODY, TODAY, Plain, body, choice, many, plain, write

from app.rules import search, ways
from app.rules.ask import ORDERS, Interviewer, criteria_of, is_asked
from app.rules.board import Board
from app.rules.codec import protocol_from_plain
from app.rules.domain import Domains
from app.rules.evaluate import Context, decide
from app.rules.facts import Dates
from app.rules.participant import read_participant
from app.rules.protocol import Protocol
from app.rules.search import Goal, Grounds, Search
from app.rules.tree import AnyOf, Rule
from app.rules.truth import FALSE, TRUE, UNKNOWN
from app.rules.verdict import Evaluator
from app.rules.ways import TooMany, Ways

FACTS: dict[str, str | Plain] = {"a": "yes_no", "b": "yes_no", "c": "yes_no"}
A, B, C, D = ({"yes": fact} for fact in "abcd")
GOALS = ("verdict", "all_reasons")


def asked(protocol: Protocol, answers: Plain, goal="verdict", **more) -> list[str]:
    """The questions of the next step."""
    step = (
        Interviewer(Evaluator(protocol)).interview(read_participant(protocol, body(answers, **more), TODAY), goal).step
    )
    return [question.key for question in step.questions] if step else []


def progress(protocol: Protocol, answers: Plain) -> tuple[int, int, int]:
    found = Interviewer(Evaluator(protocol)).interview(read_participant(protocol, body(answers), TODAY)).progress
    return found.answered, found.at_least, found.at_most


def test_a_question_is_asked_while_it_can_change_the_verdict() -> None:
    """Once nothing it asks for can matter any more, a question is not asked."""
    protocol = write(FACTS, {"I1": {"any": [A, B]}, "E1": C})
    assert asked(protocol, {}) == ["c", "a", "b"]
    assert asked(protocol, {"a": True}) == ["c"]
    assert asked(protocol, {"a": False}) == ["b", "c"]
    assert asked(protocol, {"a": False, "b": False}) == []
    assert asked(protocol, {"c": True}) == []


def test_not_known_is_an_answer() -> None:
    """A question that was answered "not known" is not asked again, and what it leaves unknown stays so."""
    protocol = write(FACTS, {"I1": {"all": [A, B]}, "E1": C})
    assert asked(protocol, {"a": None}) == ["b", "c"]
    assert asked(protocol, {"a": None, "b": True}) == ["c"]
    assert asked(protocol, {"a": None, "b": True, "c": False}) == []
    protocol = write(FACTS, {"I1": {"all": [{"any": [A, B]}, {"any": [A, {"not": B}]}]}})
    assert asked(protocol, {"a": None}) == []  # b alone can make it neither true nor false


def test_what_no_question_can_settle_is_not_asked_about() -> None:
    """An open reading stays open: a question that only matters beside it is not asked."""
    protocol = write(
        FACTS, {"I1": {"all": [{"reading": "X1"}, {"any": [A, {"reading": "X1"}]}]}}, readings={"X1": "open"}
    )
    assert asked(protocol, {}) == []
    assert asked(protocol, {}, readings={"X1": True}) == []
    protocol = write(FACTS, {"I1": {"all": [{"reading": "X1"}, A]}}, readings={"X1": "open"})
    assert asked(protocol, {}) == ["a"]  # a no excludes


def test_sections_come_one_after_the_other() -> None:
    """A step has the questions of one section: the first in which any is due."""
    raw = plain(FACTS, {"I1": {"all": [A, B, C]}}, sections=("first", "second"))
    raw["questions"][0]["section"] = "second"
    protocol = protocol_from_plain(raw)
    assert asked(protocol, {}) == ["b", "c"]
    assert asked(protocol, {"b": True}) == ["c"]
    assert asked(protocol, {"b": True, "c": True}) == ["a"]


def conditional(criteria: dict[str, Plain]) -> Protocol:
    raw = plain(FACTS, criteria)
    raw["questions"][1]["relevant"] = A
    return protocol_from_plain(raw)


def test_a_condition_is_settled_first() -> None:
    """A question waits for what its condition rests on, and is asked unless the condition is false.

    What needs another answer beside it to exclude comes later.
    """
    protocol = conditional({"E1": {"all": [A, B]}, "E2": C})
    assert asked(protocol, {}) == ["c", "a"]
    assert asked(protocol, {"a": True}) == ["b", "c"]
    assert asked(protocol, {"a": False}) == ["c"]
    assert asked(protocol, {"a": None}) == ["c", "b"]


def test_a_condition_that_will_not_be_asked_about_is_not_waited_for() -> None:
    """Where what the condition rests on cannot change the verdict itself, the question is asked without it."""
    assert asked(conditional({"I1": B}), {}) == ["b"]


def test_a_birth_date_or_an_age() -> None:
    """One question asks for both: the birth date, with the age as its alternative. An answer to either will do."""
    protocol = write({"birth": "birth", "age": "age"}, {"I1": {"compare": ["age", ">=", 18]}})
    assert asked(protocol, {}) == ["birth"]
    for answers in ({"age": 20}, {"birth": "1970"}, {"birth": None}, {"age": None}):
        assert asked(protocol, answers) == []
    assert progress(protocol, {}) == (0, 1, 1)
    assert progress(protocol, {"age": 20}) == (1, 0, 0)


def test_after_exclusion_all_reasons_can_be_asked_for() -> None:
    """With the goal `all_reasons` the interview goes on, after the verdict too, while a criterion can change."""
    protocol = write(FACTS, {"E1": A, "E2": B, "R1": C})
    assert asked(protocol, {"a": True}) == []
    assert asked(protocol, {"a": True}, "all_reasons") == ["b", "c"]
    assert asked(protocol, {"a": True, "b": False, "c": None}, "all_reasons") == []


def test_all_reasons_include_what_the_investigator_looks_at() -> None:
    """A review point decides nothing, so only who wants every reason is asked about it, and only where it applies."""
    protocol = write(FACTS, {"E1": A, "R1": {"rule": C, "scope": B}})
    assert asked(protocol, {}) == ["a"]
    assert asked(protocol, {}, "all_reasons") == ["a", "b", "c"]
    assert asked(protocol, {"b": False}, "all_reasons") == ["a"]


def test_all_reasons_ask_no_less_than_the_verdict() -> None:
    """A cohort's admission is asked for while it can change the verdict, and no longer."""
    protocol = write(FACTS, {"E1": A}, {"c": {"admits": B}})
    assert asked(protocol, {}, "all_reasons") == ["a", "b"]
    assert asked(protocol, {"a": False}, "all_reasons") == ["b"]
    assert asked(protocol, {"a": True}, "all_reasons") == []


def test_a_closed_cohort_asks_nothing() -> None:
    """Only cohorts that may still admit have questions."""
    cohorts = {
        "one": {"admits": A, "parts": {"expansion": {"always": True}}},
        "two": {"admits": {"not": A}, "parts": {"escalation": {"always": True}}},
    }
    protocol = write(FACTS, {"E1": {"rule": B, "scope": {"part": "expansion"}}}, cohorts)
    assert asked(protocol, {"a": False}) == []
    assert asked(protocol, {"a": True}) == ["b"]


def test_a_part_that_rests_on_answers_is_asked_about() -> None:
    """Where the cohort's part is still open, so is what depends on it."""
    cohorts = {
        "one": EVERYBODY | {"parts": {"expansion": A, "escalation": C}},
        "two": EVERYBODY | {"parts": {"expansion": {"always": True}}},
    }
    protocol = write(FACTS, {"E1": {"rule": B, "scope": {"part": "expansion"}}}, cohorts)
    assert asked(protocol, {}) == ["a", "b"]
    assert asked(protocol, {"b": False}) == []
    assert asked(protocol, {"b": True}) == ["a"]
    assert asked(protocol, {"a": None, "b": True}) == []


def test_a_decided_group_asks_nothing() -> None:
    """One route is enough: the others are not asked for, unless all reasons are wanted."""
    criteria = {code: {"rule": rule, "group": "disease"} for code, rule in (("I1", A), ("I2", B))}
    protocol = write(FACTS, criteria, groups=("disease",))
    assert asked(protocol, {}) == ["a", "b"]
    assert asked(protocol, {"a": True}) == []
    assert asked(protocol, {"a": True}, "all_reasons") == ["b"]
    assert asked(protocol, {"a": False}) == ["b"]


def test_a_group_can_only_be_closed_together() -> None:
    """To exclude through a group every route must fail: each of their questions matters though none excludes alone."""
    criteria = {
        "I1": {"rule": A, "group": "disease"},
        "I2": {"rule": {"all": [B, {"reading": "X1"}]}, "group": "disease"},
        "E1": {"reading": "X2"},
    }
    protocol = write(FACTS, criteria, groups=("disease",), readings={"X1": "open", "X2": "open"})
    assert asked(protocol, {}) == ["a", "b"]
    assert asked(protocol, {"a": None}) == []


def test_progress() -> None:
    """How many questions were asked; at least those of this step are left; at most those that are not ruled
    out.
    """
    protocol = write(FACTS, {"I1": {"any": [A, B]}, "E1": C})
    assert progress(protocol, {}) == (0, 3, 3)
    assert progress(protocol, {"a": True}) == (1, 1, 1)
    assert progress(protocol, {"a": None, "b": None}) == (2, 1, 1)
    assert progress(protocol, {"a": True, "c": False}) == (2, 0, 0)


def test_the_path_of_an_interview() -> None:
    """The steps of an interview follow from its answers alone; the last is the one that is not answered yet."""
    protocol = conditional({"E1": {"all": [A, B]}, "E2": C})
    interviewer = Interviewer(Evaluator(protocol))

    def path(answers: Plain) -> list[list[str]]:
        steps = interviewer.path(read_participant(protocol, body(answers), TODAY))
        return [[question.key for question in step.questions] for step in steps]

    assert path({}) == [["c", "a"]]
    assert path({"a": True}) == [["c", "a"]]
    assert path({"a": True, "c": False}) == [["c", "a"], ["b"]]
    assert path({"a": True, "c": False, "b": False}) == [["c", "a"], ["b"]]
    assert path({"a": True, "c": False, "b": None}) == [["c", "a"], ["b"]]
    assert path({"a": False, "c": False, "b": True}) == [["c", "a"]]  # b was never asked
    assert path({"a": False, "c": True, "b": True}) == [["c", "a"]]


def test_the_path_to_all_reasons() -> None:
    """With that goal an interview goes on, and so does its path."""
    raw = plain(FACTS, {"E1": A, "E2": B}, sections=("first", "second"))
    raw["questions"][1]["section"] = "second"
    protocol = protocol_from_plain(raw)
    interviewer = Interviewer(Evaluator(protocol))
    for goal, path in (("verdict", [["a"]]), ("all_reasons", [["a"], ["b"]])):
        for _ in range(2):
            steps = interviewer.path(read_participant(protocol, body({"a": True, "b": None}), TODAY), goal)
            assert [[question.key for question in step.questions] for step in steps] == path
    participant = read_participant(protocol, body({"a": True}), TODAY)
    assert len(interviewer.path(participant)) == 1  # the goal is the verdict


def test_the_path_through_an_alternative() -> None:
    """An answer to the alternative answers the step."""
    protocol = write({"birth": "birth", "age": "age", **FACTS}, {"I1": {"compare": ["age", ">=", 18]}, "E1": A})
    interviewer = Interviewer(Evaluator(protocol))
    steps = interviewer.path(read_participant(protocol, body({"age": 20, "a": False}), TODAY))
    assert [[question.key for question in step.questions] for step in steps] == [["birth", "a"]]


def test_where_an_interview_stands_is_remembered() -> None:
    """By the answers, the goal and the order, once both the step and the path were worked out."""
    protocol = weighed(dict.fromkeys("abc", EVEN), {"E1": A, "E2": {"all": [B, C]}})
    interviewer = Interviewer(Evaluator(protocol))
    participant = read_participant(protocol, body({"a": True}), TODAY)
    for goal in GOALS:
        for order in ORDERS:
            assert interviewer.remembered(participant, goal, order) is None
            interview = interviewer.interview(participant, goal, order)
            assert interviewer.interview(participant, goal, order) is interview
            assert interviewer.remembered(participant, goal, order) is None  # the path is not known yet
            path = interviewer.path(participant, goal, order)
            assert interviewer.remembered(participant, goal, order) == (interview, tuple(path))
    default = interviewer.remembered(participant, "verdict", "section")
    assert default is not None and interviewer.remembered(participant) == default


def test_each_order_has_its_own_path() -> None:
    """Also where one interviewer knows the other."""
    protocol = weighed({"a": EVEN, "b": EVEN, "c": {"decides": 0.9, "burden": 1}}, {"E1": A, "E2": B, "E3": C})
    interviewer = Interviewer(Evaluator(protocol))
    for order, path in (("section", ["a", "b"]), ("quickest", ["c"]), ("section", ["a", "b"])):
        steps = interviewer.path(read_participant(protocol, body({"a": False}), TODAY), order=order)
        assert [question.key for step in steps for question in step.questions] == path


def test_what_a_question_serves() -> None:
    """A question serves the criteria that read it, or its alternative, through terms and parts too."""
    facts = {"birth": "birth", "age": "age", **FACTS}
    cohorts = {"one": EVERYBODY | {"parts": {"expansion": B}}}
    criteria = {
        "I1": {"compare": ["age", ">=", 18]},
        "I2": {"term": "ill"},
        "E1": {"rule": C, "scope": {"part": "expansion"}},
    }
    protocol = write(facts, criteria, cohorts, terms={"ill": A})
    for _ in range(2):
        served = {q.key: [c.code for c in criteria_of(protocol, q)] for q in protocol.questions}
        assert served == {"birth": ["I1"], "age": ["I1"], "a": ["I2"], "b": ["E1"], "c": ["E1"]}


def test_when_a_question_counts_as_asked() -> None:
    """It was answered, or said to be not known, itself or by its alternative."""
    protocol = write({"birth": "birth", "age": "age", **FACTS}, {"I1": A})
    participant = read_participant(protocol, body({"age": None, "a": True}), TODAY)
    assert [is_asked(question, participant) for question in protocol.questions] == [True, True, True, False, False]


# ALL REASONS, ONE BY ONE


OPEN = {"reading": "X1"}


def reasons_left(facts: dict[str, str | Plain], criteria: dict[str, Plain], answers: Plain, **more) -> list[str]:
    """What is asked for all reasons after `out` has excluded."""
    protocol = write({"out": "yes_no", **facts}, {"E0": {"yes": "out"}, **criteria}, readings={"X1": "open"}, **more)
    return asked(protocol, {"out": True, **answers}, "all_reasons")


def test_each_cohort_has_its_own_reasons() -> None:
    """A criterion, its scope and a review point may rest on other answers in each cohort."""
    cohorts = {"one": EVERYBODY | {"parts": {"p": B}}, "two": EVERYBODY | {"parts": {"p": C}}}
    part = {"part": "p"}
    assert reasons_left(FACTS, {"E1": part}, {}, cohorts=cohorts) == ["b", "c"]
    assert reasons_left(FACTS, {"E1": part}, {"b": False}, cohorts=cohorts) == ["c"]
    assert reasons_left(FACTS, {"R1": part}, {}, cohorts=cohorts) == ["b", "c"]
    assert reasons_left(FACTS, {"R1": {"rule": A, "scope": part}}, {"a": True}, cohorts=cohorts) == ["b", "c"]
    assert reasons_left(FACTS, {"E1": {"rule": A, "scope": part}}, {"a": False}, cohorts=cohorts) == []
    assert reasons_left(FACTS, {"E1": {"rule": A, "scope": part}}, {"b": False, "c": False}, cohorts=cohorts) == []


@pytest.mark.parametrize("code", ["I1", "E1", "R1"])
def test_one_way_to_decide_a_reason_is_enough(code: str) -> None:
    """Beside an open reading an answer can decide in one direction only."""
    assert reasons_left(FACTS, {code: {"all": [A, OPEN]}}, {}) == ["a"]
    assert reasons_left(FACTS, {code: {"any": [A, OPEN]}}, {}) == ["a"]
    assert reasons_left(FACTS, {code: {"all": [OPEN, {"any": [A, OPEN]}]}}, {}) == []


def test_a_review_point_waits_for_its_scope() -> None:
    """A criterion that holds passes whether it applies or not; a review point is first to apply."""
    scoped = {"rule": A, "scope": B}
    assert reasons_left(FACTS, {"E1": scoped}, {"a": False}) == []
    assert reasons_left(FACTS, {"R1": scoped}, {"a": False}) == ["b"]
    assert reasons_left(FACTS, {"R1": scoped}, {"b": False}) == []
    assert reasons_left(FACTS, {"R1": scoped}, {"b": True}) == ["a"]
    assert reasons_left(FACTS, {"R1": scoped}, {"a": True}) == ["b"]
    assert reasons_left(FACTS, {"R1": scoped}, {"b": None}) == ["a"]  # it is raised also where nobody knows
    assert reasons_left(FACTS, {"R1": {"rule": A, "scope": {"all": [B, OPEN]}}}, {"a": True}) == ["b"]


# WHAT CAN ONLY EXCLUDE


def test_an_answer_that_can_only_exclude_is_asked_for() -> None:
    """A constant decides nothing else, and a part is read for the cohort."""
    protocol = write(FACTS, {"I1": {"any": [{"all": [A, OPEN]}, {"always": False}]}}, readings={"X1": "open"})
    assert asked(protocol, {}) == ["a"]
    cohorts = {"one": EVERYBODY | {"parts": {"p": B}}}
    protocol = write(FACTS, {"I1": {"all": [{"part": "p"}, OPEN]}}, cohorts, readings={"X1": "open"})
    assert asked(protocol, {}) == ["b"]
    assert asked(protocol, {"b": True}) == []


# RULES WITH MANY WAYS

A_OR_B, A_OR_NOT_B = {"any": [A, B]}, {"any": [A, {"not": B}]}
NEITHER, ONLY_B = {"not": A_OR_B}, {"not": A_OR_NOT_B}


@pytest.mark.parametrize(
    "criteria",
    [
        {"I1": {"all": [A_OR_B, A_OR_NOT_B]}},
        {"E1": {"any": [NEITHER, ONLY_B]}},
        {"I1": {"not": {"any": [NEITHER, ONLY_B]}}},
        {"I1": {"term": "both"}},
        {"E1": {"not": {"term": "both"}}},
        {"I1": {"all": [{"all": [{"any": [{"all": [A_OR_B, A_OR_NOT_B]}]}]}]}},
    ],
)
def test_what_must_all_hold_is_looked_at_part_by_part(criteria: dict[str, Plain]) -> None:
    """So it has few ways, however it is written. With a not known, b alone settles none of these."""
    protocol = write(FACTS, criteria, terms={"both": {"all": [A_OR_B, A_OR_NOT_B]}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ways, "TRIED", 3)  # there are four pairs of ways to hold
        assert asked(protocol, {"a": None}) == []
        assert asked(protocol, {}) == ["a", "b"]


def test_with_too_many_ways_the_rules_themselves_are_decided() -> None:
    """For each cohort, through terms and parts: what is still unknown is asked about, and nothing after that."""
    cohorts = {"one": EVERYBODY | {"parts": {"p": B}}, "two": EVERYBODY | {"parts": {"p": C}}}
    protocol = write(FACTS, {"E1": {"all": [{"part": "p"}, {"term": "t"}]}}, cohorts, terms={"t": A})
    for most in (ways.TRIED, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ways, "TRIED", most)
            assert asked(protocol, {}) == ["a", "b", "c"]
            assert asked(protocol, {"a": False}) == []
            assert asked(protocol, {"a": True, "b": False}) == []
            assert asked(protocol, {"a": True, "b": True}) == ["c"]
            assert asked(protocol, {"a": True, "b": True, "c": True}) == []
            assert asked(protocol, {"a": True, "b": None}) == ["c"]


def test_a_condition_with_too_many_ways_is_decided_by_its_rule() -> None:
    """And one with few by its ways, a constant among them."""
    for condition in ({"term": "t"}, {"any": [{"term": "t"}, {"always": False}]}):
        raw = plain(FACTS, {"E1": {"any": [B, C]}}, terms={"t": {"not": {"all": [A, A]}}})
        raw["questions"][1]["relevant"] = condition
        protocol = protocol_from_plain(raw)
        for most in (ways.TRIED, 0):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(ways, "TRIED", most)
                assert "b" in asked(protocol, {"a": False})
                assert "b" not in asked(protocol, {"a": True})


# TOGETHER WITH OTHER RULES


def due(protocol: Protocol, answers: Plain, goal: Goal = "verdict") -> list[str]:
    """All questions that are due, in the protocol's order."""
    found = Interviewer(Evaluator(protocol)).due(read_participant(protocol, body(answers), TODAY), goal)
    return [question.key for question in found]


KNOWN_SITE: Plain = {"is": {"site": ["here", "there"]}}  # holds on every answer, but not without one
SITE: dict[str, str | Plain] = {"site": choice("here", "there"), **FACTS}


def test_an_answer_that_excludes_only_where_another_has_excluded_is_not_asked_for() -> None:
    """However many it needs beside it."""
    protocol = write(FACTS, {"E1": {"all": [A, B]}, "E2": B})
    assert due(protocol, {}) == ["b"]
    protocol = write(FACTS, {"E1": {"all": [A, B, C]}, "E2": C})
    assert due(protocol, {}) == ["c"]
    protocol = write(FACTS, {"I1": {"any": [C, A]}, "I2": {"any": [{"all": [A, B]}, {"all": [A, {"not": B}, C]}]}})
    assert due(protocol, {"b": True}) == ["a"]  # with a, c makes no difference, and without it I2 fails


def test_what_would_exclude_anyhow_can_wait() -> None:
    """An answer completes an exclusion while others are open that would exclude too."""
    protocol = write(SITE, {"E1": KNOWN_SITE, "E2": {"all": [B, C]}})
    assert due(protocol, {}) == ["site", "b", "c"]
    assert due(protocol, {"site": "here"}) == []


def test_what_another_criterion_needs_anyhow() -> None:
    """A question that makes a criterion hold is not asked where the others need an answer that does so too."""
    either: Plain = {"any": [KNOWN_SITE, B]}
    assert due(write(SITE, {"I1": either}), {}) == ["site", "b"]
    assert due(write(SITE, {"I1": either, "I2": KNOWN_SITE}), {}) == ["site"]
    facts: dict[str, str | Plain] = {**FACTS, "d": "yes_no"}
    criteria: dict[str, Plain] = {"I1": {"any": [{"yes": "d"}, A]}}
    criteria["I2"] = {"any": [{"all": [A, B]}, {"all": [A, C]}]}
    assert due(write(facts, criteria), {}) == ["a", "b", "c"]


def test_what_holds_together_is_asked_for() -> None:
    """One answer may serve several criteria, and others may be needed beside it."""
    facts: dict[str, str | Plain] = {**FACTS, "d": "yes_no", "e": "yes_no"}
    d, e = {"yes": "d"}, {"yes": "e"}
    criteria: dict[str, Plain] = {
        "I1": {"any": [{"all": [A, d]}, C, OPEN]},
        "I2": {"any": [A, C, OPEN]},
        "I3": {"any": [{"all": [B, e]}, C, OPEN]},
        "I4": {"any": [B, C, OPEN]},
    }
    assert due(write(facts, criteria, readings={"X1": "open"}), {}) == ["a", "b", "c", "d", "e"]


def test_windows_of_one_date_fall_together() -> None:
    """Whoever stopped 28 days ago has stopped 14 days ago: beside the first, nothing else is needed for the second."""
    longer, shorter = ({"elapsed": ["stop", ">=", days, "days", "as_of"]} for days in (28, 14))
    protocol = write({"a": "yes_no", "stop": "date"}, {"I1": {"any": [{"all": [A, longer]}, shorter]}})
    assert due(protocol, {}) == ["stop"]
    protocol = write({"a": "yes_no", "stop": "date"}, {"I1": {"any": [{"all": [A, shorter]}, longer]}})
    assert due(protocol, {}) == ["a", "stop"]


def test_no_answer_shows_what_cannot_be() -> None:
    """Nobody is both an adult and younger than twelve."""
    birth: dict[str, str | Plain] = {"birth": "birth", "age": "age"}
    for young, found in ((12, []), (20, ["birth"])):
        ages: Plain = {"all": [{"compare": ["age", ">=", 18]}, {"compare": ["age", "<", young]}]}
        protocol = write(birth, {"I1": {"all": [OPEN, {"not": ages}]}}, readings={"X1": "open"})
        assert due(protocol, {}) == found


def test_one_interviewer_in_many_interviews() -> None:
    """What was found in one state is not said in another: not known is no more than open."""
    protocol = write(FACTS, {"E1": {"all": [A, B]}, "R1": {"any": [A, C]}})
    interviewer = Interviewer(Evaluator(protocol))
    for goal in GOALS:
        for answers in ({}, {"a": None}, {"b": None}, {"a": False}, {"c": None}, {"a": True}, {"a": True, "b": None}):
            found = interviewer.due(read_participant(protocol, body(answers), TODAY), goal)
            assert [question.key for question in found] == due(protocol, answers, goal), (goal, answers)
    for answers, keys in (({}, ["a", "b"]), ({"a": None}, ["b"]), ({"b": False}, [])):
        found = interviewer.due(read_participant(protocol, body(answers), TODAY))
        assert [question.key for question in found] == keys, answers


def with_budget(budget: int, protocol: Protocol) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "BUDGET", budget)
        return due(protocol, {})


def test_a_search_takes_as_many_steps_as_it_may() -> None:
    """Each question may take the whole budget; one more step, and the question counts as able to change the goal."""
    protocol = write(FACTS, {"E1": {"all": [A, B]}, "E2": B})
    assert with_budget(4, protocol) == ["b"]
    assert with_budget(3, protocol) == ["a", "b"]
    protocol = write({**FACTS, "d": "yes_no"}, {"E1": {"all": [A, B]}, "E2": {"all": [C, B]}, "E3": B})
    assert with_budget(6, protocol) == ["b"]


def test_only_what_a_rule_with_too_many_ways_reads_is_asked_for() -> None:
    """Beside it the other rules keep their ways."""
    facts: dict[str, str | Plain] = {**FACTS, "d": "yes_no", "e": "yes_no"}
    many_ways: Plain = {"all": [{"any": [C, {"yes": "d"}]}, {"any": [C, {"yes": "e"}]}]}
    protocol = write(facts, {"E1": {"all": [A, B]}, "E2": B, "E3": many_ways})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ways, "TRIED", 2)
        assert due(protocol, {}) == ["b", "c", "d", "e"]


def test_with_too_many_ways_an_admission_is_asked_about() -> None:
    """By who wants every reason too: it is none, and yet it decides."""
    protocol = write(FACTS, {"E1": C}, {"c": {"admits": {"all": [A, B]}}})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ways, "TRIED", 0)
        for goal in GOALS:
            assert due(protocol, {"c": False}, goal) == ["a", "b"]


# THE SEARCH ITSELF


def looked(protocol: Protocol, answers: Plain, goal: Goal = "verdict", **more) -> Search:
    """The search at one point of an interview."""
    participant = read_participant(protocol, body(answers, **more), TODAY)
    board, world = Board(protocol), Evaluator(protocol).world(participant)
    left = [question.key for question in protocol.questions if not is_asked(question, participant)]
    known = board.evidence.of(world, participant.dates)
    return Search(Grounds(board, participant.dates), world, known, board.evidence.mask(left), goal)


def test_the_search_sees_the_verdict() -> None:
    """As the evaluation does."""
    protocol = write(FACTS, {"E1": {"all": [A, B]}, "E2": C})
    for answers, verdict, truths in (
        ({}, "undetermined", [UNKNOWN, UNKNOWN]),
        ({"c": True}, "excluded", [UNKNOWN, FALSE]),
        ({"a": False}, "undetermined", [TRUE, UNKNOWN]),
        ({"a": False, "c": False}, "likely_eligible", [TRUE, TRUE]),
    ):
        seen = looked(protocol, answers)
        assert (
            seen.verdict
            == verdict
            == Evaluator(protocol).evaluate(read_participant(protocol, body(answers), TODAY)).decision
        )
        standings = [seen.grounds.standing(number, seen.known, seen.open, {}) for number in range(3)]
        assert [standing.truth for standing in standings] == [*truths, TRUE]  # the last: everybody is admitted


def test_what_is_left_of_a_reason() -> None:
    """The ways to decide it; nothing once it is decided."""
    for answers, count in (({}, 3), ({"a": False}, 0), ({"a": True}, 2), ({"a": True, "b": True}, 0), ({"a": None}, 1)):
        seen = looked(write(FACTS, {"E1": {"all": [A, B]}}), answers)
        assert len(seen.grounds.left(0, seen.known, seen.open)) == count, answers


def test_bits_tell_which_question_they_are_of() -> None:
    seen = looked(write(FACTS, {"E1": {"all": [A, B, C]}, "E2": {"all": [A, B]}, "E3": C}), {})
    masks = [seen.evidence.mask([key]) for key in "abc"]
    assert [seen.grounds.slot(mask) for mask in masks] == [0, 1, 2]
    assert seen.grounds.slot(masks[2] | masks[1]) == 1


def test_what_the_search_found_is_kept() -> None:
    """A block and a reason stand as they did until one of their own questions is answered."""
    seen = looked(write(FACTS, {"E1": {"all": [A, B]}, "E2": C}), {})
    c = seen.evidence.mask(["c"])
    first = seen.grounds.standing(0, seen.known, seen.open, {})
    assert seen.grounds.standing(0, seen.known | c, seen.open & ~c, {}) is first
    left = seen.grounds.left(0, seen.known, seen.open)
    assert seen.grounds.left(0, seen.known | c, seen.open & ~c) is left
    assert seen.grounds.standing(0, seen.known, c, {}) != first
    assert seen.grounds.left(0, seen.known, c) != left
    for key, matters in (("a", True), ("c", True)):
        assert seen.matters(seen.evidence.mask([key])) is matters
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "BUDGET", 0)  # what would have to be looked for again would now be given up
        protocol = write(FACTS, {"E1": {"all": [A, B]}, "E2": B})
        assert looked(protocol, {}).matters(looked(protocol, {}).evidence.mask(["a"])) is True
    seen = looked(protocol, {})
    a = seen.evidence.mask(["a"])
    assert seen.matters(a) is False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "BUDGET", 0)
        assert seen.matters(a) is False


# WAYS


def listed(facts: dict[str, str | Plain], rule: Plain, truth: bool = True, **more) -> Ways:
    """The ways of a rule, which is written as an inclusion criterion."""
    protocol = write(facts, {"I1": rule}, **more)
    return Board(protocol).evidence.ways(protocol.criteria[0].rule, truth)


def test_what_cannot_be_is_no_way() -> None:
    """A leaf that holds and does not, of whatever date; or a question without any value."""
    facts: dict[str, str | Plain] = {"one": "date", "two": "date", "site": choice("here", "there")}
    for fact in ("one", "two"):
        recent, old = ({"elapsed": [fact, *how, "as_of"]} for how in (["<", 28, "days"], [">=", 2, "years"]))
        other = {"elapsed": ["two" if fact == "one" else "one", "<", 28, "days", "as_of"]}
        read: Plain = {"any": [other, {"not": other}]}
        both: Plain = {"any": [{"all": [recent, {"not": recent}]}, {"all": [read, {"always": False}]}]}
        assert listed(facts, both) == ()
        assert len(listed(facts, {"all": [recent, old, other]})) == 1  # no two windows are held against each other
        assert len(listed(facts, {"all": [{"not": recent}, old]})) == 1
        assert len(listed(facts, {"any": [recent, old]}, truth=False)) == 1
    assert listed(facts, {"all": [{"not": KNOWN_SITE}]}) == ()
    assert len(listed(facts, KNOWN_SITE)) == 1
    assert listed(facts, {"all": [{"is": {"site": ["here"]}}, {"is": {"site": ["there"]}}]}) == ()


def test_no_way_holds_another() -> None:
    """Only what is needed; a constant needs nothing."""
    both: Plain = {"any": [{"all": [A, B]}, A]}
    assert listed(FACTS, both) == listed(FACTS, {"any": [A, {"all": [A, B, B]}]})
    assert len(listed(FACTS, both)) == len(listed(FACTS, {"term": "t"}, terms={"t": both})) == 1
    assert listed(FACTS, {"any": [A, {"always": True}]}) == (0,)
    assert listed(FACTS, {"all": [A, {"always": False}]}) == ()


def test_a_term_and_a_part_have_the_ways_of_their_rules() -> None:
    """For the cohort; of nobody can be said in which part they are."""
    cohorts = {"one": EVERYBODY | {"parts": {"p": {"all": [A, B]}}}, "two": EVERYBODY}
    protocol = write(FACTS, {"E1": {"any": [{"part": "p"}, C]}, "I1": {"term": "t"}}, cohorts, terms={"t": A})
    evidence = Board(protocol).evidence
    one, two = protocol.cohorts
    rule = protocol.criteria[0].rule
    assert isinstance(rule, AnyOf)
    part, c = rule.rules

    def counts(of: Rule, cohort) -> list[int]:
        return [len(evidence.ways(of, truth, cohort)) for truth in (True, False)]

    assert [counts(part, cohort) for cohort in (one, two, None)] == [[1, 2], [0, 1], [0, 0]]
    assert [counts(rule, cohort) for cohort in (one, two, None)] == [[2, 2], [1, 1], [1, 0]]
    assert evidence.ways(rule, True, two) == evidence.ways(c, True)
    term, a = protocol.criteria[1].rule, protocol.term_by_name["t"].rule
    assert [evidence.ways(term, truth) for truth in (True, False)] == [
        evidence.ways(a, truth) for truth in (True, False)
    ]
    assert evidence.ways(term, True) != evidence.ways(term, False)


def test_what_an_answer_shows_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A date anew on each day."""
    recent: Plain = {"elapsed": ["stop", "<", 28, "days", "as_of"]}
    protocol = write({"stop": "date", "n": "count"}, {"E1": recent, "E2": {"compare": ["n", ">", 5]}})
    evidence, evaluator = Board(protocol).evidence, Evaluator(protocol)
    decided: list[Rule] = []
    monkeypatch.setattr(ways, "decide", lambda rule, context: decided.append(rule) or decide(rule, context))

    def shown(day: date) -> int:
        decided.clear()
        participant = read_participant(protocol, body({"stop": "2026-11-01", "n": 7}, day), day)
        return evidence.of(evaluator.world(participant), participant.dates)

    first = shown(TODAY)
    assert len(decided) == 2
    assert (shown(TODAY), decided) == (first, [])
    assert shown(TODAY.replace(month=12)) != first
    assert decided == [protocol.criteria[0].rule]


def test_how_many_ways_are_listed() -> None:
    """So many pairs are put together, so many ways are kept, and no more."""
    facts: dict[str, str | Plain] = {**FACTS, "d": "yes_no"}
    pairs: Plain = {"all": [{"any": [A, B]}, {"any": [C, {"yes": "d"}]}]}
    for name in ("TRIED", "MOST"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ways, name, 4)
            assert len(listed(facts, pairs)) == 4
            patch.setattr(ways, name, 3)
            with pytest.raises(TooMany):
                listed(facts, pairs)


# WHAT ONE QUESTION TELLS


def test_one_interviewer_on_two_days() -> None:
    """A window that was open has passed."""
    recent = {"elapsed": ["stop", "<", 28, "days", "as_of"]}
    protocol = write({"stop": "date", "a": "yes_no"}, {"E1": recent, "E2": A})
    interviewer = Interviewer(Evaluator(protocol))
    for _ in range(2):
        for day, over in ((TODAY, True), (TODAY.replace(month=12), False)):
            participant = read_participant(protocol, body({"stop": "2026-11-01"}, day), day)
            assert (interviewer.interview(participant).step is None) is over


def test_what_only_has_to_be_known_is_asked_for() -> None:
    """Where a rule comes out alike on every value, the answer counts all the same."""
    facts: dict[str, str | Plain] = {"a": "yes_no", "site": choice("here", "there"), "n": "count"}
    protocol = write(facts, {"E1": A, "I1": {"is": {"site": ["here", "there"]}}, "E2": {"compare": ["n", ">", 100]}})
    assert asked(protocol, {}) == ["a", "site", "n"]
    assert asked(protocol, {"a": False, "n": 5}) == ["site"]
    assert asked(protocol, {"a": False, "site": "here"}) == ["n"]
    assert asked(protocol, {"a": False, "site": None}) == []


@pytest.mark.parametrize("first", ["I1", "E1"])
def test_a_date_is_asked_for_while_any_of_its_windows_matters(first: str) -> None:
    recent, old = ({"elapsed": ["stop", *how, "as_of"]} for how in (["<", 28, "days"], [">=", 2, "years"]))
    criteria: dict[str, Plain] = {"E1": {"all": [A, recent]}, "I1": {"any": [B, old]}}
    ordered = {code: criteria[code] for code in (first, *criteria)}
    protocol = write({**FACTS, "stop": "date"}, ordered)
    assert asked(protocol, {"a": True, "b": True}) == ["stop"]
    assert asked(protocol, {"a": False, "b": False}) == ["stop"]
    assert asked(protocol, {"a": False, "b": True}) == []


# TWO ORDERS


def weighed(weights: dict[str, Plain], criteria: dict[str, Plain], **more) -> Protocol:
    """Questions a, b and c with these weights, each in a section of its own."""
    raw = plain(FACTS, criteria, sections=("first", "second", "third"), **more)
    for question, section in zip(raw["questions"], ("first", "second", "third"), strict=True):
        question |= {"section": section, "asking": {"source": "judgement", **weights[question["key"]]}}
    return protocol_from_plain(raw)


def quickest(protocol: Protocol, answers: Plain, goal="verdict") -> list[str]:
    participant = read_participant(protocol, body(answers), TODAY)
    step = Interviewer(Evaluator(protocol)).interview(participant, goal, "quickest").step
    return [question.key for question in step.questions] if step else []


EVEN = {"decides": 0.1, "burden": 1}


def test_the_quickest_order_asks_one_question_at_a_time() -> None:
    """Whatever its section: the one most likely to decide, against the burden of answering it.

    Ten of burden weigh as much as one more question.
    """
    weights = {"a": EVEN, "b": {"decides": 0.3, "burden": 1}, "c": {"decides": 0.4, "burden": 5}}
    protocol = weighed(weights, {"E1": A, "E2": B, "E3": C})
    assert quickest(protocol, {}) == ["b"]
    assert quickest(protocol, {"b": False}) == ["c"]
    assert quickest(protocol, {"b": False, "c": None}) == ["a"]
    assert quickest(protocol, {"b": True}) == []
    assert asked(protocol, {}) == ["a"]  # by section


def test_what_excludes_alone_is_worth_more() -> None:
    """Than what excludes only together with another answer; once that is given, it is worth as much."""
    weights = {"a": {"decides": 0.15, "burden": 1}, "b": EVEN, "c": EVEN}
    protocol = weighed(weights, {"E1": {"all": [A, B]}, "E2": C})
    assert quickest(protocol, {}) == ["c"]
    assert quickest(protocol, {"b": True}) == ["a"]


def test_what_opens_a_likely_way_is_worth_asking() -> None:
    """A way is worth its chance against what it takes on average: an answer that does not belong to it ends it.

    Of two even answers a quarter belongs to both, and that takes one question and a half: a sixth for each.
    """
    even = {"decides": 0.5, "burden": 1}
    for decides, first in ((0.16, "a"), (0.17, "c")):
        weights = {"a": even, "b": even, "c": {"decides": decides, "burden": 1}}
        protocol = weighed(weights, {"E1": {"all": [A, B]}, "E2": C})
        assert quickest(protocol, {}) == [first]


def test_of_a_way_the_answer_that_ends_it_most_likely_is_asked_for_first() -> None:
    protocol = weighed(
        {"a": {"decides": 0.9, "burden": 1}, "b": {"decides": 0.3, "burden": 1}, "c": EVEN}, {"E1": {"all": [A, B]}}
    )
    assert quickest(protocol, {}) == ["b"]


def weighing(criteria: dict[str, Plain], **questions: tuple[float | list[tuple[str, float]], float]) -> Protocol:
    """Each question with how likely it decides, or how likely its answers are, and its cost, counted in questions."""
    facts: dict[str, str | Plain] = dict.fromkeys(questions, "yes_no")
    facts |= {key: choice(*dict(likely)) for key, (likely, _) in questions.items() if isinstance(likely, list)}
    raw = plain(facts, criteria)
    for question, (likely, cost) in zip(raw["questions"], questions.values(), strict=True):
        share: Plain = {"likely": [list(each) for each in likely]} if isinstance(likely, list) else {"decides": likely}
        question["asking"] = {**share, "burden": 10 * (cost - 1), "source": "judgement"}
    return protocol_from_plain(raw)


@pytest.mark.parametrize(
    ("b", "c", "takes"),
    [
        ((0.5, 1.1), (0.3, 11), 1.1 + 0.5 * 11),  # b costs so much less
        ((0.1, 2), (0.8, 1.1), 2 + 0.1 * 1.1),  # b ends it so much more often
    ],
)
def test_what_a_way_takes_is_counted_in_its_best_order(
    b: tuple[float, float], c: tuple[float, float], takes: float
) -> None:
    """What is most likely to end it, for what it costs, comes first."""
    worth = 0.5 * b[0] * c[0] / (1.1 + 0.5 * takes)
    for weight, first in ((worth - 0.0005, "a"), (worth + 0.0005, "d")):
        protocol = weighing({"E1": {"all": [A, B, C]}, "E2": D}, a=(0.5, 1.1), b=b, c=c, d=(1.1 * weight, 1.1))
        assert quickest(protocol, {}) == [first]


def test_of_several_ways_the_one_that_is_worth_most_is_followed() -> None:
    """Not the one that is most likely."""
    worth = 0.3 * 0.5 / (1.1 + 0.3 * 1.1)
    criteria: dict[str, Plain] = {"E1": {"all": [A, B]}, "E2": {"all": [A, C]}, "E3": D}
    for weight, first in ((worth - 0.005, "a"), (worth + 0.005, "d")):
        protocol = weighing(criteria, a=(0.3, 1.1), b=(0.8, 11), c=(0.5, 1.1), d=(1.1 * weight, 1.1))
        assert quickest(protocol, {}) == [first]


SITES = {"E1": A, "E2": {"is": {"site": ["north"]}}, "E3": {"all": [B, {"is": {"site": ["south"]}}]}}


def sites(a: float, b: float, likely: list[Plain]) -> Protocol:
    """Of three sites north excludes, as "a" does, and south does together with "b"."""
    raw = plain({"a": "yes_no", "b": "yes_no", "site": choice("north", "south", "east")}, SITES)
    for question, weights in zip(raw["questions"], ({"decides": a}, {"decides": b}, {"likely": likely}), strict=True):
        question["asking"] = {**weights, "burden": 1, "source": "judgement"}
    return protocol_from_plain(raw)


def test_each_answer_has_a_likelihood_of_its_own() -> None:
    """North excludes, south opens a question that is as likely as not to exclude; the rest is worth nothing."""
    likely = [["north", 0.1], ["south", 0.6], ["east", 0.3]]
    worth = (0.1 + 0.6 * 0.5) / (1 + 0.6)
    for weight, first in ((worth - 0.01, "site"), (worth + 0.01, "a")):
        assert quickest(sites(weight, 0.5, likely), {}) == [first]


def test_all_answers_that_exclude_count() -> None:
    """North and south, where both do."""
    criteria: dict[str, Plain] = {"E1": A, "E2": {"is": {"site": ["north", "south"]}}}
    likely = [("north", 0.1), ("south", 0.2), ("east", 0.7)]
    for weight, first in ((0.29, "site"), (0.31, "a")):
        assert quickest(weighing(criteria, a=(weight, 1.1), site=(likely, 1.1)), {}) == [first]


def test_what_is_left_of_the_whole_shows_nothing() -> None:
    for weight, first in ((0.09, "site"), (0.11, "a")):
        assert quickest(sites(weight, 0.5, [["north", 0.1]]), {}) == [first]


def test_an_answer_is_followed_only_while_that_is_worth_more() -> None:
    """Beside an answer that excludes at once, a way that hardly ever leads anywhere costs nothing."""
    for weight, first in ((0.19, "site"), (0.21, "a")):
        assert quickest(sites(weight, 0.01, [["north", 0.2], ["south", 0.8]]), {}) == [first]


@pytest.mark.parametrize(
    ("site", "b", "worth"),
    [
        (1.1, (0.3, 5), 0.2 / 1.1),  # 0.06 for a question is less than north alone
        (2, (0.33, 1.1), (0.2 + 0.8 * 0.33) / (2 + 0.8 * 1.1)),  # 0.3 is more
    ],
)
def test_a_way_is_followed_by_what_it_is_worth(site: float, b: tuple[float, float], worth: float) -> None:
    """Its chance against its cost, held against what there is without it."""
    likely = [("north", 0.2), ("south", 0.8)]
    for weight, first in ((worth - 0.005, "site"), (worth + 0.005, "a")):
        protocol = weighing(SITES, a=(1.1 * weight, 1.1), b=b, site=(likely, site))
        assert quickest(protocol, {}) == [first]


def test_of_two_answers_the_one_that_opens_more_is_followed_first() -> None:
    """South opens what hardly ever excludes and costs ten questions: it is not worth following beside north."""
    north, south = ({"is": {"site": [site]}} for site in ("north", "south"))
    criteria: dict[str, Plain] = {"E1": A, "E2": {"all": [south, B]}, "E3": {"all": [north, C]}}
    likely = [("north", 0.5), ("south", 0.5)]
    worth = 0.5 * 0.8 / (1.1 + 0.5 * 1.1)
    for weight, first in ((worth - 0.01, "site"), (worth + 0.01, "a")):
        protocol = weighing(criteria, a=(1.1 * weight, 1.1), b=(0.05, 11), c=(0.8, 1.1), site=(likely, 1.1))
        assert quickest(protocol, {}) == [first]


def test_an_age_says_how_likely_it_is_for_the_birth_date_too() -> None:
    raw = plain({"a": "yes_no", "birth": "birth", "age": "age"}, {"E1": A, "I1": {"compare": ["age", ">=", 18]}})
    for question in raw["questions"]:
        question["asking"] = {"decides": 0.1, "burden": 1, "source": "judgement"}
    raw["questions"][2]["asking"] = {"likely": [[10, 0.2], [40, 0.8]], "burden": 1, "source": "judgement"}
    assert quickest(protocol_from_plain(raw), {}) == ["birth"]
    raw["questions"][2]["asking"]["likely"] = [[10, 0.05], [40, 0.95]]
    assert quickest(protocol_from_plain(raw), {}) == ["a"]


def test_what_cannot_exclude_any_more_keeps_the_protocols_order() -> None:
    protocol = weighed({"a": EVEN, "b": EVEN, "c": {"decides": 0.9, "burden": 1}}, {"I1": {"any": [A, B, C]}})
    assert quickest(protocol, {}) == ["a"]


def test_a_step_names_its_section() -> None:
    protocol = weighed(dict.fromkeys("abc", EVEN), {"E2": B})
    interviewer = Interviewer(Evaluator(protocol))
    for order in ORDERS:
        step = interviewer.interview(read_participant(protocol, body({}), TODAY), order=order).step
        assert step is not None and step.section.key == "second"


def test_with_too_many_ways_all_reasons_are_asked_for() -> None:
    """For all reasons, what a rule with too many ways reads is asked about after an exclusion too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ways, "TRIED", 0)
        assert reasons_left(FACTS, {"E1": {"all": [A, B]}}, {}) == ["a", "b"]
        assert reasons_left(FACTS, {"R1": {"all": [A, B]}}, {}) == ["a", "b"]


def test_within_a_section_what_is_most_likely_to_decide_comes_first() -> None:
    """By the same weights; equal ones leave the protocol's order."""
    raw = plain(FACTS, {"E1": A, "E2": B, "E3": C})
    assert asked(protocol_from_plain(raw), {}) == ["a", "b", "c"]
    raw["questions"][2]["asking"] = {"decides": 0.5, "burden": 3, "source": "judgement"}
    assert asked(protocol_from_plain(raw), {}) == ["c", "a", "b"]


def test_a_question_is_weighed_by_its_own_ways_alone() -> None:
    """However good another one is that excludes beside them."""
    criteria: dict[str, Plain] = {"E1": {"all": [A, B]}, "E2": C, "E3": D}
    protocol = weighing(criteria, a=(0.5, 1.1), b=(0.1, 1.1), c=(0.05, 1.1), d=(0.2, 1.1))
    assert asked(protocol, {}) == ["d", "c", "b", "a"]


def test_the_quickest_order_keeps_conditions() -> None:
    """A question waits for what its condition rests on, however much it is worth."""
    raw = plain(FACTS, {"E1": {"all": [A, B]}, "E2": C})
    raw["questions"][1] |= {"relevant": A, "asking": {"decides": 0.9, "burden": 1, "source": "judgement"}}
    protocol = protocol_from_plain(raw)
    assert quickest(protocol, {}) == ["c"]
    assert quickest(protocol, {"c": False}) == ["a"]
    assert quickest(protocol, {"c": False, "a": True}) == ["b"]


def test_the_quickest_order_asks_for_all_reasons_too() -> None:
    """One at a time, while a criterion or a review point can change."""
    protocol = weighed(dict.fromkeys("abc", EVEN), {"E1": A, "E2": B, "R1": C})
    assert quickest(protocol, {"a": True}) == []
    assert quickest(protocol, {"a": True}, "all_reasons") == ["b"]
    assert quickest(protocol, {"a": True, "b": None}, "all_reasons") == ["c"]


def test_all_that_is_due() -> None:
    """In the protocol's order, whatever the section."""
    protocol = weighed(dict.fromkeys("abc", EVEN), {"E1": A, "E2": B, "E3": C})
    due = Interviewer(Evaluator(protocol)).due(read_participant(protocol, body({"b": False}), TODAY))
    assert [question.key for question in due] == ["a", "c"]


def test_progress_in_the_quickest_order() -> None:
    """One question is left at the least, and at the most those that are not ruled out."""
    protocol = weighed(dict.fromkeys("abc", EVEN), {"E1": A, "E2": {"all": [B, C]}})
    interviewer = Interviewer(Evaluator(protocol))
    for answers, expected in (({}, (0, 1, 3)), ({"b": False}, (1, 1, 1)), ({"a": True}, (1, 0, 0))):
        found = interviewer.interview(read_participant(protocol, body(answers), TODAY), order="quickest").progress
        assert (found.answered, found.at_least, found.at_most) == expected


# WHICH VALUES ARE TRIED


def values(facts: dict[str, str | Plain], key: str, *rules: Plain) -> list[object]:
    """The values of one question that are told apart."""
    protocol = write(facts, {f"I{n}": rule for n, rule in enumerate(rules)})
    found = Domains(protocol).values(key, Dates(TODAY, TODAY, TODAY))
    return [value.text if hasattr(value, "text") else value for value in found]


def test_values_that_rules_tell_apart() -> None:
    """Of all the values that a rule judges alike one is tried: on each side of every limit, and at the limit itself."""
    assert values(FACTS, "a", A) == [True, False]
    assert values(FACTS, "a", B) == [True]
    site = {"site": choice("FR", "JP", "US", "other")}
    assert values(site, "site", {"is": {"site": ["FR", "JP"]}}) == ["FR", "US"]
    assert values({"n": "count"}, "n", {"compare": ["n", ">=", 4]}) == [0, 4]
    assert values({"n": "count"}, "n", {"compare": ["n", ">=", 4]}, {"compare": ["n", "<=", 4]}) == [0, 4, 5]
    assert values({"n": "tens"}, "n", {"compare": ["n", "<", 50]}) == [0, 50]
    assert values({"n": "weight"}, "n", {"compare": ["n", ">", 10]}) == [0.5, 205]
    assert values({"n": "weight"}, "n", {"compare": ["n", ">=", 0.5]}) == [0.5]


def test_lists_that_rules_tell_apart() -> None:
    """A list for every set of rules that some list can satisfy together."""
    cells = {"cells": many("car_t", "car_nk", "dli")}
    one, two = {"includes": {"cells": ["car_t", "car_nk"]}}, {"includes": {"cells": ["dli"]}}
    assert values(cells, "cells", one) == [(), ("car_t",)]
    assert values(cells, "cells", one, two) == [(), ("car_t",), ("dli",), ("car_t", "dli")]


@pytest.mark.parametrize(
    ("minimum", "maximum", "step", "sign", "limit", "tried"),
    [
        (0, 100, 1, ">=", 4, [0, 4]),
        (0, 100, 1, ">", 4, [0, 5]),
        (0, 100, 1, "<", 2.5, [0, 3]),
        (-9, 9, 3, "<", -4, [-9, -3]),
        (-9, 9, 3, "<=", -6, [-9, -3]),
        (-8, 8, 3, "<", 0, [-6, 0]),
        (1, 99, 10, ">=", 85, [10, 90]),
        (1, 99, 10, ">", 89, [10, 90]),
        (1, 99, 10, ">", 90, [10]),
        (5, 5 + 1, 1, ">", 5, [5, 6]),
        (0, 9, 1, ">=", 9, [0, 9]),
        (0, 9, 1, "<=", 0, [0, 1]),
    ],
)
def test_whole_numbers_that_rules_tell_apart(
    minimum: int, maximum: int, step: int, sign: str, limit: float, tried: list[int]
) -> None:
    """The multiples of the step next to a limit, and those at the ends of the range."""
    facts: dict[str, str | Plain] = {"n": {"type": "integer", "min": minimum, "max": maximum, "step": step}}
    assert values(facts, "n", {"compare": ["n", sign, limit]}) == tried


def test_numbers_at_the_ends_are_tried() -> None:
    """A limit may be the end of the range itself."""
    facts: dict[str, str | Plain] = {"n": {"type": "number", "min": 1, "max": 9}}
    assert values(facts, "n", {"compare": ["n", "<=", 1]}) == [1, 5]
    assert values(facts, "n", {"compare": ["n", ">=", 9]}) == [1, 9]
    assert values(facts, "n", {"compare": ["n", ">", 9]}) == [1]
    both = {"compare": ["n", ">=", 4]}, {"compare": ["n", ">", 4]}
    assert values(facts, "n", *both) == [1, 4, 6.5]


def test_values_come_from_every_rule() -> None:
    """Rules and scopes of criteria, terms, admissions and parts."""
    limits = {"rule": 10, "scope": 20, "term": 30, "admits": 40, "part": 50}
    at = {place: {"compare": ["n", ">=", limit]} for place, limit in limits.items()}
    criteria = {"E1": {"rule": {"all": [at["rule"], {"part": "p"}]}, "scope": at["scope"]}}
    protocol = write(
        {"n": "count"}, criteria, {"c": {"admits": at["admits"], "parts": {"p": at["part"]}}}, {"t": at["term"]}
    )
    assert Domains(protocol).values("n", Dates(TODAY, TODAY, TODAY)) == (0, 10, 20, 30, 40, 50)


def test_no_day_is_tried_after_its_bound() -> None:
    """Nor one before 1900."""
    birth: dict[str, str | Plain] = {"birth": "birth", "age": "age"}
    assert values(birth, "birth", {"compare": ["age", ">=", 0]}) == ["1900-01-01"]
    assert values(birth, "birth", {"compare": ["age", ">", 0]}) == ["1900-01-01", "2025-11-23"]
    assert values(birth, "birth", {"compare": ["age", ">=", 1]}, {"compare": ["age", ">", 1]}) == [
        "1900-01-01",
        "2024-11-23",
        "2025-11-23",
    ]
    window = {"elapsed": ["stop", ">=", 0, "days", "as_of"]}
    assert values({"stop": "date"}, "stop", window) == ["1900-01-01"]
    for amount, unit, day in ((28, "days", "2026-10-26"), (2, "months", "2026-09-23"), (100, "years", "1926-11-23")):
        window = {"elapsed": ["stop", "<", amount, unit, "as_of"]}
        assert values({"stop": "date"}, "stop", window) == ["1900-01-01", day]


def test_dates_that_rules_tell_apart() -> None:
    """A day on each side of every window and birthday."""
    window = {"elapsed": ["stop", "<", 5, "years", "as_of"]}
    assert values({"stop": "date"}, "stop", window) == ["1900-01-01", "2021-11-23"]
    assert values({"stop": "exact date"}, "stop", {"elapsed": ["stop", ">=", 0, "days", "as_of"]}) == [
        "1900-01-01",
        "2026-11-23",
    ]
    ages = {"birth": "birth", "age": "age"}
    adult = {"compare": ["age", ">=", 18]}
    assert values(ages, "birth", adult) == ["1900-01-01", "2008-11-23"]
    assert values(ages, "age", adult) == [0, 18]
    assert values(ages, "birth", {"compare": ["age", ">", 18]}) == ["1900-01-01", "2007-11-23"]


def test_values_depend_on_the_dates() -> None:
    """A birthday moves with the day of consent."""
    protocol = write({"birth": "birth", "age": "age"}, {"I1": {"compare": ["age", ">=", 18]}})
    domains = Domains(protocol)
    for year in (2026, 2027, 2026):
        day = TODAY.replace(year=year)
        assert domains.values("birth", Dates(day, day, day))[1].text == f"{year - 18}-11-23"


def test_every_value_counts_where_a_condition_reads_it() -> None:
    """Conditions of questions are not rules that decide: a value that only a condition tells apart is not tried
    twice.
    """
    raw = plain({"site": choice("FR", "US"), "a": "yes_no"}, {"I1": A})
    raw["questions"][1]["relevant"] = {"is": {"site": ["FR"]}}
    protocol = protocol_from_plain(raw)
    assert Domains(protocol).values("site", Dates(TODAY, TODAY, TODAY)) == ("FR",)
    world = Evaluator(protocol).world(read_participant(protocol, body({"site": "US"}), TODAY))
    assert decide(protocol.questions[1].relevant, Context(protocol, world)).value == "false"
