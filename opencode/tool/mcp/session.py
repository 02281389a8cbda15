"""A session with an MCP server, through the SDK. The task that opens it must close it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, NamedTuple, TypeVar

import anyio
import httpx2
from mcp.client import Client, IncomingMessage, Transport
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.shared.exceptions import MCPError
from mcp_types import Implementation, PaginatedResult, ToolListChangedNotification
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from opencode import __version__
from opencode.schema.base import JsonObject
from opencode.schema.mcp import McpConfig, McpLocalConfig

from ..egress import Egress
from .exchange import Exchange, Exchanges, Refusal, exchange
from .explain import REJECTED, UNAUTHORIZED, is_closed, sentence
from .failure import CallRefused, ConnectionFailed, Redactor, connect_seconds
from .input_required import call_tool
from .remote import RemoteTransport
from .stdio import StdioTransport
from .stub import MAX_LISTED, items_of

MAX_PAGES = 100

CANCEL_SECONDS = 2.0
"""Seconds that the cancellation of a request may take to be sent."""

for _name, _level in (("mcp", logging.CRITICAL), ("client", logging.CRITICAL), ("httpx2", logging.WARNING)):
    # Keeps what servers send, and their URLs, out of the log.
    logging.getLogger(_name).setLevel(_level)

Answer = TypeVar("Answer")
Page = TypeVar("Page", bound=PaginatedResult)


class Listing(NamedTuple):
    """The tools of a server as it sent them, and why the protocol forbids some of them, by name."""

    tools: list[Any]
    refused: dict[str, str]


class McpSession:
    """A live session. `news` is set when it was lost (`lost` says why) or its tools must be listed again.

    `egress`: checks the address of a remote server, if it is not trusted.
    """

    def __init__(self, config: McpConfig, egress: Egress | None, heard: Callable[[str], None]) -> None:
        self._redactor = Redactor(config)
        self._seconds = connect_seconds(config)
        self._exchanges = Exchanges(over_http=not isinstance(config, McpLocalConfig))
        self._stdio: StdioTransport | None = None
        self._remote: RemoteTransport | None = None
        if isinstance(config, McpLocalConfig):
            self._stdio = StdioTransport(config, self._ended, heard)
        else:
            self._remote = RemoteTransport(config, self._refused, self._sending, egress)
        self._is_older = False
        self._client: Client | None = None
        self.clock = asyncio.timeout(self._seconds)
        self.news = asyncio.Event()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost: ConnectionFailed | None = None

    async def connect(self, stack: AsyncExitStack) -> None:
        """Open the session; closing `stack` ends it."""
        if self._stdio is not None:
            self._client = await stack.enter_async_context(self._session(self._stdio.transport()))
            return
        assert self._remote is not None
        client = await stack.enter_async_context(self._remote.client())
        newer, older = self._remote.transports(client)
        stack.push_async_callback(self._remote.end, client)
        try:
            self._client = await stack.enter_async_context(self._session(newer))
        except Exception:
            if not self._remote.lacks_streamable_http:
                raise
            self._remote.refusal = None
            self._exchanges = Exchanges(over_http=True)
            self._is_older = True
            self._client = await stack.enter_async_context(self._session(older))
        self._remote.refusal = None

    @property
    def instructions(self) -> str:
        """How the server wants its tools to be used; "" if it does not say."""
        return (self._client.instructions if self._client is not None else None) or ""

    async def tools(self) -> Listing:
        """Return the tools that the server offers, in its order."""
        assert self._client is not None
        listing = Listing([], {})
        if not self._client.server_capabilities.tools:
            return listing
        async for sent, page in _pages(self._client.list_tools, "tools"):
            kept = {tool.name for tool in page.tools}
            for tool in sent:
                name = tool.get("name") if isinstance(tool, dict) else None
                if len(listing.tools) >= MAX_LISTED:
                    listing.refused[str(name)] = f"the server has more than {MAX_LISTED} tools"
                elif isinstance(name, str) and name not in kept:
                    listing.refused[name] = "its schema has an invalid x-mcp-header"
                listing.tools.append(tool)
        del listing.tools[MAX_LISTED:]
        return listing

    async def tools_again(self) -> Listing:
        """List the tools again; raises ConnectionFailed."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._answered(self.tools())
        except (CallRefused, TimeoutError) as error:
            raise self.lose(error) from None

    async def prompts(self) -> list[Any]:
        """Return the server's prompts as it sent them; raises CallRefused and ConnectionFailed."""
        assert self._client is not None
        if not self._client.server_capabilities.prompts:
            return []
        return await self._answered(self._prompts(self._client))

    async def prompt(self, name: str, arguments: dict[str, str], again: bool = False) -> list[Any]:
        """Return a prompt's messages as sent; raises CallRefused, ConnectionFailed and TimeoutError."""
        assert self._client is not None
        async with asyncio.timeout(self._seconds):
            result = await self._answered(_result(self._client.get_prompt(name, arguments)), again)
        return items_of(result, "messages")

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

    async def until_ended(self) -> None:
        """Wait until a remote server sends no more."""
        await self._exchanges.ended.wait()
        if self._remote is not None:
            self.lose(ConnectionFailed("The connection was closed."))

    async def call(
        self, name: str, arguments: JsonObject, on_progress: Callable[[], None], again: bool = False
    ) -> JsonObject:
        """Call a tool, and return the result as it was sent; raises CallRefused, ConnectionFailed.

        `again`: the session was opened because the one before was unknown to the server.
        The result is not checked against the tool's output schema: a model reads it, and a hostile schema
        could keep the whole server busy.
        """
        assert self._client is not None
        return await self._answered(_result(call_tool(self._client, name, arguments, on_progress)), again)

    async def _prompts(self, client: Client) -> list[Any]:
        return [prompt async for sent, _ in _pages(client.list_prompts, "prompts") for prompt in sent][
            :MAX_LISTED
        ]

    async def _answered(self, request: Coroutine[Any, Any, Answer], again: bool = False) -> Answer:
        """Wait for the answer to a request; raises CallRefused, ConnectionFailed if the session is lost."""
        with exchange() as noted:
            answer = asyncio.create_task(request, name="mcp request")
            try:
                waits: set[asyncio.Future[Any]] = {answer, self.over}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not answer.done():
                    answer.cancel()
                    await asyncio.wait({answer}, timeout=CANCEL_SECONDS)
        if answer.cancelled() or not answer.done():
            raise self._lost_by(noted)
        try:
            return answer.result()
        except MCPError as error:
            if self._must_reconnect(error, noted, again):
                raise self._lost_by(noted, error) from None
            words = noted.refusal.words if noted.refusal is not None else error.message
            raise CallRefused(self._redactor.reason(words)) from None
        except (ValidationError, RuntimeError):
            if not self.alive():
                raise self._lost_by(noted) from None
            raise CallRefused("It answered with an invalid result.") from None

    def _must_reconnect(self, error: MCPError, noted: Exchange, again: bool) -> bool:
        """Return whether a request failed by its session, and not by itself."""
        if not self.alive() or is_closed(error):
            return True
        if noted.refusal is None or self._client is None:
            return False
        if noted.refusal.status == UNAUTHORIZED:
            return True
        # Revision 2026-07-28 has no sessions: there, such a status is about the request.
        is_modern = self._client.protocol_version in MODERN_PROTOCOL_VERSIONS
        return noted.forgotten and not again and not is_modern

    def _lost_by(self, noted: Exchange, error: MCPError | None = None) -> ConnectionFailed:
        """Mark the session as lost, and return why, and whether the request of an exchange may have run."""
        if noted.forgotten and noted.refusal is not None:
            said = self._redactor.reason(noted.refusal.words)
            lost = self.lose(ConnectionFailed(f"It does not know the session any more ({said})."))
        else:
            lost = self.lose(error or ConnectionFailed("The connection was closed."))
        return ConnectionFailed(lost.reason, lost.unauthorized, noted.did_not_run)

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
        if not self.over.done():
            self.over.set_result(None)
        self.news.set()
        return self.lost

    def explain(self, error: BaseException) -> ConnectionFailed:
        """Return an error as a sentence without secrets."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, ConnectionFailed):
            return error
        if self.lost is not None:
            return self.lost
        refusal = self._remote.refusal if self._remote is not None else None
        refused = isinstance(error, MCPError | httpx2.HTTPStatusError)
        if refused and refusal is not None and refusal.status == UNAUTHORIZED:
            return ConnectionFailed(REJECTED, unauthorized=True)
        return ConnectionFailed(self._redactor.reason(self._reason(error, refusal)))

    def _reason(self, error: BaseException, refusal: Refusal | None) -> str:
        program = self._stdio
        if isinstance(error, TimeoutError):
            lines = program.stray_lines if program is not None else 0
            stray = f" It wrote {lines} lines that are not MCP messages." if lines else ""
            return f"It did not answer within {self._seconds:g} s.{stray}"
        if program is not None and program.ending:
            return program.ending
        return sentence(error, refusal)

    def _session(self, transport: Transport) -> Client:
        return Client(
            self._exchanges.noting(transport),
            client_info=Implementation(name="opencode", version=__version__),
            message_handler=self._hear,
            cache=None,
        )

    async def _hear(self, message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            self.news.set()

    def _refused(self, request: object, refusal: Refusal) -> None:
        self._exchanges.refused(request, refusal)
        if self._is_older:  # there, the SDK sends nothing more, and tells nobody
            said = self._redactor.reason(f"It refused with {refusal.words}")
            unauthorized = refusal.status == UNAUTHORIZED
            self.lose(ConnectionFailed(REJECTED if unauthorized else said, unauthorized))
            if self._client is None:
                with suppress(RuntimeError):  # the time to connect is over
                    self.clock.reschedule(asyncio.get_running_loop().time())

    def _sending(self, request: object) -> None:
        self._exchanges.sending(request)

    def _ended(self) -> None:
        if self._stdio is not None and self._stdio.ending:
            self.lose(ConnectionFailed(self._stdio.ending))


async def _pages(request: Callable[..., Awaitable[Page]], key: str) -> AsyncIterator[tuple[list[Any], Page]]:
    """Yield the pages of a list, following their cursors: the items as sent, and what the SDK has of them."""
    cursor: str | None = None
    seen = 0
    for _ in range(MAX_PAGES):
        with exchange() as noted:
            page = await request(cursor=cursor)
        items = items_of(noted.result, key)
        yield items[:MAX_LISTED], page
        seen += len(items)
        cursor = page.next_cursor
        if not cursor or seen > MAX_LISTED:
            return


async def _result(request: Awaitable[Any]) -> JsonObject:
    """Return the result of a request as it was sent."""
    with exchange() as noted:
        await request
    return noted.result


@asynccontextmanager
async def opened(
    config: McpConfig, egress: Egress | None = None, heard: Callable[[str], None] = lambda line: None
) -> AsyncIterator[tuple[McpSession, Listing]]:
    """Open a session with a server; yield it and its tools. Raises ConnectionFailed.

    `heard` gets each line that a program writes to its standard error.
    """
    session = McpSession(config, egress, heard)
    try:
        async with AsyncExitStack() as stack:
            async with session.clock:
                await session.connect(stack)
                listing = await session.tools()
            group = await stack.enter_async_context(anyio.create_task_group())
            group.start_soon(session.follow)
            group.start_soon(session.until_ended)
            yield session, listing
            group.cancel_scope.cancel()
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - whatever it is, it costs this server alone
        raise session.explain(error) from None
