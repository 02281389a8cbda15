"""One MCP server. A task of its own opens and closes the session."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import UNSET

from opencode.errors import ToolError
from opencode.schema.base import JsonObject
from opencode.schema.mcp import McpConfig, McpConnected, McpDisabled, McpFailed, McpNeedsAuth, McpStatus

from ..base import ToolResult
from ..egress import Egress
from .content import joined, words
from .failure import CallRefused, ConnectionFailed, Redactor, call_seconds
from .prompt import McpPrompt, prompts_of
from .result import tool_result
from .stderr import StandardError
from .tool import McpTool, sanitized, tools_of

if TYPE_CHECKING:
    from .session import Listing, McpSession

LONGEST_PAUSE = 60.0
"""Seconds between attempts to connect: 0, 1, 2, 4, … up to this. `connect` does not wait for them."""

CLOSE_SECONDS = 2.0
"""Seconds that a connection gets to close before it is abandoned."""

CHANGE_SECONDS = 1.0
"""Seconds between two listings of a server's tools."""

LIST_SECONDS = 3.0
"""Seconds that a server may take to list its prompts."""

MAX_INSTRUCTIONS = 8_000
"""Characters of a server's instructions, which are part of every request."""

MAX_OMITTED = 50
"""Tools left out that a status names."""

CONNECTING = McpFailed(error="Connecting…")

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class McpServer:
    """A server by name. `changed` is called when its tools are added, changed or removed.

    `egress`: checks the address of a remote server, if it is not trusted.
    """

    def __init__(
        self, name: str, config: McpConfig, changed: Callable[[], None], egress: Egress | None = None
    ) -> None:
        self.name = name
        self._config = config
        self._changed = changed
        self._egress = egress
        self._redactor = Redactor(config)
        self._stderr = StandardError(name, self._redactor)
        self._task: asyncio.Task[None] | None = None
        self._session: McpSession | None = None
        self._attempt = asyncio.Event()
        self._calls: set[asyncio.Task[ToolResult]] = set()
        self._failures = 0
        self._next_attempt = 0.0
        self._worth_waiting = True
        self.enabled = config.enabled
        self._listed: Listing | None = None
        self._omitted: dict[str, str] = {}
        self._prompts: list[McpPrompt] = []
        self.instructions = ""
        self.tools: list[McpTool] = []
        self._status: McpStatus = CONNECTING if self.enabled else McpDisabled()

    @property
    def status(self) -> McpStatus:
        lost = self._session.lost if self._session is not None and not self._session.alive() else None
        status = McpFailed(error=lost.reason) if lost else self._status
        lines = self._stderr.lines() or UNSET
        match status:
            case McpConnected():
                omitted = dict(list(self._omitted.items())[:MAX_OMITTED]) or UNSET
                return McpConnected(omitted=omitted, stderr=lines)
            case McpFailed():
                return msgspec.structs.replace(status, stderr=lines)
        return status

    @property
    def awaited(self) -> bool:
        """Whether it is connecting for the first time, and nobody has waited for it in vain."""
        connecting = self._task is not None and not self._attempt.is_set()
        return connecting and self._worth_waiting and not self._failures

    @property
    def due(self) -> bool:
        """Whether to connect it now: it is enabled, and the pause after its last failure is over."""
        idle = self.enabled and self._task is None and not isinstance(self._status, McpNeedsAuth)
        return idle and monotonic() >= self._next_attempt

    def begin(self) -> None:
        """Start connecting, unless it is connected or connecting."""
        self.enabled = True
        if self._task is None:
            if not isinstance(self._status, McpFailed):
                self._status = CONNECTING
            self._attempt = asyncio.Event()
            self._worth_waiting = True
            self._task = asyncio.create_task(self._own(self._attempt), name=f"mcp {self.name}")

    async def connect(self) -> bool:
        """Connect now, without the pause after failures; return whether it worked."""
        await self._unwound()
        self.begin()
        return await self.connected()

    async def connected(self, seconds: float | None = None) -> bool:
        """Wait for the attempt to connect, at most `seconds`; return whether the server is connected."""
        if self._task is not None:
            try:
                async with asyncio.timeout(seconds):
                    await self._attempt.wait()
            except TimeoutError:
                self._worth_waiting = False
        return self._live() is not None

    async def disconnect(self) -> None:
        """Close the connection and remove the tools."""
        self.enabled = False
        await self._end()
        self._status = McpDisabled()
        self.tools, self._listed, self._omitted, self._prompts, self.instructions = [], None, {}, [], ""
        self._stderr.clear()
        self._failures, self._next_attempt = 0, 0.0
        self._changed()

    async def close(self) -> None:
        """Close the connection and cancel calls, within a few seconds."""
        self.enabled = False
        await self._end()
        for call in self._calls:
            call.cancel()
        if self._calls:
            await asyncio.wait(self._calls, timeout=CLOSE_SECONDS)

    async def call(self, tool: str, arguments: JsonObject, begun: Callable[[], None]) -> ToolResult:
        """Call a tool, after connecting if necessary; `begun` is called at the start and on progress."""

        async def called(session: "McpSession", again: bool) -> ToolResult:
            begun()
            return await self._called(session, tool, arguments, begun, again)

        return await self._repeated(called)

    async def prompts(self) -> list[McpPrompt]:
        """Return its prompts: those that it had, if it is lost or does not list them."""
        if (session := self._live()) is not None:
            await self._take_prompts(session)
        return self._prompts

    async def _take_prompts(self, session: "McpSession") -> None:
        try:
            async with asyncio.timeout(LIST_SECONDS):
                listed = await session.prompts()
        except (CallRefused, ConnectionFailed, TimeoutError) as failure:
            log.warning("MCP server %s does not list its prompts: %s", self.name, failure or "timed out")
        else:
            self._prompts = prompts_of(self.name, listed, self._prompt)

    async def _prompt(self, prompt: str, arguments: dict[str, str]) -> str:
        """Get a prompt from the server, after connecting if necessary; raises ToolError."""

        async def got(session: "McpSession", again: bool) -> list[Any]:
            return await session.prompt(prompt, arguments, again)

        messages = await self._repeated(got)
        return joined(words(each.get("content")) for each in messages if isinstance(each, dict))

    async def _repeated(self, request: "Callable[[McpSession, bool], Awaitable[Answer]]") -> Answer:
        """Make a request, and once more if it can't have run, because the server did not know the session.

        Raises ToolError.
        """
        session = await self._live_session()
        with self._as_tool_error():
            try:
                return await request(session, False)
            except ConnectionFailed as failure:
                if not failure.did_not_run or failure.unauthorized:
                    raise
        session = await self._live_session()
        with self._as_tool_error():
            return await request(session, True)

    async def _called(
        self,
        session: "McpSession",
        tool: str,
        arguments: JsonObject,
        begun: Callable[[], None],
        again: bool,
    ) -> ToolResult:
        answer = self._answer(session, tool, arguments, begun, again)
        call = asyncio.create_task(answer, name=f"mcp {self.name} {tool}")
        self._calls.add(call)
        call.add_done_callback(self._forget)
        try:
            await asyncio.wait({call})
        except asyncio.CancelledError:
            # The server gets a cancellation; an aborted caller does not wait for its delivery.
            call.cancel()
            session.check()
            raise
        try:
            return call.result()
        except asyncio.CancelledError:
            raise ToolError(f"The MCP server {self.name} is being disconnected.") from None

    @contextmanager
    def _as_tool_error(self) -> Iterator[None]:
        """Turn the errors of a request into ToolErrors."""
        try:
            yield
        except ConnectionFailed as failure:
            raise ToolError(
                f"The connection to the MCP server {self.name} was lost. {failure.reason}"
            ) from None
        except CallRefused as refused:
            raise ToolError(f"The MCP server {self.name} refused the call: {refused}") from None
        except TimeoutError:
            raise ToolError(f"The MCP server {self.name} did not answer in time.") from None

    async def _answer(
        self,
        session: "McpSession",
        tool: str,
        arguments: JsonObject,
        begun: Callable[[], None],
        again: bool,
    ) -> ToolResult:
        result = await session.call(tool, arguments, begun, again)
        # In a thread: a result may have megabytes of base64.
        return await asyncio.to_thread(tool_result, tool, result, self._redactor)

    def _live(self) -> "McpSession | None":
        return self._session if self._session is not None and self._session.alive() else None

    async def _unwound(self) -> None:
        """Wait until a lost connection is closed."""
        if self._session is not None and self._task is not None and not self._session.alive():
            await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)

    async def _live_session(self) -> "McpSession":
        await self._unwound()
        if self.due:
            self.begin()
        await self.connected()
        if (session := self._live()) is not None:
            return session
        match self.status:
            case McpFailed(error=reason):
                pause = max(0.0, self._next_attempt - monotonic())
                raise ToolError(
                    f"The MCP server {self.name} is not connected. {reason} It can be tried again in "
                    f"{pause:.0f} s; do without it for now, or tell the user."
                )
            case McpNeedsAuth():
                raise ToolError(f"The MCP server {self.name} rejected the credentials. Tell the user.")
        raise ToolError(f"The MCP server {self.name} was disconnected. Do without it.")

    async def _own(self, attempt: asyncio.Event) -> None:
        """Open a connection, follow it, and close it."""
        try:
            # In a thread: half a second of imports would stall the event loop.
            session_module = await asyncio.to_thread(import_module, "opencode.tool.mcp.session")
            self._stderr.clear()
            opened = session_module.opened(self._config, self._egress, self._stderr.add)
            async with opened as (session, listed):
                await self._take(listed)
                await self._take_prompts(session)  # those of a server that is lost soon stay, too
                self._session = session
                self._failures = 0
                self._status = McpConnected()
                self.instructions = session.instructions.strip()[:MAX_INSTRUCTIONS]
                attempt.set()
                log.info("MCP server %s is connected: %d tools", self.name, len(self.tools))
                await self._watch(session)
        except ConnectionFailed as failure:
            self._fail(failure)
        except Exception as error:
            log.exception("MCP server %s failed unexpectedly", self.name)
            self._fail(ConnectionFailed(f"It failed unexpectedly ({type(error).__name__})."))
        finally:
            self._session = self._task = None
            attempt.set()

    async def _watch(self, session: "McpSession") -> None:
        """Follow a connection until it is lost; then raise ConnectionFailed."""
        while True:
            await session.news.wait()
            session.news.clear()
            if session.lost:
                raise session.lost
            await self._take(await session.tools_again())
            await asyncio.sleep(CHANGE_SECONDS)

    async def _take(self, listed: "Listing") -> None:
        """Replace the tools."""
        if listed == self._listed:
            return
        seconds = call_seconds(self._config)
        self.tools, self._omitted = await asyncio.to_thread(
            tools_of, self.name, listed.tools, listed.refused, self.call, seconds
        )
        self._listed = listed
        for tool, reason in list(self._omitted.items())[:MAX_OMITTED]:
            log.warning("tool %s of MCP server %s is left out: %s", sanitized(tool)[:80], self.name, reason)
        self._changed()

    def _fail(self, failure: ConnectionFailed) -> None:
        pause = min(2.0 ** (self._failures - 1), LONGEST_PAUSE) if self._failures else 0.0
        self._failures += 1
        self._next_attempt = monotonic() + pause
        self._status = McpNeedsAuth() if failure.unauthorized else McpFailed(error=failure.reason)
        log.warning("MCP server %s: %s", self.name, failure.reason)

    async def _end(self) -> None:
        task = self._task
        if task is None:
            return
        task.cancel()
        _, left = await asyncio.wait({task}, timeout=CLOSE_SECONDS)
        if left:
            task.cancel()
            log.warning("MCP server %s did not close within %g s; abandoned", self.name, CLOSE_SECONDS)

    def _forget(self, call: asyncio.Task[ToolResult]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # marks it as retrieved: its caller may be gone
