"""What the three wires share: one POST through an SDK, a stream of server-sent bytes, StreamEvents out.

The SDKs build each request's head and send it. Their typed bodies and streams cost several times what the
rest does, so the body goes out as bytes and the answer comes in as bytes.
"""

import asyncio
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

from .base import Adapter, Finish, ModelRequest, StreamEvent
from .batch import EventBatch
from .payload import encode_json, repaired
from .provider_errors import ProviderErrors, without_login
from .sdk_client import SDKClient
from .sse import EventTooLarge, SSEDecoder
from .timeouts import SilenceLimit, Timeouts

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

LIST_TIMEOUT_S = 30.0
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

    @abstractmethod
    def read(self, payload: bytes) -> None:
        """Take one event's JSON; raises ModelError where it is an error, ValueError where it is garbage."""

    @abstractmethod
    def finish(self) -> Finish:
        """Close what is still open, through `batch`, and return how the whole answer ended."""


class WireAdapter(Adapter):
    """An adapter over HTTP, through the SDK whose module is `sdk_name`. `path`: what it posts to."""

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
        self._client = SDKClient(self.sdk_name, self._timeouts.connect_s, self._build_client)

    @abstractmethod
    def _build_client(self, sdk: ModuleType, http_client: "httpx2.AsyncClient") -> Any:
        """Return the SDK's client, without retries: the loop retries, where people can see it."""

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
        async with self._usable_client() as client:
            return await self._sent(self._listed(client), LIST_TIMEOUT_S)

    async def _listed(self, client: Any) -> list[str]:
        try:
            return await self._list(client)
        except (TypeError, AttributeError, json.JSONDecodeError):
            message = f"{self._place.host} listed its models in a form that is not known."
            raise self._place.failed(message, retryable=False) from None

    async def close(self) -> None:
        await self._client.close()

    async def retire(self) -> None:
        await self._client.retire()

    @asynccontextmanager
    async def _usable_client(self) -> AsyncIterator[Any]:
        """Yield the SDK's client for one request; raises ModelError if key or address can't be used."""
        self._place.check_url()
        self._check_key()
        async with self._client.use() as client:
            yield client

    def _check_key(self) -> None:
        carried = any(name.lower() in ("authorization", "x-api-key") for name in self._headers)
        if self.needs_key and not self._key and not carried:
            raise self._place.no_key()
        if not (self._key.isascii() and self._key.isprintable()):
            raise self._place.unusable_key()

    @asynccontextmanager
    async def _answer(self, request: ModelRequest) -> "AsyncIterator[httpx2.Response]":
        """Send a request and yield its answer, whose body is an event stream yet to be read."""
        self._place.hide(request.model.headers)
        async with self._usable_client() as client:
            sending = client.post(
                self.path,
                cast_to=self._client.response_type,
                content=encode_json(self._body(request)),
                options={"headers": {**self._own_headers(), **observe.carried(), **request.model.headers}},
                stream=True,
            )
            response: httpx2.Response = await self._sent(sending, self._timeouts.header_s)
            try:
                await self._check_type(response)
                yield response
            finally:
                await response.aclose()

    def _own_headers(self) -> dict[str, Any]:
        """Return headers that keep the SDK from adding credentials of its own choice."""
        if self._key or any(name.lower() == "authorization" for name in self._headers):
            return {}
        return {"Authorization": self._client.sdk.Omit()}

    async def _sent(self, sending: Awaitable[T], seconds: float | None) -> T:
        """Return what an SDK call returns within `seconds`; raises ModelError for all that it raises."""
        try:
            async with asyncio.timeout(seconds):
                return await sending
        except TimeoutError:
            raise self._place.unanswered(seconds or 0) from None
        except self._client.refusals as error:
            answer: httpx2.Response = error.response  # type: ignore[attr-defined]
            raise self._place.refused(
                answer.status_code, answer.headers, answer.text, str(answer.url)
            ) from None
        except ValueError as error:
            raise self._place.unreachable(error) from None
        except self._client.connection_errors as error:
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
        except self._client.connection_errors:
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
        except self._client.connection_errors:
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
        except self._client.connection_errors:
            pass


def _pieces(response: "httpx2.Response") -> AsyncGenerator[bytes, None]:
    """Return a body's bytes as they come: all but a compressed one past the layers that would unpack it."""
    if "content-encoding" in response.headers:
        return response.aiter_bytes()
    body: Any = response.stream
    pieces: AsyncGenerator[bytes, None] = aiter(body)
    return pieces
