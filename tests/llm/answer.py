"""What the loopback LLM can be told to do: an answer, said once for all three wires, or a way to fail."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

Moment = Literal["start", "reasoning", "text", "tool", "end"]
"""When a fault happens: before the first event, after the first delta of a kind, before the end marker."""
Fault = Literal["drop", "hang", "error", "garbage", "close"]
"""drop: the connection closes in mid-body. hang: silence. error: the wire's own error event.
garbage: an event that is no JSON. close: the body ends as if it were whole, without the end marker."""


@dataclass(frozen=True)
class Usage:
    """Tokens as the provider counts them: `input` is all of the prompt, `output` all that was written."""

    input: int = 100
    output: int = 20
    cached: int = 0
    written: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Answer:
    """One answer: reasoning, then text, then tool calls, each streamed in the pieces given.

    `tools`: (name, input); an input that is a str goes out as it is, valid JSON or not.
    `stop`: the wire's own word for why it ended, "" for the usual one.
    `redacted`: a thinking block that only the provider can read (Anthropic).
    `refusal`: pieces of a refusal in the place of text.
    `pace`: seconds between deltas. `gate`: waited for before the last delta.
    `halves`: every event leaves in two writes. `endless`: the text goes on until the client leaves.
    """

    text: tuple[str, ...] | str = ()
    reasoning: tuple[str, ...] | str = ()
    tools: tuple[tuple[str, dict[str, Any] | str], ...] = ()
    usage: Usage = Usage()
    stop: str = ""
    redacted: bool = False
    refusal: tuple[str, ...] | str = ()
    fault: tuple[Moment, Fault] | None = None
    pace: float = 0.0
    gate: asyncio.Event | None = None
    halves: bool = False
    endless: bool = False


@dataclass(frozen=True)
class Status:
    """An HTTP answer that is no stream: an error of the provider, or something that is not a provider at all.

    `body`: None for the wire's own error body with `message` and `code`. `endless`: it is said over and over.
    """

    status: int
    message: str = "scripted failure"
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    content_type: str = "application/json"
    endless: bool = False


@dataclass(frozen=True)
class Raw:
    """An event stream byte for byte; `hold` is waited for before its end, which is missing without `end`.

    `encoding`: what the bytes are compressed with. `content_type`: "" for none.
    """

    chunks: tuple[bytes, ...]
    end: bool = True
    hold: asyncio.Event | None = None
    encoding: str = ""
    content_type: str = "text/event-stream; charset=utf-8"


@dataclass(frozen=True)
class Whole:
    """An answer in one piece of JSON, though a stream was asked for. `before`: what comes before it.

    `length`: bytes after which the connection closes, None for all.
    """

    value: Any
    content_type: str = "application/json"
    before: str = ""
    length: int | None = None


@dataclass(frozen=True)
class Drop:
    """The connection is closed before the first byte."""


@dataclass(frozen=True)
class Silence:
    """Not a byte is answered."""


Step = Answer | Status | Raw | Whole | Drop | Silence


def pieces(text: tuple[str, ...] | str) -> tuple[str, ...]:
    """Return text as the pieces it is streamed in."""
    return (text,) if isinstance(text, str) else text


def usual(answer: Answer, stop: str, tool: str) -> str:
    """Return a wire's stop reason for an answer: its own word, or the usual one."""
    return answer.stop or (tool if answer.tools else stop)
