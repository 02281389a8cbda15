"""What the file tools share: paths as models write them, texts of files, and holding files to change them."""

import errno
import posixpath
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import PurePosixPath
from typing import TypeVar, TypeVarTuple

import msgspec

from opencode.errors import ToolError, Unavailable, WorkspaceError
from opencode.tool.base import ToolContext
from opencode.workspace import Changes, Origin, Workspace

BOM = "\ufeff"

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

_REASONS = {
    errno.ENOENT: "does not exist",
    errno.EISDIR: "is a directory, not a file",
    errno.ENOTDIR: "leads through a file",
    errno.EACCES: "may not be read or written by this server",
    errno.EPERM: "may not be changed by this server",
    errno.ELOOP: "leads through too many links",
    errno.ENAMETOOLONG: "is too long",
    errno.ENOSPC: "can't be written: the disk is full",
    errno.EROFS: "can't be written: the disk can only be read",
}


class Target(msgspec.Struct, frozen=True):
    """A path that a call names. `path`: absolute, as results show it. `relative`: to the root, "" for it.

    `real`: relative, with links resolved; the same file has the same one.
    """

    path: str
    relative: str
    real: str

    @property
    def patterns(self) -> list[str]:
        """What permission is asked for: the path, and where it leads if that is elsewhere."""
        return list(dict.fromkeys((self.relative, self.real)))


class FileText(msgspec.Struct, frozen=True):
    """The text of a file without the byte order mark that `bom` says it has."""

    text: str
    bom: bool = False

    @classmethod
    def of(cls, text: str) -> "FileText":
        return cls(text.removeprefix(BOM), text.startswith(BOM))

    @classmethod
    def decoded(cls, content: bytes, path: str) -> "FileText":
        """Return the text of a file that is to be changed; raises ToolError if it is not in UTF-8."""
        try:
            return cls.of(content.decode())
        except UnicodeDecodeError:
            raise ToolError(
                f"{path} is not text in UTF-8 and can't be changed without damage to it. Leave it as it is."
            ) from None

    def encoded(self) -> bytes:
        """Return the file's content; raises ToolError for half a surrogate pair."""
        try:
            return f"{BOM if self.bom else ''}{self.text}".encode()
        except UnicodeEncodeError:
            raise ToolError(
                "The new text holds half a surrogate pair, which no file in UTF-8 can. Leave it out."
            ) from None


class Files:
    """A workspace as the file tools use it; everything that goes wrong becomes a ToolError."""

    def __init__(self, workspace: Workspace, changes: Changes) -> None:
        self.workspace = workspace
        self._changes = changes

    async def run(self, path: str, work: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        """Run blocking work that concerns `path` in a thread; raises ToolError."""
        with _tool_errors(path):
            return await self.workspace.run(work, *arguments)

    async def target(self, path: str) -> Target:
        """Return what a path names, which need not exist; raises ToolError if it leads elsewhere."""
        root = self.workspace.root
        real = _relative(await self.run(path, self.workspace.resolve, path))
        lexical = PurePosixPath(posixpath.normpath(str(root / path)))
        relative = _relative(lexical.relative_to(root)) if lexical.is_relative_to(root) else real
        return Target(str(root / relative), relative, real)

    async def content(self, target: Target) -> bytes | None:
        """Return a file's content, None if there is no such file; raises ToolError."""
        with _tool_errors(target.path):
            try:
                return await self.workspace.run(self.workspace.read, target.path)
            except FileNotFoundError:
                return None

    @asynccontextmanager
    async def changing(self, targets: Iterable[Target], context: ToolContext) -> AsyncIterator[None]:
        """Hold files that may be written, so that only one call changes each at a time; raises ToolError.

        The time that a call waits for another one, which may wait for the user, does not count for it.
        """
        async with AsyncExitStack() as held:
            for target in sorted({target.real: target for target in targets}.values(), key=_by_path):
                with _tool_errors(target.path), context.waits.waiting():
                    await held.enter_async_context(self._changes.editing(target.path))
            yield

    async def write(self, context: ToolContext, target: Target, before: bytes | None, after: bytes) -> None:
        """Write a held file, whose content is `before`; raises ToolError if it is not so any more."""
        with _tool_errors(target.path):
            await self._changes.write(_origin(context), target.path, after, before=before)

    async def remove(self, context: ToolContext, target: Target, before: bytes) -> None:
        """Remove a held file, whose content is `before`; raises ToolError if it is not so any more."""
        with _tool_errors(target.path):
            await self._changes.remove(_origin(context), target.path, before=before)


def _origin(context: ToolContext) -> Origin:
    return Origin(context.session_id, context.message_id, context.part_id)


def _by_path(target: Target) -> str:
    return target.real


@contextmanager
def _tool_errors(path: str) -> Iterator[None]:
    try:
        yield
    except (WorkspaceError, Unavailable) as error:
        raise ToolError(error.message) from None
    except OSError as error:
        raise ToolError(f"{path} {reason(error)}.") from None


def reason(error: OSError) -> str:
    """Return why a file can't be used, as the end of a sentence about it."""
    return _REASONS.get(error.errno or 0, f"can't be used ({error.strerror or type(error).__name__})")


def _relative(path: PurePosixPath) -> str:
    return "" if path == PurePosixPath(".") else str(path)
