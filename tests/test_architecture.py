"""What the architecture promises, held by the code itself."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
APP = ROOT / "app"
MODULES = sorted(APP.rglob("*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def called(tree: ast.AST) -> Iterator[str]:
    """What is called, as it is written: session.commit, date.today."""
    return (ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))


def where(is_found: str) -> set[str]:
    """The modules that call something of this name."""
    pattern = re.compile(is_found)
    return {place(path) for path in MODULES if any(pattern.fullmatch(name) for name in called(parse(path)))}


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), path.name)


def test_imports_go_down_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == 0, capsys.readouterr().out


def test_the_commit_stands_in_one_place() -> None:
    assert where(r".*\.commit") == {"app/store/db.py"}


def test_the_clock_is_read_in_one_place() -> None:
    """`time.monotonic` is no clock: it says how long ago, never when."""
    reading = r"(datetime\.)?(datetime|date)\.(today|now|utcnow)|time\.(time|time_ns|localtime|gmtime)"
    assert where(reading) == {"app/main.py"}


def test_the_rules_stand_on_the_standard_library_alone() -> None:
    for path in (APP / "rules").glob("*.py"):
        for node in ast.walk(parse(path)):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for module in imported:
                assert module.startswith("app.rules") or module.partition(".")[0] in sys.stdlib_module_names, place(
                    path
                )
                assert module.partition(".")[0] not in IMPURE, f"{place(path)}: {module}"


IMPURE = {"os", "io", "sys", "pathlib", "socket", "time", "random", "secrets", "threading", "subprocess", "logging"}


def test_no_middleware_copies_every_message() -> None:
    for path in MODULES:
        assert "BaseHTTPMiddleware" not in path.read_text(), place(path)


@pytest.mark.parametrize("name", ["utils", "util", "helpers", "helper", "common", "crud", "services", "misc", "base"])
def test_no_module_is_a_drawer(name: str) -> None:
    assert not [place(path) for path in MODULES if name in (path.stem, path.parent.name)]


def test_every_module_says_what_it_is_for() -> None:
    for path in MODULES:
        assert ast.get_docstring(parse(path)) or not path.read_text().strip(), place(path)


def test_no_sql_is_put_together_from_texts() -> None:
    """Not by % or format or an f-string, and nowhere `text(...)` outside the schema's own conditions."""
    schema = {f"app/store/models/{name}.py" for name in ("accounts", "audit", "protocols", "screenings")}
    assert where(r"(sa\.)?text") <= schema
    for path in MODULES:
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("exec_driver_sql"):
                assert place(path) == "app/store/db.py"


def test_only_the_store_and_the_actions_know_the_database() -> None:
    allowed = {"app/settings.py", "app/__main__.py"}
    for path in MODULES:
        if "sqlalchemy" in path.read_text() and place(path) not in allowed:
            assert {APP / "store", APP / "actions"} & set(path.parents), place(path)


def test_no_route_reads_json_its_own_way() -> None:
    """What comes in is read by `body` alone, which refuses what JSON does not have."""
    for path in (APP / "web").glob("*.py"):
        if path.name != "body.py":
            assert not {"loads", "load_json"} & {name.rpartition(".")[2] for name in called(parse(path))} or (
                path.name == "openapi.py"  # its own examples, not what comes in
            ), place(path)


# TEMPLATES


PAGES = [path for path in TEMPLATES if path.parent.name == "templates" and path.name != "layout.html"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_page_extends_the_layout(path: Path) -> None:
    source = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL).lstrip()
    assert source.startswith('{% extends "layout.html" %}')


@pytest.mark.parametrize("path", TEMPLATES, ids=place)
def test_templates_hold_no_script_style_or_handler(path: Path) -> None:
    """The content security policy would refuse them, silently."""
    source = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    assert not re.search(r"<script(?![^>]*\ssrc=)", source), "a script of its own"
    assert not re.search(r"<style|\sstyle\s*=", source), "a style of its own"
    assert not re.search(r"\s(?:hx-)?on[a-z:-]*\s*=\s*[\"'{]", source), "a handler"
    assert "javascript:" not in source
    assert not re.search(r"=\s*\{\{", source), "an attribute without quotes"
    assert "|safe" not in source.replace(" ", "")
    assert "autoescape" not in source
    for address in re.findall(r"(?:src|href)=\"([^\"]*)\"", source):
        assert not re.match(r"https?:|//", address) or "clinicaltrials.gov" in address, address
