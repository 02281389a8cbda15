"""The keys of a configuration that opencode shows, which leaves out those that it does not know."""

from collections.abc import Mapping
from typing import Any

import msgspec

from opencode.schema.base import JsonObject

from .schema import CommandConfig, Config, ModelConfig, ProviderConfig

OTHER_KEYS = frozenset(
    {"$schema", "attachment", "autoshare", "autoupdate", "compaction", "enterprise", "experimental"}
    | {"formatter", "layout", "logLevel", "lsp", "mode", "plugin", "reference", "references"}
    | {"server", "shell", "skills", "snapshot", "subagent_depth", "tool_output", "watcher"}
)
"""Keys that opencode knows, beside those that this server acts on."""

_WITHIN: Mapping[str, frozenset[str]] = {
    "compaction": frozenset({"auto", "prune", "tail_turns", "preserve_recent_tokens", "reserved"}),
    "enterprise": frozenset({"url"}),
    "experimental": frozenset(
        {"disable_paste_summary", "batch_tool", "openTelemetry", "primary_tools", "continue_loop_on_deny"}
        | {"mcp_timeout", "policies"}
    ),
    "server": frozenset({"port", "hostname", "mdns", "mdnsDomain", "cors"}),
    "skills": frozenset({"paths", "urls"}),
    "tool_output": frozenset({"max_lines", "max_bytes"}),
    "watcher": frozenset({"ignore"}),
}


def _names(kind: type[msgspec.Struct], *further: str) -> frozenset[str]:
    return frozenset({*further, *(field.encode_name for field in msgspec.structs.fields(kind))})


_ENTRIES: Mapping[str, frozenset[str]] = {
    "command": _names(CommandConfig, "variant"),
    "provider": _names(ProviderConfig, "id"),
    "mcp": frozenset(
        {"type", "command", "cwd", "environment", "enabled", "timeout", "url", "headers", "oauth"}
    ),
}
_MODEL = _names(ModelConfig, "experimental", "provider")
_TOP = OTHER_KEYS | _names(Config)


def shown_keys(config: JsonObject) -> JsonObject:
    """Return a configuration with the keys that opencode shows; what is no object stays as it is."""
    shown: JsonObject = _only(config, _TOP)
    for key, known in _WITHIN.items():
        if key in shown:
            shown[key] = _only(shown[key], known)
    for key, known in _ENTRIES.items():
        if isinstance(shown.get(key), dict):
            shown[key] = {name: _only(entry, known) for name, entry in shown[key].items()}
    for provider in shown["provider"].values() if isinstance(shown.get("provider"), dict) else ():
        if isinstance(provider, dict) and isinstance(provider.get("models"), dict):
            provider["models"] = {name: _only(entry, _MODEL) for name, entry in provider["models"].items()}
    return shown


def _only(value: Any, known: frozenset[str]) -> Any:
    return {key: item for key, item in value.items() if key in known} if isinstance(value, dict) else value
