"""The pieces a message is made of, as stored and as sent."""

from msgspec import UNSET, UnsetType, field

from .base import JsonObject, Wire
from .error import APIError


class CacheTokens(Wire):
    """Prompt-cache tokens of one request."""

    read: int = 0
    write: int = 0


class Tokens(Wire):
    """Tokens of one request. `input` excludes cached ones; `output` excludes reasoning."""

    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache: CacheTokens = field(default_factory=CacheTokens)
    total: int | UnsetType = UNSET

    def plus(self, other: "Tokens") -> "Tokens":
        """Return the sum of both, without `total`."""
        return Tokens(
            input=self.input + other.input,
            output=self.output + other.output,
            reasoning=self.reasoning + other.reasoning,
            cache=CacheTokens(
                read=self.cache.read + other.cache.read, write=self.cache.write + other.cache.write
            ),
        )


class TimeSpan(Wire):
    """Unix milliseconds."""

    start: int
    end: int | UnsetType = UNSET


class SourceText(Wire):
    value: str
    start: int
    end: int


class Position(Wire):
    line: int
    character: int


class Range(Wire):
    start: Position
    end: Position


class FileSource(Wire, tag_field="type", tag="file"):
    text: SourceText
    path: str


class SymbolSource(Wire, tag_field="type", tag="symbol"):
    text: SourceText
    path: str
    range: Range
    name: str
    kind: int


class ResourceSource(Wire, tag_field="type", tag="resource"):
    text: SourceText
    client_name: str
    uri: str


FilePartSource = FileSource | SymbolSource | ResourceSource


class ToolStatePending(Wire, tag_field="status", tag="pending"):
    """The model is still writing the call; `raw` is the JSON so far."""

    input: JsonObject
    raw: str


class StartTime(Wire):
    start: int


class RunTime(Wire):
    start: int
    end: int


class CompletedTime(Wire):
    start: int
    end: int
    compacted: int | UnsetType = UNSET


class PartBase(Wire, tag_field="type"):
    id: str
    session_id: str
    message_id: str


class FilePart(PartBase, tag="file"):
    """A file by address: `data:` URLs carry their content."""

    mime: str
    url: str
    filename: str | UnsetType = UNSET
    source: FilePartSource | UnsetType = UNSET


class ToolStateRunning(Wire, tag_field="status", tag="running"):
    input: JsonObject
    time: StartTime
    title: str | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET


class ToolStateCompleted(Wire, tag_field="status", tag="completed"):
    input: JsonObject
    output: str
    title: str
    metadata: JsonObject
    time: CompletedTime
    attachments: list[FilePart] | UnsetType = UNSET


class ToolStateError(Wire, tag_field="status", tag="error"):
    input: JsonObject
    error: str
    time: RunTime
    metadata: JsonObject | UnsetType = UNSET


ToolState = ToolStatePending | ToolStateRunning | ToolStateCompleted | ToolStateError


class TextPart(PartBase, tag="text"):
    text: str
    synthetic: bool | UnsetType = UNSET
    ignored: bool | UnsetType = UNSET
    time: TimeSpan | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET


class ReasoningPart(PartBase, tag="reasoning"):
    """The model's thinking. `metadata` carries what the provider wants back unchanged."""

    text: str
    time: TimeSpan
    metadata: JsonObject | UnsetType = UNSET


class ToolPart(PartBase, tag="tool"):
    call_id: str
    tool: str
    state: ToolState
    metadata: JsonObject | UnsetType = UNSET


class StepStartPart(PartBase, tag="step-start"):
    snapshot: str | UnsetType = UNSET


class StepFinishPart(PartBase, tag="step-finish"):
    """End of one request to the model; `cost` in USD."""

    reason: str
    cost: float
    tokens: Tokens
    snapshot: str | UnsetType = UNSET


class SnapshotPart(PartBase, tag="snapshot"):
    snapshot: str


class PatchPart(PartBase, tag="patch"):
    hash: str
    files: list[str]


class AgentPart(PartBase, tag="agent"):
    name: str
    source: SourceText | UnsetType = UNSET


class SubtaskModel(Wire):
    provider_id: str
    model_id: str


class SubtaskPart(PartBase, tag="subtask"):
    prompt: str
    description: str
    agent: str
    model: SubtaskModel | UnsetType = UNSET
    command: str | UnsetType = UNSET


class CreatedTime(Wire):
    created: int


class RetryPart(PartBase, tag="retry"):
    attempt: int
    error: APIError
    time: CreatedTime


class CompactionPart(PartBase, tag="compaction", rename={"tail_start_id": "tail_start_id"}):
    auto: bool
    overflow: bool | UnsetType = UNSET
    tail_start_id: str | UnsetType = UNSET


Part = (
    TextPart
    | SubtaskPart
    | ReasoningPart
    | FilePart
    | ToolPart
    | StepStartPart
    | StepFinishPart
    | SnapshotPart
    | PatchPart
    | AgentPart
    | RetryPart
    | CompactionPart
)
