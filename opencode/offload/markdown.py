"""Markdown to safe HTML, block by block, in time that grows with the text's length."""

import msgspec

from .document import rendered, rendered_but_last
from .highlight import Highlighter
from .source import Source
from .unclosed_markdown import completed


class Grown(msgspec.Struct):
    """A text that is still being written."""

    finished: list[str]
    """The HTML of its complete blocks."""
    open: str
    """The HTML of the last block, with its open marks closed."""
    rest: int
    """Where the last block begins, in characters."""


def blocks(text: str) -> list[str]:
    """Return a whole text as safe HTML, one string for each top-level block."""
    return rendered(Source(text), Highlighter())


def grow(text: str) -> Grown:
    """Return a growing text as safe HTML, given its part from the last block's begin.

    Links whose targets are defined in other blocks are shown as text meanwhile.
    """
    highlighter = Highlighter()
    lines = Source(text[: text.rfind("\n") + 1], grows=True)  # the last line may still become anything
    finished, begin = rendered_but_last(lines, highlighter)
    rest = lines.characters(begin)
    last = rendered(Source(completed(text[rest:]), grows=True), highlighter)
    return Grown(finished=finished, open="".join(last), rest=rest)
