"""A ModelRequest as a request body of OpenAI's Responses API."""

from collections.abc import Iterator

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
from ..wire.payload import encode_json

MIN_OUTPUT_TOKENS = 16
"""The API's minimum."""
_PASSED_ON = {"serviceTier": "service_tier", "parallelToolCalls": "parallel_tool_calls", "user": "user"}


def responses_body(request: ModelRequest) -> JsonObject:
    """Return the body of `POST /responses`.

    The provider stores nothing: reasoning comes back encrypted and is sent with the next request.
    """
    options = request.options
    body: JsonObject = {
        "model": request.model.api.id,
        "stream": True,
        "store": False,
        "input": [
            item for turn in request.turns for item in _items(turn.content, isinstance(turn, UserTurn))
        ],
    }
    if request.system:
        body["instructions"] = "\n\n".join(request.system)
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                "strict": False,
            }
            for tool in request.tools
        ]
        body["tool_choice"] = request.tool_choice
    if request.model.capabilities.reasoning:
        body["include"] = ["reasoning.encrypted_content"]
        summary = options.get("reasoningSummary", "auto")
        reasoning = {"effort": options.get("reasoningEffort"), "summary": summary}
        body["reasoning"] = {key: value for key, value in reasoning.items() if value}
    if verbosity := options.get("textVerbosity"):
        body["text"] = {"verbosity": verbosity}
    if request.max_output_tokens is not None:
        body["max_output_tokens"] = max(request.max_output_tokens, MIN_OUTPUT_TOKENS)
    if request.temperature is not None and request.model.capabilities.temperature:
        body["temperature"] = request.temperature
    if request.top_p is not None:
        body["top_p"] = request.top_p
    if request.session_id:
        body["prompt_cache_key"] = request.session_id
    body.update({name: options[key] for key, name in _PASSED_ON.items() if key in options})
    return body


def _items(
    content: tuple[ToolOutput | Text | Attachment, ...] | tuple[Text | Reasoning | ToolCall, ...],
    by_user: bool,
) -> Iterator[JsonObject]:
    """Yield a turn's items in their order: reasoning must directly precede what it led to."""
    said: list[JsonObject] = []
    for item in content:
        if isinstance(item, ToolOutput):
            yield _output(item)
        elif isinstance(item, ToolCall):
            arguments = encode_json(item.input).decode()
            yield {
                "type": "function_call",
                "call_id": item.call_id,
                "name": item.name,
                "arguments": arguments,
            }
        elif isinstance(item, Reasoning):
            yield from _reasoning(item)
        elif by_user:
            said.append(_input(item))
        elif isinstance(item, Text) and item.text:
            text = {"type": "output_text", "text": item.text}
            yield {"type": "message", "role": "assistant", "content": [text]}
    if said:
        yield {"type": "message", "role": "user", "content": said}


def _reasoning(item: Reasoning) -> Iterator[JsonObject]:
    """Yield a reasoning item if it is encrypted: the provider stored no other."""
    metadata = item.metadata.get("openai") or {}
    if metadata.get("reasoningEncryptedContent"):
        yield {
            "type": "reasoning",
            "id": metadata.get("itemId", ""),
            "encrypted_content": metadata["reasoningEncryptedContent"],
            "summary": [{"type": "summary_text", "text": item.text}] if item.text else [],
        }


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
