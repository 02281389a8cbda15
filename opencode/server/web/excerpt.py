"""Search results on the page: the words as they were found, with what is around them."""

import msgspec

from opencode.store import as_pattern

BEFORE = 30
"""Characters before the words."""

AFTER = 110
"""Characters behind them."""


class Hit(msgspec.Struct, frozen=True):
    """Where a session has the words: a message, and the text around them."""

    message_id: str
    before: str
    words: str
    after: str


def hit(message_id: str, text: str, words: str) -> Hit:
    """Return the place of words in a message's text, as one line."""
    found = as_pattern(words).search(text)
    begin, end = found.span() if found else (0, 0)
    start = max(0, begin - BEFORE)
    before, after = text[start:begin], text[end : end + AFTER]
    if start:
        before = "…" + before.partition(" ")[2] if " " in before else "…" + before
    return Hit(message_id, _line(before), _line(text[begin:end][:AFTER]), _line(after))


def _line(text: str) -> str:
    """Return text on one line; a space at either end stays."""
    line = " ".join(text.split())
    return f"{' ' if text[:1].isspace() else ''}{line}{' ' if line and text[-1:].isspace() else ''}"
