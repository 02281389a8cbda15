"""Tools that trickle, explode, run in circles, hang on, fail and flood: the turn goes on, or ends.

What the tools and their registry make of each is told in tests/tool; here a whole turn meets them.
"""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from opencode.config import Settings
from opencode.tool.base import AnyTool, Tool, ToolContext, ToolResult, ToolSource
from opencode.tool.registry import Tools
from tests.harness import Server, running_server, text_of
from tests.llm.server import LLM, Answer
from tests.server.conftest import provider_config
from tests.tool.web import Site, answer, redirect, serving


class NoInput(msgspec.Struct):
    pass


class Failing(Tool[NoInput]):
    name = "failing"
    description = "Fails in a way that nobody foresaw."
    input_type = NoInput

    async def run(self, args: NoInput, context: ToolContext) -> ToolResult:
        raise ZeroDivisionError("a secret detail")


class Flooding(Tool[NoInput]):
    name = "flooding"
    description = "Gives 100 MB."
    input_type = NoInput

    async def run(self, args: NoInput, context: ToolContext) -> ToolResult:
        return ToolResult("x" * 100_000_000)


class Stubborn(Tool[NoInput]):
    """Ignores that it is cancelled, until `released`."""

    name = "stubborn"
    description = "Does not stop."
    input_type = NoInput
    timeout = 0.2
    released = asyncio.Event()

    async def run(self, args: NoInput, context: ToolContext) -> ToolResult:
        while not self.released.is_set():
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                continue
        return ToolResult("late")


class MoreTools(Tools):
    def __init__(
        self, settings: Settings, extra: Sequence[AnyTool] = (), sources: Sequence[ToolSource] = ()
    ) -> None:
        super().__init__(settings, [*extra, Failing(), Flooding(), Stubborn()], sources)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


@pytest.fixture
async def server(tmp_path: Path, llm: LLM, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    Stubborn.released = asyncio.Event()
    monkeypatch.setattr("opencode.session.services.Tools", MoreTools)
    env = {"OPENCODE_FETCH_ALLOW": "127.0.0.1/32"}
    async with running_server(tmp_path, provider_config(llm), env) as server:
        yield server
        Stubborn.released.set()


async def _outcome(server: Server, llm: LLM, tool: str, **arguments: Any) -> dict[str, Any]:
    """Have a model call a tool; return the call's end, once the model has answered on it."""
    llm.script(Answer(tools=((tool, arguments),)), Answer(text="I see."))
    session_id = await server.new_session(title="Named")
    assert text_of(await server.ask(session_id, "go")) == "I see."
    first = (await server.messages(session_id))[1]
    (state,) = (part["state"] for part in first["parts"] if part["type"] == "tool")
    return dict(state)


async def test_a_fetch_that_trickles_ends_with_its_time(server: Server, llm: LLM, site: Site) -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    state = await _outcome(server, llm, "webfetch", url=site.add("/", trickle), timeout=0.5)
    assert "more than 0.5 seconds" in state["error"]


async def test_a_decompression_bomb_is_not_unpacked(server: Server, llm: LLM, site: Site) -> None:
    bomb = gzip.compress(b"\0" * 200_000_000, 1)
    before = psutil.Process().memory_info().rss
    url = site.add("/", answer(bomb, headers={"Content-Encoding": "gzip"}))
    state = await _outcome(server, llm, "webfetch", url=url)
    assert "larger than 5 MB" in state["error"]
    assert psutil.Process().memory_info().rss - before < 150_000_000


async def test_a_redirect_loop_is_left(server: Server, llm: LLM, site: Site) -> None:
    site.add("/a", redirect("/b"))
    state = await _outcome(server, llm, "webfetch", url=site.add("/b", redirect("/a")))
    assert "redirects in a loop" in state["error"]


async def test_a_tool_that_fails_tells_the_model_and_no_details(server: Server, llm: LLM) -> None:
    state = await _outcome(server, llm, "failing")
    assert "failed unexpectedly (ZeroDivisionError)" in state["error"]
    assert "secret" not in str(llm.requests[-1].body)


async def test_a_hundred_megabytes_are_cut(server: Server, llm: LLM) -> None:
    state = await _outcome(server, llm, "flooding")
    assert len(state["output"]) < 60_000
    assert "Truncated" in state["output"]
    assert state["metadata"]["truncated"] is True


async def test_a_tool_that_does_not_stop_is_left_behind(server: Server, llm: LLM) -> None:
    state = await _outcome(server, llm, "stubborn")
    assert "took longer than 0.2 s" in state["error"]


async def test_an_abort_does_not_wait_for_a_tool_that_does_not_stop(
    server: Server, llm: LLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stubborn, "timeout", 600)
    llm.script(Answer(tools=(("stubborn", {}),)))
    session_id = await server.new_session(title="Named")
    async with server.listen(f"/session/{session_id}/event") as events:
        answering = asyncio.create_task(server.ask(session_id, "go"))
        async for _, event in events:
            if event["properties"].get("part", {}).get("state", {}).get("status") == "running":
                break
    told = time.monotonic()
    twice = (server.client.post(f"/session/{session_id}/abort") for _ in range(2))
    assert all(response.json() is True for response in await asyncio.gather(*twice))
    assert time.monotonic() - told < 5
    message = await answering
    assert message["info"]["error"]["name"] == "MessageAbortedError"
    assert message["parts"][-1]["state"]["status"] == "error"
    assert message == (await server.messages(session_id))[-1]
    llm.script(Answer(text="Still here."))
    assert text_of(await server.ask(session_id, "again")) == "Still here."
