"""Between wire objects and rows."""

import msgspec
from msgspec import structs

from opencode.schema.base import encode
from opencode.schema.message import AssistantMessage, Message
from opencode.schema.part import FilePart, Part, ReasoningPart, TextPart, ToolPart
from opencode.schema.session import Session, Todo

from .outlines import without_content

Row = dict[str, object]
"""A table's columns by their names."""


class FileContent(msgspec.Struct, frozen=True):
    """A large file of a part. `number`: its place among the part's files."""

    number: int
    url: str


class PartRow(Row):
    """A part's row. `streamed`: its text may be stored in pieces; `text`: that of one which grows.

    `has_files`: content of files may be stored of it; `files`: the present one, which `data` does not have.
    """

    streamed: bool = False
    text: str = ""
    has_files: bool = False
    files: "list[FileContent]"


decode_session = msgspec.json.Decoder(Session).decode
decode_message = msgspec.json.Decoder(Message).decode
decode_part = msgspec.json.Decoder(Part).decode
decode_todo = msgspec.json.Decoder(Todo).decode


class _Text(msgspec.Struct):
    text: str = ""


_decode_text = msgspec.json.Decoder(_Text).decode


def decode_text(data: str) -> str:
    """Return the text of a text part, and decode no more of it."""
    return _decode_text(data).text


def session_row(session: Session) -> Row:
    return {
        "id": session.id,
        "parent_id": session.parent_id or None,
        "title": session.title,
        "time_updated": session.time.updated,
        "pinned": bool(session.metadata and session.metadata.get("pinned")),
        "data": encode(session).decode(),
    }


def message_row(message: Message, answered: bool) -> Row:
    """Return a message's row; `answered` is false of a prompt whose turn has not ended."""
    unfinished = not message.time.completed if isinstance(message, AssistantMessage) else not answered
    return {
        "id": message.id,
        "session_id": message.session_id,
        "unfinished": unfinished,
        "data": encode(message).decode(),
    }


def part_row(part: Part) -> PartRow:
    finished_text = isinstance(part, TextPart) and (not part.time or bool(part.time.end))
    stored, files = without_content(part)
    row = PartRow(
        id=part.id,
        session_id=part.session_id,
        message_id=part.message_id,
        searchable=finished_text,
        grows=False,
        data=encode(stored).decode(),
    )
    row.streamed = isinstance(part, TextPart | ReasoningPart) and bool(part.time)
    row.has_files = isinstance(part, FilePart | ToolPart)
    row.files = [FileContent(number, url) for number, url in files.items()]
    return row


def growing_row(part: Part) -> PartRow:
    """Return the row of a part whose text may still grow, its text apart; other parts are stored whole."""
    if not isinstance(part, TextPart | ReasoningPart):
        return part_row(part)
    row = part_row(structs.replace(part, text=""))
    row.update(searchable=False, grows=True)
    row.text = part.text
    return row


def todo_rows(session_id: str, todos: list[Todo]) -> list[Row]:
    return [
        {"session_id": session_id, "position": position, "data": encode(todo).decode()}
        for position, todo in enumerate(todos)
    ]
