"""Changes of a workspace's files by tools: one at a time for each file, and each kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import PurePosixPath
from weakref import WeakValueDictionary

import msgspec

from opencode.errors import FileChangedError

from .paths import short
from .root import Workspace


class Origin(msgspec.Struct, frozen=True):
    """The tool call that changes files: the ids of its session, message and part."""

    session_id: str
    message_id: str
    part_id: str


class Changes:
    """Writes and removes files for tool calls. Methods raise what those of Workspace raise."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._locks: WeakValueDictionary[PurePosixPath, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def editing(self, path: str) -> AsyncIterator[PurePosixPath]:
        """Let nobody else edit a file until the block ends; yields its path from the root.

        Read the file, ask for permission and call `write` or `remove` in the block.
        """
        real = await self._workspace.run(self._workspace.check_writable, path)
        lock = self._locks.setdefault(real, asyncio.Lock())
        async with lock:
            yield real

    async def write(self, origin: Origin, path: str, data: bytes, *, before: bytes | None) -> None:
        """Write a file whose content is `before`, None if there is none.

        Raises FileChangedError if it is not so any more, with nothing changed.
        """
        await self._check(path, before)
        await self._workspace.run(self._workspace.write, path, data)

    async def remove(self, origin: Origin, path: str, *, before: bytes) -> None:
        """Remove a file whose content is `before`; raises FileChangedError as `write` does."""
        await self._check(path, before)
        await self._workspace.run(self._workspace.remove, path)

    async def _check(self, path: str, before: bytes | None) -> None:
        try:
            content: bytes | None = await self._workspace.run(self._workspace.read, path)
        except FileNotFoundError:
            content = None
        if content != before:
            raise FileChangedError(f"{short(path)} was changed meanwhile. Read it again.")
