"""Makes the vendored front-end files, the same bytes every time.

    python .ci/vendor.py           writes them and VENDOR.json
    python .ci/vendor.py --check   makes them in memory and compares

The files are committed, so neither the application nor its tests need Node. Only this
script does: it asks the ordinary `npm pack` for three pinned packages and refuses a
tarball whose SHA-512 is not the one written below. To take a newer version, change the
version and the integrity here, run it, and read the diff.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = "static/vendor/VENDOR.json"

SYSTEM_FONTS = (
    'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","PingFang SC",'
    '"Microsoft YaHei","Noto Sans CJK SC",Arial,sans-serif'
)

MIT_OF_GOVUK_FRONTEND = """\
The MIT License (MIT)

Copyright (C) 2017 Crown Copyright (Government Digital Service)

Permission is hereby granted, free of charge, to any person obtaining a copy of
this software and associated documentation files (the "Software"), to deal in
the Software without restriction, including without limitation the rights to
use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies
of the Software, and to permit persons to whom the Software is furnished to do
so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


def unbranded_css(text: str) -> str:
    """The stylesheet without its font, its crest and its source map."""
    text = re.sub(r"/\*![^*]*Margaret Calvert[^*]*\*/", "", text)
    text = re.sub(r"@font-face\{[^}]*\}", "", text)
    text = text.replace("GDS Transport,arial,sans-serif", SYSTEM_FONTS)
    text = re.sub(r"url\(/assets/images/govuk-crest\.svg\)", "none", text)
    text = re.sub(r"\s*/\*# sourceMappingURL=.*?\*/\s*", "\n", text)
    for left in ("GDS Transport", "@font-face", "url(", "sourceMappingURL", "@import"):
        if left in text:
            raise SystemExit(f"the stylesheet still holds {left!r}")
    return text


def without_source_map(text: str) -> str:
    """The script without the comment that names its source map."""
    text = re.sub(r"\s*//# sourceMappingURL=\S*\s*$", "\n", text)
    if "sourceMappingURL" in text:
        raise SystemExit("the script still names a source map")
    return text


def unchanged(text: str) -> str:
    return text


@dataclass(frozen=True)
class File:
    """One vendored file: where it goes, where it comes from, what is done to it."""

    path: str
    member: str
    changed: str = "nothing"
    change: Callable[[str], str] = unchanged


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    licence: str
    integrity: str
    files: tuple[File, ...]
    licences: tuple[File, ...] = ()
    licence_text: tuple[str, str] | None = None
    """Path and text, for a package whose tarball holds no licence file."""


PACKAGES = (
    Package(
        "govuk-frontend",
        "6.3.0",
        "MIT",
        "sha512-cXIQxm5PHCsbic47GXZrVBZhAeeshTLRL6ZBKilLsR6rMCjJuWb7Fruq0VUNMBJFlJk/srsRj/q8d5bM9cgKoA==",
        (
            File(
                "static/vendor/govuk-frontend.min.css",
                "package/dist/govuk/govuk-frontend.min.css",
                "font faces removed, GDS Transport replaced by the system font stack, "
                "crest image removed, source map comment removed",
                unbranded_css,
            ),
            File(
                "static/vendor/govuk-frontend.min.js",
                "package/dist/govuk/govuk-frontend.min.js",
                "source map comment removed",
                without_source_map,
            ),
        ),
        licence_text=("static/vendor/govuk-frontend.LICENCE.txt", MIT_OF_GOVUK_FRONTEND),
    ),
    Package(
        "htmx.org",
        "4.0.1",
        "0BSD",
        "sha512-oF7JgXhDW9UXCy/k1ZYFUQgzu/rm19ORWPSPNL91vPluB2PB9+MV55tyQdH/w7o2EAbTYUG5SDW1R60mdkdqGg==",
        (File("static/vendor/htmx.min.js", "package/dist/htmx.min.js"),),
        (File("static/vendor/htmx.LICENCE.txt", "package/LICENSE"),),
    ),
    Package(
        "axe-core",
        "4.14.1",
        "MPL-2.0",
        "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
        (File("tests/browser/vendor/axe.min.js", "package/axe.min.js"),),
        (
            File("tests/browser/vendor/axe.LICENCE.txt", "package/LICENSE"),
            File("tests/browser/vendor/axe.LICENCE-3RD-PARTY.txt", "package/LICENSE-3RD-PARTY.txt"),
        ),
    ),
)


def digest(algorithm: str, content: bytes) -> str:
    """As in npm's lock files and in the integrity attribute of HTML."""
    raw = hashlib.new(algorithm, content).digest()
    return f"{algorithm}-{base64.b64encode(raw).decode('ascii')}"


def fetch(package: Package) -> bytes:
    """The tarball, by the ordinary client, with the integrity that is written here."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", f"{package.name}@{package.version}", "--ignore-scripts", "--silent"],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (tarball,) = Path(folder).glob("*.tgz")
        content = tarball.read_bytes()
    if digest("sha512", content) != package.integrity:
        raise SystemExit(f"{package.name}: got {digest('sha512', content)}")
    return content


def make() -> dict[str, bytes]:
    """Every file by its path, the manifest included."""
    made: dict[str, bytes] = {}
    entries: list[dict[str, str]] = []
    for package in PACKAGES:
        with tarfile.open(fileobj=io.BytesIO(fetch(package)), mode="r:gz") as tarball:

            def text_of(member: str, tarball: tarfile.TarFile = tarball) -> str:
                stream = tarball.extractfile(member)
                if stream is None:
                    raise SystemExit(f"{member} is not a file")
                return stream.read().decode("utf-8")

            licences = [file.path for file in package.licences]
            for file in package.licences:
                made[file.path] = text_of(file.member).encode("utf-8")
            if package.licence_text is not None:
                path, text = package.licence_text
                licences.append(path)
                made[path] = text.encode("utf-8")
            for file in package.files:
                content = file.change(text_of(file.member)).encode("utf-8")
                made[file.path] = content
                entries.append(
                    {
                        "file": file.path,
                        "name": package.name,
                        "version": package.version,
                        "licence": package.licence,
                        "licence_files": ", ".join(licences),
                        "sha384": digest("sha384", content),
                        "npm_integrity": package.integrity,
                        "changed": file.changed,
                    }
                )
    made[MANIFEST] = (json.dumps({"files": entries}, indent=2) + "\n").encode("utf-8")
    return made


def main(arguments: list[str]) -> int:
    made = make()
    different = [
        path
        for path, content in made.items()
        if not (ROOT / path).is_file() or (ROOT / path).read_bytes() != content
    ]
    if "--check" in arguments:
        print("\n".join(f"differs: {path}" for path in different) or "all as made")
        return 1 if different else 0
    for path in different:
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_bytes(made[path])
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
