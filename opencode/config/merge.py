"""Merging of configuration files: objects key by key, lists and values as the later file has them."""

from collections.abc import Mapping
from typing import Any

from opencode.schema.base import JsonObject

_JOINED = ("instructions", "plugin")
"""Lists of which every file's items count."""

_AGENT_KEYS = frozenset(
    {"name", "model", "variant", "prompt", "description", "temperature", "top_p", "mode", "hidden", "color"}
    | {"steps", "maxSteps", "options", "permission", "disable", "tools"}
)


def merged(first: Mapping[str, Any], later: Mapping[str, Any]) -> JsonObject:
    """Return two objects as one, at every depth; where both have a value, the later one's counts."""
    result = dict(first)
    for key, value in later.items():
        before = result.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        result[key] = merged(before, value) if both else value  # type: ignore[arg-type]
    return result


def merged_configs(first: JsonObject, later: JsonObject) -> JsonObject:
    """Return two configurations as one: `merged`, but `instructions` and `plugin` of both."""
    result = merged(first, later)
    for key in _JOINED:
        before, after = first.get(key), later.get(key)
        if isinstance(before, list) and isinstance(after, list):
            result[key] = [*before, *(item for item in after if item not in before)]
    return result


def normalized(config: JsonObject) -> JsonObject:
    """Return a configuration with what opencode has renamed in its present form.

    `mode` is the old name of primary agents, `autoshare` of `"share": "auto"`. An agent's unknown keys are
    options for the provider.
    """
    result = dict(config)
    modes = result.get("mode")
    agents = result["agent"] if isinstance(result.get("agent"), dict) else {}
    if isinstance(modes, dict):
        agents = merged(agents, {name: {**mode, "mode": "primary"} for name, mode in modes.items()})
    if agents:
        result["agent"] = {name: _agent(entry) for name, entry in agents.items()}
    if result.get("autoshare") is True and not result.get("share"):
        result["share"] = "auto"
    return result


def _agent(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    options = entry.get("options", {})
    further = {key: value for key, value in entry.items() if key not in _AGENT_KEYS}
    return {**entry, "options": {**options, **further}} if further and isinstance(options, dict) else entry


def displayed(config: JsonObject) -> JsonObject:
    """Return a normalized configuration as opencode shows it: `tools` are permissions, too."""
    result = dict(config)
    for kind in ("agent", "mode"):
        if kind in result:
            result[kind] = {name: _with_permission(entry) for name, entry in result[kind].items()}
    if config.get("tools"):
        result["permission"] = _permission(config["tools"], config.get("permission"))
    return result


def _with_permission(entry: JsonObject) -> JsonObject:
    steps = {"steps": entry["maxSteps"]} if "maxSteps" in entry and "steps" not in entry else {}
    permission = _permission(entry.get("tools", {}), entry.get("permission"))
    return {**entry, **steps, "options": entry.get("options", {}), "permission": permission}


def _permission(tools: Mapping[str, bool], written: Any) -> JsonObject:
    """Return what `tools` stand for with the rules that are written, which count more."""
    names = {"write": "edit", "patch": "edit"}
    permission = {names.get(tool, tool): "allow" if on else "deny" for tool, on in tools.items()}
    return merged(permission, {"*": written} if isinstance(written, str) else written or {})
