"""Reads streams of the Responses API."""

from typing import Any

import msgspec

from opencode.schema.part import CacheTokens, Tokens

from ..base import BlockEnd, Finish, StopReason, ToolCallEnd, ToolCallStart
from ..wire.errors import ProviderErrors
from ..wire.reader import Reader

_INCOMPLETE: dict[str, StopReason] = {
    "max_output_tokens": "length",
    "max_messages": "length",
    "content_filter": "content-filter",
}


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Response(msgspec.Struct):
    id: Any = None
    model: Any = None
    usage: _Usage | None = None
    error: Any = None
    incomplete_details: _Incomplete | None = None


class _Item(msgspec.Struct):
    type: str
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    encrypted_content: str | None = None


class _Event(msgspec.Struct):
    type: str
    delta: Any = None
    output_index: int = 0
    summary_index: int = 0
    item: _Item | None = None
    response: _Response | None = None
    error: Any = None
    code: Any = None
    message: str | None = None


_decode = msgspec.json.Decoder(_Event).decode


class ResponsesReader(Reader):
    """Reads a Responses stream: output items by index, each added, filled by deltas, and done."""

    def __init__(self, errors: ProviderErrors) -> None:
        super().__init__(errors)
        self._calls: dict[int, str] = {}
        self._called = False
        self._refused = False
        self._reason: StopReason = "stop"
        self._usage = _Usage()

    def read(self, payload: bytes) -> None:
        event = _decode(payload)
        kind = event.type
        delta = event.delta if isinstance(event.delta, str) else ""
        if kind == "response.output_text.delta":
            self.batch.text(delta)
        elif kind == "response.function_call_arguments.delta":
            if event.output_index in self._calls:
                self.batch.tool_input(self._calls[event.output_index], delta)
        elif kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            self.batch.reasoning(delta)
        elif kind == "response.reasoning_summary_part.added":
            if event.summary_index:
                self.batch.reasoning("\n\n")
        elif kind == "response.refusal.delta":
            self._refused = True
            self.batch.text(delta)
        elif kind == "response.output_item.added" and event.item is not None:
            self._start(event.output_index, event.item)
        elif kind == "response.output_item.done" and event.item is not None:
            self._end(event.output_index, event.item)
        else:
            self._state(event)

    def finish(self) -> Finish:
        if self._refused:
            self._reason = "content-filter"
        elif self._called and self._reason == "stop":
            self._reason = "tool-calls"
        return Finish(self._reason, _tokens(self._usage), self.answered_by, self.answer_id)

    def _state(self, event: _Event) -> None:
        response = event.response
        if response is not None:
            self.name_answer(response.model, response.id)
        if event.type == "error":
            raise self.errors.reported(event.error or {"message": event.message, "code": event.code})
        if event.type == "response.failed":
            raise self.errors.reported(response.error if response else None)
        if event.type not in ("response.completed", "response.incomplete"):
            return
        if response is not None:
            self._usage = response.usage or self._usage
            if response.incomplete_details is not None:
                self._reason = _INCOMPLETE.get(response.incomplete_details.reason or "", "other")
        self.whole = self.done = True

    def _start(self, index: int, item: _Item) -> None:
        if item.type == "reasoning":
            self.batch.reasoning("")
        elif item.type == "function_call":
            call_id = self._calls[index] = item.call_id or item.id or f"call_{index}"
            self._called = True
            self.batch.add(ToolCallStart(call_id, item.name or ""))

    def _end(self, index: int, item: _Item) -> None:
        if item.type == "message":
            self.batch.add(BlockEnd())
        elif item.type == "reasoning":
            kept = {"itemId": item.id, "reasoningEncryptedContent": item.encrypted_content}
            self.batch.add(BlockEnd({"openai": kept} if item.encrypted_content else {}))
        elif item.type == "function_call":
            if index not in self._calls:
                self._start(index, item)
            self.batch.add(ToolCallEnd(self._calls.pop(index), item.arguments or ""))


def _tokens(usage: _Usage) -> Tokens:
    details = usage.input_tokens_details or _InputDetails()
    read, written = details.cached_tokens or 0, details.cache_write_tokens or 0
    output = usage.output_tokens_details
    reasoning = min((output.reasoning_tokens if output else 0) or 0, usage.output_tokens)
    return Tokens(
        input=max(usage.input_tokens - read - written, 0),
        output=usage.output_tokens - reasoning,
        reasoning=reasoning,
        cache=CacheTokens(read=read, write=written),
        total=usage.total_tokens or usage.input_tokens + usage.output_tokens,
    )
