"""The encoded trials: one YAML file each, data only, and how it is read and written.

Beside a trial's file stand its texts in other languages, one file each (see `translations`).

A file holds `trial` (the registry's facts, which may be corrected at any time) and `protocol` (the
rules, of which each published version is immutable).
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from app.proof.remark import Acknowledged
from app.rules.calendar import read_date
from app.rules.codec import protocol_from_plain, protocol_to_plain
from app.rules.protocol import InvalidProtocol, Protocol

ACKNOWLEDGED = ".acknowledged.yaml"  # what ends the name of that file, in place of .yaml
BUILT_IN = Path(__file__).parent / "nct05086315.yaml"


@dataclass(frozen=True, slots=True)
class Site:
    """One site of the record: its number there, its name if the record gives one, and its place."""

    number: str
    name: str
    city: str
    region: str
    country: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What the registry says about a trial, as of `status_as_of`. Dates are ISO texts."""

    nct_id: str
    title: str
    sponsor: str
    phase: str
    status: str
    status_as_of: str
    source: str
    start_date: str
    completion_date: str
    enrolment: int
    conditions: tuple[str, ...]
    countries: tuple[str, ...]
    sites: tuple[Site, ...]


def read_trial(path: Path = BUILT_IN) -> tuple[Trial, Protocol]:
    """The trial and protocol in a YAML file. Raises InvalidProtocol, also for malformed YAML."""
    return trial_from_plain(plain_yaml(path))


def read_acknowledged(path: Path = BUILT_IN) -> tuple[Acknowledged, ...]:
    """The remarks of the formal check that the authors of a trial's file acknowledge.

    They stand beside the file, in `NAME.acknowledged.yaml`, and are no part of the protocol; without
    that file there are none. Raises InvalidProtocol.
    """
    beside = path.with_suffix(ACKNOWLEDGED)
    if not beside.exists():
        return ()
    plain = plain_yaml(beside)
    if not isinstance(plain, list):
        raise InvalidProtocol([f"{beside.name}: takes a list of remarks"])
    for number, item in enumerate(plain, start=1):
        if not (isinstance(item, Mapping) and set(item) == {"remark", "why"} and all(map(_is_text, item.values()))):
            raise InvalidProtocol([f"{beside.name}[{number}]: takes the texts remark and why"])
    return tuple(Acknowledged(item["remark"], item["why"]) for item in plain)


def plain_yaml(path: Path) -> object:
    """What a YAML file holds. Raises InvalidProtocol for malformed YAML."""
    try:
        plain: object = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidProtocol([f"{path.name}: is not YAML: {' '.join(str(error).split())}"]) from None
    except RecursionError:
        raise InvalidProtocol([f"{path.name}: is nested too deeply"]) from None
    return plain


def trial_from_plain(plain: object) -> tuple[Trial, Protocol]:
    """The trial and protocol that the plain form of a file says. Raises InvalidProtocol."""
    if not isinstance(plain, Mapping) or set(plain) != {"trial", "protocol"}:
        raise InvalidProtocol(["file: takes the keys trial and protocol"])
    protocol = protocol_from_plain(plain["protocol"])
    try:
        trial = _trial(plain["trial"])
    except (TypeError, ValueError, KeyError) as error:
        raise InvalidProtocol([f"trial: {error}"]) from None
    if trial.nct_id != protocol.nct_id:
        raise InvalidProtocol(["trial: nct_id differs from the protocol's"])
    return trial, protocol


def write_trial(trial: Trial, protocol: Protocol) -> str:
    """The YAML text that `read_trial` reads back to the same trial and protocol."""
    plain = {"trial": _lists(asdict(trial)), "protocol": protocol_to_plain(protocol)}
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=110)


class _Loader(yaml.SafeLoader):
    """YAML without its surprises.

    Dates, yes and no stay texts, true and false are flags, no key is given twice, and nothing stands
    for something else (a few aliases can stand for more than any memory holds).
    """

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "an alias is not taken", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


_SURPRISING = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag not in _SURPRISING]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)$"), list("tf"))


def _trial(plain: Mapping[str, Any]) -> Trial:
    given = dict(plain)
    sites = tuple(_checked(Site(**site)) for site in given.pop("sites"))
    for key in ("conditions", "countries"):
        if not isinstance(given[key], list) or not all(_is_text(item) for item in given[key]):
            raise ValueError(f"{key} takes a list of texts")
        given[key] = tuple(given[key])
    trial = _checked(Trial(**given, sites=sites))
    if not (trial.nct_id.isascii() and trial.nct_id.isalnum()):
        raise ValueError("nct_id takes letters and digits")
    for key in ("status_as_of", "start_date", "completion_date"):
        if read_date(getattr(trial, key)) is None:
            raise ValueError(f"{key} takes a date written YYYY-MM-DD")
    return trial


T = TypeVar("T", Site, Trial)


def _checked(made: T) -> T:
    """The same, if its texts and numbers are ones that every database keeps."""
    for field in fields(made):
        value = getattr(made, field.name)
        if field.type is str and not _is_text(value):
            raise ValueError(f"{field.name} takes one line of text")
        if field.type is int and not (type(value) is int and 0 <= value < 2**31):
            raise ValueError(f"{field.name} takes a whole number")
    return made


def _is_text(value: object) -> bool:
    return isinstance(value, str) and _TEXT.fullmatch(value) is not None


def one_line(text: str) -> str:
    """The text, if every database keeps it. Raises ValueError."""
    if not _is_text(text):
        raise ValueError("takes one line of text")
    return text


_TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*")


def _lists(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {key: _lists(value) for key, value in plain.items()}
    return [_lists(item) for item in plain] if isinstance(plain, list | tuple) else plain
