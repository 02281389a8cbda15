"""Server-sent events: what a subscription yields, written as it comes, with a heartbeat and a clean end.

The `id:` line of every event is the point to resume from once it has been read. What is told to one listener
alone (hello, heartbeat, the state it has missed) repeats the point before it.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from quart import Response, request

from opencode.bus import Bus, Event, Lagged, Subscription
from opencode.ids import time_of
from opencode.schema.event import EventProperties, PartDelta, ServerConnected, ServerHeartbeat
from opencode.session.services import Services

from .direct_write import direct_writer
from .write_timeout import WriteTimeout

HEARTBEAT_SECONDS = 10.0

WRITE_TIMEOUT_SECONDS = 60.0
"""How long a client may take nothing of what it is sent."""

_EVENT_ID = re.compile(r"evt_[0-9a-zA-Z]{26}")
_NOWHERE = "evt_" + "0" * 26


class Form:
    """How `/event` writes an event."""

    def event(self, event: Event) -> bytes:
        """Return an event that everyone gets."""
        return event.frame

    def private(self, event: Event, resume_from: str) -> bytes:
        """Return an event for one listener alone."""
        return b"id: %b\ndata: %b\n\n" % (resume_from.encode(), event.json)


class GlobalForm(Form):
    """How `/global/event` writes an event: in an envelope that says whose it is. `directory`: as JSON."""

    def __init__(self, directory: bytes) -> None:
        self._directory = directory

    def event(self, event: Event) -> bytes:
        return b'id: %b\ndata: {"directory":%b,"project":"global","payload":%b}\n\n' % (
            event.id.encode(),
            self._directory,
            event.json,
        )

    def private(self, event: Event, resume_from: str) -> bytes:
        return b'id: %b\ndata: {"payload":%b}\n\n' % (resume_from.encode(), event.json)


def last_event_id() -> str | None:
    """Return where the client wants to resume, None where it starts anew."""
    given = request.headers.get("Last-Event-ID") or request.args.get("lastEventID")
    if not given:
        return None
    return given if _EVENT_ID.fullmatch(given) else _NOWHERE


def at_once(form: Form) -> Callable[[Event], bool] | None:
    """Return what writes an event to this request's connection, None where its server offers none."""
    writer = direct_writer(request)
    if writer is None:
        return None
    write = writer.write
    return lambda event: write(form.event(event))


async def opening(
    found: Services, subscription: Subscription[Event], last_id: str | None, form: Form
) -> list[bytes]:
    """Return what a new listener is sent first.

    That is a hello, and for one that comes back what it missed: the very events, or where the ring no longer
    reaches back to them, the state of what has changed since, whole.
    """
    bus = found.bus
    if last_id is None:
        return [form.private(bus.stamp(ServerConnected()), bus.position)]
    replay = bus.replay(last_id, subscription.session_id)
    hello = form.private(bus.stamp(ServerConnected(resumed=replay.complete)), last_id)
    if replay.complete:
        return [hello, *map(form.event, replay.events)]
    told = await _state(found, subscription, last_id)
    pieces = [form.private(bus.stamp(properties), last_id) for properties in told]
    return [hello, *pieces, form.private(bus.stamp(ServerHeartbeat()), bus.position)]


async def _state(found: Services, subscription: Subscription[Event], last_id: str) -> list[EventProperties]:
    """Return the state from what is stored, what happened while it was read, and what is running now.

    Text that grew meanwhile is in the running turns' parts, so its deltas are left out.
    """
    since = time_of(last_id)
    state = found.snapshot
    stored = await state.since(subscription.session_id, since) if since is not None else []
    meanwhile = [event.properties for event in subscription.take()]
    whole = [properties for properties in meanwhile if not isinstance(properties, PartDelta)]
    return [*stored, *whole, *state.present(subscription.session_id)]


async def follow(
    subscription: Subscription[Event],
    bus: Bus,
    first: list[bytes],
    form: Form,
    write: Callable[[Event], bool] | None,
) -> AsyncGenerator[bytes, None]:
    """Yield `first`, then every event, those that wait together in one piece, until the bus closes.

    What finds the connection idle is given to `write` (see `at_once`) and does not pass here. A subscriber
    that fell too far behind is cut off: it sees its stream end, and resumes by Last-Event-ID.
    """
    async with subscription:
        yield b"".join(first)
        loop = asyncio.get_running_loop()
        beat = loop.time() + HEARTBEAT_SECONDS
        try:
            while not subscription.ended:
                events = await subscription.next(max(0.0, beat - loop.time()), write)
                position = events[-1].id if events else bus.position
                if events:
                    yield b"".join(map(form.event, events)) if len(events) > 1 else form.event(events[0])
                if loop.time() >= beat:
                    beat = loop.time() + HEARTBEAT_SECONDS
                    yield form.private(bus.stamp(ServerHeartbeat()), position)
        except Lagged:
            return


def event_stream(pieces: AsyncGenerator[bytes, None]) -> Response:
    """Return a response that no proxy buffers and no time-out ends, but a client that takes nothing does."""
    response = Response(
        _taken(pieces),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
    )
    response.timeout = None
    return response


async def _taken(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield the pieces; the response is cancelled where one is not taken within WRITE_TIMEOUT_SECONDS.

    A client behind a proxy that never closes would otherwise be written to for ever.
    """
    timeout = WriteTimeout(WRITE_TIMEOUT_SECONDS)
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                timeout.sending()
                yield piece
                timeout.taken()
    finally:
        timeout.close()
