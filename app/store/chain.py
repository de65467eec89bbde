"""The chain that binds each event to the one before it, so that what was recorded cannot be changed unseen.

An event's hash is an HMAC over all that it says and over the hash of the event before it. The key lies outside the
database: whoever can change rows, triggers and all, still cannot make hashes that fit. An event's content (values,
texts) stands in a row of its own and enters the chain by a salted hash, so a text can be erased without breaking it.
Events made before the chain was introduced have no hash; the first one that has seals them together.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

SALT_BYTES: Final = 16
SIGNED: Final = (
    "seq",
    "at",
    "actor",
    "action",
    "subject_type",
    "subject_id",
    "site_id",
    "detail",
    "reason",
    "content_hash",
    "previous",
)


def canonical(plain: object) -> bytes:
    """One text for equal data: keys sorted, no spaces, ASCII."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def entry_hash(key: bytes, fields: Mapping[str, Any]) -> str:
    """The hash of an event that says `fields` (see SIGNED), its predecessor's hash among them."""
    return hmac.new(key, _told(fields, SIGNED), hashlib.sha256).hexdigest()


def seal(earlier: Iterable[Mapping[str, Any]]) -> str:
    """What stands for the events before the chain, in order, as the predecessor of its first one."""
    digest = hashlib.sha256()
    for fields in earlier:
        digest.update(_told(fields, SIGNED[:-3]))
    return digest.hexdigest()


def content_text(content: object) -> str:
    """A content as it is kept."""
    return canonical(content).decode("ascii")


def content_hash(salt: str, text: str) -> str:
    """What an event says of its content. The salt keeps short contents from being guessed by their hash."""
    return hashlib.sha256(f"{salt}:{text}".encode()).hexdigest()


def new_salt() -> str:
    """A salt for one content."""
    return secrets.token_hex(SALT_BYTES)


def _told(fields: Mapping[str, Any], names: tuple[str, ...]) -> bytes:
    plain = {name: fields[name] for name in names}
    at: datetime = plain["at"]
    return canonical([*({**plain, "at": at.astimezone(UTC).isoformat(timespec="microseconds")}.values())])
