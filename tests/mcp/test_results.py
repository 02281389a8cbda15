"""What tools of an MCP server give, and what a model gets of it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mcp.conftest import SECRET, Bench, program, until
from tests.tool.calls import Call

Build = Callable[..., Bench]


async def test_a_servers_tools_are_called_under_names_that_models_can_say(bench: Build) -> None:
    own = bench(program(), **{"my server": program(enabled=False)})
    await own.connect()
    names = own.names()
    assert {"probe_add", "probe_odd_name_"} <= set(names)
    assert [tool.name for tool in own.tools.list()][-len(names) :] == names
    add = next(tool for tool in own.servers.list() if tool.name == "probe_add")
    assert add.description == "Add two numbers."
    assert add.parameters()["required"] == ["a", "b"]
    assert (await own.call("probe_add", a=2, b=3)).output == "5"
    assert (await own.call("probe_odd_name_")).output == "said"
    assert "validation error" in await own.failure("probe_add", a="x")
    assert own.told == ["probe"]


async def test_images_are_attached_as_what_they_are_and_the_rest_is_named(bench: Build) -> None:
    own = bench(program())
    await own.connect()
    picture = await own.call("probe_picture")
    assert picture.output == "a dot"
    (file,) = picture.attachments
    assert file.mime == "image/png"
    assert file.url.startswith("data:image/png;base64,iVBOR")
    document = await own.call("probe_document")
    assert document.output.startswith("from a resource\n\n[two.bin (application/x-thing) was omitted")
    damaged = await own.call("probe_damaged")
    assert (damaged.attachments, "base64 is invalid" in damaged.output) == ((), True)


async def test_long_output_is_cut_and_an_error_is_the_models_to_read_without_secrets(bench: Build) -> None:
    own = bench(program())
    await own.connect()
    long = await own.call("probe_long", characters=60_000)
    assert long.metadata["truncated"] is True
    assert "[Truncated: 10000 of 60000 characters omitted" in long.output
    assert await own.failure("probe_fail") == "it failed, with …"
    assert SECRET not in await own.failure("probe_fail")


async def test_a_server_gets_its_own_environment_and_none_of_the_servers_keys(
    bench: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    own = bench(program())
    await own.connect()
    known = (await own.call("probe_environment")).output.split()
    assert "PROBE_SECRET" in known
    assert "OPENAI_API_KEY" not in known


async def test_a_call_asks_for_its_permission_by_the_tools_name(bench: Build) -> None:
    own = bench(program())
    await own.connect()
    call = Call(refuse=True)
    assert "not allowed: probe_add" in str(
        (await asyncio.gather(own.call("probe_add", call), return_exceptions=True))[0]
    )
    assert call.asked == [("probe_add", ["*"], {})]


async def test_an_abort_is_immediate_and_reaches_the_server(bench: Build, tmp_path: Path) -> None:
    own = bench(program())
    await own.connect()
    file = tmp_path / "seen"
    call = asyncio.create_task(own.call("probe_hang", file=str(file)))
    await until(lambda: file.exists() and "begun" in file.read_text())
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: "cancelled" in file.read_text())
    assert (await own.call("probe_add", a=1, b=1)).output == "2"


async def test_tools_that_come_later_are_there_for_the_next_step(bench: Build) -> None:
    own = bench(program())
    await own.connect()
    await own.call("probe_grow")
    await until(lambda: "probe_grown" in own.names())
    assert (await own.call("probe_grown")).output == "here"
    assert own.told == ["probe", "probe"]
