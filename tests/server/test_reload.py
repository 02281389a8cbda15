"""Changed files of a set-up are noticed while the server runs."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from opencode.config import reload
from tests.harness import Server, running_server, text_of
from tests.llm.server import LLM, Answer
from tests.mcp.conftest import liar, until

from .conftest import provider_config

TODO = {"todos": [{"content": "pack", "status": "pending", "priority": "high"}]}


@pytest.fixture(autouse=True)
def at_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "INTERVAL", 0.0)
    monkeypatch.setattr(reload, "BUSY_SHARE", 0)
    monkeypatch.setattr(reload, "SETTLE_SECONDS", 0.0)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with running_server(tmp_path) as server:
        yield server


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


async def names(server: Server, kind: str) -> list[str]:
    return [item["name"] for item in (await server.client.get(f"/{kind}")).json()]


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("agent", ".opencode/agent/poet.md"),
        ("agent", ".opencode/agents/poet.md"),
        ("agent", ".opencode/mode/poet.md"),
        ("agent", ".config/opencode/agent/poet.md"),
        ("command", ".opencode/command/poet.md"),
        ("skill", ".opencode/skill/poet/SKILL.md"),
        ("skill", ".claude/skills/poet/SKILL.md"),
    ],
)
async def test_markdown_is_added_changed_and_removed(
    server: Server, tmp_path: Path, kind: str, file: str
) -> None:
    async def descriptions() -> list[str | None]:
        items = (await server.client.get(f"/{kind}")).json()
        return [item.get("description") for item in items if item["name"] == "poet"]

    assert await descriptions() == []
    for word in ("rhymes", "writes"):
        write(tmp_path / file, f"---\nname: poet\ndescription: {word}\n---\nBe brief.")
        assert await descriptions() == [word]
    (tmp_path / file).unlink()
    assert await descriptions() == []


@pytest.mark.parametrize(
    "file",
    [
        "opencode.json",
        ".opencode/opencode.jsonc",
        ".config/opencode/opencode.json",
        ".config/opencode/config.json",
    ],
)
async def test_configuration_of_every_place_is_read_again(server: Server, tmp_path: Path, file: str) -> None:
    for name in ("one", "another"):
        write(tmp_path / file, json.dumps({"username": name, "agent": {name: {"prompt": "Hi"}}}))
        assert (await server.client.get("/config")).json()["username"] == name
        assert name in await names(server, "agent")
    assert "one" not in await names(server, "agent")


async def test_a_file_that_is_included_counts_too(tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("first")
    config = {"agent": {"poet": {"prompt": "{file:prompt.txt}"}}}

    async def shown(server: Server) -> str:
        agents = (await server.client.get("/agent")).json()
        return str(next(agent["prompt"] for agent in agents if agent["name"] == "poet"))

    async with running_server(tmp_path, config) as server:
        assert await shown(server) == "first"
        prompt.write_text("second")
        assert await shown(server) == "second"


async def test_a_broken_file_leaves_the_last_good_set_up_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload, "RETRY_SECONDS", 0.0)
    file = tmp_path / "opencode.json"
    async with running_server(tmp_path, {"agent": {"poet": {"prompt": "Rhyme."}}}) as server:
        file.write_text('{"agent": {"poet": 5, "other": {}}}')
        for _ in range(3):
            assert "poet" in await names(server, "agent")
        assert "other" not in await names(server, "agent")
        page = (await server.client.get("/settings")).text
        assert "The files can't be used as they are now" in page
        assert "agent.poet" in page
        lines = [
            r.message for r in caplog.records if "can't be used, so the last good one stays" in r.message
        ]
        assert len(lines) == 1
        assert "agent.poet" in lines[0]
        file.write_text('{"agent": {"other": {"prompt": "Hi"}}}')
        assert "poet" not in await names(server, "agent")
        assert "other" in await names(server, "agent")
        assert "as they are now" not in (await server.client.get("/settings")).text


@pytest.mark.parametrize(
    "broken",
    [
        "{",
        '{"agent": {"poet": {"steps": -3}}}',
        '{"username": "{file:missing.txt}"}',
        '{"provider": {"x": {"options": []}}}',
        "\x00\xff",
    ],
)
async def test_no_broken_file_fails_a_request(server: Server, tmp_path: Path, broken: str) -> None:
    (tmp_path / "opencode.json").write_text(broken)
    for path in ("/config", "/agent", "/command", "/skill", "/mcp", "/provider", "/settings", "/"):
        assert (await server.client.get(path)).status_code == 200
    (tmp_path / "opencode.json").write_text('{"username": "me"}')
    assert (await server.client.get("/config")).json()["username"] == "me"


async def test_a_file_that_is_gone_may_come_back(server: Server, tmp_path: Path) -> None:
    (tmp_path / "opencode.json").rename(tmp_path / "elsewhere")
    assert (await server.client.get("/config")).status_code == 200
    (tmp_path / "opencode.json").write_text('{"username": "me"}')
    assert (await server.client.get("/config")).json()["username"] == "me"


async def test_a_turn_keeps_what_it_began_with(tmp_path: Path, llm: LLM) -> None:
    config = {**provider_config(llm), "agent": {"poet": {"prompt": "Rhyme.", "mode": "primary"}}}
    gate = asyncio.Event()
    llm.script(Answer(text="one", tools=(("todowrite", TODO),), gate=gate), Answer(text="two"))
    async with running_server(tmp_path, config) as server:
        session_id = await server.new_session(title="Turn", agent="poet")
        asking = asyncio.create_task(server.ask(session_id, "go", agent="poet", model="compatible/one"))
        await llm.until(lambda llm: bool(llm.requests))
        (tmp_path / "opencode.json").write_text(json.dumps({"agent": {"other": {"prompt": "Hi"}}}))
        assert "poet" not in await names(server, "agent")
        assert [p["id"] for p in (await server.client.get("/config/providers")).json()["providers"]] == [
            "demo"
        ]
        gate.set()
        assert text_of(await asking) == "two"
        refused = await server.client.post(
            f"/session/{session_id}/message", json={"parts": [{"type": "text", "text": "x"}], "agent": "poet"}
        )
        assert refused.status_code == 400
    first, second = (request.body["messages"][0]["content"] for request in llm.requests)
    assert "Rhyme." in first
    assert first == second


async def test_the_next_turn_has_the_new_set_up(tmp_path: Path, llm: LLM) -> None:
    config = {**provider_config(llm), "agent": {"build": {"prompt": "Rhyme."}}}
    llm.script(Answer(text="one"), Answer(text="two"))
    async with running_server(tmp_path, config) as server:
        session_id = await server.new_session(title="Turns")
        await server.ask(session_id, "go")
        config = {**config, "agent": {"build": {"prompt": "Count."}}, "permission": {"webfetch": "deny"}}
        config["agent"]["helper"] = {"description": "helps well", "mode": "subagent"}
        (tmp_path / "opencode.json").write_text(json.dumps(config))
        await server.ask(session_id, "go on")
    before, after = (request.body for request in llm.requests)
    assert "Count." in after["messages"][0]["content"]
    tools = [
        {each["function"]["name"]: each["function"] for each in body["tools"]} for body in (before, after)
    ]
    assert "webfetch" in tools[0]
    assert "webfetch" not in tools[1]
    assert "helps well" in tools[1]["task"]["description"]


async def test_only_the_mcp_servers_whose_entry_changed_are_connected_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def entry(mode: str, **more: Any) -> dict[str, Any]:
        config = liar(mode)
        return {"type": "local", "command": config.command, "environment": config.environment, **more}

    def connections(name: str) -> int:
        return sum(f"MCP server {name} is connected" in record.message for record in caplog.records)

    file = tmp_path / "opencode.json"
    servers = {name: entry("modest") for name in ("kept", "changed", "gone")}
    async with running_server(tmp_path, {"mcp": servers}) as server:
        await until(lambda: all(connections(name) == 1 for name in servers))
        servers = {"kept": servers["kept"], "changed": entry("modest", timeout=4321), "new": entry("modest")}
        file.write_text(json.dumps({"mcp": {**servers, "bad": {"type": "nothing"}}}))
        statuses = (await server.client.get("/mcp")).json()
        assert set(statuses) == {"kept", "changed", "new", "bad"}
        await until(lambda: connections("changed") == 2 and connections("new") == 1)
        assert connections("kept") == 1
        statuses = (await server.client.get("/mcp")).json()
        assert [statuses[name]["status"] for name in ("kept", "changed", "new")] == ["connected"] * 3
        assert statuses["bad"]["status"] == "failed"


async def test_who_only_listens_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "INTERVAL", 0.05)
    monkeypatch.setattr(reload, "IDLE_SHARE", 0)
    async with running_server(tmp_path) as server, server.listen() as stream:
        write(tmp_path / ".opencode/agent/poet.md", "Rhyme.")
        _, event = await anext(stream)
        assert event["type"] == "server.instance.disposed"
        assert event["properties"] == {"directory": str(Path.cwd())}
        assert "poet" in await names(server, "agent")


async def test_a_file_that_is_only_touched_changes_nothing(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "opencode.json").write_text("{ }")
    await server.client.get("/agent")
    assert "was read again" not in caplog.text


async def test_a_file_system_that_hangs_stops_no_request(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reload, "WAIT_SECONDS", 0.05)
    hanging = threading.Event()

    def hang(settings: object) -> None:
        hanging.wait(60)
        raise OSError("gone")

    monkeypatch.setattr(reload, "_timed", hang)
    try:
        for _ in range(3):
            assert (await server.client.get("/agent")).status_code == 200
    finally:
        hanging.set()


async def test_settings_show_what_was_read_and_what_was_left_out(server: Server, tmp_path: Path) -> None:
    write(tmp_path / "AGENTS.md", "Be brief.")
    write(tmp_path / ".opencode/agent/poet.md", "Rhyme.")
    write(tmp_path / ".opencode/skill/x/SKILL.md", "no front matter")
    write(tmp_path / "opencode.json", '{"mcp": {"bad": {"command": []}}, "permision": "ask"}')
    page = (await server.client.get("/settings")).text
    for path in ("opencode.json", ".opencode/agent/poet.md", "AGENTS.md"):
        assert f"<li>{tmp_path / path}</li>" in page
    assert f"{tmp_path}/.opencode/skill/x/SKILL.md is left out" in page
    assert "did you mean permission?" in page
    assert "the MCP server bad is left out" in page
