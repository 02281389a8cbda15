"""What real servers refuse, as data, and what checks a request body against it.

Each rule is one that a vendor's API enforces with a 400; the sources are in `opencode/provider/vendors.py`.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPENAI_CHAT = _names(
    "model messages stream stream_options tools tool_choice max_completion_tokens prompt_cache_key verbosity "
    "reasoning_effort service_tier parallel_tool_calls safety_identifier"
)
COMPATIBLE = (OPENAI_CHAT - {"max_completion_tokens"}) | {"max_tokens", "temperature", "top_p"}
MISTRAL = _names("model messages stream tools tool_choice max_tokens temperature top_p")
MESSAGES = _names(
    "model messages stream system max_tokens tools tool_choice thinking temperature top_p output_config "
    "service_tier metadata"
)
RESPONSES = _names(
    "model input stream store instructions tools tool_choice include reasoning text max_output_tokens "
    "temperature top_p prompt_cache_key service_tier parallel_tool_calls"
)
PLAIN = frozenset({"role", "content", "tool_calls", "tool_call_id"})
STAND_IN = "skip_thought_signature_validator"


@dataclass(frozen=True)
class Strict:
    """A server's rules. `own`: what only this server can have signed; anything else like it is refused."""

    wire: str
    fields: frozenset[str]
    message_fields: frozenset[str] = PLAIN
    call_id: str = r"[a-zA-Z0-9_-]{1,64}"
    system: str = "system"
    tools: bool = True
    user_after_tool: bool = True
    needs: str = ""
    """A field that each of the assistant's messages with calls must have."""
    signed_calls: bool = False
    parts: frozenset[str] = frozenset({"text", "image_url", "file"})
    own: str = ""

    def refusals(self, body: Body) -> list[str]:
        """Return all that the server refuses in a body."""
        body = json.loads(json.dumps(body))
        found = [f"{name}: Extra inputs are not permitted" for name in body.keys() - self.fields]
        check = {"chat": _chat, "messages": _messages, "responses": _responses}[self.wire]
        return found + list(check(self, body))


def _chat(rules: Strict, body: Body) -> Iterator[str]:
    seen: set[str] = set()
    yield from _order(rules, body["messages"])
    for index, message in enumerate(body["messages"]):
        role, at = message["role"], f"messages.{index}"
        for name in message.keys() - rules.message_fields:
            if not (name == "cache_control" and role == "tool" and "cache_control" in rules.parts):
                yield f"{at}.{role}.{name}: Extra inputs are not permitted"
        if role not in (rules.system, "user", "assistant", "tool") or (role == "tool" and not rules.tools):
            yield f"{at}: unknown role {role}"
        if role == "assistant":
            yield from _chat_answer(rules, message, at, seen)
        elif message["content"] == [] or (role != "tool" and not message["content"]):
            yield f"{at}: empty content"
        yield from _chat_parts(rules, message, at)


def _order(rules: Strict, messages: list[Body]) -> Iterator[str]:
    waiting: list[str] = []
    before = ""
    for index, message in enumerate(messages):
        role, at = message["role"], f"messages.{index}"
        if waiting and role != "tool":
            yield f"{at}: calls without results: {waiting}"
        if role == "user" and before == "tool" and not rules.user_after_tool:
            yield f"{at}: Unexpected role 'user' after role 'tool'"
        if role == "tool" and message["tool_call_id"] not in waiting:
            yield f"{at}: a result without its call"
        if role == "tool":
            waiting = [call_id for call_id in waiting if call_id != message["tool_call_id"]]
        else:
            waiting = [call["id"] for call in message.get("tool_calls", ())]
        before = role
    if before not in ("user", "tool") or waiting:
        yield f"Expected last role User or Tool, got {before}; calls without results: {waiting}"


def _chat_parts(rules: Strict, message: Body, at: str) -> Iterator[str]:
    for part in message["content"] if isinstance(message["content"], list) else ():
        if part["type"] not in rules.parts:
            yield f"{at}: content of type {part['type']}"
        if part["type"] == "text" and not part["text"]:
            yield f"{at}: empty text"
        if "cache_control" in part and "cache_control" not in rules.parts:
            yield f"{at}: cache_control"


def _chat_answer(rules: Strict, message: Body, at: str, seen: set[str]) -> Iterator[str]:
    calls = message.get("tool_calls", [])
    if not message["content"] and not calls:
        yield f"{at}: an answer must have content or tool_calls"
    if calls and not rules.tools:
        yield f"{at}: tool_calls"
    if calls and rules.needs and rules.needs not in message:
        yield f"{at}: {rules.needs} is missing in an assistant message with calls"
    for name in ("reasoning", "reasoning_content"):
        if not isinstance(message.get(name, ""), str):
            yield f"{at}.{name}: not a string"
    details = message.get("reasoning_details", [])
    if not isinstance(details, list) or any(rules.own not in json.dumps(detail) for detail in details):
        yield f"{at}: reasoning_details that are not from here: {details}"
    for call in calls:
        yield from _call_id(rules, call["id"], at, seen)
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", call["function"]["name"]):
            yield f"{at}: the name {call['function']['name']}"
        if not isinstance(json.loads(call["function"]["arguments"]), dict):
            yield f"{at}: arguments"
        if "extra_content" in call and not rules.signed_calls:
            yield f"{at}: extra_content"
    if calls and rules.signed_calls:
        signature = calls[0].get("extra_content", {}).get("google", {}).get("thought_signature", "")
        if signature != STAND_IN and (not rules.own or rules.own not in signature):
            yield f"{at}: missing a thought_signature: {signature!r}"


def _call_id(rules: Strict, call_id: str, at: str, seen: set[str]) -> Iterator[str]:
    if not re.fullmatch(rules.call_id, call_id):
        yield f"{at}: the id {call_id!r}"
    if call_id in seen:
        yield f"{at}: the id {call_id!r} again"
    seen.add(call_id)


def _messages(rules: Strict, body: Body) -> Iterator[str]:
    seen: set[str] = set()
    calls: list[str] = []
    turn = ""
    for index, message in enumerate(body["messages"]):
        at, content = f"messages.{index}", message["content"]
        if message["role"] == turn:
            yield f"{at}: roles must alternate"
        turn = message["role"]
        if not content:
            yield f"{at}: empty content"
            continue
        kinds = [block["type"] for block in content]
        results = [block["tool_use_id"] for block in content if block["type"] == "tool_result"]
        if turn == "user" and (sorted(results) != sorted(calls) or "tool_result" in kinds[len(results) :]):
            yield f"{at}: results {results} for calls {calls}"
        for block in content:
            yield from _block(rules, block, at, seen)
        calls = [block["id"] for block in content if block["type"] == "tool_use"]
        if turn == "assistant" and kinds[-1] in ("thinking", "redacted_thinking"):
            yield f"{at}: The final block in an assistant message cannot be `thinking`"
    if body["messages"][0]["role"] != "user" or turn != "user":
        yield "the first and the last message must be the user's"
    if json.dumps(body).count('"cache_control"') > 4:
        yield "more than four blocks with cache_control"
    last = body["messages"][-2:]
    if body.get("thinking", {}).get("type") == "enabled" and len(last) == 2:
        in_loop = all(block["type"] == "tool_result" for block in last[1]["content"])
        if in_loop and last[0]["content"][0]["type"] not in ("thinking", "redacted_thinking"):
            yield "a final assistant message must start with a thinking block"


def _block(rules: Strict, block: Body, at: str, seen: set[str]) -> Iterator[str]:
    kind = block["type"]
    if kind == "text" and not block["text"].strip():
        yield f"{at}: text content blocks must be non-empty"
    elif kind == "thinking" and rules.own not in block["signature"]:
        yield f"{at}: Invalid `signature` in `thinking` block: {block['signature']!r}"
    elif kind == "tool_use":
        yield from _call_id(rules, block["id"], at, seen)
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", block["name"]) or not isinstance(block["input"], dict):
            yield f"{at}: tool_use {block['name']}"
    elif kind == "tool_result" and isinstance(block.get("content"), list):
        for part in block["content"]:
            yield from _block(rules, part, at, seen)


def _responses(rules: Strict, body: Body) -> Iterator[str]:
    seen: set[str] = set()
    waiting: list[str] = []
    if body["store"] is not False or "previous_response_id" in body:
        yield "something is stored"
    for index, item in enumerate(body["input"]):
        at, kind = f"input.{index}", item["type"]
        if kind == "function_call":
            yield from _call_id(rules, item["call_id"], at, seen)
            waiting.append(item["call_id"])
        elif kind == "function_call_output":
            if item["call_id"] not in waiting or item["output"] == []:
                yield f"{at}: No tool call found for function call output {item['call_id']}"
            waiting = [call_id for call_id in waiting if call_id != item["call_id"]]
        elif kind == "reasoning":
            yield from _thought(rules, item, at, body["input"][index + 1 : index + 2])
        else:
            if waiting and item["role"] == "user":
                yield f"{at}: No tool output found for function calls {waiting}"
            if not all(part.get("text", "x").strip() for part in item["content"]):
                yield f"{at}: empty text"
            if item.get("phase", "commentary") not in ("commentary", "final_answer"):
                yield f"{at}: phase {item['phase']}"
    if waiting:
        yield f"No tool output found for function calls {waiting}"


def _thought(rules: Strict, item: Body, at: str, following: list[Body]) -> Iterator[str]:
    if not following or following[0].get("role") == "user" or following[0]["type"] == "function_call_output":
        yield f"{at}: reasoning was provided without its required following item"
    if rules.own not in item.get("encrypted_content", item.get("id", "")):
        yield f"{at}: reasoning that is not from here: {item}"
    if "encrypted_content" in rules.parts and "encrypted_content" not in item:
        yield f"{at}: reasoning of a response that was not stored"
