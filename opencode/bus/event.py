"""An event on its way: made once, encoded once, whoever listens."""

from functools import cached_property

from opencode.schema.event import EventProperties, envelope


class Event:
    """`json` is the wire's object; `frame` is the same as a server-sent event with its id."""

    def __init__(self, event_id: str, properties: EventProperties) -> None:
        self.id = event_id
        self.properties = properties
        session_id = getattr(properties, "session_id", None)
        self.session_id: str | None = session_id if isinstance(session_id, str) else None
        self.frame = b"id: %b\ndata: %b\n\n" % (event_id.encode(), envelope(event_id, properties))

    @property
    def json(self) -> bytes:
        return self.frame[self.frame.index(b"\n") + 7 : -2]  # past "data: ": the past is kept once, not twice

    @cached_property
    def type(self) -> str:
        return self.properties.type
