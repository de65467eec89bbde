"""Pages in a real browser. Without one they are skipped, which the summary says; PRESCREEN_REQUIRE_ALL=1 makes
that a failure. The one command that helps: playwright install --only-shell chromium.

Whatever a browser reports (a breach of the Content-Security-Policy, an error in a script, a fetch from
elsewhere) fails the test in which it happens.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))  # for `stage`, which the tests of this folder share

from stage import DESK, HOW_TO_GET_ONE, NOW, Server, Visitor, launch, serve

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
NO_BROWSER = "NO BROWSER"


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("browser")) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """The application, its clock set back after the test."""
    yield running
    running.clock.now = NOW


@pytest.fixture(scope="module")  # no longer: Playwright's event loop must not be running under other tests
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = launch(playwright)
        if found is None:
            if os.environ.get("PRESCREEN_REQUIRE_ALL") == "1":
                pytest.fail(f"A browser is required: {HOW_TO_GET_ONE}")
            pytest.skip(f"{NO_BROWSER}: {HOW_TO_GET_ONE}")
        yield found
        found.close()


@pytest.fixture
def visit(browser: Browser, server: Server) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors: visit(width=360, scripts=False). They share nothing but the server."""
    visitors: list[Visitor] = []

    def make(width: int = DESK, scripts: bool = True, **options: Any) -> Visitor:
        context = browser.new_context(
            java_script_enabled=scripts, viewport={"width": width, "height": 800}, reduced_motion="reduce", **options
        )
        visitors.append(Visitor(context.new_page(), server))
        return visitors[-1]

    yield make
    faults = [fault for visitor in visitors for fault in visitor.faults]
    for visitor in visitors:
        visitor.page.context.close()
    assert faults == []


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    """Somebody at a desk, with scripts."""
    return visit()


# Rules of axe beyond WCAG that we break on purpose, each with the reason.
ACCEPTED: dict[str, str] = {}


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """What axe finds wrong with the page as it stands: WCAG 2.2 AA, and the best practices too."""

    def check(page: Page) -> list[str]:
        page.evaluate(AXE)
        options = {
            "runOnly": {"type": "tag", "values": [*WCAG, "best-practice"]},
            "rules": {rule: {"enabled": False} for rule in ACCEPTED},
            "resultTypes": ["violations"],
        }
        found = page.evaluate("options => axe.run(document, options)", options)
        return [
            f"{rule['id']}: {node['html'][:160]} ({page.url.rsplit('/', 1)[-1][:60]})"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    return check


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report for report in terminalreporter.getreports("skipped") if NO_BROWSER in str(report.longrepr)]
    if skipped:
        terminalreporter.section("The pages were not tested in a browser", red=True, bold=True)
        terminalreporter.line(f"{len(skipped)} tests were skipped. Run: {HOW_TO_GET_ONE}")
