"""The end by a signal: turns get their time, what is cut says so, and nothing holds it up."""

import asyncio
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.harness import Server, text_of
from tests.llm.server import LLM, Answer
from tests.program import program

PROGRAMS = {
    "app.py": ("app.py",),
    "uvicorn": ("-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", "{port}"),
}


async def _begun(server: Server, model: str, count: int) -> list[str]:
    """Start turns, and return their sessions once all of them have begun to answer."""
    sessions = [await server.new_session(title="Named") for _ in range(count)]
    begun: set[str] = set()
    async with server.listen() as events:
        for session_id in sessions:
            body = {"content": "go", "model": f"compatible/{model}"}
            assert (await server.client.post(f"/session/{session_id}/prompt_async", json=body)).is_success
        async for _, event in events:
            if event["type"] == "message.part.delta":
                begun.add(event["properties"]["sessionID"])
            if begun == set(sessions):
                return sessions
    raise AssertionError


async def _refusal(server: Server, session_id: str) -> httpx.Response:
    """Send prompts until one is refused."""
    while True:
        body = {"parts": [{"type": "text", "text": "More"}], "noReply": True}
        response = await server.client.post(f"/session/{session_id}/message", json=body)
        if response.status_code != 200:
            return response


@pytest.mark.parametrize("command", PROGRAMS.values(), ids=PROGRAMS.keys())
async def test_running_turns_get_their_time_and_then_end_marked(
    tmp_path: Path, llm: LLM, env: dict[str, str], command: tuple[str, ...]
) -> None:
    gate = asyncio.Event()
    llm.on("two", Answer(text=("Nearly", " done."), gate=gate))
    llm.on("one", Answer(text="tick ", endless=True, pace=0.05))
    env["OPENCODE_RESUME"] = "off"
    async with program(tmp_path, command, OPENCODE_STOP_GRACE="3", **env) as (process, server):
        short, endless = await _begun(server, "two", 10), await _begun(server, "one", 10)
        process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        refusal = await _refusal(server, short[0])
        assert refusal.status_code == 503
        assert "is stopping" in refusal.json()["data"]["message"]
        assert refusal.headers["Retry-After"]
        assert len((await server.client.get("/session/status")).json()) == 20
        gate.set()
        await process.wait()
        assert time.monotonic() - told < 3 + 3
    async with program(tmp_path, **env) as (_, server):
        for session_id in short:
            answer = (await server.messages(session_id))[-1]
            assert text_of(answer) == "Nearly done."
            assert "error" not in answer["info"]
        for session_id in endless:
            answer = (await server.messages(session_id))[-1]
            assert answer["info"]["error"]["name"] == "MessageAbortedError"
            assert "stopped" in answer["info"]["error"]["data"]["message"]
            assert text_of(answer).startswith("tick tick")
        llm.on("one", Answer(text="Still here."))
        assert text_of(await server.ask(endless[0], "again")) == "Still here."


@pytest.mark.parametrize("command", PROGRAMS.values(), ids=PROGRAMS.keys())
async def test_open_streams_alone_hold_nothing_up(
    tmp_path: Path, env: dict[str, str], command: tuple[str, ...]
) -> None:
    async with program(tmp_path, command, **env) as (process, server):
        session_id = await server.new_session(title="Named")
        async with server.listen() as everything, server.listen(f"/session/{session_id}/event") as one:
            process.send_signal(signal.SIGTERM)
            told = time.monotonic()
            async for _ in everything:
                pass
            async for _ in one:
                pass
            await process.wait()
            assert time.monotonic() - told < 3


async def test_a_second_signal_ends_it_at_once_and_the_next_start_says_what_was_cut(
    tmp_path: Path, llm: LLM, env: dict[str, str]
) -> None:
    llm.on("one", Answer(text="tick ", endless=True, pace=0.05))
    env["OPENCODE_RESUME"] = "off"
    async with program(tmp_path, OPENCODE_STOP_GRACE="600", **env) as (process, server):
        sessions = await _begun(server, "one", 3)
        process.send_signal(signal.SIGTERM)
        await _refusal(server, sessions[0])
        process.send_signal(signal.SIGTERM)
        await process.wait()
        assert process.returncode == -signal.SIGTERM
    async with program(tmp_path, **env) as (_, server):
        for session_id in sessions:
            answer = next(m for m in await server.messages(session_id) if m["info"]["role"] == "assistant")
            assert answer["info"]["error"]["name"] == "MessageAbortedError"
