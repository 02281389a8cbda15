"""The job of the Markdown workers: several texts, each within a time limit of its own."""

from .jobs import MarkdownJob, RenderedMarkdown
from .markdown import blocks, grow
from .time_limit import OutOfTime, time_limit

TEXT_SECONDS = 3
"""For one text, so that the others of its job are rendered all the same."""


def render(job: MarkdownJob) -> list[RenderedMarkdown | None]:
    """Return each text as HTML, None for those that take too long or can't be rendered."""
    return [_rendered(text, growing=job.growing) for text in job.texts]


def _rendered(text: str, *, growing: bool) -> RenderedMarkdown | None:
    try:
        with time_limit(TEXT_SECONDS):
            return grow(text) if growing else RenderedMarkdown(blocks(text))
    except (OutOfTime, RecursionError):
        return None
