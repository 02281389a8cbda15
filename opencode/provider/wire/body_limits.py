"""Limits for response bodies that the SDKs read into memory: errors and lists."""

from collections.abc import AsyncIterator

import httpx2

MAX_REFUSAL_BYTES = 64 * 1024
MAX_LIST_BYTES = 16 * 1024 * 1024


class TruncatedBody(httpx2.AsyncByteStream):
    """The first `limit` bytes of a body, not decoded."""

    def __init__(self, body: httpx2.AsyncByteStream, limit: int) -> None:
        self._body = body
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._limit
        async for chunk in self._body:
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return

    async def aclose(self) -> None:
        await self._body.aclose()


async def truncate(response: httpx2.Response) -> None:
    """Truncate the body of an error or a list: a hook for each response of a client."""
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    if not response.is_success:
        response.stream = TruncatedBody(response.stream, MAX_REFUSAL_BYTES)
    elif response.request.method == "GET":
        response.stream = TruncatedBody(response.stream, MAX_LIST_BYTES)
