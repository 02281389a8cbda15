"""What the server itself changes in a conversation: user messages of its own, and output that it clears."""

from opencode.clock import now_ms
from opencode.schema.base import given
from opencode.schema.event import EventProperties, MessageUpdated, PartUpdated
from opencode.schema.message import MessageWithParts, UserMessage
from opencode.schema.part import CreatedTime, Part, TextPart, ToolPart

from .compaction import cleared
from .dependencies import TurnDependencies, TurnSession

FOLLOW_UPS = ("compaction_continue", "structured_retry", "resumed")
"""Keys in the metadata of follow-ups: messages of the server's own whose answer is an earlier prompt's."""


def is_follow_up(message: MessageWithParts) -> bool:
    """Return whether the answer to a user message is that of an earlier prompt."""
    return any(
        isinstance(part, TextPart)
        and part.synthetic is True
        and any(key in given(part.metadata, {}) for key in FOLLOW_UPS)
        for part in message.parts
    )


def follow_up(session: TurnSession, prompt: UserMessage) -> UserMessage:
    """Return a new user message with the settings of a prompt."""
    return UserMessage(
        id=session.new_message_id(),
        session_id=prompt.session_id,
        time=CreatedTime(created=now_ms()),
        agent=prompt.agent,
        model=prompt.model,
        format=prompt.format,
        system=prompt.system,
        tools=prompt.tools,
    )


async def add_user_message(
    dependencies: TurnDependencies, session: TurnSession, info: UserMessage, part: Part
) -> MessageWithParts:
    """Store and publish a user message that the server writes itself; raises Unavailable and NotFound."""
    unit = dependencies.store.unit()
    unit.put_message(info)
    unit.put_part(part)
    events: list[EventProperties] = [
        MessageUpdated(session_id=info.session_id, info=info),
        PartUpdated(session_id=info.session_id, part=part, time=now_ms()),
    ]
    await session.commit(unit, events)
    return MessageWithParts(info=info, parts=[part])


async def clear_output(dependencies: TurnDependencies, session: TurnSession, old: list[ToolPart]) -> None:
    """Mark the output of tool calls as cleared: stored first, then published and taken over."""
    parts = [cleared(part) for part in old]
    unit = dependencies.store.unit()
    for part in parts:
        unit.put_part(part)
    now = now_ms()
    events = [PartUpdated(session_id=part.session_id, part=part, time=now) for part in parts]
    await session.commit(unit, events)
    for part, new in zip(old, parts, strict=True):
        part.state = new.state
