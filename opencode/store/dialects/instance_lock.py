"""Exclusive lock: only one server may use a database."""

import logging
import time
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from opencode.errors import SettingsError

WAIT_SECONDS = 10.0
"""How long a server waits at its start for another one to stop."""

_WAITING = "another server uses this database; waiting up to %.0f s for it to stop"

LOCK = int.from_bytes(b"opencode")
"""The number of the advisory lock; each PostgreSQL database has its own."""

_SETTINGS = {
    "tcp_keepalives_idle": 30,  # seconds: the lock of a server whose machine is gone ends with its connection
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
    "lock_timeout": 5_000,  # milliseconds that a change waits for a lock
}

log = logging.getLogger(__name__)


def lock_data_dir(data_dir: Path) -> FileLock:
    """Take the lock of a data directory; it is held until it is released, or the process ends.

    Raises SettingsError if another server holds it, or the directory can't be written to.
    """
    # Taken in one thread, released in another.
    lock = FileLock(data_dir / "opencode.lock", mode=0o600, thread_local=False)
    try:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            log.info(_WAITING, WAIT_SECONDS)
            lock.acquire(timeout=WAIT_SECONDS)
    except Timeout:
        raise SettingsError(
            f"OPENCODE_DATA_DIR: {data_dir} is in use by another server. Stop that one, or give each its own."
        ) from None
    except OSError as error:
        raise SettingsError(f"OPENCODE_DATA_DIR: {data_dir} can't be written to: {error.strerror}.") from None
    return lock


def lock_postgres(connection: Any) -> None:
    """Take the lock of a PostgreSQL database for as long as the connection lives; raises psycopg's error.

    The connection is the one that writes. If it is lost, nothing is written until the next one has the lock.
    """
    from psycopg.errors import LockNotAvailable  # noqa: PLC0415 - 0.1 s that a start with SQLite saves

    deadline = time.monotonic() + WAIT_SECONDS
    try:
        for name, value in _SETTINGS.items():
            connection.execute(f"SET {name} = {value}")
        if not _try_lock(connection):
            log.info(_WAITING, WAIT_SECONDS)
            while not _try_lock(connection):
                if time.monotonic() > deadline:
                    raise LockNotAvailable(
                        "it is in use by another server; stop that one, or give each a database of its own"
                    )
                time.sleep(0.1)
        connection.commit()
    except BaseException:
        connection.close()
        raise


def _try_lock(connection: Any) -> bool:
    """Try to take the lock; return whether it was acquired."""
    acquired: bool = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()[0]
    return acquired
