"""The parts of messages, as stored and as sent."""

from msgspec import UNSET, UnsetType, field

from .base import JsonObject, Wire
from .error import APIError


class CacheTokens(Wire):
    """Prompt-cache tokens of one request."""

    read: int = 0
    write: int = 0


class Tokens(Wire):
    """Token usage. `input` excludes cached tokens; `output` excludes `reasoning`."""

    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache: CacheTokens = field(default_factory=CacheTokens)
    total: int | UnsetType = UNSET

    def plus(self, other: "Tokens", times: int = 1) -> "Tokens":
        """Return `self` plus `times` times `other`, without `total`."""
        return Tokens(
            input=self.input + times * other.input,
            output=self.output + times * other.output,
            reasoning=self.reasoning + times * other.reasoning,
            cache=CacheTokens(
                read=self.cache.read + times * other.cache.read,
                write=self.cache.write + times * other.cache.write,
            ),
        )


class TimeSpan(Wire):
    """Unix milliseconds."""

    start: int
    end: int | UnsetType = UNSET


class SourceText(Wire):
    """Where the prompt's text mentions a file; `start` and `end` count characters."""

    value: str
    start: int
    end: int


class Position(Wire):
    """A position in a file, counted from 0."""

    line: int
    character: int


class Range(Wire):
    """A range in a file."""

    start: Position
    end: Position


class FileSource(Wire, tag_field="type", tag="file"):
    """A file that the client mentioned."""

    text: SourceText
    path: str


class SymbolSource(Wire, tag_field="type", tag="symbol"):
    """A symbol in a file that the client mentioned."""

    text: SourceText
    path: str
    range: Range
    name: str
    kind: int


class ResourceSource(Wire, tag_field="type", tag="resource"):
    """A resource of an MCP server."""

    text: SourceText
    client_name: str
    uri: str


FilePartSource = FileSource | SymbolSource | ResourceSource


class ToolStatePending(Wire, tag_field="status", tag="pending"):
    """The model is still writing the call; `raw` is the JSON so far."""

    input: JsonObject
    raw: str


class StartTime(Wire):
    """Unix milliseconds."""

    start: int


class RunTime(Wire):
    """Unix milliseconds."""

    start: int
    end: int


class CompletedTime(Wire):
    """Unix milliseconds. `compacted`: when the output was removed from the model's context."""

    start: int
    end: int
    compacted: int | UnsetType = UNSET


class PartBase(Wire, tag_field="type"):
    """Base of all parts."""

    id: str
    session_id: str
    message_id: str


class FilePart(PartBase, tag="file"):
    """A file. `url`: a `data:` URL with the content, or an https address."""

    mime: str
    url: str
    filename: str | UnsetType = UNSET
    source: FilePartSource | UnsetType = UNSET


class ToolStateRunning(Wire, tag_field="status", tag="running"):
    """The tool is running."""

    input: JsonObject
    time: StartTime
    title: str | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET


class ToolStateCompleted(Wire, tag_field="status", tag="completed"):
    """The tool returned its output."""

    input: JsonObject
    output: str
    title: str
    metadata: JsonObject
    time: CompletedTime
    attachments: list[FilePart] | UnsetType = UNSET


class ToolStateError(Wire, tag_field="status", tag="error"):
    """The tool failed, was refused or was stopped; `error` is the text that the model gets."""

    input: JsonObject
    error: str
    time: RunTime
    metadata: JsonObject | UnsetType = UNSET


ToolState = ToolStatePending | ToolStateRunning | ToolStateCompleted | ToolStateError


class TextPart(PartBase, tag="text"):
    """Text. `synthetic`: the server added it; `ignored`: it is not sent to the model."""

    text: str
    synthetic: bool | UnsetType = UNSET
    ignored: bool | UnsetType = UNSET
    time: TimeSpan | UnsetType = UNSET
    metadata: JsonObject | UnsetType = UNSET


class ReasoningPart(PartBase, tag="reasoning"):
    """The model's reasoning. `metadata`: the provider's own data, sent back unchanged."""

    text: str
    time: TimeSpan
    metadata: JsonObject | UnsetType = UNSET


class ToolPart(PartBase, tag="tool"):
    """A tool call; `state` changes from pending to running to completed or error."""

    call_id: str
    tool: str
    state: ToolState
    metadata: JsonObject | UnsetType = UNSET


class StepStartPart(PartBase, tag="step-start"):
    """Start of a step, which is one request to the model."""

    snapshot: str | UnsetType = UNSET


class StepFinishPart(PartBase, tag="step-finish"):
    """End of a step. `cost`: USD."""

    reason: str
    cost: float
    tokens: Tokens
    snapshot: str | UnsetType = UNSET


class SnapshotPart(PartBase, tag="snapshot"):
    """A snapshot of files. This server creates none."""

    snapshot: str


class PatchPart(PartBase, tag="patch"):
    """Changed files. This server changes none."""

    hash: str
    files: list[str]


class AgentPart(PartBase, tag="agent"):
    """An agent that the prompt mentions."""

    name: str
    source: SourceText | UnsetType = UNSET


class SubtaskModel(Wire):
    """The model for a task."""

    provider_id: str
    model_id: str


class SubtaskPart(PartBase, tag="subtask"):
    """A task for another agent."""

    prompt: str
    description: str
    agent: str
    model: SubtaskModel | UnsetType = UNSET
    command: str | UnsetType = UNSET


class CreatedTime(Wire):
    """Unix milliseconds."""

    created: int


class RetryPart(PartBase, tag="retry"):
    """A failed attempt that was retried."""

    attempt: int
    error: APIError
    time: CreatedTime


class CompactionPart(PartBase, tag="compaction", rename={"tail_start_id": "tail_start_id"}):
    """The conversation up to here was compacted."""

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
