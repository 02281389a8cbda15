"""A ModelRequest as a request body of Anthropic's Messages API."""

from typing import Any

from opencode.schema.base import JsonObject

from ..base import ModelRequest
from ..options import cache_control, passed_on, server_tools, snake
from ..quirks import Quirks
from ..vendors import request_quirks
from .content import messages_content, text_block

DEFAULT_MAX_TOKENS = 32_000
MIN_THINKING_BUDGET = 1_024
CACHED_TURNS = 2
SERVER_TOOLS: dict[str, JsonObject] = {
    "web_search": {"type": "web_search_20250305", "name": "web_search"},
    "web_fetch": {"type": "web_fetch_20250910", "name": "web_fetch"},
    "code_execution": {"type": "code_execution_20250825", "name": "code_execution"},
}
"""The versions that all current models and clouds take, without a beta header:
https://platform.claude.com/docs/en/agents-and-tools/tool-use/tool-reference."""
_TOOL_CHOICE = {"auto": "auto", "required": "any", "none": "none"}
_HANDLED = frozenset({"thinking", "effort", "disableParallelToolUse", "sendReasoning"})
_OTHER_WIRES = frozenset(
    {
        "reasoningEffort",
        "reasoningSummary",
        "reasoning",
        "textVerbosity",
        "store",
        "include",
        "promptCacheKey",
    }
)
"""Options that other APIs have and this one has not: agents set them for whatever model they use."""


def messages_body(request: ModelRequest) -> JsonObject:
    """Return the body of `POST /v1/messages`.

    Cache breakpoints, of which four are allowed: after the tools, the system prompt and each of the last two
    user turns, so that the next step can read this one's prefix. Options unknown here are passed on. Raises
    ModelAPIError for quirks and server tools in opencode.json that are invalid.
    """
    quirks = request_quirks(request)
    options = request.options
    body: JsonObject = {
        snake(key): value
        for key, value in passed_on(options).items()
        if key not in _HANDLED and key not in _OTHER_WIRES
    }
    body |= {
        "model": request.model.api.id,
        "stream": True,
        "messages": messages_content(request, quirks),
        "max_tokens": request.max_output_tokens
        or min(request.model.limit.output or DEFAULT_MAX_TOKENS, DEFAULT_MAX_TOKENS),
    }
    marked = [message for message in body["messages"] if message["role"] == "user"][-CACHED_TURNS:]
    for message in marked:
        message["content"][-1]["cache_control"] = cache_control(options)
    system = [text_block(text) for text in request.system if text.strip()]
    if system:
        system[-1]["cache_control"] = cache_control(options)
        body["system"] = system
    if tools := _tools(request, quirks):
        tools[-1]["cache_control"] = cache_control(options)
        body["tools"] = tools
        body["tool_choice"] = {"type": _TOOL_CHOICE[request.tool_choice]}
        if options.get("disableParallelToolUse") and request.tool_choice != "none":
            body["tool_choice"]["disable_parallel_tool_use"] = True
    _add_thinking(body, request)
    if effort := options.get("effort"):
        body["output_config"] = {**(body.get("output_config") or {}), "effort": effort}
    return body


def _tools(request: ModelRequest, quirks: Quirks) -> list[JsonObject]:
    streamed = request.options.get("toolStreaming", quirks.tool_streaming)
    tools: list[JsonObject] = [
        {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
        | ({"eager_input_streaming": True} if streamed else {})
        for tool in request.tools
    ]
    return server_tools(request, SERVER_TOOLS) + tools


def _add_thinking(body: JsonObject, request: ModelRequest) -> None:
    """Add thinking, or the sampling options that exclude it.

    A forced tool call excludes thinking. The budget counts towards `max_tokens`, so it is added to it.
    """
    given: dict[str, Any] = request.options.get("thinking") or {}
    thinking = {snake(key): value for key, value in given.items()}
    kind = thinking.get("type")
    forced = request.tools and request.tool_choice == "required"
    if kind in (None, "disabled") or forced or (kind == "enabled" and _calls_unthinking(body["messages"])):
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


def _calls_unthinking(messages: list[JsonObject]) -> bool:
    """Return whether the results that the model is sent belong to calls of an answer without thinking.

    Another model may have made them. "When thinking is enabled, a final assistant message must start with a
    thinking block": https://platform.claude.com/docs/en/build-with-claude/extended-thinking.
    """
    if len(messages) < 2 or any(block["type"] != "tool_result" for block in messages[-1]["content"]):
        return False
    return messages[-2]["content"][0]["type"] not in ("thinking", "redacted_thinking")
