"""Bodies that the SDKs read whole, cut where no honest one is longer."""

from collections.abc import AsyncIterator

import httpx2

MAX_REFUSAL_BYTES = 64 * 1024
MAX_LIST_BYTES = 16 * 1024 * 1024


class Beginning(httpx2.AsyncByteStream):
    """The first `limit` bytes of a body, as they were sent."""

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


async def cut(response: httpx2.Response) -> None:
    """Cut the body of an answer that will be read whole; a hook for each of a client's responses."""
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    if not response.is_success:
        response.stream = Beginning(response.stream, MAX_REFUSAL_BYTES)
    elif response.request.method == "GET":
        response.stream = Beginning(response.stream, MAX_LIST_BYTES)
