"""Connections to PostgreSQL: opened as libpq reads the address, and checked for what a writer needs.

psycopg is imported only here and only when a connection is opened: 0.1 s that a start with SQLite saves.
"""

import os
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError

from .schema_lock import announce

_DEFAULTS = {
    "fallback_application_name": "opencode-api",
    "connect_timeout": 10,  # seconds, as those of keepalives
    "tcp_user_timeout": 30_000,  # milliseconds without an acknowledgement
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""A connection that leads nowhere is given up within a minute. What the address says counts more."""

_VARIABLES = {"connect_timeout": "PGCONNECT_TIMEOUT", "target_session_attrs": "PGTARGETSESSIONATTRS"}

STANDBY = (
    "it is a standby or in recovery, which can't be written to; name the primary, or all hosts "
    "with target_session_attrs=read-write"
)
READ_ONLY = (
    "it is read-only (default_transaction_read_only is on); name a database that can be written to, or "
    "change that setting"
)
TRANSACTION_POOLER = (
    "a pooler (such as PgBouncer) gives each transaction another connection, and a server's lock would be "
    "lost with it; connect to PostgreSQL directly, or set the pooler to pool_mode = session"
)

_READ_ONLY_STATE = "25006"

_FULL = (
    "too many clients already",
    "too many connections for",
    "remaining connection slots are reserved",
    "no more connections allowed",  # PgBouncer's
)
"""What PostgreSQL says without a slot; libpq does not tell the SQLSTATE of a connection that failed."""


class Connector:
    """Opens the connections of one server. `place`: where the last one led, without user and password."""

    def __init__(self, address: str) -> None:
        from psycopg.conninfo import conninfo_to_dict, make_conninfo  # noqa: PLC0415

        given = conninfo_to_dict(address)
        defaults: dict[str, Any] = dict(_DEFAULTS)
        if "," in f"{given.get('host', '')}{given.get('hostaddr', '')}":
            defaults["target_session_attrs"] = "read-write"  # of several hosts, standbys are of no use
        for name in list(defaults):
            if name in given or os.environ.get(_VARIABLES.get(name, "")):
                del defaults[name]
        self._address = make_conninfo(address, **defaults)
        self._host: tuple[str, int] | None = None
        self.place = "PostgreSQL"

    def attach(self, writing: Engine, reading: Engine, lock: Callable[[Any], None]) -> None:
        """Let two engines open their connections here. `lock`: called with each connection that writes."""

        def connect(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> Any:
            return self._open(**options)

        def prepare_writing(connection: Any, _record: Any) -> None:
            try:
                self._check(connection)
            except BaseException:
                connection.close()
                raise
            again = self._host is not None
            if self._moved(connection):
                reading.dispose()  # those who read must not stay at a host that was left
            lock(connection)
            announce(connection, again)

        for engine in (writing, reading):
            event.listen(engine, "do_connect", connect)
        event.listen(writing, "connect", prepare_writing)
        event.listen(writing, "handle_error", _leave_read_only)

    def _open(self, **options: Any) -> Any:
        from psycopg import connect  # noqa: PLC0415

        return connect(self._address, **options)

    def _moved(self, connection: Any) -> bool:
        """Note where a connection leads; return whether the one before led elsewhere."""
        info = connection.info
        before, self._host = self._host, (info.host, info.port)
        self.place = f"PostgreSQL, {info.dbname} at {info.host}"
        return before not in (None, self._host)

    def _check(self, connection: Any) -> None:
        """Raise psycopg's error if a connection can't be written to, or is a pooler's that changes it."""
        from psycopg.errors import OperationalError, ReadOnlySqlTransaction  # noqa: PLC0415

        in_recovery, read_only, backend = connection.execute(
            "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', pg_backend_pid()"
        ).fetchone()
        connection.commit()
        if in_recovery or read_only:
            raise ReadOnlySqlTransaction(STANDBY if in_recovery else READ_ONLY)
        if connection.info.backend_pid != backend and self._is_shared(connection, backend):
            raise OperationalError(TRANSACTION_POOLER)

    def _is_shared(self, connection: Any, backend: int) -> bool:
        """Return whether a pooler, which has answered for PostgreSQL, lends connections by the transaction.

        It lends the same one to the next who asks, or to this one another while somebody else has the first.
        """
        if _backend(connection) != backend:
            return True
        with self._open() as other:
            in_use = other.execute("SELECT pg_backend_pid()").fetchone()[0]
            return in_use == backend or _backend(connection) != backend


def is_full(error: DBAPIError) -> bool:
    """Return whether a connection was refused because there are as many as PostgreSQL allows."""
    return any(words in str(error.orig) for words in _FULL)


def _backend(connection: Any) -> int:
    """Return the process that serves a transaction of its own."""
    backend: int = connection.execute("SELECT pg_backend_pid()").fetchone()[0]
    connection.commit()
    return backend


def _leave_read_only(context: Any) -> None:
    """Give up a connection to a host that has become read-only: the next one may lead to the new primary."""
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY_STATE:
        context.is_disconnect = True
