"""Questions say what their answers are likely to settle, what they cost to find out, and which calculator is theirs.

The columns stay empty for the questions that are there: empty stands for the default.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

COLUMNS = {"decides": sa.Float(53), "burden": sa.Float(53), "asking_source": sa.Text(), "calculator": sa.Text()}


def upgrade() -> None:
    for name, type_ in COLUMNS.items():
        op.add_column("question", sa.Column(name, type_, nullable=True))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("question", name)
