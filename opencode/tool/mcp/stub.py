"""Results in the form that the SDK accepts, whatever the server sent; their content is read elsewhere."""

from collections.abc import Callable
from typing import Any

from opencode.schema.base import JsonObject

MAX_LISTED = 500
"""Tools or prompts of one page."""

_COMPLETE: JsonObject = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
"""What revision 2026-07-28 requires; older ones ignore it."""

_CAPABILITIES = ("tools", "prompts", "resources", "logging", "completions")


def stub(method: str, result: JsonObject) -> JsonObject:
    """Return what the SDK gets in place of the result of a request."""
    replace = _STUBS.get(method)
    return replace(result) if replace is not None else result


def items_of(result: JsonObject, key: str) -> list[Any]:
    """Return the items of a list in a result; [] if it has none."""
    items = result.get(key)
    return items if isinstance(items, list) else []


def _initialize(result: JsonObject) -> JsonObject:
    """Keep what is used of a server's introduction, in its types."""
    given = result.get("capabilities")
    capabilities = given if isinstance(given, dict) else {}
    information = result.get("serverInfo")
    about = information if isinstance(information, dict) else {}
    instructions = result.get("instructions")
    return {
        "protocolVersion": result.get("protocolVersion"),
        "capabilities": {
            name: _capability(capabilities[name])
            for name in _CAPABILITIES
            if capabilities.get(name) not in (None, False)
        },
        "serverInfo": {"name": str(about.get("name", "")), "version": str(about.get("version", ""))},
        **({"instructions": instructions} if isinstance(instructions, str) else {}),
    }


def _capability(value: Any) -> JsonObject:
    fields = value if isinstance(value, dict) else {}
    return {key: flag for key, flag in fields.items() if isinstance(flag, bool)}


def _page(key: str, item: Callable[[Any], JsonObject | None]) -> Callable[[JsonObject], JsonObject]:
    def replace(result: JsonObject) -> JsonObject:
        if not isinstance(result.get(key, []), list):
            return result
        cursor = result.get("nextCursor")
        listed = (item(each) for each in items_of(result, key)[:MAX_LISTED])
        return {
            **_COMPLETE,
            key: [each for each in listed if each is not None],
            **({"nextCursor": str(cursor)} if cursor not in (None, "") else {}),
        }

    return replace


def _tool(item: Any) -> JsonObject | None:
    """Keep a tool's name, and its schema: the SDK makes HTTP headers of some parameters."""
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        return None
    schema = item.get("inputSchema")
    given = schema if isinstance(schema, dict) else {}
    properties = given.get("properties")
    known = properties if isinstance(properties, dict) else {}
    kept = {key: value for key, value in given.items() if key not in ("required", "$schema")}
    fields = {name: field for name, field in known.items() if isinstance(field, dict)}
    return {"name": item["name"], "inputSchema": {**kept, "type": "object", "properties": fields}}


def _prompt(item: Any) -> JsonObject | None:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        return None
    return {"name": item["name"]}


def _called(result: JsonObject) -> JsonObject:
    return result if result.get("resultType") == "input_required" else {**_COMPLETE, "content": []}


def _prompted(result: JsonObject) -> JsonObject:
    return result if result.get("resultType") == "input_required" else {**_COMPLETE, "messages": []}


_STUBS: dict[str, Callable[[JsonObject], JsonObject]] = {
    "initialize": _initialize,
    "tools/list": _page("tools", _tool),
    "tools/call": _called,
    "prompts/list": _page("prompts", _prompt),
    "prompts/get": _prompted,
}
