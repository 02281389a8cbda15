"""What the three wires share: one POST through an SDK, a stream of server-sent bytes, StreamEvents out.

The SDKs do credentials, headers, connections and errors. Their typed requests and streams cost several times
what the rest does, so the body goes out as bytes and the answer comes in as bytes.
"""

import asyncio
import gc
import importlib
import json
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import aclosing, asynccontextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from opencode import observe
from opencode.errors import ModelError
from opencode.schema.base import JsonObject
from opencode.threads import in_thread

from .base import Adapter, Finish, ModelRequest, StreamEvent
from .batch import EventBatch
from .payload import encode_json, repaired
from .provider_errors import ProviderErrors, without_login
from .sse import EventTooLarge, SSEDecoder
from .timeouts import SilenceLimit, Timeouts

if TYPE_CHECKING:
    import httpx2

    from .posts import Posts

T = TypeVar("T")

MAX_CONNECTIONS = 1000
KEPT_CONNECTIONS = 100
KEPT_S = 30.0
LIST_TIMEOUT_S = 30.0
LONGEST_NAME = 200
"""Characters that are kept of the model and the id in a provider's answer."""

MAX_ANSWER_BYTES = 128 * 1024 * 1024
"""More than the longest answer of any model takes on any wire: a stream that goes on has no end."""
GRACE_S = 5.0
"""How long a whole answer waits for what may follow it: usage, and the end marker."""
DRAIN_S = 0.05
"""How long to wait for the end of a finished stream, so that its connection can serve the next request."""


class Reader(ABC):
    """Reads one answer: payload after payload in, StreamEvents out through `batch`.

    `whole`: the answer may end here. `done`: its end marker came, nothing that matters follows.
    """

    def __init__(self, place: ProviderErrors) -> None:
        self.place = place
        self.batch = EventBatch()
        self.whole = False
        self.done = False
        self.answered_by = ""
        self.answer_id = ""

    def name_answer(self, model: Any, answer_id: Any) -> None:
        """Note the model and the id that the provider names in its answer; what is no text is ignored."""
        if isinstance(model, str):
            self.answered_by = model[:LONGEST_NAME]
        if isinstance(answer_id, str):
            self.answer_id = answer_id[:LONGEST_NAME]

    @abstractmethod
    def read(self, payload: bytes) -> None:
        """Take one event's JSON; raises ModelError where it is an error, ValueError where it is garbage."""

    @abstractmethod
    def finish(self) -> Finish:
        """Close what is still open, through `batch`, and return how the whole answer ended."""


class WireAdapter(Adapter):
    """An adapter over HTTP. Its client is made on first use, shared by all requests, closed by `close`.

    `sdk_name`: the SDK's module, which takes most of a second and some 50 MB to import.
    """

    sdk_name: str
    path: str
    default_url: str = ""
    needs_key: bool = True

    def __init__(
        self,
        provider_id: str,
        api_key: str | None,
        base_url: str | None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._key = (api_key or "").strip()
        self._headers = dict(headers or {})
        self._timeouts = timeouts or Timeouts()
        self._place = ProviderErrors(provider_id, base_url or self.default_url, self._key, self._headers)
        self._base_url, login = without_login(base_url or self.default_url)
        if login and not self._key:
            self._headers.setdefault("Authorization", f"Basic {b64encode(login.encode()).decode()}")
        self._sdk: Any = None
        self._client: Any = None
        self._posts: Posts | None = None
        self._refusals: tuple[type[Exception], ...] = ()
        self._connection_errors: tuple[type[Exception], ...] = ()
        self._opening = asyncio.Lock()

    @abstractmethod
    def _open_client(self, sdk: ModuleType, http_client: "httpx2.AsyncClient") -> Any:
        """Return the SDK's client, told not to retry: the loop does, where people can see it."""

    @abstractmethod
    def _body(self, request: ModelRequest) -> JsonObject:
        """Return the request's JSON."""

    @abstractmethod
    def _reader(self, request: ModelRequest) -> Reader:
        """Return a reader for the answer."""

    @abstractmethod
    async def _list(self, client: Any) -> list[str]:
        """Return the ids of the provider's models."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent, None]:
        reader = self._reader(request)
        decoder = SSEDecoder()
        async with self._answer(request) as response, aclosing(_pieces(response)) as chunks:
            silence = SilenceLimit(self._timeouts.idle_s)
            received = 0
            try:
                while not reader.done:
                    chunk = await self._next(chunks, silence, reader)
                    received += len(chunk)
                    if received > MAX_ANSWER_BYTES:
                        raise self._place.endless(MAX_ANSWER_BYTES)
                    failure: ModelError | None = None
                    try:
                        for payload in decoder.feed(chunk) if chunk else decoder.close():
                            self._read(reader, payload)
                    except ModelError as error:
                        failure = error
                    for event in reader.batch.take():
                        yield event
                    if failure is not None:
                        raise failure
                    if not chunk:
                        break
                    if reader.whole:
                        silence.shorten(GRACE_S)
                if not reader.whole:
                    raise self._place.cut()
                finish = reader.finish()
                for event in reader.batch.take():
                    yield event
                await self._drain(chunks)
            except EventTooLarge as error:
                raise self._place.failed(f"{self._place.host} sent {error}.", retryable=False) from None
            finally:
                silence.close()
        yield finish

    async def model_ids(self) -> list[str]:
        client = await self._connected()
        return await self._sent(self._listed(client), LIST_TIMEOUT_S)

    async def _listed(self, client: Any) -> list[str]:
        try:
            return await self._list(client)
        except (TypeError, AttributeError, json.JSONDecodeError):
            message = f"{self._place.host} listed its models in a form that is not known."
            raise self._place.failed(message, retryable=False) from None

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _connected(self) -> Any:
        """Return the SDK's client; raises ModelError where key or address can't be used."""
        if self._client is None:
            async with self._opening:
                if self._client is None:
                    self._place.check_url()
                    self._check_key()
                    # In a thread: an SDK's import and the certificates would stop every stream for a second.
                    await in_thread(self._open)
        return self._client

    def _check_key(self) -> None:
        carried = any(name.lower() in ("authorization", "x-api-key") for name in self._headers)
        if self.needs_key and not self._key and not carried:
            raise self._place.no_key()
        if not (self._key.isascii() and self._key.isprintable()):
            raise self._place.unusable_key()

    def _open(self) -> None:
        from .body_limits import cut  # noqa: PLC0415 - httpx2 is imported here, and not before
        from .posts import Posts  # noqa: PLC0415

        httpx2 = importlib.import_module("httpx2")
        aiohttp = importlib.import_module("aiohttp")
        sdk = importlib.import_module(self.sdk_name)
        # The SDKs' own other transport costs half as much per read as their usual one, and gives all that
        # has arrived at once. No read time-out: silence has a limit here, the wait for the head another.
        http_client = sdk.DefaultAioHttpClient(
            limits=httpx2.Limits(
                max_connections=MAX_CONNECTIONS,
                max_keepalive_connections=KEPT_CONNECTIONS,
                keepalive_expiry=KEPT_S,
            ),
            timeout=httpx2.Timeout(None, connect=self._timeouts.connect_s),
            event_hooks={"response": [cut]},
        )
        self._refusals = (sdk.APIStatusError, httpx2.HTTPStatusError)
        self._connection_errors = (
            httpx2.HTTPError,
            httpx2.InvalidURL,
            aiohttp.ClientError,
            sdk.APIConnectionError,
            OSError,
        )
        self._sdk = sdk
        client = self._open_client(sdk, http_client)
        self._posts = Posts(client, http_client, self.path)
        self._client = client
        gc.freeze()  # the SDK's classes are here to stay: a full collection among them takes 0.1 s

    @asynccontextmanager
    async def _answer(self, request: ModelRequest) -> "AsyncIterator[httpx2.Response]":
        """Send a request and yield its answer, whose body is an event stream yet to be read."""
        await self._connected()
        assert self._posts is not None
        self._place.hide(request.model.headers)
        sending = self._posts.send(
            encode_json(self._body(request)), request.model.headers, observe.carried(), self._own_headers()
        )
        response = await self._sent(sending, self._timeouts.header_s)
        try:
            await self._check_type(response)
            yield response
        finally:
            await response.aclose()

    def _own_headers(self) -> dict[str, Any]:
        """Return headers that keep the SDK from adding credentials of its own choice."""
        if self._key or any(name.lower() == "authorization" for name in self._headers):
            return {}
        return {"Authorization": self._sdk.Omit()}

    async def _sent(self, sending: Awaitable[T], seconds: float | None) -> T:
        """Return what an SDK call returns within `seconds`; raises ModelError for all that it raises."""
        try:
            async with asyncio.timeout(seconds):
                return await sending
        except TimeoutError:
            raise self._place.unanswered(seconds or 0) from None
        except self._refusals as error:
            answer: httpx2.Response = error.response  # type: ignore[attr-defined]
            raise self._place.refused(
                answer.status_code, answer.headers, answer.text, str(answer.url)
            ) from None
        except ValueError as error:
            raise self._place.unreachable(error) from None
        except self._connection_errors as error:
            raise self._place.unreachable(error) from None

    async def _check_type(self, response: "httpx2.Response") -> None:
        kind = response.headers.get("content-type", "")
        if not kind or kind.lower().startswith("text/event-stream"):
            return
        body = b""
        try:
            async with asyncio.timeout(self._timeouts.idle_s), aclosing(response.aiter_bytes()) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > 500:
                        break
        except self._connection_errors:
            pass
        raise self._place.no_stream(kind, body.decode("utf-8", "replace")[:500])

    async def _next(self, chunks: AsyncIterator[bytes], silence: SilenceLimit, reader: Reader) -> bytes:
        """Return the next bytes, b"" at the end of the stream or of a whole answer's patience."""
        try:
            with silence:
                return await anext(chunks)
        except StopAsyncIteration:
            return b""
        except TimeoutError:
            if reader.whole:
                return b""
            raise self._place.silent(self._timeouts.idle_s or 0) from None
        except self._connection_errors:
            if reader.whole:
                return b""
            raise self._place.cut() from None

    def _read(self, reader: Reader, payload: bytes) -> None:
        try:
            reader.read(payload)
        except ValueError:
            try:
                reader.read(repaired(payload) or b"")
            except ValueError:
                raise self._place.garbage(payload) from None

    async def _drain(self, chunks: AsyncIterator[bytes]) -> None:
        try:
            async with asyncio.timeout(DRAIN_S):
                await anext(chunks, None)
        except self._connection_errors:
            pass


def _pieces(response: "httpx2.Response") -> AsyncGenerator[bytes, None]:
    """Return a body's bytes as they come: all but a compressed one past the layers that would unpack it."""
    if "content-encoding" in response.headers:
        return response.aiter_bytes()
    body: Any = response.stream
    pieces: AsyncGenerator[bytes, None] = aiter(body)
    return pieces
