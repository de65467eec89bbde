"""Screenings: quick checks, which anyone may make and which expire, and those that a site keeps in its log."""

import json
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.lifecycle import BY_VERDICT, REASON_CODES, STATUSES, VERDICTS, WAITING
from app.store.models.schema import Base, one_of, quoted

ASCII_TEXT = Text().with_variant(Text(collation="C"), "postgresql")  # sorted and searched alike on every engine
DATED = f"status IN ({quoted(BY_VERDICT)}) AND look_again_on IS NOT NULL"  # the waiting list's two parts
UNDATED = f"status IN ({quoted(WAITING)}) AND look_again_on IS NULL"


class Screening(Base):
    """One participant checked against one version of a protocol, which stays the one it began with.

    A quick check is opened by whoever holds its token; only the token's hash is kept. A site's screening is opened by
    the site's people, and has a subject code and a place in the screening log. Each change raises `version`.
    """

    __tablename__ = "screening"
    __table_args__ = (
        one_of("kind", ("quick", "site")),
        one_of("status", STATUSES),
        one_of("status_reason", REASON_CODES),
        one_of("verdict", VERDICTS),
        CheckConstraint("length(token_hash) = 64", name="token_hash"),
        CheckConstraint("expires_at > created_at", name="expires_at"),
        CheckConstraint("first_dose_date >= consent_date", name="first_dose_date"),
        CheckConstraint("(result IS NULL) = (result_at IS NULL)", name="result_at"),
        CheckConstraint(
            "(kind = 'quick') = (token_hash IS NOT NULL) AND (kind = 'quick') = (expires_at IS NOT NULL)",
            name="quick_has_token",
        ),
        CheckConstraint(
            "(kind = 'site') = (site_id IS NOT NULL) AND (kind = 'site') = (reference IS NOT NULL)"
            " AND (kind = 'site') = (subject_code IS NOT NULL) AND (kind = 'site') = (status IS NOT NULL)",
            name="site_has_subject",
        ),
        UniqueConstraint("site_id", "subject_code"),
        Index("ix_screening_site_created", "site_id", "created_at", "id"),
        Index("ix_screening_site_updated", "site_id", "updated_at", "id"),
        Index("ix_screening_site_status", "site_id", "status", "updated_at", "id"),
        Index("ix_screening_site_verdict", "site_id", "verdict", "updated_at", "id"),
        Index("ix_screening_site_assigned", "site_id", "assigned_to", "updated_at", "id"),
        Index("ix_screening_site_look", "site_id", "look_again_on", "id"),
        Index("ix_screening_site_due", "site_id", "look_again_on", "id",
              sqlite_where=text(DATED), postgresql_where=text(DATED)),
        Index("ix_screening_site_waiting", "site_id", "updated_at", "id",
              sqlite_where=text(UNDATED), postgresql_where=text(UNDATED)),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str | None] = mapped_column(unique=True)
    protocol_id: Mapped[int] = mapped_column(ForeignKey("protocol.id"), index=True)
    kind: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None] = mapped_column(index=True)
    version: Mapped[int] = mapped_column()
    as_of: Mapped[date]
    consent_date: Mapped[date | None]
    first_dose_date: Mapped[date | None]
    result: Mapped[str | None]
    result_at: Mapped[datetime | None]

    # In a site's log only. `reference` is its name in addresses; `subject_code` never says who it is.
    site_id: Mapped[int | None] = mapped_column(ForeignKey("site.id"))
    reference: Mapped[str | None] = mapped_column(unique=True)
    subject_code: Mapped[str | None] = mapped_column(ASCII_TEXT)
    created_by: Mapped[str | None]
    updated_at: Mapped[datetime | None]
    assigned_to: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    status: Mapped[str | None]
    status_reason: Mapped[str | None]
    status_at: Mapped[datetime | None]
    verdict: Mapped[str | None]
    passes_from: Mapped[date | None]  # the first day on which every time-bound reason has passed
    look_again_on: Mapped[date | None]  # that day, or the one that somebody chose instead

    answers: Mapped[list["Answer"]] = relationship(lazy="raise", order_by="Answer.fact", cascade="all, delete-orphan")
    reasons: Mapped[list["ScreeningReason"]] = relationship(
        lazy="raise", order_by="ScreeningReason.position", cascade="all, delete-orphan"
    )

    # The actions count the version up themselves: also where only answers change.
    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}  # noqa: RUF012

    @property
    def raw_answers(self) -> dict[str, Any]:
        """The raw JSON value of each fact asked; None is "not known"."""
        return {answer.fact: answer.raw for answer in self.answers}


class Answer(Base):
    """The value given for one fact, as the JSON text it came in; null is "asked, and not known"."""

    __tablename__ = "answer"

    screening_id: Mapped[int] = mapped_column(ForeignKey("screening.id"), primary_key=True)
    fact: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str | None]
    source: Mapped[str]
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(server_default="")

    @property
    def raw(self) -> Any:
        """The raw JSON value, equal to the one that was given."""
        return raw_answer(self.value)


def raw_answer(value: str | None) -> Any:
    """The raw JSON value that an answer's text says; None is "not known"."""
    return None if value is None else json.loads(value)


class ScreeningReason(Base):
    """A criterion that excludes, as the screening stands now; the first one comes first."""

    __tablename__ = "screening_reason"
    __table_args__ = (Index("ix_screening_reason_code", "code", "screening_id"),)

    screening_id: Mapped[int] = mapped_column(ForeignKey("screening.id"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]


class Tally(Base):
    """How many screenings of a site, begun in a month, stand so now. Kept by the actions, for the charts.

    `measure` is 'status' (each screening counts once), 'first' (the first reason) or 'any' (each reason).
    """

    __tablename__ = "tally"
    __table_args__ = (one_of("measure", ("status", "first", "any")), CheckConstraint("number >= 0", name="number"))

    site_id: Mapped[int] = mapped_column(ForeignKey("site.id"), primary_key=True)
    month: Mapped[str] = mapped_column(primary_key=True)  # YYYY-MM
    measure: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]


class Note(Base):
    """A remark on a screening. An erased one keeps its place, its author and its time."""

    __tablename__ = "note"
    __table_args__ = (CheckConstraint("(text IS NULL) = (erased_at IS NOT NULL)", name="erased_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    screening_id: Mapped[int] = mapped_column(ForeignKey("screening.id"), index=True)
    at: Mapped[datetime]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    text: Mapped[str | None]
    erased_at: Mapped[datetime | None]
    event_seq: Mapped[int] = mapped_column(ForeignKey("event.seq"))  # the event that holds the same text


class Decision(Base):
    """A physician's signature under a verdict: who, when, what it means, and the record that it was given on.

    It counts as long as the screening's version is the one that was signed; `signed_hash` is that of the record.
    """

    __tablename__ = "decision"
    __table_args__ = (
        one_of("meaning", ("confirmed", "overridden")),
        one_of("verdict", VERDICTS),
        CheckConstraint("length(signed_hash) = 64", name="signed_hash"),
        CheckConstraint("(meaning = 'overridden') <= (reason IS NOT NULL)", name="reason"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    screening_id: Mapped[int] = mapped_column(ForeignKey("screening.id"), index=True)
    at: Mapped[datetime]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    name: Mapped[str]  # as it was when it was signed
    meaning: Mapped[str]
    verdict: Mapped[str]
    reason: Mapped[str | None]
    screening_version: Mapped[int]
    signed_hash: Mapped[str]
    voided_at: Mapped[datetime | None]


class Submission(Base):
    """A POST that was answered, so that the same one sent again is answered alike and stored once."""

    __tablename__ = "submission"

    key: Mapped[str] = mapped_column(primary_key=True)  # hash of the sender and of the key that it chose
    fingerprint: Mapped[str]  # hash of what was sent
    at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int]
    location: Mapped[str | None]
    etag: Mapped[str | None]
    body: Mapped[str]
