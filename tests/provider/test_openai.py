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
    ToolOutput,
    UserTurn,
)
from opencode.schema.part import CacheTokens, Tokens
from tests.llm.server import LLM, Answer, Raw, Usage

from .wire_case import LOOKUP, answer_of, asking, model

PNG = Attachment("image/png", "data:", data="aW1n", filename="a.png")
PDF = Attachment("application/pdf", "data:", data="cGRm", filename="b.pdf")
LINKED = Attachment("application/pdf", "https://example.org/c.pdf")
THINKER = model("gpt", reasoning=True)


@pytest.fixture
async def llm() -> AsyncIterator[LLM]:
    async with LLM(title=None) as server:
        yield server


async def sent(llm: LLM, request: ModelRequest) -> dict[str, Any]:
    """Return the body that the provider gets for a request."""
    llm.script(Answer(text="ok"))
    await answer_of("openai", llm, request)
    return llm.requests[-1].body


def events(*values: dict[str, Any]) -> Raw:
    return Raw(tuple(f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode() for value in values))


async def test_reasoning_is_carried_back_encrypted_in_its_place(llm: LLM) -> None:
    llm.script(Answer(reasoning=("First.", "Second."), text="I look.", tools=(("lookup", {"word": "x"}),)))
    taken = await answer_of("openai", llm, asking(model=THINKER))
    assert taken.reasoning == "First.\n\nSecond."
    thought = Reasoning(taken.reasoning, taken.kept[0])
    call = ToolCall(taken.started[0], "lookup", {"word": "x"})
    turns = (UserTurn((Text("hello"),)), AssistantTurn((thought, Text("I look."), call)))
    request = asking(*turns, UserTurn((ToolOutput(call.call_id, "lookup", "found"),)), model=THINKER)
    body = await sent(llm, request)
    assert body["input"] == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]},
        {
            "type": "reasoning",
            "id": thought.metadata["openai"]["itemId"],
            "encrypted_content": "d2hvbGU=",
            "summary": [{"type": "summary_text", "text": "First.\n\nSecond."}],
        },
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": call.call_id, "name": "lookup", "arguments": '{"word":"x"}'},
        {"type": "function_call_output", "call_id": call.call_id, "output": "found"},
    ]


async def test_reasoning_that_is_not_encrypted_is_left_out(llm: LLM) -> None:
    answer = AssistantTurn((Reasoning("mine", {}), Text("so")))
    body = await sent(llm, asking(UserTurn((Text("a"),)), answer, UserTurn((Text("b"),))))
    assert [item["type"] for item in body["input"]] == ["message", "message", "message"]


async def test_nothing_is_stored_at_the_provider(llm: LLM) -> None:
    body = await sent(llm, asking(model=THINKER, session_id="ses_1", system=("Be brief.", "Be kind.")))
    assert body["store"] is False
    assert body["include"] == ["reasoning.encrypted_content"]
    assert body["prompt_cache_key"] == "ses_1"
    assert body["instructions"] == "Be brief.\n\nBe kind."
    assert "tools" not in body


async def test_effort_summary_and_verbosity_are_passed_on(llm: LLM) -> None:
    options = {"reasoningEffort": "high", "textVerbosity": "low", "serviceTier": "flex"}
    body = await sent(llm, asking(model=THINKER, options=options))
    assert body["reasoning"] == {"effort": "high", "summary": "auto"}
    assert (body["text"], body["service_tier"]) == ({"verbosity": "low"}, "flex")
    body = await sent(llm, asking(model=THINKER, options={"reasoningSummary": None}))
    assert body["reasoning"] == {}
    assert "reasoning" not in await sent(llm, asking())


async def test_tools_sampling_and_limits_are_sent(llm: LLM) -> None:
    request = asking(tools=(LOOKUP,), tool_choice="required", temperature=0.5, top_p=0.9, max_output_tokens=5)
    body = await sent(llm, request)
    assert body["tools"][0] == {
        "type": "function",
        "name": "lookup",
        "description": "Looks up a word",
        "parameters": LOOKUP.parameters,
        "strict": False,
    }
    assert (body["tool_choice"], body["temperature"], body["top_p"]) == ("required", 0.5, 0.9)
    assert body["max_output_tokens"] == 16


async def test_files_go_into_messages_and_tool_outputs(llm: LLM) -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64,aW1n", "detail": "auto"}
    data = "data:application/pdf;base64,cGRm"
    file = {"type": "input_file", "filename": "b.pdf", "file_data": data}
    turns = (
        UserTurn((Text("look"), PNG, PDF, LINKED)),
        AssistantTurn((ToolCall("a", "lookup", {}),)),
        UserTurn((ToolOutput("a", "lookup", "files", attachments=(PNG, PDF)), Text("so?"))),
    )
    first, _, output, last = (await sent(llm, asking(*turns)))["input"]
    linked = {"type": "input_file", "file_url": "https://example.org/c.pdf"}
    assert first["content"][1:] == [image, file, linked]
    assert output["output"] == [{"type": "input_text", "text": "files"}, image, file]
    assert last["content"] == [{"type": "input_text", "text": "so?"}]


@pytest.mark.parametrize(
    ("word", "reason"),
    [("max_output_tokens", "length"), ("content_filter", "content-filter"), ("something_new", "other")],
)
async def test_an_incomplete_answer_tells_why(llm: LLM, word: str, reason: StopReason) -> None:
    llm.script(Answer(text="Hi", stop=word))
    assert (await answer_of("openai", llm)).finish.reason == reason


async def test_a_refusal_is_text_and_a_filtered_answer(llm: LLM) -> None:
    llm.script(Answer(refusal=("I can't ", "do that.")))
    taken = await answer_of("openai", llm)
    assert (taken.text, taken.finish.reason) == ("I can't do that.", "content-filter")


async def test_cache_writes_are_counted(llm: LLM) -> None:
    llm.script(Answer(text="Hi", usage=Usage(input=1000, output=50, cached=600, written=300)))
    tokens = (await answer_of("openai", llm)).finish.tokens
    assert tokens == Tokens(input=100, output=50, cache=CacheTokens(read=600, write=300), total=1050)


@pytest.mark.parametrize(
    ("event", "retryable"),
    [
        ({"type": "error", "code": "server_error", "message": "The server broke"}, True),
        ({"type": "error", "error": {"type": "rate_limit_exceeded", "message": "The server broke"}}, True),
        ({"type": "error", "code": "invalid_prompt", "message": "The server broke"}, False),
        (
            {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "broke"}}},
            True,
        ),
        ({"type": "response.failed", "response": {"error": None}}, False),
    ],
)
async def test_a_failed_response_is_an_error(llm: LLM, event: dict[str, Any], retryable: bool) -> None:
    llm.script(events(event))
    with pytest.raises(ModelAPIError, match=r"broke|without a message") as failure:
        await answer_of("openai", llm)
    assert failure.value.retryable is retryable


async def test_an_overflow_inside_the_stream_is_told_apart(llm: LLM) -> None:
    error = {
        "code": "context_length_exceeded",
        "message": "Your input exceeds the context window of this model.",
    }
    llm.script(events({"type": "response.failed", "response": {"error": error}}))
    with pytest.raises(ContextOverflow):
        await answer_of("openai", llm)


async def test_a_call_that_comes_whole_is_started_and_ended(llm: LLM) -> None:
    item = {"type": "function_call", "call_id": "c1", "name": "lookup", "arguments": "{}"}
    done = {"type": "response.output_item.done", "output_index": 0, "item": item}
    llm.script(events(done, {"type": "response.completed", "response": {}}))
    taken = await answer_of("openai", llm)
    assert (taken.names, taken.inputs, taken.finish.reason) == (["lookup"], {"c1": "{}"}, "tool-calls")
