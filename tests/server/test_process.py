"""The program itself, `python app.py`: its start, its settings, its end by a signal or a kill."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from tests.harness import text_of
from tests.llm.server import LLM, Answer
from tests.program import free_port, program, said, start


async def test_a_term_signal_ends_open_streams_and_the_program_within_three_seconds(tmp_path: Path) -> None:
    await _stops(tmp_path, ("app.py",))


async def test_uvicorn_stops_as_fast(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    await _stops(tmp_path, ("-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", "{port}"))


@pytest.mark.parametrize(
    "command",
    [("app.py",), ("-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", "{port}")],
    ids=["hypercorn", "uvicorn"],
)
async def test_a_hang_up_ends_the_program_like_a_term_signal(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    async with program(tmp_path, command, OPENCODE_STOP_GRACE="1") as (process, server):
        async with server.listen() as stream:
            process.send_signal(signal.SIGHUP)
            async for _ in stream:
                pass
        await process.wait()
    assert process.returncode != -signal.SIGHUP


async def _stops(tmp_path: Path, command: tuple[str, ...]) -> None:
    async with program(tmp_path, command, OPENCODE_STOP_GRACE="1", OPENCODE_RESUME="off") as (
        process,
        server,
    ):
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
    async with program(tmp_path, OPENCODE_RESUME="off") as (_, server):
        _, message = await server.messages(session_id)
        assert message["info"]["error"]["name"] == "MessageAbortedError"
        assert any(part.get("text") for part in message["parts"])


async def test_garbage_is_looked_for_seldom_and_not_in_what_was_imported(tmp_path: Path) -> None:
    script = (
        "import gc, runpy, sys, hypercorn.asyncio as h\n"
        "async def serve(*_, **__): print(gc.get_threshold()[0], gc.get_freeze_count(), file=sys.stderr)\n"
        "h.serve = serve\n"
        "runpy.run_path('app.py', run_name='__main__')"
    )
    process = await start(tmp_path, free_port(), ("-c", script))
    threshold, frozen = map(int, (await said(process)).splitlines()[-1].split())
    assert threshold == 10_000
    assert frozen > 50_000


async def test_a_killed_server_comes_back_with_all_but_the_last_moment(tmp_path: Path) -> None:
    async with LLM() as llm:
        llm.on("one", Answer(text=tuple(f"{number} " for number in range(10_000)), pace=0.005))
        config = {"provider": {"p": {"options": {"baseURL": f"{llm.url}/v1"}, "models": {"one": {}}}}}
        env = {"OPENCODE_CONFIG": str(tmp_path / "opencode.json"), "OPENCODE_RESUME": "off"}
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
    process = await start(tmp_path, free_port(), **env)
    stderr = await said(process)
    assert process.returncode == 1
    assert named in stderr.strip().splitlines()[-1]
    assert "Traceback" not in stderr


@pytest.mark.parametrize("wrong", [{"model": "nosuch/x"}, {"small_model": "nosuch/x"}])
async def test_a_model_of_an_unknown_provider_is_a_warning(tmp_path: Path, wrong: dict[str, str]) -> None:
    (tmp_path / "opencode.json").write_text(json.dumps(wrong))
    async with program(tmp_path, OPENCODE_CONFIG=str(tmp_path / "opencode.json")) as (process, server):
        session_id = await server.new_session()
        assert (await server.client.get(f"/session/{session_id}")).status_code == 200
        process.terminate()
        log = await said(process)
    assert any(next(iter(wrong)) in line and "nosuch" in line for line in log.splitlines())


async def test_a_port_in_use_stops_the_start_with_one_line(tmp_path: Path) -> None:
    async with program(tmp_path) as (_, server):
        port = int(server.url.rpartition(":")[2])
        (tmp_path / "other").mkdir()
        second = await start(tmp_path / "other", port)
        stderr = await said(second)
        assert second.returncode == 1
        assert str(port) in stderr
        assert "Traceback" not in stderr


async def test_a_data_directory_is_one_servers(tmp_path: Path) -> None:
    async with program(tmp_path) as (_, server):
        session_id = await server.new_session()
        second = await start(tmp_path, free_port())
        stderr = await said(second)
        assert second.returncode == 1
        assert "in use by another server" in stderr
        assert "Traceback" not in stderr
        assert (await server.client.get(f"/session/{session_id}")).status_code == 200


async def test_a_server_that_is_started_while_another_stops_takes_its_place(tmp_path: Path) -> None:
    async with program(tmp_path, OPENCODE_STOP_GRACE="1", OPENCODE_RESUME="off") as (first, server):
        session_id = await server.new_session()
        async with server.listen() as events:
            answer = asyncio.create_task(server.stream(session_id, "long"))
            async for _, event in events:
                if event["type"] == "message.part.delta":
                    break
        first.send_signal(signal.SIGTERM)
        async with program(tmp_path, OPENCODE_RESUME="off") as (_, second):
            _, message = await second.messages(session_id)
            assert message["info"]["error"]["name"] == "MessageAbortedError"
        await asyncio.gather(answer, return_exceptions=True)
