"""The page's stream: each update is rendered once, however many pages are open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from opencode.server.web import live_view
from tests.harness import Server, running_server
from tests.llm.server import LLM, Answer
from tests.server.conftest import provider_config


async def read_until(lines: AsyncIterator[str], text: str) -> str:
    """Return what comes up to the end of the first event with this text."""
    seen = ""
    async for line in lines:
        seen += line + "\n"
        if not line and text in seen:
            return seen
    raise AssertionError(f"the stream ended without {text!r}")


async def rendered(server: Server, llm: LLM, pages: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many fragments were rendered for one turn that `pages` pages watched."""
    count = 0
    fragment = live_view.fragment

    def counted(macro: str, *values: Any) -> str:
        nonlocal count
        count += 1
        return fragment(macro, *values)

    monkeypatch.setattr(live_view, "fragment", counted)
    llm.script(Answer(text="the answer"))
    session_id = await server.new_session(title="Watched")
    async with AsyncExitStack() as stack:
        path = f"/chat/{session_id}/stream"
        responses = [await stack.enter_async_context(server.client.stream("GET", path)) for _ in range(pages)]
        streams = [response.aiter_lines() for response in responses]
        await asyncio.gather(*(read_until(stream, 'hx-target="#sessions"') for stream in streams))
        count = 0
        await server.client.post(f"/session/{session_id}/prompt_async", json={"content": "go"})
        seen = await asyncio.gather(*(read_until(stream, 'data-state="idle"') for stream in streams))
    assert all("the answer" in each for each in seen)
    monkeypatch.undo()
    return count


async def test_ten_pages_of_one_session_cost_one_rendering(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with LLM() as llm, running_server(tmp_path, provider_config(llm)) as server:
        await rendered(server, llm, 1, monkeypatch)  # the first text waits for its worker, others join it
        alone = await rendered(server, llm, 1, monkeypatch)
        together = await rendered(server, llm, 10, monkeypatch)
        assert 0 < together < 3 * alone


async def test_closed_pages_leave_no_tasks(tmp_path: Path) -> None:
    async with LLM() as llm, running_server(tmp_path, provider_config(llm)) as server:
        session_id = await server.new_session()
        for _ in range(20):
            async with server.client.stream("GET", f"/chat/{session_id}/stream") as stream:
                await read_until(stream.aiter_lines(), "data:")
        left = [task for task in asyncio.all_tasks() if task.get_name().startswith("feed-")]
        await asyncio.wait_for(asyncio.gather(*left, return_exceptions=True), 10)


async def test_an_unknown_session_is_a_404_on_every_page(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        for path in ("/chat/ses_nothing", "/chat/ses_nothing/stream", "/chat/ses_nothing/export.md"):
            assert (await server.client.get(path)).status_code == 404
        response = await server.client.get("/chat/ses_nothing/older", headers={"HX-Request": "true"})
        assert response.status_code == 404
        gone = "Chat not found. It may have been deleted."
        assert response.text == f'<p class="none" role="alert">{gone}</p>'
        refused = await server.client.post("/chat/ses_nothing", data={"text": "hi"})
        assert refused.status_code == 404 and gone in refused.text
        empty = await server.client.post("/chat", data={"text": "  "})
        assert empty.status_code == 400 and "message is empty" in empty.text
