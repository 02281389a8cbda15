"""Three providers' streaming formats, as bytes: what the scripted LLM says in each of them.

Sources: the providers' API references for chat completions, responses and messages. Only what a client
needs to accept a stream is sent.
"""

import itertools
from typing import Any, Protocol

import orjson

Json = dict[str, Any]

TOOL = "todowrite"
TOOL_INPUT = orjson.dumps(
    {"todos": [{"id": "1", "content": "Measure", "status": "pending", "priority": "low"}]}
).decode()
PROMPT_TOKENS = 100  # what every request claims to have read
_call_numbers = itertools.count(1)


class Wire(Protocol):
    """One provider's format. Every method but `reply` returns whole server-sent events."""

    def opening(self, model: str) -> bytes:
        """What comes before the first token."""

    def token(self, text: bytes) -> bytes:
        """One text delta; `text` needs no JSON escapes."""

    def closing(self, tokens: int) -> bytes:
        """The normal end of an answer of that many tokens."""

    def tool_call(self, model: str) -> bytes:
        """A whole answer that calls TOOL."""

    def reply(self, model: str, text: str) -> Json:
        """A whole answer to a request that did not ask for a stream."""

    def has_tool_result(self, request: Json) -> bool:
        """Tell whether the request brings a tool's result."""


def _event(data: Json) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"


def _typed(data: Json) -> bytes:
    return b"event: %b\n%b" % (data["type"].encode(), _event(data))


class ChatCompletions:
    """OpenAI-compatible servers."""

    def opening(self, model: str) -> bytes:
        return self.chunk(model, {"role": "assistant", "content": ""})

    def token(self, text: bytes) -> bytes:
        return (
            b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"bench",'
            b'"choices":[{"index":0,"delta":{"content":"' + text + b'"},"finish_reason":null}]}\n\n'
        )

    def closing(self, tokens: int) -> bytes:
        return self._end("stop", tokens)

    def tool_call(self, model: str) -> bytes:
        call = {
            "index": 0,
            "id": f"call_{next(_call_numbers)}",
            "type": "function",
            "function": {"name": TOOL, "arguments": TOOL_INPUT},
        }
        return self.chunk(model, {"role": "assistant", "tool_calls": [call]}) + self._end("tool_calls", 10)

    def reply(self, model: str, text: str) -> Json:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return self._head("chat.completion", model) | {"choices": [choice], "usage": self._usage(2)}

    def has_tool_result(self, request: Json) -> bool:
        return any(message["role"] == "tool" for message in request["messages"])

    def _head(self, kind: str, model: str) -> Json:
        return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": model}

    def chunk(self, model: str, delta: Json, finish: str | None = None, **extra: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _event(self._head("chat.completion.chunk", model) | {"choices": [choice]} | extra)

    def _end(self, finish: str, tokens: int) -> bytes:
        return self.chunk("bench", {}, finish, usage=self._usage(tokens)) + b"data: [DONE]\n\n"

    def _usage(self, tokens: int) -> Json:
        return {
            "prompt_tokens": PROMPT_TOKENS,
            "completion_tokens": tokens,
            "total_tokens": PROMPT_TOKENS + tokens,
        }


class Messages:
    """Anthropic."""

    def opening(self, model: str) -> bytes:
        return self._start(model) + self._block({"type": "text", "text": ""})

    def token(self, text: bytes) -> bytes:
        return (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
            b'"delta":{"type":"text_delta","text":"' + text + b'"}}\n\n'
        )

    def closing(self, tokens: int) -> bytes:
        return self._end("end_turn", tokens)

    def tool_call(self, model: str) -> bytes:
        use = {"type": "tool_use", "id": f"toolu_{next(_call_numbers)}", "name": TOOL, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": TOOL_INPUT}
        return (
            self._start(model)
            + self._block(use)
            + _typed({"type": "content_block_delta", "index": 0, "delta": delta})
            + self._end("tool_use", 10)
        )

    def reply(self, model: str, text: str) -> Json:
        return self._message(model) | {
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
        }

    def has_tool_result(self, request: Json) -> bool:
        return any(
            block["type"] == "tool_result"
            for message in request["messages"]
            if isinstance(message["content"], list)
            for block in message["content"]
        )

    def _message(self, model: str) -> Json:
        usage = {"input_tokens": PROMPT_TOKENS, "output_tokens": 1}
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }

    def _start(self, model: str) -> bytes:
        return _typed({"type": "message_start", "message": self._message(model)})

    def _block(self, block: Json) -> bytes:
        return _typed({"type": "content_block_start", "index": 0, "content_block": block})

    def _end(self, reason: str, tokens: int) -> bytes:
        delta = {"stop_reason": reason, "stop_sequence": None}
        return (
            _typed({"type": "content_block_stop", "index": 0})
            + _typed({"type": "message_delta", "delta": delta, "usage": {"output_tokens": tokens}})
            + _typed({"type": "message_stop"})
        )


class Responses:
    """OpenAI."""

    def opening(self, model: str) -> bytes:
        part = {"type": "output_text", "text": "", "annotations": []}
        return (
            self._created(model)
            + _typed(self._at("response.output_item.added", 1) | {"item": self._text_item([], "in_progress")})
            + _typed(
                self._at("response.content_part.added", 2)
                | {"item_id": "msg_1", "content_index": 0, "part": part}
            )
        )

    def token(self, text: bytes) -> bytes:
        return (
            b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta",'
            b'"sequence_number":3,"item_id":"msg_1","output_index":0,"content_index":0,'
            b'"logprobs":[],"delta":"' + text + b'"}\n\n'
        )

    def closing(self, tokens: int) -> bytes:
        return self._end(self._text_item([self._text_part("…")]), tokens)

    def tool_call(self, model: str) -> bytes:
        item = {
            "id": "fc_1",
            "type": "function_call",
            "status": "completed",
            "call_id": f"call_{next(_call_numbers)}",
            "name": TOOL,
            "arguments": TOOL_INPUT,
        }
        started = item | {"arguments": "", "status": "in_progress"}
        arguments = "response.function_call_arguments"
        return (
            self._created(model)
            + _typed(self._at("response.output_item.added", 1) | {"item": started})
            + _typed(self._at(f"{arguments}.delta", 2) | {"item_id": "fc_1", "delta": TOOL_INPUT})
            + _typed(
                self._at(f"{arguments}.done", 3) | {"item_id": "fc_1", "name": TOOL, "arguments": TOOL_INPUT}
            )
            + self._end(item, 10)
        )

    def reply(self, model: str, text: str) -> Json:
        return self._response("completed", model, [self._text_item([self._text_part(text)])], 2)

    def has_tool_result(self, request: Json) -> bool:
        return any(item.get("type") == "function_call_output" for item in request["input"])

    def _at(self, kind: str, number: int) -> Json:
        return {"type": kind, "sequence_number": number, "output_index": 0}

    def _text_part(self, text: str) -> Json:
        return {"type": "output_text", "text": text, "annotations": []}

    def _text_item(self, content: list[Json], status: str = "completed") -> Json:
        return {"id": "msg_1", "type": "message", "status": status, "role": "assistant", "content": content}

    def _created(self, model: str) -> bytes:
        response = self._response("in_progress", model, [], None)
        return _typed({"type": "response.created", "sequence_number": 0, "response": response})

    def _end(self, item: Json, tokens: int) -> bytes:
        response = self._response("completed", "bench", [item], tokens)
        return _typed(self._at("response.output_item.done", 8) | {"item": item}) + _typed(
            {"type": "response.completed", "sequence_number": 9, "response": response}
        )

    def _response(self, status: str, model: str, output: list[Json], tokens: int | None) -> Json:
        usage = tokens and {
            "input_tokens": PROMPT_TOKENS,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": PROMPT_TOKENS + tokens,
        }
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "status": status,
            "model": model,
            "output": output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "usage": usage,
        }


WIRES: dict[str, Wire] = {
    "chat/completions": ChatCompletions(),
    "responses": Responses(),
    "messages": Messages(),
}
