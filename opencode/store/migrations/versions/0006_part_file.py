"""Large files apart from their parts, in pieces. Outlines, which parts had beside them, become their rows.

Frozen: this file imports nothing of the program.
"""

import binascii
import json
import re
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

PIECE = 2**20
SMALLEST = 4_096

_part = sa.table("part", sa.column("id"), sa.column("data"))
_file = sa.table("part_file", *map(sa.column, ("part_id", "number", "head", "version", "verbatim")))
_piece = sa.table("part_file_piece", *map(sa.column, ("part_id", "number", "place", "data")))


def upgrade(dialect: str) -> None:
    postgres = dialect == "postgresql"
    id_ = 'VARCHAR(64) COLLATE "C"' if postgres else "VARCHAR(64)"
    binary = "BYTEA" if postgres else "BLOB"
    connection = op.get_bind()
    connection.exec_driver_sql(
        f"""CREATE TABLE part_file (
            part_id {id_} NOT NULL,
            number INTEGER NOT NULL,
            head TEXT NOT NULL,
            version VARCHAR(16) NOT NULL,
            verbatim BOOLEAN NOT NULL,
            CONSTRAINT pk_part_file PRIMARY KEY (part_id, number),
            CONSTRAINT fk_part_file_part_id FOREIGN KEY (part_id) REFERENCES part (id) ON DELETE CASCADE
        )"""
    )
    connection.exec_driver_sql(
        f"""CREATE TABLE part_file_piece (
            part_id {id_} NOT NULL,
            number INTEGER NOT NULL,
            place INTEGER NOT NULL,
            data {binary} NOT NULL,
            CONSTRAINT pk_part_file_piece PRIMARY KEY (part_id, number, place),
            CONSTRAINT fk_part_file_piece_part_id FOREIGN KEY (part_id) REFERENCES part (id) ON DELETE CASCADE
        )"""
    )
    large = sa.select(_part.c.id).where(
        sa.func.length(_part.c.data) >= SMALLEST,
        _part.c.data.like('{"type":"file"%') | _part.c.data.like('{"type":"tool"%'),
    )
    part_ids: list[str] = list(connection.execute(large).scalars())
    for part_id in part_ids:
        _take_apart(connection, part_id)
    connection.exec_driver_sql("DROP TABLE part_outline")


def _take_apart(connection: sa.Connection, part_id: str) -> None:
    part = json.loads(connection.execute(sa.select(_part.c.data).where(_part.c.id == part_id)).scalar_one())
    files = [part] if part["type"] == "file" else part.get("state", {}).get("attachments") or []
    changed = False
    for number, file in enumerate(files):
        url = file.get("url", "")
        if len(url) >= SMALLEST and url.startswith("data:") and "," in url:
            _move(connection, part_id, number, file, url)
            changed = True
    if changed:
        data = json.dumps(part, ensure_ascii=False, separators=(",", ":"))
        connection.execute(sa.update(_part).where(_part.c.id == part_id).values(data=data))


def _move(connection: sa.Connection, part_id: str, number: int, file: dict[str, Any], url: str) -> None:
    head = url[: url.index(",")]
    version = _version(url)
    pieces = _decoded(url, len(head) + 1) if head.endswith(";base64") else None
    verbatim = pieces is None
    if pieces is None:
        texts = (url[start : start + PIECE] for start in range(len(head) + 1, len(url), PIECE))
        pieces = [text.encode("utf-8", "surrogatepass") for text in texts]
    key = {"part_id": part_id, "number": number}
    connection.execute(sa.insert(_file), {**key, "head": head, "version": version, "verbatim": verbatim})
    for place, data in enumerate(pieces):
        connection.execute(sa.insert(_piece), {**key, "place": place, "data": data})
    file["url"] = f"data:;size={_size(url, len(head))};version={version},"


def _decoded(url: str, start: int) -> list[bytes] | None:
    """Return the bytes of base64; None if encoding them yields something else."""
    pieces = []
    for place in range(start, len(url), PIECE):
        text = url[place : place + PIECE]
        try:
            pieces.append(binascii.a2b_base64(text))
            if binascii.b2a_base64(pieces[-1], newline=False) != text.encode():
                return None
        except ValueError:
            return None
    return pieces


def _version(url: str) -> str:
    sample = url[:: max(1, len(url) // 4_096)]
    return blake2b(f"{len(url)}:{sample}:{url[-64:]}".encode("utf-8", "replace"), digest_size=8).hexdigest()


def _size(url: str, comma: int) -> int:
    length = len(url) - comma - 1
    if not url.endswith(";base64", 0, comma):
        return length
    return max(0, length * 3 // 4 - len(re.findall("=", url[max(comma + 1, len(url) - 2) :])))
