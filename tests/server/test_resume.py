"""Answers that the server's stop cut go on at its next start: after a kill, and after a signal."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from opencode.agent.recovery import STOPS
from tests.harness import Server, text_of
from tests.llm.server import LLM, Answer, Request, Silence
from tests.program import Process, program
from tests.server.conftest import provider_config
from tests.server.test_mcp import liar
from tests.server.test_pending_requests import QUESTIONS
from tests.server.test_tasks import TASK, children

PARTS = [{"type": "text", "text": "go"}]
WORDS = tuple(f"{number} " for number in range(400))


class Machine:
    """A server that is started again and again with the same data and the same model."""

    def __init__(self, folder: Path, llm: LLM) -> None:
        self.llm = llm
        self._folder = folder
        config = provider_config(llm)
        config["mcp"] = {"probe": liar("modest")}
        (folder / "opencode.json").write_text(json.dumps(config))

    @asynccontextmanager
    async def running(self, **env: str) -> AsyncIterator[tuple[Process, Server]]:
        config = {"OPENCODE_CONFIG": str(self._folder / "opencode.json"), "OPENCODE_STOP_GRACE": "0"}
        async with program(self._folder, **config, **env) as running:
            yield running

    def answers(self, *steps: Any) -> None:
        """Answer requests for a turn in this order; the last step answers all later ones."""
        left = list(steps)
        self.llm.on("one", lambda _: left.pop(0) if len(left) > 1 else left[0])


@pytest.fixture
def machine(tmp_path: Path, llm: LLM) -> Machine:
    return Machine(tmp_path, llm)


async def kill(process: Process) -> None:
    process.kill()
    await process.wait()


async def until_there(
    server: Server, session_id: str, found: Callable[[list[dict[str, Any]]], bool]
) -> list[dict[str, Any]]:
    """Return a session's messages once they are as wanted."""
    async with server.listen() as stream:
        messages = await server.messages(session_id)
        while not found(messages):
            await anext(stream)
            messages = await server.messages(session_id)
    return messages


async def until_done(server: Server, session_id: str) -> list[dict[str, Any]]:
    """Return a session's messages once no turn runs in it."""
    async with server.listen() as stream:
        while session_id in (await server.client.get("/session/status")).json():
            await anext(stream)
    return await server.messages(session_id)


async def prompt(server: Server, session_id: str, text: str = "go") -> None:
    response = await server.client.post(f"/session/{session_id}/prompt_async", json={"content": text})
    assert response.status_code == 204


def running_call(messages: list[dict[str, Any]]) -> bool:
    parts = messages[-1]["parts"] if messages else []
    return any(part["type"] == "tool" and part["state"]["status"] == "running" for part in parts)


def calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [part["state"] for part in message["parts"] if part["type"] == "tool"]


def words(messages: list[dict[str, Any]]) -> bool:
    return len(messages) > 1 and len(text_of(messages[-1])) > 20


def asked(request: Request) -> str:
    return json.dumps(request.body["messages"])


@pytest.mark.parametrize("how", ["kill", "signal"])
async def test_a_text_that_was_cut_goes_on(machine: Machine, llm: LLM, how: str) -> None:
    machine.answers(Answer(text=WORDS, pace=0.02), Answer(text="And the rest."))
    async with machine.running() as (process, server):
        session_id = await server.new_session(title="Named")
        waiting = asyncio.create_task(
            server.client.post(
                f"/session/{session_id}/message", json={"parts": [{"type": "text", "text": "go"}]}
            )
        )
        await until_there(server, session_id, words)
        if how == "kill":
            await kill(process)
            await asyncio.gather(waiting, return_exceptions=True)
        else:
            process.send_signal(signal.SIGTERM)
            response = await waiting
            assert response.status_code == 503
            assert "goes on when it has started again" in response.text
            await process.wait()
    async with machine.running() as (_, server):
        asked_for, cut, told, rest = await until_done(server, session_id)
    assert text_of(asked_for) == "go"
    assert cut["info"]["error"]["name"] == "MessageAbortedError"
    assert "goes on below" in cut["info"]["error"]["data"]["message"]
    assert told["parts"][0]["synthetic"] is True
    assert (text_of(rest), rest["info"].get("error")) == ("And the rest.", None)
    assert text_of(cut).strip() in asked(llm.requests[-1])
    assert "Go on where it ends" in asked(llm.requests[-1])


async def test_an_answer_that_had_not_begun_is_asked_for_again(machine: Machine, llm: LLM) -> None:
    machine.answers(Silence(), Answer(text="Here."))
    async with machine.running() as (process, server):
        session_id = await server.new_session(title="Named")
        await prompt(server, session_id)
        await llm.until(lambda llm: len(llm.requests) == 1)
        await kill(process)
    async with machine.running() as (_, server):
        messages = await until_done(server, session_id)
        answer = messages[-1]
    assert (text_of(answer), answer["info"].get("error")) == ("Here.", None)


async def test_a_question_is_asked_again(machine: Machine) -> None:
    machine.answers(Answer(tools=(("question", QUESTIONS),)), Answer(text="Red it is."))
    async with machine.running() as (process, server):
        session_id = await server.new_session(title="Named")
        await prompt(server, session_id)
        await until_there(server, session_id, running_call)
        await kill(process)
    async with machine.running() as (_, server):
        async with server.listen() as stream:
            while not (questions := (await server.client.get("/question")).json()):
                await anext(stream)
        await server.client.post(f"/question/{questions[0]['id']}/reply", json={"answers": [["Red"]]})
        _, call, answer = await until_done(server, session_id)
    assert [state["status"] for state in calls(call)] == ["completed"]
    assert (call["info"].get("error"), call["info"]["finish"]) == (None, "tool-calls")
    assert text_of(answer) == "Red it is."


async def test_a_call_that_may_have_had_its_effect_is_not_made_again(machine: Machine, llm: LLM) -> None:
    tools = (("probe_slow", {"steps": 1, "pause": 60}), ("todoread", {}))
    machine.answers(Answer(tools=tools), Answer(text="I see."))
    async with machine.running() as (process, server):
        await server.client.post("/mcp/probe/connect")
        session_id = await server.new_session(title="Named")
        await prompt(server, session_id)
        await until_there(server, session_id, running_call)
        await kill(process)
    async with machine.running() as (_, server):
        _, call, answer = await until_done(server, session_id)
    slow, todos = calls(call)
    assert slow["status"] == "error"
    assert "may or may not have had its effect" in slow["error"]
    assert todos["status"] == "completed"
    assert text_of(answer) == "I see."
    assert "may or may not have had its effect" in asked(llm.requests[-1])


async def test_a_task_goes_on_in_its_own_session_and_its_result_comes_back(machine: Machine) -> None:
    machine.answers(
        Answer(tools=(("task", TASK),)),
        Silence(),
        Answer(text="Rye is a grass."),
        Answer(text="It is a grass."),
    )
    async with machine.running() as (process, server):
        session_id = await server.new_session(title="Named")
        await prompt(server, session_id)
        await machine.llm.until(lambda llm: len(llm.requests) == 2)
        (child,) = await children(server, session_id)
        await until_there(server, session_id, running_call)
        await kill(process)
    async with machine.running() as (_, server):
        _, call, answer = await until_done(server, session_id)
        assert text_of((await server.messages(child["id"]))[-1]) == "Rye is a grass."
    (state,) = calls(call)
    assert (state["status"], state["title"]) == ("completed", "Look at rye")
    assert "Rye is a grass." in state["output"]
    assert text_of(answer) == "It is a grass."


async def test_prompts_that_waited_are_answered(machine: Machine, llm: LLM) -> None:
    machine.answers(Answer(text=WORDS, pace=0.02), Answer(text="Both."))
    async with machine.running() as (process, server):
        session_id = await server.new_session(title="Named")
        await prompt(server, session_id, "first")
        await until_there(server, session_id, words)
        await prompt(server, session_id, "second")
        await kill(process)
    async with machine.running() as (_, server):
        messages = await until_done(server, session_id)
    assert [text_of(each) for each in messages if each["info"]["role"] == "user"] == ["first", "second"]
    assert text_of(messages[-1]) == "Both."
    assert messages[-1]["info"]["parentID"] == messages[-2]["info"]["id"]


async def test_a_summary_is_written_again(machine: Machine) -> None:
    machine.answers(Answer(text="Hello."), Answer(text=WORDS, pace=0.02), Answer(text="A short summary."))
    machine.llm._title = None  # requests for summaries have no tools either
    model = {"providerID": "compatible", "modelID": "one"}
    async with machine.running() as (process, server):
        session_id = await server.new_session(title="Named")
        await server.ask(session_id, "hi")
        summary = asyncio.create_task(server.client.post(f"/session/{session_id}/summarize", json=model))
        await until_there(server, session_id, lambda messages: len(messages) > 3 and words(messages))
        await kill(process)
        await asyncio.gather(summary, return_exceptions=True)
    async with machine.running() as (_, server):
        messages = await until_done(server, session_id)
    assert len(messages) == 5  # the summary that was cut stays, marked
    assert (text_of(messages[-1]), messages[-1]["info"]["summary"]) == ("A short summary.", True)
    assert "error" not in messages[-1]["info"]


async def test_an_answer_goes_on_only_so_often(machine: Machine, llm: LLM) -> None:
    machine.answers(Silence())
    session_id = ""
    for start in range(STOPS + 1):
        async with machine.running() as (process, server):
            if not start:
                session_id = await server.new_session(title="Named")
                await prompt(server, session_id)
            await llm.until(lambda llm, start=start: len(llm.requests) == start + 1)  # type: ignore[misc]
            await kill(process)
    async with machine.running() as (_, server):
        answer = (await until_done(server, session_id))[-1]
    assert "stopped 4 times" in answer["info"]["error"]["data"]["message"]
    assert len(llm.requests) == STOPS + 1


@pytest.mark.parametrize("how", ["kill", "signal"])
async def test_answers_are_closed_where_that_is_wanted(machine: Machine, llm: LLM, how: str) -> None:
    machine.answers(Answer(text=WORDS, pace=0.02))
    async with machine.running(OPENCODE_RESUME="off") as (process, server):
        session_id = await server.new_session(title="Named")
        await prompt(server, session_id)
        await until_there(server, session_id, words)
        await kill(process) if how == "kill" else process.send_signal(signal.SIGTERM)
        await process.wait()
    async with machine.running(OPENCODE_RESUME="off") as (_, server):
        assert (await server.client.get("/session/status")).json() == {}
        _, answer = await server.messages(session_id)
    assert answer["info"]["error"]["name"] == "MessageAbortedError"
    assert "stopped" in answer["info"]["error"]["data"]["message"]
    assert len(llm.requests) == 1


async def test_what_the_user_stopped_does_not_go_on(machine: Machine, llm: LLM) -> None:
    machine.answers(Answer(text=WORDS, pace=0.02))
    async with machine.running() as (process, server):
        session_id = await server.new_session(title="Named")
        await prompt(server, session_id)
        await until_there(server, session_id, words)
        await server.client.post(f"/session/{session_id}/abort")
        await kill(process)
    async with machine.running() as (_, server):
        messages = await until_done(server, session_id)
    assert len(messages) == 2
    assert len(llm.requests) == 1
