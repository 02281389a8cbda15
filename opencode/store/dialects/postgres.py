"""PostgreSQL: over the network, one advisory lock for the server that writes, search by trigrams."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.exc import SQLAlchemyError

from opencode.errors import SettingsError
from opencode.store.rows import Row

from . import text_scan
from .base import Dialect, Engines, is_phrase, upsert_one
from .instance_lock import lock_postgres

READERS = 6
"""More than SQLite's: they wait for the network, not for the processor."""

_CONNECTION = {
    "application_name": "opencode-api",
    "connect_timeout": 10,  # seconds, as those of keepalives
    "tcp_user_timeout": 30_000,  # milliseconds without an acknowledgement
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""A connection that leads nowhere is given up within a minute."""


class Postgres(Dialect):
    name = "postgresql"
    max_values = 500

    def open(self, data_dir: Path, url: str | None) -> Engines:
        assert url is not None
        try:
            address = make_url(url).set(drivername="postgresql+psycopg")
            common: dict[str, Any] = {"max_overflow": 0, "hide_parameters": True, "connect_args": _CONNECTION}
            writing = create_engine(address, pool_size=1, **common)
            # A transaction would begin and end with a round trip each, and read nothing else.
            reading = create_engine(
                address, pool_size=READERS, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, **common
            )
        except (SQLAlchemyError, ValueError):
            raise SettingsError(
                "OPENCODE_DATABASE_URL is not an address of a PostgreSQL database: it looks like "
                "postgresql://USER:PASSWORD@HOST:5432/NAME."
            ) from None
        event.listen(writing, "connect", lambda connection, _: lock_postgres(connection))
        return Engines(writing, reading, READERS)

    def place(self, engine: Engine) -> str:
        return f"PostgreSQL, {engine.url.database} at {engine.url.host}"

    def cannot_open(self, engine: Engine, reason: str) -> SettingsError:
        return SettingsError(f"OPENCODE_DATABASE_URL can't be opened: {reason}.")

    def begin_migration(self, connection: Connection) -> None:
        """Do nothing: its driver begins a transaction for changes of the schema too."""

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
