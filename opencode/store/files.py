"""The content of files, read in pieces: a file of many megabytes is never in memory as a whole for long.

A file is a `data:` URL within the JSON of its part. Base64, which is nearly every file, is cut out of the
JSON by the database. For the rest the JSON is read anew for each piece.
"""

import base64
import binascii
from urllib.parse import unquote_to_bytes

import msgspec
from sqlalchemy import Connection, bindparam, func, select

from opencode.schema.part import FilePart, ToolPart, ToolStateCompleted

from .outlines import content_size, summary
from .rows import decode_part
from .tables import part

PIECE = 2 * 1024 * 1024
"""Characters of a URL that are read at once; a multiple of 4, as base64 needs. SQLite reads a whole row for
each piece, which takes 0.05 s for a file of 10 MB, so pieces are not smaller."""

_part_by_id = select(part.c.message_id, part.c.data).where(
    part.c.session_id == bindparam("session"), part.c.id == bindparam("id")
)

_piece = select(func.substr(part.c.data, bindparam("start"), bindparam("size"))).where(
    part.c.session_id == bindparam("session"),
    part.c.id == bindparam("id"),
    func.length(part.c.data) == bindparam("length"),
)


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file with content. `number`: its place among the files of a tool's result, None for a file part.

    `size`: bytes of the content, None if only reading tells. `version`: changes with the content. `content`:
    where in the part's JSON the URL's base64 content begins, None if it can't be cut out. `characters`: of
    the URL's content. `length`: of the part's JSON.
    """

    session_id: str
    message_id: str
    part_id: str
    number: int | None
    mime: str
    filename: str
    size: int | None
    version: str
    content: int | None
    characters: int
    length: int


def find_file(connection: Connection, session_id: str, part_id: str, number: int | None) -> StoredFile | None:
    """Return a file part, or file `number` of a tool's result; None if there is none or it is elsewhere."""
    row = connection.execute(_part_by_id, {"session": session_id, "id": part_id}).first()
    if row is None or (file := _file(row.data, number)) is None:
        return None
    head, comma, content = file.url.partition(",")
    if not (head.startswith("data:") and comma):
        return None
    is_base64 = head.endswith(";base64")
    return StoredFile(
        session_id=session_id,
        message_id=row.message_id,
        part_id=part_id,
        number=number,
        mime=file.mime,
        filename=file.filename or "",
        size=content_size(file.url) if is_base64 else None,
        version=summary(file.url).version,
        content=_place(row.data, file.url, len(head) + 1) if is_base64 else None,
        characters=len(content),
        length=len(row.data),
    )


def read_piece(connection: Connection, file: StoredFile, start: int) -> tuple[bytes, int] | None:
    """Return the bytes of a file from character `start` of its content on, and where the next piece begins.

    None if the file has been removed or changed.
    """
    if file.content is None:
        return _read_whole(connection, file, start)
    size = min(PIECE, file.characters - start)
    values = {
        "session": file.session_id,
        "id": file.part_id,
        "length": file.length,
        "start": file.content + start + 1,
        "size": size,
    }
    piece: str | None = connection.execute(_piece, values).scalar()
    return None if piece is None or len(piece) != size else _decoded(piece, start + size)


def _read_whole(connection: Connection, file: StoredFile, start: int) -> tuple[bytes, int] | None:
    row = connection.execute(_part_by_id, {"session": file.session_id, "id": file.part_id}).first()
    found = _file(row.data, file.number) if row is not None else None
    if found is None or summary(found.url).version != file.version:
        return None
    begin = found.url.index(",") + 1
    end = min(start + PIECE, file.characters)
    if found.url.endswith(";base64", 0, begin - 1):
        return _decoded(found.url[begin + start : begin + end], end)
    end += max(0, found.url.find("%", begin + end - 2, begin + end) + 3 - begin - end)  # no %XX is cut
    return unquote_to_bytes(found.url[begin + start : begin + end]), min(end, file.characters)


def _decoded(base64_text: str, end: int) -> tuple[bytes, int] | None:
    try:
        return base64.b64decode(base64_text), end
    except binascii.Error:
        return None


def _file(data: str, number: int | None) -> FilePart | None:
    stored = decode_part(data)
    if isinstance(stored, FilePart) and number is None:
        return stored
    if isinstance(stored, ToolPart) and isinstance(stored.state, ToolStateCompleted) and number is not None:
        files = stored.state.attachments or []
        return files[number] if number < len(files) else None
    return None


def _place(data: str, url: str, start: int) -> int | None:
    """Return where in a part's JSON the content of a URL begins; `start`: where it begins in the URL.

    Any field `url` with the same value will do. A quote within a string has a backslash before it, so what
    looks like a field is one. None if the URL has characters that JSON escapes.
    """
    field = '"url":"'
    place = data.find(field)
    while place >= 0:
        begin = place + len(field)
        if data.startswith(url, begin) and data.startswith('"', begin + len(url)):
            return begin + start
        place = data.find(field, begin)
    return None
