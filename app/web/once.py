"""What is sent twice is done once: a sender's own key marks a request, and its answer is kept with the change.

Programs send the header `Idempotency-Key`; a form has the hidden field `once`, whose value is made when the form is
shown. The answer is stored in the transaction that does what was asked: there is never one without the other.

    mark = once.marked_form(request, who.actor, posted)
    with app.database.write() as session:
        before = once.earlier(session, mark)
        if before is None:
            ...  # the actions
            once.keep(session, mark, Reply(303, location=address), app.clock())
    return RedirectResponse(before.location if before else address, 303)
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import actions
from app.errors import Conflict, Invalid
from app.store import submissions
from app.store.chain import canonical
from app.store.db import WriteSession
from app.web.deps import App

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
FIELD = "once"
KEY = re.compile(r"[\x21-\x7e]{16,128}")


class Reused(Conflict):
    """A key that marked another request before."""


class Mark(NamedTuple):
    """A marked request: the hash of its sender and key, and of what was sent."""

    key: str
    fingerprint: str


class Reply(NamedTuple):
    """An answer as it can be kept. `is_again`: it was given before, and is given again."""

    status: int
    body: str = ""
    location: str | None = None
    etag: str | None = None
    is_again: bool = False


def new_key() -> str:
    """The value of a form's field `once`."""
    return secrets.token_urlsafe(24)


def marked(request: Request, sender: str, content: bytes) -> Mark | None:
    """The mark of a program's request with this body; None where it has no key. Invalid."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not KEY.fullmatch(key):
        raise Invalid([(HEADER, "must be 16 to 128 visible characters")])
    return _mark(sender, key, request, [request.headers.get("if-match"), hashlib.sha256(content).hexdigest()])


def marked_form(request: Request, sender: str, posted: Mapping[str, Sequence[str]]) -> Mark | None:
    """The mark of a form; None where it has no key, or one that we would not make."""
    key = "".join(posted.get(FIELD, ()))
    if not KEY.fullmatch(key):
        return None
    return _mark(sender, key, request, sorted((name, list(values)) for name, values in posted.items()))


def _mark(sender: str, key: str, request: Request, content: object) -> Mark:
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    sent = [request.method, path, query, content]
    return Mark(_hash([sender, key]), _hash(sent))


def _hash(plain: object) -> str:
    return hashlib.sha256(canonical(plain)).hexdigest()


def earlier(session: WriteSession, mark: Mark | None) -> Reply | None:
    """The answer that the same request was given before. Reused where its key marked another one.

    Called first in a transaction: a request that comes while the same one is at work waits here for it.
    """
    found = None if mark is None else submissions.submission(session, key=mark.key)
    if mark is None or found is None:
        return None
    if found.fingerprint != mark.fingerprint:
        raise Reused("was sent before with other content")
    return Reply(found.status, found.body, found.location, found.etag, is_again=True)


def keep(session: WriteSession, mark: Mark | None, reply: Reply, at: datetime) -> None:
    """Keep the answer to a marked request, in the transaction that does what it asks."""
    if mark is not None:
        actions.keep_submission(
            session,
            key=mark.key,
            fingerprint=mark.fingerprint,
            at=at,
            status=reply.status,
            location=reply.location,
            etag=reply.etag,
            body=reply.body,
        )


def redirected(app: App, mark: Mark | None, act: Callable[[WriteSession], str]) -> Response:
    """Do what a form asks for, once, and go to the address that `act` gives."""
    with app.database.write() as session:
        reply = earlier(session, mark)
        if reply is None:
            reply = Reply(303, location=act(session))
            keep(session, mark, reply, app.clock())
    return RedirectResponse(reply.location or "/", 303)
