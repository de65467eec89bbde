"""Takes the pictures of docs/images from the running application, by hand: python tests/browser/pictures.py

They are shrunk to a palette of 64 colours, which keeps each well under 150 kB.
"""

import struct
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from stage import (
    DESK,
    FILE_WITH_GAPS,
    HOW_TO_GET_ONE,
    LONG_QT,
    PHONE,
    ROOT,
    WOMAN_OF_54,
    Server,
    Visitor,
    launch,
    serve,
)

FOLDER = ROOT / "docs" / "images"
COLOURS = 64
LATE_RELAPSE = LONG_QT | {"autoimmune_disease": "systemic_past", "autoimmune_last_active_date": "2024-05-03"}


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as server, sync_playwright() as playwright:
        browser = launch(playwright)
        if browser is None:
            print(f"There is no browser. Run: {HOW_TO_GET_ONE}", file=sys.stderr)
            return 1
        take(browser, server)
        browser.close()
    return 0


def take(browser: Browser, server: Server) -> None:
    with visitor(browser, server, DESK) as desk:
        desk.opens("/")
        save(desk, "start", 760)
        desk.opens(server.check({}) + "/questions/prior_anti_cd123+prior_hsct+prednisone_mg_per_day")
        desk.gives("prior_hsct", False)
        desk.page.get_by_text("Work out the prednisone equivalent").click()
        desk.page.locator('[name="steroid-1-drug"]').select_option("dexamethasone")
        desk.page.locator('[name="steroid-1-mg"]').fill("1,5")
        desk.presses("Work out the equivalent")
        desk.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        save(desk, "question", 1180)
        desk.opens(server.check({}) + "/questions/sex+weight_kg")
        desk.page.locator("#weight_kg").fill("heavy")
        desk.presses("Continue")
        save(desk, "error", 800)
        desk.opens(server.check(LATE_RELAPSE) + "/result")
        save(desk, "result", 1180)
        desk.opens("/trials/NCT05086315/rules")
        save(desk, "rules", 1180)
    with visitor(browser, server, PHONE) as phone:
        phone.opens(server.check(WOMAN_OF_54) + "/result")
        save(phone, "phone-eligible", 760)
        phone.opens(server.check(FILE_WITH_GAPS) + "/result")
        save(phone, "phone-result", 760)


@contextmanager
def visitor(browser: Browser, server: Server, width: int) -> Iterator[Visitor]:
    context = browser.new_context(viewport={"width": width, "height": 800}, reduced_motion="reduce")
    yield Visitor(context.new_page(), server)
    context.close()


def save(seen: Visitor, name: str, height: int) -> None:
    size = seen.page.viewport_size
    assert size is not None
    seen.page.set_viewport_size({"width": size["width"], "height": height})
    seen.page.wait_for_timeout(100)
    content = shrunk(seen.page.screenshot())
    (FOLDER / f"{name}.png").write_bytes(content)
    print(f"{name}.png  {len(content) / 1000:.0f} kB")


# PNG, as far as a screenshot needs it


def shrunk(png: bytes) -> bytes:
    """The same picture with a palette: the commonest colours, and for every other one the nearest of them."""
    width, height, depth, rows = pixels(png)
    counts: Counter[bytes] = Counter()
    for row in rows:
        counts.update(row[at : at + 3] for at in range(0, len(row), depth))
    palette = [colour for colour, _ in counts.most_common(COLOURS)]
    places = {colour: at for at, colour in enumerate(palette)}
    for colour in counts.keys() - places.keys():
        places[colour] = min(range(len(palette)), key=lambda at: distance(palette[at], colour))
    packed = b"".join(b"\0" + bytes(places[row[at : at + 3]] for at in range(0, len(row), depth)) for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = (b"IHDR", header), (b"PLTE", b"".join(palette)), (b"IDAT", zlib.compress(packed, 9)), (b"IEND", b"")
    return SIGNATURE + b"".join(chunk(*one) for one in chunks)


SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def pixels(png: bytes) -> tuple[int, int, int, list[bytes]]:
    """Width, height, bytes a pixel, and the rows of an eight-bit PNG in true colour."""
    assert png.startswith(SIGNATURE)
    at, packed, header = len(SIGNATURE), b"", b""
    while at < len(png):
        (length,), kind = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        content = png[at + 8 : at + 8 + length]
        header, packed = (content, packed) if kind == b"IHDR" else (header, packed + content * (kind == b"IDAT"))
        at += length + 12
    width, height, bits, colour = struct.unpack(">IIBB", header[:10])
    assert bits == 8
    depth = {2: 3, 6: 4}[colour]
    return width, height, depth, unfiltered(zlib.decompress(packed), width * depth, depth)


def unfiltered(content: bytes, length: int, depth: int) -> list[bytes]:
    rows, above = [], bytes(length)
    for start in range(0, len(content), length + 1):
        kind, row = content[start], bytearray(content[start + 1 : start + 1 + length])
        for at in range(length):
            left = row[at - depth] if at >= depth else 0
            corner = above[at - depth] if at >= depth else 0
            row[at] = (row[at] + guess(kind, left, above[at], corner)) % 256
        above = bytes(row)
        rows.append(above)
    return rows


def guess(kind: int, left: int, up: int, corner: int) -> int:
    """What PNG's filters add to a byte."""
    if kind == 4:
        return min((left, up, corner), key=lambda value: abs(left + up - corner - value))
    return (0, left, up, (left + up) // 2)[kind]


if __name__ == "__main__":
    sys.exit(main())
