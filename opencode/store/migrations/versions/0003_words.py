"""SQLite's full-text indexes: one of words, one of runs of three characters that holds no places.

An earlier 0002 made one of runs with their places.
"""

from alembic import op

from opencode.store.full_text import FULL_TEXT, has_full_text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    for trigger in ("part_said", "part_unsaid", "part_said_otherwise"):
        op.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    op.execute("DROP TABLE IF EXISTS said")
    if has_full_text(connection):
        for statement in FULL_TEXT:
            op.execute(statement)
