"""1. Truth: yes, no and not known."""

import pytest
from authoring import WORDS, holds, table

from app.rules.truth import FALSE, TRUE, UNKNOWN, Truth, all_of, any_of, known, negate

FACTS = {"a": "yes_no", "b": "yes_no"}


def test_all_of(engine) -> None:
    """All of several rules: one that does not hold decides, whatever is unknown beside it."""
    for a, b, result in table(
        """
        a   | b   | all of
        ----+-----+-------
        yes | yes | yes
        yes | no  | no
        yes | ?   | ?
        no  | yes | no
        no  | no  | no
        no  | ?   | no
        ?   | yes | ?
        ?   | no  | no
        ?   | ?   | ?
        """
    ):
        answers = {"a": WORDS[a], "b": WORDS[b]}
        assert holds(engine, {"all": [{"yes": "a"}, {"yes": "b"}]}, FACTS, answers) == result, (a, b)
        assert holds(engine, {"all": [{"yes": "a"}, {"all": [{"yes": "b"}]}]}, FACTS, answers) == result


def test_any_of(engine) -> None:
    """Any of several rules: one that holds decides, whatever is unknown beside it."""
    for a, b, result in table(
        """
        a   | b   | any of
        ----+-----+-------
        yes | yes | yes
        yes | no  | yes
        yes | ?   | yes
        no  | yes | yes
        no  | no  | no
        no  | ?   | ?
        ?   | yes | yes
        ?   | no  | ?
        ?   | ?   | ?
        """
    ):
        answers = {"a": WORDS[a], "b": WORDS[b]}
        assert holds(engine, {"any": [{"yes": "a"}, {"yes": "b"}]}, FACTS, answers) == result, (a, b)


def test_not(engine) -> None:
    """Not turns yes and no round; what is unknown stays unknown."""
    for a, result in table(
        """
        a   | not
        ----+----
        yes | no
        no  | yes
        ?   | ?
        """
    ):
        assert holds(engine, {"not": {"yes": "a"}}, FACTS, {"a": WORDS[a]}) == result
        assert holds(engine, {"not": {"not": {"yes": "a"}}}, FACTS, {"a": WORDS[a]}) == a


def test_of_one_and_of_none() -> None:
    """All of one rule, or any of one, is that rule. All of none holds and any of none does not; nobody can write
    them.
    """
    for truth in Truth:
        assert all_of([truth]) is any_of([truth]) is truth
    assert all_of([]) is TRUE
    assert any_of([]) is FALSE


def test_a_truth_is_no_bool() -> None:
    """Python cannot take a truth for a bool by accident: it must be compared."""
    for truth in Truth:
        with pytest.raises(TypeError) as refusal:
            bool(truth)
        assert str(refusal.value) == "a Truth is three-valued: compare it with `is`, do not use it as a bool"


def test_known_values() -> None:
    """A yes/no value is true or false, an absent one unknown."""
    assert [known(value) for value in (True, False, None)] == [TRUE, FALSE, UNKNOWN]
    assert [negate(truth) for truth in (TRUE, FALSE, UNKNOWN)] == [FALSE, TRUE, UNKNOWN]


def test_the_order_does_not_matter() -> None:
    """The rules are looked at until one decides; which one does makes no difference to the result."""
    assert all_of(iter([UNKNOWN, FALSE, TRUE])) is all_of([FALSE, UNKNOWN]) is FALSE
    assert any_of(iter([UNKNOWN, TRUE, FALSE])) is any_of([TRUE, UNKNOWN]) is TRUE
    assert all_of([UNKNOWN, TRUE]) is all_of([TRUE, UNKNOWN]) is UNKNOWN
    assert any_of([UNKNOWN, FALSE]) is any_of([FALSE, UNKNOWN]) is UNKNOWN
