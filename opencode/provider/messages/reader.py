"""Reads streams of the Messages API."""

from typing import Any

import msgspec

from opencode.errors import ContextOverflow
from opencode.schema.base import encode
from opencode.schema.part import CacheTokens, Tokens

from ..base import BlockEnd, Finish, StopReason, ToolCallEnd, ToolCallStart
from ..wire.errors import ProviderErrors
from ..wire.reader import Reader

STOP_REASONS: dict[str, StopReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool-calls",
    "max_tokens": "length",
    "refusal": "content-filter",
    "pause_turn": "pause",
}


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _Usage(msgspec.Struct):
    """Counts so far: each one given replaces the earlier one."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class _Message(msgspec.Struct):
    id: Any = None
    model: Any = None
    usage: _Usage | None = None


class _Block(msgspec.Struct):
    type: str
    id: str = ""
    name: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    input: Any = None


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: str = ""
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    type: str
    index: int = 0
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: _Usage | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Event).decode


class MessagesReader(Reader):
    """Reads a Messages stream: blocks by index, deltas to them, usage and stop reason at the end."""

    def __init__(self, errors: ProviderErrors) -> None:
        super().__init__(errors)
        self._blocks: dict[int, _Block] = {}
        self._inputs: dict[int, list[str]] = {}
        self._counts: dict[str, int] = {}
        self._stop = ""

    def read(self, payload: bytes) -> None:
        event = _decode(payload)
        kind = event.type
        if kind == "content_block_delta" and event.delta is not None:
            self._delta(event.index, event.delta)
        elif kind == "content_block_start" and event.content_block is not None:
            self._start(event.index, event.content_block)
        elif kind == "content_block_stop":
            self._end(event.index)
        elif kind == "message_start" and event.message is not None:
            self.name_answer(event.message.model, event.message.id)
            self._count(event.message.usage)
        elif kind == "message_delta":
            self._count(event.usage)
            if event.delta is not None and event.delta.stop_reason:
                self._stop = event.delta.stop_reason
        elif kind == "message_stop":
            self.whole = self.done = True
        elif kind == "error":
            raise self.errors.reported(event.error)

    def finish(self) -> Finish:
        for index in list(self._blocks):
            self._end(index)
        if self._stop == "model_context_window_exceeded":
            raise ContextOverflow("The answer reached the end of the model's context window.")
        return Finish(STOP_REASONS.get(self._stop, "other"), self._tokens(), self.answered_by, self.answer_id)

    def _delta(self, index: int, delta: _Delta) -> None:
        kind = delta.type
        if kind == "text_delta":
            self.batch.text(delta.text)
        elif kind == "thinking_delta":
            self.batch.reasoning(delta.thinking)
        elif (block := self._blocks.get(index)) is None:
            return
        elif kind == "input_json_delta":
            if delta.partial_json and block.type == "tool_use":
                self._inputs[index].append(delta.partial_json)
                self.batch.tool_input(block.id, delta.partial_json)
        elif kind == "signature_delta":
            block.signature += delta.signature

    def _start(self, index: int, block: _Block) -> None:
        self._blocks[index] = block
        if block.type == "text" and block.text:
            self.batch.text(block.text)
        elif block.type in ("thinking", "redacted_thinking"):
            self.batch.reasoning(block.thinking)
        elif block.type == "tool_use":
            self._inputs[index] = []
            self.batch.add(ToolCallStart(block.id, block.name))

    def _end(self, index: int) -> None:
        block = self._blocks.pop(index, None)
        if block is None:
            return
        if block.type == "text":
            self.batch.add(BlockEnd())
        elif block.type == "thinking":
            signed = {"anthropic": {"signature": block.signature}} if block.signature else {}
            self.batch.add(BlockEnd(signed))
        elif block.type == "redacted_thinking":
            self.batch.add(BlockEnd({"anthropic": {"redactedData": block.data}}))
        elif block.type == "tool_use":
            raw = "".join(self._inputs.pop(index))
            if not raw and block.input:  # some servers send a short input with the block's start
                raw = encode(block.input).decode()
            self.batch.add(ToolCallEnd(block.id, raw))

    def _count(self, usage: _Usage | None) -> None:
        if usage is None:
            return
        details = usage.output_tokens_details
        for name, count in (
            ("input", usage.input_tokens),
            ("output", usage.output_tokens),
            ("written", usage.cache_creation_input_tokens),
            ("read", usage.cache_read_input_tokens),
            ("thinking", details.thinking_tokens if details else None),
        ):
            if count is not None:
                self._counts[name] = count

    def _tokens(self) -> Tokens:
        count = self._counts.get
        read, written = count("read", 0), count("written", 0)
        thinking = min(count("thinking", 0), count("output", 0))
        return Tokens(
            input=count("input", 0),
            output=count("output", 0) - thinking,
            reasoning=thinking,
            cache=CacheTokens(read=read, write=written),
            total=count("input", 0) + read + written + count("output", 0),
        )
