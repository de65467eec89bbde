"""Trials and their protocols.

A protocol owns its rows: everything from `SectionRow` to `RuleOptionRow` carries `protocol_id` first in its key.
The names ending in Row are the stored forms of `app.rules` and `app.trials`.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.rules.facts import ANCHORS, FACT_TYPES
from app.rules.protocol import STATUSES
from app.rules.translation import TRANSLATION_STATUSES
from app.rules.tree import COMPARISONS, FACT_RULES, RULES, UNITS, ExceedsAge, InPart, ReadingHolds, Term
from app.store.models.schema import Base, one_of, only_for

# TRIALS


class TrialRow(Base):
    """What the registry says about a trial; may be corrected at any time."""

    __tablename__ = "trial"

    id: Mapped[int] = mapped_column(primary_key=True)
    nct_id: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    sponsor: Mapped[str]
    phase: Mapped[str]
    status: Mapped[str]
    status_as_of: Mapped[str]
    source: Mapped[str]
    start_date: Mapped[str]
    completion_date: Mapped[str]
    enrolment: Mapped[int]
    conditions: Mapped[list[str]] = mapped_column(JSON)
    countries: Mapped[list[str]] = mapped_column(JSON)
    sites: Mapped[list["SiteRow"]] = relationship(
        lazy="raise", order_by="SiteRow.position", cascade="all, delete-orphan"
    )


class SiteRow(Base):
    """One site of a trial, in the order of the record."""

    __tablename__ = "site"
    __table_args__ = (UniqueConstraint("trial_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    trial_id: Mapped[int] = mapped_column(ForeignKey("trial.id"))
    position: Mapped[int]
    number: Mapped[str]
    name: Mapped[str]
    city: Mapped[str]
    region: Mapped[str]
    country: Mapped[str]


# PROTOCOLS


class ProtocolRow(Base):
    """One version of a trial's rules. Written as a draft, then published; at most one is published."""

    __tablename__ = "protocol"
    __table_args__ = (
        UniqueConstraint("trial_id", "version"),
        Index("uq_protocol_published", "trial_id", unique=True, sqlite_where=text("status = 'published'"),
              postgresql_where=text("status = 'published'")),
        one_of("status", ("draft", "published", "retired")),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("length(content_hash) = 64", name="content_hash"),
        CheckConstraint("(published_at IS NULL) = (status = 'draft')", name="published_at"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    trial_id: Mapped[int] = mapped_column(ForeignKey("trial.id"))
    version: Mapped[int]
    status: Mapped[str]
    content_hash: Mapped[str]
    published_at: Mapped[datetime | None]


class TranslationRow(Base):
    """One text of a trial's protocols in another language.

    `source` says by its hash which English text it translates, so it serves every version of the protocol that has
    that text. Unlike the protocol it may be corrected at any time.
    """

    __tablename__ = "translation"
    __table_args__ = (one_of("status", TRANSLATION_STATUSES), CheckConstraint("length(source) = 12", name="source"))

    trial_id: Mapped[int] = mapped_column(ForeignKey("trial.id"), primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    status: Mapped[str]


class Owned(Base):
    """A row that belongs to a protocol, at its place in a list of the protocol or of the row above it."""

    __abstract__ = True

    protocol_id: Mapped[int] = mapped_column(ForeignKey("protocol.id"), primary_key=True, sort_order=-2)
    position: Mapped[int] = mapped_column(sort_order=-1)


def _within(columns: str, table: str, key: str, *, deferred: bool = False) -> ForeignKeyConstraint:
    """A reference to another row of the same protocol; `deferred` where rows name later ones."""
    return ForeignKeyConstraint(
        ["protocol_id", columns],
        [f"{table}.protocol_id", f"{table}.{key}"],
        deferrable=deferred or None,
        initially="DEFERRED" if deferred else None,
    )


class SectionRow(Owned):
    """A part of the questionnaire."""

    __tablename__ = "section"

    key: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]


class QuestionRow(Owned):
    """A question; `minimum` to `not_after` are what its type says.

    The columns from `decides` on came later: empty, they stand for the default.
    """

    __tablename__ = "question"
    __table_args__ = (
        _within("section_key", "section", "key"),
        _within("alternative", "question", "key", deferred=True),
        _within("birth_date", "question", "key", deferred=True),
        one_of("type", tuple(type_.name for type_ in FACT_TYPES)),
        one_of("can_change", ("fixed", "repeat", "time")),
        one_of("not_after", ANCHORS),
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    section_key: Mapped[str]
    type: Mapped[str]
    text: Mapped[str]
    label: Mapped[str]
    why: Mapped[str]
    hint: Mapped[str]
    can_change: Mapped[str]
    alternative: Mapped[str | None]
    minimum: Mapped[float | None]
    maximum: Mapped[float | None]
    step: Mapped[int | None]
    unit: Mapped[str | None]
    birth_date: Mapped[str | None]
    partial: Mapped[bool | None]
    not_after: Mapped[str | None]
    decides: Mapped[float | None]
    burden: Mapped[float | None]
    asking_source: Mapped[str | None]
    calculator: Mapped[str | None]
    likely: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))


class QuestionOptionRow(Owned):
    """One value that a choice or a list accepts."""

    __tablename__ = "question_option"
    __table_args__ = (
        _within("question_key", "question", "key"),
        UniqueConstraint("protocol_id", "question_key", "value"),
    )

    question_key: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[str]
    label: Mapped[str]
    hint: Mapped[str]


class TermRow(Owned):
    """A named rule."""

    __tablename__ = "term"

    name: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]


class ReadingRow(Owned):
    """How a place of the record is taken."""

    __tablename__ = "reading"
    __table_args__ = (one_of("status", STATUSES),)

    code: Mapped[str] = mapped_column(primary_key=True)
    statement: Mapped[str]
    status: Mapped[str]


class GroupRow(Owned):
    """Criteria of which one must hold."""

    __tablename__ = "criterion_group"

    code: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]


class CriterionRow(Owned):
    """One bullet of the record; its rule and scope are rule nodes."""

    __tablename__ = "criterion"
    __table_args__ = (
        _within("group_code", "criterion_group", "code"),
        one_of("kind", ("inclusion", "exclusion", "review")),
        CheckConstraint("group_code IS NULL OR kind = 'inclusion'", name="group_is_of_inclusions"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    title: Mapped[str]
    statement: Mapped[str]
    place: Mapped[str]
    group_code: Mapped[str | None]


class CriterionReadingRow(Owned):
    """A convention that concerns a criterion."""

    __tablename__ = "criterion_reading"
    __table_args__ = (
        _within("criterion_code", "criterion", "code"),
        _within("reading_code", "reading", "code"),
    )

    criterion_code: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    reading_code: Mapped[str]


class CohortRow(Owned):
    """A cohort; whom it admits is a rule."""

    __tablename__ = "cohort"

    code: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]


class CohortPartRow(Owned):
    """A part of the trial to which a cohort can belong; when it does is a rule."""

    __tablename__ = "cohort_part"
    __table_args__ = (_within("cohort_code", "cohort", "code"),)

    cohort_code: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)


class CohortReadingRow(Owned):
    """A convention that concerns a cohort."""

    __tablename__ = "cohort_reading"
    __table_args__ = (
        _within("cohort_code", "cohort", "code"),
        _within("reading_code", "reading", "code"),
    )

    cohort_code: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    reading_code: Mapped[str]


class EditCheckRow(Owned):
    """Answers that hardly go together; when they are there is a rule."""

    __tablename__ = "edit_check"

    code: Mapped[str] = mapped_column(primary_key=True)
    message: Mapped[str]


_COMPARING = ("compare", "elapsed")


class RuleNodeRow(Owned):
    """One node of a rule tree: an adjacency list.

    The owner says whose rule it is and which of its rules: criterion E13 rule. Nodes are numbered in
    reading order, each after the one above it, so a tree cannot hold a circle. `name` is the reading, the
    part, the term, or the age against which an interval is held.
    """

    __tablename__ = "rule_node"
    __table_args__ = (
        _within("parent_id", "rule_node", "id"),
        _within("fact", "question", "key"),
        UniqueConstraint("protocol_id", "parent_id", "position"),
        Index("uq_rule_node_root", "protocol_id", "owner_kind", "owner_key", "role", unique=True,
              sqlite_where=text("parent_id IS NULL"), postgresql_where=text("parent_id IS NULL")),
        CheckConstraint("parent_id < id", name="parent_comes_first"),
        one_of("owner_kind", ("question", "term", "criterion", "cohort", "part", "edit_check")),
        one_of("role", ("relevant", "rule", "scope", "admits")),
        one_of("kind", tuple(rule.kind for rule in RULES)),
        one_of("comparison", COMPARISONS),
        one_of("unit", UNITS),
        one_of("anchor", ANCHORS),
        only_for("fact", tuple(rule.kind for rule in FACT_RULES)),
        only_for("name", (ExceedsAge.kind, ReadingHolds.kind, InPart.kind, Term.kind)),
        only_for("truth", ("always",)),
        only_for("comparison", _COMPARING),
        only_for("amount", _COMPARING),
        only_for("unit", ("elapsed", ExceedsAge.kind)),
        only_for("anchor", ("elapsed",)),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    parent_id: Mapped[int | None]
    owner_kind: Mapped[str]
    owner_key: Mapped[str]
    role: Mapped[str]
    kind: Mapped[str]
    fact: Mapped[str | None]
    comparison: Mapped[str | None]
    amount: Mapped[float | None]
    unit: Mapped[str | None]
    anchor: Mapped[str | None]
    name: Mapped[str | None]
    truth: Mapped[bool | None]


class RuleOptionRow(Owned):
    """An option that an `is` or `includes` node names."""

    __tablename__ = "rule_option"
    __table_args__ = (
        _within("node_id", "rule_node", "id"),
        UniqueConstraint("protocol_id", "node_id", "value"),
    )

    node_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[str]


OWNED: Final[tuple[type[Owned], ...]] = (
    SectionRow,
    QuestionRow,
    QuestionOptionRow,
    TermRow,
    ReadingRow,
    GroupRow,
    CriterionRow,
    CriterionReadingRow,
    CohortRow,
    CohortPartRow,
    CohortReadingRow,
    EditCheckRow,
    RuleNodeRow,
    RuleOptionRow,
)
