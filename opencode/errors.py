"""Every failure that the server can name, as one tree.

AgentServerError
├── SettingsError          a bad setting: the start stops with this one line
├── RequestError           a request that can't be served: `status`, and opencode's error body
│   ├── BadRequest         400
│   ├── Unauthorized       401
│   ├── Forbidden          403
│   ├── NotFound           404
│   ├── Conflict           409
│   ├── BodyTooLarge       413
│   ├── TooManyRequests    429
│   ├── TurnFailed         502
│   └── Unavailable        503
├── ModelError             a request to a model failed; becomes `AssistantMessage.error`
│   ├── ModelAPIError      the provider refused, failed, or could not be reached
│   ├── ModelAuthError     there is no key to ask the provider with
│   ├── ContextOverflow    the conversation does not fit the model's context window
│   ├── ContentFiltered    the provider or the model declined to answer
│   ├── OutputTooLong      the answer met the output limit before it began
│   ├── StructuredOutputFailed  no answer that fits the JSON schema asked for
│   └── TurnAborted        the user, or the end of the server, stopped the turn
└── ToolError              a tool call failed; the text is for the model to read
    └── ToolRefused        the user did not want it
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

from opencode.schema.base import optional
from opencode.schema.error import (
    APIError,
    APIErrorData,
    ContentFilterError,
    ContextOverflowData,
    ContextOverflowError,
    MessageAbortedError,
    MessageData,
    MessageError,
    MessageOutputLengthError,
    ProviderAuthData,
    ProviderAuthError,
    StructuredOutputData,
    StructuredOutputError,
    UnknownData,
    UnknownError,
    failure_text,
)


class AgentServerError(Exception):
    """Base of every failure with a name; `message` tells what to do next."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class SettingsError(AgentServerError):
    """A setting is wrong; the message names it and says what it must be."""


class RequestError(AgentServerError):
    """A request that can't be served; nothing was stored and nothing runs because of it."""

    status: ClassVar[int] = 400
    name: ClassVar[str] = "BadRequest"


class BadRequest(RequestError):
    """400. `kind` says which part of the request is wrong: `Payload`, `Query` or `Path`."""

    def __init__(self, message: str, kind: str = "Payload") -> None:
        super().__init__(message)
        self.kind = kind


class Unauthorized(RequestError):
    status = 401
    name = "Unauthorized"


class Forbidden(RequestError):
    status = 403
    name = "ForbiddenError"


class TooManyRequests(RequestError):
    """429. `retry_after`: seconds after which it is worth another try."""

    status = 429
    name = "TooManyRequestsError"

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotFound(RequestError):
    status = 404
    name = "NotFoundError"


class Conflict(RequestError):
    status = 409
    name = "ConflictError"


class BodyTooLarge(RequestError):
    status = 413
    name = "BodyTooLargeError"


class TurnFailed(RequestError):
    """502. A prompt was stored, but its answer ended with `error`: what is told where only a script waits."""

    status = 502

    def __init__(self, error: MessageError) -> None:
        super().__init__(failure_text(error))
        self.name = type(error).__name__  # type: ignore[misc]


class Unavailable(RequestError):
    status = 503
    name = "UnavailableError"


class ModelError(AgentServerError):
    """A request to a model failed."""

    retryable: bool = False
    retry_after: float | None = None
    """Seconds that the provider asks to wait; None where it does not say."""

    def wire(self) -> MessageError:
        """Return the error as a message carries it."""
        return UnknownError(data=UnknownData(message=self.message))


class ModelAPIError(ModelError):
    """The provider refused, failed, or could not be reached.

    `status`: HTTP status of its answer, None where there was none. `retry_after`: seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool,
        status: int | None = None,
        retry_after: float | None = None,
        headers: dict[str, str] | None = None,
        body: str | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after
        self.status = status
        self.headers = headers
        self.body = body
        self.url = url

    def wire(self) -> APIError:
        return APIError(
            data=APIErrorData(
                message=self.message,
                is_retryable=self.retryable,
                status_code=optional(self.status),
                response_headers=optional(self.headers),
                response_body=optional(self.body),
                metadata=optional({"url": self.url} if self.url else None),
            )
        )


class ModelAuthError(ModelError):
    def __init__(self, message: str, provider_id: str) -> None:
        super().__init__(message)
        self.provider_id = provider_id

    def wire(self) -> MessageError:
        return ProviderAuthError(data=ProviderAuthData(provider_id=self.provider_id, message=self.message))


class ContextOverflow(ModelError):
    def __init__(self, message: str, body: str | None = None) -> None:
        super().__init__(message)
        self.body = body

    def wire(self) -> MessageError:
        return ContextOverflowError(
            data=ContextOverflowData(message=self.message, response_body=optional(self.body))
        )


class ContentFiltered(ModelError):
    def wire(self) -> MessageError:
        return ContentFilterError(data=MessageData(message=self.message))


class OutputTooLong(ModelError):
    def wire(self) -> MessageError:
        return MessageOutputLengthError(data={"message": self.message})


class StructuredOutputFailed(ModelError):
    def __init__(self, message: str, retries: int) -> None:
        super().__init__(message)
        self.retries = retries

    def wire(self) -> MessageError:
        return StructuredOutputError(data=StructuredOutputData(message=self.message, retries=self.retries))


class TurnAborted(ModelError):
    def wire(self) -> MessageError:
        return MessageAbortedError(data=MessageData(message=self.message))


class ToolError(AgentServerError):
    """A tool call failed; the message tells the model what it may do instead."""


class ToolRefused(ToolError):
    """The user did not want a tool call. `ends_turn`: the model is to wait for the user's next words."""

    def __init__(self, message: str, ends_turn: bool = True) -> None:
        super().__init__(message)
        self.ends_turn = ends_turn


LONGEST_NAME = 100
"""Characters of a name that are compared with others: no name is longer, and comparing takes its time."""

FEW_NAMES = 8
"""So many are told where none is near."""


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """Return a sentence with the known names nearest to `name`, or all of them where few are known."""
    names = sorted(known)
    if close := get_close_matches(name[:LONGEST_NAME], names, n=count, cutoff=0.5):
        return f"Did you mean {', '.join(close)}?"
    return f"Known: {', '.join(names)}." if 0 < len(names) <= FEW_NAMES else ""
