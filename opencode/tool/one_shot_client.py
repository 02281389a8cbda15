"""Connections that last for one request, and are closed whatever becomes of it.

A pool of httpcore 1.0 loses track of a connection whose request is cancelled: it stays open, and its place in
the pool taken, until there is none left. So every request has a pool of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import ssl


class Closable(Protocol):
    def aclose(self) -> Coroutine[Any, Any, None]: ...


T = TypeVar("T", bound=Closable)

_closing: set[asyncio.Task[Any]] = set()
_making = Lock()


@cache
def tls() -> "ssl.SSLContext":
    """Return what secures all connections: to make it takes some 50 ms, and they are many."""
    import httpx  # noqa: PLC0415 - 0.1 s and 8 MB, only for who needs it

    return httpx.create_ssl_context()


async def ready() -> None:
    """Have what requests need imported and made, in a thread: every stream would stop meanwhile."""
    await asyncio.to_thread(_make)


def _make() -> None:
    with _making:  # many that begin at once would make as many
        tls()


@asynccontextmanager
async def closed_after(opened: T) -> AsyncIterator[T]:
    """Yield a client or a transport, and close it to the end, though the caller may be cancelled."""
    try:
        yield opened
    finally:
        closing = asyncio.create_task(opened.aclose(), name="close-connections")
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)
        await asyncio.shield(closing)
