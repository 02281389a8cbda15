"""The conversation as messages of Chat Completions, in the form that the model's server accepts."""

from collections.abc import Iterable
from typing import Any

from opencode.schema.base import JsonObject
from opencode.schema.provider import Interleaved, Model

from ..base import AssistantTurn, Attachment, ModelRequest, Reasoning, Text, ToolCall, ToolOutput, UserTurn
from ..call_pairs import paired, told
from ..options import cache_control
from ..quirks import Quirks
from ..wire.payload import encode_json

CACHED_TURNS = 2
_DETAILS = "reasoning_details"
"""OpenRouter's array of reasoning, which goes back as it came; never a string."""


def chat_messages(request: ModelRequest, quirks: Quirks) -> list[JsonObject]:
    """Return the messages of a request."""
    messages: list[JsonObject] = []
    if request.system:  # one message: templates of many local models reject a second one
        messages.append({"role": quirks.system_role, "content": "\n\n".join(request.system)})
    turns = request.turns if quirks.tool_messages else told(request.turns)
    ends: list[JsonObject] = messages[:1]
    for turn in paired(turns, quirks):
        if isinstance(turn, UserTurn):
            messages += _user_messages(turn, quirks)
            ends.append(messages[-1])
        else:
            messages.append(_assistant_message(turn, request.model, quirks))
    if quirks.cache_breakpoints:
        marked = ends if len(ends) <= CACHED_TURNS + 1 else [ends[0], *ends[-CACHED_TURNS:]]
        for message in marked:
            _mark(message, cache_control(request.options))
    return _bridged(messages, quirks.bridge) if quirks.bridge else messages


def _mark(message: JsonObject, breakpoint_: JsonObject) -> None:
    """Mark the end of a message as the end of what may be cached."""
    if message["role"] == "tool":
        message["cache_control"] = breakpoint_
    elif isinstance(message["content"], str):
        message["content"] = [
            {"type": "text", "text": message["content"], "cache_control": breakpoint_},
        ]
    else:
        message["content"][-1]["cache_control"] = breakpoint_


def _bridged(messages: list[JsonObject], words: str) -> list[JsonObject]:
    """Return the messages with something of the assistant's between a tool's result and a user's message."""
    bridged: list[JsonObject] = []
    for message in messages:
        if message["role"] == "user" and bridged and bridged[-1]["role"] == "tool":
            bridged.append({"role": "assistant", "content": words})
        bridged.append(message)
    return bridged


def _user_messages(turn: UserTurn, quirks: Quirks) -> list[JsonObject]:
    """Return the tool messages, then the user message, which also has the files that tools returned."""
    outputs = [item for item in turn.content if isinstance(item, ToolOutput)]
    messages: list[JsonObject] = [
        {"role": "tool", "tool_call_id": output.call_id, "content": output.output} for output in outputs
    ]
    items: list[Text | Attachment] = []
    for output in outputs:
        if output.attachments:
            items += [Text(f"Files from the tool {output.name}:"), *output.attachments]
    items += [item for item in turn.content if not isinstance(item, ToolOutput)]
    if items:
        messages.append({"role": "user", "content": _content(items, quirks)})
    return messages


def _content(items: list[Text | Attachment], quirks: Quirks) -> str | list[JsonObject]:
    """Return a string if there is only text: templates of many local models accept nothing else."""
    texts = [item.text for item in items if isinstance(item, Text)]
    return "\n\n".join(texts) if len(texts) == len(items) else [_part(item, quirks) for item in items]


def _part(item: Text | Attachment, quirks: Quirks) -> JsonObject:
    if isinstance(item, Text):
        return {"type": "text", "text": item.text}
    address = item.url if item.data is None else f"data:{item.mime};base64,{item.data}"
    if item.mime.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": address}}
    if quirks.pdf == "document_url":
        return {"type": "document_url", "document_url": address}
    return {"type": "file", "file": {"filename": item.filename or "attachment.pdf", "file_data": address}}


def _assistant_message(turn: AssistantTurn, model: Model, quirks: Quirks) -> JsonObject:
    text = "".join(item.text for item in turn.content if isinstance(item, Text))
    calls = [item for item in turn.content if isinstance(item, ToolCall)]
    thoughts = [item for item in turn.content if isinstance(item, Reasoning)]
    thinking = "".join(thought.text for thought in thoughts)
    message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else "")}
    if calls:
        message["tool_calls"] = _calls(calls, quirks)
    if details := _details(turn.content):
        message[_DETAILS] = details
    elif quirks.reasoning_parts:
        if thinking:
            parts: list[JsonObject] = [{"type": "thinking", "thinking": [{"type": "text", "text": thinking}]}]
            message["content"] = parts + ([{"type": "text", "text": text}] if text else [])
    else:
        field, always = _reasoning_field(thoughts, model, quirks)
        if field and (thinking or always):
            message[field] = thinking
    return message


def _reasoning_field(thoughts: list[Reasoning], model: Model, quirks: Quirks) -> tuple[str, bool]:
    """Return the field for reasoning, "" for none, and whether a message without reasoning has it too.

    The model's own setting counts first, then the field that the reasoning came in, then the vendor's.
    """
    interleaved = model.capabilities.interleaved
    field = interleaved.field if isinstance(interleaved, Interleaved) else "reasoning_content" * interleaved
    if field and field != _DETAILS:
        return field, True
    came_in = [thought.metadata.get("reasoning_field") for thought in thoughts]
    names = [name for name in came_in if isinstance(name, str) and name]
    return (names[-1] if names else quirks.reasoning_field), quirks.reasoning_always


def _details(items: Iterable[Text | Reasoning | ToolCall]) -> list[JsonObject]:
    details: list[JsonObject] = []
    for item in items:
        came = item.metadata.get(_DETAILS)
        details += came if isinstance(came, list) else []
    return details


def _calls(items: list[ToolCall], quirks: Quirks) -> list[JsonObject]:
    """Return the calls; if none has a signature and the server wants one, the first gets the stand-in."""
    calls: list[JsonObject] = []
    for item in items:
        function = {"name": item.name, "arguments": encode_json(item.input).decode()}
        call: JsonObject = {"id": item.call_id, "type": "function", "function": function}
        if isinstance(extra := item.metadata.get("extra_content"), dict):
            call["extra_content"] = extra
        calls.append(call)
    if quirks.call_signature and not any("extra_content" in call for call in calls):
        calls[0]["extra_content"] = {"google": {"thought_signature": quirks.call_signature}}
    return calls
