"""What differs between SQLite and PostgreSQL, behind one interface. All other SQL is the same for both."""

from sqlalchemy import Connection

from .base import Dialect, Engines
from .postgres import Postgres
from .sqlite import Sqlite

__all__ = ["POSTGRES", "SQLITE", "Dialect", "Engines", "dialect_of"]

SQLITE = Sqlite()
POSTGRES = Postgres()

_BY_NAME: dict[str, Dialect] = {dialect.name: dialect for dialect in (SQLITE, POSTGRES)}


def dialect_of(connection: Connection) -> Dialect:
    """Return the dialect that a connection speaks."""
    return _BY_NAME[connection.dialect.name]
