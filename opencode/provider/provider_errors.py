"""Everything that can go wrong on the way to a model, as a ModelError that a person can act on."""

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

MAX_BODY = 4096
MAX_RETRY_AFTER_S = 86_400.0

_RETRYABLE = frozenset({408, 409, 425, 429})
_SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_error"})
_TRANSIENT = frozenset(
    {
        "overloaded_error",
        "api_error",
        "rate_limit_error",
        "timeout_error",
        "server_error",
        "rate_limit_exceeded",
    }
    | {"overloaded", "internal_error", "internal_server_error", "service_unavailable", "timeout"}
)
_PRIVATE_HEADER = re.compile(
    r"cookie|auth|key|secret|password|credential|organization|token(?!s)", re.IGNORECASE
)
# How providers and local servers say that a conversation is too long, each seen in that server's own answers.
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
    (ssl.SSLError, "it does not speak TLS as expected", True),
    (gaierror, "its name can't be resolved", True),
    (ConnectionRefusedError, "it refuses the connection", True),
    (ValueError, "a header to send holds a character that no header may hold", False),
    (ConnectionResetError, "it closed the connection without an answer", True),
)
# By name, because their packages are not imported until they are needed.
_NAMED_CAUSES = (
    ("UnsupportedProtocol", "its address can't be used", False),
    ("InvalidURL", "its address can't be used", False),
    ("Timeout", "it did not take the connection in time", True),
    ("ServerDisconnected", "it closed the connection without an answer", True),
    ("ClientOSError", "it closed the connection without an answer", True),
    ("ClientResponseError", "its answer is not HTTP", False),
)


class ProviderErrors:
    """One provider as its failures name it, and the secrets that no failure may show."""

    def __init__(self, provider_id: str, base_url: str, key: str, headers: Mapping[str, str]) -> None:
        self.provider_id = provider_id
        self._base_url, login = without_login(base_url)
        self.host = self._base_url.partition("://")[2].partition("/")[0] or self._base_url
        basic = b64encode(login.encode()).decode()
        self._secrets = {secret for secret in (key, *login.split(":", 1), basic) if len(secret) >= 4}
        self.hide(headers)

    def hide(self, headers: Mapping[str, str]) -> None:
        """Show nothing of headers that someone configured: each may carry a secret, whatever its name."""
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
                f"The base URL of provider {self.provider_id} can't be used: {shown}. It must look like "
                "https://host/v1 or http://host:port/v1.",
                retryable=False,
            )

    def redact(self, text: str) -> str:
        """Return `text` without the secrets."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def no_key(self) -> ModelAuthError:
        """Return the error of a provider that wants a key and has none."""
        return ModelAuthError(
            f"Provider {self.provider_id} has no API key. Give it one with PUT /auth/{self.provider_id}, "
            "or set its environment variable and start the server again.",
            self.provider_id,
        )

    def unusable_key(self) -> ModelAuthError:
        """Return the error of a key that can't be part of a request."""
        return ModelAuthError(
            f"The API key of provider {self.provider_id} holds characters that no key has; copy it again, "
            f"without spaces or quotes, and set it with PUT /auth/{self.provider_id}.",
            self.provider_id,
        )

    def failed(self, message: str, *, retryable: bool, body: str | None = None) -> ModelAPIError:
        """Return the error of a provider that can't be used as it is."""
        body = self.redact(body)[:MAX_BODY] if body else None
        return ModelAPIError(self.redact(message), retryable=retryable, body=body)

    def cut(self) -> ModelAPIError:
        """Return the error of a stream that ended before its end marker."""
        return self.failed(f"The answer of {self.host} was cut off before it was whole.", retryable=True)

    def silent(self, seconds: float) -> ModelAPIError:
        """Return the error of a stream without a byte for `seconds`."""
        return self.failed(f"{self.host} went silent: nothing came for {seconds:g} seconds.", retryable=True)

    def endless(self, count: int) -> ModelAPIError:
        """Return the error of a stream that brought `count` bytes and no end."""
        return self.failed(f"{self.host} sent more than {count:,} bytes without an end.", retryable=False)

    def garbage(self, payload: bytes) -> ModelAPIError:
        """Return the error of an event that can't be understood."""
        start = payload[:200].decode("utf-8", "replace")
        return self.failed(f"{self.host} sent an event that can't be read: {start}", retryable=True)

    def no_stream(self, kind: str, body: str) -> ModelAPIError:
        """Return the error of a success that is no event stream; `body`: how it begins."""
        said = _detail(body).message or body.strip()
        return self.failed(
            f"{self.host} answered with {kind} in place of an event stream: {said}. Check the base URL of "
            f"provider {self.provider_id}.",
            retryable=False,
            body=body,
        )

    def unanswered(self, seconds: float) -> ModelAPIError:
        """Return the error of a request that had no answer after `seconds`."""
        return self.failed(f"{self.host} did not answer within {seconds:g} seconds.", retryable=True)

    def unreachable(self, error: BaseException) -> ModelAPIError:
        """Return the error of a request that never got an answer, told from what lies at its root."""
        reason, retryable = _reason(error)
        return self.failed(
            f"Can't reach {self.host}: {reason}. Check the base URL and the headers of provider "
            f"{self.provider_id}, and that the server runs.",
            retryable=retryable,
        )

    def refused(self, status: int, headers: Mapping[str, str], body: str, url: str) -> ModelError:
        """Return the error of an answer that is not a success: `status` with its head and body."""
        detail = _detail(body)
        message = self.redact(detail.message or f"{self.host} answered HTTP {status}.")
        shown = self.redact(body)[:MAX_BODY]
        if _is_overflow(status, detail.code, message):
            return ContextOverflow(message, body=shown)
        if status in (401, 403):
            message = (
                f"{message.rstrip('.')}. Check the API key of provider {self.provider_id} "
                f"(PUT /auth/{self.provider_id}, or its environment variable)."
            )
        retryable = (status in _RETRYABLE or status >= 500) and detail.code not in _SPENT
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
        """Return the error that a provider sent inside a stream that began well.

        `error`: its JSON, `{"message", "type", "code"}` or a plain sentence.
        """
        detail = _Detail.of(error)
        message = self.redact(detail.message or f"{self.host} reported an error without saying which.")
        if _is_overflow(None, detail.code, message):
            return ContextOverflow(message)
        status = int(detail.code) if detail.code.isdigit() else 0
        retryable = detail.code in _TRANSIENT or detail.type in _TRANSIENT
        retryable = retryable or status in _RETRYABLE or status >= 500
        body = self.redact(msgspec.json.encode(error).decode())[:MAX_BODY]
        return ModelAPIError(message, retryable=retryable, body=body)


class _Detail(msgspec.Struct):
    """What an error body says, whichever of the known forms it has."""

    message: str = ""
    code: str = ""
    type: str = ""

    @classmethod
    def of(cls, error: Any) -> "_Detail":
        if isinstance(error, str):
            return cls(message=error)
        if not isinstance(error, dict):
            return cls()
        message = str(error.get("message") or error.get("detail") or "")
        metadata = error.get("metadata")
        if isinstance(metadata, dict) and metadata.get("raw"):  # what the provider behind OpenRouter said
            message = f"{message}: {str(metadata['raw'])[:500]}"
        type_ = str(error.get("type") or "")
        return cls(
            message=message,
            code=str(error.get("code") or type_),
            type=type_,
        )


def _detail(body: str) -> _Detail:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        return _Detail(message=body.strip()[:300] if not body.lstrip().startswith("<") else "")
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict):
        return _Detail.of(value.get("error") or value)
    return _Detail()


def _is_overflow(status: int | None, code: str, message: str) -> bool:
    if status == 429:
        return False
    return status == 413 or bool(_OVERFLOW.search(code) or _OVERFLOW.search(message))


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds that an answer asks to wait, at most a day; None where it does not say.

    Known forms: `retry-after-ms`, and `retry-after` as seconds or as an HTTP date.
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
    """Return why a connection failed, told from the root of it, and whether it may work in a moment."""
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
    """Return a URL, valid or not, without the user and password in it, and these as `user:password` or ""."""
    scheme, mark, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    login, _, host = place.rpartition("@")
    return f"{scheme}{mark}{host}{slash}{path}", unquote(login)
