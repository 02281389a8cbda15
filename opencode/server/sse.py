"""Server-sent events: what a subscription yields, written as it comes, with a heartbeat and a clean end.

The `id:` line of every event is the point to resume from once it has been read. What is told to one listener
alone (hello, heartbeat, the state it has missed) repeats the point before it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable

from quart import Response, request

from opencode.bus import Bus, Event, Lagged, Subscription
from opencode.schema.event import EventProperties, ServerConnected, ServerHeartbeat

HEARTBEAT_SECONDS = 10.0

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


def opening(
    bus: Bus, last_id: str | None, session_id: str | None, missed: Iterable[EventProperties], form: Form
) -> tuple[list[bytes], str]:
    """Return what a new listener is sent first, and where it stands then.

    That is a hello, and for one that comes back what it missed: the very events, or where the ring no longer
    reaches back to them, `missed`: the present state of what is running.
    """
    position = bus.position
    pieces = [form.private(bus.stamp(ServerConnected()), last_id or position)]
    if last_id is not None:
        replay = bus.replay(last_id, session_id)
        if replay.complete:
            pieces += [form.event(event) for event in replay.events]
        else:
            pieces += [form.private(bus.stamp(properties), last_id) for properties in missed]
            pieces.append(form.private(bus.stamp(ServerHeartbeat()), position))
    return pieces, position


async def follow(
    subscription: Subscription[Event], bus: Bus, first: list[bytes], position: str, form: Form
) -> AsyncIterator[bytes]:
    """Yield `first`, then every event, those that wait together in one piece, until the bus closes.

    A subscriber that fell too far behind is cut off: it sees its stream end, and resumes by Last-Event-ID.
    """
    async with subscription:
        yield b"".join(first)
        loop = asyncio.get_running_loop()
        beat = loop.time() + HEARTBEAT_SECONDS
        try:
            while not subscription.ended:
                events = await subscription.next(max(0.0, beat - loop.time()))
                if events:
                    position = events[-1].id
                    yield b"".join(map(form.event, events)) if len(events) > 1 else form.event(events[0])
                if loop.time() >= beat:
                    beat = loop.time() + HEARTBEAT_SECONDS
                    yield form.private(bus.stamp(ServerHeartbeat()), position)
        except Lagged:
            return


def event_stream(pieces: AsyncIterator[bytes]) -> Response:
    """Return a response that no proxy buffers and no time-out ends."""
    response = Response(
        pieces,
        content_type="text/event-stream",
        headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
    )
    response.timeout = None
    return response
