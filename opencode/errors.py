"""All exceptions of the server, as one tree.

AgentServerError
├── SettingsError          a wrong setting: the start stops with this one line
├── RequestError           a refused HTTP request: `status` and opencode's error body
│   ├── BadRequest         400
│   ├── Unauthorized       401
│   ├── Forbidden          403
│   ├── NotFound           404
│   ├── Conflict           409
│   ├── BodyTooLarge       413
│   ├── TooManyRequests    429
│   ├── TurnFailed         502
│   └── Unavailable        503
│       └── Elsewhere      the session belongs to another server, which the request is handed on to
├── ModelError             a request to a model failed; becomes `AssistantMessage.error`
│   ├── ModelAPIError      the provider refused, failed, or could not be reached
│   ├── ModelAuthError     the provider has no key, or refused it
│   ├── ContextOverflow    the conversation does not fit the model's context window
│   ├── ContentFiltered    the provider or the model declined to answer
│   ├── OutputTooLong      the answer reached the output limit before its first text
│   ├── StructuredOutputFailed  the answer does not match the requested JSON schema
│   └── TurnAborted        the user or a shutdown stopped the turn
├── ToolError              a tool call failed; the text is for the model to read
│   └── ToolRefused        the user refused the call
└── WorkspaceError         a path or file that the workspace refuses
    ├── OutsideWorkspaceError  the path leads out of the directory, or is no path
    ├── ProtectedPathError     secrets of the server, or what runs programs or sets rights where it is written
    ├── NotAFileError          a device, a pipe or a socket; a link where one can't be meant
    ├── FileTooLargeError      more than may be read or written at once
    └── FileChangedError       somebody else has changed the file meanwhile
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
    """Base of the tree; `message` says what to do next."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class SettingsError(AgentServerError):
    """A setting is wrong; the message names it and says what it must be."""


class RequestError(AgentServerError):
    """A refused request: nothing was stored and nothing was started. `status`: the HTTP status."""

    status: ClassVar[int] = 400
    name: ClassVar[str] = "BadRequest"


class BadRequest(RequestError):
    """400. `kind` says which part of the request is wrong: `Payload`, `Query` or `Path`."""

    def __init__(self, message: str, kind: str = "Payload") -> None:
        super().__init__(message)
        self.kind = kind


class Unauthorized(RequestError):
    """401. The password is missing or wrong."""

    status = 401
    name = "Unauthorized"


class Forbidden(RequestError):
    """403. This client may not do this."""

    status = 403
    name = "ForbiddenError"


class TooManyRequests(RequestError):
    """429. `retry_after`: seconds to wait before the next try."""

    status = 429
    name = "TooManyRequestsError"

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotFound(RequestError):
    """404. The session, message or other object does not exist."""

    status = 404
    name = "NotFoundError"


class Conflict(RequestError):
    """409. The request contradicts the current state, such as a running turn."""

    status = 409
    name = "ConflictError"


class BodyTooLarge(RequestError):
    """413. A body, message or file exceeds its limit."""

    status = 413
    name = "BodyTooLargeError"


class TurnFailed(RequestError):
    """502. The prompt was stored, but its answer ended with `error`. Returned to non-interactive clients."""

    status = 502

    def __init__(self, error: MessageError) -> None:
        super().__init__(failure_text(error))
        self.name = type(error).__name__  # type: ignore[misc]


class Unavailable(RequestError):
    """503. The database can't be written, or the server is shutting down."""

    status = 503
    name = "UnavailableError"


class Elsewhere(Unavailable):
    """The session belongs to another server of the cluster, which the request is handed on to."""

    def __init__(self, server_id: str) -> None:
        super().__init__("The session is in use at another server; try again.")
        self.server_id = server_id


class ModelError(AgentServerError):
    """A request to a model failed."""

    retryable: bool = False
    retry_after: float | None = None
    """Seconds that the provider asks to wait; None if it does not say."""

    def wire(self) -> MessageError:
        """Return the error as `AssistantMessage.error` has it."""
        return UnknownError(data=UnknownData(message=self.message))


class ModelAPIError(ModelError):
    """The provider refused, failed, or could not be reached.

    `status`: HTTP status of its answer, None if there was no answer. `retry_after`: seconds.
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
    """The provider has no key, or refused it."""

    def __init__(self, message: str, provider_id: str) -> None:
        super().__init__(message)
        self.provider_id = provider_id

    def wire(self) -> MessageError:
        return ProviderAuthError(data=ProviderAuthData(provider_id=self.provider_id, message=self.message))


class ContextOverflow(ModelError):
    """The conversation exceeds the model's context window. `body`: the provider's answer."""

    def __init__(self, message: str, body: str | None = None) -> None:
        super().__init__(message)
        self.body = body

    def wire(self) -> MessageError:
        return ContextOverflowError(
            data=ContextOverflowData(message=self.message, response_body=optional(self.body))
        )


class ContentFiltered(ModelError):
    """The provider or the model declined to answer."""

    def wire(self) -> MessageError:
        return ContentFilterError(data=MessageData(message=self.message))


class OutputTooLong(ModelError):
    """The answer reached the output limit before its first text."""

    def wire(self) -> MessageError:
        return MessageOutputLengthError(data={"message": self.message})


class StructuredOutputFailed(ModelError):
    """The answer does not match the requested JSON schema. `retries`: failed attempts."""

    def __init__(self, message: str, retries: int) -> None:
        super().__init__(message)
        self.retries = retries

    def wire(self) -> MessageError:
        return StructuredOutputError(data=StructuredOutputData(message=self.message, retries=self.retries))


class TurnAborted(ModelError):
    """The user or a shutdown stopped the turn."""

    def wire(self) -> MessageError:
        return MessageAbortedError(data=MessageData(message=self.message))


class ToolError(AgentServerError):
    """A tool call failed; the message tells the model what it may do instead."""


class ToolRefused(ToolError):
    """The user refused a tool call. `ends_turn`: the turn ends and the model waits for the next prompt."""

    def __init__(self, message: str, ends_turn: bool = True) -> None:
        super().__init__(message)
        self.ends_turn = ends_turn


class WorkspaceError(AgentServerError):
    """The workspace refuses a path or a file; the message suits models and clients.

    What is missing or of the wrong kind is Python's own FileNotFoundError, IsADirectoryError and so on.
    """


class OutsideWorkspaceError(WorkspaceError):
    """A path leads out of the workspace, or is no path at all."""


class ProtectedPathError(WorkspaceError):
    """Nobody may read this, or write it: secrets of the server, a repository's data, the set-up."""


class NotAFileError(WorkspaceError):
    """Neither a regular file nor a directory."""


class FileTooLargeError(WorkspaceError):
    """A file has more bytes than may be read or written at once."""


class FileChangedError(WorkspaceError):
    """A file is not what the caller has read any more."""


LONGEST_NAME = 100
"""Longest prefix used for fuzzy matching; bounds its cost."""

FEW_NAMES = 8
"""List all known names if there are at most this many and none is close."""


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """Return a sentence with the known names closest to `name`, all of them if few are known, or ""."""
    names = sorted(known)
    if close := get_close_matches(name[:LONGEST_NAME], names, n=count, cutoff=0.5):
        return f"Did you mean {', '.join(close)}?"
    return f"Known: {', '.join(names)}." if 0 < len(names) <= FEW_NAMES else ""
