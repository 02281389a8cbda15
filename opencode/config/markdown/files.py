"""Finds and reads the Markdown files below a folder, within limits."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from .front_matter import Document, FrontMatterError, parse

MAX_FILES = 2_000
"""Files of one kind in one folder."""

MAX_ENTRIES = 20_000
"""Directory entries that are looked at for them."""

MAX_DEPTH = 12
MAX_BYTES = 1024 * 1024
"""Bytes of one file."""

MAX_TOTAL = 32 * 1024 * 1024
"""Bytes of all files of a set-up."""


class Limited(ValueError):
    """A limit was reached; the message says which, for a sentence."""


class Files:
    """Reads a set-up's files. `warnings`: what was left out, and why."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self._bytes = 0

    def below(self, folder: Path, matches: Callable[[str], bool], depth: int = MAX_DEPTH) -> list[Path]:
        """Return the files below a folder whose name matches, by path.

        Symbolic links are followed, since set-ups are put together with them; a circle of links ends where
        it reaches a directory again.
        """
        found: list[Path] = []
        try:
            for path in walk(folder, matches, depth):
                found.append(path)
                if len(found) == MAX_FILES:
                    raise Limited(f"more than {MAX_FILES} files")
        except Limited as error:
            self.warnings.append(f"{folder} holds {error}; the rest is left out.")
        return sorted(found)

    def text(self, path: Path) -> str | None:
        """Return a file's text; None, with a warning, if it can't be read or is too large."""
        try:
            content = _content(path)
            if self._bytes + len(content) > MAX_TOTAL:
                raise Limited(f"all files together have more than {MAX_TOTAL // 1024 // 1024} MB")
        except OSError as error:
            self.left_out(path, error.strerror or "it can't be read")
        except Limited as error:
            self.left_out(path, str(error))
        else:
            self._bytes += len(content)
            return content.decode("utf-8", errors="replace")
        return None

    def left_out(self, path: Path, why: str) -> None:
        self.warnings.append(f"{path} is left out: {why.rstrip('.')}.")


def walk(folder: Path, matches: Callable[[str], bool], depth: int = MAX_DEPTH) -> Iterator[Path]:
    """Yield the files below a folder whose name matches; raises Limited."""
    visited: set[tuple[int, int]] = set()
    pending = [(folder, 0)]
    entries = 0
    while pending:
        directory, level = pending.pop()
        try:
            status = os.stat(directory)
            if not stat.S_ISDIR(status.st_mode) or (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(directory) as scan:
                for entry in scan:
                    entries += 1
                    if entries > MAX_ENTRIES:
                        raise Limited(f"more than {MAX_ENTRIES} entries")
                    if entry.is_dir():
                        if level < depth:
                            pending.append((Path(entry.path), level + 1))
                    elif matches(entry.name) and entry.is_file():
                        yield Path(entry.path)
        except OSError:
            continue  # a directory that this user may not enter has no files, as for opencode


def _content(path: Path) -> bytes:
    # Without blocking: what is a file now may be a pipe by the time it is opened.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Limited("it is no file")
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise Limited(f"it has more than {MAX_BYTES // 1024 // 1024} MB")
    return content


def parsed(path: Path, files: Files) -> Document | None:
    """Return a Markdown file's front matter and text; None, with the reason noted, if it can't be used."""
    text = files.text(path)
    if text is None:
        return None
    try:
        return parse(text)
    except FrontMatterError as error:
        files.left_out(path, str(error))
        return None
