"""A ModelRequest as a request body of OpenAI's Responses API."""

from collections.abc import Iterator
from typing import Any

from opencode.schema.base import JsonObject

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
from ..call_pairs import is_of_server_tool, paired
from ..options import passed_on, server_tools, snake
from ..quirks import Quirks
from ..vendors import request_quirks
from ..wire.payload import encode_json

MIN_OUTPUT_TOKENS = 16
"""The API's minimum."""
SERVER_TOOLS: dict[str, JsonObject] = {
    "web_search": {"type": "web_search"},
    "code_execution": {"type": "code_interpreter", "container": {"type": "auto"}},
}
"""https://platform.openai.com/docs/guides/tools"""
_HANDLED = frozenset(
    {"reasoningEffort", "reasoningSummary", "textVerbosity", "verbosity", "reasoning", "text"}
)
_OTHER_WIRES = frozenset({"thinking", "effort", "disableParallelToolUse", "sendReasoning"})
"""Options that other APIs have and this one has not: agents set them for whatever model they use."""
_NEVER = frozenset({"previous_response_id", "conversation", "store", "background"})
"""The provider stores nothing, so that there is nothing there to continue."""


def responses_body(request: ModelRequest) -> JsonObject:
    """Return the body of `POST /responses`.

    The provider stores nothing: reasoning comes back encrypted and is sent with the next request. Options
    unknown here are passed on. Raises ModelAPIError for quirks and server tools in opencode.json that are
    invalid.
    """
    quirks = request_quirks(request)
    options = request.options
    body: JsonObject = {
        snake(key): value
        for key, value in passed_on(options).items()
        if key not in _HANDLED and key not in _OTHER_WIRES and snake(key) not in _NEVER
    }
    body |= {
        "model": request.model.api.id,
        "stream": True,
        "store": False,
        "input": [item for turn in paired(request.turns, quirks) for item in _items(turn, quirks)],
    }
    if request.system:
        body["instructions"] = "\n\n".join(request.system)
    tools = server_tools(request, SERVER_TOOLS) + [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
            "strict": False,
        }
        for tool in request.tools
    ]
    if tools:
        body["tools"] = tools
        body["tool_choice"] = request.tool_choice
    _add_reasoning(body, request)
    verbosity = options.get("textVerbosity") or options.get("verbosity")
    if text := {**(options.get("text") or {}), **({"verbosity": verbosity} if verbosity else {})}:
        body["text"] = text
    if request.max_output_tokens is not None:
        body["max_output_tokens"] = max(request.max_output_tokens, MIN_OUTPUT_TOKENS)
    if quirks.sampling or options.get("reasoningEffort") == "none":
        if request.temperature is not None and request.model.capabilities.temperature:
            body["temperature"] = request.temperature
        if request.top_p is not None:
            body["top_p"] = request.top_p
    if request.session_id:
        body.setdefault("prompt_cache_key", request.session_id)
    return body


def _add_reasoning(body: JsonObject, request: ModelRequest) -> None:
    """Add how much to reason, and ask for the encrypted reasoning, which goes back with the next request."""
    if not request.model.capabilities.reasoning:
        return
    options = request.options
    include = [name for name in body.get("include") or () if name != "reasoning.encrypted_content"]
    body["include"] = ["reasoning.encrypted_content", *include]
    summary = options.get("reasoningSummary", "auto")
    own = {"effort": options.get("reasoningEffort"), "summary": summary}
    body["reasoning"] = {key: value for key, value in own.items() if value} | (options.get("reasoning") or {})


def _items(turn: UserTurn | AssistantTurn, quirks: Quirks) -> Iterator[JsonObject]:
    """Yield a turn's items in their order: reasoning must directly precede what it led to."""
    if isinstance(turn, UserTurn):
        yield from (_output(item) for item in turn.content if isinstance(item, ToolOutput))
        said = [_input(item) for item in turn.content if not isinstance(item, ToolOutput)]
        if said:
            yield {"type": "message", "role": "user", "content": said}
        return
    content = list(turn.content)
    while content and isinstance(content[-1], Reasoning) and not is_of_server_tool(content[-1]):
        content.pop()  # "Item of type 'reasoning' was provided without its required following item"
    for item in content:
        if isinstance(item, ToolCall):
            arguments = encode_json(item.input).decode()
            yield {
                "type": "function_call",
                "call_id": item.call_id,
                "name": item.name,
                "arguments": arguments,
            }
        elif isinstance(item, Reasoning):
            yield from _reasoning(item, quirks)
        elif item.text.strip():
            yield _message(item)


def _message(item: Text) -> JsonObject:
    """Return a message of the assistant's, with the `phase` that it came with.

    "For models that use it, preserve and resend phase on all assistant messages": openai-python's
    types/responses/response_output_message_param.py.
    """
    message: JsonObject = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": item.text}],
    }
    phase = _metadata(item).get("phase")
    return {**message, "phase": phase} if isinstance(phase, str) else message


def _reasoning(item: Reasoning, quirks: Quirks) -> Iterator[JsonObject]:
    """Yield a reasoning item if it is encrypted, or if the server takes it as text.

    OpenAI stored no other, so a reference to one would lead nowhere. What a tool of OpenAI's own did is kept
    with words for people, and goes back as the item that it was.
    """
    metadata = _metadata(item)
    if isinstance(metadata.get("item"), dict):
        yield metadata["item"]
        return
    named = {"id": metadata["itemId"]} if metadata.get("itemId") else {}
    summary = [{"type": "summary_text", "text": item.text}] if item.text else []
    if metadata.get("reasoningEncryptedContent"):
        encrypted = metadata["reasoningEncryptedContent"]
        yield {"type": "reasoning", **named, "encrypted_content": encrypted, "summary": summary}
    elif quirks.plain_reasoning and item.text.strip():
        content = [{"type": "reasoning_text", "text": item.text}]
        yield {"type": "reasoning", **named, "summary": [], "content": content}


def _metadata(item: Text | Reasoning) -> dict[str, Any]:
    found = item.metadata.get("openai")
    return found if isinstance(found, dict) else {}


def _output(item: ToolOutput) -> JsonObject:
    output: str | list[JsonObject] = item.output
    if item.attachments:
        said = [{"type": "input_text", "text": item.output}] if item.output else []
        output = [*said, *map(_input, item.attachments)]
    return {"type": "function_call_output", "call_id": item.call_id, "output": output}


def _input(item: Text | Attachment) -> JsonObject:
    if isinstance(item, Text):
        return {"type": "input_text", "text": item.text}
    address = item.url if item.data is None else f"data:{item.mime};base64,{item.data}"
    if item.mime.startswith("image/"):
        return {"type": "input_image", "image_url": address, "detail": "auto"}
    if item.data is None:
        return {"type": "input_file", "file_url": address}
    return {"type": "input_file", "filename": item.filename or "attachment.pdf", "file_data": address}
