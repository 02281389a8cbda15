"""A prompt's whole way: from the POST through a provider's wire to events, stored messages and back."""

import asyncio
import gc
from itertools import groupby
from pathlib import Path

import httpx
import pytest

from opencode.agent.turn import Turn
from opencode.session.turns import RunningTurn
from tests.harness import Server, running_server, text_of
from tests.llm.server import LLM, Answer, Silence, Status, Usage
from tests.server.conftest import WIRES, provider_config

TODOS = {"todos": [{"content": "bench", "status": "pending", "priority": "low"}]}


@pytest.mark.parametrize("wire", WIRES)
async def test_text_and_reasoning_stream_in_opencodes_order(server: Server, llm: LLM, wire: str) -> None:
    llm.script(Answer(reasoning="Let me think.", text=("Hello, ", "world."), usage=Usage(input=10, output=7)))
    session_id = await server.new_session(title="Named")
    events = await server.stream(session_id, "Hi", model=f"{wire}/one")
    kinds = [kind for kind, _ in groupby(event["type"] for event in events)]
    assert kinds == [
        "message.updated",
        "message.part.updated",
        "session.status",
        "message.updated",
        "message.part.updated",
        "message.part.delta",
        "message.part.updated",
        "message.part.delta",
        "message.part.updated",
        "message.updated",
        "session.updated",
        "session.status",
        "session.idle",
    ]
    deltas = [event["properties"] for event in events if event["type"] == "message.part.delta"]
    assert "".join(delta["delta"] for delta in deltas) == "Let me think.Hello, world."
    assert {delta["field"] for delta in deltas} == {"text"}
    prompt, answer = await server.messages(session_id)
    assert text_of(prompt) == "Hi"
    assert [part["type"] for part in answer["parts"]] == ["step-start", "reasoning", "text", "step-finish"]
    assert answer["info"]["finish"] == "stop"
    assert answer["info"]["parentID"] == prompt["info"]["id"]
    assert answer["info"]["tokens"]["input"] == 10
    assert answer["info"]["time"]["completed"] >= answer["info"]["time"]["created"]
    part_ids = [part["id"] for part in answer["parts"]]
    assert part_ids == sorted(part_ids)


@pytest.mark.parametrize("wire", WIRES)
async def test_a_tool_call_runs_and_its_result_goes_back_to_the_model(
    server: Server, llm: LLM, wire: str
) -> None:
    llm.script(Answer(tools=(("todowrite", TODOS),)), Answer(text="Done."))
    session_id = await server.new_session(title="Named")
    answer = await server.ask(session_id, "Note it", model={"providerID": wire, "modelID": "one"})
    assert text_of(answer) == "Done."
    _, first, second = await server.messages(session_id)
    (call,) = (part for part in first["parts"] if part["type"] == "tool")
    assert call["tool"] == "todowrite"
    assert call["state"]["status"] == "completed"
    assert call["state"]["input"] == TODOS
    assert call["state"]["metadata"]["truncated"] is False
    assert first["info"]["finish"] == "tool-calls"
    assert second["info"]["parentID"] == first["info"]["parentID"]
    todos = (await server.client.get(f"/session/{session_id}/todo")).json()
    assert todos == TODOS["todos"]
    assert llm.requests[1].has_tool_output


@pytest.mark.parametrize("wire", WIRES)
async def test_calls_of_one_step_run_side_by_side_and_keep_their_order(
    server: Server, llm: LLM, wire: str
) -> None:
    llm.script(Answer(tools=(("todowrite", TODOS), ("todoread", {}), ("nosuchtool", {}))), Answer(text="ok"))
    session_id = await server.new_session(title="Named")
    await server.ask(session_id, "go", model={"providerID": wire, "modelID": "one"})
    first = (await server.messages(session_id))[1]
    calls = [part for part in first["parts"] if part["type"] == "tool"]
    assert [call["tool"] for call in calls] == ["todowrite", "todoread", "nosuchtool"]
    assert [call["state"]["status"] for call in calls] == ["completed", "completed", "error"]
    assert "nosuchtool" in calls[2]["state"]["error"]


async def test_bad_arguments_become_an_error_that_the_model_can_mend(server: Server, llm: LLM) -> None:
    llm.script(
        Answer(tools=(("todowrite", {"todos": [{"status": "pending"}]}),)),
        Answer(tools=(("todowrite", '{"todos": [oops'),)),
        Answer(text="I see."),
    )
    session_id = await server.new_session(title="Named")
    answer = await server.ask(session_id, "go")
    assert text_of(answer) == "I see."
    errors = [
        part["state"]["error"]
        for message in await server.messages(session_id)
        for part in message["parts"]
        if part["type"] == "tool"
    ]
    assert "content" in errors[0]
    assert "JSON" in errors[1]


async def test_everything_is_there_after_a_restart(tmp_path: Path, llm: LLM) -> None:
    config = provider_config(llm)
    llm.script(Answer(tools=(("todowrite", TODOS),)), Answer(reasoning="Hm.", text="Done."))
    async with running_server(tmp_path, config) as server:
        session_id = await server.new_session(title="Kept")
        await server.ask(session_id, "Note it")
        before = await server.messages(session_id)
        session = (await server.client.get(f"/session/{session_id}")).json()
        assert session["tokens"]["input"] == 200
    async with running_server(tmp_path, config) as server:
        assert await server.messages(session_id) == before
        assert (await server.client.get(f"/session/{session_id}")).json() == session
        assert (await server.client.get(f"/session/{session_id}/todo")).json() == TODOS["todos"]
        llm.script(Answer(text="Yes."))
        assert text_of(await server.ask(session_id, "Still there?")) == "Yes."
        assert len(await server.messages(session_id)) == 5


async def test_a_session_gets_its_title_from_the_first_prompt(tmp_path: Path) -> None:
    async with (
        LLM(title="“Trip to Lisbon”\n") as llm,
        running_server(tmp_path, provider_config(llm)) as server,
    ):
        llm.script(Answer(text="Lovely."))
        session_id = await server.new_session()
        async with server.listen(f"/session/{session_id}/event") as events:
            await server.ask(session_id, "Plan a trip")
            async for _, event in events:
                if (
                    event["type"] == "session.updated"
                    and event["properties"]["info"]["title"] == "Trip to Lisbon"
                ):
                    break


async def test_abort_keeps_the_text_so_far_and_closes_the_providers_connection(
    server: Server, llm: LLM
) -> None:
    llm.script(Answer(text="tick ", endless=True, pace=0.01))
    session_id = await server.new_session(title="Named")
    seen = ""
    async with server.listen(f"/session/{session_id}/event") as events:
        answer = asyncio.create_task(server.ask(session_id, "go"))
        async for _, event in events:
            if event["type"] == "message.part.delta":
                seen += event["properties"]["delta"]
                if len(seen) > 50:
                    break
        started = asyncio.get_running_loop().time()
        assert (await server.client.post(f"/session/{session_id}/abort")).json() is True
        assert asyncio.get_running_loop().time() - started < 0.1
    message = await answer
    assert text_of(message).startswith(seen)
    assert message["info"]["error"]["name"] == "MessageAbortedError"
    await llm.until(lambda llm: llm.disconnects == 1)
    assert (await server.client.get("/session/status")).json() == {}
    llm.script(Answer(text="Still here."))
    assert text_of(await server.ask(session_id, "again")) == "Still here."


async def test_abort_of_an_idle_session_is_harmless(server: Server) -> None:
    session_id = await server.new_session()
    assert (await server.client.post(f"/session/{session_id}/abort")).json() is True


async def test_a_prompt_sent_meanwhile_joins_the_turn(server: Server, llm: LLM) -> None:
    gate = asyncio.Event()
    llm.script(Answer(text=("One", "."), gate=gate), Answer(text="Two."))
    session_id = await server.new_session(title="Named")
    first = asyncio.create_task(server.ask(session_id, "first"))
    await llm.until(lambda llm: len(llm.requests) == 1)
    async with server.listen(f"/session/{session_id}/event") as events:
        second = asyncio.create_task(server.ask(session_id, "second"))
        async for _, event in events:
            if (
                event["type"] == "message.part.updated"
                and event["properties"]["part"].get("text") == "second"
            ):
                break
    gate.set()
    assert text_of(await first) == "One."
    assert text_of(await second) == "Two."
    prompt_one, answer_one, prompt_two, answer_two = sorted(
        await server.messages(session_id), key=lambda message: message["info"]["time"]["created"]
    )
    assert answer_one["info"]["parentID"] == prompt_one["info"]["id"]
    assert answer_two["info"]["parentID"] == prompt_two["info"]["id"]
    told = llm.requests[1].body["messages"][1:]
    assert [(each["role"], each["content"]) for each in told] == [
        ("user", "first"),
        ("assistant", "One."),
        ("user", "second"),
    ]


@pytest.mark.parametrize("wire", WIRES)
async def test_a_cut_stream_is_tried_again_and_never_doubles_text(
    server: Server, llm: LLM, wire: str
) -> None:
    llm.script(Answer(text=("Hello, ", "wor"), fault=("text", "drop")), Answer(text=("Hello, ", "world.")))
    session_id = await server.new_session(title="Named")
    events = await server.stream(session_id, "Hi", model=f"{wire}/one")
    text: dict[str, str] = {}
    for event in events:
        properties = event["properties"]
        if event["type"] == "message.part.delta":
            text[properties["partID"]] += properties["delta"]
        elif event["type"] == "message.part.updated" and properties["part"]["type"] == "text":
            text[properties["part"]["id"]] = properties["part"]["text"]
        elif event["type"] == "message.part.removed":
            del text[properties["partID"]]
    assert list(text.values()) == ["Hi", "Hello, world."]
    statuses = [event["properties"]["status"] for event in events if event["type"] == "session.status"]
    assert [status["type"] for status in statuses] == ["busy", "retry", "busy", "idle"]
    assert text_of((await server.messages(session_id))[1]) == "Hello, world."


async def test_a_rate_limit_is_waited_for_as_the_provider_asks(server: Server, llm: LLM) -> None:
    llm.script(Status(429, "slow down", headers={"Retry-After": "1"}), Answer(text="There."))
    session_id = await server.new_session(title="Named")
    started = asyncio.get_running_loop().time()
    events = await server.stream(session_id, "Hi")
    assert 1 <= asyncio.get_running_loop().time() - started < 3
    (retry,) = (
        event["properties"]["status"]
        for event in events
        if event["type"] == "session.status" and event["properties"]["status"]["type"] == "retry"
    )
    assert retry["attempt"] == 1
    assert "slow down" in retry["message"]


@pytest.mark.parametrize(
    ("status", "requests", "name"), [(401, 1, "APIError"), (400, 1, "APIError"), (500, 3, "APIError")]
)
async def test_a_failure_ends_as_an_error_in_the_message(
    server: Server, llm: LLM, status: int, requests: int, name: str
) -> None:
    llm.script(*[Status(status, "scripted") for _ in range(requests)])
    session_id = await server.new_session(title="Named")
    answer = await server.ask(session_id, "Hi")
    error = answer["info"]["error"]
    assert error["name"] == name
    assert error["data"]["statusCode"] == status
    assert "a-secret-key" not in str(error)
    assert len(llm.requests) == requests
    llm.script(Answer(text="Better."))
    assert text_of(await server.ask(session_id, "again")) == "Better."


@pytest.mark.parametrize("wire", WIRES)
async def test_a_conversation_that_does_not_fit_is_a_context_overflow(
    server: Server, llm: LLM, wire: str
) -> None:
    llm.script(
        Status(400, "prompt is too long: 210000 tokens > 200000 maximum", code="context_length_exceeded")
    )
    session_id = await server.new_session(title="Named")
    answer = await server.ask(session_id, "Hi", model={"providerID": wire, "modelID": "one"})
    assert answer["info"]["error"]["name"] == "ContextOverflowError"


async def test_a_client_that_leaves_ends_nothing(server: Server, llm: LLM) -> None:
    gate = asyncio.Event()
    llm.script(Answer(text=("One", " two"), gate=gate))
    session_id = await server.new_session(title="Named")
    async with server.listen() as events:
        with pytest.raises(httpx.ReadTimeout):
            await server.client.post(
                f"/session/{session_id}/message",
                json={"parts": [{"type": "text", "text": "go"}]},
                timeout=0.2,
            )
        gate.set()
        async for _, event in events:
            if event["type"] == "session.idle":
                break
    assert text_of((await server.messages(session_id))[1]) == "One two"


async def test_an_answer_as_data_fits_the_schema(server: Server, llm: LLM) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    llm.script(
        Answer(tools=(("StructuredOutput", {"age": "old"}),)),
        Answer(tools=(("StructuredOutput", {"age": 7}),)),
    )
    session_id = await server.new_session(title="Named")
    answer = await server.ask(session_id, "How old?", format={"type": "json_schema", "schema": schema})
    assert answer["info"]["structured"] == {"age": 7}
    assert "error" not in answer["info"]


async def test_data_that_never_fits_is_an_error(server: Server, llm: LLM) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    llm.script(*[Answer(tools=(("StructuredOutput", {}),)) for _ in range(2)])
    session_id = await server.new_session(title="Named")
    form = {"type": "json_schema", "schema": schema, "retryCount": 1}
    answer = await server.ask(session_id, "How old?", format=form)
    assert answer["info"]["error"]["name"] == "StructuredOutputError"


@pytest.mark.parametrize("wire", WIRES)
async def test_data_in_plain_text_is_taken_and_what_does_not_fit_is_asked_for_again(
    server: Server, llm: LLM, wire: str
) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    llm.script(Answer(text="Seven."), Answer(text='```json\n{"age": 7}\n```'))
    session_id = await server.new_session(title="Named")
    answer = await server.ask(
        session_id,
        "How old?",
        format={"type": "json_schema", "schema": schema},
        model={"providerID": wire, "modelID": "one"},
    )
    assert answer["info"]["structured"] == {"age": 7}
    assert "not the answer as data" in str(llm.requests[1].body)
    prompt, first, follow_up, _ = await server.messages(session_id)
    assert first["info"]["parentID"] == prompt["info"]["id"]
    assert follow_up["parts"][0]["synthetic"] is True


async def test_a_model_that_takes_no_tools_is_asked_for_data_in_words(tmp_path: Path, llm: LLM) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    config = provider_config(llm)
    config["provider"]["compatible"]["models"]["one"]["tool_call"] = False
    answers = iter([Answer(text="Seven."), Answer(text='{"age": 7}')])
    llm.on("one", lambda _: next(answers))
    async with running_server(tmp_path, config) as server:
        session_id = await server.new_session(title="Named")
        form = {"type": "json_schema", "schema": schema}
        answer = await server.ask(session_id, "How old?", format=form)
    assert answer["info"]["structured"] == {"age": 7}
    for request in llm.requests:
        assert not {"tools", "tool_choice"} & set(request.body)
        assert '"required":["age"]' in request.body["messages"][0]["content"]


async def test_data_is_named_as_models_name_tools(server: Server, llm: LLM) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    llm.script(Answer(tools=(("functions.structured_output", '"{\\"age\\": \\"7\\"}"'),)))
    session_id = await server.new_session(title="Named")
    answer = await server.ask(session_id, "How old?", format={"type": "json_schema", "schema": schema})
    assert answer["info"]["structured"] == {"age": 7}


async def test_an_agents_step_limit_ends_in_words(tmp_path: Path, llm: LLM) -> None:
    config = provider_config(llm) | {"agent": {"build": {"steps": 2}}}
    async with running_server(tmp_path, config) as server:
        llm.script(Answer(tools=(("todoread", {}),)), Answer(text="That is all I could do."))
        session_id = await server.new_session(title="Named")
        answer = await server.ask(session_id, "go")
        assert text_of(answer) == "That is all I could do."
        assert llm.requests[1].body["tool_choice"] == "none"


async def test_a_model_that_calls_tools_beyond_its_step_limit_is_asked_no_more(
    tmp_path: Path, llm: LLM
) -> None:
    config = provider_config(llm) | {"agent": {"build": {"steps": 2}}}
    async with running_server(tmp_path, config) as server:
        llm.script(*[Answer(tools=(("todoread", {}),))] * 2)
        session_id = await server.new_session(title="Named")
        answer = await server.ask(session_id, "go")
        assert "after the 2 steps" in answer["info"]["error"]["data"]["message"]
        llm.script(Answer(text="On it goes."))
        assert text_of(await server.ask(session_id, "and now?")) == "On it goes."
    assert len(llm.requests) == 3


async def test_an_agent_of_the_configuration_has_its_own_prompt_model_and_tools(
    tmp_path: Path, llm: LLM
) -> None:
    agent = {"prompt": "You are a pirate.", "model": "compatible/two", "tools": {"web*": False}}
    async with running_server(tmp_path, provider_config(llm) | {"agent": {"pirate": agent}}) as server:
        llm.script(Answer(text="Arr."))
        session_id = await server.new_session(title="Named")
        answer = await server.ask(session_id, "go", agent="pirate")
        assert answer["info"]["modelID"] == "two"
        assert answer["info"]["agent"] == "pirate"
    body = llm.requests[0].body
    assert body["messages"][0]["content"].startswith("You are a pirate.")
    assert [tool["function"]["name"] for tool in body["tools"]] == [
        "todowrite",
        "todoread",
        "task",
    ]


async def test_no_reply_stores_the_message_and_starts_nothing(server: Server, llm: LLM) -> None:
    session_id = await server.new_session(title="Named")
    answer = await server.ask(session_id, "For later", noReply=True)
    assert answer["info"]["role"] == "user"
    events = await server.stream(session_id, "And this", noReply=True)
    assert [event["type"] for event in events] == ["message.updated", "message.part.updated"]
    assert llm.requests == []


async def test_prompt_async_answers_at_once_and_works_in_the_background(server: Server, llm: LLM) -> None:
    llm.script(Answer(text="Done."))
    session_id = await server.new_session(title="Named")
    async with server.listen(f"/session/{session_id}/event") as events:
        response = await server.client.post(f"/session/{session_id}/prompt_async", json={"content": "go"})
        assert (response.status_code, response.content) == (204, b"")
        async for _, event in events:
            if event["type"] == "session.idle":
                break
    assert text_of((await server.messages(session_id))[1]) == "Done."


async def test_deleting_a_session_that_is_at_work_stops_it_and_leaves_nothing(
    server: Server, llm: LLM
) -> None:
    llm.script(Silence())
    session_id = await server.new_session()
    answer = asyncio.create_task(server.ask(session_id, "go"))
    await llm.until(lambda llm: any(request.has_tools for request in llm.requests))
    assert (await server.client.delete(f"/session/{session_id}")).json() is True
    assert (await answer)["info"]["error"]["name"] == "MessageAbortedError"
    assert (await server.client.get(f"/session/{session_id}")).status_code == 404
    assert (await server.client.get("/session")).json() == []


@pytest.mark.parametrize("wire", WIRES)
async def test_images_and_pdfs_reach_a_model_that_takes_them(tmp_path: Path, llm: LLM, wire: str) -> None:
    config = provider_config(llm)
    config["provider"][wire]["models"]["one"] = {
        "attachment": True,
        "modalities": {"input": ["text", "image", "pdf"], "output": ["text"]},
    }
    async with running_server(tmp_path, config) as server:
        llm.script(Answer(text="A dot."))
        session_id = await server.new_session(title="Named")
        parts = [
            {"type": "text", "text": "What is this?"},
            {
                "type": "file",
                "mime": "image/png",
                "url": "data:image/png;base64,iVBORw0KGgo=",
                "filename": "dot.png",
            },
            {"type": "file", "mime": "application/pdf", "url": "data:application/pdf;base64,JVBERi0="},
            {
                "type": "file",
                "mime": "text/plain",
                "url": "data:text/plain,some%20notes",
                "filename": "notes.txt",
            },
        ]
        response = await server.client.post(
            f"/session/{session_id}/message",
            json={"parts": parts, "model": {"providerID": wire, "modelID": "one"}},
        )
        assert text_of(response.json()) == "A dot."
    sent = str(llm.requests[0].body)
    assert "iVBORw0KGgo=" in sent
    assert "JVBERi0=" in sent
    assert "some notes" in sent


async def test_a_turn_that_is_over_goes_without_the_garbage_collector(server: Server, llm: LLM) -> None:
    gc.collect()
    gc.disable()
    try:
        session_id = await server.new_session(title="Named")
        for _ in range(3):
            llm.script(Answer(tools=(("todoread", {}),)), Answer(text="Done."))
            await server.ask(session_id, "go")
        await asyncio.sleep(0)
        assert [each for each in gc.get_objects() if type(each) in (RunningTurn, Turn)] == []
    finally:
        gc.enable()
