"""A ModelRequest as a request body of Anthropic's Messages API."""

import re
from collections.abc import Iterator
from typing import Any

from opencode.schema.base import JsonObject

from ..base import (
    Attachment,
    ModelRequest,
    Reasoning,
    Text,
    ToolCall,
    ToolOutput,
    UserTurn,
)

DEFAULT_MAX_TOKENS = 32_000
MIN_THINKING_BUDGET = 1_024
CACHED_TURNS = 2
_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_CACHE = {"type": "ephemeral"}
_TOOL_CHOICE = {"auto": "auto", "required": "any", "none": "none"}


def messages_body(request: ModelRequest) -> JsonObject:
    """Return the body of `POST /v1/messages`.

    Cache breakpoints, of which four are allowed: after the tools, the system prompt and each of the last two
    user turns, so that the next step can read this one's prefix.
    """
    body: JsonObject = {
        "model": request.model.api.id,
        "stream": True,
        "messages": _messages(request),
        "max_tokens": request.max_output_tokens
        or min(request.model.limit.output or DEFAULT_MAX_TOKENS, DEFAULT_MAX_TOKENS),
    }
    system: list[JsonObject] = [_text(block) for block in request.system if block.strip()]
    if system:
        system[-1]["cache_control"] = _CACHE
        body["system"] = system
    if request.tools:
        tools: list[JsonObject] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in request.tools
        ]
        tools[-1]["cache_control"] = _CACHE
        body["tools"] = tools
        body["tool_choice"] = {"type": _TOOL_CHOICE[request.tool_choice]}
    _add_thinking(body, request)
    if effort := request.options.get("effort"):
        body["output_config"] = {"effort": effort}
    return body


def _add_thinking(body: JsonObject, request: ModelRequest) -> None:
    """Add thinking, or the sampling options that exclude it.

    A forced tool call excludes thinking. The budget counts towards `max_tokens`, so it is added to it.
    """
    thinking = {_snake(key): value for key, value in (request.options.get("thinking") or {}).items()}
    kind = thinking.get("type")
    if kind in (None, "disabled") or (request.tools and request.tool_choice == "required"):
        if kind == "disabled":
            body["thinking"] = thinking
        if request.temperature is not None and request.model.capabilities.temperature:
            body["temperature"] = request.temperature
        if request.top_p is not None:
            body["top_p"] = request.top_p
        return
    if "budget_tokens" in thinking:
        limit = request.model.limit.output
        budget = max(int(thinking["budget_tokens"]), MIN_THINKING_BUDGET)
        body["max_tokens"] = min(body["max_tokens"] + budget, limit) if limit else body["max_tokens"] + budget
        thinking["budget_tokens"] = min(budget, body["max_tokens"] - 1)
    body["thinking"] = thinking


def _messages(request: ModelRequest) -> list[JsonObject]:
    messages: list[JsonObject] = []
    for turn in request.turns:
        if isinstance(turn, UserTurn):
            content = [block for item in turn.content for block in _user_blocks(item)]
        else:
            content = [block for item in turn.content for block in _assistant_blocks(item)]
        if content:
            messages.append(
                {"role": "user" if isinstance(turn, UserTurn) else "assistant", "content": content}
            )
    cached = 0
    for message in reversed(messages):
        if message["role"] == "user" and cached < CACHED_TURNS:
            message["content"][-1]["cache_control"] = _CACHE
            cached += 1
    return messages


def _user_blocks(item: ToolOutput | Text | Attachment) -> Iterator[JsonObject]:
    if isinstance(item, Text):
        if item.text.strip():
            yield _text(item.text)
    elif isinstance(item, Attachment):
        yield _file(item)
    else:
        block: JsonObject = {"type": "tool_result", "tool_use_id": _tool_id(item.call_id)}
        if item.attachments:
            said = [_text(item.output)] if item.output.strip() else []
            block["content"] = [*said, *map(_file, item.attachments)]
        elif item.output:
            block["content"] = item.output
        if item.is_error:
            block["is_error"] = True
        yield block


def _assistant_blocks(item: Text | Reasoning | ToolCall) -> Iterator[JsonObject]:
    if isinstance(item, Text):
        if item.text.strip():
            yield _text(item.text)
    elif isinstance(item, ToolCall):
        yield {"type": "tool_use", "id": _tool_id(item.call_id), "name": item.name, "input": item.input}
    else:
        metadata: dict[str, Any] = item.metadata.get("anthropic") or {}
        if "redactedData" in metadata:
            yield {"type": "redacted_thinking", "data": metadata["redactedData"]}
        elif "signature" in metadata:
            yield {"type": "thinking", "thinking": item.text, "signature": metadata["signature"]}


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _file(file: Attachment) -> JsonObject:
    source: JsonObject = {"type": "url", "url": file.url}
    if file.data is not None:
        source = {"type": "base64", "media_type": file.mime, "data": file.data}
    if file.mime in _IMAGES:
        return {"type": "image", "source": source}
    if file.mime == "application/pdf":
        block: JsonObject = {"type": "document", "source": source}
        return {**block, "title": file.filename} if file.filename else block
    return _text(
        f"[The file {file.filename or 'attached'} is of type {file.mime}, which this model can't read.]"
    )


def _tool_id(call_id: str) -> str:
    """Return a call's id in the characters that this API accepts; it may come from another provider."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", call_id)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
