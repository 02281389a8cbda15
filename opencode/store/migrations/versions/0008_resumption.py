"""How many starts of the server have gone on with the answer to a prompt.

Frozen: this file imports nothing of the program.
"""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade(dialect: str) -> None:
    id_ = 'VARCHAR(64) COLLATE "C"' if dialect == "postgresql" else "VARCHAR(64)"
    op.get_bind().exec_driver_sql(
        f"""CREATE TABLE resumption (
            id {id_} NOT NULL,
            times INTEGER NOT NULL,
            CONSTRAINT pk_resumption PRIMARY KEY (id),
            CONSTRAINT fk_resumption_id FOREIGN KEY (id) REFERENCES message (id) ON DELETE CASCADE
        )"""
    )
