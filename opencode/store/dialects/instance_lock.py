"""Locks that servers hold: that of a data directory, and one of their own in a PostgreSQL database."""

import logging
import time
from pathlib import Path
from typing import Any
from zlib import crc32

from filelock import FileLock, Timeout

from opencode import ids
from opencode.errors import SettingsError

WAIT_SECONDS = 10.0
"""How long a server waits at its start for another one to stop."""

_WAITING = "another server uses this directory; waiting up to %.0f s for it to stop"

LOCK = int.from_bytes(b"opencode")
"""The number of the advisory lock that all servers share; those of versions before clusters want it alone."""

SERVER_LOCKS = int.from_bytes(b"ocsv")
"""Locks (this, number of the server): each server has its own."""

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


class ServerLock:
    """The lock that shows the others that this server lives, held by the connection that writes.

    `server_id`: new for each start. If the connection is lost, the next one takes the lock again, unless
    others have taken the server for gone: then nothing can be written any more.
    """

    def __init__(self) -> None:
        self.server_id = ids.ascending("srv")
        self.has_joined = False

    def take(self, connection: Any) -> None:
        """Take the lock for as long as a connection lives; raises psycopg's error."""
        from psycopg.errors import LockNotAvailable  # noqa: PLC0415 - 0.1 s that a start with SQLite saves

        deadline = time.monotonic() + WAIT_SECONDS
        try:
            for name, value in _SETTINGS.items():
                connection.execute(f"SET {name} = {value}")
            while not self._try(connection):
                if time.monotonic() > deadline:
                    raise LockNotAvailable("it is in use by a server of an older version; stop that one")
                time.sleep(0.1)
            if self.has_joined and not self._is_known(connection):
                raise LockNotAvailable("another server has taken this one's place")
            connection.commit()
        except BaseException:
            connection.close()
            raise

    def _try(self, connection: Any) -> bool:
        """Try to take the locks; return whether they were acquired."""
        acquired: bool = connection.execute(
            "SELECT pg_try_advisory_lock_shared(%s) AND pg_try_advisory_lock(%s::int, %s::int)",
            [LOCK, SERVER_LOCKS, lock_number(self.server_id)],
        ).fetchone()[0]
        return acquired

    def _is_known(self, connection: Any) -> bool:
        found = connection.execute("SELECT 1 FROM server WHERE id = %s", [self.server_id]).fetchone()
        return found is not None


def lock_number(server_id: str) -> int:
    """Return the number of a server's advisory lock, beside SERVER_LOCKS."""
    return crc32(server_id.encode()) >> 1
