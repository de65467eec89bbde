"""Writes docs/promises.md: what is promised, and which tests show it. `make promises` runs it; `--trace` only counts.

The promises stand in docs/promises.yaml; a test shows those whose numbers are in its name, as in
`test_P20_events_cannot_change`.
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
NUMBER = re.compile(r"(?<![A-Za-z0-9])P([0-9]{1,3})(?=_)")
STATUSES = ("shown", "open", "later")
RUNS, MUTATION = ROOT / "docs" / "long-runs.md", ROOT / "docs" / "mutation.md"
FIGURES = {  # where it stands, and how it is found there
    "hostile": (RUNS, r"([0-9,]+ requests) in [0-9,]+ s"),
    "killed": (RUNS, r"(100 cycles, [0-9,]+ acknowledged writes, [0-9]+ lost)"),
    "cut": (RUNS, r"([0-9]+ cuts, [0-9]+ images, [0-9,]+ acknowledged writes, [0-9]+ lost)"),
    "retried": (RUNS, r"([0-9,]+ writes, [0-9,]+ of [0-9,]+ exchanges cut, each stored exactly once)"),
    "tabs": (RUNS, r"([0-9,]+ steps, .*? deviations)"),
    "mutants": (MUTATION, r"([0-9,]+ of [0-9,]+ mutants \([0-9.]+%\) killed)"),
}
Naming = Mapping[int, list[tuple[str, str]]]


def promises() -> dict[int, dict[str, Any]]:
    """The promises by their numbers."""
    loaded: dict[int, dict[str, Any]] = yaml.safe_load((ROOT / "docs" / "promises.yaml").read_text("utf-8"))
    return loaded


def naming(folder: Path = ROOT / "tests") -> Naming:
    """The tests that name each number: file and name."""
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"), path.name)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                place = path.relative_to(folder.parent).as_posix()
                for number in sorted({int(one) for one in NUMBER.findall(node.name)}):
                    found[number].append((place, node.name))
    return found


def faults(said: Mapping[int, Mapping[str, Any]], named: Naming) -> list[str]:
    """Where the promises and the tests do not fit."""
    wrong = [f"P{number} is no promise, but named by {named[number][0][1]}" for number in sorted(named.keys() - said)]
    for number, promise in said.items():
        if promise["status"] not in STATUSES:
            wrong.append(f"P{number}: the status must be one of {', '.join(STATUSES)}")
        if promise["status"] == "shown" and not named.get(number):
            wrong.append(f"P{number} is named by no test")
        if promise["status"] == "open" and not promise.get("note"):
            wrong.append(f"P{number} is open, and nothing says why")
    return wrong


def trace(said: Mapping[int, Mapping[str, Any]], named: Naming) -> str:
    """How many of the promises a test names, and what of the others."""
    shown = [number for number in said if named.get(number)]
    others = [f"P{number} ({promise['status']})" for number, promise in said.items() if not named.get(number)]
    return f"{len(shown)}/{len(said)} promises are named by a test{'; not: ' + ', '.join(others) if others else ''}."


def page() -> str:
    """The page."""
    said, named = promises(), naming()
    rows = [
        f"| P{number} | {promise['text']} | {told(promise)} | {listed(named.get(number, []))} |"
        for number, promise in said.items()
    ]
    return "\n".join(
        [
            "# Promises",
            "",
            "Made by `make promises` from docs/promises.yaml and the names of the tests; do not edit. A test "
            "fails where one that is shown has none, or one that is open does not say why.",
            "",
            trace(said, named),
            "",
            "| | promise | | tests |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def told(promise: Mapping[str, Any]) -> str:
    """A promise's status, note and figure."""
    said = [promise["status"], promise.get("note", ""), figure(promise.get("figure", ""))]
    return ". ".join(one.rstrip(".") for one in said if one)


def figure(name: str) -> str:
    """A figure as it stands on the page of its runs, as often as it does; else the name is the figure."""
    if name not in FIGURES:
        return name
    path, pattern = FIGURES[name]
    return "; ".join(re.findall(pattern, path.read_text("utf-8")))


def listed(found: list[tuple[str, str]]) -> str:
    """Tests by their files, with links."""
    by_file: dict[str, list[str]] = defaultdict(list)
    for place, name in found:
        if f"`{name}`" not in by_file[place]:
            by_file[place].append(f"`{name}`")
    return "<br>".join(f"[{Path(place).name}](../{place}): {', '.join(names)}" for place, names in by_file.items())


if __name__ == "__main__":
    if "--trace" in sys.argv:
        print("\n".join([*faults(promises(), naming()), trace(promises(), naming())]))
        sys.exit(1 if faults(promises(), naming()) else 0)
    (ROOT / "docs" / "promises.md").write_text(page(), encoding="utf-8")
