"""Whether a request to a model carries a history that its provider takes: no call without its output."""

from typing import Any

from tests.llm.server import Request

Json = dict[str, Any]


def check(request: Request) -> None:
    """Raise AssertionError where a call has no output right after it, or an output no call before it."""
    if request.path.endswith("/responses"):
        _check_responses(request.body["input"])
    elif request.path.endswith("/messages"):
        _check_anthropic(request.body["messages"])
    else:
        _check_chat(request.body["messages"])


def _check_chat(messages: list[Json]) -> None:
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] in open_calls, messages
            open_calls.remove(message["tool_call_id"])
        else:
            assert not open_calls, messages
            open_calls = {call["id"] for call in message.get("tool_calls") or []}
    assert not open_calls, messages


def _check_anthropic(messages: list[Json]) -> None:
    calls: set[str] = set()
    for index, message in enumerate(messages):
        assert message["role"] == ("assistant" if index % 2 else "user"), messages
        content = message["content"] if isinstance(message["content"], list) else []
        outputs = {block["tool_use_id"] for block in content if block["type"] == "tool_result"}
        assert outputs == calls, messages
        calls = {block["id"] for block in content if block["type"] == "tool_use"}
    assert not calls, messages


def _check_responses(items: list[Json]) -> None:
    open_calls: set[str] = set()
    for item in items:
        kind = item.get("type", "message")
        if kind == "function_call":
            open_calls.add(item["call_id"])
        elif kind == "function_call_output":
            assert item["call_id"] in open_calls, items
            open_calls.remove(item["call_id"])
        elif kind == "message" and item.get("role") == "user":
            assert not open_calls, items
    assert not open_calls, items
