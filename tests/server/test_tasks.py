"""Agents that give tasks to others, and commands: child sessions, their answers, their end."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from opencode.session.delegation import MAX_DEPTH
from tests.harness import Server, running_server, text_of
from tests.llm.server import LLM, Answer, Request, Silence
from tests.server.conftest import WIRES, provider_config

TASK = {"description": "Look at rye", "prompt": "Find out all about rye.", "subagent_type": "general"}


def calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for part in message["parts"] if part["type"] == "tool"]


async def children(server: Server, session_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await server.client.get(f"/session/{session_id}/children")).json()
    return found


def tool_names(request: Request) -> set[str]:
    return {
        tool["function"]["name"] if "function" in tool else tool["name"] for tool in request.body["tools"]
    }


@pytest.mark.parametrize("wire", WIRES)
async def test_a_task_is_carried_out_in_a_session_of_its_own(server: Server, llm: LLM, wire: str) -> None:
    llm.script(Answer(tools=(("task", TASK),)), Answer(text="Rye is a grass."), Answer(text="It is a grass."))
    session_id = await server.new_session(title="Named")
    answer = await server.ask(session_id, "What is rye?", model={"providerID": wire, "modelID": "one"})
    assert text_of(answer) == "It is a grass."
    (child,) = await children(server, session_id)
    assert child["title"] == "Look at rye (@general subagent)"
    assert child["agent"] == "general"
    prompt, found = await server.messages(child["id"])
    assert text_of(prompt) == TASK["prompt"]
    assert (text_of(found), found["info"]["providerID"]) == ("Rye is a grass.", wire)
    (call,) = calls((await server.messages(session_id))[1])
    assert call["state"]["metadata"]["sessionId"] == child["id"]
    assert call["state"]["title"] == "Look at rye"
    assert "Rye is a grass." in str(llm.requests[2].body)
    assert "task" not in tool_names(llm.requests[1])


async def test_a_running_task_tells_its_session_and_goes_with_an_abort(server: Server, llm: LLM) -> None:
    llm.script(Answer(tools=(("task", TASK),)), Silence())
    session_id = await server.new_session(title="Named")
    async with server.listen() as events:
        answer = asyncio.create_task(server.ask(session_id, "What is rye?"))
        async for _, event in events:
            part = event["properties"].get("part", {})
            if part.get("type") == "tool" and part["state"].get("metadata"):
                break
        child_id = part["state"]["metadata"]["sessionId"]
        await llm.until(lambda llm: len(llm.requests) == 2)
        await server.client.post(f"/session/{session_id}/abort")
    assert (await answer)["info"]["error"]["name"] == "MessageAbortedError"
    assert (await server.client.get("/session/status")).json() == {}
    (_, cut) = await server.messages(child_id)
    assert cut["info"]["error"]["name"] == "MessageAbortedError"


async def test_a_task_can_be_gone_on_with(server: Server, llm: LLM) -> None:
    llm.script(Answer(tools=(("task", TASK),)), Answer(text="A grass."), Answer(text="ok"))
    session_id = await server.new_session(title="Named")
    await server.ask(session_id, "What is rye?")
    (child,) = await children(server, session_id)
    again = {**TASK, "prompt": "And wheat?", "task_id": child["id"]}
    llm.script(Answer(tools=(("task", again),)), Answer(text="One too."), Answer(text="ok"))
    await server.ask(session_id, "And wheat?")
    assert len(await children(server, session_id)) == 1
    assert [text_of(message) for message in await server.messages(child["id"])][2:] == [
        "And wheat?",
        "One too.",
    ]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({**TASK, "subagent_type": "generel"}, "general"),
        ({**TASK, "task_id": "ses_nowhere"}, "ses_nowhere"),
        ({**TASK, "prompt": " "}, "prompt is empty"),
    ],
)
async def test_a_task_that_makes_no_sense_is_an_error_that_tells_the_model_why(
    server: Server, llm: LLM, arguments: dict[str, Any], hint: str
) -> None:
    llm.script(Answer(tools=(("task", arguments),)), Answer(text="ok"))
    session_id = await server.new_session(title="Named")
    assert text_of(await server.ask(session_id, "go")) == "ok"
    (call,) = calls((await server.messages(session_id))[1])
    assert call["state"]["status"] == "error"
    assert hint in call["state"]["error"]
    assert await children(server, session_id) == []


async def test_a_task_whose_agent_fails_is_an_error_for_the_model(server: Server, llm: LLM) -> None:
    llm.script(Answer(tools=(("task", TASK),)), Answer(text="", stop="content_filter"), Answer(text="ok"))
    session_id = await server.new_session(title="Named")
    assert text_of(await server.ask(session_id, "go")) == "ok"
    (call,) = calls((await server.messages(session_id))[1])
    assert "declined" in call["state"]["error"]


async def test_a_prompt_can_give_a_task_itself(server: Server, llm: LLM) -> None:
    llm.script(Answer(text="Rye is a grass."), Answer(text="So it is a grass."))
    session_id = await server.new_session(title="Named")
    part = {"type": "subtask", "prompt": "What is rye?", "description": "Rye", "agent": "explore"}
    response = await server.client.post(f"/session/{session_id}/message", json={"parts": [part]})
    assert text_of(response.json()) == "So it is a grass."
    (call,) = calls((await server.messages(session_id))[1])
    assert (call["tool"], call["state"]["status"]) == ("task", "completed")
    (child,) = await children(server, session_id)
    assert child["agent"] == "explore"
    assert "Rye is a grass." in str(llm.requests[1].body)
    assert "tool_calls" not in str(llm.requests[1].body)


async def test_deleting_a_session_takes_its_tasks_along(server: Server, llm: LLM) -> None:
    llm.script(Answer(tools=(("task", TASK),)), Answer(text="A grass."), Answer(text="ok"))
    session_id = await server.new_session(title="Named")
    await server.ask(session_id, "What is rye?")
    (child,) = await children(server, session_id)
    await server.client.delete(f"/session/{session_id}")
    assert (await server.client.get(f"/session/{child['id']}")).status_code == 404


COMMANDS = {
    "translate": {"template": "Translate into $1: $2", "description": "Translates"},
    "shout": {"template": "Shout:"},
    "look": {"template": "Look at $ARGUMENTS.", "agent": "explore"},
    "inline": {
        "template": "Look at $ARGUMENTS.",
        "agent": "explore",
        "subtask": False,
        "model": "openai/two",
    },
}


async def test_commands_fill_their_places_and_are_answered(tmp_path: Path, llm: LLM) -> None:
    async with running_server(tmp_path, {**provider_config(llm), "command": COMMANDS}) as server:
        listed = {command["name"]: command for command in (await server.client.get("/command")).json()}
        assert listed["translate"]["hints"] == ["$1", "$2"]
        assert listed["look"]["hints"] == ["$ARGUMENTS"]
        llm.script(Answer(text="Guten Tag"), Answer(text="HI"), Answer(text="Seen."))
        session_id = await server.new_session(title="Named")
        url = f"/session/{session_id}/command"
        async with server.listen() as events:
            body = {"command": "translate", "arguments": "'Low German' good day, all"}
            assert text_of((await server.client.post(url, json=body)).json()) == "Guten Tag"
            async for _, event in events:
                if event["type"] == "command.executed":
                    break
        assert event["properties"]["name"] == "translate"
        await server.client.post(url, json={"command": "shout", "arguments": "don't"})
        body = {"command": "inline", "arguments": "$1 {$ARGUMENTS}"}
        answer = (await server.client.post(url, json=body)).json()
        assert (answer["info"]["agent"], answer["info"]["modelID"]) == ("explore", "two")
        said = [text_of(message) for message in await server.messages(session_id)][::2]
        assert said[0] == "Translate into Low German: good day, all"
        assert said[1:] == ["Shout:\n\ndon't", "Look at $1 {$ARGUMENTS}."]


async def test_a_command_of_a_subagent_is_a_task(tmp_path: Path, llm: LLM) -> None:
    async with running_server(tmp_path, {**provider_config(llm), "command": COMMANDS}) as server:
        llm.script(Answer(text="Rye is a grass."), Answer(text="A grass."))
        session_id = await server.new_session()
        async with server.listen() as events:
            response = await server.client.post(
                f"/session/{session_id}/command", json={"command": "look", "arguments": "rye"}
            )
            assert text_of(response.json()) == "A grass."
            async for _, event in events:
                if event["properties"].get("info", {}).get("title") == "A title":
                    break
        assert "Look at rye." in str(next(each.body for each in llm.requests if not each.has_tools))
        (child,) = await children(server, session_id)
        assert text_of((await server.messages(child["id"]))[0]) == "Look at rye."


async def test_an_unknown_command_is_refused_with_the_nearest_name(tmp_path: Path, llm: LLM) -> None:
    async with running_server(tmp_path, {**provider_config(llm), "command": COMMANDS}) as server:
        session_id = await server.new_session()
        response = await server.client.post(
            f"/session/{session_id}/command", json={"command": "translat", "arguments": ""}
        )
        assert response.status_code == 400
        assert "translate" in response.json()["data"]["message"]
        assert await server.messages(session_id) == []


async def test_agents_that_may_delegate_do_so_a_few_levels_deep(tmp_path: Path, llm: LLM) -> None:
    task = {**TASK, "subagent_type": "chief"}
    llm.on(
        "one",
        lambda request: Answer(text="ok") if request.has_tool_output else Answer(tools=(("task", task),)),
    )
    config = provider_config(llm) | {"agent": {"chief": {"mode": "all", "tools": {"task": True}}}}
    async with running_server(tmp_path, config) as server:
        session_id = await server.new_session(title="Named")
        assert text_of(await server.ask(session_id, "go", agent="chief")) == "ok"
        depth = 0
        while below := await children(server, session_id):
            depth, session_id = depth + 1, below[0]["id"]
        (refused,) = calls((await server.messages(session_id))[1])
    assert depth == MAX_DEPTH
    assert "can't delegate further" in refused["state"]["error"]
