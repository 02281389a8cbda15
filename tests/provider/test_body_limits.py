"""Bodies that are read whole end, also where the provider sends them without end."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from opencode.provider.wire.body_limits import MAX_LIST_BYTES, MAX_REFUSAL_BYTES, truncate

CHUNK = b"x" * 1_000_003


class Endless(httpx2.AsyncByteStream):
    def __init__(self) -> None:
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield CHUNK

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("method", "status", "limit"),
    [("POST", 400, MAX_REFUSAL_BYTES), ("GET", 500, MAX_REFUSAL_BYTES), ("GET", 200, MAX_LIST_BYTES)],
)
async def test_a_body_without_an_end_is_cut_and_closed(method: str, status: int, limit: int) -> None:
    body = Endless()
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, stream=body))
    async with httpx2.AsyncClient(transport=transport, event_hooks={"response": [truncate]}) as client:
        response = await client.request(method, "http://model.test/")
    assert len(response.content) == limit
    assert body.closed


async def test_an_answer_that_is_streamed_is_not_cut() -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=Endless()))
    async with (
        httpx2.AsyncClient(transport=transport, event_hooks={"response": [truncate]}) as client,
        client.stream("POST", "http://model.test/") as response,
    ):
        async for _ in response.aiter_bytes():
            if response.num_bytes_downloaded > MAX_LIST_BYTES:
                break
        else:
            pytest.fail("it was cut")
