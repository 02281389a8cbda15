"""The servers of the cluster, and what they tell each other."""

from quart import Blueprint, Response

from opencode.errors import NotFound
from opencode.schema.base import Wire

from .. import event_stream
from ..app_state import services
from ..client import from_server
from ..event_stream import EventForm, EventStream

blueprint = Blueprint("cluster", __name__)


class ServerInfo(Wire):
    """A server. `started`: Unix ms. `turns`: how many run there. `self`: it is the one that answers."""

    id: str
    address: str
    started: int
    turns: int
    is_self: bool


@blueprint.get("/cluster/event")
async def own_events() -> Response:
    """Tell another server what happens here."""
    if not from_server():
        raise NotFound("Not found.")
    bus = services().bus
    stream = EventStream(bus.subscribe_server(), EventForm(bus), event_stream.HEARTBEAT_SECONDS)
    return stream.response(b": here\n\n")
