"""Messages: a user's prompts and the assistant's answers, one assistant message per step."""

from typing import Any, Literal

from msgspec import UNSET, UnsetType, field

from .base import JsonObject, Wire
from .error import MessageError
from .part import CreatedTime, Part, Tokens


class FileDiff(Wire):
    """The changes of a file. `patch`: a unified diff, empty if it is too large."""

    additions: int
    deletions: int
    file: str | UnsetType = UNSET
    patch: str | UnsetType = UNSET
    status: Literal["added", "deleted", "modified"] | UnsetType = UNSET


class UserSummary(Wire):
    """The changes of files that answering a prompt has made."""

    diffs: list[FileDiff]
    title: str | UnsetType = UNSET
    body: str | UnsetType = UNSET


class ModelChoice(Wire):
    """A model by provider and id; `variant` is a reasoning effort that the model offers."""

    provider_id: str
    model_id: str
    variant: str | UnsetType = UNSET


class TextFormat(Wire, tag_field="type", tag="text"):
    """An answer as plain text."""


class JsonSchemaFormat(Wire, tag_field="type", tag="json_schema"):
    """An answer that matches a JSON schema; `retryCount`: the number of further attempts."""

    schema: JsonObject
    retry_count: int | UnsetType = UNSET


OutputFormat = TextFormat | JsonSchemaFormat


class UserMessage(Wire, tag_field="role", tag="user"):
    """A prompt; its content is in its parts."""

    id: str
    session_id: str
    time: CreatedTime
    agent: str
    model: ModelChoice
    format: OutputFormat | UnsetType = UNSET
    summary: UserSummary | UnsetType = UNSET
    system: str | UnsetType = UNSET
    tools: dict[str, bool] | UnsetType = UNSET


class MessageTime(Wire):
    """Unix milliseconds; `completed` is omitted while the message is being written."""

    created: int
    completed: int | UnsetType = UNSET


class MessagePath(Wire):
    """The server's working directory."""

    cwd: str
    root: str


class AssistantMessage(Wire, tag_field="role", tag="assistant"):
    """The answer of one step. `cost`: USD. `finish`: the stop reason."""

    id: str
    session_id: str
    time: MessageTime
    parent_id: str
    model_id: str
    provider_id: str
    mode: str
    agent: str
    path: MessagePath
    cost: float
    tokens: Tokens
    error: MessageError | UnsetType = UNSET
    summary: bool | UnsetType = UNSET
    structured: Any = UNSET
    variant: str | UnsetType = UNSET
    finish: str | UnsetType = UNSET


Message = UserMessage | AssistantMessage


class MessageWithParts(Wire):
    """A message, and its parts in order."""

    info: Message
    parts: list[Part] = field(default_factory=list)

    @property
    def failure(self) -> MessageError | None:
        """The error that an answer ended with."""
        return (self.info.error or None) if isinstance(self.info, AssistantMessage) else None


class AssistantMessageWithParts(Wire):
    """An answer, and its parts in order."""

    info: AssistantMessage
    parts: list[Part] = field(default_factory=list)
