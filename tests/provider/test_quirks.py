"""Answers as servers send them in the wild: each comes out as it was meant."""

from collections.abc import AsyncIterator

import pytest
from msgspec import convert

from opencode.config import ProviderOptions
from opencode.errors import ContextOverflow, ModelAPIError
from opencode.provider.adapters import COMPATIBLE, open_adapter
from opencode.provider.base import ReasoningDelta, StreamEvent, Text, ToolCallEnd, ToolDefinition, UserTurn
from tests.llm import quirks, wires
from tests.llm.chat_call_quirks import CALLS, FAILURES
from tests.llm.chat_quirks import TEXTS, chunk
from tests.llm.quirks import DONE
from tests.llm.server import LLM, Answer, Raw, Usage, Whole

from .wire_case import LOOKUP, WIRES, Taken, adapter, answer_of, asking, take

OTHER = ToolDefinition("other", "Another", {"type": "object"})
CHAT = {**TEXTS, **CALLS}
BY_NAME = {"anthropic": wires.Messages, "openai": wires.Responses, "compatible": wires.Chat}
FULL = Answer(
    text=("Hello", ", ", "wörld 😀"),
    reasoning=("Let me ", "think."),
    tools=(("lookup", {"word": "one"}), ("lookup", {"word": "two"})),
    usage=Usage(input=100, output=50, cached=30, reasoning=20),
)


@pytest.fixture
async def llm() -> AsyncIterator[LLM]:
    async with LLM(title=None) as server:
        yield server


async def ask(llm: LLM, wire: str = "compatible") -> Taken:
    return await answer_of(wire, llm, asking(tools=(LOOKUP, OTHER)))


@pytest.mark.parametrize("name", quirks.STREAMS)
@pytest.mark.parametrize("wire", WIRES)
async def test_an_answer_is_the_same_in_an_odd_stream(llm: LLM, wire: str, name: str) -> None:
    llm.script(FULL, quirks.STREAMS[name](quirks.events(BY_NAME[wire], FULL)))
    usual, odd = await ask(llm, wire), await ask(llm, wire)
    assert (odd.text, odd.reasoning, odd.names) == (usual.text, usual.reasoning, usual.names)
    assert list(odd.inputs.values()) == list(usual.inputs.values())
    assert (odd.finish.reason, odd.finish.tokens) == (usual.finish.reason, usual.finish.tokens)
    assert len(llm.requests) == 2


@pytest.mark.parametrize("name", CHAT)
async def test_a_chat_answer_is_read_as_it_was_meant(llm: LLM, name: str) -> None:
    step, expected = CHAT[name]
    llm.script(step)
    taken = await ask(llm)
    assert (taken.text, taken.reasoning) == (expected.text, expected.reasoning)
    calls = zip(taken.names, taken.inputs.values(), strict=True)
    assert tuple(calls) == expected.calls
    assert len(set(taken.started)) == len(expected.calls)
    assert taken.finish.reason == expected.reason
    ends = [event.metadata for event in taken.events if isinstance(event, ToolCallEnd) and event.metadata]
    if expected.kept:
        assert tuple(taken.kept + ends) == expected.kept


@pytest.mark.parametrize("name", FAILURES)
async def test_what_is_no_whole_answer_is_worth_a_retry(llm: LLM, name: str) -> None:
    llm.script(FAILURES[name])
    with pytest.raises(ModelAPIError) as failure:
        await ask(llm)
    assert failure.value.retryable


@pytest.mark.parametrize("as_json", [True, False], ids=["in JSON", "in a stream"])
@pytest.mark.parametrize("wire", ["anthropic", "openai", "compatible"])
async def test_an_error_with_status_200_is_told_in_its_words(llm: LLM, wire: str, as_json: bool) -> None:
    shape = {"object": "error", "message": "The model is gone", "type": "NotFoundError", "code": 404}
    llm.script(Whole(shape) if as_json else Raw((quirks.data(shape), DONE)))
    with pytest.raises(ModelAPIError, match="The model is gone") as failure:
        await ask(llm, wire)
    assert not failure.value.retryable


@pytest.mark.parametrize("as_json", [True, False], ids=["in JSON", "in a stream"])
async def test_a_full_context_is_told_apart(llm: LLM, as_json: bool) -> None:
    shape = {"object": "error", "message": "The maximum context length is 10 tokens.", "code": 400}
    llm.script(Whole(shape) if as_json else Raw((quirks.data(shape), DONE)))
    with pytest.raises(ContextOverflow):
        await ask(llm)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("value", [{"hello": 1}, [], ["a"], {}], ids=str)
async def test_json_that_is_no_answer_is_an_error(llm: LLM, wire: str, value: object) -> None:
    llm.script(Whole(value))
    with pytest.raises(ModelAPIError):
        await ask(llm, wire)


async def test_thoughts_in_tags_stream_while_they_come(llm: LLM) -> None:
    llm.script(Answer(text=("<think>", "one ", "two ", "three"), fault=("end", "drop")))
    door, events = adapter("compatible", llm.url), list[StreamEvent]()
    with pytest.raises(ModelAPIError):
        await take(door, asking(), events)
    await door.close()
    assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == "one two three"


@pytest.mark.parametrize(
    ("of_provider", "of_model", "split"),
    [(True, None, True), (False, None, False), (True, False, False), (False, True, True)],
)
async def test_tags_stay_in_the_text_where_opencode_json_says_so(
    llm: LLM, of_provider: bool, of_model: bool | None, split: bool
) -> None:
    llm.script(Raw((chunk({"content": "<think>a</think>b"}, "stop"), DONE)))
    options = {"num_ctx": 1} | ({} if of_model is None else {"thinkTags": of_model})
    provider = convert({"thinkTags": of_provider}, ProviderOptions)
    door = open_adapter("local", COMPATIBLE, f"{llm.url}/v1", None, provider)
    taken = await take(door, asking(UserTurn((Text("hello"),)), options=options))
    await door.close()
    assert (taken.text, taken.reasoning) == (("b", "a") if split else ("<think>a</think>b", ""))
    assert "thinkTags" not in llm.requests[0].body
    assert llm.requests[0].body["num_ctx"] == 1


async def test_a_marker_without_an_end_is_waited_for_no_longer_than_the_grace(
    llm: LLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opencode.provider.wire.adapter.GRACE_S", 0.1)
    frames = quirks.events(wires.Messages, Answer(text="half"))[:4]
    llm.script(Raw((*frames, DONE), end=False))
    with pytest.raises(ModelAPIError, match="before it was complete"):
        await ask(llm, "anthropic")


@pytest.mark.parametrize(("wire", "frames_of"), [("anthropic", wires.Messages), ("openai", wires.Responses)])
async def test_a_marker_in_place_of_the_end_ends_an_answer_whose_parts_have_ended(
    llm: LLM, wire: str, frames_of: type[wires.Wire]
) -> None:
    frames = [frame for frame in frames_of.frames(Answer(text="hello"), "test-model") if frame.kind != "end"]
    llm.script(Raw((*(frame.data for frame in frames), DONE)))
    assert (await ask(llm, wire)).text == "hello"
