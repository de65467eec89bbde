"""Hostile bodies: always a clean 4xx, nothing of them in an answer or a log, and no server process harmed."""

import asyncio
import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import BATCH, CASES, EVALUATE, NDJSON, NEXT, PROBLEM, Client, Live, body_of, receive_all
from starlette.requests import Request

from app.trials import read_trial
from app.web import body as body_module
from app.web.body import NotJson, parse_json, read_bytes, read_lines

_, PROTOCOL = read_trial()
NO_JSON = [
    b"",
    b" ",
    b"\n\t \r\n",
    b"\x00",
    b"{",
    b"}",
    b"{}}",
    b'{"answers": {}} x',
    b'{"answers": {}}{"answers": {}}',
    b'{"answers": {"weight_kg": NaN}}',
    b'{"answers": {"weight_kg": Infinity}}',
    b'{"answers": {"weight_kg": -Infinity}}',
    b'{"answers": {"weight_kg": nan}}',
    b'{"answers": {"weight_kg": 01}}',
    b'{"answers": {"weight_kg": +70}}',
    b'{"answers": {"weight_kg": .5}}',
    b'{"answers": {"weight_kg": 0x46}}',
    b'{"answers": {"weight_kg": ' + b"9" * 5000 + b"}}",
    b'{"answers": {"weight_kg": -' + b"9" * 5000 + b"}}",
    b"{'answers': {}}",
    b'{"answers": {},}',
    b'{"answers": {}, "answers": {}}',
    b'{"answers": {"ecog": 1, "ecog": 1}}',
    b'{"answers": {"ecog": 1, "\\u0065cog": 2}}',
    b'{"answers": {"sex": "fe\x00male"}}',
    b'{"answers": {"sex": "fe\nmale"}}',
    b'{"answers": {"sex": "\xff"}}',
    b'{"answers": {"sex": "\xed\xa0\x80"}}',
    b'{"answers": {"s\xe9x": "male"}}',
    b'\xef\xbb\xbf{"answers": {}}',
    '{"answers": {}}'.encode("utf-16"),
    '{"answers": {}}'.encode("utf-16-le"),
    '{"answers": {}}'.encode("utf-32"),
    b"[" * 30_000,
    b'{"a":' * 10_000,
    b'{"answers": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    b"// comment\n{}",
    b'"\\ud800',
    b"true false",
]


@pytest.mark.parametrize("content", NO_JSON, ids=lambda content: repr(content[:24]))
def test_P33_what_is_not_json(api: Client, content: bytes) -> None:
    for path in (EVALUATE, NEXT):
        response = api.post(path, content)
        assert (response.status_code, response.headers["content-type"]) == (422, PROBLEM)
        assert [error["fact"] for error in response.json()["errors"]] == ["body"]


def test_P33_nesting_of_any_depth(api: Client) -> None:
    """Where the parser gives up depends on the stack; on either side of it the answer is a clean one."""
    for depth in (10, 100, 500, 900, 950, 980, 990, 1000, 1100, 5000, 32_000):
        for content in (b"[" * depth + b"]" * depth, b'{"answers":{"hiv":' + b"[" * depth + b"]" * depth + b"}}"):
            assert api.post(EVALUATE, content).status_code == 422
    with pytest.raises(NotJson, match="nested"):
        parse_json(b"[" * 100_000)


OTHER_DIGITS = ("\u0661\u0669\u0669\u0669-\u0660\u0661-\u0660\u0661", "\uff11\uff19\uff19\uff19")
FACTS: list[tuple[str, Any]] = [
    *(("weight_kg", value) for value in ("70", True, False, [], [70], {}, 10**400, -(10**400), 0, -0.0, 400.0001)),
    *(("weight_kg", value) for value in ("\u0667\u0660", "\uff17\uff10", "70 kg", "NaN", "1e2")),
    *(("ecog", value) for value in (1.5, -1, 6, "1", True, 2**31, 2**63, 2**64, 10**4000, 1e308, 5e-324)),
    *(("karnofsky", value) for value in (55, 50.5, 101, -10, "50")),
    *(("birth_date", value) for value in ("0000-00-00", "9999-12-31", "2023-02-29", "2026-11-23", "1899-12-31", "")),
    *(("birth_date", value) for value in ("2026-1-1", "26-01-01", "2026-01-01T00:00:00Z", "2026-W01-1", "20260101")),
    *(
        ("birth_date", value)
        for value in (
            "\u0661\u0669\u0669\u0669-\u0660\u0661-\u0660\u0661",
            "\uff11\uff19\uff19\uff19",
            "1999-01-01\n",
            " 1999",
            "1999-00",
            1999,
            True,
            [],
        )
    ),
    *(("sex", value) for value in ("Male", "male ", "", "m\u0430le", 1, True, ["male"], {"male": True})),
    *(("hepatitis_b_active", value) for value in (0, 1, "yes", "true", "false", "", [], {})),
    *(("prior_cellular_therapy", value) for value in ("car_t", ["x"], [None], [1], [["dli"]], {}, ["dli"] * 2, True)),
    *(("\ud800", value) for value in (None, 1, "\udfff")),
    *(("", 1), ("\x00", 1), (" ecog", 1), ("ECOG", 1), ("__class__", {}), ("e\u200bcog", 1), ("x" * 60_000, 1)),
]


@pytest.mark.parametrize(("fact", "value"), FACTS, ids=lambda value: ascii(value)[:24])
def test_P33_values_that_no_fact_takes(api: Client, fact: str, value: object) -> None:
    for path in (EVALUATE, NEXT):
        response = api.post(path, {"answers": {fact: value}})
        assert response.status_code == 422, response.text
        errors = response.json()["errors"]
        assert len(errors) == 1
        is_name = re.fullmatch("[A-Za-z0-9_.-]+", fact)  # what is none may be a text that somebody typed
        assert errors[0]["fact"] == (fact[:80] if is_name else "a key that is no name")


@pytest.mark.parametrize("text", ["1e999", "-1e999", "1e400", "1" + "0" * 400, "1E+309", "0.0000001e400"])
def test_P33_numbers_beyond_all_limits(api: Client, text: str) -> None:
    for fact in ("weight_kg", "ecog", "age_years", "qtcf_ms"):
        response = api.post(EVALUATE, f'{{"answers": {{"{fact}": {text}}}}}'.encode())
        assert [error["fact"] for error in response.json()["errors"]] == [fact]


@pytest.mark.parametrize(
    ("fact", "first", "second"),
    [
        ("ecog", b"2", b"2.0"),
        ("ecog", b"2", b"0.2e1"),
        ("prednisone_mg_per_day", b"0", b"-0.0"),
        ("prednisone_mg_per_day", b"0", b"-0"),
        ("weight_kg", b"70", b"7e1"),
        ("karnofsky", b"50", b"50.0"),
    ],
)
def test_one_number_written_in_two_ways(api: Client, fact: str, first: bytes, second: bytes) -> None:
    bodies = [b'{"answers": {"age_years": 17, "%s": %s}}' % (fact.encode(), text) for text in (first, second)]
    answers = [api.post(EVALUATE, content) for content in bodies]
    assert answers[0].status_code == 200
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("name", ["as_of", "consent_date", "first_dose_date"])
def test_dates_that_are_none(api: Client, name: str) -> None:
    for value in ("2023-02-29", "0000-00-00", "9999-12-31", "2026", "2026-11", "", 20261122, True, [], "2026-11-22 "):
        response = api.post(EVALUATE, {"answers": {}, name: value})
        assert [error["fact"] for error in response.json()["errors"]] == [name], value
    for value in ("1900-01-01", "2199-12-31", "2024-02-29"):
        body = {"answers": {"immunosuppression_stop_date": "1900", "birth_date": "1900"}, "as_of": value}
        assert api.post(EVALUATE, body).status_code == 200
        assert api.post(NEXT, body).status_code == 200


def test_ten_thousand_unknown_facts(api: Client) -> None:
    answers = {f"f{n}": 0 for n in range(5_000)}
    response = api.post(EVALUATE, {"answers": answers})
    assert [error["fact"] for error in response.json()["errors"]] == list(answers)
    wide = Client.of(api.app.state.parts.settings.database_url, max_body_bytes="1000000")
    response = wide.post(EVALUATE, {**{f"k{n}": 0 for n in range(10_000)}, "answers": {}, "readings": {}})
    assert len(response.json()["errors"]) == 10_000
    wide.close()


# FUZZ

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([10**400, "\ud800", "\x00", "2026-02-30", "1990", "aml", "male", "relapsed", 1e308, -0.0]),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=6), below, max_size=4),
    max_leaves=8,
)
ANSWERS = st.dictionaries(st.sampled_from([*PROTOCOL.question_by_key, "\ud800", ""]), JSON_VALUES, max_size=12)
BODIES = JSON_VALUES | st.fixed_dictionaries(
    {"answers": ANSWERS | JSON_VALUES},
    optional=dict.fromkeys(("as_of", "consent_date", "first_dose_date", "readings", "order", "goal", "x"), JSON_VALUES),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=BODIES)
def test_any_json_is_answered_cleanly(api: Client, body: Any) -> None:
    content = json.dumps(body).encode()
    for path in (EVALUATE, NEXT):
        response = api.post(path, content)
        assert response.status_code in (200, 422), response.text
        if response.status_code == 422:
            assert response.headers["content-type"] == PROBLEM
            assert response.json()["errors"]
    line = json.loads(api.post(BATCH, content + b"\n").content)
    assert ("verdict" in line) is not ("errors" in line)


@settings(max_examples=250, deadline=None)
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace")))
def test_any_bytes_are_json_or_refused(content: bytes) -> None:
    try:
        parsed = parse_json(content)
    except NotJson as error:
        complaints = error.complaints
    else:
        complaints = []
        assert json.loads(content) == parsed
    assert [complaint.fact for complaint in complaints] in ([], ["body"])


# NO VALUE IN LOGS OR ANSWERS

CANARY = "Ca-na-ry-7351"


def test_P33_P34_no_value_is_repeated_or_logged(api: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for logger in ("sqlalchemy.engine", "prescreen", "uvicorn.error", "asyncio"):
        logging.getLogger(logger).setLevel(logging.DEBUG)
    contents = [json.dumps({"answers": {key: CANARY}}).encode() for key in PROTOCOL.question_by_key]
    contents += [
        json.dumps({"answers": {key: [CANARY, {CANARY: CANARY}]}}).encode() for key in PROTOCOL.question_by_key
    ]
    contents += [json.dumps({"answers": {}, name: CANARY}).encode() for name in ("as_of", "readings", "goal", "order")]
    contents += [json.dumps({"answers": {}, "readings": {"X7": CANARY}}).encode(), f'"{CANARY}'.encode()]
    contents += [
        CANARY.encode(),
        f'{{"answers": {{"ecog": "{CANARY}\x00"}}}}'.encode(),
        f"{CANARY}\xff".encode("latin-1"),
    ]
    try:
        for content in contents:
            for path in (EVALUATE, NEXT, BATCH):
                response = api.post(path, content, params={"q": CANARY})
                assert CANARY not in response.text
                assert CANARY not in str(response.headers)
    finally:
        for logger in ("sqlalchemy.engine", "prescreen", "uvicorn.error", "asyncio"):
            logging.getLogger(logger).setLevel(logging.NOTSET)
    ours = [record for record in caplog.records if record.name not in ("httpx", "asyncio")]
    assert not [record for record in ours if CANARY in record.getMessage() or CANARY in str(record.exc_text)]


# BATCHES


def lines_of(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200
    assert response.headers["content-type"] == NDJSON
    assert response.content.endswith(b"\n")
    return [json.loads(line) for line in response.content.decode().splitlines()]


def kinds(response: httpx.Response) -> list[object]:
    """What each line came to: the verdict, or the fact and status that were refused."""
    return [
        line["verdict"] if "verdict" in line else (line["errors"][0]["fact"], line["status"])
        for line in lines_of(response)
    ]


GOOD, OUT = b'{"answers": {"ecog": 1}}', b'{"answers": {"qtcf_ms": 500}}'
LONG = b'{"answers": {}, "x": "' + b"y" * 70_000 + b'"}'


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_good_bad_blank_and_overlong_lines(api: Client, end: bytes) -> None:
    lines = [GOOD, b"", b'{"answers": {"ecog": 9}}', LONG, OUT, b"[]", b"{", b" ", LONG * 3, b"\xff", GOOD]
    refused = ("body", 422)
    expected = [
        "undetermined",
        refused,
        ("ecog", 422),
        refused,
        "excluded",
        ("answers", 422),
        *[refused] * 4,
        "undetermined",
    ]
    content = end.join(lines)
    for whole in (content, content + end):
        assert kinds(api.post(BATCH, whole)) == expected
        for size in (97, 65_536, 70_100):
            assert kinds(api.post(BATCH, slices(whole, size))) == expected


def slices(content: bytes, size: int) -> Any:
    async def chunks() -> Any:
        for start in range(0, len(content), size):
            yield content[start : start + size]

    return chunks()


def test_an_empty_batch(api: Client) -> None:
    for content in (b"", slices(b"", 1)):
        response = api.post(BATCH, content)
        assert (response.status_code, response.content) == (200, b"")


def test_a_line_of_just_the_limit(api: Client) -> None:
    for length, expected in ((65_536, "undetermined"), (65_537, ("body", 422))):
        line = GOOD.ljust(length)
        for content in (line, line + b"\n", slices(line + b"\n" + GOOD, 1000)):
            assert kinds(api.post(BATCH, content))[0] == expected


def test_a_batch_over_the_limit(api: Client) -> None:
    small = Client.of(api.app.state.parts.settings.database_url, max_batch_bytes="1024")
    content = (GOOD + b"\n") * 50
    announced = small.post(BATCH, content)
    assert (announced.status_code, announced.headers["content-type"]) == (413, PROBLEM)
    lines = lines_of(small.post(BATCH, slices(content, 100)))
    assert len(lines) == 1000 // len(GOOD + b"\n") + 1
    assert lines[-1]["status"] == 413
    assert all("verdict" in line for line in lines[:-1])
    small.close()


# OVER A REAL CONNECTION


def head(path: str, media_type: str, length: int | None) -> bytes:
    body = f"Content-Length: {length}" if length is not None else "Transfer-Encoding: chunked"
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {media_type}\r\n{body}\r\nConnection: close\r\n\r\n".encode()
    )


def test_a_client_that_sends_everything_before_it_reads(live: Live) -> None:
    """Far more than all buffers between hold, both ways; nothing is lost, nothing waits for ever."""
    bodies = [json.dumps(body_of(case)).encode() + b"\n" for case in CASES]
    content = b"".join(bodies * 90)
    with live.connect() as connection:
        connection.sendall(head(BATCH, NDJSON, len(content)) + content)
        answer = receive_all(connection)
    lines = [line for line in answer.split(b"\r\n") if b'"verdict"' in line]
    verdicts = [json.loads(line)["verdict"] for line in b"".join(lines).splitlines()]
    assert verdicts == [case["expect"]["verdict"] for case in CASES] * 90


def test_a_batch_of_a_hundred_thousand_lines_in_bounded_memory(live: Live) -> None:
    """Sent and read at once, in chunks: what is held at any moment stays far below what passes through."""
    before = resident(live)
    seen, most = 0, 0

    def content() -> Iterator[bytes]:
        for _ in range(1000):
            yield b'{"answers": {"ecog": 9}}\n' * 95 + (GOOD + b"\n") * 5

    with (
        httpx.Client(base_url=live.url, timeout=60) as client,
        client.stream("POST", BATCH, content=content(), headers={"content-type": NDJSON}) as response,
    ):
        for number, chunk in enumerate(response.iter_raw()):
            seen += chunk.count(b"\n")
            if number % 100 == 0:
                most = max(most, resident(live))
    assert seen == 100_000
    assert most - before < 64 * 2**20


def resident(live: Live) -> int:
    """The memory of the server, in bytes."""
    with open(f"/proc/{live.process.pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_each_line_is_answered_before_the_next_one_is_sent(live: Live) -> None:
    with live.connect() as connection:
        connection.sendall(head(BATCH, NDJSON, None))
        for line in (GOOD, OUT, b"{", GOOD):
            connection.sendall(b"%x\r\n%s\n\r\n" % (len(line) + 1, line))
            received = b""
            while not received.endswith(b"}\n\r\n"):
                received += connection.recv(65_536)
        connection.sendall(b"0\r\n\r\n")
        assert receive_all(connection).endswith(b"0\r\n\r\n")


def test_clients_that_leave(live: Live) -> None:
    """In the middle of a body, of a batch, and of its answer: nothing is logged, and others are served."""
    logged = live.log
    for path, media_type in ((EVALUATE, "application/json"), (NEXT, "application/json"), (BATCH, NDJSON)):
        for sent in (b"", b'{"answers', GOOD + b"\n" + GOOD):
            with live.connect() as connection:
                connection.sendall(head(path, media_type, 50_000) + sent)
    content = (GOOD + b"\n") * 20_000
    with live.connect() as connection:
        connection.sendall(head(BATCH, NDJSON, len(content)) + content)
        connection.recv(1000)
    started = time.monotonic()
    assert httpx.get(f"{live.url}/healthz").status_code == 200
    assert time.monotonic() - started < 2
    assert_idle(live)
    assert live.log == logged


def assert_idle(live: Live) -> None:
    """The server does not go on working for a client that has left."""

    def ticks() -> int:
        with open(f"/proc/{live.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    time.sleep(0.3)
    before = ticks()
    time.sleep(0.5)
    assert ticks() - before < 20


def test_the_rest_of_a_body_that_is_too_large_is_not_waited_for(live: Live) -> None:
    for path, media_type, length in ((EVALUATE, "application/json", 10**9), (BATCH, NDJSON, 10**12)):
        with live.connect() as connection:
            connection.sendall(head(path, media_type, length))
            assert receive_all(connection).startswith(b"HTTP/1.1 413 ")
    with live.connect() as connection:
        connection.sendall(head(EVALUATE, "application/json", None))
        for _ in range(3):
            connection.sendall(b"8000\r\n" + b" " * 0x8000 + b"\r\n")
        assert receive_all(connection).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /api/\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /api/x?\xff=%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /nothing?\xff=%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /api/x HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n",
        b"GET //evil.example/api/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /static/%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /static/..%2f..%2fpyproject.toml HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /static/%ff/" + b"x" * 5000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /checks/%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /api/x HTTP/1.0\r\n\r\n",
        b"POST /api/v1/trials/NCT05086315/evaluate HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /api/v1/trials/NCT05086315/evaluate HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[:32]),
)
def test_requests_that_hardly_are_any(live: Live, sent: bytes) -> None:
    answer = live.exchange(sent)
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer[:200]
    assert "Traceback" not in live.log
    assert " 500 " not in live.log


# SLOW BODIES


def arriving(*chunks: bytes, then: str = "wait") -> Request:
    """A request whose body comes in these chunks; then the client waits or leaves."""
    left = list(chunks)

    async def receive() -> dict[str, Any]:
        if left:
            return {"type": "http.request", "body": left.pop(0), "more_body": True}
        if then == "wait":
            await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)  # type: ignore[arg-type]


def in_a_thread(coroutine: Any) -> Any:
    """Its result, also where this thread has an event loop already (that of a browser)."""
    result: list[Any] = []

    def run() -> None:
        try:
            result.append(asyncio.run(coroutine))
        except Exception as error:
            result.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    return result[0]


async def gathered(request: Request) -> list[object]:
    seen: list[object] = []
    try:
        async for lines in read_lines(request, 10_000, 100):
            seen += lines
    except Exception as error:
        seen.append(getattr(error, "status_code", error))
    return seen


def test_a_body_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "SECONDS", 0.05)
    assert in_a_thread(read_bytes(arriving(b'{"ans'), 100)).status_code == 408
    assert in_a_thread(gathered(arriving(b"one\ntwo\nth"))) == [b"one", b"two", 408]


def test_a_client_that_leaves_meanwhile() -> None:
    assert in_a_thread(read_bytes(arriving(b'{"ans', then="leave"), 100)).status_code == 400
    assert in_a_thread(gathered(arriving(then="leave"))) == []
    seen = in_a_thread(gathered(arriving(b"one\ntwo\nth", then="leave")))
    assert b"th" not in seen
