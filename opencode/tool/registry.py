"""All tools by name, and how calls run: validated input, limited time, limited output."""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any

import msgspec

from opencode import observe
from opencode.config import Config, Settings
from opencode.errors import LONGEST_NAME, ToolError, nearest
from opencode.schema.base import JsonObject

from .base import AnyTool, ToolContext, ToolResult, ToolSource, Waits
from .call_input import InputError, read_input, stored_input
from .names import meant_name, names_in, unknown_names
from .question import AskQuestion
from .todo import TodoRead, TodoWrite
from .webfetch import WebFetch
from .websearch import WebSearch

log = logging.getLogger(__name__)

STOP_GRACE = 1.0
"""Seconds that a cancelled call gets to end before it is abandoned."""


class ParsedCall(msgspec.Struct, frozen=True):
    """A model's call. `tool`: the real name of the tool, or what the model wrote if it has none.

    `input`: as it was meant, always an object. `fault`: why the call can't run, "" if it can.
    """

    tool: str
    input: JsonObject
    fault: str = ""


class Tools:
    """The server's tools. `extra`: more than the built-in ones, which they replace by name.

    `sources`: tools that are added and removed at run time; they never replace another tool.
    """

    def __init__(
        self, settings: Settings, extra: Sequence[AnyTool] = (), sources: Sequence[ToolSource] = ()
    ) -> None:
        built_in: tuple[AnyTool, ...] = (
            WebFetch(settings),
            WebSearch(settings),
            TodoWrite(),
            TodoRead(),
            AskQuestion(),
        )
        self._tools = {tool.name: tool for tool in (*built_in, *extra)}
        self._sources = sources
        self._config = settings.config
        self._calls: set[asyncio.Task[ToolResult]] = set()

    def replaced(
        self, config: Config, extra: Sequence[AnyTool], skills: ToolSource, before: ToolSource
    ) -> "Tools":
        """Return the tools of another configuration, with other `extra` ones, and other `skills`.

        The built-in tools are shared; `close` of either closes them.
        """
        tools = copy(self)
        tools._tools = {**self._tools, **{tool.name: tool for tool in extra}}
        tools._sources = [skills if source is before else source for source in self._sources]
        tools._config = config
        return tools

    def list(self) -> Sequence[AnyTool]:
        """Return the tools in the order in which models get them."""
        return list(self._named().values())

    async def ready(self) -> None:
        """Wait a little for sources that are being opened; called before tools are sent to a model."""
        for source in self._sources:
            await source.ready()

    def instructions(self, offered: Iterable[str]) -> Sequence[str]:
        """Return what the sources say in the system prompt on the use of the tools named in `offered`."""
        names = list(offered)
        return [text for source in self._sources for text in source.instructions(names)]

    def unknown(self, names: Iterable[str]) -> Sequence[tuple[str, str]]:
        """Return the names that no tool has, each with the nearest one or "", ten at most.

        Names may hold wildcards. opencode's own tools, and those that an MCP server may have once it is
        connected, are known.
        """
        prefixes = [prefix for source in self._sources for prefix in source.prefixes()]
        return unknown_names(names, self._named(), prefixes)

    def check_names(self) -> Sequence[str]:
        """Return a warning for each name in opencode.json that no tool has."""
        return [
            f"opencode.json: {path} names an unknown tool, {name!r}.{near and f' Did you mean {near!r}?'}"
            for path, names in names_in(self._config)
            for name, near in self.unknown(names)
        ]

    def read(self, name: str, raw: str, extra: Mapping[str, JsonObject] | None = None) -> ParsedCall:
        """Return a call as it was meant; `raw` is the model's input as JSON text, "" for none.

        `extra`: names of tools that others run, each with the schema of its input.
        """
        tools = self._named()
        extra = extra or {}
        meant = meant_name(name, [*tools, *extra])
        if meant is None:
            hint = nearest(name[:LONGEST_NAME], tools)
            fault = f"Unknown tool {name[:LONGEST_NAME]!r}. {hint}".rstrip()
            return ParsedCall(name[:LONGEST_NAME], stored_input(raw), fault)
        schema = extra[meant] if meant in extra else tools[meant].parameters()
        try:
            return ParsedCall(meant, read_input(raw, meant, schema))
        except InputError as error:
            fault = f"The input of {meant}, {len(raw)} characters, {error}. {_expected(schema)}"
            return ParsedCall(meant, stored_input(raw), fault)

    def is_repeatable(self, name: str) -> bool:
        """Return whether a tool's calls can be made again after they were interrupted."""
        tool = self._named().get(name)
        return tool is not None and tool.repeatable

    async def execute(self, name: str, raw: str, context: ToolContext) -> ToolResult:
        """Read a call and run it; raises ToolError."""
        return await self.run(self.read(name, raw), context)

    async def run(self, call: ParsedCall, context: ToolContext) -> ToolResult:
        """Run a call.

        Every failure is a ToolError that says what the model can do instead. Cancelling the caller cancels
        the call and waits at most STOP_GRACE seconds for it to end.
        """
        tools = self._named()
        tool = tools.get(call.tool)
        shown = tool.name if tool is not None else "unknown"
        with observe.watch(observe.ToolCall(tool=shown, call_id=context.call_id)):
            if call.fault:
                raise ToolError(call.fault)
            if tool is None:
                raise ToolError(f"Unknown tool {call.tool!r}. {nearest(call.tool, tools)}".rstrip())
            args = _arguments(tool, call.input)
            return _truncated(tool, await self._finish(tool, args, context))

    async def close(self) -> None:
        """Cancel abandoned calls, then release the tools' resources."""
        await self._stop(*self._calls)
        await asyncio.gather(*(tool.close() for tool in self._tools.values()))

    def _named(self) -> dict[str, AnyTool]:
        tools = dict(self._tools)
        for source in self._sources:
            for tool in source.list():
                tools.setdefault(tool.name, tool)
        return tools

    async def _finish(self, tool: AnyTool, args: Any, context: ToolContext) -> ToolResult:
        call = asyncio.create_task(tool.run(args, context), name=f"tool {tool.name} {context.call_id}")
        self._calls.add(call)
        call.add_done_callback(self._forget)
        try:
            in_time = await self._in_time(call, tool.timeout, context.waits)
        finally:
            await self._stop(call)
        if not in_time:
            raise ToolError(
                f"{tool.name} took longer than {tool.timeout:g} s and was stopped. Ask it for less, or do "
                "without."
            )
        try:
            return call.result()
        except ToolError:
            raise
        except asyncio.CancelledError:
            # The caller was not cancelled: re-raised, this would look like an abort.
            raise ToolError(f"{tool.name} was interrupted by itself. Try again, or do without it.") from None
        except Exception as error:
            # Broad on purpose: a tool may fail in any way, and the turn must go on.
            log.exception("tool %s failed unexpectedly", tool.name)
            raise ToolError(
                f"{tool.name} failed unexpectedly ({type(error).__name__}). The fault is the server's, not "
                "your input's: try another way, or tell the user."
            ) from error

    async def _in_time(self, call: asyncio.Task[ToolResult], seconds: float, waits: Waits) -> bool:
        """Wait for a call up to its time limit; return whether it has ended."""
        began = time.monotonic()
        while (left := seconds + waits.seconds - (time.monotonic() - began)) > 0:
            done, _ = await asyncio.wait({call}, timeout=left)
            if done:
                return True
        return call.done()

    async def _stop(self, *calls: asyncio.Task[ToolResult]) -> None:
        running = {call for call in calls if call.cancel()}
        if not running:
            return
        _, left = await asyncio.wait(running, timeout=STOP_GRACE)
        for call in left:
            log.warning(
                "%s did not stop within %g s of being cancelled; abandoned", call.get_name(), STOP_GRACE
            )

    def _forget(self, call: asyncio.Task[ToolResult]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # marks it as retrieved: nobody awaits an abandoned call


def _arguments(tool: AnyTool, value: JsonObject) -> Any:
    """Return the model's input as the tool's own type; raises ToolError, which says what is expected."""
    try:
        return tool.parse(value)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ToolError(
            f"The input of {tool.name} is invalid: {error}. {_expected(tool.parameters())}"
        ) from None


def _expected(schema: JsonObject) -> str:
    return f"Call it again with {_signature(schema)}."


def _signature(schema: JsonObject | bool) -> str:
    """Return a JSON Schema in short, as in `{query: string, numResults?: integer}`."""
    if isinstance(schema, bool):
        return "any"
    if "enum" in schema:
        return " | ".join(msgspec.json.encode(value).decode() for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(_signature(option) for option in schema["anyOf"])
    if "properties" in schema:
        required = schema.get("required", ())
        fields = (
            f"{name}{'' if name in required else '?'}: {_signature(field)}"
            for name, field in schema["properties"].items()
        )
        return f"{{{', '.join(fields)}}}"
    if "items" in schema:
        return f"[{_signature(schema['items'])}, …]"
    return str(schema.get("type", "any"))


def _truncated(tool: AnyTool, result: ToolResult) -> ToolResult:
    """Return the result, truncated to `max_output` characters; `truncated` and a last line say so."""
    over = len(result.output) - tool.max_output
    output = result.output
    if over > 0:
        output = (
            f"{output[: tool.max_output]}\n\n[Truncated: {over} of {len(output)} characters omitted. "
            f"If you need them, call {tool.name} again and ask for less at a time.]"
        )
    truncated = over > 0 or bool(result.metadata.get("truncated"))
    return msgspec.structs.replace(
        result, output=output, metadata={**result.metadata, "truncated": truncated}
    )
