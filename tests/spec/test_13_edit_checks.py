"""13. Edit checks: answers that hardly go together raise a query; it changes no verdict."""

import json
from dataclasses import replace

import pytest
from authoring import TODAY, Plain, body, choice, plain, table

from app.rules import explain
from app.rules.codec import content_hash, protocol_from_plain, protocol_to_plain
from app.rules.edit_checks import Raised, raised
from app.rules.evaluate import Context, decide
from app.rules.participant import read_participant
from app.rules.protocol import EditCheck, InvalidProtocol, Protocol
from app.rules.report import report
from app.rules.tree import ExceedsAge
from app.rules.verdict import Evaluator, evaluate
from app.trials import read_trial

FACTS: dict[str, str | Plain] = {
    "ecog": "count",
    "karnofsky": "tens",
    "lansky": "tens",
    "sex": choice("female", "male"),
    "pregnant": "yes_no",
    "birth": "birth",
    "age": "age",
    "remission": {"type": "number", "min": 0, "max": 600, "unit": "months"},
    "marriage": {"type": "number", "min": 0, "max": 100, "unit": "years"},
}
SCALES: Plain = {
    "code": "Q1",
    "message": "The ecog and the karnofsky do not go together.",
    "rule": {"all": [{"compare": ["ecog", "<=", 1]}, {"compare": ["karnofsky", "<=", 50]}]},
}


def with_checks(*checks: Plain) -> Plain:
    """A protocol in plain form whose only criterion is about none of this, with these edit checks."""
    raw = plain(
        FACTS,
        {"I1": {"always": True}, "E1": {"yes": "pregnant"}, "E2": {"reading": "X1"}},
        terms={"old": {"compare": ["age", ">=", 55]}, "taken": {"any": [{"yes": "pregnant"}, {"reading": "X1"}]}},
        readings={"X1": "open"},
    )
    return raw | {"edit_checks": list(checks)}


def write(*rules: Plain) -> Protocol:
    """The protocol with a check Q1, Q2 ... for each rule."""
    checks = [
        {"code": f"Q{number}", "message": "Look again.", "rule": rule} for number, rule in enumerate(rules, start=1)
    ]
    return protocol_from_plain(with_checks(*checks))


def queries(protocol: Protocol, answers: Plain, **dates: str) -> dict[str, list[str]]:
    """The checks that answers raise, each with the facts that it names."""
    participant = read_participant(protocol, body(answers, **dates), TODAY)
    return {one.code: list(one.facts) for one in raised(protocol, Evaluator(protocol).world(participant))}


# WHEN A CHECK IS RAISED


def test_a_check_is_raised_where_its_rule_surely_holds() -> None:
    """An unknown answer raises nothing."""
    protocol = protocol_from_plain(with_checks(SCALES))
    assert queries(protocol, {"ecog": 0, "karnofsky": 40}) == {"Q1": ["ecog", "karnofsky"]}
    assert queries(protocol, {"ecog": 1, "karnofsky": 50}) == {"Q1": ["ecog", "karnofsky"]}
    assert queries(protocol, {"ecog": 2, "karnofsky": 40}) == {}
    assert queries(protocol, {"ecog": 0, "karnofsky": 60}) == {}
    assert queries(protocol, {"ecog": 0}) == {}
    assert queries(protocol, {"ecog": 0, "karnofsky": None}) == {}
    assert queries(protocol, {}) == {}


def test_several_checks_are_raised_in_their_order() -> None:
    """Each for itself."""
    pregnant: Plain = {"all": [{"yes": "pregnant"}, {"is": {"sex": ["male"]}}]}
    protocol = write(pregnant, {"all": [{"yes": "pregnant"}, {"term": "old"}]})
    answers: Plain = {"pregnant": True, "sex": "male", "age": 78}
    assert list(queries(protocol, answers)) == ["Q1", "Q2"]
    assert list(queries(protocol, {**answers, "sex": "female"})) == ["Q2"]
    assert list(queries(protocol, {**answers, "age": 54})) == ["Q1"]


def test_a_query_names_the_answers_that_raise_it_and_no_others() -> None:
    """Of several that do, the first; of a date of birth and an age, the date, which counts."""
    scales: Plain = {"any": [{"compare": [scale, "<=", 50]} for scale in ("karnofsky", "lansky")]}
    protocol = write({"all": [{"compare": ["ecog", "<=", 1]}, scales]}, {"all": [{"yes": "pregnant"}, {"term": "old"}]})
    assert queries(protocol, {"ecog": 0, "karnofsky": 90, "lansky": 40}) == {"Q1": ["ecog", "lansky"]}
    assert queries(protocol, {"ecog": 0, "karnofsky": 40, "lansky": 40}) == {"Q1": ["ecog", "karnofsky"]}
    assert queries(protocol, {"pregnant": True, "age": 78}) == {"Q2": ["pregnant", "age"]}
    assert queries(protocol, {"pregnant": True, "age": 78, "birth": "1948"}) == {"Q2": ["pregnant", "birth"]}


# LONGER THAN THE LIFE LIVED

MONTHS: Plain = {"exceeds_age": ["remission", "months", "age"]}
YEARS: Plain = {"exceeds_age": ["marriage", "years", "age"]}


def exceeds(rule: Plain, answers: Plain, consent: str = "2026-11-22") -> str:
    """Whether the interval is longer than the participant had lived at consent: yes, no or ?."""
    protocol = write(rule)
    participant = read_participant(protocol, body(answers, consent_date=consent), TODAY)
    truth = decide(protocol.edit_checks[0].rule, Context(protocol, Evaluator(protocol).world(participant)))
    return {"true": "yes", "false": "no", "unknown": "?"}[truth.value]


def test_a_stated_age_is_held_against_the_interval_exactly() -> None:
    """2.25 years are 27 months, and 0.7 years 8.4, which binary fractions would miss. A whole age is one in completed
    years: 2 may be anything from 24 to under 36 months.
    """
    for age, remission, expected in table("""
         age  | remission | longer
         -----+-----------+-------
         2.25 | 26.9      | no
         2.25 | 27        | no
         2.25 | 27.1      | yes
         2.1  | 25.2      | no
         2.1  | 25.3      | yes
         0.7  | 8.4       | no
         2    | 24        | no
         2    | 24.1      | ?
         2    | 35.9      | ?
         2    | 36        | yes
         0    | 0         | no
         0    | 11        | ?
         0    | 12        | yes
    """):
        assert exceeds(MONTHS, {"age": float(age), "remission": float(remission)}) == expected, (age, remission)
    assert exceeds(MONTHS, {"age": 40}) == exceeds(MONTHS, {"remission": 600}) == "?"


def test_a_date_of_birth_is_counted_by_the_calendar() -> None:
    """Months and years that have passed on the day of consent; a month that is not over counts by its days."""
    for birth, remission, expected in table("""
         birth      | remission | longer
         -----------+-----------+-------
         2024-08-22 | 27        | no
         2024-08-23 | 27        | yes
         2024-08-22 | 27.01     | yes
         2024-08-21 | 27.01     | no
         2026-11-22 | 0         | no
         2026-11-22 | 0.1       | yes
         2024-08    | 28        | yes
         2024-08    | 27.5      | ?
         2024-08    | 26        | no
         2024       | 35        | yes
         2024       | 22        | no
         2024       | 30        | ?
    """):
        assert exceeds(MONTHS, {"birth": birth, "remission": float(remission)}) == expected, (birth, remission)


def test_years_are_twelve_months() -> None:
    """The unit is that of the interval."""
    assert exceeds(YEARS, {"birth": "1990-11-22", "marriage": 36}) == "no"
    assert exceeds(YEARS, {"birth": "1990-11-23", "marriage": 36}) == "yes"
    assert exceeds(YEARS, {"age": 30.5, "marriage": 30.5}) == "no"
    assert exceeds(YEARS, {"age": 30.5, "marriage": 30.6}) == "yes"


def test_born_on_the_last_day_of_a_month() -> None:
    """Born on 31 January: a month old on 1 March, where February has no such day. So with 29 February and years."""
    for consent, expected in (("2026-02-28", "yes"), ("2026-03-01", "no")):
        assert exceeds(MONTHS, {"birth": "2026-01-31", "remission": 1}, consent) == expected
    for consent, expected in (("2025-02-28", "yes"), ("2025-03-01", "no")):
        assert exceeds(YEARS, {"birth": "2024-02-29", "marriage": 1}, consent) == expected


def test_the_date_of_birth_wins_over_a_stated_age() -> None:
    """As everywhere."""
    assert exceeds(MONTHS, {"birth": "2024-08-22", "age": 3, "remission": 28}) == "yes"
    assert queries(write(MONTHS), {"birth": "2024-08-22", "age": 2, "remission": 40}) == {"Q1": ["remission", "birth"]}


# ONE ENGINE FOR MANY


def test_one_engine_raises_what_a_new_one_would() -> None:
    """Whatever it has seen before: the same query on other values, and checks with and without an interval."""
    either: Plain = {"any": [MONTHS, {"all": [{"yes": "pregnant"}, {"is": {"sex": ["male"]}}]}]}
    protocol = write(SCALES["rule"], MONTHS, either, {"all": [MONTHS, {"yes": "pregnant"}]})
    evaluator = Evaluator(protocol)
    for _ in range(2):
        for answers, codes in (
            ({}, []),
            ({"ecog": 0, "karnofsky": 40}, ["Q1"]),
            ({"ecog": 1, "karnofsky": 30}, ["Q1"]),
            ({"age": 2, "remission": 40}, ["Q2", "Q3"]),
            ({"age": 2, "remission": 10}, []),
            ({"age": 20, "remission": 40}, []),
            ({"age": 20, "remission": 10, "pregnant": True, "sex": "male"}, ["Q3"]),
            ({"pregnant": True, "sex": "male"}, ["Q3"]),
            ({"age": 2, "remission": 41, "pregnant": True, "ecog": 0, "karnofsky": 40}, ["Q1", "Q2", "Q3", "Q4"]),
        ):
            participant = read_participant(protocol, body(answers), TODAY)
            found = evaluator.queries(participant)
            assert [query.code for query in found] == codes, answers
            assert found == raised(protocol, evaluator.world(participant)) == evaluator.evaluate(participant).queries


def test_checks_are_raised_together_however_many_answers_they_are_about() -> None:
    """In their order."""
    old: Plain = {"all": [{"yes": "pregnant"}, {"term": "old"}]}
    scales: Plain = {"all": [{"compare": [scale, "<=", 50]} for scale in ("lansky", "karnofsky")]}
    evaluator = Evaluator(write(SCALES["rule"], old, scales))
    answers = {"ecog": 0, "karnofsky": 40, "lansky": 40, "pregnant": True, "age": 78}
    found = evaluator.queries(read_participant(evaluator.protocol, body(answers), TODAY))
    assert [query.code for query in found] == ["Q1", "Q2", "Q3"]


# WHAT FOLLOWS FROM IT


def test_it_changes_no_verdict() -> None:
    """The report is the same but for the queries, which name each answer with its value."""
    checked, bare = (protocol_from_plain(with_checks(*checks)) for checks in ((SCALES,), ()))
    answers = body({"ecog": 0, "karnofsky": 40, "pregnant": False})
    said = [report(evaluate(each, read_participant(each, answers, TODAY)), b'"v":1') for each in (checked, bare)]
    query = (
        b'"queries":[{"code":"Q1","message":"The ecog and the karnofsky do not go together.",'
        b'"facts":{"ecog":0,"karnofsky":40}}]}'
    )
    assert said[0].endswith(query)
    assert said[0].replace(query, b'"queries":[]}') == said[1]


def test_a_report_holds_every_query() -> None:
    """One after the other."""
    protocol = write(SCALES["rule"], {"all": [{"yes": "pregnant"}, {"is": {"sex": ["male"]}}]})
    answers = {"ecog": 0, "karnofsky": 40, "pregnant": True, "sex": "male"}
    said = json.loads(report(evaluate(protocol, read_participant(protocol, body(answers), TODAY)), b'"v":1'))
    assert [(query["code"], query["facts"]) for query in said["queries"]] == [
        ("Q1", {"ecog": 0, "karnofsky": 40}),
        ("Q2", {"pregnant": True, "sex": "male"}),
    ]


def test_a_query_in_words() -> None:
    """The message, and each answer with its label."""
    protocol = protocol_from_plain(with_checks(SCALES))
    query = Raised("Q1", "The ecog and the karnofsky do not go together.", {"ecog": 0, "karnofsky": 40})
    assert (
        explain.query_words(query, protocol)
        == "The ecog and the karnofsky do not go together. Ecog: 0; Karnofsky: 40%."
    )
    assert explain.rule_words(write(MONTHS), ExceedsAge("remission", "months", "age")) == (
        "Remission: longer than the participant has lived"
    )


# WHAT MAY BE WRITTEN


def test_checks_are_part_of_the_content() -> None:
    """A protocol without any is written, and hashed, as if there were no such thing."""
    bare, checked = protocol_from_plain(with_checks()), protocol_from_plain(with_checks(SCALES))
    assert "edit_checks" not in protocol_to_plain(bare)
    assert content_hash(bare) != content_hash(checked)
    assert protocol_to_plain(checked)["edit_checks"] == [SCALES]
    assert protocol_from_plain(protocol_to_plain(write(MONTHS, YEARS))) == write(MONTHS, YEARS)
    assert checked.edit_checks[0] == EditCheck("Q1", SCALES["message"], checked.edit_checks[0].rule)


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ({"compare": ["ecog", "<", 1]}, "edit check Q1: needs two answers that it compares"),
        ({"all": [{"yes": "pregnant"}, {"reading": "X1"}]}, "edit check Q1: rests on a reading, which is no answer"),
        ({"all": [{"term": "taken"}, {"term": "old"}]}, "edit check Q1: rests on a reading, which is no answer"),
        ({"all": [{"yes": "pregnant"}, {"part": "main"}]}, "edit check Q1.all[2]: no part main here"),
        ({"all": [{"yes": "nobody"}, {"term": "old"}]}, "edit check Q1.all[1]: no question nobody"),
        ({"exceeds_age": ["sex", "months", "age"]}, "edit check Q1: exceeds_age needs a number, and sex is none"),
        (
            {"exceeds_age": ["remission", "months", "birth"]},
            "edit check Q1: exceeds_age needs an age, and birth is none",
        ),
        ({"exceeds_age": ["x", "months", "age"]}, "edit check Q1: exceeds_age needs a number, and x is none"),
        (
            {"exceeds_age": ["remission", "days", "age"]},
            "protocol.edit_checks[1].rule.exceeds_age: takes [fact, months or years, age]",
        ),
    ],
)
def test_a_check_that_cannot_be(rule: Plain, fault: str) -> None:
    """A check compares answers, two at least, and nothing else."""
    with pytest.raises(InvalidProtocol) as refusal:
        write(rule)
    assert fault in refusal.value.faults


def test_a_check_knows_no_cohort() -> None:
    """So it cannot ask to which part a cohort belongs, although there is such a part."""
    raw = with_checks({**SCALES, "rule": {"all": [SCALES["rule"], {"part": "main"}]}})
    raw["cohorts"][0]["parts"] = {"main": {"always": True}}
    with pytest.raises(InvalidProtocol) as refusal:
        protocol_from_plain(raw)
    assert refusal.value.faults == ["edit check Q1.all[2]: no part main here"]


def test_all_checks_that_cannot_be_are_named_at_once() -> None:
    with pytest.raises(InvalidProtocol) as refusal:
        write({"all": [{"yes": "nobody"}, {"term": "old"}]}, {"compare": ["ecog", "<", 1]})
    assert refusal.value.faults == [
        "edit check Q1.all[1]: no question nobody",
        "edit check Q2: needs two answers that it compares",
    ]


def test_an_interval_is_counted_in_months_or_years() -> None:
    """Also where no file says so."""
    protocol = write(MONTHS)
    check = replace(protocol.edit_checks[0], rule=ExceedsAge("remission", "days", "age"))  # type: ignore[arg-type]
    with pytest.raises(InvalidProtocol) as refusal:
        replace(protocol, edit_checks=(check,))
    assert refusal.value.faults == ["edit check Q1: exceeds_age counts months or years"]


def test_an_interval_is_held_against_the_age_in_edit_checks_alone() -> None:
    """It decides nothing: no criterion, scope, admission, term or condition may hold it."""
    for place in (
        ("criteria", 0, "rule"),
        ("terms", 0, "rule"),
        ("cohorts", 0, "admits"),
        ("questions", 8, "relevant"),
    ):
        raw: Plain = with_checks()
        raw[place[0]][place[1]][place[2]] = MONTHS
        with pytest.raises(InvalidProtocol, match="exceeds_age stands in edit checks alone"):
            protocol_from_plain(raw)


def test_a_check_has_a_code_of_its_own_and_a_message_in_one_line() -> None:
    """The code differs from every other code of the protocol."""
    for field, value, fault in (
        ("code", "I1", "code I1: is given twice"),
        ("code", "no code", "must match"),
        ("message", "two\nlines", "edit check Q1 message: must be one line of text"),
        ("message", "", "edit check Q1 message: must be one line of text"),
    ):
        with pytest.raises(InvalidProtocol, match=fault):
            protocol_from_plain(with_checks({**SCALES, field: value}))


# THE BUILT-IN TRIAL

RAISING: dict[str, Plain] = {
    "Q1": {"ecog": 0, "karnofsky": 40},
    "Q2": {"ecog": 4, "karnofsky": 80},
    "Q3": {"ecog": 1, "lansky": 50},
    "Q4": {"ecog": 3, "lansky": 100},
    "Q5": {"remission_duration_months": 36, "age_years": 2},
    "Q6": {"hsct_to_relapse_months": 30, "birth_date": "2024-06-30"},
    "Q7": {"car_t_to_relapse_months": 60, "age_years": 4.5},
    "Q8": {"pregnancy": "pregnant", "age_years": 78},
    "Q9": {"pregnancy": "breast_feeding", "sex": "male"},
    "Q10": {"weight_kg": 3, "age_years": 1},
    "Q11": {"weight_kg": 9.5, "age_years": 17},
    "Q12": {"weight_kg": 3, "age_years": 40},
    "Q13": {"weight_kg": 60, "age_years": 4},
    "Q14": {"ipss_r": "high", "diagnosis": "aml"},
    "Q15": {"mds_origin": "de_novo", "diagnosis": "bpdcn"},
    "Q16": {"hsct_outcome": "relapsed", "prior_hsct": False},
    "Q17": {"car_t_outcome": "no_relapse", "prior_cellular_therapy": ["dli"]},
    "Q18": {"disease_state": "refractory", "hsct_outcome": "relapsed"},
}


def test_every_check_of_the_built_in_trial_can_be_raised() -> None:
    """By two answers, which its message names by their labels."""
    _, protocol = read_trial()
    assert list(RAISING) == [check.code for check in protocol.edit_checks]
    for code, answers in RAISING.items():
        assert {key: set(facts) for key, facts in queries(protocol, answers).items()} == {code: set(answers)}
        message = next(check.message for check in protocol.edit_checks if check.code == code).lower()
        for fact in answers:
            label = "age at consent" if fact == "birth_date" else protocol.question_by_key[fact].label.lower()
            assert set(label.split()) <= set(message.replace(",", " ").replace(";", " ").replace(".", " ").split()), (
                label
            )


def test_ordinary_participants_raise_nothing() -> None:
    """Values at the limits, and a whole age in the year that has begun."""
    _, protocol = read_trial()
    for answers in (
        {"ecog": 2, "karnofsky": 50, "lansky": 100},
        {"ecog": 1, "karnofsky": 60},
        {"remission_duration_months": 35, "age_years": 2},
        {"pregnancy": "pregnant", "age_years": 54, "sex": "female"},
        {"pregnancy": "not_possible", "age_years": 78, "sex": "male"},
        {"weight_kg": 5, "age_years": 1},
        {"weight_kg": 3, "age_years": 0},
        {"weight_kg": 30, "age_years": 18},
        {"weight_kg": 50, "age_years": 4},
        {"ipss_r": "low", "mds_origin": "mds_mpn", "diagnosis": "mds"},
        {"hsct_outcome": "relapsed", "prior_hsct": True, "disease_state": "relapsed"},
        {"down_syndrome": True, "age_years": 40},
    ):
        assert queries(protocol, answers) == {}, answers
