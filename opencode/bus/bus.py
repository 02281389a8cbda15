"""The in-memory bus: a ring of recent events, and one bounded queue for each subscriber."""

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
"""How much of the past can be replayed."""

QUEUE_BYTES = 4 * 1024 * 1024
"""How far behind a subscriber may fall before it is cut off."""


class Framed(Protocol):
    """What can wait for a subscriber."""

    @property
    def frame(self) -> bytes: ...


T = TypeVar("T", bound=Framed)


class Lagged(Exception):
    """The subscriber fell too far behind and was cut off; it may resume from the last id it has seen."""


class Replay(msgspec.Struct, frozen=True):
    """What a subscriber missed. `complete` is false where the ring no longer reaches back to its id."""

    events: list[Event]
    complete: bool


class Subscription(Generic[T]):
    """A bounded queue of events; an async context manager that leaves their source at its end."""

    def __init__(self, leave: "Callable[[Subscription[T]], None]", session_id: str | None) -> None:
        self._leave = leave
        self._waiting: list[T] = []
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
        """Listen no more."""
        self._leave(self)

    async def next(
        self, timeout: float | None = None, directly: Callable[[T], bool] | None = None
    ) -> list[T]:
        """Return all waiting events, at least one; none where `timeout` seconds pass or the bus closed.

        While nothing waits, `directly` is given each event as it is published, without a wake-up; the first
        that it leaves (by returning False) waits, and ends this call. Raises Lagged once the subscriber has
        been cut off.
        """
        if not (self._waiting or self._ended or self.lagged):
            self._directly = directly
            self._wake = asyncio.get_running_loop().create_future()
            timer = self._wake.get_loop().call_later(timeout, self._rouse) if timeout is not None else None
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
        """Return what waits, without waiting."""
        events, self._waiting, self._bytes = self._waiting, [], 0
        return events

    @property
    def ended(self) -> bool:
        """True once the bus has closed and nothing waits any more."""
        return self._ended and not self._waiting

    def offer(self, event: T) -> None:
        """Hand an event over, queue it, or cut this subscriber off where it is too far behind."""
        if self._directly is not None and self._directly(event):
            return
        self._waiting.append(event)
        self._bytes += len(event.frame)
        if self._bytes > QUEUE_BYTES:
            observe.happened(observe.CutOff())
            self.lagged = True
            self._waiting.clear()
            self._leave(self)
        self._rouse()

    def end(self) -> None:
        """Tell that nothing will come any more."""
        self._ended = True
        self._rouse()

    def _rouse(self) -> None:
        self._directly = None
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class Bus:
    """Hands every event to all subscribers of its session, and to those of all sessions, in one order."""

    def __init__(self, ring_bytes: int = RING_BYTES) -> None:
        self._everything: set[Subscription[Event]] = set()
        self._sessions: dict[str, set[Subscription[Event]]] = {}
        self._ring: deque[Event] = deque()
        self._ring_bytes = 0
        self._ring_limit = ring_bytes
        self._floor = ids.ascending("evt")
        self._newest = self._floor
        self._closed = False

    def publish(self, properties: EventProperties) -> Event:
        """Give an event to everyone who listens now, and keep it for those who come back."""
        event = Event(ids.ascending("evt"), properties)
        self._remember(event)
        for subscription in tuple(self._everything):
            subscription.offer(event)
        if event.session_id is not None and (listeners := self._sessions.get(event.session_id)):
            for subscription in tuple(listeners):
                subscription.offer(event)
        return event

    def stamp(self, properties: EventProperties) -> Event:
        """Make an event for one listener alone; it can't be resumed from."""
        return Event(ids.ascending("evt"), properties)

    def subscribe(self, session_id: str | None = None) -> Subscription[Event]:
        """Listen from now on, to one session's events or to all of them."""
        subscription: Subscription[Event] = Subscription(self._remove, session_id)
        if self._closed:
            subscription.end()
        elif session_id is None:
            self._everything.add(subscription)
        else:
            self._sessions.setdefault(session_id, set()).add(subscription)
        return subscription

    def replay(self, last_event_id: str, session_id: str | None = None) -> Replay:
        """Return the events after `last_event_id`, which is one that this bus gave and still remembers.

        Ids order as text, for they begin with their time. One of a server before this may lie between those
        of this one where the clock was set back, so it must be there itself.
        """
        if not self._floor <= last_event_id <= self._newest:
            return Replay([], complete=False)
        missed: list[Event] = []
        known = last_event_id == self._floor
        for event in reversed(self._ring):
            if event.id <= last_event_id:
                known = known or event.id == last_event_id
                break
            if session_id is None or event.session_id == session_id:
                missed.append(event)
        return Replay(missed[::-1], complete=True) if known else Replay([], complete=False)

    @property
    def position(self) -> str:
        """The id of the newest event: a subscriber that starts now resumes from here."""
        return self._newest

    @property
    def subscribers(self) -> int:
        return len(self._everything) + sum(len(listeners) for listeners in self._sessions.values())

    def close(self) -> None:
        """End every subscription, now and to come."""
        self._closed = True
        for subscription in (*self._everything, *(s for group in self._sessions.values() for s in group)):
            subscription.end()

    def _remember(self, event: Event) -> None:
        self._newest = event.id
        self._ring.append(event)
        self._ring_bytes += len(event.frame)
        while self._ring_bytes > self._ring_limit:
            oldest = self._ring.popleft()
            self._ring_bytes -= len(oldest.frame)
            self._floor = oldest.id

    def _remove(self, subscription: Subscription[Event]) -> None:
        if subscription.session_id is None:
            self._everything.discard(subscription)
        elif listeners := self._sessions.get(subscription.session_id):
            listeners.discard(subscription)
            if not listeners:
                del self._sessions[subscription.session_id]
