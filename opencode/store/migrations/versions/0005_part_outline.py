"""Outlines of parts with large files: pages read these instead of the files' content.

Frozen: this file imports nothing of the program. Parts that are stored already have no outline; they are read
whole, and outlined then.
"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade(dialect: str) -> None:
    id_ = 'VARCHAR(64) COLLATE "C"' if dialect == "postgresql" else "VARCHAR(64)"
    op.get_bind().exec_driver_sql(
        f"""CREATE TABLE part_outline (
            id {id_} NOT NULL,
            data TEXT NOT NULL,
            CONSTRAINT pk_part_outline PRIMARY KEY (id),
            CONSTRAINT fk_part_outline_id FOREIGN KEY (id) REFERENCES part (id) ON DELETE CASCADE
        )"""
    )
