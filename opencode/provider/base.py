"""The seam between the agent loop and every model: a ModelRequest goes in, StreamEvents come out.

An adapter knows its provider's wire and no sessions; the loop knows this module and no provider.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from typing import Any, Literal

import msgspec

from opencode.schema.base import JsonObject
from opencode.schema.part import Tokens
from opencode.schema.provider import Model


class Text(msgspec.Struct, frozen=True):
    """A text. `metadata`: for the model's own, that of its BlockEnd, unchanged."""

    text: str
    metadata: JsonObject = {}


class Attachment(msgspec.Struct, frozen=True):
    """A file for the model: `data` is its content in base64, or None where `url` is an https address."""

    mime: str
    url: str
    data: str | None = None
    filename: str | None = None


class Reasoning(msgspec.Struct, frozen=True):
    """Reasoning of an earlier step. `metadata`: that of its BlockEnd, unchanged.

    The loop sends it only to the provider that produced it, so an adapter may rely on its form.
    """

    text: str
    metadata: JsonObject


class ToolCall(msgspec.Struct, frozen=True):
    call_id: str
    name: str
    input: JsonObject
    metadata: JsonObject = {}


class ToolOutput(msgspec.Struct, frozen=True):
    """The result of a call. Every ToolCall of an AssistantTurn has its ToolOutput in the next UserTurn."""

    call_id: str
    name: str
    output: str
    is_error: bool = False
    attachments: tuple[Attachment, ...] = ()


class UserTurn(msgspec.Struct, frozen=True):
    """Tool outputs first, then the user's text and files."""

    content: tuple[ToolOutput | Text | Attachment, ...]


class AssistantTurn(msgspec.Struct, frozen=True):
    """The parts of an answer, in the model's order."""

    content: tuple[Text | Reasoning | ToolCall, ...]


class ToolDefinition(msgspec.Struct, frozen=True):
    """A tool as the model sees it; `parameters` is a JSON Schema of an object."""

    name: str
    description: str
    parameters: JsonObject


class ModelRequest(msgspec.Struct, frozen=True):
    """One request to a model. Turns alternate: user first, user last.

    `options` are the model's, the agent's and the variant's merged, in the spelling of opencode.json
    (`reasoningEffort`, `thinking`, `textVerbosity`, …). `max_output_tokens`: None is the adapter's default.
    `session_id` may serve as the provider's cache key. `tool_choice`: `required` forces some call.
    """

    model: Model
    turns: tuple[UserTurn | AssistantTurn, ...]
    system: tuple[str, ...] = ()
    tools: tuple[ToolDefinition, ...] = ()
    tool_choice: Literal["auto", "required", "none"] = "auto"
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    options: JsonObject = {}
    session_id: str = ""


class TextDelta(msgspec.Struct, frozen=True):
    """More text of the open text block; opens one if none is open."""

    text: str


class ReasoningDelta(msgspec.Struct, frozen=True):
    """More of the open reasoning block; opens one if none is open. May be empty."""

    text: str


class BlockEnd(msgspec.Struct, frozen=True):
    """The open text or reasoning block is complete. `metadata`: what to send back with it, to this provider.

    A delta of the other kind, a tool call or Finish ends an open block as well. Two keys are the same for all
    providers: `citations`, `[{"url", "title"}]` of a text, and `before`: the metadata of reasoning blocks
    that came before this block and have no text to show. Those of a call are in its ToolCallEnd.
    """

    metadata: JsonObject = {}


class ToolCallStart(msgspec.Struct, frozen=True):
    call_id: str
    name: str


class ToolCallDelta(msgspec.Struct, frozen=True):
    """More of a call's input, as JSON text. Calls of one answer may interleave."""

    call_id: str
    text: str


class ToolCallEnd(msgspec.Struct, frozen=True):
    """The call is complete: `raw` is its input as the model wrote it, valid JSON or not; "" means {}."""

    call_id: str
    raw: str
    metadata: JsonObject = {}


class Restart(msgspec.Struct, frozen=True):
    """The provider has begun its answer anew: what came so far counts for nothing."""


StopReason = Literal["stop", "tool-calls", "length", "content-filter", "pause", "other"]


class Finish(msgspec.Struct, frozen=True):
    """The last event, exactly one. `pause`: the provider continues when it is sent the conversation again.

    `answered_by`, `answer_id`: the model and the id in the provider's answer, "" if it names none.
    """

    reason: StopReason
    tokens: Tokens
    answered_by: str = ""
    answer_id: str = ""


StreamEvent = (
    TextDelta | ReasoningDelta | BlockEnd | ToolCallStart | ToolCallDelta | ToolCallEnd | Restart | Finish
)


class Adapter(ABC):
    """Client for one provider.

    `stream` raises only ModelError (and CancelledError, which closes the connection). It does not retry: the
    loop does, and shows it to the user. A stream without bytes for the idle time-out is an error.
    """

    @abstractmethod
    def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent, None]:
        """Send the request and yield the answer as it arrives; deltas that arrive together may be merged."""

    async def model_ids(self) -> list[str]:
        """Return the ids of the models that the provider lists; raises ModelError."""
        return []

    async def close(self) -> None:  # noqa: B027 - not every adapter holds a connection
        """Close its connections."""

    async def retire(self) -> None:
        """Close its connections once no request uses them: another adapter has replaced this one."""
        await self.close()


def merge_options(*layers: JsonObject) -> dict[str, Any]:
    """Return the layers merged key by key, objects recursively; later layers win."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = merged.get(key)
            if isinstance(old, dict) and isinstance(value, dict):
                merged[key] = merge_options(old, value)
            else:
                merged[key] = value
    return merged
