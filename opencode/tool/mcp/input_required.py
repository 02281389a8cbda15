"""Calls whose server asks back before it answers (revision 2026-07-28).

Nothing is asked of the user: such a question is declined, as by a client that was not meant to get it.
"""

from collections.abc import Callable
from typing import Any, cast

import anyio
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_REQUEST,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    ElicitRequest,
    ElicitResult,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
)
from pydantic import TypeAdapter

from opencode.schema.base import JsonObject

MAX_ROUNDS = 10
"""Times that one call is asked back."""

_PAUSE_SECONDS = 0.1
"""Pause before a call is repeated that the server only wanted to be repeated."""

_RESULT: TypeAdapter[Any] = TypeAdapter(cast(Any, InputRequiredResult | CallToolResult))


async def call_tool(
    client: Client, name: str, arguments: JsonObject, on_progress: Callable[[], None]
) -> CallToolResult:
    """Call a tool, declining what the server asks back; raises MCPError."""

    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        on_progress()

    responses: dict[str, Any] | None = None
    state: str | None = None
    for _ in range(MAX_ROUNDS):
        parameters = CallToolRequestParams(
            name=name, arguments=arguments, input_responses=responses, request_state=state
        )
        result = await client.session.send_request(
            CallToolRequest(params=parameters), _RESULT, progress_callback=progressed
        )
        if isinstance(result, CallToolResult):
            return result
        state = result.request_state
        asked = result.input_requests
        responses = {key: _answer(request) for key, request in asked.items()} if asked else None
        if not asked:
            await anyio.sleep(_PAUSE_SECONDS)
    raise MCPError(INVALID_REQUEST, f"it asked back more than {MAX_ROUNDS} times")


def _answer(request: Any) -> ElicitResult | ListRootsResult:
    match request:
        case ElicitRequest():
            return ElicitResult(action="decline")
        case ListRootsRequest():
            return ListRootsResult(roots=[])
    raise MCPError(INVALID_REQUEST, f"it asked back for {request.method}, which is not offered here")
