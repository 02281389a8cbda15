"""A data directory is one server's: two that write to one would end each other's answers."""

from pathlib import Path

from filelock import FileLock, Timeout

from opencode.errors import SettingsError

WAIT_SECONDS = 10.0
"""How long a server that is started while another one stops waits for it."""


def claim(data_dir: Path, wait: float = WAIT_SECONDS) -> FileLock:
    """Return the lock that makes `data_dir` this server's until it is released, or the process ends.

    Raises SettingsError where it can't be had.
    """
    lock = FileLock(data_dir / "opencode.lock", mode=0o600)
    try:
        lock.acquire(timeout=wait)
    except Timeout:
        raise SettingsError(
            f"OPENCODE_DATA_DIR: {data_dir} is in use by another server. Stop that one, or give each its own."
        ) from None
    except OSError as error:
        raise SettingsError(f"OPENCODE_DATA_DIR: {data_dir} can't be written to: {error.strerror}.") from None
    return lock
