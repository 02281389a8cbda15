"""Settings, read and checked once at start: the environment, and an opencode.json in its own format."""

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from opencode.errors import SettingsError
from opencode.schema.base import JsonObject, Wire
from opencode.schema.mcp import McpConfig
from opencode.schema.session import PermissionAction

MEGABYTE = 1024 * 1024

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PermissionConfig = PermissionAction | dict[str, PermissionAction | dict[str, PermissionAction]]


class ConfigStruct(Wire, rename="camel"):
    """Base of opencode.json's objects: keys that this server has no use for are ignored."""


class CostConfig(msgspec.Struct):
    """USD per million tokens."""

    input: float
    output: float
    cache_read: float = 0
    cache_write: float = 0


class LimitConfig(msgspec.Struct):
    """Tokens."""

    context: int
    output: int
    input: int | UnsetType = UNSET


class ModalitiesConfig(msgspec.Struct):
    input: list[str] | UnsetType = UNSET
    output: list[str] | UnsetType = UNSET


class ModelConfig(msgspec.Struct):
    """A model of a provider entry. `id`: the name to send, where it is not the entry's own key."""

    id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    family: str | UnsetType = UNSET
    release_date: str | UnsetType = UNSET
    attachment: bool | UnsetType = UNSET
    reasoning: bool | UnsetType = UNSET
    temperature: bool | UnsetType = UNSET
    tool_call: bool | UnsetType = UNSET
    interleaved: bool | str | dict[str, str] | UnsetType = UNSET
    cost: CostConfig | UnsetType = UNSET
    limit: LimitConfig | UnsetType = UNSET
    modalities: ModalitiesConfig | UnsetType = UNSET
    status: Literal["alpha", "beta", "deprecated", "active"] | UnsetType = UNSET
    options: JsonObject = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    variants: dict[str, JsonObject] = field(default_factory=dict)


class ProviderOptions(ConfigStruct):
    """`timeout`, `header_timeout`, `chunk_timeout`: ms, or false for none."""

    api_key: str | UnsetType = UNSET
    base_url: str | UnsetType = field(default=UNSET, name="baseURL")
    headers: dict[str, str] = field(default_factory=dict)
    timeout: int | Literal[False] | UnsetType = UNSET
    header_timeout: int | Literal[False] | UnsetType = UNSET
    chunk_timeout: int | Literal[False] | UnsetType = UNSET


class ProviderConfig(ConfigStruct):
    """`npm` names opencode's driver; it tells which wire the provider speaks."""

    name: str | UnsetType = UNSET
    npm: str | UnsetType = UNSET
    api: str | UnsetType = UNSET
    env: list[str] = field(default_factory=list)
    options: ProviderOptions = field(default_factory=ProviderOptions)
    models: dict[str, ModelConfig] = field(default_factory=dict)
    whitelist: list[str] | UnsetType = UNSET
    blacklist: list[str] = field(default_factory=list)


class AgentConfig(ConfigStruct):
    """`steps`: how many requests to the model one turn may make."""

    model: str | UnsetType = UNSET
    variant: str | UnsetType = UNSET
    temperature: float | UnsetType = UNSET
    top_p: float | UnsetType = field(default=UNSET, name="top_p")
    prompt: str | UnsetType = UNSET
    tools: dict[str, bool] = field(default_factory=dict)
    disable: bool = False
    description: str | UnsetType = UNSET
    mode: Literal["subagent", "primary", "all"] | UnsetType = UNSET
    hidden: bool | UnsetType = UNSET
    color: str | UnsetType = UNSET
    steps: int | UnsetType = UNSET
    max_steps: int | UnsetType = UNSET
    options: JsonObject = field(default_factory=dict)
    permission: PermissionConfig | UnsetType = UNSET


class CommandConfig(ConfigStruct):
    template: str
    description: str | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    subtask: bool | UnsetType = UNSET


class Config(ConfigStruct):
    """What an opencode.json may say, as far as this server acts on it."""

    model: str | UnsetType = UNSET
    small_model: str | UnsetType = field(default=UNSET, name="small_model")
    default_agent: str | UnsetType = field(default=UNSET, name="default_agent")
    username: str | UnsetType = UNSET
    provider: dict[str, ProviderConfig] = field(default_factory=dict)
    disabled_providers: list[str] = field(default_factory=list, name="disabled_providers")
    enabled_providers: list[str] | UnsetType = field(default=UNSET, name="enabled_providers")
    agent: dict[str, AgentConfig] = field(default_factory=dict)
    command: dict[str, CommandConfig] = field(default_factory=dict)
    permission: PermissionConfig = field(default_factory=dict)
    tools: dict[str, bool] = field(default_factory=dict)
    instructions: list[str] = field(default_factory=list)
    mcp: dict[str, McpConfig] = field(default_factory=dict)
    share: Literal["manual", "auto", "disabled"] = "manual"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one client, one session and one message may ask for; far above what people need.

    `requests`: that one client may send a minute, 0 for any number. `running`: sessions at work at once.
    `waiting`: prompts of one session that no step has answered yet. Sizes are bytes.
    """

    requests: int = 12_000
    running: int = 500
    waiting: int = 100
    message: int = 4 * MEGABYTE
    attachments: int = 20
    attachment: int = 20 * MEGABYTE

    @classmethod
    def load(cls, env: Mapping[str, str]) -> "Limits":
        """Read the limits from the environment; raises SettingsError."""
        return cls(
            requests=_integer(env, "OPENCODE_RATE_LIMIT", 12_000, 0, 1_000_000),
            running=_integer(env, "OPENCODE_MAX_RUNNING", 500, 1, 100_000),
            waiting=_integer(env, "OPENCODE_MAX_WAITING", 100, 1, 100_000),
            message=_integer(env, "OPENCODE_MAX_MESSAGE_KB", 4096, 1, 1024 * 1024) * 1024,
            attachments=_integer(env, "OPENCODE_MAX_ATTACHMENTS", 20, 0, 1000),
            attachment=_integer(env, "OPENCODE_MAX_ATTACHMENT_MB", 20, 1, 1024) * MEGABYTE,
        )


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set. `raw` is the opencode.json as it was written, without its secrets.

    `stop_grace`: seconds that running turns may go on once the server is told to stop.
    `environ` holds provider keys by their own variables' names; nothing else should be read from it.
    """

    data_dir: Path
    host: str = "0.0.0.0"
    port: int = 7860
    username: str = "opencode"
    password: str | None = None
    config: Config = field(default_factory=Config)
    config_path: Path | None = None
    raw: JsonObject = field(default_factory=dict)
    fetch_allow: tuple[Network, ...] = ()
    max_body_bytes: int = 32 * MEGABYTE
    limits: Limits = field(default_factory=Limits)
    trusted_proxies: tuple[Network, ...] = ()
    cors: frozenset[str] = frozenset()
    log_level: str = "INFO"
    log_format: str = "TEXT"
    stop_grace: float = 5
    environ: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Settings(data_dir={str(self.data_dir)!r}, host={self.host!r}, port={self.port})"

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment and the configuration file; raises SettingsError with one line."""
        env = dict(os.environ if environ is None else environ)
        path, written = _written(env)
        raw: JsonObject = _substitute(written, path or Path("opencode.json"), env)
        return cls(
            data_dir=Path(env.get("OPENCODE_DATA_DIR") or _default_data_dir()).expanduser().absolute(),
            host=env.get("HOST") or "0.0.0.0",
            port=_integer(env, "PORT", 7860, 0, 65535),
            username=env.get("OPENCODE_SERVER_USERNAME") or "opencode",
            password=env.get("OPENCODE_SERVER_PASSWORD") or None,
            config=_parse_config(raw, path),
            config_path=path,
            raw=_without_secrets(written) | {key: raw[key] for key in _NAMES if key in raw},
            fetch_allow=_networks(env, "OPENCODE_FETCH_ALLOW"),
            max_body_bytes=_integer(env, "OPENCODE_MAX_BODY_MB", 32, 1, 1024) * MEGABYTE,
            limits=Limits.load(env),
            trusted_proxies=_networks(env, "OPENCODE_TRUSTED_PROXIES"),
            cors=_origins(env, "OPENCODE_CORS"),
            log_level=_choice(env, "OPENCODE_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
            log_format=_choice(env, "OPENCODE_LOG_FORMAT", "TEXT", ("TEXT", "JSON")),
            stop_grace=_integer(env, "OPENCODE_STOP_GRACE", 5, 0, 3600),
            environ=env,
        )


def _default_data_dir() -> str:
    """`/data` is a Space's persistent disk; elsewhere the data lives beside the program."""
    return "/data" if os.access("/data", os.W_OK) else "data"


def _integer(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name)
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise SettingsError(f"{name} must be a whole number from {low} to {high}, not {text!r}.")
    return value


def _choice(env: Mapping[str, str], name: str, default: str, known: tuple[str, ...]) -> str:
    value = (env.get(name) or default).upper()
    if value not in known:
        raise SettingsError(f"{name} must be one of {', '.join(known)}, not {value!r}.")
    return value


def _networks(env: Mapping[str, str], name: str) -> tuple[Network, ...]:
    try:
        return tuple(
            ipaddress.ip_network(text.strip()) for text in env.get(name, "").split(",") if text.strip()
        )
    except ValueError as error:
        raise SettingsError(f"{name} must be a comma-separated list of networks: {error}.") from None


_ORIGIN = re.compile(r"https?://[^/@?#\s*]+")


def _origins(env: Mapping[str, str], name: str) -> frozenset[str]:
    origins = [text.strip().rstrip("/").lower() for text in env.get(name, "").split(",") if text.strip()]
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"{name} must be comma-separated origins, such as https://app.example, not {origin!r}."
            )
    return frozenset(origins)


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


def _written(env: Mapping[str, str]) -> tuple[Path | None, JsonObject]:
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
    try:
        raw = msgspec.json.decode(_plain_json(text))
    except msgspec.DecodeError as error:
        raise SettingsError(f"{source} is not valid JSON: {error}.") from None
    if not isinstance(raw, dict):
        raise SettingsError(f"{source} must hold a JSON object.")
    return raw


def _parse_config(raw: JsonObject, path: Path | None) -> Config:
    source = path or "OPENCODE_CONFIG_CONTENT"
    servers = raw.get("mcp")
    if isinstance(servers, dict):
        # {"enabled": false} alone switches off what another configuration would add; here is no other.
        raw = {**raw, "mcp": {name: each for name, each in servers.items() if each != {"enabled": False}}}
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{source}: {error}.") from None
    for key, value in (("model", config.model), ("small_model", config.small_model)):
        if value is not UNSET and "/" not in value:
            raise SettingsError(f'{source}: {key} must be "provider/model", not {value!r}.')
    return config


_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/|,(?=(?:\s|//[^\n]*|/\*.*?\*/)*[}\]])', re.DOTALL)


def _plain_json(text: str) -> str:
    """Return JSON with comments and trailing commas as plain JSON; strings stay as they are."""
    return _TOKEN.sub(lambda match: match[0] if match[0].startswith('"') else " ", text)


_REFERENCE = re.compile(r"\{(env|file):([^}]+)\}")


def _substitute(value: Any, path: Path, env: Mapping[str, str]) -> Any:
    """Return `value` with every `{env:NAME}` and `{file:PATH}` in its strings replaced."""
    if isinstance(value, dict):
        return {key: _substitute(item, path, env) for key, item in value.items()}
    if isinstance(value, list):
        return [_substitute(item, path, env) for item in value]
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


_SECRET = re.compile(r"key|token|secret|password|passphrase|auth|cookie|credential", re.IGNORECASE)
_PRIVATE = ("headers", "environment", "env")
_NAMES = ("model", "small_model", "default_agent")
"""Settings that clients act on, shown with what `{env:…}` in them stands for: no secret can be there."""
_URL = re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^/?#\s]*@)?([^?#\s]*)\S*", re.IGNORECASE)


def _without_secrets(value: Any, name: str = "") -> Any:
    """Return what was written without anything that may be a secret.

    That is: by key, all headers and environments, a command's arguments, and logins and queries in URLs. What
    `{env:…}` and `{file:…}` stand for was never put in.
    """
    if isinstance(value, dict):
        return {
            key: _without_secrets(item, key)
            for key, item in value.items()
            if not _SECRET.search(key) and not (key in _PRIVATE and isinstance(item, dict))
        }
    if isinstance(value, list):
        shown = value[:1] if name == "command" else value
        return [_without_secrets(item, name) for item in shown]
    return _URL.sub(r"\1\2", value) if isinstance(value, str) else value
