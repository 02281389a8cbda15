"""Everything that can be set, checked once at start."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import field

from opencode.errors import SettingsError
from opencode.schema.base import JsonObject

from .environment import Network, choice, database_url, integer, networks, origins
from .file import parsed, substituted, without_secrets, written
from .schema import Config
from .warnings import config_warnings

MEGABYTE = 1024 * 1024

_NAMES = ("model", "small_model", "default_agent")
"""Settings that clients act on, shown with what `{env:…}` in them stands for: no secret can be there."""


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
            requests=integer(env, "OPENCODE_RATE_LIMIT", 12_000, 0, 1_000_000),
            running=integer(env, "OPENCODE_MAX_RUNNING", 500, 1, 100_000),
            waiting=integer(env, "OPENCODE_MAX_WAITING", 100, 1, 100_000),
            message=integer(env, "OPENCODE_MAX_MESSAGE_KB", 4096, 1, 1024 * 1024) * 1024,
            attachments=integer(env, "OPENCODE_MAX_ATTACHMENTS", 20, 0, 1000),
            attachment=integer(env, "OPENCODE_MAX_ATTACHMENT_MB", 20, 1, 1024) * MEGABYTE,
        )


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set. `raw` is the opencode.json as it was written, without its secrets.

    `warnings`: what of that file is hardly what was meant.

    `database_url`: of a PostgreSQL database, password included; None for SQLite in `data_dir`.
    `stop_grace`: seconds that running turns may go on once the server is told to stop.
    `environ` holds provider keys by their own variables' names; nothing else should be read from it.
    """

    data_dir: Path
    database_url: str | None = None
    host: str = "0.0.0.0"
    port: int = 7860
    username: str = "opencode"
    password: str | None = None
    config: Config = field(default_factory=Config)
    config_path: Path | None = None
    raw: JsonObject = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
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
        path, as_written = written(env)
        if ":" in env.get("OPENCODE_SERVER_USERNAME", ""):
            raise SettingsError(
                "OPENCODE_SERVER_USERNAME must have no colon: Basic auth ends the name with one."
            )
        raw: JsonObject = substituted(as_written, path or Path("opencode.json"), env)
        return cls(
            data_dir=Path(env.get("OPENCODE_DATA_DIR") or _default_data_dir()).expanduser().absolute(),
            database_url=database_url(env, "OPENCODE_DATABASE_URL"),
            host=env.get("HOST") or "0.0.0.0",
            port=integer(env, "PORT", 7860, 0, 65535),
            username=env.get("OPENCODE_SERVER_USERNAME") or "opencode",
            password=env.get("OPENCODE_SERVER_PASSWORD") or None,
            config=parsed(raw, path),
            config_path=path,
            raw=without_secrets(as_written) | {key: raw[key] for key in _NAMES if key in raw},
            warnings=config_warnings(as_written, str(path or "OPENCODE_CONFIG_CONTENT"), env),
            fetch_allow=networks(env, "OPENCODE_FETCH_ALLOW"),
            max_body_bytes=integer(env, "OPENCODE_MAX_BODY_MB", 32, 1, 1024) * MEGABYTE,
            limits=Limits.load(env),
            trusted_proxies=networks(env, "OPENCODE_TRUSTED_PROXIES"),
            cors=origins(env, "OPENCODE_CORS"),
            log_level=choice(env, "OPENCODE_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
            log_format=choice(env, "OPENCODE_LOG_FORMAT", "TEXT", ("TEXT", "JSON")),
            stop_grace=integer(env, "OPENCODE_STOP_GRACE", 5, 0, 3600),
            environ=env,
        )


def _default_data_dir() -> str:
    """`/data` is a Space's persistent disk; elsewhere the data lives beside the program."""
    return "/data" if os.access("/data", os.W_OK) else "data"
