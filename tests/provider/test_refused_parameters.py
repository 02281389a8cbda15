"""A refusal of a parameter is answered by a request without it, and remembered."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from opencode.errors import ModelAPIError
from opencode.provider import refused_parameters
from opencode.provider.refused_parameters import Correction, RefusedParameters, corrected, correction_for
from tests.llm.server import LLM, Answer, Request, Status

from .wire_case import LOOKUP, WIRES, adapter, asking, take

CHAT, MESSAGES, RESPONSES = "/chat/completions", "/v1/messages", "/responses"
BODY: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": "so", "reasoning_content": "hm"},
    ],
    "stream": True,
    "stream_options": {"include_usage": True},
    "max_tokens": 100,
    "temperature": 0.5,
    "top_p": 0.9,
    "tool_choice": "required",
    "reasoning_effort": "xhigh",
    "parallel_tool_calls": False,
    "user": "u",
    "tools": [
        {"name": "lookup", "input_schema": {"properties": {"temperature": {}}}, "eager_input_streaming": True}
    ],
}
PYDANTIC = "Extra inputs are not permitted"


def refusal(error: dict[str, Any] | str, status: int = 400) -> ModelAPIError:
    message = error if isinstance(error, str) else str(error.get("message", error))
    body = json.dumps({"error": {"message": error} if isinstance(error, str) else error})
    return ModelAPIError(message, retryable=False, status=status, body=body)


def located(*place: str | int) -> dict[str, Any]:
    """Return the error of a server that checks bodies with Pydantic."""
    return {"detail": [{"type": "extra_forbidden", "loc": ["body", *place], "msg": PYDANTIC}]}


@pytest.mark.parametrize(
    ("error", "path", "everywhere", "name"),
    [
        (
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            ("max_tokens",),
            False,
            "max_completion_tokens",
        ),
        (
            "Unsupported value: 'temperature' does not support 0.5 with this model.",
            ("temperature",),
            False,
            "",
        ),
        ("Unrecognized request argument supplied: top_p", ("top_p",), False, ""),
        ("Unknown parameter: 'parallel_tool_calls'.", ("parallel_tool_calls",), False, ""),
        ("property 'user' is unsupported", ("user",), False, ""),
        ("deepseek-reasoner does not support this tool_choice", ("tool_choice",), False, ""),
        ("This model does not support parameter reasoning_effort.", ("reasoning_effort",), False, ""),
        (located("stream_options"), ("stream_options",), False, ""),
        (located("stream_options", "include_usage"), ("stream_options", "include_usage"), False, ""),
        (located("messages", 1, "assistant", "reasoning_content"), ("reasoning_content",), True, ""),
        (f"tools.0.custom.eager_input_streaming: {PYDANTIC}", ("eager_input_streaming",), True, ""),
        (f"messages.0.content.0.text.cache_control: {PYDANTIC}", ("cache_control",), True, ""),
        (
            "'messages.1' : for 'role:assistant' the following must be satisfied[('messages.1' : property "
            "'reasoning_content' is unsupported)]",
            ("reasoning_content",),
            True,
            "",
        ),
        (
            {
                "message": "Your organization must be verified to generate reasoning summaries.",
                "param": "stream_options.include_usage",
                "code": "unsupported_value",
            },
            ("stream_options", "include_usage"),
            False,
            "",
        ),
        (
            {"message": "Additional properties are not allowed", "param": "parallel_tool_calls"},
            ("parallel_tool_calls",),
            False,
            "",
        ),
    ],
    ids=str,
)
def test_a_refused_parameter_is_found(
    error: dict[str, Any] | str, path: tuple[str, ...], everywhere: bool, name: str
) -> None:
    for status in (400, 422):
        found = correction_for(refusal(error, status), BODY, CHAT)
        assert found is not None
        assert (found.path, found.everywhere, found.name) == (path, everywhere, name)


@pytest.mark.parametrize(
    "error",
    [
        "The reasoning_content in the thinking mode must be passed back to the API.",
        "thinking is enabled but reasoning_content is missing in assistant tool call message at index 1",
        "max_tokens is too large: 100. This model supports at most 50 completion tokens.",
        "This model does not support image input.",
        "messages: text content blocks must be non-empty",
        "Unsupported parameter: 'logit_bias'.",
        "'tools' is not supported with this model.",
        "The user's request was not allowed by the content policy.",
        "Unknown model: m",
    ],
)
def test_other_refusals_are_left_as_they_are(error: str) -> None:
    assert correction_for(refusal(error), BODY, CHAT) is None


@pytest.mark.parametrize("status", [401, 403, 404, 413, 429, 500])
def test_only_a_refusal_of_the_request_is_answered(status: int) -> None:
    assert correction_for(refusal("Unknown parameter: 'top_p'.", status), BODY, CHAT) is None


def test_the_limit_stays_on_the_wire_that_needs_it() -> None:
    assert correction_for(refusal("Unsupported parameter: 'max_tokens'"), BODY, MESSAGES) is None


def test_a_limit_that_has_no_name_left_is_left_out() -> None:
    first = correction_for(refusal("Unsupported parameter: 'max_tokens'"), BODY, CHAT)
    assert first is not None
    body = corrected(BODY, first)
    assert (body["max_completion_tokens"], "max_tokens" in body) == (100, False)
    second = correction_for(refusal("Unknown parameter: 'max_completion_tokens'"), body, CHAT, [first])
    assert second is not None
    assert not {"max_tokens", "max_completion_tokens"} & corrected(body, second).keys()


def test_a_field_is_left_out_wherever_it_stands_but_not_in_what_a_tool_is_told() -> None:
    cleaned = corrected(BODY, Correction(("cache_control",), everywhere=True))
    assert "cache_control" not in str(cleaned)
    assert "cache_control" in str(BODY)
    schema = corrected(BODY, Correction(("temperature",), everywhere=True))["tools"][0]["input_schema"]
    assert schema == {"properties": {"temperature": {}}}


def test_what_is_left_empty_goes_too() -> None:
    assert "stream_options" not in corrected(BODY, Correction(("stream_options", "include_usage")))


def test_a_refused_value_leaves_others_of_the_same_parameter() -> None:
    error = {
        "message": "Unsupported value: 'xhigh'",
        "param": "reasoning_effort",
        "code": "unsupported_value",
    }
    found = correction_for(refusal(error), BODY, CHAT)
    assert found is not None
    assert "reasoning_effort" not in corrected(BODY, found)
    low = {**BODY, "reasoning_effort": "low"}
    assert corrected(low, found) == low


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_parameters, "MAX_MODELS", 2)
    memory = RefusedParameters()
    for model in "abc":
        memory.note([Correction(("top_p",))], {"model": model})
    kept = ["top_p" in memory.corrected({"model": model, "top_p": 1}) for model in "abc"]
    assert kept == [True, False, False]
    for number in range(100):
        memory.note([Correction((f"p{number}",))], {"model": "c"})
    assert len(memory._by_model["c"]) == refused_parameters.MAX_CORRECTIONS


@pytest.fixture
async def llm() -> AsyncIterator[LLM]:
    async with LLM(title=None) as server:
        yield server


def picky(*refused: str) -> Any:
    """Return a server's answer: an error for the first parameter that it does not know."""

    def answer(request: Request) -> Answer | Status:
        for name in refused:
            if name in request.body:
                return Status(400, f"Unsupported parameter: '{name}' is not supported with this model.")
        return Answer(text="fine")

    return answer


@pytest.mark.parametrize("wire", WIRES)
async def test_a_request_is_made_again_without_it_and_later_ones_begin_that_way(
    llm: LLM, wire: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    llm.on("test-model", picky("temperature", "top_p", "tool_choice"))
    door = adapter(wire, llm.url)
    request = asking(temperature=0.5, top_p=0.9, tools=(LOOKUP,), tool_choice="required")
    assert (await take(door, request)).text == "fine"
    assert len(llm.requests) == 4
    assert "refused the parameter temperature of test-model" in caplog.text
    assert (await take(door, request)).text == "fine"
    assert len(llm.requests) == 5
    await door.close()


@pytest.mark.parametrize("wire", WIRES)
async def test_a_server_that_refuses_whatever_comes_is_not_asked_for_ever(llm: LLM, wire: str) -> None:
    llm.on("test-model", Status(400, "Unsupported parameter: 'temperature', 'top_p'."))
    door = adapter(wire, llm.url)
    with pytest.raises(ModelAPIError, match="Unsupported parameter"):
        await take(door, asking(temperature=0.5, top_p=0.9))
    assert len(llm.requests) == 3
    llm.on("test-model", Answer(text="fine"))
    await take(door, asking(temperature=0.5, top_p=0.9))
    assert llm.requests[-1].body["temperature"] == 0.5, "what did not help is not remembered"
    await door.close()
