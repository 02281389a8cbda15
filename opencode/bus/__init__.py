"""Publish and subscribe within one server: typed events in order, with replay from an id."""

from .bus import Bus, Framed, Lagged, Replay, Subscription
from .event import Event, RelayedEvent

__all__ = ["Bus", "Event", "Framed", "Lagged", "RelayedEvent", "Replay", "Subscription"]
