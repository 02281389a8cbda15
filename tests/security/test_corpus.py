"""Whatever stands in a conversation, showing it keeps nobody else waiting."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.harness import Server
from tests.program import program

from .corpus import FIELDS, TEXTS, VIEWS, conversation

LONGEST_SECONDS = 0.25
"""How long the event loop may be held, in processor time: another program may take the processor away."""

VIEW_SECONDS = 10
"""How long a view may take, on a busy machine."""


class Probe:
    """Asks for the health of a server again and again. `longest`: how long the loop was busy meanwhile."""

    def __init__(self, server: Server, loop: psutil.Process) -> None:
        self._server = server
        self._loop = loop
        self.longest = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Probe"]:
        task = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            before, began = self._busy(), time.monotonic()
            assert (await self._server.client.get("/global/health")).status_code == 200
            waited = time.monotonic() - began
            self.longest = max(self.longest, min(waited, self._busy() - before))
            await asyncio.sleep(0.01)

    def _busy(self) -> float:
        """Return the processor time of the thread that runs the event loop."""
        threads = {thread.id: thread for thread in self._loop.threads()}
        loop = threads[self._loop.pid]
        return float(loop.user_time + loop.system_time)


async def view(client: httpx.AsyncClient, path: str) -> None:
    async with asyncio.timeout(VIEW_SECONDS), client.stream("GET", path) as response:
        assert response.status_code == 200, f"{response.status_code} at {path}"
        async for chunk in response.aiter_bytes():
            if "stream" in path and chunk:
                break


@pytest.mark.timeout(300)
async def test_no_text_in_any_field_keeps_others_waiting_in_any_view(tmp_path: Path) -> None:
    held: dict[str, float] = {}
    async with program(tmp_path, OPENCODE_RATE_LIMIT="0") as (process, server):
        loop = psutil.Process(process.pid)
        await server.client.get("/")
        for name, text in TEXTS.items():
            imported = await server.client.post("/session/import", json=conversation(text))
            assert imported.status_code == 200, f"{name}: {imported.text[:500]}"
            session = imported.json()["id"]
            shared = await server.client.post(f"/session/{session}/share")
            link = shared.json()["share"]["url"].partition("/share/")[2]
            for each in VIEWS:
                path = each.format(session=session, word="the", link=link)
                async with Probe(server, loop).running() as probe:
                    await view(server.client, path)
                held[f"{name}: {path.partition(link)[0]}"] = probe.longest
    assert len(held) == len(TEXTS) * len(VIEWS) and len(FIELDS) > 10
    late = {name: f"{seconds:.2f} s" for name, seconds in held.items() if seconds > LONGEST_SECONDS}
    assert not late
