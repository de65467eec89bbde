"""The OpenAPI document: complete, true by its own examples, and kept by the running server whatever is thrown at it."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from serving import NDJSON, NEXT, PROBLEM, TRIAL_PATH, Client, Live

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
        "/healthz",
        "/readyz",
    }
    assert "components" not in document, "nothing but what we wrote: FastAPI's own 422 is never answered"


def test_every_operation_is_documented_with_examples(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation["summary"]
        assert operation["description"].endswith(".")
        assert all(parameter["examples"] if "examples" in parameter else parameter["schema"]["examples"]
                   for parameter in operation.get("parameters", ())), (path, method)  # fmt: skip
        assert all(response["description"] for response in operation["responses"].values())
    for place, media_type, content in contents(document):
        assert content.get("schema"), place
        assert content.get("example"), place
        failed = not place.endswith(("200", "body"))
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


GOOD, BAD = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
ENDPOINTS = [("POST", f"/api/v1/trials/{{nct_id}}/{verb}") for verb in ("evaluate", "evaluate-batch", "next")]
ENDPOINTS += [("GET", path) for path in ("/api/v1/trials/{nct_id}", "/healthz", "/readyz")]
TRIED = [(GOOD, *endpoint) for endpoint in ENDPOINTS]
TRIED += [(BAD, *ENDPOINTS[0]), (BAD, *ENDPOINTS[2])]  # elsewhere any path and any text is good data
NOT_PROMISED = [
    positive_data_acceptance
]  # which facts and values are accepted is said by the protocol, not by a schema


@pytest.mark.parametrize(("mode", "method", "path"), TRIED)
def test_the_server_keeps_the_document(
    served: schemathesis.BaseSchema, mode: schemathesis.GenerationMode, method: str, path: str
) -> None:
    """No server error, no status or content type that the document does not have, bad data refused."""

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=served[path][method].as_strategy(generation_mode=mode))
    def try_out(case: schemathesis.Case) -> None:
        if "nct_id" in case.path_parameters and mode is GOOD:
            case.path_parameters["nct_id"] = "NCT05086315"
        case.call_and_validate(timeout=20, excluded_checks=NOT_PROMISED)

    try_out()


def test_the_server_logged_no_fault_meanwhile(live: Live) -> None:
    assert not [line for line in live.log.splitlines() if "Invalid HTTP request" not in line]
