"""How many event streams a client may follow at once, and what is left to it beside them."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.harness import Server, running_server

LIMIT = {"OPENCODE_MAX_CLIENT_STREAMS": "3", "OPENCODE_DEMO_PACE": "0"}


async def all_left(server: Server) -> None:
    async with asyncio.timeout(20):
        while "opencode_subscribers 0.0" not in (await server.client.get("/metrics")).text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", ["/event", "/global/event", "/chats/stream"])
async def test_one_more_stream_is_refused_and_prompts_are_answered(tmp_path: Path, path: str) -> None:
    async with running_server(tmp_path, env=LIMIT) as server:
        session_id = await server.new_session(title="Named")
        for _ in range(2):  # what was counted is given back
            async with AsyncExitStack() as stack:
                for _ in range(3):
                    await stack.enter_async_context(server.client.stream("GET", "/event"))
                refused = await server.client.get(path)
                assert refused.status_code == 429
                assert "OPENCODE_MAX_CLIENT_STREAMS" in refused.text
                assert refused.headers["connection"] == "close" and "retry-after" in refused.headers
                assert (await server.client.head(path)).status_code == 200
                assert (await server.stream(session_id, "hello"))[-1]["type"] == "session.idle"
                metrics = (await server.client.get("/metrics")).text
                assert 'opencode_refusals_total{reason="client_streams"}' in metrics
            await all_left(server)


async def test_many_listeners_get_every_event_in_order(tmp_path: Path) -> None:
    at_once = {"OPENCODE_DEMO_PACE": "0"}
    async with running_server(tmp_path, env=at_once) as server, AsyncExitStack() as stack:
        session_id = await server.new_session(title="Named")
        streams = [await stack.enter_async_context(server.listen()) for _ in range(40)]
        sent = await server.stream(session_id, "long")

        async def ids(stream: object) -> list[str]:
            seen = []
            async for event_id, event in stream:  # type: ignore[attr-defined]
                seen.append(event_id)
                if event["type"] == "session.idle":
                    break
            return seen

        first, *others = await asyncio.gather(*map(ids, streams))
        assert len(first) >= len(sent)
        assert first == sorted(first)
        assert all(other == first for other in others)
