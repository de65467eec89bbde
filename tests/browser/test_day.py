"""A coordinator's day: invited, signed in with a code, three screenings, one waits, one is signed, the log goes out.

axe looks at every kind of page on the way, at a desk and on a phone; somebody of another site sees none of it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Page
from sqlalchemy import select
from stage import DESK, LONG_QT, PHONE, WOMAN_OF_54, Server, Visitor, serve

from app import actions
from app.access import Role
from app.store.models import SiteRow

PASSWORD = "tin umbrella yodels softly"
Looks = Callable[[Visitor], None]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of its own: nobody works there yet."""
    with serve(tmp_path) as running:
        yield running


@pytest.fixture
def looks(axe: Callable[[Page], list[str]]) -> Looks:
    """Holds a page to axe, and to the width of the screen."""

    def look(visitor: Visitor) -> None:
        assert axe(visitor.page) == [], visitor.heading
        too_wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert visitor.page.evaluate(too_wide) <= 0, visitor.heading

    return look


class Worker:
    """Somebody with a browser and a device that shows codes."""

    def __init__(self, visitor: Visitor, name: str, role: Role, site: int) -> None:
        self.visitor, self.page = visitor, visitor.page
        server = visitor.server
        with server.database.write() as session:
            at = server.clock()
            account = actions.create_account(
                session, login=name.lower(), name=name, grants=[(role, site)], at=at, actor="test"
            )
            self.link = f"/invite/{actions.invite(session, account=account, at=at, actor='test')}"
        self.name = name

    def code(self) -> str:
        """The code that the device shows after the one it showed last."""
        self.visitor.server.clock.advance(seconds=30)
        return pyotp.TOTP(self.seed).at(self.visitor.server.clock())

    def takes_up_the_invitation(self) -> None:
        visitor = self.visitor
        visitor.opens(self.link)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_label("The same password again").fill(PASSWORD)
        visitor.presses("Continue")
        self.seed = self.page.locator(".app-seed").inner_text().replace(" ", "")
        self.page.get_by_label("Code", exact=True).fill(self.code())
        visitor.presses("Finish")
        visitor.opens("/account")
        visitor.presses("Sign out")

    def signs_in(self) -> None:
        visitor = self.visitor
        visitor.opens("/screenings")
        self.page.get_by_label("Login").fill(self.name.lower())
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        visitor.presses("Continue")
        self.page.get_by_label("Code", exact=True).fill(self.code())
        visitor.presses("Sign in")
        assert visitor.heading == "Screening log"

    def begins(self, code: str) -> None:
        self.visitor.opens("/screenings/new")
        self.page.get_by_label("Subject code").fill(code)
        self.visitor.presses("Begin")


def sites(server: Server) -> list[int]:
    with server.database.read() as session:
        return list(session.scalars(select(SiteRow.id).order_by(SiteRow.position)))


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_a_coordinators_day(visit: Callable[..., Visitor], server: Server, looks: Looks, width: int) -> None:
    here, there = sites(server)[:2]
    ada = Worker(visit(width), "Ada", "coordinator", here)
    visitor, page = ada.visitor, ada.page

    # In the morning: the link, the password, the code
    ada.takes_up_the_invitation()
    ada.signs_in()
    looks(visitor)
    assert "no screening yet" in visitor.text

    # The first participant is excluded
    visitor.opens("/screenings/new")
    looks(visitor)
    page.get_by_label("Subject code").fill("Anna Example")
    visitor.presses("Begin")
    assert "letters and digits" in visitor.text
    looks(visitor)
    page.get_by_label("Subject code").fill("US01-0001")
    visitor.presses("Begin")
    looks(visitor)
    visitor.screens(LONG_QT)
    looks(visitor)
    assert "QTcF" in visitor.text
    visitor.follows("Back to US01-0001")
    looks(visitor)
    assert visitor.heading.endswith("Excluded")

    # The second one is likely eligible
    ada.begins("US01-0002")
    visitor.screens(WOMAN_OF_54)
    assert visitor.heading == "Likely eligible"

    # Of the third one the ECG is missing: it waits, and is resumed from the waiting list
    ada.begins("US01-0003")
    visitor.screens(WOMAN_OF_54 | {"qtcf_ms": None})
    assert visitor.heading == "Cannot tell yet"
    visitor.opens("/screenings/waiting")
    looks(visitor)
    assert "US01-0003" in visitor.text
    assert "QTcF" in visitor.text
    page.get_by_role("link", name="US01-0003").first.click()
    page.wait_for_url("**/screenings/*")
    visitor.follows("Check or change answers")
    page.get_by_role("link", name="Change average QTcF").or_(page.locator('a[href*="questions/qtcf_ms"]')).first.click()
    page.wait_for_url("**/questions/qtcf_ms*")
    looks(visitor)
    visitor.page.locator('[name="qtcf_ms-not_known"]').uncheck()
    visitor.gives("qtcf_ms", 431)
    visitor.presses("Save")
    visitor.opens("/screenings")
    looks(visitor)
    listed = visitor.text
    assert listed.count("Likely eligible") >= 2

    # A physician confirms it with password and code
    dora = Worker(visit(width), "Dora", "physician", here)
    dora.takes_up_the_invitation()
    dora.signs_in()
    dora.page.get_by_role("link", name="US01-0003").first.click()
    dora.page.wait_for_url("**/screenings/*")
    looks(dora.visitor)
    dora.visitor.follows("Confirm or override the verdict")
    looks(dora.visitor)
    dora.page.get_by_label("I have checked the answers and agree with the verdict").check()
    dora.page.get_by_label("Password", exact=True).fill("not the password")
    dora.page.get_by_label("Code from your app").fill("000000")
    dora.visitor.presses("Sign")
    assert "The password or the code is wrong" in dora.visitor.text
    looks(dora.visitor)
    dora.page.get_by_label("I have checked the answers and agree with the verdict").check()
    dora.page.get_by_label("Password", exact=True).fill(PASSWORD)
    dora.page.get_by_label("Code from your app").fill(dora.code())
    dora.visitor.presses("Sign")
    assert "Dora confirmed the verdict" in dora.visitor.text
    looks(dora.visitor)
    dora.visitor.follows("History")
    assert "Signed by Dora" in dora.visitor.text
    looks(dora.visitor)

    # In the evening: the log is taken out and printed
    visitor.opens("/screenings")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    content = Path(download.value.path()).read_text("utf-8-sig")
    assert all(code in content for code in ("US01-0001", "US01-0002", "US01-0003"))
    visitor.opens("/screenings/print")
    assert "US01-0003" in page.locator("body").inner_text()
    looks(visitor)

    # Somebody of another site sees none of it
    screening = dora.page.url.removesuffix("/history")
    eve = Worker(visit(width), "Eve", "coordinator", there)
    eve.takes_up_the_invitation()
    eve.signs_in()
    assert "US01" not in eve.visitor.text
    for place in ("", "/answers", "/result", "/history"):
        eve.visitor.opens(screening + place)
        assert "US01" not in eve.visitor.text, place
        assert "Expired, or not found" in eve.visitor.heading, place
