"""The one loop that writes event streams: `/event`, the answer to a message, and the page.

The `id:` line of every event is the point to resume from once it has been read. An event for one listener
alone (hello, heartbeat, the state that it missed) repeats the point before it.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from quart import Response, request

from opencode.bus import Bus, Event, Framed, Lagged, Subscription
from opencode.errors import TooManyRequests
from opencode.schema.event import ServerHeartbeat

from . import stream_limit
from .direct_write import direct_writer
from .write_timeout import WriteTimeout

HEARTBEAT_SECONDS = 10.0

WRITE_TIMEOUT_SECONDS = 60.0
"""How long a client may take nothing of what it is sent."""

T = TypeVar("T", bound=Framed)
T_contra = TypeVar("T_contra", bound=Framed, contravariant=True)


class Form(Protocol[T_contra]):
    """How a stream writes its events."""

    def event(self, event: T_contra, /) -> bytes:
        """Return an event as it is sent."""
        ...

    def heartbeat(self, last: T_contra | None, /) -> bytes:
        """Return a heartbeat. `last`: the event sent with it; None if nothing waits to be sent."""
        ...


class EventForm:
    """How `/event` writes an event."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def event(self, event: Event) -> bytes:
        return event.frame

    def private(self, event: Event, resume_from: str) -> bytes:
        """Return an event for one listener alone."""
        return b"id: %b\ndata: %b\n\n" % (resume_from.encode(), event.json)

    def heartbeat(self, last: Event | None) -> bytes:
        return self.private(self._bus.stamp(ServerHeartbeat()), last.id if last else self._bus.position)


class GlobalEventForm(EventForm):
    """How `/global/event` writes an event: in an envelope with its directory and project.

    `directory`: a JSON string.
    """

    def __init__(self, bus: Bus, directory: bytes) -> None:
        super().__init__(bus)
        self._directory = directory

    def event(self, event: Event) -> bytes:
        return b'id: %b\ndata: {"directory":%b,"project":"global","payload":%b}\n\n' % (
            event.id.encode(),
            self._directory,
            event.json,
        )

    def private(self, event: Event, resume_from: str) -> bytes:
        return b'id: %b\ndata: {"payload":%b}\n\n' % (resume_from.encode(), event.json)


class EventStream(Generic[T]):
    """The body of the current request's response: what a subscription yields, until the bus closes.

    Events that wait together are sent in one piece. While the connection keeps up, each event is written to
    it as it is published and never passes through here. There is a heartbeat every `heartbeat` seconds. The
    stream ends with the first event for which `until` returns True. A subscriber that falls too far behind
    sees its stream end, and resumes by Last-Event-ID. A client that takes nothing for WRITE_TIMEOUT_SECONDS
    is disconnected: behind a proxy that never closes it would be written to forever.
    """

    def __init__(
        self,
        subscription: Subscription[T],
        form: Form[T],
        heartbeat: float,
        until: Callable[[T], bool] | None = None,
    ) -> None:
        try:
            stream_limit.enter()
        except TooManyRequests:
            subscription.leave()
            raise
        self._subscription = subscription
        self._form = form
        self._heartbeat = heartbeat
        self._until = until
        self._loop = asyncio.get_running_loop()
        self._next_heartbeat = self._loop.time() + heartbeat
        self._timeout = WriteTimeout(WRITE_TIMEOUT_SECONDS)
        self._first: bytes | None = None
        self._has_ended = False
        self._writer = direct_writer(request)
        self._directly = self._direct_write()

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Prepare in the block what is sent first; if that fails, the subscription is given up."""
        try:
            yield
        except BaseException:
            self._subscription.leave()
            raise

    def piece(self, events: list[T]) -> bytes:
        """Return events as they are sent together. The one that ends the stream is the last of them."""
        if self._until is not None:
            events = self._through_the_end(events, self._until)
        event = self._form.event
        return event(events[0]) if len(events) == 1 else b"".join(map(event, events))

    def response(self, first: bytes, has_ended: bool = False) -> Response:
        """Return the response, which no proxy buffers and no time-out ends.

        `first`: what is sent before the events that follow. `has_ended`: none follow.
        """
        self._first = first
        self._has_ended = self._has_ended or has_ended or request.method == "HEAD"
        response = Response(
            self,
            content_type="text/event-stream",
            headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
        )
        response.timeout = None
        return response

    def __aiter__(self) -> "EventStream[T]":
        return self

    async def __anext__(self) -> bytes:
        self._timeout.taken()
        if self._first is not None:  # sent even if empty: direct writes need a response that has begun
            piece, self._first = self._first, None
        else:
            try:
                piece = await self._next()
            finally:
                if self._writer is not None:
                    self._writer.flush()  # what it has collected comes first
        self._timeout.sending()
        return piece

    async def aclose(self) -> None:
        """Give up the subscription. Called at the end of the response, also of one that never began."""
        self._timeout.close()
        self._subscription.leave()

    async def _next(self) -> bytes:
        subscription, loop = self._subscription, self._loop
        while not (self._has_ended or subscription.ended):
            try:
                events = await subscription.next(max(0.0, self._next_heartbeat - loop.time()), self._directly)
            except Lagged:
                break
            piece = self.piece(events)
            if loop.time() >= self._next_heartbeat and not self._has_ended:
                self._next_heartbeat = loop.time() + self._heartbeat
                piece += self._form.heartbeat(events[-1] if events else None)
            if piece:
                return piece
        raise StopAsyncIteration

    def _through_the_end(self, events: list[T], until: Callable[[T], bool]) -> list[T]:
        """Return the events up to the one that ends the stream; note if it is among them."""
        for count, event in enumerate(events, 1):
            if until(event):
                self._has_ended = True
                return events[:count]
        return events

    def _direct_write(self) -> Callable[[T], bool] | None:
        """Return what writes an event to this request's connection; None if its server does not allow it.

        The event that ends the stream is left to the stream, which ends with it.
        """
        writer = self._writer
        if writer is None:
            return None
        write, form, until = writer.write, self._form.event, self._until
        if until is None:
            return lambda event: write(form(event))
        return lambda event: not until(event) and write(form(event))
