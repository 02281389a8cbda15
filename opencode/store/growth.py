"""Text that is still being streamed: each flush appends what is new, instead of writing the whole text again.

A part that grows has a row with an empty text, and pieces in `part_growth`. Reads put them together. The last
write of the part stores it whole and removes the pieces.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, Delete, bindparam, case, delete, func, insert, select

from opencode.schema.base import encode
from opencode.schema.part import Part, ReasoningPart, TextPart

from .dialects import dialect_of
from .files import write_files
from .rows import PartRow, Row, decode_part
from .tables import part, part_growth

_decode_pieces = msgspec.json.Decoder(list[tuple[int, str]]).decode

pieces: ColumnElement[str] = case(
    (
        part.c.grows,
        select(func.aggregate_strings(part_growth.c.data, ","))
        .where(part_growth.c.part_id == part.c.id)
        .scalar_subquery(),
    ),
).label("pieces")
"""The pieces of a part's text as JSON, in any order; NULL for a part that does not grow."""

_part_ids = part_growth.c.part_id.in_(bindparam("ids", expanding=True))
_totals = (
    select(part_growth.c.part_id, func.max(part_growth.c.total).label("total"))
    .where(_part_ids)
    .group_by(part_growth.c.part_id)
)
_remove = delete(part_growth).where(_part_ids)
_append = insert(part_growth)


def read_part(data: str, pieces: str | None) -> Part:
    """Return a stored part, with the text so far if it grows."""
    stored: Part = decode_part(data)
    if pieces is not None and isinstance(stored, TextPart | ReasoningPart):
        stored.text = "".join(text for _, text in sorted(_decode_pieces(f"[{pieces}]")))
    return stored


def write_parts(connection: Connection, rows: Sequence[Row]) -> None:
    """Write the rows of parts: of those that grow what is new, the others whole."""
    whole: list[Row] = [row for row in rows if not row["grows"]]
    growing = {str(row["id"]): row for row in rows if isinstance(row, PartRow) and row["grows"]}
    written = _written(connection, growing) if growing else {}
    whole += (row for part_id, row in growing.items() if part_id not in written)
    if whole:
        dialect_of(connection).upsert(connection, part, whole)
    if new := [
        {"part_id": part_id, "total": len(row.text), "data": _piece(row.text, written.get(part_id, 0))}
        for part_id, row in growing.items()
        if len(row.text) > written.get(part_id, 0)
    ]:
        connection.execute(_append, new)
    ended = [row["id"] for row in rows if isinstance(row, PartRow) and row.streamed and not row["grows"]]
    _execute_in_batches(connection, _remove, ended)
    if with_files := [row for row in rows if isinstance(row, PartRow) and row.has_files]:
        write_files(connection, with_files)


def _execute_in_batches(connection: Connection, statement: Delete, ids: Sequence[object]) -> None:
    """Execute a statement about `ids`, of which one may name only so many."""
    most = dialect_of(connection).max_values
    for start in range(0, len(ids), most):
        connection.execute(statement, {"ids": ids[start : start + most]})


def _written(connection: Connection, growing: dict[str, PartRow]) -> dict[str, int]:
    """Return how many characters of each growing text are stored. A text that became shorter starts anew.

    It is asked of the database, not remembered, so that a transaction that failed changes nothing.
    """
    rows = connection.execute(_totals, {"ids": list(growing)})
    totals: dict[str, int] = {row.part_id: row.total for row in rows}
    if shorter := [part_id for part_id, total in totals.items() if len(growing[part_id].text) < total]:
        connection.execute(_remove, {"ids": shorter})
        for part_id in shorter:
            del totals[part_id]
    return totals


def _piece(text: str, start: int) -> str:
    return encode([len(text), text[start:]]).decode()
