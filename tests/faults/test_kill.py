"""kill -9 at random moments: nothing that any client was told of is lost, and every session goes on."""

import asyncio
import json
import os
import random
import time
from pathlib import Path

import pytest

from tests.harness import Server, events
from tests.llm.server import LLM
from tests.program import program
from tests.server.conftest import provider_config
from tests.tool.web import serving

from .crowd import Crowd, Script, slow_page
from .mirror import Json, Mirror, is_finished

KILLS = int(os.environ.get("OPENCODE_KILLS", "3"))
LONGEST_LOSS = 2.0
"""Seconds of streamed text: the promise is a quarter of one, the rest is for a machine that is busy."""


@pytest.mark.timeout(120 + 15 * KILLS)
@pytest.mark.parametrize("resume", ["on", "off"])
async def test_a_server_that_is_killed_loses_nothing_that_was_told(
    tmp_path: Path, url: str | None, resume: str
) -> None:
    seed = int(os.environ.get("OPENCODE_SEED", str(time.time_ns() % 100_000)))
    chance = random.Random(seed)
    print(f"seed {seed}")
    losses: list[float] = []
    killed = 0.0
    turns = 0
    async with LLM() as llm, serving() as site:
        script = Script(seed, site, pace=0.04)
        site.add("/slow", slow_page(0.3))
        llm.on("one", script)
        (tmp_path / "opencode.json").write_text(json.dumps(provider_config(llm)))
        env = {
            "OPENCODE_CONFIG": str(tmp_path / "opencode.json"),
            "OPENCODE_FETCH_ALLOW": "127.0.0.1/32",
            "OPENCODE_LOG_LEVEL": "WARNING",
            "OPENCODE_RESUME": resume,
        }
        if url is not None:
            env["OPENCODE_DATABASE_URL"] = url
        mirror = Mirror()
        asked_to_delete: set[str] = set()
        for kill in range(KILLS + 1):
            async with program(tmp_path, **env) as (process, server):
                if kill:
                    await _until_idle(server)
                    await _check(server, mirror, asked_to_delete, killed, losses)
                    await _check_resumed(server, mirror)
                if kill == KILLS:
                    break
                crowd = Crowd(server.client, mirror, seed + kill, size=6)
                async with crowd.at_work():
                    await crowd.until_words()
                    await asyncio.sleep(chance.uniform(0, 2.5))
                    process.kill()
                    killed = time.monotonic()
                    await process.wait()
                asked_to_delete |= crowd.asked_to_delete
                turns += crowd.turns
    assert not script.broken, script.broken[0]
    assert max(losses, default=0.0) < LONGEST_LOSS
    longest = max(losses, default=0.0) * 1000
    print(f"{KILLS} kills, {turns} turns, {len(losses)} texts cut, at most {longest:.0f} ms of text lost")


async def _until_idle(server: Server) -> None:
    """Wait for the end of the turns that go on."""
    async with server.listen() as stream:
        while (await server.client.get("/session/status")).json():
            await anext(stream)


async def _check(
    server: Server, mirror: Mirror, asked_to_delete: set[str], killed: float, losses: list[float]
) -> None:
    """Compare everything that was told before the kill with what is there now."""
    for session_id in mirror.deleted:
        assert (await server.client.get(f"/session/{session_id}")).status_code == 404
    for session_id, info in mirror.sessions.items():
        response = await server.client.get(f"/session/{session_id}")
        if response.status_code == 404 and session_id in asked_to_delete:
            continue
        assert response.status_code == 200, response.text
        if not info["title"].startswith("New session"):
            assert response.json()["title"] == info["title"]
        stored = {message["info"]["id"]: message for message in await server.messages(session_id)}
        for message in mirror.of(session_id):
            _check_message(message, stored[message["info"]["id"]])
            _check_parts(message, stored[message["info"]["id"]], mirror, killed, losses)
        _check_answers(list(stored.values()))
        todos = (await server.client.get(f"/session/{session_id}/todo")).json()
        if todos != mirror.todos.get(session_id, []):
            assert todos in [part["state"]["input"].get("todos") for part in _calls(stored)]
    assert (await server.client.get("/session/status")).json() == {}


def _check_message(told: Json, stored: Json) -> None:
    if told["info"]["role"] == "user" or told["info"]["time"].get("completed"):
        if stored["info"].get("error", {}).get("name") != "MessageAbortedError":
            assert stored["info"] == told["info"]
    else:
        assert stored["info"]["time"]["completed"]
        if "error" in stored["info"]:
            message = stored["info"]["error"]["data"]["message"]
            assert "stopped" in message or message == "Aborted"  # stored, and not told any more


def _check_parts(told: Json, stored: Json, mirror: Mirror, killed: float, losses: list[float]) -> None:
    parts = {part["id"]: part for part in stored["parts"]}
    for part in told["parts"]:
        if is_finished(part):
            assert parts[part["id"]] == part
        elif part["type"] == "tool":
            if part["id"] in parts:
                assert parts[part["id"]]["state"]["status"] in ("completed", "error")
            else:
                assert killed - mirror.heard[part["id"]] < LONGEST_LOSS, (told, stored)
        else:
            grown = mirror.growing[part["id"]]
            kept = parts.get(part["id"], {"text": ""})["text"]
            assert kept.startswith(grown.text) or grown.text.startswith(kept)
            lost = killed - grown.first_after(len(kept)) if len(kept) < len(grown.text) else 0.0
            losses.append(max(lost, 0.0))


def _check_answers(stored: list[Json]) -> None:
    """Every prompt has an answer, and no answer is left open or wants a further step."""
    answered = {message["info"].get("parentID") for message in stored}
    for message in stored:
        if message["info"]["role"] == "user":
            assert message["info"]["id"] in answered
        else:
            assert message["info"]["time"]["completed"]
    last = stored[-1]["info"] if stored else {"role": "assistant", "finish": "stop"}
    assert last["role"] == "assistant"
    assert "error" in last or last["finish"] not in ("tool-calls", "pause")


def _calls(stored: dict[str, Json]) -> list[Json]:
    return [part for message in stored.values() for part in message["parts"] if part["type"] == "tool"]


async def _check_resumed(server: Server, mirror: Mirror) -> None:
    """A client from before the kill is brought to the stored truth by its Last-Event-ID alone."""
    async with server.client.stream("GET", "/event", headers={"Last-Event-ID": mirror.last_id}) as response:
        async for event_id, event in events(response, heartbeats=True):
            mirror.take(event_id, event)
            if event["type"] == "server.heartbeat":
                break
    for session_id in list(mirror.sessions):
        if (await server.client.get(f"/session/{session_id}")).status_code == 404:
            mirror.forget(session_id)
            continue
        assert mirror.of(session_id) == await server.messages(session_id)
