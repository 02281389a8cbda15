"""Full-text indexes: of words, of runs of three characters without their places, of titles.

An earlier 0002 made one of runs with their places.
"""

import sqlalchemy as sa
from alembic import op

from opencode.store.full_text import FULL_TEXT, has_full_text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _index_sqlite()
    else:
        _index_postgres()


def _index_sqlite() -> None:
    for trigger in ("part_said", "part_unsaid", "part_said_otherwise"):
        op.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    op.execute("DROP TABLE IF EXISTS said")
    if has_full_text(op.get_bind()):
        for statement in FULL_TEXT:
            op.execute(statement)


def _index_postgres() -> None:
    """Where its extension for it can be had: it is the database's owner's choice."""
    connection = op.get_bind()
    wanted = "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'"
    if connection.execute(sa.text(wanted)).first() is None:
        return
    try:
        with connection.begin_nested():
            op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except sa.exc.DBAPIError:
        return
    op.execute("CREATE INDEX ix_part_said ON part USING gin (data gin_trgm_ops) WHERE searchable")
