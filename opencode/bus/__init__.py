"""Publish and subscribe within one server: typed events in, ordered events out, replay from an id."""

from .bus import Bus, Lagged, Replay, Subscription
from .event import Event

__all__ = ["Bus", "Event", "Lagged", "Replay", "Subscription"]
