"""Reaching the database without holding up the event loop: whole pieces of work are handed to threads.

An async driver hands over every cursor call of its own, some ten wake-ups for one commit; one piece of work
that runs straight through in its thread costs two.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from opencode.errors import Unavailable
from opencode.threads import in_thread

from .instance_lock import lock_postgres

READERS = 2
POSTGRES_READERS = 6
"""More, for they wait for the network, not for the processor."""

_POSTGRES = {
    "application_name": "opencode-api",
    "connect_timeout": 10,  # seconds, as those of keepalives
    "tcp_user_timeout": 30_000,  # milliseconds without an acknowledgement
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""What each connection is made with: one that leads nowhere is given up within a minute."""

CHECKPOINT_WRITES = 500
"""After so many transactions the log is copied into the file, beside the writer: it may wait for the disk."""

_PRAGMAS = (
    "journal_mode=WAL",  # readers never wait for the writer
    "synchronous=NORMAL",  # a killed server loses nothing, a power cut little
    "wal_autocheckpoint=0",  # no commit waits for a checkpoint: see CHECKPOINT_WRITES
    "foreign_keys=ON",
    "busy_timeout=5000",
)

log = logging.getLogger(__name__)

T = TypeVar("T")


class Database:
    """One thread that writes, and a few that read meanwhile."""

    def __init__(self, writing: Engine, reading: Engine, readers: int) -> None:
        self._writing = writing
        self._reading = reading
        self._writes = 0
        self._writer = ThreadPoolExecutor(1, "store-write")
        self._readers = ThreadPoolExecutor(readers, "store-read")

    @classmethod
    def sqlite(cls, path: Path) -> "Database":
        """Return the database in a file, which is made at first use."""
        engine = create_engine(
            f"sqlite:///{path}", pool_size=READERS + 1, max_overflow=0, hide_parameters=True
        )
        event.listen(engine, "connect", _prepare_sqlite)
        return cls(engine, engine, READERS)

    @classmethod
    def postgres(cls, url: str) -> "Database":
        """Return the database at an address, claimed for this server by the connection that writes."""
        address = make_url(url).set(drivername="postgresql+psycopg")
        common: dict[str, Any] = {"max_overflow": 0, "hide_parameters": True, "connect_args": _POSTGRES}
        writing = create_engine(address, pool_size=1, **common)
        # A transaction would begin and end with a round trip each, and read nothing else.
        reading = create_engine(
            address,
            pool_size=POSTGRES_READERS,
            isolation_level="AUTOCOMMIT",
            pool_reset_on_return=None,
            **common,
        )
        event.listen(writing, "connect", lambda connection, _: lock_postgres(connection))
        return cls(writing, reading, POSTGRES_READERS)

    @property
    def place(self) -> str:
        """Where it is, without a name or a password."""
        url = self._writing.url
        return f"PostgreSQL, {url.database} at {url.host}" if url.host else str(url.database)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction of its own; raises SQLAlchemyError."""
        self._writes += 1
        if self._writes % CHECKPOINT_WRITES == 0 and self._writing.dialect.name == "sqlite":
            self._readers.submit(self._read, _checkpoint)
        return await in_thread(self._write, work, threads=self._writer)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, which only reads; raises Unavailable."""
        return await in_thread(self._read, work, threads=self._readers)

    async def close(self) -> None:
        """Wait for what runs, then close the connections."""
        for threads in (self._writer, self._readers):
            await asyncio.to_thread(threads.shutdown)
        for engine in (self._writing, self._reading):
            engine.dispose()

    def _write(self, work: Callable[[Connection], T]) -> T:
        return _again_where_lost(self._writing.begin, work)

    def _read(self, work: Callable[[Connection], T]) -> T:
        try:
            return _again_where_lost(self._reading.connect, work)
        except (SQLAlchemyError, msgspec.DecodeError) as error:
            log.warning("could not read the database: %s", reason(error))
            raise Unavailable(f"The database can't be read: {told(error)}. Try again later.") from error


def _again_where_lost(
    connect: Callable[[], AbstractContextManager[Connection]], work: Callable[[Connection], T]
) -> T:
    """Run `work`; once more where the connection turns out to be lost, for its server was restarted, say.

    Whatever is written may be written twice: rows are replaced by themselves.
    """
    try:
        with connect() as connection:
            return work(connection)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    with connect() as connection:
        return work(connection)


def reason(error: BaseException) -> str:
    """Return what a database's error says, in its own words, on one line and without the statement."""
    lines = str(getattr(error, "orig", None) or error).splitlines()
    return "; ".join(line.strip().rstrip(".") for line in lines if line.strip()).rstrip("?")


def told(error: BaseException) -> str:
    """Return of a database's error what clients may know: the log alone tells where PostgreSQL is."""
    found: Any = getattr(error, "orig", None)
    if getattr(found, "sqlstate", "") is None:
        return "it can't be reached; the log says why"
    return reason(error)


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Set each connection up."""
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _checkpoint(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
