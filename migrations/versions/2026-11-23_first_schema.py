"""The first schema: trials, protocols as rows, screenings, answers, events, and the triggers that guard them.

Rows of a protocol that is no longer a draft refuse every change; the protocol itself may only retire.
Events refuse every change. SQLite has no procedures, so each of its triggers carries its condition.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

OWNED = (
    "section",
    "question",
    "question_option",
    "term",
    "reading",
    "criterion_group",
    "criterion",
    "criterion_reading",
    "cohort",
    "cohort_part",
    "cohort_reading",
    "rule_node",
    "rule_option",
)
FIXED = "a published protocol cannot change"
APPENDED = "an event cannot change"


def upgrade() -> None:
    _create_trials_and_protocols()
    _create_protocol_rows()
    _create_screenings_and_events()
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def downgrade() -> None:
    for table in ("event", "answer", "screening", *reversed(OWNED), "protocol", "site", "trial"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        for function in ("refuse_change", "guard_protocol", "guard_protocol_row"):
            op.execute(f"DROP FUNCTION {function}()")


def _create_trials_and_protocols() -> None:
    """What the registry says, and the versions of the rules."""
    op.create_table(
        "trial",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("nct_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("sponsor", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_as_of", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("start_date", sa.Text(), nullable=False),
        sa.Column("completion_date", sa.Text(), nullable=False),
        sa.Column("enrolment", sa.Integer(), nullable=False),
        sa.Column("conditions", sa.JSON(), nullable=False),
        sa.Column("countries", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trial")),
        sa.UniqueConstraint("nct_id", name=op.f("uq_trial_nct_id")),
    )
    op.create_table(
        "site",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("trial_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.id"], name=op.f("fk_site_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_site")),
        sa.UniqueConstraint("trial_id", "number", name=op.f("uq_site_trial_id_number")),
    )
    op.create_table(
        "protocol",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("trial_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(published_at IS NULL) = (status = 'draft')", name=op.f("ck_protocol_published_at")),
        sa.CheckConstraint("status IN ('draft', 'published', 'retired')", name=op.f("ck_protocol_status")),
        sa.CheckConstraint("length(content_hash) = 64", name=op.f("ck_protocol_content_hash")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_protocol_version")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.id"], name=op.f("fk_protocol_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_protocol")),
        sa.UniqueConstraint("trial_id", "version", name=op.f("uq_protocol_trial_id_version")),
    )
    op.create_index(
        "uq_protocol_published",
        "protocol",
        ["trial_id"],
        unique=True,
        sqlite_where=sa.text("status = 'published'"),
        postgresql_where=sa.text("status = 'published'"),
    )


def _create_protocol_rows() -> None:
    """What a protocol owns; all keys begin with its id."""
    op.create_table(
        "section",
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_section_protocol_id")),
        sa.PrimaryKeyConstraint("protocol_id", "key", name=op.f("pk_section")),
    )
    op.create_table(
        "question",
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("section_key", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("can_change", sa.Text(), nullable=False),
        sa.Column("alternative", sa.Text(), nullable=True),
        sa.Column("minimum", sa.Float(precision=53), nullable=True),
        sa.Column("maximum", sa.Float(precision=53), nullable=True),
        sa.Column("step", sa.Integer(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("birth_date", sa.Text(), nullable=True),
        sa.Column("partial", sa.Boolean(), nullable=True),
        sa.Column("not_after", sa.Text(), nullable=True),
        sa.CheckConstraint("can_change IN ('fixed', 'repeat', 'time')", name=op.f("ck_question_can_change")),
        sa.CheckConstraint(
            "not_after IN ('as_of', 'consent_date', 'first_dose_date')", name=op.f("ck_question_not_after")
        ),
        sa.CheckConstraint(
            "type IN ('yes_no', 'choice', 'many', 'integer', 'number', 'age', 'date')", name=op.f("ck_question_type")
        ),
        sa.ForeignKeyConstraint(
            ["protocol_id", "alternative"],
            ["question.protocol_id", "question.key"],
            name=op.f("fk_question_protocol_id_alternative"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["protocol_id", "birth_date"],
            ["question.protocol_id", "question.key"],
            name=op.f("fk_question_protocol_id_birth_date"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["protocol_id", "section_key"],
            ["section.protocol_id", "section.key"],
            name=op.f("fk_question_protocol_id_section_key"),
        ),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_question_protocol_id")),
        sa.PrimaryKeyConstraint("protocol_id", "key", name=op.f("pk_question")),
    )
    op.create_table(
        "question_option",
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("question_key", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_id", "question_key"],
            ["question.protocol_id", "question.key"],
            name=op.f("fk_question_option_protocol_id_question_key"),
        ),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_question_option_protocol_id")),
        sa.PrimaryKeyConstraint("protocol_id", "question_key", "position", name=op.f("pk_question_option")),
        sa.UniqueConstraint(
            "protocol_id", "question_key", "value", name=op.f("uq_question_option_protocol_id_question_key_value")
        ),
    )
    op.create_table(
        "term",
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_term_protocol_id")),
        sa.PrimaryKeyConstraint("protocol_id", "name", name=op.f("pk_term")),
    )
    op.create_table(
        "reading",
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "status IN ('convention', 'assumed yes', 'assumed no', 'open')", name=op.f("ck_reading_status")
        ),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_reading_protocol_id")),
        sa.PrimaryKeyConstraint("protocol_id", "code", name=op.f("pk_reading")),
    )
    op.create_table(
        "criterion_group",
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_criterion_group_protocol_id")),
        sa.PrimaryKeyConstraint("protocol_id", "code", name=op.f("pk_criterion_group")),
    )
    op.create_table(
        "criterion",
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("group_code", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "group_code IS NULL OR kind = 'inclusion'", name=op.f("ck_criterion_group_is_of_inclusions")
        ),
        sa.CheckConstraint("kind IN ('inclusion', 'exclusion', 'review')", name=op.f("ck_criterion_kind")),
        sa.ForeignKeyConstraint(
            ["protocol_id", "group_code"],
            ["criterion_group.protocol_id", "criterion_group.code"],
            name=op.f("fk_criterion_protocol_id_group_code"),
        ),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_criterion_protocol_id")),
        sa.PrimaryKeyConstraint("protocol_id", "code", name=op.f("pk_criterion")),
    )
    op.create_table(
        "criterion_reading",
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("criterion_code", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reading_code", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_id", "criterion_code"],
            ["criterion.protocol_id", "criterion.code"],
            name=op.f("fk_criterion_reading_protocol_id_criterion_code"),
        ),
        sa.ForeignKeyConstraint(
            ["protocol_id", "reading_code"],
            ["reading.protocol_id", "reading.code"],
            name=op.f("fk_criterion_reading_protocol_id_reading_code"),
        ),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_criterion_reading_protocol_id")),
        sa.PrimaryKeyConstraint("protocol_id", "criterion_code", "position", name=op.f("pk_criterion_reading")),
    )
    op.create_table(
        "cohort",
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_cohort_protocol_id")),
        sa.PrimaryKeyConstraint("protocol_id", "code", name=op.f("pk_cohort")),
    )
    op.create_table(
        "cohort_part",
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("cohort_code", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_id", "cohort_code"],
            ["cohort.protocol_id", "cohort.code"],
            name=op.f("fk_cohort_part_protocol_id_cohort_code"),
        ),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_cohort_part_protocol_id")),
        sa.PrimaryKeyConstraint("protocol_id", "cohort_code", "part", name=op.f("pk_cohort_part")),
    )
    op.create_table(
        "cohort_reading",
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("cohort_code", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reading_code", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_id", "cohort_code"],
            ["cohort.protocol_id", "cohort.code"],
            name=op.f("fk_cohort_reading_protocol_id_cohort_code"),
        ),
        sa.ForeignKeyConstraint(
            ["protocol_id", "reading_code"],
            ["reading.protocol_id", "reading.code"],
            name=op.f("fk_cohort_reading_protocol_id_reading_code"),
        ),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_cohort_reading_protocol_id")),
        sa.PrimaryKeyConstraint("protocol_id", "cohort_code", "position", name=op.f("pk_cohort_reading")),
    )
    op.create_table(
        "rule_node",
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("owner_kind", sa.Text(), nullable=False),
        sa.Column("owner_key", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fact", sa.Text(), nullable=True),
        sa.Column("comparison", sa.Text(), nullable=True),
        sa.Column("amount", sa.Float(precision=53), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("anchor", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("truth", sa.Boolean(), nullable=True),
        sa.CheckConstraint(
            "(amount IS NOT NULL) = (kind IN ('compare', 'elapsed'))", name=op.f("ck_rule_node_amount_fits_kind")
        ),
        sa.CheckConstraint("(anchor IS NOT NULL) = (kind IN ('elapsed'))", name=op.f("ck_rule_node_anchor_fits_kind")),
        sa.CheckConstraint(
            "(comparison IS NOT NULL) = (kind IN ('compare', 'elapsed'))",
            name=op.f("ck_rule_node_comparison_fits_kind"),
        ),
        sa.CheckConstraint(
            "(fact IS NOT NULL) = (kind IN ('yes', 'is', 'includes', 'compare', 'elapsed'))",
            name=op.f("ck_rule_node_fact_fits_kind"),
        ),
        sa.CheckConstraint(
            "(name IS NOT NULL) = (kind IN ('reading', 'part', 'term'))", name=op.f("ck_rule_node_name_fits_kind")
        ),
        sa.CheckConstraint("(truth IS NOT NULL) = (kind IN ('always'))", name=op.f("ck_rule_node_truth_fits_kind")),
        sa.CheckConstraint("(unit IS NOT NULL) = (kind IN ('elapsed'))", name=op.f("ck_rule_node_unit_fits_kind")),
        sa.CheckConstraint("anchor IN ('as_of', 'consent_date', 'first_dose_date')", name=op.f("ck_rule_node_anchor")),
        sa.CheckConstraint("comparison IN ('<', '<=', '>', '>=')", name=op.f("ck_rule_node_comparison")),
        sa.CheckConstraint(
            "kind IN ('always', 'all', 'any', 'not', 'yes', 'is', 'includes', 'compare', 'elapsed', 'reading', 'part', 'term')",
            name=op.f("ck_rule_node_kind"),
        ),
        sa.CheckConstraint(
            "owner_kind IN ('question', 'term', 'criterion', 'cohort', 'part')", name=op.f("ck_rule_node_owner_kind")
        ),
        sa.CheckConstraint("role IN ('relevant', 'rule', 'scope', 'admits')", name=op.f("ck_rule_node_role")),
        sa.CheckConstraint("unit IN ('days', 'months', 'years')", name=op.f("ck_rule_node_unit")),
        sa.CheckConstraint("parent_id < id", name=op.f("ck_rule_node_parent_comes_first")),
        sa.ForeignKeyConstraint(
            ["protocol_id", "fact"],
            ["question.protocol_id", "question.key"],
            name=op.f("fk_rule_node_protocol_id_fact"),
        ),
        sa.ForeignKeyConstraint(
            ["protocol_id", "parent_id"],
            ["rule_node.protocol_id", "rule_node.id"],
            name=op.f("fk_rule_node_protocol_id_parent_id"),
        ),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_rule_node_protocol_id")),
        sa.PrimaryKeyConstraint("protocol_id", "id", name=op.f("pk_rule_node")),
        sa.UniqueConstraint(
            "protocol_id", "parent_id", "position", name=op.f("uq_rule_node_protocol_id_parent_id_position")
        ),
    )
    op.create_index(
        "uq_rule_node_root",
        "rule_node",
        ["protocol_id", "owner_kind", "owner_key", "role"],
        unique=True,
        sqlite_where=sa.text("parent_id IS NULL"),
        postgresql_where=sa.text("parent_id IS NULL"),
    )
    op.create_table(
        "rule_option",
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("node_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["protocol_id", "node_id"],
            ["rule_node.protocol_id", "rule_node.id"],
            name=op.f("fk_rule_option_protocol_id_node_id"),
        ),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_rule_option_protocol_id")),
        sa.PrimaryKeyConstraint("protocol_id", "node_id", "position", name=op.f("pk_rule_option")),
        sa.UniqueConstraint("protocol_id", "node_id", "value", name=op.f("uq_rule_option_protocol_id_node_id_value")),
    )


def _create_screenings_and_events() -> None:
    """Participants' answers, and what was done."""
    op.create_table(
        "screening",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("consent_date", sa.Date(), nullable=True),
        sa.Column("first_dose_date", sa.Date(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("result_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('quick')", name=op.f("ck_screening_kind")),
        sa.CheckConstraint("(result IS NULL) = (result_at IS NULL)", name=op.f("ck_screening_result_at")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_screening_expires_at")),
        sa.CheckConstraint("first_dose_date >= consent_date", name=op.f("ck_screening_first_dose_date")),
        sa.CheckConstraint("length(token_hash) = 64", name=op.f("ck_screening_token_hash")),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_screening_protocol_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screening")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_screening_token_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_screening_expires_at"), "screening", ["expires_at"], unique=False)
    op.create_index(op.f("ix_screening_protocol_id"), "screening", ["protocol_id"], unique=False)
    op.create_table(
        "answer",
        sa.Column("screening_id", sa.Integer(), nullable=False),
        sa.Column("fact", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["screening_id"], ["screening.id"], name=op.f("fk_answer_screening_id")),
        sa.PrimaryKeyConstraint("screening_id", "fact", name=op.f("pk_answer")),
    )
    op.create_table(
        "event",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.CheckConstraint("subject_type IN ('trial', 'protocol', 'screening')", name=op.f("ck_event_subject_type")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_event")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_event_subject", "event", ["subject_type", "subject_id"], unique=False)


def _guard_sqlite() -> None:
    for table in OWNED:
        for verb, rows in (("INSERT", "NEW"), ("UPDATE", "OLD NEW"), ("DELETE", "OLD")):
            owners = ", ".join(f"{row}.protocol_id" for row in rows.split())
            fixed = f"EXISTS (SELECT 1 FROM protocol WHERE id IN ({owners}) AND status <> 'draft')"
            _refuse_sqlite(table, verb, fixed, FIXED)
    replaces = "id = NEW.id OR (trial_id = NEW.trial_id AND version = NEW.version)"
    replaces = f"EXISTS (SELECT 1 FROM protocol WHERE status <> 'draft' AND ({replaces}))"
    _refuse_sqlite("protocol", "INSERT", f"NEW.status <> 'draft' OR {replaces}", FIXED)
    same = " AND ".join(
        f"NEW.{name} = OLD.{name}" for name in ("id", "trial_id", "version", "content_hash", "published_at")
    )
    retires = f"OLD.status = 'published' AND NEW.status = 'retired' AND {same}"
    _refuse_sqlite("protocol", "UPDATE", f"OLD.status <> 'draft' AND NOT ({retires})", FIXED)
    _refuse_sqlite("protocol", "DELETE", "OLD.status <> 'draft'", FIXED)
    # REPLACE deletes without a trigger unless recursive_triggers is on, so it is met at the insert.
    _refuse_sqlite("event", "INSERT", "EXISTS (SELECT 1 FROM event WHERE seq = NEW.seq)", APPENDED)
    _refuse_sqlite("event", "UPDATE", "TRUE", APPENDED)
    _refuse_sqlite("event", "DELETE", "TRUE", APPENDED)


def _refuse_sqlite(table: str, verb: str, condition: str, message: str) -> None:
    op.execute(
        f"CREATE TRIGGER guard_{table}_{verb.lower()} BEFORE {verb} ON {table} WHEN {condition}"
        f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )


def _guard_postgresql() -> None:
    op.execute(REFUSE_CHANGE)
    op.execute(GUARD_PROTOCOL)
    op.execute(GUARD_PROTOCOL_ROW)
    _trigger_postgresql("event", "UPDATE OR DELETE", f"refuse_change('{APPENDED}')")
    _trigger_postgresql("protocol", "INSERT OR UPDATE OR DELETE", "guard_protocol()")
    for table in OWNED:
        _trigger_postgresql(table, "INSERT OR UPDATE OR DELETE", "guard_protocol_row()")
    for table in ("event", "protocol", *OWNED):
        message = APPENDED if table == "event" else FIXED
        op.execute(
            f"CREATE TRIGGER guard_{table}_truncate BEFORE TRUNCATE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('{message}')"
        )


def _trigger_postgresql(table: str, verbs: str, function: str) -> None:
    op.execute(f"CREATE TRIGGER guard_{table} BEFORE {verbs} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}")


REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END
$$
"""

GUARD_PROTOCOL = f"""
CREATE FUNCTION guard_protocol() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.status = 'draft' THEN RETURN NEW; END IF;
    IF TG_OP = 'UPDATE' AND OLD.status = 'draft' THEN RETURN NEW; END IF;
    IF TG_OP = 'DELETE' AND OLD.status = 'draft' THEN RETURN OLD; END IF;
    IF TG_OP = 'UPDATE' AND OLD.status = 'published' AND NEW.status = 'retired'
        AND (NEW.id, NEW.trial_id, NEW.version, NEW.content_hash, NEW.published_at)
            IS NOT DISTINCT FROM (OLD.id, OLD.trial_id, OLD.version, OLD.content_hash, OLD.published_at)
    THEN RETURN NEW; END IF;
    RAISE EXCEPTION '{FIXED}' USING ERRCODE = 'integrity_constraint_violation';
END
$$
"""

# The protocol's row is locked, so that it cannot be published while a row is being added to it.
GUARD_PROTOCOL_ROW = f"""
CREATE FUNCTION guard_protocol_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owner integer;
    owners integer[];
    found_status text;
BEGIN
    IF TG_OP = 'INSERT' THEN owners := ARRAY[NEW.protocol_id];
    ELSIF TG_OP = 'DELETE' THEN owners := ARRAY[OLD.protocol_id];
    ELSE owners := ARRAY[OLD.protocol_id, NEW.protocol_id];
    END IF;
    FOREACH owner IN ARRAY owners LOOP
        SELECT status INTO found_status FROM protocol WHERE id = owner FOR SHARE;
        IF found_status <> 'draft' THEN
            RAISE EXCEPTION '{FIXED}' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END LOOP;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END
$$
"""
