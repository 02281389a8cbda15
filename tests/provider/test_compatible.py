import json
import zlib
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
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
    ToolOutput,
    UserTurn,
)
from opencode.provider.chat.adapter import ChatAdapter
from opencode.schema.provider import Interleaved, Limit
from tests.llm.server import LLM, Answer, Raw

from .wire_case import LOOKUP, adapter, answer_of, asking, model, take

PNG = Attachment("image/png", "data:", data="aW1n", filename="a.png")
PDF = Attachment("application/pdf", "data:", data="cGRm", filename="b.pdf")
DONE = b"data: [DONE]\n\n"


@pytest.fixture
async def llm() -> AsyncIterator[LLM]:
    async with LLM(title=None) as server:
        yield server


async def sent(llm: LLM, request: ModelRequest) -> dict[str, Any]:
    """Return the body that the server gets for a request."""
    llm.script(Answer(text="ok"))
    await answer_of("compatible", llm, request)
    return llm.requests[-1].body


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: %b\n\n" % json.dumps({"choices": [choice]}).encode()


def call(**fields: Any) -> bytes:
    return chunk(tool_calls=[fields])


async def test_no_key_sends_no_credentials(llm: LLM, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "private")
    llm.script(Answer(text="Hi"))
    await answer_of("compatible", llm, key=None)
    assert "authorization" not in llm.requests[0].headers
    assert "private" not in str(llm.requests[0].headers)


async def test_the_conversation_is_sent_as_plainly_as_it_can_be(llm: LLM) -> None:
    turns = (
        UserTurn((Text("one"), Text("two"))),
        AssistantTurn((Reasoning("hm", {}), Text("I look."), ToolCall("a", "lookup", {"word": "x"}))),
        UserTurn((ToolOutput("a", "lookup", "found"),)),
        AssistantTurn((ToolCall("b", "lookup", {}),)),
        UserTurn((ToolOutput("b", "lookup", "none"), Text("and?"))),
    )
    body = await sent(llm, asking(*turns, system=("Be brief.", "Be kind.")))
    function = {"name": "lookup", "arguments": '{"word":"x"}'}
    empty = {"name": "lookup", "arguments": "{}"}
    assert body["messages"] == [
        {"role": "system", "content": "Be brief.\n\nBe kind."},
        {"role": "user", "content": "one\n\ntwo"},
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [{"id": "a", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "found"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "b", "type": "function", "function": empty}],
        },
        {"role": "tool", "tool_call_id": "b", "content": "none"},
        {"role": "user", "content": "and?"},
    ]
    assert body["stream_options"] == {"include_usage": True}
    assert not {"tools", "tool_choice", "temperature"} & body.keys()


async def test_the_providers_options_ask_for_a_cache_and_for_no_usage(llm: LLM) -> None:
    options = {"setCacheKey": True, "includeUsage": False}
    body = await sent(llm, asking(options=options, session_id="ses_1"))
    assert body["prompt_cache_key"] == "ses_1"
    assert not {"stream_options", *options} & body.keys()


@pytest.mark.parametrize(
    ("interleaved", "field"),
    [(Interleaved(field="reasoning"), "reasoning"), (True, "reasoning_content"), (False, None)],
)
async def test_reasoning_goes_back_under_the_models_own_field(
    llm: LLM, interleaved: bool | Interleaved, field: str | None
) -> None:
    turns = (UserTurn((Text("a"),)), AssistantTurn((Reasoning("hm", {}), Text("b"))), UserTurn((Text("c"),)))
    body = await sent(llm, asking(*turns, model=model(interleaved=interleaved)))
    expected = {"role": "assistant", "content": "b"} | ({field: "hm"} if field else {})
    assert body["messages"][1] == expected


async def test_files_of_tools_follow_in_the_users_message(llm: LLM) -> None:
    turns = (
        UserTurn((Text("look"),)),
        AssistantTurn((ToolCall("a", "lookup", {}),)),
        UserTurn((ToolOutput("a", "lookup", "files", attachments=(PNG, PDF)), Text("so?"))),
    )
    *_, tool, user = (await sent(llm, asking(*turns)))["messages"]
    assert tool == {"role": "tool", "tool_call_id": "a", "content": "files"}
    assert user["content"] == [
        {"type": "text", "text": "Files from the tool lookup:"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n"}},
        {"type": "file", "file": {"filename": "b.pdf", "file_data": "data:application/pdf;base64,cGRm"}},
        {"type": "text", "text": "so?"},
    ]


async def test_tools_options_and_limits_are_sent(llm: LLM) -> None:
    options = {"reasoningEffort": "high", "num_ctx": 4096, "model": "not this"}
    body = await sent(llm, asking(tools=(LOOKUP,), tool_choice="none", options=options, temperature=0.5))
    assert body["tools"][0]["function"]["parameters"] == LOOKUP.parameters
    assert (body["tool_choice"], body["temperature"], body["max_tokens"]) == ("none", 0.5, 8_000)
    assert (body["reasoning_effort"], body["num_ctx"], body["model"]) == ("high", 4096, "test-model")


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (Limit(), None),
        (Limit(context=8192, output=8192), 4096),
        (Limit(context=400_000, output=90_000), 32_000),
    ],
)
async def test_the_answers_limit_leaves_room_for_the_prompt(
    llm: LLM, limit: Limit, expected: int | None
) -> None:
    assert (await sent(llm, asking(model=model(limit=limit)))).get("max_tokens") == expected


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_reasoning_is_read_from_either_field(llm: LLM, field: str) -> None:
    llm.script(
        Raw((chunk(**{field: "Hm"}), chunk(**{field: "m"}, content=""), chunk("stop", content="Hi"), DONE))
    )
    taken = await answer_of("compatible", llm)
    assert (taken.reasoning, taken.text) == ("Hmm", "Hi")


async def test_a_compressed_stream_is_read_as_it_comes(llm: LLM) -> None:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)  # gzip
    events = (chunk(content="Hi"), chunk(content=" there"), chunk("stop"), DONE)
    pieces = tuple(packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) for event in events)
    llm.script(Raw((*pieces, packer.flush()), encoding="gzip"))
    assert (await answer_of("compatible", llm)).text == "Hi there"


async def test_content_in_parts_is_understood(llm: LLM) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}
    text = {"type": "text", "text": "Hi"}
    llm.script(Raw((chunk(content=[thinking]), chunk(content=[text, 3]), DONE)))
    taken = await answer_of("compatible", llm)
    assert (taken.reasoning, taken.text) == ("Hm", "Hi")


async def test_calls_without_ids_get_some(llm: LLM) -> None:
    first = call(index=0, function={"name": "lookup", "arguments": "{}"})
    second = call(index=1, function={"name": "other", "arguments": {"a": 1}})
    llm.script(Raw((first, second, chunk("tool_calls"), DONE)))
    taken = await answer_of("compatible", llm)
    assert taken.names == ["lookup", "other"]
    assert list(taken.inputs.values()) == ["{}", '{"a":1}']
    assert len(set(taken.started)) == 2


async def test_calls_without_an_index_or_with_the_same_one_are_kept_apart(llm: LLM) -> None:
    llm.script(
        Raw(
            (
                call(index=0, id="a", function={"name": "lookup", "arguments": "1"}),
                call(index=0, id="b", function={"name": "lookup", "arguments": "2"}),
                call(id="c", function={"name": "lookup", "arguments": "3"}),
                call(function={"arguments": "4"}),
                call(function={"name": "lookup", "arguments": "5"}),
                DONE,
            )
        )
    )
    taken = await answer_of("compatible", llm)
    assert list(taken.inputs.values()) == ["1", "2", "34", "5"]


async def test_a_name_that_is_repeated_or_comes_late_starts_one_call(llm: LLM) -> None:
    llm.script(
        Raw(
            (
                call(index=0, id="a", function={"arguments": '{"wo'}),
                call(index=0, id="a", function={"name": "lookup", "arguments": 'rd":'}),
                call(index=0, id="a", function={"name": "lookup", "arguments": " 1}"}),
                call(index=0, id="", function={"name": None, "arguments": ""}),
                DONE,
            )
        )
    )
    taken = await answer_of("compatible", llm)
    assert (taken.names, taken.inputs) == (["lookup"], {"a": '{"word": 1}'})
    assert taken.streamed_inputs == taken.inputs


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool-calls"),
        ("function_call", "tool-calls"),
        ("content_filter", "content-filter"),
        ("eos", "stop"),
        ("something_new", "other"),
    ],
)
async def test_every_finish_reason_is_translated(llm: LLM, word: str, reason: StopReason) -> None:
    llm.script(Answer(text="Hi", stop=word))
    assert (await answer_of("compatible", llm)).finish.reason == reason


async def test_an_end_marker_alone_ends_an_answer(llm: LLM) -> None:
    llm.script(Raw((chunk(content="Hi"), DONE)))
    assert (await answer_of("compatible", llm)).finish.reason == "stop"


@pytest.mark.parametrize("end", [True, False], ids=["body-ends", "connection-drops"])
async def test_a_finish_reason_alone_ends_an_answer(llm: LLM, end: bool) -> None:
    llm.script(Raw((chunk(content="Hi"), chunk("stop")), end=end))
    assert (await answer_of("compatible", llm)).finish.reason == "stop"


async def test_calls_make_the_reason_tool_calls_whatever_the_server_says(llm: LLM) -> None:
    llm.script(Answer(tools=(("lookup", {}),), stop="stop"))
    assert (await answer_of("compatible", llm)).finish.reason == "tool-calls"


async def test_a_refusal_is_text_and_a_filtered_answer(llm: LLM) -> None:
    llm.script(Answer(refusal="No."))
    taken = await answer_of("compatible", llm)
    assert (taken.text, taken.finish.reason) == ("No.", "content-filter")


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        ({"message": "it broke", "code": 502}, True),
        ({"message": "it broke", "type": "server_error"}, True),
        ({"message": "it broke", "code": 400}, False),
        ("it broke", False),
    ],
)
async def test_an_error_in_a_chunk_is_an_error(llm: LLM, error: Any, retryable: bool) -> None:
    llm.script(Raw((chunk(content="Hi"), b"data: %b\n\n" % json.dumps({"error": error}).encode(), DONE)))
    with pytest.raises(ModelAPIError, match="it broke") as failure:
        await answer_of("compatible", llm)
    assert failure.value.retryable is retryable


async def test_what_came_with_an_error_in_one_read_is_delivered(llm: LLM) -> None:
    llm.script(Raw((chunk(content="Hi") + b'error: {"code":500,"message":"it broke"}\n\n',)))
    door, events = adapter("compatible", llm.url), list[StreamEvent]()
    with pytest.raises(ModelAPIError, match="it broke"):
        await take(door, asking(), events)
    await door.close()
    assert events == [TextDelta("Hi")]


async def test_what_the_provider_behind_a_router_said_is_told(llm: LLM) -> None:
    error = {"message": "Provider returned error", "code": 400, "metadata": {"raw": "prompt is too long"}}
    llm.script(Raw((b"data: %b\n\n" % json.dumps({"error": error}).encode(),)))
    with pytest.raises(ContextOverflow, match="prompt is too long"):
        await answer_of("compatible", llm)


async def test_counts_of_an_unusual_form_are_understood(llm: LLM) -> None:
    usage = {
        "choices": None,
        "usage": {"prompt_tokens": "12", "completion_tokens": 3.0, "total_tokens": None},
    }
    llm.script(Raw((chunk("stop", content="Hi"), b"data: %b\n\n" % json.dumps(usage).encode(), DONE)))
    tokens = (await answer_of("compatible", llm)).finish.tokens
    assert (tokens.input, tokens.output, tokens.total) == (12, 3, 15)


async def test_an_overflow_in_a_chunk_is_told_apart(llm: LLM) -> None:
    error = {"error": {"message": "This model's maximum context length is 8192 tokens.", "code": 400}}
    llm.script(Raw((b"data: %b\n\n" % json.dumps(error).encode(),)))
    with pytest.raises(ContextOverflow):
        await answer_of("compatible", llm)


async def test_half_a_character_from_the_model_does_not_stop_the_answer(llm: LLM) -> None:
    llm.script(
        Raw((chunk(content="a \ud83d"), b'data: {"choices":[{"delta":{"content":"\xff b"}}]}\n\n', DONE))
    )
    assert (await answer_of("compatible", llm)).text == "a \ufffd\ufffd b"


async def test_a_provider_without_an_address_says_so(llm: LLM) -> None:

    with pytest.raises(ModelAPIError, match=r"base URL of provider local is invalid: \(none\)"):
        await take(ChatAdapter("local", None, None), asking())
