"""Warnings about probable mistakes in an opencode.json. The server logs them and starts."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from msgspec import inspect

from opencode.schema.base import JsonObject

from .file import references
from .schema import CommandConfig, Config, CostConfig, ModelConfig, ProviderConfig, ProviderOptions
from .shown import OTHER_KEYS

_NEAR = 0.85
"""Least similarity of a misspelled key to the right one: `baseUrl` and `baseURL`, `agents` and `agent`."""

_OF_THE_TERMINAL = frozenset({"keybinds", "theme", "tui"})
"""What opencode's terminal reads from a file of its own, and its server leaves out."""

_OPENCODES: dict[type, frozenset[str]] = {
    Config: OTHER_KEYS | _OF_THE_TERMINAL,
    ProviderConfig: frozenset({"id"}),
    ProviderOptions: frozenset({"enterpriseUrl"}),
    ModelConfig: frozenset({"experimental", "provider"}),
    CostConfig: frozenset({"context_over_200k"}),
    CommandConfig: frozenset({"variant"}),
}
"""Keys that opencode knows and this server ignores."""

_CLOSED = (Config, ProviderConfig, ModelConfig, CommandConfig)
"""Objects in which opencode allows no other keys."""


def config_warnings(written: JsonObject, source: str, env: Mapping[str, str]) -> tuple[str, ...]:
    """Return a sentence for each variable that is not set and for each unknown key."""
    unset = {name: None for name in references(written) if not env.get(name)}
    return (
        *(f"{source} uses {{env:{name}}}, but {name} is not set." for name in unset),
        *(f"{source}: {warning}" for warning in _unknown_keys(written, inspect.type_info(Config), "")),
    )


def _unknown_keys(value: Any, kind: inspect.Type, place: str) -> Iterator[str]:
    """Yield a warning for each unknown key in a value of type `kind`, at any depth."""
    if not isinstance(value, dict):
        return
    if isinstance(kind, inspect.UnionType):
        objects = [
            member for member in kind.types if isinstance(member, inspect.StructType | inspect.DictType)
        ]
        if len(objects) == 1:
            yield from _unknown_keys(value, objects[0], place)
    elif isinstance(kind, inspect.DictType):
        for key, item in value.items():
            yield from _unknown_keys(item, kind.value_type, f"{place}{key}.")
    elif isinstance(kind, inspect.StructType):
        fields = {field.encode_name: field.type for field in kind.fields}
        for key, item in value.items():
            if key in fields:
                yield from _unknown_keys(item, fields[key], f"{place}{key}.")
            elif key not in _OPENCODES.get(kind.cls, ()):
                yield from _unknown_key(key, list(fields), place, closed=kind.cls in _CLOSED)


def _unknown_key(key: str, known: list[str], place: str, closed: bool) -> Iterator[str]:
    by_spelling = {_spelling(name): name for name in known}
    if near := get_close_matches(_spelling(key), by_spelling, n=1, cutoff=_NEAR):
        yield f"{place}{key} is unknown; did you mean {by_spelling[near[0]]}?"
    elif closed:
        yield f"{place}{key} is unknown."


def _spelling(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")
