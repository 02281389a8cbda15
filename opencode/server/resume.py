"""What a listener is sent first: a hello, and for one that comes back what it has missed."""

import re

from quart import request

from opencode.bus import Event, Subscription
from opencode.ids import time_of
from opencode.schema.event import EventProperties, PartDelta, ServerConnected, ServerHeartbeat
from opencode.session.services import Services

from .event_stream import EventForm

_EVENT_ID = re.compile(r"evt_[0-9a-zA-Z]{26}")
_NOWHERE = "evt_" + "0" * 26


def last_event_id() -> str | None:
    """Return the id of the event that the client resumes from; None if it starts anew."""
    event_id = request.headers.get("Last-Event-ID") or request.args.get("lastEventID")
    if not event_id:
        return None
    return event_id if _EVENT_ID.fullmatch(event_id) else _NOWHERE


async def opening(
    services: Services, subscription: Subscription[Event], last_id: str | None, form: EventForm
) -> bytes:
    """Return what a new listener is sent first.

    A client that resumes gets the events it missed. If the ring no longer reaches back to them, it gets the
    current state of everything that has changed since.
    """
    bus = services.bus
    if last_id is None:
        return form.private(bus.stamp(ServerConnected()), bus.position)
    replay = bus.replay(last_id, subscription.session_id)
    hello = form.private(bus.stamp(ServerConnected(resumed=replay.complete)), last_id)
    if replay.complete:
        return b"".join([hello, *map(form.event, replay.events)])
    state = await _state(services, subscription, last_id)
    pieces = [form.private(bus.stamp(properties), last_id) for properties in state]
    return b"".join([hello, *pieces, form.private(bus.stamp(ServerHeartbeat()), bus.position)])


async def _state(
    services: Services, subscription: Subscription[Event], last_id: str
) -> list[EventProperties]:
    """Return the state as stored, then what happened while it was read, then what is running now.

    Text that grew meanwhile is in the running turns' parts, so its deltas are left out.
    """
    since = time_of(last_id)
    snapshot = services.snapshot
    stored = await snapshot.since(subscription.session_id, since) if since is not None else []
    meanwhile = [event.properties for event in subscription.take()]
    changes = [properties for properties in meanwhile if not isinstance(properties, PartDelta)]
    return [*stored, *changes, *snapshot.present(subscription.session_id)]
