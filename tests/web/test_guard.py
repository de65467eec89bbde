"""What stands around every request: headers, origins, methods, caches, and the last net."""

import logging
import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from serving import BATCH, EVALUATE, NEXT, PROBLEM, TRIAL_PATH, Client, Live, settings
from starlette.responses import PlainTextResponse

from app.main import create_app

REQUESTS = [
    ("GET", "/"),
    ("GET", "/trials/NCT05086315/rules"),
    ("GET", "/nothing"),
    ("GET", "/checks/nothing"),
    ("GET", "/checks/nothing?goal=nothing"),
    ("POST", "/checks"),
    ("DELETE", "/checks"),
    ("GET", "/static/app.css"),
    ("GET", "/static/app.css?v=1"),
    ("GET", "/static/nothing.css?v=1"),
    ("GET", "/static/"),
    ("GET", "/static/%00"),
    ("GET", "/static/" + "x" * 5000),
    ("POST", "/static/app.css"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/api/v1/nothing"),
    ("GET", TRIAL_PATH),
    ("GET", EVALUATE),
    ("POST", EVALUATE),
    ("POST", BATCH),
    ("POST", NEXT),
    ("OPTIONS", "/"),
    ("TRACE", "/"),
    ("HEAD", "/"),
]


def check_headers(response: httpx.Response) -> None:
    headers = response.headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert set(policy.values()) == {"'none'", "'self'"}, "nothing inline, nothing from elsewhere"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    for name in set(headers):
        assert len(headers.get_list(name)) == 1, f"{name} is given twice"
    if not str(response.request.url.path).startswith("/static/") or response.status_code not in (200, 304):
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_P35_headers_of_every_response(api: Client, method: str, path: str) -> None:
    response = api.request(method, path)
    check_headers(response)
    assert response.status_code < 500


def test_headers_over_a_real_connection(live: Live) -> None:
    with httpx.Client(base_url=live.url) as client:
        for method, path in REQUESTS:
            if method != "TRACE":
                check_headers(client.request(method, path))
        assert "server" not in client.get("/").headers


def test_only_files_whose_hash_is_in_the_address_are_kept(api: Client) -> None:
    kept = "public, max-age=31536000, immutable"
    [address] = set(re.findall(r"/static/app\.css\?v=[0-9a-f]+", api.get("/").text))
    response = api.get(address)
    assert response.headers["cache-control"] == kept
    again = api.get(address, headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, kept)
    assert api.get("/static/app.css").headers["cache-control"] == "no-cache"
    assert api.get("/static/nothing.css?v=1").headers["cache-control"] == "no-store"
    assert api.post(address).headers["cache-control"] == "no-store"


# ORIGINS


HOST = "testserver"
ALLOWED = "https://ehr.example.org"
ORIGINS = [
    ({}, True),  # no browser
    ({"origin": f"http://{HOST}"}, True),
    ({"origin": f"https://{HOST}"}, True),  # behind a proxy that speaks TLS
    ({"origin": f"HTTP://{HOST.upper()}"}, True),
    ({"origin": "null"}, False),
    ({"origin": "https://evil.example"}, False),
    ({"origin": f"http://{HOST}.evil.example"}, False),
    ({"origin": f"http://evil.example/{HOST}"}, False),
    ({"origin": f"http://evil.example#{HOST}"}, False),
    ({"origin": f"http://{HOST}@evil.example"}, False),
    ({"origin": f"http://user@{HOST}"}, False),
    ({"origin": f"http://{HOST}:81"}, False),
    ({"origin": HOST}, False),
    ({"origin": "http://["}, False),
    ({"origin": "http://[::1"}, False),
    ({"origin": "://"}, False),
    ({"origin": "http://"}, False),
    ({"origin": "\xff"}, False),
    ({"origin": f"http://{HOST}:8000", "host": f"{HOST}:8000"}, True),
    ({"origin": f"http://{HOST}:8000", "host": f"{HOST}:8001"}, False),
    ({"origin": "http://[::1]:8000", "host": "[::1]:8000"}, True),
    ({"origin": ALLOWED}, True),
    ({"origin": ALLOWED.upper()}, True),
    ({"origin": f"{ALLOWED}:444"}, False),
    ({"sec-fetch-site": "same-origin"}, True),
    ({"sec-fetch-site": "none"}, True),
    ({"sec-fetch-site": "same-site"}, False),
    ({"sec-fetch-site": "cross-site"}, False),
    ({"sec-fetch-site": ""}, False),
    ({"sec-fetch-site": "cross-site", "origin": f"http://{HOST}"}, False),
    ({"sec-fetch-site": "same-origin", "origin": "https://evil.example"}, True),  # a page cannot set Sec-Fetch-Site
    ({"sec-fetch-site": "cross-site", "origin": ALLOWED}, True),
    ({"sec-fetch-site": "cross-site", "origin": "null"}, False),
]


@pytest.fixture(scope="module")
def guarded(api: Client) -> Iterator[Client]:
    """Takes posts from one other origin."""
    client = Client.of(api.app.state.parts.settings.database_url, allowed_origins=ALLOWED)
    yield client
    client.close()


@pytest.mark.parametrize(("headers", "passes"), ORIGINS, ids=lambda value: ascii(value)[:60])
def test_P28_posts_from_other_sites_are_refused(guarded: Client, headers: dict[str, str], passes: bool) -> None:
    for method, path in (("POST", EVALUATE), ("POST", "/checks"), ("DELETE", "/checks"), ("PUT", "/static/app.css")):
        response = guarded.request(method, path, headers={k: v.encode("latin-1") for k, v in headers.items()})
        assert (response.status_code != 403) is passes
        check_headers(response)
        if not passes:
            assert response.headers["content-type"].startswith(PROBLEM if path == EVALUATE else "text/html")
    assert guarded.get("/", headers={k: v.encode("latin-1") for k, v in headers.items()}).status_code == 200


def test_an_origin_is_allowed_only_where_it_is_set(api: Client) -> None:
    assert api.post(EVALUATE, {"answers": {}}, headers={"origin": ALLOWED}).status_code == 403


def test_a_refused_post_changes_nothing(api: Client) -> None:
    """Not even where a browser would follow a redirect: the check is not begun."""
    response = api.request("POST", "/checks", headers={"sec-fetch-site": "cross-site"})
    assert response.status_code == 403
    assert "location" not in response.headers


# METHODS


@pytest.mark.parametrize(
    "path",
    ["/", "/trials/NCT05086315/rules", "/healthz", "/readyz", TRIAL_PATH, "/static/app.css", "/nothing", EVALUATE],
)
def test_head_is_get_without_the_body(api: Client, live: Live, path: str) -> None:
    get, head = api.get(path), api.request("HEAD", path)
    assert head.content == b""
    assert head.status_code == get.status_code
    assert {**head.headers, "x-request-id": ""} == {**get.headers, "x-request-id": ""}
    real = httpx.head(live.url + path)
    assert (real.status_code, real.content) == (get.status_code, b"")


def test_options_are_answered_cleanly(api: Client) -> None:
    """Nothing here is for scripts of other sites: a preflight is told no more than which methods there are."""
    for path in ("/", EVALUATE, "/healthz"):
        asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
        response = api.request("OPTIONS", path, headers=asked)
        assert response.status_code == 405
        assert response.headers["allow"]
        assert not [name for name in response.headers if name.startswith("access-control")]


# THE LAST NET


@pytest.fixture
def broken(api: Client) -> Iterator[Client]:
    """An application with routes that fail, before and after their answer has begun."""
    app: FastAPI = create_app(settings(api.app.state.parts.settings.database_url))

    @app.get("/api/fails")
    @app.get("/fails")
    def fails() -> None:
        raise RuntimeError("weight_kg=73.5 Ms Example")

    @app.get("/api/fails-late")
    async def fails_late() -> PlainTextResponse:
        class Late(PlainTextResponse):
            async def __call__(self, scope, receive, send):  # type: ignore[no-untyped-def]
                await send({"type": "http.response.start", "status": 200, "headers": []})
                raise RuntimeError("weight_kg=73.5 Ms Example")

        return Late("")

    client = Client(app)
    yield client
    client.close()


def test_a_fault_of_ours_where_a_route_is_answered_at_once(
    api: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object) -> bytes:
        raise RuntimeError("weight_kg=73.5 Ms Example")

    monkeypatch.setattr("app.web.api.evaluated", fails)
    response = api.post(EVALUATE, {"answers": {}})
    check_headers(response)
    assert (response.status_code, response.headers["content-type"]) == (500, PROBLEM)
    with pytest.raises(AssertionError):  # the client here minds an answer without an end; a real one sees it cut
        api.post(BATCH, b'{"answers": {}}\n')
    faults = [record for record in caplog.records if record.name == "prescreen"]
    assert len(faults) == 2
    assert response.json()["reference"] in faults[0].getMessage()
    assert "73.5" not in response.text + caplog.text


def test_a_page_of_a_check_that_is_answered_at_once_has_head_and_errors(api: Client) -> None:
    """What needs no answer at once goes through the application; both say the same."""
    path = "/checks/nothing/questions/age_years"
    get, head = api.get(path), api.request("HEAD", path)
    check_headers(get)
    assert (get.status_code, head.status_code, head.content) == (404, 404, b"")
    own = {"x-request-id": ""}  # of each request
    assert dict(head.headers) | own == dict(get.headers) | own
    assert api.post(EVALUATE, {"answers": {"ecog": 1}}).status_code == 200
    below = httpx.ASGITransport(api.app, root_path="/prescreen")
    assert api.run(_below(below)) == 200


async def _below(transport: httpx.ASGITransport) -> int:
    """The status of an evaluation where the application is served below a path."""
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver/prescreen") as client:
        return (await client.post(EVALUATE, json={"answers": {}})).status_code


@pytest.mark.parametrize("path", ["/api/fails", "/fails"])
def test_a_fault_of_ours(broken: Client, caplog: pytest.LogCaptureFixture, path: str) -> None:
    caplog.set_level(logging.DEBUG)
    response = broken.get(path)
    assert response.status_code == 500
    check_headers(response)
    assert "73.5" not in response.text
    [record] = [record for record in caplog.records if record.name == "prescreen"]
    [reference] = re.findall(r"\b[0-9a-f]{12}\b", response.text)
    assert reference in record.getMessage()
    assert "RuntimeError" in record.getMessage()
    assert "test_guard.py" in record.getMessage()
    assert not [r for r in caplog.records if "73.5" in r.getMessage() or r.exc_info]
    if path.startswith("/api"):
        assert response.headers["content-type"] == PROBLEM
        assert response.json()["reference"] == reference
    else:
        assert response.headers["content-type"].startswith("text/html")
    assert broken.get("/healthz").status_code == 200


def test_a_fault_after_the_answer_has_begun_is_logged(broken: Client, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AssertionError):  # the client here minds an answer without an end; a real one sees it cut
        broken.get("/api/fails-late")
    assert [record.name for record in caplog.records] == ["prescreen"]
    assert "73.5" not in caplog.text
