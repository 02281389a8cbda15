"""Reading an opencode.json: finding, parsing and filling it in, and removing its secrets for display."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from opencode.errors import SettingsError
from opencode.schema.base import JsonObject
from opencode.schema.explain import explain

from .schema import Config, model_names


def _config_path(env: Mapping[str, str]) -> Path | None:
    if named := env.get("OPENCODE_CONFIG"):
        path = Path(named).expanduser()
        if not path.is_file():
            raise SettingsError(f"OPENCODE_CONFIG: there is no file {named}.")
        return path
    home = Path(env.get("HOME") or "~").expanduser()
    places = [
        directory / name
        for directory in (Path(), home / ".config" / "opencode")
        for name in ("opencode.json", "opencode.jsonc")
    ]
    return next((path for path in places if path.is_file()), None)


def read_config(env: Mapping[str, str]) -> tuple[Path | None, JsonObject]:
    """Return the file of the configuration (None: there is none) and its content as it was written."""
    if text := env.get("OPENCODE_CONFIG_CONTENT"):
        return None, _decode(text, "OPENCODE_CONFIG_CONTENT")
    path = _config_path(env)
    if path is None:
        return None, {}
    try:
        return path, _decode(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} can't be read: {error}.") from None


def _decode(text: str, source: str) -> JsonObject:
    plain = _plain_json(text)
    try:
        raw = msgspec.json.decode(plain)
    except msgspec.DecodeError as error:
        raise SettingsError(f"{source} is not valid JSON: {_syntax_error(plain) or error}.") from None
    if not isinstance(raw, dict):
        raise SettingsError(f"{source} must be a JSON object.")
    return raw


def _syntax_error(plain: str) -> str | None:
    """Return the error in a JSON text with its line and column; msgspec would name a byte."""
    try:
        json.loads(plain)
    except json.JSONDecodeError as error:
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return None


def parse_config(raw: JsonObject, path: Path | None) -> Config:
    source = path or "OPENCODE_CONFIG_CONTENT"
    servers = raw.get("mcp")
    if isinstance(servers, dict):
        # {"enabled": false} alone switches off a server of another configuration file; here is only one.
        raw = {**raw, "mcp": {name: entry for name, entry in servers.items() if entry != {"enabled": False}}}
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"{source}: {explain(error, Config, raw, whole='the file', show=False)}"
        ) from None
    places = {"model": config.model, "small_model": config.small_model}
    places |= {f"agent.{name}.model": agent.model for name, agent in config.agent.items()}
    for key, value in places.items():
        if value == [] or any("/" not in name for name in model_names(value)):
            raise SettingsError(f'{source}: {key} must be "provider/model" or a list of them, not {value!r}.')
    return config


_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/|,(?=(?:\s|//[^\n]*|/\*.*?\*/)*[}\]])', re.DOTALL)


def _plain_json(text: str) -> str:
    """Return a text without comments and trailing commas; blanks keep all positions as they were."""
    return _TOKEN.sub(lambda match: match[0] if match[0][0] == '"' else re.sub(r"[^\n]", " ", match[0]), text)


_REFERENCE = re.compile(r"\{(env|file):([^}]+)\}")


def substituted(value: Any, path: Path, env: Mapping[str, str]) -> Any:
    """Return `value` with every `{env:NAME}` and `{file:PATH}` in its strings replaced."""
    if isinstance(value, dict):
        return {key: substituted(item, path, env) for key, item in value.items()}
    if isinstance(value, list):
        return [substituted(item, path, env) for item in value]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        kind, name = match[1], match[2].strip()
        if kind == "env":
            return env.get(name, "")
        try:
            return (path.parent / Path(name).expanduser()).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{path} uses {{file:{name}}}, but that file can't be read: {error}."
            ) from None

    return _REFERENCE.sub(replace, value)


def references(value: Any) -> Iterator[str]:
    """Yield the names in every `{env:NAME}` of `value`."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from references(item)
    elif isinstance(value, str):
        yield from (match[2].strip() for match in _REFERENCE.finditer(value) if match[1] == "env")


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
