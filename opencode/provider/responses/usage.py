"""Counts the tokens of a Responses answer."""

from opencode.schema.part import CacheTokens, Tokens

from .events import InputDetails, OutputDetails, Usage


def tokens_of(usage: Usage) -> Tokens:
    """Return an answer's tokens. What is in the total and in neither input nor output is reasoning (xAI)."""
    details = usage.input_tokens_details or usage.prompt_tokens_details or InputDetails()
    read, written = _count(details.cached_tokens), _count(details.cache_write_tokens)
    prompt = _count(usage.input_tokens or usage.prompt_tokens)
    if read + written > prompt:  # servers that translate another wire count them apart
        prompt += read + written
    output = _count(usage.output_tokens or usage.completion_tokens)
    beyond = max(_count(usage.total_tokens) - prompt - output, 0)
    of_output = usage.output_tokens_details or usage.completion_tokens_details or OutputDetails()
    written_out = output + beyond
    reasoning = min(max(_count(of_output.reasoning_tokens), beyond), written_out)
    return Tokens(
        input=prompt - read - written,
        output=written_out - reasoning,
        reasoning=reasoning,
        cache=CacheTokens(read=read, write=written),
        total=prompt + written_out,
    )


def _count(given: int | None) -> int:
    return max(given or 0, 0)
