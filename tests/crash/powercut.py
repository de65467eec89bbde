"""P2: power cuts. A recorder in the server's process notes every write to the database's files, and every sync.

A cut is a `kill -9` at any moment. The disk then holds what had been synced and, in the harder of two images of it, any
of the later writes: in no order, and torn within a write. Whatever was acknowledged must be in both.
"""

import random
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.engine import URL

from app.errors import PrescreenError
from app.store import backup
from tests.crash import cycles, servers
from tests.crash.writers import Writers, broken, lost

SECTOR = 512
HEAD = struct.Struct("<cHqI")


class Operation(NamedTuple):
    """What was done to a file."""

    kind: bytes
    path: str
    offset: int
    data: bytes


@dataclass
class Figures:
    """What the cuts came to."""

    cuts: int = 0
    images: int = 0
    acknowledged: int = 0
    synced: int = 0
    unsynced: int = 0
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.cuts} cuts, {self.images} images of the disk, {self.acknowledged} acknowledged writes, "
            f"{len(self.lost)} lost, {len(self.broken)} broken databases or audit trails "
            f"({self.synced} syncs; {self.unsynced} writes not synced at the cuts)"
        )


def recorder(folder: Path) -> Path:
    """The recorder, compiled."""
    made = folder / "powercut.so"
    if not made.exists():
        source = Path(__file__).with_name("powercut.c")
        subprocess.run(
            ["gcc", "-O1", "-shared", "-fPIC", "-o", str(made), str(source), "-ldl", "-lpthread"], check=True
        )
    return made


def run(folder: Path, cuts: int, *, lying: bool = False, shown: bool = False) -> Figures:
    """Cut the power so often, each time on a database of its own; `lying` is a disk that syncs nothing."""
    figures, shim = Figures(), recorder(folder)
    template = folder / "template.sqlite3"
    cycles.prepare(URL.create("sqlite", database=str(template)))
    for number in range(1, cuts + 1):
        place = folder / f"cut{number}"
        place.mkdir()
        before = place / "prescreen.sqlite3"
        shutil.copyfile(template, before)
        writers, operations = cut(before, place, shim, lying)
        figures.cuts += 1
        figures.acknowledged += writers.acknowledged
        figures.synced += sum(operation.kind == b"S" for operation in operations)
        for chance in (0.0, 0.5):
            disk, unsynced = image(operations, {str(before): template.read_bytes()}, chance)
            look(disk, str(before), place / f"image{chance}", writers, figures)
        figures.unsynced += unsynced
        shutil.rmtree(place)
        if shown and number % 10 == 0:
            print(figures, flush=True)
    return figures


def cut(before: Path, place: Path, shim: Path, lying: bool) -> tuple[Writers, list[Operation]]:
    """Let people write, and cut the power; what was acknowledged, and what was done to the files."""
    watched = {"CRASH_LOG": str(place / "operations"), "CRASH_PATH": str(before), "LD_PRELOAD": str(shim)}
    extra = watched | ({"CRASH_DROP_SYNC": "1"} if lying else {})
    server = servers.Server(URL.create("sqlite", database=str(before)), place / "server.log", extra=extra)
    server.wait()
    writers = Writers([server.port], threads=4)
    threads = writers.run(until=random.randint(5, 60), pause=random.uniform(0, 0.05))
    server.kill()
    for thread in threads:
        thread.join(60)
    return writers, list(read(place / "operations"))


def read(log: Path) -> Iterator[Operation]:
    """The operations in order; the last record may be cut."""
    content, at = log.read_bytes(), 0
    while at + HEAD.size <= len(content):
        kind, path_length, offset, length = HEAD.unpack_from(content, at)
        at += HEAD.size
        if at + path_length + length > len(content):
            return
        path = content[at : at + path_length].decode()
        yield Operation(kind, path, offset, content[at + path_length : at + path_length + length])
        at += path_length + length


def image(operations: list[Operation], files: dict[str, bytes], chance: float) -> tuple[dict[str, bytearray], int]:
    """The files as the disk holds them: what was synced and, by chance, sectors of the rest; and how much was not."""
    disk = {path: bytearray(content) for path, content in files.items()}
    waiting: dict[str, list[Operation]] = {}
    for operation in operations:
        if operation.kind == b"S":
            for done in waiting.pop(operation.path, []):
                apply(disk, done)
            disk.setdefault(operation.path, bytearray())
        elif operation.kind == b"U":
            waiting.pop(operation.path, None)
            disk.pop(operation.path, None)
        else:
            waiting.setdefault(operation.path, []).append(operation)
    left = [operation for held in waiting.values() for operation in held]
    for operation in left:
        for torn in sectors(operation):
            if random.random() < chance:
                apply(disk, torn)
    return disk, len(left)


def sectors(operation: Operation) -> Iterator[Operation]:
    """A write in the pieces that a disk writes whole."""
    if operation.kind != b"W":
        yield operation
    for start in range(0, len(operation.data), SECTOR):
        yield operation._replace(offset=operation.offset + start, data=operation.data[start : start + SECTOR])


def apply(disk: dict[str, bytearray], operation: Operation) -> None:
    """Do to a file on the disk what was done to it."""
    content = disk.setdefault(operation.path, bytearray())
    if operation.kind == b"T":
        del content[operation.offset :]
        content.extend(bytes(max(0, operation.offset - len(content))))
        return
    content.extend(bytes(max(0, operation.offset - len(content))))
    content[operation.offset : operation.offset + len(operation.data)] = operation.data


def look(disk: dict[str, bytearray], path: str, place: Path, writers: Writers, figures: Figures) -> None:
    """Open what the disk holds, as the next start would, and look for what was acknowledged."""
    place.mkdir()
    for name, content in disk.items():
        if not name.endswith("-shm"):  # which is memory, not disk
            (place / Path(name).name).write_bytes(content)
    figures.images += 1
    file = place / Path(path).name
    try:
        with closing(cycles.opened(URL.create("sqlite", database=str(file)))) as database:
            figures.lost += lost(database, writers.written)
            figures.broken += [found for found in [broken(database)] if found]
        backup.check(file)
    except PrescreenError as error:
        figures.broken.append(str(error))
