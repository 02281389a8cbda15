"""Running tools by name: what models get wrong, what tools get wrong, and what an abort does."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from opencode.config import Config, Settings
from opencode.errors import ToolError
from opencode.tool import registry
from opencode.tool.base import AnyTool, Tool, ToolContext, ToolResult
from opencode.tool.registry import Tools
from tests.tool.calls import Call


class ProbeArgs(msgspec.Struct):
    times: Annotated[int, msgspec.Meta(ge=1)] = 1
    names: list[str] = []


class Probe(Tool[ProbeArgs]):
    """A tool that does what a test says."""

    name = "probe"
    description = "For tests."
    input_type = ProbeArgs

    def __init__(self, act: Callable[[ProbeArgs], Awaitable[Any]] | None = None, timeout: float = 30) -> None:
        self._act = act
        self.timeout = timeout
        self.max_output = 100
        self.closed = False

    async def run(self, args: ProbeArgs, context: ToolContext) -> ToolResult:
        made = await self._act(args) if self._act else None
        return made if isinstance(made, ToolResult) else ToolResult(f"{args.times} {args.names}")

    async def close(self) -> None:
        self.closed = True


class Stubborn:
    """Goes on after being cancelled, until it is released."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.released = asyncio.Event()
        self.cancelled = 0
        self.ended = asyncio.Event()

    async def __call__(self, args: ProbeArgs) -> None:
        self.started.set()
        while not self.released.is_set():
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
        self.ended.set()
        raise RuntimeError("nobody is left to hear this")


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[Callable[..., Tools]]:
    opened: list[Tools] = []

    def build(*extra: Probe) -> Tools:
        opened.append(Tools(Settings(data_dir=tmp_path), extra))
        return opened[-1]

    yield build
    for each in opened:
        await each.close()


Build = Callable[..., Tools]


async def failure(tools: Tools, raw: str, name: str = "probe") -> str:
    with pytest.raises(ToolError) as caught:
        await tools.execute(name, raw, Call().context)
    return caught.value.message


def test_models_are_told_of_the_tools_with_self_contained_schemas(tools: Build) -> None:
    told = {tool.name: tool.parameters() for tool in tools().list()}
    assert list(told) == ["webfetch", "websearch", "todowrite", "todoread", "question"]
    assert all(schema["type"] == "object" and "$ref" not in str(schema) for schema in told.values())
    assert all(tool.description for tool in tools().list())


async def test_a_tool_runs_with_its_own_input_type(tools: Build) -> None:
    result = await tools(Probe()).execute("probe", '{"times": "2", "names": ["a"]}', Call().context)
    assert result == ToolResult("2 ['a']", metadata={"truncated": False})


@pytest.mark.parametrize("raw", ["", "  \n", "{}", "null", '""', '{"arguments": null}', '{"times": null}'])
async def test_no_input_is_an_empty_object(tools: Build, raw: str) -> None:
    assert (await tools(Probe()).execute("probe", raw, Call().context)).output == "1 []"


async def test_an_unknown_name_is_answered_with_the_nearest(tools: Build) -> None:
    message = await failure(tools(), "{}", name="websearching")
    assert "Unknown tool 'websearching'" in message
    assert "Did you mean websearch" in message


@pytest.mark.parametrize("name", ["Probe", "functions.probe", "probe<|channel|>commentary"])
async def test_a_tool_is_known_by_other_spellings_of_its_name(tools: Build, name: str) -> None:
    held = tools(Probe())
    call = held.read(name, "```json\n" + '{"times": "2", "names": "[\\"a\\"]"}' + "\n```")
    assert (call.tool, call.input) == ("probe", {"times": 2, "names": ["a"]})
    assert (await held.run(call, Call().context)).output == "2 ['a']"


@pytest.mark.parametrize(
    "raw", ["[1]", "{", "\ud800", '{"a": 1e999}', '{"a": ' * 200 + "1" + "}" * 200, "9" * 5000]
)
@pytest.mark.parametrize("name", ["probe", "nothing like it", "x" * 100_000])
def test_what_is_stored_of_a_call_is_an_object_that_can_be_stored(tools: Build, name: str, raw: str) -> None:
    call = tools(Probe()).read(name, raw)
    assert call.fault
    assert list(call.input) == ["invalid"]
    assert len(call.tool) <= 100
    msgspec.json.encode(call)


async def test_invalid_json_is_answered_with_its_position_and_what_fits(tools: Build) -> None:
    message = await failure(tools(Probe()), '{"times": oops}')
    assert "not valid JSON" in message
    assert "byte 10" in message
    assert "{times?: integer, names?: [string, …]}" in message


@pytest.mark.parametrize("raw", ['{"times": 1', '{"names": ["\ud800"]}', "[" * 100_000])
async def test_broken_json_of_any_kind_is_the_models_to_mend(tools: Build, raw: str) -> None:
    assert f"{len(raw)} characters, is not valid JSON" in await failure(tools(Probe()), raw)


@pytest.mark.parametrize("raw", ["[1]", '"a"', "3", "true"])
async def test_input_that_is_no_object_is_refused(tools: Build, raw: str) -> None:
    assert "must be a JSON object" in await failure(tools(Probe()), raw)


@pytest.mark.parametrize(
    ("raw", "path"),
    [('{"times": 0}', "$.times"), ('{"times": "many"}', "$.times"), ('{"names": ["a", 1]}', "$.names[1]")],
)
async def test_input_that_does_not_fit_is_answered_with_the_path_and_the_schema(
    tools: Build, raw: str, path: str
) -> None:
    message = await failure(tools(Probe()), raw)
    assert f"`{path}`" in message
    assert "{times?: integer, names?: [string, …]}" in message


async def test_a_list_of_objects_with_choices_is_shown_in_short(tools: Build) -> None:
    message = await failure(tools(), '{"todos": [{"content": "a", "status": "done"}]}', name="todowrite")
    assert "`$.todos[0].status`" in message
    assert 'priority?: "high" | "low" | "medium"' in message


async def test_a_tools_own_refusal_is_passed_on(tools: Build) -> None:
    async def refuse(args: ProbeArgs) -> None:
        raise ToolError("Look elsewhere.")

    assert await failure(tools(Probe(refuse)), "{}") == "Look elsewhere."


async def test_an_unforeseen_failure_is_logged_and_told_without_its_details(
    tools: Build, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(args: ProbeArgs) -> None:
        raise KeyError("inner secret")

    message = await failure(tools(Probe(fail)), "{}")
    assert "probe failed unexpectedly (KeyError)" in message
    assert "secret" not in message
    assert any(record.exc_info for record in caplog.records)


async def test_a_tool_that_takes_too_long_is_stopped(tools: Build) -> None:
    stopped = asyncio.Event()

    async def wait(args: ProbeArgs) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    assert "longer than 0.02 s" in await failure(tools(Probe(wait, timeout=0.02)), "{}")
    assert stopped.is_set()


async def test_an_abort_stops_the_tool_before_it_is_passed_on(tools: Build) -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    async def wait(args: ProbeArgs) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    caller = asyncio.create_task(tools(Probe(wait)).execute("probe", "{}", Call().context))
    await started.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert stopped.is_set()


async def test_a_tool_that_cancels_itself_does_not_look_like_an_abort(tools: Build) -> None:
    async def vanish(args: ProbeArgs) -> None:
        raise asyncio.CancelledError

    assert "interrupted by itself" in await failure(tools(Probe(vanish)), "{}")


@pytest.mark.parametrize("how", ["abort", "timeout"])
async def test_a_tool_that_ignores_being_cancelled_does_not_hold_up_its_caller(
    tools: Build, how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(registry, "STOP_GRACE", 0.02)
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: unheard.append(context))
    stubborn = Stubborn()
    held = tools(Probe(stubborn, timeout=0.02 if how == "timeout" else 30))
    caller = asyncio.create_task(held.execute("probe", "{}", Call().context))
    await stubborn.started.wait()
    if how == "abort":
        caller.cancel()
    try:
        async with asyncio.timeout(5):
            with pytest.raises(ToolError if how == "timeout" else asyncio.CancelledError):
                await caller
            assert stubborn.cancelled == 1
            assert "tool probe call_1 did not stop" in caplog.text
            await held.close()
        assert stubborn.cancelled == 2
        assert not stubborn.ended.is_set()
    finally:
        stubborn.released.set()
        await stubborn.ended.wait()
    del caller
    gc.collect()
    assert unheard == []


async def test_a_call_that_ended_is_let_go(tools: Build) -> None:
    held = tools(Probe())
    await held.execute("probe", "{}", Call().context)
    gc.collect()
    kept = [each for each in gc.get_objects() if isinstance(each, asyncio.Task)]
    assert "tool probe call_1" not in [task.get_name() for task in kept]


async def test_long_output_is_cut_with_a_note(tools: Build) -> None:
    async def chatter(args: ProbeArgs) -> ToolResult:
        return ToolResult("x" * 250, title="kept", metadata={"kept": 1})

    result = await tools(Probe(chatter)).execute("probe", "{}", Call().context)
    assert result.output.startswith("x" * 100 + "\n")
    assert "150 of 250 characters omitted" in result.output
    assert "call probe again" in result.output
    assert result.metadata == {"kept": 1, "truncated": True}
    assert result.title == "kept"


async def test_output_that_just_fits_is_not_cut(tools: Build) -> None:
    async def fit(args: ProbeArgs) -> ToolResult:
        return ToolResult("x" * 100)

    result = await tools(Probe(fit)).execute("probe", "{}", Call().context)
    assert result == ToolResult("x" * 100, metadata={"truncated": False})


async def test_what_a_tool_cut_itself_stays_marked(tools: Build) -> None:
    async def cut(args: ProbeArgs) -> ToolResult:
        return ToolResult("short", metadata={"truncated": True})

    result = await tools(Probe(cut)).execute("probe", "{}", Call().context)
    assert result.metadata == {"truncated": True}


async def test_calls_run_side_by_side(tools: Build) -> None:
    together = asyncio.Barrier(3)
    held = tools(Probe(lambda args: together.wait()))
    async with asyncio.timeout(5):
        await asyncio.gather(*(held.execute("probe", "{}", Call().context) for _ in range(3)))


async def test_closing_closes_every_tool(tools: Build) -> None:
    probe = Probe()
    await tools(probe).close()
    assert probe.closed


async def test_a_tool_of_the_callers_own_replaces_a_built_in_one(tools: Build) -> None:
    probe = Probe()
    probe.name = "todoread"
    held = tools(probe)
    assert [tool.name for tool in held.list()].count("todoread") == 1
    assert (await held.execute("todoread", "", Call().context)).output == "1 []"


class Later:
    """A source whose tools have not come yet."""

    def list(self) -> Sequence[AnyTool]:
        return []

    def prefixes(self) -> Sequence[str]:
        return ["files_"]

    async def ready(self) -> None:
        pass


async def test_names_that_no_tool_has_are_found_with_the_nearest(tmp_path: Path) -> None:
    tools = Tools(Settings(data_dir=tmp_path), sources=(Later(),))
    known = [
        "webfetch",
        "*",
        "web*",
        "todo?????",
        "files_read",
        "files_*",
        "fi*",
        "bash",
        "external_directory",
    ]
    assert tools.unknown(known) == []
    unknown = tools.unknown([*known, "webfech", "wbe*", "todo_raed", "zzz"])
    assert unknown == [("webfech", "webfetch"), ("wbe*", ""), ("todo_raed", "todoread"), ("zzz", "")]
    assert len(tools.unknown(f"nothing{number}" for number in range(100_000))) == 10
    await tools.close()


async def test_unknown_names_in_opencode_json_are_warned_about_by_their_path(tmp_path: Path) -> None:
    config = {
        "tools": {"webfetch": False, "websarch": False},
        "permission": {"webfetch": "ask", "question": {"*": "deny"}, "bahs": "deny"},
        "agent": {"build": {"tools": {"todowrit": True}, "permission": "ask"}},
    }
    tools = Tools(Settings(data_dir=tmp_path, config=msgspec.convert(config, Config)))
    assert tools.check_names() == [
        "opencode.json: tools names an unknown tool, 'websarch'. Did you mean 'websearch'?",
        "opencode.json: permission names an unknown tool, 'bahs'. Did you mean 'bash'?",
        "opencode.json: agent.build.tools names an unknown tool, 'todowrit'. Did you mean 'todowrite'?",
    ]
    await tools.close()
