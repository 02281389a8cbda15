"""What of an opencode.json is hardly what was meant: no error, so the start says it and goes on."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from msgspec import inspect

from opencode.schema.base import JsonObject

from .file import references
from .schema import CommandConfig, Config, CostConfig, ModelConfig, ProviderConfig, ProviderOptions

_NEAR = 0.85
"""How alike two keys are of which one is a slip: `baseUrl` and `baseURL`, `agents` and `agent`."""

_OPENCODES: dict[type, frozenset[str]] = {
    Config: frozenset(
        {"$schema", "attachment", "autoshare", "autoupdate", "compaction", "enterprise", "experimental"}
        | {"formatter", "keybinds", "layout", "logLevel", "lsp", "mode", "plugin", "reference", "references"}
        | {"server", "shell", "skills", "snapshot", "subagent_depth", "theme", "tool_output", "tui"}
        | {"watcher"}
    ),
    ProviderConfig: frozenset({"id"}),
    ProviderOptions: frozenset({"enterpriseUrl", "setCacheKey"}),
    ModelConfig: frozenset({"experimental", "provider"}),
    CostConfig: frozenset({"context_over_200k"}),
    CommandConfig: frozenset({"variant"}),
}
"""Keys that opencode knows and this server has no use for."""

_CLOSED = (Config, ProviderConfig, ModelConfig, CommandConfig)
"""Where opencode takes no other keys."""


def config_warnings(written: JsonObject, source: str, env: Mapping[str, str]) -> tuple[str, ...]:
    """Return a sentence for each variable that is not set, and for each key that nothing reads."""
    unset = {name: None for name in references(written) if not env.get(name)}
    return (
        *(f"{source} speaks of {{env:{name}}}, but {name} is not set." for name in unset),
        *(f"{source}: {remark}" for remark in _unread(written, inspect.type_info(Config), "")),
    )


def _unread(value: Any, kind: inspect.Type, place: str) -> Iterator[str]:
    """Yield what is to be said of the keys of a value that should be of a kind, and of those below."""
    if not isinstance(value, dict):
        return
    if isinstance(kind, inspect.UnionType):
        objects = [each for each in kind.types if isinstance(each, inspect.StructType | inspect.DictType)]
        if len(objects) == 1:
            yield from _unread(value, objects[0], place)
    elif isinstance(kind, inspect.DictType):
        for key, item in value.items():
            yield from _unread(item, kind.value_type, f"{place}{key}.")
    elif isinstance(kind, inspect.StructType):
        fields = {field.encode_name: field.type for field in kind.fields}
        for key, item in value.items():
            if key in fields:
                yield from _unread(item, fields[key], f"{place}{key}.")
            elif key not in _OPENCODES.get(kind.cls, ()):
                yield from _of_key(key, list(fields), place, closed=kind.cls in _CLOSED)


def _of_key(key: str, known: list[str], place: str, closed: bool) -> Iterator[str]:
    by_sound = {_sound(name): name for name in known}
    if near := get_close_matches(_sound(key), by_sound, n=1, cutoff=_NEAR):
        yield f"{place}{key} is not known; did you mean {by_sound[near[0]]}?"
    elif closed:
        yield f"{place}{key} is not known."


def _sound(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")
