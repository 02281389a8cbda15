"""Merges deltas: one network read becomes as few StreamEvents as possible."""

from opencode.provider.base import ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta


class EventBatch:
    """The StreamEvents of one network read, in order, with adjacent deltas of one kind merged."""

    def __init__(self) -> None:
        self._events: list[StreamEvent] = []
        self._pieces: list[str] = []
        self._kind: type[TextDelta] | type[ReasoningDelta] | str = TextDelta

    def text(self, text: str) -> None:
        self._delta(TextDelta, text)

    def reasoning(self, text: str) -> None:
        self._delta(ReasoningDelta, text)

    def tool_input(self, call_id: str, text: str) -> None:
        self._delta(call_id, text)

    def add(self, event: StreamEvent) -> None:
        """Add an event other than a delta."""
        self._flush()
        self._events.append(event)

    def take(self) -> list[StreamEvent]:
        """Return the events so far and clear them."""
        self._flush()
        events = self._events
        if events:
            self._events = []
        return events

    def _delta(self, kind: type[TextDelta] | type[ReasoningDelta] | str, text: str) -> None:
        if kind is not self._kind and kind != self._kind:
            self._flush()
            self._kind = kind
        self._pieces.append(text)

    def _flush(self) -> None:
        if not self._pieces:
            return
        text = "".join(self._pieces)
        self._pieces.clear()
        kind = self._kind
        self._events.append(ToolCallDelta(kind, text) if isinstance(kind, str) else kind(text))
