"""A site's screenings for programs: begun, answered, read, listed and moved, with a key of the site."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from people import Person, Program, begin, give_key, hire, site_ids
from serving import KEY, NOW, PROBLEM, Client, settings
from sqlalchemy import func, select
from sqlalchemy.engine import URL

from app import actions
from app.main import create_app
from app.settings import secret
from app.store import screenings
from app.store.db import Database
from app.store.models import ApiKey, Event, Screening, Submission
from app.web.outcome import outcome, participant_of

ROOT = "/api/v1/screenings"
ANSWERS = {"age_years": 54, "qtcf_ms": 482, "hiv": None}


@dataclass
class Site:
    """The application on a database of its own, two sites of the trial, and a key of the first one."""

    database: Database
    sites: list[int]
    key: Program
    client: Client
    now: datetime = NOW

    def call(self, method: str, path: str, body: Any = None, key: Program | None = None, **more: str) -> httpx.Response:
        headers = {"content-type": "application/json", **(key or self.key).headers}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        return self.client.request(method, path, content=content, headers=headers)

    def begin(self, code: str = "US01-0042", answers: Any = ANSWERS, **more: str) -> httpx.Response:
        return self.call("POST", ROOT, {"subject_code": code, "answers": answers}, **more)

    def count(self, model: Any) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(model)) or 0

    def actions(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(Event.action).order_by(Event.seq)))


def opened(url: URL, **environ: str) -> Iterator[Site]:
    database = Database(url, secret(settings(url), "audit"))
    sites = site_ids(database)[:2]
    site = Site(database, sites, give_key(database, sites[0], at=NOW), None)  # type: ignore[arg-type]
    site.client = Client(create_app(settings(url, **environ), now=lambda: site.now))
    yield site
    site.client.close()
    database.close()


@pytest.fixture
def site(loaded: URL) -> Iterator[Site]:
    yield from opened(loaded)


@pytest.fixture
def here(loaded_sqlite: URL) -> Iterator[Site]:
    """The same on SQLite alone, for what no database can tell apart."""
    yield from opened(loaded_sqlite)


def faults(response: httpx.Response) -> list[str]:
    assert (response.status_code, response.headers["content-type"]) == (422, PROBLEM), response.text
    return [error["fact"] for error in response.json()["errors"]]


# BEGINNING, READING


def test_a_screening_is_begun_with_the_answers_that_are_there(site: Site) -> None:
    begun = site.begin()
    assert begun.status_code == 201
    shown = site.call("GET", begun.headers["location"])
    assert shown.json() == begun.json()
    assert shown.headers["etag"] == begun.headers["etag"] == '"2.1"'
    plain = shown.json()
    assert begun.headers["location"] == f"{ROOT}/{plain['reference']}"
    assert {name: plain[name] for name in ("subject_code", "status", "verdict", "version", "signed")} == {
        "subject_code": "US01-0042", "status": "excluded", "verdict": "excluded", "version": 2, "signed": None,
    }  # fmt: skip
    at, actor = NOW.isoformat(), f"key {site.key.key_id}"
    assert plain["answers"]["hiv"] == {"value": None, "source": "ehr", "at": at, "actor": actor}
    assert plain["dates"] == {"as_of": "2026-11-22", "consent_date": None, "first_dose_date": None}
    assert plain["evaluation"]["verdict"] == "excluded"
    assert plain["protocol"]["newer"] is False
    assert site.actions()[-3:] == ["screening.started", "screening.answered", "screening.viewed"]


def test_the_evaluation_is_the_stored_result_as_it_is(site: Site) -> None:
    response = site.begin()
    with site.database.read() as session:
        kept = screenings.screening(session, reference=response.json()["reference"], sites=None)
    assert kept.result is not None
    assert response.content.endswith(b'"evaluation":' + kept.result.encode() + b"}")


def test_a_screening_without_answers_has_no_verdict_yet(here: Site) -> None:
    plain = here.call("POST", ROOT, {"subject_code": "US01-0001"}).json()
    assert (plain["verdict"], plain["evaluation"], plain["status"]) == (None, None, "pre_screening")
    assert here.actions()[-1] == "screening.started"


def test_what_did_not_change_is_not_sent_again(here: Site) -> None:
    begun = here.begin()
    for known in (begun.headers["etag"], f'"1.1", W/{begun.headers["etag"]}', "*"):
        again = here.call("GET", begun.headers["location"], if_none_match=known)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", begun.headers["etag"])
    assert here.call("GET", begun.headers["location"], if_none_match='"1.1"').status_code == 200
    assert here.actions().count("screening.viewed") == 1, "who gets nothing has seen nothing"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["subject_code"]),
        ([], ["body"]),
        ({"subject_code": "anna@clinic.example", "answers": {"weight_kg": -7.5, "shoe": 43}, "source": "typed",
          "consent_date": "2026-02-30", "name": "Anna"},
         ["name", "subject_code", "consent_date", "weight_kg", "shoe", "source"]),
        ({"subject_code": 42, "as_of": "2026-11-22", "readings": {"X7": True}}, ["readings", "subject_code"]),
        ({"subject_code": "US01-1", "answers": None}, ["answers"]),
    ],
)  # fmt: skip
def test_every_fault_of_a_body_is_named_and_no_value_repeated(here: Site, body: Any, wrong: list[str]) -> None:
    refused = here.call("POST", ROOT, body)
    assert sorted(faults(refused)) == sorted(wrong)
    assert not any(value in refused.text for value in ("anna", "7.5", "43", "2026-02-30", "Anna"))
    assert here.count(Screening) == 0


def test_a_subject_code_is_taken_once_for_each_site(site: Site) -> None:
    other = give_key(site.database, site.sites[1], at=NOW)
    assert site.begin().status_code == 201
    taken = site.begin("us01-0042")
    assert (taken.status_code, taken.json()["errors"][0]["fact"]) == (409, "subject_code")
    assert site.begin(key=other).status_code == 201  # type: ignore[arg-type]


# LISTING


def test_pages_of_a_list_hold_each_screening_once_and_the_latest_change_last(site: Site) -> None:
    for number in range(5):
        site.now = NOW + timedelta(minutes=number // 2)  # some at the same moment
        site.begin(f"US01-{number}", {"qtcf_ms": 482} if number % 2 else {"age_years": 54})
    found, address = [], f"{ROOT}?limit=2"
    while address:
        page = site.call("GET", address)
        found += [one["subject_code"] for one in page.json()["screenings"]]
        link = page.headers.get("link", "")
        assert link.startswith(f"<{ROOT}?limit=2&after={page.json()['next']}") is bool(link)
        address = link.partition(">")[0].removeprefix("<")
    assert found == [f"US01-{number}" for number in range(5)]


def test_a_list_is_filtered(site: Site) -> None:
    for number, answers in enumerate([{"qtcf_ms": 482}, {"age_years": 54}, {"qtcf_ms": 490}]):
        site.now = NOW + timedelta(hours=number)
        site.begin(f"US01-{number}", answers)

    def codes(query: str) -> list[str]:
        return [one["subject_code"] for one in site.call("GET", f"{ROOT}?{query}").json()["screenings"]]

    assert codes("verdict=excluded") == ["US01-0", "US01-2"]
    assert codes("status=pre_screening") == ["US01-1"]
    assert codes("updated_since=2026-11-22T13:00:00Z") == ["US01-1", "US01-2"]
    assert codes("updated_since=2026-11-22T15:00:00%2B02:00&verdict=excluded") == ["US01-2"]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "after=x", "after=%00", "after=MjAyNg", "status=gone", "verdict=maybe",
     "updated_since=2026-11-22", "updated_since=2026-13-01T00:00:00Z", "updated_since=0", "status=%ff"],
)  # fmt: skip
def test_a_filter_that_cannot_be_is_named(here: Site, query: str) -> None:
    assert faults(here.call("GET", f"{ROOT}?{query}")) == [query.partition("=")[0]]


# ANSWERING


def test_answers_are_added_and_changed_from_the_version_that_was_read(site: Site) -> None:
    begun = site.begin()
    path, etag = f"{begun.headers['location']}/answers", begun.headers["etag"]
    body = {"answers": {"qtcf_ms": 430, "sex": "female"}, "dates": {"consent_date": "2026-11-23"},
            "reason": "new_result", "source": "imported"}  # fmt: skip
    changed = site.call("PATCH", path, body, if_match=etag)
    assert changed.status_code == 200, changed.text
    plain = changed.json()
    assert {fact: one["value"] for fact, one in plain["answers"].items()} == {
        **ANSWERS,
        "qtcf_ms": 430,
        "sex": "female",
    }
    assert (plain["answers"]["qtcf_ms"]["source"], plain["answers"]["age_years"]["source"]) == ("imported", "ehr")
    assert plain["dates"]["consent_date"] == plain["evaluation"]["consent_date"] == "2026-11-23"
    assert (plain["verdict"], plain["status"], changed.headers["etag"]) == ("undetermined", "pre_screening", '"3.1"')
    back = site.call("PATCH", path, {"dates": {"consent_date": None}}, if_match=changed.headers["etag"])
    assert back.json()["dates"]["consent_date"] is None


def test_a_changed_answer_needs_a_reason(here: Site) -> None:
    begun = here.begin()
    path = f"{begun.headers['location']}/answers"
    assert faults(here.call("PATCH", path, {"answers": {"qtcf_ms": 430}}, if_match="*")) == ["qtcf_ms"]
    assert here.call("PATCH", path, {"answers": {"sex": "male"}}, if_match="*").status_code == 200


def test_a_write_without_a_version_is_refused_and_a_stale_one_shows_both_values(site: Site) -> None:
    begun = site.begin()
    path, etag = f"{begun.headers['location']}/answers", begun.headers["etag"]
    assert site.call("PATCH", path, {"answers": {"sex": "male"}}).status_code == 428
    assert site.call("PATCH", path, {"answers": {"sex": "male"}}, if_match=f'"9.9", {etag}').status_code == 200
    for wrong in (etag, '"1"', "2.1", "x"):
        stale = site.call("PATCH", path, {"answers": {"sex": "female"}}, if_match=wrong)
        assert (stale.status_code, stale.headers["content-type"]) == (412, PROBLEM)
        assert stale.json()["current"]["answers"] == {**ANSWERS, "sex": "male"}
        assert stale.json()["current"]["version"] == 3
        assert stale.json()["sent"] == {"answers": {"sex": "female"}, "dates": {}}
    assert site.call("GET", begun.headers["location"]).json()["answers"]["sex"]["value"] == "male"


def test_answers_must_fit_together_with_those_that_stand(here: Site) -> None:
    begun = here.begin(answers={"birth_date": "1990-01-01"})
    path = f"{begun.headers['location']}/answers"
    assert faults(here.call("PATCH", path, {"answers": {"age_years": 12}}, if_match="*"))
    body = {"answers": {"weight_kg": "heavy", "x": 1}, "dates": {"as_of": None}, "reason": ["x"], "source": 1, "y": 0}
    wrong = faults(here.call("PATCH", path, body, if_match="*"))
    assert sorted(wrong) == ["as_of", "reason", "source", "weight_kg", "x", "y"]
    assert faults(here.call("PATCH", path, {"dates": ["as_of"]}, if_match="*")) == ["dates"]


def test_two_programs_at_once_lose_nothing(site: Site) -> None:
    """Each writes its own fact, reads again where it came too late, and in the end both are there."""
    location = site.begin(answers={"age_years": 54}).headers["location"]
    late = []

    def work(fact: str, values: list[Any]) -> None:
        for value in values:
            while True:
                etag = site.call("GET", location).headers["etag"]
                body = {"answers": {fact: value}, "reason": "new_result"}
                done = site.call("PATCH", f"{location}/answers", body, if_match=etag)
                if done.status_code == 200:
                    break
                assert done.status_code in (409, 412), done.text
                late.append(done.status_code)

    threads = [threading.Thread(target=work, args=("qtcf_ms", list(range(400, 408)))),
               threading.Thread(target=work, args=("weight_kg", list(range(60, 68))))]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    plain = site.call("GET", location).json()
    assert [plain["answers"][fact]["value"] for fact in ("qtcf_ms", "weight_kg")] == [407, 67]
    assert plain["version"] == 2 + 16


def test_what_to_ask_now(here: Site) -> None:
    begun = here.begin(answers={"age_years": 54})
    step = here.call("GET", f"{begun.headers['location']}/next?order=quickest&goal=all_reasons").json()
    assert len(step["step"]["questions"]) == 1
    assert step["evaluation"]["verdict"] == "undetermined"
    assert here.actions()[-1] == "screening.viewed"
    assert faults(here.call("GET", f"{begun.headers['location']}/next?order=random")) == ["order"]


# STATES


def test_a_screening_is_moved_through_the_log(site: Site) -> None:
    begun = site.begin(answers={"age_years": 54})
    path = f"{begun.headers['location']}/status"
    assert site.call("POST", path, {"status": "declined"}).status_code == 428
    assert faults(site.call("POST", path, {"status": "declined"}, if_match="*")) == ["reason"]
    assert faults(site.call("POST", path, {"status": "enrolled"}, if_match="*")) == ["status"]
    assert sorted(faults(site.call("POST", path, {"status": [], "reason": 5}, if_match="*"))) == ["reason", "status"]
    declined = site.call("POST", path, {"status": "declined", "reason": "distance"}, if_match=begun.headers["etag"])
    assert (declined.json()["status"], declined.json()["status_reason"]) == ("declined", "distance")
    stale = site.call("POST", path, {"status": "consented"}, if_match=begun.headers["etag"])
    assert stale.json()["current"] == {"version": 3, "status": "declined", "reason": "distance"}
    assert stale.json()["sent"] == {"status": "consented", "reason": None}
    back = {"status": "pre_screening", "reason": "entered_wrongly"}
    assert site.call("POST", path, back, if_match="*").json()["status"] == "pre_screening"


def test_no_program_signs_a_verdict(here: Site) -> None:
    begun = here.begin()
    refused = here.call("POST", f"{begun.headers['location']}/confirm", {})
    assert refused.status_code == 403
    assert "physician" in refused.json()["detail"]
    assert here.call("POST", f"{ROOT}/{'0' * 12}/confirm", {}).status_code == 404


def test_a_signature_is_shown_until_something_changes(here: Site) -> None:
    begun = here.begin()
    doctor: Person = hire(here.database, "dora", ("physician", here.sites[0]), at=NOW)
    with here.database.write() as session:
        found = screenings.screening(session, reference=begun.json()["reference"], sites=None)
        actions.sign_verdict(session, screening=found, meaning="confirmed", verdict="excluded", reason=None,
                             signed_hash="0" * 64, at=NOW, who=doctor.principal, version=found.version)  # fmt: skip
    signed = here.call("GET", begun.headers["location"])
    assert signed.json()["signed"] == {"meaning": "confirmed", "verdict": "excluded", "name": "Dora",
                                       "at": NOW.isoformat()}  # fmt: skip
    changed = here.call("PATCH", f"{begun.headers['location']}/answers", {"answers": {"sex": "male"}}, if_match="*")
    assert changed.json()["signed"] is None


def test_what_a_person_typed_is_read_alike(here: Site) -> None:
    ada = hire(here.database, "ada", ("coordinator", here.sites[0]), at=NOW)
    reference = begin(here.database, ada, here.sites[0], "US01-0007", NOW)
    published = here.client.app.state.parts.library.current("NCT05086315")
    with here.database.write() as session:
        found = screenings.screening(session, reference=reference, sites=None)
        come_to = outcome(published, participant_of(published, found, {"qtcf_ms": 482}))
        actions.answer_screening(session, screening=found, answers={"qtcf_ms": 482}, outcome=come_to, at=NOW,
                                 who=ada.principal, source="typed")  # fmt: skip
    one = here.call("GET", f"{ROOT}/{reference}").json()["answers"]["qtcf_ms"]
    assert (one["source"], one["actor"]) == ("typed", ada.principal.actor)


# SENT TWICE


def test_P4_the_same_request_twice_is_done_once_and_answered_alike(site: Site) -> None:
    key = "8e03978e-40d5-43dd-bc93-6894a57f9324"
    first, again = site.begin(idempotency_key=key), site.begin(idempotency_key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    for name in ("location", "etag", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert site.count(Screening) == 1
    path, change = f"{first.headers['location']}/answers", {"answers": {"sex": "male"}}
    once, twice = (
        site.call("PATCH", path, change, if_match=first.headers["etag"], idempotency_key=key[::-1]) for _ in range(2)
    )
    assert (once.status_code, twice.status_code, once.content) == (200, 200, twice.content)
    assert site.actions().count("screening.answered") == 2


def test_P4_a_key_marks_one_request_of_one_sender(site: Site) -> None:
    key = "a-key-of-sixteen"
    assert site.begin("US01-1", idempotency_key=key).status_code == 201
    for code in ("US01-2", "US01-1 "):
        assert faults(site.begin(code, idempotency_key=key)) == ["Idempotency-Key"]
    other = give_key(site.database, site.sites[1], at=NOW)
    assert site.begin("US01-1", key=other, idempotency_key=key).status_code == 201  # type: ignore[arg-type]
    for wrong in ("short", "x" * 129, "with a space in it", "é" * 20):
        response = site.client.request("POST", ROOT, content=b'{"subject_code": "US01-9"}', headers={
            **site.key.headers, "content-type": "application/json", "idempotency-key": wrong.encode("latin-1")
        })  # fmt: skip
        assert faults(response) == ["Idempotency-Key"]
    assert site.count(Screening) == 2


def test_P4_a_refused_request_leaves_its_key_free(here: Site) -> None:
    key = "a-key-of-sixteen"
    assert faults(here.begin("ANNA", idempotency_key=key)) == ["subject_code"]
    assert here.begin("US01-1", idempotency_key=key).status_code == 201


def test_P4_the_same_request_many_times_at_once_is_done_once(site: Site) -> None:
    found: list[httpx.Response] = []

    def send() -> None:
        found.append(site.begin(idempotency_key="all-of-them-at-once"))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {response.status_code for response in found} == {201}
    assert len({response.content for response in found}) == 1
    assert sorted(response.headers.get("idempotency-replayed", "") for response in found) == ["", *["true"] * 7]
    assert site.count(Screening) == 1


def test_answers_that_were_kept_are_forgotten_after_a_day(site: Site) -> None:
    site.begin(idempotency_key="an-old-key-of-mine")
    for hours, left in ((23, 1), (24, 0)):
        with site.database.write() as session:
            actions.forget_submissions(session, at=NOW + timedelta(hours=hours))
        assert site.count(Submission) == left


# KEYS


def test_P31_a_key_is_known_by_its_hash_alone(site: Site) -> None:
    _, _, token = site.key.headers["authorization"].partition(" ")
    prefix, _, kept_nowhere = token.partition(".")
    with site.database.read() as session:
        row = session.get(ApiKey, site.key.key_id)
        assert row is not None
        assert row.prefix == prefix
        assert kept_nowhere not in repr({column.key: getattr(row, column.key) for column in ApiKey.__table__.columns})
    assert len(row.secret_hash) == 64
    assert row.secret_hash != KEY


def test_P31_whatever_is_wrong_with_a_key_is_answered_alike(site: Site) -> None:
    old = give_key(site.database, site.sites[0], at=NOW - timedelta(days=2), until=NOW)
    _, _, token = site.key.headers["authorization"].partition(" ")
    wrong = [old.headers["authorization"], "", "Bearer", f"Basic {token}", f"Bearer {token}x", f"Bearer {token[:-1]}",
             f"Bearer x{token}", "Bearer pk_.", "Bearer \x80.\xff", f"Bearer {'x' * 5000}"]  # fmt: skip
    answers = {
        (response.status_code, response.content, response.headers["www-authenticate"])
        for value in wrong
        for response in [site.client.get(ROOT, headers={"authorization": value.encode("latin-1")})]
    }
    assert len(answers) == 1
    assert answers.pop()[0] == 401


def test_P31_a_key_that_is_revoked_is_refused_at_the_next_request(site: Site) -> None:
    assert site.call("GET", ROOT).status_code == 200
    with site.database.write() as session:
        row = session.get(ApiKey, site.key.key_id)
        assert row is not None
        row.revoked_at = NOW
    assert site.call("GET", ROOT).status_code == 401


def test_P31_a_key_ends_on_its_day(site: Site) -> None:
    key = give_key(site.database, site.sites[0], at=NOW, until=NOW + timedelta(days=1))
    site.now = NOW + timedelta(days=1) - timedelta(seconds=1)
    assert site.call("GET", ROOT, key=key).status_code == 200
    site.now = NOW + timedelta(days=1)
    assert site.call("GET", ROOT, key=key).status_code == 401


def test_P31_when_a_key_was_last_used_is_known_to_the_minute(site: Site) -> None:
    def used_at() -> datetime | None:
        with site.database.read() as session:
            return session.scalar(select(ApiKey.used_at).where(ApiKey.id == site.key.key_id))

    assert used_at() is None
    for seconds, seen in ((0, 0), (59, 0), (60, 60)):
        site.now = NOW + timedelta(seconds=seconds)
        site.call("GET", ROOT)
        assert used_at() == NOW + timedelta(seconds=seen)


def test_P31_a_key_does_what_its_scopes_say(site: Site) -> None:
    reading, writing = (give_key(site.database, site.sites[0], scope, at=NOW)
                        for scope in ("screening:read", "screening:write"))  # fmt: skip
    assert site.begin(key=reading).status_code == 403  # type: ignore[arg-type]
    begun = site.begin(key=writing)  # type: ignore[arg-type]
    assert begun.status_code == 201
    assert site.call("GET", begun.headers["location"], key=reading).status_code == 200
    for path in (ROOT, begun.headers["location"], f"{begun.headers['location']}/next"):
        assert site.call("GET", path, key=writing).status_code == 403


# HOW OFTEN


def test_a_key_that_asks_too_often_waits(loaded_sqlite: URL) -> None:
    for here in opened(loaded_sqlite, rate_limit="3/hour"):
        left = [here.call("GET", ROOT) for _ in range(3)]
        assert [response.headers["ratelimit"].partition(";t=")[0] for response in left] == [
            f'"default";r={number}' for number in (2, 1, 0)
        ]
        assert left[0].headers["ratelimit-policy"] == '"default";q=3;w=3600'
        refused = here.begin()
        assert (refused.status_code, refused.headers["content-type"]) == (429, PROBLEM)
        assert 3_500 < int(refused.headers["retry-after"]) <= 3_600
        assert refused.headers["ratelimit"].startswith('"default";r=0;t=3')
        assert here.count(Screening) == 0
        other = give_key(here.database, here.sites[0], at=NOW)
        assert here.begin(key=other).status_code == 201  # type: ignore[arg-type]


def test_no_limit_says_nothing(loaded_sqlite: URL) -> None:
    for here in opened(loaded_sqlite, rate_limit="off"):
        assert "ratelimit" not in here.call("GET", ROOT).headers


def test_evaluations_are_counted_by_address_where_that_is_wanted(loaded_sqlite: URL) -> None:
    for here in opened(loaded_sqlite, address_rate_limit="2/minute"):
        found = [here.client.post("/api/v1/trials/NCT05086315/evaluate", {"answers": {}}) for _ in range(3)]
        assert [response.status_code for response in found] == [200, 200, 429]
        assert int(found[2].headers["retry-after"]) <= 60
        assert found[2].headers["content-type"] == PROBLEM
        assert found[2].headers["x-content-type-options"] == "nosniff"
        assert here.client.get("/healthz").status_code == 200
