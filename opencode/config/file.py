"""The content of an opencode.json: checked, filled in, and without its secrets for display."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UnsetType

from opencode.errors import SettingsError
from opencode.schema.base import JsonObject
from opencode.schema.explain import explain

from .schema import Config, ModelNames


def parse_config(raw: JsonObject, source: str) -> Config:
    """Return a configuration as types; raises SettingsError, which names `source` and the wrong place."""
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"{source}: {explain(error, Config, raw, whole='the file', show=False)}"
        ) from None
    for key, value in named_models(config):
        if isinstance(value, list) and (not value or any("/" not in name for name in value)):
            raise SettingsError(f'{source}: {key} must be "provider/model" or a list of them, not {value!r}.')
    return config


def named_models(config: Config) -> Iterator[tuple[str, ModelNames]]:
    """Yield each setting that names a model, or several, by the path of its key."""
    places: dict[str, ModelNames | UnsetType] = {"model": config.model, "small_model": config.small_model}
    for kind, agents in (("mode", config.mode), ("agent", config.agent)):
        places |= {f"{kind}.{name}.model": agent.model for name, agent in agents.items()}
    places |= {f"command.{name}.model": command.model for name, command in config.command.items()}
    yield from ((key, value) for key, value in places.items() if not isinstance(value, UnsetType))


_REFERENCE = re.compile(r"\{(env|file):([^}]+)\}")


def substituted(value: Any, path: Path, env: Mapping[str, str]) -> Any:
    """Return `value` with every `{env:NAME}` and `{file:PATH}` in its strings replaced."""
    if isinstance(value, dict):
        return {substituted(key, path, env): substituted(item, path, env) for key, item in value.items()}
    if isinstance(value, list):
        return [substituted(item, path, env) for item in value]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        kind, name = match[1], match[2].strip()
        if kind == "env":
            return env.get(name, "")
        try:
            return _included(path.parent, name, env).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{path} uses {{file:{name}}}, but that file can't be read: {error}."
            ) from None

    return _REFERENCE.sub(replace, value)


def references(value: Any, kind: str = "env") -> Iterator[str]:
    """Yield the names in every `{env:NAME}` of `value`, or in those of another kind."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from references(item, kind)
    elif isinstance(value, str):
        yield from (match[2].strip() for match in _REFERENCE.finditer(value) if match[1] == kind)


def file_references(value: Any, directory: Path, env: Mapping[str, str]) -> Iterator[Path]:
    """Yield the file of every `{file:PATH}` of `value`, in a configuration file of this directory."""
    return (_included(directory, name, env) for name in references(value, "file"))


def _included(directory: Path, name: str, env: Mapping[str, str]) -> Path:
    return directory / (Path(env.get("HOME", "~")) / name[2:] if name.startswith("~/") else name)


def with_single_models(config: JsonObject, default_agent: str) -> JsonObject:
    """Return a configuration as opencode's clients take it: with one model in each place.

    The other models of a list are `fallbacks` of their agent, whose object is open to further keys; those of
    `model` are the default agent's.
    """
    shown = dict(config)
    agents = dict(shown["agent"]) if isinstance(shown.get("agent"), dict) else {}
    chains = {name: entry.get("model") for name, entry in agents.items() if isinstance(entry, dict)}
    if isinstance(chain := shown.get("model"), list) and not chains.get(default_agent):
        agents.setdefault(default_agent, {})
        chains[default_agent] = chain
    for name, chain in chains.items():
        if isinstance(chain, list):
            single = {"model": chain[0]} if "model" in agents[name] else {}
            agents[name] = {**agents[name], **single, "fallbacks": chain[1:]}
    for key in ("model", "small_model"):
        if isinstance(shown.get(key), list):
            shown[key] = shown[key][0]
    return {**shown, "agent": agents} if agents else shown


_SECRET = re.compile(r"key|token|secret|password|passphrase|auth|cookie|credential", re.IGNORECASE)
_PRIVATE = ("headers", "environment", "env")
_URL = re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^/?#\s]*@)?([^?#\s]*)\S*", re.IGNORECASE)


def without_secrets(value: Any, name: str = "") -> Any:
    """Return a configuration as written without anything that may be a secret.

    Removed are: keys that sound secret, headers and environments, a command's arguments, and logins and
    queries in URLs. `{env:…}` and `{file:…}` stay as they are.
    """
    if isinstance(value, dict):
        return {
            key: without_secrets(item, key)
            for key, item in value.items()
            if not _SECRET.search(key) and not (key in _PRIVATE and isinstance(item, dict))
        }
    if isinstance(value, list):
        shown = value[:1] if name == "command" else value
        return [without_secrets(item, name) for item in shown]
    return _URL.sub(r"\1\2", value) if isinstance(value, str) else value
