"""PostgreSQL: over the network, an advisory lock for each server that writes, search by trigrams."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, create_engine
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.exc import DBAPIError

from opencode.errors import SettingsError
from opencode.store.rows import Row

from . import schema_lock, text_scan
from .base import Dialect, Engines, is_phrase, upsert_one
from .instance_lock import ServerLock
from .postgres_connection import STANDBY, TRANSACTION_POOLER, Connector, is_full

READERS = 6
"""More than SQLite's: they wait for the network, not for the processor."""

_MEANINGS = {
    "session is read-only": STANDBY,
    "server is in hot standby mode": STANDBY,
    "statement pooling mode": TRANSACTION_POOLER,
    "too many clients": "raise max_connections of PostgreSQL, or run fewer servers",
}
"""What to do, by the words of libpq, PgBouncer or PostgreSQL."""


class Postgres(Dialect):
    name = "postgresql"
    max_values = 500

    def open(self, data_dir: Path, url: str | None) -> Engines:
        assert url is not None
        connector = Connector(url)
        common: dict[str, Any] = {"max_overflow": 0, "hide_parameters": True}
        writing = create_engine("postgresql+psycopg://", pool_size=1, **common)
        # A transaction would begin and end with a round trip each, and read nothing else.
        reading = create_engine(
            "postgresql+psycopg://",
            pool_size=READERS,
            isolation_level="AUTOCOMMIT",
            pool_reset_on_return=None,
            **common,
        )
        server = ServerLock()
        connector.attach(writing, reading, server.take)
        return Engines(writing, reading, READERS, lambda: connector.place, server=server)

    def cannot_open(self, engine: Engine, reason: str) -> SettingsError:
        for said, meaning in _MEANINGS.items():
            if said in reason:
                reason = f"{reason}: {meaning}"
        return SettingsError(f"OPENCODE_DATABASE_URL can't be opened: {reason}.")

    def is_full(self, error: DBAPIError) -> bool:
        return is_full(error)

    def begin_migration(self, connection: Connection) -> None:
        """Do nothing: its driver begins a transaction for changes of the schema too."""

    def lock_schema(self, connection: Connection, exclusively: bool) -> bool:
        return schema_lock.lock_schema(connection, exclusively)

    def other_servers(self, connection: Connection) -> list[str]:
        return schema_lock.other_servers(connection)

    def upsert(self, connection: Connection, table: Table, rows: list[Row]) -> None:
        connection.execute(upsert_one(Insert, table), rows)

    def contains(self, column: ColumnElement[str], words: str) -> ColumnElement[bool]:
        return column.icontains(words, autoescape=True)

    def sessions_titled(self, connection: Connection, words: str) -> list[str] | None:
        return None

    def sessions_with_phrase(self, connection: Connection, words: str) -> Iterator[str]:
        return text_scan.sessions_with_phrase(connection, words) if is_phrase(words) else iter(())

    def sessions_with_substring(self, connection: Connection, words: str) -> Iterator[str]:
        return text_scan.sessions_with_substring(connection, words)
