"""The texts of a trial's protocol in another language: one YAML file each, beside the trial's own.

`nct05086315.fr.yaml` holds the language, the status (draft or reviewed) and, by its path, each text: the hash of its
English source (see `app.rules.translation`) and the translation. An empty one counts as none.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.rules.protocol import InvalidProtocol, Protocol
from app.rules.translation import TRANSLATION_STATUSES, localised, source_of, texts
from app.trials import ACKNOWLEDGED, one_line, plain_yaml


@dataclass(frozen=True)
class Text:
    """One text in another language, and the hash of the English one that it translates."""

    source: str
    text: str


@dataclass(frozen=True)
class Translation:
    """The texts of a protocol in one language, by their paths."""

    language: str
    status: str
    texts: Mapping[str, Text]


def translation_file(trial_file: Path, language: str) -> Path:
    """Where the translation of a trial's file stands."""
    return trial_file.with_name(f"{trial_file.stem}.{language}{trial_file.suffix}")


def read_translations(trial_file: Path, protocol: Protocol) -> list[Translation]:
    """The translations beside a trial's file. Raises InvalidProtocol."""
    beside = sorted(trial_file.parent.glob(f"{trial_file.stem}.*{trial_file.suffix}"))
    return [read_translation(file, protocol) for file in beside if not file.name.endswith(ACKNOWLEDGED)]


def read_translation(file: Path, protocol: Protocol) -> Translation:
    """One translation. Raises InvalidProtocol for what is malformed; what is outdated or missing is none."""
    plain = plain_yaml(file)
    try:
        if not isinstance(plain, Mapping) or set(plain) != {"language", "status", "texts"}:
            raise ValueError("takes the keys language, status and texts")
        if plain["status"] not in TRANSLATION_STATUSES:
            raise ValueError(f"status is one of {', '.join(TRANSLATION_STATUSES)}")
        found = {path: _text(path, entry) for path, entry in (plain["texts"] or {}).items()}
        translation = Translation(one_line(plain["language"]), plain["status"], found)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidProtocol([f"{file.name}: {error}"]) from None
    localised(protocol, {(path, text.source): text.text for path, text in found.items() if text.text})
    return translation


def _text(path: object, entry: object) -> Text:
    if not isinstance(path, str) or not isinstance(entry, Mapping) or set(entry) != {"source", "text"}:
        raise ValueError(f"{path}: takes the keys source and text")
    if not isinstance(entry["source"], str) or re.fullmatch("[0-9a-f]{12}", entry["source"]) is None:
        raise ValueError(f"{path}: source is the first 12 hex digits of a SHA-256")
    if not isinstance(entry["text"], str):
        raise ValueError(f"{path}: text takes one line")
    return Text(entry["source"], one_line(entry["text"]))


def problems(translation: Translation, protocol: Protocol) -> list[str]:
    """What is not translated, outdated, or not a text of the protocol at all."""
    english, found = dict(texts(protocol)), []
    for path, text in english.items():
        given = translation.texts.get(path)
        if given is None or not given.text:
            found.append(f"{path}: is not translated")
        elif given.source != source_of(text):
            found.append(f"{path}: is outdated; the English text is now {source_of(text)}: {text}")
    return found + [f"{path}: is no text of this protocol" for path in translation.texts if path not in english]


def write_translation(translation: Translation, protocol: Protocol) -> str:
    """The file with every text of the protocol in order, each with its English text above it.

    What is translated stays, with the source that it names; where the English text is another one now, that is said.
    """
    lines = [f"# The texts of {protocol.nct_id} in another language; see docs/languages.md.", ""]
    lines += [f"language: {translation.language}", f"status: {translation.status}", "texts:"]
    for path, text in texts(protocol):
        source = source_of(text)
        given = translation.texts.get(path)
        if given is None or not given.text:
            given = Text(source, "")
        lines += ["", f"  {path}:", f"    # {text}"]
        if given.source != source:
            lines.append(f"    # OUTDATED: the English text has changed; translate it anew, with the source '{source}'")
        lines += [f"    source: '{given.source}'", f"    text: {json.dumps(given.text, ensure_ascii=False)}"]
    return "\n".join(lines) + "\n"


def update_translations(trial_file: Path, protocol: Protocol, languages: list[str]) -> None:
    """Bring the files of these languages up to date with the protocol; a new one starts empty."""
    for language in languages:
        file = translation_file(trial_file, language)
        old = read_translation(file, protocol) if file.exists() else Translation(language, "draft", {})
        file.write_text(write_translation(old, protocol), encoding="utf-8")
