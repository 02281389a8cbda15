"""MCP servers of several kinds, and what their tools answer through the registry."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from opencode.config import Settings
from opencode.errors import ToolError
from opencode.schema.mcp import McpConfig, McpConnected, McpLocalConfig
from opencode.tool.base import ToolResult
from opencode.tool.mcp import McpServers
from opencode.tool.registry import Tools
from tests.tool.calls import Call

HERE = Path(__file__).parent
SECRET = "planted-secret-value"


def program(*arguments: str, **options: Any) -> McpLocalConfig:
    """Return a server made with the SDK."""
    command = [sys.executable, str(HERE / "program.py"), *arguments]
    return McpLocalConfig(command=command, environment={"PROBE_SECRET": SECRET}, **options)


def liar(mode: str, **options: Any) -> McpLocalConfig:
    """Return a server that misbehaves."""
    command = [sys.executable, str(HERE / "liar.py"), mode]
    return McpLocalConfig(command=command, environment={"PROBE_SECRET": SECRET}, **options)


async def until(true: Callable[[], bool]) -> None:
    """Wait for something outside of this process; the test's time limit ends a wait in vain."""
    while not true():  # noqa: ASYNC110 - other processes set no events here
        await asyncio.sleep(0.01)


class Bench:
    """Servers under test, with their tools in a registry; `told` holds the names of those that changed."""

    def __init__(self, data_dir: Path, servers: dict[str, McpConfig]) -> None:
        self.told: list[str] = []
        self.servers = McpServers(servers, self.told.append, may_add=True)
        self.tools = Tools(Settings(data_dir=data_dir), sources=(self.servers,))

    async def connect(self, name: str = "probe") -> None:
        assert await self.servers.connect(name), await self.servers.statuses()

    async def connected(self, name: str = "probe") -> bool:
        return isinstance((await self.servers.statuses())[name], McpConnected)

    def status(self, name: str = "probe") -> Any:
        return self.servers.states()[name]

    async def lost(self, name: str = "probe") -> None:
        """Wait until a server is known to be gone."""
        while await self.connected(name):  # noqa: ASYNC110 - it is told to nobody
            await asyncio.sleep(0.01)

    async def error(self, name: str = "probe") -> str:
        """Return why a server failed."""
        return str((await self.servers.statuses())[name].error)  # type: ignore[union-attr]

    async def call(self, tool: str, call: Call | None = None, **arguments: Any) -> ToolResult:
        return await self.tools.execute(tool, json.dumps(arguments), (call or Call()).context)

    async def failure(self, tool: str, **arguments: Any) -> str:
        with pytest.raises(ToolError) as caught:
            await self.call(tool, **arguments)
        return caught.value.message

    def names(self) -> list[str]:
        return [tool.name for tool in self.servers.list()]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Callable[..., Bench]]:
    opened: list[Bench] = []

    def build(probe: McpConfig | None = None, **servers: McpConfig) -> Bench:
        opened.append(Bench(tmp_path, {"probe": probe, **servers} if probe else servers))
        return opened[-1]

    yield build
    for each in opened:
        await each.servers.close()
        await each.tools.close()
