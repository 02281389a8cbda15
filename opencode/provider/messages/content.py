"""The conversation as messages of Anthropic's Messages API."""

from collections.abc import Iterator
from typing import Any

from opencode.schema.base import JsonObject

from ..base import Attachment, ModelRequest, Reasoning, Text, ToolCall, ToolOutput, UserTurn
from ..call_pairs import paired
from ..quirks import Quirks

EMPTY = "(empty message)"
_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_THINKING = ("thinking", "redacted_thinking")
_SERVER_CALLS = ("server_tool_use", "mcp_tool_use")


def messages_content(request: ModelRequest, quirks: Quirks) -> list[JsonObject]:
    """Return the messages of a request: the user's first, roles in turn, no empty text or message."""
    messages: list[JsonObject] = []
    own = bool(request.options.get("serverTools"))
    for turn in paired(request.turns, quirks):
        if isinstance(turn, UserTurn):
            content = [block for item in turn.content for block in _user_blocks(item)]
            messages.append({"role": "user", "content": content or [text_block(EMPTY)]})
        else:
            content = [block for item in turn.content for block in _assistant_blocks(item, quirks, own)]
            while content and content[-1]["type"] in _THINKING:
                content.pop()  # "The final block in an assistant message cannot be `thinking`"
            if content:
                messages.append({"role": "assistant", "content": content})
    _drop_unanswered(messages[:-1])
    last = messages[-1] if messages else {}
    if last.get("role") == "assistant" and last["content"][-1]["type"] == "text":
        # "final assistant content cannot end with trailing whitespace"
        last["content"][-1]["text"] = last["content"][-1]["text"].rstrip()
    return messages


def _drop_unanswered(messages: list[JsonObject]) -> None:
    """Leave out calls of the provider's own tools that were cut before their result came."""
    for message in messages:
        answered = {block.get("tool_use_id") for block in message["content"]}
        kept = [
            block
            for block in message["content"]
            if block["type"] not in _SERVER_CALLS or block.get("id") in answered
        ]
        message["content"] = kept or [text_block(EMPTY)]


def text_block(text: str) -> JsonObject:
    """Return a block of text."""
    return {"type": "text", "text": text}


def _user_blocks(item: ToolOutput | Text | Attachment) -> Iterator[JsonObject]:
    if isinstance(item, Text):
        if item.text.strip():
            yield text_block(item.text)
    elif isinstance(item, Attachment):
        yield _file(item)
    else:
        block: JsonObject = {"type": "tool_result", "tool_use_id": item.call_id}
        if item.attachments:
            said = [text_block(item.output)] if item.output.strip() else []
            block["content"] = [*said, *map(_file, item.attachments)]
        elif item.output:
            block["content"] = item.output
        if item.is_error:
            block["is_error"] = True
        yield block


def _assistant_blocks(item: Text | Reasoning | ToolCall, quirks: Quirks, own: bool) -> Iterator[JsonObject]:
    """Yield an item's blocks. `own`: the provider's own tools are allowed, so what they did goes back."""
    metadata: dict[str, Any] = item.metadata.get("anthropic") or {}
    if isinstance(item, Text):
        if item.text.strip():
            yield text_block(item.text)
    elif isinstance(item, ToolCall):
        yield {"type": "tool_use", "id": item.call_id, "name": item.name, "input": item.input}
    elif isinstance(block := metadata.get("block"), dict):
        if own:
            yield {**block}
    elif "redactedData" in metadata:
        yield {"type": "redacted_thinking", "data": metadata["redactedData"]}
    elif "signature" in metadata:
        yield {"type": "thinking", "thinking": item.text, "signature": metadata["signature"]}
    elif quirks.unsigned_thinking and item.text.strip():
        yield {"type": "thinking", "thinking": item.text, "signature": ""}


def _file(file: Attachment) -> JsonObject:
    source: JsonObject = {"type": "url", "url": file.url}
    if file.data is not None:
        source = {"type": "base64", "media_type": file.mime, "data": file.data}
    if file.mime in _IMAGES:
        return {"type": "image", "source": source}
    if file.mime == "application/pdf":
        block: JsonObject = {"type": "document", "source": source}
        return {**block, "title": file.filename} if file.filename else block
    return text_block(
        f"[The file {file.filename or 'attached'} is of type {file.mime}, which this model can't read.]"
    )
