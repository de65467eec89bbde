"""Deliberate faults, to see that the tests notice them: `python -m tests.faults` (or `make faults`).

Each is a replacement of a text that must stand in its file just once. It is made in a copy of the tree, in which the
tests that are named after the promise run; one of them has to fail. A table says which.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
COPIED = ("app", "tests", "templates", "static", "migrations", "docs", "pyproject.toml", "README.md", "Makefile")
UNDONE = "the text is not there just once"


class Fault(NamedTuple):
    """A fault, the promise that it breaks, and the tests of that promise. `wanted` picks among them as pytest does."""

    name: str
    file: str
    text: str
    instead: str
    wanted: str
    tests: tuple[str, ...]


FAULTS = (
    Fault(
        "no site filter",
        "app/store/screenings.py",
        "    return found.where(Screening.site_id.in_(sorted(sites))) if sites else found.where(false())",
        "    return found.where(false()) if sites == frozenset() else found",
        "P26_",
        ("tests/web/test_access_matrix.py",),
    ),
    Fault(
        "no version check",
        "app/actions/checks.py",
        "if version is not None and version != screening.version:",
        "if version is not None and version > screening.version:",
        "P5_",
        ("tests/store/test_actions.py",),
    ),
    Fault(
        "acknowledged without a commit",
        "app/store/db.py",
        "            session.commit()\n",
        "            with suppress(Exception):\n                session.commit()\n",
        "P3_",
        ("tests/store/test_db.py",),
    ),
    Fault(
        "an event that is not chained",
        "app/actions/record.py",
        "    event.previous = _before(session) if last is None or not last.hash else last.hash\n",
        '    event.previous = _before(session) if last is None or not last.hash else "0" * 64\n',
        "trail or P21_",
        ("tests/store/test_audit.py",),
    ),
    Fault(
        "an event outside the transaction",
        "app/actions/record.py",
        "    session.add(event)\n    session.flush()  #",
        "    session.commit()\n    session.add(event)\n    session.flush()\n    session.commit()  #",
        "P19_",
        ("tests/store/test_actions.py",),
    ),
    Fault(
        "a change without its event",
        "app/actions/checks.py",
        '    record(session, at, actor, action, "screening", screening.id, {**detail, "version": screening.version})',
        "    screening.updated_at = at",
        "P19_",
        ("tests/store/test_actions.py",),
    ),
    Fault(
        "a route without a policy",
        "app/web/service.py",
        ", dependencies=[public])",
        ")",
        "",
        ("tests/web/test_watch.py",),
    ),
    Fault(
        "unknown taken for no",
        "app/rules/truth.py",
        "    if value is None:\n        return UNKNOWN\n    return TRUE if value else FALSE",
        "    return TRUE if value else FALSE",
        "",
        ("tests/spec",),
    ),
    Fault(
        "no limit to sign-ins",
        "app/actions/accounts.py",
        "if len(earlier) >= FAILURES:",
        "if len(earlier) >= FAILURES * 100:",
        "P30_",
        ("tests/store/test_accounts.py",),
    ),
    Fault(
        "sessions that outlive a new password",
        "app/store/accounts.py",
        "            Login.ended_at.is_(None),\n            Login.expires_at > at,",
        "            Login.expires_at > at,",
        "P27_",
        ("tests/store/test_accounts.py",),
    ),
    Fault(
        "a cell that is a formula",
        "app/web/exports.py",
        """    return f"'{text}" if text.startswith(FORMULA) else text""",
        "    return text",
        "P35_",
        ("tests/web/test_log.py",),
    ),
    Fault(
        "Idempotency-Key not looked at",
        "app/web/once.py",
        "    found = None if mark is None else submissions.submission(session, key=mark.key)",
        "    found = None",
        "P4_",
        ("tests/web/test_screenings_api.py",),
    ),
    Fault(
        "posts from another site's page",
        "app/web/guard.py",
        '            return site in ("same-origin", "none")',
        '            return site != "cross-site-page"',
        "P28_",
        ("tests/web/test_guard.py",),
    ),
    Fault(
        "addresses in the log",
        "app/web/watch.py",
        '                told: dict[str, Any] = {"request": header[1].decode(), "route": route, "method": method}',
        '                told: dict[str, Any] = {"request": "", "route": scope["path"], "method": method}',
        "P34_ or line",
        ("tests/web/test_watch.py",),
    ),
)


def fits(fault: Fault, tree: Path = ROOT) -> bool:
    """Whether the text that a fault replaces stands in its file, just once."""
    path = tree / fault.file
    return path.exists() and path.read_text("utf-8").count(fault.text) == 1


def copied(folder: Path) -> Path:
    """A copy of the tree."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
        else:
            shutil.copy(source, target)
    return folder


def noticed(fault: Fault) -> str:
    """The first test that fails where the fault is made; empty where none does."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        tree = copied(Path(folder))
        path = tree / fault.file
        path.write_text(path.read_text("utf-8").replace(fault.text, fault.instead), "utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *fault.tests]
        command += ["-k", fault.wanted] if fault.wanted else []
        env = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
        ran = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, timeout=900)
    if ran.returncode != 1:  # 0: no test minds; anything else: no test ran, which shows nothing
        return ""
    found = re.search(r"^_+ (?:ERROR at \w+ of )?(\S.*?) _+$", ran.stdout, re.MULTILINE)
    return found[1] if found else "a test"


def main(names: Iterable[str] = ()) -> int:
    """Make each fault, or those whose names are given. 0 if all are noticed."""
    wanted = list(names)
    status = 0
    for fault in FAULTS:
        if wanted and fault.name not in wanted:
            continue
        began = time.monotonic()
        test = noticed(fault) if fits(fault) else UNDONE
        is_noticed = test not in ("", UNDONE)
        status = status if is_noticed else 1
        said = f"noticed by {test}" if is_noticed else f"NOT NOTICED{f' ({test})' if test else ''}"
        print(f"{fault.name:<38} {said}  [{time.monotonic() - began:.0f} s]", flush=True)
    return status
