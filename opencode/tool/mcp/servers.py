"""All MCP servers: a source of tools, and the operations on servers."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from opencode.errors import BadRequest, NotFound, nearest
from opencode.schema.mcp import McpConfig, McpFailed, McpStatus

from ..egress import Egress
from .prompt import McpPrompt
from .server import McpServer
from .tool import McpTool, tool_prefix

READY_SECONDS = 5.0
"""Seconds that a turn waits for servers that are connecting; later ones join its next step."""

log = logging.getLogger(__name__)


class McpServers:
    """The servers of opencode.json, and those added while this one runs.

    `changed` is called with the name of a server whose tools were added, changed or removed. `may_add`:
    whether servers may be added; a local one is a program to run. `egress` checks the addresses of those that
    are added; those of opencode.json are trusted. `left_out`: the reasons for entries of opencode.json that
    can't be used; their servers are shown as failed.
    """

    def __init__(
        self,
        config: Mapping[str, McpConfig],
        changed: Callable[[str], None],
        may_add: bool = False,
        egress: Egress | None = None,
        left_out: Mapping[str, str] | None = None,
    ) -> None:
        self._config = dict(config)
        self._left_out = left_out or {}
        self._changed = changed
        self._may_add = may_add
        self._egress = egress or Egress()
        self._adding = asyncio.Lock()
        self._servers = {name: self._server(name, entry, trusted=True) for name, entry in config.items()}

    def replace(
        self, config: Mapping[str, McpConfig], left_out: Mapping[str, str] | None = None
    ) -> "list[McpServer]":
        """Take another opencode.json: servers whose entry changed are made anew, all others stay.

        Those that were added while this one runs stay, too. Returns the servers that are gone, which the
        caller disconnects, before it calls `begin`.
        """
        before = self._servers
        changed = {name for name in {*self._config, *config} if self._config.get(name) != config.get(name)}
        self._servers = {
            name: self._server(name, entry, trusted=True) if name in changed else before[name]
            for name, entry in config.items()
        }
        for name, server in before.items():
            if name not in changed:
                self._servers.setdefault(name, server)
        self._config, self._left_out = dict(config), left_out or {}
        return [server for name, server in before.items() if server is not self._servers.get(name)]

    def begin(self) -> None:
        """Start connecting every enabled server, without waiting."""
        for server in self._servers.values():
            if server.enabled:
                server.begin()

    async def ready(self) -> None:
        """Wait a little for servers that are connecting, and start connecting those that failed again."""
        for server in self._servers.values():
            if server.due:
                server.begin()
        await self._settle()

    def list(self) -> Sequence[McpTool]:
        """Return the tools of all servers, in their order; the first of a name counts.

        Tools of a lost server stay: a call reconnects it.
        """
        tools: dict[str, McpTool] = {}
        for server in self._servers.values():
            for tool in server.tools:
                tools.setdefault(tool.name, tool)
        return list(tools.values())

    def tools_of_each(self) -> Mapping[str, Sequence[McpTool]]:
        """Return each server's tools by its name; servers that were left out have no entry."""
        return {name: list(server.tools) for name, server in self._servers.items()}

    def prefixes(self) -> Sequence[str]:
        """Return how the names of each server's tools begin, connected or not."""
        return [tool_prefix(name) for name in self._servers]

    async def prompts(self) -> Sequence[McpPrompt]:
        """Return the prompts of all servers; the first of a name counts. Those of a lost server stay, too."""
        await self._settle()
        listed = await asyncio.gather(*(server.prompts() for server in self._servers.values()))
        prompts: dict[str, McpPrompt] = {}
        for prompt in chain.from_iterable(listed):
            prompts.setdefault(prompt.name, prompt)
        return list(prompts.values())

    async def statuses(self) -> dict[str, McpStatus]:
        """Return each server's status, after waiting a little for those that are connecting."""
        await self._settle()
        return self.states()

    def states(self) -> dict[str, McpStatus]:
        """Return each server's status at this moment."""
        left_out = {name: McpFailed(error=why) for name, why in self._left_out.items()}
        return left_out | {name: server.status for name, server in self._servers.items()}

    def instructions(self, offered: Iterable[str]) -> Sequence[str]:
        """Return what servers say about the use of their tools, as opencode words it.

        One of the server's tools, if it has any, must be among those `offered`. The instructions of a lost
        server stay, as its tools do.
        """
        names = set(offered)
        lines = []
        for name, server in sorted(self._servers.items()):
            if server.instructions and (not server.tools or any(tool.name in names for tool in server.tools)):
                lines.append(f'  <server name="{name}">')
                lines += [f"    {line}" for line in server.instructions.strip().split("\n")]
                lines.append("  </server>")
        return ["\n".join(("<mcp_instructions>", *lines, "</mcp_instructions>"))] if lines else []

    async def add(self, name: str, config: McpConfig) -> dict[str, McpStatus]:
        """Add or replace a server, and connect it; raises BadRequest."""
        if not self._may_add:
            raise BadRequest(
                "MCP servers can only be added if this server has a password, because they run programs: set "
                "OPENCODE_SERVER_PASSWORD, or add the server to opencode.json."
            )
        async with self._adding:  # of two added with one name, both must be closed
            if before := self._servers.get(name):
                await before.disconnect()
            server = self._servers[name] = self._server(name, config, trusted=False)
        if server.enabled:
            await server.connect()
        return await self.statuses()

    async def connect(self, name: str) -> bool:
        """Connect a server now; return whether that worked. Raises NotFound."""
        return await self._find(name).connect()

    async def disconnect(self, name: str) -> None:
        """Disconnect a server; raises NotFound."""
        await self._find(name).disconnect()

    async def close(self) -> None:
        """Disconnect all servers, within a few seconds."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))

    def _server(self, name: str, config: McpConfig, trusted: bool) -> McpServer:
        return McpServer(name, config, lambda: self._changed(name), None if trusted else self._egress)

    def _find(self, name: str) -> McpServer:
        server = self._servers.get(name)
        if server is None and name in self._left_out:
            raise NotFound(f"The MCP server {name!r} was left out: {self._left_out[name]}")
        if server is None:
            raise NotFound(f"Unknown MCP server {name!r}. {nearest(name, self._servers)}".rstrip())
        return server

    async def _settle(self) -> None:
        if waits := [server.connected(READY_SECONDS) for server in self._servers.values() if server.awaited]:
            await asyncio.gather(*waits)
