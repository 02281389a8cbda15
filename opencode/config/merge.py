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
_EDITING = ("write", "edit", "patch")
"""Tools that change files, which have one permission."""


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
            result[key] = list(dict.fromkeys([*before, *after]))
    return result


def normalized(config: JsonObject) -> JsonObject:
    """Return one file's configuration in the form in which files are merged.

    A permission is an object, an agent's `tools` are permissions, too, and its unknown keys are options for
    the provider. That comes before merging: the `tools` of a later file count more than an earlier one's
    `permission`.
    """
    result = dict(config)
    if isinstance(result.get("permission"), str):
        result["permission"] = {"*": result["permission"]}
    for kind in ("agent", "mode"):
        if isinstance(result.get(kind), dict):
            result[kind] = {name: normalized_agent(entry) for name, entry in result[kind].items()}
    return result


def normalized_agent(entry: Any) -> Any:
    """Return an agent's entry in the form in which files are merged."""
    if not isinstance(entry, dict):
        return entry
    options = entry.get("options", {})
    further = {key: value for key, value in entry.items() if key not in _AGENT_KEYS}
    steps = {"steps": entry["maxSteps"]} if "maxSteps" in entry and "steps" not in entry else {}
    return {
        **entry,
        **steps,
        "options": {**options, **further} if isinstance(options, dict) else options,
        "permission": _permission(entry.get("tools"), entry.get("permission")),
    }


def completed(config: JsonObject, permission: JsonObject) -> JsonObject:
    """Return the merged configuration with what opencode has renamed in its present form.

    `mode` is the old name of primary agents, `autoshare` of `"share": "auto"`; `tools` are permissions, which
    count less than `permission`. `permission`: rules that count more than those of all files.
    """
    result = dict(config)
    modes = result.get("mode")
    if isinstance(modes, dict) and modes:
        primary = {name: {**mode, "mode": "primary"} for name, mode in modes.items()}
        result["agent"] = merged(result.get("agent", {}), primary)
    rules = merged(result.get("permission", {}), permission)
    if result.get("tools"):
        rules = _permission(result["tools"], rules)
    if rules or "permission" in result:
        result["permission"] = rules
    if result.get("autoshare") is True and not result.get("share"):
        result["share"] = "auto"
    return result


def _permission(tools: Any, written: Any) -> JsonObject:
    """Return what `tools` stand for with the rules that are written, which count more."""
    permission: JsonObject = {}
    for tool, on in tools.items() if isinstance(tools, dict) else ():
        permission["edit" if tool in _EDITING else tool] = "allow" if on else "deny"
    rules = {"*": written} if isinstance(written, str) else written
    return {**permission, **rules} if isinstance(rules, dict) else permission
