"""The tools that OpenAI runs itself (web search, code interpreter), as words for people.

Their items go back as they came: a reasoning item must be followed by the item that it led to.
"""

from typing import Any

from opencode.schema.base import JsonObject

from ..wire.source_link import source_link

SHOWN = frozenset({"web_search_call", "code_interpreter_call"})
"""Types of the items that are shown, and go back."""
MAX_CODE = 2_000
"""Characters of a program that are shown."""


def described(item: JsonObject) -> str:
    """Return what a tool did in words."""
    if item.get("type") == "code_interpreter_call":
        code = str(item.get("code") or "")
        cut = code if len(code) <= MAX_CODE else f"{code[:MAX_CODE]}…"
        return f"Running a program:\n\n````\n{cut.rstrip()}\n````"
    action = item.get("action")
    return _searched(action if isinstance(action, dict) else {})


def _searched(action: dict[str, Any]) -> str:
    page = source_link(action)
    pattern = action.get("pattern")
    if page:
        return f"Looking for “{pattern}” in {page}" if isinstance(pattern, str) else f"Reading {page}"
    query, sources = action.get("query"), action.get("sources")
    words = f"Searching for “{query}”." if isinstance(query, str) and query else "Searching the web."
    links = map(source_link, sources if isinstance(sources, list) else [])
    return "\n".join([words, *(f"- {link}" for link in links if link)])
