"""Every turn ends: a model that promises, pauses, repeats itself or is cut is asked a few times at most."""

import json
from pathlib import Path
from typing import Any

import pytest

from opencode.agent.progress import MAX_CUT_CALLS, MAX_REPEATS
from tests.harness import Server, running_server, text_of
from tests.llm.server import LLM, Answer, Request, Usage
from tests.server.conftest import WIRES, provider_config

PROMISES = {"anthropic": "tool_use", "compatible": "tool_calls"}
LENGTH = {"anthropic": "max_tokens", "compatible": "length", "openai": "max_output_tokens"}
TODOS = {"todos": [{"content": "bench", "status": "pending", "priority": "low"}]}


async def ask(server: Server, wire: str, **fields: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the answer to a prompt, and all tool calls of its session."""
    session_id = await server.new_session(title="Named")
    answer = await server.ask(session_id, "go", model={"providerID": wire, "modelID": "one"}, **fields)
    messages = await server.messages(session_id)
    calls = [part for message in messages for part in message["parts"] if part["type"] == "tool"]
    assert {call["state"]["status"] for call in calls} <= {"completed", "error"}
    return answer, calls


def error_of(answer: dict[str, Any]) -> str:
    message: str = answer["info"]["error"]["data"]["message"]
    return message


@pytest.mark.parametrize("wire", PROMISES)
async def test_promised_calls_that_do_not_come_leave_the_text_as_the_answer(
    server: Server, llm: LLM, wire: str
) -> None:
    llm.on("one", Answer(text="Hello.", stop=PROMISES[wire]))
    answer, _ = await ask(server, wire)
    assert text_of(answer) == "Hello."
    assert "error" not in answer["info"]
    assert len(llm.requests) == 1


@pytest.mark.parametrize("wire", PROMISES)
async def test_promised_calls_without_any_text_are_an_error_that_says_so(
    server: Server, llm: LLM, wire: str
) -> None:
    llm.on("one", Answer(stop=PROMISES[wire]))
    answer, _ = await ask(server, wire)
    assert "announced tool calls and made none" in error_of(answer)
    assert len(llm.requests) == 1


async def test_promised_calls_in_the_place_of_data_are_asked_for_again_no_more_than_agreed(
    server: Server, llm: LLM
) -> None:
    llm.on("one", Answer(text="Soon.", stop="tool_calls"))
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    form = {"type": "json_schema", "schema": schema, "retryCount": 1}
    answer, _ = await ask(server, "compatible", format=form)
    assert answer["info"]["error"]["name"] == "StructuredOutputError"
    assert len(llm.requests) == 2


async def test_a_provider_that_pauses_without_end_is_asked_a_few_times(server: Server, llm: LLM) -> None:
    llm.on("one", Answer(text="One moment.", stop="pause_turn"))
    answer, _ = await ask(server, "anthropic")
    assert "paused" in error_of(answer)
    assert len(llm.requests) == MAX_REPEATS


async def test_pauses_with_something_new_are_counted_as_steps(tmp_path: Path, llm: LLM) -> None:
    llm.on("one", lambda _: Answer(text=f"Part {len(llm.requests)}.", stop="pause_turn"))
    config = provider_config(llm) | {"agent": {"build": {"steps": 7}}}
    async with running_server(tmp_path, config) as server:
        answer, _ = await ask(server, "anthropic")
    assert "after the 7 steps" in error_of(answer)
    assert len(llm.requests) == 7


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("tool", ["todoread", "nosuchtool"])
async def test_the_same_call_with_the_same_result_ends_the_turn(
    server: Server, llm: LLM, wire: str, tool: str
) -> None:
    llm.on("one", Answer(tools=((tool, {}),)))
    answer, calls = await ask(server, wire)
    assert f"{MAX_REPEATS} times in a row" in error_of(answer)
    assert len(llm.requests) == len(calls) == MAX_REPEATS


async def test_a_rule_for_doom_loop_lets_a_model_wait_as_long_as_its_steps_last(
    tmp_path: Path, llm: LLM
) -> None:
    llm.on("one", Answer(tools=(("todoread", {}),)))
    config = provider_config(llm) | {"agent": {"build": {"steps": 9}}, "permission": {"doom_loop": "allow"}}
    async with running_server(tmp_path, config) as server:
        answer, calls = await ask(server, "compatible")
    assert "after the 9 steps" in error_of(answer)
    assert len(calls) == 9


@pytest.mark.parametrize("wire", WIRES)
async def test_input_that_the_output_limit_cuts_is_told_and_tried_again_once(
    server: Server, llm: LLM, wire: str
) -> None:
    llm.on(
        "one",
        lambda _: Answer(tools=(("todowrite", f'{{"todos": [{len(llm.requests)}'),), stop=LENGTH[wire]),
    )
    answer, calls = await ask(server, wire)
    assert all("cut at 20 tokens, the output limit" in call["state"]["error"] for call in calls)
    assert "cut at 20 tokens, its output limit" in error_of(answer)
    assert len(llm.requests) == MAX_CUT_CALLS
    told = json.dumps(llm.requests[-1].body)
    assert "cut at 20 tokens" in told


async def test_complete_calls_of_an_answer_that_was_cut_run(server: Server, llm: LLM) -> None:
    tools = (("todowrite", TODOS), ("todowrite", '{"todos": [{"content": "bre'))
    llm.script(Answer(tools=tools, stop="length"), Answer(text="Shorter."))
    answer, calls = await ask(server, "compatible")
    assert text_of(answer) == "Shorter."
    assert [call["state"]["status"] for call in calls] == ["completed", "error"]


async def test_a_summary_that_frees_nothing_is_not_followed_by_another(tmp_path: Path, llm: LLM) -> None:
    def model(request: Request) -> Answer:
        if not request.has_tools:
            return Answer(text="A summary.")
        return Answer(tools=(("websearch", {"number": len(llm.requests)}),), usage=Usage(input=29_000))

    llm.on("one", model)
    config = provider_config(llm) | {"agent": {"build": {"steps": 8}}}
    config["provider"]["compatible"]["models"]["one"] = {"limit": {"context": 30_000, "output": 1_000}}
    async with running_server(tmp_path, config) as server:
        answer, _ = await ask(server, "compatible")
    assert "after the 8 steps" in error_of(answer)
    assert sum(not request.has_tools for request in llm.requests) == 1
