"""What the three wires share: one POST through an SDK, an event stream back, StreamEvents out.

The SDKs build each request's head and send it. Their typed bodies and streams cost several times what the
rest does, so the body goes out as bytes and the answer comes in as bytes.
"""

import asyncio
import json
import logging
from abc import abstractmethod
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import aclosing, asynccontextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from opencode import observe
from opencode.errors import ModelAPIError, ModelError
from opencode.schema.base import JsonObject

from ..base import Adapter, ModelRequest, StreamEvent
from ..refused_parameters import (
    MAX_CORRECTIONS,
    Correction,
    RefusedParameters,
    corrected,
    correction_for,
)
from .body import AnswerBody, NotAnAnswer
from .errors import ProviderErrors, without_login
from .odd_events import END, values_in
from .payload import encode_json
from .reader import Reader
from .sdk_client import SDKClient
from .sse import EventTooLarge
from .timeouts import SilenceLimit, Timeouts

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

log = logging.getLogger(__name__)

LIST_TIMEOUT_S = 30.0
MAX_ANSWER_BYTES = 128 * 1024 * 1024
"""More than the longest answer of any model takes on any wire; a longer stream is stopped."""
GRACE_S = 5.0
"""How long to wait after a complete answer for what may follow it: usage and the end marker."""
DRAIN_S = 0.05
"""How long to wait for the end of a finished stream, so that its connection can be reused."""


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
        self._errors = ProviderErrors(provider_id, base_url or self.default_url, self._key, self._headers)
        self._base_url, login = without_login(base_url or self.default_url)
        if login and not self._key:
            self._headers.setdefault("Authorization", f"Basic {b64encode(login.encode()).decode()}")
        self._refused = RefusedParameters()
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
        async with self._answer(request) as response, aclosing(_chunks(response)) as chunks:
            kind = response.headers.get("content-type", "")
            body = AnswerBody(is_stream=not kind or kind.lower().startswith("text/event-stream"))
            silence = SilenceLimit(self._timeouts.idle_s)
            received = 0
            try:
                while not (reader.done and reader.whole):
                    chunk = await self._next(chunks, silence, reader)
                    received += len(chunk)
                    if received > MAX_ANSWER_BYTES:
                        raise self._errors.endless(MAX_ANSWER_BYTES)
                    failure = self._read_chunk(reader, body, chunk, kind)
                    for event in reader.batch.take():
                        yield event
                    if failure is not None:
                        raise failure
                    if not chunk:
                        break
                    if reader.whole or reader.done:
                        silence.shorten(GRACE_S)
                if not reader.whole and not (reader.done and reader.complete):
                    raise self._errors.cut()
                finish = reader.finish()
                for event in reader.batch.take():
                    yield event
                await self._drain(chunks)
            except EventTooLarge as error:
                raise self._errors.failed(f"{self._errors.host} sent {error}.", retryable=False) from None
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
            message = f"{self._errors.host} listed its models in an unknown format."
            raise self._errors.failed(message, retryable=False) from None

    async def close(self) -> None:
        await self._client.close()

    async def retire(self) -> None:
        await self._client.retire()

    @asynccontextmanager
    async def _usable_client(self) -> AsyncIterator[Any]:
        """Yield the SDK's client for one request; raises ModelError if key or address can't be used."""
        self._errors.check_url()
        self._check_key()
        async with self._client.use() as client:
            yield client

    def _check_key(self) -> None:
        carried = any(name.lower() in ("authorization", "x-api-key") for name in self._headers)
        if self.needs_key and not self._key and not carried:
            raise self._errors.no_key()
        if not (self._key.isascii() and self._key.isprintable()):
            raise self._errors.unusable_key()

    @asynccontextmanager
    async def _answer(self, request: ModelRequest) -> "AsyncIterator[httpx2.Response]":
        """Send a request and yield the response, whose body is not read yet."""
        self._errors.hide(request.model.headers)
        async with self._usable_client() as client:
            response = await self._post(client, request)
            try:
                yield response
            finally:
                await response.aclose()

    async def _post(self, client: Any, request: ModelRequest) -> "httpx2.Response":
        """Send a request; again without a parameter that the provider refuses and that can be left out.

        Raises ModelError.
        """
        body = self._refused.corrected(self._body(request))
        corrections: list[Correction] = []
        while True:
            sending = client.post(
                self.path,
                cast_to=self._client.response_type,
                content=encode_json(body),
                options={"headers": {**self._own_headers(), **observe.carried(), **request.model.headers}},
                stream=True,
            )
            try:
                response: httpx2.Response = await self._sent(sending, self._timeouts.header_s)
            except ModelAPIError as error:
                correction = correction_for(error, body, self.path, corrections)
                if correction is None or len(corrections) == MAX_CORRECTIONS:
                    raise
                provider, model = self._errors.provider_id, request.model.id
                log.info(
                    "provider %s refused the parameter %s of %s: sent without it", provider, correction, model
                )
                corrections.append(correction)
                body = corrected(body, correction)
                continue
            self._refused.note(corrections, body)
            return response

    def _own_headers(self) -> dict[str, Any]:
        """Return headers that keep the SDK from adding credentials by itself."""
        if self._key or any(name.lower() == "authorization" for name in self._headers):
            return {}
        return {"Authorization": self._client.sdk.Omit()}

    async def _sent(self, sending: Awaitable[T], seconds: float | None) -> T:
        """Return the result of an SDK call; raises ModelError for its errors and after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                return await sending
        except TimeoutError:
            raise self._errors.unanswered(seconds or 0) from None
        except self._client.refusals as error:
            answer: httpx2.Response = error.response  # type: ignore[attr-defined]
            raise self._errors.refused(
                answer.status_code, answer.headers, answer.text, str(answer.url)
            ) from None
        except ValueError as error:
            raise self._errors.unreachable(error) from None
        except self._client.connection_errors as error:
            raise self._errors.unreachable(error) from None

    async def _next(self, chunks: AsyncIterator[bytes], silence: SilenceLimit, reader: Reader) -> bytes:
        """Return the next bytes; b"" at the end of the stream, or if nothing follows a complete answer."""
        try:
            with silence:
                return await anext(chunks)
        except StopAsyncIteration:
            return b""
        except TimeoutError:
            if reader.whole or reader.done:
                return b""
            raise self._errors.silent(self._timeouts.idle_s or 0) from None
        except self._client.connection_errors:
            if reader.whole or reader.done:
                return b""
            raise self._errors.cut() from None

    def _read_chunk(self, reader: Reader, body: AnswerBody, chunk: bytes, kind: str) -> ModelError | None:
        """Read the bytes of one network read, b"" at the end; returns the error among them."""
        try:
            for payload in body.feed(chunk) if chunk else body.close():
                if body.whole:
                    self._read_whole(reader, payload, kind)
                else:
                    self._read(reader, payload)
        except NotAnAnswer as error:
            return self._errors.no_stream(kind, error.body.decode("utf-8", "replace"))
        except ModelError as error:
            return error
        return None

    def _read(self, reader: Reader, payload: bytes) -> None:
        try:
            reader.read(payload)
        except (ValueError, RecursionError):
            try:
                for value in values_in(payload):
                    self._read_value(reader, value)
            except ValueError:
                raise self._errors.garbage(payload) from None

    def _read_value(self, reader: Reader, value: Any) -> None:
        """Read a value of an event that is not one object; what is neither answer nor error is nothing."""
        if value is END:
            reader.end_marker()
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                try:
                    reader.read(encode_json(item))
                except ValueError:
                    if error := self._errors.found_in(item):
                        raise error from None

    def _read_whole(self, reader: Reader, payload: bytes, kind: str) -> None:
        """Read a body in JSON: an answer, an error, or the events of a stream, in lines or in a list."""
        try:
            values = list(values_in(payload))
            if len(values) == 1 and isinstance(values[0], dict):
                if error := self._errors.found_in(values[0]):
                    raise error
                reader.read_answer(encode_json(values[0]))
            else:
                for value in values:
                    self._read_value(reader, value)
        except ValueError:
            start = payload[:500].decode("utf-8", "replace")
            raise self._errors.no_stream(kind or "JSON", start) from None

    async def _drain(self, chunks: AsyncIterator[bytes]) -> None:
        try:
            async with asyncio.timeout(DRAIN_S):
                await anext(chunks, None)
        except self._client.connection_errors:
            pass


def _chunks(response: "httpx2.Response") -> AsyncGenerator[bytes, None]:
    """Return a body's chunks as they arrive; those of an uncompressed one skip the decoding layers."""
    if "content-encoding" in response.headers:
        return response.aiter_bytes()
    body: Any = response.stream
    chunks: AsyncGenerator[bytes, None] = aiter(body)
    return chunks
