"""Markdown to safe HTML, block by block, in time that grows with the text's length."""

from .document import rendered, rendered_but_last
from .highlight import Highlighter
from .jobs import RenderedMarkdown
from .source import Source
from .unclosed_markdown import completed


def blocks(text: str) -> list[str]:
    """Return a whole text as safe HTML, one string for each top-level block."""
    return rendered(Source(text), Highlighter())


def grow(text: str) -> RenderedMarkdown:
    """Return a growing text as safe HTML, given its part from the last block's begin.

    Links whose targets are defined in other blocks are shown as text meanwhile.
    """
    highlighter = Highlighter()
    lines = Source(text[: text.rfind("\n") + 1], grows=True)  # the last line may still become anything
    finished, begin = rendered_but_last(lines, highlighter)
    rest = lines.characters(begin)
    last = rendered(Source(completed(text[rest:]), grows=True), highlighter)
    return RenderedMarkdown(finished, "".join(last), rest)
