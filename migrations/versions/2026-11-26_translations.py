"""Translations of the protocols' texts."""

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "translation",
        sa.Column("trial_id", sa.Integer(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.CheckConstraint("length(source) = 12", name=op.f("ck_translation_source")),
        sa.CheckConstraint("status IN ('draft', 'reviewed')", name=op.f("ck_translation_status")),
        sa.ForeignKeyConstraint(["trial_id"], ["trial.id"], name=op.f("fk_translation_trial_id")),
        sa.PrimaryKeyConstraint("trial_id", "language", "path", "source", name=op.f("pk_translation")),
    )


def downgrade() -> None:
    op.drop_table("translation")
