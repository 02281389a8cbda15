"""What a set-up has for opencode that this server can't have: a sentence for each kind, at the start."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from opencode.schema.base import JsonObject

from . import variables
from .places import Places

_SCRIPTS = (".js", ".ts", ".mjs", ".mts", ".cjs", ".cts")
_FOLDERS = {
    "plugins": (("plugin", "plugins"), _SCRIPTS, "this server runs no plugins"),
    "custom tools": (
        ("tool", "tools"),
        _SCRIPTS,
        "use an MCP server instead",
    ),
    "themes": (("themes",), (".json",), "they are of opencode's terminal"),
}
"""Kinds of files in `.opencode` by the names of their folders, and why they have no effect."""

_SETTINGS = {
    "plugin": ("plugins", "this server runs no plugins"),
    "lsp": ("language servers", "this server has no tools that use them"),
    "formatter": ("formatters", "this server runs no programs of a set-up"),
    "skills.urls": ("addresses of skills", "save their folders in .opencode/skill"),
    "references": ("references", "this server reads no other directories"),
    "reference": ("references", "this server reads no other directories"),
}
_RUNS_PROGRAMS = frozenset({"bash", "lsp"})
_FILE_TOOLS = frozenset({"apply_patch", "edit", "glob", "grep", "list", "patch", "read", "write"})

_MAX_NAMED = 5


def absent_warnings(config: JsonObject, places: Places, env: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each kind of thing in a set-up that has no effect here."""
    named = dict(_named(config))
    for kind, (folders, endings, why) in _FOLDERS.items():
        files = [name for place in places.folders for name in _files(place.path, folders, endings)]
        if names := [*named.pop(kind, ("", ()))[1], *files]:
            yield _sentence(kind, names, why)
    for kind, (why, names) in named.items():
        yield _sentence(kind, names, why)
    tools = _RUNS_PROGRAMS if variables.WORKSPACE.read(env) != "off" else _RUNS_PROGRAMS | _FILE_TOOLS
    if rules := sorted(tools & set(_ruled(config))):
        yield (
            f"Rules for {', '.join(rules)} have no effect: this server has no tools of these names, as they "
            "would touch the machine's files or run programs."
        )


def _sentence(kind: str, names: list[str], why: str) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    listed = f" ({', '.join(names[:_MAX_NAMED])}{more})" if names else ""
    return f"{kind[0].upper()}{kind[1:]}{listed} have no effect: {why}."


def _named(config: JsonObject) -> Iterator[tuple[str, tuple[str, list[str]]]]:
    for key, (kind, why) in _SETTINGS.items():
        if value := _at(config, key):
            names = value if isinstance(value, list | dict) else []
            yield kind, (why, [_shown(name) for name in names])


def _at(config: JsonObject, path: str) -> Any:
    value: Any = config
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _shown(name: object) -> str:
    """Return the name of a plugin; its options, which may follow it in a list, are left out."""
    return str(name[0] if isinstance(name, list) and name else name)[:80]


def _files(place: os.PathLike[str], folders: tuple[str, ...], endings: tuple[str, ...]) -> list[str]:
    found = []
    for folder in folders:
        try:
            with os.scandir(os.path.join(place, folder)) as entries:
                found += [entry.name for entry, _ in zip(entries, range(1000), strict=False)]
        except OSError:  # there is none, or this user may not read it
            continue
    return sorted(name for name in found if name.endswith(endings))


def _ruled(config: JsonObject) -> Iterator[str]:
    agents = config.get("agent")
    entries = agents.values() if isinstance(agents, dict) else ()
    for rules in (config.get("permission"), *(entry.get("permission") for entry in entries)):
        if isinstance(rules, dict):
            yield from rules
