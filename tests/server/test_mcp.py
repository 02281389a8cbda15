"""MCP servers through the front door: in a model's turn, over the API, in the configuration, at the end."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.harness import Server, running_server, text_of
from tests.llm.server import LLM, Answer
from tests.server.conftest import provider_config
from tests.server.test_pending_requests import asked, the_call, until
from tests.server.test_process import program

SECRET = "planted-secret-value"
PROGRAM = str(Path(__file__).parents[1] / "mcp" / "program.py")
LIAR = str(Path(__file__).parents[1] / "mcp" / "liar.py")


def liar(mode: str, **options: Any) -> dict[str, Any]:
    command = [sys.executable, LIAR, mode, f"--token={SECRET}"]
    return {"type": "local", "command": command, "environment": {"PROBE_SECRET": SECRET}, **options}


def config(llm: LLM, **servers: Any) -> dict[str, Any]:
    return {**provider_config(llm), "mcp": servers}


async def connect(server: Server, name: str) -> None:
    assert (await server.client.post(f"/mcp/{name}/connect")).json() is True


async def test_a_model_calls_a_tool_of_an_mcp_server(tmp_path: Path, llm: LLM) -> None:
    llm.script(Answer(tools=(("probe_echo", {"a": 1}),)), Answer(text="heard"))
    silent = liar("silent")
    async with running_server(tmp_path, config(llm, probe=liar("modest"), silent=silent)) as server:
        await connect(server, "probe")
        session_id = await server.new_session(title="MCP")
        assert text_of(await server.ask(session_id, "go")) == "heard"
        call = await the_call(server, session_id)
        assert call["status"] == "completed"
        assert call["output"].endswith('{"a": 1}')
    told = {tool["function"]["name"] for tool in llm.requests[0].body["tools"]}
    assert {"webfetch", "probe_echo", "probe_slow"} <= told
    assert '{\\"a\\": 1}' in json.dumps(llm.requests[1].body["messages"][-1])


async def test_a_failing_call_is_told_to_the_model_and_the_turn_goes_on(tmp_path: Path, llm: LLM) -> None:
    llm.script(Answer(tools=(("probe_refuse", {}), ("probe_echo", {}))), Answer(text="on"))
    async with running_server(tmp_path, config(llm, probe=liar("modest"))) as server:
        await connect(server, "probe")
        session_id = await server.new_session(title="MCP")
        async with server.listen() as stream:
            assert text_of(await server.ask(session_id, "go")) == "on"
            events = json.dumps(await until(stream, "session.idle"))
        assert (await the_call(server, session_id))["error"].endswith("refused the call: not with …")
        assert (await the_call(server, session_id, 1))["status"] == "completed"
        assert SECRET not in events


async def test_permissions_go_by_the_tools_name(tmp_path: Path, llm: LLM) -> None:
    llm.script(Answer(tools=(("probe_echo", {}),)), Answer(text="done"))
    rules = {"permission": {"probe_*": "ask", "probe_slow": "deny"}}
    async with running_server(tmp_path, config(llm, probe=liar("modest")) | rules) as server:
        await connect(server, "probe")
        session_id = await server.new_session(title="MCP")
        async with server.listen() as stream:
            request = await asked(server, session_id, stream, "permission")
            assert (request["permission"], request["patterns"]) == ("probe_echo", ["*"])
            await server.client.post(f"/permission/{request['id']}/reply", json={"reply": "once"})
            await until(stream, "session.idle")
        assert (await the_call(server, session_id))["status"] == "completed"
    told = {tool["function"]["name"] for tool in llm.requests[0].body["tools"]}
    assert "probe_echo" in told
    assert "probe_slow" not in told


async def test_servers_are_shown_connected_and_disconnected(tmp_path: Path, llm: LLM) -> None:
    servers = config(llm, good=liar("modest", enabled=False), bad=liar("ends"))
    async with running_server(tmp_path, servers) as server, server.listen() as stream:
        assert (await server.client.get("/mcp")).json()["good"] == {"status": "disabled"}
        await connect(server, "good")
        assert (await server.client.post("/mcp/bad/connect")).json() is False
        statuses = (await server.client.get("/mcp")).json()
        assert statuses["good"] == {"status": "connected"}
        assert statuses["bad"]["status"] == "failed"
        assert "exit status 4" in statuses["bad"]["error"]
        assert (await server.client.post("/mcp/good/disconnect")).json() is True
        assert (await server.client.get("/mcp")).json()["good"] == {"status": "disabled"}
        missing = await server.client.post("/mcp/goood/connect")
        assert missing.status_code == 404
        assert "Did you mean good?" in missing.json()["data"]["message"]
        changed = [(await anext(stream))[1] for _ in range(2)]
    assert [event["type"] for event in changed] == ["mcp.tools.changed"] * 2
    assert [event["properties"]["server"] for event in changed] == ["good", "good"]


async def test_the_settings_page_says_what_became_of_each_server(tmp_path: Path, llm: LLM) -> None:
    async with running_server(tmp_path, config(llm, odd=liar("odd"), bad=liar("ends"))) as server:
        await connect(server, "odd")
        await server.client.post("/mcp/bad/connect")
        page = (await server.client.get("/settings")).text
        assert "5 tools left out" in page
        assert "huge: its schema is larger than 64 KB" in page
        assert "The program ended (exit status 4)" in page


async def test_instructions_of_a_server_are_in_the_system_prompt(tmp_path: Path, llm: LLM) -> None:
    async with running_server(tmp_path, config(llm, noisy=liar("noisy"))) as server:
        await connect(server, "noisy")
        llm.script(Answer(text="Yes. Yes."))
        await server.ask(await server.new_session(title="MCP"), "go")
    assert "Say everything twice." in str(llm.requests[0].body["messages"][0])


async def test_prompts_of_a_server_are_commands(tmp_path: Path, llm: LLM) -> None:
    servers = config(llm, helper={"type": "local", "command": [sys.executable, PROGRAM]})
    async with running_server(tmp_path, servers) as server:
        await connect(server, "helper")
        (listed,) = (await server.client.get("/command")).json()
        assert listed == {
            "name": "helper:review",
            "template": "$1 $2",
            "hints": ["$1", "$2"],
            "description": "Have code reviewed.",
            "source": "mcp",
        }
        session_id = await server.new_session(title="MCP")
        url = f"/session/{session_id}/command"
        llm.script(Answer(text="Fine."), Answer(text="Hm."))
        for arguments in ("x=1", "x=1 very strictly"):
            await server.client.post(url, json={"command": "helper:review", "arguments": arguments})
        said = [text_of(each) for each in await server.messages(session_id)]
        assert said == ["Review kindly: x=1", "Fine.", "Review very strictly: x=1", "Hm."]
        refused = await server.client.post(url, json={"command": "helper:review", "arguments": ""})
        assert (refused.status_code, "needs code" in refused.json()["data"]["message"]) == (400, True)
        unknown = await server.client.post(url, json={"command": "helper:revue", "arguments": ""})
        assert "Did you mean helper:review?" in unknown.json()["data"]["message"]
        await server.client.post("/mcp/helper/disconnect")
        assert (await server.client.get("/command")).json() == []


async def test_a_command_of_the_configuration_goes_before_a_prompt_of_its_name(
    tmp_path: Path, llm: LLM
) -> None:
    servers = config(llm, helper={"type": "local", "command": [sys.executable, PROGRAM]})
    own = {"command": {"helper:review": {"template": "Look closely."}}}
    async with running_server(tmp_path, servers | own) as server:
        await connect(server, "helper")
        assert [each["source"] for each in (await server.client.get("/command")).json()] == ["command"]


LOCAL = {"OPENCODE_ALLOW_MCP": "local", "OPENCODE_SERVER_PASSWORD": "pw"}


@pytest.mark.parametrize(
    ("env", "kind", "named"),
    [
        ({}, "local", "OPENCODE_ALLOW_MCP=local"),
        ({}, "remote", "OPENCODE_ALLOW_MCP=remote"),
        ({"OPENCODE_SERVER_PASSWORD": "pw"}, "local", "OPENCODE_ALLOW_MCP=local"),
        ({"OPENCODE_SERVER_PASSWORD": "pw"}, "remote", "OPENCODE_ALLOW_MCP=remote"),
        (
            {"OPENCODE_SERVER_PASSWORD": "pw", "OPENCODE_ALLOW_MCP": "remote"},
            "local",
            "OPENCODE_ALLOW_MCP=local",
        ),
        (LOCAL, "remote", "OPENCODE_ALLOW_MCP=remote"),
        ({"OPENCODE_ALLOW_MCP": "local,remote"}, "local", "OPENCODE_SERVER_PASSWORD"),
    ],
)
async def test_servers_are_added_only_where_the_operator_allows_their_kind(
    tmp_path: Path, llm: LLM, env: dict[str, str], kind: str, named: str
) -> None:
    remote = {"type": "remote", "url": "http://127.0.0.1:9/mcp"}
    body = {"name": "new", "config": liar("modest") if kind == "local" else remote}
    async with running_server(tmp_path, config(llm), env) as server:
        refused = await server.client.post("/mcp", json=body)
        assert refused.status_code == 400
        assert named in refused.json()["data"]["message"]
        assert (await server.client.get("/mcp")).json() == {}


async def test_an_added_server_s_tools_are_called(tmp_path: Path, llm: LLM) -> None:
    body = {"name": "new", "config": liar("modest")}
    async with running_server(tmp_path, config(llm), LOCAL) as server:
        assert (await server.client.post("/mcp", json=body)).json() == {"new": {"status": "connected"}}
        llm.script(Answer(tools=(("new_echo", {}),)), Answer(text="heard"))
        assert text_of(await server.ask(await server.new_session(title="MCP"), "go")) == "heard"
        again = {**body, "config": {**liar("modest"), "enabled": False}}
        assert (await server.client.post("/mcp", json=again)).json() == {"new": {"status": "disabled"}}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"name": "x"}, "config"),
        ({"name": "", "config": {"type": "local", "command": ["true"]}}, "name"),
        ({"name": "x", "config": {"type": "local", "command": []}}, "command"),
        ({"name": "x", "config": {"type": "remote", "url": "ftp://x"}}, "url"),
        ({"name": "x", "config": {"type": "remote", "url": "http://x", "timeout": 0}}, "timeout"),
        ({"name": "x", "config": {"type": "telepathy"}}, "telepathy"),
    ],
)
async def test_a_wrong_description_is_refused(server: Server, body: dict[str, Any], says: str) -> None:
    response = await server.client.post("/mcp", json=body)
    assert response.status_code == 400
    assert says in response.json()["data"]["message"]


async def test_the_configuration_shows_servers_without_their_secrets(tmp_path: Path, llm: LLM) -> None:
    remote = {
        "type": "remote",
        "url": f"http://user:{SECRET}@127.0.0.1:9/mcp?key={SECRET}",
        "headers": {"X-Any": SECRET},
        "enabled": False,
    }
    servers = config(llm, near=liar("modest", enabled=False), far=remote, gone={"enabled": False})
    async with running_server(tmp_path, servers) as server:
        shown = (await server.client.get("/config")).text
        assert SECRET not in shown
        assert json.loads(shown)["mcp"]["near"]["command"] == [sys.executable]
        assert json.loads(shown)["mcp"]["far"]["url"] == "http://127.0.0.1:9/mcp"
        assert set((await server.client.get("/mcp")).json()) == {"near", "far"}


async def test_a_wrong_entry_is_left_out_and_its_status_says_why(tmp_path: Path) -> None:
    wrong: dict[str, Any] = {
        "word": {"type": "local", "command": f"npx {SECRET}"},
        "typeless": {"command": ["npx", SECRET]},
        "switch": {"enabled": True},
        "nowhere": {"type": "remote", "url": ""},
        "kind": {"type": "locl"},
        "none": None,
        "off": {"enabled": False},
    }
    async with running_server(tmp_path, {"mcp": wrong | {"right": liar("modest", enabled=False)}}) as server:
        states = (await server.client.get("/mcp")).json()
        assert states.pop("right") == {"status": "disabled"}
        assert {name: state["status"] for name, state in states.items()} == dict.fromkeys(
            wrong.keys() - {"off"}, "failed"
        )
        assert states["word"]["error"].startswith("command must be an array")
        assert states["typeless"]["error"].startswith("type is missing")
        assert SECRET not in str(states)
        refusal = await server.client.post("/mcp/word/connect")
        assert refusal.status_code == 404
        assert "was left out: command must be an array" in refusal.text


async def test_no_program_is_left_after_the_end(tmp_path: Path) -> None:
    file = tmp_path / "opencode.json"
    servers = {"stubborn": liar("stubborn"), "silent": liar("silent"), "modest": liar("modest")}
    file.write_text(json.dumps({"mcp": servers}))
    async with program(tmp_path, OPENCODE_CONFIG=str(file)) as (process, server):
        await connect(server, "stubborn")
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3
        began = asyncio.get_running_loop().time()
        process.send_signal(signal.SIGTERM)
        await process.wait()
        assert asyncio.get_running_loop().time() - began < 3
        assert not [child for child in children if child.is_running() and child.status() != "zombie"]
