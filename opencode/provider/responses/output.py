"""The output items of a Responses answer, as StreamEvents."""

from collections.abc import Sequence
from typing import Any

from opencode.schema.base import JsonObject

from ..base import BlockEnd
from ..wire.batch import EventBatch
from ..wire.streamed_calls import StreamedCalls
from . import server_tools
from .events import Delta, Event, Item
from .item import OutputItem, paragraphs_of, text_of

BLOCKS = ("message", "reasoning")
DELTAS = {
    "response.output_text.delta": "message",
    "response.function_call_arguments.delta": "function_call",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.reasoning_text.delta": "reasoning",
}
"""Events that add to an item, and the item's type."""


class Output:
    """Writes items into a batch as they come: added, filled by deltas, done, and all again at the end.

    Each text and each call is written once, wherever it is. `refused`: the model declined to answer.
    """

    def __init__(self, batch: EventBatch) -> None:
        self._batch = batch
        self.refused = False
        self.restart()

    def restart(self) -> None:
        """Forget everything: the answer begins anew."""
        self._calls = StreamedCalls(self._batch)
        self._items: list[OutputItem] = []
        self._block: OutputItem | None = None
        self._only_call: OutputItem | None = None
        self._before: list[JsonObject] = []

    @property
    def count(self) -> int:
        """How many items have come."""
        return len(self._items)

    @property
    def is_open(self) -> bool:
        """Whether a text, a reasoning or a call is unfinished."""
        return any(item.open and item.item.type in ("function_call", *BLOCKS) for item in self._items)

    def was_used(self, index: int | None) -> bool:
        """Return whether an item with this index has come."""
        return any(item.index == (index or 0) for item in self._items)

    def add(self, index: int | None, item: Item) -> OutputItem:
        """Begin an item; return it, or the one that it is."""
        for known in self._items:
            if known.open and known.item.type == item.type and known.is_same(item):
                return known
        self._close_block()
        added = OutputItem(index, item)
        self._items.append(added)
        if item.type == "function_call":
            added.call = self._calls.start(item.call_id or item.id, item.name or "")
            self._find_only_call()
            added.before, self._before = self._before, []
        elif item.type in BLOCKS:
            self._block = added
        return added

    def more(self, event: Delta) -> bool:
        """Add a delta to the item that is being written; return False if it is not clear which that is."""
        block, delta = self._block, event.delta
        if type(delta) is not str:
            return False
        if block is not None and block.takes == event.type:
            self._batch.text(delta)
            return True
        kind, call = DELTAS.get(event.type), self._only_call
        if kind == "reasoning" and block is not None and block.item.type == kind and block.said:
            self._add_reasoning(block, event, delta)
            return True
        if kind != "function_call" or call is None or call.call is None:
            return False
        self._calls.more(call.call, delta)
        return True

    def delta(self, event: Event, delta: str) -> None:
        """Add a delta to its item, which may not have been added."""
        kind = DELTAS[event.type]
        if kind == "message":
            self.text(event, delta)
        elif kind == "reasoning":
            self.reasoning(event, delta)
        elif delta and (found := self._open_call(event)) is not None and found.call is not None:
            self._calls.more(found.call, delta)

    def text(self, event: Event, delta: str) -> None:
        """Add to the open message; one that was not added is begun."""
        if delta:
            block = self._open_block("message", event)
            if not block.said:
                block.before, self._before = self._before, []
            block.takes = "response.output_text.delta"
            block.said = True
            self._batch.text(delta)

    def reasoning(self, event: Event, delta: str) -> None:
        """Add to the open reasoning item, whose parts are paragraphs."""
        if not delta:
            return
        block = self._open_block("reasoning", event)
        if not block.said:
            block.before, self._before = self._before, []
        self._add_reasoning(block, event, delta)

    def _add_reasoning(self, block: OutputItem, event: Delta, delta: str) -> None:
        section = event.content_index if event.summary_index is None else event.summary_index
        if block.said and section != block.section:
            self._batch.reasoning("\n\n")
        block.section = section
        block.said = True
        self._batch.reasoning(delta)

    def whole_input(self, event: Event) -> None:
        """Note a call's whole input, which is used if its item does not repeat it."""
        if (found := self._open_call(event)) is not None:
            found.arguments = event.arguments

    def whole_text(self, event: Event, text: Any) -> None:
        """Note a whole text, which is used if neither deltas nor the item have it."""
        if isinstance(text, str) and text:
            messages = [item for item in reversed(self._items) if item.item.type == "message"]
            found = _of_event(messages, event) or self._open_block("message", event)
            found.texts[event.content_index or 0] = text

    def annotation(self, annotation: Any) -> None:
        """Add a source to the open message."""
        if self._block is not None and self._block.item.type == "message":
            self._block.citations.add(annotation)

    def done(self, index: int | None, item: Item, raw: JsonObject | None) -> None:
        """End an item. `raw`: its JSON, if items of the provider's own tools are to be shown."""
        if item.type in ("function_call", *BLOCKS):
            found = self._found(index, item) or self.add(index, item)
            self._finish(found, item)
        elif raw is not None and item.type in server_tools.SHOWN:
            if any(known.is_same(item) and not known.open for known in self._items):
                return
            self.add(index, item).open = False
            before, self._before = self._before, []
            self._batch.reasoning(server_tools.described(raw))
            metadata: JsonObject = {"openai": {"item": raw}}
            self._batch.add(BlockEnd({**metadata, "before": before} if before else metadata))

    def all(self, items: Sequence[Item], raws: Sequence[Any]) -> None:
        """Take the whole output at the end: what has not come yet is written now."""
        had: set[OutputItem] = set()
        for index, item in enumerate(items):
            if item.type in server_tools.SHOWN and any(known.item.type == item.type for known in self._items):
                continue
            of_kind = [known for known in self._items if known.item.type == item.type and known not in had]
            found = next((known for known in of_kind if known.is_same(item)), None)
            found = found or next((known for known in of_kind if not known.is_other(item)), None)
            if found is not None:
                had.add(found)
                self._finish(found, item)
            elif not any(known.item.type == item.type and not known.was_added for known in self._items):
                raw = raws[index] if index < len(raws) else None
                self.done(None, item, raw if isinstance(raw, dict) else None)
                had.update(self._items[-1:])

    def close(self) -> int:
        """End all open items; return how many calls the answer has."""
        for item in self._items:
            self._finish(item, item.item, is_last=True)
        return self._calls.made

    def _finish(self, found: OutputItem, item: Item, is_last: bool = False) -> None:
        if found.call is not None:
            self._finish_call(found, item, is_last)
        elif found.item.type == "message":
            self._finish_message(found, item)
        elif found.item.type == "reasoning":
            self._finish_reasoning(found, item if not is_last else Item("reasoning"))

    def _finish_call(self, found: OutputItem, item: Item, is_last: bool) -> None:
        call = found.call
        if call is None or not found.open:
            return
        inputs = (item.arguments, found.arguments, "".join(call.pieces), found.item.arguments)
        if not (is_last or any(inputs)):
            return  # the whole output at the end may have it
        found.open = False
        self._find_only_call()
        if not call.wanted:
            call.wanted = str(item.call_id or "")
        metadata: JsonObject = {"before": found.before} if found.before else {}
        if not self._calls.end(call, *inputs, name=item.name or "", metadata=metadata):
            self._before[:0] = found.before

    def _find_only_call(self) -> None:
        calls = [item for item in self._items if item.call is not None and item.open]
        self._only_call = calls[0] if len(calls) == 1 else None

    def _finish_message(self, found: OutputItem, item: Item) -> None:
        for part in item.content or ():
            self.refused = self.refused or bool(part.refusal)
            found.citations.add(part.annotations)
        text = text_of(item.content) or "".join(found.texts[number] for number in sorted(found.texts))
        if text and not found.said:
            if not found.open:
                self._close_block()
                self._block, found.open = found, True
            self.text(Event(), text)
        if found.open:
            found.open = False
            self._block = None if self._block is found else self._block
            if found.said:
                self._batch.add(BlockEnd(found.message_metadata(item)))

    def _finish_reasoning(self, found: OutputItem, item: Item) -> None:
        kept = {"itemId": item.id, "reasoningEncryptedContent": item.encrypted_content or None}
        metadata: JsonObject = {"openai": kept} if isinstance(item.id, str) else {}
        is_open, found.open = found.open, False
        if is_open:
            if not found.said and (text := paragraphs_of(item.summary) or paragraphs_of(item.content)):
                self.reasoning(Event(), text)
            self._block = None if self._block is found else self._block
        if is_open and found.said:
            self._batch.add(BlockEnd(found.metadata(metadata)))
        elif item.encrypted_content and not found.kept:
            before = self._before if self._block is None else self._block.before
            before.append(metadata)
        found.kept = found.kept or bool(item.encrypted_content)

    def _close_block(self) -> None:
        """End a message or reasoning that another item follows before it was done."""
        if self._block is not None:
            self._finish(self._block, self._block.item, is_last=True)
            self._block = None

    def _open_block(self, kind: str, event: Event) -> OutputItem:
        if self._block is None or self._block.item.type != kind:
            self._block = self.add(event.output_index, Item(kind, id=event.item_id))
            self._block.was_added = False
        return self._block

    def _open_call(self, event: Event) -> OutputItem | None:
        """Return the call that an event is of: by the item's id, by its index, or the newest."""
        calls = [item for item in reversed(self._items) if item.call is not None and item.open]
        return _of_event(calls, event) or next(iter(calls), None)

    def _found(self, index: int | None, item: Item) -> OutputItem | None:
        """Return the item that is done: by its ids, by its index, or the one that is open."""
        of_kind = [known for known in reversed(self._items) if known.item.type == item.type]
        same = next((known for known in of_kind if known.is_same(item)), None)
        if same is not None and (same.open or same.call is None):
            return same  # a call that has ended may be another one with the same id
        likely = [known for known in of_kind if known.open and not known.is_other(item)]
        by_index = next((known for known in likely if index is not None and known.index == index), None)
        return by_index or next((known for known in likely if index is None or known.index is None), None)


def _of_event(items: Sequence[OutputItem], event: Event) -> OutputItem | None:
    """Return the item that an event is of, by the item's id or by its index."""
    by_id = (item for item in items if event.item_id and item.item.id == event.item_id)
    by_index = (item for item in items if event.output_index in (item.index, None))
    return next(by_id, None) or next(by_index, None)
