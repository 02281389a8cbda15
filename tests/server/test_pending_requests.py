"""Permissions and questions: what waits for the user, and what their answers do."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Server, running_server, text_of
from tests.llm.server import LLM, Answer
from tests.server.conftest import provider_config

FETCH = ("webfetch", {"url": "http://127.0.0.1:9/page", "format": "markdown"})
QUESTIONS = {
    "questions": [
        {
            "question": "Which colour?",
            "header": "Colour",
            "options": [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": "cool"}],
        }
    ]
}


@pytest.fixture
async def careful(tmp_path: Path, llm: LLM) -> AsyncIterator[Server]:
    """A server that asks before it fetches."""
    config = provider_config(llm) | {"permission": {"webfetch": "ask"}}
    async with running_server(tmp_path, config) as server:
        yield server


async def asked(server: Server, session_id: str, stream: Any, kind: str) -> dict[str, Any]:
    """Send a prompt and wait for what is asked."""
    await server.client.post(f"/session/{session_id}/prompt_async", json={"content": "go"})
    async for _, event in stream:
        if event["type"] == f"{kind}.asked":
            found: dict[str, Any] = event["properties"]
            return found
    raise AssertionError("nothing was asked")


async def until(stream: Any, kind: str) -> list[dict[str, Any]]:
    seen = []
    async for _, event in stream:
        seen.append(event)
        if event["type"] == kind:
            break
    return seen


async def the_call(server: Server, session_id: str, number: int = 0) -> dict[str, Any]:
    parts = [part for each in await server.messages(session_id) for part in each["parts"]]
    found: dict[str, Any] = [part for part in parts if part["type"] == "tool"][number]["state"]
    return found


async def test_a_call_waits_for_its_permission_and_runs_once_it_has_it(careful: Server, llm: LLM) -> None:
    llm.script(Answer(tools=(FETCH,)), Answer(text="done"))
    session_id = await careful.new_session(title="Permissions")
    async with careful.listen() as stream:
        request = await asked(careful, session_id, stream, "permission")
        assert request["permission"] == "webfetch"
        assert request["patterns"] == [FETCH[1]["url"]]
        assert request["always"] == ["*"]
        assert (await careful.client.get("/permission")).json() == [request]
        reply = await careful.client.post(f"/permission/{request['id']}/reply", json={"reply": "once"})
        assert reply.json() is True
        seen = await until(stream, "session.idle")
    told = next(event["properties"] for event in seen if event["type"] == "permission.replied")
    assert told == {"sessionID": session_id, "requestID": request["id"], "reply": "once"}
    assert "private" in (await the_call(careful, session_id))["error"]
    assert (await careful.client.get("/permission")).json() == []
    again = await careful.client.post(f"/permission/{request['id']}/reply", json={"reply": "once"})
    assert again.status_code == 404


async def test_always_is_remembered_with_the_session(careful: Server, llm: LLM) -> None:
    llm.script(Answer(tools=(FETCH, FETCH)), Answer(text="one"), Answer(tools=(FETCH,)), Answer(text="two"))
    session_id = await careful.new_session(title="Permissions")
    async with careful.listen() as stream:
        request = await asked(careful, session_id, stream, "permission")
        await careful.client.post(
            f"/session/{session_id}/permissions/{request['id']}", json={"response": "always"}
        )
        await until(stream, "session.idle")
    assert text_of(await careful.ask(session_id, "again")) == "two"
    session = (await careful.client.get(f"/session/{session_id}")).json()
    assert session["permission"] == [{"permission": "webfetch", "pattern": "*", "action": "allow"}]


async def test_a_refusal_with_a_word_goes_to_the_model_and_one_without_ends_the_turn(
    careful: Server, llm: LLM
) -> None:
    llm.script(Answer(tools=(FETCH,)), Answer(text="Then not."), Answer(tools=(FETCH,)))
    session_id = await careful.new_session(title="Permissions")
    async with careful.listen() as stream:
        request = await asked(careful, session_id, stream, "permission")
        body = {"reply": "reject", "message": "no network please"}
        await careful.client.post(f"/permission/{request['id']}/reply", json=body)
        await until(stream, "session.idle")
        assert "no network please" in (await the_call(careful, session_id))["error"]
        assert text_of((await careful.messages(session_id))[-1]) == "Then not."
        request = await asked(careful, session_id, stream, "permission")
        await careful.client.post(f"/permission/{request['id']}/reply", json={"reply": "reject"})
        await until(stream, "session.idle")
    assert (await the_call(careful, session_id, 1))["status"] == "error"
    turns = [request for request in llm.requests if request.body.get("tools")]
    assert len(turns) == 3


async def test_a_refused_call_ends_the_turn_but_not_that_of_a_prompt_that_waits(
    careful: Server, llm: LLM
) -> None:
    llm.script(Answer(tools=(FETCH,)), Answer(text="Something else."))
    session_id = await careful.new_session(title="Permissions")
    async with careful.listen() as stream:
        request = await asked(careful, session_id, stream, "permission")
        waiting = await careful.client.post(
            f"/session/{session_id}/prompt_async", json={"content": "something else"}
        )
        assert waiting.status_code == 204
        await careful.client.post(f"/permission/{request['id']}/reply", json={"reply": "reject"})
        await until(stream, "session.idle")
    messages = await careful.messages(session_id)
    (refused,) = [each for each in messages if any(part["type"] == "tool" for part in each["parts"])]
    assert refused["info"]["finish"] == "tool-calls"
    assert text_of(messages[-1]) == "Something else."


async def test_a_refused_call_ends_an_answer_as_data_too(careful: Server, llm: LLM) -> None:
    llm.script(Answer(tools=(FETCH,)))
    session_id = await careful.new_session(title="Permissions")
    form = {"type": "json_schema", "schema": {"type": "object"}}
    async with careful.listen() as stream:
        await careful.client.post(
            f"/session/{session_id}/prompt_async", json={"content": "go", "format": form}
        )
        request = (await until(stream, "permission.asked"))[-1]["properties"]
        await careful.client.post(f"/permission/{request['id']}/reply", json={"reply": "reject"})
        await until(stream, "session.idle")
    answer = (await careful.messages(session_id))[-1]["info"]
    assert answer["error"]["name"] == "StructuredOutputError"
    assert len([request for request in llm.requests if request.has_tools]) == 1


async def test_an_abort_takes_the_request_back(careful: Server, llm: LLM) -> None:
    llm.script(Answer(tools=(FETCH,)))
    session_id = await careful.new_session(title="Permissions")
    async with careful.listen() as stream:
        request = await asked(careful, session_id, stream, "permission")
        await careful.client.post(f"/session/{session_id}/abort")
        seen = await until(stream, "session.idle")
    told = [event["properties"] for event in seen if event["type"] == "permission.replied"]
    assert told == [{"sessionID": session_id, "requestID": request["id"], "reply": "reject"}]
    assert (await careful.client.get("/permission")).json() == []
    assert (await the_call(careful, session_id))["status"] == "error"


async def test_who_comes_late_is_told_what_waits(careful: Server, llm: LLM) -> None:
    llm.script(Answer(tools=(FETCH,)))
    session_id = await careful.new_session(title="Permissions")
    async with careful.listen() as stream:
        request = await asked(careful, session_id, stream, "permission")
    long_ago = "evt_" + "0" * 26
    async with careful.listen(f"/session/{session_id}/event", long_ago) as stream:
        seen = await until(stream, "permission.asked")
    assert seen[-1]["properties"] == request


async def test_what_the_rules_deny_is_not_even_asked_for(tmp_path: Path, llm: LLM) -> None:
    rules = {"webfetch": {"*": "ask", "http://127.0.0.1*": "deny"}}
    async with running_server(tmp_path, provider_config(llm) | {"permission": rules}) as server:
        llm.script(Answer(tools=(FETCH,)), Answer(text="Then not."))
        session_id = await server.new_session(title="Permissions")
        assert text_of(await server.ask(session_id, "go")) == "Then not."
        assert "has specified a rule against webfetch" in (await the_call(server, session_id))["error"]


async def test_a_question_is_answered_and_the_model_goes_on(server: Server, llm: LLM) -> None:
    llm.script(Answer(tools=(("question", QUESTIONS),)), Answer(text="Red it is."))
    session_id = await server.new_session(title="Permissions")
    async with server.listen() as stream:
        request = await asked(server, session_id, stream, "question")
        assert request["questions"] == QUESTIONS["questions"]
        assert (await server.client.get("/question")).json() == [request]
        short = await server.client.post(f"/question/{request['id']}/reply", json={"answers": []})
        assert short.status_code == 400
        reply = await server.client.post(f"/question/{request['id']}/reply", json={"answers": [["Red"]]})
        assert reply.json() is True
        seen = await until(stream, "session.idle")
    told = next(event["properties"] for event in seen if event["type"] == "question.replied")
    assert told["answers"] == [["Red"]]
    state = await the_call(server, session_id)
    assert '"Which colour?"="Red"' in state["output"]
    assert state["metadata"]["answers"] == [["Red"]]
    assert text_of((await server.messages(session_id))[-1]) == "Red it is."


async def test_a_dismissed_question_ends_the_turn(server: Server, llm: LLM) -> None:
    llm.script(Answer(tools=(("question", QUESTIONS),)))
    session_id = await server.new_session(title="Permissions")
    async with server.listen() as stream:
        request = await asked(server, session_id, stream, "question")
        assert (await server.client.post(f"/question/{request['id']}/reject")).json() is True
        await until(stream, "session.idle")
    assert (await the_call(server, session_id))["error"] == "The user dismissed this question."
    assert (await server.messages(session_id))[-1]["info"]["finish"] == "tool-calls"
    assert len([request for request in llm.requests if request.has_tools]) == 1
    assert (await server.client.get("/question")).json() == []
