"""The events of a Responses stream, as far as they are read."""

from typing import Any

import msgspec


class InputDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class Usage(msgspec.Struct, gc=False):
    """Token counts; some servers name them as Chat Completions does."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None


class Content(msgspec.Struct, gc=False):
    """A part of a message, or of a reasoning item."""

    type: str = ""
    text: str = ""
    refusal: str = ""
    annotations: list[Any] | None = None


class Item(msgspec.Struct, gc=False):
    type: str = ""
    id: Any = None
    call_id: Any = None
    name: str | None = None
    arguments: Any = None
    encrypted_content: str | None = None
    phase: str | None = None
    content: list[Content] | None = None
    summary: list[Content] | None = None


class Incomplete(msgspec.Struct, gc=False):
    reason: str | None = None


class Response(msgspec.Struct, gc=False):
    id: Any = None
    model: Any = None
    status: str | None = None
    output: list[Item] | None = None
    usage: Usage | None = None
    error: Any = None
    incomplete_details: Incomplete | None = None


class Delta(msgspec.Struct, gc=False):
    """What is read of a delta whose item is known; most events are such, and fewer fields are quicker."""

    type: str = ""
    delta: Any = None
    output_index: int | None = None
    summary_index: int | None = None
    content_index: int | None = None


class Event(Delta, gc=False):
    item_id: Any = None
    text: Any = None
    refusal: Any = None
    arguments: Any = None
    part: Content | None = None
    annotation: Any = None
    item: Item | None = None
    response: Response | None = None
    error: Any = None


decode_delta = msgspec.json.Decoder(Delta).decode
decode_event = msgspec.json.Decoder(Event).decode
