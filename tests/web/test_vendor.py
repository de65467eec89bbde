"""What is vendored is what VENDOR.json says, and no page makes a browser call out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = json.loads((ROOT / "static/vendor/VENDOR.json").read_text("utf-8"))["files"]

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STYLES = sorted((ROOT / "static").rglob("*.css"))
SCRIPTS = sorted((ROOT / "static").rglob("*.js"))
IMAGES = sorted((ROOT / "static").rglob("*.svg"))

OUTSIDE = r"""(?:https?:|wss?:)?//[a-z0-9]"""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_file_is_the_one_named(entry: dict[str, str]) -> None:
    content = (ROOT / entry["file"]).read_bytes()
    sha384 = base64.b64encode(hashlib.sha384(content).digest()).decode("ascii")
    assert entry["sha384"] == f"sha384-{sha384}"
    assert entry["npm_integrity"].startswith("sha512-")
    assert re.fullmatch(r"\d+\.\d+\.\d+", entry["version"])
    assert entry["changed"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_licence_lies_beside_it(entry: dict[str, str]) -> None:
    for path in entry["licence_files"].split(", "):
        assert (ROOT / path).parent == (ROOT / entry["file"]).parent
        assert len((ROOT / path).read_text("utf-8")) > 400


def test_every_vendored_file_is_listed() -> None:
    listed = {entry["file"] for entry in ENTRIES}
    for entry in ENTRIES:
        listed |= set(entry["licence_files"].split(", "))
    here = {
        name(path)
        for folder in ("static/vendor", "tests/browser/vendor")
        for path in (ROOT / folder).iterdir()
        if path.is_file() and path.name != "VENDOR.json"
    }
    assert here == listed


@pytest.mark.parametrize("path", STYLES, ids=name)
def test_styles_fetch_nothing(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "url(" not in text
    assert "@import" not in text
    assert "@font-face" not in text
    assert "sourceMappingURL" not in text
    assert "GDS Transport" not in text


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_scripts_name_no_other_origin(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "sourceMappingURL" not in text
    assert not re.search(r"""["'`](?:https?:|wss?:)//""", text, re.IGNORECASE)


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_templates_fetch_nothing_outside(path: Path) -> None:
    text = path.read_text("utf-8")
    fetching = r"""\b(?:src|srcset|poster|data|action|formaction|hx-[\w:-]+)\s*=\s*["']?\s*"""
    assert not re.search(fetching + OUTSIDE, text, re.IGNORECASE)
    for link in re.findall(r"<link\b[^>]*>", text, re.IGNORECASE):
        assert not re.search(OUTSIDE, link, re.IGNORECASE), link


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_templates_need_no_inline_script_or_style(path: Path) -> None:
    text = path.read_text("utf-8")
    for script in re.findall(r"<script\b[^>]*>", text, re.IGNORECASE):
        assert "src=" in script, script
    assert not re.search(r"<style\b", text, re.IGNORECASE)
    assert not re.search(r"""\sstyle\s*=""", text, re.IGNORECASE)
    assert not re.search(r"""\son[a-z]+\s*=\s*["']""", text, re.IGNORECASE)
    assert not re.search(r"\bhx-on\b|\bjs:|javascript:", text, re.IGNORECASE)
    assert not re.search(r"""hx-trigger\s*=\s*["'][^"']*\[""", text, re.IGNORECASE)


@pytest.mark.parametrize("path", IMAGES, ids=name)
def test_images_fetch_nothing(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"""(?:href|src)\s*=""", text, re.IGNORECASE)
    assert "url(" not in text
