"""Everything the server tells: one class per event, holding its properties.

An event on the wire is `{"id", "type", "properties"}`; `type` comes from the class.
"""

from typing import Any, ClassVar, Literal

import msgspec
from msgspec import UNSET, UnsetType

from .base import JsonObject, Wire, encode
from .error import MessageError
from .message import FileDiff, Message
from .part import Part
from .session import Session, SessionStatus, Todo


class EventProperties(Wire):
    """Base of all events' properties."""

    type: ClassVar[str]


class SessionEvent(EventProperties):
    session_id: str


class ServerConnected(EventProperties):
    type: ClassVar[str] = "server.connected"


class ServerHeartbeat(EventProperties):
    type: ClassVar[str] = "server.heartbeat"


class SessionCreated(SessionEvent):
    type: ClassVar[str] = "session.created"
    info: Session


class SessionUpdated(SessionEvent):
    type: ClassVar[str] = "session.updated"
    info: Session


class SessionDeleted(SessionEvent):
    type: ClassVar[str] = "session.deleted"
    info: Session


class SessionStatusChanged(SessionEvent):
    type: ClassVar[str] = "session.status"
    status: SessionStatus


class SessionIdle(SessionEvent):
    type: ClassVar[str] = "session.idle"


class SessionFailed(EventProperties):
    type: ClassVar[str] = "session.error"
    session_id: str | UnsetType = UNSET
    error: MessageError | UnsetType = UNSET


class SessionCompacted(SessionEvent):
    type: ClassVar[str] = "session.compacted"


class SessionDiff(SessionEvent):
    type: ClassVar[str] = "session.diff"
    diff: list[FileDiff]


class MessageUpdated(SessionEvent):
    type: ClassVar[str] = "message.updated"
    info: Message


class MessageRemoved(SessionEvent):
    type: ClassVar[str] = "message.removed"
    message_id: str


class PartUpdated(SessionEvent):
    type: ClassVar[str] = "message.part.updated"
    part: Part
    time: int


class PartDelta(SessionEvent):
    type: ClassVar[str] = "message.part.delta"
    message_id: str
    part_id: str
    field: str
    delta: str


class PartRemoved(SessionEvent):
    type: ClassVar[str] = "message.part.removed"
    message_id: str
    part_id: str


class TodoUpdated(SessionEvent):
    type: ClassVar[str] = "todo.updated"
    todos: list[Todo]


class ToolReference(Wire):
    message_id: str
    call_id: str


class PermissionAsked(SessionEvent):
    type: ClassVar[str] = "permission.asked"
    id: str
    permission: str
    patterns: list[str]
    metadata: JsonObject
    always: list[str]
    tool: ToolReference | UnsetType = UNSET


class PermissionReplied(SessionEvent):
    type: ClassVar[str] = "permission.replied"
    request_id: str
    reply: Literal["once", "always", "reject"]


class QuestionOption(Wire):
    label: str
    description: str


class Question(Wire):
    question: str
    header: str
    options: list[QuestionOption]
    multiple: bool | UnsetType = UNSET
    custom: bool | UnsetType = UNSET


class QuestionAsked(SessionEvent):
    type: ClassVar[str] = "question.asked"
    id: str
    questions: list[Question]
    tool: ToolReference | UnsetType = UNSET


class QuestionReplied(SessionEvent):
    type: ClassVar[str] = "question.replied"
    request_id: str
    answers: list[list[str]]


class QuestionRejected(SessionEvent):
    type: ClassVar[str] = "question.rejected"
    request_id: str


EVENT_TYPES: tuple[type[EventProperties], ...] = (
    ServerConnected,
    ServerHeartbeat,
    SessionCreated,
    SessionUpdated,
    SessionDeleted,
    SessionStatusChanged,
    SessionIdle,
    SessionFailed,
    SessionCompacted,
    SessionDiff,
    MessageUpdated,
    MessageRemoved,
    PartUpdated,
    PartDelta,
    PartRemoved,
    TodoUpdated,
    PermissionAsked,
    PermissionReplied,
    QuestionAsked,
    QuestionReplied,
    QuestionRejected,
)


def envelope(event_id: str, properties: EventProperties) -> bytes:
    """Return the event's JSON. `event_id` and the type hold nothing that JSON would escape."""
    return b'{"id":"%b","type":"%b","properties":%b}' % (
        event_id.encode(),
        properties.type.encode(),
        encode(properties),
    )


def event_struct(properties: type[EventProperties]) -> Any:
    """Return the type of an event's whole JSON object, for decoding and for the API document."""
    name = "Event" + properties.__name__
    fields: list[Any] = [("id", str), ("properties", properties)]
    return msgspec.defstruct(
        name, fields, tag_field="type", tag=properties.type, kw_only=True, module=__name__
    )


EVENT_STRUCTS: tuple[Any, ...] = tuple(event_struct(properties) for properties in EVENT_TYPES)
