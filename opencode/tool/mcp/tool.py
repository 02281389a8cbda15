"""MCP servers' tools as tools of this server, under names and with schemas that all providers accept."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from opencode.errors import ToolError
from opencode.schema.base import JsonObject, encode

from ..base import Tool, ToolContext, ToolResult
from .schema import InputSchema

Call = Callable[[str, JsonObject, Callable[[], None]], Awaitable[ToolResult]]
"""Calls a tool by the server's name for it: (name, arguments, callback for start and progress)."""

MAX_CALL_SECONDS = 600.0
"""Seconds that a call may take, even with progress."""

MAX_SCHEMA = 64 * 1024
"""Bytes of a tool's schema, which is part of every request."""

MAX_GIVEN = 256 * 1024
"""Bytes of a schema as the server wrote it."""

MAX_DESCRIPTION = 16 * 1024
"""Characters of a tool's description."""

MAX_NAME = 64
_MAX_START = MAX_NAME - 9
"""Characters of a longer name that stay; a digest follows."""


class Definition(NamedTuple):
    """What a model is told of a tool."""

    description: str
    input: InputSchema


class McpArgs(msgspec.Struct, frozen=True):
    """The model's input, not validated: the server does that."""

    values: JsonObject


class McpTool(Tool[McpArgs]):
    """A server's tool. Its time-out restarts with every progress message, up to MAX_CALL_SECONDS in all."""

    input_type = McpArgs
    timeout = MAX_CALL_SECONDS

    def __init__(self, name: str, own_name: str, definition: Definition, call: Call, seconds: float) -> None:
        self.name = name
        self.description, self._input = definition
        self._own_name = own_name
        self._call = call
        self._seconds = seconds

    def parameters(self) -> JsonObject:
        return self._input.schema

    def parse(self, value: JsonObject) -> McpArgs:
        return McpArgs(self._input.restored(value))

    async def run(self, args: McpArgs, context: ToolContext) -> ToolResult:
        await context.ask(self.name, ["*"], {})
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as clock:

                def begin() -> None:
                    with suppress(RuntimeError):  # progress that comes after the time-out
                        clock.reschedule(loop.time() + self._seconds)

                return await self._call(self._own_name, args.values, begin)
        except TimeoutError:
            raise ToolError(
                f"{self.name} did not respond for {self._seconds:g} s and was stopped. Ask it for less, or "
                "do without."
            ) from None


def sanitized(name: str) -> str:
    """Return a name in the characters that every provider takes in a tool's name."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)


def tool_prefix(server: str) -> str:
    """Return how the names of a server's tools begin."""
    return f"{sanitized(server)}_"[:_MAX_START]


class ToolList(NamedTuple):
    """A server's tools, and why others were left out, by the server's names for them."""

    tools: list[McpTool]
    omitted: dict[str, str]


def tools_of(
    server: str, listed: Sequence[Any], refused: Mapping[str, str], call: Call, seconds: float
) -> ToolList:
    """Return a server's tools, named server_tool. `refused`: why the protocol forbids some of them.

    Their schemas are rewritten for providers. What a provider would refuse all the same is left out: it would
    refuse the whole request.
    """
    tools: dict[str, McpTool] = {}
    omitted = dict(refused)
    known: set[str] = set()
    for index, given in enumerate(listed):
        own_name = given.get("name") if isinstance(given, dict) else None
        if not isinstance(own_name, str) or not own_name:
            omitted[f"#{index + 1}"] = "it has no name"
        elif own_name in known:
            omitted[own_name] = "it is listed twice"
        elif own_name not in omitted:
            known.add(own_name)
            name = _name(server, own_name, tools)
            definition = _definition(own_name, given)
            if isinstance(definition, Definition):
                tools[name] = McpTool(name, own_name, definition, call, seconds)
            else:
                omitted[own_name] = definition
    return ToolList(list(tools.values()), omitted)


def _name(server: str, own_name: str, taken: Container[str]) -> str:
    """Return a name for a tool that providers accept, and that no other has."""
    name = tool_prefix(server) + sanitized(own_name)
    if len(name) > MAX_NAME or name in taken:
        digest = hashlib.sha256(own_name.encode("utf-8", "replace")).hexdigest()[:8]
        name = f"{name[:_MAX_START]}_{digest}"
    return name


def _definition(own_name: str, given: JsonObject) -> Definition | str:
    """Return a tool's definition, or why it can't be used."""
    if len(encode(given.get("inputSchema"))) > MAX_GIVEN:
        return f"its schema is larger than {MAX_GIVEN // 1024} KB"
    schema = InputSchema(given.get("inputSchema"))
    if len(encode(schema.schema)) > MAX_SCHEMA:
        return f"its schema is larger than {MAX_SCHEMA // 1024} KB"
    texts = (given.get(key) for key in ("description", "title", "name"))
    description = next((text for text in texts if isinstance(text, str) and text.strip()), own_name)
    if len(description) > MAX_DESCRIPTION:
        description = f"{description[:MAX_DESCRIPTION]}…"
    return Definition(description, schema)
