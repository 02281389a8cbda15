"""A directory for temporary files where only the data directory is writable, as with a read-only root."""

import os
import tempfile
from pathlib import Path

from opencode.errors import SettingsError


def ensure_temporary_directory(data_dir: Path) -> None:
    """Use `data_dir`/tmp where neither TMPDIR nor /tmp is writable: uploads above 500 KB are files.

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
        os.environ["TMPDIR"] = str(directory)  # for the programs that the server starts
