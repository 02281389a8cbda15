"""All MCP servers: a source of tools that come and go, and what can be done with the servers."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

from opencode.errors import Forbidden, NotFound, nearest
from opencode.schema.mcp import McpConfig, McpStatus

from .prompt import McpPrompt
from .server import McpServer
from .tool import McpTool, tool_prefix

READY_SECONDS = 5.0
"""How long a turn waits for servers that have only just been begun with; later ones join its next step."""

log = logging.getLogger(__name__)


class McpServers:
    """The servers of opencode.json, and those added while this one runs.

    `changed` hears the name of a server whose tools came, changed or went. `may_add`: whether servers may
    be added; a local one is a program to run.
    """

    def __init__(
        self, config: Mapping[str, McpConfig], changed: Callable[[str], None], may_add: bool = False
    ) -> None:
        self._changed = changed
        self._may_add = may_add
        self._adding = asyncio.Lock()
        self._servers = {name: self._server(name, entry) for name, entry in config.items()}

    def begin(self) -> None:
        """Begin to connect every server that is enabled; nobody waits for it."""
        for server in self._servers.values():
            if server.enabled:
                server.begin()

    async def ready(self) -> None:
        """Wait a little for servers that are being connected, and have another go at those that failed."""
        for server in self._servers.values():
            if server.due:
                server.begin()
        await self._settle()

    def list(self) -> Sequence[McpTool]:
        """Return the tools of all servers, in their order; of two with one name, the first counts.

        Those of a server that was lost stay: a call connects it again.
        """
        found: dict[str, McpTool] = {}
        for server in self._servers.values():
            for tool in server.tools:
                found.setdefault(tool.name, tool)
        return list(found.values())

    def prefixes(self) -> Sequence[str]:
        """Return how the names of each server's tools begin, connected or not."""
        return [tool_prefix(name) for name in self._servers]

    async def prompts(self) -> Sequence[McpPrompt]:
        """Return the prompts of all servers that are connected; of two with one name, the first counts."""
        await self._settle()
        listed = await asyncio.gather(*(server.prompts() for server in self._servers.values()))
        found: dict[str, McpPrompt] = {}
        for prompt in chain.from_iterable(listed):
            found.setdefault(prompt.name, prompt)
        return list(found.values())

    async def statuses(self) -> dict[str, McpStatus]:
        """Return how each server stands; those that are just being connected are waited for a little."""
        await self._settle()
        return {name: server.status for name, server in self._servers.items()}

    async def add(self, name: str, config: McpConfig) -> dict[str, McpStatus]:
        """Add a server, or put one in the place of another, and connect it; raises Forbidden."""
        if not self._may_add:
            raise Forbidden(
                "MCP servers can be added only where a password is set, for they run programs here: set "
                "OPENCODE_SERVER_PASSWORD, or name the server in opencode.json."
            )
        async with self._adding:  # of two with one name, none may be forgotten
            if before := self._servers.get(name):
                await before.disconnect()
            server = self._servers[name] = self._server(name, config)
        if server.enabled:
            await server.connect()
        return await self.statuses()

    async def connect(self, name: str) -> bool:
        """Connect a server now; returns whether that worked. Raises NotFound."""
        return await self._find(name).connect()

    async def disconnect(self, name: str) -> None:
        """Disconnect a server; raises NotFound."""
        await self._find(name).disconnect()

    async def close(self) -> None:
        """Disconnect all servers, within a few seconds."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))

    def _server(self, name: str, config: McpConfig) -> McpServer:
        return McpServer(name, config, lambda: self._changed(name))

    def _find(self, name: str) -> McpServer:
        server = self._servers.get(name)
        if server is None:
            raise NotFound(f"There is no MCP server {name!r}. {nearest(name, self._servers)}".rstrip())
        return server

    async def _settle(self) -> None:
        if waits := [server.connected(READY_SECONDS) for server in self._servers.values() if server.awaited]:
            await asyncio.gather(*waits)
