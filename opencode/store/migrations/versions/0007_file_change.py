"""Changes of files by tools. Frozen: this file imports nothing of the program."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade(dialect: str) -> None:
    id_ = 'VARCHAR(64) COLLATE "C"' if dialect == "postgresql" else "VARCHAR(64)"
    connection = op.get_bind()
    connection.exec_driver_sql(
        f"""CREATE TABLE file_change (
            id {id_} NOT NULL,
            session_id {id_} NOT NULL,
            root_id {id_} NOT NULL,
            data TEXT NOT NULL,
            content TEXT,
            CONSTRAINT pk_file_change PRIMARY KEY (id),
            CONSTRAINT fk_file_change_session_id FOREIGN KEY (session_id) REFERENCES session (id)
                ON DELETE CASCADE
        )"""
    )
    connection.exec_driver_sql("CREATE INDEX ix_file_change_session_id ON file_change (session_id)")
    connection.exec_driver_sql("CREATE INDEX ix_file_change_root_id_id ON file_change (root_id, id)")
