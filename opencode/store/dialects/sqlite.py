"""SQLite: one file in the data directory, FTS5 for search, rows of a transaction handed over as one text."""

import sqlite3
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    func,
    select,
    true,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import Insert

from opencode.errors import SettingsError
from opencode.schema.base import encode
from opencode.store.rows import Row

from . import sqlite_search, text_scan
from .base import Dialect, Engines, is_phrase, replacing, upsert_one, written_columns
from .instance_lock import lock_data_dir

READERS = 2

PAGE_BYTES = 1024
"""Of a new database. A change rewrites whole pages: short turns write less than half of what 4,096 costs."""

KEPT_LOG_BYTES = 4_000_000
"""What a log that was longer is cut to once it starts over."""

BUSY_MILLISECONDS = 5000
"""How long a statement waits for another program's lock."""

LARGE = 100_000
"""Characters of a row that is given to the driver as it is: within a text of many rows it would be copied."""

_PRAGMAS = (
    f"page_size={PAGE_BYTES}",
    "journal_mode=WAL",  # readers never wait for the writer
    "synchronous=NORMAL",  # a killed server loses nothing, a power cut little
    "wal_autocheckpoint=0",  # no commit waits for a checkpoint: see `maintenance`
    f"journal_size_limit={KEPT_LOG_BYTES}",
    "temp_store=MEMORY",  # only the data directory has to be writable
    "secure_delete=FAST",  # no page is written only to overwrite what was removed, as Debian's default does
    "foreign_keys=ON",
    f"busy_timeout={BUSY_MILLISECONDS}",
)

_READS_JSON = sqlite3.sqlite_version_info >= (3, 38)
"""Before 3.38 JSON support was a compile-time option."""

_SQLITE = sqlite.dialect()


class Sqlite(Dialect):
    name = "sqlite"
    max_values = 500

    def open(self, data_dir: Path, url: str | None) -> Engines:
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"OPENCODE_DATA_DIR: {data_dir} can't be created: {error.strerror}."
            ) from None
        lock = lock_data_dir(data_dir)
        file = data_dir / "opencode.db"
        # One connection writes, one copies the log into the file.
        engine = create_engine(
            f"sqlite:///{file}", pool_size=READERS + 2, max_overflow=0, hide_parameters=True
        )
        event.listen(engine, "connect", _prepare)
        try:
            file.touch(mode=0o600)
        except OSError as error:
            lock.release()
            raise self.cannot_open(engine, str(error.strerror)) from None
        return Engines(engine, engine, READERS, lambda: str(file), data_dir / "opencode.db-wal", lock)

    def cannot_open(self, engine: Engine, reason: str) -> SettingsError:
        return SettingsError(
            f"The database {engine.url.database} can't be opened: {reason}. Check that OPENCODE_DATA_DIR can "
            "be written to and has room; replace a damaged file by a backup, or move it away to start anew."
        )

    def begin_migration(self, connection: Connection) -> None:
        """Begin: Python's driver does not for changes of the schema, and a kill would leave half of them."""
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def upsert(self, connection: Connection, table: Table, rows: list[Row]) -> None:
        small = [row for row in rows if len(str(row.get("data", ""))) < LARGE] if _READS_JSON else []
        if len(small) > 1:
            connection.execute(_upsert_all(table), {"rows": _as_json(table, small)})
            rows = [row for row in rows if len(str(row.get("data", ""))) >= LARGE]
        for row in rows:  # one by one: a statement with all of them would hold copies of all
            connection.execute(upsert_one(Insert, table), row)

    def contains(self, column: ColumnElement[str], words: str) -> ColumnElement[bool]:
        return column.contains(words, autoescape=True)  # its LIKE knows the cases of ASCII without lower()

    def has_pending(self, connection: Connection) -> bool:
        return sqlite_search.has_pending(connection)

    def index_pending(self, connection: Connection) -> bool:
        return sqlite_search.index_pending(connection)

    def checkpoint(self, connection: Connection, truncate: bool) -> bool:
        _, in_log, copied = connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").one()
        if in_log != copied:
            return False
        if truncate:
            connection.exec_driver_sql("PRAGMA busy_timeout=0")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        return True

    def sessions_titled(self, connection: Connection, words: str) -> list[str] | None:
        return sqlite_search.sessions_titled(connection, words)

    def sessions_with_phrase(self, connection: Connection, words: str) -> Iterator[str]:
        if not is_phrase(words):
            return iter(())
        if sqlite_search.is_indexed(connection):
            return sqlite_search.sessions_with_phrase(connection, words)
        return text_scan.sessions_with_phrase(connection, words)

    def sessions_with_substring(self, connection: Connection, words: str) -> Iterator[str]:
        if sqlite_search.is_indexed(connection):
            return sqlite_search.sessions_with_substring(connection, words)
        return text_scan.sessions_with_substring(connection, words)


def _prepare(connection: Any, _: object) -> None:
    """Set up a new connection."""
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@cache
def _upsert_all(table: Table) -> Insert:
    """Return the statement that upserts all rows of one JSON text.

    The driver releases the interpreter for every row that it is given, and a thread beside a busy event loop
    waits long to get it back.
    """
    row = func.json_each(bindparam("rows", type_=Text)).table_valued("value").c.value
    names = written_columns(table)
    values = [func.json_extract(row, f"$[{place}]") for place in range(len(names))]
    insert = Insert(table).from_select(names, select(*values).where(true()))  # SQLite's grammar needs a WHERE
    statement: Insert = replacing(insert, table)
    return statement


def _as_json(table: Table, rows: list[Row]) -> str:
    processors = _processors(table)
    return encode([[process(row[name]) for name, process in processors.items()] for row in rows]).decode()


@cache
def _processors(table: Table) -> dict[str, Callable[[Any], Any]]:
    """Return by column what turns a value into the one that the driver is given."""
    types = {name: table.c[name].type.dialect_impl(_SQLITE) for name in written_columns(table)}
    return {name: kind.bind_processor(_SQLITE) or _unchanged for name, kind in types.items()}


def _unchanged(value: Any) -> Any:
    return value
