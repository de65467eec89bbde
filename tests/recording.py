"""A guard under all tests (P19): an action that changes what counts as a record, and makes no entry, fails there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isfunction
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import event
from sqlalchemy import inspect as state_of
from sqlalchemy.orm import ORMExecuteState, Session

from app import actions
from app.store.models import (
    Account,
    Answer,
    Decision,
    Event,
    Grant,
    Note,
    ProtocolRow,
    Screening,
    ScreeningReason,
    SiteRow,
    TranslationRow,
    TrialRow,
)

RECORDS = (Answer, Decision, Grant, Note, ProtocolRow, Screening, ScreeningReason, SiteRow, TranslationRow, TrialRow)
OF_AN_ACCOUNT = {"login", "name", "disabled_at", "password_hash", "totp_secret", "issuer", "subject"}
P = ParamSpec("P")
T = TypeVar("T")


def guarded(action: Callable[P, T]) -> Callable[P, T]:
    """The action, which fails where it changes a record and makes no entry."""

    @wraps(action)
    def checked(*arguments: P.args, **named: P.kwargs) -> T:
        session: Any = arguments[0]
        with watched(session) as seen:
            result = action(*arguments, **named)
            session.flush()
        assert seen.entries or not seen.changes, f"{action.__name__} changes {set(seen.changes)} and records nothing"
        return result

    return checked


class Seen:
    """What happens in a session: the kinds of records that change, and how many entries are made."""

    def __init__(self) -> None:
        self.changes: list[str] = []
        self.entries = 0

    def flushing(self, session: Session, *_: object) -> None:
        """What is about to be written, row by row."""
        self.entries += sum(isinstance(one, Event) for one in session.new)
        changed = [*session.new, *session.deleted, *filter(session.is_modified, session.dirty)]
        self.changes += [type(one).__name__ for one in changed if isinstance(one, RECORDS) or _is_about_somebody(one)]

    def executing(self, state: ORMExecuteState) -> None:
        """What is written by one statement for many rows."""
        if (state.is_insert or state.is_update or state.is_delete) and state.bind_mapper is not None:
            model = state.bind_mapper.class_
            self.changes += [model.__name__] if issubclass(model, RECORDS) else []


def _is_about_somebody(one: object) -> bool:
    if not isinstance(one, Account):
        return False
    attributes = state_of(one).attrs
    return any(attributes[name].history.has_changes() for name in OF_AN_ACCOUNT)


@contextmanager
def watched(session: Session) -> Iterator[Seen]:
    """See what happens in a session."""
    seen = Seen()
    event.listen(session, "before_flush", seen.flushing)
    event.listen(session, "do_orm_execute", seen.executing)
    try:
        yield seen
    finally:
        event.remove(session, "before_flush", seen.flushing)
        event.remove(session, "do_orm_execute", seen.executing)


@contextmanager
def guarding() -> Iterator[None]:
    """Put the guard around every action, for whoever calls it by `actions.…`."""
    found = {name: getattr(actions, name) for name in actions.__all__}
    for name, action in found.items():
        if isfunction(action) and next(iter(action.__annotations__), "") == "session":
            setattr(actions, name, guarded(action))
    try:
        yield
    finally:
        for name, action in found.items():
            setattr(actions, name, action)
