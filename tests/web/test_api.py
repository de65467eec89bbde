"""The contract of the JSON API, version 1: every key, every example participant, every error."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from serving import BAD, BATCH, CASES, EVALUATE, NDJSON, NEXT, NOW, PROBLEM, TRIAL_PATH, Client, Live, body_of
from sqlalchemy import text

from app.rules.calendar import read_date
from app.trials import read_trial

TRIAL, PROTOCOL = read_trial()
TODAY = NOW.date().isoformat()
OUTCOMES = {"pass", "fail", "unknown", "not_applicable"}
COHORTS = [cohort.code for cohort in PROTOCOL.cohorts]
PATHS = (EVALUATE, NEXT)
AML = {"country": "US", "age_years": 54, "sex": "female", "diagnosis": "aml", "disease_state": "relapsed"}


def by_id(cases: list[dict[str, Any]]) -> dict[str, Any]:
    return {"argvalues": cases, "ids": [case["id"] for case in cases]}


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem that a response holds; its form is checked."""
    assert response.status_code == status, response.text[:500]
    assert response.headers["content-type"] == PROBLEM
    plain: dict[str, Any] = response.json()
    assert set(plain) == {"type", "title", "status", "detail", "errors"}
    assert plain["status"] == status
    assert plain["title"]
    assert plain["detail"]
    assert all(set(error) == {"fact", "message"} and error["message"] for error in plain["errors"])
    return plain


def faults(response: httpx.Response) -> list[str]:
    return [error["fact"] for error in problem(response, 422)["errors"]]


# THE EXAMPLE PARTICIPANTS


def check_case(case: dict[str, Any], plain: dict[str, Any]) -> None:
    """Everything that an example participant expects of a result."""
    expected = case["expect"]
    failing = {row["code"] for row in plain["criteria"] if row["outcome"] == "fail"}
    routes = {row["code"] for row in plain["criteria"] if row["code"] in ("I2", "I3", "I4", "I6")}
    if plain["groups"]["disease"] == "fail" and not failing & routes:
        failing.add("disease")
    assert plain["verdict"] == expected["verdict"]
    assert failing == set(expected["fails"])
    assert set(expected["unknown_must_include"]) <= {r["code"] for r in plain["criteria"] if r["outcome"] == "unknown"}
    assert {cohort["code"]: cohort["verdict"] for cohort in plain["cohorts"]} == expected["cohorts"]
    assert set(expected.get("depends_on", plain["depends_on"])) == set(plain["depends_on"])


def check_shape(plain: dict[str, Any]) -> None:
    """Every key of the contract, with a value of its kind."""
    assert plain["trial"] == {name: getattr(TRIAL, name) for name in ("nct_id", "status", "status_as_of", "source")}
    assert set(plain["protocol"]) == {"version", "hash"}
    for name in ("as_of", "consent_date", "first_dose_date"):
        assert read_date(plain[name])
    assert plain["verdict"] in ("likely_eligible", "excluded", "undetermined")
    assert plain["summary"].endswith(".")
    assert [cohort["code"] for cohort in plain["cohorts"]] == COHORTS
    codes = [criterion.code for criterion in PROTOCOL.criteria]
    for cohort in plain["cohorts"]:
        assert cohort["title"]
        assert cohort["verdict"] in ("likely_eligible", "excluded", "undetermined")
        assert (cohort["verdict"] == "excluded") == bool(cohort["reasons"])
        assert set(cohort["reasons"]) <= {*codes, "disease", "admission"}
    assert set(plain["groups"]) == {"disease"}
    assert plain["groups"]["disease"] in OUTCOMES - {"not_applicable"}
    assert [row["code"] for row in plain["criteria"]] == codes
    for row in plain["criteria"]:
        check_criterion(row)
    for missing in plain["missing"]:
        assert missing["question"] == PROTOCOL.question_by_key[missing["fact"]].text
        assert set(missing["criteria"]) <= set(codes)
        assert missing["criteria"] or missing["cohorts"]
    assert set(plain["depends_on"]) <= {"X2", "X4", "X5", "X7", "X9", "X13", "X14", "X17", "X18", "X19"}
    assert set(plain["review"]) <= {"R1"}


def check_criterion(row: dict[str, Any]) -> None:
    expected = {"code", "kind", "title", "outcome", "reason", "facts", "readings", "can_change", "passes_from"}
    assert set(row) == expected | ({"by_cohort"} if row["code"] == "E15" else set())
    criterion = PROTOCOL.criterion_by_code[row["code"]]
    assert (row["kind"], row["title"]) == (criterion.kind, criterion.title)
    assert row["outcome"] in OUTCOMES
    assert row["reason"]
    assert row["facts"].keys() <= PROTOCOL.question_by_key.keys()
    assert set(row["readings"]) <= PROTOCOL.reading_by_code.keys()
    assert row["can_change"] in ("fixed", "repeat", "time", None)
    assert (row["can_change"] is not None) == (row["outcome"] == "fail")
    assert row["passes_from"] is None or (row["can_change"] == "time" and read_date(row["passes_from"]))
    if row["code"] == "E15":
        assert list(row["by_cohort"]) == COHORTS
        assert set(row["by_cohort"].values()) <= OUTCOMES
        if row["outcome"] == "unknown" and len(set(row["by_cohort"].values())) > 1:
            named = [c.title for c in PROTOCOL.cohorts if c.title in row["reason"]]
            assert len(named) >= 2 or row["reason"].startswith("Not known"), row


@pytest.mark.parametrize("case", **by_id(CASES))
def test_example_evaluated(api: Client, case: dict[str, Any]) -> None:
    response = api.post(EVALUATE, body_of(case))
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    plain = response.json()
    check_shape(plain)
    check_case(case, plain)
    assert plain["as_of"] == case["as_of"]


def test_examples_as_a_batch(api: Client) -> None:
    """A line gives the same bytes as a request of its own; bad ones stand among the good ones."""
    cases = [case for pair in zip(CASES, [*BAD, *CASES], strict=False) for case in pair]
    response = api.post(BATCH, b"".join(json.dumps(body_of(case)).encode() + b"\n" for case in cases))
    assert response.status_code == 200
    assert response.headers["content-type"] == NDJSON
    lines = response.content.split(b"\n")
    assert lines.pop() == b""
    assert lines == [api.post(EVALUATE, body_of(case)).content for case in cases]


@pytest.mark.parametrize("case", **by_id(BAD))
def test_bad_example(api: Client, case: dict[str, Any]) -> None:
    for path in PATHS:
        assert faults(api.post(path, body_of(case))) == [case["error_fact"]]
    line = json.loads(api.post(BATCH, body_of(case)).content)
    assert (line["status"], [error["fact"] for error in line["errors"]]) == (422, [case["error_fact"]])


def test_the_same_over_a_real_connection(live: Live) -> None:
    with httpx.Client(base_url=live.url) as client:
        for case in CASES[:10]:
            check_case(case, client.post(EVALUATE, json=body_of(case)).json())
        assert client.post(EVALUATE, json=body_of(BAD[0])).json()["errors"][0]["fact"] == BAD[0]["error_fact"]


# DATES, READINGS, FAULTS


def test_dates_default(api: Client) -> None:
    def dates(**given: Any) -> list[str]:
        plain = api.post(EVALUATE, {"answers": {}, **given}).json()
        return [plain["as_of"], plain["consent_date"], plain["first_dose_date"]]

    assert dates() == [TODAY] * 3
    assert dates(as_of=None, consent_date=None, first_dose_date=None, readings=None) == [TODAY] * 3
    assert dates(as_of="2026-01-31") == ["2026-01-31"] * 3
    assert dates(as_of="2026-01-31", consent_date="2026-01-01") == ["2026-01-31", "2026-01-01", "2026-01-31"]
    assert dates(as_of="2026-01-31", consent_date="2026-02-01") == ["2026-01-31", "2026-02-01", "2026-02-01"]
    assert dates(consent_date="2026-01-01", first_dose_date="2026-01-02")[2] == "2026-01-02"


def test_first_dose_before_consent_is_refused(api: Client) -> None:
    body = {"answers": {}, "consent_date": "2026-02-02", "first_dose_date": "2026-02-01"}
    assert faults(api.post(EVALUATE, body)) == ["first_dose_date"]


def test_a_reading_is_set_for_one_evaluation_alone(api: Client) -> None:
    body = {"answers": {**AML, "chloroma_outside_cns": True}}

    def chloroma(readings: dict[str, bool]) -> tuple[str, list[str]]:
        plain = api.post(EVALUATE, {**body, "readings": readings}).json()
        return next(row["outcome"] for row in plain["criteria"] if row["code"] == "I4b"), plain["depends_on"]

    before = chloroma({})
    assert before == ("unknown", ["X7"])
    assert chloroma({"X7": True}) == ("fail", [])
    assert chloroma({"X7": False}) == ("pass", [])
    assert chloroma({}) == before


@pytest.mark.parametrize("readings", [{"X1": True}, {"X99": True}, {"X7": 1}, {"X7": "true"}, {"X7": None}, {"": True}])
def test_readings_that_cannot_be_set(api: Client, readings: dict[str, Any]) -> None:
    assert len(faults(api.post(EVALUATE, {"answers": {}, "readings": readings}))) == 1


def test_every_fault_at_once_and_each_once(api: Client) -> None:
    body = {
        "answers": {
            "country": "UK",
            "weight_kg": "70",
            "ecog": 1.5,
            "karnofsky": 55,
            "birth_date": "2026-02-30",
            "prior_cellular_therapy": ["car_t", "car_t"],
            "hiv": True,
            "other_malignancy": "no",
            "shoe_size": 43,
            "autoimmune_last_active_date": "2126",
        },
        "as_of": "today",
        "consent_date": "2026-11-22",
        "first_dose_date": "2026-11-21",
        "readings": {"X1": True, "X7": "yes", "X9": True},
        "patient": "somebody",
    }
    given = faults(api.post(EVALUATE, body))
    answers = [key for key in body["answers"] if key != "autoimmune_last_active_date"]  # as_of is not known
    assert sorted(given) == sorted([*answers, "as_of", "first_dose_date", "X1", "X7", "patient"])
    assert sorted(faults(api.post(NEXT, {**body, "goal": "win", "order": "slowest"}))) == sorted(
        [*given, "goal", "order"]
    )


def test_a_fault_is_not_followed_by_others_that_it_makes_up(api: Client) -> None:
    """What must not be after a date, or fit one, is not held against a date that could not be read."""
    answers = {"birth_date": "2026-12", "immunosuppression_stop_date": "2027", "age_years": 40}
    assert faults(api.post(EVALUATE, {"answers": {"birth_date": "2027-01"}, "consent_date": "soon"})) == [
        "consent_date"
    ]
    body = {"answers": answers, "as_of": "soon", "consent_date": "later", "first_dose_date": "2026-11-22"}
    assert faults(api.post(EVALUATE, body)) == ["as_of", "consent_date"]
    assert faults(api.post(EVALUATE, {"answers": answers, "as_of": "2026-11-22"})) == [
        "birth_date",
        "immunosuppression_stop_date",
    ]


@pytest.mark.parametrize(
    ("body", "fact"),
    [
        ([], "answers"),
        ("text", "answers"),
        (None, "answers"),
        (1, "answers"),
        ({}, "answers"),
        ({"answers": None}, "answers"),
        ({"answers": []}, "answers"),
        ({"answers": {}, "readings": []}, "readings"),
        ({"answers": {}, "order": "section"}, "order"),
    ],
)
def test_bodies_of_another_shape(api: Client, body: object, fact: str) -> None:
    assert faults(api.post(EVALUATE, json.dumps(body).encode())) == [fact]


def test_what_would_change_is_said_where_it_is_asked_for(api: Client) -> None:
    body = {"answers": {**AML, "no_available_therapy": True, "qtcf_ms": 482}, "as_of": TODAY}
    plain = api.post(EVALUATE, json=body).json()
    explained = api.post(EVALUATE, json={**body, "explain": True}).json()
    changes, exact = explained.pop("changes"), explained.pop("exact")
    assert exact == {"verdict": "excluded", "note": None}
    assert explained == plain == api.post(EVALUATE, json={**body, "explain": False}).json()
    assert [reason["code"] for reason in changes["reasons"]] == ["E13"]
    (one,) = changes["sets"]
    assert (one["verdict"], one["changes"][0]["words"]) == ("not_excluded", "QTcF were at most 470 ms")
    answers = {**body["answers"], **one["changes"][0]["example"]}  # type: ignore[dict-item]
    assert api.post(EVALUATE, json={"answers": answers}).json()["verdict"] == "undetermined"


def test_explain_is_true_or_false(api: Client) -> None:
    assert faults(api.post(EVALUATE, json={"answers": {"qtcf_ms": 1}, "explain": "yes"})) == ["explain", "qtcf_ms"]


def test_a_verdict_is_decided_whatever_the_missing_answers_are(api: Client) -> None:
    """A complete adult AML file without the country: some cohort fits wherever the site is."""
    case = next(case for case in CASES if case["expect"]["verdict"] == "likely_eligible" and is_adult_aml(case))
    body = body_of(case)
    body["answers"] = {fact: value for fact, value in body["answers"].items() if fact != "country"}
    plain = api.post(EVALUATE, json=body | {"explain": True}).json()
    assert (plain["verdict"], plain["exact"]["verdict"]) == ("undetermined", "likely_eligible")
    assert plain["exact"]["note"] == (
        "Decided whatever the missing answers are: some cohort fits, whatever is found for Country of the site."
    )
    without = api.post(EVALUATE, json={"answers": {}, "explain": True}).json()["exact"]
    assert without == {"verdict": "undetermined", "note": None}
    assert api.post(f"{TRIAL_PATH}/next", json=body).json()["evaluation"]["exact"] == plain["exact"]
    assert "exact" not in api.post(EVALUATE, json=body).json()


def is_adult_aml(case: dict[str, Any]) -> bool:
    answers = case["answers"]
    return answers.get("diagnosis") == "aml" and (answers.get("age_years") or 0) >= 18


def test_null_and_absent_are_both_unknown(api: Client) -> None:
    absent = api.post(EVALUATE, {"answers": AML}).content
    nulls = dict.fromkeys(PROTOCOL.question_by_key)
    assert api.post(EVALUATE, {"answers": nulls | AML}).content == absent
    assert api.post(EVALUATE, {"answers": {}}).json()["verdict"] == "undetermined"


# STATUS CODES


@pytest.mark.parametrize("path", [EVALUATE, BATCH, NEXT])
def test_unknown_trial(api: Client, path: str) -> None:
    for nct_id in ("NCT00000000", "nct05086315", "NCT05086315%00", "%F0%9F%92%A9", "%ff", "%2e", "x" * 5000, "%20"):
        problem(api.post(path.replace("NCT05086315", nct_id), b'{"answers": {}}'), 404)


def test_unknown_trial_described(api: Client) -> None:
    for nct_id in ("NCT00000000", "%00", "%ed%a0%80", "..%2fhealthz"):
        problem(api.get(f"/api/v1/trials/{nct_id}"), 404)


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/", "/api/v1", "/api/v2/trials/NCT05086315", f"{EVALUATE}/", f"{TRIAL_PATH}/", "/api//", "/api/%00"],
)
def test_unknown_address(api: Client, path: str) -> None:
    problem(api.get(path), 404)
    problem(api.post(path, {}), 404)


@pytest.mark.parametrize(
    ("path", "allowed", "refused"),
    [
        (EVALUATE, {"POST"}, ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW")),
        (BATCH, {"POST"}, ("GET", "OPTIONS")),
        (NEXT, {"POST"}, ("GET", "OPTIONS")),
        (TRIAL_PATH, {"GET"}, ("POST", "PUT", "DELETE", "OPTIONS")),
        ("/api/v1/openapi.json", {"GET", "HEAD"}, ("POST", "OPTIONS")),
        ("/healthz", {"GET"}, ("POST", "OPTIONS")),
        ("/readyz", {"GET"}, ("POST", "OPTIONS")),
    ],
)
def test_methods(api: Client, path: str, allowed: set[str], refused: tuple[str, ...]) -> None:
    for method in refused:
        response = api.request(method, path)
        assert set(response.headers["allow"].split(", ")) == allowed
        assert response.status_code == 405
        if method != "HEAD":
            problem(response, 405)


@pytest.mark.parametrize("path", [EVALUATE, NEXT, BATCH])
def test_content_types(api: Client, path: str) -> None:
    accepted = NDJSON if path == BATCH else "application/json"
    for given in ("", "text/plain", "application/x-www-form-urlencoded", "application", "application/jsonx", "*/*"):
        problem(api.request("POST", path, content=b'{"answers": {}}', headers={"content-type": given}), 415)
    problem(api.request("POST", path, content=b'{"answers": {}}'), 415)
    for given in (accepted, f"{accepted}; charset=utf-8", accepted.upper()):
        response = api.request("POST", path, content=b'{"answers": {}}', headers={"content-type": given})
        assert response.status_code == 200


@pytest.mark.parametrize("path", [EVALUATE, NEXT])
def test_P33_too_large(api: Client, path: str) -> None:
    exact = b'{"answers": {}}'.ljust(65_536)
    assert api.post(path, exact).status_code == 200
    problem(api.post(path, exact + b" "), 413)
    for size in (1, 100, 65_536):
        problem(api.post(path, slices(exact + b" ", size)), 413)
        assert api.post(path, slices(exact, size)).status_code == 200


def slices(content: bytes, size: int) -> Any:
    """The content in chunks, without an announced length."""

    async def chunks() -> Any:
        for start in range(0, len(content), size):
            yield content[start : start + size]

    return chunks()


# THE TRIAL


def test_description(api: Client) -> None:
    response = api.get(TRIAL_PATH)
    assert response.headers["content-type"] == "application/json"
    plain = response.json()
    assert plain["nct_id"] == "NCT05086315"
    assert plain["trial"]["status"] == "TERMINATED"
    assert plain["trial"]["status_as_of"] == "2025-12-15"
    assert len(plain["trial"]["sites"]) == len(TRIAL.sites)
    assert [version["version"] for version in plain["versions"]] == [1]
    assert plain["versions"][0] == {**plain["protocol"], "status": "published", "published_at": NOW.isoformat()}
    assert [question["fact"] for question in plain["questions"]] == [q.key for q in PROTOCOL.questions]
    for question in plain["questions"]:
        assert set(question) >= QUESTION_KEYS
        assert question["section"] in {section["key"] for section in plain["sections"]}
        assert question["can_change"] in ("fixed", "repeat", "time")
        assert {"decides", "burden", "source", "likely"} == set(question["asking"])
    calculators = {question["fact"]: question["calculator"] for question in plain["questions"]}
    assert {fact: name for fact, name in calculators.items() if name} == {
        "qtcf_ms": "qtcf",
        "prednisone_mg_per_day": "prednisone",
    }
    assert [check["code"] for check in plain["edit_checks"]] == [check.code for check in PROTOCOL.edit_checks]
    assert [row["code"] for row in plain["criteria"]] == [c.code for c in PROTOCOL.criteria]
    for row in plain["criteria"]:
        assert {"code", "kind", "title", "statement", "place", "rule", "readings"} <= set(row)
    assert [cohort["code"] for cohort in plain["cohorts"]] == COHORTS
    assert all({"title", "admits", "parts"} <= set(cohort) for cohort in plain["cohorts"])
    assert [reading["code"] for reading in plain["readings"]] == [f"X{n}" for n in range(1, 22)]
    assert all({"statement", "status"} <= set(reading) for reading in plain["readings"])


def test_every_accepted_value_that_the_description_names_is_accepted(api: Client) -> None:
    for question in api.get(TRIAL_PATH).json()["questions"]:
        values: list[Any] = {
            "yes_no": [True, False],
            "date": ["2020", "2020-02", "2020-02-29"],
            "number": [question["min"], question["max"]],
            "integer": [question["min"], question["max"]],
            "choice": [option["value"] for option in question["options"] or ()],
            "many": [[], [option["value"] for option in question["options"] or ()]],
        }[question["type"]]
        for value in values:
            response = api.post(EVALUATE, {"answers": {question["fact"]: value}})
            assert response.status_code == 200, (question["fact"], value, response.text)


# THE INTERVIEW

QUESTION_KEYS = {"fact", "text", "why", "type", "unit", "min", "max", "options", "alternative", "criteria"}


def check_step(plain: dict[str, Any], answers: dict[str, Any]) -> None:
    """The keys of the contract, and that nothing is asked twice."""
    assert set(plain) == {"step", "progress", "evaluation"}
    assert set(plain["progress"]) == {"answered", "at_least", "at_most"}
    check_shape(plain["evaluation"])
    step = plain["step"]
    if step is None:
        assert plain["progress"]["at_least"] == plain["progress"]["at_most"] == 0
        return
    assert set(step) == {"section", "title", "questions"}
    assert step["questions"]
    for question in step["questions"]:
        assert set(question) >= QUESTION_KEYS
        assert PROTOCOL.question_by_key[question["fact"]].section == step["section"]
        assert question["fact"] not in answers
        assert question["alternative"] is None or question["alternative"] not in answers
    assert len(step["questions"]) <= plain["progress"]["at_most"]


def interview(
    api: Client, case: dict[str, Any], goal: str, order: str = "section"
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Answer every question from the example, with null where it is silent; gives each state with the answers."""
    answers: dict[str, Any] = {}
    while True:
        response = api.post(NEXT, {**body_of(case), "answers": answers, "goal": goal, "order": order})
        assert response.status_code == 200, response.text
        plain = response.json()
        check_step(plain, answers)
        yield plain, dict(answers)
        if plain["step"] is None:
            return
        for question in plain["step"]["questions"]:
            names = [question["fact"], *([question["alternative"]] if question["alternative"] else [])]
            given = {name: case["answers"][name] for name in names if case["answers"].get(name) is not None}
            answers |= given or {question["fact"]: None}


@pytest.mark.parametrize("order", ["section", "quickest"])
@pytest.mark.parametrize("goal", ["verdict", "all_reasons"])
@pytest.mark.parametrize("case", **by_id(CASES))
def test_interview(api: Client, case: dict[str, Any], goal: str, order: str) -> None:
    """It ends, in true bounds; what it leaves out would have changed nothing; conditions are asked first."""
    states = list(interview(api, case, goal, order))
    assert order == "section" or all(len(plain["step"]["questions"]) == 1 for plain, _ in states if plain["step"])
    asked_at: dict[str, int] = {}
    for number, (plain, _) in enumerate(states):
        for question in plain["step"]["questions"] if plain["step"] else ():
            asked_at |= {
                question["fact"]: number,
                **({question["alternative"]: number} if question["alternative"] else {}),
            }
    total = sum(len(plain["step"]["questions"]) for plain, _ in states if plain["step"])
    for plain, _ in states:
        progress = plain["progress"]
        assert progress["at_least"] <= total - progress["answered"] <= progress["at_most"]
    for fact, number in asked_at.items():
        for name in condition_facts(fact):
            assert asked_at.get(name, -1) < number or name == fact, f"{fact} was asked before {name}"
    last, everything = states[-1][0]["evaluation"], api.post(EVALUATE, body_of(case)).json()
    assert last["verdict"] == everything["verdict"]
    if goal == "all_reasons":
        assert outcomes(last) == outcomes(everything)
    if goal == "all_reasons" and order == "section":  # the quickest may leave a cohort that decides nothing undecided
        check_case(case, last)


def outcomes(plain: dict[str, Any]) -> dict[str, str]:
    """What every criterion comes to, review points included: they are asked about for the investigator.

    One that passes whether or not it applies need not be asked whether it does.
    """
    return {row["code"]: row["outcome"].replace("not_applicable", "pass") for row in plain["criteria"]}


def condition_facts(fact: str) -> set[str]:
    """The facts that a question's condition names, terms opened."""

    def names(plain: object) -> Iterator[str]:
        if isinstance(plain, dict):
            for key, below in plain.items():
                if key == "term":
                    yield from names(terms[below])
                elif key in ("compare", "elapsed"):
                    yield below[0]
                elif key == "yes":
                    yield below
                elif key in ("is", "includes"):
                    yield from below
                else:
                    yield from names(below)
        elif isinstance(plain, list):
            for below in plain:
                yield from names(below)

    from app.rules.codec import protocol_to_plain

    plain = protocol_to_plain(PROTOCOL)
    terms = {term["name"]: term["rule"] for term in plain["terms"]}
    return next(set(names(question.get("relevant"))) for question in plain["questions"] if question["key"] == fact)


def test_null_is_asked_and_absent_is_not(api: Client) -> None:
    def first(answers: dict[str, Any]) -> set[str]:
        return {question["fact"] for question in api.post(NEXT, {"answers": answers}).json()["step"]["questions"]}

    assert {"country", "birth_date", "sex", "weight_kg"} <= first({})
    assert "birth_date" not in first({"birth_date": None})
    assert "birth_date" not in first({"age_years": None}), "the alternative answers the question as well"
    assert "age_years" not in first({}), "an alternative is not asked beside its question"
    assert "weight_kg" not in first({"weight_kg": None})


def test_an_interview_of_nothing_but_not_known_ends(api: Client) -> None:
    for goal in ("verdict", "all_reasons"):
        states = list(interview(api, {"answers": {}}, goal))
        assert states[-1][0]["evaluation"]["verdict"] == "undetermined"
        assert states[-1][0]["progress"]["answered"] >= 20


def test_after_an_exclusion_only_the_goal_all_reasons_goes_on(api: Client) -> None:
    answers = {**AML, "qtcf_ms": 600}
    assert api.post(NEXT, {"answers": answers}).json()["step"] is None
    assert api.post(NEXT, {"answers": answers, "goal": None, "order": None}).json()["step"] is None
    more = api.post(NEXT, {"answers": answers, "goal": "all_reasons"}).json()
    assert more["step"]["questions"]
    assert more["evaluation"]["verdict"] == "excluded"


@pytest.mark.parametrize("order", ["slowest", "Section", "", 1, True, [], {}])
def test_orders_that_are_not_known(api: Client, order: object) -> None:
    assert faults(api.post(NEXT, {"answers": {}, "order": order})) == ["order"]


@pytest.mark.parametrize("goal", ["reasons", "Verdict", "", 0, False, ["verdict"], {}])
def test_goals_that_are_not_known(api: Client, goal: object) -> None:
    assert faults(api.post(NEXT, {"answers": {}, "goal": goal})) == ["goal"]


# NOTHING IS KEPT


def test_the_api_writes_nothing(api: Client) -> None:
    database = api.app.state.parts.database

    def rows() -> dict[str, int]:
        with database.read() as session:
            tables = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
            return {table: session.scalar(text(f'SELECT count(*) FROM "{table}"')) for table in tables}  # noqa: S608

    before = rows()
    for path in (EVALUATE, NEXT, BATCH):
        for body in (b'{"answers": {"ecog": 1}}', b'{"answers": {"ecog": -1}}', b"{"):
            api.post(path, body)
    api.get(TRIAL_PATH)
    assert rows() == before
