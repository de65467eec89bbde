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


def test_P18_the_mutation_page_says_how_many_were_killed_and_lists_what_survived() -> None:
    page = (DOCS / "mutation.md").read_text()
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \| (\d+) \|", page, re.MULTILINE)
    *modules, (_, *overall) = [(name, *map(int, numbers)) for name, *numbers in rows]
    assert {name for name, *_ in modules} >= {"truth", "evaluate", "verdict", "protocol", "explain", "participant"}
    assert [sum(column) for column in list(zip(*modules, strict=True))[1:]] == overall
    mutants, killed, survived = overall
    assert killed >= 0.95 * mutants
    rows = re.findall(r"^\| \w+ \| `[^`]+` \| ([0-9, ]+) \|", page, re.MULTILINE)
    assert sum(len(row.split(",")) for row in rows) == survived


# PROMISES


@pytest.fixture
def made() -> ModuleType:
    return load(DOCS / "make_promises.py")


def test_P36_every_promise_has_a_test_and_every_number_is_a_promise(made: ModuleType) -> None:
    assert made.faults(made.promises(), made.naming()) == []


def test_P36_there_are_thirty_six_and_two_may_wait(made: ModuleType) -> None:
    promises = made.promises()
    assert list(promises) == list(range(1, 37))
    assert {number for number, promise in promises.items() if promise["status"] == "later"} <= {15, 16}
    assert [number for number, promise in promises.items() if promise["status"] == "open"] == []


def test_P36_the_page_is_the_one_that_they_make(made: ModuleType) -> None:
    assert (DOCS / "promises.md").read_text() == made.page(), "run `make promises`"


def test_P36_a_missing_test_and_a_number_of_none_are_noticed(made: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_some.py").write_text("def test_P1_it_holds(): ...\ndef test_of_P99_nothing(): ...\n")
    said = {1: {"text": "", "status": "shown"}, 2: {"text": "", "status": "shown"}, 3: {"text": "", "status": "later"}}
    found = made.naming(folder)
    assert [re.sub(r",.*", "", fault) for fault in made.faults(said, found)] == [
        "P99 is no promise",
        "P2 is named by no test",
    ]
    assert made.trace(said, found).startswith("1/3 promises")


# SECURITY REQUIREMENTS


# How many requirements of levels 1 and 2 each section of ASVS 5.0.0 has; they are the first ones of each.
ASVS = {
    "V1": "1:2 2:9 3:11 4:3 5:2", "V2": "1:3 2:3 3:4 4:1", "V3": "2:2 3:4 4:6 5:5 7:2", "V4": "1:3 2:1 3:2 4:4",
    "V5": "1:1 2:3 3:2 4:3", "V6": "1:3 2:12 3:4 4:4 5:5 6:3 8:4", "V7": "1:3 2:4 3:2 4:5 5:2 6:2",
    "V8": "1:2 2:3 3:1 4:1", "V9": "1:3 2:4", "V10": "1:2 2:2 3:4 4:11 5:5 6:2 7:3", "V11": "1:2 2:3 3:3 4:4 5:1 6:1",
    "V12": "1:3 2:2 3:4", "V13": "1:1 2:5 3:2 4:5", "V14": "1:2 2:4 3:3", "V15": "1:3 2:3 3:7",
    "V16": "1:1 2:5 3:4 4:3 5:3", "V17": "1:1 2:4 3:2",
}  # fmt: skip


def test_the_security_table_has_each_requirement_once_and_names_what_exists() -> None:
    page = (DOCS / "asvs.md").read_text()
    rows = re.findall(r"^\| (V[0-9.]+) \| [^|]+ \| ([a-z ]+) \| (.*?) ?\|$", page, re.MULTILINE)
    expected = [
        f"{chapter}.{section}.{number}"
        for chapter, sections in ASVS.items()
        for section, most in (one.split(":") for one in sections.split())
        for number in range(1, int(most) + 1)
    ]
    assert [name for name, *_ in rows] == expected
    assert {state for _, state, _ in rows} == {"met", "deployer", "open", "does not apply"}
    assert not [name for name, state, where in rows if state in ("met", "open") and not where]
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"`(test_\w+)`", page):
        assert f"def {name}(" in tests, name
    for path in re.findall(r"`((?:app|tests|templates|static)/[\w/.]+)`", page):
        assert (ROOT / path).exists(), path
