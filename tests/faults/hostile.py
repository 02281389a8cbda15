"""A hostile crowd: what strangers send to a server without a password, over and over, from one address.

It is a program, `python -m tests.faults.hostile http://127.0.0.1:7860`, so that what it costs to send is not
measured. It works until its standard input ends, and prints what it did as JSON.
"""

import asyncio
import contextlib
import json
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx

from tests.security.corpus import TEXTS

_BODIES = (
    ("application/json", b"[" * 1_000_000),
    ("application/json", b'{"title":"' + b"a" * 8_000_000 + b'"}'),
    ("application/json", b'{"a":{}}'.join([b"[", b"]"]) * 100_000),
    ("application/x-www-form-urlencoded", b"a=b&" * 100_000),
    ("multipart/form-data; boundary=x", b"--x\r\n" * 100_000),
)

ADDRESS = "127.0.0.2"
"""Limits are for a client's address: these must not be the friendly crowd's."""

HALF_OPEN = 100
STREAMS = 50


class HostileCrowd:
    """`done`: how many of each attack were answered, refused or cut off."""

    def __init__(self, url: str, seed: int) -> None:
        self._url = url
        self._port = int(url.rpartition(":")[2])
        self._random = random.Random(seed)
        self.done: dict[str, int] = {}

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Let it work until the block ends."""
        transport = httpx.AsyncHTTPTransport(local_address=ADDRESS)
        async with httpx.AsyncClient(base_url=self._url, timeout=30, transport=transport) as client:
            attacks: list[Callable[[], Awaitable[None]]] = [
                lambda: self._texts(client),
                lambda: self._bodies(client),
                lambda: self._paths(client),
                *[lambda: self._stream(client)] * STREAMS,
                *[self._half_a_head] * HALF_OPEN,
            ]
            tasks = [asyncio.create_task(self._again(attack)) for attack in attacks]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _again(self, attack: Callable[[], Awaitable[None]]) -> None:
        while True:
            with contextlib.suppress(httpx.HTTPError, OSError, asyncio.IncompleteReadError):
                await attack()
            await asyncio.sleep(self._random.random())

    def _count(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1

    async def _texts(self, client: httpx.AsyncClient) -> None:
        """Have a text that is slow to render shown on the page."""
        session_id = (await client.post("/session", json={})).json()["id"]
        part = {"type": "text", "text": self._random.choice(list(TEXTS.values()))}
        await client.post(f"/session/{session_id}/message", json={"parts": [part], "noReply": True})
        await client.get(f"/chat/{session_id}")
        await client.get("/", params={"q": part["text"][:500]})
        self._count("texts")

    async def _bodies(self, client: httpx.AsyncClient) -> None:
        """Send bodies that are large, deep, or not what they say they are."""
        kind, body = self._random.choice(_BODIES)
        for path in ("/session", "/login", "/chats/import", "/mcp"):
            await client.post(path, content=body, headers={"content-type": kind})
        self._count("bodies")

    async def _paths(self, client: httpx.AsyncClient) -> None:
        for path in (
            "/..%2f..%2fetc/passwd",
            "/session/%00",
            "/static/%2e%2e/app.py",
            "/share/" + "x" * 4_000,
        ):
            await client.get(path)
        self._count("paths")

    async def _stream(self, client: httpx.AsyncClient) -> None:
        """Follow all events, read none of them, and leave."""
        async with client.stream("GET", "/event"):
            await asyncio.sleep(self._random.uniform(0, 5))
        self._count("streams")

    async def _half_a_head(self) -> None:
        """Begin a request and never end it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(ADDRESS, 0))
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
            async with asyncio.timeout(15):
                await reader.read(1)
        except TimeoutError:
            self._count("heads that were left open")
        finally:
            writer.close()
        self._count("half heads")


async def main(url: str) -> None:
    os.nice(10)  # on another machine, what it costs to send would take nothing from the server
    crowd = HostileCrowd(url, seed=1)
    async with crowd.at_work():
        await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(crowd.done))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
