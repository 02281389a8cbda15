"""Entries of MCP servers: which can be used, and why the others are left out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from opencode.schema.base import JsonObject
from opencode.schema.explain import explain
from opencode.schema.mcp import McpConfig


def left_out_mcp(config: JsonObject) -> dict[str, str]:
    """Return why a file's entries that are no server are none, for those that switch one on or off.

    Others may complete the entry of another file.
    """
    reasons = {name: _fault(entry) for name, entry in _entries(config).items() if _switch(entry) is not None}
    return {name: why for name, why in reasons.items() if why}


def with_switches(config: JsonObject) -> JsonObject:
    """Return a file's configuration, in which an entry that is no server is its `enabled`, as in opencode."""
    entries = {
        name: {"enabled": on} if (on := _switch(entry)) is not None and not _is_server(entry) else entry
        for name, entry in _entries(config).items()
    }
    return {**config, "mcp": entries} if entries else config


def with_usable_mcp(config: JsonObject, known: Mapping[str, str]) -> tuple[JsonObject, dict[str, str]]:
    """Return a whole configuration without the servers that can't be used, and the reasons.

    `known`: the reasons of files. `{"enabled": false}` alone switches off a server that no other file has: it
    is no fault.
    """
    usable = {name: entry for name, entry in _entries(config).items() if _is_server(entry)}
    reasons = {
        name: known.get(name) or _fault(entry)
        for name, entry in _entries(config).items()
        if name not in usable
    }
    left_out = {name: why for name, why in reasons.items() if why}
    return ({**config, "mcp": usable} if "mcp" in config else config), left_out


def with_directories(config: JsonObject, project: Path) -> JsonObject:
    """Return a configuration whose MCP programs start in the project; their `cwd` is relative to it."""
    servers = {
        name: {**entry, "cwd": str(project / entry.get("cwd", ""))} if entry.get("type") == "local" else entry
        for name, entry in _entries(config).items()
    }
    return {**config, "mcp": servers} if servers else config


def _entries(config: JsonObject) -> JsonObject:
    entries = config.get("mcp")
    return entries if isinstance(entries, dict) else {}


def _switch(entry: Any) -> bool | None:
    on = entry.get("enabled") if isinstance(entry, dict) else None
    return on if isinstance(on, bool) else None


def _is_server(entry: Any) -> bool:
    try:
        msgspec.convert(entry, McpConfig)
    except msgspec.ValidationError:
        return False
    return True


def _fault(entry: Any) -> str:
    """Return why an entry is no server; "" for one that is, or that only switches one off."""
    try:
        msgspec.convert(entry, McpConfig)
    except msgspec.ValidationError as error:
        if entry == {"enabled": False}:
            return ""
        if isinstance(entry, dict) and "type" not in entry:
            return 'type is missing: write "local" for a program or "remote" for an address.'
        if isinstance(entry, dict) and entry.get("command") == []:
            return "command is empty: name the program and its arguments."
        return explain(error, McpConfig, entry, whole="the entry", show=False)
    return ""
