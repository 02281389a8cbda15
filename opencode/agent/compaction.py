"""Keeping a conversation within its model's context: old tool output goes first, then all is condensed.

What a compaction is on the wire: a user message with a part of that type, answered by a summary. From then
on, models are told the summary and what it does not cover.
"""

from collections.abc import Iterator

from msgspec import UNSET

from opencode.clock import now_ms
from opencode.provider.base import ModelRequest, Text, UserTurn
from opencode.schema.agent import Agent
from opencode.schema.base import given
from opencode.schema.message import AssistantMessage, MessageWithParts, UserMessage
from opencode.schema.part import (
    CompactionPart,
    FilePart,
    Part,
    TextPart,
    ToolPart,
    ToolStateCompleted,
    ToolStateError,
)
from opencode.schema.provider import Model

RESERVED = 20_000
"""Tokens that the next answer is kept room for, or a quarter of a small context."""

NEWEST_OUTPUT = 40_000
"""Tokens of tool output, the newest, that are never cleared, or a quarter of a small context."""

WORTHWHILE = 20_000
"""Tokens that clearing must free, or an eighth of a small context; less is not worth losing the provider's
cache for."""

CALL_LENGTH = 2_000
"""Characters of a tool's output that are condensed with the rest."""

UNKNOWN_CONTEXT = 100_000
"""Tokens that are condensed at once where the model's limit is not known."""

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English; other languages take more tokens."""

_ASK = "Condense the conversation above, as you were told."


def compaction_of(message: MessageWithParts) -> CompactionPart | None:
    """Return what asks for a compaction in a message, None where it is an ordinary one."""
    for part in message.parts:
        if isinstance(part, CompactionPart):
            return part
    return None


def is_summary(message: MessageWithParts) -> bool:
    """Tell whether a message is a summary, finished or not."""
    return isinstance(message.info, AssistantMessage) and message.info.summary is True


def _is_ordinary(message: MessageWithParts) -> bool:
    """Tell whether a message is neither a summary nor what asks for one."""
    if isinstance(message.info, AssistantMessage):
        return message.info.summary is not True
    return compaction_of(message) is None


def since_summary(history: list[MessageWithParts]) -> list[MessageWithParts]:
    """Return what a model has to know: the last summary with what asked for it, and what it does not cover.

    Compactions that failed are left out.
    """
    ordinary = [each for each in history if _is_ordinary(each)]
    for message in reversed(history):
        info = message.info
        if not is_summary(message) or not isinstance(info, AssistantMessage) or info.error or not info.finish:
            continue
        asked = [each for each in history if each.info.id == info.parent_id]
        part = compaction_of(asked[0]) if asked else None
        begin = (part.tail_start_id if part else UNSET) or info.parent_id
        return [*asked, message, *(each for each in ordinary if each.info.id >= begin)]
    return ordinary


def tokens_in_use(history: list[MessageWithParts]) -> int:
    """Return how many tokens the conversation took when it was last sent, 0 where that is not known."""
    for message in reversed(since_summary(history)):
        info = message.info
        if isinstance(info, AssistantMessage) and info.finish and not is_summary(message):
            tokens = info.tokens
            return tokens.input + tokens.cache.read + tokens.cache.write + tokens.output + tokens.reasoning
    return 0


def is_nearly_full(model: Model, tokens: int) -> bool:
    """Tell whether a conversation that takes so many tokens leaves too little room for the next answer."""
    limit = _limit(model)
    return bool(limit) and tokens > limit - min(RESERVED, limit // 4)


def clear_old_output(history: list[MessageWithParts], model: Model) -> tuple[list[ToolPart], int]:
    """Mark the output of old tool calls as cleared; returns their parts and about how many tokens that frees.

    Nothing is cleared where that would free too little.
    """
    limit = _limit(model) or UNKNOWN_CONTEXT
    kept = freed = 0
    old: list[tuple[ToolPart, ToolStateCompleted]] = []
    for message in reversed(history):
        for part in reversed(message.parts):
            if not isinstance(part, ToolPart) or not isinstance(part.state, ToolStateCompleted):
                continue
            if part.state.time.compacted:
                continue
            size = len(part.state.output) // CHARACTERS_PER_TOKEN
            kept += size
            if kept > min(NEWEST_OUTPUT, limit // 4):
                freed += size
                old.append((part, part.state))
    if freed < min(WORTHWHILE, limit // 8):
        return [], 0
    for _, state in old:
        state.time.compacted = now_ms()
    return [part for part, _ in old], freed


def condensing_request(
    history: list[MessageWithParts], model: Model, agent: Agent, share: float = 1.0
) -> ModelRequest:
    """Return the request that condenses `history`; of a long one its newest part, `share` of what may fit.

    It is one text without tools, which every provider takes, whatever the conversation had in it.
    """
    limit = _limit(model) or UNKNOWN_CONTEXT
    room = int((limit - min(RESERVED, limit // 4)) * (CHARACTERS_PER_TOKEN - 1) * share)
    text = "\n\n".join(_told(history))
    if len(text) > room:
        text = "[The beginning was left out.]\n\n" + text[-room:]
    return ModelRequest(
        model=model,
        turns=(UserTurn((Text(f"<conversation>\n{text}\n</conversation>"), Text(_ASK))),),
        system=(given(agent.prompt, ""),),
        options=model.options,
    )


def _limit(model: Model) -> int:
    return given(model.limit.input, 0) or int(model.limit.context)


def _told(history: list[MessageWithParts]) -> Iterator[str]:
    for message in history:
        if compaction_of(message) is not None:
            continue
        said = [text for part in message.parts if (text := _text(part))]
        if said:
            yield f"{_speaker(message)}:\n" + "\n".join(said)


def _speaker(message: MessageWithParts) -> str:
    if isinstance(message.info, UserMessage):
        return "User"
    return "Summary of what was said before" if is_summary(message) else "Assistant"


def _text(part: Part) -> str:
    match part:
        case TextPart(text=text, ignored=ignored) if ignored is not True:
            return text.strip()
        case FilePart(filename=filename, mime=mime):
            return f"[attached: {filename or mime}]"
        case ToolPart(tool=tool, state=ToolStateCompleted() as state):
            return f"[{tool} {str(state.input)[:500]}]\n{state.output[:CALL_LENGTH]}"
        case ToolPart(tool=tool, state=ToolStateError() as state):
            return f"[{tool} {str(state.input)[:500]} failed: {state.error[:500]}]"
    return ""
