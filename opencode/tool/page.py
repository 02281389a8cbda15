"""Fetched bodies: their type (by the first bytes), their text (by character set), a web page's content."""

import codecs
import contextlib
import re
from typing import Literal

import msgspec

from opencode.errors import ToolError
from opencode.offload.jobs import HTML, HtmlJob, HtmlPage
from opencode.offload.pool import NotDone, Pool

Format = Literal["markdown", "text", "html"]

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARED = re.compile(
    rb"""<meta[^<>]{0,200}?charset\s*=\s*["']?\s*([\w:.-]+)|^\s*<\?xml[^<>]{0,200}?encoding\s*=\s*["']([\w:.-]+)""",
    re.IGNORECASE,
)
_DECLARED_WITHIN = 1024
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
"""Labels that stand for a larger character set on the web (WHATWG Encoding Standard, section 4.2)."""
_NOT_ON_THE_WEB = frozenset(
    {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "utf-7", "undefined"}
)
_UNCONVERTED = "[This page could not be converted to markdown. This is its plain text.]"


class Reading(msgspec.Struct, frozen=True):
    """A page as it is given to a model; `title` is "" if the page has none."""

    content: str
    title: str


def sniff(body: bytes) -> str | None:
    """Return the type of an image or PDF by its first bytes: the Content-Type may be wrong."""
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for signature, mime in _SIGNATURES if body.startswith(signature)), None)


def guess(body: bytes) -> str:
    """Return the type of a body without a Content-Type: HTML, plain text, or unknown bytes."""
    start = body[:_DECLARED_WITHIN].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "text/html"
    return "application/octet-stream" if is_binary(body) else "text/plain"


def is_binary(body: bytes) -> bool:
    return b"\0" in body[:_DECLARED_WITHIN] and not body.startswith(
        (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    )


def decode(body: bytes, charset: str | None) -> str:
    """Return a body's text: by byte order mark, `charset`, its own declaration, UTF-8 or windows-1252.

    Invalid bytes become U+FFFD, and so does NUL, which databases refuse.
    """
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return _clean(body[len(mark) :].decode(encoding, "replace"))
    if named := _codec(charset) or _codec(_declared(body)):
        return _clean(body.decode(named, "replace"))
    try:
        return _clean(body.decode("utf-8"))
    except UnicodeDecodeError:
        return _clean(body.decode("cp1252", "replace"))


def _clean(text: str) -> str:
    return text.replace("\0", "\ufffd")


def _declared(body: bytes) -> str | None:
    """Return the declared character set; a declaration in ASCII that says UTF-16 is wrong, so it is UTF-8."""
    match = _DECLARED.search(body[:_DECLARED_WITHIN])
    name = (match[1] or match[2]).decode("ascii", "replace") if match else None
    return "utf-8" if name and name.lower().startswith("utf-16") else name


def _codec(name: str | None) -> str | None:
    """Return Python's text codec for a character set, or None."""
    try:
        codec = codecs.lookup(name or "").name
        b" ".decode(codec, "replace")
    except (LookupError, UnicodeError):
        return None
    return None if codec in _NOT_ON_THE_WEB else _WIDER.get(codec, codec)


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
