"""A site on loopback, and web fetch with leave to reach it."""

import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from opencode.config import Settings
from opencode.tool.base import ToolResult
from opencode.tool.webfetch import WebFetch
from tests.tool.calls import Call
from tests.tool.web import Site, serving

Fetch = Callable[..., Awaitable[ToolResult]]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


@pytest.fixture
async def fetch(tmp_path: Path) -> AsyncIterator[Fetch]:
    tool = WebFetch(Settings(data_dir=tmp_path, fetch_allow=(ipaddress.ip_network("127.0.0.1/32"),)))

    async def fetch(url: str, **args: object) -> ToolResult:
        return await tool.run(tool.parse({"url": url, **args}), Call().context)

    yield fetch
    await tool.close()
