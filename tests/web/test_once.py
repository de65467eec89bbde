"""Forms that are sent twice: done once, and the second answer leads to the same place."""

from collections.abc import Iterator

import httpx
import pytest
from people import site_ids
from serving import NOW, Client, settings
from sqlalchemy import func, select
from sqlalchemy.engine import URL
from starlette.requests import Request
from starlette.responses import Response

from app import actions
from app.access import Principal
from app.main import create_app
from app.settings import secret
from app.store.db import Database, WriteSession
from app.store.models import Screening
from app.web import once
from app.web.access import public
from app.web.pages import Parts, Posted

ADA = Principal("account 1", "Ada", {}, None)


class Desk:
    """The application with a form that begins a screening, for whoever its address says."""

    def __init__(self, url: URL) -> None:
        self.database = Database(url, secret(settings(url), "audit"))
        app = create_app(settings(url), now=lambda: NOW)
        site = site_ids(self.database)[0]

        @app.post("/forms/{sender}", dependencies=[public])
        def form(sender: str, parts: Parts, posted: Posted, request: Request) -> Response:
            def act(session: WriteSession) -> str:
                begun = actions.start_screening(
                    session, nct_id=parts.nct_id, site_id=site, subject_code=posted["code"][0], at=NOW,
                    as_of=NOW.date(), who=ADA,
                )  # fmt: skip
                return f"/screenings/{begun.reference}"

            return once.redirected(parts, once.marked_form(request, sender, posted), act)

        self.client = Client(app)

    def send(self, code: str, key: str, sender: str = "ada") -> httpx.Response:
        content = str(httpx.QueryParams({"code": code, once.FIELD: key})).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self.client.request("POST", f"/forms/{sender}", content=content, headers=headers)

    def count(self) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(Screening)) or 0


@pytest.fixture
def desk(loaded: URL) -> Iterator[Desk]:
    desk = Desk(loaded)
    yield desk
    desk.client.close()
    desk.database.close()


def test_P4_a_form_sent_twice_is_done_once_and_leads_to_the_same_place(desk: Desk) -> None:
    key = once.new_key()
    first, again = desk.send("US01-1", key), desk.send("US01-1", key)
    assert (first.status_code, again.status_code) == (303, 303)
    assert first.headers["location"] == again.headers["location"]
    assert desk.count() == 1


def test_P4_what_else_is_sent_under_the_key_of_a_form_is_not_lost_unseen(desk: Desk) -> None:
    """The form was changed after it was sent: that is said, not passed over."""
    key = once.new_key()
    desk.send("US01-1", key)
    assert desk.send("US01-2", key).status_code == 409
    assert desk.send("US01-2", key, sender="bob").status_code == 303, "a key is its sender's"
    assert desk.send("US01-3", "").status_code == 303, "a form without a key is done each time"
    assert desk.count() == 3


def test_a_form_that_was_refused_can_be_sent_again(desk: Desk) -> None:
    key = once.new_key()
    assert desk.send("ANNA", key).status_code == 422
    assert desk.send("US01-1", key).status_code == 303


def test_keys_are_made_as_they_are_accepted() -> None:
    assert once.KEY.fullmatch(once.new_key())
    assert once.new_key() != once.new_key()
