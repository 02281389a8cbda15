"""An event, encoded once for all subscribers."""

from functools import cached_property

from opencode.schema.event import EventProperties, envelope


class Event:
    """`json`: the wire's object. `frame`: the same as a server-sent event with its id."""

    def __init__(self, event_id: str, properties: EventProperties) -> None:
        self.id = event_id
        self.properties = properties
        session_id = getattr(properties, "session_id", None)
        self.session_id: str | None = session_id if isinstance(session_id, str) else None
        self.frame = b"id: %b\ndata: %b\n\n" % (event_id.encode(), envelope(event_id, properties))

    @property
    def json(self) -> bytes:
        return self.frame[self.frame.index(b"\n") + 7 : -2]  # after "data: "; the JSON is not stored twice

    @cached_property
    def type(self) -> str:
        return self.properties.type
