"""What conversations are kept in is one server's: two that write to one would end each other's answers."""

import logging
import time
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from opencode.errors import SettingsError

WAIT_SECONDS = 10.0
"""How long a server that is started while another one stops waits for it."""

_WAITING = "another server uses these conversations; waiting %.0f s for it to stop"

LOCK = int.from_bytes(b"opencode")
"""The number of PostgreSQL's lock, which is the database's own."""

_SETTINGS = {
    "tcp_keepalives_idle": 30,  # seconds: the lock of a server whose machine is gone ends with its connection
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
    "lock_timeout": 5_000,  # milliseconds that a change waits for someone else's
}

log = logging.getLogger(__name__)


def lock_data_dir(data_dir: Path) -> FileLock:
    """Return the lock that makes `data_dir` this server's until it is released, or the process ends.

    Raises SettingsError where it can't be had.
    """
    lock = FileLock(data_dir / "opencode.lock", mode=0o600)
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
    """Make a PostgreSQL database this server's as long as the connection lives; raises psycopg's error.

    It is the connection that writes. Where it is lost, nothing is written until the next one has the lock.
    """
    from psycopg.errors import LockNotAvailable  # noqa: PLC0415 - 0.1 s that a start with SQLite saves

    deadline = time.monotonic() + WAIT_SECONDS
    try:
        for name, value in _SETTINGS.items():
            connection.execute(f"SET {name} = {value}")
        if not _is_had(connection):
            log.info(_WAITING, WAIT_SECONDS)
            while not _is_had(connection):
                if time.monotonic() > deadline:
                    raise LockNotAvailable(
                        "it is in use by another server; stop that one, or give each a database of its own"
                    )
                time.sleep(0.1)
        connection.commit()
    except BaseException:
        connection.close()
        raise


def _is_had(connection: Any) -> bool:
    """Try to have the lock, and tell whether it is."""
    had: bool = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()[0]
    return had
