"""A local MCP server: a process in a group of its own, with messages as lines on its pipes.

Unlike the SDK's transport, this one limits what it reads, so that a program that floods its output affects
only itself; it ends within about a second, and reports how the program ended.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from weakref import WeakKeyDictionary

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from opencode.schema.mcp import McpLocalConfig

from .failure import ConnectionFailed
from .mended import mended

MAX_LINE = 16 * 1024 * 1024
"""Bytes of one message."""

MAX_STRAY_LINES = 100
"""Give up on a program after this many lines other than JSON-RPC messages."""

GRACE_SECONDS = 0.5
"""Seconds that a program gets to exit after its input is closed, and again after SIGTERM."""

_POLL_SECONDS = 0.01
_CHUNK = 65536

_starting: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
"""Programs are started one after the other: each start holds the event loop until the program runs."""

Received = SessionMessage | Exception
Streams = tuple[MemoryObjectReceiveStream[Received], MemoryObjectSendStream[SessionMessage]]


class StdioTransport:
    """Runs a server. `on_end` is called when it can no longer be reached; `ending` then says why.

    `heard` gets each line of its standard error.
    """

    def __init__(
        self, config: McpLocalConfig, on_end: Callable[[], None], heard: Callable[[str], None]
    ) -> None:
        self._config = config
        self._on_end = on_end
        self._heard = heard
        self._rest = b""
        self._process: asyncio.subprocess.Process | None = None
        self.ending = ""
        self.stray_lines = 0

    def ended(self) -> bool:
        """Return whether the process has exited; its children may still hold its pipes open."""
        if self._process is None or self._process.returncode is None:
            return False
        self.ending = self.ending or _exit_reason(self._process)
        return True

    @asynccontextmanager
    async def transport(self) -> AsyncIterator[Streams]:
        """Run the program until the block ends; raises ConnectionFailed if it can't be started."""
        self._process = process = await self._start()
        incoming, read_stream = anyio.create_memory_object_stream[Received](0)
        write_stream, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._read, process, incoming)
                group.start_soon(self._write, process, outgoing, incoming)
                group.start_soon(self._listen, process)
                try:
                    yield read_stream, write_stream
                finally:
                    group.cancel_scope.cancel()
        finally:
            for stream in (incoming, read_stream, write_stream, outgoing):
                stream.close()
            await _stop(process)
            with anyio.move_on_after(GRACE_SECONDS):
                await self._listen(process)

    async def _start(self) -> asyncio.subprocess.Process:
        command, cwd = self._config.command, self._config.cwd or None
        try:
            async with _starting.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
                return await asyncio.create_subprocess_exec(
                    *command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd=cwd,
                    env=get_default_environment() | self._config.environment,
                    start_new_session=True,
                    limit=MAX_LINE,
                )
        except (FileNotFoundError, NotADirectoryError) as error:
            missing = f"directory {cwd}" if error.filename == cwd else f"program {command[0]}"
            raise ConnectionFailed(f"The {missing} was not found.") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConnectionFailed(f"The program {command[0]} can't be started: {reason}.") from None

    async def _read(
        self, process: asyncio.subprocess.Process, incoming: MemoryObjectSendStream[Received]
    ) -> None:
        assert process.stdout is not None
        try:
            with incoming, suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                while line := await process.stdout.readline():
                    await self._take(line, incoming)
                    if self.stray_lines > MAX_STRAY_LINES:
                        self.ending = "It writes lines to its standard output that are not MCP messages."
                        return
                self.ending = await _how_it_ended(process)
        except ValueError:
            self.ending = f"It wrote a message of more than {MAX_LINE // 1024 // 1024} MB."
        finally:
            self._on_end()

    async def _take(self, line: bytes, incoming: MemoryObjectSendStream[Received]) -> None:
        try:
            messages = [jsonrpc_message_adapter.validate_json(line, by_name=False)]
        except ValueError:
            messages = list(mended(line))
            self.stray_lines += not messages and bool(line.strip())
            await asyncio.sleep(0)  # buffered lines are read without yielding to the event loop
        for message in messages:
            await incoming.send(SessionMessage(message))

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Read the standard error to its end: a program that is not read from stops when the pipe is full."""
        assert process.stderr is not None
        while chunk := await process.stderr.read(_CHUNK):
            *lines, rest = (self._rest + chunk).replace(b"\r", b"\n").split(b"\n")
            self._rest = rest[:_CHUNK]
            for line in lines:
                self._heard(line[:_CHUNK].decode("utf-8", "replace"))
            await asyncio.sleep(0)  # what is buffered is read without yielding to the event loop
        self._heard(self._rest.decode("utf-8", "replace"))
        self._rest = b""

    async def _write(
        self,
        process: asyncio.subprocess.Process,
        outgoing: MemoryObjectReceiveStream[SessionMessage],
        incoming: MemoryObjectSendStream[Received],
    ) -> None:
        assert process.stdin is not None
        try:
            with outgoing:
                async for outbound in outgoing:
                    text = outbound.message.model_dump_json(by_alias=True, exclude_unset=True)
                    process.stdin.write(text.encode() + b"\n")
                    await process.stdin.drain()
        except OSError:
            self.ending = self.ending or await _how_it_ended(process)
            incoming.close()
            self._on_end()


async def _how_it_ended(process: asyncio.subprocess.Process) -> str:
    if not await _gone(process):
        return "It closed its standard input or output."
    return _exit_reason(process)


def _exit_reason(process: asyncio.subprocess.Process) -> str:
    code = process.returncode or 0
    how = f"exit status {code}" if code >= 0 else f"signal {-code}"
    return f"The program ended ({how}). Run its command in a terminal to see why."


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Stop the program and all processes of its group, in every case."""
    try:
        if process.stdin is not None:
            process.stdin.close()
        if not await _gone(process):
            _signal(process, signal.SIGTERM)
            await _gone(process)
    finally:
        _signal(process, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    await _gone(process)
    await _drained(process)


async def _gone(process: asyncio.subprocess.Process) -> bool:
    """Wait up to GRACE_SECONDS; `Process.wait` would also wait for children that hold the pipes."""
    with anyio.move_on_after(GRACE_SECONDS):
        while process.returncode is None:  # noqa: ASYNC110 - there is no event for it
            await anyio.sleep(_POLL_SECONDS)
    return process.returncode is not None


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Read the rest of the output: only then is the pipe closed."""
    with anyio.move_on_after(GRACE_SECONDS):
        while process.stdout is not None and await process.stdout.read(_CHUNK):
            pass


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, number)
        else:
            process.terminate()
