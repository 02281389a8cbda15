"""The content of a web page, converted in a process of its own."""

import contextlib
from typing import Literal

import msgspec

from opencode.errors import ToolError
from opencode.offload.jobs import HTML, HtmlJob, HtmlPage
from opencode.offload.pool import NotDone, Pool
from opencode.tool.charset import decode
from opencode.tool.content_type import sniff

__all__ = ["Format", "PageReader", "Reading", "decode", "sniff"]

Format = Literal["markdown", "text", "html"]

_UNCONVERTED = "[This page could not be converted to markdown. This is its plain text.]"


class Reading(msgspec.Struct, frozen=True):
    """A page as it is given to a model; `title` is "" if the page has none."""

    content: str
    title: str


class PageReader:
    """Converts pages in worker processes: a hostile page can't stop or crash the server."""

    def __init__(self) -> None:
        self._pool = Pool("HTML", HTML)

    async def read(self, html: str, url: str, form: Format) -> Reading:
        """Return a page in the requested format; raises ToolError if it can't be converted."""
        page = await self._converted(html, url, form)
        if form == "html":
            return Reading(html, page.title if page else "")
        if page is None:
            raise ToolError(f"{url} could not be converted. Fetch it again with the format html.")
        if form == "text":
            return Reading(page.text, page.title)
        if page.markdown is None and page.text:
            return Reading(f"{_UNCONVERTED}\n\n{page.text}", page.title)
        return Reading(page.markdown or "", page.title)

    async def close(self) -> None:
        await self._pool.close()

    async def _converted(self, html: str, url: str, form: Format) -> HtmlPage | None:
        """Return a page; as text alone if Markdown takes too long; None if it can't be read at all."""
        if form == "markdown":
            with contextlib.suppress(NotDone):
                return await self._pool.run(HtmlJob(html, url, markdown=True))
        try:
            return await self._pool.run(HtmlJob(html, url, markdown=False))
        except NotDone:
            return None
