"""A provider's SDK client: imported and made on first use, closed when the last request has ended.

The SDKs do credentials, headers, connections and errors. They take most of a second and some 50 MB to import.
"""

import asyncio
import gc
import importlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

MAX_CONNECTIONS = 1000
KEPT_CONNECTIONS = 100
KEPT_S = 30.0

Build = Callable[[ModuleType, "httpx2.AsyncClient"], Any]
"""Returns the SDK's client: (the SDK, the HTTP client that it is to use)."""


def _imported(name: str) -> ModuleType:
    """Return an SDK. Its first import is excluded from garbage collection: a full one would take 0.1 s more.

    This happens before any client of the SDK exists, so that replaced clients are collected. httpx comes with
    it: the OpenAI SDK looks for httpx among the imported modules at every request, and fails if it meets it
    half imported by web fetch or MCP, in a thread.
    """
    is_first = name not in sys.modules
    importlib.import_module("httpx")
    sdk = importlib.import_module(name)
    if is_first:
        gc.collect()
        gc.freeze()
    return sdk


class SDKClient:
    """The client of one adapter, shared by all its requests. `sdk_name`: the SDK's module.

    `connect_s`: seconds until a connection is made, None for no limit. `sdk`, `response_type` (the HTTP
    client's), `refusals` and `connection_errors` (exceptions with and without an answer) are set by `use`.
    """

    def __init__(self, sdk_name: str, connect_s: float | None, build: Build) -> None:
        self._sdk_name = sdk_name
        self._connect_s = connect_s
        self._build = build
        self._client: Any = None
        self._opening = asyncio.Lock()
        self._users = 0
        self._retired = False
        self.sdk: Any = None
        self.response_type: Any = None
        self.refusals: tuple[type[Exception], ...] = ()
        self.connection_errors: tuple[type[Exception], ...] = ()

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Any]:
        """Yield the SDK's client for one request."""
        self._users += 1
        try:
            if self._client is None:
                await self._make()
            yield self._client
        finally:
            self._users -= 1
            if self._retired and not self._users:
                await self.close()

    async def retire(self) -> None:
        """Close it once nobody uses it; who still asks for it after that gets one that lasts a request."""
        self._retired = True
        if not self._users:
            await self.close()

    async def close(self) -> None:
        """Close its connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _make(self) -> None:
        async with self._opening:
            if self._client is None:
                # In a thread: an SDK's import and the certificates would stop every stream for a second.
                self._client = await asyncio.to_thread(self._open)

    def _open(self) -> Any:
        from .body_limits import truncate  # noqa: PLC0415 - httpx2 is imported here, and not before

        httpx2 = importlib.import_module("httpx2")
        aiohttp = importlib.import_module("aiohttp")
        self.sdk = sdk = _imported(self._sdk_name)
        # The SDKs' own other transport costs half as much per read as their usual one, and gives all that
        # has arrived at once. No read time-out: the adapter limits silence, and the wait for the head.
        http_client = sdk.DefaultAioHttpClient(
            limits=httpx2.Limits(
                max_connections=MAX_CONNECTIONS,
                max_keepalive_connections=KEPT_CONNECTIONS,
                keepalive_expiry=KEPT_S,
            ),
            timeout=httpx2.Timeout(None, connect=self._connect_s),
            event_hooks={"response": [truncate]},
        )
        self.response_type = httpx2.Response
        self.refusals = (sdk.APIStatusError,)
        self.connection_errors = (
            httpx2.HTTPError,
            httpx2.InvalidURL,
            aiohttp.ClientError,
            sdk.APIConnectionError,
            OSError,
        )
        return self._build(sdk, http_client)
