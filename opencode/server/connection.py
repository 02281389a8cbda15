"""A client's connection, let go of as soon as the client has gone."""

from hypercorn.asyncio import run as hypercorn_run
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.events import Event, Updated


class Connection(TCPServer):
    """hypercorn's own, which keeps the socket of a client that has left until the keep-alive time is over.

    A proxy that opens a connection for each request would leave so many behind that none can be opened.
    """

    _left = False

    async def protocol_send(self, event: Event) -> None:
        if self._left and isinstance(event, Updated) and event.idle:
            return
        await super().protocol_send(event)

    async def _read_data(self) -> None:
        await super()._read_data()
        self._left = True
        await self.idle_task.stop()


def install() -> None:
    """Have hypercorn use it: it has no setting for that."""
    hypercorn_run.TCPServer = Connection  # type: ignore[attr-defined]
