"""The files of opencode.json's `instructions`: their texts, and warnings for entries that match no file."""

import glob
from collections.abc import Iterator
from pathlib import Path

from opencode.config import Settings
from opencode.errors import SettingsError


def instruction_texts(settings: Settings) -> tuple[str, ...]:
    """Return the texts of all files in the order of their entries.

    Raises SettingsError if a file can't be read.
    """
    return tuple(_text(file) for entry in settings.config.instructions for file in _files(entry, settings))


def instruction_warnings(settings: Settings) -> Iterator[str]:
    """Yield a warning for each entry that matches no file."""
    for entry in settings.config.instructions:
        if entry.startswith(("http://", "https://")):
            yield f"instructions: {entry} is ignored: URLs are not supported. Save it as a file."
        elif not _files(entry, settings):
            yield f"instructions: {entry!r} matches no file in {_directory(settings)}."


def _files(entry: str, settings: Settings) -> list[Path]:
    """Return the files that match a path or a glob pattern, relative to the directory of opencode.json."""
    directory = _directory(settings)
    pattern = str(Path(entry).expanduser())
    matches = glob.glob(pattern, root_dir=directory, recursive=True) or [pattern]  # a name may hold a bracket
    return [path for path in (directory / match for match in sorted(matches)) if path.is_file()]


def _directory(settings: Settings) -> Path:
    return (settings.config_path.parent if settings.config_path else Path()).absolute()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"instructions: {file} can't be read: {error}.") from None
