"""Conversations as they are stored, for tests of what reads them."""

from typing import Any

from msgspec import UNSET

from opencode.schema.message import (
    AssistantMessage,
    MessagePath,
    MessageTime,
    MessageWithParts,
    ModelChoice,
    UserMessage,
)
from opencode.schema.part import (
    CompactionPart,
    CompletedTime,
    CreatedTime,
    Part,
    RunTime,
    TextPart,
    Tokens,
    ToolPart,
    ToolStateCompleted,
    ToolStateError,
)
from opencode.schema.session import Session, SessionTime

SESSION = "ses_1"


def session() -> Session:
    """Return the session of these conversations."""
    return Session(
        id=SESSION,
        slug="quiet-harbor",
        project_id="global",
        directory="/",
        title="A title",
        version="1",
        time=SessionTime(created=1, updated=1),
        cost=0,
        tokens=Tokens(),
    )


def user(number: int, *parts: Part) -> MessageWithParts:
    """Return a prompt; ids sort by `number`."""
    info = UserMessage(
        id=f"msg_{number:03}",
        session_id=SESSION,
        time=CreatedTime(created=number),
        agent="build",
        model=ModelChoice(provider_id="test", model_id="one"),
    )
    return MessageWithParts(info=info, parts=list(parts))


def assistant(number: int, *parts: Part, parent: int = 0, **fields: Any) -> MessageWithParts:
    """Return a finished answer to the prompt with the number `parent`."""
    info = AssistantMessage(
        id=f"msg_{number:03}",
        session_id=SESSION,
        time=MessageTime(created=number, completed=number),
        parent_id=f"msg_{parent:03}",
        model_id="one",
        provider_id="test",
        mode="build",
        agent="build",
        path=MessagePath(cwd="/", root="/"),
        cost=0,
        tokens=fields.pop("tokens", Tokens()),
        finish=fields.pop("finish", "stop"),
        **fields,
    )
    return MessageWithParts(info=info, parts=list(parts))


def text(words: str, ignored: bool = False) -> TextPart:
    return TextPart(id="prt_1", session_id=SESSION, message_id="msg_1", text=words, ignored=ignored or UNSET)


def compaction(tail_start: int | None = None) -> CompactionPart:
    """Return what asks for a compaction that leaves out the messages from `tail_start` on."""
    start = UNSET if tail_start is None else f"msg_{tail_start:03}"
    return CompactionPart(id="prt_2", session_id=SESSION, message_id="msg_1", auto=True, tail_start_id=start)


def call(output: str, tool: str = "webfetch", compacted: bool = False) -> ToolPart:
    """Return a tool call with its output."""
    time = CompletedTime(start=1, end=2, compacted=3 if compacted else UNSET)
    state = ToolStateCompleted(input={"url": "x"}, output=output, title="", metadata={}, time=time)
    return ToolPart(
        id="prt_3", session_id=SESSION, message_id="msg_1", call_id="call_1", tool=tool, state=state
    )


def failed_call(error: str, tool: str = "webfetch") -> ToolPart:
    state = ToolStateError(input={"url": "x"}, error=error, time=RunTime(start=1, end=2))
    return ToolPart(
        id="prt_4", session_id=SESSION, message_id="msg_1", call_id="call_2", tool=tool, state=state
    )
