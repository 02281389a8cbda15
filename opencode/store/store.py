"""The door to what is kept: sessions, messages with their parts, todos."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Select, and_, event, func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from opencode import ids
from opencode.errors import SettingsError, Unavailable
from opencode.schema.message import Message, MessageWithParts
from opencode.schema.part import Part
from opencode.schema.session import Session, Todo

from . import tables
from .migrations import migrate
from .rows import (
    decode_message,
    decode_part,
    decode_session,
    decode_todo,
    message_row,
    part_row,
    session_row,
    todo_rows,
)
from .writer import Writer


class SessionQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions to list, the last changed first.

    `updated_since`: Unix ms. `after`: the last page's last session, as (time updated, id).
    """

    limit: int = 100
    roots: bool = False
    parent_id: str | None = None
    search: str | None = None
    updated_since: int | None = None
    after: tuple[int, str] | None = None


class Store:
    """Reads see everything that was put before them; `put_…` never waits, `commit` does."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = Writer(engine)

    @classmethod
    async def open(cls, data_dir: Path) -> "Store":
        """Open the SQLite database in `data_dir`, made new or brought up to date; raises SettingsError."""
        try:
            await asyncio.to_thread(data_dir.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"OPENCODE_DATA_DIR: {data_dir} can't be made: {error.strerror}.") from None
        engine = create_async_engine(
            f"sqlite+aiosqlite:///{data_dir / 'opencode.db'}", pool_size=2, max_overflow=4
        )
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        store = cls(engine)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(migrate)
            await store._advance_ids()
        except SQLAlchemyError as error:
            await engine.dispose()
            reason = getattr(error, "orig", None) or error
            raise SettingsError(f"The database in {data_dir} can't be opened: {reason}.") from None
        store._writer.start()
        return store

    async def close(self) -> None:
        """Write what waits and close the database."""
        try:
            await self._writer.close()
        finally:
            await self._engine.dispose()

    async def commit(self) -> None:
        """Wait until everything put so far is on disk; raises Unavailable where that can't be."""
        await self._writer.commit()

    def put_session(self, session: Session) -> None:
        row = session_row(session)
        self._writer.put(session.id, tables.session, session.id, lambda: row)

    def put_message(self, message: Message) -> None:
        row = message_row(message)
        self._writer.put(message.session_id, tables.message, message.id, lambda: row)

    def put_part(self, part: Part) -> None:
        row = part_row(part)
        self._writer.put(part.session_id, tables.part, part.id, lambda: row)

    def put_live_part(self, session_id: str, part_id: str, current: Callable[[], Part]) -> None:
        """Note that a part is growing; `current` is asked for it when it is written."""
        self._writer.put(session_id, tables.part, part_id, lambda: part_row(current()))

    def put_todos(self, session_id: str, todos: list[Todo]) -> None:
        rows = todo_rows(session_id, todos)
        self._writer.put(session_id, tables.todo, session_id, lambda: rows)

    def remove_part(self, session_id: str, part_id: str) -> None:
        self._writer.put(session_id, tables.part, part_id, lambda: None)

    def remove_message(self, session_id: str, message_id: str) -> None:
        self._writer.put(session_id, tables.message, message_id, lambda: None)

    def remove_session(self, session_id: str) -> None:
        """Remove a session with its messages, parts and todos."""
        self._writer.remove_session(session_id)

    async def session(self, session_id: str) -> Session | None:
        rows = await self._read(
            select(tables.session.c.data).where(tables.session.c.id == session_id), session_id
        )
        return decode_session(rows[0].data) if rows else None

    async def sessions(self, query: SessionQuery) -> list[Session]:
        """Return one page of sessions, the last changed first."""
        column = tables.session.c
        statement = (
            select(column.data).order_by(column.time_updated.desc(), column.id.desc()).limit(query.limit)
        )
        if query.roots:
            statement = statement.where(column.parent_id.is_(None))
        if query.parent_id is not None:
            statement = statement.where(column.parent_id == query.parent_id)
        if query.search:
            statement = statement.where(
                func.lower(column.title).contains(query.search.lower(), autoescape=True)
            )
        if query.updated_since is not None:
            statement = statement.where(column.time_updated >= query.updated_since)
        if query.after is not None:
            updated, session_id = query.after
            same = and_(column.time_updated == updated, column.id < session_id)
            statement = statement.where(or_(column.time_updated < updated, same))
        return [decode_session(row.data) for row in await self._read(statement)]

    async def messages(
        self, session_id: str, limit: int | None = None, before: str | None = None
    ) -> list[MessageWithParts]:
        """Return the newest `limit` messages older than `before` (a message id), in order; all by default."""
        column = tables.message.c
        statement = select(column.data).where(column.session_id == session_id).order_by(column.id.desc())
        if before is not None:
            statement = statement.where(column.id < before)
        if limit is not None:
            statement = statement.limit(limit)
        found = [decode_message(row.data) for row in reversed(await self._read(statement, session_id))]
        if not found:
            return []
        parts = await self._parts(session_id, found[0].id, found[-1].id)
        return [MessageWithParts(info=message, parts=parts.get(message.id, [])) for message in found]

    async def message(self, session_id: str, message_id: str) -> MessageWithParts | None:
        column = tables.message.c
        statement = select(column.data).where(column.id == message_id, column.session_id == session_id)
        rows = await self._read(statement, session_id)
        if not rows:
            return None
        parts = await self._parts(session_id, message_id, message_id)
        return MessageWithParts(info=decode_message(rows[0].data), parts=parts.get(message_id, []))

    async def unfinished(self) -> list[MessageWithParts]:
        """Return the assistant messages that were being written when the server last stopped."""
        statement = select(tables.message.c.data).where(tables.message.c.unfinished.is_(True))
        found = [decode_message(row.data) for row in await self._read(statement)]
        return [
            MessageWithParts(
                info=message,
                parts=(await self._parts(message.session_id, message.id, message.id)).get(message.id, []),
            )
            for message in found
        ]

    async def todos(self, session_id: str) -> list[Todo]:
        column = tables.todo.c
        statement = select(column.data).where(column.session_id == session_id).order_by(column.position)
        return [decode_todo(row.data) for row in await self._read(statement, session_id)]

    async def _parts(self, session_id: str, first: str, last: str) -> dict[str, list[Part]]:
        """Return the parts of the messages from `first` to `last`, by message id."""
        column = tables.part.c
        statement = (
            select(column.message_id, column.data)
            .where(column.session_id == session_id, column.message_id.between(first, last))
            .order_by(column.message_id, column.id)
        )
        parts: dict[str, list[Part]] = {}
        for row in await self._read(statement):
            parts.setdefault(row.message_id, []).append(decode_part(row.data))
        return parts

    async def _read(self, statement: Select[Any], session_id: str | None = None) -> Sequence[Any]:
        if self._writer.pending(session_id):
            await self._writer.commit()
        try:
            async with self._engine.connect() as connection:
                rows: Sequence[Any] = (await connection.execute(statement)).all()
                return rows
        except SQLAlchemyError as error:
            raise Unavailable("The database can't be read; try again later.") from error

    async def _advance_ids(self) -> None:
        """Let new ids sort after all stored ones, though the clock may have been set back."""
        for table in (tables.message, tables.part):
            (row,) = await self._read(select(func.max(table.c.id).label("newest")))
            if row.newest:
                ids.advance_past(row.newest)


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Set each connection up.

    WAL: readers never wait for the writer. NORMAL: a killed server loses nothing, a power cut little.
    """
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
