"""Sessions, messages, parts and todos."""

import sqlalchemy as sa
from alembic import op

from opencode.store.tables import Id

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "session",
        sa.Column("id", Id, nullable=False),
        sa.Column("parent_id", Id),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("time_updated", sa.BigInteger, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
    )
    op.create_index("ix_session_time_updated_id", "session", ["time_updated", "id"])
    op.create_index("ix_session_parent_id", "session", ["parent_id"])
    op.create_table(
        "message",
        sa.Column("id", Id, nullable=False),
        sa.Column("session_id", Id, nullable=False),
        sa.Column("unfinished", sa.Boolean, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["session.id"], name="fk_message_session_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_message_session_id_id", "message", ["session_id", "id"])
    op.create_index("ix_message_unfinished", "message", ["unfinished"])
    op.create_table(
        "part",
        sa.Column("id", Id, nullable=False),
        sa.Column("session_id", Id, nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_part"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["session.id"], name="fk_part_session_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_part_session_id_message_id_id", "part", ["session_id", "message_id", "id"])
    op.create_table(
        "todo",
        sa.Column("session_id", Id, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("session_id", "position", name="pk_todo"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["session.id"], name="fk_todo_session_id", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    for table in ("todo", "part", "message", "session"):
        op.drop_table(table)
