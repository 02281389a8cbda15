"""The servers that share the database, and the leases of conversations.

Frozen: this file imports nothing of the program.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
compatible = False


def upgrade(dialect: str) -> None:
    id_ = 'VARCHAR(64) COLLATE "C"' if dialect == "postgresql" else "VARCHAR(64)"
    connection = op.get_bind()
    connection.exec_driver_sql(
        f"""CREATE TABLE server (
            id {id_} NOT NULL,
            lock INTEGER NOT NULL,
            address TEXT NOT NULL,
            token TEXT NOT NULL,
            started BIGINT NOT NULL,
            beat BIGINT NOT NULL,
            CONSTRAINT pk_server PRIMARY KEY (id)
        )"""
    )
    connection.exec_driver_sql(
        f"""CREATE TABLE lease (
            id {id_} NOT NULL,
            server {id_} NOT NULL,
            is_given BOOLEAN NOT NULL,
            CONSTRAINT pk_lease PRIMARY KEY (id)
        )"""
    )
    connection.exec_driver_sql("CREATE INDEX ix_lease_server ON lease (server)")
