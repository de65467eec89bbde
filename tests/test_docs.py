"""The documents are held to the code: what is generated is current, what is named exists."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from app import __main__ as command_line
from app.access import API_SCOPES, ROLES, SITE_ROLES
from app.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_criteria_is_the_one_the_protocol_makes() -> None:
    assert (DOCS / "criteria.md").read_text() == load(DOCS / "make_criteria.py").page(), "run `make criteria`"


def test_every_criterion_has_an_example_of_each_decided_outcome() -> None:
    sections = (DOCS / "criteria.md").read_text().split("\n## ")[1:26]
    lacking = {
        (section.split()[0], outcome)
        for section in sections
        for outcome in ("Passes", "Fails", "Unknown")
        if f"- {outcome}: no example" in section
    }
    assert lacking == {("R1", "Fails")}, "a review point never fails; everything else has an example"


def test_the_architecture_names_each_module_of_the_rules() -> None:
    page = (DOCS / "architecture.md").read_text()
    modules = {path.stem for path in (ROOT / "app" / "rules").glob("*.py")} - {"__init__"}
    assert modules <= set(re.findall(r"`([a-z_]+)`", page))


def test_the_readme_names_each_command_and_setting() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in command_names():
        assert f"python -m app {name}" in readme
    for name in Settings.__slots__:
        assert f"PRESCREEN_{name.upper()}" in readme


def test_the_page_of_accounts_names_each_role_permission_and_event() -> None:
    page = (DOCS / "accounts.md").read_text()
    for role, held in ROLES.items():
        place = "at a site" if role in SITE_ROLES else "everywhere"
        assert f"| {role} | {place} | {', '.join(f'`{name}`' for name in sorted(held))} |" in page
    assert page.count("| at a site |") + page.count("| everywhere |") == len(ROLES)
    assert f"some of {', '.join(f'`{scope}`' for scope in API_SCOPES)}" in page
    written = set(re.findall(r'"((?:account|key)\.[a-z_]+)"', (ROOT / "app" / "actions" / "accounts.py").read_text()))
    assert written == set(re.findall(r"`((?:account|key)\.[a-z_]+)`", page))


def command_names() -> list[str]:
    choices = next(action.choices for action in command_line.parser()._actions if action.choices)
    assert choices
    return list(choices)


LINK = re.compile(r"\]\(([^)#\s]+)\)")


@pytest.mark.parametrize("page", sorted([ROOT / "README.md", *DOCS.rglob("*.md")]), ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target
