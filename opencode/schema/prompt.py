"""What clients send to start or steer a turn."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from .base import JsonObject, Wire
from .message import ModelChoice, OutputFormat
from .part import FilePartSource, SourceText, SubtaskModel, TimeSpan
from .session import PermissionRule, SessionModel


class TextPartInput(Wire, tag_field="type", tag="text"):
    text: str
    id: str | UnsetType = UNSET
    synthetic: bool | UnsetType = UNSET
    ignored: bool | UnsetType = UNSET
    time: TimeSpan | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET


class FilePartInput(Wire, tag_field="type", tag="file"):
    """A file for the model: `url` is a `data:` URL with the content, or an https address."""

    mime: str
    url: str
    id: str | UnsetType = UNSET
    filename: str | UnsetType = UNSET
    source: FilePartSource | UnsetType = UNSET


class AgentPartInput(Wire, tag_field="type", tag="agent"):
    name: str
    id: str | UnsetType = UNSET
    source: SourceText | UnsetType = UNSET


class SubtaskPartInput(Wire, tag_field="type", tag="subtask"):
    prompt: str
    description: str
    agent: str
    id: str | UnsetType = UNSET
    model: SubtaskModel | UnsetType = UNSET
    command: str | UnsetType = UNSET


PartInput = TextPartInput | FilePartInput | AgentPartInput | SubtaskPartInput


class PromptBody(Wire):
    """A prompt, in one of two forms: `parts` (opencode's own) or `content` (plain text).

    `model` is `{"providerID", "modelID"}`, or `"provider/model"` for short. `no_reply` stores the
    message and starts no turn.
    """

    parts: list[PartInput] | UnsetType = UNSET
    content: str | UnsetType = UNSET
    model: ModelChoice | str | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    system: str | UnsetType = UNSET
    tools: dict[str, bool] | UnsetType = UNSET
    format: OutputFormat | UnsetType = UNSET
    variant: str | UnsetType = UNSET
    message_id: Annotated[str, Meta(pattern="^msg")] | UnsetType = UNSET
    no_reply: bool | UnsetType = UNSET


class CreateSessionBody(Wire):
    title: str | UnsetType = UNSET
    parent_id: Annotated[str, Meta(pattern="^ses")] | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    model: SessionModel | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET
    permission: list[PermissionRule] | UnsetType = UNSET


class UpdateSessionTime(Wire):
    archived: float | UnsetType = UNSET


class UpdateSessionBody(Wire):
    title: str | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET
    permission: list[PermissionRule] | UnsetType = UNSET
    time: UpdateSessionTime | UnsetType = UNSET
