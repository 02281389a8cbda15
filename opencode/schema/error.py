"""Why a turn failed, as clients read it in `AssistantMessage.error` and in `session.error`."""

from msgspec import UNSET, UnsetType, field

from .base import Wire


class WireError(Wire, tag_field="name"):
    """Base of the errors a message can carry; `name` tells which."""


class MessageData(Wire):
    message: str


class ProviderAuthData(Wire):
    provider_id: str
    message: str


class UnknownData(Wire):
    message: str
    ref: str | UnsetType = UNSET


class StructuredOutputData(Wire):
    message: str
    retries: int


class ContextOverflowData(Wire):
    message: str
    response_body: str | UnsetType = UNSET


class APIErrorData(Wire):
    """`status_code`: HTTP status of the provider's answer, left out where there was none."""

    message: str
    is_retryable: bool
    status_code: int | UnsetType = UNSET
    response_headers: dict[str, str] | UnsetType = UNSET
    response_body: str | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


class ProviderAuthError(WireError, tag="ProviderAuthError"):
    data: ProviderAuthData


class UnknownError(WireError, tag="UnknownError"):
    data: UnknownData


class MessageOutputLengthError(WireError, tag="MessageOutputLengthError"):
    data: dict[str, str] = field(default_factory=dict)


class MessageAbortedError(WireError, tag="MessageAbortedError"):
    data: MessageData


class StructuredOutputError(WireError, tag="StructuredOutputError"):
    data: StructuredOutputData


class ContextOverflowError(WireError, tag="ContextOverflowError"):
    data: ContextOverflowData


class ContentFilterError(WireError, tag="ContentFilterError"):
    data: MessageData


class APIError(WireError, tag="APIError"):
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


class BadRequestData(Wire):
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
