"""The events that the server publishes: one class per event, with its properties.

An event on the wire is `{"id", "type", "properties"}`; `type` comes from the class.
"""

from typing import Any, ClassVar, Literal, Union

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
    """The first event of every stream.

    `resumed`: sent to a client that reconnects with `Last-Event-ID`. True: the missed events follow. False:
    they are no longer kept; the current states follow, without what was removed in between.
    """

    type: ClassVar[str] = "server.connected"
    resumed: bool | UnsetType = UNSET


class ServerHeartbeat(EventProperties):
    """Sent regularly, to keep the connection open."""

    type: ClassVar[str] = "server.heartbeat"


class SessionCreated(SessionEvent):
    """A session was created."""

    type: ClassVar[str] = "session.created"
    info: Session


class SessionUpdated(SessionEvent):
    """A session changed, such as its title, model or cost."""

    type: ClassVar[str] = "session.updated"
    info: Session


class SessionDeleted(SessionEvent):
    """A session was deleted with all its messages."""

    type: ClassVar[str] = "session.deleted"
    info: Session


class SessionStatusChanged(SessionEvent):
    """A session became busy, waits for a retry, or became idle."""

    type: ClassVar[str] = "session.status"
    status: SessionStatus


class SessionIdle(SessionEvent):
    """A session's turn has ended."""

    type: ClassVar[str] = "session.idle"


class SessionFailed(EventProperties):
    """A turn failed. The message of the answer has the same error."""

    type: ClassVar[str] = "session.error"
    session_id: str | UnsetType = UNSET
    error: MessageError | UnsetType = UNSET


class SessionCompacted(SessionEvent):
    """A session's history was compacted."""

    type: ClassVar[str] = "session.compacted"


class CommandExecuted(SessionEvent):
    """A command was executed; `messageID` is its prompt."""

    type: ClassVar[str] = "command.executed"
    name: str
    arguments: str
    message_id: str


class SessionDiff(SessionEvent):
    """The changes of files by a session; nothing without a workspace."""

    type: ClassVar[str] = "session.diff"
    diff: list[FileDiff]


class FileEdited(EventProperties):
    """A tool has written a file of the workspace. `file`: its absolute path."""

    type: ClassVar[str] = "file.edited"
    file: str


class FileWatcherUpdated(EventProperties):
    """A file of the workspace was created, changed or removed by this server. `file`: its absolute path."""

    type: ClassVar[str] = "file.watcher.updated"
    file: str
    event: Literal["add", "change", "unlink"]


class ToastShown(EventProperties, dict=True):
    """A notice for people, such as of files that a revert has left as they are."""

    type: ClassVar[str] = "tui.toast.show"
    title: str
    message: str
    variant: Literal["info", "success", "warning", "error"]

    def about(self, session_id: str) -> "ToastShown":
        """Have the subscribers of a session get it too; the wire's object has no such field."""
        self.__dict__["session_id"] = session_id
        return self


class MessageUpdated(SessionEvent):
    """A message was created or changed."""

    type: ClassVar[str] = "message.updated"
    info: Message


class MessageRemoved(SessionEvent):
    """A message was removed."""

    type: ClassVar[str] = "message.removed"
    message_id: str


class PartUpdated(SessionEvent):
    """A part was created or changed; `part` replaces its earlier state."""

    type: ClassVar[str] = "message.part.updated"
    part: Part
    time: int


class PartDelta(SessionEvent):
    """More text of a part: append `delta` to its `field`."""

    type: ClassVar[str] = "message.part.delta"
    message_id: str
    part_id: str
    field: str
    delta: str


class PartRemoved(SessionEvent):
    """A part was removed, for instance because its step is retried."""

    type: ClassVar[str] = "message.part.removed"
    message_id: str
    part_id: str


class TodoUpdated(SessionEvent):
    """A session's todos changed; `todos` is the complete list."""

    type: ClassVar[str] = "todo.updated"
    todos: list[Todo]


class ToolReference(Wire):
    """The tool call that waits for the user."""

    message_id: str
    call_id: str


class PermissionAsked(SessionEvent):
    """A tool call waits for the user's permission."""

    type: ClassVar[str] = "permission.asked"
    id: str
    permission: str
    patterns: list[str]
    metadata: JsonObject
    always: list[str]
    tool: ToolReference | UnsetType = UNSET


class PermissionReplied(SessionEvent):
    """The user allowed or refused a tool call."""

    type: ClassVar[str] = "permission.replied"
    request_id: str
    reply: Literal["once", "always", "reject"]


class QuestionOption(Wire):
    """An answer to choose from."""

    label: str
    description: str


class Question(Wire):
    """A question to the user."""

    question: str
    header: str
    options: list[QuestionOption]
    multiple: bool | UnsetType = UNSET
    custom: bool | UnsetType = UNSET


class QuestionAsked(SessionEvent):
    """The model asks the user; the tool call waits for the answer."""

    type: ClassVar[str] = "question.asked"
    id: str
    questions: list[Question]
    tool: ToolReference | UnsetType = UNSET


class QuestionReplied(SessionEvent):
    """The user answered."""

    type: ClassVar[str] = "question.replied"
    request_id: str
    answers: list[list[str]]


class QuestionRejected(SessionEvent):
    """The user dismissed the questions."""

    type: ClassVar[str] = "question.rejected"
    request_id: str


class McpToolsChanged(EventProperties):
    """The tools of an MCP server changed."""

    type: ClassVar[str] = "mcp.tools.changed"
    server: str


class InstanceDisposed(EventProperties):
    """The set-up was read again: configuration, agents, commands, skills, providers may have changed."""

    type: ClassVar[str] = "server.instance.disposed"
    directory: str


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
    CommandExecuted,
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
    McpToolsChanged,
    InstanceDisposed,
)


def envelope(event_id: str, properties: EventProperties, before: bytes = b"", after: bytes = b"") -> bytes:
    """Return the event's JSON between `before` and `after`, with one copy of what may be a large file.

    `event_id` and the type contain no characters that JSON escapes.
    """
    return b'%b{"id":"%b","type":"%b","properties":%b}%b' % (
        before,
        event_id.encode(),
        properties.type.encode(),
        encode(properties),
        after,
    )


def event_struct(properties: type[EventProperties]) -> Any:
    """Return the type of an event's whole JSON object, for decoding and for the API document."""
    name = "Event" + properties.__name__
    fields: list[Any] = [("id", str), ("properties", properties)]
    return msgspec.defstruct(
        name,
        fields,
        tag_field="type",
        tag=properties.type,
        kw_only=True,
        module=__name__,
        namespace={"__doc__": properties.__doc__},
    )


EVENT_STRUCTS: tuple[Any, ...] = tuple(event_struct(properties) for properties in EVENT_TYPES)

AnyEvent: Any = Union[EVENT_STRUCTS]  # noqa: UP007 - the members are made at run time
"""Any event's whole JSON object, as one type."""
