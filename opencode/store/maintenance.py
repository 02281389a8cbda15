"""What a database needs done outside of commits: texts entered into the search indexes, the log checkpointed.

SQLite appends each page that a commit changes to its write-ahead log. The log starts over only when a commit
finds all of it copied into the file, so it is copied beside the commits, as often as that takes. Only if it
has become long is it copied in the thread that writes, between two commits.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from opencode.errors import Unavailable

from .database import Database, reason

REST_SECONDS = 1.0
"""A database without a commit for so long is at rest: everything that waits is done then."""

LOG_BYTES = 4_000_000
"""A longer log is copied into the file, beside the commits."""

LONG_LOG_BYTES = 10_000_000
"""For the last of a longer log commits wait."""

LOOK_SECONDS = 0.1
"""Between two looks at the log, as long as there are commits."""

COMMITS_PER_INDEXING = 200
"""After so many commits under load, waiting texts are entered into the search indexes."""

log = logging.getLogger(__name__)


class Maintenance:
    """A task beside the writer. It does nothing for a database that maintains itself."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = database.dialect
        self._log: Path | None = database.log_file
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "store-checkpoint")
        self._indexing = asyncio.Lock()

    def start(self) -> None:
        if self._log is not None:
            self._task = asyncio.create_task(self._run(self._log), name="store-maintenance")

    async def close(self) -> None:
        """Stop. Closing its last connection makes SQLite copy the log into the file and remove it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await asyncio.to_thread(self._thread.shutdown)

    async def index_pending(self) -> None:
        """Enter what was committed into the search indexes; what can't be written now waits on."""
        if self._log is None:
            return
        async with self._indexing:
            with suppress(SQLAlchemyError, Unavailable):
                if await self._database.read(self._dialect.has_pending):
                    while await self._database.write(self._dialect.index_pending, is_commit=False):
                        pass

    async def _run(self, log_file: Path) -> None:
        commits = self._database.commits
        while True:
            await commits.wait()
            indexed, seen, quiet = commits.count, 0, 0.0
            while quiet < REST_SECONDS:
                if _size(log_file) > LOG_BYTES:
                    await self._shorten(log_file)
                if commits.count >= indexed + COMMITS_PER_INDEXING:
                    await self.index_pending()
                    indexed = commits.count
                quiet = quiet + LOOK_SECONDS if commits.count == seen else 0.0
                seen = commits.count
                await asyncio.sleep(LOOK_SECONDS)
            commits.clear()
            await self.index_pending()
            await self._checkpoint(truncate=True)

    async def _shorten(self, log_file: Path) -> None:
        """Copy the log so that it may start over with the next commit."""
        await self._checkpoint()
        if _size(log_file) > LONG_LOG_BYTES and not await self._checkpoint():
            await self._database.between_writes(self._copy_log)

    async def _checkpoint(self, truncate: bool = False) -> bool:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._copy_log, truncate)

    def _copy_log(self, truncate: bool = False) -> bool:
        """Copy the log into the file; return whether all of it was copied."""
        try:
            with self._database.connect() as connection:
                return self._dialect.checkpoint(connection, truncate)
        except SQLAlchemyError as error:
            log.warning("could not copy the write-ahead log into the database: %s", reason(error))
            return False


def _size(file: Path) -> int:
    """Return a file's size in bytes, 0 if there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return 0
