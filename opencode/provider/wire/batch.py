"""Merges deltas: one network read becomes as few StreamEvents as possible."""

from msgspec import structs

from opencode.provider.base import ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta, ToolCallEnd

from .payload import whole_text

Kind = type[TextDelta] | type[ReasoningDelta] | str
"""What a delta continues: text, reasoning, or the input of the call with this id."""


class EventBatch:
    """The StreamEvents of one network read, in order, with adjacent deltas of one kind merged.

    A server may cut a character between the halves of its surrogate pair: a half at the end of a delta waits
    for the next delta of its kind. No half leaves the batch alone.
    """

    def __init__(self) -> None:
        self._events: list[StreamEvent] = []
        self._pieces: list[str] = []
        self._kind: Kind = TextDelta
        self._halves: dict[Kind, str] = {}

    def text(self, text: str) -> None:
        if self._kind is not TextDelta:
            self._turn_to(TextDelta)
        self._pieces.append(text)

    def reasoning(self, text: str) -> None:
        if self._kind is not ReasoningDelta:
            self._turn_to(ReasoningDelta)
        self._pieces.append(text)

    def tool_input(self, call_id: str, text: str) -> None:
        if self._kind != call_id:
            self._turn_to(call_id)
        self._pieces.append(text)

    def add(self, event: StreamEvent) -> None:
        """Add an event other than a delta."""
        self._flush()
        if isinstance(event, ToolCallEnd) and _has_half(event.raw):
            event = structs.replace(event, raw=whole_text(event.raw))
        self._events.append(event)

    def take(self) -> list[StreamEvent]:
        """Return the events so far and clear them."""
        self._flush()
        events = self._events
        if events:
            self._events = []
        return events

    def _turn_to(self, kind: Kind) -> None:
        self._flush()
        self._kind = kind

    def _flush(self) -> None:
        if not self._pieces:
            return
        text = "".join(self._pieces)
        self._pieces.clear()
        kind = self._kind
        if self._halves or (not text.isascii() and _has_half(text)):
            text = self._whole(kind, text)
            if not text:
                return
        self._events.append(ToolCallDelta(kind, text) if isinstance(kind, str) else kind(text))

    def _whole(self, kind: Kind, text: str) -> str:
        """Return a text with the half that waited for it, and without a half at its end, which waits now."""
        text = self._halves.pop(kind, "") + text
        if "\ud800" <= text[-1:] <= "\udbff":
            self._halves[kind] = text[-1]
            text = text[:-1]
        return whole_text(text)


def _has_half(text: str) -> bool:
    """Return whether a text has a half of a surrogate pair, which UTF-8 can't hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
