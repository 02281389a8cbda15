"""Answers as each provider streams them: the deltas, and all that surrounds them in real life."""

import itertools
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from .answer import Answer, pieces, usual


class Frame(NamedTuple):
    """One event; `kind` is what it is a delta of, "end" from the first closing event on, else ""."""

    kind: str
    data: bytes


def _sse(value: Any, event: str = "") -> bytes:
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(value)}\n\n".encode()


def _input_pieces(value: dict[str, Any] | str) -> tuple[str, str]:
    text = value if isinstance(value, str) else json.dumps(value)
    return text[: len(text) // 2], text[len(text) // 2 :]


_ids = itertools.count(1)


class Messages:
    """Anthropic."""

    suffix = "/messages"

    @staticmethod
    def error(message: str, code: str | None) -> dict[str, Any]:
        return {
            "type": "error",
            "error": {"type": code or "api_error", "message": message},
            "request_id": "req_1",
        }

    @staticmethod
    def error_frame() -> bytes:
        error = {"type": "overloaded_error", "message": "Overloaded"}
        return _sse({"type": "error", "error": error}, "error")

    @staticmethod
    def frames(answer: Answer, model: str) -> Iterator[Frame]:
        def event(kind: str, **fields: Any) -> bytes:
            return _sse({"type": kind, **fields}, kind)

        def delta(kind: str, **fields: Any) -> bytes:
            return event("content_block_delta", index=index, delta={"type": kind, **fields})

        usage = answer.usage
        counted = {
            "input_tokens": usage.input - usage.cached - usage.written,
            "cache_creation_input_tokens": usage.written,
            "cache_read_input_tokens": usage.cached,
        }
        message = {
            "id": f"msg_{next(_ids)}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**counted, "output_tokens": 1, "service_tier": "standard"},
        }
        yield Frame("", event("message_start", message=message))
        yield Frame("", event("ping"))
        index = -1
        if answer.reasoning:
            index += 1
            block = {"type": "thinking", "thinking": "", "signature": ""}
            yield Frame("", event("content_block_start", index=index, content_block=block))
            for piece in pieces(answer.reasoning):
                yield Frame("reasoning", delta("thinking_delta", thinking=piece))
            yield Frame("", delta("signature_delta", signature="c2lnbmVk"))
            yield Frame("", event("content_block_stop", index=index))
        if answer.redacted:
            index += 1
            block = {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="}
            yield Frame("", event("content_block_start", index=index, content_block=block))
            yield Frame("", event("content_block_stop", index=index))
        if said := pieces(answer.text or answer.refusal):
            index += 1
            block = {"type": "text", "text": ""}
            yield Frame("", event("content_block_start", index=index, content_block=block))
            yield Frame("", event("ping"))
            for piece in said:
                yield Frame("text", delta("text_delta", text=piece))
            yield Frame("", event("content_block_stop", index=index))
        for name, value in answer.tools:
            index += 1
            block = {"type": "tool_use", "id": f"toolu_{next(_ids)}", "name": name, "input": {}}
            yield Frame("", event("content_block_start", index=index, content_block=block))
            yield Frame("", delta("input_json_delta", partial_json=""))
            for piece in _input_pieces(value):
                yield Frame("tool", delta("input_json_delta", partial_json=piece))
            yield Frame("", event("content_block_stop", index=index))
        final = {**counted, "output_tokens": usage.output}
        if usage.reasoning:
            final["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
        stop = {"stop_reason": usual(answer, "end_turn", "tool_use"), "stop_sequence": None}
        if answer.refusal:
            stop["stop_reason"] = "refusal"
        yield Frame("end", event("message_delta", delta=stop, usage=final))
        yield Frame("end", event("message_stop"))


class Chat:
    """Chat Completions, with DeepSeek's field for reasoning."""

    suffix = "/chat/completions"

    @staticmethod
    def error(message: str, code: str | None) -> dict[str, Any]:
        return {"error": {"message": message, "type": "scripted_error", "param": None, "code": code}}

    @staticmethod
    def error_frame() -> bytes:
        return _sse({"error": {"message": "The server had an error", "type": "server_error", "code": 500}})

    @staticmethod
    def frames(answer: Answer, model: str) -> Iterator[Frame]:
        head = {
            "id": f"chatcmpl-{next(_ids)}",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": model,
        }

        def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            return _sse({**head, "choices": [choice], "usage": None})

        yield Frame("", b": keep-alive\n\n")
        yield Frame("", chunk({"role": "assistant", "content": ""}))
        for piece in pieces(answer.reasoning):
            yield Frame("reasoning", chunk({"reasoning_content": piece}))
        for piece in pieces(answer.text):
            yield Frame("text", chunk({"content": piece}))
        for piece in pieces(answer.refusal):
            yield Frame("text", chunk({"refusal": piece}))
        for index, (name, value) in enumerate(answer.tools):
            function = {"name": name, "arguments": ""}
            call = {"index": index, "id": f"call_{next(_ids)}", "type": "function", "function": function}
            yield Frame("", chunk({"tool_calls": [call]}))
            for piece in _input_pieces(value):
                more = {"index": index, "function": {"arguments": piece}}
                yield Frame("tool", chunk({"tool_calls": [more]}))
        usage = answer.usage
        yield Frame("end", chunk({}, usual(answer, "stop", "tool_calls")))
        counted = {
            "prompt_tokens": usage.input,
            "completion_tokens": usage.output,
            "total_tokens": usage.input + usage.output,
            "prompt_tokens_details": {"cached_tokens": usage.cached},
            "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
        }
        yield Frame("end", _sse({**head, "choices": [], "usage": counted}))
        yield Frame("end", b"data: [DONE]\n\n")


class Responses:
    """OpenAI."""

    suffix = "/responses"

    @staticmethod
    def error(message: str, code: str | None) -> dict[str, Any]:
        return Chat.error(message, code)

    @staticmethod
    def error_frame() -> bytes:
        error = {"code": "server_error", "message": "The model failed"}
        response = {"id": "resp_1", "object": "response", "status": "failed", "error": error, "output": []}
        return _sse(
            {"type": "response.failed", "sequence_number": 9, "response": response}, "response.failed"
        )

    @staticmethod
    def frames(answer: Answer, model: str) -> Iterator[Frame]:
        return _ResponseStream(answer, model).frames()


class _ResponseStream:
    """One response being streamed: its events are numbered, its items are indexed and kept for the end."""

    def __init__(self, answer: Answer, model: str) -> None:
        self._answer = answer
        self._numbers = itertools.count()
        self._index = -1
        self._output: list[dict[str, Any]] = []
        self._response = {"id": f"resp_{next(_ids)}", "object": "response", "created_at": 1, "model": model}
        self._response |= {"status": "in_progress", "output": [], "error": None, "incomplete_details": None}

    def frames(self) -> Iterator[Frame]:
        yield self._event("response.created", response=self._response)
        yield self._event("response.in_progress", response=self._response)
        if self._answer.reasoning:
            yield from self._reasoning(pieces(self._answer.reasoning))
        if self._answer.text:
            yield from self._message("output_text", "text", pieces(self._answer.text))
        if self._answer.refusal:
            yield from self._message("refusal", "refusal", pieces(self._answer.refusal))
        for name, value in self._answer.tools:
            yield from self._call(name, _input_pieces(value))
        yield self._end()

    def _event(self, type_: str, frame_kind: str = "", **fields: Any) -> Frame:
        return Frame(
            frame_kind, _sse({"type": type_, "sequence_number": next(self._numbers), **fields}, type_)
        )

    def _added(self, item: dict[str, Any]) -> Frame:
        self._index += 1
        return self._event("response.output_item.added", output_index=self._index, item=item)

    def _done(self, item: dict[str, Any]) -> Frame:
        self._output.append(item)
        return self._event("response.output_item.done", output_index=self._index, item=item)

    def _reasoning(self, parts: tuple[str, ...]) -> Iterator[Frame]:
        """Each piece is a part of the summary of its own, as the models write several."""
        item = {"id": f"rs_{next(_ids)}", "type": "reasoning"}
        yield self._added({**item, "summary": [], "encrypted_content": "bm90IHdob2xl"})
        at = {"item_id": item["id"], "output_index": self._index}
        kind = "response.reasoning_summary"
        for number, text in enumerate(parts):
            part = {"type": "summary_text", "text": ""}
            yield self._event(f"{kind}_part.added", **at, summary_index=number, part=part)
            yield self._event(f"{kind}_text.delta", "reasoning", **at, summary_index=number, delta=text)
            yield self._event(f"{kind}_text.done", **at, summary_index=number, text=text)
        summary = [{"type": "summary_text", "text": text} for text in parts]
        yield self._done({**item, "summary": summary, "encrypted_content": "d2hvbGU="})

    def _message(self, kind: str, field: str, said: tuple[str, ...]) -> Iterator[Frame]:
        item = {"id": f"msg_{next(_ids)}", "type": "message", "role": "assistant"}
        yield self._added({**item, "status": "in_progress", "content": []})
        at = {"item_id": item["id"], "output_index": self._index, "content_index": 0}
        yield self._event("response.content_part.added", **at, part={"type": kind, field: ""})
        for text in said:
            more = {"delta": text, "logprobs": [], "obfuscation": "x1y2"}
            yield self._event(f"response.{kind}.delta", "text", **at, **more)
        part = {"type": kind, field: "".join(said)}
        yield self._event(f"response.{kind}.done", **at, **{field: part[field]})
        yield self._event("response.content_part.done", **at, part=part)
        yield self._done({**item, "status": "completed", "content": [part]})

    def _call(self, name: str, halves: tuple[str, str]) -> Iterator[Frame]:
        item = {
            "id": f"fc_{next(_ids)}",
            "type": "function_call",
            "call_id": f"call_{next(_ids)}",
            "name": name,
        }
        yield self._added({**item, "status": "in_progress", "arguments": ""})
        at = {"item_id": item["id"], "output_index": self._index}
        for half in halves:
            yield self._event("response.function_call_arguments.delta", "tool", **at, delta=half)
        whole = "".join(halves)
        yield self._event("response.function_call_arguments.done", **at, arguments=whole)
        yield self._done({**item, "status": "completed", "arguments": whole})

    def _end(self) -> Frame:
        usage, stop = self._answer.usage, self._answer.stop
        status = "incomplete" if stop else "completed"
        counted = {
            "input_tokens": usage.input,
            "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
            "output_tokens": usage.output,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning},
            "total_tokens": usage.input + usage.output,
        }
        final = {**self._response, "status": status, "output": self._output, "usage": counted}
        final["incomplete_details"] = {"reason": stop} if stop else None
        return self._event(f"response.{status}", "end", response=final)


Wire = Messages | Chat | Responses
WIRES: tuple[type[Wire], ...] = (Chat, Responses, Messages)
