"""What clients send to start or steer a turn."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from .base import JsonObject, Wire
from .message import ModelChoice, OutputFormat
from .part import FilePartSource, SourceText, SubtaskModel, TimeSpan
from .session import PermissionRule, SessionModel

PART_ID = "^prt[0-9A-Za-z_-]{1,61}$"
MESSAGE_ID = "^msg[0-9A-Za-z_-]{1,61}$"
SESSION_ID = "^ses[0-9A-Za-z_-]{1,61}$"

PartID = Annotated[str, Meta(pattern=PART_ID)]


class TextPartInput(Wire, tag_field="type", tag="text"):
    """Text of a prompt."""

    text: str
    id: PartID | UnsetType = UNSET
    synthetic: bool | UnsetType = UNSET
    ignored: bool | UnsetType = UNSET
    time: TimeSpan | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET


class FilePartInput(Wire, tag_field="type", tag="file"):
    """A file for the model: `url` is a `data:` URL with the content, or an https address."""

    mime: str
    url: str
    id: PartID | UnsetType = UNSET
    filename: str | UnsetType = UNSET
    source: FilePartSource | UnsetType = UNSET


class AgentPartInput(Wire, tag_field="type", tag="agent"):
    """An agent that the prompt mentions."""

    name: str
    id: PartID | UnsetType = UNSET
    source: SourceText | UnsetType = UNSET


class SubtaskPartInput(Wire, tag_field="type", tag="subtask"):
    """A task for another agent."""

    prompt: str
    description: str
    agent: str
    id: PartID | UnsetType = UNSET
    model: SubtaskModel | UnsetType = UNSET
    command: str | UnsetType = UNSET


PartInput = TextPartInput | FilePartInput | AgentPartInput | SubtaskPartInput


class PromptBody(Wire):
    """A prompt, in one of two forms: `parts` (opencode's own) or `content` (plain text).

    `model` is `{"providerID", "modelID"}`, or `"provider/model"` for short. Older clients send the two ids
    beside `parts`, and `mode` for `agent`.
    """

    parts: Annotated[list[PartInput], Meta(description="What is said, part by part.")] | UnsetType = UNSET
    content: Annotated[str, Meta(description="What is said, as plain text.")] | UnsetType = UNSET
    model: ModelChoice | str | UnsetType = UNSET
    agent: Annotated[str, Meta(description="Who answers; see GET /agent.")] | UnsetType = UNSET
    system: Annotated[str, Meta(description="Instructions beside the agent's own.")] | UnsetType = UNSET
    tools: (
        Annotated[dict[str, bool], Meta(description="Tools to allow or to leave out, by name.")] | UnsetType
    ) = UNSET
    format: OutputFormat | UnsetType = UNSET
    variant: (
        Annotated[str, Meta(description="One of the model's variants: reasoning effort.")] | UnsetType
    ) = UNSET
    message_id: (
        Annotated[str, Meta(pattern=MESSAGE_ID, description="Your own id, to send a prompt safely twice.")]
        | UnsetType
    ) = UNSET
    no_reply: Annotated[bool, Meta(description="Store the message and start no turn.")] | UnsetType = UNSET
    provider_id: Annotated[str, Meta(description="Older form of model.")] | UnsetType = UNSET
    model_id: Annotated[str, Meta(description="Older form of model.")] | UnsetType = UNSET
    mode: Annotated[str, Meta(description="Older form of agent.")] | UnsetType = UNSET


class CreateSessionBody(Wire):
    """What a new session begins with; all of it is optional."""

    title: str | UnsetType = UNSET
    parent_id: Annotated[str, Meta(pattern=SESSION_ID)] | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    model: SessionModel | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET
    permission: list[PermissionRule] | UnsetType = UNSET


class ForkBody(Wire):
    """`messageID`: the first message that the copy does without; all are copied where it is left out."""

    message_id: Annotated[str, Meta(pattern=MESSAGE_ID)] | UnsetType = UNSET


class RevertBody(Wire):
    """`messageID`: the prompt, or the answer to it, that is taken back with all that follows.

    `partID`: from which part of an answer on.
    """

    message_id: Annotated[str, Meta(pattern=MESSAGE_ID)]
    part_id: Annotated[str, Meta(pattern=PART_ID)] | UnsetType = UNSET


class UpdateSessionTime(Wire):
    """`archived`: when the session was put away; Unix milliseconds."""

    archived: float | UnsetType = UNSET


class UpdateSessionBody(Wire):
    """What is to change; all else stays."""

    title: str | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET
    permission: list[PermissionRule] | UnsetType = UNSET
    time: UpdateSessionTime | UnsetType = UNSET


class SummarizeBody(Wire):
    """The model that condenses the conversation. `auto`: sent by opencode's clients; changes nothing."""

    provider_id: str
    model_id: str
    auto: bool | UnsetType = UNSET


class CommandBody(Wire):
    """A command by name; `arguments` is what was typed after it. `model` is "provider/model"."""

    command: str
    arguments: str
    agent: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    variant: str | UnsetType = UNSET
    message_id: Annotated[str, Meta(pattern="^msg")] | UnsetType = UNSET
    parts: Annotated[list[FilePartInput], Meta(description="Files to go with it.")] | UnsetType = UNSET
