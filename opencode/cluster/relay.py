"""Follows what other servers tell, while anybody here listens to all sessions."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from opencode.bus import Bus, RelayedEvent

from .cluster import Cluster
from .peers import TOKEN_HEADER, Peer

if TYPE_CHECKING:
    from aiohttp import ClientSession

LINGER_SECONDS = 60.0
"""How long the others are listened to after the last listener here has gone."""

CONNECT_SECONDS = 2.0
"""How long a new listener waits for the streams of the others."""

LOOK_SECONDS = 0.25

_PRIVATE = ("server.connected", "server.heartbeat")

log = logging.getLogger(__name__)


class _Properties(msgspec.Struct):
    session_id: str | None = msgspec.field(name="sessionID", default=None)


class _Envelope(msgspec.Struct):
    id: str
    type: str
    properties: _Properties


_decode = msgspec.json.Decoder(_Envelope).decode


class Relay:
    """Publishes the events of all other servers on this one's bus."""

    def __init__(
        self, cluster: Cluster, bus: Bus, connections: Callable[[], Awaitable["ClientSession"]]
    ) -> None:
        self._cluster = cluster
        self._bus = bus
        self._connections = connections
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._connected: dict[str, asyncio.Event] = {}
        self._task: asyncio.Task[None] | None = None
        self._until = 0.0

    async def listening(self) -> None:
        """Return once the events of all servers come in; call it before somebody listens to all sessions."""
        self._begin()
        waits = [
            self._connected[peer.id].wait() for peer in self._cluster.peers if peer.id in self._connected
        ]
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.gather(*waits)
        except TimeoutError:
            log.warning("not all servers of the cluster can be listened to")

    async def close(self) -> None:
        tasks = [*self._streams.values(), *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _begin(self) -> None:
        self._until = asyncio.get_running_loop().time() + LINGER_SECONDS
        if self._task is None or self._task.done():
            self._bus.break_replay()
            self._task = asyncio.create_task(self._run(), name="cluster-relay")
        self._follow_all()

    async def _run(self) -> None:
        """Follow every server there is, until nobody has listened here for a while."""
        loop = asyncio.get_running_loop()
        while loop.time() < self._until:
            if self._bus.has_listeners:
                self._until = loop.time() + LINGER_SECONDS
            self._follow_all()
            await asyncio.sleep(LOOK_SECONDS)
        for task in self._streams.values():
            task.cancel()
        self._streams.clear()
        self._connected.clear()

    def _follow_all(self) -> None:
        peers = {peer.id: peer for peer in self._cluster.peers}
        for peer_id, peer in peers.items():
            if peer_id not in self._streams:
                self._connected[peer_id] = asyncio.Event()
                self._streams[peer_id] = asyncio.create_task(self._follow(peer), name=f"events of {peer_id}")
        for peer_id in self._streams.keys() - peers.keys():
            self._streams.pop(peer_id).cancel()
            self._connected.pop(peer_id, None)

    async def _follow(self, peer: Peer) -> None:
        from aiohttp import ClientError, ClientTimeout  # noqa: PLC0415 - of no use without others

        while True:
            try:
                session = await self._connections()
                async with session.get(
                    f"{peer.address}/cluster/event",
                    headers={TOKEN_HEADER: peer.token},
                    timeout=ClientTimeout(total=None, sock_connect=3, sock_read=30),
                ) as response:
                    response.raise_for_status()
                    rest = b""
                    async for chunk in response.content.iter_any():
                        self._connected.setdefault(peer.id, asyncio.Event()).set()
                        *frames, rest = (rest + chunk).split(b"\n\n")
                        for frame in frames:
                            self._take(frame)
            except (ClientError, OSError, TimeoutError) as error:
                log.debug("the events of %s broke off: %s", peer.id, error)
            if peer.id in self._connected and self._connected[peer.id].is_set():
                self._connected[peer.id].clear()
                self._bus.break_replay()  # what was told meanwhile is missing here
            await asyncio.sleep(LOOK_SECONDS)

    def _take(self, frame: bytes) -> None:
        place = frame.find(b"data: ")
        if place < 0:
            return
        event = _decode(frame[place + 6 :])
        if event.type not in _PRIVATE:
            self._bus.relay(RelayedEvent(event.id, event.properties.session_id, event.type, frame + b"\n\n"))
