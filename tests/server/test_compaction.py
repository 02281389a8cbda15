"""Conversations that outgrow their model: condensed in time, once, and without losing the thread."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Server, running_server, text_of
from tests.llm.server import LLM, Answer, Request, Silence, Status, Usage
from tests.server.conftest import WIRES, provider_config

TODOS = {"todos": [{"content": "bench", "status": "pending", "priority": "low"}]}
FULL = Usage(input=90_000, output=2_000)
OVERFLOW = Status(400, "prompt is too long", code="context_length_exceeded")
BY_ONE = {"providerID": "compatible", "modelID": "one"}


def small_models(llm: LLM) -> dict[str, Any]:
    """Return a configuration whose models have a context of 100,000 tokens."""
    config = provider_config(llm)
    for provider in config["provider"].values():
        provider["models"]["one"]["limit"] = {"context": 100_000, "output": 8_000}
    return config


def sent(request: Request) -> str:
    return json.dumps(request.body.get("messages") or request.body.get("input"))


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    """Return what each message is: prompt, answer, compaction or summary."""
    found = []
    for message in messages:
        user = message["info"]["role"] == "user"
        special = (
            any(part["type"] == "compaction" for part in message["parts"])
            if user
            else message["info"].get("summary") is True
        )
        found.append(
            ("compaction" if special else "prompt") if user else ("summary" if special else "answer")
        )
    return found


def tool_parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for part in message["parts"] if part["type"] == "tool"]


@pytest.fixture
async def narrow(tmp_path: Path) -> Any:
    async with (
        LLM(title="They spoke of bread.") as llm,
        running_server(tmp_path, small_models(llm)) as server,
    ):
        yield server, llm


@pytest.mark.parametrize("wire", WIRES)
async def test_a_summary_takes_the_place_of_a_conversation_for_models_but_not_for_people(
    narrow: tuple[Server, LLM], wire: str
) -> None:
    server, llm = narrow
    model = {"providerID": wire, "modelID": "one"}
    llm.script(Answer(text="Take rye flour."), Answer(text="An hour."))
    session_id = await server.new_session(title="Named")
    await server.ask(session_id, "How do I bake bread?", model=model)
    async with server.listen() as events:
        response = await server.client.post(f"/session/{session_id}/summarize", json=model)
        assert response.json() is True
        async for _, event in events:
            if event["type"] == "session.compacted":
                break
    answer = await server.ask(session_id, "How long?", model=model)
    assert text_of(answer) == "An hour."
    assert kinds(await server.messages(session_id)) == [
        "prompt",
        "answer",
        "compaction",
        "summary",
        "prompt",
        "answer",
    ]
    assert "How do I bake bread?" in sent(llm.requests[1])
    assert "Take rye flour." in sent(llm.requests[1])
    assert "They spoke of bread." in sent(llm.requests[2])
    assert "Take rye flour." not in sent(llm.requests[2])


async def test_a_nearly_full_conversation_is_condensed_before_the_next_prompt_is_answered(
    narrow: tuple[Server, LLM],
) -> None:
    server, llm = narrow
    llm.script(Answer(text="Rye.", usage=FULL), Answer(text="An hour."))
    session_id = await server.new_session(title="Named")
    await server.ask(session_id, "Which flour?")
    answer = await server.ask(session_id, "How long?")
    assert text_of(answer) == "An hour."
    assert kinds(await server.messages(session_id)) == [
        "prompt",
        "answer",
        "prompt",
        "compaction",
        "summary",
        "answer",
    ]
    condensed, answered = llm.requests[1:]
    assert "Which flour?" in sent(condensed)
    assert "How long?" not in sent(condensed)
    assert "Which flour?" not in sent(answered)
    assert sent(answered).rindex("They spoke of bread.") < sent(answered).rindex("How long?")


async def test_a_turn_that_fills_the_context_half_way_goes_on_after_the_summary(
    narrow: tuple[Server, LLM],
) -> None:
    server, llm = narrow
    llm.script(Answer(tools=(("todowrite", TODOS),), usage=FULL), Answer(text="Done."))
    session_id = await server.new_session(title="Named")
    answer = await server.ask(session_id, "Plan it")
    assert text_of(answer) == "Done."
    messages = await server.messages(session_id)
    assert kinds(messages) == ["prompt", "answer", "compaction", "summary", "prompt", "answer"]
    (follow_up,) = messages[4]["parts"]
    assert follow_up["synthetic"] is True
    assert follow_up["text"] in sent(llm.requests[2])


@pytest.mark.parametrize("wire", WIRES)
async def test_an_overflow_is_cured_by_one_compaction(narrow: tuple[Server, LLM], wire: str) -> None:
    server, llm = narrow
    model = {"providerID": wire, "modelID": "one"}
    llm.script(Answer(text="Rye."), OVERFLOW, Answer(text="An hour."))
    session_id = await server.new_session(title="Named")
    await server.ask(session_id, "Which flour?", model=model)
    answer = await server.ask(session_id, "How long?", model=model)
    assert text_of(answer) == "An hour."
    messages = await server.messages(session_id)
    assert kinds(messages) == ["prompt", "answer", "prompt", "compaction", "summary", "answer"]
    (part,) = messages[3]["parts"]
    assert part["overflow"] is True
    assert all("error" not in message["info"] for message in messages)


async def test_an_overflow_that_a_compaction_does_not_cure_is_a_clear_error(
    narrow: tuple[Server, LLM],
) -> None:
    server, llm = narrow
    llm.script(Answer(text="Rye."), OVERFLOW, OVERFLOW, Answer(text="Here."))
    session_id = await server.new_session(title="Named")
    await server.ask(session_id, "Which flour?")
    answer = await server.ask(session_id, "How long?")
    assert answer["info"]["error"]["name"] == "ContextOverflowError"
    assert "larger context" in answer["info"]["error"]["data"]["message"]
    assert kinds(await server.messages(session_id)).count("compaction") == 1
    assert len(llm.requests) == 4
    assert text_of(await server.ask(session_id, "Still there?")) == "Here."


async def test_a_first_prompt_that_is_too_long_has_nothing_to_condense(narrow: tuple[Server, LLM]) -> None:
    server, llm = narrow
    llm.script(OVERFLOW)
    session_id = await server.new_session(title="Named")
    answer = await server.ask(session_id, "A long one")
    assert answer["info"]["error"]["name"] == "ContextOverflowError"
    assert len(llm.requests) == 1


async def test_a_summary_that_is_too_long_itself_is_made_of_less(tmp_path: Path) -> None:
    async with LLM(title=None) as llm, running_server(tmp_path, small_models(llm)) as server:
        llm.script(Answer(text="Rye."), OVERFLOW, Answer(text="Bread."))
        session_id = await server.new_session(title="Named")
        await server.ask(session_id, "long " * 50_000)
        response = await server.client.post(f"/session/{session_id}/summarize", json=BY_ONE)
        assert response.json() is True
        assert len(sent(llm.requests[2])) < 0.6 * len(sent(llm.requests[1]))
        assert text_of((await server.messages(session_id))[3]) == "Bread."


async def test_a_compaction_that_fails_says_so_and_leaves_the_conversation(tmp_path: Path) -> None:
    async with LLM(title=None) as llm, running_server(tmp_path, small_models(llm)) as server:
        llm.script(Answer(text="Rye."), Status(401), Answer(text="An hour."))
        session_id = await server.new_session(title="Named")
        await server.ask(session_id, "Which flour?")
        response = await server.client.post(f"/session/{session_id}/summarize", json=BY_ONE)
        assert response.status_code == 503
        assert (await server.messages(session_id))[3]["info"]["error"]["data"]["statusCode"] == 401
        await server.ask(session_id, "How long?")
        assert "Which flour?" in sent(llm.requests[2])


async def test_old_tool_output_goes_before_anything_is_condensed(tmp_path: Path) -> None:
    pages = "".join(f"<p>word{number} and more</p>" for number in range(4_000))
    async with LLM() as llm, running_server(tmp_path, small_models(llm)) as server:
        llm.script(
            Answer(tools=(("nosuchtool", {}),)), Answer(text="Read.", usage=FULL), Answer(text="Here.")
        )
        session_id = await server.new_session(title="Named")
        answer = await server.ask(session_id, "Read it")
        call = next(
            part for part in (await server.messages(session_id))[1]["parts"] if part["type"] == "tool"
        )
        state = call["state"]
        call["state"] = {
            "status": "completed",
            "input": state["input"],
            "output": pages * 2,
            "title": "A page",
            "metadata": {},
            "time": {"start": 1, "end": 2},
        }
        path = f"/session/{session_id}/message/{call['messageID']}/part/{call['id']}"
        assert (await server.client.patch(path, json=call)).status_code == 200
        assert text_of(answer) == "Read."
        assert text_of(await server.ask(session_id, "And now?")) == "Here."
        messages = await server.messages(session_id)
        assert "compaction" not in kinds(messages)
        (part,) = tool_parts(messages[1])
        assert part["state"]["output"] == pages * 2
        assert part["state"]["time"]["compacted"] > 0
        assert "word7 and" not in sent(llm.requests[2])


async def test_a_prompt_sent_while_the_summary_is_written_is_answered_after_it(tmp_path: Path) -> None:
    async with LLM(title=None) as llm, running_server(tmp_path, small_models(llm)) as server:
        gate = asyncio.Event()
        llm.script(Answer(text="Rye."), Answer(text=("They ", "baked."), gate=gate), Answer(text="An hour."))
        session_id = await server.new_session(title="Named")
        await server.ask(session_id, "Which flour?")
        summarizing = asyncio.create_task(server.client.post(f"/session/{session_id}/summarize", json=BY_ONE))
        await llm.until(lambda llm: len(llm.requests) == 2)
        async with server.listen() as events:
            answer = asyncio.create_task(server.ask(session_id, "How long?"))
            async for _, event in events:
                if event["type"] == "message.updated" and event["properties"]["info"]["role"] == "user":
                    break
        gate.set()
        assert (await summarizing).json() is True
        assert text_of(await answer) == "An hour."
        assert "They baked." in sent(llm.requests[2])
        assert "How long?" in sent(llm.requests[2])


async def test_an_aborted_compaction_leaves_the_conversation_as_it_was(tmp_path: Path) -> None:
    async with LLM(title=None) as llm, running_server(tmp_path, small_models(llm)) as server:
        llm.script(Answer(text="Rye."), Silence(), Answer(text="An hour."))
        session_id = await server.new_session(title="Named")
        await server.ask(session_id, "Which flour?")
        summarizing = asyncio.create_task(server.client.post(f"/session/{session_id}/summarize", json=BY_ONE))
        await llm.until(lambda llm: len(llm.requests) == 2)
        await server.client.post(f"/session/{session_id}/abort")
        assert (await summarizing).status_code == 503
        assert text_of(await server.ask(session_id, "How long?")) == "An hour."
        assert "Which flour?" in sent(llm.requests[2])


async def test_an_empty_session_or_an_unknown_model_is_refused(narrow: tuple[Server, LLM]) -> None:
    server, llm = narrow
    session_id = await server.new_session()
    url = f"/session/{session_id}/summarize"
    assert (await server.client.post(url, json=BY_ONE)).status_code == 400
    unknown = {"providerID": "compatible", "modelID": "onne"}
    response = await server.client.post(url, json=unknown)
    assert response.status_code == 400
    assert "one" in response.json()["data"]["message"]
    assert await server.messages(session_id) == []
    assert llm.requests == []
