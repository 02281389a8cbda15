"""Reads Chat Completions streams. Servers differ in details, so all known forms are accepted."""

import secrets
from typing import Any

import msgspec

from opencode.schema.base import encode
from opencode.schema.part import CacheTokens, Tokens

from ..base import Finish, StopReason, ToolCallEnd, ToolCallStart
from ..wire.errors import ProviderErrors
from ..wire.reader import Reader

END = b"[DONE]"

STOP_REASONS: dict[str, StopReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
    "content_filter": "content-filter",
}


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: Any = None


class _CallDelta(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: str | None = None
    tool_calls: list[_CallDelta] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Chunk(msgspec.Struct):
    id: Any = None
    model: Any = None
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


class _Call(msgspec.Struct):
    """A call so far; its ToolCallStart is sent once its name is known."""

    id: str
    name: str = ""
    pieces: list[str] = []


_decode = msgspec.json.Decoder(_Chunk, strict=False).decode


class ChatReader(Reader):
    """Reads a Chat Completions stream. It is complete with a finish reason or with `[DONE]`."""

    def __init__(self, errors: ProviderErrors) -> None:
        super().__init__(errors)
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._reason = ""
        self._refused = False
        self._usage = _Usage()

    def read(self, payload: bytes) -> None:
        if payload.strip() == END:
            self.whole = self.done = True
            return
        chunk = _decode(payload)
        if chunk.error:
            raise self.errors.reported(chunk.error)
        if not self.answer_id:
            self.name_answer(chunk.model, chunk.id)
        if chunk.usage is not None:
            self._usage = chunk.usage
        for choice in chunk.choices or ():
            if choice.delta is not None:
                self._delta(choice.delta)
            if choice.finish_reason:
                if choice.finish_reason == "error":
                    failure = {"message": "The model failed while answering.", "type": "server_error"}
                    raise self.errors.reported(failure)
                self._reason = choice.finish_reason
                self.whole = True

    def finish(self) -> Finish:
        for call in self._calls:
            if not call.name:
                self._start(call, "")
            self.batch.add(ToolCallEnd(call.id, "".join(call.pieces)))
        reason = STOP_REASONS.get(self._reason or "stop", "other")
        if self._refused:
            reason = "content-filter"
        elif self._calls and reason in ("stop", "other"):
            reason = "tool-calls"
        return Finish(reason, _tokens(self._usage), self.answered_by, self.answer_id)

    def _delta(self, delta: _Delta) -> None:
        reasoning = delta.reasoning_content or delta.reasoning
        if reasoning and isinstance(reasoning, str):
            self.batch.reasoning(reasoning)
        if content := delta.content:
            if isinstance(content, str):
                self.batch.text(content)
            else:
                self._parts(content)
        if delta.refusal:
            self._refused = True
            self.batch.text(delta.refusal)
        for call in delta.tool_calls or ():
            self._call(call)

    def _parts(self, content: Any) -> None:
        """Take content that comes in parts, as Mistral's reasoning models send it."""
        for part in content if isinstance(content, list) else ():
            if not isinstance(part, dict):
                continue
            if isinstance(part.get("text"), str):
                self.batch.text(part["text"])
            for thought in part.get("thinking") or ():
                if isinstance(thought, dict) and isinstance(thought.get("text"), str):
                    self.batch.reasoning(thought["text"])

    def _call(self, delta: _CallDelta) -> None:
        function = delta.function or _Function()
        call = self._known(delta, function)
        if call is None:
            call = _Call(delta.id or f"call_{secrets.token_hex(12)}")
            self._calls.append(call)
            self._by_index[len(self._calls) - 1 if delta.index is None else delta.index] = call
        if function.name and not call.name:
            self._start(call, function.name)
        if arguments := function.arguments:
            text = arguments if isinstance(arguments, str) else encode(arguments).decode()
            call.pieces.append(text)
            if call.name:
                self.batch.tool_input(call.id, text)

    def _known(self, delta: _CallDelta, function: _Function) -> _Call | None:
        """Return the call that a delta continues; None if it begins another.

        Some servers omit the index, others give every call the same one: a name with a new id always begins
        a call.
        """
        if delta.index is not None:
            call = self._by_index.get(delta.index)
        elif delta.id or not function.name:
            call = self._calls[-1] if self._calls else None
        else:
            call = None
        if call is not None and delta.id and delta.id != call.id and function.name:
            return None
        return call

    def _start(self, call: _Call, name: str) -> None:
        call.name = name
        self.batch.add(ToolCallStart(call.id, name))
        if call.pieces:
            self.batch.tool_input(call.id, "".join(call.pieces))


def _tokens(usage: _Usage) -> Tokens:
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    details = usage.prompt_tokens_details or _PromptDetails()
    read, written = details.cached_tokens or 0, details.cache_write_tokens or 0
    reasoned = usage.completion_tokens_details
    reasoning = min((reasoned.reasoning_tokens if reasoned else 0) or 0, completion)
    return Tokens(
        input=max(prompt - read - written, 0),
        output=completion - reasoning,
        reasoning=reasoning,
        cache=CacheTokens(read=read, write=written),
        total=usage.total_tokens or prompt + completion,
    )
