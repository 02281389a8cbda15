"""Request bodies for sessions and prompts."""

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

    `model` is `{"providerID", "modelID"}` or, in short, `"provider/model"`. Older clients send `providerID`
    and `modelID` at the top level, and `mode` instead of `agent`.
    """

    parts: Annotated[list[PartInput], Meta(description="The prompt as parts.")] | UnsetType = UNSET
    content: Annotated[str, Meta(description="The prompt as plain text.")] | UnsetType = UNSET
    model: ModelChoice | str | UnsetType = UNSET
    agent: Annotated[str, Meta(description="The agent that answers; see GET /agent.")] | UnsetType = UNSET
    system: Annotated[str, Meta(description="Instructions in addition to the agent's.")] | UnsetType = UNSET
    tools: (
        Annotated[
            dict[str, bool], Meta(description="Tools to allow (true) or to leave out (false), by name.")
        ]
        | UnsetType
    ) = UNSET
    format: OutputFormat | UnsetType = UNSET
    variant: (
        Annotated[str, Meta(description="One of the model's variants, such as a reasoning effort.")]
        | UnsetType
    ) = UNSET
    message_id: (
        Annotated[
            str,
            Meta(
                pattern=MESSAGE_ID,
                description="An id of your own, so that a prompt sent twice is stored once.",
            ),
        ]
        | UnsetType
    ) = UNSET
    no_reply: Annotated[bool, Meta(description="Store the message without starting a turn.")] | UnsetType = (
        UNSET
    )
    provider_id: Annotated[str, Meta(description="Deprecated: use model.")] | UnsetType = UNSET
    model_id: Annotated[str, Meta(description="Deprecated: use model.")] | UnsetType = UNSET
    mode: Annotated[str, Meta(description="Deprecated: use agent.")] | UnsetType = UNSET


class CreateSessionBody(Wire):
    """Fields of a new session, all optional."""

    title: str | UnsetType = UNSET
    parent_id: Annotated[str, Meta(pattern=SESSION_ID)] | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    model: SessionModel | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET
    permission: list[PermissionRule] | UnsetType = UNSET


class ForkBody(Wire):
    """`messageID`: the first message that is not copied; all messages are copied if it is omitted."""

    message_id: Annotated[str, Meta(pattern=MESSAGE_ID)] | UnsetType = UNSET


class RevertBody(Wire):
    """`messageID`: the prompt or answer to revert, with everything after it.

    `partID`: the part of the answer to start from.
    """

    message_id: Annotated[str, Meta(pattern=MESSAGE_ID)]
    part_id: Annotated[str, Meta(pattern=PART_ID)] | UnsetType = UNSET


class UpdateSessionTime(Wire):
    """`archived`: when the session was archived; Unix milliseconds."""

    archived: float | UnsetType = UNSET


class UpdateSessionBody(Wire):
    """Fields to change; omitted ones stay as they are."""

    title: str | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET
    permission: list[PermissionRule] | UnsetType = UNSET
    time: UpdateSessionTime | UnsetType = UNSET


class SummarizeBody(Wire):
    """The model that summarizes the conversation. `auto`: sent by opencode's clients; ignored."""

    provider_id: str
    model_id: str
    auto: bool | UnsetType = UNSET


class CommandBody(Wire):
    """A command. `arguments`: the text after its name. `model`: "provider/model"."""

    command: str
    arguments: str
    agent: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    variant: str | UnsetType = UNSET
    message_id: Annotated[str, Meta(pattern="^msg")] | UnsetType = UNSET
    parts: Annotated[list[FilePartInput], Meta(description="Files to attach.")] | UnsetType = UNSET
