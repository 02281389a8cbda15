"""Keeps a conversation within its model's context: clears old tool output first, then summarizes everything.

On the wire, a compaction is a user message with a compaction part, answered by a summary. Later requests
contain the summary and the messages that it does not cover.
"""

from collections.abc import Iterator

from msgspec import UNSET, structs

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
"""Tokens reserved for the next answer; at most a quarter of the context."""

NEWEST_OUTPUT = 40_000
"""Tokens of the newest tool output that are never cleared; at most a quarter of the context."""

MIN_FREED = 20_000
"""Tokens that clearing must free; at most an eighth of the context. Freeing less is not worth losing the
provider's prompt cache."""

MAX_CALL_OUTPUT = 2_000
"""Characters of each tool call's output that a summary is made from."""

UNKNOWN_CONTEXT = 100_000
"""The context size in tokens that is assumed if the model's limit is unknown."""

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English; other languages take more tokens."""

_INSTRUCTION = "Summarize the conversation above as instructed."


def compaction_of(message: MessageWithParts) -> CompactionPart | None:
    """Return a message's compaction part, None if it has none."""
    for part in message.parts:
        if isinstance(part, CompactionPart):
            return part
    return None


def is_summary(message: MessageWithParts) -> bool:
    """Return whether a message is a summary, finished or not."""
    return isinstance(message.info, AssistantMessage) and message.info.summary is True


def _is_ordinary(message: MessageWithParts) -> bool:
    """Return whether a message is neither a summary nor a request for one."""
    if isinstance(message.info, AssistantMessage):
        return message.info.summary is not True
    return compaction_of(message) is None


def since_summary(history: list[MessageWithParts]) -> list[MessageWithParts]:
    """Return the messages a model needs: the last summary, the request for it, and the messages not covered.

    Failed compactions are left out. Without a summary, all ordinary messages are returned.
    """
    ordinary = [message for message in history if _is_ordinary(message)]
    for message in reversed(history):
        info = message.info
        if not is_summary(message) or not isinstance(info, AssistantMessage) or info.error or not info.finish:
            continue
        request = [other for other in history if other.info.id == info.parent_id]
        part = compaction_of(request[0]) if request else None
        tail_start = (part.tail_start_id if part else UNSET) or info.parent_id
        return [*request, message, *(other for other in ordinary if other.info.id >= tail_start)]
    return ordinary


def tokens_in_use(history: list[MessageWithParts]) -> int:
    """Return the conversation's size in tokens as of the last answer, 0 if unknown."""
    for message in reversed(since_summary(history)):
        info = message.info
        if isinstance(info, AssistantMessage) and info.finish and not is_summary(message):
            tokens = info.tokens
            return tokens.input + tokens.cache.read + tokens.cache.write + tokens.output + tokens.reasoning
    return 0


def is_nearly_full(model: Model, tokens: int) -> bool:
    """Return whether a conversation of `tokens` leaves too little room for the next answer."""
    limit = _limit(model)
    return bool(limit) and tokens > limit - min(RESERVED, limit // 4)


def old_output(history: list[MessageWithParts], model: Model) -> tuple[list[ToolPart], int]:
    """Return the tool calls whose output can be cleared, and the estimated tokens that this frees.

    None if that would free too little.
    """
    limit = _limit(model) or UNKNOWN_CONTEXT
    total = freed = 0
    old: list[ToolPart] = []
    for message in reversed(history):
        for part in reversed(message.parts):
            if not isinstance(part, ToolPart) or not isinstance(part.state, ToolStateCompleted):
                continue
            if part.state.time.compacted:
                continue
            size = len(part.state.output) // CHARACTERS_PER_TOKEN
            total += size
            if total > min(NEWEST_OUTPUT, limit // 4):
                freed += size
                old.append(part)
    return (old, freed) if freed >= min(MIN_FREED, limit // 8) else ([], 0)


def cleared(part: ToolPart) -> ToolPart:
    """Return a completed tool call with its output marked as cleared."""
    assert isinstance(part.state, ToolStateCompleted)
    time = structs.replace(part.state.time, compacted=now_ms())
    return structs.replace(part, state=structs.replace(part.state, time=time))


def summary_request(
    history: list[MessageWithParts], model: Model, agent: Agent, share: float = 1.0
) -> ModelRequest:
    """Return a request for a summary of `history`.

    Only the newest part is sent if all of it does not fit in `share` of the estimated room. The conversation
    is sent as one text without tools, so every provider accepts it whatever it contains.
    """
    limit = _limit(model) or UNKNOWN_CONTEXT
    room = int((limit - min(RESERVED, limit // 4)) * (CHARACTERS_PER_TOKEN - 1) * share)
    text = "\n\n".join(_as_texts(history))
    if len(text) > room:
        text = "[The beginning is omitted.]\n\n" + text[-room:]
    return ModelRequest(
        model=model,
        turns=(UserTurn((Text(f"<conversation>\n{text}\n</conversation>"), Text(_INSTRUCTION))),),
        system=(given(agent.prompt, ""),),
        options=model.options,
    )


def _limit(model: Model) -> int:
    return given(model.limit.input, 0) or int(model.limit.context)


def _as_texts(history: list[MessageWithParts]) -> Iterator[str]:
    """Yield each message as text under its author's name; empty ones and compaction requests are skipped."""
    for message in history:
        if compaction_of(message) is not None:
            continue
        texts = [text for part in message.parts if (text := _part_text(part))]
        if texts:
            yield f"{_author(message)}:\n" + "\n".join(texts)


def _author(message: MessageWithParts) -> str:
    if isinstance(message.info, UserMessage):
        return "User"
    return "Summary of the earlier conversation" if is_summary(message) else "Assistant"


def _part_text(part: Part) -> str:
    match part:
        case TextPart(text=text, ignored=ignored) if ignored is not True:
            return text.strip()
        case FilePart(filename=filename, mime=mime):
            return f"[attached: {filename or mime}]"
        case ToolPart(tool=tool, state=ToolStateCompleted() as state):
            return f"[{tool} {str(state.input)[:500]}]\n{state.output[:MAX_CALL_OUTPUT]}"
        case ToolPart(tool=tool, state=ToolStateError() as state):
            return f"[{tool} {str(state.input)[:500]} failed: {state.error[:500]}]"
    return ""
