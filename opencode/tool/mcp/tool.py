"""MCP servers' tools as tools of this server, and the checks that they must pass."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from opencode.errors import ToolError
from opencode.schema.base import JsonObject, encode

from ..base import Tool, ToolContext, ToolResult

if TYPE_CHECKING:
    import mcp_types

Call = Callable[[str, JsonObject, Callable[[], None]], Awaitable[ToolResult]]
"""Calls a tool by the server's name for it: (name, arguments, callback for start and progress)."""

MAX_CALL_SECONDS = 600.0
"""Seconds that a call may take, even with progress."""

MAX_DEFINITION = 64 * 1024
"""Bytes of a tool's description and schema, which are part of every request."""

MAX_NAME = 64
_FIELD = re.compile(r"[a-zA-Z0-9_.-]{1,64}")

log = logging.getLogger(__name__)


class McpArgs(msgspec.Struct, frozen=True):
    """The model's input, not validated: the server does that."""

    values: JsonObject


class McpTool(Tool[McpArgs]):
    """A server's tool. Its time-out restarts with every progress message, up to MAX_CALL_SECONDS in all."""

    input_type = McpArgs
    timeout = MAX_CALL_SECONDS

    def __init__(
        self, name: str, own_name: str, definition: "Definition", call: Call, seconds: float
    ) -> None:
        self.name = name
        self.description, self._schema = definition
        self._own_name = own_name
        self._call = call
        self._seconds = seconds

    def parameters(self) -> JsonObject:
        return self._schema

    def parse(self, value: JsonObject) -> McpArgs:
        return McpArgs(value)

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


Definition = tuple[str, JsonObject]


def sanitized(name: str) -> str:
    """Return a name in the characters that every provider takes in a tool's name."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)


def tool_prefix(server: str) -> str:
    """Return how the names of a server's tools begin."""
    return f"{sanitized(server)}_"


def tools_of(server: str, listed: "Iterable[mcp_types.Tool]", call: Call, seconds: float) -> list[McpTool]:
    """Return a server's tools, named server_tool.

    Tools that a provider would refuse are omitted, with a line in the log: it would refuse the whole request.
    """
    tools: dict[str, McpTool] = {}
    for tool in listed:
        name = tool_prefix(server) + sanitized(tool.name)
        schema = _schema(tool.input_schema)
        fault = "its name is taken" if name in tools else _fault(name, tool.description or "", schema)
        if fault:
            log.warning("tool %s of MCP server %s is omitted: %s", sanitized(tool.name)[:80], server, fault)
        else:
            definition = (tool.description or tool.title or tool.name, schema)
            tools[name] = McpTool(name, tool.name, definition, call, seconds)
    return list(tools.values())


def _schema(schema: JsonObject) -> JsonObject:
    """Return an input schema in the form that all providers accept: an object without alternatives."""
    kept = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf", "allOf", "$schema")}
    return {"properties": {}, **kept, "type": "object"}


def _fault(name: str, description: str, schema: JsonObject) -> str:
    """Return why a tool can't be used; "" where it can."""
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415 - where no server is, nobody needs it

    if len(name) > MAX_NAME:
        return f"its name is longer than {MAX_NAME} characters"
    if len(description) + len(encode(schema)) > MAX_DEFINITION:
        return f"its description and schema are larger than {MAX_DEFINITION // 1024} KB"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"its schema is invalid: {error.message[:200]}"
    fields: Iterable[Any] = schema["properties"]
    if odd := next((field for field in fields if not _FIELD.fullmatch(field)), None):
        return f"its input has a field with an invalid name: {odd[:80]!r}"
    return ""
