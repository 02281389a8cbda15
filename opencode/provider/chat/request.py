"""A ModelRequest as a request body of Chat Completions, in the form that most servers accept."""

from typing import Any

from opencode.schema.base import JsonObject
from opencode.schema.provider import Interleaved

from ..base import (
    AssistantTurn,
    Attachment,
    ModelRequest,
    Reasoning,
    Text,
    ToolCall,
    ToolOutput,
    UserTurn,
)
from ..wire.payload import encode_json

MAX_TOKENS = 32_000
_RENAMED = {"reasoningEffort": "reasoning_effort", "textVerbosity": "verbosity"}


def chat_body(request: ModelRequest) -> JsonObject:
    """Return the body of `POST /chat/completions`.

    Unknown options are passed to the server as they are: each has its own.
    """
    body: JsonObject = {_RENAMED.get(key, key): value for key, value in request.options.items()}
    body |= {
        "model": request.model.api.id,
        "messages": _messages(request),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                },
            }
            for tool in request.tools
        ]
        if request.tool_choice != "auto":
            body["tool_choice"] = request.tool_choice
    if max_tokens := request.max_output_tokens or _output_limit(request):
        body["max_tokens"] = max_tokens
    if request.temperature is not None and request.model.capabilities.temperature:
        body["temperature"] = request.temperature
    if request.top_p is not None:
        body["top_p"] = request.top_p
    return body


def _output_limit(request: ModelRequest) -> int:
    """Return the answer's limit in tokens, 0 for the server's default.

    It is at most half of the context window: a limit of the whole window would leave no room for the prompt.
    """
    limit = request.model.limit
    return min(limit.output, MAX_TOKENS, limit.context // 2 or MAX_TOKENS)


def _messages(request: ModelRequest) -> list[JsonObject]:
    interleaved = request.model.capabilities.interleaved
    field = interleaved.field if isinstance(interleaved, Interleaved) else "reasoning_content" * interleaved
    messages: list[JsonObject] = []
    if request.system:  # one message: templates of many local models reject a second one
        messages.append({"role": "system", "content": "\n\n".join(request.system)})
    for turn in request.turns:
        if isinstance(turn, UserTurn):
            messages += _user_messages(turn)
        else:
            messages.append(_assistant_message(turn, field))
    return messages


def _user_messages(turn: UserTurn) -> list[JsonObject]:
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
        messages.append({"role": "user", "content": _content(items)})
    return messages


def _content(items: list[Text | Attachment]) -> str | list[JsonObject]:
    """Return a string if there is only text: templates of many local models accept nothing else."""
    texts = [item.text for item in items if isinstance(item, Text)]
    return "\n\n".join(texts) if len(texts) == len(items) else [_part(item) for item in items]


def _part(item: Text | Attachment) -> JsonObject:
    if isinstance(item, Text):
        return {"type": "text", "text": item.text}
    address = item.url if item.data is None else f"data:{item.mime};base64,{item.data}"
    if item.mime.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": address}}
    return {"type": "file", "file": {"filename": item.filename or "attachment.pdf", "file_data": address}}


def _assistant_message(turn: AssistantTurn, reasoning_field: str) -> JsonObject:
    text = "".join(item.text for item in turn.content if isinstance(item, Text))
    calls = [_call(item) for item in turn.content if isinstance(item, ToolCall)]
    message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else "")}
    if calls:
        message["tool_calls"] = calls
    if reasoning_field:
        message[reasoning_field] = "".join(item.text for item in turn.content if isinstance(item, Reasoning))
    return message


def _call(item: ToolCall) -> JsonObject:
    function = {"name": item.name, "arguments": encode_json(item.input).decode()}
    return {"id": item.call_id, "type": "function", "function": function}
