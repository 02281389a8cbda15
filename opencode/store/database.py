"""Reaching the database without holding up the event loop: whole pieces of work are handed to threads.

An async driver hands over every cursor call of its own, some ten wake-ups for one commit; one piece of work
that runs straight through in its thread costs two.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from opencode.errors import Unavailable

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

USUAL_SECONDS = 0.005
"""What a thread's work may take before the event loop stands aside for it, and from one time to the next."""

ASIDE_SECONDS = 0.0001
"""For how long: enough for a thread to wake up."""

T = TypeVar("T")
W = TypeVar("W")


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
        return await _in_thread(self._writer, self._write, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, which only reads; raises Unavailable."""
        return await _in_thread(self._readers, self._read, work)

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


async def _in_thread(threads: ThreadPoolExecutor, run: Callable[[W], T], work: W) -> T:
    """Have a thread run `work`, also beside an event loop that never rests.

    A thread that wants the interpreter waits until nobody has let go of it for a while, and only then asks.
    A busy loop lets go at each of its turns, too shortly to be caught up with: it can keep a thread out for
    seconds. So where work takes longer than usual the loop stands aside now and then.
    """
    loop = asyncio.get_running_loop()
    result = loop.run_in_executor(threads, run, work)
    aside = loop.call_later(USUAL_SECONDS, _stand_aside, loop, result)
    try:
        return await result
    finally:
        aside.cancel()


def _stand_aside(loop: asyncio.AbstractEventLoop, result: asyncio.Future[T]) -> None:
    if not result.done():
        time.sleep(ASIDE_SECONDS)
        loop.call_later(USUAL_SECONDS, _stand_aside, loop, result)


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
