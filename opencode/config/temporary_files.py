"""A directory for temporary files where only the data directory is writable, as with a read-only root."""

import os
import tempfile
from pathlib import Path

from opencode.errors import SettingsError


def ensure_temporary_directory(data_dir: Path) -> None:
    """Use `data_dir`/tmp where neither TMPDIR nor /tmp is writable: uploads and SQLite need some directory.

    Raises SettingsError where the data directory is not writable either.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        directory = data_dir / "tmp"
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"OPENCODE_DATA_DIR: {data_dir} is not writable: {error.strerror}.") from None
        tempfile.tempdir = str(directory)
        os.environ["TMPDIR"] = str(directory)  # for SQLite, and for programs that the server starts
