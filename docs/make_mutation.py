"""Writes docs/mutation.md from the last mutation run: `make mutation` runs it at the end.

With arguments, it takes the results from these files instead: JSON, the exit code of the tests by mutant. The name
of a file says when it was measured (2026-11-26.json, 2026-11-26-earlier.json), and each module is in one of them.
"""

import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

HERE = Path(__file__).parent
MUTANT = re.compile(r"\s*app\.rules\.(\w+)\.(?:xǁ(\w+)ǁ|x_)(\w+)__mutmut_([0-9]+): (.+)")

# Why a change in a function makes no difference, where that is known. Keys as in the last table.
WHY = {
    "ask `Interviewer._look`": "5 and 6: what was worked out for a date is not found again; slower, the same.",
    "ask `Interviewer._entry`": "A rule that is missing reads nothing.",
    "ask `Interviewer.path`": "A path is worked out again: slower, the same.",
    "ask `criteria_of`": "What is remembered is not found: slower, the same.",
    "board `Board._block`": "A block whose ways are listed does not need its rule, and a wide one has no ways.",
    "domain `Domains.values`": "What is remembered is not found, or is kept for each date: slower, the same.",
    "domain `_candidates`": "The ends are among the candidates in any case.",
    "edit_checks `EditChecks.raised`": "29: of no check there is nothing to say.",
    "exact `Look._lots`": "20 and 22: the lots in another order.",
    "exact `Look._tries`": "18 and 19: counted twice, or from one on, the same name comes first.",
    "explain `_reason_form`": "A criterion without a scope has one rule; said twice, it is one phrase.",
    "explain `_with_unit`": "Only numbers are said with a unit.",
    "protocol `_Checker._alternative`": "It is asked only where an alternative is named.",
    "protocol `_Checker._cohorts`": "`None` forbids the part as `False` does.",
    "protocol `_Checker._condition`": "`None` forbids the part as `False` does.",
    "protocol `_Checker._terms`": "`None` forbids the part as `False` does.",
    "report `Reporter._criterion`": "What is remembered was looked up just before.",
    "report `Reporter.report`": "Takes the slower of two ways to the same bytes.",
    "report `_plain`": "Yes and no stand in the template or are filled in: the same bytes.",
    "search `Grounds.slot`": "2: the lowest bit ends there as well.",
    "search `Search._makes_eligible`": "6 and 8: tried in another order.",
    "search `Search._whole`": "2: looks at one bit more than it must.",
    "verdict `Evaluator.evaluate`": "Looks for readings in an empty set: there are none.",
    "verdict `Line.__init__`": "What does not apply has no truth, so it is not raised; or looks at more than it must.",
    "verdict `_Admitting._anew`": "There is a ruling for every cohort, so the two are equally long.",
    "verdict `_finding`": "Makes a context that equals the one at hand.",
    "verdict `_reasons`": "No group is called so.",
    "verdict `evaluate`": "A new evaluator remembers nothing yet.",
    "words `Words.plural`": "1: English is asked for no context.",
}


AGAIN = (
    "Of modules that had been measured before, only the mutants that had survived, and new ones, were run again, on "
    "the spec tests of the module: tests were added, none was taken away. Those that were not come to are counted as "
    "survivors. A module whose figures are of an older day may have changed since, and then has other mutants now. "
    "What is called earlier lacks mutants that these modules had on that day (of protocol it has 432 of 541, of "
    "explain 813 of 1,195), most of those that survived probably among them: these figures are too high."
)
STATUS = {0: "survived", 1: "killed", 33: "no tests"}  # by exit code; any other: it did not come to an end


def read(path: Path) -> str:
    """The results in a file, as mutmut prints them."""
    codes = json.loads(path.read_text(encoding="utf-8"))
    return "".join(f"{mutant}: {STATUS.get(code, 'timeout')}\n" for mutant, code in sorted(codes.items()))


def page(runs: list[tuple[str, str]]) -> str:
    """The page for some runs: what each is called, and what `mutmut results --all true` prints of it."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    survivors: dict[tuple[str, str], list[int]] = defaultdict(list)
    said = []
    for name, results in runs:
        found = MUTANT.findall(results)
        modules = sorted({module for module, *_ in found})
        for module, owner, function, number, status in found:
            counts[module][status] += 1
            if status == "survived":
                survivors[module, f"{owner}.{function}" if owner else function].append(int(number))
        which = f" Measured then: {', '.join(modules)}." if len(runs) > 1 else ""
        said.append(f"- {name}: {share(sum((counts[module] for module in modules), Counter()))} killed.{which}")
    total = sum(counts.values(), Counter())
    if not total:
        raise SystemExit("no results: run `make mutation` first")
    parts = [
        "# Mutation run of the rule language",
        "Made by `make mutation`; do not edit. It changes `app/rules` in one place at a time and runs the tests of the "
        "language on each change. A change is killed when a test fails; the aim is 95 %.",
        "Others, in the table, were reached by no test, or did not come to an end in their time.",
        "\n".join(said) + (f"\n\n{AGAIN}" if len(runs) > 1 else ""),
        "| module | mutants | killed | survived | others | killed % |\n| --- | --- | --- | --- | --- | --- |\n"
        + "\n".join(row(module, counts[module]) for module in sorted(counts))
        + ("\n" + row("all", total) if len(runs) == 1 else ""),  # figures of several states make no sum
        "## Those that survived",
        "| module | function | mutants | why |\n| --- | --- | --- | --- |\n"
        + "\n".join(
            f"| {module} | `{function}` | {', '.join(map(str, sorted(numbers)))} | {why} |"
            for (module, function), numbers in sorted(survivors.items())
            for why in [WHY.get(f"{module} `{function}`", "")]
        ),
    ]
    return "\n\n".join(parts) + "\n"


def called(path: Path) -> str:
    """What the run in a file is called: 26 November 2026, earlier."""
    day = date.fromisoformat(path.stem[:10])
    return f"{day.day} {day:%B %Y}" + path.stem[10:].replace("-", ", ", 1)


def share(count: Counter[str]) -> str:
    """How many of how many were killed."""
    return f"{count['killed']:,} of {count.total():,} mutants ({count['killed'] / count.total():.1%})"


def row(module: str, count: Counter[str]) -> str:
    """A module's figures."""
    others = count.total() - count["killed"] - count["survived"]
    killed = f"{100 * count['killed'] / count.total():.1f}"
    return f"| {module} | {count.total()} | {count['killed']} | {count['survived']} | {others} | {killed} |"


if __name__ == "__main__":
    if sys.argv[1:]:
        runs = [(called(Path(name)), read(Path(name))) for name in sys.argv[1:]]
    else:
        mutmut = Path(sys.executable).with_name("mutmut")
        command = [mutmut, "results", "--all", "true"]
        today = date.today()  # noqa: DTZ011
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        runs = [(f"{today.day} {today:%B %Y}", printed)]
    (HERE / "mutation.md").write_text(page(runs), encoding="utf-8")
