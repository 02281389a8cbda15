"""All files below a directory, as ripgrep lists them: without what ignore files leave out, and bounded."""

import errno
import os
import stat
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from . import descent
from .descent import Ground, identity
from .ignore import IGNORE_FILES, LARGEST_FILE, Ignored, ignored

DEEPEST = 64
"""Directories in one another that are entered; as many are open at once."""


class Found(msgspec.Struct, frozen=True):
    """A file or directory of a walk. `path`: from the root. `size`: in bytes. `modified`: in nanoseconds."""

    path: PurePosixPath
    is_directory: bool
    size: int
    modified: int


Choose = Callable[[Sequence[str], bool], bool | None]
"""Says of a path, as its steps from the root, and whether it is a directory, if it is wanted whatever ignore
files say; None if they decide."""

Rules = dict[str, Ignored]
"""The rules that hold in a directory, by the kind of their file."""


class Walk:
    """An iterator over what is below a directory. `stopped`: why it ended early, None if it did not."""

    def __init__(
        self,
        ground: Ground,
        path: str,
        skip: frozenset[str],
        ignore_files: bool,
        entries: int,
        seconds: float,
        choose: Choose | None = None,
        hidden: bool = True,
        deepest: int = DEEPEST,
    ) -> None:
        self.stopped: str | None = None
        self._ground = ground
        self._skip = skip
        self._choose = choose
        self._hidden = hidden
        self._kinds = _kinds(ground.roots[0]) if ignore_files else ()
        self._left = entries
        self._deepest = deepest
        self._limits = f"{entries:,} entries", f"{seconds:g} seconds"
        self._end = time.monotonic() + seconds
        self._found = self._begin(path)

    def __iter__(self) -> "Walk":
        return self

    def __next__(self) -> Found:
        return next(self._found)

    def close(self) -> None:
        """Close the directories that a walk which has not ended holds open."""
        self._found.close()

    def _begin(self, path: str) -> Generator[Found]:
        with descent.place_of(self._ground, path) as place:
            if place.info is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            self._deepest += len(place.steps)
            rules = self._rules_above(place.steps)
            directory = descent.open_directory(place)
            try:
                yield from self._below(directory, place.steps, rules)
            finally:
                os.close(directory)

    def _rules_above(self, steps: tuple[str, ...]) -> Rules:
        """Return the rules of the directories from the root to the one that `steps` leads to."""
        rules: Rules = {}
        for depth in range(len(steps)):
            with descent.place_of(self._ground, "/".join(steps[:depth])) as place:
                directory = descent.open_directory(place)
                try:
                    rules = self._with_rules(directory, depth, rules)
                finally:
                    os.close(directory)
        return rules

    def _below(self, directory: int, steps: tuple[str, ...], above: Rules) -> Iterator[Found]:
        try:
            with os.scandir(directory) as scan:
                entries = sorted(self._counted(scan), key=lambda entry: entry.name)
        except OSError:
            return  # removed meanwhile, or not readable: what can be seen is listed
        rules = self._with_rules(directory, len(steps), above)
        for entry in entries:
            found = self._look_at(entry, steps, rules)
            if found is None:
                continue
            yield found
            if found.is_directory and len(found.path.parts) < self._deepest:
                yield from self._enter(directory, entry.name, found.path.parts, rules)
            if self._is_over():
                return

    def _enter(self, directory: int, name: str, steps: tuple[str, ...], rules: Rules) -> Iterator[Found]:
        try:
            below = descent.open_below(directory, name)
        except OSError:
            return
        try:
            if identity(os.fstat(below)) not in self._ground.hidden:
                yield from self._below(below, steps, rules)
        finally:
            os.close(below)

    def _look_at(self, entry: os.DirEntry[str], steps: tuple[str, ...], rules: Rules) -> Found | None:
        if self._is_over():
            return None
        try:
            entry.name.encode()
            info = entry.stat(follow_symlinks=False)
        except (OSError, UnicodeEncodeError):
            return None
        is_directory = stat.S_ISDIR(info.st_mode)
        if not is_directory and not stat.S_ISREG(info.st_mode):
            return None
        if entry.name == ".git" or (is_directory and entry.name in self._skip):
            return None
        path = (*steps, entry.name)
        if not self._is_wanted(path, is_directory, rules) or identity(info) in self._ground.hidden:
            return None
        return Found(PurePosixPath(*path), is_directory, info.st_size, info.st_mtime_ns)

    def _counted(self, scan: Iterable[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
        for entry in scan:
            self._left -= 1
            if self._is_over():
                return
            yield entry

    def _is_over(self) -> bool:
        if self.stopped is None and self._left < 0:
            self.stopped = self._limits[0]
        if self.stopped is None and time.monotonic() > self._end:
            self.stopped = self._limits[1]
        return self.stopped is not None

    def _is_wanted(self, path: tuple[str, ...], is_directory: bool, rules: Rules) -> bool:
        chosen = self._choose(path, is_directory) if self._choose is not None else None
        if chosen is not None:
            return chosen
        if not self._hidden and path[-1].startswith("."):
            return False
        return not self._is_ignored(path, is_directory, rules)

    def _is_ignored(self, path: tuple[str, ...], is_directory: bool, rules: Rules) -> bool:
        for kind in reversed(self._kinds):
            if kind in rules and (decided := rules[kind].decide(path, is_directory)) is not None:
                return decided
        return False

    def _with_rules(self, directory: int, depth: int, above: Rules) -> Rules:
        """Return the rules that hold in a directory: those above it, and of the ignore files in it."""
        rules = above
        for kind in self._kinds:
            text = _read_ignore_file(directory, kind)
            if text and (known := ignored(depth, text, rules.get(kind))) is not None:
                rules = {**rules, kind: known}
        return rules


def _kinds(root: str) -> tuple[str, ...]:
    in_repository = any((path / ".git").exists() for path in (Path(root), *Path(root).parents))
    return IGNORE_FILES if in_repository else IGNORE_FILES[1:]


def _read_ignore_file(directory: int, name: str) -> str:
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        descriptor = os.open(name, flags, dir_fd=directory)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        return file.read(LARGEST_FILE).decode("utf-8", "replace")
