"""Between wire objects and rows."""

import msgspec

from opencode.schema.base import encode
from opencode.schema.message import AssistantMessage, Message
from opencode.schema.part import Part, TextPart
from opencode.schema.session import Session, Todo

Row = dict[str, object]
"""A table's columns by their names."""

decode_session = msgspec.json.Decoder(Session).decode
decode_message = msgspec.json.Decoder(Message).decode
decode_part = msgspec.json.Decoder(Part).decode
decode_todo = msgspec.json.Decoder(Todo).decode


class _Said(msgspec.Struct):
    text: str = ""


_decode_said = msgspec.json.Decoder(_Said).decode


def decode_text(data: str) -> str:
    """Return the text of a part that is one, and no more of it."""
    return _decode_said(data).text


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


def part_row(part: Part) -> Row:
    finished_text = isinstance(part, TextPart) and (not part.time or bool(part.time.end))
    return {
        "id": part.id,
        "session_id": part.session_id,
        "message_id": part.message_id,
        "searchable": finished_text,
        "data": encode(part).decode(),
    }


def todo_rows(session_id: str, todos: list[Todo]) -> list[Row]:
    return [
        {"session_id": session_id, "position": position, "data": encode(todo).decode()}
        for position, todo in enumerate(todos)
    ]
