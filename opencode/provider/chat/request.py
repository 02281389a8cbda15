"""A ModelRequest as a request body of Chat Completions, in the form that the model's server accepts."""

from opencode.schema.base import JsonObject

from ..base import ModelRequest
from ..options import passed_on
from ..quirks import Quirks
from ..vendors import request_quirks
from .messages import chat_messages

MAX_TOKENS = 32_000
_RENAMED = {
    "reasoningEffort": "reasoning_effort",
    "textVerbosity": "verbosity",
    "serviceTier": "service_tier",
    "parallelToolCalls": "parallel_tool_calls",
    "promptCacheKey": "prompt_cache_key",
    "safetyIdentifier": "safety_identifier",
}
_OTHER_WIRES = frozenset({"reasoningSummary"})
"""Options that other APIs have and this one has not."""
_PLACEHOLDER = {
    "type": "function",
    "function": {
        "name": "unused",
        "description": "Does nothing. Never call it.",
        "parameters": {"type": "object", "properties": {}},
    },
}


def chat_body(request: ModelRequest) -> JsonObject:
    """Return the body of `POST /chat/completions`.

    Unknown options are passed to the server as they are: each has its own. Raises ModelAPIError for quirks in
    opencode.json that are invalid.
    """
    quirks = request_quirks(request)
    body: JsonObject = {
        _RENAMED.get(key, key): value
        for key, value in passed_on(request.options).items()
        if key not in _OTHER_WIRES
    }
    body |= {"model": request.model.api.id, "messages": chat_messages(request, quirks), "stream": True}
    if quirks.stream_options and request.options.get("includeUsage") is not False:
        body["stream_options"] = {"include_usage": True}
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
            forced = request.tool_choice == "required"
            body["tool_choice"] = quirks.forced_call if forced else request.tool_choice
    elif quirks.placeholder_tool and any("tool_calls" in message for message in body["messages"]):
        body["tools"] = [_PLACEHOLDER]
    if max_tokens := request.max_output_tokens or _output_limit(request):
        body[quirks.output_limit] = max_tokens
    if (quirks.cache_key or request.options.get("setCacheKey")) and request.session_id:
        body.setdefault("prompt_cache_key", request.session_id)
    _add_sampling(body, request, quirks)
    return body


def _add_sampling(body: JsonObject, request: ModelRequest, quirks: Quirks) -> None:
    if not quirks.sampling and body.get("reasoning_effort") != "none":
        return
    if request.temperature is not None and request.model.capabilities.temperature:
        body["temperature"] = request.temperature
    if request.top_p is not None:
        body["top_p"] = request.top_p


def _output_limit(request: ModelRequest) -> int:
    """Return the answer's limit in tokens, 0 for the server's default.

    It is at most half of the context window: a limit of the whole window would leave no room for the prompt.
    """
    limit = request.model.limit
    return min(limit.output, MAX_TOKENS, limit.context // 2 or MAX_TOKENS)
