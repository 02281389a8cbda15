"""A fetch: one GET and what it leads to (redirects, cookies, refreshing pages), up to the decoded body."""

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urljoin

import msgspec

from opencode.errors import ToolError

from .charset import decode
from .content_type import HTML
from .egress import Egress
from .html_head import HEAD, Refresh, refresh_of

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 5 * 1024 * 1024
MAX_REDIRECTS = 10
REFRESH_SECONDS = 10
"""A page that leads on later than this is content, not a redirect."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GZIP = frozenset({"gzip", "x-gzip", "deflate"})
_UNREADABLE = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip"})
_MAX_CODINGS = 4
_GZIP_MAGIC = b"\x1f\x8b\x08"
_PIECE = 65_536
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([\w:.+-]+)""", re.IGNORECASE)
_HINTS = {
    401: "It asks for a login, which web fetch does not have. Look for another source.",
    403: "The site refuses this program. Look for another source.",
    404: "There is no such page. Check the URL, or search for the page.",
    410: "The page is gone. Search for another source.",
    429: "The site asks for fewer requests. Wait before you fetch from it again, or use another source.",
}

Permit = Callable[[str], Awaitable[None]]
"""Checks whether a URL may be fetched; raises ToolError if not."""


class Download(msgspec.Struct, frozen=True):
    """A response after redirects. `mime`: lower-case, without parameters, "" if the server sends none.

    `leads_to`: where the page says to go on to, if that was not followed.
    """

    url: str
    status: int
    mime: str
    charset: str | None
    body: bytes
    leads_to: Refresh | None = None


async def download(
    egress: Egress, url: str, headers: dict[str, str], permit: Permit, limit: asyncio.Timeout, timeout: float
) -> Download:
    """GET a URL and what it leads to; each further URL needs `permit`, for whose time `limit` is paused.

    `timeout`: seconds without a byte. Raises ToolError, and httpx.HTTPError if the network fails.
    """
    first = url
    cookies = _Cookies()
    visited: set[tuple[str, str]] = set()
    while len(visited) <= MAX_REDIRECTS:
        cookie = cookies.header(url)
        if (url, cookie) in visited:
            raise ToolError(f"{first} redirects in a loop, by way of {url}. Use another address.")
        visited.add((url, cookie))
        async with egress.get(url, headers | ({"Cookie": cookie} if cookie else {}), timeout) as response:
            cookies.keep(url, response)
            location = response.headers.get("location")
            if response.status_code in _REDIRECTS and location:
                target = _joined(url, location)
            else:
                result = await _read(url, response)
                refresh = _refresh(result)
                if refresh is None:
                    return result
                target = urldefrag(refresh.url).url
                known = (target, cookies.header(target)) in visited or len(visited) > MAX_REDIRECTS
                if refresh.seconds > REFRESH_SECONDS or known:
                    away = target != urldefrag(url).url
                    return msgspec.structs.replace(result, leads_to=refresh if away else None)
        with _paused(limit):
            await permit(target)
        url = target
    raise ToolError(f"{first} redirects more than {MAX_REDIRECTS} times. Use another address.")


class _Cookies:
    """The cookies of one fetch. Each host has its own: none is sent to another, whatever its domain says."""

    def __init__(self) -> None:
        self._jars: dict[str, httpx.Cookies] = {}

    def header(self, url: str) -> str:
        """Return the Cookie header for a request, "" for none."""
        import httpx  # noqa: PLC0415 - the server starts without it

        try:
            request = httpx.Request("GET", url)
            if (jar := self._jars.get(request.url.host)) is not None:
                jar.set_cookie_header(request)
        except (httpx.InvalidURL, ValueError):  # a cookie that is not ASCII
            return ""
        return str(request.headers.get("cookie", ""))

    def keep(self, url: str, response: "httpx.Response") -> None:
        """Take over the cookies of a response to a request for `url`."""
        import httpx  # noqa: PLC0415

        if "set-cookie" in response.headers:
            response.request = httpx.Request("GET", url)  # the one that was sent names the host by address
            self._jars.setdefault(response.request.url.host, httpx.Cookies()).extract_cookies(response)


def _refresh(result: Download) -> Refresh | None:
    if result.mime not in HTML or b"refresh" not in result.body[:HEAD].lower():
        return None
    return refresh_of(decode(result.body[:HEAD], result.charset, markup=True), result.url)


@contextmanager
def _paused(limit: asyncio.Timeout) -> Iterator[None]:
    """Pause a time-out: the time that the user takes to answer does not count."""
    now = asyncio.get_running_loop().time
    left = (limit.when() or now()) - now()
    limit.reschedule(None)
    try:
        yield
    finally:
        limit.reschedule(now() + left)


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise ToolError(f"{url} redirects to {location!r}, which is not a URL: {error}.") from None


async def _read(url: str, response: "httpx.Response") -> Download:
    """Return the response's body; raises ToolError for an error status or too large a body."""
    status = response.status_code
    if not 200 <= status < 300:
        hint = _HINTS.get(status) or (
            "The site has a fault. Try later, or use another source." if status >= 500 else "Check the URL."
        )
        raise ToolError(
            f"{url} answered with status {status} {response.reason_phrase}. {hint}".replace(" .", ".")
        )
    body = bytearray()
    async for piece in _decoded(url, response):
        body += piece
    mime, _, parameters = response.headers.get("content-type", "").partition(";")
    charset = _CHARSET.search(parameters)
    plain = _without_another_gzip(url, bytes(body))
    return Download(url, status, mime.strip().lower(), charset[1] if charset else None, plain)


async def _decoded(url: str, response: "httpx.Response") -> AsyncIterator[bytes]:
    """Yield the body without its content codings, in pieces of bounded size.

    A name that is no coding counts for nothing, as in browsers: servers write `utf-8`, `none` or `binary`.
    """
    named = response.headers.get("content-encoding", "").lower().split(",")
    codings = [name.strip() for name in named]
    if unreadable := next((name for name in codings if name in _UNREADABLE), None):
        raise ToolError(
            f"{url} is sent in the content coding {unreadable!r}, which web fetch does not read. Use another "
            "source."
        )
    decoders = [_Gunzip(name == "deflate") for name in reversed(codings) if name in _GZIP]
    if len(decoders) > _MAX_CODINGS:
        raise ToolError(f"{url} is compressed more than {_MAX_CODINGS} times. Use another source.")
    size = 0
    async for chunk in response.aiter_raw():
        for piece in _through(decoders, chunk):
            size += len(piece)
            if size > MAX_BYTES:
                raise _too_large(url)
            yield piece


def _through(decoders: list["_Gunzip"], data: bytes) -> Iterator[bytes]:
    """Yield what data becomes in all decoders, one after the other."""
    if not decoders:
        yield data
        return
    for piece in decoders[0].feed(data):
        yield from _through(decoders[1:], piece)


class _Gunzip:
    """Undoes gzip and deflate in pieces of bounded size: a small body may expand to gigabytes."""

    def __init__(self, may_be_raw: bool = False) -> None:
        self._may_be_raw = may_be_raw
        self._decoder: zlib._Decompress | None = None
        self._members = 0
        self._ended = False
        self._taken = self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield decompressed pieces; raises ToolError if the data is damaged or too large."""
        self._taken += len(data)
        try:
            while data and not self._ended:
                if self._decoder is None:
                    if self._members and not data.startswith(b"\x1f"):
                        self._ended = True  # what follows the last member is padding
                        return
                    raw = self._may_be_raw and data[0] & 0x0F != 8 and not data.startswith(b"\x1f")
                    self._decoder = zlib.decompressobj(wbits=-15 if raw else 47)
                piece = self._decoder.decompress(data, _PIECE)
                self._given += len(piece)
                if max(self._given, self._taken - _PIECE) > MAX_BYTES:
                    raise ToolError(_LARGE)
                yield piece
                data = self._decoder.unconsumed_tail
                if self._decoder.eof:
                    data = self._decoder.unused_data
                    self._decoder = None
                    self._members += 1
        except zlib.error as error:
            raise ToolError(
                f"The site sent damaged content: {error}. Try again, or use another source."
            ) from None


_LARGE = (
    f"The content is larger than {MAX_BYTES // 1024 // 1024} MB, the most that web fetch reads. Look for a "
    "smaller page, or a part of it."
)


def _too_large(url: str) -> ToolError:
    return ToolError(_LARGE.replace("The content", url, 1))


def _without_another_gzip(url: str, body: bytes) -> bytes:
    """Return a body that was compressed once more than its headers say, or a compressed file, unpacked."""
    for _ in range(_MAX_CODINGS):
        if not body.startswith(_GZIP_MAGIC):
            break
        unpacked = bytearray()
        try:
            for piece in _Gunzip().feed(body):
                unpacked += piece
        except ToolError as error:
            if error.message == _LARGE:
                raise _too_large(url) from None
            return body
        body = bytes(unpacked)
    return body
