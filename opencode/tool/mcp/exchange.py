"""What a request and its answer were on the wire, past the SDK's checks.

The SDK refuses a whole result for one odd item in it, and does not say with which HTTP status a request was
refused. The streams of this module note both before the SDK sees the message, and give it a result that it
accepts.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, NamedTuple

import anyio
from mcp.client import Transport
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCRequest, JSONRPCResponse

from opencode.schema.base import JsonObject

from .stub import stub

MAX_OPEN = 1_000
"""Requests without an answer that are remembered: those that were cancelled never get one."""

FORGOTTEN = (400, 404, 410)
"""HTTP statuses of servers that do not know the session of a request (any more)."""


class Refusal(NamedTuple):
    """An HTTP response that refused a message: its status, and its reason on one line or ""."""

    status: int
    reason: str

    @property
    def words(self) -> str:
        return f"HTTP status {self.status}{f': {self.reason}' if self.reason else ''}"


class Exchange:
    """The requests made in a block. `result`: the last one's, as it was sent. `refusal`: how HTTP refused it.

    `sent`: whether it may have reached the server. `answered`: whether one had a result.
    """

    def __init__(self) -> None:
        self.sent = False
        self.answered = False
        self.result: JsonObject = {}
        self.refusal: Refusal | None = None

    @property
    def did_not_run(self) -> bool:
        """Whether the server has certainly not acted on it."""
        return not self.answered and (self.forgotten or not self.sent)

    @property
    def forgotten(self) -> bool:
        """Whether the server does not know the session, and so has not acted on the request."""
        return self.refusal is not None and self.refusal.status in FORGOTTEN


_current: ContextVar[Exchange | None] = ContextVar("mcp_exchange", default=None)


@contextmanager
def exchange() -> Iterator[Exchange]:
    """Note what becomes of the requests made in this block, by this task; a block in it notes the same."""
    noted = _current.get() or Exchange()
    token = _current.set(noted)
    try:
        yield noted
    finally:
        _current.reset(token)


class Exchanges:
    """All exchanges of a session. `ended` is set when the server sends no more.

    `over_http`: a request is sent when `sending` says so, not yet when the SDK passes it on.
    """

    def __init__(self, over_http: bool) -> None:
        self._over_http = over_http
        self._open: dict[int | str, tuple[str, Exchange | None]] = {}
        self.ended = anyio.Event()

    def refused(self, request_id: object, refusal: Refusal) -> None:
        """Note that HTTP refused a request."""
        if (noted := self._noted(request_id)) is not None:
            noted.refusal = refusal

    def sending(self, request_id: object) -> None:
        """Note that a request is being sent."""
        if (noted := self._noted(request_id)) is not None:
            noted.sent = True

    def _noted(self, request_id: object) -> Exchange | None:
        known = self._open.get(request_id) if isinstance(request_id, int | str) else None
        return known[1] if known is not None else None

    def begun(self, message: SessionMessage) -> None:
        request = message.message
        if not isinstance(request, JSONRPCRequest):
            return
        current = _current.get()
        if current is not None:
            current.sent, current.result, current.refusal = not self._over_http, {}, None
        self._open[request.id] = (request.method, current)
        while len(self._open) > MAX_OPEN:
            del self._open[next(iter(self._open))]

    def answered(self, item: SessionMessage | Exception) -> None:
        """Note an answer, and replace it with what the SDK accepts."""
        if isinstance(item, Exception) or not isinstance(item.message, JSONRPCResponse | JSONRPCError):
            return
        answer = item.message
        # Some servers answer the request 7 as "7"; the SDK takes that, too.
        key = int(answer.id) if isinstance(answer.id, str) and answer.id.isdecimal() else answer.id
        method, noted = self._open.pop(key, ("", None)) if key is not None else ("", None)
        if isinstance(answer, JSONRPCResponse):
            if noted is not None:
                noted.result, noted.answered = answer.result, True
            answer.result = stub(method, answer.result)

    @asynccontextmanager
    async def noting(self, transport: Transport) -> AsyncIterator[Any]:
        """Open a transport, and note what goes through it."""
        async with transport as (incoming, outgoing):
            yield _Incoming(incoming, self), _Outgoing(outgoing, self)


class _Stream:
    def __init__(self, stream: Any, exchanges: Exchanges) -> None:
        self._stream = stream
        self._exchanges = exchanges

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


class _Outgoing(_Stream):
    """The SDK's messages to the server."""

    async def send(self, message: SessionMessage) -> None:
        self._exchanges.begun(message)
        await self._stream.send(message)


class _Incoming(_Stream):
    """The server's messages to the SDK."""

    @property
    def last_context(self) -> Any:
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        try:
            item: SessionMessage | Exception = await self._stream.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            self._exchanges.ended.set()
            raise
        self._exchanges.answered(item)
        return item

    def __aiter__(self) -> "_Incoming":
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None
