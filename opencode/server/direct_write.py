"""The connection beneath a response: a way for events past all that lies between, where there is one.

An event to a hundred listeners would go through a hundred queues, tasks and framings. Once a response has
begun, and as long as its connection keeps up, its pieces may be written to the connection itself, as the
chunks that HTTP/1.1 makes of them anyway. hypercorn has a line; under other servers pieces go the usual way.
"""

import asyncio
from typing import Any

from quart import Quart, Request

FULL_BYTES = 64 * 1024
"""How much may wait in a connection before the next piece goes the usual way, which waits for the client."""

_KEY = "opencode.line"


class DirectWriter:
    """An HTTP/1.1 connection whose response has begun, is chunked and has not ended.

    What is written in one turn of the event loop goes out at its end, in one chunk, and before anything that
    is sent the usual way from the next turn on.
    """

    def __init__(self, transport: asyncio.WriteTransport, turn: "EndOfTurn") -> None:
        self._transport = transport
        self._turn = turn
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, piece: bytes) -> bool:
        """Send a piece of the body; False, with nothing sent, where the connection is full or gone."""
        transport = self._transport
        if transport.is_closing() or transport.get_write_buffer_size() + self._size > FULL_BYTES:
            return False
        if not self._pieces:
            self._turn.wait(self)
        self._pieces.append(piece)
        self._size += len(piece)
        return True

    def flush(self) -> None:
        """Hand over what was written; it is lost where the connection has ended meanwhile."""
        chunk = b"%x\r\n%b\r\n" % (self._size, b"".join(self._pieces))
        self._pieces.clear()
        self._size = 0
        if not self._transport.is_closing():
            try:
                self._transport.write(chunk)
            except (ConnectionError, RuntimeError):
                self._transport.close()


class EndOfTurn:
    """The end of the event loop's turn, for all lines that were written to in it."""

    def __init__(self) -> None:
        self._lines: list[DirectWriter] = []

    def wait(self, line: DirectWriter) -> None:
        """Flush a line then."""
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._flush)
        self._lines.append(line)

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        for line in lines:
            line.flush()


def register(app: Quart) -> None:
    """Note with each request the line beneath its response, as an extension of its ASGI scope."""
    inner = app.asgi_app
    turn = EndOfTurn()

    async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and (transport := _beneath(scope, send)):
            scope.setdefault("extensions", {})[_KEY] = DirectWriter(transport, turn)
        await inner(scope, receive, send)

    app.asgi_app = asgi_app  # type: ignore[method-assign]


def direct_writer(request: Request) -> DirectWriter | None:
    """Return the line beneath a request's response, None where there is none."""
    extensions: dict[str, Any] = request.scope.get("extensions") or {}
    return extensions.get(_KEY)


def _beneath(scope: Any, send: Any) -> asyncio.WriteTransport | None:
    """Return the connection beneath hypercorn's `send`.

    That is a method of its stream, which sends by its protocol, which sends by its connection.
    """
    if scope["http_version"] != "1.1" or scope["method"] == "HEAD":
        return None
    owner = send
    for _ in range(2):
        owner = getattr(getattr(owner, "__self__", None), "send", None)
    writer = getattr(getattr(owner, "__self__", None), "writer", None)
    return writer.transport if isinstance(writer, asyncio.StreamWriter) else None
