"""The content of files, apart from the parts that they belong to, in pieces.

A file is a `data:` URL within its part, of up to tens of megabytes. The part's row says only how large it is
(see `outlines`), so that pages read none of it, and neither writing nor sending it takes more memory than a
piece. Small files stay in the row.
"""

import base64
import binascii
from collections.abc import Iterator, Sequence
from urllib.parse import unquote_to_bytes

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, select

from opencode.schema.part import FilePart, Part

from .dialects import dialect_of
from .outlines import content_size, files_of, is_outline, summary
from .rows import FileContent, PartRow, decode_part
from .tables import part, part_file, part_file_piece

PIECE = 2**20
"""Characters of a URL that are stored together: a multiple of 4, as base64 needs."""

_part_by_id = select(part.c.message_id, part.c.data).where(
    part.c.session_id == bindparam("session"), part.c.id == bindparam("id")
)

_this_file = (part_file.c.part_id == bindparam("id"), part_file.c.number == bindparam("number"))
_this_piece = (part_file_piece.c.part_id == bindparam("id"), part_file_piece.c.number == bindparam("number"))

_file = select(part_file.c.head, part_file.c.version, part_file.c.verbatim).where(*_this_file)

_piece_count = select(func.count()).select_from(part_file_piece).where(*_this_piece)

_pieces = select(part_file_piece.c.data).where(*_this_piece).order_by(part_file_piece.c.place)

_piece = (
    select(part_file_piece.c.data)
    .join(
        part_file,
        (part_file.c.part_id == part_file_piece.c.part_id) & (part_file.c.number == part_file_piece.c.number),
    )
    .where(
        *_this_piece,
        part_file_piece.c.place == bindparam("place"),
        part_file.c.version == bindparam("version"),
    )
)


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file with content. `number`: its place among the files of a tool's result, 0 for a file part.

    `size`: bytes of the content, None if only reading tells. `version`: changes with the content. `pieces`:
    how many there are to read. `is_apart`: the content is not in the part's own row. `is_base64`: it can be
    read piece by piece.
    """

    session_id: str
    message_id: str
    part_id: str
    number: int
    mime: str
    filename: str
    size: int | None
    version: str
    pieces: int
    is_apart: bool
    is_base64: bool


def write_files(connection: Connection, rows: Sequence[PartRow]) -> None:
    """Write the content of the files of these parts in the place of what was stored of them."""
    most = dialect_of(connection).max_values
    for start in range(0, len(rows), most):
        part_ids = [row["id"] for row in rows[start : start + most]]
        for table in (part_file_piece, part_file):
            connection.execute(delete(table).where(table.c.part_id.in_(part_ids)))
    for row in rows:
        for file in row.files:
            _write(connection, str(row["id"]), file)


def _write(connection: Connection, part_id: str, file: FileContent) -> None:
    head = file.url[: file.url.index(",")]
    place = {"part_id": part_id, "number": file.number}
    version = summary(file.url).version
    is_plain = not _is_canonical(file.url, head)
    connection.execute(insert(part_file), {**place, "head": head, "version": version, "verbatim": is_plain})
    for count, start in enumerate(range(len(head) + 1, len(file.url), PIECE)):
        text = file.url[start : start + PIECE]
        data = text.encode("utf-8", "surrogatepass") if is_plain else binascii.a2b_base64(text)
        connection.execute(insert(part_file_piece), {**place, "place": count, "data": data})


def _is_canonical(url: str, head: str) -> bool:
    """Return whether a URL's base64 is what encoding its content yields, so that it can be stored decoded."""
    if not head.endswith(";base64"):
        return False
    try:
        for start in range(len(head) + 1, len(url), PIECE):
            text = url[start : start + PIECE]
            if binascii.b2a_base64(binascii.a2b_base64(text), newline=False) != text.encode():
                return False
    except (ValueError, UnicodeEncodeError):
        return False
    return True


def with_content(connection: Connection, read: Part) -> int:
    """Put the content of files that is stored apart into a part; return how many characters that is."""
    size = 0
    for number, file in enumerate(files_of(read)):
        if is_outline(file.url) and (url := _read_url(connection, read.id, number)) is not None:
            file.url = url
            size += len(url)
    return size


def _read_url(connection: Connection, part_id: str, number: int) -> str | None:
    values = {"id": part_id, "number": number}
    found = connection.execute(_file, values).first()
    if found is None:
        return None
    pieces: Iterator[bytes] = (row.data for row in connection.execute(_pieces, values))
    if found.verbatim:
        return f"{found.head},{b''.join(pieces).decode('utf-8', 'surrogatepass')}"
    encoded = (binascii.b2a_base64(piece, newline=False).decode() for piece in pieces)
    return "".join([found.head, ",", *encoded])


def find_file(connection: Connection, session_id: str, part_id: str, number: int | None) -> StoredFile | None:
    """Return a file part, or file `number` of a tool's result; None if there is none or it is elsewhere."""
    row = connection.execute(_part_by_id, {"session": session_id, "id": part_id}).first()
    if row is None or (file := _stored_file(row.data, number)) is None or not file.url.startswith("data:"):
        return None
    values = {"id": part_id, "number": number or 0}
    apart = connection.execute(_file, values).first() if is_outline(file.url) else None
    is_base64 = not apart.verbatim if apart else file.url.partition(",")[0].endswith(";base64")
    return StoredFile(
        session_id=session_id,
        message_id=row.message_id,
        part_id=part_id,
        number=number or 0,
        mime=file.mime,
        filename=file.filename or "",
        size=(summary(file.url).size if apart else content_size(file.url)) if is_base64 else None,
        version=summary(file.url).version,
        pieces=connection.execute(_piece_count, values).scalar_one() if apart and is_base64 else 1,
        is_apart=apart is not None,
        is_base64=is_base64,
    )


def read_piece(connection: Connection, file: StoredFile, place: int) -> bytes | None:
    """Return piece `place` (from 0) of a file's content; None if the file has been removed or changed."""
    values = {"id": file.part_id, "number": file.number, "place": place, "version": file.version}
    if file.is_apart and file.is_base64:
        piece: bytes | None = connection.execute(_piece, values).scalar()
        return piece
    row = connection.execute(_part_by_id, {"session": file.session_id, "id": file.part_id}).first()
    if row is None:
        return None
    files = files_of(decode_part(row.data))
    found = files[file.number] if file.number < len(files) else None
    if found is None or summary(found.url).version != file.version:
        return None
    url = (_read_url(connection, file.part_id, file.number) if file.is_apart else None) or found.url
    head, _, content = url.partition(",")
    try:
        return base64.b64decode(content) if head.endswith(";base64") else unquote_to_bytes(content)
    except binascii.Error:
        return None


def _stored_file(data: str, number: int | None) -> FilePart | None:
    stored = decode_part(data)
    if isinstance(stored, FilePart) is not (number is None):
        return None
    files = files_of(stored)
    place = number or 0
    return files[place] if place < len(files) else None
