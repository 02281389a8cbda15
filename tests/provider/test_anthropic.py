import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from opencode.errors import ContextOverflow, ModelAPIError
from opencode.provider.base import (
    AssistantTurn,
    Attachment,
    ModelRequest,
    Reasoning,
    StopReason,
    Text,
    ToolCall,
    ToolDefinition,
    ToolOutput,
    UserTurn,
)
from opencode.schema.part import CacheTokens, Tokens
from opencode.schema.provider import Limit
from tests.llm.server import LLM, Answer, Raw, Usage

from .wire_case import LOOKUP, answer_of, asking, model

PNG = Attachment("image/png", "data:", data="aW1n", filename="a.png")
PDF = Attachment("application/pdf", "https://example.org/b.pdf", filename="b.pdf")
CACHE = {"type": "ephemeral"}


@pytest.fixture
async def llm() -> AsyncIterator[LLM]:
    async with LLM(title=None) as server:
        yield server


async def sent(llm: LLM, request: ModelRequest) -> dict[str, Any]:
    """Return the body that the provider gets for a request."""
    llm.script(Answer(text="ok"))
    await answer_of("anthropic", llm, request)
    return llm.requests[-1].body


def events(*values: dict[str, Any]) -> Raw:
    return Raw(tuple(f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode() for value in values))


async def test_thinking_comes_back_signed_and_is_sent_again_unchanged(llm: LLM) -> None:
    llm.script(Answer(reasoning=("Hm", "m."), redacted=True, tools=(("lookup", {"word": "x"}),)))
    taken = await answer_of("anthropic", llm)
    thought = Reasoning("Hmm.", taken.kept[0])
    hidden = Reasoning("", taken.ends[0].metadata["before"][0])
    call = ToolCall(taken.started[0], "lookup", {"word": "x"})
    turns = (UserTurn((Text("hello"),)), AssistantTurn((thought, hidden, call)))
    body = await sent(llm, asking(*turns, UserTurn((ToolOutput(call.call_id, "lookup", "found"),))))
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hmm.", "signature": "c2lnbmVk"},
        {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="},
        {"type": "tool_use", "id": call.call_id, "name": "lookup", "input": {"word": "x"}},
    ]


async def test_thinking_without_its_text_keeps_its_signature(llm: LLM) -> None:
    llm.script(Answer(reasoning=("",), text="Done"))
    taken = await answer_of("anthropic", llm)
    assert (taken.reasoning, taken.kept) == ("", [{"before": [{"anthropic": {"signature": "c2lnbmVk"}}]}])


async def test_unsigned_reasoning_is_left_out(llm: LLM) -> None:
    turns = (
        UserTurn((Text("a"),)),
        AssistantTurn((Reasoning("mine", {}), Text("b"))),
        UserTurn((Text("c"),)),
    )
    body = await sent(llm, asking(*turns))
    assert body["messages"][1]["content"] == [{"type": "text", "text": "b"}]


async def test_four_cache_breakpoints_mark_tools_system_and_the_last_two_user_turns(llm: LLM) -> None:
    turns = [turn for word in "abc" for turn in (UserTurn((Text(word),)), AssistantTurn((Text(word),)))]
    second = ToolDefinition("other", "", {"type": "object"})
    body = await sent(
        llm, asking(*turns, UserTurn((Text("d"),)), system=("one", "two"), tools=(LOOKUP, second))
    )
    assert [tool.get("cache_control") for tool in body["tools"]] == [None, CACHE]
    assert [block.get("cache_control") for block in body["system"]] == [None, CACHE]
    marked = [message["content"][-1].get("cache_control") for message in body["messages"]]
    assert marked == [None, None, None, None, CACHE, None, CACHE]
    assert json.dumps(body).count("cache_control") == 4


async def test_images_and_documents_go_into_user_turns_and_tool_results(llm: LLM) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aW1n"}}
    source = {"type": "url", "url": "https://example.org/b.pdf"}
    document = {"type": "document", "source": source, "title": "b.pdf"}
    unknown = Attachment("video/mp4", "data:", data="dg==", filename="v.mp4")
    turns = (
        UserTurn((Text("look"), PNG, unknown)),
        AssistantTurn((ToolCall("a", "lookup", {}), ToolCall("b", "lookup", {}))),
        UserTurn(
            (
                ToolOutput("a", "lookup", "files", attachments=(PNG, PDF)),
                ToolOutput("b", "lookup", "no", True),
            )
        ),
    )
    first, _, last = (await sent(llm, asking(*turns)))["messages"]
    assert first["content"][1] == image
    assert "v.mp4 is of type video/mp4" in first["content"][2]["text"]
    assert last["content"] == [
        {
            "type": "tool_result",
            "tool_use_id": "a",
            "content": [{"type": "text", "text": "files"}, image, document],
        },
        {
            "type": "tool_result",
            "tool_use_id": "b",
            "content": "no",
            "is_error": True,
            "cache_control": CACHE,
        },
    ]


async def test_empty_texts_are_left_out_for_the_api_refuses_them(llm: LLM) -> None:
    turns = (UserTurn((Text(""), Text("a"))), AssistantTurn((Text(" \n"),)), UserTurn((Text("b"),)))
    body = await sent(llm, asking(*turns, system=(" ",)))
    texts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": CACHE}]
    assert body["messages"] == [{"role": "user", "content": texts}]
    assert "system" not in body


async def test_call_ids_of_other_providers_are_made_to_fit(llm: LLM) -> None:
    turns = (
        UserTurn((Text("a"),)),
        AssistantTurn((ToolCall("functions.lookup:0", "lookup", {}),)),
        UserTurn((ToolOutput("functions.lookup:0", "lookup", "x"),)),
    )
    messages = (await sent(llm, asking(*turns)))["messages"]
    assert messages[1]["content"][0]["id"] == messages[2]["content"][0]["tool_use_id"] == "functions_lookup_0"


async def test_a_thinking_budget_comes_on_top_of_the_answer_and_stops_sampling(llm: LLM) -> None:
    options = {"thinking": {"type": "enabled", "budgetTokens": 16_000}}
    spacious = model(limit=Limit(context=200_000, output=64_000))
    request = asking(model=spacious, options=options, temperature=0.5, top_p=0.5)
    body = await sent(llm, request)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 16_000}
    assert body["max_tokens"] == 48_000
    assert not {"temperature", "top_p"} & body.keys()


async def test_a_thinking_budget_stays_below_the_models_limit(llm: LLM) -> None:
    body = await sent(llm, asking(options={"thinking": {"type": "enabled", "budgetTokens": 16_000}}))
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (8_000, 7_999)


async def test_adaptive_thinking_and_effort_are_passed_on(llm: LLM) -> None:
    thinking = {"type": "adaptive", "display": "summarized"}
    body = await sent(llm, asking(options={"thinking": thinking, "effort": "high"}, temperature=0.5))
    assert (body["thinking"], body["output_config"]) == (thinking, {"effort": "high"})
    assert "temperature" not in body


@pytest.mark.parametrize(("choice", "kind"), [("auto", "auto"), ("required", "any"), ("none", "none")])
async def test_tool_choice_is_translated(llm: LLM, choice: Any, kind: str) -> None:
    body = await sent(llm, asking(tools=(LOOKUP,), tool_choice=choice))
    assert body["tool_choice"] == {"type": kind}


async def test_a_forced_call_leaves_thinking_out(llm: LLM) -> None:
    options = {"thinking": {"type": "adaptive"}}
    body = await sent(llm, asking(tools=(LOOKUP,), tool_choice="required", options=options, temperature=0.5))
    assert "thinking" not in body
    assert body["temperature"] == 0.5


async def test_sampling_and_limits_are_sent(llm: LLM) -> None:
    body = await sent(llm, asking(temperature=0.5, top_p=0.9, max_output_tokens=77))
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.5, 0.9, 77)
    body = await sent(llm, asking(model=model(temperature=False, limit=Limit()), temperature=0.5))
    assert "temperature" not in body
    assert body["max_tokens"] == 32_000
    assert not {"tools", "tool_choice", "thinking", "system"} & body.keys()


async def test_cache_writes_are_counted(llm: LLM) -> None:
    llm.script(Answer(text="Hi", usage=Usage(input=1000, output=50, cached=600, written=300, reasoning=10)))
    tokens = (await answer_of("anthropic", llm)).finish.tokens
    cache = CacheTokens(read=600, write=300)
    assert tokens == Tokens(input=100, output=40, reasoning=10, cache=cache, total=1050)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool-calls"),
        ("max_tokens", "length"),
        ("refusal", "content-filter"),
        ("pause_turn", "pause"),
        ("something_new", "other"),
    ],
)
async def test_every_stop_reason_is_translated(llm: LLM, word: str, reason: StopReason) -> None:
    llm.script(Answer(text="Hi", stop=word))
    assert (await answer_of("anthropic", llm)).finish.reason == reason


async def test_an_answer_that_fills_the_window_is_an_overflow_that_compaction_can_cure(llm: LLM) -> None:
    llm.script(Answer(text="Hi", stop="model_context_window_exceeded"))
    with pytest.raises(ContextOverflow):
        await answer_of("anthropic", llm)


async def test_an_error_event_of_the_request_is_not_retryable(llm: LLM) -> None:
    error = {"type": "invalid_request_error", "message": "tools.0: bad schema"}
    llm.script(events({"type": "error", "error": error}))
    with pytest.raises(ModelAPIError, match="bad schema") as failure:
        await answer_of("anthropic", llm)
    assert not failure.value.retryable


async def test_interleaved_blocks_and_an_input_sent_whole_are_kept_apart(llm: LLM) -> None:
    def start(index: int, **block: Any) -> dict[str, Any]:
        return {"type": "content_block_start", "index": index, "content_block": {"type": "tool_use", **block}}

    def more(index: int, text: str) -> dict[str, Any]:
        delta = {"type": "input_json_delta", "partial_json": text}
        return {"type": "content_block_delta", "index": index, "delta": delta}

    llm.script(
        events(
            start(0, id="a", name="lookup", input={}),
            start(1, id="b", name="lookup", input={}),
            start(2, id="c", name="lookup", input={"word": "whole"}),
            {
                "type": "content_block_start",
                "index": 3,
                "content_block": {"type": "server_tool_use", "id": "s"},
            },
            more(3, "ignored"),
            more(0, '{"word":'),
            more(1, '{"word": 2}'),
            more(0, " 1}"),
            {"type": "content_block_stop", "index": 1},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
            {"type": "message_stop"},
        )
    )
    taken = await answer_of("anthropic", llm)
    assert taken.inputs == {"a": '{"word": 1}', "b": '{"word": 2}', "c": '{"word":"whole"}'}
    assert taken.finish.tokens.output == 5
