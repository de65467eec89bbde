"""Edit checks: answers that hardly go together, and the rule node that holds an interval against an age.

SQLite cannot change a check constraint, so the two tables of rules are made anew there, with what they
hold, their indexes and their triggers. Going back loses the edit checks, also of a published protocol.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

FIXED = "a published protocol cannot change"
# The kinds of rule node before and after the new one.
BEFORE = "'always', 'all', 'any', 'not', 'yes', 'is', 'includes', 'compare', 'elapsed'"
AFTER = "'reading', 'part', 'term'"
OWNERS = "'question', 'term', 'criterion', 'cohort', 'part'"
# Each check constraint of rule_node that changes: its name, what it was, what it is.
CHANGES = (
    ("kind", f"kind IN ({BEFORE}, {AFTER})", f"kind IN ({BEFORE}, 'exceeds_age', {AFTER})"),
    ("owner_kind", f"owner_kind IN ({OWNERS})", f"owner_kind IN ({OWNERS}, 'edit_check')"),
    (
        "fact_fits_kind",
        "(fact IS NOT NULL) = (kind IN ('yes', 'is', 'includes', 'compare', 'elapsed'))",
        "(fact IS NOT NULL) = (kind IN ('yes', 'is', 'includes', 'compare', 'elapsed', 'exceeds_age'))",
    ),
    (
        "name_fits_kind",
        "(name IS NOT NULL) = (kind IN ('reading', 'part', 'term'))",
        "(name IS NOT NULL) = (kind IN ('exceeds_age', 'reading', 'part', 'term'))",
    ),
    (
        "unit_fits_kind",
        "(unit IS NOT NULL) = (kind IN ('elapsed'))",
        "(unit IS NOT NULL) = (kind IN ('elapsed', 'exceeds_age'))",
    ),
)
OF_CHECKS = (
    "rule_option WHERE (protocol_id, node_id) IN (SELECT protocol_id, id FROM rule_node WHERE owner_kind = 'edit_check')",
    "rule_node WHERE owner_kind = 'edit_check'",
)


def upgrade() -> None:
    op.create_table(
        "edit_check",
        sa.Column("protocol_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["protocol_id"], ["protocol.id"], name=op.f("fk_edit_check_protocol_id")),
        sa.PrimaryKeyConstraint("protocol_id", "code", name=op.f("pk_edit_check")),
    )
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
        _rebuild_sqlite([(before, after) for _, before, after in CHANGES])
    else:
        _guard_postgresql()
        _constrain([(name, after) for name, _, after in CHANGES])


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_sqlite([(after, before) for _, before, after in CHANGES], without_checks=True)
    else:
        for table in ("rule_option", "rule_node"):
            op.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for rows in OF_CHECKS:
            op.execute(f"DELETE FROM {rows}")
        for table in ("rule_option", "rule_node"):
            op.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        _constrain([(name, before) for name, before, _ in CHANGES])
    op.drop_table("edit_check")


def _guard_sqlite() -> None:
    for verb, rows in (("INSERT", "NEW"), ("UPDATE", "OLD NEW"), ("DELETE", "OLD")):
        owners = ", ".join(f"{row}.protocol_id" for row in rows.split())
        op.execute(
            f"CREATE TRIGGER guard_edit_check_{verb.lower()} BEFORE {verb} ON edit_check"
            f" WHEN EXISTS (SELECT 1 FROM protocol WHERE id IN ({owners}) AND status <> 'draft')"
            f" BEGIN SELECT RAISE(ABORT, '{FIXED}'); END"
        )


def _guard_postgresql() -> None:
    op.execute(
        "CREATE TRIGGER guard_edit_check BEFORE INSERT OR UPDATE OR DELETE ON edit_check"
        " FOR EACH ROW EXECUTE FUNCTION guard_protocol_row()"
    )
    op.execute(
        "CREATE TRIGGER guard_edit_check_truncate BEFORE TRUNCATE ON edit_check"
        f" FOR EACH STATEMENT EXECUTE FUNCTION refuse_change('{FIXED}')"
    )


def _constrain(conditions: list[tuple[str, str]]) -> None:
    for name, condition in conditions:
        op.drop_constraint(op.f(f"ck_rule_node_{name}"), "rule_node", type_="check")
        op.create_check_constraint(op.f(f"ck_rule_node_{name}"), "rule_node", condition)


def _rebuild_sqlite(changes: list[tuple[str, str]], without_checks: bool = False) -> None:
    """Make rule_node and rule_option anew; their triggers come back last, as they refuse the rows of what is fixed."""
    tables = ("rule_node", "rule_option")
    made = {
        kind: list(
            op.get_bind().scalars(
                sa.text(
                    "SELECT sql FROM sqlite_master WHERE type = :kind AND sql IS NOT NULL"
                    " AND tbl_name IN ('rule_node', 'rule_option') ORDER BY name"
                ),
                {"kind": kind},
            )
        )
        for kind in ("table", "index", "trigger")
    }
    for table in tables:
        op.execute(f"CREATE TEMPORARY TABLE kept_{table} AS SELECT * FROM {table}")
    for rows in OF_CHECKS if without_checks else ():
        op.execute(f"DELETE FROM kept_{rows.replace('FROM rule_node', 'FROM kept_rule_node')}")
    for table in reversed(tables):
        op.drop_table(table)
    for statement in made["table"]:
        for before, after in changes:
            statement = statement.replace(before, after)
        op.get_bind().exec_driver_sql(statement)
    for table in tables:
        op.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
        op.execute(f"DROP TABLE kept_{table}")
    for statement in made["index"] + made["trigger"]:
        op.get_bind().exec_driver_sql(statement)
