"""A set-up: the configuration of all places as one, and what was left out of it."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import field

from opencode.errors import SettingsError
from opencode.schema.base import JsonObject
from opencode.schema.explain import explain
from opencode.schema.mcp import McpConfig

from . import variables
from .file import file_references, named_models, parse_config, substituted, without_secrets
from .http_url import is_http_url
from .jsonc import decode
from .markdown import MarkdownSetup, SkillFile, read
from .merge import displayed, merged, merged_configs, normalized
from .places import Places, find_places, skill_folders
from .schema import Config
from .warnings import SHOWN_KEYS, config_warnings

MAX_FILE_BYTES = 5 * 1024 * 1024
"""Most bytes of a configuration file."""

_SHOWN_FILLED_IN = ("model", "small_model", "default_agent")
"""Settings that clients act on. They are shown with `{env:…}` filled in, since they can hold no secret."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What was read. `shown`: the configuration as it was written, without its secrets.

    `path`: the file that counts most, None without one. `sources`: all files, in the order in which they
    were merged. `included`: files that `{file:…}` names. `skills`: those of all folders. `left_out_mcp`:
    the reason for each MCP server whose entry can't be used.
    """

    places: Places
    config: Config = field(default_factory=Config)
    shown: JsonObject = field(default_factory=dict)
    path: Path | None = None
    sources: tuple[str, ...] = ()
    included: tuple[Path, ...] = ()
    left_out_mcp: dict[str, str] = field(default_factory=dict)
    skills: tuple[SkillFile, ...] = ()
    warnings: tuple[str, ...] = ()


def read_setup(env: Mapping[str, str]) -> Setup:
    """Read and merge all places; raises SettingsError for what is no configuration.

    What opencode starts with never stops the start: it is left out with a warning.
    """
    places = find_places(env)
    written: JsonObject = {}
    raw: JsonObject = {}
    warnings: list[str] = []
    sources: list[str] = []
    included: list[Path] = []
    elsewhere = read((), tuple(skill_folders(places)))
    skills = dict(elsewhere.skills)
    warnings.extend(elsewhere.warnings)
    for source, directory, content in _contents(places, env):
        if isinstance(content, MarkdownSetup):
            written, raw = merged(written, content.config), merged(raw, content.config)
            warnings += (*content.warnings, *_model_warnings(content.config, source))
            skills |= content.skills
            continue
        included += file_references(content, directory)
        filled_in = substituted(content, directory / "opencode.json", env)
        _check(filled_in, source)
        join = merged if source in map(str, places.user) else merged_configs
        written, raw = join(written, content), join(raw, filled_in)
        warnings += (*config_warnings(content, source, env), *_model_warnings(filled_in, source))
        sources.append(source)
    written, raw = normalized(written), normalized(raw)
    path = places.named or next(reversed((*places.user, *places.files)), None)
    usable, left_out_mcp = _with_usable_mcp(raw)
    usable, without_address = _with_usable_providers(usable)
    source = str(path or variables.CONFIG_CONTENT.name)
    config = parse_config(_with_usable_models(usable), source)
    written = {key: value for key, value in displayed(written).items() if key in SHOWN_KEYS}
    shown = without_secrets(written) | {key: raw[key] for key in _SHOWN_FILLED_IN if key in raw}
    return Setup(
        places=places,
        config=config,
        shown=shown,
        path=path,
        sources=tuple(sources),
        included=tuple(included),
        left_out_mcp=left_out_mcp,
        skills=tuple(skills.values()),
        warnings=(
            *warnings,
            *(f"{source}: {warning}" for warning in without_address),
            *(f"{source}: the MCP server {name} is left out: {why}" for name, why in left_out_mcp.items()),
        ),
    )


def _contents(
    places: Places, env: Mapping[str, str]
) -> Iterator[tuple[str, Path, JsonObject | MarkdownSetup]]:
    """Yield the name, directory and content of each place, the one that counts most last.

    A folder's Markdown counts more than its files, but a file counts once.
    """
    known: set[Path] = set()

    def of(files: Iterable[Path]) -> Iterator[tuple[str, Path, JsonObject]]:
        for path in files:
            if path not in known:
                known.add(path)
                yield str(path), path.parent, decode(_text(path), str(path), env)

    yield from of((*places.user, *([places.named] if places.named else []), *places.files))
    for folder in places.folders:
        yield from of(folder.files)
        yield str(folder.path), folder.path, read([folder.path])
    if text := variables.CONFIG_CONTENT.read(env):
        name = variables.CONFIG_CONTENT.name
        yield name, places.project, decode(text, name, env)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}.") from None
    if len(content) > MAX_FILE_BYTES:
        raise SettingsError(f"{path} is larger than {MAX_FILE_BYTES // 1024 // 1024} MB: make it smaller.")
    return content.decode("utf-8", errors="replace")  # as opencode: a comment in another encoding is harmless


def _check(raw: JsonObject, source: str) -> None:
    """Raise SettingsError for a wrong value: the file that holds it is known here, and not in the whole.

    MCP servers are judged in the whole, where an entry of one file completes that of another.
    """
    servers = raw.get("mcp", {})
    if not isinstance(servers, dict):
        parse_config(raw, source)
    parse_config({key: value for key, value in raw.items() if key != "mcp"}, source)


def _with_usable_mcp(raw: JsonObject) -> tuple[JsonObject, dict[str, str]]:
    """Return a configuration without the MCP servers whose entries can't be used, and the reasons.

    `{"enabled": false}` alone switches off a server that no other file has: it is no fault.
    """
    usable: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for name, entry in raw.get("mcp", {}).items():
        try:
            msgspec.convert(entry, McpConfig)
        except msgspec.ValidationError as error:
            if entry != {"enabled": False}:
                left_out[name] = _reason(error, entry)
        else:
            usable[name] = entry
    return ({**raw, "mcp": usable} if "mcp" in raw else raw), left_out


def _reason(error: msgspec.ValidationError, entry: Any) -> str:
    if isinstance(entry, dict) and "type" not in entry:
        return 'type is missing: write "local" for a program or "remote" for an address.'
    if isinstance(entry, dict) and entry.get("command") == []:
        return "command is empty: name the program and its arguments."
    return explain(error, McpConfig, entry, whole="the entry", show=False)


def _with_usable_providers(raw: JsonObject) -> tuple[JsonObject, list[str]]:
    """Return a configuration without the providers whose base URL is no address, and a warning for each."""
    providers = raw.get("provider", {})
    left_out = {
        name: where
        for name, entry in providers.items()
        for where, url in (
            ("options.baseURL", entry.get("options", {}).get("baseURL")),
            ("api", entry.get("api")),
        )
        if url and not is_http_url(url)
    }
    if not left_out:
        return raw, []
    usable = {name: entry for name, entry in providers.items() if name not in left_out}
    return {**raw, "provider": usable}, [
        f"provider.{name} is left out: its {where} must be an address such as https://host/v1 or "
        "http://localhost:11434/v1."
        for name, where in left_out.items()
    ]


def _is_usable_model(name: Any) -> bool:
    return not isinstance(name, str) or "/" in name


def _model_warnings(raw: JsonObject, source: str) -> Iterator[str]:
    """Yield a warning for each model without a provider; an empty one means that none is set."""
    config = parse_config({key: raw[key] for key in raw if key in _WITH_MODELS}, source)
    for place, name in named_models(config):
        if name and not _is_usable_model(name) and not place.startswith("command."):
            yield f'{source}: {place} is left out: write it as "provider/model", not {name!r}.'


_WITH_MODELS = ("model", "small_model", "agent", "mode")


def _with_usable_models(raw: JsonObject) -> JsonObject:
    """Return a configuration without models that have no provider, and without empty ones."""
    result = {
        key: value
        for key, value in raw.items()
        if key not in ("model", "small_model") or _is_usable_model(value)
    }
    for kind in ("agent", "mode"):
        if kind in result:
            result[kind] = {
                name: {
                    key: value for key, value in entry.items() if key != "model" or _is_usable_model(value)
                }
                for name, entry in result[kind].items()
            }
    if "command" in result:
        result["command"] = {
            name: {key: value for key, value in entry.items() if key != "model" or value}
            for name, entry in result["command"].items()
        }
    return result
