"""Reads answers of the Responses API, as streams or whole."""

from typing import Any

import msgspec

from ..base import Finish, Restart, StopReason
from ..wire.errors import ProviderErrors
from ..wire.lenient import lenient
from ..wire.reader import Reader
from .events import Event, Response, Usage, decode_delta, decode_event
from .output import DELTAS, Output
from .server_tools import SHOWN
from .usage import tokens_of

_INCOMPLETE: dict[str, StopReason] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "max_messages": "length",
    "content_filter": "content-filter",
}
_ENDS = frozenset({"response.completed", "response.incomplete", "response.done"})
_FAILED = frozenset({"failed", "cancelled"})


class ResponsesReader(Reader):
    """Reads a Responses stream: output items by index, each added, filled by deltas, and done.

    `server_tools`: the request allows tools that run at the provider.
    """

    def __init__(self, errors: ProviderErrors, server_tools: bool = False) -> None:
        super().__init__(errors)
        self._server_tools = server_tools
        self._output = Output(self.batch)
        self._refused = False
        self._reason: StopReason = "stop"
        self._usage = Usage()
        self._created = False
        self._anew = False

    def read(self, payload: bytes) -> None:
        try:
            quick = decode_delta(payload)
            if self._output.more(quick):
                return
            event = decode_event(payload)
        except ValueError:
            event = lenient(payload, Event)
        if self.whole:
            return  # the response was given whole at its end
        kind = event.type
        delta = event.delta if isinstance(event.delta, str) else ""
        if kind in DELTAS:
            self.errors.check_parts(self._output.count)
            self._output.delta(event, delta)
        elif kind == "response.refusal.delta":
            self._refused = True
            self._output.text(event, delta)
        elif kind == "response.output_item.added" and event.item is not None:
            if self._anew and self._output.was_used(event.output_index):
                self._output.restart()
                self.batch.add(Restart())
            self._anew = False
            self.errors.check_parts(self._output.count)
            self._output.add(event.output_index, event.item)
        elif kind == "response.output_item.done" and event.item is not None:
            raw = _inside(payload, "item") if self._shows(event.item.type) else None
            self.errors.check_parts(self._output.count)
            self._output.done(event.output_index, event.item, raw if isinstance(raw, dict) else None)
        else:
            self._rest(event, payload)

    def read_answer(self, payload: bytes) -> None:
        value = msgspec.json.decode(payload)
        if (error := self.errors.found_in(value)) is not None:
            raise error
        response = lenient(payload, Response)
        if response.output is None and response.status is None:
            raise ValueError("not a response")
        self._end(response, value.get("output"))

    @property
    def complete(self) -> bool:
        return self._output.count > 0 and not self._output.is_open

    def finish(self) -> Finish:
        calls = self._output.close()
        if self._refused or self._output.refused:
            self._reason = "content-filter"
        elif calls and self._reason == "stop":
            self._reason = "tool-calls"
        return Finish(self._reason, tokens_of(self._usage), self.answered_by, self.answer_id)

    def _rest(self, event: Event, payload: bytes) -> None:
        """Read an event that is no delta and no item."""
        kind = event.type
        if kind == "response.function_call_arguments.done":
            self._output.whole_input(event)
        elif kind == "response.output_text.done":
            self._output.whole_text(event, event.text)
        elif kind == "response.refusal.done":
            self._refused = True
            self._output.whole_text(event, event.refusal)
        elif kind == "response.content_part.done" and event.part is not None:
            if event.part.type == "output_text":
                self._output.whole_text(event, event.part.text)
        elif kind == "response.output_text.annotation.added":
            self._output.annotation(event.annotation)
        elif kind in _ENDS and event.response is not None:
            raw = _inside(payload, "response") if self._server_tools else None
            self._end(event.response, raw.get("output") if isinstance(raw, dict) else None)
        elif kind in _ENDS:
            self._look_for_error(event, payload)
            self.whole = self.done = True
        else:
            self._state(event, payload)

    def _state(self, event: Event, payload: bytes) -> None:
        """Read how the response stands, and errors of all forms."""
        response = event.response
        if response is not None:
            self.name_answer(response.model, response.id)
        if event.type == "response.created":
            self._anew = self._created
            self._created = True
        elif event.type in ("response.failed", "response.cancelled"):
            raise self.errors.reported((response.error if response else None) or event.error)
        elif event.error or not event.type.startswith("response."):
            self._look_for_error(event, payload)
            if event.type == "" and response is None:
                self._read_bare(payload)

    def _read_bare(self, payload: bytes) -> None:
        """Read a whole response that was sent as an event."""
        if _inside(payload, "object") == "response":
            self.read_answer(payload)

    def _look_for_error(self, event: Event, payload: bytes) -> None:
        try:
            error = self.errors.found_in(msgspec.json.decode(payload))
        except ValueError:
            error = None
        if error is not None or event.error or event.type == "error":
            raise error or self.errors.reported(event.error)

    def _end(self, response: Response, raws: Any) -> None:
        """Take in a complete response."""
        self.name_answer(response.model, response.id)
        self._usage = response.usage or self._usage
        if response.error or response.status in _FAILED:
            raise self.errors.reported(response.error)
        if response.incomplete_details is not None or response.status == "incomplete":
            reason = response.incomplete_details.reason if response.incomplete_details else None
            self._reason = _INCOMPLETE.get(reason or "", "other")
        self.errors.check_parts(len(response.output or ()))
        shown = raws if self._server_tools and isinstance(raws, list) else ()
        self._output.all(response.output or (), shown)
        self.whole = self.done = True

    def _shows(self, item_type: str) -> bool:
        return self._server_tools and item_type in SHOWN


def _inside(payload: bytes, name: str) -> Any:
    """Return a field of a JSON object, None if there is none."""
    try:
        value = msgspec.json.decode(payload)
    except ValueError:
        return None
    return value.get(name) if isinstance(value, dict) else None
