"""Accounts in a browser: the first link, the first sign-in with a one-time code, people and keys; wide and on a phone.

axe looks at every page as it stands.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Page
from stage import DESK, PHONE, Server, Visitor, serve

from app import actions

PASSWORD = "tin umbrella yodels softly"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of its own: it has no account yet."""
    with serve(tmp_path) as running:
        yield running


def invited(server: Server, login: str = "ada") -> str:
    """The address of the first administrator's link."""
    with server.database.write() as session:
        at = server.clock()
        grants = [("administrator", None)]
        account = actions.create_account(session, login=login, name="Ada Byron", grants=grants, at=at, actor="test")  # type: ignore[arg-type]
        return f"/invite/{actions.invite(session, account=account, at=at, actor='test')}"


class Device:
    """A phone with an authenticator app."""

    def __init__(self, server: Server, seed: str) -> None:
        self.server, self.seed = server, seed.replace(" ", "")

    def code(self) -> str:
        """The code that it shows after the one it showed last."""
        self.server.clock.advance(seconds=30)
        return pyotp.TOTP(self.seed).at(self.server.clock())


@pytest.fixture
def looks(axe: Callable[[Page], list[str]]) -> Callable[[Visitor, str], None]:
    """Holds a page to its heading and to axe; nothing on it may be wider than the screen."""

    def look(visitor: Visitor, heading: str) -> None:
        assert visitor.heading == heading
        assert axe(visitor.page) == []
        too_wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert visitor.page.evaluate(too_wide) <= 0, heading

    return look


def comes_in(visitor: Visitor, looks: Callable[[Visitor, str], None], link: str) -> Device:
    """Take up a one-time link, and stay signed in."""
    visitor.opens(link)
    looks(visitor, "Welcome, Ada Byron")
    visitor.page.get_by_label("Password", exact=True).fill("password1234")
    visitor.presses("Continue")
    assert "among those that are guessed first" in visitor.text
    looks(visitor, "Welcome, Ada Byron")
    visitor.page.get_by_label("Password", exact=True).fill(PASSWORD)
    visitor.page.get_by_label("The same password again").fill(PASSWORD)
    visitor.presses("Continue")
    looks(visitor, "Set up one-time codes")
    device = Device(visitor.server, visitor.page.locator(".app-seed").inner_text())
    visitor.page.get_by_label("Code", exact=True).fill("000000")
    visitor.presses("Finish")
    assert "The code is not right" in visitor.text
    assert visitor.page.locator(".app-seed").inner_text().replace(" ", "") == device.seed, "the device knows it already"
    visitor.page.get_by_label("Code", exact=True).fill(device.code())
    visitor.presses("Finish")
    looks(visitor, "Keep your recovery codes")
    assert visitor.page.locator(".app-recovery li").count() == 10
    return device


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_from_the_first_link_to_people_and_keys(
    visit: Callable[..., Visitor], server: Server, looks: Callable[[Visitor, str], None], width: int
) -> None:
    visitor = visit(width)
    visitor.opens("/login")
    looks(visitor, "Sign in")
    assert "python -m app invite LOGIN --name NAME --role administrator" in visitor.text
    device = comes_in(visitor, looks, invited(server))
    visitor.follows("I have kept them")
    looks(visitor, "People")

    visitor.opens("/account")
    looks(visitor, "Ada Byron")
    visitor.presses("Sign out")
    looks(visitor, "Sign in")
    visitor.page.get_by_label("Login").fill("ada")
    visitor.page.get_by_label("Password", exact=True).fill("not the password")
    visitor.presses("Continue")
    looks(visitor, "Sign in")
    assert "The login or the password is not right" in visitor.text
    visitor.page.get_by_label("Password", exact=True).fill(PASSWORD)
    visitor.presses("Continue")
    looks(visitor, "Your one-time code")
    visitor.page.get_by_label("Code", exact=True).fill(device.code())
    visitor.presses("Sign in")
    looks(visitor, "People")

    visitor.follows("Invite somebody")
    looks(visitor, "Invite somebody")
    visitor.presses("Make the invitation")
    assert visitor.page.locator(".govuk-error-summary li").count() == 1, "the site comes first"
    visitor.page.get_by_label("Site").select_option(index=1)
    visitor.page.get_by_label("Name").fill("Carl Friedrich von Weizsäcker-Hohenlohe")
    visitor.page.get_by_label("Login").fill("carl.friedrich@university-hospital.example.org")
    visitor.presses("Make the invitation")
    looks(visitor, "A link for Carl Friedrich von Weizsäcker-Hohenlohe")
    assert visitor.page.get_by_label("Link").input_value().startswith(f"{server.url}/invite/")
    visitor.opens("/people")
    looks(visitor, "People")
    visitor.page.get_by_role("link", name="Open Carl").click()
    looks(visitor, "Carl Friedrich von Weizsäcker-Hohenlohe")
    visitor.page.get_by_text("Give one more role").click()
    looks(visitor, "Carl Friedrich von Weizsäcker-Hohenlohe")
    visitor.page.get_by_label("Role").select_option("auditor")
    visitor.presses("Give this role")
    assert "Auditor" in visitor.page.locator(".app-lines").inner_text()
    visitor.presses("Disable the account")
    looks(visitor, "Carl Friedrich von Weizsäcker-Hohenlohe")
    assert "Enable the account" in visitor.text

    visitor.opens("/keys")
    looks(visitor, "Keys of programs")
    visitor.follows("Make a key")
    visitor.presses("Make the key")
    looks(visitor, "Make a key")
    visitor.page.get_by_label("Program").fill("EHR North")
    visitor.page.get_by_label("Site").select_option(index=1)
    visitor.presses("Make the key")
    looks(visitor, "The key of EHR North")
    assert visitor.page.get_by_label("Key", exact=True).input_value().startswith("pk_")
    visitor.follows("Keys of programs")
    looks(visitor, "Keys of programs")
    visitor.page.get_by_role("button", name="Revoke").click()
    looks(visitor, "Keys of programs")
    assert "Revoked" in visitor.text

    visitor.opens("/account/password")
    looks(visitor, "Change your password")
    visitor.opens("/account/recovery-codes")
    looks(visitor, "New recovery codes")
    visitor.opens("/account/prove?to=/account")
    looks(visitor, "Prove that it is you")
    visitor.page.get_by_label("Password", exact=True).fill(PASSWORD)
    visitor.page.get_by_label("Code", exact=True).fill(device.code())
    visitor.presses("Continue")
    looks(visitor, "Ada Byron")


def test_without_scripts_it_works_as_well(
    visit: Callable[..., Visitor], server: Server, looks: Callable[[Visitor, str], None]
) -> None:
    visitor = visit(scripts=False)
    visitor.opens(invited(server))
    visitor.page.get_by_label("Password", exact=True).fill(PASSWORD)
    visitor.page.get_by_label("The same password again").fill(PASSWORD)
    visitor.page.get_by_role("button", name="Continue").click()
    device = Device(server, visitor.page.locator(".app-seed").inner_text())
    visitor.page.get_by_label("Code", exact=True).fill(device.code())
    visitor.page.get_by_role("button", name="Finish").click()
    assert visitor.heading == "Keep your recovery codes"
    visitor.opens("/people")
    assert visitor.heading == "People"


def test_a_used_link_says_what_to_do(
    visit: Callable[..., Visitor], server: Server, looks: Callable[[Visitor, str], None]
) -> None:
    visitor = visit()
    visitor.opens("/invite/no-such-link")
    looks(visitor, "This link is not good any more")
