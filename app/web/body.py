"""Request bodies, read strictly: a limit on size and time, one encoding, no surprises in the JSON."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from app.rules.participant import Complaint, InvalidParticipant

SECONDS = 20
MAX_FORM_FIELDS = 400
JSON_TYPES = ("application/json", "application/problem+json")
FORM = "application/x-www-form-urlencoded"


class NotJson(InvalidParticipant):
    """A body, or a line of one, that is not JSON as we accept it."""

    def __init__(self, message: str) -> None:
        super().__init__([Complaint("body", message)])


async def read_bytes(request: Request, limit: int) -> bytes:
    """The whole body. 413 where it is larger than `limit`, 408 where it does not come in time."""
    refuse_over(request, limit)
    chunks, size = [], 0
    try:
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    too_large(limit)
                chunks.append(chunk)
    except TimeoutError:
        raise HTTPException(408, "The body did not arrive in time.") from None
    except ClientDisconnect:
        raise HTTPException(400, "The connection was closed before the body had arrived.") from None
    return b"".join(chunks)


def refuse_over(request: Request, limit: int) -> None:
    """413 at once where the announced length is over the limit."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        too_large(limit)


def too_large(limit: int) -> NoReturn:
    """Raises 413."""
    raise HTTPException(413, f"The body is larger than {limit} bytes.")


def require_type(request: Request, *accepted: str) -> None:
    """415 unless the content type is one of those accepted."""
    given = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if given not in accepted:
        raise HTTPException(415, f"The content type must be {' or '.join(accepted)}.")


async def read_json(request: Request, limit: int) -> Any:
    """The JSON value of a body. 415, 413 or NotJson."""
    require_type(request, "application/json")
    return parse_json(await read_bytes(request, limit))


def parse_json(content: bytes) -> Any:
    """The JSON value of a text in UTF-8.

    Refuses what JSON does not have (NaN, Infinity), keys given twice, and nesting or numbers without
    end. Raises NotJson, which never repeats the text.
    """
    try:
        return _DECODER.decode(content.decode("utf-8"))
    except _Twice:
        raise NotJson("has an object with the same key twice") from None
    except UnicodeDecodeError:
        raise NotJson("must be UTF-8") from None
    except RecursionError:
        raise NotJson("is nested too deeply") from None
    except ValueError:
        raise NotJson("must be JSON (NaN and infinities are not)") from None


class _Twice(Exception):
    """A key that an object has twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Twice
    return made


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


async def read_form(request: Request, limit: int) -> Mapping[str, list[str]]:
    """The fields of a posted form, each with all its values. 415, 413 or 400."""
    require_type(request, FORM)
    content = await read_bytes(request, limit)
    fields: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(
            content.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS
        )
    except ValueError:
        raise HTTPException(400, "The form could not be read.") from None
    for name, value in pairs:
        fields.setdefault(name, []).append(value.strip())
    return fields
