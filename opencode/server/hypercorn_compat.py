"""Everything that relies on hypercorn's private parts, behind one check of its version and of those parts.

With another hypercorn the server logs one warning and does without: connections of clients that have left
stay open until the keep-alive time is over, events take the usual way through the ASGI `send`, and neither
the number of connections nor the time of a request's head is limited.
"""

import asyncio
import logging
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

from .connections import Connections

if TYPE_CHECKING:
    from hypercorn.config import Config

HEAD_SECONDS = 10.0
"""How long the head of a request may take: from its first byte, the first one from the connection on."""

TESTED = "0.18."
"""The hypercorn versions whose private parts are known. requirements.txt pins one of them."""

log = logging.getLogger(__name__)


@cache
def is_supported() -> bool:
    """Return whether the private parts of this hypercorn are known; log one warning if they are not."""
    try:
        version = metadata.version("hypercorn")
    except metadata.PackageNotFoundError:
        version = "unknown"
    reason = "" if version.startswith(TESTED) else f"tested with {TESTED}x only"
    if not reason and (missing := list(_missing())):
        reason = f"it has no {', '.join(missing)}"
    if reason:
        log.warning(
            "hypercorn %s: %s; limits of connections, closing them early and direct writes are switched off",
            version,
            reason,
        )
    return not reason


_CONNECTIONS = "opencode_connections"
"""Attribute of a hypercorn configuration: the Connections of its server."""


def limit_connections(config: "Config", connections: Connections) -> None:
    """Have a server with this configuration count its connections, and refuse those over the limits."""
    setattr(config, _CONNECTIONS, connections)


def guard_connections() -> None:
    """Have hypercorn close connections that it has no setting for.

    It keeps the socket of a client that has left until the keep-alive time is over. A proxy that opens a
    connection for each request would leave so many behind that no new one can be opened. It waits as long
    for the head of a request, a line of which may come again and again, on any number of connections.
    """
    if not is_supported():
        return
    from hypercorn.asyncio import run  # noqa: PLC0415 - other servers do without hypercorn
    from hypercorn.asyncio.tcp_server import TCPServer  # noqa: PLC0415
    from hypercorn.events import Event, RawData, Updated  # noqa: PLC0415

    if run.TCPServer is not TCPServer:  # type: ignore[attr-defined]
        return

    class Connection(TCPServer):
        _client_left = False
        _head_timer: asyncio.TimerHandle | None = None
        _is_idle = True

        async def run(self) -> None:
            connections: Connections | None = getattr(self.config, _CONNECTIONS, None)
            if connections is None:
                await super().run()
                return
            with connections.entered(self.writer) as allowed:
                if allowed:
                    try:
                        self._await_head()
                        await super().run()
                    finally:
                        self._head_came()

        async def protocol_send(self, event: Event) -> None:
            if isinstance(event, Updated):
                self._is_idle = event.idle
                if not event.idle:
                    self._head_came()
                elif self._client_left:
                    return
            await super().protocol_send(event)

        async def _read_data(self) -> None:
            handle = self.protocol.handle

            async def handle_and_watch(event: Event) -> None:
                await handle(event)
                if self._is_idle and isinstance(event, RawData) and _has_begun_a_head(self.protocol):
                    self._await_head()

            self.protocol.handle = handle_and_watch  # type: ignore[method-assign]
            await super()._read_data()
            self._client_left = True
            await self.idle_task.stop()

        def _await_head(self) -> None:
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

        def _head_came(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

        def _head_is_late(self) -> None:
            if _has_begun_a_head(self.protocol):  # without a byte it was opened in advance, as browsers do
                connections: Connections = getattr(self.config, _CONNECTIONS)
                connections.head_was_late(self.writer)
            self.writer.transport.abort()

    run.TCPServer = Connection  # type: ignore[attr-defined]


def _has_begun_a_head(wrapper: Any) -> bool:
    """Return whether the bytes of an incomplete request head, or of one that has to wait, have come."""
    connection = getattr(wrapper.protocol, "connection", None)
    if connection is None or not hasattr(connection, "trailing_data"):
        return False  # HTTP/2: frames are no heads; the keep-alive time limits it
    return bool(connection.trailing_data[0])


def transport_of(send: Any) -> asyncio.WriteTransport | None:
    """Return the connection beneath the `send` of an ASGI request; None under any other server.

    hypercorn's `send` is a method of its stream, which sends by its protocol, which sends by its connection.
    """
    stream = getattr(send, "__self__", None)
    if not type(stream).__module__.startswith("hypercorn.") or not is_supported():
        return None
    owner = send
    for _ in range(2):
        owner = getattr(getattr(owner, "__self__", None), "send", None)
    writer = getattr(getattr(owner, "__self__", None), "writer", None)
    return writer.transport if isinstance(writer, asyncio.StreamWriter) else None


def _missing() -> Iterator[str]:
    """Yield the private parts of hypercorn that are relied on and are not there."""
    from hypercorn.asyncio import run  # noqa: PLC0415
    from hypercorn.asyncio.tcp_server import TCPServer  # noqa: PLC0415
    from hypercorn.events import Updated  # noqa: PLC0415
    from hypercorn.protocol import ProtocolWrapper  # noqa: PLC0415
    from hypercorn.protocol.h11 import H11Protocol  # noqa: PLC0415
    from hypercorn.protocol.http_stream import HTTPStream  # noqa: PLC0415

    if not hasattr(run, "TCPServer"):
        yield "run.TCPServer"
    if "idle" not in Updated.__annotations__:
        yield "Updated.idle"
    methods = (
        (TCPServer, "run"),
        (TCPServer, "protocol_send"),
        (TCPServer, "_read_data"),
        (H11Protocol, "stream_send"),
    )
    for owner, name in (*methods, (HTTPStream, "app_send")):
        if not hasattr(owner, name):
            yield f"{owner.__name__}.{name}"
    attributes: tuple[tuple[type, str], ...] = (
        (TCPServer, "writer"),
        (TCPServer, "idle_task"),
        (TCPServer, "config"),
        (TCPServer, "loop"),
        (H11Protocol, "send"),
        (H11Protocol, "connection"),
        (ProtocolWrapper, "protocol"),
    )
    for kind, name in (*attributes, (HTTPStream, "send")):
        if name not in vars(kind)["__init__"].__code__.co_names:  # set on each object, so not on the class
            yield f"{kind.__name__}.{name}"
