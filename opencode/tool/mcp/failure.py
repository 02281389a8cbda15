"""Failures of MCP servers, their time limits, and redaction of their secrets."""

import re
from urllib.parse import parse_qsl, urlsplit

from opencode.schema.base import given
from opencode.schema.mcp import McpConfig, McpLocalConfig

CONNECT_SECONDS = 30.0
"""Seconds to connect to a server and list its tools, without a `timeout` of its own."""

CALL_SECONDS = 60.0
"""Seconds that a call may take without an answer or progress, unless `timeout` says otherwise."""

_MAX_REASON = 500
_SHORTEST_SECRET = 6


class ConnectionFailed(Exception):
    """A server can't be reached or was lost: `reason` says why. `unauthorized`: by its credentials."""

    def __init__(self, reason: str, unauthorized: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.unauthorized = unauthorized


class CallRefused(Exception):
    """A server answered a call with an error; the connection works."""


def connect_seconds(config: McpConfig) -> float:
    return given(config.timeout, int(CONNECT_SECONDS * 1000)) / 1000


def call_seconds(config: McpConfig) -> float:
    return given(config.timeout, int(CALL_SECONDS * 1000)) / 1000


class Redactor:
    """Redacts a server's secrets: header values, environment, the query and credentials of its URL."""

    def __init__(self, config: McpConfig) -> None:
        secrets = {word for value in _private(config) for word in (value, value.rpartition(" ")[2])}
        long = sorted(
            (secret for secret in secrets if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True
        )
        self._secret = re.compile("|".join(map(re.escape, long)) or r"(?!)")

    def __call__(self, text: str) -> str:
        return self._secret.sub("…", text)

    def reason(self, text: str) -> str:
        """Return a server's message on one line, redacted and short enough for a status."""
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
