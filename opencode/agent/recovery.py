"""Closing what a stopped server left open, so that its session can go on."""

from opencode.clock import now_ms
from opencode.errors import TurnAborted
from opencode.schema.message import AssistantMessage, MessageWithParts
from opencode.schema.part import ReasoningPart, TextPart, ToolPart, ToolStatePending, ToolStateRunning
from opencode.store import Store

from .transcript import interrupted

CUT = TurnAborted(
    "The server stopped while this answer was being written. What was written until then is kept."
)


def close_cut(store: Store, message: MessageWithParts) -> None:
    """End an unfinished message with an error that says so, and every part of it that was still open."""
    if not isinstance(message.info, AssistantMessage):
        return
    for part in message.parts:
        if isinstance(part, TextPart | ReasoningPart) and part.time and not part.time.end:
            part.time.end = now_ms()
        elif isinstance(part, ToolPart) and isinstance(part.state, ToolStatePending | ToolStateRunning):
            part.state = interrupted(part, "the server stopped.")
        else:
            continue
        store.put_part(part)
    message.info.error = CUT.wire()
    message.info.time.completed = now_ms()
    store.put_message(message.info)
