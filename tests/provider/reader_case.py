"""A reader fed with events, without a server: what comes out, as an answer's parts."""

import json
from typing import Any

from opencode.provider.base import Restart, StreamEvent
from opencode.provider.messages.reader import MessagesReader
from opencode.provider.responses.reader import ResponsesReader
from opencode.provider.wire.errors import ProviderErrors

from .wire_case import Taken

ERRORS = ProviderErrors("test", "https://llm.example.org/v1", "", {})


def messages_reader(*, server_tools: bool = False) -> MessagesReader:
    return MessagesReader(ERRORS, server_tools)


def responses_reader(*, server_tools: bool = False) -> ResponsesReader:
    return ResponsesReader(ERRORS, server_tools)


def taken(reader: MessagesReader | ResponsesReader, *events: dict[str, Any]) -> Taken:
    """Feed a stream's events; return the answer, without what a restart took back. It must be whole."""
    for event in events:
        reader.read(json.dumps(event).encode())
    assert reader.whole
    return _ended(reader)


def taken_whole(reader: MessagesReader | ResponsesReader, answer: dict[str, Any]) -> Taken:
    """Feed a whole answer; return its parts."""
    reader.read_answer(json.dumps(answer).encode())
    assert reader.whole
    assert reader.done
    return _ended(reader)


def _ended(reader: MessagesReader | ResponsesReader) -> Taken:
    finish = reader.finish()
    events: list[StreamEvent] = []
    for event in reader.batch.take():
        if isinstance(event, Restart):
            events.clear()
        else:
            events.append(event)
    return Taken([*events, finish])
