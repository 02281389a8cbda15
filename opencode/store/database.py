"""Run work on the database in threads, so that the event loop never waits for it.

An async driver hands over every cursor call separately, some ten wake-ups for one commit; one piece of work
that runs straight through in a thread costs two.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from opencode.errors import SettingsError, Unavailable
from opencode.threads import in_thread

from .dialects import Dialect, Engines
from .dialects.instance_lock import ServerLock

SLOT_SECONDS = 1.0
"""How long a read or a write waits for a connection where the database allows no more of them."""

RETRY_SECONDS = 0.05
"""Between two tries to open a connection then."""

FEWER_SECONDS = 5.0
"""How long fewer reads run at once after that."""

log = logging.getLogger(__name__)

T = TypeVar("T")


class Commits:
    """Counts commits and wakes up who waits for the next one."""

    def __init__(self) -> None:
        self.count = 0
        self._came = asyncio.Event()

    def add(self) -> None:
        self.count += 1
        self._came.set()

    def clear(self) -> None:
        """Let `wait` wait for the next commit."""
        self._came.clear()

    async def wait(self) -> None:
        await self._came.wait()


class _NoSlotError(Exception):
    """The database allows no further connection now."""


class Database:
    """One thread that writes, and a few that read beside it."""

    def __init__(self, dialect: Dialect, engines: Engines) -> None:
        self.dialect = dialect
        self.log_file = engines.log_file
        self.commits = Commits()
        self._engines = engines
        self._writing = engines.writing
        self._reading = engines.reading
        self._writer = ThreadPoolExecutor(1, "store-write")
        self._readers = ThreadPoolExecutor(engines.readers, "store-read")
        self._places = asyncio.Semaphore(engines.readers)
        self._closed_places = 0

    @property
    def place(self) -> str:
        """Where it is, without a name or a password."""
        return self._engines.place()

    def cannot_open(self, error: BaseException) -> SettingsError:
        """Return the error for a database that can't be opened."""
        return self.dialect.cannot_open(self._writing, reason(error))

    @property
    def server(self) -> ServerLock | None:
        """This server's lock among others."""
        return self._engines.server

    async def write(self, work: Callable[[Connection], T], is_commit: bool = True) -> T:
        """Run `work` in a transaction of its own; raises SQLAlchemyError.

        `is_commit`: it writes what was asked for, and is not maintenance.
        """
        result = await in_thread(self._write, work, threads=self._writer)
        if is_commit:
            self.commits.add()
        return result

    async def between_writes(self, work: Callable[[], T]) -> T:
        """Run `work` in the thread that writes, so between two transactions."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, which only reads; raises Unavailable."""
        until = 0.0
        while True:
            await self._places.acquire()
            try:
                result = await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)
            except _NoSlotError as error:
                until = until or time.monotonic() + SLOT_SECONDS
                if time.monotonic() > until:
                    self._places.release()
                    log.warning("could not read the database: %s", error)
                    raise Unavailable(
                        "The database has no connection left for this server. Try again later."
                    ) from error
                await self._close_place()
            except BaseException:
                self._places.release()
                raise
            else:
                self._places.release()
                return result

    async def _close_place(self) -> None:
        """Let one fewer read at once for a while: they take turns with the connections that there are."""
        if self._closed_places < self._engines.readers - 1:
            self._closed_places += 1
            asyncio.get_running_loop().call_later(FEWER_SECONDS, self._open_place)
        else:  # not one of them has a connection
            self._places.release()
            await asyncio.sleep(RETRY_SECONDS)

    def _open_place(self) -> None:
        self._closed_places -= 1
        self._places.release()

    async def close(self) -> None:
        """Wait for what runs, then close the connections and release the lock."""
        for threads in (self._writer, self._readers):
            await asyncio.to_thread(threads.shutdown)
        for engine in (self._writing, self._reading):
            engine.dispose()
        if self._engines.lock is not None:
            self._engines.lock.release()

    def connect(self) -> Connection:
        """Return a connection beside those of the threads; blocking."""
        return self._writing.connect()

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with self._connect_to_write() as connection, connection.begin():
            yield connection

    def _connect_to_write(self) -> Connection:
        """Return the connection that writes; if it is lost and there is no slot for another, wait for one."""
        until = time.monotonic() + SLOT_SECONDS
        while True:
            try:
                return self._writing.connect()
            except DBAPIError as error:
                if not self.dialect.is_full(error) or time.monotonic() > until:
                    raise
            time.sleep(RETRY_SECONDS)

    def _write(self, work: Callable[[Connection], T]) -> T:
        return _retry_if_lost(self._begin, work)

    def _read(self, work: Callable[[Connection], T]) -> T:
        try:
            return _retry_if_lost(self._reading.connect, work)
        except DBAPIError as error:
            if self.dialect.is_full(error):
                raise _NoSlotError(reason(error)) from None
            raise self._unreadable(error) from error
        except (SQLAlchemyError, msgspec.DecodeError) as error:
            raise self._unreadable(error) from error

    @staticmethod
    def _unreadable(error: Exception) -> Unavailable:
        log.warning("could not read the database: %s", reason(error))
        return Unavailable(f"The database can't be read: {public_reason(error)}. Try again later.")


def _retry_if_lost(
    connect: Callable[[], AbstractContextManager[Connection]], work: Callable[[Connection], T]
) -> T:
    """Run `work`; once more if the connection turns out to be lost, as after a restart of its server.

    What was written may be written twice: rows are replaced by themselves.
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
    """Return a database error's own message on one line, without the statement."""
    lines = str(getattr(error, "orig", None) or error).splitlines()
    return "; ".join(line.strip().rstrip(".") for line in lines if line.strip()).rstrip("?")


def public_reason(error: BaseException) -> str:
    """Return the part of a database error that is safe to show to clients: PostgreSQL's address is not."""
    cause: Any = getattr(error, "orig", None)
    if getattr(cause, "sqlstate", "") is None:
        return "it can't be reached; the log says why"
    return reason(error)
