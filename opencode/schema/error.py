"""Why a turn failed, as clients read it in `AssistantMessage.error` and in `session.error`."""

from msgspec import UNSET, UnsetType, field

from .base import Wire


class WireError(Wire, tag_field="name"):
    """Base of the errors a message can carry; `name` tells which."""


class MessageData(Wire):
    """What went wrong, and what to do."""

    message: str


class ProviderAuthData(Wire):
    """The provider that refused the key."""

    provider_id: str
    message: str


class UnknownData(Wire):
    """What went wrong; `ref` finds it in the log."""

    message: str
    ref: str | UnsetType = UNSET


class StructuredOutputData(Wire):
    """`retries`: how often the model tried in vain."""

    message: str
    retries: int


class ContextOverflowData(Wire):
    """`responseBody`: what the provider said."""

    message: str
    response_body: str | UnsetType = UNSET


class APIErrorData(Wire):
    """`statusCode`: HTTP status of the provider's answer, left out where there was none."""

    message: str
    is_retryable: bool
    status_code: int | UnsetType = UNSET
    response_headers: dict[str, str] | UnsetType = UNSET
    response_body: str | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class ProviderAuthError(WireError, tag="ProviderAuthError"):
    """The provider refused the key, or there is none."""

    data: ProviderAuthData


class UnknownError(WireError, tag="UnknownError"):
    """A failure of no other kind."""

    data: UnknownData


class MessageOutputLengthError(WireError, tag="MessageOutputLengthError"):
    """The answer met its output limit before it began."""

    data: dict[str, str] = field(default_factory=dict)


class MessageAbortedError(WireError, tag="MessageAbortedError"):
    """The answer was stopped; what was written until then is kept."""

    data: MessageData


class StructuredOutputError(WireError, tag="StructuredOutputError"):
    """The model gave no answer that fits the schema."""

    data: StructuredOutputData


class ContextOverflowError(WireError, tag="ContextOverflowError"):
    """The conversation is longer than the model's context."""

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
    """Return why an answer failed, as a sentence."""
    return getattr(error.data, "message", "The answer met its output limit before it began.")


class BadRequestData(Wire):
    """`kind`: which part of the request is wrong, `Payload`, `Query` or `Path`."""

    message: str
    kind: str | UnsetType = UNSET


class NotFoundBody(Wire, tag_field="name", tag="NotFoundError"):
    """404: what was asked for is not there; `message` names it."""

    data: MessageData


class BadRequestBody(Wire, tag_field="name", tag="BadRequest"):
    """400: the request can't be understood; `message` says what to change."""

    data: BadRequestData


class FailureBody(Wire):
    """Any other refusal: `name` is the failure, `data.message` says what to do."""

    name: str
    data: MessageData
