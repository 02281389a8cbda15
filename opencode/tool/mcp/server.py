"""One MCP server: connected in a task of its own, which alone opens and closes the session."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from time import monotonic
from typing import TYPE_CHECKING

from opencode.errors import ToolError
from opencode.schema.base import JsonObject
from opencode.schema.mcp import McpConfig, McpConnected, McpDisabled, McpFailed, McpNeedsAuth, McpStatus

from ..base import ToolResult
from .failure import CallRefused, ConnectionFailed, Redactor, call_seconds
from .prompt import McpPrompt, prompts_of
from .tool import McpTool, tools_of

if TYPE_CHECKING:
    import mcp_types

    from .session import McpSession

LONGEST_PAUSE = 60.0
"""Seconds between attempts to connect: none, one, two, four, … up to this. By hand one need not wait."""

CLOSE_SECONDS = 2.0
"""How long a connection may take to end, before it is left to itself."""

CHANGE_SECONDS = 1.0
"""How often a server may have its tools listed anew."""

LIST_SECONDS = 3.0
"""How long a server may take to list its prompts."""

MAX_ERROR = 10_000
"""Characters of what a failed call says."""

CONNECTING = McpFailed(error="It is being connected.")

log = logging.getLogger(__name__)


class McpServer:
    """A server by name. `changed` is called when its tools come, change or go."""

    def __init__(self, name: str, config: McpConfig, changed: Callable[[], None]) -> None:
        self.name = name
        self._config = config
        self._changed = changed
        self._redactor = Redactor(config)
        self._task: asyncio.Task[None] | None = None
        self._session: McpSession | None = None
        self._attempt = asyncio.Event()
        self._calls: set[asyncio.Task[ToolResult]] = set()
        self._failures = 0
        self._next_attempt = 0.0
        self._patience = True
        self.enabled = config.enabled
        self._listed: list[object] = []
        self.tools: list[McpTool] = []
        self._status: McpStatus = CONNECTING if self.enabled else McpDisabled()

    @property
    def status(self) -> McpStatus:
        lost = self._session.lost if self._session is not None and not self._session.alive() else None
        return McpFailed(error=lost.reason) if lost else self._status

    @property
    def awaited(self) -> bool:
        """Whether it is being connected, and has neither failed yet nor been waited for in vain."""
        connecting = self._task is not None and not self._attempt.is_set()
        return connecting and self._patience and not self._failures

    @property
    def due(self) -> bool:
        """Whether it should be connected, and enough time has passed since that failed."""
        idle = self.enabled and self._task is None and not isinstance(self._status, McpNeedsAuth)
        return idle and monotonic() >= self._next_attempt

    def begin(self) -> None:
        """Begin to connect, where it is not connected or about to be."""
        self.enabled = True
        if self._task is None:
            if not isinstance(self._status, McpFailed):
                self._status = CONNECTING
            self._attempt = asyncio.Event()
            self._patience = True
            self._task = asyncio.create_task(self._own(self._attempt), name=f"mcp {self.name}")

    async def connect(self) -> bool:
        """Connect now, however often that has failed; returns whether it worked."""
        await self._unwound()
        self.begin()
        return await self.connected()

    async def connected(self, seconds: float | None = None) -> bool:
        """Wait for the end of the attempt to connect, which has a time limit of its own, or for so long."""
        if self._task is not None:
            try:
                async with asyncio.timeout(seconds):
                    await self._attempt.wait()
            except TimeoutError:
                self._patience = False
        return self._live() is not None

    async def disconnect(self) -> None:
        """End the connection; the tools go."""
        self.enabled = False
        await self._end()
        self._status = McpDisabled()
        self.tools, self._listed = [], []
        self._failures, self._next_attempt = 0, 0.0
        self._changed()

    async def close(self) -> None:
        """End everything, within a few seconds."""
        self.enabled = False
        await self._end()
        for call in self._calls:
            call.cancel()
        if self._calls:
            await asyncio.wait(self._calls, timeout=CLOSE_SECONDS)

    async def call(self, tool: str, arguments: JsonObject, begun: Callable[[], None]) -> ToolResult:
        """Call a tool, connected first where that is needed; `begun` hears of every sign of life."""
        session = await self._live_session()
        begun()
        call = asyncio.create_task(
            self._answer(session, tool, arguments, begun), name=f"mcp {self.name} {tool}"
        )
        self._calls.add(call)
        call.add_done_callback(self._forget)
        try:
            await asyncio.wait({call})
        except asyncio.CancelledError:
            # The server is told so; a caller that was aborted need not wait until it has heard.
            call.cancel()
            session.check()
            raise
        with self._as_tool_error():
            try:
                return call.result()
            except asyncio.CancelledError:
                raise ToolError(f"The MCP server {self.name} is being disconnected.") from None

    async def prompts(self) -> list[McpPrompt]:
        """Return the prompts that it has; none where it is not connected, or does not tell."""
        if (session := self._live()) is None:
            return []
        try:
            async with asyncio.timeout(LIST_SECONDS):
                listed = await session.prompts()
        except (CallRefused, ConnectionFailed, TimeoutError) as failure:
            log.warning("MCP server %s does not list its prompts: %s", self.name, failure or "out of time")
            return []
        return prompts_of(self.name, listed, self._prompt)

    async def _prompt(self, prompt: str, arguments: dict[str, str]) -> str:
        """Have the server fill in a prompt, connected first where that is needed; raises ToolError."""
        from .result import words  # noqa: PLC0415 - the SDK is here by now

        session = await self._live_session()
        with self._as_tool_error():
            messages = await session.prompt(prompt, arguments)
        return words(message.content for message in messages)

    @contextmanager
    def _as_tool_error(self) -> Iterator[None]:
        """Raise what goes wrong with a request as the ToolError that tells of it."""
        try:
            yield
        except ConnectionFailed as failure:
            raise ToolError(f"The MCP server {self.name} was lost. {failure.reason}") from None
        except CallRefused as refused:
            raise ToolError(f"The MCP server {self.name} refused the call: {refused}") from None
        except TimeoutError:
            raise ToolError(f"The MCP server {self.name} did not answer in time.") from None

    async def _answer(
        self, session: "McpSession", tool: str, arguments: JsonObject, begun: Callable[[], None]
    ) -> ToolResult:
        from .result import tool_result, words  # noqa: PLC0415 - the SDK is here by now

        result = await session.call(tool, arguments, begun)
        if result.is_error:
            said = self._redactor(words(result.content))[:MAX_ERROR]
            raise ToolError(said or f"{tool} failed and did not say why.")
        return tool_result(result)

    def _live(self) -> "McpSession | None":
        return self._session if self._session is not None and self._session.alive() else None

    async def _unwound(self) -> None:
        """Wait until a lost connection is put away."""
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
                    f"The MCP server {self.name} is not connected. {reason} The next attempt can be made in "
                    f"{pause:.0f} s; do without it for now, or tell the user."
                )
            case McpNeedsAuth():
                raise ToolError(f"The MCP server {self.name} wants other credentials. Tell the user.")
        raise ToolError(f"The MCP server {self.name} was disconnected. Do without it.")

    async def _own(self, attempt: asyncio.Event) -> None:
        """Hold a connection from its begin to its end."""
        try:
            # Half a second of imports: in a thread, so that others are served meanwhile.
            session_module = await asyncio.to_thread(import_module, "opencode.tool.mcp.session")
            async with session_module.opened(self._config) as (session, listed):
                await self._take(listed)
                self._session = session
                self._failures = 0
                self._status = McpConnected()
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
        """Follow a connection until it is lost; raises ConnectionFailed then."""
        while True:
            await session.news.wait()
            session.news.clear()
            if session.lost:
                raise session.lost
            await self._take(await session.tools_again())
            await asyncio.sleep(CHANGE_SECONDS)

    async def _take(self, listed: "list[mcp_types.Tool]") -> None:
        """Have these tools from now on."""
        if listed == self._listed:
            return
        seconds = call_seconds(self._config)
        self.tools = await asyncio.to_thread(tools_of, self.name, listed, self.call, seconds)
        self._listed = list(listed)
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
            log.warning("MCP server %s did not end within %g s, is left", self.name, CLOSE_SECONDS)

    def _forget(self, call: asyncio.Task[ToolResult]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # marks it as seen: its caller may have gone
