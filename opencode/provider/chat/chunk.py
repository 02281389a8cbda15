"""The chunks of a Chat Completions stream, with the fields of all servers; each sends a few of them.

Every token of a model is one: the structs are not tracked by the garbage collector, as JSON has no cycles.
"""

from typing import Any

import msgspec

from ..wire.lenient import lenient


class Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: Any = None


class CallDelta(msgspec.Struct, gc=False):
    """`name`, `arguments`: of servers that leave `function` out. `extra_content`: Gemini's signature."""

    index: int | None = None
    id: Any = None
    function: Function | None = None
    name: str | None = None
    arguments: Any = None
    extra_content: Any = None


class Delta(msgspec.Struct, gc=False):
    """`reasoning_details`: OpenRouter's. `function_call`: the form of calls before `tool_calls`."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    refusal: str | None = None
    tool_calls: list[CallDelta] | None = None
    function_call: Function | None = None
    annotations: Any = None


class PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class Usage(msgspec.Struct, gc=False):
    """`prompt_cache_hit_tokens`: DeepSeek's. `cached_tokens`: Moonshot's. `cache_…`: of proxies."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    reasoning_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None
    cached_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class Choice(msgspec.Struct, gc=False):
    """`message`: of servers that send it instead of `delta`. `text`: that of the older Completions API."""

    delta: Delta | None = None
    message: Delta | None = None
    text: str | None = None
    finish_reason: Any = None
    usage: Usage | None = None
    error: Any = None


class Groq(msgspec.Struct, gc=False):
    usage: Usage | None = None


class Chunk(msgspec.Struct, gc=False):
    """`citations`, `search_results`: Perplexity's and xAI's sources."""

    id: Any = None
    model: Any = None
    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Any = None
    x_groq: Groq | None = None
    citations: Any = None
    search_results: Any = None


decode = msgspec.json.Decoder(Chunk, strict=False).decode
"""Decodes a chunk whose fields have the expected types."""


def read_chunk(payload: bytes) -> Chunk:
    """Return a chunk, field by field if some have other types; raises ValueError if it is no object."""
    try:
        return decode(payload)
    except ValueError:
        return lenient(payload, Chunk)
