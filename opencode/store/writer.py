"""Write-behind: changes wait here a moment and go to disk together, in one transaction for all sessions."""

import asyncio
import logging
from collections.abc import Callable
from functools import cache

import msgspec
from sqlalchemy import Connection, Table, delete
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.exc import SQLAlchemyError

from opencode import observe
from opencode.errors import Unavailable

from . import tables
from .database import Database

FLUSH_SECONDS = 0.2
"""How long a change may wait for others; the promise to users is 0.25 s."""

Row = dict[str, object]
Render = Callable[[], Row | list[Row] | None]
"""Returns the row as it is at the time of the flush; None removes it; a list replaces a session's todos."""

Key = tuple[str, str]
Changes = dict[str, dict[Key, Render]]

log = logging.getLogger(__name__)


class Batch(msgspec.Struct):
    """What one transaction does, by table name. Rows are written after what is lost is removed."""

    lost: dict[str, list[str]]
    rows: dict[str, list[Row]]
    sessions: list[str]


class Writer:
    """The only thing that writes to the database.

    `put` never waits; `commit` returns once everything put before it is on disk. Many commits that come
    together share one transaction.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dirty: Changes = {}
        self._writing: Changes = {}
        self._removed: list[str] = []
        self._gone: set[str] = set()
        self._waiters: list[asyncio.Future[None]] = []
        self._wanted = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self.failure: str | None = None
        """Why nothing can be written, known from the last transaction; it is tried again until one works."""

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="store-writer")

    async def close(self) -> None:
        """Write what waits, then stop."""
        if self._task is None:
            return
        try:
            await self.commit()
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def put(self, session_id: str, table: Table, key: str, render: Render) -> None:
        """Note a change. `render` is asked for the row when it is written: many changes are one write."""
        if session_id in self._gone:
            return
        self._dirty.setdefault(session_id, {})[table.name, key] = render
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._wanted.set)

    def remove_session(self, session_id: str) -> None:
        """Note that a session goes, with all that belongs to it; later changes to it are dropped."""
        self._dirty.pop(session_id, None)
        self._gone.add(session_id)
        self._removed.append(session_id)

    def pending(self, session_id: str | None = None) -> bool:
        """Return whether changes wait or are being written, of one session or of any."""
        if session_id is None:
            return bool(self._dirty or self._writing)
        return session_id in self._dirty or session_id in self._writing

    def count(self) -> int:
        """Return how many changes wait or are being written."""
        changes = (*self._dirty.values(), *self._writing.values())
        return sum(map(len, changes)) + len(self._removed)

    async def commit(self) -> None:
        """Wait until every change so far is on disk; raises Unavailable where that can't be."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._wanted.set()
        await waiter

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._flush()

    async def _flush(self) -> None:
        dirty = self._writing = self._dirty
        self._dirty = {}
        removed, self._removed = self._removed, []
        waiters, self._waiters = self._waiters, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            if dirty or removed:
                batch = _render(dirty, removed)
                with observe.watch(observe.Commit()):
                    await self._database.write(lambda connection: _write(connection, batch))
                self._recovered()
        except SQLAlchemyError as error:
            self._failed(error)
            self._take_back(dirty, removed)
            _settle(waiters, Unavailable("The database can't be written to; try again later."))
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._wanted.set)
        else:
            _settle(waiters, None)
        finally:
            self._writing = {}

    def _failed(self, error: SQLAlchemyError) -> None:
        """Note why; it is logged once, not with each of the tries that follow."""
        reason = str(getattr(error, "orig", None) or error)
        if self.failure is None:
            log.error("could not write to the database, trying on: %s", reason)
        self.failure = f"The database can't be written to: {reason}."

    def _recovered(self) -> None:
        if self.failure is not None:
            log.warning("the database can be written to again")
        self.failure = None

    def _take_back(self, dirty: Changes, removed: list[str]) -> None:
        """Keep what could not be written; what has changed since stays newer."""
        for session_id, changes in dirty.items():
            if session_id not in self._gone:
                self._dirty[session_id] = {**changes, **self._dirty.get(session_id, {})}
        self._removed = removed + self._removed


def _settle(waiters: list[asyncio.Future[None]], error: Unavailable | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)


def _render(dirty: Changes, removed: list[str]) -> Batch:
    batch = Batch({}, {}, removed)
    for changes in dirty.values():
        for (name, key), render in changes.items():
            row = render()
            if not isinstance(row, dict):
                batch.lost.setdefault(name, []).append(key)
                batch.rows.setdefault(name, []).extend(row or [])
            else:
                batch.rows.setdefault(name, []).append(row)
    return batch


def _write(connection: Connection, batch: Batch) -> None:
    for table in (tables.session, tables.message, tables.part, tables.todo):
        key = table.c.session_id if table is tables.todo else table.c.id
        if lost := batch.lost.get(table.name):
            connection.execute(delete(table).where(key.in_(lost)))
        if rows := batch.rows.get(table.name):
            statement = table.insert() if table is tables.todo else _upsert(connection.dialect.name, table)
            connection.execute(statement, rows)
    for session_id in batch.sessions:
        connection.execute(delete(tables.session).where(tables.session.c.id == session_id))


_INSERTS: dict[str, type[SqliteInsert] | type[PostgresInsert]] = {
    "sqlite": SqliteInsert,
    "postgresql": PostgresInsert,
}


@cache
def _upsert(dialect: str, table: Table) -> SqliteInsert | PostgresInsert:
    """Return the table's insert-or-replace in a database's dialect."""
    insert = _INSERTS[dialect](table)
    changed = {column.name: insert.excluded[column.name] for column in table.c if not column.primary_key}
    return insert.on_conflict_do_update(index_elements=["id"], set_=changed)
