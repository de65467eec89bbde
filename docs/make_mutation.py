"""Writes docs/mutation.md from the last mutation run: `make mutation` runs it at the end.

`--short` says that only the short tests were run.
"""

import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

HERE = Path(__file__).parent
MUTANT = re.compile(r"\s*app\.rules\.(\w+)\.(?:xǁ(\w+)ǁ|x_)(\w+)__mutmut_([0-9]+): (.+)")

# Why a change in a function makes no difference, where that is known. Keys as in the last table.
SLOWER = "What is remembered is not found again: slower, the same."
NONE = "`None` forbids the part as `False` does."
LENGTHS = "The lists are of one length."
WHY = {
    "ask `Interviewer._look`": "5 and 6: what was worked out for a date is not found again; slower, the same.",
    "ask `Interviewer._entry`": "A rule that is missing reads nothing.",
    "ask `Interviewer.path`": "A path is worked out again: slower, the same.",
    "ask `criteria_of`": SLOWER,
    "board `Board._block`": "A block whose ways are listed does not need its rule, and a wide one has no ways.",
    "calendar `PartialDate.__hash__`": "A hash that tells nothing apart: slower, the same.",
    "calendar `PartialDate.cut`": "An interval that is cut where it ends is as it was.",
    "calendar `months_between`": "On the day itself: a month less, and the whole of one more.",
    "change `_apart`": "A bound that saves work: a weaker one, or in another order, finds the same.",
    "conditions `_between`": "Where there are no numbers, the name is not looked up.",
    "domain `Domains.values`": "What is remembered is not found, or is kept for each date: slower, the same.",
    "domain `_candidates`": "The ends are among the candidates in any case.",
    "edit_checks `EditChecks.__init__`": "14: a check is asked that cannot hold; 28: other runs, the same checks.",
    "edit_checks `EditChecks._of`": SLOWER,
    "edit_checks `EditChecks.raised`": "Of no check there is nothing to say.",
    "edit_checks `_Run.__init__`": "The mask is always set from outside.",
    "edit_checks `_needed`": "A check is asked that cannot hold: slower, the same.",
    "evaluate `_exact`": "A whole number as a fraction is the same number.",
    "evaluate `_exceeds_age`": "The days are counted where the short way says the same.",
    "exact `Look._lots`": "20 and 22: the lots in another order.",
    "exact `Look._tries`": "18 and 19: counted twice, or from one on, the same name comes first.",
    "explain `_reason_form`": "With one rule the condition is given twice; said twice, it is one phrase.",
    "protocol `_Checker._alternative`": "No question can be called so.",
    "protocol `_Checker._cohorts`": NONE,
    "protocol `_Checker._condition`": NONE,
    "protocol `_Checker._edit_checks`": NONE,
    "protocol `_Checker._likely`": "4: only dates look at dates, and have no likely answers; 19: a sum of 1 + 1e-9.",
    "protocol `_Checker._terms`": NONE,
    "report `Reporter._missing`": SLOWER,
    "report `Reporter._query`": SLOWER,
    "report `Reporter._report`": "12 and 55: the slower way to the same bytes; else the lists are of one length.",
    "report `Reporter._standing`": SLOWER,
    "report `Reporter._write`": SLOWER,
    "report `_Form.chosen`": SLOWER,
    "report `_InTime.filling`": SLOWER,
    "report `_is_chosen`": "The gap is filled for each participant: slower, the same.",
    "report `_plain`": "Yes and no stand in the template or are filled in: the same bytes.",
    "search `Grounds.slot`": "2: the lowest bit ends there as well.",
    "search `Search._makes_eligible`": "6 and 8: tried in another order.",
    "search `Search._whole`": "2: looks at one bit more than it must.",
    "traits `Traits.__init__`": "Bits that nobody uses.",
    "traits `Traits._anew`": "There are always three dates.",
    "traits `Traits._of_readings`": "A reading that is not given has the protocol's value, found again or not.",
    "traits `Traits.of`": "10: the argument is not looked at.",
    "verdict `Evaluator.__init__`": "One length; no condition reads a convention; or it remembers more or less.",
    "verdict `Evaluator._sheet`": "15: not found again; 64: of nothing, nothing.",
    "verdict `Line.__init__`": "What does not apply has no truth, so it is not raised; or looks at more than it must.",
    "verdict `Line.of`": "It is asked of lines alone that have a ruling for each cohort.",
    "verdict `_Lines.__init__`": "The masks are set from outside.",
    "verdict `_Lines.anew`": SLOWER,
    "verdict `_all_missing`": LENGTHS,
    "verdict `_finding`": "Makes a context that equals the one at hand.",
    "verdict `_reasons`": "No group is called so.",
    "verdict `_standings`": "The lists are of one length; what is not found again is the same.",
    "verdict `evaluate`": "A new evaluator remembers nothing yet.",
    "words `Words.plural`": "1: English is asked for no context.",
    "words `listed`": 'It is asked for "or" alone.',
    "worth `Worth.__init__`": "A slot without a question has no likely answer, so its ways are never followed.",
    "worth `Worth._follow`": SLOWER,
    "worth `Worth._likely`": "No question can be called so.",
    "worth `Worth._parts`": SLOWER,
    "worth `Worth._weigh`": "At equality the ratio stays.",
    "worth `Worth.of`": SLOWER,
}


SHORT = (
    "Only the tests that take less than 0.2 s were run, which are nearly all of them: some that survived would be "
    "killed by the longer property tests."
)


def page(when: str, results: str, *, is_short: bool) -> str:
    """The page for a run: its day, and what `mutmut results --all true` prints of it."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    survivors: dict[tuple[str, str], list[int]] = defaultdict(list)
    for module, owner, function, number, status in MUTANT.findall(results):
        counts[module][status] += 1
        if status == "survived":
            survivors[module, f"{owner}.{function}" if owner else function].append(int(number))
    total = sum(counts.values(), Counter())
    if not total:
        raise SystemExit("no results: run `make mutation` first")
    parts = [
        "# Mutation run of the rule language",
        "Made by `make mutation`; do not edit. It changes `app/rules` in one place at a time and runs the tests of the "
        "language on each change. A change is killed when a test fails; the aim is 95 %.",
        f"{when}: {share(total)} killed. Others, in the table, were reached by no test, or did not come to an end in "
        "their time; they count as not killed." + (f" {SHORT}" if is_short else ""),
        "| module | mutants | killed | survived | others | killed % |\n| --- | --- | --- | --- | --- | --- |\n"
        + "\n".join(row(module, counts[module]) for module in sorted(counts))
        + "\n"
        + row("all", total),
        "## Those that survived",
        "What is known of why is said; where nothing is said, no test looks there yet.",
        "| module | function | mutants | why |\n| --- | --- | --- | --- |\n"
        + "\n".join(
            f"| {module} | `{function}` | {', '.join(map(str, sorted(numbers)))} | {why} |"
            for (module, function), numbers in sorted(survivors.items())
            for why in [WHY.get(f"{module} `{function}`", "")]
        ),
    ]
    return "\n\n".join(parts) + "\n"


def share(count: Counter[str]) -> str:
    """How many of how many were killed."""
    return f"{count['killed']:,} of {count.total():,} mutants ({count['killed'] / count.total():.1%})"


def row(module: str, count: Counter[str]) -> str:
    """A module's figures."""
    others = count.total() - count["killed"] - count["survived"]
    killed = f"{100 * count['killed'] / count.total():.1f}"
    return f"| {module} | {count.total()} | {count['killed']} | {count['survived']} | {others} | {killed} |"


if __name__ == "__main__":
    mutmut = Path(sys.executable).with_name("mutmut")
    printed = subprocess.run([mutmut, "results", "--all", "true"], check=True, capture_output=True, text=True).stdout
    today = date.today()  # noqa: DTZ011
    made = page(f"{today.day} {today:%B %Y}", printed, is_short="--short" in sys.argv)
    (HERE / "mutation.md").write_text(made, encoding="utf-8")
