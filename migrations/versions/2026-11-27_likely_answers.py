"""Questions say how likely each of their answers is.

The column stays empty for the questions that are there: empty stands for nothing said.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column("question", sa.Column("likely", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.drop_column("question", "likely")
