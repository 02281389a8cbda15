"""Errors of providers, as ModelErrors whose messages say what to do."""

import email.utils
import re
import ssl
import time
from base64 import b64encode
from collections.abc import Mapping
from socket import gaierror
from typing import Any
from urllib.parse import unquote

import msgspec

from opencode.config.http_url import is_http_url
from opencode.errors import ContextOverflow, ModelAPIError, ModelAuthError, ModelError

from .error_detail import ErrorDetail, detail_of, is_error, is_transient
from .payload import encode_json

MAX_BODY = 4096
MAX_PARTS = 1_000
"""Texts, reasonings and calls of one answer; a model's has a few dozen."""
MAX_RETRY_AFTER_S = 86_400.0

_PRIVATE_HEADER = re.compile(
    r"cookie|auth|key|secret|password|credential|organization|token(?!s)", re.IGNORECASE
)
# Messages of providers and local servers for a conversation that is too long, each from a real answer.
_OVERFLOW = re.compile(
    r"prompt is too long|input is too long|exceed[s]? (the |your )?(available )?context|context window"
    r"|maximum context length|maximum prompt length|context[ _]length[ _]exceeded|exceed_context_size"
    r"|greater than the context length|context size has been exceeded|reduce the length of the messages"
    r"|input token count.*exceeds the maximum|exceeded model token limit|request_too_large"
    r"|input length and `?max_tokens`? exceed",
    re.IGNORECASE,
)

_CAUSES: tuple[tuple[type[BaseException], str, bool], ...] = (
    (ssl.SSLCertVerificationError, "its TLS certificate is not valid", False),
    (ssl.SSLError, "the TLS handshake failed", True),
    (gaierror, "its host name can't be resolved", True),
    (ConnectionRefusedError, "it refused the connection", True),
    (ValueError, "a request header contains an invalid character", False),
    (ConnectionResetError, "it closed the connection without an answer", True),
)
# By name, because their packages are not imported until they are needed.
_NAMED_CAUSES = (
    ("UnsupportedProtocol", "its address is invalid", False),
    ("InvalidURL", "its address is invalid", False),
    ("Timeout", "connecting timed out", True),
    ("ServerDisconnected", "it closed the connection without an answer", True),
    ("ClientOSError", "it closed the connection without an answer", True),
    ("ClientResponseError", "its answer is not HTTP", False),
)


class ProviderErrors:
    """Builds the errors of one provider, with its name in them and without its secrets."""

    def __init__(self, provider_id: str, base_url: str, key: str, headers: Mapping[str, str]) -> None:
        self.provider_id = provider_id
        self._base_url, login = without_login(base_url)
        self.host = self._base_url.partition("://")[2].partition("/")[0] or self._base_url
        basic = b64encode(login.encode()).decode()
        self._secrets = {secret for secret in (key, *login.split(":", 1), basic) if len(secret) >= 4}
        self.hide(headers)

    def hide(self, headers: Mapping[str, str]) -> None:
        """Redact the values of configured headers from now on: any of them may be a secret."""
        for name, value in headers.items():
            if _PRIVATE_HEADER.search(name):
                self._secrets.update(word for word in value.split() if len(word) >= 4)
            elif len(value) >= 8:
                self._secrets.add(value)

    def check_url(self) -> None:
        """Raise ModelAPIError unless the base URL is an http or https address."""
        if not is_http_url(self._base_url):
            shown = self._base_url or "(none)"
            raise self.failed(
                f"The base URL of provider {self.provider_id} is invalid: {shown}. It must look like "
                "https://host/v1 or http://host:port/v1.",
                retryable=False,
            )

    def redact(self, text: str) -> str:
        """Return `text` without the secrets."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def no_key(self) -> ModelAuthError:
        """Return the error for a missing key."""
        return ModelAuthError(
            f"Provider {self.provider_id} has no API key. Set one with PUT /auth/{self.provider_id}, "
            "or set its environment variable and restart the server.",
            self.provider_id,
        )

    def unusable_key(self) -> ModelAuthError:
        """Return the error for a key that can't be sent in a header."""
        return ModelAuthError(
            f"The API key of provider {self.provider_id} contains invalid characters. Copy it again, "
            f"without spaces or quotes, and set it with PUT /auth/{self.provider_id}.",
            self.provider_id,
        )

    def failed(self, message: str, *, retryable: bool, body: str | None = None) -> ModelAPIError:
        """Return an error with this message, redacted. `body`: the start of the answer."""
        body = self.redact(body)[:MAX_BODY] if body else None
        return ModelAPIError(self.redact(message), retryable=retryable, body=body)

    def cut(self) -> ModelAPIError:
        """Return the error for a stream that ended before its end marker."""
        return self.failed(f"The answer of {self.host} ended before it was complete.", retryable=True)

    def empty(self) -> ModelAPIError:
        """Return the error for an answer with nothing in it."""
        return self.failed(f"{self.host} sent an empty answer.", retryable=True)

    def silent(self, seconds: float) -> ModelAPIError:
        """Return the error for a stream without a byte for `seconds`."""
        return self.failed(f"{self.host} sent nothing for {seconds:g} seconds.", retryable=True)

    def endless(self, count: int) -> ModelAPIError:
        """Return the error for a stream that exceeds `count` bytes."""
        return self.failed(f"{self.host} sent an answer of more than {count:,} bytes.", retryable=False)

    def check_parts(self, count: int) -> None:
        """Raise ModelAPIError if an answer has more than `MAX_PARTS` blocks or items."""
        if count >= MAX_PARTS:
            raise self.failed(
                f"{self.host} sent an answer of more than {MAX_PARTS:,} parts.", retryable=False
            )

    def garbage(self, payload: bytes) -> ModelAPIError:
        """Return the error for an event that is not valid."""
        start = payload[:200].decode("utf-8", "replace")
        return self.failed(f"{self.host} sent an invalid event: {start}", retryable=True)

    def no_stream(self, kind: str, body: str) -> ModelAPIError:
        """Return the error for a success that is not an event stream. `body`: its start."""
        said = _detail(body).message or body.strip()
        return self.failed(
            f"{self.host} answered with {kind} instead of an event stream: {said}. Check the base URL of "
            f"provider {self.provider_id}.",
            retryable=False,
            body=body,
        )

    def unanswered(self, seconds: float) -> ModelAPIError:
        """Return the error for a request without an answer after `seconds`."""
        return self.failed(f"{self.host} did not answer within {seconds:g} seconds.", retryable=True)

    def unreachable(self, error: BaseException) -> ModelAPIError:
        """Return the error for a failed connection; the root cause of `error` is the reason."""
        reason, retryable = _reason(error)
        return self.failed(
            f"Can't reach {self.host}: {reason}. Check the base URL and the headers of provider "
            f"{self.provider_id}, and that the server is running.",
            retryable=retryable,
        )

    def refused(self, status: int, headers: Mapping[str, str], body: str, url: str) -> ModelError:
        """Return the error for an HTTP error status."""
        detail = _detail(body)
        message = self.redact(detail.message or f"{self.host} answered HTTP {status}.")
        shown = self.redact(body)[:MAX_BODY]
        if _is_overflow(status, detail):
            return ContextOverflow(message, body=shown)
        message = self._with_advice(message, status)
        retryable = is_transient(status) and not detail.spent
        retryable = {"true": True, "false": False}.get(headers.get("x-should-retry", ""), retryable)
        return ModelAPIError(
            message,
            retryable=retryable,
            status=status,
            retry_after=retry_after(headers),
            headers={
                name: self.redact(value)
                for name, value in headers.items()
                if not _PRIVATE_HEADER.search(name)
            },
            body=shown,
            url=without_login(url.partition("?")[0])[0],
        )

    def reported(self, error: Any) -> ModelError:
        """Return the error for an error event in a stream.

        `error`: its JSON in any form, such as `{"message", "type", "code"}` or a plain sentence.
        """
        detail = detail_of(error)
        message = self.redact(detail.message or f"{self.host} reported an error without a message.")
        body = self.redact(encode_json(error).decode())[:MAX_BODY]
        if _is_overflow(detail.status, detail):
            return ContextOverflow(message, body=body)
        return ModelAPIError(
            self._with_advice(message, detail.status),
            retryable=detail.transient,
            status=detail.status or None,
            body=body,
        )

    def found_in(self, value: Any) -> ModelError | None:
        """Return the error that a JSON value in a successful answer is, in any shape; None if it is none."""
        return self.reported(value) if is_error(value) else None

    def _with_advice(self, message: str, status: int) -> str:
        if status not in (401, 403):
            return message
        return (
            f"{message.rstrip('.')}. Check the API key of provider {self.provider_id} "
            f"(PUT /auth/{self.provider_id}, or its environment variable)."
        )


def _detail(body: str) -> ErrorDetail:
    """Return what the body of an error says, JSON or not; a page says nothing."""
    try:
        return detail_of(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ErrorDetail(message=body.strip()[:300] if not body.lstrip().startswith("<") else "")


def _is_overflow(status: int, detail: ErrorDetail) -> bool:
    if status == 429:
        return False
    return status == 413 or any(_OVERFLOW.search(text) for text in (*detail.names, detail.message))


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds that an answer asks to wait, at most a day; None if it does not ask.

    Forms: `retry-after-ms`, and `retry-after` in seconds or as an HTTP date.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return min(seconds, MAX_RETRY_AFTER_S)
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
        seconds = date.timestamp() - (time.time() if now is None else now)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _reason(error: BaseException) -> tuple[str, bool]:
    """Return why a connection failed, by its root cause, and whether to retry."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.insert(0, cause)
        cause = cause.__cause__ or cause.__context__
    for cause in chain:
        for kind, reason, retryable in _CAUSES:
            if isinstance(cause, kind):
                return reason, retryable
        for part, reason, retryable in _NAMED_CAUSES:
            if part in type(cause).__name__:
                return reason, retryable
    return "the connection failed", True


def without_login(url: str) -> tuple[str, str]:
    """Return a URL, valid or not, without its credentials, and these as `user:password` or ""."""
    scheme, mark, rest = url.partition("://")
    netloc, slash, path = rest.partition("/")
    login, _, host = netloc.rpartition("@")
    return f"{scheme}{mark}{host}{slash}{path}", unquote(login)
