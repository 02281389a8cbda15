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


class Line:
    """An HTTP/1.1 connection whose response has begun, is chunked and has not ended."""

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport

    def write(self, piece: bytes) -> bool:
        """Send a piece of the body; False, with nothing sent, where the connection is full or gone."""
        transport = self._transport
        if transport.is_closing() or transport.get_write_buffer_size() > FULL_BYTES:
            return False
        transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        return True


def register(app: Quart) -> None:
    """Note with each request the line beneath its response, as an extension of its ASGI scope."""
    inner = app.asgi_app

    async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and (line := _beneath(scope, send)):
            scope.setdefault("extensions", {})[_KEY] = line
        await inner(scope, receive, send)

    app.asgi_app = asgi_app  # type: ignore[method-assign]


def line_of(request: Request) -> Line | None:
    """Return the line beneath a request's response, None where there is none."""
    extensions: dict[str, Any] = request.scope.get("extensions") or {}
    return extensions.get(_KEY)


def _beneath(scope: Any, send: Any) -> Line | None:
    """Return the line beneath hypercorn's `send`: a method of its stream, which sends by its protocol, which
    sends by its connection."""
    if scope["http_version"] != "1.1" or scope["method"] == "HEAD":
        return None
    owner = send
    for _ in range(2):
        owner = getattr(getattr(owner, "__self__", None), "send", None)
    writer = getattr(getattr(owner, "__self__", None), "writer", None)
    return Line(writer.transport) if isinstance(writer, asyncio.StreamWriter) else None
