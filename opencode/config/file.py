"""Reading an opencode.json: where it is, its comments, what it refers to, and what of it is no secret."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from opencode.errors import SettingsError
from opencode.schema.base import JsonObject

from .schema import Config


def _config_path(env: Mapping[str, str]) -> Path | None:
    if named := env.get("OPENCODE_CONFIG"):
        path = Path(named).expanduser()
        if not path.is_file():
            raise SettingsError(f"OPENCODE_CONFIG names {named}, which is not a file.")
        return path
    home = Path(env.get("HOME") or "~").expanduser()
    places = [
        directory / name
        for directory in (Path(), home / ".config" / "opencode")
        for name in ("opencode.json", "opencode.jsonc")
    ]
    return next((path for path in places if path.is_file()), None)


def written(env: Mapping[str, str]) -> tuple[Path | None, JsonObject]:
    """Return the configuration as it was written, and the file that it is in, if it is in one."""
    if text := env.get("OPENCODE_CONFIG_CONTENT"):
        return None, _decoded(text, "OPENCODE_CONFIG_CONTENT")
    path = _config_path(env)
    if path is None:
        return None, {}
    try:
        return path, _decoded(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} can't be read: {error}.") from None


def _decoded(text: str, source: str) -> JsonObject:
    plain = _plain_json(text)
    try:
        raw = msgspec.json.decode(plain)
    except msgspec.DecodeError as error:
        raise SettingsError(f"{source} is not valid JSON: {_line_of_fault(plain) or error}.") from None
    if not isinstance(raw, dict):
        raise SettingsError(f"{source} must hold a JSON object.")
    return raw


def _line_of_fault(plain: str) -> str | None:
    """Return what is wrong with some JSON, and where; msgspec counts bytes."""
    try:
        json.loads(plain)
    except json.JSONDecodeError as error:
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return None


def parsed(raw: JsonObject, path: Path | None) -> Config:
    source = path or "OPENCODE_CONFIG_CONTENT"
    servers = raw.get("mcp")
    if isinstance(servers, dict):
        # {"enabled": false} alone switches off what another configuration would add; here is no other.
        raw = {**raw, "mcp": {name: each for name, each in servers.items() if each != {"enabled": False}}}
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{source}: {_placed(error, raw)}.") from None
    for key, value in (("model", config.model), ("small_model", config.small_model)):
        if value is not UNSET and "/" not in value:
            raise SettingsError(f'{source}: {key} must be "provider/model", not {value!r}.')
    return config


def _placed(error: msgspec.ValidationError, raw: JsonObject) -> str:
    """Return what is wrong with a configuration, and with which of a section's entries."""
    for section, entries in raw.items():
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            try:
                msgspec.convert({section: {name: entry}}, Config)
            except msgspec.ValidationError as found:
                return str(found).replace("[...]", f".{name}", 1)
    return str(error)


_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/|,(?=(?:\s|//[^\n]*|/\*.*?\*/)*[}\]])', re.DOTALL)


def _plain_json(text: str) -> str:
    """Return JSON with comments and trailing commas as plain JSON; all else stays where it is."""
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
            raise SettingsError(f"{path} refers to {{file:{name}}}, which can't be read: {error}.") from None

    return _REFERENCE.sub(replace, value)


def references(value: Any) -> Iterator[str]:
    """Yield the names of the environment variables that `value` refers to, as it was written."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from references(item)
    elif isinstance(value, str):
        yield from (match[2].strip() for match in _REFERENCE.finditer(value) if match[1] == "env")


_SECRET = re.compile(r"key|token|secret|password|passphrase|auth|cookie|credential", re.IGNORECASE)
_PRIVATE = ("headers", "environment", "env")
_URL = re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^/?#\s]*@)?([^?#\s]*)\S*", re.IGNORECASE)


def without_secrets(value: Any, name: str = "") -> Any:
    """Return what was written without anything that may be a secret.

    That is: by key, all headers and environments, a command's arguments, and logins and queries in URLs. What
    `{env:…}` and `{file:…}` stand for was never put in.
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
