"""Messages of a local MCP server that are not JSON-RPC to the letter, as far as they answer something."""

import json
from collections.abc import Iterator
from typing import Any

from mcp_types import INTERNAL_ERROR, JSONRPCMessage, jsonrpc_message_adapter

MAX_BATCH = 100
"""Messages in one line."""


def mended(line: bytes) -> Iterator[JSONRPCMessage]:
    """Yield the messages in a line: several in a list, half characters, results and errors of other types.

    A request would wait for an answer that is dropped.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return
    for message in value[:MAX_BATCH] if isinstance(value, list) else [value]:
        if isinstance(message, dict) and (message.keys() & {"method", "result", "error"}):
            try:
                yield jsonrpc_message_adapter.validate_python(_mended(message), by_name=False)
            except (ValueError, RecursionError):
                continue


def _mended(message: dict[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = {**_text_only(message), "jsonrpc": "2.0"}
    if "method" in whole or "id" not in whole:
        return whole
    number = whole["id"]
    whole["id"] = int(number) if isinstance(number, float) and number.is_integer() else number
    error = whole.pop("error", None)
    if error is not None:
        whole.pop("result", None)
        said = error if isinstance(error, dict) else {"message": error}
        code = said.get("code")
        words = said.get("message")
        whole["error"] = {
            "code": code if isinstance(code, int) else INTERNAL_ERROR,
            "message": words if isinstance(words, str) else json.dumps(error),
        }
    elif not isinstance(whole.get("result"), dict):
        result = whole.get("result")
        whole["result"] = {} if result is None else {"content": result}
    return whole


def _text_only(value: Any) -> Any:
    """Return JSON without half surrogate pairs, which no UTF-8 can carry."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_text_only(key): _text_only(each) for key, each in value.items()}
    return [_text_only(each) for each in value] if isinstance(value, list) else value
