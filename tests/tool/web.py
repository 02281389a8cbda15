"""A web site on a loopback port: raw answers by path, so that it can be as wrong as real servers are."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Handler = Callable[[asyncio.StreamWriter], Awaitable[None]]
Answer = bytes | Handler


def answer(
    body: bytes = b"",
    content_type: str | None = "text/html",
    *,
    status: str = "200 OK",
    headers: dict[str, str] | None = None,
) -> bytes:
    """Return a whole HTTP/1.1 answer as bytes."""
    lines = [f"HTTP/1.1 {status}", "Connection: close"]
    lines += [f"Content-Type: {content_type}"] if content_type is not None else []
    lines += [
        f"{name}: {value}" for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items()
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return answer(status=status, headers={"Location": location})


class Site:
    """`connections` counts them all; `requests` are the heads as they came."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.connections = 0
        self.requests: list[str] = []
        self.port = 0

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def add(self, path: str, page: Answer) -> str:
        """Serve `page` at `path`; returns its URL."""
        self.pages[path] = page
        return self.url(path)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.requests.append(head)
            page = self.pages.get(head.split(" ")[1], answer(b"nothing here", status="404 Not Found"))
            if isinstance(page, bytes):
                writer.write(page)
                await writer.drain()
            else:
                await page(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Site]:
    site = Site()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    async with server:
        yield site
