"""An answer as it is written: stored first, then published, and both whatever cancels the turn between."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opencode.agent.dependencies import TurnSession
from opencode.agent.transcript import Transcript
from opencode.bus import Bus
from opencode.errors import ModelError, ToolError
from opencode.provider.base import (
    BlockEnd,
    ReasoningDelta,
    Restart,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from opencode.schema.event import EventProperties, MessageRemoved, MessageUpdated, PartUpdated
from opencode.schema.message import AssistantMessage
from opencode.schema.part import (
    Part,
    ReasoningPart,
    StepStartPart,
    TextPart,
    Tokens,
    ToolPart,
    ToolStateCompleted,
    ToolStateError,
)
from opencode.store import Store, Unit
from opencode.tool.base import ToolResult

from .conversation import SESSION, assistant, session


class SlowStore:
    """A store whose commits wait for a gate, once one is set."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.gate: asyncio.Event | None = None
        self.waiting = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, session_id: str | None = None) -> asyncio.Future[None]:
        return asyncio.ensure_future(self._commit(session_id))

    async def _commit(self, session_id: str | None) -> None:
        await self.wait()
        await self._store.commit(session_id)

    async def wait(self) -> None:
        self.waiting.set()
        if self.gate is not None:
            await self.gate.wait()


class Recorded:
    """The bus and the session of a turn, which keep what was published."""

    def __init__(self, store: SlowStore) -> None:
        self._store = store
        self.events: list[EventProperties] = []

    def publish(self, event: EventProperties) -> None:
        self.events.append(deepcopy(event))

    async def commit(
        self, unit: Unit, events: Sequence[EventProperties], cost: float = 0, tokens: Tokens | None = None
    ) -> None:
        await self._store.wait()
        await unit.commit()
        self.events += deepcopy(events)

    def parts(self) -> list[Part]:
        return [event.part for event in self.events if isinstance(event, PartUpdated)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SlowStore]:
    store = await Store.open(tmp_path)
    store.put_session(session())
    yield SlowStore(store)
    await store.close()


@pytest.fixture
def published(store: SlowStore) -> Recorded:
    return Recorded(store)


@pytest.fixture
async def transcript(store: SlowStore, published: Recorded) -> Transcript:
    """Return an answer that has begun."""
    message = assistant(2, parent=1).info
    assert isinstance(message, AssistantMessage)
    transcript = Transcript(cast(Store, store), cast(Bus, published), cast(TurnSession, published), message)
    transcript.open()
    await transcript.opened()
    published.events.clear()
    return transcript


async def cancelled(store: SlowStore, work: Coroutine[Any, Any, None]) -> None:
    """Cancel work while it waits for the disk, and check that it ends cancelled, but not before the disk."""
    store.gate = asyncio.Event()
    store.waiting.clear()
    task = asyncio.create_task(work)
    await store.waiting.wait()
    task.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done()
    store.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_output_of_a_tool_is_published_though_the_turn_is_cancelled_while_it_is_stored(
    store: SlowStore, published: Recorded, transcript: Transcript
) -> None:
    await transcript.write(ToolCallStart("call_1", "webfetch"))
    transcript.tool_running("call_1", "webfetch", {})
    await cancelled(store, transcript.tool_completed("call_1", ToolResult("page", title="Page")))
    last = published.parts()[-1]
    assert isinstance(last, ToolPart)
    assert isinstance(last.state, ToolStateCompleted)


async def end_step(transcript: Transcript) -> None:
    await transcript.finish_step("stop", Tokens(output=3), 0.5)


async def end_failed(transcript: Transcript) -> None:
    await transcript.fail(ModelError("cut"))


@pytest.mark.parametrize("end", [end_step, end_failed])
async def test_the_end_of_an_answer_is_published_though_the_turn_is_cancelled_while_it_is_stored(
    store: SlowStore,
    published: Recorded,
    transcript: Transcript,
    end: Callable[[Transcript], Coroutine[Any, Any, None]],
) -> None:
    await transcript.write(TextDelta("so far"))
    await cancelled(store, end(transcript))
    assert transcript.closed
    (update,) = [event for event in published.events if isinstance(event, MessageUpdated)]
    assert isinstance(update.info, AssistantMessage)
    assert update.info.time.completed


async def test_an_answer_that_is_taken_back_is_gone_everywhere_though_the_turn_is_cancelled(
    store: SlowStore, published: Recorded, transcript: Transcript
) -> None:
    await cancelled(store, transcript.withdraw())
    assert transcript.closed
    assert isinstance(published.events[-1], MessageRemoved)


async def test_a_block_that_begins_ends_the_one_before(published: Recorded, transcript: Transcript) -> None:
    for event in (ReasoningDelta("hm"), TextDelta("a"), TextDelta("b"), ReasoningDelta("hm, hm")):
        await transcript.write(event)
    await transcript.write(ToolCallStart("call_1", "webfetch"))
    finished = [part for part in published.parts() if getattr(part, "time", None) and part.time.end]  # type: ignore[union-attr]
    assert [part.text for part in finished] == ["hm", "ab", "hm, hm"]  # type: ignore[union-attr]


async def test_what_a_provider_wants_back_with_a_block_is_kept(transcript: Transcript) -> None:
    await transcript.write(ReasoningDelta("hm"))
    await transcript.write(BlockEnd({"signature": "s"}))
    await transcript.write(ToolCallStart("call_1", "webfetch"))
    await transcript.write(ToolCallEnd("call_1", "{}", {"signature": "t"}))
    assert [part.metadata for part in transcript.parts[1:]] == [{"signature": "s"}, {"signature": "t"}]  # type: ignore[union-attr]


async def test_an_answer_that_begins_anew_leaves_nothing_of_what_came_before(transcript: Transcript) -> None:
    for event in (TextDelta("half"), ToolCallStart("c1", "look"), Restart(), TextDelta("whole"), BlockEnd()):
        await transcript.write(event)
    assert not transcript.calls
    [text] = [part for part in transcript.parts if not isinstance(part, StepStartPart)]
    assert isinstance(text, TextPart)
    assert text.text == "whole"


async def test_calls_that_run_when_an_answer_fails_are_marked_interrupted(transcript: Transcript) -> None:
    for name in ("call_1", "call_2"):
        await transcript.write(ToolCallStart(name, "webfetch"))
    await transcript.tool_failed("call_1", ToolError("refused"))
    transcript.tool_running("call_2", "webfetch", {"url": "x"})
    await transcript.fail(ModelError("The server stopped."))
    states = [part.state for part in transcript.parts if isinstance(part, ToolPart)]
    assert all(isinstance(state, ToolStateError) for state in states)
    errors = [state.error for state in states if isinstance(state, ToolStateError)]
    assert errors == ["refused", "The call was interrupted: The server stopped."]
    assert isinstance(states[1], ToolStateError)
    assert states[1].metadata == {"interrupted": True}
    assert states[1].input == {"url": "x"}


async def test_what_is_stored_is_what_was_published(store: SlowStore, transcript: Transcript) -> None:
    await transcript.write(TextDelta("words"))
    await transcript.finish_step("stop", Tokens(output=3), 0.5)
    stored = await store.message(SESSION, transcript.message.id)
    assert stored == transcript.snapshot()
    assert (transcript.message.cost, transcript.message.finish) == (0.5, "stop")


async def test_calls_with_one_id_are_two_calls(transcript: Transcript) -> None:
    for event in (
        ToolCallStart("same", "webfetch"),
        ToolCallStart("same", "todoread"),
        ToolCallEnd("same", '{"url": "x"}'),
        ToolCallEnd("same", "{}"),
    ):
        await transcript.write(event)
    calls = [(call.part.tool, call.raw) for call in transcript.calls.values()]
    assert calls == [("webfetch", '{"url": "x"}'), ("todoread", "{}")]
    assert len({call.part.call_id for call in transcript.calls.values()}) == 2


IDS = st.sampled_from(["a", "b", ""])
EVENTS = st.one_of(
    st.builds(TextDelta, st.text(max_size=3)),
    st.builds(ReasoningDelta, st.text(max_size=3)),
    st.builds(BlockEnd, st.sampled_from([{}, {"signature": "s"}])),
    st.builds(ToolCallStart, IDS, st.just("webfetch")),
    st.builds(ToolCallDelta, IDS, st.just("{")),
    st.builds(ToolCallEnd, IDS, st.sampled_from(["", "{}", "{"])),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(
    stream=st.lists(EVENTS, max_size=12), running=st.booleans(), end=st.sampled_from([end_step, end_failed])
)
def test_whatever_comes_in_whatever_order_no_part_is_left_open(
    tmp_path_factory: pytest.TempPathFactory,
    stream: list[StreamEvent],
    running: bool,
    end: Callable[[Transcript], Coroutine[Any, Any, None]],
) -> None:
    async def write(folder: Path) -> None:
        opened = await Store.open(folder)
        opened.put_session(session())
        store = SlowStore(opened)
        published = Recorded(store)
        message = assistant(2, parent=1).info
        assert isinstance(message, AssistantMessage)
        transcript = Transcript(
            cast(Store, store), cast(Bus, published), cast(TurnSession, published), message
        )
        transcript.open()
        for event in stream:
            await transcript.write(event)
        for call_id in list(transcript.calls)[:1] if running else ():
            transcript.tool_running(call_id, "webfetch", {})
        await end(transcript)
        stored = await opened.message(SESSION, message.id)
        await opened.close()
        assert stored == transcript.snapshot()
        calls = [part for part in stored.parts if isinstance(part, ToolPart)]
        assert len(calls) == sum(isinstance(event, ToolCallStart) for event in stream)
        assert len({call.call_id for call in calls}) == len(calls)
        assert all(isinstance(call.state, ToolStateError) for call in calls)
        spans = [part.time for part in stored.parts if isinstance(part, TextPart | ReasoningPart)]
        assert all(span and span.end for span in spans)

    asyncio.run(write(tmp_path_factory.mktemp("transcript")))
