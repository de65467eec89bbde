"""Accounts, site screenings, and the chained audit trail.

The tables of screenings, answers and events are made anew, since what their rows may hold has changed; their rows stay. Events
made so far get no hash: the first one of the chain seals them together.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

REBUILT = ("event", "screening", "answer")
COLUMNS = {
    "event": "seq, at, actor, action, subject_type, subject_id, detail",
    "screening": "id, token_hash, protocol_id, kind, created_at, expires_at, version, as_of, consent_date,"
    " first_dose_date, result, result_at",
    "answer": "screening_id, fact, value, source, at",
}
OLD_SUBJECTS = "('trial', 'protocol', 'screening')"
APPENDED = "an event cannot change"
SIGNED = "a decision cannot change"
DATED = "status IN ('pre_screening', 'likely_eligible', 'excluded', 'undetermined') AND look_again_on IS NOT NULL"
UNDATED = "status IN ('pre_screening', 'undetermined') AND look_again_on IS NULL"


def upgrade() -> None:
    _set_aside(dict.fromkeys(REBUILT, "TRUE"))
    _create_accounts()
    _create_event()
    _create_screenings()
    _put_back()
    _create_log()
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def downgrade() -> None:
    for table in ("event_content", "note", "decision", "screening_reason", "tally", "submission"):
        op.drop_table(table)
    quick = "kind = 'quick'"
    of_quick = f"screening_id IN (SELECT id FROM screening WHERE {quick})"
    _set_aside({"event": f"subject_type IN {OLD_SUBJECTS}", "screening": quick, "answer": of_quick})
    for table in ("api_key", "login_failure", "login", "invitation", "recovery_code", "role_grant", "account"):
        op.drop_table(table)
    _create_old()
    _put_back()
    if op.get_bind().dialect.name == "postgresql":
        for function in ("guard_event", "guard_event_content", "guard_decision"):
            op.execute(f"DROP FUNCTION {function}()")
    _guard_old()


def _set_aside(rows: dict[str, str]) -> None:
    """Keep the rows of the tables that are made anew, and drop the tables with their triggers."""
    for table, wanted in rows.items():
        op.execute(f"CREATE TABLE {table}_kept AS SELECT {COLUMNS[table]} FROM {table} WHERE {wanted}")
    for table in ("answer", "screening", "event"):
        op.drop_table(table)


def _put_back() -> None:
    for table in REBUILT:
        op.execute(f"INSERT INTO {table} ({COLUMNS[table]}) SELECT {COLUMNS[table]} FROM {table}_kept")
    _count_on("screening", "SELECT coalesce(max(subject_id), 0) FROM event WHERE subject_type = 'screening'")
    for table in REBUILT:
        op.drop_table(f"{table}_kept")


def _count_on(table: str, last: str) -> None:
    """Give no number of a row that was there before to another one."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), greatest(1, ({last})))")
    else:
        op.execute(f"DELETE FROM sqlite_sequence WHERE name = '{table}'")
        op.execute(f"INSERT INTO sqlite_sequence (name, seq) VALUES ('{table}', ({last}))")


def _create_accounts() -> None:
    """People, their sessions, and keys for programs."""
    op.create_table(
        "account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("totp_secret", sa.Text(), nullable=True),
        sa.Column("totp_step", sa.Integer(), nullable=True),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("calendar_hash", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("calendar_hash", name=op.f("uq_account_calendar_hash")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_account_issuer_subject")),
        sa.UniqueConstraint("login", name=op.f("uq_account_login")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "role_grant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(role IN ('coordinator', 'physician')) = (site_id IS NOT NULL)", name=op.f("ck_role_grant_site_fits_role")
        ),
        sa.CheckConstraint(
            "role IN ('coordinator', 'physician', 'author', 'administrator', 'auditor')",
            name=op.f("ck_role_grant_role"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_role_grant_account_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_role_grant_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
    )
    op.create_index(op.f("ix_role_grant_account_id"), "role_grant", ["account_id"], unique=False)
    op.create_index(
        "uq_role_grant_everywhere",
        "role_grant",
        ["account_id", "role"],
        unique=True,
        sqlite_where=sa.text("site_id IS NULL"),
        postgresql_where=sa.text("site_id IS NULL"),
    )
    op.create_index(
        "uq_role_grant_site",
        "role_grant",
        ["account_id", "role", "site_id"],
        unique=True,
        sqlite_where=sa.text("site_id IS NOT NULL"),
        postgresql_where=sa.text("site_id IS NOT NULL"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_recovery_code_account_id")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_recovery_code")),
    )
    op.create_index(op.f("ix_recovery_code_account_id"), "recovery_code", ["account_id"], unique=False)
    op.create_table(
        "invitation",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_invitation_account_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_invitation")),
    )
    op.create_index(op.f("ix_invitation_account_id"), "invitation", ["account_id"], unique=False)
    op.create_table(
        "login",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_login_account_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_login")),
    )
    op.create_index(op.f("ix_login_account_id"), "login", ["account_id"], unique=False)
    op.create_index(op.f("ix_login_expires_at"), "login", ["expires_at"], unique=False)
    op.create_table(
        "login_failure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_failure")),
    )
    op.create_index(op.f("ix_login_failure_at"), "login_failure", ["at"], unique=False)
    op.create_index("ix_login_failure_subject", "login_failure", ["subject", "at"], unique=False)
    op.create_table(
        "api_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_api_key_expires_at")),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("fk_api_key_created_by")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_api_key_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_key_prefix")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_api_key_site_id"), "api_key", ["site_id"], unique=False)


def _create_event() -> None:
    """What was done, each entry bound to the one before it."""
    op.create_table(
        "event",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.Text(), nullable=True),
        sa.Column("previous", sa.Text(), server_default="", nullable=False),
        sa.Column("hash", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "subject_type IN ('trial', 'protocol', 'screening', 'account', 'key', 'event', 'site', 'service')",
            name=op.f("ck_event_subject_type"),
        ),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_event_site_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_event")),
    )
    op.create_index("ix_event_site", "event", ["site_id", "seq"], unique=False)
    op.create_index("ix_event_subject", "event", ["subject_type", "subject_id"], unique=False)
    op.create_index(
        "uq_event_hash",
        "event",
        ["hash"],
        unique=True,
        sqlite_where=sa.text("hash <> ''"),
        postgresql_where=sa.text("hash <> ''"),
    )


def _create_screenings() -> None:
    """Quick checks and the screenings of sites."""
    op.create_table(
        "screening",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=True),
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("consent_date", sa.Date(), nullable=True),
        sa.Column("first_dose_date", sa.Date(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("result_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("site_id", sa.Integer(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("subject_code", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("assigned_to", sa.Integer(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("passes_from", sa.Date(), nullable=True),
        sa.Column("look_again_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "(kind = 'quick') = (token_hash IS NOT NULL) AND (kind = 'quick') = (expires_at IS NOT NULL)",
            name=op.f("ck_screening_quick_has_token"),
        ),
        sa.CheckConstraint(
            "(kind = 'site') = (site_id IS NOT NULL) AND (kind = 'site') = (reference IS NOT NULL) AND (kind = 'site') = (subject_code IS NOT NULL) AND (kind = 'site') = (status IS NOT NULL)",
            name=op.f("ck_screening_site_has_subject"),
        ),
        sa.CheckConstraint("kind IN ('quick', 'site')", name=op.f("ck_screening_kind")),
        sa.CheckConstraint(
            "status IN ('pre_screening', 'likely_eligible', 'excluded', 'undetermined', 'consented', 'screen_failure', 'enrolled', 'declined', 'withdrawn')",
            name=op.f("ck_screening_status"),
        ),
        sa.CheckConstraint(
            "status_reason IN ('investigator', 'entered_wrongly', 'no_interest', 'other_trial', 'distance', 'burden', 'family', 'no_reason', 'criterion', 'laboratory', 'worsened', 'died', 'other_treatment', 'lost', 'consent_withdrawn', 'safety')",
            name=op.f("ck_screening_status_reason"),
        ),
        sa.CheckConstraint(
            "verdict IN ('likely_eligible', 'excluded', 'undetermined')", name=op.f("ck_screening_verdict")
        ),
        sa.CheckConstraint("(result IS NULL) = (result_at IS NULL)", name=op.f("ck_screening_result_at")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_screening_expires_at")),
        sa.CheckConstraint("first_dose_date >= consent_date", name=op.f("ck_screening_first_dose_date")),
        sa.CheckConstraint("length(token_hash) = 64", name=op.f("ck_screening_token_hash")),
        sa.ForeignKeyConstraint(["assigned_to"], ["account.id"], name=op.f("fk_screening_assigned_to")),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_screening_protocol_id")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_screening_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screening")),
        sa.UniqueConstraint("reference", name=op.f("uq_screening_reference")),
        sa.UniqueConstraint("site_id", "subject_code", name=op.f("uq_screening_site_id_subject_code")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_screening_token_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_screening_expires_at"), "screening", ["expires_at"], unique=False)
    op.create_index(op.f("ix_screening_protocol_id"), "screening", ["protocol_id"], unique=False)
    op.create_index(
        "ix_screening_site_assigned", "screening", ["site_id", "assigned_to", "updated_at", "id"], unique=False
    )
    op.create_index("ix_screening_site_created", "screening", ["site_id", "created_at", "id"], unique=False)
    op.create_index(
        "ix_screening_site_due",
        "screening",
        ["site_id", "look_again_on", "id"],
        unique=False,
        sqlite_where=sa.text(DATED),
        postgresql_where=sa.text(DATED),
    )
    op.create_index("ix_screening_site_look", "screening", ["site_id", "look_again_on", "id"], unique=False)
    op.create_index("ix_screening_site_status", "screening", ["site_id", "status", "updated_at", "id"], unique=False)
    op.create_index("ix_screening_site_updated", "screening", ["site_id", "updated_at", "id"], unique=False)
    op.create_index("ix_screening_site_verdict", "screening", ["site_id", "verdict", "updated_at", "id"], unique=False)
    op.create_index(
        "ix_screening_site_waiting",
        "screening",
        ["site_id", "updated_at", "id"],
        unique=False,
        sqlite_where=sa.text(UNDATED),
        postgresql_where=sa.text(UNDATED),
    )
    op.create_table(
        "answer",
        sa.Column("screening_id", sa.Integer(), nullable=False),
        sa.Column("fact", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["screening_id"], ["screening.id"], name=op.f("fk_answer_screening_id")),
        sa.PrimaryKeyConstraint("screening_id", "fact", name=op.f("pk_answer")),
    )


def _create_log() -> None:
    """What belongs to screenings and events."""
    op.create_table(
        "event_content",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["event.seq"], name=op.f("fk_event_content_seq")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_event_content")),
    )
    op.create_table(
        "screening_reason",
        sa.Column("screening_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["screening_id"], ["screening.id"], name=op.f("fk_screening_reason_screening_id")),
        sa.PrimaryKeyConstraint("screening_id", "code", name=op.f("pk_screening_reason")),
    )
    op.create_index("ix_screening_reason_code", "screening_reason", ["code", "screening_id"], unique=False)
    op.create_table(
        "tally",
        sa.Column("site_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.CheckConstraint("measure IN ('status', 'first', 'any')", name=op.f("ck_tally_measure")),
        sa.CheckConstraint("number >= 0", name=op.f("ck_tally_number")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_tally_site_id")),
        sa.PrimaryKeyConstraint("site_id", "month", "measure", "code", name=op.f("pk_tally")),
    )
    op.create_table(
        "note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("screening_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("event_seq", sa.Integer(), nullable=False),
        sa.CheckConstraint("(text IS NULL) = (erased_at IS NOT NULL)", name=op.f("ck_note_erased_at")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_note_account_id")),
        sa.ForeignKeyConstraint(["event_seq"], ["event.seq"], name=op.f("fk_note_event_seq")),
        sa.ForeignKeyConstraint(["screening_id"], ["screening.id"], name=op.f("fk_note_screening_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
    )
    op.create_index(op.f("ix_note_screening_id"), "note", ["screening_id"], unique=False)
    op.create_table(
        "decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("screening_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("screening_version", sa.Integer(), nullable=False),
        sa.Column("signed_hash", sa.Text(), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(meaning = 'overridden') <= (reason IS NOT NULL)", name=op.f("ck_decision_reason")),
        sa.CheckConstraint("meaning IN ('confirmed', 'overridden')", name=op.f("ck_decision_meaning")),
        sa.CheckConstraint(
            "verdict IN ('likely_eligible', 'excluded', 'undetermined')", name=op.f("ck_decision_verdict")
        ),
        sa.CheckConstraint("length(signed_hash) = 64", name=op.f("ck_decision_signed_hash")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_decision_account_id")),
        sa.ForeignKeyConstraint(["screening_id"], ["screening.id"], name=op.f("fk_decision_screening_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
    )
    op.create_index(op.f("ix_decision_screening_id"), "decision", ["screening_id"], unique=False)
    op.create_table(
        "submission",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_submission")),
    )
    op.create_index(op.f("ix_submission_at"), "submission", ["at"], unique=False)


def _create_old() -> None:
    """The three tables as they were."""
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
    follows = "NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM event)"
    _refuse_sqlite("event", "INSERT", follows, APPENDED)
    _refuse_sqlite("event", "UPDATE", "TRUE", APPENDED)
    _refuse_sqlite("event", "DELETE", "TRUE", APPENDED)
    belongs = "EXISTS (SELECT 1 FROM event WHERE seq = NEW.seq AND content_hash IS NOT NULL)"
    is_last = "NEW.seq IS (SELECT max(seq) FROM event)"
    is_new = "NOT EXISTS (SELECT 1 FROM event_content WHERE seq = NEW.seq)"
    _refuse_sqlite("event_content", "INSERT", f"NOT ({belongs} AND {is_last} AND {is_new})", APPENDED)
    _refuse_sqlite("event_content", "UPDATE", "TRUE", APPENDED)
    _refuse_sqlite("event_content", "DELETE", f"NOT {REDACTED}", APPENDED)
    same = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in DECIDED)
    _refuse_sqlite("decision", "UPDATE", f"OLD.voided_at IS NOT NULL OR NOT ({same})", SIGNED)
    _refuse_sqlite("decision", "DELETE", "TRUE", SIGNED)
    _refuse_sqlite("decision", "INSERT", "EXISTS (SELECT 1 FROM decision WHERE id = NEW.id)", SIGNED)


DECIDED = (
    "id",
    "screening_id",
    "at",
    "account_id",
    "name",
    "meaning",
    "verdict",
    "reason",
    "screening_version",
    "signed_hash",
)
REDACTED = (
    "EXISTS (SELECT 1 FROM event WHERE action = 'event.redacted' AND subject_type = 'event' AND subject_id = OLD.seq)"
)


def _refuse_sqlite(table: str, verb: str, condition: str, message: str) -> None:
    op.execute(
        f"CREATE TRIGGER guard_{table}_{verb.lower()} BEFORE {verb} ON {table} WHEN {condition}"
        f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )


def _guard_postgresql() -> None:
    for function in (GUARD_EVENT, GUARD_EVENT_CONTENT, GUARD_DECISION):
        op.execute(function)
    for table, verbs in (
        ("event", "INSERT OR UPDATE OR DELETE"),
        ("event_content", "INSERT OR UPDATE OR DELETE"),
        ("decision", "UPDATE OR DELETE"),
    ):
        op.execute(
            f"CREATE TRIGGER guard_{table} BEFORE {verbs} ON {table} FOR EACH ROW EXECUTE FUNCTION guard_{table}()"
        )
        message = SIGNED if table == "decision" else APPENDED
        op.execute(
            f"CREATE TRIGGER guard_{table}_truncate BEFORE TRUNCATE ON {table}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('{message}')"
        )


GUARD_EVENT = f"""
CREATE FUNCTION guard_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.seq = (SELECT coalesce(max(seq), 0) + 1 FROM event) THEN RETURN NEW; END IF;
    RAISE EXCEPTION '{APPENDED}' USING ERRCODE = 'integrity_constraint_violation';
END
$$
"""

GUARD_EVENT_CONTENT = f"""
CREATE FUNCTION guard_event_content() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NEW.seq = (SELECT max(seq) FROM event)
        AND EXISTS (SELECT 1 FROM event WHERE seq = NEW.seq AND content_hash IS NOT NULL)
    THEN RETURN NEW; END IF;
    IF TG_OP = 'DELETE' AND {REDACTED} THEN RETURN OLD; END IF;
    RAISE EXCEPTION '{APPENDED}' USING ERRCODE = 'integrity_constraint_violation';
END
$$
"""

_SAME = "({new}) IS NOT DISTINCT FROM ({old})".format(
    new=", ".join(f"NEW.{name}" for name in DECIDED), old=", ".join(f"OLD.{name}" for name in DECIDED)
)
GUARD_DECISION = f"""
CREATE FUNCTION guard_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.voided_at IS NULL AND {_SAME} THEN RETURN NEW; END IF;
    RAISE EXCEPTION '{SIGNED}' USING ERRCODE = 'integrity_constraint_violation';
END
$$
"""


def _guard_old() -> None:
    """Events refuse every change, as they did before."""
    if op.get_bind().dialect.name == "sqlite":
        _refuse_sqlite("event", "INSERT", "EXISTS (SELECT 1 FROM event WHERE seq = NEW.seq)", APPENDED)
        _refuse_sqlite("event", "UPDATE", "TRUE", APPENDED)
        _refuse_sqlite("event", "DELETE", "TRUE", APPENDED)
        return
    refuse = f"EXECUTE FUNCTION refuse_change('{APPENDED}')"
    op.execute(f"CREATE TRIGGER guard_event BEFORE UPDATE OR DELETE ON event FOR EACH ROW {refuse}")
    op.execute(f"CREATE TRIGGER guard_event_truncate BEFORE TRUNCATE ON event FOR EACH STATEMENT {refuse}")
