"""Markdown as HTML for the page: rendered by worker processes, and kept by its content.

A text that can't be rendered within the limits is shown as plain text.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from html import escape

from opencode.offload.jobs import MARKDOWN, MarkdownJob, RenderedMarkdown
from opencode.offload.pool import NotDone, Pool
from opencode.tasks import Tasks

KEPT_CHARACTERS = 16_000_000
"""Limit for the HTML that is kept, the least recently used goes first."""

BATCH_CHARACTERS = 100_000
"""Characters of the texts that one job renders, unless a single text is longer."""

PAGE_SECONDS = 2
"""How long a page waits for its texts. Those that are not ready are plain text in it."""

STREAM_SECONDS = 20
"""How long a page's stream waits for the texts of one update."""

LONGEST = 2_000_000
"""Characters above which a text is shown as plain text."""

Blocks = Sequence[str]
"""The top-level blocks of a text, as HTML."""


class Rendered(dict[str, Blocks]):
    """The blocks of texts, by text."""

    def __missing__(self, text: str) -> Blocks:
        return plain(text)


class Markdown:
    """Renders texts, each once: all pages and streams share the result."""

    def __init__(self) -> None:
        self._pool = Pool("MARKDOWN", MARKDOWN)
        self._kept: OrderedDict[bytes, Blocks] = OrderedDict()
        self._kept_characters = 0
        self._pending: dict[bytes, asyncio.Future[None]] = {}
        self._tasks = Tasks()

    async def rendered(self, texts: Iterable[str], seconds: float = PAGE_SECONDS) -> Rendered:
        """Return the blocks of each text; texts that are not ready within `seconds` as plain text."""
        keys = {text: _key(text) for text in texts if text.strip()}
        blocks = {text: self._use(key) for text, key in keys.items()}
        missing = [text for text, kept in blocks.items() if kept is None]
        if missing:
            await self._pool.warm()
            waiting = self._begin({keys[text]: text for text in missing})
            await asyncio.wait(waiting, timeout=seconds)
            blocks.update({text: self._use(keys[text]) for text in missing})
        return Rendered({text: kept for text, kept in blocks.items() if kept is not None})

    async def grow(self, text: str) -> RenderedMarkdown | None:
        """Return a text that is still being written, from its open block on; None if that takes too long."""
        try:
            return (await self._pool.run(MarkdownJob([text], growing=True)))[0]
        except NotDone:
            return None

    async def aclose(self) -> None:
        """Stop what is being rendered, and all workers."""
        await self._tasks.close(0)
        await self._pool.close()

    def _begin(self, texts: Mapping[bytes, str]) -> set[asyncio.Future[None]]:
        """Have the texts rendered that nobody has asked for yet; return what to wait for."""
        waiting = {self._pending[key] for key in texts if key in self._pending}
        batch: dict[bytes, str] = {}
        for key, text in texts.items():
            if key in self._pending:
                continue
            if batch and sum(map(len, batch.values())) + len(text) > BATCH_CHARACTERS:
                waiting.add(self._start(batch))
                batch = {}
            batch[key] = text
        if batch:
            waiting.add(self._start(batch))
        return waiting

    def _start(self, batch: dict[bytes, str]) -> asyncio.Future[None]:
        task = self._tasks.spawn(self._render(batch), "render Markdown")
        self._pending.update(dict.fromkeys(batch, task))
        return task

    async def _render(self, batch: dict[bytes, str]) -> None:
        try:
            texts = [text for text in batch.values() if len(text) <= LONGEST]
            results = iter(await self._run(texts))
            for key, text in batch.items():
                result = next(results) if len(text) <= LONGEST else None
                self._keep(key, plain(text) if result is None else result.finished)
        finally:
            for key in batch:
                del self._pending[key]

    async def _run(self, texts: list[str]) -> list[RenderedMarkdown | None]:
        """Render texts in one job. If it fails, each has one of its own, so that it fails alone."""
        try:
            return await self._pool.run(MarkdownJob(texts))
        except NotDone:
            if len(texts) == 1:
                return [None]
        return [(await self._run([text]))[0] for text in texts]

    def _use(self, key: bytes) -> Blocks | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def _keep(self, key: bytes, blocks: Blocks) -> None:
        self._kept[key] = blocks
        self._kept_characters += _size(blocks)
        while self._kept_characters > KEPT_CHARACTERS and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._kept_characters -= _size(oldest)


def plain(text: str) -> Blocks:
    """Return a text as one block of plain text."""
    return [f'<p class="plain">{escape(text)}</p>'] if text.strip() else []


def _key(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _size(blocks: Blocks) -> int:
    return sum(map(len, blocks))
