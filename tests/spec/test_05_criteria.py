"""5. Criteria: what a rule makes of a participant."""

from authoring import TODAY, WORDS, body, table, write

FACTS = {"a": "yes_no", "b": "yes_no"}


def test_an_inclusion_criterion_asks_for_its_rule(engine) -> None:
    """It passes where the rule holds and fails where it does not."""
    for answer, outcome in ((True, "pass"), (False, "fail"), (None, "unknown")):
        assert engine(write(FACTS, {"I1": {"yes": "a"}}), body({"a": answer}), TODAY).outcomes == {"I1": outcome}


def test_an_exclusion_criterion_excludes_by_its_rule(engine) -> None:
    """It fails where the rule holds and passes where it does not."""
    for answer, outcome in ((True, "fail"), (False, "pass"), (None, "unknown")):
        assert engine(write(FACTS, {"E1": {"yes": "a"}}), body({"a": answer}), TODAY).outcomes == {"E1": outcome}


def test_a_scope_says_to_whom_it_applies(engine) -> None:
    """Outside its scope a criterion does not apply. With an unknown scope it still passes where its rule is met anyway;
    it never fails, for it may not apply.
    """
    for scope, rule, inclusion, exclusion in table(
        """
        scope | rule | inclusion      | exclusion
        ------+------+----------------+---------------
        yes   | yes  | pass           | fail
        yes   | no   | fail           | pass
        yes   | ?    | unknown        | unknown
        no    | yes  | not_applicable | not_applicable
        no    | no   | not_applicable | not_applicable
        no    | ?    | not_applicable | not_applicable
        ?     | yes  | pass           | unknown
        ?     | no   | unknown        | pass
        ?     | ?    | unknown        | unknown
        """
    ):
        criteria = {code: {"rule": {"yes": "b"}, "scope": {"yes": "a"}} for code in ("I1", "E1")}
        said = engine(write(FACTS, criteria), body({"a": WORDS[scope], "b": WORDS[rule]}), TODAY)
        assert said.outcomes == {"I1": inclusion, "E1": exclusion}, (scope, rule)


def test_a_criterion_in_a_group_is_a_route(engine) -> None:
    """Of a group of inclusion criteria one is enough. A route whose scope is unknown is unknown, even where its
    rule holds.
    """
    for scope, rule, outcome, group in table(
        """
        scope | rule | route          | group
        ------+------+----------------+--------
        yes   | yes  | pass           | pass
        yes   | no   | fail           | fail
        yes   | ?    | unknown        | unknown
        no    | yes  | not_applicable | fail
        no    | no   | not_applicable | fail
        no    | ?    | not_applicable | fail
        ?     | yes  | unknown        | unknown
        ?     | no   | unknown        | fail
        ?     | ?    | unknown        | unknown
        """
    ):
        route = {"rule": {"yes": "b"}, "scope": {"yes": "a"}, "group": "disease"}
        protocol = write(FACTS, {"I1": route}, groups=("disease",))
        said = engine(protocol, body({"a": WORDS[scope], "b": WORDS[rule]}), TODAY)
        assert said.outcomes == {"I1": outcome}, (scope, rule)
        assert said.groups == {"disease": group}, (scope, rule)


def test_one_route_is_enough(engine) -> None:
    """The group passes by any route, fails where none can hold, and is unknown otherwise."""
    criteria = {code: {"rule": {"yes": fact}, "group": "disease"} for code, fact in (("I1", "a"), ("I2", "b"))}
    protocol = write(FACTS, criteria, groups=("disease",))
    for a, b, group, verdict in table(
        """
        a   | b   | group   | verdict
        ----+-----+---------+----------------
        yes | no  | pass    | likely_eligible
        no  | yes | pass    | likely_eligible
        yes | ?   | pass    | likely_eligible
        no  | no  | fail    | excluded
        no  | ?   | unknown | undetermined
        ?   | ?   | unknown | undetermined
        """
    ):
        said = engine(protocol, body({"a": WORDS[a], "b": WORDS[b]}), TODAY)
        assert (said.groups["disease"], said.decision) == (group, verdict), (a, b)


def test_two_groups(engine) -> None:
    """Each group counts for itself."""
    criteria = {
        "I1": {"rule": {"yes": "a"}, "group": "disease"},
        "I2": {"rule": {"yes": "b"}, "group": "fitness"},
    }
    protocol = write(FACTS, criteria, groups=("disease", "fitness"))
    said = engine(protocol, body({"a": True, "b": False}), TODAY)
    assert said.groups == {"disease": "pass", "fitness": "fail"}
    assert said.decision == "excluded"


def test_a_review_point_never_decides(engine) -> None:
    """It is noted where scope and rule are known, and has no part in the verdict."""
    protocol = write(FACTS, {"R1": {"rule": {"yes": "b"}, "scope": {"yes": "a"}}})
    for scope, rule, outcome in table(
        """
        scope | rule | outcome
        ------+------+---------------
        yes   | yes  | pass
        yes   | no   | pass
        yes   | ?    | unknown
        no    | yes  | not_applicable
        no    | ?    | not_applicable
        ?     | yes  | unknown
        ?     | ?    | unknown
        """
    ):
        said = engine(protocol, body({"a": WORDS[scope], "b": WORDS[rule]}), TODAY)
        assert said.outcomes == {"R1": outcome}, (scope, rule)
        assert said.decision == "likely_eligible"
