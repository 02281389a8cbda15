"""Rows of any number into a table, each in the place of the one with its id."""

import sqlite3
from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, Text, bindparam, func, select, true
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

from opencode.schema.base import encode

from .rows import Row

_INSERTS: dict[str, type[SqliteInsert] | type[PostgresInsert]] = {
    "sqlite": SqliteInsert,
    "postgresql": PostgresInsert,
}


_READS_JSON = sqlite3.sqlite_version_info >= (3, 38)
"""Before that it was its builder's choice."""

_SQLITE = sqlite.dialect()


def upsert(connection: Connection, table: Table, rows: list[Row]) -> None:
    """Insert rows, or replace those that are there."""
    dialect = connection.dialect.name
    if dialect == "sqlite" and _READS_JSON and len(rows) > 1:
        connection.execute(_all(table), {"rows": _as_json(table, rows)})
    else:
        connection.execute(_each(dialect, table), rows)


@cache
def _each(dialect: str, table: Table) -> SqliteInsert | PostgresInsert:
    """Return the statement for a row in a database's dialect."""
    insert = _INSERTS[dialect](table)
    return insert.on_conflict_do_update(index_elements=["id"], set_=_replaced(table, insert))


@cache
def _all(table: Table) -> SqliteInsert:
    """Return SQLite's statement for all rows at once, given as one JSON text.

    Its driver lets go of the interpreter for every row that it is given, and a thread beside a busy event
    loop waits long to get it back: see `threads`.
    """
    row = func.json_each(bindparam("rows", type_=Text)).table_valued("value").c.value
    names = _names(table)
    values = [func.json_extract(row, f"$[{place}]") for place in range(len(names))]
    insert = SqliteInsert(table).from_select(names, select(*values).where(true()))  # SQLite wants a WHERE
    return insert.on_conflict_do_update(index_elements=["id"], set_=_replaced(table, insert))


def _replaced(table: Table, insert: SqliteInsert | PostgresInsert) -> dict[str, Any]:
    return {name: insert.excluded[name] for name in _names(table) if name != "id"}


@cache
def _names(table: Table) -> list[str]:
    """Return the columns that a row gives; `number` is the database's own."""
    return [column.name for column in table.c if column.name != "number"]


def _as_json(table: Table, rows: list[Row]) -> str:
    bound = _bound(table)
    return encode([[bind(row[name]) for name, bind in bound.items()] for row in rows]).decode()


@cache
def _bound(table: Table) -> dict[str, Callable[[Any], Any]]:
    """Return what makes of a column's value what SQLite's driver is given."""
    types = {name: table.c[name].type.dialect_impl(_SQLITE) for name in _names(table)}
    return {name: kind.bind_processor(_SQLITE) or _itself for name, kind in types.items()}


def _itself(value: Any) -> Any:
    return value
