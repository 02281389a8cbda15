"""Everything that relies on hypercorn's private parts, behind one check of its version and of those parts.

With another hypercorn the server logs one warning and does without both: connections of clients that have
left stay open until the keep-alive time is over, and events take the usual way through the ASGI `send`.
"""

import asyncio
import logging
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from typing import Any

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
            "hypercorn %s: %s; closing connections early and direct writes are switched off",
            version,
            reason,
        )
    return not reason


def close_connections_early() -> None:
    """Have hypercorn close the connection of a client that has left: it has no setting for that.

    By itself it keeps the socket until the keep-alive time is over. A proxy that opens a connection for each
    request would leave so many behind that no new one can be opened.
    """
    if not is_supported():
        return
    from hypercorn.asyncio import run  # noqa: PLC0415 - other servers do without hypercorn
    from hypercorn.asyncio.tcp_server import TCPServer  # noqa: PLC0415
    from hypercorn.events import Event, Updated  # noqa: PLC0415

    if run.TCPServer is not TCPServer:  # type: ignore[attr-defined]
        return

    class Connection(TCPServer):
        _client_left = False

        async def protocol_send(self, event: Event) -> None:
            if self._client_left and isinstance(event, Updated) and event.idle:
                return
            await super().protocol_send(event)

        async def _read_data(self) -> None:
            await super()._read_data()
            self._client_left = True
            await self.idle_task.stop()

    run.TCPServer = Connection  # type: ignore[attr-defined]


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
    from hypercorn.protocol.h11 import H11Protocol  # noqa: PLC0415
    from hypercorn.protocol.http_stream import HTTPStream  # noqa: PLC0415

    if not hasattr(run, "TCPServer"):
        yield "run.TCPServer"
    if "idle" not in Updated.__annotations__:
        yield "Updated.idle"
    methods = ((TCPServer, "protocol_send"), (TCPServer, "_read_data"), (H11Protocol, "stream_send"))
    for owner, name in (*methods, (HTTPStream, "app_send")):
        if not hasattr(owner, name):
            yield f"{owner.__name__}.{name}"
    attributes = ((TCPServer, "writer"), (TCPServer, "idle_task"), (H11Protocol, "send"))
    for owner, name in (*attributes, (HTTPStream, "send")):
        if name not in owner.__init__.__code__.co_names:  # set on each object, so not on the class
            yield f"{owner.__name__}.{name}"
