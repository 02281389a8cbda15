"""Which servers use a PostgreSQL database, by the revision of the schema that each knows.

The connection that writes holds a shared advisory lock whose number is that revision, as long as it lives. So
a migration that older servers can't live with finds them, without a table that it might change itself.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from opencode.store import revision

_SERVERS = int.from_bytes(b"ocsr")
"""Locks (this, revision): one for each server."""

_SCHEMA = int.from_bytes(b"ocschema")
"""Held while the schema changes; shared by those who look at it."""

_NEWER = "a newer version has changed the database in a way that this one does not know; start the newer one"

_try = text("SELECT pg_try_advisory_xact_lock(:number)")
_try_shared = text("SELECT pg_try_advisory_xact_lock_shared(:number)")
_others = text(
    "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND classid = :number AND objsubid = 2 "
    "AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND pid != pg_backend_pid()"
)


def announce(connection: Any, again: bool) -> None:
    """Say which revision this server knows; raises psycopg's error.

    `again`: the server had another connection before, and while it was lost the schema may have changed.
    """
    from psycopg.errors import OperationalError  # noqa: PLC0415 - 0.1 s that a start with SQLite saves

    number = int(revision.HEAD)
    connection.execute("SELECT pg_advisory_lock_shared(%s::int, %s::int)", [_SERVERS, number])
    if again:
        connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_SCHEMA])
        if any(
            oldest > revision.HEAD
            for (oldest,) in connection.execute("SELECT oldest FROM schema_compatibility")
        ):
            raise OperationalError(_NEWER)
    connection.commit()


def lock_schema(connection: Connection, exclusively: bool) -> bool:
    """Try to take the lock until the transaction ends; return whether it was acquired."""
    acquired: bool = connection.execute(
        _try if exclusively else _try_shared, {"number": _SCHEMA}
    ).scalar_one()
    return acquired


def other_servers(connection: Connection) -> list[str]:
    """Return the newest revision that each other server of this database knows."""
    numbers: Sequence[int] = connection.execute(_others, {"number": _SERVERS}).scalars().all()
    return [f"{number:04}" for number in numbers]
