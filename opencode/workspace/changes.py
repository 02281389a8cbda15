"""Changes of a workspace's files by tools: one at a time for each file, and each kept so that it can be taken
back."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from hashlib import blake2b
from pathlib import PurePosixPath
from weakref import WeakValueDictionary

import msgspec
from msgspec import structs

from opencode import ids
from opencode.bus import Bus
from opencode.clock import now_ms
from opencode.errors import FileChangedError, WorkspaceError
from opencode.schema.event import FileEdited, FileWatcherUpdated
from opencode.store import FileChange, FileContents, Store, Unit
from opencode.tasks import hold

from .paths import short
from .root import MAX_FILE, Workspace

MOST_KEPT = 2 * 1024 * 1024
"""Bytes of a content that is kept; changes of larger ones can't be shown or taken back."""

log = logging.getLogger(__name__)


class Origin(msgspec.Struct, frozen=True):
    """The tool call that changes files: the ids of its session, message and part."""

    session_id: str
    message_id: str
    part_id: str


class Restored(msgspec.Struct):
    """The outcome of taking changes back, or making them again. `changes`: those that this was done with.

    `left`: the files that were left as they are, each with the reason.
    """

    changes: list[FileChange]
    left: dict[str, str]


class Changes:
    """Writes and removes files for tool calls. Methods raise what those of Workspace raise.

    A change is in the database before the file changes. `changed`: called with the origin of each change.
    """

    changed: Callable[[Origin], None]

    def __init__(self, workspace: Workspace, store: Store, bus: Bus) -> None:
        self.changed = lambda origin: None
        self.workspace = workspace
        self._store = store
        self._bus = bus
        self._locks: WeakValueDictionary[PurePosixPath, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def editing(self, path: str) -> AsyncIterator[PurePosixPath]:
        """Let nobody else edit a file until the block ends; yields its path from the root.

        Read the file, ask for permission and call `write` or `remove` in the block.
        """
        real = await self.workspace.run(self.workspace.check_writable, path)
        async with self._lock(real):
            yield real

    async def write(self, origin: Origin, path: str, data: bytes, *, before: bytes | None) -> None:
        """Write a file whose content is `before`, None if there is none.

        Raises FileChangedError if it is not so any more, and Unavailable if the change can't be stored; then
        nothing has changed.
        """
        await hold(self._change(origin, path, before, data))

    async def remove(self, origin: Origin, path: str, *, before: bytes) -> None:
        """Remove a file whose content is `before`; raises what `write` raises."""
        await hold(self._change(origin, path, before, None))

    async def recover(self) -> None:
        """Settle the changes that the last stop interrupted: those that were not made are forgotten."""
        unit = self._store.unit()
        unfinished = await self._store.unfinished_file_changes()
        for change in unfinished:
            digest = await self._digest(change.path)
            if change.state == "begun" and digest != change.after:
                unit.remove_file_change(change)
                log.warning("the last stop interrupted a change of %s, which was not made", change.path)
            else:
                undone = change.state == "reverting" and digest == change.before
                unit.put_file_change(structs.replace(change, state="reverted" if undone else "done"))
        if unfinished:
            await unit.commit()

    async def take_back(self, changes: Sequence[FileChange]) -> Restored:
        """Give files the content that they had before changes, which are in order.

        A file that is not what the last of its changes made of it is left alone. Raises Unavailable. The
        states of the changes are not stored: `mark` does that.
        """
        unit = self._store.unit()
        for change in changes:
            unit.put_file_change(structs.replace(change, state="reverting"))
        if changes:
            await unit.commit()
        restored = Restored([], {})
        for path, chain in _by_path(changes).items():
            tail = _unbroken(chain)
            first, last = tail[0], tail[-1]
            async with self._lock(PurePosixPath(path)):
                reason = await self._restore(path, last.after, first.before, first, back=True)
            if not reason:
                restored.changes += tail
                reason = "" if len(tail) == len(chain) else "it was changed by somebody else in between"
            if reason:
                restored.left[path] = reason
        return restored

    async def make_again(self, changes: Sequence[FileChange]) -> Restored:
        """Give files the content again that changes had made of them before they were taken back."""
        restored = Restored([], {})
        for path, chain in _by_path(changes).items():
            first, last = chain[0], chain[-1]
            async with self._lock(PurePosixPath(path)):
                reason = await self._restore(path, first.before, last.after, last, back=False)
            if reason:
                restored.left[path] = reason
            else:
                restored.changes += chain
        return restored

    def mark(self, unit: Unit, changes: Iterable[FileChange], restored: Restored, reverted: bool) -> None:
        """Put the states of changes into a unit, after they were taken back or made again."""
        done = {change.id for change in restored.changes}
        for change in changes:
            is_reverted = (change.id in done) == reverted
            unit.put_file_change(structs.replace(change, state="reverted" if is_reverted else "done"))

    async def _change(self, origin: Origin, path: str, before: bytes | None, after: bytes | None) -> None:
        real = str(await self.workspace.run(self.workspace.check_writable, path))
        if await self._digest(real) != _digest_of(before):
            raise FileChangedError(f"{short(path)} was changed meanwhile. Read it again.")
        kept = max(len(before or b""), len(after or b"")) <= MOST_KEPT
        change = FileChange(
            id=ids.ascending("chg"),
            session_id=origin.session_id,
            root_id=await self._root_of(origin.session_id),
            message_id=origin.message_id,
            part_id=origin.part_id,
            path=real,
            time=now_ms(),
            state="begun",
            before=_digest_of(before),
            after=_digest_of(after),
            kept=kept,
        )
        unit = self._store.unit()
        unit.put_file_change(change, FileContents(before, after) if kept else None)
        await unit.commit()
        try:
            await self._put(real, after)
        except BaseException:
            unit = self._store.unit()
            unit.remove_file_change(change)
            await unit.commit()
            raise
        unit = self._store.unit()
        unit.put_file_change(structs.replace(change, state="done"))
        await unit.commit()
        self._publish(real, change.before, change.after)
        self.changed(origin)

    async def _root_of(self, session_id: str) -> str:
        found = await self._store.session(session_id)
        while found is not None and found[0].parent_id:
            session_id = found[0].parent_id
            found = await self._store.session(session_id)
        return session_id

    async def _restore(
        self, path: str, expected: str | None, wanted: str | None, source: FileChange, back: bool
    ) -> str:
        """Give a file the content of a change; return why it is left alone, "" if it is not."""
        try:
            digest = await self._digest(path)
            if digest == wanted:
                return ""
            if digest != expected:
                return "it was changed by somebody else since"
            contents = await self._store.file_contents(source.id) if source.kept else None
            if contents is None:
                return f"it has more than {MOST_KEPT // 1024**2} MB, which is not kept"
            await self._put(path, contents.before if back else contents.after)
        except (WorkspaceError, OSError) as error:
            return error.message if isinstance(error, WorkspaceError) else error.strerror or str(error)
        self._publish(path, digest, wanted)
        return ""

    async def _put(self, path: str, content: bytes | None) -> None:
        if content is None:
            await self.workspace.run(self.workspace.remove, path)
        else:
            await self.workspace.run(self.workspace.write, path, content)

    async def _digest(self, path: str) -> str | None:
        """Return the digest of a file's content, None if there is no file."""
        try:
            return _digest_of(await self.workspace.run(self.workspace.read, path, MAX_FILE + 1))
        except FileNotFoundError:
            return None

    def _publish(self, path: str, before: str | None, after: str | None) -> None:
        file = str(self.workspace.root / path)
        if after is not None:
            self._bus.publish(FileEdited(file=file))
        self._bus.publish(
            FileWatcherUpdated(
                file=file, event="add" if before is None else "unlink" if after is None else "change"
            )
        )

    def _lock(self, path: PurePosixPath) -> asyncio.Lock:
        return self._locks.setdefault(path, asyncio.Lock())


def _digest_of(content: bytes | None) -> str | None:
    return None if content is None else blake2b(content, digest_size=16).hexdigest()


def _by_path(changes: Sequence[FileChange]) -> dict[str, list[FileChange]]:
    paths: dict[str, list[FileChange]] = {}
    for change in changes:
        paths.setdefault(change.path, []).append(change)
    return paths


def _unbroken(chain: Sequence[FileChange]) -> list[FileChange]:
    """Return the last changes of a file, each of which began with what the one before it had made."""
    start = len(chain) - 1
    while start and chain[start - 1].after == chain[start].before:
        start -= 1
    return list(chain[start:])
