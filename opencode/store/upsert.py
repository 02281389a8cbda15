"""Rows into any table, each replacing the row with its id."""

from sqlalchemy import Connection, Table

from . import growth, tables
from .dialects import dialect_of
from .rows import Row


def upsert(connection: Connection, table: Table, rows: list[Row]) -> None:
    """Insert rows, or replace those that are there."""
    if table is tables.part:
        growth.write_parts(connection, rows)
    else:
        dialect_of(connection).upsert(connection, table, rows)
