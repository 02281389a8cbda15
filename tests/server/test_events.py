"""The event streams: first event at once, ids, resuming, several listeners, and a clean end."""

import asyncio
import json
from pathlib import Path
from typing import Any

from opencode.server.api import message
from tests.harness import Server, events, running_server
from tests.llm.server import LLM, Answer

Events = list[tuple[str, dict[str, Any]]]


async def until_idle(stream: Any) -> Events:
    seen = []
    async for event_id, event in stream:
        seen.append((event_id, event))
        if event["type"] == "session.idle":
            break
    return seen


async def test_every_event_has_its_own_id_line_and_ids_ascend(server: Server, llm: LLM) -> None:
    llm.script(Answer(text=tuple("abcdef")))
    session_id = await server.new_session(title="Named")
    async with server.listen() as stream:
        await server.ask(session_id, "go")
        seen = await until_idle(stream)
    assert [event_id for event_id, _ in seen] == [event["id"] for _, event in seen]
    assert [event_id for event_id, _ in seen] == sorted(event_id for event_id, _ in seen)


async def test_a_client_that_comes_back_gets_exactly_what_it_missed(server: Server, llm: LLM) -> None:
    llm.script(Answer(text=tuple("abcdef")))
    session_id = await server.new_session(title="Named")
    async with server.listen() as stream:
        await server.ask(session_id, "go")
        seen = await until_idle(stream)
    for cut in (0, len(seen) // 2, len(seen) - 2):
        for path in ("/event", f"/session/{session_id}/event"):
            async with server.listen(path, last_event_id=seen[cut][0]) as stream:
                assert await until_idle(stream) == seen[cut + 1 :]


async def test_a_client_from_before_a_restart_gets_the_present_state(tmp_path: Path, llm: LLM) -> None:
    gate = asyncio.Event()
    llm.script(Answer(text=("So far", " and on"), gate=gate))
    config = {"provider": {"p": {"options": {"baseURL": f"{llm.url}/v1"}, "models": {"one": {}}}}}
    async with running_server(tmp_path, config) as server:
        session_id = await server.new_session(title="Named")
        answer = asyncio.create_task(server.ask(session_id, "go"))
        async with server.listen() as first:
            async for _, event in first:
                if event["type"] == "message.part.delta":
                    break
            for last_id in ("evt_000000000001aaaaaaaaaaaaaa", "nonsense", "evt_ffffffffffffzzzzzzzzzzzzzz"):
                async with server.listen(last_event_id=last_id) as stream:
                    async for _, event in stream:
                        if event["type"] == "session.status":
                            break
                    assert event["properties"]["status"] == {"type": "busy"}
                    state = [(await anext(stream))[1] for _ in range(4)]
                    assert [event["type"] for event in state] == [
                        "message.removed",
                        "message.updated",
                        "message.part.updated",
                        "message.part.updated",
                    ]
                    assert state[3]["properties"]["part"]["text"] == "So far"
        gate.set()
        await answer


async def test_the_last_event_id_may_come_as_a_parameter(server: Server) -> None:
    async with server.listen() as stream:
        await server.new_session()
        session_id = await server.new_session()
        first, _ = await anext(stream)
    async with server.listen(f"/event?lastEventID={first}") as stream:
        _, event = await anext(stream)
        assert event["type"] == "session.created"
        assert event["properties"]["info"]["id"] == session_id


async def test_global_events_come_in_an_envelope(server: Server) -> None:
    async with server.client.stream("GET", "/global/event") as response:
        lines = (line async for line in response.aiter_lines() if line.startswith("data: "))
        assert json.loads((await anext(lines))[6:])["payload"]["type"] == "server.connected"
        await server.new_session()
        wrapped = json.loads((await anext(lines))[6:])
    assert set(wrapped) == {"directory", "project", "payload"}
    assert wrapped["payload"]["type"] == "session.created"
    path = (await server.client.get("/path")).json()["directory"]
    assert wrapped["directory"] == wrapped["payload"]["properties"]["info"]["directory"] == path


async def test_a_sessions_stream_tells_of_that_session_alone(server: Server) -> None:
    session_id = await server.new_session()
    async with server.listen(f"/session/{session_id}/event") as stream:
        await server.new_session()
        await server.client.patch(f"/session/{session_id}", json={"title": "Mine"})
        _, event = await anext(stream)
        assert event["type"] == "session.updated"


async def test_streams_are_not_buffered_or_cached(server: Server) -> None:
    async with server.client.stream("GET", "/event") as response:
        assert response.headers["content-type"] == "text/event-stream"
        assert "no-cache" in response.headers["cache-control"]
        assert response.headers["x-accel-buffering"] == "no"


async def test_an_answers_stream_is_never_silent_for_as_long_as_clients_wait(
    server: Server, llm: LLM, monkeypatch: Any
) -> None:
    assert message.HEARTBEAT_SECONDS < 5  # seconds that httpx waits, unless it is told otherwise
    monkeypatch.setattr(message, "HEARTBEAT_SECONDS", 0.05)
    gate = asyncio.Event()
    llm.script(Answer(text="Late.", gate=gate))
    session_id = await server.new_session(title="Named")
    path = f"/session/{session_id}/message"
    async with server.client.stream("POST", path, json={"content": "go"}) as response:
        kinds = []
        async for _, event in events(response, heartbeats=True):
            kinds.append(event["type"])
            if kinds.count("server.heartbeat") == 2:
                gate.set()
    assert kinds[-1] == "session.idle"


async def test_a_heartbeat_repeats_the_id_to_resume_from(server: Server, monkeypatch: Any) -> None:
    monkeypatch.setattr("opencode.server.event_stream.HEARTBEAT_SECONDS", 0.05)
    async with server.client.stream("GET", "/event") as response:
        lines = response.aiter_lines()
        await server.new_session()
        last_id, id_line, kinds = "", "", []
        async for line in lines:
            if line.startswith("data: "):
                kinds.append(json.loads(line[6:])["type"])
                if kinds[-1] == "server.heartbeat":
                    if "session.created" in kinds:
                        break
                    continue
                last_id = id_line
            elif line.startswith("id: "):
                id_line = line
        assert kinds[-2:] == ["session.created", "server.heartbeat"]
        assert id_line == last_id
