"""The OpenAPI document: complete, true by its own examples, and kept by the running server whatever is thrown at it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from serving import KEYED, NDJSON, NEXT, PROBLEM, TRIAL_PATH, Client, Live

from app.web import openapi


@pytest.fixture(scope="module")
def document(api: Client) -> dict[str, Any]:
    plain: dict[str, Any] = api.get("/api/v1/openapi.json").json()
    return plain


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def contents(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each documented content, of requests and responses, with its place."""
    for path, method, operation in operations(document):
        parts = {**operation["responses"], "body": operation.get("requestBody", {})}
        for name, part in parts.items():
            for media_type, content in part.get("content", {}).items():
                yield f"{method} {path} {name}", media_type, content


def test_the_document_is_the_one_of_the_contract(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/api/v1/trials/{nct_id}",
        "/api/v1/trials/{nct_id}/evaluate",
        "/api/v1/trials/{nct_id}/evaluate-batch",
        "/api/v1/trials/{nct_id}/next",
        "/api/v1/screenings",
        "/api/v1/screenings/{reference}",
        "/api/v1/screenings/{reference}/answers",
        "/api/v1/screenings/{reference}/confirm",
        "/api/v1/screenings/{reference}/next",
        "/api/v1/screenings/{reference}/status",
        "/healthz",
        "/readyz",
    }
    assert set(document["components"]) == {"securitySchemes"}, "FastAPI's own 422 is never answered"


def test_what_needs_a_key_says_so_and_which_scope(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        keyed = path.startswith("/api/v1/screenings")
        scope = "read" if method == "get" else "write"
        assert operation.get("security") == ([{"key": [f"screening:{scope}"]}] if keyed else None), (path, method)
        assert ({"401", "403", "429"} <= operation["responses"].keys()) is keyed


def test_every_operation_is_documented_with_examples(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation["summary"]
        assert operation["description"].endswith(".")
        assert all(parameter.get("example") or parameter.get("examples") or parameter["schema"]["examples"]
                   for parameter in operation.get("parameters", ())), (path, method)  # fmt: skip
        assert all(response["description"] for response in operation["responses"].values())
    for place, media_type, content in contents(document):
        assert content.get("schema"), place
        assert content.get("example"), place
        failed = not place.endswith(("200", "201", "body"))
        assert (media_type == PROBLEM) is failed, place


def test_every_address_below_api_is_in_the_document(api: Client, document: dict[str, Any]) -> None:
    found = {route.path for route in walk(api.app.routes) if route.path.startswith("/api/")}
    assert found - {"/api/v1/openapi.json"} == {path for path in document["paths"] if path.startswith("/api/")}


def walk(routes: Any) -> Iterator[Any]:
    for route in routes:
        below = getattr(route, "original_router", None) or getattr(route, "router", None)
        if getattr(route, "path", None) is not None:
            yield route
        elif below is not None:
            yield from walk(below.routes)
        else:
            raise AssertionError(f"a route of an unknown kind: {route!r}")


def test_the_examples_have_the_form_that_is_promised(document: dict[str, Any]) -> None:
    for place, media_type, content in contents(document):
        values = (
            [json.loads(line) for line in content["example"].splitlines()]
            if media_type == NDJSON
            else [content["example"]]
        )
        for value in values:
            if media_type != NDJSON:
                assert faults(content["schema"], value) == [], place


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    return [str(error) for error in jsonschema_rs.Draft202012Validator(schema).iter_errors(value)]


def test_the_examples_are_true(api: Client) -> None:
    """The request that is shown gives the answer that is shown, of which parts are left out."""
    real = api.post(f"{TRIAL_PATH}/evaluate", openapi.EXAMPLE_BODY).json()
    assert shortened(openapi.EXAMPLE_RESULT, real) == openapi.EXAMPLE_RESULT
    body = openapi.NEXT["requestBody"]["content"]["application/json"]["example"]
    real = api.post(NEXT, body).json()
    assert shortened(openapi.EXAMPLE_STEP, real) == openapi.EXAMPLE_STEP
    real = api.get(TRIAL_PATH).json()
    assert shortened(openapi.EXAMPLE_TRIAL, real) == openapi.EXAMPLE_TRIAL
    lines = api.post(
        f"{TRIAL_PATH}/evaluate-batch", openapi.BATCH["requestBody"]["content"][NDJSON]["example"].encode()
    )
    assert [("verdict" in line, "errors" in line) for line in map(json.loads, lines.content.splitlines())] == [
        (True, False),
        (False, True),
    ]


def test_the_examples_of_screenings_are_true(live: Live) -> None:
    """What is sent and shown there is what a server answers, apart from what it chooses itself."""
    with httpx.Client(base_url=live.url, headers=KEYED, timeout=30) as program:
        begun = program.post("/api/v1/screenings", json=openapi.EXAMPLE_NEW)
        assert begun.status_code == 201
        own = {"reference": openapi.EXAMPLE_REFERENCE, "created_at": "...", "updated_at": "..."}
        want = json.loads(json.dumps({**openapi.EXAMPLE_SCREENING, **own}))
        for one in want["answers"].values():
            one |= {"at": "...", "actor": "..."}
        assert shortened(want, {**begun.json(), "reference": openapi.EXAMPLE_REFERENCE}) == want
        listed = program.get("/api/v1/screenings").json()["screenings"][-1]
        want = {**openapi.EXAMPLE_LISTED, **own}
        assert shortened(want, {**listed, "reference": openapi.EXAMPLE_REFERENCE}) == want
        change = {**openapi.EXAMPLE_CHANGE, "dates": {"consent_date": openapi.EXAMPLE_NEW["as_of"]}}
        address, etag = begun.headers["location"], begun.headers["etag"]
        assert program.patch(f"{address}/answers", json=change, headers={"if-match": etag}).status_code == 200
        stale = program.patch(f"{address}/answers", json=openapi.EXAMPLE_CHANGE, headers={"if-match": etag})
        assert stale.json()["sent"] == openapi.GUARDED[412]["content"][PROBLEM]["example"]["sent"]
        moved = program.post(f"{address}/status", json=openapi.EXAMPLE_MOVE, headers={"if-match": "*"})
        assert moved.json()["status"] == "declined"


def shortened(example: Any, real: Any) -> Any:
    """What is real, in the measure of the example: its keys, its rows, its texts up to dots."""
    if isinstance(example, dict):
        return {key: shortened(value, real[key]) for key, value in example.items()}
    if isinstance(example, list):
        rows = [next((row for row in real if name(row) == name(wanted)), None) for wanted in example]
        return [shortened(wanted, row) for wanted, row in zip(example, rows, strict=True)]
    short = isinstance(example, str) and example.endswith("...")
    return example if short and isinstance(real, str) else real


def name(row: Any) -> Any:
    return (
        next((row[key] for key in ("code", "fact", "key", "version") if key in row), None)
        if isinstance(row, dict)
        else row
    )


def test_real_answers_keep_the_schemas(api: Client, document: dict[str, Any]) -> None:
    paths = document["paths"]

    def check(path: str, method: str, real: Any) -> None:
        content = paths[path][method]["responses"]["200"]["content"]["application/json"]
        assert faults(content["schema"], real) == []

    root = "/api/v1/trials/{nct_id}"
    for answers in ({}, {"age_years": 54, "diagnosis": "mds"}, {"qtcf_ms": 600, "birth_date": "2020"}):
        for extra in ({}, {"goal": "all_reasons"}):
            check(f"{root}/next", "post", api.post(NEXT, {"answers": answers, **extra}).json())
        check(f"{root}/evaluate", "post", api.post(f"{TRIAL_PATH}/evaluate", {"answers": answers}).json())
    check(root, "get", api.get(TRIAL_PATH).json())
    for path in ("/healthz", "/readyz"):
        check(path, "get", api.get(path).json())


# SCHEMATHESIS: requests made from the document, good and bad, against a real server


@schemathesis.serializer(NDJSON)
def lines(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@schemathesis.deserializer(NDJSON)
def text_of(context: Any, response: Any) -> str:
    text: str = response.text
    return text


@pytest.fixture(scope="module")
def served(live: Live) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{live.url}/api/v1/openapi.json")


@pytest.fixture(scope="module")
def begun(live: Live) -> str:
    """The reference of a screening on the server."""
    headers = {**KEYED, "content-type": "application/json"}
    answer = httpx.post(f"{live.url}{SITES}", json={"subject_code": "S-1"}, headers=headers, timeout=30)
    reference: str = answer.json()["reference"]
    return reference


SITES = "/api/v1/screenings"
GOOD, BAD = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
ENDPOINTS = [("POST", f"/api/v1/trials/{{nct_id}}/{verb}") for verb in ("evaluate", "evaluate-batch", "next")]
ENDPOINTS += [("GET", path) for path in ("/api/v1/trials/{nct_id}", "/healthz", "/readyz")]
OF_SITES = [("POST", SITES), ("PATCH", f"{SITES}/{{reference}}/answers"), ("POST", f"{SITES}/{{reference}}/status"),
            ("POST", f"{SITES}/{{reference}}/confirm"), ("GET", SITES), ("GET", f"{SITES}/{{reference}}"),
            ("GET", f"{SITES}/{{reference}}/next")]  # fmt: skip
TRIED = [(GOOD, *endpoint) for endpoint in [*ENDPOINTS, *OF_SITES]]
TRIED += [(BAD, *endpoint) for endpoint in OF_SITES[:3]]
TRIED += [(BAD, *ENDPOINTS[0]), (BAD, *ENDPOINTS[2])]  # elsewhere any path and any text is good data
NOT_PROMISED = [
    positive_data_acceptance
]  # which facts and values are accepted is said by the protocol, not by a schema


@pytest.mark.parametrize(("mode", "method", "path"), TRIED)
def test_the_server_keeps_the_document(
    served: schemathesis.BaseSchema, begun: str, mode: schemathesis.GenerationMode, method: str, path: str
) -> None:
    """No server error, no status or content type that the document does not have, bad data refused."""

    headers = KEYED if path.startswith(SITES) else {}

    @settings(
        max_examples=60 if headers else 150, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(case=served[path][method].as_strategy(generation_mode=mode))
    def try_out(case: schemathesis.Case) -> None:
        if "nct_id" in case.path_parameters and mode is GOOD:
            case.path_parameters["nct_id"] = "NCT05086315"
        if "reference" in case.path_parameters:
            case.path_parameters["reference"] = begun
        case.headers.update(headers)
        case.call_and_validate(timeout=20, excluded_checks=NOT_PROMISED)

    try_out()


def test_the_server_logged_no_fault_meanwhile(live: Live) -> None:
    assert not [line for line in live.log.splitlines() if "Invalid HTTP request" not in line]
