"""The interface of a dialect: everything that one database does differently from the other."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import ColumnElement, Connection, Engine, Table
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.exc import DBAPIError

from opencode.errors import SettingsError
from opencode.store.rows import Row

from .instance_lock import ServerLock

Insert = SqliteInsert | PostgresInsert


@dataclass(frozen=True)
class Engines:
    """An opened database: one connection that writes, `readers` that read beside it.

    `place`: returns where the database is, without a user name or a password. `log_file`: the write-ahead log
    that has to be checkpointed. `lock`: held until the server stops. `server`: its lock
    among others, None where there can't be any.
    """

    writing: Engine
    reading: Engine
    readers: int
    place: Callable[[], str]
    log_file: Path | None = None
    lock: FileLock | None = None
    server: ServerLock | None = None


class Dialect(ABC):
    """One kind of database. Stateless: every method is given the connection or the location."""

    name: str
    """As SQLAlchemy calls it."""

    max_values: int
    """How many values one statement may name."""

    @abstractmethod
    def open(self, data_dir: Path, url: str | None) -> Engines:
        """Return engines for the database and take its lock; raises SettingsError."""

    @abstractmethod
    def cannot_open(self, engine: Engine, reason: str) -> SettingsError:
        """Return the error for a database that can't be opened: which, why, and what to do."""

    def is_full(self, error: DBAPIError) -> bool:
        """Return whether a connection failed because the database has as many as it allows."""
        return False

    @abstractmethod
    def begin_migration(self, connection: Connection) -> None:
        """Begin the transaction in which the schema changes, where the driver does not."""

    def lock_schema(self, connection: Connection, exclusively: bool) -> bool:
        """Keep other servers from changing the schema until the transaction ends, or from looking at it.

        Returns whether that was possible at once.
        """
        return True

    def other_servers(self, connection: Connection) -> list[str]:
        """Return the newest revision that each other server of this database knows."""
        return []

    @abstractmethod
    def upsert(self, connection: Connection, table: Table, rows: list[Row]) -> None:
        """Insert rows, or replace the rows with the same ids. The database chooses `number`."""

    @abstractmethod
    def contains(self, column: ColumnElement[str], words: str) -> ColumnElement[bool]:
        """Return the condition that a column contains `words` in any case of its letters."""

    def has_pending(self, connection: Connection) -> bool:
        """Return whether committed texts or titles are not in the search indexes yet."""
        return False

    def index_pending(self, connection: Connection) -> bool:
        """Enter some of these into the search indexes; return whether more wait."""
        return False

    def checkpoint(self, connection: Connection, truncate: bool) -> bool:
        """Copy the write-ahead log into the database; return whether all of it was copied.

        `truncate`: empty the log then, unless someone reads or writes. Never waits for either.
        """
        return True

    @abstractmethod
    def sessions_titled(self, connection: Connection, words: str) -> list[str] | None:
        """Return the ids of the few sessions that may have `words` in the title; None if it may be any."""

    @abstractmethod
    def sessions_with_phrase(self, connection: Connection, words: str) -> Iterator[str]:
        """Yield the ids of the sessions with a text that has `words` in a row, the newest text's first.

        Case and the punctuation between words do not count. Yields nothing if `words` has more than letters,
        digits and spaces: `sessions_with_substring` finds those.
        """

    @abstractmethod
    def sessions_with_substring(self, connection: Connection, words: str) -> Iterator[str]:
        """Yield the ids of the sessions with `words` anywhere in a text, the newest text's first."""


def is_phrase(words: str) -> bool:
    """Return whether `words` has letters, digits and spaces alone."""
    return all(character.isalnum() or character.isspace() for character in words)


@cache
def written_columns(table: Table) -> list[str]:
    """Return the columns that a row gives; `number` is chosen by the database."""
    return [column.name for column in table.c if column.name != "number"]


@cache
def upsert_one(kind: type[Insert], table: Table) -> Insert:
    """Return the statement that inserts one row, or replaces the row with its id."""
    statement: Insert = replacing(kind(table), table)
    return statement


def replacing(insert: Any, table: Table) -> Any:
    """Let an insert replace rows with the same ids, but for columns that never change, and their indexes."""
    changing = (name for name in written_columns(table) if not table.c[name].info.get("constant"))
    values = {name: insert.excluded[name] for name in changing}
    return insert.on_conflict_do_update(index_elements=["id"], set_=values)


def newest_first(found: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Yield the sessions of numbered texts, each once, the highest number's first."""
    yield from dict.fromkeys(session_id for _, session_id in sorted(found, reverse=True))
