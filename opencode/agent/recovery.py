"""Closing what a stopped server left open, so that its session can go on."""

from opencode.clock import now_ms
from opencode.errors import TurnAborted
from opencode.schema.message import AssistantMessage, MessageWithParts, UserMessage
from opencode.schema.part import (
    ReasoningPart,
    TextPart,
    ToolPart,
    ToolStatePending,
    ToolStateRunning,
)
from opencode.store import Store, Unit

from .exchange import is_last_step, new_answer
from .transcript import interrupted

CUT = TurnAborted(
    "The server stopped while this answer was being written. What was written until then is kept."
)
UNANSWERED = TurnAborted("The server stopped before this was answered. Send it again to have it answered.")


def close_cut(store: Store | Unit, message: MessageWithParts) -> bool:
    """End an unfinished answer with an error that says so, and every part of it that was still open.

    Returns whether it was one.
    """
    if not isinstance(message.info, AssistantMessage):
        return False
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
    return True


def close_unanswered(
    store: Store, prompt: UserMessage, later: list[MessageWithParts], directory: str
) -> bool:
    """Let a prompt whose turn was cut have an answer that says so; returns whether it had none.

    `later`: the newest messages of its session, after `close_cut` has seen to them.
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
    answer = new_answer(prompt, prompt.agent, directory)
    answer.time.completed = answer.time.created
    answer.error = UNANSWERED.wire()
    store.put_message(answer)
    return True
