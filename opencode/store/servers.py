"""The servers that share a PostgreSQL database, and which of them each conversation belongs to.

A server holds an advisory lock with the connection that writes. One whose lock is free is gone: another
removes its row and takes over its sessions, in one transaction that holds that lock. A lease belongs to a
session that has no parent, and covers all sessions below it.
"""

from typing import NamedTuple

from sqlalchemy import Connection, text

from .dialects.instance_lock import SERVER_LOCKS, lock_number

_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"


class ServerRow(NamedTuple):
    """A server. `address`: where others reach it. `token`: what proves to it that a request is another
    server's. `started`: Unix ms. `silent`: milliseconds since it was heard of. `holds_lock`: it is connected.
    """

    id: str
    address: str
    token: str
    started: int
    silent: int
    holds_lock: bool


class Look(NamedTuple):
    """What a server finds when it looks around. `known`: it is still one of the servers itself.

    `given`: root sessions whose server is gone and that are this one's now.
    """

    known: bool
    servers: list[ServerRow]
    given: list[str]


_join = text(
    "INSERT INTO server (id, lock, address, token, started, beat) "
    f"VALUES (:id, :lock, :address, :token, {_NOW}, {_NOW})"
)
_beat = text(f"UPDATE server SET beat = {_NOW} WHERE id = :id")
_servers = text(
    f"""SELECT id, address, token, started, {_NOW} - beat, EXISTS (
        SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid = :class
        AND objid = lock::oid AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) FROM server ORDER BY id"""
)
_given = text("SELECT id FROM lease WHERE server = :id AND is_given")
_accept = text("UPDATE lease SET is_given = false WHERE server = :id AND id = ANY(:roots)")
_claim = text(
    """INSERT INTO lease (id, server, is_given) VALUES (:root, :id, false)
    ON CONFLICT (id) DO UPDATE SET server = EXCLUDED.server, is_given = false
    WHERE NOT EXISTS (SELECT 1 FROM server WHERE server.id = lease.server) RETURNING server, is_given"""
)
_owner = text("SELECT server, is_given FROM lease WHERE id = :root")
_root = text(
    """WITH RECURSIVE up (id, parent_id) AS (
        SELECT id, parent_id FROM session WHERE id = :id
        UNION ALL SELECT session.id, session.parent_id FROM session JOIN up ON session.id = up.parent_id
    ) SELECT id FROM up WHERE parent_id IS NULL"""
)
_release = text("DELETE FROM lease WHERE server = :id AND id = ANY(:roots)")
_try_lock = text("SELECT pg_try_advisory_xact_lock(CAST(:class AS int), CAST(:lock AS int))")
_row = text("SELECT 1 FROM server WHERE id = :id FOR UPDATE")
_share_out = text(
    """UPDATE lease SET server = (CAST(:heirs AS text[]))[1 + abs(hashtext(id)) % :count], is_given = true
    WHERE server = :id"""
)
_leave = text("DELETE FROM server WHERE id = :id")
_drop_leases = text("DELETE FROM lease WHERE server = :id")
_address = text("SELECT host(inet_client_addr())")


def client_address(connection: Connection) -> str | None:
    """Return this machine's address as the database's server sees it; None through a socket."""
    found: str | None = connection.execute(_address).scalar_one()
    return found


def join(connection: Connection, server_id: str, address: str, token: str) -> None:
    """Add a server."""
    connection.execute(
        _join, {"id": server_id, "lock": lock_number(server_id), "address": address, "token": token}
    )


def look(connection: Connection, server_id: str) -> Look:
    """Say that a server lives, and return who else does."""
    known = connection.execute(_beat, {"id": server_id}).rowcount > 0
    servers = [ServerRow._make(row) for row in connection.execute(_servers, {"class": SERVER_LOCKS})]
    given: list[str] = list(connection.execute(_given, {"id": server_id}).scalars()) if known else []
    return Look(known, servers, given)


def accept(connection: Connection, server_id: str, roots: list[str]) -> None:
    """Note that a server has taken over the sessions that it was given."""
    connection.execute(_accept, {"id": server_id, "roots": roots})


def claim(connection: Connection, root: str, server_id: str) -> tuple[str, bool]:
    """Take a session that belongs to no living server.

    Returns the server that it belongs to now, and whether that one has yet to take it over.
    """
    while True:
        for statement in (_claim, _owner):
            row = connection.execute(statement, {"root": root, "id": server_id}).one_or_none()
            if row is not None:
                return row[0], row[1]


def root_of(connection: Connection, session_id: str) -> str | None:
    """Return the topmost session above a session; itself if it has no parent, None if it is not stored."""
    root: str | None = connection.execute(_root, {"id": session_id}).scalar()
    return root


def release(connection: Connection, server_id: str, roots: list[str]) -> None:
    """Give sessions up, so that any server may take them."""
    connection.execute(_release, {"id": server_id, "roots": roots})


def bury(connection: Connection, dead: str, heirs: list[str]) -> bool:
    """Remove a server that is gone and share out its sessions; return whether it was there, and gone."""
    if not connection.execute(_try_lock, {"class": SERVER_LOCKS, "lock": lock_number(dead)}).scalar_one():
        return False
    return _remove(connection, dead, heirs)


def leave(connection: Connection, server_id: str, heirs: list[str]) -> None:
    """Remove a server that stops, and share out its sessions; without others they are free."""
    _remove(connection, server_id, heirs)


def _remove(connection: Connection, server_id: str, heirs: list[str]) -> bool:
    if connection.execute(_row, {"id": server_id}).scalar() is None:
        return False
    if heirs:
        connection.execute(_share_out, {"id": server_id, "heirs": heirs, "count": len(heirs)})
    else:
        connection.execute(_drop_leases, {"id": server_id})
    connection.execute(_leave, {"id": server_id})
    return True


_disconnect = text(
    """SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2
    AND classid = :class AND objid = CAST(:lock AS oid)
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
)


def disconnect(connection: Connection, server_id: str) -> None:
    """End the connection that writes of a server that is silent: it may write nothing more."""
    connection.execute(_disconnect, {"class": SERVER_LOCKS, "lock": lock_number(server_id)})
