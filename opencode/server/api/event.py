"""Event streams: all events, or those of one session."""

from quart import Blueprint, Response

from opencode.schema.base import encode
from opencode.schema.event import AnyEvent

from .. import event_stream
from ..app_state import app_state, services
from ..endpoint import endpoint
from ..event_stream import EventForm, EventStream, GlobalEventForm
from ..resume import last_event_id, opening

blueprint = Blueprint("event", __name__)


@blueprint.get("/event")
@endpoint(None, stream=AnyEvent)
async def all_events() -> Response:
    """Follow all events.

    A stream of server-sent events: first `server.connected`, then the events of all sessions, and
    `server.heartbeat` every 10 seconds. Each has an `id:` line. A client that reconnects with it as
    `Last-Event-ID` (or `?lastEventID=`) gets the events it missed; `server.connected` has `resumed: true`.
    If the id is too old, or from before a restart, `resumed` is `false`, and the changed and running messages
    are sent again in full, as `message.removed`, `message.updated` and `message.part.updated` events.
    """
    return await _stream(None, EventForm(services().bus))


@blueprint.get("/global/event")
@endpoint(None, stream=AnyEvent)
async def global_events() -> Response:
    """Follow all events, each in an envelope.

    Like `/event`, with every event wrapped as `{"directory", "project", "payload": event}`.
    """
    directory = encode(str(services().settings.directory))
    return await _stream(None, GlobalEventForm(services().bus, directory))


@blueprint.get("/session/<session_id>/event")
@endpoint(None, stream=AnyEvent, errors=(404,))
async def session_events(session_id: str) -> Response:
    """Follow one session's events.

    Like `/event`, for this session only. A client that lost the stream of a prompt continues here, with its
    `Last-Event-ID`.
    """
    await services().sessions.get(session_id)
    return await _stream(session_id, EventForm(services().bus))


async def _stream(session_id: str | None, form: EventForm) -> Response:
    if session_id is None:
        await app_state().listening()
    subscription = services().bus.subscribe(session_id)
    stream = EventStream(subscription, form, event_stream.HEARTBEAT_SECONDS)
    with stream.opening():
        first = await opening(services(), subscription, last_event_id(), form)
    return stream.response(first)
