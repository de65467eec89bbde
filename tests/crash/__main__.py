"""The long runs: see `tests.crash`."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy.engine import URL

from tests.crash import cycles, powercut, servers


def main() -> int:
    """Run what is asked for; 1 where a write was lost or a trail is broken."""
    options = parser().parse_args()
    begun, failed = time.monotonic(), False
    with tempfile.TemporaryDirectory(prefix="prescreen-crash-") as name:
        folder = Path(name)
        if options.powercut:
            cuts = powercut.run(folder, options.powercut, shown=True)
            print(f"SQLite, power cuts: {cuts}")
            failed |= bool(cuts.lost or cuts.broken)
        if options.cycles and options.postgresql:
            with servers.postgresql(folder / "postgresql") as server:
                failed |= killed(
                    "PostgreSQL", servers.new_database(servers.address(server), "prescreen"), options, folder
                )
        elif options.cycles:
            failed |= killed(
                "SQLite", URL.create("sqlite", database=str(folder / "prescreen.sqlite3")), options, folder
            )
    print(f"{time.monotonic() - begun:.0f} s")
    return int(failed)


def killed(name: str, url: URL, options: argparse.Namespace, folder: Path) -> bool:
    """Run the cycles of kill -9; whether anything is wrong."""
    cycles.prepare(url)
    figures = cycles.run(url, options.cycles, folder, fork=not options.exec, shown=True)
    print(f"{name}, kill -9: {figures}")
    return bool(figures.lost or figures.broken)


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="python -m tests.crash", description=sys.modules["tests.crash"].__doc__)
    made.add_argument("--cycles", type=int, default=0, help="how often to kill all processes of the application")
    made.add_argument("--postgresql", action="store_true", help="on PostgreSQL instead of SQLite")
    made.add_argument("--exec", action="store_true", help="start each process anew instead of forking it")
    made.add_argument("--powercut", type=int, default=0, help="how many power cuts to simulate, on SQLite")
    return made


if __name__ == "__main__":
    sys.exit(main())
