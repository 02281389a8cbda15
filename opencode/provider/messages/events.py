"""The events of a Messages stream, as far as they are read."""

from contextlib import suppress
from typing import Any

import msgspec

from ..wire.lenient import lenient
from ..wire.payload import encode_json


class OutputDetails(msgspec.Struct, gc=False):
    thinking_tokens: int | None = None


class CacheCreation(msgspec.Struct, gc=False):
    """Tokens written to the cache, by how long it keeps them."""

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class Usage(msgspec.Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: OutputDetails | None = None


class Message(msgspec.Struct, gc=False):
    """A message. `content` is empty at a stream's start, and a list of blocks in a whole answer."""

    id: Any = None
    model: Any = None
    content: Any = None
    stop_reason: str | None = None
    usage: Usage | None = None


class Block(msgspec.Struct, gc=False):
    type: str = ""
    id: Any = None
    name: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    input: Any = None
    citations: Any = None


class Delta(msgspec.Struct, gc=False):
    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: Any = None
    signature: str = ""
    citation: Any = None
    stop_reason: str | None = None


class Event(msgspec.Struct, gc=False):
    type: str = ""
    index: int | None = None
    delta: Delta | None = None
    content_block: Block | None = None
    message: Message | None = None
    usage: Usage | None = None
    error: Any = None


decode_event = msgspec.json.Decoder(Event).decode


def blocks_of(content: Any) -> list[tuple[Block, Any]]:
    """Return the blocks of a whole message, each with its JSON; what is no block is left out."""
    if isinstance(content, str):
        return [(Block("text", text=content), {})]
    blocks = []
    for item in content if isinstance(content, list) else []:
        with suppress(ValueError):
            blocks.append((lenient(encode_json(item), Block), item))
    return blocks
