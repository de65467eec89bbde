"""Request bodies, read strictly: a limit on size and time, one encoding, no surprises in the JSON."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from app.rules.participant import Complaint, InvalidParticipant
from app.rules.words import N_

SECONDS = 20
GROUP = 16
MAX_FORM_FIELDS = 400
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
        raise too_slow() from None
    except ClientDisconnect:
        raise HTTPException(400, N_("The connection was closed before the body had arrived.")) from None
    return b"".join(chunks)


def refuse_over(request: Request, limit: int) -> None:
    """413 at once where the announced length is over the limit."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        too_large(limit)


def too_large(limit: int) -> NoReturn:
    """Raises 413."""
    raise HTTPException(413, f"The body is larger than {limit} bytes.")


def too_slow() -> HTTPException:
    """408."""
    return HTTPException(408, N_("The body did not arrive in time."))


def require_type(request: Request, *accepted: str) -> None:
    """415 unless the content type is one of those accepted."""
    given = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if given not in accepted:
        raise HTTPException(415, f"The content type must be {' or '.join(accepted)}.")


async def read_lines(request: Request, limit: int, line_limit: int) -> AsyncGenerator[list[bytes], None]:
    """The lines of a body in small groups, as they arrive; ends early when the client leaves.

    Of a line that is longer than `line_limit` only its beginning is kept, which is too long as well.
    A client that sends everything before it reads anything must not be made to wait for itself, so
    what arrives is taken in at once, by a task of its own: up to `limit` bytes. 413 or 408.
    """
    arrived: asyncio.Queue[bytes | HTTPException | None] = asyncio.Queue()
    taking = asyncio.create_task(_take_in(request, limit, arrived))
    taking.add_done_callback(lambda _: arrived.put_nowait(None))
    rest = b""
    try:
        while isinstance(chunk := await arrived.get(), bytes):
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[: line_limit + 1]
            for start in range(0, len(lines), GROUP):
                if taking.done():
                    return
                yield lines[start : start + GROUP]
        if isinstance(chunk, HTTPException):
            raise chunk
        if rest.strip() and not taking.done():
            yield [rest]
    finally:
        taking.cancel()


async def _take_in(request: Request, limit: int, arrived: "asyncio.Queue[bytes | HTTPException | None]") -> None:
    """Queue what arrives, and how it ended. Is done when the client has left."""
    size, now = 0, asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(SECONDS) as patience:
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    too_large(limit)
                if chunk:
                    arrived.put_nowait(chunk)
                patience.reschedule(now() + SECONDS)
        arrived.put_nowait(None)
    except ClientDisconnect:
        return
    except TimeoutError:
        arrived.put_nowait(too_slow())
    except HTTPException as error:
        arrived.put_nowait(error)
    while (await request.receive())["type"] != "http.disconnect":
        pass


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
        raise HTTPException(400, N_("The form could not be read.")) from None
    for name, value in pairs:
        fields.setdefault(name, []).append(value.strip())
    return fields
