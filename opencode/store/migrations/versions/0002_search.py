"""Parts get a number, by which SQLite's full-text indexes name them; every list of sessions gets an index."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_IS_SEARCHABLE = (
    "json_extract(data, '$.type') = 'text' AND (json_extract(data, '$.time') IS NULL "
    "OR json_extract(data, '$.time.end') IS NOT NULL)"
)


def upgrade() -> None:
    connection = op.get_bind()
    op.drop_index("ix_session_time_updated_id", "session")
    op.drop_index("ix_session_parent_id", "session")
    sqlite = connection.dialect.name == "sqlite"
    title = ["title"] if sqlite else []  # PostgreSQL's indexes hold no more than 2,704 bytes
    op.create_index("ix_session_time_updated_id_title", "session", ["time_updated", "id", *title])
    op.create_index(
        "ix_session_parent_id_time_updated_id_title", "session", ["parent_id", "time_updated", "id", *title]
    )
    op.add_column("session", sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()))
    told = "data::jsonb #>> '{metadata,pinned}' = 'true'"
    if sqlite:
        told = "json_extract(data, '$.metadata.pinned')"
    op.execute(f"UPDATE session SET pinned = true WHERE {told}")
    only = sa.text("pinned IS 1") if sqlite else sa.text("pinned IS TRUE")
    op.create_index(
        "ix_session_pinned",
        "session",
        ["parent_id", "time_updated", "id"],
        sqlite_where=only,
        postgresql_where=only,
    )
    if sqlite:
        _number_parts_anew()
    else:
        _number_parts_in_place()


def _number_parts_anew() -> None:
    """SQLite can't change a primary key: make the table anew."""
    op.create_table(
        "part_numbered",
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("searchable", sa.Boolean, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_part"),
        sa.UniqueConstraint("id", name="uq_part_id"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["session.id"], name="fk_part_session_id", ondelete="CASCADE"
        ),
    )
    op.execute(
        "INSERT INTO part_numbered (id, session_id, message_id, searchable, data) "
        f"SELECT id, session_id, message_id, {_IS_SEARCHABLE}, data FROM part ORDER BY id"
    )
    op.drop_table("part")
    op.rename_table("part_numbered", "part")
    op.create_index("ix_part_session_id_message_id_id", "part", ["session_id", "message_id", "id"])


def _number_parts_in_place() -> None:
    op.add_column("part", sa.Column("searchable", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE part SET searchable = true WHERE data::jsonb->>'type' = 'text' "
        "AND (data::jsonb->'time' IS NULL OR data::jsonb->'time'->'end' IS NOT NULL)"
    )
    op.alter_column("part", "searchable", server_default=None)
    op.drop_constraint("pk_part", "part")
    op.execute("ALTER TABLE part ADD COLUMN number BIGSERIAL CONSTRAINT pk_part PRIMARY KEY")
    op.create_unique_constraint("uq_part_id", "part", ["id"])
