"""Clients that leave, stall, trickle and come back: the server keeps its own, they get the truth."""

import asyncio
import json
import os
import random
import socket
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from opencode.bus import Bus
from tests.harness import Server, events, running_server, text_of
from tests.llm.server import LLM, Answer
from tests.program import open_files, program
from tests.server.conftest import provider_config

from .mirror import Mirror

LEAVES = 1_000
IMPATIENT = (
    "import runpy, opencode.server.run as run, opencode.server.event_stream as stream;"
    "run.LOST_SECONDS = 2; stream.WRITE_TIMEOUT_SECONDS = 2; runpy.run_path('app.py', run_name='__main__')"
)


def request(method: str, path: str, body: Any = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


async def leave(server: Server, data: bytes, after: float) -> None:
    """Send some bytes, wait a moment, and be gone."""
    port = int(server.url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await writer.drain()
    await asyncio.sleep(after)
    writer.transport.abort()


def tasks_of_the_server() -> int:
    """Count tasks, but for those of the loopback LLM, whose connections are kept for the next request."""
    return sum(not str(task.get_coro()).startswith("<coroutine object LLM.") for task in asyncio.all_tasks())


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.02)


async def settled(server: Server) -> None:
    """Wait until no turn runs."""
    async with asyncio.timeout(30):
        while (await server.client.get("/session/status")).json():  # noqa: ASYNC110 - some may have no turn
            await asyncio.sleep(0.02)


async def test_half_a_request_changes_nothing(server: Server) -> None:
    session_id = await server.new_session(title="Named")
    whole = request("POST", f"/session/{session_id}/message", {"content": "x" * 10_000})
    for cut in (1, 20, 80, 200, len(whole) // 2, len(whole) - 1):
        await leave(server, whole[:cut], 0.01)
    assert await server.messages(session_id) == []


async def test_what_was_asked_for_is_done_whole_or_not_at_all_by_whoever_leaves(
    server: Server, llm: LLM
) -> None:
    llm.on("one", Answer(text="An answer."))
    chance = random.Random(7)
    mirror = Mirror()
    sessions = [await server.new_session(title="Named") for _ in range(40)]
    for session_id in sessions:
        mirror.sessions[session_id] = {}
    async with server.client.stream("GET", "/event") as response:
        stream = events(response)
        mirror.take(*await anext(stream))
        await settled(server)  # opens the connection that is asked on from here
        quiet = tasks_of_the_server()
        moments = [chance.choice((0, 0.001, 0.003, 0.01)) for _ in sessions]
        prompts = [
            leave(server, request("POST", f"/session/{each}/message", {"parts": [PROMPT]}), moment)
            for each, moment in zip(sessions, moments, strict=True)
        ]
        creates = [leave(server, request("POST", "/session", {}), moment) for moment in moments]
        await asyncio.gather(*prompts, *creates)
        await settled(server)
        deletes = [
            leave(server, request("DELETE", f"/session/{each}"), moment)
            for each, moment in zip(sessions[:20], moments, strict=False)
        ]
        await asyncio.gather(*deletes)
        await until(lambda: tasks_of_the_server() <= quiet)
        last = await server.new_session(title="The last")
        async for event_id, event in stream:
            mirror.take(event_id, event)
            if event["properties"].get("sessionID") == last:
                break
    listed = {each["id"] for each in (await server.client.get("/session?limit=1000")).json()}
    assert listed == set(mirror.sessions)
    for session_id in listed & set(sessions):
        messages = await server.messages(session_id)
        assert mirror.of(session_id) == messages
        assert [text_of(each) for each in messages] in ([], ["go", "An answer."])
    for session_id in mirror.deleted:
        assert (await server.client.get(f"/session/{session_id}")).status_code == 404


PROMPT = {"type": "text", "text": "go"}


async def test_a_thousand_abrupt_leaves_leave_nothing(server: Server, llm: LLM) -> None:
    session_id = await server.new_session(title="Named")
    llm.on("one", Answer(text="word ", endless=True, pace=0.01))
    answer = asyncio.create_task(server.ask(session_id, "go"))
    await until(lambda: len(llm.requests) == 1)
    await leave(server, request("GET", "/event"), 0.05)
    tasks, files = tasks_of_the_server(), open_files(psutil.Process())
    paths = ("/event", f"/session/{session_id}/event", "/global/event", f"/chat/{session_id}/stream")
    for _ in range(LEAVES // 20):
        await asyncio.gather(
            *(leave(server, request("GET", paths[each % 4]), each / 1000) for each in range(20))
        )
    await until(lambda: tasks_of_the_server() <= tasks and open_files(psutil.Process()) <= files)
    await server.client.post(f"/session/{session_id}/abort")
    assert text_of(await answer).startswith("word word")


@pytest.mark.timeout(120)
async def test_clients_that_take_nothing_or_next_to_nothing_are_let_go(
    tmp_path: Path, llm: LLM, env: dict[str, str]
) -> None:
    llm.on("one", Answer(text=("x" * 50_000,) * 400, pace=0.001))
    async with program(tmp_path, ("-c", IMPATIENT), **env) as (process, server):
        session_id = await server.new_session(title="Named")
        stalled = []
        for number in range(20):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", int(server.url.rpartition(":")[2])))
            client.sendall(request("GET", "/event" if number % 2 else f"/session/{session_id}/event"))
            stalled.append(client)
        trickling = asyncio.create_task(_trickle(stalled[:5]))
        text = ""
        async with server.listen() as stream:
            await server.client.post(f"/session/{session_id}/prompt_async", json={"content": "go"})
            async for _, event in stream:
                if event["type"] == "message.part.delta":
                    text += event["properties"]["delta"]
                if event["type"] == "session.idle":
                    break
        assert len(text) == 20_000_000
        watched = psutil.Process(process.pid)
        ports = {client.getsockname()[1] for client in stalled}
        await until(
            lambda: not any(link.raddr and link.raddr.port in ports for link in watched.net_connections()), 60
        )
        trickling.cancel()
        for client in stalled:
            client.close()
        llm.on("one", Answer(text="Fine."))
        assert text_of(await server.ask(session_id, "and now?")) == "Fine."


async def _trickle(clients: list[socket.socket]) -> None:
    """Read one byte a second."""
    loop = asyncio.get_running_loop()
    for client in clients:
        client.setblocking(False)
    while True:
        for client in clients:
            try:
                await asyncio.wait_for(loop.sock_recv(client, 1), 0.1)
            except (ConnectionError, TimeoutError):
                continue
        await asyncio.sleep(1)


@pytest.fixture(params=[8_000_000, 4_000], ids=["all of the past", "little of the past"])
async def forgetful(
    request: pytest.FixtureRequest, tmp_path: Path, llm: LLM, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Server]:
    """A server that can replay so many bytes."""
    monkeypatch.setattr("opencode.session.services.Bus", partial(Bus, ring_bytes=request.param))
    async with running_server(tmp_path, provider_config(llm)) as server:
        yield server


async def test_a_client_that_loses_its_stream_at_any_point_ends_with_the_stored_truth(
    forgetful: Server, llm: LLM
) -> None:
    seed = int(os.environ.get("OPENCODE_SEED", "1"))
    chance = random.Random(seed)
    todos = {"todos": [{"content": "bench", "status": "pending", "priority": "low"}]}
    words = tuple(f"w{number} " for number in range(40))
    for _ in range(12):
        llm.script(
            Answer(text=words, reasoning=words[:9], fault=("end", "drop"), pace=0.001),
            Answer(text=words[:20], reasoning=words[:9], tools=(("todowrite", todos),), pace=0.001),
            Answer(text=words, pace=0.002),
        )
        session_id = await forgetful.new_session(title="Named")
        path = chance.choice(("/event", f"/session/{session_id}/event"))
        mirror = Mirror()
        body = {"content": "go"}
        async with forgetful.listen(path):
            begun = await forgetful.client.get(f"/session/{session_id}")
            assert begun.status_code == 200
            mirror.take("", {"type": "session.updated", "properties": {"sessionID": session_id, "info": {}}})
        mirror.last_id = await _position(forgetful, path)
        await forgetful.client.post(f"/session/{session_id}/prompt_async", json=body)
        while mirror.statuses.get(session_id) != "idle":
            await _follow(forgetful, path, mirror, session_id, chance.randrange(1, 40))
            await asyncio.sleep(chance.choice((0, 0.01, 0.05)))
        assert mirror.of(session_id) == await forgetful.messages(session_id), seed
        assert mirror.todos[session_id] == todos["todos"]


async def _position(server: Server, path: str) -> str:
    async with server.client.stream("GET", path) as response:
        event_id, _ = await anext(events(response))
        return event_id


async def _follow(server: Server, path: str, mirror: Mirror, session_id: str, count: int) -> None:
    """Take so many events and lose the connection, in the middle of a state too."""
    headers = {"Last-Event-ID": mirror.last_id}
    async with server.client.stream("GET", path, headers=headers) as response:
        stream = events(response, heartbeats=True)
        _, hello = await anext(stream)
        whole = hello["properties"]["resumed"]
        async for event_id, event in stream:
            mirror.take(event_id, event)
            count -= 1
            whole = whole or event["type"] == "server.heartbeat"
            if whole and (count <= 0 or mirror.statuses.get(session_id) == "idle"):
                return
