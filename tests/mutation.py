"""Runs the tests on every mutant that mutmut has made, each in a fork of one process that has collected them once.

`make mutation` does it all. Mutmut makes the mutants of `app/rules` in `mutants/` and notes which tests reach which
function; for each mutant it would begin pytest anew, which takes longer than the test that notices the change. Here the
tests that reach a function run in the fork, the shortest first, until one fails: in a first round the short ones, then
on what is left the long ones. What is worked out at import is worked out without the mutant, so a mutant can survive
that a new process would have killed, never the other way round.
"""

import argparse
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from mutmut.configuration import config
from mutmut.mutation import trampoline
from mutmut.utils.format_utils import mangled_name_from_mutant_name

SURVIVED, KILLED, NO_TESTS, TOO_LONG = 0, 1, 33, 36  # as mutmut notes them
AT_ONCE = os.cpu_count() or 2
SHORT = 0.2  # seconds: a test of the first round


class Mutants:
    """The mutants of each module, and what became of them, in mutmut's own files."""

    def __init__(self, folder: Path) -> None:
        self._by_file = {path: json.loads(path.read_text("utf-8")) for path in sorted(folder.rglob("*.py.meta"))}
        self._file_of = {name: path for path, meta in self._by_file.items() for name in meta["exit_code_by_key"]}

    def waiting(self, patterns: list[str]) -> list[str]:
        """The mutants that have no result yet; with patterns, all whose name contains one of them."""
        results = {name: code for meta in self._by_file.values() for name, code in meta["exit_code_by_key"].items()}
        if patterns:
            return [name for name in results if any(pattern in name for pattern in patterns)]
        return [name for name, code in results.items() if code is None]

    def result(self, name: str) -> int | None:
        """What became of a mutant; None where nothing has yet."""
        code: int | None = self._by_file[self._file_of[name]]["exit_code_by_key"][name]
        return code

    def note(self, name: str, code: int) -> None:
        """Keep a result."""
        self._by_file[self._file_of[name]]["exit_code_by_key"][name] = code

    def save(self) -> None:
        """Write what was noted."""
        for path, meta in self._by_file.items():
            path.write_text(json.dumps(meta, indent=4), encoding="utf-8")


class Forks:
    """A pytest plugin: instead of running the tests once, it runs those of each mutant in a fork."""

    def __init__(self, mutants: Mutants, patterns: list[str], rounds: int) -> None:
        self._mutants, self._patterns, self._rounds = mutants, patterns, rounds
        stats = json.loads(Path("mutmut-stats.json").read_text("utf-8"))
        self._tests: dict[str, list[str]] = stats["tests_by_mangled_function_name"]
        self._seconds: dict[str, float] = stats["duration_by_test"]
        self._running: dict[int, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        names = self._mutants.waiting(self._patterns)
        short = {name for name in items if self._seconds.get(name, 0.0) < SHORT}
        gc.freeze()  # a fork that collects garbage would copy the memory of this process
        for number, tests in enumerate((short, items.keys() - short)[: self._rounds], 1):
            names = self._round(session, {name: items[name] for name in tests}, names, number)
        self._mutants.save()
        return True

    def _round(
        self, session: pytest.Session, items: Mapping[str, pytest.Item], names: list[str], number: int
    ) -> list[str]:
        """Run these tests on each mutant; the mutants that survived them. Without any mutant they must pass."""
        if os.waitstatus_to_exitcode(os.waitpid(self._fork(session, "", list(items.values())), 0)[1]) != SURVIVED:
            raise SystemExit("the tests do not pass in a fork without a mutant, so what they say of mutants is nothing")
        shown = time.monotonic()
        for done, name in enumerate(names):
            reaching = self._tests.get(mangled_name_from_mutant_name(name), [])
            if not reaching:
                self._mutants.note(name, NO_TESTS)
                continue
            while len(self._running) >= AT_ONCE:
                self._reap()
            tests = sorted(items.keys() & reaching, key=lambda each: self._seconds.get(each, 0.0))
            self._running[self._fork(session, name, [items[each] for each in tests])] = name
            if time.monotonic() - shown > 20:
                shown = time.monotonic()
                self._mutants.save()
                print(f"round {number}: {done} of {len(names)}, {name}", file=sys.__stderr__, flush=True)
        while self._running:
            self._reap()
        return [name for name in names if self._mutants.result(name) == SURVIVED]

    def _fork(self, session: pytest.Session, name: str, items: list[pytest.Item]) -> int:
        pid = os.fork()
        if pid:
            return pid
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        trampoline.get_mutant_under_test = lambda: name  # which would look into the environment at each call
        for item, following in zip(items, [*items[1:], None], strict=True):
            signal.alarm(int(10 + 10 * self._seconds.get(item.nodeid, 0.0)))
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                os._exit(KILLED)
        os._exit(SURVIVED)

    def _reap(self) -> None:
        pid, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        self._mutants.note(self._running.pop(pid), TOO_LONG if code == -signal.SIGALRM else code)


def main() -> int:
    """Run in the folder of the mutants."""
    import app

    options = argparse.ArgumentParser(prog="python -m tests.mutation", description=main.__doc__)
    options.add_argument("patterns", nargs="*", help="parts of names: these mutants, whatever became of them before")
    options.add_argument("--short", action="store_true", help="the first round alone")
    given = options.parse_args()
    if Path.cwd() not in Path(str(app.__file__)).parents or Path.cwd().name != "mutants":
        raise SystemExit("run it in mutants/, with PYTHONPATH=. (`make mutation` does)")
    trampoline.set_mutant_under_test("")
    forks = Forks(Mutants(Path("app")), given.patterns, 1 if given.short else 2)
    arguments = ["-q", "--tb=native", *config().pytest_add_cli_args, *config().pytest_add_cli_args_test_selection]
    return int(pytest.main(arguments, plugins=[forks]))


if __name__ == "__main__":
    sys.exit(main())
