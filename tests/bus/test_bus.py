import asyncio

import pytest

from opencode.bus import Bus, Event, Lagged
from opencode.schema.event import PartDelta, SessionIdle


def delta(text: str, session_id: str = "ses_1") -> PartDelta:
    return PartDelta(session_id=session_id, message_id="msg_1", part_id="prt_1", field="text", delta=text)


async def test_every_subscriber_gets_every_event_in_order() -> None:
    bus = Bus()
    async with bus.subscribe() as first, bus.subscribe() as second:
        sent = [bus.publish(delta(str(number))) for number in range(5)]
        assert await first.next() == sent
        assert await second.next() == sent


async def test_a_subscriber_of_a_session_hears_of_that_session_alone() -> None:
    bus = Bus()
    async with bus.subscribe("ses_2") as listener:
        bus.publish(delta("one", "ses_1"))
        wanted = bus.publish(delta("two", "ses_2"))
        assert await listener.next() == [wanted]


async def test_a_waiting_subscriber_wakes_up() -> None:
    bus = Bus()
    async with bus.subscribe() as listener:
        waiting = asyncio.create_task(listener.next())
        await asyncio.sleep(0)
        sent = bus.publish(SessionIdle(session_id="ses_1"))
        assert await waiting == [sent]


async def test_a_wait_ends_with_nothing_when_its_time_is_over() -> None:
    async with Bus().subscribe() as listener:
        assert await listener.next(timeout=0.01) == []


async def test_a_waiting_subscriber_may_take_events_as_they_are_published() -> None:
    bus = Bus()
    taken: list[Event] = []

    def take(event: Event) -> bool:
        if len(taken) < 2:
            taken.append(event)
            return True
        return False

    async with bus.subscribe() as listener:
        before = bus.publish(delta("before"))
        assert await listener.next(directly=take) == [before]
        waiting = asyncio.create_task(listener.next(directly=take))
        await asyncio.sleep(0)
        sent = [bus.publish(delta(str(number))) for number in range(4)]
        assert taken == sent[:2]
        assert await waiting == sent[2:], "what is left waits, and what comes after it, in order"
        assert await listener.next(timeout=0.01, directly=take) == []
        after = bus.publish(delta("after"))
        assert await listener.next() == [after], "nothing is taken while nobody waits"


async def test_replay_gives_what_came_after_an_id() -> None:
    bus = Bus()
    sent = [bus.publish(delta(str(number), f"ses_{number % 2}")) for number in range(6)]
    replay = bus.replay(sent[2].id)
    assert replay.complete
    assert replay.events == sent[3:]
    assert bus.replay(sent[2].id, "ses_0").events == [sent[4]]


async def test_replay_from_the_newest_event_is_empty_and_complete() -> None:
    bus = Bus()
    sent = bus.publish(delta("x"))
    replay = bus.replay(sent.id)
    assert replay.complete
    assert replay.events == []


@pytest.mark.parametrize(
    "last_id", ["evt_00000000000000000000000000", "evt_zzzzzzzzzzzzzzzzzzzzzzzzzz", "nonsense"]
)
async def test_replay_from_an_id_that_was_never_given_is_incomplete(last_id: str) -> None:
    bus = Bus()
    bus.publish(delta("x"))
    assert not bus.replay(last_id).complete


async def test_replay_is_incomplete_once_the_ring_has_let_go_of_what_came_next() -> None:
    bus = Bus(ring_bytes=2_000)
    sent = [bus.publish(delta("x" * 500)) for _ in range(10)]
    assert not bus.replay(sent[0].id).complete
    assert bus.replay(sent[-2].id).events == sent[-1:]


async def test_a_subscriber_that_falls_too_far_behind_is_cut_off_and_can_resume() -> None:
    bus = Bus()
    async with bus.subscribe() as slow:
        first = bus.publish(delta("first"))
        assert await slow.next() == [first]
        sent = [bus.publish(delta("x" * 100_000)) for _ in range(60)]
        assert bus.subscribers == 0
        with pytest.raises(Lagged):
            await slow.next()
    assert bus.replay(sent[-2].id).events == sent[-1:]


async def test_leaving_takes_the_subscriber_off_the_bus() -> None:
    bus = Bus()
    async with bus.subscribe(), bus.subscribe("ses_1"):
        assert bus.subscribers == 2
    assert bus.subscribers == 0


async def test_closing_ends_subscribers_after_what_was_sent() -> None:
    bus = Bus()
    async with bus.subscribe() as listener:
        sent = bus.publish(delta("last"))
        bus.close()
        assert not listener.ended
        assert await listener.next() == [sent]
        assert listener.ended
        assert await listener.next() == []
    assert bus.subscribe().ended


async def test_an_event_is_encoded_once_with_its_id() -> None:
    event = Bus().publish(delta("é"))
    assert event.frame == b"id: " + event.id.encode() + b"\ndata: " + event.json + b"\n\n"
    assert '"delta":"é"' in event.json.decode()
