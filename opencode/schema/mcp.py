"""MCP servers: configuration and status."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from .base import JsonObject, Wire

Milliseconds = Annotated[int, Meta(gt=0)]


class McpLocalConfig(Wire, tag_field="type", tag="local"):
    """A local program that speaks MCP over stdio. `timeout`: ms to connect and for a call."""

    command: Annotated[list[str], Meta(min_length=1)]
    cwd: str | UnsetType = UNSET
    environment: dict[str, str] = field(default_factory=dict)
    enabled: bool = True
    timeout: Milliseconds | UnsetType = UNSET


class McpRemoteConfig(Wire, tag_field="type", tag="remote"):
    """A remote server. `timeout`: ms to connect and for a call. `oauth` is ignored."""

    url: Annotated[str, Meta(pattern=r"^https?://\S+$")]
    headers: dict[str, str] = field(default_factory=dict)
    oauth: JsonObject | bool | UnsetType = UNSET
    enabled: bool = True
    timeout: Milliseconds | UnsetType = UNSET


McpConfig = McpLocalConfig | McpRemoteConfig


class McpConnected(Wire, tag_field="status", tag="connected"):
    """Its tools can be called.

    `omitted`: the tools that were left out, with the reasons. `stderr`: the last lines that a local server
    wrote to its standard error.
    """

    omitted: dict[str, str] | UnsetType = UNSET
    stderr: list[str] | UnsetType = UNSET


class McpDisabled(Wire, tag_field="status", tag="disabled"):
    """Switched off in opencode.json, or disconnected."""


class McpFailed(Wire, tag_field="status", tag="failed"):
    """It could not be connected, or the connection was lost; `error` says why.

    `stderr`: the last lines that a local server wrote to its standard error.
    """

    error: str
    stderr: list[str] | UnsetType = UNSET


class McpNeedsAuth(Wire, tag_field="status", tag="needs_auth"):
    """It refused the credentials in `headers`."""


McpStatus = McpConnected | McpDisabled | McpFailed | McpNeedsAuth


class AddMcpBody(Wire):
    """An MCP server to add until this server stops."""

    name: Annotated[str, Meta(pattern=r"^[\w. -]{1,64}$")]
    config: McpConfig
