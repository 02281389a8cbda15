"""A remote MCP server: streamable HTTP or the older SSE transport, with limits on every response."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import httpx2
from mcp.client import Transport
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from opencode.schema.mcp import McpRemoteConfig

from ..egress import Egress
from .checked_transport import CheckedTransport
from .exchange import Refusal
from .refusal import MAX_REFUSAL, reason_in, request_id

MAX_ANSWER = 16 * 1024 * 1024
"""Bytes of one message."""

_CONNECT_SECONDS = 10.0
_SILENCE_SECONDS = 660.0
"""Seconds between two reads of a response: more than the limit of any call."""

END_SECONDS = 1.0
"""Seconds that a server gets to hear that a session ends."""

REFUSAL_SECONDS = 5.0
"""Seconds that the body of a refusal is read."""

_SESSION = "mcp-session-id"
_VERSION = "mcp-protocol-version"

OnRefusal = Callable[[object, Refusal], None]
"""Called with the id of a request that HTTP refused."""


class RemoteTransport:
    """The transports to a server. `refusal`: the HTTP response that refused its last message, or None.

    `egress`: checks the server's address, if it is not trusted. `sending` is called with the id of a request
    when there is a connection that it is sent on.
    """

    def __init__(
        self,
        config: McpRemoteConfig,
        refused: OnRefusal,
        sending: Callable[[object], None],
        egress: Egress | None = None,
    ) -> None:
        self._config = config
        self._refused = refused
        self._sending = sending
        self._egress = egress
        self._session: dict[str, str] = {}
        self.refusal: Refusal | None = None

    def client(
        self,
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient:
        """Return a client with the configured headers; the arguments, which the SDK passes, are ignored."""
        return _Client(
            self._sending,
            headers={"Accept-Encoding": "identity", **self._config.headers},
            timeout=httpx2.Timeout(_CONNECT_SECONDS, read=_SILENCE_SECONDS),
            event_hooks={"response": [self._watch]},
            transport=CheckedTransport(self._egress) if self._egress is not None else None,
            trust_env=self._egress is None,  # a proxy would connect to addresses that nobody has checked
        )

    def transports(self, client: httpx2.AsyncClient) -> Iterator[Transport]:
        """Yield the transports, the newer first."""
        yield streamable_http_client(
            self._config.url, http_client=client, max_sse_event_size=MAX_ANSWER, terminate_on_close=False
        )
        yield sse_client(self._config.url, httpx_client_factory=self.client)

    @property
    def lacks_streamable_http(self) -> bool:
        """Whether the server refused with a status of servers that only have the older transport."""
        return self.refusal is not None and self.refusal.status in (400, 404, 405, 406, 415)

    async def end(self, client: httpx2.AsyncClient) -> None:
        """Tell the server that its session has ended; the SDK would wait for its answer without a limit."""
        if not self._session:
            return
        # It may be gone, or not end sessions.
        with suppress(httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await client.delete(self._config.url, headers=self._session)

    async def _watch(self, response: httpx2.Response) -> None:
        method = response.request.method
        compressed = response.headers.get("content-encoding", "identity").lower() != "identity"
        if response.status_code >= 400:
            if compressed:
                del response.headers["content-encoding"]
            response.stream = _Bounded(response, 0 if compressed else MAX_REFUSAL, REFUSAL_SECONDS)
            await response.aread()
            if method == "POST":
                self.refusal = Refusal(response.status_code, reason_in(response))
                self._refused(request_id(response.request), self.refusal)
            return
        if compressed:
            raise httpx2.DecodingError("The response is compressed although that was not requested.")
        if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            response.stream = _Bounded(response, MAX_ANSWER)
        if method == "POST" and (session := response.headers.get(_SESSION)):
            version = response.request.headers.get(_VERSION)
            self._session = {_SESSION: session, **({_VERSION: version} if version else {})}


class _Client(httpx2.AsyncClient):
    """A client that tells which requests are sent."""

    def __init__(self, sending: Callable[[object], None], **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._sending = sending

    async def send(self, request: httpx2.Request, **options: object) -> httpx2.Response:
        message = request_id(request)

        async def trace(event: str, info: object) -> None:
            if event.endswith("send_request_headers.started"):
                self._sending(message)

        request.extensions = {**request.extensions, "trace": trace}
        return await super().send(request, **options)  # type: ignore[arg-type]


class _Bounded(httpx2.AsyncByteStream):
    """A response's bytes, up to a limit; what is more is an error.

    With `seconds`, what is more or later is left out instead.
    """

    def __init__(self, response: httpx2.Response, limit: int, seconds: float | None = None) -> None:
        self._stream = response.stream
        self._limit = limit
        self._seconds = seconds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._stream, httpx2.AsyncByteStream)
        chunks = aiter(self._stream)
        left = self._limit
        loop = asyncio.get_running_loop()
        deadline = None if self._seconds is None else loop.time() + self._seconds
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    chunk = await anext(chunks)
            except (StopAsyncIteration, TimeoutError):
                return
            left -= len(chunk)
            if left < 0 and deadline is not None:
                return
            if left < 0:
                raise httpx2.DecodingError(f"The response is larger than {self._limit // 1024 // 1024} MB.")
            yield chunk

    async def aclose(self) -> None:
        assert isinstance(self._stream, httpx2.AsyncByteStream)
        await self._stream.aclose()
