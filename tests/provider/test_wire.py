"""What holds for every wire: answers that come whole, are cut, or are wanted no more."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from opencode.errors import ModelAPIError
from opencode.provider.base import (
    AssistantTurn,
    Finish,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
    ToolOutput,
    UserTurn,
)
from opencode.schema.part import CacheTokens, Tokens
from tests.llm.server import LLM, Answer, Fault, Moment, Raw, Usage

from .wire_case import KEY, LOOKUP, WIRES, adapter, answer_of, asking, take

FULL = Answer(
    reasoning=("Let me ", "think."),
    text=("Hello", ", ", "wörld 😀"),
    tools=(("lookup", {"word": "one"}), ("lookup", {"word": "two"})),
    usage=Usage(input=100, output=50, cached=30, reasoning=20),
)


@pytest.fixture
async def llm() -> AsyncIterator[LLM]:
    async with LLM(title=None) as server:
        yield server


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("halves", [False, True], ids=["whole", "cut-in-half"])
async def test_an_answer_comes_through_with_all_its_parts(llm: LLM, wire: str, halves: bool) -> None:
    llm.script(Answer(FULL.text, FULL.reasoning, FULL.tools, FULL.usage, halves=halves))
    taken = await answer_of(wire, llm, asking(tools=(LOOKUP,)))
    assert taken.text == "Hello, wörld 😀"
    assert taken.reasoning.replace("\n\n", "") == "Let me think."
    assert taken.names == ["lookup", "lookup"]
    assert len(set(taken.started)) == 2
    assert list(taken.inputs.values()) == ['{"word": "one"}', '{"word": "two"}']
    assert taken.streamed_inputs == taken.inputs
    assert taken.finish.reason == "tool-calls"


async def test_tokens_are_counted_without_what_was_cached_and_reasoned(llm: LLM, wire: str) -> None:
    llm.script(FULL)
    tokens = (await answer_of(wire, llm)).finish.tokens
    assert tokens == Tokens(input=70, output=30, reasoning=20, cache=CacheTokens(read=30), total=150)


async def test_deltas_that_come_in_one_read_are_one_event(llm: LLM, wire: str) -> None:
    llm.script(Answer(text=("word ",) * 500))
    taken = await answer_of(wire, llm)
    assert taken.text == "word " * 500
    assert sum(isinstance(event, TextDelta) for event in taken.events) < 50


async def test_invalid_tool_input_is_handed_on_as_the_model_wrote_it(llm: LLM, wire: str) -> None:
    llm.script(Answer(tools=(("lookup", '{"word": "on'),)))
    taken = await answer_of(wire, llm, asking(tools=(LOOKUP,)))
    assert list(taken.inputs.values()) == ['{"word": "on']


@pytest.mark.parametrize("fault", ["drop", "close"])
@pytest.mark.parametrize("moment", ["start", "reasoning", "text", "tool", "end"])
async def test_a_cut_stream_is_a_retryable_error(llm: LLM, wire: str, moment: Moment, fault: Fault) -> None:
    llm.script(Answer(FULL.text, FULL.reasoning, FULL.tools, fault=(moment, fault)))
    with pytest.raises(ModelAPIError, match="ended before it was complete") as failure:
        await answer_of(wire, llm)
    assert failure.value.retryable


async def test_what_came_before_a_cut_is_delivered(llm: LLM, wire: str) -> None:
    llm.script(Answer(text=("Hello", " world"), fault=("end", "drop")))
    door, events = adapter(wire, llm.url), list[StreamEvent]()
    with pytest.raises(ModelAPIError):
        await take(door, asking(), events)
    await door.close()
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Hello world"


async def test_silence_is_a_retryable_error_that_names_the_seconds(llm: LLM, wire: str) -> None:
    llm.script(Answer(text=("Hello", "…"), fault=("text", "hang")))
    with pytest.raises(ModelAPIError, match=r"0\.2 seconds") as failure:
        await answer_of(wire, llm, idle_s=0.2)
    assert failure.value.retryable
    await llm.until(lambda server: server.disconnects == 1)


async def test_a_slow_but_living_stream_is_not_silence(llm: LLM, wire: str) -> None:
    llm.script(Answer(text=("a",) * 8, pace=0.1))
    assert (await answer_of(wire, llm, idle_s=0.4)).text == "a" * 8


async def test_an_error_inside_the_stream_is_retryable(llm: LLM, wire: str) -> None:
    llm.script(Answer(text=("Hello", "…"), fault=("text", "error")))
    with pytest.raises(ModelAPIError, match=r"Overloaded|error|failed") as failure:
        await answer_of(wire, llm)
    assert failure.value.retryable


async def test_garbage_inside_the_stream_is_quoted(llm: LLM, wire: str) -> None:
    llm.script(Answer(text=("Hello", "…"), fault=("text", "garbage")))
    with pytest.raises(ModelAPIError, match=r"invalid event: {not json"):
        await answer_of(wire, llm)


async def test_an_event_that_never_ends_is_refused(
    llm: LLM, wire: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opencode.provider.wire.sse.SSEDecoder.__init__.__defaults__", (10_000,))
    llm.script(Raw((b"data: ", *((b"x" * 1000),) * 100), end=False))
    with pytest.raises(ModelAPIError, match="more than 10,000 bytes") as failure:
        await answer_of(wire, llm)
    assert not failure.value.retryable


async def test_broken_characters_do_not_stop_a_request(llm: LLM, wire: str) -> None:
    llm.script(Answer(text="fine"))
    turns = (
        UserTurn((Text("nul \x00, half \ud83d"),)),
        AssistantTurn((ToolCall("c1", "lookup", {"wo\udc00rd": "\ud83d"}),)),
        UserTurn((ToolOutput("c1", "lookup", "\udfff"),)),
    )
    assert (await answer_of(wire, llm, asking(*turns, tools=(LOOKUP,)))).text == "fine"
    assert "half �" in str(llm.requests[0].body)


async def test_cancelling_closes_the_connection(llm: LLM, wire: str) -> None:
    llm.script(Answer(text=("Hello", "…"), fault=("text", "hang")))
    door, first = adapter(wire, llm.url), asyncio.Event()

    async def read() -> None:
        async with aclosing(door.stream(asking())) as events:
            async for _ in events:
                first.set()

    task = asyncio.create_task(read())
    await first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await llm.until(lambda server: server.disconnects == 1)
    await door.close()


async def test_an_endless_answer_ends_when_nobody_wants_more(llm: LLM, wire: str) -> None:
    llm.script(Answer(text="more ", endless=True))
    door = adapter(wire, llm.url)
    async with aclosing(door.stream(asking())) as events:
        await anext(events)
    await llm.until(lambda server: server.disconnects == 1)
    await door.close()


async def test_finish_comes_though_the_server_keeps_the_connection_open(llm: LLM, wire: str) -> None:
    whole = b"".join(
        {
            "anthropic": (b'data: {"type":"message_stop"}\n\n',),
            "openai": (b'data: {"type":"response.completed","response":{}}\n\n',),
            "compatible": (b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n', b"data: [DONE]\n\n"),
        }[wire]
    )
    gate = asyncio.Event()
    llm.on("test-model", Raw((whole,), hold=gate))
    started = time.monotonic()
    taken = await answer_of(wire, llm)
    assert isinstance(taken.finish, Finish)
    assert time.monotonic() - started < 3
    gate.set()


async def test_requests_share_a_client_and_reuse_its_connections(llm: LLM, wire: str) -> None:
    llm.on("test-model", Answer(text="Hi"))
    door = adapter(wire, llm.url)
    for _ in range(5):
        await take(door, asking())
    assert llm.connections == 1
    texts = [taken.text for taken in await asyncio.gather(*(take(door, asking()) for _ in range(50)))]
    assert texts == ["Hi"] * 50
    await door.close()


async def test_a_closed_adapter_opens_again(llm: LLM, wire: str) -> None:
    llm.on("test-model", Answer(text="Hi"))
    door = adapter(wire, llm.url)
    for _ in range(2):
        assert (await take(door, asking())).text == "Hi"
        await door.close()


async def test_the_provider_lists_its_models(llm: LLM, wire: str) -> None:
    door = adapter(wire, llm.url)
    assert await door.model_ids() == ["one", "two"]
    await door.close()


async def test_a_list_of_models_that_is_none_is_no_traceback(wire: str) -> None:
    async with LLM(models=None) as server:
        door = adapter(wire, server.url)
        with pytest.raises(ModelAPIError, match="in an unknown format"):
            await door.model_ids()
        await door.close()


async def test_headers_of_provider_and_model_are_sent(llm: LLM, wire: str) -> None:
    llm.script(Answer(text="Hi"))
    request = asking()
    request.model.headers["x-model"] = "m"
    await answer_of(wire, llm, request, headers={"x-provider": "p"})
    sent = llm.requests[0].headers
    assert (sent["x-provider"], sent["x-model"]) == ("p", "m")
    assert KEY in sent["authorization"]
