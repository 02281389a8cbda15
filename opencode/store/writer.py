"""Write-behind: collects changes for a short time and writes them in one transaction for all sessions."""

import asyncio
import logging
from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, Table, delete, text
from sqlalchemy.exc import DatabaseError, InternalError, OperationalError

from opencode import observe
from opencode.errors import Unavailable

from . import tables
from .changes import Batch, ChangeRecorder, Changes, Render, merged, render
from .database import Database, public_reason, reason
from .history_cache import HistoryCache
from .upsert import upsert

FLUSH_SECONDS = 0.2
"""How long a change waits for others. Users are promised that text is stored within 0.25 s."""

GONE_KEPT = 10_000
"""How many removed sessions are remembered, so that late changes to them are dropped."""

DROPPED = "The change could not be stored; see the server's log."

log = logging.getLogger(__name__)


class Unit(ChangeRecorder):
    """Changes that are written together or not at all. A unit that fails is not retried."""

    def __init__(self, writer: "Writer") -> None:
        self._writer = writer
        self.changes: Changes = {}
        self.removed: list[str] = []

    def remove_session(self, session_id: str) -> None:
        """Remove a session with its messages, parts and todos; later changes to it are dropped."""
        self.removed.append(session_id)

    async def commit(self) -> None:
        """Wait until the unit is on disk; raises Unavailable if it can't be written, with nothing changed."""
        await self._writer.write(self)

    def _put(self, session_id: str, table: Table, key: str, render: Render) -> None:
        self.changes.setdefault(session_id, {})[table.name, key] = render


Waiters = dict[Unit | str | None, list[asyncio.Future[None]]]
"""The waiters for a unit, for a session's changes, or (None) for all changes."""


class FlushJob(msgspec.Struct):
    """The work of one flush: changes that are retried until they are written, units, and waiters."""

    dirty: Changes
    units: list[Unit]
    waiters: Waiters

    @property
    def removed(self) -> list[str]:
        return [session_id for unit in self.units for session_id in unit.removed]

    def batch(self) -> Batch:
        changes = self.dirty
        for unit in self.units:
            changes = merged(changes, unit.changes)
        return render(changes, self.removed)

    def concerns(self, session_id: str) -> bool:
        return session_id in self.dirty or any(
            session_id in unit.changes or session_id in unit.removed for unit in self.units
        )

    def count(self) -> int:
        """Return the number of rows to write."""
        changes = [self.dirty, *(unit.changes for unit in self.units)]
        return sum(len(rows) for each in changes for rows in each.values()) + len(self.removed)

    def before(self, later: "FlushJob") -> "FlushJob":
        """Return this job merged with a later one, whose changes take precedence."""
        waiters = {
            key: [*self.waiters.get(key, []), *later.waiters.get(key, [])]
            for key in self.waiters | later.waiters
        }
        return FlushJob(merged(self.dirty, later.dirty), [*self.units, *later.units], waiters)

    def pieces(self) -> Iterator["FlushJob"]:
        """Yield a job for each session and each unit, with its own waiters, to be written one by one."""
        for session_id, changes in self.dirty.items():
            yield FlushJob({session_id: changes}, [], {session_id: self.waiters.pop(session_id, [])})
        for unit in self.units:
            yield FlushJob({}, [unit], {unit: self.waiters.pop(unit, [])})


class Writer:
    """The only writer of the database.

    `put` never waits, and its changes are retried until they are written. `commit` returns when all earlier
    changes are on disk. Simultaneous commits share one transaction.
    """

    def __init__(self, database: Database, history_cache: HistoryCache) -> None:
        self._database = database
        self._history_cache = history_cache
        self._next = FlushJob({}, [], {})
        self._now = FlushJob({}, [], {})
        self._gone: dict[str, None] = {}
        self._wanted = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.failure: str | None = None
        """Why the last transaction failed, None if it succeeded. Writes are retried until one succeeds."""

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="store-writer")

    async def close(self) -> None:
        """Write all pending changes, then stop; later commits fail with Unavailable."""
        if self._task is None:
            return
        self._closing = True
        self._wanted.set()
        await asyncio.wait({self._task})
        if self._task.cancelled():  # by a stop of the event loop, which cancels all tasks
            work, self._next = self._now.before(self._next), FlushJob({}, [], {})
            await self._flush(work)
        if self._next.dirty:
            log.error(
                "the last changes of these sessions could not be written: %s", ", ".join(self._next.dirty)
            )

    def put(self, session_id: str, table: Table, key: str, render: Render) -> None:
        """Record a change. `render` is called at the time of the write, so many changes become one write."""
        if session_id in self._gone:
            return
        self._next.dirty.setdefault(session_id, {})[table.name, key] = render
        self._flush_soon()

    def is_gone(self, session_id: str) -> bool:
        """Return whether a session was removed since the start."""
        return session_id in self._gone

    def pending(self, session_id: str | None = None) -> bool:
        """Return whether changes of a session, or of any session, are waiting or being written."""
        if session_id is None:
            return any(work.dirty or work.units for work in (self._next, self._now))
        return self._next.concerns(session_id) or self._now.concerns(session_id)

    def count(self) -> int:
        """Return the number of changes that are waiting or being written."""
        return self._next.count() + self._now.count()

    def commit(self, session_id: str | None = None) -> asyncio.Future[None]:
        """Write all changes so far; the future is done when those of the session, or all, are on disk.

        It fails with Unavailable if they can't be written.
        """
        return self._written(session_id)

    def write(self, unit: Unit) -> asyncio.Future[None]:
        """Write a unit and all changes so far in one transaction; return a future like that of `commit`."""
        self._next.units.append(unit)
        return self._written(unit)

    def _written(self, what: Unit | str | None) -> asyncio.Future[None]:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._closing:
            waiter.set_exception(Unavailable("The database is closed: the server is stopping."))
        else:
            self._next.waiters.setdefault(what, []).append(waiter)
            self._wanted.set()
        return waiter

    def _flush_soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._wanted.set)

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            work = self._now = self._next
            self._next = FlushJob({}, [], {})
            await self._flush(work)
            self._now = FlushJob({}, [], {})
            if self._closing:
                return
            if self._next.dirty or self.failure is not None:
                self._flush_soon()

    async def _flush(self, work: FlushJob) -> None:
        """Write a job in one transaction; piece by piece if the changes themselves are invalid."""
        try:
            await self._transaction(work)
        except Exception as error:
            if _is_of_the_database(error):
                self._refuse(work, error)
                return
            log.exception("changes could not be written together; writing them one by one")
            await self._piecemeal(work)
        else:
            self._succeed(work)

    async def _piecemeal(self, work: FlushJob) -> None:
        """Write each piece in its own transaction, so that an invalid one fails only its own waiters."""
        dropped = False
        for piece in work.pieces():
            try:
                await self._transaction(piece)
            except Exception as error:
                dropped = True
                if _is_of_the_database(error):
                    self._refuse(piece, error)
                else:
                    log.exception("dropping a change that can't be written: %s", _names(piece))
                    _settle(piece, Unavailable(DROPPED))
            else:
                self._succeed(piece)
        everything = work.waiters.pop(None, [])
        _settle(work, None)  # sessions that had nothing to write
        _settle(FlushJob({}, [], {None: everything}), Unavailable(DROPPED) if dropped else None)

    async def _transaction(self, work: FlushJob) -> None:
        """Write a job. After a failure a trial write is added, which detects that writing works again."""
        if work.dirty or work.units or self.failure is not None:
            batch = work.batch()
            trial = self.failure is not None
            for session_id, (first, last) in batch.touched.items():
                self._history_cache.changed(session_id, first, last)
            with observe.watch(observe.Commit()):
                await self._database.write(lambda connection: _write(connection, batch, trial))

    def _succeed(self, work: FlushJob) -> None:
        if self.failure is not None:
            self.failure = None
            log.warning("the database can be written to again")
        for session_id in work.removed:
            self._next.dirty.pop(session_id, None)
            self._gone[session_id] = None
        while len(self._gone) > GONE_KEPT:
            del self._gone[next(iter(self._gone))]
        _settle(work, None)

    def _refuse(self, work: FlushJob, error: Exception) -> None:
        """Keep changes that could not be written for a retry, and fail all waiters."""
        if self.failure is None:
            log.error("could not write to the database, retrying: %s", reason(error))
        self.failure = f"The database can't be written to: {public_reason(error)}."
        self._next.dirty = merged(work.dirty, self._next.dirty)
        _settle(work, Unavailable("The database can't be written to; try again later."))


_TRIAL = text("UPDATE alembic_version SET version_num = version_num")
"""A write that changes no data."""


def _is_of_the_database(error: Exception) -> bool:
    """Return whether a write failed because of the database: locked, full, read-only or damaged."""
    return isinstance(error, OperationalError | InternalError) or type(error) is DatabaseError


def _names(work: FlushJob) -> list[str]:
    changes = [work.dirty, *(unit.changes for unit in work.units)]
    return [" ".join(key) for group in changes for wanted in group.values() for key in wanted]


def _settle(work: FlushJob, error: Unavailable | None) -> None:
    for waiter in (waiter for group in work.waiters.values() for waiter in group):
        if waiter.done():
            continue
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)


_TABLES = (
    tables.session,
    tables.message,
    tables.part,
    tables.resumption,
    tables.todo,
    tables.trash,
    tables.file_change,
)
"""In the order in which rows are written: those that others refer to come first."""


def _write(connection: Connection, batch: Batch, trial: bool) -> None:
    if trial:
        connection.execute(_TRIAL)
    for table in _TABLES:
        key = table.c.session_id if table is tables.todo else table.c.id
        if lost := batch.lost.get(table.name):
            connection.execute(delete(table).where(key.in_(lost)))
        if rows := batch.rows.get(table.name):
            if table is tables.todo:
                connection.execute(table.insert(), rows)
            else:
                upsert(connection, table, rows)
    for session_id in batch.sessions:
        connection.execute(delete(tables.session).where(tables.session.c.id == session_id))
