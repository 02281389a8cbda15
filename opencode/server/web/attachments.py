"""Files of messages and of tools' results: each has an address of its own and is sent in pieces."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import msgspec
from quart import Blueprint, Response, request
from werkzeug.http import dump_options_header

from opencode.errors import NotFound, Unavailable
from opencode.schema.part import FilePart
from opencode.schema.session import Session
from opencode.session.reverted import is_reverted
from opencode.store import StoredFile, summary

from ..app_state import services
from ..assets import YEAR_SECONDS
from ..write_timeout import WriteTimeout
from .addresses import file_address

blueprint = Blueprint("attachments", __name__)

WRITE_TIMEOUT_SECONDS = 60.0
"""How long a client may take nothing of a file."""

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"})
"""Types that the page shows. SVG is not among them: it can hold scripts."""

_DOWNLOADS = frozenset({"application/pdf", "application/zip", "application/json", "text/csv", "text/plain"})
"""Types that are named to the browser, which saves all files that are no pictures."""

_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f/\\]+")

NOT_FOUND = "File not found. It may have been deleted."


class Attachment(msgspec.Struct, frozen=True):
    """A file as the page shows it. `address`: of its content, "" if it is elsewhere. `size`: in words."""

    id: str
    name: str
    address: str
    size: str
    is_picture: bool


def attachment(file: FilePart, part_id: str = "", number: int | None = None) -> Attachment:
    """Return a file as the page shows it; `number` counts the files of the tool part `part_id`."""
    name = (file.filename or file.mime)[:200]
    if not file.url.startswith("data:"):
        return Attachment(file.id, name, "", "", False)
    known = summary(file.url)
    address = file_address(file.session_id, part_id or file.id, number, known.version)
    return Attachment(file.id, name, address, size_in_words(known.size), file.mime.lower() in PICTURES)


def size_in_words(size: int) -> str:
    """Return a size in bytes: `12 KB`, `1.2 MB`."""
    return f"{size / 1_000_000:.1f} MB" if size >= 1_000_000 else f"{max(1, size // 1_000)} KB"


@blueprint.get("/file/<session_id>/<part_id>")
@blueprint.get("/file/<session_id>/<part_id>/<int:number>")
async def show(session_id: str, part_id: str, number: int | None = None) -> Response:
    """Return the content of a file; `number` counts the files of a tool's result."""
    return await content(await services().sessions.get(session_id), part_id, number)


async def content(session: Session, part_id: str, number: int | None) -> Response:
    """Return a file of a session; raises NotFound, also for one that a revert hides."""
    file = await services().store.file(session.id, part_id, number)
    if file is None or is_reverted(session, file.message_id, part_id):
        raise NotFound(NOT_FOUND)
    response = Response(content_type=_content_type(file))
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Content-Disposition"] = _disposition(file)
    response.set_etag(file.version)
    response.headers["Cache-Control"] = (
        f"private, max-age={YEAR_SECONDS}, immutable"
        if request.args.get("v") == file.version
        else "private, no-cache"
    )
    if request.if_none_match.contains(file.version):
        response.status_code = 304
        return response
    if request.method != "HEAD":
        store = services().store
        pieces = Pieces(file, lambda place: store.piece(file, place))
        response.response = response.iterable_body_class(pieces)
        response.timeout = None  # a large file on a slow line; `Pieces` ends it if the client takes nothing
    if file.size is not None:
        response.content_length = file.size
    return response


def _content_type(file: StoredFile) -> str:
    mime = file.mime.lower()
    if mime in PICTURES or mime in _DOWNLOADS:
        return f"{mime}; charset=utf-8" if mime.startswith("text/") else mime
    return "application/octet-stream"


def _disposition(file: StoredFile) -> str:
    return disposition("inline" if file.mime.lower() in PICTURES else "attachment", file.filename)


def disposition(kind: str, filename: str) -> str:
    """Return a Content-Disposition with a file's name, in whatever script it is."""
    name = _CONTROL.sub(" ", filename[:200]).strip(" .")
    if name.isascii():
        return dump_options_header(kind, {"filename": name or None})
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    return dump_options_header(kind, {"filename": plain, "filename*": f"UTF-8''{quote(name, safe='')}"})


Read = Callable[[int], Awaitable[bytes | None]]


class Pieces:
    """The body of a response: a file, piece by piece as the client takes them.

    If the file is removed or changed meanwhile, or the client takes nothing for a while, the connection ends
    before the whole file is sent, as its length tells the client.
    """

    def __init__(self, file: StoredFile, read: Read) -> None:
        self._file = file
        self._read = read
        self._next = 0
        self._timeout = WriteTimeout(WRITE_TIMEOUT_SECONDS)

    def __aiter__(self) -> "Pieces":
        return self

    async def __anext__(self) -> bytes:
        self._timeout.taken()
        if self._next >= self._file.pieces:
            raise StopAsyncIteration
        try:
            piece = await self._read(self._next)
        except Unavailable:
            piece = None
        if piece is None:
            await _disconnect()
            raise StopAsyncIteration
        self._next += 1
        self._timeout.sending()
        return piece

    async def aclose(self) -> None:
        """Stop the timer. Called at the end of the response."""
        self._timeout.close()


async def _disconnect() -> None:
    """End the request without completing its response."""
    if (task := asyncio.current_task()) is not None:
        task.cancel("The file was removed or changed while it was being sent.")
        await asyncio.sleep(0)
