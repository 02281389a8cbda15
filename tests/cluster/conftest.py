"""Several servers on one PostgreSQL, in processes of their own."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Server
from tests.llm.server import LLM
from tests.postgres import Postgres
from tests.program import Process, program
from tests.server.conftest import provider_config


class Servers:
    """Starts servers that share a database and a configuration."""

    def __init__(self, folder: Path, url: str, llm: LLM) -> None:
        self.url = url
        self.llm = llm
        self._folder = folder
        self._count = 0
        self._config = folder / "opencode.json"
        self._config.write_text(json.dumps(provider_config(llm)))

    @asynccontextmanager
    async def one(self, **env: str) -> AsyncIterator[tuple[Process, Server]]:
        """Run a further server until the block ends."""
        self._count += 1
        folder = self._folder / f"server{self._count}"
        folder.mkdir()
        config = {"OPENCODE_CONFIG": str(self._config), "OPENCODE_DATABASE_URL": self.url}
        async with program(folder, **{**config, "OPENCODE_STOP_GRACE": "0", **env}) as running:
            yield running

    @asynccontextmanager
    async def some(self, count: int, **env: str) -> AsyncIterator[list[tuple[Process, Server]]]:
        """Run several servers until the block ends."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(self.one(**env)) for _ in range(count)]

    def answers(self, *steps: Any) -> None:
        """Answer requests for a turn in this order; the last step answers all later ones."""
        left = list(steps)
        self.llm.on("one", lambda _: left.pop(0) if len(left) > 1 else left[0])


@pytest.fixture
async def llm() -> AsyncIterator[LLM]:
    async with LLM() as llm:
        yield llm


@pytest.fixture
def servers(tmp_path: Path, cluster: Postgres, llm: LLM) -> Servers:
    return Servers(tmp_path, cluster.database(), llm)
