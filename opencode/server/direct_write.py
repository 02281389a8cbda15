"""Write events directly to the transport where the server allows it.

An event to a hundred listeners would otherwise go through a hundred queues, tasks and framings. Once a
response has begun, and while its connection keeps up, its pieces may be written to the connection itself, as
the chunks that HTTP/1.1 makes of them anyway. hypercorn allows it; other servers get pieces the usual way.
"""

import asyncio
import math
from collections import deque
from typing import Any

from quart import Quart, Request

from .hypercorn_compat import transport_of

FULL_BYTES = 64 * 1024
"""How much may wait in a connection before the next piece goes the usual way, which waits for the client."""

FEW_WRITERS = 20
"""So many are flushed at once."""

WRITER_SECONDS = 0.0002
LATEST_SECONDS = 0.25
"""How long the next ones wait: for each of these, and at most."""

_KEY = "opencode.direct_writer"


class DirectWriter:
    """An HTTP/1.1 connection whose response has begun, is chunked and has not ended.

    What is written in one turn of the event loop goes out at its end, in one chunk; beside many writers a
    little later, see EndOfTurn. Call `flush` before anything is sent the usual way.
    """

    def __init__(self, transport: asyncio.WriteTransport, end_of_turn: "EndOfTurn") -> None:
        self._transport = transport
        self._end_of_turn = end_of_turn
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, piece: bytes) -> bool:
        """Send a piece of the body; return False, with nothing sent, if the connection is full or closed."""
        transport = self._transport
        if transport.is_closing() or transport.get_write_buffer_size() + self._size > FULL_BYTES:
            return False
        if not self._pieces:
            self._end_of_turn.add(self)
        self._pieces.append(piece)
        self._size += len(piece)
        return True

    def flush(self) -> None:
        """Write the collected pieces as one chunk; drop them if the connection has closed meanwhile."""
        if not self._pieces:
            return  # an empty chunk would end the response
        chunk = b"%x\r\n%b\r\n" % (self._size, b"".join(self._pieces))
        self._pieces.clear()
        self._size = 0
        if not self._transport.is_closing():
            try:
                self._transport.write(chunk)
            except (ConnectionError, RuntimeError):
                self._transport.close()


class EndOfTurn:
    """Flushes all writers that were written to in one turn of the event loop, at its end.

    A write takes some ten microseconds of the loop. Were each event written to hundreds of streams at once,
    whoever produces them would wait for its listeners. So many writers are flushed a few at a time, with a
    pause after each: listeners take a small share of the loop, however many, and never hold it for long.
    """

    def __init__(self) -> None:
        self._writers: deque[DirectWriter] = deque()
        self._is_due = False

    def add(self, writer: DirectWriter) -> None:
        """Flush a writer at the end of this turn, or soon after it."""
        self._writers.append(writer)
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        waiting = len(self._writers)
        share = max(FEW_WRITERS, math.ceil(waiting * FEW_WRITERS * WRITER_SECONDS / LATEST_SECONDS))
        for _ in range(min(share, waiting)):
            self._writers.popleft().flush()
        self._is_due = bool(self._writers)
        if self._is_due:
            asyncio.get_running_loop().call_later(FEW_WRITERS * WRITER_SECONDS, self._flush)


def register(app: Quart) -> None:
    """Give each request whose server allows it a direct writer, as an extension of its ASGI scope."""
    inner = app.asgi_app
    end_of_turn = EndOfTurn()

    async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
        if _is_chunked(scope) and (transport := transport_of(send)):
            scope.setdefault("extensions", {})[_KEY] = DirectWriter(transport, end_of_turn)
        await inner(scope, receive, send)

    app.asgi_app = asgi_app  # type: ignore[method-assign]


def direct_writer(request: Request) -> DirectWriter | None:
    """Return the direct writer of a request; None if its server does not allow it."""
    extensions: dict[str, Any] = request.scope.get("extensions") or {}
    return extensions.get(_KEY)


def _is_chunked(scope: Any) -> bool:
    """Return whether a response to this request that streams has HTTP/1.1's chunks."""
    return bool(scope["type"] == "http" and scope["http_version"] == "1.1" and scope["method"] != "HEAD")
