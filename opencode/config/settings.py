"""All settings of the server, checked once at start."""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import field

from opencode.schema.base import JsonObject, given

from . import variables
from .environment import Network
from .file import with_single_models
from .fingerprint import Fingerprint, fingerprint
from .markdown import SkillFile
from .places import Places
from .saved import data_directory
from .schema import DEFAULT_AGENT, Config
from .setup import read_setup
from .unknown_variables import unknown_variable_warnings

MEGABYTE = 1024 * 1024


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits for one client, one session and one message; far above what people need.

    `requests`: per minute and client, 0 for no limit. `running`: sessions with a running turn at once.
    `waiting`: queued prompts of one session. `message`, `attachment`: bytes. `connections`: in all.
    """

    requests: int = 12_000
    connections: int = 10_000
    client_connections: int = 1_000
    client_streams: int = 256
    running: int = 500
    waiting: int = 100
    message: int = 4 * MEGABYTE
    attachments: int = 20
    attachment: int = 20 * MEGABYTE

    @classmethod
    def load(cls, env: Mapping[str, str]) -> "Limits":
        """Read the limits from the environment; raises SettingsError."""
        return cls(
            requests=variables.RATE_LIMIT.read(env),
            connections=variables.MAX_CONNECTIONS.read(env),
            client_connections=variables.MAX_CLIENT_CONNECTIONS.read(env),
            client_streams=variables.MAX_CLIENT_STREAMS.read(env),
            running=variables.MAX_RUNNING.read(env),
            waiting=variables.MAX_WAITING.read(env),
            message=variables.MAX_MESSAGE_KB.read(env) * 1024,
            attachments=variables.MAX_ATTACHMENTS.read(env),
            attachment=variables.MAX_ATTACHMENT_MB.read(env) * MEGABYTE,
        )


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. `raw` is the configuration as it was written, without its secrets, in the
    form that clients take. `config_sources`: the files that it was merged from, in their order.

    `warnings`: sentences about probable mistakes, for the log. `places`: where the set-up was looked for.
    `left_out_mcp`: the reason for each MCP server whose entry can't be used. `added_providers`: those that
    clients have added. `included`: files that the configuration names as `{file:…}`. `seen`: the state of
    all files before they were read; None if the settings were not made of files.

    `database_url`: of a PostgreSQL database, password included; None for SQLite in `data_dir`. `secret`: what
    secrets in a PostgreSQL database are encrypted with.
    `cluster_address`: where other servers of the database reach this one, "" to find out.
    `hosts`: names of this server beside those that nobody else can take, lower case; `*.name`: any below it.
    `space_id`, `space_host`: of the Hugging Face Space that this server is. `allow_mcp`: the kinds of MCP
    servers that clients may add, `local` and `remote`.
    `workspace`: what models may do with the files of `directory`: `off`, `read` or `write`.
    `stop_grace`: seconds that running turns get to finish at shutdown. `resume`: whether answers that a stop
    cut go on at the next start.
    `environ`: the environment, for provider keys, whose names the catalog knows; read nothing else from it.
    """

    data_dir: Path
    database_url: str | None = None
    cluster_address: str = ""
    secret: str | None = None
    host: str = "0.0.0.0"
    port: int = 7860
    username: str = "opencode"
    password: str | None = None
    config: Config = field(default_factory=Config)
    config_path: Path | None = None
    config_sources: tuple[str, ...] = ()
    places: Places | None = None
    left_out_mcp: Mapping[str, str] = field(default_factory=dict)
    raw: JsonObject = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    skills: tuple[SkillFile, ...] = ()
    added_providers: tuple[str, ...] = ()
    included: tuple[Path, ...] = ()
    seen: Fingerprint | None = None
    fetch_allow: tuple[Network, ...] = ()
    max_body_bytes: int = 32 * MEGABYTE
    limits: Limits = field(default_factory=Limits)
    trusted_proxies: tuple[Network, ...] = ()
    cors: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    space_id: str | None = None
    space_host: str = ""
    allow_mcp: frozenset[str] = frozenset()
    workspace: str = "off"
    directory: Path = Path()
    log_level: str = "INFO"
    log_format: str = "TEXT"
    stop_grace: float = 5
    resume: bool = True
    environ: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Settings(data_dir={str(self.data_dir)!r}, host={self.host!r}, port={self.port})"

    @property
    def open_to_network(self) -> bool:
        """Whether other machines may use the server without a password, as far as HOST tells."""
        return self.password is None and not _is_loopback(self.host)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment and the configuration file; raises SettingsError with one line."""
        env = dict(os.environ if environ is None else environ)
        variables.check_variables(env)
        return cls(
            data_dir=data_directory(env),
            database_url=variables.DATABASE_URL.read(env),
            secret=variables.SECRET.read(env),
            cluster_address=variables.CLUSTER_ADDRESS.read(env),
            host=variables.HOST.read(env),
            port=variables.PORT.read(env),
            username=variables.USERNAME.read(env),
            password=variables.PASSWORD.read(env),
            fetch_allow=variables.FETCH_ALLOW.read(env),
            max_body_bytes=variables.MAX_BODY_MB.read(env) * MEGABYTE,
            limits=Limits.load(env),
            trusted_proxies=variables.TRUSTED_PROXIES.read(env),
            cors=variables.CORS.read(env),
            hosts=variables.HOSTS.read(env),
            space_id=variables.SPACE_ID.read(env),
            space_host=variables.SPACE_HOST.read(env).strip().lower(),
            allow_mcp=variables.ALLOW_MCP.read(env),
            workspace=variables.WORKSPACE.read(env),
            directory=Path(variables.DIRECTORY.read(env) or ".").expanduser().resolve(),
            log_level=variables.LOG_LEVEL.read(env),
            log_format=variables.LOG_FORMAT.read(env),
            stop_grace=variables.STOP_GRACE.read(env),
            resume=variables.RESUME.read(env) == "on",
            environ=env,
            **_of_files(env),
        )

    def read_again(self) -> "Settings":
        """Return the settings with what the files of the set-up say now; raises SettingsError."""
        return msgspec.structs.replace(self, **_of_files(self.environ))


def _of_files(env: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that files decide."""
    seen = fingerprint(env)  # before they are read: what changes meanwhile is noticed later
    setup = read_setup(env)
    return {
        "config": setup.config,
        "config_path": setup.path,
        "config_sources": setup.sources,
        "places": setup.places,
        "left_out_mcp": setup.left_out_mcp,
        "skills": setup.skills,
        "added_providers": setup.added_providers,
        "included": setup.included,
        "raw": with_single_models(setup.shown, given(setup.config.default_agent, DEFAULT_AGENT)),
        "warnings": (
            *unknown_variable_warnings(env),
            *variables.empty_key_warnings(env),
            *setup.warnings,
        ),
        "seen": seen.including(setup.included),
    }


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
