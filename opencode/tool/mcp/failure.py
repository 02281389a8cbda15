"""How dealing with an MCP server fails, and what of it may be said."""

import re
from urllib.parse import parse_qsl, urlsplit

from opencode.schema.base import given
from opencode.schema.mcp import McpConfig, McpLocalConfig

CONNECT_SECONDS = 30.0
"""How long a server may take until its tools are known, where its `timeout` does not say."""

CALL_SECONDS = 60.0
"""How long a call may go without an answer or a word of progress, where `timeout` does not say."""

_MAX_REASON = 500
_SHORTEST_SECRET = 6


class ConnectionFailed(Exception):
    """A server can't be reached, or is lost: `reason` says why. `unauthorized`: it wants other headers."""

    def __init__(self, reason: str, unauthorized: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.unauthorized = unauthorized


class CallRefused(Exception):
    """A server answered a call with an error; the connection is well."""


def connect_seconds(config: McpConfig) -> float:
    return given(config.timeout, int(CONNECT_SECONDS * 1000)) / 1000


def call_seconds(config: McpConfig) -> float:
    return given(config.timeout, int(CALL_SECONDS * 1000)) / 1000


class Redactor:
    """Takes a server's secrets out of what is said of it: header values, environment, the address's query."""

    def __init__(self, config: McpConfig) -> None:
        secrets = {word for value in _private(config) for word in (value, value.rpartition(" ")[2])}
        long = sorted((each for each in secrets if len(each) >= _SHORTEST_SECRET), key=len, reverse=True)
        self._secret = re.compile("|".join(map(re.escape, long)) or r"(?!)")

    def __call__(self, text: str) -> str:
        return self._secret.sub("…", text)

    def reason(self, text: str) -> str:
        """Return a server's words on one line, short enough for a status."""
        return self(" ".join(text.split()))[:_MAX_REASON]


def _private(config: McpConfig) -> list[str]:
    if isinstance(config, McpLocalConfig):
        return list(config.environment.values())
    try:
        address = urlsplit(config.url)
    except ValueError:
        return [*config.headers.values(), config.url]
    query = [value for _, value in parse_qsl(address.query)]
    return [*config.headers.values(), *query, address.query, address.username or "", address.password or ""]
