"""A session with an MCP server, through the SDK. The task that opens it must close it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import anyio
import httpx2
from mcp.client import Client, IncomingMessage, Transport
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    Implementation,
    PaginatedResult,
    Prompt,
    PromptMessage,
    Tool,
    ToolListChangedNotification,
)
from pydantic import ValidationError

from opencode import __version__
from opencode.schema.base import JsonObject
from opencode.schema.mcp import McpConfig, McpLocalConfig

from .failure import CallRefused, ConnectionFailed, Redactor, connect_seconds
from .remote import UNAUTHORIZED, RemoteTransport
from .stdio import StdioTransport

MAX_LISTED = 500
"""Tools or prompts of one server."""

MAX_PAGES = 100

_FORGOTTEN = (401, 404)
"""HTTP statuses of a refused call that require a new session."""

for _name, _level in (("mcp", logging.CRITICAL), ("client", logging.CRITICAL), ("httpx2", logging.WARNING)):
    # Keeps what servers send, and their URLs, out of the log.
    logging.getLogger(_name).setLevel(_level)

_CLOSED = "Connection closed"
"""The SDK's message for a session that has ended; servers use the same code for their own errors."""


Answer = TypeVar("Answer")
Listed = TypeVar("Listed")
Page = TypeVar("Page", bound=PaginatedResult)


class McpSession:
    """A live session. `news` is set when it was lost (`lost` says why) or its tools must be listed again."""

    def __init__(self, config: McpConfig) -> None:
        self._redactor = Redactor(config)
        self._seconds = connect_seconds(config)
        self._stdio = StdioTransport(config, self._ended) if isinstance(config, McpLocalConfig) else None
        self._remote = None if isinstance(config, McpLocalConfig) else RemoteTransport(config)
        self._client: Client | None = None
        self.news = asyncio.Event()
        self.lost: ConnectionFailed | None = None

    async def connect(self, stack: AsyncExitStack) -> None:
        """Open the session; closing `stack` ends it."""
        if self._stdio is not None:
            self._client = await stack.enter_async_context(self._session(self._stdio.transport()))
            return
        assert self._remote is not None
        client = await stack.enter_async_context(self._remote.client())
        newer, older = self._remote.transports(client)
        try:
            self._client = await stack.enter_async_context(self._session(newer))
        except Exception:
            if not self._remote.lacks_streamable_http:
                raise
            self._remote.refusal = None
            self._client = await stack.enter_async_context(self._session(older))
        self._remote.refusal = None

    async def tools(self) -> list[Tool]:
        """Return the tools that the server offers, in its order."""
        assert self._client is not None
        if not self._client.server_capabilities.tools:
            return []
        return await _all(self._client.list_tools, lambda page: page.tools)

    async def tools_again(self) -> list[Tool]:
        """List the tools again; raises ConnectionFailed."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self.tools()
        except (MCPError, ValidationError, TimeoutError) as error:
            raise self.lose(error) from None

    async def prompts(self) -> list[Prompt]:
        """Return the server's prompts in its order; raises CallRefused and ConnectionFailed."""
        assert self._client is not None
        if not self._client.server_capabilities.prompts:
            return []
        return await self._answered(_all(self._client.list_prompts, lambda page: page.prompts))

    async def prompt(self, name: str, arguments: dict[str, str]) -> list[PromptMessage]:
        """Return a prompt with its arguments; raises CallRefused, ConnectionFailed and TimeoutError."""
        assert self._client is not None
        async with asyncio.timeout(self._seconds):
            return (await self._answered(self._client.get_prompt(name, arguments))).messages

    async def follow(self) -> None:
        """Subscribe to changes of the tools, for servers that require it."""
        assert self._client is not None
        try:
            async with self._client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self.news.set()
        except ListenNotSupportedError:
            return  # servers of older revisions send changes without a subscription
        except (MCPError, SubscriptionLost):
            self.news.set()

    async def call(self, name: str, arguments: JsonObject, on_progress: Callable[[], None]) -> CallToolResult:
        """Call a tool; raises CallRefused, and ConnectionFailed if the session is lost.

        The result is not checked against the tool's output schema: a model reads it, and a hostile schema
        could keep the whole server busy.
        """
        assert self._client is not None
        request = CallToolRequest(params=CallToolRequestParams(name=name, arguments=arguments))

        async def progressed(progress: float, total: float | None, message: str | None) -> None:
            on_progress()

        return await self._answered(
            self._client.session.send_request(request, CallToolResult, progress_callback=progressed)
        )

    async def _answered(self, request: Awaitable[Answer]) -> Answer:
        """Wait for the answer to a request; raises CallRefused, ConnectionFailed if the session is lost."""
        if self._remote is not None:
            self._remote.refusal = None
        try:
            return await request
        except MCPError as error:
            forgotten = self._remote is not None and self._remote.refusal in _FORGOTTEN
            if not self.alive() or _is_closed(error) or forgotten:
                raise self.lose(error) from None
            raise CallRefused(self._redactor.reason(error.message)) from None
        except ValidationError:
            raise CallRefused("It answered with an invalid result.") from None

    def alive(self) -> bool:
        """Return whether the session can be used, as far as is known."""
        if self._stdio is not None and self._stdio.ended():
            self._ended()
        return self.lost is None

    def check(self) -> None:
        """Have the tools listed again, which shows whether the server still answers."""
        self.news.set()

    def lose(self, error: BaseException) -> ConnectionFailed:
        """Mark the session as lost, and return why."""
        self.lost = self.lost or self.explain(error)
        self.news.set()
        return self.lost

    def explain(self, error: BaseException) -> ConnectionFailed:
        """Return an error as a sentence without secrets."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, ConnectionFailed):
            return error
        refused = isinstance(error, MCPError | httpx2.HTTPStatusError)
        if refused and self._remote is not None and self._remote.refusal in UNAUTHORIZED:
            return ConnectionFailed(
                "It rejected the credentials: check its `headers` in opencode.json.", True
            )
        return ConnectionFailed(self._redactor.reason(self._reason(error)))

    def _reason(self, error: BaseException) -> str:
        program = self._stdio
        if isinstance(error, TimeoutError):
            lines = program.stray_lines if program is not None else 0
            stray = f" It wrote {lines} lines that are not MCP messages." if lines else ""
            return f"It did not answer within {self._seconds:g} s.{stray}"
        if program is not None and program.ending:
            return program.ending
        return _sentence(error, self._remote.refusal if self._remote is not None else None)

    def _session(self, transport: Transport) -> Client:
        return Client(
            transport,
            client_info=Implementation(name="opencode", version=__version__),
            message_handler=self._hear,
            cache=None,
        )

    async def _hear(self, message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            self.news.set()

    def _ended(self) -> None:
        if self._stdio is not None and self._stdio.ending:
            self.lose(ConnectionFailed(self._stdio.ending))


async def _all(
    request: Callable[..., Awaitable[Page]], listed: Callable[[Page], list[Listed]]
) -> list[Listed]:
    """Return the items of all pages of a list, following their cursors."""
    items: list[Listed] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await request(cursor=cursor)
        items += listed(page)
        cursor = page.next_cursor
        if not cursor or len(items) >= MAX_LISTED:
            break
    return items[:MAX_LISTED]


def _is_closed(error: MCPError) -> bool:
    return error.code == CONNECTION_CLOSED and error.message == _CLOSED


def _sentence(error: BaseException, status: int | None) -> str:
    match error:
        case MCPError() if _is_closed(error):
            text = "The connection was closed."
        case MCPError():
            text = f"It refused{f' with HTTP status {status}' if status else ''}: {error.message}"
        case ValidationError():
            text = "It answered with something other than an MCP message."
        case httpx2.HTTPStatusError():
            text = f"It refused with HTTP status {error.response.status_code}."
        case httpx2.LocalProtocolError():
            text = "Its URL or one of its headers is invalid."
        case httpx2.HTTPError():
            text = f"It can't be reached: {error or type(error).__name__}."
        case _:
            text = f"The connection failed ({type(error).__name__})."
    return text


@asynccontextmanager
async def opened(config: McpConfig) -> AsyncIterator[tuple[McpSession, list[Tool]]]:
    """Open a session with a server; yield it and its tools. Raises ConnectionFailed."""
    session = McpSession(config)
    try:
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(connect_seconds(config)):
                await session.connect(stack)
                tools = await session.tools()
            group = await stack.enter_async_context(anyio.create_task_group())
            group.start_soon(session.follow)
            yield session, tools
            group.cancel_scope.cancel()
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - whatever it is, it costs this server alone
        raise session.explain(error) from None
