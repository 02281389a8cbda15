"""The tool calls of one answer: each is started, filled and ended once, however the provider sends it."""

from collections.abc import Iterable
from typing import Any

import msgspec

from opencode.schema.base import JsonObject

from ..base import ToolCallEnd, ToolCallStart
from .batch import EventBatch
from .call_ids import CallIds
from .payload import encode_json


class StreamedCall:
    """A call that is being written. `call_id`: "" while it is held back, else the call's own id."""

    def __init__(self, wanted: str, name: str) -> None:
        self.wanted = wanted
        self.name = name
        self.call_id = ""
        self.pieces: list[str] = []


class StreamedCalls:
    """Writes the calls of one answer into a batch. `made`: how many there are.

    A call without a name, or with the id and the name of an earlier one, is held back until it is complete:
    by then its name is known, and whether it is the earlier call, sent twice.
    """

    def __init__(self, batch: EventBatch) -> None:
        self._batch = batch
        self._ids = CallIds()
        self._inputs: dict[tuple[str, str], list[str]] = {}
        self.made = 0

    def start(self, wanted: Any, name: str) -> StreamedCall:
        """Begin a call. `wanted`: the id that the provider gave it, of any type."""
        given = wanted if isinstance(wanted, str | int) and not isinstance(wanted, bool) else ""
        call = StreamedCall(str(given), name)
        if name and not (call.wanted and (call.wanted, name) in self._inputs):
            self._show(call)
        return call

    def more(self, call: StreamedCall, text: str) -> None:
        """Add a piece of a call's input."""
        call.pieces.append(text)
        if call.call_id:
            self._batch.tool_input(call.call_id, text)

    def end(
        self, call: StreamedCall, *inputs: Any, name: str = "", metadata: JsonObject | None = None
    ) -> bool:
        """End a call; return False if it was an earlier one again, of which nothing is shown.

        `inputs`: its whole input, as text or as an object, best first; `call.pieces` may be among them.
        """
        call.name = call.name or name
        raw = whole_input(inputs)
        if not call.call_id:
            if call.wanted and raw in self._inputs.get((call.wanted, call.name), ()):
                return False
            self._show(call)
            if raw:
                self._batch.tool_input(call.call_id, raw)
        if call.wanted:
            self._inputs[call.wanted, call.name].append(raw)
        self._batch.add(ToolCallEnd(call.call_id, raw, metadata or {}))
        return True

    def _show(self, call: StreamedCall) -> None:
        call.call_id = self._ids.new(call.wanted)
        self.made += 1
        if call.wanted:
            self._inputs.setdefault((call.wanted, call.name), [])
        self._batch.add(ToolCallStart(call.call_id, call.name))


def whole_input(inputs: Iterable[Any]) -> str:
    """Return the first input that is JSON with something in it; else the longest, "" for none."""
    texts = [
        text if isinstance(text, str) else encode_json(text).decode() for text in inputs if text is not None
    ]
    return next(filter(_has_content, texts), "") or max(texts, key=len, default="")


def _has_content(text: str) -> bool:
    try:
        return bool(msgspec.json.decode(text))
    except (ValueError, RecursionError):
        return False
