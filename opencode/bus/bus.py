"""In-memory event bus: a ring buffer of recent events, and a bounded queue for each subscriber."""

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Protocol, TypeVar

import msgspec

from opencode import ids, observe
from opencode.schema.event import EventProperties

from .event import Event

RING_BYTES = 8 * 1024 * 1024
"""Size of the replay buffer."""

QUEUE_BYTES = 4 * 1024 * 1024
"""Size of a subscriber's queue; one that falls further behind is cut off."""


class Framed(Protocol):
    """What a subscription can hold."""

    @property
    def frame(self) -> bytes: ...


T = TypeVar("T", bound=Framed)


class Lagged(Exception):
    """The subscriber fell too far behind and was cut off. It may resume from the last id it has seen."""


class Replay(msgspec.Struct, frozen=True):
    """The events that a subscriber missed. `complete`: False if the ring no longer reaches back to its id."""

    events: list[Event]
    complete: bool


class Subscription(Generic[T]):
    """A bounded queue of events; as an async context manager it unsubscribes at the end."""

    def __init__(self, leave: "Callable[[Subscription[T]], None]", session_id: str | None) -> None:
        self._leave = leave
        self._queue: list[T] = []
        self._bytes = 0
        self._wake: asyncio.Future[None] | None = None
        self._directly: Callable[[T], bool] | None = None
        self._ended = False
        self.session_id = session_id
        self.lagged = False

    async def __aenter__(self) -> "Subscription[T]":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Unsubscribe."""
        self._leave(self)

    async def next(
        self, timeout: float | None = None, directly: Callable[[T], bool] | None = None
    ) -> list[T]:
        """Return all queued events, at least one; none if `timeout` seconds pass or the bus has closed.

        While the queue is empty, `directly` is called with each event as it is published, without a wake-up.
        The first event for which it returns False is queued, and ends this call. Raise Lagged if the
        subscriber has been cut off.
        """
        if not (self._queue or self._ended or self.lagged):
            self._directly = directly
            self._wake = asyncio.get_running_loop().create_future()
            timer = self._wake.get_loop().call_later(timeout, self._wake_up) if timeout is not None else None
            try:
                await self._wake
            finally:
                self._wake = self._directly = None
                if timer is not None:
                    timer.cancel()
        if self.lagged:
            raise Lagged
        return self.take()

    def take(self) -> list[T]:
        """Return the queued events without waiting."""
        events, self._queue, self._bytes = self._queue, [], 0
        return events

    @property
    def ended(self) -> bool:
        """True if the bus has closed and the queue is empty."""
        return self._ended and not self._queue

    def offer(self, event: T) -> None:
        """Deliver an event directly or queue it. Cut this subscriber off if it is too far behind."""
        if self._directly is not None and self._directly(event):
            return
        self._queue.append(event)
        self._bytes += len(event.frame)
        if self._bytes > QUEUE_BYTES:
            observe.happened(observe.CutOff())
            self.lagged = True
            self._queue.clear()
            self._leave(self)
        self._wake_up()

    def end(self) -> None:
        """Mark the end: no events follow."""
        self._ended = True
        self._wake_up()

    def _wake_up(self) -> None:
        self._directly = None
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class Bus:
    """Delivers each event to the subscribers of its session and of all sessions, in one order."""

    def __init__(self, ring_bytes: int = RING_BYTES) -> None:
        self._all_sessions: set[Subscription[Event]] = set()
        self._sessions: dict[str, set[Subscription[Event]]] = {}
        self._servers: set[Subscription[Event]] = set()
        self._ring: deque[Event] = deque()
        self._ring_bytes = 0
        self._ring_limit = ring_bytes
        self._floor = ids.ascending("evt")
        self._newest = self._floor
        self._closed = False

    def publish(self, properties: EventProperties) -> Event:
        """Publish an event to all subscribers, and keep it for replay."""
        event = Event(ids.ascending("evt"), properties)
        self._deliver(event)
        if self._servers:
            for subscription in tuple(self._servers):
                subscription.offer(event)
        return event

    def relay(self, event: Event) -> None:
        """Publish an event of another server, which is not sent to servers again."""
        self._deliver(event)

    def _deliver(self, event: Event) -> None:
        self._remember(event)
        for subscription in tuple(self._all_sessions):
            subscription.offer(event)
        if event.session_id is not None and (listeners := self._sessions.get(event.session_id)):
            for subscription in tuple(listeners):
                subscription.offer(event)

    def stamp(self, properties: EventProperties) -> Event:
        """Return an event for one subscriber only; it is not kept for replay."""
        return Event(ids.ascending("evt"), properties)

    def subscribe(self, session_id: str | None = None) -> Subscription[Event]:
        """Subscribe to the events of one session, or of all sessions."""
        subscription: Subscription[Event] = Subscription(self._remove, session_id)
        if self._closed:
            subscription.end()
        elif session_id is None:
            self._all_sessions.add(subscription)
        else:
            self._sessions.setdefault(session_id, set()).add(subscription)
        return subscription

    def subscribe_server(self) -> Subscription[Event]:
        """Subscribe another server to what is published here."""
        subscription: Subscription[Event] = Subscription(self._servers.discard, None)
        if self._closed:
            subscription.end()
        else:
            self._servers.add(subscription)
        return subscription

    def break_replay(self) -> None:
        """Note that events of other servers may be missing: nobody can resume from an earlier one."""
        self._ring.clear()
        self._ring_bytes, self._floor = 0, self._newest

    @property
    def has_listeners(self) -> bool:
        """Whether anybody follows all sessions."""
        return bool(self._all_sessions)

    def replay(self, last_event_id: str, session_id: str | None = None) -> Replay:
        """Return the events after `last_event_id`, which must be an event of this bus that is still kept.

        Those of other servers lie between, so ids are not in their order, and the id itself must be found.
        """
        missed: list[Event] = []
        is_known = last_event_id == self._floor
        for event in reversed(self._ring):
            if event.id == last_event_id:
                is_known = True
                break
            if session_id is None or event.session_id == session_id:
                missed.append(event)
        return Replay(missed[::-1], complete=True) if is_known else Replay([], complete=False)

    @property
    def position(self) -> str:
        """The id of the newest event, from which a subscriber that starts now can resume."""
        return self._newest

    @property
    def subscribers(self) -> int:
        return len(self._all_sessions) + sum(len(listeners) for listeners in self._sessions.values())

    def close(self) -> None:
        """End all subscriptions, present and future."""
        self._closed = True
        for subscription in (
            *self._all_sessions,
            *self._servers,
            *(s for group in self._sessions.values() for s in group),
        ):
            subscription.end()

    def _remember(self, event: Event) -> None:
        self._newest = event.id
        if event.file_size > self._ring_limit:  # it is encoded only if someone listens
            self._ring.clear()
            self._ring_bytes, self._floor = 0, event.id
            return
        self._ring.append(event)
        self._ring_bytes += len(event.frame)
        while self._ring_bytes > self._ring_limit:
            oldest = self._ring.popleft()
            self._ring_bytes -= len(oldest.frame)
            self._floor = oldest.id

    def _remove(self, subscription: Subscription[Event]) -> None:
        if subscription.session_id is None:
            self._all_sessions.discard(subscription)
        elif listeners := self._sessions.get(subscription.session_id):
            listeners.discard(subscription)
            if not listeners:
                del self._sessions[subscription.session_id]
