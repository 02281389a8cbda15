"""Errors on the wire: of turns (`AssistantMessage.error`, `session.error`) and of refused requests."""

from msgspec import UNSET, UnsetType, field

from .base import Wire


class WireError(Wire, tag_field="name"):
    """Base of the errors of a turn; `name` is the kind."""


class MessageData(Wire):
    """`message`: what went wrong and what to do."""

    message: str


class ProviderAuthData(Wire):
    """`providerID`: the provider that has no key or refused it."""

    provider_id: str
    message: str


class UnknownData(Wire):
    """`ref`: an id of the failure in the log."""

    message: str
    ref: str | UnsetType = UNSET


class StructuredOutputData(Wire):
    """`retries`: the number of failed attempts."""

    message: str
    retries: int


class ContextOverflowData(Wire):
    """`responseBody`: the provider's answer."""

    message: str
    response_body: str | UnsetType = UNSET


class APIErrorData(Wire):
    """`statusCode`: HTTP status of the provider's answer, omitted if there was no answer."""

    message: str
    is_retryable: bool
    status_code: int | UnsetType = UNSET
    response_headers: dict[str, str] | UnsetType = UNSET
    response_body: str | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class ProviderAuthError(WireError, tag="ProviderAuthError"):
    """The provider has no key, or refused it."""

    data: ProviderAuthData


class UnknownError(WireError, tag="UnknownError"):
    """Any other failure."""

    data: UnknownData


class MessageOutputLengthError(WireError, tag="MessageOutputLengthError"):
    """The answer reached the output limit before its first text."""

    data: dict[str, str] = field(default_factory=dict)


class MessageAbortedError(WireError, tag="MessageAbortedError"):
    """The turn was stopped; the text so far is kept."""

    data: MessageData


class StructuredOutputError(WireError, tag="StructuredOutputError"):
    """The answer does not match the requested JSON schema."""

    data: StructuredOutputData


class ContextOverflowError(WireError, tag="ContextOverflowError"):
    """The conversation exceeds the model's context window."""

    data: ContextOverflowData


class ContentFilterError(WireError, tag="ContentFilterError"):
    """The model or its provider declined to answer."""

    data: MessageData


class APIError(WireError, tag="APIError"):
    """The provider answered with an error, or not at all."""

    data: APIErrorData


MessageError = (
    ProviderAuthError
    | UnknownError
    | MessageOutputLengthError
    | MessageAbortedError
    | StructuredOutputError
    | ContextOverflowError
    | ContentFilterError
    | APIError
)


def failure_text(error: MessageError) -> str:
    """Return the error's message, a sentence."""
    return getattr(error.data, "message", "The answer reached the output limit before its first text.")


class BadRequestData(Wire):
    """`kind`: the wrong part of the request: `Payload`, `Query` or `Path`."""

    message: str
    kind: str | UnsetType = UNSET


class NotFoundBody(Wire, tag_field="name", tag="NotFoundError"):
    """404: the object does not exist; `data.message` names it."""

    data: MessageData


class BadRequestBody(Wire, tag_field="name", tag="BadRequest"):
    """400: the request is invalid; `data.message` says what to change."""

    data: BadRequestData


class FailureBody(Wire):
    """Any other refused request: `name` is the kind, `data.message` says what to do."""

    name: str
    data: MessageData
