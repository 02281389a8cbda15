"""HTTP clients for one request each, closed in every case.

A pool of httpcore 1.0 leaks a connection whose request is cancelled: it stays open and counts towards the
pool's limit. So every request has a pool of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from opencode.tasks import Tasks

if TYPE_CHECKING:
    import ssl


class Closable(Protocol):
    def aclose(self) -> Coroutine[Any, Any, None]: ...


T = TypeVar("T", bound=Closable)

_closing = Tasks()
_creating = Lock()


@cache
def tls() -> "ssl.SSLContext":
    """Return the TLS context for all connections; creating one takes some 50 ms."""
    import httpx  # noqa: PLC0415 - 0.1 s and 8 MB, only for who needs it

    return httpx.create_ssl_context()


async def ready() -> None:
    """Import httpx and create the TLS context in a thread: in the event loop it would stall all streams."""
    await asyncio.to_thread(_create)


def _create() -> None:
    with _creating:  # concurrent first requests would each create one
        tls()


@asynccontextmanager
async def closed_after(opened: T) -> AsyncIterator[T]:
    """Yield a client or a transport, and close it completely even if the caller is cancelled."""
    try:
        yield opened
    finally:
        await _closing.finish(opened.aclose(), "closing connections")
