"""The state of a set-up's files, by which a change is noticed without reading them."""

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import msgspec

from opencode.errors import SettingsError

from .markdown.files import MAX_FILES, Limited, walk
from .markdown.reader import AGENTS, COMMANDS, MODES, SKILLS
from .places import Places, find_places, skill_folders

Signature = tuple[int, int, int, int] | None
"""Times of change, size and inode of a file; None if there is none."""


class Fingerprint(msgspec.Struct, frozen=True):
    """Which places there are, None if one that the environment names is missing, and the state of each file.

    Two of them differ if a file of the set-up was written, replaced, added, removed or made readable.
    """

    places: Places | None
    files: dict[str, Signature]

    def including(self, files: Iterable[Path]) -> "Fingerprint":
        """Return the fingerprint with further files, such as those that `{file:…}` names."""
        return Fingerprint(self.places, {**self.files, **{str(path): _signature(path) for path in files}})


def fingerprint(env: Mapping[str, str], included: Iterable[Path] = ()) -> Fingerprint:
    """Return the state of the files that a set-up of this environment is made of, and of those `included`."""
    try:
        places = find_places(env)
    except SettingsError:
        return Fingerprint(None, {})
    return Fingerprint(places, {path: _signature(path) for path in _files(places)}).including(included)


def _files(places: Places) -> Iterator[str]:
    yield from map(str, (*places.user, *([places.named] if places.named else []), *places.files))
    for folder in places.folders:
        yield from map(str, folder.files)
        for name in (*AGENTS, *COMMANDS, *MODES, *SKILLS):
            yield from _below(folder.path / name)
    for path in skill_folders(places):
        yield from _below(path)


def _below(folder: Path) -> Iterator[str]:
    """Yield the Markdown files below a folder, as many as are read."""
    try:
        yield from map(str, islice(walk(folder, lambda name: name.endswith(".md")), MAX_FILES))
    except Limited:
        return


def _signature(path: str | Path) -> Signature:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
