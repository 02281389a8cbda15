"""A text that is still being written, as the blocks of HTML that the page has of it."""

from opencode.schema.part import ReasoningPart, TextPart

from .markdown import Blocks, Markdown, plain
from .render import block


class LiveText:
    """One growing text part. Each finished block is rendered once, the open one again and again."""

    def __init__(self, part: TextPart | ReasoningPart) -> None:
        self._id = part.id
        self._open = part.text
        self._finished = 0
        self._shown: dict[int, int] = {}
        """The hash of the HTML that the page has of each block, by number."""

    def add(self, text: str) -> None:
        self._open += text

    @property
    def size(self) -> int:
        """Characters that the next `fresh` renders."""
        return len(self._open)

    async def fresh(self, markdown: Markdown) -> str:
        """Return the blocks that were finished since the last call, and the open one."""
        if not self._open.strip():
            return ""
        result = await markdown.grow(self._open)
        if result is None:
            return self._block(self._finished, plain(self._open)[0])
        blocks = [self._block(self._finished + at, html) for at, html in enumerate(result.finished)]
        self._finished += len(result.finished)
        self._open = self._open[result.rest :]
        return "".join([*blocks, self._block(self._finished, result.open)])

    def changes(self, final: Blocks) -> tuple[str, list[str]]:
        """Return the blocks that the end of the text changes, and the ids of those that it removes."""
        changed = [
            block(self._id, number, html)
            for number, html in enumerate(final)
            if self._shown.get(number) != hash(html)
        ]
        return "".join(changed), [f"{self._id}-{number:05}" for number in self._shown if number >= len(final)]

    def _block(self, number: int, html: str) -> str:
        self._shown[number] = hash(html)
        return block(self._id, number, html)
