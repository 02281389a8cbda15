"""Read and write what is stored: sessions, messages with their parts, todos."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.exc import SQLAlchemyError

from opencode.errors import SettingsError, Unavailable
from opencode.schema.message import MessageWithParts
from opencode.schema.part import Part
from opencode.schema.session import Session, Todo

from . import file_changes, files, migrations, queries, tables
from .changes import ChangeRecorder, Render
from .database import Database, public_reason
from .dialects import POSTGRES, SQLITE
from .file_changes import FileChange, FileContents
from .files import StoredFile
from .history_cache import History, HistoryCache
from .maintenance import Maintenance
from .queries import Found, SessionQuery, TrashedSession
from .rows import growing_row
from .shared_secrets import SharedSecrets
from .writer import Unit, Writer

MIGRATION_LOOK_SECONDS = 0.2
"""Between two looks at whether the schema may be changed now."""

log = logging.getLogger(__name__)

T = TypeVar("T")


class Store(ChangeRecorder):
    """Reads see everything that was put before them; `put_…` never waits, `commit` does.

    What was put is written in the end, even after a failed commit. Changes that must not be go into a `unit`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._history_cache = HistoryCache()
        self._writer = Writer(database, self._history_cache)
        self._maintenance = Maintenance(database)
        # One at a time: files are large, and other reads must not wait for many of them.
        self._reads_files = asyncio.Semaphore(1)

    @classmethod
    async def open(cls, data_dir: Path, url: str | None = None) -> "Store":
        """Open the database, created or migrated first if it has to be; raises SettingsError.

        `url`: of a PostgreSQL database. Without one it is an SQLite file in `data_dir`.
        """
        dialect = SQLITE if url is None else POSTGRES
        database = Database(dialect, await asyncio.to_thread(dialect.open, data_dir, url))
        store = cls(database)
        try:
            await store._begin()
        except (SQLAlchemyError, Unavailable, OSError) as error:
            await database.close()
            raise database.cannot_open(error) from None
        except BaseException:
            await database.close()
            raise
        return store

    async def _begin(self) -> None:
        await self._migrate()
        self._writer.start()
        self._maintenance.start()

    async def _migrate(self) -> None:
        """Bring the database to the newest schema, when other servers allow it; raises SettingsError."""
        until, reason = time.monotonic() + migrations.WAIT_SECONDS, ""
        while waiting := await self._database.write(migrations.migrate):
            if time.monotonic() > until:
                raise SettingsError(f"The start was given up: {waiting}. Stop them first.")
            if waiting != reason:
                log.warning("waiting up to %.0f s: %s", until - time.monotonic(), waiting)
            reason = waiting
            await asyncio.sleep(MIGRATION_LOOK_SECONDS)

    async def shared_secrets(self, secret: str | None) -> SharedSecrets:
        """Return what all servers of this database share; raises SettingsError, see `SharedSecrets`."""
        try:
            return await SharedSecrets.open(self._database, secret)
        except Unavailable as error:
            raise SettingsError(error.message) from None

    @property
    def server_id(self) -> str | None:
        """This server's id among those of a PostgreSQL database; None with SQLite."""
        server = self._database.server
        return server.server_id if server is not None else None

    def joined(self) -> None:
        """Note that this server is one of those of the database: without its row it may write nothing."""
        if (server := self._database.server) is not None:
            server.has_joined = True

    async def ask(self, query: Callable[[Connection], T]) -> T:
        """Run a short statement about servers beside what is being written; raises Unavailable."""
        return await self._database.read(query)

    async def tell(self, change: Callable[[Connection], T]) -> T:
        """Run a change of what belongs to which server in a transaction; raises Unavailable."""
        try:
            return await self._database.write(change, is_commit=False)
        except SQLAlchemyError as error:
            raise Unavailable(f"The database can't be written to: {public_reason(error)}.") from error

    def forget_histories(self, session_ids: Collection[str]) -> None:
        """Keep nothing in memory of sessions that another server may change from now on."""
        for session_id in session_ids:
            self._history_cache.forget(session_id)

    async def close(self) -> None:
        """Write what waits and close the database."""
        try:
            await self._writer.close()
        finally:
            await self._maintenance.close()
            await self._database.close()

    def commit(self, session_id: str | None = None) -> asyncio.Future[None]:
        """Write everything put so far; return at once a future that is done once it is on disk.

        With `session_id` it is done once that session's changes are, whatever becomes of the others. Raises
        Unavailable if they can't be written.
        """
        return self._writer.commit(session_id)

    @property
    def place(self) -> str:
        """The database: a file, or a PostgreSQL database and its host."""
        return self._database.place

    @property
    def failure(self) -> str | None:
        """Why the last transaction failed; None while writing works."""
        return self._writer.failure

    @property
    def pending(self) -> int:
        """Number of changes that are not on disk yet."""
        return self._writer.count()

    def unit(self) -> Unit:
        """Return an empty set of changes that are written together, or not at all."""
        return Unit(self._writer)

    def put_live_part(self, session_id: str, part_id: str, current: Callable[[], Part]) -> None:
        """Note that the text of a part grows; `current` is asked for it when it is written.

        Only what is new of the text is written, until `put_part` stores the part whole.
        """
        self._put(session_id, tables.part, part_id, lambda: growing_row(current()))

    def _put(self, session_id: str, table: Table, key: str, render: Render) -> None:
        self._writer.put(session_id, table, key, render)

    async def session(self, session_id: str) -> tuple[Session, str] | None:
        """Return a session and the id of its last message ("" if it has none), or None."""
        return await self._read(lambda c: queries.find_session(c, session_id), session_id)

    async def has_session(self, session_id: str) -> bool:
        """Return whether a session is stored, in the trash or not."""
        return await self._read(lambda c: queries.has_session(c, session_id), session_id)

    async def trashed(self) -> list[TrashedSession]:
        """Return the sessions in the trash."""
        return await self._read(queries.list_trash)

    async def descendants(self, session_id: str) -> list[str]:
        """Return the ids of all sessions below a session: its children, theirs, and so on, parents first."""
        return await self._read(lambda c: queries.list_descendants(c, session_id))

    async def sessions(self, query: SessionQuery) -> list[Session]:
        """Return one page of sessions, the last changed first."""
        if query.search:
            await self._index_pending()
        return await self._read(lambda c: queries.list_sessions(c, query))

    async def search(self, words: str, limit: int, skip: int = 0) -> Found:
        """Return root sessions with `words` in the title or in a text: `limit` after the first `skip`."""
        await self._index_pending()
        return await self._read(lambda c: queries.search_sessions(c, words, limit, skip))

    async def find_text(self, session_id: str, words: str) -> tuple[str, str] | None:
        """Return the message id and the text of the newest text of a session that has `words`."""
        return await self._read(lambda c: queries.find_text(c, session_id, words), session_id)

    async def messages(
        self, session_id: str, limit: int | None = None, before: str | None = None, outlines: bool = False
    ) -> list[MessageWithParts]:
        """Return the newest `limit` messages older than `before` (a message id), in order; all by default.

        `outlines`: without the content of files, see `outlines`.
        """
        return await self._read(
            lambda c: queries.list_messages(c, session_id, limit, before, outlines), session_id
        )

    async def message_ids(self, session_id: str, first: str, limit: int) -> list[str]:
        """Return the ids of the first `limit` messages from the id `first` on, in order."""
        return await self._read(lambda c: queries.list_message_ids(c, session_id, first, limit), session_id)

    async def count_messages(self, session_id: str, before: str | None = None) -> int:
        """Return how many messages a session has, or how many before `before` (a message id)."""
        return await self._read(lambda c: queries.count_messages(c, session_id, before), session_id)

    async def file(self, session_id: str, part_id: str, number: int | None) -> StoredFile | None:
        """Return a file part, or file `number` of a tool's result, without its content."""
        await self._catch_up(session_id)
        async with self._reads_files:
            return await self._database.read(lambda c: files.find_file(c, session_id, part_id, number))

    async def piece(self, file: StoredFile, place: int) -> bytes | None:
        """Return a piece of a file's content; `place`: from 0 to `file.pieces`.

        None if the file has been removed or changed since `file` found it.
        """
        async with self._reads_files:
            return await self._database.read(lambda c: files.read_piece(c, file, place))

    async def history(
        self, session_id: str, settled: str, known: Collection[str] = ()
    ) -> list[MessageWithParts]:
        """Return all messages in order; those before the message id `settled` are kept for the next call.

        That one returns the same objects, so whoever changes one must store it too. `known`: ids from
        `settled` on whose messages the caller has; they are not read, and are left out.
        """
        await self._catch_up(session_id)
        begun = self._history_cache.begin(session_id)
        without = {message_id for message_id in known if message_id >= settled}
        later = await self._database.read(
            lambda c: queries.read_history(c, session_id, begun.newest, without)
        )
        old = [message for message, _ in later if message.info.id < settled]
        size = begun.size + sum(size for message, size in later if message.info.id < settled)
        self._history_cache.end(session_id, begun, History([*begun.messages, *old], size))
        return [*begun.messages, *(message for message, _ in later)]

    def begin_history(self, session_id: str) -> None:
        """Note that a session was stored just now and has no messages yet."""
        self._history_cache.begin_new(session_id)

    def has_only(self, session_id: str, message_id: str) -> bool:
        """Return whether a session is known to have no other message than this one; reads nothing."""
        return self._history_cache.has_only(session_id, message_id) and not self._writer.pending(session_id)

    async def message(
        self, session_id: str, message_id: str, outlines: bool = False
    ) -> MessageWithParts | None:
        """Return a message. `outlines`: without the content of files."""
        return await self._read(
            lambda c: queries.find_message(c, session_id, message_id, outlines), session_id
        )

    def was_removed(self, session_id: str) -> bool:
        """Return whether a session was removed lately; changes to it are dropped."""
        return self._writer.is_gone(session_id)

    async def taken(self, message_ids: list[str], part_ids: list[str]) -> set[str]:
        """Return which of the ids of messages and parts are in use, in any session."""
        return await self._read(lambda c: queries.taken(c, message_ids, part_ids))

    async def unfinished(self) -> list[MessageWithParts]:
        """Return what was open when the server last stopped: prompts and answers, in order."""
        return await self._read(queries.list_unfinished)

    async def resumptions(self) -> dict[str, int]:
        """Return how many starts of the server have gone on with answers, by their prompts' ids."""
        return await self._read(queries.list_resumptions)

    async def todos(self, session_id: str) -> list[Todo]:
        return await self._read(lambda c: queries.list_todos(c, session_id), session_id)

    async def file_changes(self, root_id: str) -> list[FileChange]:
        """Return the changes of files by a session and by those that it delegated work to, in order."""
        return await self._read(lambda c: file_changes.list_changes(c, root_id))

    async def file_contents(self, change_id: str) -> FileContents | None:
        """Return what a file was before a change and after it; None if that was not kept."""
        return await self._read(lambda c: file_changes.find_contents(c, change_id))

    async def unfinished_file_changes(self) -> list[FileChange]:
        """Return the changes that the last stop of the server interrupted."""
        return await self._read(file_changes.list_unfinished)

    async def _read(self, query: Callable[[Connection], T], session_id: str | None = None) -> T:
        """Run a query that sees everything put before it, of one session or of all.

        If that can't be written, what is on disk is the truth: nothing else has been published.
        """
        await self._catch_up(session_id)
        return await self._database.read(query)

    async def _index_pending(self) -> None:
        """Let the search indexes have everything put so far."""
        await self._catch_up(None)
        await self._maintenance.index_pending()

    async def _catch_up(self, session_id: str | None) -> None:
        if self._writer.pending(session_id):
            with suppress(Unavailable):
                await self._writer.commit(session_id)
