"""Counts the tokens of a Messages answer from what its events say."""

from opencode.schema.part import CacheTokens, Tokens

from .events import Usage


class UsageCount:
    """The tokens of one answer. Each event tells how many there are so far, some of them or all."""

    def __init__(self) -> None:
        self._input = self._written = self._read = self._output = self._thinking = 0

    def add(self, usage: Usage | None) -> None:
        """Take in an event's usage. Counts that are smaller than before are no counts.

        Compatible servers end with `input_tokens: 0`, and others tell only at the end what came from the
        cache, so the three counts of the prompt are one: they are replaced when their sum is not smaller.
        """
        if usage is None:
            return
        prompt = (
            _count(usage.input_tokens, self._input),
            _count(_written(usage), self._written),
            _count(usage.cache_read_input_tokens, self._read),
        )
        if sum(prompt) >= self._input + self._written + self._read:
            self._input, self._written, self._read = prompt
        self._output = max(self._output, usage.output_tokens or 0)
        if usage.output_tokens_details is not None:
            self._thinking = max(self._thinking, usage.output_tokens_details.thinking_tokens or 0)

    def tokens(self) -> Tokens:
        """Return the tokens of the answer so far."""
        thinking = min(self._thinking, self._output)
        return Tokens(
            input=self._input,
            output=self._output - thinking,
            reasoning=thinking,
            cache=CacheTokens(read=self._read, write=self._written),
            total=self._input + self._read + self._written + self._output,
        )


def _count(given: int | None, before: int) -> int:
    return before if given is None else max(given, 0)


def _written(usage: Usage) -> int | None:
    """Return the tokens written to the cache, from their total or from the parts of it."""
    parts = usage.cache_creation
    if usage.cache_creation_input_tokens or parts is None:
        return usage.cache_creation_input_tokens
    return (parts.ephemeral_5m_input_tokens or 0) + (parts.ephemeral_1h_input_tokens or 0)
