"""The door to what is kept: sessions, messages with their parts, todos."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from filelock import FileLock
from sqlalchemy import Connection, Table
from sqlalchemy.exc import SQLAlchemyError

from opencode.errors import SettingsError, Unavailable
from opencode.schema.message import MessageWithParts
from opencode.schema.part import Part
from opencode.schema.session import Session, Todo

from . import queries, tables
from .changes import ChangeRecorder, Render
from .database import Database, reason
from .history_cache import History, HistoryCache
from .instance_lock import lock_data_dir
from .migrations import migrate
from .queries import Found, SessionQuery
from .rows import part_row
from .writer import Unit, Writer

T = TypeVar("T")


class Store(ChangeRecorder):
    """Reads see everything that was put before them; `put_…` never waits, `commit` does.

    What is put is written sooner or later, also where a commit failed; for what must not be, there is `unit`.
    """

    def __init__(self, database: Database, lock: FileLock | None = None) -> None:
        self._database = database
        self._lock = lock
        self._history_cache = HistoryCache()
        self._writer = Writer(database, self._history_cache)

    @classmethod
    async def open(cls, data_dir: Path, url: str | None = None) -> "Store":
        """Open a database, made new or brought up to date; raises SettingsError.

        `url`: of a PostgreSQL database. Without one it is SQLite's, in `data_dir`.
        """
        if url is not None:
            return await cls._open_postgres(url)
        try:
            data_dir.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - at start, nothing waits
        except OSError as error:
            raise SettingsError(f"OPENCODE_DATA_DIR: {data_dir} can't be made: {error.strerror}.") from None
        store = cls(Database.sqlite(data_dir / "opencode.db"), lock_data_dir(data_dir))
        try:
            (data_dir / "opencode.db").touch(mode=0o600)
            await store._begin()
        except (SQLAlchemyError, Unavailable, OSError) as error:
            await store._close()
            raise SettingsError(
                f"The database {data_dir / 'opencode.db'} can't be opened: {reason(error)}. Check that "
                "OPENCODE_DATA_DIR can be written to and has room; put a backup in the place of a damaged "
                "file, or move it away to start anew."
            ) from None
        return store

    @classmethod
    async def _open_postgres(cls, url: str) -> "Store":
        try:
            store = cls(Database.postgres(url))
        except (SQLAlchemyError, ValueError):
            raise SettingsError("OPENCODE_DATABASE_URL is no address of a database.") from None
        try:
            await store._begin()
        except (SQLAlchemyError, Unavailable) as error:
            await store._close()
            raise SettingsError(f"OPENCODE_DATABASE_URL can't be opened: {reason(error)}.") from None
        return store

    async def _begin(self) -> None:
        await self._database.write(migrate)
        self._writer.start()

    async def close(self) -> None:
        """Write what waits and close the database."""
        try:
            await self._writer.close()
        finally:
            await self._close()

    async def _close(self) -> None:
        await self._database.close()
        if self._lock is not None:
            self._lock.release()

    def commit(self, session_id: str | None = None) -> asyncio.Future[None]:
        """Write everything put so far; return at once a future that is done once it is on disk.

        With `session_id` it is done once that session's changes are, whatever becomes of the others. Raises
        Unavailable if they can't be written.
        """
        return self._writer.commit(session_id)

    @property
    def place(self) -> str:
        """Where everything is kept: a file, or a database and its host."""
        return self._database.place

    @property
    def failure(self) -> str | None:
        """What is wrong with writing, None while it works; known from the last transaction, without a try."""
        return self._writer.failure

    @property
    def pending(self) -> int:
        """How many changes are not on disk yet."""
        return self._writer.count()

    def unit(self) -> Unit:
        """Return an empty set of changes that are written together, or not at all."""
        return Unit(self._writer)

    def put_live_part(self, session_id: str, part_id: str, current: Callable[[], Part]) -> None:
        """Note that a part is growing; `current` is asked for it when it is written."""
        self._put(session_id, tables.part, part_id, lambda: part_row(current()))

    def _put(self, session_id: str, table: Table, key: str, render: Render) -> None:
        self._writer.put(session_id, table, key, render)

    async def session(self, session_id: str) -> tuple[Session, str] | None:
        """Return a session and the id of its last message ("" if it has none), or None."""
        return await self._read(lambda c: queries.find_session(c, session_id), session_id)

    async def descendants(self, session_id: str) -> list[str]:
        """Return the ids of all sessions below a session: its children, theirs, and so on, parents first."""
        return await self._read(lambda c: queries.list_descendants(c, session_id))

    async def sessions(self, query: SessionQuery) -> list[Session]:
        """Return one page of sessions, the last changed first."""
        return await self._read(lambda c: queries.list_sessions(c, query))

    async def search(self, words: str, limit: int, skip: int = 0) -> Found:
        """Return root sessions with `words` in the title or in a text: `limit` after the first `skip`."""
        return await self._read(lambda c: queries.search_sessions(c, words, limit, skip))

    async def messages(
        self, session_id: str, limit: int | None = None, before: str | None = None
    ) -> list[MessageWithParts]:
        """Return the newest `limit` messages older than `before` (a message id), in order; all by default."""
        return await self._read(lambda c: queries.list_messages(c, session_id, limit, before), session_id)

    async def history(self, session_id: str, settled: str) -> list[MessageWithParts]:
        """Return all messages in order. Those before `settled`, a message's id, are kept for the next time.

        They are the same objects then, so whoever changes one must store that too.
        """
        await self._catch_up(session_id)
        known = self._history_cache.begin(session_id)
        later = await self._database.read(lambda c: queries.read_history(c, session_id, known.newest))
        old = [message for message, _ in later if message.info.id < settled]
        size = known.size + sum(size for message, size in later if message.info.id < settled)
        self._history_cache.end(session_id, known, History([*known.messages, *old], size))
        return [*known.messages, *(message for message, _ in later)]

    def begin_history(self, session_id: str) -> None:
        """Note that a session was stored just now, and has no messages yet."""
        self._history_cache.begin_new(session_id)

    def has_only(self, session_id: str, message_id: str) -> bool:
        """Return whether it is known, without a look, that a session has no other message than this one."""
        return self._history_cache.has_only(session_id, message_id) and not self._writer.pending(session_id)

    async def message(self, session_id: str, message_id: str) -> MessageWithParts | None:
        return await self._read(lambda c: queries.find_message(c, session_id, message_id), session_id)

    def was_removed(self, session_id: str) -> bool:
        """Return whether a session was removed lately: what is stored for it is dropped."""
        return self._writer.is_gone(session_id)

    async def taken(self, message_ids: list[str], part_ids: list[str]) -> set[str]:
        """Return which of the ids stand for something, in any session."""
        return await self._read(lambda c: queries.taken(c, message_ids, part_ids))

    async def unfinished(self) -> list[MessageWithParts]:
        """Return what was open when the server last stopped: prompts and answers, in order."""
        return await self._read(queries.list_unfinished)

    async def todos(self, session_id: str) -> list[Todo]:
        return await self._read(lambda c: queries.list_todos(c, session_id), session_id)

    async def _read(self, query: Callable[[Connection], T], session_id: str | None = None) -> T:
        """Run a query that sees everything put before it, of one session or of all.

        Where that can't be written, what is on disk is the truth: nothing else has been told.
        """
        await self._catch_up(session_id)
        return await self._database.read(query)

    async def _catch_up(self, session_id: str | None) -> None:
        if self._writer.pending(session_id):
            with suppress(Unavailable):
                await self._writer.commit(session_id)
