"""An event, encoded once for all subscribers."""

from functools import cached_property

from opencode.schema.event import EventProperties, PartUpdated, envelope
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
