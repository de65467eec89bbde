"""How migrations run: all of them in one transaction, on SQLite as well, so that a failure leaves nothing behind.

The application hands its connection over (see `app.store.migrate`); the alembic command line has none
and opens the database that the environment names.
"""

import os

from alembic import context
from sqlalchemy import Connection, text

from app.settings import Settings
from app.store.db import engine
from app.store.models import Base


def migrate(connection: Connection) -> None:
    """Run the migrations asked for; when several programs try at once, one does and the others wait."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transactional_ddl=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = '1min'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(5086315)"))
        context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("migrations need a database; there is no --sql mode")

handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    migrate(handed_over)
else:
    opened = engine(Settings.from_environment(os.environ).database_url)
    with opened.connect() as connection:
        migrate(connection)
    opened.dispose()
