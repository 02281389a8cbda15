"""Errors of the SDK and of HTTP as sentences for people."""

import httpx2
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED
from pydantic import ValidationError

from .exchange import Refusal
from .refusal import reason_in

UNAUTHORIZED = 401
"""The HTTP status that asks for other credentials; 403 refuses whatever the credentials are."""

REJECTED = "It rejected the credentials: check its `headers` in opencode.json."

_CLOSED = "Connection closed"
"""The SDK's message for a session that has ended; servers use the same code for their own errors."""


def is_closed(error: MCPError) -> bool:
    """Return whether a request failed because the session has ended."""
    return error.code == CONNECTION_CLOSED and error.message == _CLOSED


def sentence(error: BaseException, refusal: Refusal | None) -> str:
    """Return why a connection failed. `refusal`: the last one by HTTP."""
    match error:
        case MCPError() if is_closed(error):
            text = "The connection was closed."
        case MCPError() if refusal is not None:
            text = f"It refused with HTTP status {refusal.status}: {refusal.reason or error.message}"
        case MCPError():
            text = f"It refused: {error.message}"
        case ValidationError():
            text = "It answered with something other than an MCP message."
        case httpx2.HTTPStatusError():
            said = Refusal(error.response.status_code, _reason(error.response)).words
            text = f"It refused with {said}{'' if said.endswith('.') else '.'}"
        case httpx2.LocalProtocolError():
            text = "Its URL or one of its headers is invalid."
        case httpx2.HTTPError():
            text = f"It can't be reached: {str(error).rstrip('.') or type(error).__name__}."
        case _:
            text = f"The connection failed ({type(error).__name__})."
    return text


def _reason(response: httpx2.Response) -> str:
    try:
        return reason_in(response)
    except httpx2.StreamError:  # its body was not read
        return ""
