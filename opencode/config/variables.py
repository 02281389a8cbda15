"""Every environment variable that the server reads: its name, default, parser and meaning.

README's table lists the same names; a test compares the two.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from opencode.errors import SettingsError

from .environment import (
    base_url,
    choice,
    database_url,
    decimal,
    integer,
    networks,
    optional_text,
    origins,
    text,
    user_name,
)

T = TypeVar("T")


class Variable(msgspec.Struct, Generic[T], frozen=True):
    """One environment variable. `default` is used where it is unset or empty; `doc` says what it sets."""

    name: str
    default: str
    parse: Callable[[str], T]
    doc: str

    def read(self, env: Mapping[str, str]) -> T:
        """Return the variable's value; raises SettingsError, which names it, where the value is wrong."""
        try:
            return self.parse(env.get(self.name) or self.default)
        except ValueError as error:
            raise SettingsError(f"{self.name} {error}.") from None


HOST = Variable("HOST", "0.0.0.0", text, "address to listen on")
PORT = Variable("PORT", "7860", integer(0, 65535), "port to listen on")
DATA_DIR = Variable("OPENCODE_DATA_DIR", "", text, "directory of the database and the keys")
DATABASE_URL = Variable("OPENCODE_DATABASE_URL", "", database_url, "PostgreSQL database")
CONFIG = Variable("OPENCODE_CONFIG", "", text, "path of the configuration file")
CONFIG_CONTENT = Variable("OPENCODE_CONFIG_CONTENT", "", text, "the configuration itself, as JSON")
PASSWORD = Variable("OPENCODE_SERVER_PASSWORD", "", optional_text, "password that clients must send")
USERNAME = Variable("OPENCODE_SERVER_USERNAME", "opencode", user_name, "user name that clients must send")
FETCH_ALLOW = Variable("OPENCODE_FETCH_ALLOW", "", networks, "private networks that web fetch may reach")
TRUSTED_PROXIES = Variable("OPENCODE_TRUSTED_PROXIES", "", networks, "networks of the proxies in front")
CORS = Variable("OPENCODE_CORS", "", origins, "web origins that may call the API")
MAX_BODY_MB = Variable("OPENCODE_MAX_BODY_MB", "32", integer(1, 1024), "MB in a request body")
RATE_LIMIT = Variable(
    "OPENCODE_RATE_LIMIT", "12000", integer(0, 1_000_000), "requests per minute and client; 0: unlimited"
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
    *(HOST, PORT, DATA_DIR, DATABASE_URL, CONFIG, CONFIG_CONTENT, PASSWORD, USERNAME),
    *(FETCH_ALLOW, TRUSTED_PROXIES, CORS, MAX_BODY_MB, RATE_LIMIT, MAX_RUNNING, MAX_WAITING),
    *(MAX_MESSAGE_KB, MAX_ATTACHMENTS, MAX_ATTACHMENT_MB, STOP_GRACE, LOG_LEVEL, LOG_FORMAT),
    *(DEMO_PACE, *_PROVIDERS, *_SEARCH),
)


def check_variables(env: Mapping[str, str]) -> None:
    """Raise SettingsError for the first variable with a wrong value, also for those read later."""
    for variable in VARIABLES:
        variable.read(env)
