"""The state of a set-up's files, by which a change is noticed without reading them."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import msgspec

from opencode.errors import SettingsError

from .markdown.files import MAX_FILES, Limited, walk
from .markdown.reader import AGENTS, COMMANDS, MODES, SKILLS, is_markdown
from .markdown.skills import is_skill
from .places import Places, find_places, skill_folders

Signature = tuple[int, int, int, int] | None
"""Times of change, size and inode of a file; None if there is none."""


class Fingerprint(msgspec.Struct, frozen=True):
    """Which places there are, None if one that the environment names is missing, and the state of each file.

    Two of them differ if a file of the set-up was written, replaced, added, removed or made readable.
    """

    places: Places | None
    files: dict[str, Signature]

    @property
    def markdown(self) -> list[str]:
        """The Markdown files of agents, commands, modes and skills."""
        return [path for path, status in self.files.items() if path.endswith(".md") and status]

    def including(self, files: Iterable[Path]) -> "Fingerprint":
        """Return the fingerprint with further files, such as those that `{file:…}` names."""
        return Fingerprint(self.places, {**self.files, **{str(path): _signature(path) for path in files}})


def fingerprint(env: Mapping[str, str], included: Iterable[Path] = ()) -> Fingerprint:
    """Return the state of the files that a set-up of this environment is made of, and of those `included`."""
    try:
        places = find_places(env)
    except SettingsError:
        return Fingerprint(None, {})
    return Fingerprint(places, {path: _signature(path) for path in _files(places, env)}).including(included)


def _files(places: Places, env: Mapping[str, str]) -> Iterator[str]:
    yield from map(str, (*places.user, *([places.named] if places.named else []), *places.files))
    if places.saved:
        yield str(places.saved)
    for folder in places.folders:
        yield from map(str, folder.files)
        for name in (*AGENTS, *COMMANDS, *MODES):
            yield from _below(folder.path / name, is_markdown)
        for name in SKILLS:
            yield from _below(folder.path / name, is_skill)
    for path in skill_folders(places, env):
        yield from _below(path, is_skill)


def _below(folder: Path, matches: Callable[[str], bool]) -> Iterator[str]:
    """Yield the files below a folder whose name matches, as many as are read."""
    try:
        yield from map(str, islice(walk(folder, matches), MAX_FILES))
    except Limited:
        return


def _signature(path: str | Path) -> Signature:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
