"""The program itself, `python app.py`: its start, its settings, its end by a signal or a kill."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.harness import Server, text_of
from tests.llm.server import LLM, Answer

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def program(
    data_dir: Path, command: tuple[str, ...] = ("app.py",), **env: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Server]]:
    """Run the program until the block ends."""
    port = free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(data_dir),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "OPENCODE_DATA_DIR": str(data_dir / "data"),
        **env,
    }
    arguments = [part.format(port=port) for part in command]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env=environ, stderr=asyncio.subprocess.PIPE
    )
    try:
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) as client:
            while process.returncode is None:
                try:
                    await client.get("/global/health")
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.02)
            yield process, Server(url, client, asyncio.Event())
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_term_signal_ends_open_streams_and_the_program_within_three_seconds(tmp_path: Path) -> None:
    await _stops(tmp_path, ("app.py",))


async def test_uvicorn_stops_as_fast(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    await _stops(tmp_path, ("-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", "{port}"))


async def _stops(tmp_path: Path, command: tuple[str, ...]) -> None:
    async with program(tmp_path, command) as (process, server):
        session_id = await server.new_session()
        async with server.listen() as everything, server.listen(f"/session/{session_id}/event") as one:
            answer = asyncio.create_task(server.stream(session_id, "long"))
            async for _, event in everything:
                if event["type"] == "message.part.delta":
                    break
            started = asyncio.get_running_loop().time()
            process.send_signal(signal.SIGTERM)
            async for _ in everything:
                pass
            async for _ in one:
                pass
            await process.wait()
            assert asyncio.get_running_loop().time() - started < 3
            await asyncio.gather(answer, return_exceptions=True)
    async with program(tmp_path) as (_, server):
        _, message = await server.messages(session_id)
        assert message["info"]["error"]["name"] == "MessageAbortedError"
        assert any(part.get("text") for part in message["parts"])


async def test_a_killed_server_comes_back_with_all_but_the_last_moment(tmp_path: Path) -> None:
    async with LLM() as llm:
        llm.on("one", Answer(text=tuple(f"{number} " for number in range(10_000)), pace=0.005))
        config = {"provider": {"p": {"options": {"baseURL": f"{llm.url}/v1"}, "models": {"one": {}}}}}
        env = {"OPENCODE_CONFIG": str(tmp_path / "opencode.json")}
        (tmp_path / "opencode.json").write_text(json.dumps(config))
        seen: list[tuple[float, str]] = []
        async with program(tmp_path, **env) as (process, server):
            session_id = await server.new_session(title="Named")
            async with server.listen() as stream:
                await server.client.post(f"/session/{session_id}/prompt_async", json={"content": "go"})
                async for _, event in stream:
                    if event["type"] == "message.part.delta":
                        seen.append((asyncio.get_running_loop().time(), event["properties"]["delta"]))
                        if seen[-1][0] - seen[0][0] > 0.8:
                            break
                process.kill()
                killed = asyncio.get_running_loop().time()
                await process.wait()
        async with program(tmp_path, **env) as (_, server):
            _, message = await server.messages(session_id)
            assert message["info"]["error"]["name"] == "MessageAbortedError"
            assert "stopped" in message["info"]["error"]["data"]["message"]
            assert message["info"]["time"]["completed"]
            certain = "".join(text for at, text in seen if at < killed - 0.3)
            assert certain
            assert text_of(message).startswith(certain)
            llm.on("one", Answer(text="Back."))
            assert text_of(await server.ask(session_id, "again")) == "Back."


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"PORT": "many"}, "PORT"),
        ({"OPENCODE_CONFIG": "/nowhere/opencode.json"}, "OPENCODE_CONFIG"),
        ({"OPENCODE_FETCH_ALLOW": "home"}, "OPENCODE_FETCH_ALLOW"),
        ({"OPENCODE_LOG_LEVEL": "loud"}, "OPENCODE_LOG_LEVEL"),
        ({"OPENCODE_DATA_DIR": "/dev/null/data"}, "OPENCODE_DATA_DIR"),
    ],
)
async def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(
    tmp_path: Path, env: dict[str, str], named: str
) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PORT": str(free_port()), **env}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "app.py", cwd=ROOT, env=environ, stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await process.communicate()
    assert process.returncode == 1
    last = stderr.decode().strip().splitlines()[-1]
    assert named in last
    assert "Traceback" not in stderr.decode()
