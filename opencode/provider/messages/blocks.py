"""The blocks of a Messages answer, as StreamEvents."""

from typing import Any

import msgspec

from opencode.schema.base import JsonObject

from ..base import BlockEnd
from ..wire.batch import EventBatch
from ..wire.citations import Citations
from ..wire.payload import encode_json
from ..wire.streamed_calls import StreamedCall, StreamedCalls
from . import server_tools
from .events import Block, Delta


class OpenBlock:
    """A block that is being written. `shown`: it has text to see. `before`: see BlockEnd."""

    def __init__(self, index: int, block: Block) -> None:
        self.index = index
        self.block = block
        self.shown = False
        self.call: StreamedCall | None = None
        self.pieces: list[str] = []
        self.citations = Citations()
        self.before: list[JsonObject] = []
        self.raw: JsonObject = {}


class Blocks:
    """Writes blocks into a batch as they come, each begun, filled by deltas and ended.

    An index that is missing means the newest block. Blocks of unknown types are passed over, and so are those
    of the provider's own tools unless `server_tools` is true.
    """

    def __init__(self, batch: EventBatch, server_tools: bool) -> None:
        self._batch = batch
        self._server_tools = server_tools
        self._restart()

    def _restart(self) -> None:
        self._calls = StreamedCalls(self._batch)
        self._open: dict[int, OpenBlock] = {}
        self._used: set[int] = set()
        self._count = 0
        self._newest: OpenBlock | None = None
        self._written: OpenBlock | None = None
        self._before: list[JsonObject] = []

    def restart(self) -> None:
        """Forget everything: the answer begins anew."""
        self._restart()

    @property
    def count(self) -> int:
        """How many blocks have come."""
        return self._count

    @property
    def is_open(self) -> bool:
        """Whether a block is unfinished."""
        return bool(self._open)

    def was_used(self, index: int | None) -> bool:
        """Return whether a block with this index has come."""
        return (index or 0) in self._used

    def start(self, index: int | None, block: Block, raw: JsonObject) -> None:
        """Begin a block. `raw`: its JSON, used for blocks of the provider's own tools."""
        if index is None:
            index = max(self._used, default=-1) + 1
        before = self._open.get(index)
        if before is not None and before.block == block and not (before.pieces or before.shown):
            return  # its start came twice
        for other in list(self._open.values()):
            if other.call is None or other.index == index:
                self.end(other.index)
        begun = self._begin(index, block)
        begun.raw = raw
        kind = block.type
        if kind == "tool_use":
            self._settle()
            begun.before, self._before = self._before, []
            begun.call = self._calls.start(block.id, block.name)
        elif kind in ("thinking", "redacted_thinking"):
            self._think(begun, block.thinking)
        elif kind in ("", "text"):
            self._say(begun, block.text)
            begun.citations.add(block.citations)
        elif server_tools.is_result(kind) and self._server_tools:
            self.end(index)

    def delta(self, index: int | None, delta: Delta) -> None:
        """Add to a block."""
        kind = delta.type
        block = self._newest
        if kind == "text_delta" and block is not None and block.shown and block.index == index:
            self._batch.text(delta.text)
            return
        if block is None or block.index != index:
            block = self._block_at(index, delta)
        if kind == "text_delta":
            self._say(block, delta.text)
        elif kind == "thinking_delta":
            self._think(block, delta.thinking)
        elif kind == "signature_delta":
            block.block.signature = delta.signature
        elif kind == "input_json_delta":
            self._fill(block, delta.partial_json)
        elif kind == "citations_delta":
            block.citations.add(delta.citation)
        elif not kind:
            self._say(block, delta.text)
            self._think(block, delta.thinking)
            self._fill(block, delta.partial_json)

    def end(self, index: int | None, whole: Block | None = None) -> None:
        """End a block, if it is open. `whole`: the block as some servers repeat it at its end."""
        if index is None:
            index = next(reversed(self._open), -1)
        block = self._open.pop(index, None)
        if block is None:
            return
        if self._newest is block:
            self._newest = None
        own = block.block
        if whole is not None:
            self._complete(block, whole)
        if block.call is not None:
            self._end_call(block)
        elif own.type == "redacted_thinking":
            self._hide(block, {"anthropic": {"redactedData": own.data}} if own.data else {})
        elif own.type == "thinking":
            kept = {"anthropic": {"signature": own.signature}} if own.signature else {}
            if block.shown:
                self._batch.add(BlockEnd(_metadata(kept, block)))
            else:
                self._hide(block, kept)
        elif block.shown:
            self._written = block
        elif self._server_tools and (server_tools.is_call(own.type) or server_tools.is_result(own.type)):
            self._end_server_tool(block)

    def close(self) -> int:
        """End all open blocks; return how many calls the answer has."""
        for index in list(self._open):
            self.end(index)
        self._settle()
        return self._calls.made

    def _begin(self, index: int, block: Block) -> OpenBlock:
        begun = self._open[index] = self._newest = OpenBlock(index, block)
        self._used.add(index)
        self._count += 1
        written = self._written
        if written is not None and block.type == "text" and _cites(written.block, block):
            begun.citations, begun.before, begun.shown = written.citations, written.before, True
            self._written = None
        return begun

    def _block_at(self, index: int | None, delta: Delta) -> OpenBlock:
        """Return the block that a delta belongs to; one whose start never came is begun."""
        block = self._newest if index is None else self._open.get(index)
        if block is None and delta.type == "input_json_delta" and self._open:
            block = next(reversed(self._open.values()))
        if block is None:
            block = OpenBlock(-1, Block("ignored"))
            if delta.type in ("text_delta", "thinking_delta", ""):
                kind = "thinking" if delta.thinking else "text"
                self.start(index, Block(kind), {})
                block = self._newest or block
        elif block.index in self._open:
            self._newest = block
        return block

    def _say(self, block: OpenBlock, text: str) -> None:
        if not text:
            return
        if not block.shown:
            self._show(block)
        self._batch.text(text)

    def _think(self, block: OpenBlock, text: str) -> None:
        if not text:
            return
        if not block.shown:
            self._show(block)
        self._batch.reasoning(text)

    def _show(self, block: OpenBlock) -> None:
        self._settle()
        block.shown = True
        block.before, self._before = self._before, []

    def _fill(self, block: OpenBlock, piece: Any) -> None:
        text = piece if isinstance(piece, str) else encode_json(piece).decode() if piece else ""
        if not text:
            return
        if block.call is not None:
            self._calls.more(block.call, text)
        block.pieces.append(text)

    def _complete(self, block: OpenBlock, whole: Block) -> None:
        own = block.block
        if not block.shown and own.type == "text":
            self._say(block, whole.text)
        elif not block.shown and own.type == "thinking":
            self._think(block, whole.thinking)
        own.signature = own.signature or whole.signature
        own.input = own.input or whole.input

    def _end_call(self, block: OpenBlock) -> None:
        assert block.call is not None
        inputs = ("".join(block.pieces), block.block.input)
        if not self._calls.end(block.call, *inputs, metadata=_metadata({}, block)):
            self._before[:0] = block.before

    def _end_server_tool(self, block: OpenBlock) -> None:
        self._settle()
        raw = dict(block.raw)
        if block.pieces:
            try:
                raw["input"] = msgspec.json.decode("".join(block.pieces))
            except (ValueError, RecursionError):
                raw["input"] = {}
        if server_tools.is_call(block.block.type):
            words = server_tools.described_call(raw)
        else:
            words = server_tools.described_result(raw)
        block.before, self._before = self._before, []
        self._batch.reasoning(words)
        self._batch.add(BlockEnd(_metadata({"anthropic": {"block": server_tools.kept(raw)}}, block)))

    def _hide(self, block: OpenBlock, metadata: JsonObject) -> None:
        """Keep what a block without a text to see sends back, for the next block that has one."""
        self._settle()
        if metadata:
            self._before.append(metadata)

    def _settle(self) -> None:
        """End the text that was written last; until something else comes, it may go on in the next block."""
        if self._written is not None:
            self._batch.add(BlockEnd(_metadata({}, self._written)))
            self._written = None


def _cites(first: Block, second: Block) -> bool:
    """Return whether two texts are pieces of one: a text with sources is cut where each begins and ends."""
    return first.citations is not None or second.citations is not None


def _metadata(own: JsonObject, block: OpenBlock) -> JsonObject:
    extra = {"citations": block.citations.take(), "before": block.before}
    return {**own, **{key: value for key, value in extra.items() if value}}
