"""Tools that Anthropic runs by itself (web search, web fetch, code execution), as words for people.

A call and its result are blocks of the answer. They go back as they came: they hold what
was found, encrypted.
"""

from typing import Any

from opencode.schema.base import JsonObject

from ..wire.payload import encode_json
from ..wire.source_link import source_link

MAX_SHOWN = 2_000
"""Characters of a program, and of what it printed, that are shown."""
MAX_KEPT_BYTES = 4_000_000
"""A larger result, such as a long document, does not go back: each request would carry it."""
_FAILED = "error_code"


def is_call(kind: str) -> bool:
    """Return whether blocks of this type are calls of tools that run at the provider."""
    return kind in ("server_tool_use", "mcp_tool_use")


def is_result(kind: str) -> bool:
    """Return whether blocks of this type are the results of such tools."""
    return kind.endswith("_tool_result")


def described_call(block: JsonObject) -> str:
    """Return a call in words."""
    name = str(block.get("name") or "a tool")
    given = block.get("input")
    given = given if isinstance(given, dict) else {}
    if isinstance(query := given.get("query"), str):
        return f"Searching for “{query}”."
    if isinstance(url := given.get("url"), str):
        return f"Reading {url}"
    for field in ("code", "command"):
        if isinstance(program := given.get(field), str):
            return f"Running {name}:\n\n{_fenced(program)}"
    return f"Using {name}."


def described_result(block: JsonObject) -> str:
    """Return a result in words."""
    content = block.get("content")
    if isinstance(content, list):
        links = filter(None, map(source_link, content))
        return "\n".join(f"- {link}" for link in links) or "Nothing was found."
    if not isinstance(content, dict):
        return "Done."
    if _FAILED in content:
        return f"It failed: {str(content[_FAILED]).replace('_', ' ')}."
    printed = "".join(str(content[name]) for name in ("stdout", "stderr") if content.get(name))
    if printed:
        return f"It printed:\n\n{_fenced(printed)}"
    document = content.get("content")
    title = document.get("title") if isinstance(document, dict) else None
    page = source_link({**content, "title": title})
    return f"Read {page}" if page else "Done."


def kept(block: JsonObject) -> JsonObject:
    """Return a block as it goes back with the next request."""
    if not is_result(str(block.get("type"))) or len(encode_json(block)) <= MAX_KEPT_BYTES:
        return block
    kind = str(block["type"])
    error: dict[str, Any] = {"type": f"{kind}_error", _FAILED: "unavailable"}
    return {"type": kind, "tool_use_id": block.get("tool_use_id"), "content": error}


def _fenced(text: str) -> str:
    cut = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
    fence = "```"
    while fence in cut:
        fence += "`"
    return f"{fence}\n{cut.rstrip()}\n{fence}"
