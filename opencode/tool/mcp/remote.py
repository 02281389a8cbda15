"""A remote MCP server: streamable HTTP or the older SSE transport, with limits on every response."""

from collections.abc import AsyncIterator, Iterator

import httpx2
from mcp.client import Transport
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from opencode.schema.mcp import McpRemoteConfig

MAX_ANSWER = 16 * 1024 * 1024
"""Bytes of one message."""

_CONNECT_SECONDS = 10.0
_SILENCE_SECONDS = 660.0
"""Seconds between two reads of a response: more than the limit of any call."""

UNAUTHORIZED = (401, 403)


class RemoteTransport:
    """The transports to a server. `refusal`: the HTTP status of the last message that it refused, or None."""

    def __init__(self, config: McpRemoteConfig) -> None:
        self._config = config
        self.refusal: int | None = None

    def client(
        self,
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient:
        """Return a client with the configured headers; the arguments, which the SDK passes, are ignored."""
        return httpx2.AsyncClient(
            headers={"Accept-Encoding": "identity", **self._config.headers},
            timeout=httpx2.Timeout(_CONNECT_SECONDS, read=_SILENCE_SECONDS),
            event_hooks={"response": [self._watch]},
        )

    def transports(self, client: httpx2.AsyncClient) -> Iterator[Transport]:
        """Yield the transports, the newer first."""
        yield streamable_http_client(self._config.url, http_client=client, max_sse_event_size=MAX_ANSWER)
        yield sse_client(self._config.url, httpx_client_factory=self.client)

    @property
    def lacks_streamable_http(self) -> bool:
        """Whether the server refused with a status of servers that only have the older transport."""
        return self.refusal in (400, 404, 405, 406, 415)

    async def _watch(self, response: httpx2.Response) -> None:
        if response.request.method == "POST" and response.status_code >= 400:
            self.refusal = response.status_code
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise httpx2.DecodingError("The response is compressed although that was not requested.")
        if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            response.stream = _Bounded(response)


class _Bounded(httpx2.AsyncByteStream):
    """A response's bytes, up to MAX_ANSWER."""

    def __init__(self, response: httpx2.Response) -> None:
        self._stream = response.stream
        self._left = MAX_ANSWER

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._stream, httpx2.AsyncByteStream)
        async for chunk in self._stream:
            self._left -= len(chunk)
            if self._left < 0:
                raise httpx2.DecodingError(f"The response is larger than {MAX_ANSWER // 1024 // 1024} MB.")
            yield chunk

    async def aclose(self) -> None:
        assert isinstance(self._stream, httpx2.AsyncByteStream)
        await self._stream.aclose()
