"""Secrets that servers share, and the oldest revision whose servers can live with this database.

Frozen: this file imports nothing of the program.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
compatible = False


def upgrade(dialect: str) -> None:
    bytes_ = "BYTEA" if dialect == "postgresql" else "BLOB"
    connection = op.get_bind()
    connection.exec_driver_sql(
        f"""CREATE TABLE secret (
            id TEXT NOT NULL,
            time BIGINT NOT NULL,
            is_sealed BOOLEAN NOT NULL,
            data {bytes_} NOT NULL,
            CONSTRAINT pk_secret PRIMARY KEY (id)
        )"""
    )
    connection.exec_driver_sql(
        """CREATE TABLE schema_compatibility (
            oldest TEXT NOT NULL,
            CONSTRAINT pk_schema_compatibility PRIMARY KEY (oldest)
        )"""
    )
    connection.exec_driver_sql("INSERT INTO schema_compatibility (oldest) VALUES ('0009')")
