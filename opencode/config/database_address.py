"""The address of a PostgreSQL database, in any form that libpq knows. libpq itself reads it."""

import re

_URI = re.compile(r"postgres(?:ql)?://(?:[^@/?#]*@)?[^@/?#]*(?:/[^@/?#]*)?(?:\?[^#]*)?")
"""A password with an unescaped @, / or # does not fit it: its rest would be taken for a host, and shown."""

_HOST = re.compile(r"[\w.:-]*|[/@].*")

_WRONG = (
    "must be an address of a PostgreSQL database as libpq reads it, such as "
    "postgresql://user:password@host:5432/database, 'host=... dbname=... user=...' or 'service=...'; in a "
    "user name or password of an address that begins with postgresql:// write @ as %40, / as %2F, # as %23, "
    "? as %3F and % as %25"
)


def database_address(value: str) -> str | None:
    """Return the address as it was written; raises ValueError, which shows nothing of it."""
    if not value:
        return None
    from psycopg import ProgrammingError  # noqa: PLC0415 - 0.1 s that a start with SQLite saves
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    value = value.strip()
    if re.match(r"\w+://", value) and not _URI.fullmatch(value):
        raise ValueError(_WRONG)
    try:
        parts = conninfo_to_dict(value)
    except ProgrammingError:  # it may quote a password
        raise ValueError(_WRONG) from None
    hosts = str(parts.get("host", "")).split(",")
    ports = str(parts.get("port", "")).split(",")
    if not all(map(_HOST.fullmatch, hosts)) or not all(port.isdecimal() for port in ports if port):
        raise ValueError(_WRONG)
    return value
