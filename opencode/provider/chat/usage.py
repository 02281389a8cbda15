"""The tokens of a Chat Completions answer, from the counts of each vendor."""

from opencode.schema.part import CacheTokens, Tokens

from .chunk import Chunk, CompletionDetails, PromptDetails, Usage

_MOST = 2**53
"""A larger count is a mistake, and more than JSON's readers take."""


def usage_in(chunk: Chunk) -> Usage | None:
    """Return a chunk's usage, wherever it stands: Groq has a place of its own, Moonshot's is in a choice."""
    found = [chunk.usage, chunk.x_groq.usage if chunk.x_groq else None]
    found += [choice.usage for choice in chunk.choices or ()]
    return next((usage for usage in found if usage is not None and _has_counts(usage)), None)


def _has_counts(usage: Usage) -> bool:
    return bool(usage.prompt_tokens or usage.completion_tokens or usage.total_tokens)


def tokens_of(usage: Usage) -> Tokens:
    """Return the tokens of each kind; they add up to `total`.

    What is in the total and neither in the prompt nor in the completion is reasoning, billed as output: xAI
    and Gemini count it beside the completion, most others within it.
    """
    prompt, completion, total = map(
        _count, (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
    )
    before = usage.prompt_tokens_details or PromptDetails()
    after = usage.completion_tokens_details or CompletionDetails()
    read = _first(
        before.cached_tokens,
        usage.prompt_cache_hit_tokens,
        usage.cached_tokens,
        usage.cache_read_input_tokens,
    )
    written = _first(
        before.cache_write_tokens, before.cache_creation_input_tokens, usage.cache_creation_input_tokens
    )
    if read + written > prompt:  # Anthropic's way, behind a proxy: the prompt is what was not cached
        prompt += read + written
    reasoning = _first(after.reasoning_tokens, usage.reasoning_tokens)
    beside = max(total - prompt - completion, 0)
    if not total and reasoning > completion:
        beside = reasoning
    reasoning = min(max(reasoning, beside), completion + beside)
    return Tokens(
        input=prompt - read - written,
        output=completion + beside - reasoning,
        reasoning=reasoning,
        cache=CacheTokens(read=read, write=written),
        total=prompt + completion + beside,
    )


def _count(value: int | None) -> int:
    return value if value is not None and 0 < value < _MOST else 0


def _first(*counts: int | None) -> int:
    return next((count for value in counts if (count := _count(value))), 0)
