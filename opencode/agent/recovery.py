"""Unfinished answers: closes those that a stopped server left open, or leaves them ready to go on."""

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

from .calls import interrupted
from .exchange import is_last_step, new_answer

CUT = TurnAborted("The server stopped while this answer was being written. The text so far is kept.")
CUT_FOR_NOW = TurnAborted(
    "The server stopped while this answer was being written. The text so far is kept, and the answer goes on "
    "below."
)
STOPS = 3
"""How many starts of the server go on with the answer to one prompt."""

GIVEN_UP = TurnAborted(
    f"The server stopped {STOPS + 1} times while it answered this prompt, and does not go on with it again. "
    "The text so far is kept. Send the prompt again."
)
UNANSWERED = TurnAborted("The server stopped before this prompt was answered. Send it again.")


def is_unfinished(message: MessageWithParts) -> bool:
    """Return whether a message is an answer that has not ended."""
    return isinstance(message.info, AssistantMessage) and not message.info.time.completed


def closed(message: MessageWithParts, error: ModelError, reason: str) -> MessageWithParts:
    """Return an unfinished answer with an error as its end and all parts ended; return others unchanged.

    `reason`: why tool calls that were running have no result.
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


def prepare_cut(store: Store, message: MessageWithParts) -> None:
    """Leave an answer that the server's stop interrupted, in the store, so that a turn goes on.

    One whose tool calls ran is left open; all others are closed.
    """
    if not any(
        isinstance(part, ToolPart) and isinstance(part.state, ToolStateRunning) for part in message.parts
    ):
        close_cut(store, message, CUT_FOR_NOW)


def is_cut(message: MessageWithParts) -> bool:
    """Return whether a turn has to go on with an answer as `prepare_cut` left it."""
    return is_unfinished(message) or message.failure == CUT_FOR_NOW.wire()


def has_content(message: MessageWithParts) -> bool:
    """Return whether an answer holds anything that a model can be shown."""
    return any(
        isinstance(part, ToolPart) or (isinstance(part, TextPart | ReasoningPart) and bool(part.text.strip()))
        for part in message.parts
    )


def close_cut(store: Store, message: MessageWithParts, error: ModelError = CUT) -> bool:
    """Close an answer that the server's stop interrupted, in the store; return whether it was unfinished."""
    if not is_unfinished(message):
        return False
    ended = closed(message, error, "the server stopped.")
    store.put_message(ended.info)
    for part, old_part in zip(ended.parts, message.parts, strict=True):
        if part is not old_part:
            store.put_part(part)
    return True


def close_unanswered(
    store: Store,
    prompt: UserMessage,
    later: list[MessageWithParts],
    directory: str,
    error: ModelError = UNANSWERED,
) -> bool:
    """End an interrupted prompt with an error if it has no final answer; return whether that was so.

    The error goes to the prompt's last answer, or to a new answer if there is none. `later`: the newest
    messages of the session, including those that `close_cut` ended.
    """
    store.put_message(prompt)
    answers = [message.info for message in later if isinstance(message.info, AssistantMessage)]
    answer = next((info for info in reversed(answers) if info.parent_id == prompt.id), None)
    if answer is not None:
        if not answer.time.completed or is_last_step(answer):
            return False
        answer.error = CUT.wire()
        store.put_message(answer)
        return True
    message_id = ids.ascending("msg", after=max((message.info.id for message in later), default=prompt.id))
    answer = new_answer(prompt, message_id, prompt.agent, directory)
    answer.time.completed = answer.time.created
    answer.error = error.wire()
    store.put_message(answer)
    return True
