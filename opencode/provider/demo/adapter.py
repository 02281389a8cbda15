"""The offline demo: a scripted model, so that everything can be tried and tested without a key.

It reasons, streams and calls the real tools as a model does; its answers are in `demo_script`.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator, Iterator
from contextvars import ContextVar

import msgspec

from opencode.schema.part import Tokens
from opencode.schema.provider import Capabilities, Cost, Limit, Modalities, Model, ModelApi

from ..base import (
    Adapter,
    AssistantTurn,
    BlockEnd,
    Finish,
    ModelRequest,
    Reasoning,
    ReasoningDelta,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    ToolOutput,
    UserTurn,
)
from .script import Call, Script, script_for

DEMO = "demo"
DEMO_NAME = "Demo (offline, scripted)"
TOKENS_PER_SECOND = 80.0

DEMO_MODELS = {
    DEMO: Model(
        id=DEMO,
        provider_id=DEMO,
        api=ModelApi(id=DEMO, url="", npm=DEMO),
        name="Demo — offline, scripted",
        family="",
        capabilities=Capabilities(
            temperature=False,
            reasoning=True,
            attachment=False,
            toolcall=True,
            input=Modalities(),
            output=Modalities(),
        ),
        cost=Cost(),
        limit=Limit(context=128_000, output=16_000),
        variants={},
    )
}

_WORDS = re.compile(r"\s*\S+|\s+$")


server_address: ContextVar[str] = ContextVar("server_address", default="")
"""This server's base URL as the client of the current prompt knows it; "" where no client is known."""


class DemoAdapter(Adapter):
    """`tokens_per_second`: the pace of the stream, 0 for no delay. `address`: the base URL to name
    where `server_address` is not set.
    """

    def __init__(
        self, tokens_per_second: float = TOKENS_PER_SECOND, address: str = "http://localhost:7860"
    ) -> None:
        self._address = address
        self._seconds_per_token = 1 / tokens_per_second if tokens_per_second else 0.0

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent, None]:
        """Stream the script for the last turn; raises ModelAPIError if the script is to fail."""
        script = script_for(request, server_address.get() or self._address)
        for text in _WORDS.findall(script.reasoning):
            yield ReasoningDelta(text)
            await self._pause(text)
        if script.reasoning:
            yield BlockEnd()
        for text in _WORDS.findall(script.text):
            yield TextDelta(text)
            await self._pause(text)
        if script.text:
            yield BlockEnd()
        if script.failure:
            raise script.failure
        for call in script.calls:
            for event in _call_events(call):
                yield event
                await asyncio.sleep(self._seconds_per_token)
        yield Finish("tool-calls" if script.calls else "stop", _usage(request, script))

    async def _pause(self, text: str) -> None:
        await asyncio.sleep(self._seconds_per_token * estimated_tokens(text))


def estimated_tokens(text: str) -> int:
    """Return a rough count of tokens: one for every four characters, rounded up."""
    return -(-len(text) // 4)


def _call_events(call: Call) -> Iterator[StreamEvent]:
    call_id = f"call_{secrets.token_hex(12)}"
    raw = msgspec.json.encode(call.input).decode()
    yield ToolCallStart(call_id, call.tool)
    for start in range(0, len(raw), 16):
        yield ToolCallDelta(call_id, raw[start : start + 16])
    yield ToolCallEnd(call_id, raw)


def _usage(request: ModelRequest, script: Script) -> Tokens:
    asked = [*request.system, *(text for turn in request.turns for text in _texts(turn))]
    answered = [script.text, *(str(call.input) for call in script.calls)]
    return Tokens(
        input=sum(map(estimated_tokens, asked)),
        output=sum(map(estimated_tokens, answered)),
        reasoning=estimated_tokens(script.reasoning),
    )


def _texts(turn: UserTurn | AssistantTurn) -> Iterator[str]:
    for part in turn.content:
        match part:
            case Text(text=text) | Reasoning(text=text) | ToolOutput(output=text):
                yield text
            case ToolCall(input=value):
                yield str(value)
