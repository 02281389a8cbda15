"""Write-behind: changes wait here a moment and go to disk together, in one transaction for all sessions."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import cache

from sqlalchemy import Table, delete
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from opencode.errors import Unavailable

from . import tables

FLUSH_SECONDS = 0.2
"""How long a change may wait for others; the promise to users is 0.25 s."""

Row = dict[str, object]
Render = Callable[[], Row | list[Row] | None]
"""Returns the row as it is at the time of the flush; None removes it; a list replaces a session's todos."""

Key = tuple[str, str]

log = logging.getLogger(__name__)


class Writer:
    """The only thing that writes to the database.

    `put` never waits; `commit` returns once everything put before it is on disk. Many commits that come
    together share one transaction.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._dirty: dict[str, dict[Key, Render]] = {}
        self._removed: list[str] = []
        self._gone: set[str] = set()
        self._waiters: list[asyncio.Future[None]] = []
        self._wanted = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

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
        self._dirty.setdefault(session_id, {})[(table.name, key)] = render
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._wanted.set)

    def remove_session(self, session_id: str) -> None:
        """Note that a session goes, with all that belongs to it; later changes to it are dropped."""
        self._dirty.pop(session_id, None)
        self._gone.add(session_id)
        self._removed.append(session_id)

    def pending(self, session_id: str | None = None) -> bool:
        """Return whether changes wait, of one session or of any."""
        return bool(self._dirty) if session_id is None else session_id in self._dirty

    async def commit(self) -> None:
        """Wait until every change so far is on disk; raises Unavailable where that can't be."""
        if not self._dirty and not self._removed and not self._wanted.is_set():
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._wanted.set()
        await waiter

    async def _run(self) -> None:
        async with self._engine.connect() as connection:
            while True:
                await self._wanted.wait()
                await self._flush(connection)

    async def _flush(self, connection: AsyncConnection) -> None:
        dirty, self._dirty = self._dirty, {}
        removed, self._removed = self._removed, []
        waiters, self._waiters = self._waiters, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            async with connection.begin():
                await _write(connection, dirty, removed)
        except SQLAlchemyError as error:
            log.error("could not write to the database: %s", error)
            self._take_back(dirty, removed)
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(Unavailable("The database can't be written to; try again later."))
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._wanted.set)
            self._wanted.clear()
            return
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        if not self._waiters:
            self._wanted.clear()

    def _take_back(self, dirty: dict[str, dict[Key, Render]], removed: list[str]) -> None:
        """Keep what could not be written; what has changed since stays newer."""
        for session_id, changes in dirty.items():
            if session_id not in self._gone:
                self._dirty[session_id] = {**changes, **self._dirty.get(session_id, {})}
        self._removed = removed + self._removed


_TABLES = (tables.session, tables.message, tables.part)


async def _write(
    connection: AsyncConnection, dirty: dict[str, dict[Key, Render]], removed: Iterable[str]
) -> None:
    rows: dict[str, list[Row]] = {}
    lost: dict[str, list[str]] = {}
    for changes in dirty.values():
        for (name, key), render in changes.items():
            row = render()
            if row is None:
                lost.setdefault(name, []).append(key)
            elif isinstance(row, list):
                lost.setdefault(name, []).append(key)
                rows.setdefault(name, []).extend(row)
            else:
                rows.setdefault(name, []).append(row)
    for table in _TABLES:
        if table.name in lost:
            await connection.execute(delete(table).where(table.c.id.in_(lost[table.name])))
        if table.name in rows:
            await connection.execute(_upsert(connection.dialect.name, table), rows[table.name])
    if sessions := lost.get(tables.todo.name):
        await connection.execute(delete(tables.todo).where(tables.todo.c.session_id.in_(sessions)))
        if tables.todo.name in rows:
            await connection.execute(tables.todo.insert(), rows[tables.todo.name])
    for session_id in removed:
        await connection.execute(delete(tables.session).where(tables.session.c.id == session_id))


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
