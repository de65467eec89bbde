"""6. Cohorts and the verdict."""

import pytest
from authoring import EVERYBODY, TODAY, WORDS, body, choice, table, write

from app.rules.participant import read_participant
from app.rules.verdict import decision_of, evaluate

FACTS = {"a": "yes_no", "b": "yes_no"}


def test_a_cohort_admits(engine) -> None:
    """A cohort excludes whom it does not admit, or whom a criterion excludes; one is likely eligible where it
    admits and everything passes; otherwise nobody can tell yet.
    """
    protocol = write(FACTS, {"I1": {"yes": "b"}}, {"c": {"admits": {"yes": "a"}}})
    for admits, passes, verdict in table(
        """
        admits | passes | verdict
        -------+--------+----------------
        yes    | yes    | likely_eligible
        yes    | no     | excluded
        yes    | ?      | undetermined
        no     | yes    | excluded
        no     | ?      | excluded
        ?      | yes    | undetermined
        ?      | no     | excluded
        ?      | ?      | undetermined
        """
    ):
        said = engine(protocol, body({"a": WORDS[admits], "b": WORDS[passes]}), TODAY)
        assert said.cohorts == {"c": verdict}, (admits, passes)
        assert said.decision == verdict


def test_the_whole_verdict(engine) -> None:
    """One cohort is enough to be likely eligible; excluded is who is excluded from all."""
    protocol = write(FACTS, {"I1": {"always": True}}, {"c": {"admits": {"yes": "a"}}, "d": {"admits": {"yes": "b"}}})
    for a, b, verdict in table(
        """
        c   | d   | verdict
        ----+-----+----------------
        yes | no  | likely_eligible
        yes | ?   | likely_eligible
        ?   | yes | likely_eligible
        no  | no  | excluded
        no  | ?   | undetermined
        ?   | ?   | undetermined
        """
    ):
        assert engine(protocol, body({"a": WORDS[a], "b": WORDS[b]}), TODAY).decision == verdict, (a, b)
    assert decision_of(["undetermined", "excluded"]) == "undetermined"


def test_what_does_not_apply_does_not_hinder(engine) -> None:
    """A criterion that does not apply counts like one that passes."""
    protocol = write(FACTS, {"I1": {"rule": {"yes": "b"}, "scope": {"yes": "a"}}})
    assert engine(protocol, body({"a": False}), TODAY).decision == "likely_eligible"


def test_routes_count_through_their_group_alone(engine) -> None:
    """A route that fails excludes nobody while another may hold; nor does one that is unknown hold anybody up."""
    criteria = {code: {"rule": {"yes": fact}, "group": "disease"} for code, fact in (("I1", "a"), ("I2", "b"))}
    protocol = write(FACTS, criteria, groups=("disease",))
    said = engine(protocol, body({"a": True}), TODAY)
    assert (said.outcomes["I2"], said.decision) == ("unknown", "likely_eligible")


# REASONS


def reasons(criteria, answers, cohorts=None, groups=(), facts=FACTS):
    """Of each cohort: the codes that exclude, and the codes that it waits for."""
    protocol = write(facts, criteria, cohorts, groups=groups)
    verdict = evaluate(protocol, read_participant(protocol, body(answers), TODAY))
    return {cohort.cohort.code: (cohort.reasons, cohort.open) for cohort in verdict.cohorts}


def test_the_reasons_of_a_cohort() -> None:
    """The criteria that fail, in the protocol's order; at the end the admission, where the cohort does not admit."""
    criteria = {"E2": {"yes": "a"}, "I1": {"yes": "b"}, "E3": {"always": False}}
    cohort = {"c": {"admits": {"not": {"yes": "a"}}}}
    assert reasons(criteria, {"a": True, "b": False}, cohort) == {"c": (("E2", "I1", "admission"), ())}
    assert reasons(criteria, {"a": False, "b": True}, cohort) == {"c": ((), ())}


def test_what_a_cohort_waits_for() -> None:
    """The criteria that are unknown, the groups, and the admission; never a review point or a single route."""
    criteria = {
        "I1": {"rule": {"yes": "a"}, "group": "disease"},
        "R1": {"yes": "a"},
        "E1": {"yes": "a"},
        "E2": {"yes": "b"},
    }
    cohort = {"c": {"admits": {"yes": "a"}}}
    assert reasons(criteria, {"b": False}, cohort, ("disease",)) == {"c": ((), ("E1", "disease", "admission"))}
    assert reasons(criteria, {"b": True}, cohort, ("disease",)) == {"c": (("E2",), ("E1", "disease", "admission"))}


def test_a_failing_group_is_named_by_its_failing_routes() -> None:
    """Where the group fails, the routes that fail are the reasons; the group itself is one where no route fails
    outright.
    """
    facts = {"kind": choice("aml", "mds"), "a": "yes_no"}
    criteria = {
        "I1": {"rule": {"yes": "a"}, "scope": {"is": {"kind": ["aml"]}}, "group": "disease"},
        "I2": {"rule": {"yes": "a"}, "scope": {"is": {"kind": ["mds"]}}, "group": "disease"},
        "I3": {"rule": {"yes": "a"}, "group": "fitness"},
    }

    def said(answers):
        return reasons(criteria, answers, groups=("disease", "fitness"), facts=facts)["everybody"][0]

    assert said({"kind": "aml", "a": False}) == ("I1", "I3")
    assert said({"kind": "mds", "a": False}) == ("I2", "I3")
    assert said({"a": False}) == ("I3", "disease")
    assert said({"kind": "aml", "a": True}) == ()


def test_a_failing_route_is_no_reason_while_the_group_holds() -> None:
    """Another route may hold, or holds."""
    criteria = {code: {"rule": {"yes": fact}, "group": "disease"} for code, fact in (("I1", "a"), ("I2", "b"))}
    assert reasons(criteria, {"a": False, "b": True}, groups=("disease",)) == {"everybody": ((), ())}
    assert reasons(criteria, {"a": False}, groups=("disease",)) == {"everybody": ((), ("disease",))}


# A CRITERION THAT DEPENDS ON THE COHORT

PARTS = {
    "escalation": {"admits": {"always": True}, "parts": {"escalation": {"always": True}}},
    "expansion": {"admits": {"yes": "b"}, "parts": {"expansion": {"always": True}}},
}
ORIGIN = {"E15": {"rule": {"yes": "a"}, "scope": {"part": "expansion"}}}


def test_it_has_an_outcome_for_each_cohort(engine) -> None:
    """A criterion that reads the part is judged for every cohort, and excludes from each by itself."""
    protocol = write(FACTS, ORIGIN, PARTS)
    said = engine(protocol, body({"a": True, "b": True}), TODAY)
    assert said.by_cohort["E15"] == {"escalation": "not_applicable", "expansion": "fail"}
    assert said.cohorts == {"escalation": "likely_eligible", "expansion": "excluded"}


def test_it_holds_up_only_the_cohorts_for_which_it_is_open() -> None:
    """Like any criterion; the others do not wait for it."""
    everybody = {code: cohort | {"admits": {"always": True}} for code, cohort in PARTS.items()}
    assert reasons(ORIGIN, {}, everybody) == {"escalation": ((), ()), "expansion": ((), ("E15",))}


def test_its_outcome_is_that_of_the_cohorts_that_may_admit(engine) -> None:
    """Where the cohorts that may admit agree, that is the outcome; where they do not, it is unknown. Where none may
    admit, all of them count.
    """
    cohorts = {
        "one": {"admits": {"yes": "b"}, "parts": {"escalation": {"always": True}}},
        "two": {"admits": {"not": {"yes": "b"}}, "parts": {"expansion": {"always": True}}},
    }
    closed = {code: cohort | {"admits": {"always": False}} for code, cohort in cohorts.items()}
    for b, outcome in (("yes", "not_applicable"), ("no", "fail"), ("?", "unknown")):
        said = engine(write(FACTS, ORIGIN, cohorts), body({"a": True, "b": WORDS[b]}), TODAY)
        assert said.outcomes["E15"] == outcome, b
        assert (
            engine(write(FACTS, ORIGIN, closed), body({"a": True, "b": WORDS[b]}), TODAY).outcomes["E15"] == "unknown"
        )


@pytest.mark.parametrize(("a", "outcome"), [(True, "fail"), (False, "pass"), (None, "unknown")])
def test_all_cohorts_alike(engine, a, outcome) -> None:
    """Where every cohort belongs to the part, the criterion is like any other."""
    cohorts = {code: EVERYBODY | {"parts": {"expansion": {"always": True}}} for code in ("c", "d")}
    said = engine(write(FACTS, ORIGIN, cohorts), body({"a": a}), TODAY)
    assert said.outcomes["E15"] == outcome
