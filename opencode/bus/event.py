"""An event, encoded once for all subscribers."""

from functools import cached_property
from typing import Any

import msgspec

from opencode.schema.event import AnyEvent, EventProperties, PartUpdated, envelope
from opencode.schema.part import FilePart


class Event:
    """`json`: the wire's object. `frame`: the same as a server-sent event with its id."""

    def __init__(self, event_id: str, properties: EventProperties) -> None:
        self.id = event_id
        self.properties = properties
        session_id = getattr(properties, "session_id", None)
        self.session_id: str | None = session_id if isinstance(session_id, str) else None

    @cached_property
    def frame(self) -> bytes:
        """The event as it is sent, encoded when it is first asked for: at once, unless it is very large."""
        return envelope(self.id, self.properties, b"id: %b\ndata: " % self.id.encode(), b"\n\n")

    @property
    def file_size(self) -> int:
        """Characters of the file that the event is about, which its frame has more than once for a moment."""
        part = self.properties.part if isinstance(self.properties, PartUpdated) else None
        return len(part.url) if isinstance(part, FilePart) else 0

    @property
    def json(self) -> bytes:
        return self.frame[self.frame.index(b"\n") + 7 : -2]  # after "data: "; the JSON is not stored twice

    @cached_property
    def type(self) -> str:
        return self.properties.type


class RelayedEvent(Event):
    """An event of another server: its frame as it came. `properties` are decoded when they are asked for."""

    def __init__(self, event_id: str, session_id: str | None, event_type: str, frame: bytes) -> None:
        self.id = event_id
        self.session_id = session_id
        self.__dict__["frame"] = frame
        self.__dict__["type"] = event_type

    @property
    def file_size(self) -> int:
        return 0

    @cached_property
    def properties(self) -> EventProperties:  # type: ignore[override]
        decoded: Any = msgspec.json.decode(self.json, type=AnyEvent)
        properties: EventProperties = decoded.properties
        return properties
