"""One directory, whose files models may read and, if the owner allows it, change. Nothing leads out of it.

Everything here blocks, and is called in threads: `Workspace.run`.
"""

import asyncio
import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeVar, TypeVarTuple

import msgspec

from opencode.errors import FileTooLargeError, ProtectedPathError

from . import descent
from .descent import Ground, Identity, Place, identity
from .paths import short
from .walk import DEEPEST, Choose, Walk

MAX_FILE = 10 * 1024 * 1024
"""Bytes of a file that is read whole, or written."""

MOST_ENTRIES = 10_000
"""Entries of one directory that are listed."""

WALK_SECONDS = 5.0
WALK_ENTRIES = 200_000

THREADS = 4
"""Calls that run at once; others wait."""

GUARDED_NAMES = frozenset({".git", ".opencode", "opencode.json", "opencode.jsonc"})
"""Nothing is written where a path has one of these names: Git and this server run programs that are named
there, and set what a model may do."""

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


class Entry(msgspec.Struct, frozen=True):
    """A file or directory. `path`: from the root, by its real name. `modified`: in nanoseconds.

    `kind`: `file`, `directory`, `link`, or `other` for devices, pipes and sockets. `size`: in bytes.
    """

    path: PurePosixPath
    kind: str
    size: int
    modified: int

    @property
    def name(self) -> str:
        return self.path.name


class Workspace:
    """The files below `root`; `writable` allows changes.

    Paths are absolute within the root, or relative to it. Links are followed within the root only. Methods
    raise OutsideWorkspaceError, ProtectedPathError, NotAFileError, and OSError (FileNotFoundError,
    IsADirectoryError, NotADirectoryError, PermissionError…), beside what they name.

    `hidden`: directories of the server's secrets, of which nothing is read. `guarded`: files and directories
    in which nothing is written. `ignores_case`: whether names of another case are the same here, None to find
    out.
    """

    def __init__(
        self,
        root: Path,
        writable: bool,
        hidden: Iterable[Path] = (),
        guarded: Sequence[Path] = (),
        ignores_case: bool | None = None,
    ) -> None:
        known = str(root.absolute())
        self.root = Path(os.path.realpath(known))
        self.writable = writable
        self._ground = Ground(
            roots=tuple(dict.fromkeys((os.path.normpath(known), str(self.root)))),
            hidden=_identities(hidden),
            guarded=_identities(guarded),
            ignores_case=_ignores_case(self.root) if ignores_case is None else ignores_case,
        )
        self._guarded_steps = [
            tuple(step.casefold() for step in real.relative_to(self.root).parts)
            for real in (Path(os.path.realpath(path)) for path in guarded)
            if real.is_relative_to(self.root)
        ]
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="workspace")

    async def run(self, work: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        """Run `work`, such as a method of this object, in a thread of the workspace; return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def close(self) -> None:
        """Let the threads end when their work has."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def resolve(self, path: str) -> PurePosixPath:
        """Return a path from the root by its real names, links resolved; what it names need not exist."""
        with self._place(path) as place:
            return PurePosixPath(*place.steps)

    def stat(self, path: str) -> Entry:
        """Return what a path leads to; raises FileNotFoundError."""
        with self._place(path) as place:
            if place.info is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            return _entry(place.steps, place.info)

    def read(self, path: str, limit: int | None = None) -> bytes:
        """Return a file's content, or at most its first `limit` bytes.

        Without a limit a file of more than MAX_FILE bytes raises FileTooLargeError.
        """
        with self.open(path) as file:
            content = file.read(MAX_FILE + 1 if limit is None else limit)
        if limit is None and len(content) > MAX_FILE:
            raise _too_large(path)
        return content

    def open(self, path: str) -> BinaryIO:
        """Open a regular file for reading; the caller closes it."""
        with self._place(path) as place:
            return os.fdopen(descent.open_file(place, path), "rb")

    def list(self, path: str = ".") -> list[Entry]:
        """Return the entries of a directory by name, at most MOST_ENTRIES; names must be UTF-8."""
        entries = []
        with self._place(path) as place:
            if place.info is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            with _opened(descent.open_directory(place)) as directory, os.scandir(directory) as scan:
                for found, _ in zip(scan, range(MOST_ENTRIES), strict=False):
                    with suppress(FileNotFoundError, UnicodeEncodeError):
                        found.name.encode()
                        info = found.stat(follow_symlinks=False)
                        if identity(info) not in self._ground.hidden:
                            entries.append(_entry((*place.steps, found.name), info))
        return sorted(entries, key=lambda entry: entry.name)

    def walk(
        self,
        path: str = ".",
        *,
        skip: frozenset[str] = frozenset({"node_modules"}),
        ignore_files: bool = True,
        choose: Choose | None = None,
        hidden: bool = True,
        entries: int = WALK_ENTRIES,
        seconds: float = WALK_SECONDS,
        deepest: int = DEEPEST,
    ) -> Walk:
        """Return an iterator over the files and directories below a path, each directory before its content.

        Left out are `.git`, directories named in `skip`, what `.gitignore` and its like say, and links.
        `choose` decides before ignore files do; without `hidden` names that begin with a dot are left out.
        After so many entries or seconds it ends, and its `stopped` says why. Close it, or use it to its end.
        """
        return Walk(self._ground, path, skip, ignore_files, entries, seconds, choose, hidden, deepest)

    def check_writable(self, path: str) -> PurePosixPath:
        """Return a path from the root as `resolve` does; raises ProtectedPathError if it can't be written."""
        with self._place(path) as place:
            self._check_writable(place, path)
            return PurePosixPath(*place.steps)

    def write(self, path: str, data: bytes) -> None:
        """Replace a file by one with this content, or create it with the directories above it.

        Readers see the old content or the new one; the mode is kept. Raises FileTooLargeError.
        """
        if len(data) > MAX_FILE:
            raise _too_large(path)
        with self._place(path) as place:
            self._check_writable(place, path)
            if place.info is not None:
                descent.check_file(place, path)
            with _parent(place) as (directory, name):
                _replace(directory, name, data, place.info)

    def remove(self, path: str) -> None:
        """Remove a file."""
        with self._place(path, follow=False) as place:
            self._check_writable(place, path)
            descent.check_file(place, path)
            os.unlink(place.name or ".", dir_fd=place.directory)

    def move(self, path: str, target: str) -> None:
        """Move a file, and create the directories above its new place; raises FileExistsError."""
        with self._place(path, follow=False) as place, self._place(target) as there:
            self._check_writable(place, path)
            self._check_writable(there, target)
            descent.check_file(place, path)
            if there.info is not None:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
            with _parent(there) as (directory, name):
                os.rename(place.name or ".", name, src_dir_fd=place.directory, dst_dir_fd=directory)

    @contextmanager
    def _place(self, path: str, follow: bool = True) -> Iterator[Place]:
        with descent.place_of(self._ground, path, follow) as place:
            yield place

    def _check_writable(self, place: Place, path: str) -> None:
        if not self.writable:
            raise ProtectedPathError("The workspace can only be read. Show the change instead.")
        steps = tuple(name.casefold() for name in place.steps)
        if (
            place.guarded
            or not GUARDED_NAMES.isdisjoint(steps)
            or any(steps[: len(guarded)] == guarded for guarded in self._guarded_steps)
        ):
            raise ProtectedPathError(
                f"{short(path)} can't be changed: Git or this server runs what is named there. Show the "
                "change instead."
            )
        if place.name is None:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)


def _identities(paths: Iterable[Path]) -> frozenset[Identity]:
    known = set()
    for path in paths:
        with suppress(OSError):
            known.add(identity(os.stat(path)))
    return frozenset(known)


def _ignores_case(root: Path) -> bool:
    """Return whether a name of another case leads to the same file in the root."""
    with os.scandir(root) as scan:
        names = [entry.name for entry, _ in zip(scan, range(1_000), strict=False)]
    for name in names:
        other = name.swapcase()
        if other != name and other not in names:
            return os.path.lexists(root / other)
    return os.path.lexists(root.parent / root.name.swapcase()) and root.name.swapcase() != root.name


def _entry(steps: tuple[str, ...], info: os.stat_result) -> Entry:
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
    kind = kinds.get(stat.S_IFMT(info.st_mode), "other")
    return Entry(PurePosixPath(*steps), kind, info.st_size, info.st_mtime_ns)


@contextmanager
def _opened(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _parent(place: Place) -> Iterator[tuple[int, str]]:
    """Yield an open directory and the name in it that a place is, with the directories between created."""
    names = [place.name or ".", *place.rest]
    held = [os.dup(place.directory)]
    try:
        for name in names[:-1]:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=held[-1])
            held.append(descent.open_below(held[-1], name))
        yield held[-1], names[-1]
    finally:
        for descriptor in held:
            os.close(descriptor)


def _replace(directory: int, name: str, data: bytes, info: os.stat_result | None) -> None:
    temporary = f".opencode-{secrets.token_hex(8)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o666 if info is None else 0o600, dir_fd=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if info is not None:
                os.fchmod(descriptor, stat.S_IMODE(info.st_mode) & 0o777)
            os.fsync(descriptor)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise


def _too_large(path: str) -> FileTooLargeError:
    return FileTooLargeError(
        f"{short(path)} has more than {MAX_FILE // 1024**2} MB, which is as much as can be used at once."
    )
