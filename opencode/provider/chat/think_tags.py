"""Reasoning that a model writes into its text: `<think>…</think>` at the start."""

import re
from collections.abc import Iterator

_OPENING = re.compile(r"\s*<(think|thinking|thought)>", re.IGNORECASE | re.ASCII)
"""The tags of Qwen, DeepSeek and their like; of models that imitate Claude; of Gemini."""
_NAMES = ("think", "thinking", "thought")
_MOST_HELD = 1_000
"""Characters, blanks most of them, that are held back at most."""


class ThinkTags:
    """Splits the start of a text into reasoning and text, as it streams, up to the first text.

    What may become a tag is held back until it is one or not. Blanks around the reasoning are dropped.
    """

    def __init__(self) -> None:
        self._held = ""
        self._closing: re.Pattern[str] | None = None
        self._end = ""
        self._begun = False
        self._closed = False

    def feed(self, text: str) -> Iterator[tuple[bool, str]]:
        """Yield pieces: whether it is reasoning, and its text."""
        text = self._held + text
        self._held = ""
        if self._closing is None:
            opening = _OPENING.match(text)
            if opening is None:
                yield from self._without_tag(text)
                return
            self._end = f"</{opening[1].lower()}>"
            self._closing = re.compile(self._end, re.IGNORECASE | re.ASCII)
            text = text[opening.end() :]
        if not self._closed:
            closing = self._closing.search(text)
            if closing is None:
                yield from self._thought(*self._split(text))
                return
            yield from self._thought(text[: closing.start()].rstrip(), "")
            self._closed = True
            text = text[closing.end() :]
        if text := text.lstrip():
            yield False, text

    def close(self) -> Iterator[tuple[bool, str]]:
        """Yield what was held back when the answer ends."""
        if self._closing is None:
            if self._held:
                yield False, self._held
        else:
            yield from self._thought(self._held.rstrip(), "")
        self._held = ""

    def _without_tag(self, text: str) -> Iterator[tuple[bool, str]]:
        """Hold back what may be the start of a tag; anything else is text."""
        start = text.lstrip().lower()
        if len(text) < _MOST_HELD and any(f"<{name}>".startswith(start) for name in _NAMES):
            self._held = text
        else:
            yield False, text

    def _thought(self, text: str, held: str) -> Iterator[tuple[bool, str]]:
        text = text if self._begun else text.lstrip()
        self._held = held
        if text:
            self._begun = True
            yield True, text

    def _split(self, text: str) -> tuple[str, str]:
        """Split off what may be the start of the closing tag, with the blanks before it."""
        size = next(
            (
                size
                for size in range(min(len(self._end) - 1, len(text)), 0, -1)
                if text[-size:].lower() == self._end[:size]
            ),
            0,
        )
        kept = text[: len(text) - size].rstrip()
        if len(text) - len(kept) > _MOST_HELD:
            kept = text[: len(text) - size]
        return kept, text[len(kept) :]
