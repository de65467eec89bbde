"""The audit trail: events, chained to one another, and their contents, which alone can be erased."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.store.chain import SIGNED
from app.store.models.schema import Base, one_of

SUBJECTS: Final = ("trial", "protocol", "screening", "account", "key", "event", "site", "service")


class Event(Base):
    """One thing that was done: appended in the transaction that did it, never changed afterwards.

    `detail` names facts, versions and counts; no value of a patient ever stands in it. `seq` has no gaps.
    """

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_subject", "subject_type", "subject_id"),
        Index("ix_event_site", "site_id", "seq"),
        Index("uq_event_hash", "hash", unique=True, sqlite_where=text("hash <> ''"),
              postgresql_where=text("hash <> ''")),
        one_of("subject_type", SUBJECTS),
    )  # fmt: skip

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[int]
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    reason: Mapped[str | None]
    content_hash: Mapped[str | None]
    previous: Mapped[str] = mapped_column(server_default="")
    hash: Mapped[str] = mapped_column(server_default="")  # empty: made before the chain was introduced

    @property
    def fields(self) -> dict[str, Any]:
        """What the event's hash covers."""
        return {name: getattr(self, name) for name in SIGNED}


class EventContent(Base):
    """The values or the text of an event. Can be deleted once an event of the action `event.redacted` names it."""

    __tablename__ = "event_content"

    seq: Mapped[int] = mapped_column(ForeignKey("event.seq"), primary_key=True, autoincrement=False)
    salt: Mapped[str]
    text: Mapped[str]
