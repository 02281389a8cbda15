"""What the tests of the three wires share: a model to ask, and an answer taken in."""

from contextlib import aclosing
from typing import Any

from opencode.provider.base import (
    Adapter,
    BlockEnd,
    Finish,
    ModelRequest,
    ReasoningDelta,
    StreamEvent,
    Text,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolDefinition,
    UserTurn,
)
from opencode.provider.chat.adapter import ChatAdapter
from opencode.provider.messages.adapter import MessagesAdapter
from opencode.provider.responses.adapter import ResponsesAdapter
from opencode.provider.wire.timeouts import Timeouts
from opencode.schema.provider import Capabilities, Cost, Interleaved, Limit, Modalities, Model, ModelApi
from tests.llm.server import LLM

KEY = "sk-test-0123456789abcdef"
WIRES = ("anthropic", "openai", "compatible")
LOOKUP = ToolDefinition(
    "lookup", "Looks up a word", {"type": "object", "properties": {"word": {"type": "string"}}}
)


def adapter(wire: str, url: str, key: str | None = KEY, **settings: Any) -> Adapter:
    """Return an adapter for a wire, for the server at `url`."""
    timeouts = Timeouts(connect_s=5, header_s=settings.pop("header_s", 10), idle_s=settings.pop("idle_s", 10))
    if wire == "anthropic":
        return MessagesAdapter("anthropic", key, url, timeouts=timeouts, **settings)
    kind = ResponsesAdapter if wire == "openai" else ChatAdapter
    return kind(wire, key, f"{url}/v1", timeouts=timeouts, **settings)


def model(
    name: str = "test-model",
    *,
    reasoning: bool = False,
    temperature: bool = True,
    interleaved: bool | Interleaved = False,
    limit: Limit | None = None,
) -> Model:
    return Model(
        id=name,
        provider_id="test",
        api=ModelApi(id=name, url="", npm=""),
        name=name,
        capabilities=Capabilities(
            temperature=temperature,
            reasoning=reasoning,
            attachment=True,
            toolcall=True,
            input=Modalities(),
            output=Modalities(),
            interleaved=interleaved,
        ),
        cost=Cost(),
        limit=limit or Limit(context=200_000, output=8_000),
    )


def asking(*turns: Any, **fields: Any) -> ModelRequest:
    """Return a request; with no turns, one that says hello."""
    fields.setdefault("model", model())
    return ModelRequest(turns=turns or (UserTurn((Text("hello"),)),), **fields)


class Taken:
    """An answer as its parts: blocks in order, tool calls with their input, how it ended."""

    def __init__(self, events: list[StreamEvent]) -> None:
        self.events = events
        self.text = "".join(event.text for event in events if isinstance(event, TextDelta))
        self.reasoning = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
        self.kept = [event.metadata for event in events if isinstance(event, BlockEnd) if event.metadata]
        self.names = [event.name for event in events if isinstance(event, ToolCallStart)]
        self.started = [event.call_id for event in events if isinstance(event, ToolCallStart)]
        self.ends = [event for event in events if isinstance(event, ToolCallEnd)]
        self.inputs = {event.call_id: event.raw for event in self.ends}
        self.streamed_inputs = {
            call_id: "".join(e.text for e in events if isinstance(e, ToolCallDelta) and e.call_id == call_id)
            for call_id in self.started
        }
        assert not events or all(not isinstance(event, Finish) for event in events[:-1])

    @property
    def finish(self) -> Finish:
        assert isinstance(self.events[-1], Finish)
        return self.events[-1]


async def take(door: Adapter, request: ModelRequest, into: list[StreamEvent] | None = None) -> Taken:
    """Ask and return the whole answer; `into` keeps what came before a failure."""
    events: list[StreamEvent] = [] if into is None else into
    async with aclosing(door.stream(request)) as stream:
        async for event in stream:
            events.append(event)  # noqa: PERF401 - what came before a failure must be kept
    return Taken(events)


async def answer_of(wire: str, llm: LLM, request: ModelRequest | None = None, **settings: Any) -> Taken:
    """Ask the loopback LLM once, through an adapter of its own."""
    door = adapter(wire, llm.url, **settings)
    try:
        return await take(door, request or asking())
    finally:
        await door.close()
