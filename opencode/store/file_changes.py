"""Changes of files by tools, with what a file was and became, to be shown and taken back."""

import zlib
from typing import Literal

import msgspec
from sqlalchemy import Connection, bindparam, select

from opencode.schema.base import encode

from .rows import Row
from .tables import file_change

State = Literal["begun", "done", "reverting", "reverted"]
"""`begun`, `reverting`: the file is being written; what a stop leaves so was interrupted."""


class FileChange(msgspec.Struct, kw_only=True):
    """One change of one file by one call. `path`: from the workspace's root. `time`: Unix ms.

    `before`, `after`: digests of the file's content, None where there is no file. `kept`: the contents are
    stored. `root_id`: the session above all that delegated the work to `session_id`.
    """

    id: str
    session_id: str
    root_id: str
    message_id: str
    part_id: str
    path: str
    time: int
    state: State
    before: str | None
    after: str | None
    kept: bool


class FileContents(msgspec.Struct):
    """What a file was before a change and after it; None where there was none."""

    before: bytes | None
    after: bytes | None


_decode = msgspec.json.Decoder(FileChange).decode
_decode_contents = msgspec.json.Decoder(FileContents).decode

_of_root = (
    select(file_change.c.data).where(file_change.c.root_id == bindparam("root")).order_by(file_change.c.id)
)
_contents = select(file_change.c.content).where(file_change.c.id == bindparam("id"))
_unfinished = (
    select(file_change.c.data)
    .where(
        file_change.c.data.contains('"state":"begun"') | file_change.c.data.contains('"state":"reverting"')
    )
    .order_by(file_change.c.id)
)


def file_change_row(change: FileChange, contents: FileContents | None) -> Row:
    """Return the row of a change; without `contents` those that are stored stay."""
    return {
        "id": change.id,
        "session_id": change.session_id,
        "root_id": change.root_id,
        "data": encode(change).decode(),
        "content": None if contents is None else encode(_packed(contents)).decode(),
    }


def list_changes(connection: Connection, root_id: str) -> list[FileChange]:
    """Return the changes of a session and those below it, in order."""
    return [_decode(row.data) for row in connection.execute(_of_root, {"root": root_id})]


def list_unfinished(connection: Connection) -> list[FileChange]:
    """Return the changes that were being made, or taken back, when the server last stopped."""
    return [_decode(row.data) for row in connection.execute(_unfinished)]


def find_contents(connection: Connection, change_id: str) -> FileContents | None:
    """Return the contents of a change; None if they were not kept or it is not there any more."""
    data: str | None = connection.execute(_contents, {"id": change_id}).scalar()
    if data is None:
        return None
    packed = _decode_contents(data)
    return FileContents(_unpacked(packed.before), _unpacked(packed.after))


def _packed(contents: FileContents) -> FileContents:
    packed = (None if each is None else zlib.compress(each, 1) for each in (contents.before, contents.after))
    return FileContents(*packed)


def _unpacked(content: bytes | None) -> bytes | None:
    return None if content is None else zlib.decompress(content)
