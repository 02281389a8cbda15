"""Every environment variable that the server reads: its name, default, parser and meaning.

README's table lists the same names; a test compares the two.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from opencode.errors import SettingsError

from .database_address import database_address
from .environment import (
    base_url,
    choice,
    decimal,
    host_names,
    http_address,
    integer,
    mcp_kinds,
    networks,
    optional_text,
    origins,
    secret,
    text,
    user_name,
)

T = TypeVar("T")


class Variable(msgspec.Struct, Generic[T], frozen=True):
    """One environment variable. `default` is used where it is unset or empty; `doc` says what it sets.

    `if_empty`: what would happen if it was set but empty, where that is nothing that the operator can have
    meant; the start stops then. A secret that is missing from its store looks like that.
    """

    name: str
    default: str
    parse: Callable[[str], T]
    doc: str
    if_empty: str = ""

    def read(self, env: Mapping[str, str]) -> T:
        """Return the variable's value; raises SettingsError, which names it, where the value is wrong."""
        value = env.get(self.name)
        if self.if_empty and value is not None and not value.strip():
            raise SettingsError(
                f"{self.name} is set but empty, so {self.if_empty}. Give it a value, or unset it."
            )
        try:
            return self.parse(value or self.default)
        except ValueError as error:
            raise SettingsError(f"{self.name} {error}.") from None


HOST = Variable("HOST", "0.0.0.0", text, "address to listen on")
PORT = Variable("PORT", "7860", integer(0, 65535), "port to listen on")
DATA_DIR = Variable("OPENCODE_DATA_DIR", "", text, "directory of the database and the keys")
DATABASE_URL = Variable(
    "OPENCODE_DATABASE_URL",
    "",
    database_address,
    "PostgreSQL database",
    if_empty="the chats would be stored in SQLite instead of PostgreSQL",
)
SECRET = Variable(
    "OPENCODE_SECRET",
    "",
    secret,
    "what keys set at run time are encrypted with in a PostgreSQL database",
    if_empty="keys could not be stored in the database",
)
CLUSTER_ADDRESS = Variable(
    "OPENCODE_CLUSTER_ADDRESS",
    "",
    http_address,
    "where other servers of the same database reach this one",
)
CONFIG = Variable("OPENCODE_CONFIG", "", text, "path of the configuration file")
CONFIG_CONTENT = Variable("OPENCODE_CONFIG_CONTENT", "", text, "the configuration itself, as JSON")
CONFIG_DIR = Variable("OPENCODE_CONFIG_DIR", "", text, "a further folder with configuration and Markdown")
DIRECTORY = Variable("OPENCODE_DIRECTORY", "", text, "directory of the project whose set-up is read")
WORKSPACE = Variable(
    "OPENCODE_WORKSPACE",
    "off",
    choice("off", "read", "write"),
    "what models may do with the files of the project's directory: off, read or write",
)
PERMISSION = Variable("OPENCODE_PERMISSION", "", text, "rules of rights that count most, as JSON")
PASSWORD = Variable(
    "OPENCODE_SERVER_PASSWORD",
    "",
    optional_text,
    "password that clients must send",
    if_empty="the server would start without a password",
)
USERNAME = Variable("OPENCODE_SERVER_USERNAME", "opencode", user_name, "user name that clients must send")
FETCH_ALLOW = Variable("OPENCODE_FETCH_ALLOW", "", networks, "private networks that web fetch may reach")
TRUSTED_PROXIES = Variable("OPENCODE_TRUSTED_PROXIES", "", networks, "networks of the proxies in front")
CORS = Variable("OPENCODE_CORS", "", origins, "web origins that may call the API")
HOSTS = Variable(
    "OPENCODE_HOSTS", "", host_names, "host names of this server, which one without a password must know"
)
RESUME = Variable(
    "OPENCODE_RESUME", "on", choice("on", "off"), "whether answers that a stop cut go on at the next start"
)
ALLOW_MCP = Variable(
    "OPENCODE_ALLOW_MCP", "", mcp_kinds, "MCP servers that clients may add: local, remote, or both"
)
SPACE_ID = Variable("SPACE_ID", "", optional_text, "set by Hugging Face: this server is that Space")
SPACE_HOST = Variable("SPACE_HOST", "", text, "set by Hugging Face: host name of the Space")
MAX_BODY_MB = Variable("OPENCODE_MAX_BODY_MB", "32", integer(1, 1024), "MB in a request body")
RATE_LIMIT = Variable(
    "OPENCODE_RATE_LIMIT", "12000", integer(0, 1_000_000), "requests per minute and client; 0: unlimited"
)
MAX_CONNECTIONS = Variable(
    "OPENCODE_MAX_CONNECTIONS", "10000", integer(10, 1_000_000), "open connections in all"
)
MAX_CLIENT_CONNECTIONS = Variable(
    "OPENCODE_MAX_CLIENT_CONNECTIONS", "1000", integer(1, 1_000_000), "open connections of a client"
)
MAX_CLIENT_STREAMS = Variable(
    "OPENCODE_MAX_CLIENT_STREAMS", "256", integer(1, 1_000_000), "open event streams of a client"
)
MAX_RUNNING = Variable("OPENCODE_MAX_RUNNING", "500", integer(1, 100_000), "sessions running at once")
MAX_WAITING = Variable("OPENCODE_MAX_WAITING", "100", integer(1, 100_000), "queued prompts of a session")
MAX_MESSAGE_KB = Variable(
    "OPENCODE_MAX_MESSAGE_KB", "4096", integer(1, 1024 * 1024), "KB of text in a message"
)
MAX_ATTACHMENTS = Variable("OPENCODE_MAX_ATTACHMENTS", "20", integer(0, 1000), "files in a message")
MAX_ATTACHMENT_MB = Variable("OPENCODE_MAX_ATTACHMENT_MB", "20", integer(1, 1024), "MB in an attached file")
STOP_GRACE = Variable("OPENCODE_STOP_GRACE", "5", integer(0, 3600), "seconds for running turns at shutdown")
LOG_LEVEL = Variable(
    "OPENCODE_LOG_LEVEL", "INFO", choice("DEBUG", "INFO", "WARNING", "ERROR"), "lowest level logged"
)
LOG_FORMAT = Variable("OPENCODE_LOG_FORMAT", "TEXT", choice("TEXT", "JSON"), "form of a log line")
DEMO_PACE = Variable("OPENCODE_DEMO_PACE", "80", decimal, "tokens per second of the demo model; 0: at once")

_PROVIDERS: tuple[Variable[Any], ...] = (
    Variable("ANTHROPIC_API_KEY", "", optional_text, "key of Anthropic"),
    Variable("OPENAI_API_KEY", "", optional_text, "key of OpenAI"),
    Variable("HF_TOKEN", "", optional_text, "key of Hugging Face's router"),
    Variable("ANTHROPIC_BASE_URL", "", base_url, "another server with Anthropic's API"),
    Variable("OPENAI_BASE_URL", "", base_url, "another server with OpenAI's API"),
    Variable("OPENAI_API", "", text, "API of OPENAI_BASE_URL: responses or chat"),
)
_SEARCH: tuple[Variable[Any], ...] = tuple(
    variable
    for name in ("EXA", "TAVILY", "BRAVE")
    for variable in (
        Variable(f"{name}_API_KEY", "", optional_text, "key of a search service"),
        Variable(f"{name}_BASE_URL", "", base_url, "another server with that service's API"),
    )
)

VARIABLES: tuple[Variable[Any], ...] = (
    *(HOST, PORT, DATA_DIR, DATABASE_URL, CLUSTER_ADDRESS, SECRET, CONFIG, CONFIG_CONTENT),
    *(CONFIG_DIR, DIRECTORY, WORKSPACE, PERMISSION, PASSWORD, USERNAME),
    *(FETCH_ALLOW, TRUSTED_PROXIES, CORS, HOSTS, ALLOW_MCP, SPACE_ID, SPACE_HOST),
    *(MAX_CONNECTIONS, MAX_CLIENT_CONNECTIONS, MAX_CLIENT_STREAMS),
    *(MAX_BODY_MB, RATE_LIMIT, MAX_RUNNING, MAX_WAITING),
    *(MAX_MESSAGE_KB, MAX_ATTACHMENTS, MAX_ATTACHMENT_MB),
    *(STOP_GRACE, RESUME, LOG_LEVEL, LOG_FORMAT),
    *(DEMO_PACE, *_PROVIDERS, *_SEARCH),
)


def is_set(env: Mapping[str, str], *names: str) -> bool:
    """Return whether one of opencode's switches, such as OPENCODE_DISABLE_PROJECT_CONFIG, is on."""
    return any(env.get(name, "").lower() in ("1", "true") for name in names)


def empty_key_warnings(env: Mapping[str, str]) -> tuple[str, ...]:
    """Return a sentence for each key of a provider or search service that is set but empty."""
    names = [variable.name for variable in (*_PROVIDERS, *_SEARCH) if variable.parse is optional_text]
    return tuple(
        f"{name} is set but empty: it has no effect."
        for name in names
        if name in env and not env[name].strip()
    )


def check_variables(env: Mapping[str, str]) -> None:
    """Raise SettingsError for the first variable with a wrong value, also for those read later."""
    for variable in VARIABLES:
        variable.read(env)
