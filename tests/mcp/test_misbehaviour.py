"""MCP servers that die, hang and lie: each costs its own tools only, and says why."""

import asyncio
import os
import time
from collections.abc import Callable

import psutil
import pytest

from opencode.schema.base import given
from opencode.schema.mcp import McpConnected, McpDisabled, McpFailed, McpLocalConfig
from opencode.tool.mcp import server, servers
from tests.mcp.conftest import SECRET, Bench, liar, program, until
from tests.tool.calls import Call

Build = Callable[..., Bench]


def children() -> set[int]:
    return {each.pid for each in psutil.Process().children(recursive=True)}


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("silent", "It did not answer within 1.5 s."),
        ("ends", "The program ended (exit status 4). Run its command in a terminal to see why."),
        ("garbage", "It did not answer within 1.5 s. It wrote 1 lines that are not MCP messages."),
        ("endless", "It wrote a message of more than 16 MB."),
        ("strays", "It writes lines to its standard output that are not MCP messages."),
        ("listing", "It answered with something other than an MCP message."),
    ],
)
async def test_a_server_that_is_none_fails_with_the_reason_and_leaves_nothing(
    bench: Build, mode: str, reason: str
) -> None:
    before = children()
    own = bench(liar(mode, timeout=1_500), good=liar("modest"))
    own.servers.begin()
    assert not await own.servers.connect("probe")
    assert await own.error() == reason
    assert await own.servers.connect("good")
    assert own.names() == ["good_echo", "good_wrong", "good_refuse", "good_slow"]
    await own.servers.close()
    assert children() == before
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("mcp")]


async def test_a_program_that_is_not_there_fails_without_its_arguments(bench: Build) -> None:
    own = bench(McpLocalConfig(command=["no-such-program", "--key", SECRET]))
    assert not await own.servers.connect("probe")
    assert await own.error() == "The program no-such-program was not found."


async def test_a_flooded_standard_error_does_no_harm(bench: Build) -> None:
    own = bench(liar("flood"))
    await own.connect()
    assert '{"a": 1}' in (await own.call("probe_echo", a=1)).output


async def test_wrong_answers_are_errors_of_the_call_alone(bench: Build) -> None:
    own = bench(liar("modest"))
    await own.connect()
    assert (await own.call("probe_wrong")).output == "none"
    assert await own.failure("probe_refuse") == "The MCP server probe refused the call: not with …"
    assert "{}" in (await own.call("probe_echo")).output


async def test_tools_are_mended_and_those_that_can_not_be_are_named(
    bench: Build, caplog: pytest.LogCaptureFixture
) -> None:
    own = bench(liar("odd"), **{"probe_": liar("modest")})
    await own.connect()
    await own.connect("probe_")
    tools = {tool.name: tool for tool in own.servers.list()}
    assert "probe__echo" in tools
    assert all(len(name) <= 64 for name in tools)
    mended = [name for name in tools if not name.startswith("probe__")]
    assert [name[:12] for name in mended] == [
        "probe_echo", "probe_bad_sc", "probe_bad_fi", "probe_nnnnnn", "probe_chatty", "probe_bad_sc",
        "probe_none", "probe_null", "probe_either", "probe_free",
    ]  # fmt: skip
    assert tools["probe_bad_field"].parameters()["properties"] == {"a_b": {"type": "string"}}
    assert (await own.call("probe_bad_field", a_b="c")).output.endswith('{"a b": "c"}')
    assert tools["probe_either"].parameters() == {"properties": {}, "type": "object"}
    status = (await own.servers.statuses())["probe"]
    assert isinstance(status, McpConnected)
    assert status.omitted == {
        "huge": "its schema is larger than 64 KB",
        "#7": "it has no name",
        "#8": "it has no name",
        "#9": "it has no name",
        "bad schema": "it is listed twice",
    }
    assert "tool huge of MCP server probe is left out: its schema is larger than 64 KB" in caplog.text
    with pytest.raises(Exception, match="any\\?: any, list\\?: \\[any"):
        await own.tools.execute("probe_free", "[]", Call().context)


async def test_the_standard_error_is_kept_and_logged_without_secrets(
    bench: Build, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    own = bench(liar("noisy"))
    await own.connect()
    lines: list[str] = []
    while not lines or not lines[-1].startswith("line 99"):
        status = (await own.servers.statuses())["probe"]
        assert isinstance(status, McpConnected)
        lines = given(status.stderr, [])
        await asyncio.sleep(0.01)
    assert (len(lines), lines[0]) == (20, "line 80 with …")
    assert "MCP server probe: line 1 with …" in caplog.text
    assert "line 60" not in caplog.text
    assert SECRET not in caplog.text
    pid = int((await own.call("probe_echo")).output.split()[0])
    os.kill(pid, 9)
    await own.lost()
    await until(lambda: "a  [31mcolour, and no end" in given(own.status("probe").stderr, []))


async def test_instructions_reach_the_system_prompt_while_a_tool_is_offered(bench: Build) -> None:
    own = bench(liar("noisy"), other=liar("modest"))
    await own.connect()
    await own.connect("other")
    (text,) = own.tools.instructions(["probe_echo", "other_echo"])
    assert text.startswith('<mcp_instructions>\n  <server name="probe">\n    Say everything twice.')
    assert text.endswith("\n  </server>\n</mcp_instructions>")
    assert "Say everything twice." in text
    assert len(text) < 8_200
    assert own.tools.instructions(["other_echo", "webfetch"]) == []
    await own.servers.disconnect("probe")
    assert own.tools.instructions(["probe_echo"]) == []


async def test_prompts_of_a_lost_server_stay_and_bring_it_back(bench: Build) -> None:
    own = bench(program())
    await own.connect()
    assert "was lost" in await own.failure("probe_die")
    (prompt,) = await own.servers.prompts()
    assert prompt.name == "probe:review"
    assert await prompt.text(["x"]) == "Review kindly: x"
    assert await own.connected()


async def test_prompts_that_a_server_does_not_tell_are_waited_for_briefly(
    bench: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LIST_SECONDS", 0.1)
    own = bench(program(), mute=liar("mute"))
    await own.connect()
    await own.connect("mute")
    assert [prompt.name for prompt in await own.servers.prompts()] == ["probe:review"]
    assert (await own.call("mute_echo", a=1)).output.endswith('{"a": 1}')


async def test_a_server_that_died_is_connected_again_by_the_next_call(bench: Build) -> None:
    own = bench(program())
    await own.connect()
    before = (await own.call("probe_pid")).output
    assert "was lost. The program ended (exit status 3)" in await own.failure("probe_die")
    assert "exit status 3" in await own.error()
    assert "probe_pid" in own.names()
    assert (await own.call("probe_pid")).output != before
    assert await own.connected()


async def test_a_server_that_was_killed_between_calls_is_connected_again(bench: Build) -> None:
    own = bench(liar("modest"))
    await own.connect()
    pid = int((await own.call("probe_echo")).output.split()[0])
    os.kill(pid, 9)
    await own.lost()
    assert (await own.call("probe_echo")).output.split()[0] != str(pid)


async def test_a_server_that_keeps_failing_is_left_alone_for_longer_and_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(server, "monotonic", lambda: now)
    failing = server.McpServer("probe", liar("ends"), lambda: None)
    tried = []
    while now < 1120:
        if failing.due:
            tried.append(now - 1000)
            failing.begin()
            await failing.connected()
            await until(lambda: isinstance(failing.status, McpFailed))
        now += 0.5
    assert tried == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 63.5]


async def test_a_call_may_take_long_while_it_makes_progress(bench: Build) -> None:
    own = bench(liar("modest", timeout=2_000))
    await own.connect()
    assert (await own.call("probe_slow", steps=10, pause=0.3)).output
    assert "did not respond for 2 s" in await own.failure("probe_slow", steps=1, pause=4)


async def test_a_server_that_hangs_is_found_out_after_a_call_in_vain(bench: Build) -> None:
    own = bench(liar("deaf", timeout=1_000))
    await own.connect()
    first = (await own.call("probe_echo")).output.split()[0]
    assert "did not respond for 1 s" in await own.failure("probe_echo")
    await own.lost()
    assert await own.error() == "It did not answer within 1 s."
    assert (await own.call("probe_echo")).output.split()[0] != first


async def test_nothing_waits_long_for_a_server_that_is_slow_to_come(
    bench: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "READY_SECONDS", 0.2)
    own = bench(liar("silent"))
    began = time.monotonic()
    own.servers.begin()
    await own.tools.ready()
    assert await own.error() == "Connecting…"
    assert time.monotonic() - began < 5
    assert "is not connected" not in str(own.names())


async def test_a_stubborn_server_and_its_children_are_gone_after_the_end(bench: Build) -> None:
    before = children()
    own = bench(liar("stubborn"))
    await own.connect()
    child = int(own.servers.list()[0].description)
    assert psutil.pid_exists(child)
    began = time.monotonic()
    await own.servers.close()
    assert time.monotonic() - began < 2
    assert children() == before
    await until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie")


async def test_disconnect_takes_the_tools_away_and_connect_brings_them_back(bench: Build) -> None:
    own = bench(liar("modest"), other=liar("modest", enabled=False))
    assert await own.servers.statuses() == {"probe": server.CONNECTING, "other": McpDisabled()}
    await own.connect()
    await own.servers.disconnect("probe")
    assert own.names() == []
    assert (await own.servers.statuses())["probe"] == McpDisabled()
    await own.tools.ready()
    assert own.names() == []
    await own.connect()
    await own.connect("other")
    assert len(own.names()) == 8
    assert own.told == ["probe", "probe", "probe", "other"]
