"""The servers of the cluster, and what they tell each other."""

import asyncio

from quart import Blueprint, Response

from opencode.errors import NotFound
from opencode.schema.base import Wire

from .. import event_stream
from ..across import turns_of
from ..app_state import app_state, services
from ..client import from_server
from ..endpoint import JSON, endpoint
from ..event_stream import EventForm, EventStream

blueprint = Blueprint("cluster", __name__)


class ServerInfo(Wire):
    """A server. `started`: Unix ms. `turns`: how many run there, -1 if it does not answer. `is_self`: it
    is the one that answers this request."""

    id: str
    address: str
    started: int
    turns: int
    is_self: bool


@blueprint.get("/global/servers")
@endpoint(list[ServerInfo])
async def servers() -> list[ServerInfo]:
    """List the servers that share the database, and what runs on each.

    With SQLite there is none but this one.
    """
    cluster, here = app_state().cluster, len(services().turns.statuses())
    if cluster is None:
        return [ServerInfo(id="", address="", started=0, turns=here, is_self=True)]
    turns = await asyncio.gather(*(turns_of(peer) for peer in cluster.peers))
    others = [
        ServerInfo(id=peer.id, address=peer.address, started=peer.started, turns=count, is_self=False)
        for peer, count in zip(cluster.peers, turns, strict=True)
    ]
    own = ServerInfo(
        id=cluster.id, address=cluster.address, started=cluster.started, turns=here, is_self=True
    )
    return [own, *others]


@blueprint.get("/cluster/event")
async def own_events() -> Response:
    """Tell another server what happens here."""
    if not from_server():
        raise NotFound("Not found.")
    bus = services().bus
    stream = EventStream(bus.subscribe_server(), EventForm(bus), event_stream.HEARTBEAT_SECONDS)
    return stream.response(b": here\n\n")


@blueprint.post("/cluster/keys")
async def keys_changed() -> Response:
    """Read the keys again, which another server has changed."""
    if not from_server():
        raise NotFound("Not found.")
    await services().providers.reload_keys()
    return Response(b"true", content_type=JSON)
