"""Reaching the database without holding up the event loop: whole pieces of work are handed to threads.

An async driver hands over every cursor call of its own, some ten wake-ups for one commit; one piece of work
that runs straight through in its thread costs two.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from opencode.errors import Unavailable
from opencode.threads import in_thread

READERS = 2

CHECKPOINT_WRITES = 500
"""After so many transactions the log is copied into the file, beside the writer: it may wait for the disk."""

_PRAGMAS = (
    "journal_mode=WAL",  # readers never wait for the writer
    "synchronous=NORMAL",  # a killed server loses nothing, a power cut little
    "wal_autocheckpoint=0",  # no commit waits for a checkpoint: see CHECKPOINT_WRITES
    "foreign_keys=ON",
    "busy_timeout=5000",
)

T = TypeVar("T")


class Database:
    """One thread that writes, and a few that read meanwhile."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writes = 0
        self._writer = ThreadPoolExecutor(1, "store-write")
        self._readers = ThreadPoolExecutor(READERS, "store-read")

    @classmethod
    def sqlite(cls, path: Path) -> "Database":
        """Return the database in a file, which is made at first use."""
        engine = create_engine(
            f"sqlite:///{path}", pool_size=READERS + 1, max_overflow=0, hide_parameters=True
        )
        event.listen(engine, "connect", _prepare_sqlite)
        return cls(engine)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction of its own; raises SQLAlchemyError."""
        self._writes += 1
        if self._writes % CHECKPOINT_WRITES == 0 and self._engine.dialect.name == "sqlite":
            self._readers.submit(self._read, _checkpoint)
        return await in_thread(self._write, work, threads=self._writer)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, which only reads; raises Unavailable."""
        return await in_thread(self._read, work, threads=self._readers)

    async def close(self) -> None:
        """Wait for what runs, then close the connections."""
        for threads in (self._writer, self._readers):
            await asyncio.to_thread(threads.shutdown)
        self._engine.dispose()

    def _write(self, work: Callable[[Connection], T]) -> T:
        with self._engine.begin() as connection:
            return work(connection)

    def _read(self, work: Callable[[Connection], T]) -> T:
        try:
            with self._engine.connect() as connection:
                return work(connection)
        except (SQLAlchemyError, msgspec.DecodeError) as error:
            raise Unavailable(f"The database can't be read: {reason(error)}. Try again later.") from error


def reason(error: BaseException) -> str:
    """Return what a database's error says, in its own words, without the statement that met it."""
    return str(getattr(error, "orig", None) or error).rstrip(".")


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Set each connection up."""
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _checkpoint(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
