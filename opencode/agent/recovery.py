"""Closing unfinished answers: those that a stopped server left open, and copies of those being written."""

from msgspec import structs

from opencode import ids
from opencode.clock import now_ms
from opencode.errors import ModelError, TurnAborted
from opencode.schema.message import AssistantMessage, MessageWithParts, UserMessage
from opencode.schema.part import (
    Part,
    ReasoningPart,
    TextPart,
    ToolPart,
    ToolStatePending,
    ToolStateRunning,
)
from opencode.store import Store

from .exchange import is_last_step, new_answer
from .transcript import interrupted

CUT = TurnAborted(
    "The server stopped while this answer was being written. What was written until then is kept."
)
UNANSWERED = TurnAborted("The server stopped before this was answered. Send it again to have it answered.")


def is_unfinished(message: MessageWithParts) -> bool:
    """Return whether a message is an answer without an end."""
    return isinstance(message.info, AssistantMessage) and not message.info.time.completed


def closed(message: MessageWithParts, error: ModelError, reason: str) -> MessageWithParts:
    """Return an unfinished answer ended with an error, and every open part of it ended; others as they are.

    `reason`: why calls that were running have no result.
    """
    if not isinstance(message.info, AssistantMessage) or message.info.time.completed:
        return message
    time = structs.replace(message.info.time, completed=now_ms())
    info = structs.replace(message.info, error=error.wire(), time=time)
    return MessageWithParts(info=info, parts=[_closed(part, reason) for part in message.parts])


def _closed(part: Part, reason: str) -> Part:
    if isinstance(part, TextPart | ReasoningPart) and part.time and not part.time.end:
        return structs.replace(part, time=structs.replace(part.time, end=now_ms()))
    if isinstance(part, ToolPart) and isinstance(part.state, ToolStatePending | ToolStateRunning):
        return structs.replace(part, state=interrupted(part, reason))
    return part


def close_cut(store: Store, message: MessageWithParts) -> bool:
    """Store the end of an answer that the server's end cut; returns whether it was one."""
    if not is_unfinished(message):
        return False
    ended = closed(message, CUT, "the server stopped.")
    store.put_message(ended.info)
    for part, before in zip(ended.parts, message.parts, strict=True):
        if part is not before:
            store.put_part(part)
    return True


def close_unanswered(
    store: Store, prompt: UserMessage, later: list[MessageWithParts], directory: str
) -> bool:
    """Store an answer that says so for a prompt whose turn was cut; returns whether it had none.

    `later`: the newest messages of its session, those that `close_cut` ended included.
    """
    store.put_message(prompt)
    answers = [each.info for each in later if isinstance(each.info, AssistantMessage)]
    answer = next((each for each in reversed(answers) if each.parent_id == prompt.id), None)
    if answer is not None:
        if not answer.time.completed or is_last_step(answer):
            return False
        answer.error = CUT.wire()
        store.put_message(answer)
        return True
    message_id = ids.ascending("msg", after=max((each.info.id for each in later), default=prompt.id))
    answer = new_answer(prompt, message_id, prompt.agent, directory)
    answer.time.completed = answer.time.created
    answer.error = UNANSWERED.wire()
    store.put_message(answer)
    return True
