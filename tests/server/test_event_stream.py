"""The loop beneath all event streams: pieces, heartbeats, its end, and what is left of it then."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from quart import Quart, request

from opencode.bus import Bus, Event
from opencode.schema.event import PartDelta, SessionIdle
from opencode.server import direct_write, event_stream
from opencode.server.event_stream import EventForm, EventStream
from tests.harness import Server


class Connection:
    """Keeps what is written to it directly."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, piece: bytes) -> bool:
        self.written.append(piece)
        return True

    def flush(self) -> None:
        """Nothing is collected."""


def delta(text: str) -> PartDelta:
    return PartDelta(session_id="ses_1", message_id="msg_1", part_id="prt_1", field="text", delta=text)


def is_idle(event: Event) -> bool:
    return isinstance(event.properties, SessionIdle)


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    async with Quart(__name__).test_request_context("/"):
        yield Bus()


def stream_of(bus: Bus, heartbeat: float = 60.0, **options: Any) -> EventStream[Event]:
    stream = EventStream(bus.subscribe(), EventForm(bus), heartbeat, **options)
    stream.response(b"first")
    return stream


async def test_what_waits_together_is_one_piece_after_the_first(bus: Bus) -> None:
    stream = stream_of(bus)
    events = [bus.publish(delta(text)) for text in "abc"]
    assert await anext(stream) == b"first"
    assert await anext(stream) == b"".join(event.frame for event in events)


async def test_nothing_follows_the_event_that_ends_it(bus: Bus) -> None:
    stream = stream_of(bus, until=is_idle)
    events = [bus.publish(delta("a")), bus.publish(SessionIdle(session_id="ses_1"))]
    bus.publish(delta("later"))
    pieces = [piece async for piece in stream]
    assert pieces == [b"first", b"".join(event.frame for event in events)]


async def test_the_first_piece_may_hold_the_end(bus: Bus) -> None:
    stream = stream_of(bus, until=is_idle)
    last = bus.stamp(SessionIdle(session_id="ses_1"))
    stream.response(stream.piece([last, bus.stamp(delta("later"))]))
    assert [piece async for piece in stream] == [last.frame]


async def test_it_ends_with_the_bus_and_where_the_subscriber_is_cut_off(bus: Bus) -> None:
    slow = stream_of(bus)
    assert await anext(slow) == b"first"
    for _ in range(5):
        bus.publish(delta("x" * 1_000_000))
    assert [piece async for piece in slow] == []
    other = stream_of(bus)
    last = bus.publish(delta("last"))
    bus.close()
    assert [piece async for piece in other] == [b"first", last.frame]


async def test_heartbeats_come_among_events_too_and_repeat_the_last_id(bus: Bus) -> None:
    stream = stream_of(bus, heartbeat=0.0)
    await anext(stream)
    assert b'"server.heartbeat"' in await anext(stream)
    event = bus.publish(delta("a"))
    piece = await anext(stream)
    assert piece.startswith(event.frame)
    head, _, _ = piece[len(event.frame) :].partition(b"\n")
    assert head == b"id: " + event.id.encode()


async def test_events_are_written_directly_but_for_the_last(bus: Bus) -> None:
    connection = Connection()
    request.scope["extensions"] = {direct_write._KEY: connection}
    stream = stream_of(bus, until=is_idle)
    bus.publish(delta("before the response has begun"))
    assert connection.written == []
    await anext(stream)
    await anext(stream)
    waiting = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    event = bus.publish(delta("a"))
    last = bus.publish(SessionIdle(session_id="ses_1"))
    assert connection.written == [event.frame]
    assert await waiting == last.frame


async def test_nothing_is_left_of_a_response_that_never_began_or_failed(bus: Bus) -> None:
    await stream_of(bus).aclose()
    assert bus.subscribers == 0
    stream = stream_of(bus)
    with pytest.raises(ValueError, match="no"), stream.opening():
        raise ValueError("no")
    assert bus.subscribers == 0


async def test_a_page_gets_heartbeats(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.05)
    session_id = await server.new_session()
    for path in ("/chats/stream", f"/chat/{session_id}/stream"):
        async with server.client.stream("GET", path) as response, asyncio.timeout(5):
            async for line in response.aiter_lines():
                if line == "event: heartbeat":
                    break
            else:
                raise AssertionError(f"{path} ended without a heartbeat")
