"""A set-up: the configuration of all places as one, and what was left out of it."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import field

from opencode.errors import SettingsError
from opencode.schema.base import JsonObject

from . import variables
from .absent import absent_warnings
from .file import file_references, named_models, parse_config, substituted, without_secrets
from .http_url import is_http_url
from .jsonc import decode
from .markdown import Files, MarkdownSetup, SkillFile, read
from .mcp_entries import left_out_mcp, with_directories, with_switches, with_usable_mcp
from .merge import completed, merged, merged_configs, normalized
from .places import Places, find_places, skill_folders
from .saved import read_saved
from .schema import Config, PermissionConfig
from .second_form import first_form
from .shown import shown_keys
from .warnings import config_warnings

MAX_FILE_BYTES = 5 * 1024 * 1024
"""Most bytes of a configuration file."""

_Join = Callable[[JsonObject, JsonObject], JsonObject]

_SHOWN_FILLED_IN = ("model", "small_model", "default_agent")
"""Settings that clients act on. They are shown with `{env:…}` filled in, since they can hold no secret."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What was read. `shown`: the configuration as it was written, without its secrets.

    `path`: the file that counts most, None without one. `sources`: all files, in the order in which they
    were merged. `included`: files that they name. `skills`: those of all folders. `left_out_mcp`: the reason
    for each MCP server whose entry can't be used. `added_providers`: those that clients have added.
    """

    places: Places
    config: Config = field(default_factory=Config)
    shown: JsonObject = field(default_factory=dict)
    path: Path | None = None
    sources: tuple[str, ...] = ()
    included: tuple[Path, ...] = ()
    left_out_mcp: dict[str, str] = field(default_factory=dict)
    skills: tuple[SkillFile, ...] = ()
    added_providers: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_setup(env: Mapping[str, str]) -> Setup:
    """Read and merge all places; raises SettingsError for what is no configuration.

    What opencode starts with never stops the start: it is left out with a warning.
    """
    places = find_places(env)
    files = Files()
    whole = _Whole()
    elsewhere = read((), tuple(skill_folders(places, env)), files)
    skills = dict(elsewhere.skills)
    for source, directory, content in _contents(places, env, files):
        if isinstance(content, MarkdownSetup):
            whole.add(content.config, content.config, merged)
            whole.warnings += _model_warnings(content.config, source)
            skills |= content.skills
        else:
            join = merged if source in map(str, places.user) else merged_configs
            whole.add_file(source, directory, content, env, join)
    whole.add_saved(places.saved)
    permission = _permission(env, whole.warnings)
    written, raw = completed(whole.written, permission), completed(whole.raw, permission)
    path = places.named or next(reversed((*places.user, *places.files)), None)
    usable, left_out_mcp = with_usable_mcp(raw, whole.left_out_mcp)
    usable, without_address = _with_usable_providers(usable)
    source = str(path or variables.CONFIG_CONTENT.name)
    config = parse_config(with_directories(_with_usable_models(usable), places.project), source)
    further = _further_skills(config, places, whole.warnings)
    of_further = read((), further, files).skills
    skills |= of_further
    shown = without_secrets(shown_keys(written))
    return Setup(
        places=places,
        config=config,
        shown=shown | {key: raw[key] for key in _SHOWN_FILLED_IN if key in raw},
        path=path,
        sources=tuple(whole.sources),
        included=(*whole.included, *further, *(Path(skill.location) for skill in of_further.values())),
        left_out_mcp=left_out_mcp,
        skills=tuple(skills.values()),
        added_providers=whole.added_providers,
        warnings=(
            *whole.warnings,
            *files.warnings,
            *(f"{source}: {warning}" for warning in without_address),
            *(f"{source}: the MCP server {name} is left out: {why}" for name, why in left_out_mcp.items()),
            *absent_warnings(raw, places, env),
        ),
    )


class _Whole:
    """The configuration of the places so far: `written`, and `raw` with its references filled in."""

    def __init__(self) -> None:
        self.written: JsonObject = {}
        self.raw: JsonObject = {}
        self.warnings: list[str] = []
        self.sources: list[str] = []
        self.included: list[Path] = []
        self.left_out_mcp: dict[str, str] = {}
        self.added_providers: tuple[str, ...] = ()

    def add(self, written: JsonObject, raw: JsonObject, join: _Join) -> None:
        """Add what counts more than all before it."""
        self.written = join(self.written, normalized(written))
        self.raw = join(self.raw, normalized(raw))

    def add_file(
        self, source: str, directory: Path, content: JsonObject, env: Mapping[str, str], join: _Join
    ) -> None:
        """Add a file's content; raises SettingsError for a wrong value."""
        self.included += file_references(content, directory, env)
        filled_in = substituted(content, directory / "opencode.json", env)
        raw, warnings = first_form(filled_in, source)
        written, _ = first_form(content, source)
        _check(raw, source)
        self.left_out_mcp |= left_out_mcp(raw)
        self.warnings += (
            *config_warnings(written, source, env),
            *(f"{source}: {warning}" for warning in warnings),
            *_model_warnings(raw, source),
        )
        self.sources.append(source)
        self.add(with_switches(written), with_switches(raw), join)

    def add_saved(self, path: Path | None) -> None:
        """Add what clients have changed; raises SettingsError if that file can't be used.

        A provider of the set-up keeps its address, because its key is sent there.
        """
        saved = read_saved(path) if path else {}
        if not saved:
            return
        known = self.raw.get("provider", {})
        own = saved.get("provider", {})
        if taken := [name for name in own if name in known]:
            saved = {**saved, "provider": {name: own[name] for name in own if name not in known}}
            self.warnings += (
                f"{path}: provider.{name} is left out, because the set-up has a provider of that name."
                for name in taken
            )
        self.added_providers = tuple(saved.get("provider", {}))
        self.sources.append(str(path))
        self.add(saved, saved, merged)


def _permission(env: Mapping[str, str], warnings: list[str]) -> JsonObject:
    """Return the rules of OPENCODE_PERMISSION, which count more than those of all files."""
    if not (text := variables.PERMISSION.read(env)):
        return {}
    try:
        value = msgspec.json.decode(text, type=PermissionConfig)
    except (msgspec.MsgspecError, RecursionError):
        warnings.append(
            f'{variables.PERMISSION.name} is left out: it must be JSON such as {{"webfetch": "deny"}}.'
        )
        return {}
    return {"*": value} if isinstance(value, str) else value


def _further_skills(config: Config, places: Places, warnings: list[str]) -> tuple[Path, ...]:
    """Return the folders of `skills.paths`, which are relative to the project."""
    folders = []
    for name in config.skills.paths:
        at_home = places.home is not None and name.startswith("~/")
        folder = places.home / name[2:] if at_home and places.home else places.project / name
        if os.path.isdir(folder):
            folders.append(folder)
        else:
            warnings.append(f"skills.paths: there is no directory {folder}.")
    return tuple(folders)


def _contents(
    places: Places, env: Mapping[str, str], files: Files
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
        yield str(folder.path), folder.path, read([folder.path], files=files)
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
