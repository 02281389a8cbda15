"""The door to what is kept: sessions, messages with their parts, todos."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from opencode import ids
from opencode.errors import SettingsError, Unavailable
from opencode.schema.message import Message, MessageWithParts
from opencode.schema.part import Part
from opencode.schema.session import Session, Todo

from . import queries, tables
from .database import Database
from .migrations import migrate
from .queries import SessionQuery
from .rows import message_row, part_row, session_row, todo_rows
from .writer import Writer

T = TypeVar("T")


class Store:
    """Reads see everything that was put before them; `put_…` never waits, `commit` does."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = Writer(database)

    @classmethod
    async def open(cls, data_dir: Path) -> "Store":
        """Open the SQLite database in `data_dir`, made new or brought up to date; raises SettingsError."""
        try:
            data_dir.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - at start, nothing waits
        except OSError as error:
            raise SettingsError(f"OPENCODE_DATA_DIR: {data_dir} can't be made: {error.strerror}.") from None
        store = cls(Database.sqlite(data_dir / "opencode.db"))
        try:
            await store._database.write(migrate)
            await store._advance_ids()
        except (SQLAlchemyError, Unavailable) as error:
            await store._database.close()
            reason = getattr(error, "orig", None) or error
            raise SettingsError(f"The database in {data_dir} can't be opened: {reason}.") from None
        store._writer.start()
        return store

    async def close(self) -> None:
        """Write what waits and close the database."""
        try:
            await self._writer.close()
        finally:
            await self._database.close()

    async def commit(self) -> None:
        """Wait until everything put so far is on disk; raises Unavailable where that can't be."""
        await self._writer.commit()

    @property
    def failure(self) -> str | None:
        """What is wrong with writing, None while it works; known from the last transaction, without a try."""
        return self._writer.failure

    @property
    def pending(self) -> int:
        """How many changes are not on disk yet."""
        return self._writer.count()

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
        return await self._read(lambda c: queries.find_session(c, session_id), session_id)

    async def sessions(self, query: SessionQuery) -> list[Session]:
        """Return one page of sessions, the last changed first."""
        return await self._read(lambda c: queries.list_sessions(c, query))

    async def messages(
        self, session_id: str, limit: int | None = None, before: str | None = None
    ) -> list[MessageWithParts]:
        """Return the newest `limit` messages older than `before` (a message id), in order; all by default."""
        return await self._read(lambda c: queries.list_messages(c, session_id, limit, before), session_id)

    async def message(self, session_id: str, message_id: str) -> MessageWithParts | None:
        return await self._read(lambda c: queries.find_message(c, session_id, message_id), session_id)

    async def unfinished(self) -> list[MessageWithParts]:
        """Return the assistant messages that were being written when the server last stopped."""
        return await self._read(queries.list_unfinished)

    async def todos(self, session_id: str) -> list[Todo]:
        return await self._read(lambda c: queries.list_todos(c, session_id), session_id)

    async def _read(self, query: Callable[[Connection], T], session_id: str | None = None) -> T:
        """Run a query that sees everything put before it, of one session or of all."""
        if self._writer.pending(session_id):
            await self._writer.commit()
        return await self._database.read(query)

    async def _advance_ids(self) -> None:
        """Let new ids sort after all stored ones, though the clock may have been set back."""
        for newest in await self._read(lambda c: list(queries.newest_ids(c))):
            ids.advance_past(newest)
