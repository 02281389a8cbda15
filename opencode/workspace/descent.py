"""The way from a workspace's root to a path, one directory at a time, each held open.

No step follows a link by itself: a link is read, and its target walked from where it is, so no link leads out
of the root, nor one that is put in the place of a directory meanwhile. `..` in a link's target goes back to a
directory that is held, and is never opened by name.
"""

import errno
import os
import stat
import unicodedata
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from opencode.errors import NotAFileError, OutsideWorkspaceError, ProtectedPathError

from .paths import outside, short
from .paths import steps as steps_of

MOST_LINKS = 40
"""Links in one path, as Linux has it."""

IS_SUPPORTED = hasattr(os, "O_NOFOLLOW") and {os.open, os.stat, os.rename} <= os.supports_dir_fd
"""Whether this system can open a name in an open directory, without following links."""

_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)

Identity = tuple[int, int]
"""A directory, whatever it is called: its device and inode."""


class Ground(msgspec.Struct, frozen=True):
    """What a descent starts from. `roots`: the absolute paths of the root, the first as people know it.

    `hidden`, `guarded`: directories of which nothing may be read, and nothing written. `ignores_case`: the
    system takes names of another case for the same.
    """

    roots: tuple[str, ...]
    hidden: frozenset[Identity] = frozenset()
    guarded: frozenset[Identity] = frozenset()
    ignores_case: bool = False


class Place(msgspec.Struct):
    """Where a path leads: `name` in the open directory `directory`, None if it is the root itself.

    `steps`: the path by its real names, links resolved. `info`: of what is there, None if nothing is; `rest`:
    the steps below it that do not exist either. `guarded`: nothing may be written there.
    """

    directory: int
    name: str | None
    steps: tuple[str, ...]
    info: os.stat_result | None
    rest: tuple[str, ...] = ()
    guarded: bool = False

    @property
    def is_directory(self) -> bool:
        return self.info is not None and stat.S_ISDIR(self.info.st_mode)


@contextmanager
def place_of(ground: Ground, path: str, follow: bool = True) -> Iterator[Place]:
    """Walk to a path and yield where it leads, its directory open until the block ends.

    `follow`: go on where the last step is a link. Raises OutsideWorkspaceError, ProtectedPathError and
    OSError.
    """
    descent = _Descent(ground, path)
    try:
        yield descent.walk(follow)
    finally:
        descent.close()


def open_directory(place: Place) -> int:
    """Return a descriptor, to be closed, of the directory that a place is; raises OSError."""
    return os.open(place.name or ".", _DIRECTORY, dir_fd=place.directory)


def open_below(directory: int, name: str) -> int:
    """Return a descriptor, to be closed, of a directory in an open one; raises OSError, also for a link."""
    return os.open(name, _DIRECTORY, dir_fd=directory)


def open_file(place: Place, path: str) -> int:
    """Return a descriptor, to be closed, of the regular file that a place is.

    Raises FileNotFoundError, IsADirectoryError, NotAFileError and OSError.
    """
    check_file(place, path)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    descriptor = os.open(place.name or ".", flags, dir_fd=place.directory)
    # It may have been replaced since it was looked at.
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise not_a_file(path)
    return descriptor


def check_file(place: Place, path: str) -> os.stat_result:
    """Return what is known of a regular file; raises FileNotFoundError, IsADirectoryError, NotAFileError."""
    if place.info is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    if place.is_directory:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(place.info.st_mode):
        raise not_a_file(path)
    return place.info


def not_a_file(path: str) -> NotAFileError:
    return NotAFileError(f"{short(path)} is not a regular file. Name another one.")


def identity(info: os.stat_result) -> Identity:
    return info.st_dev, info.st_ino


class _Descent:
    def __init__(self, ground: Ground, path: str) -> None:
        self._ground = ground
        self._path = path
        self._pending = deque(steps_of(path, ground.roots))
        self._links = 0
        self._names: list[str] = []
        self._held: list[int] = []
        self._guards: list[bool] = []
        self._hold(os.open(ground.roots[0], os.O_RDONLY | os.O_DIRECTORY))

    def close(self) -> None:
        while self._held:
            os.close(self._held.pop())

    def walk(self, follow: bool) -> Place:
        while self._pending:
            name = self._pending.popleft()
            if name == "..":
                self._back()
                continue
            name = self._true_name(name)
            try:
                info = os.stat(name, dir_fd=self._held[-1], follow_symlinks=False)
            except FileNotFoundError:
                return self._missing(name)
            if stat.S_ISLNK(info.st_mode) and (self._pending or follow):
                self._follow(name)
            elif self._pending:
                self._enter(name)
            else:
                return self._found(name, info)
        return Place(self._held[-1], None, tuple(self._names), os.fstat(self._held[-1]), (), self._guards[-1])

    def _found(self, name: str, info: os.stat_result) -> Place:
        directory = identity(info)
        self._check_visible(directory)
        guarded = self._guards[-1] or directory in self._ground.guarded
        return Place(self._held[-1], name, (*self._names, name), info, (), guarded)

    def _missing(self, name: str) -> Place:
        rest = tuple(self._pending)
        if ".." in rest:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._path)
        return Place(self._held[-1], name, (*self._names, name, *rest), None, rest, self._guards[-1])

    def _enter(self, name: str) -> None:
        self._hold(os.open(name, _DIRECTORY, dir_fd=self._held[-1]))
        self._names.append(name)

    def _hold(self, descriptor: int) -> None:
        self._held.append(descriptor)
        directory = identity(os.fstat(descriptor))
        self._check_visible(directory)
        self._guards.append(any(self._guards[-1:]) or directory in self._ground.guarded)

    def _back(self) -> None:
        if not self._names:
            raise outside(self._path)
        os.close(self._held.pop())
        self._names.pop()
        self._guards.pop()

    def _follow(self, name: str) -> None:
        self._links += 1
        if self._links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self._path)
        target = os.readlink(name, dir_fd=self._held[-1])
        if target.startswith("/"):
            try:
                names: Sequence[str] = steps_of(target, self._ground.roots)
            except OutsideWorkspaceError:
                raise outside(self._path) from None  # without the target, which is not this client's to know
            while self._names:
                self._back()
        else:
            names = [step for step in target.split("/") if step not in ("", ".")]
        self._pending.extendleft(reversed(names))

    def _check_visible(self, directory: Identity) -> None:
        if directory in self._ground.hidden:
            raise ProtectedPathError(f"{short(self._path)} belongs to the server and can't be used.")

    def _true_name(self, name: str) -> str:
        """Return a name as the directory has it, where the system would take another case for it too."""
        if not self._ground.ignores_case:
            return name
        names = os.listdir(self._held[-1])
        alike = [each for each in names if _folded(each) == _folded(name)]
        return name if name in alike or not alike else alike[0]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
