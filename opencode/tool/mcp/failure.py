"""Failures of MCP servers, their time limits, and redaction of their secrets."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import parse_qsl, urlsplit

from opencode.schema.base import given
from opencode.schema.mcp import McpConfig, McpLocalConfig

CONNECT_SECONDS = 30.0
"""Seconds to connect to a server and list its tools, without a `timeout` of its own."""

CALL_SECONDS = 60.0
"""Seconds that a call may take without an answer or progress, unless `timeout` says otherwise."""

_MAX_REASON = 500
_SHORTEST_SECRET = 6
_LONGEST_OPTION = 50
_SECRET_OPTION = re.compile(r"key|token|secret|pass|auth|credential|bearer|header", re.IGNORECASE)


class ConnectionFailed(Exception):
    """A server can't be reached or was lost: `reason` says why. `unauthorized`: by its credentials.

    `did_not_run`: the request that failed by it has certainly not been acted on.
    """

    def __init__(self, reason: str, unauthorized: bool = False, did_not_run: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.unauthorized = unauthorized
        self.did_not_run = did_not_run


class CallRefused(Exception):
    """A server answered a call with an error; the connection works."""


def connect_seconds(config: McpConfig) -> float:
    return given(config.timeout, int(CONNECT_SECONDS * 1000)) / 1000


def call_seconds(config: McpConfig) -> float:
    return given(config.timeout, int(CALL_SECONDS * 1000)) / 1000


class Redactor:
    """Redacts a server's secrets: headers, environment, arguments, the query and credentials of its URL."""

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
        return [*config.environment.values(), *_secret_arguments(config.command)]
    try:
        address = urlsplit(config.url)
    except ValueError:
        return [*config.headers.values(), config.url]
    query = [value for _, value in parse_qsl(address.query)]
    return [*config.headers.values(), *query, address.query, address.username or "", address.password or ""]


def _secret_arguments(command: Sequence[str]) -> Iterator[str]:
    """Yield the arguments that follow an option with a name like `--token`, or a `=` after one."""
    for argument, following in zip(command, [*command[1:], ""], strict=True):
        option, _, value = argument.partition("=")
        if _SECRET_OPTION.search(option) and len(option) < _LONGEST_OPTION:
            yield value or following
