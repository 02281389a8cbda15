"""A chain of models: the next one answers while one is unavailable, and the message says so."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Server, running_server, text_of
from tests.llm.server import LLM, Answer, Status
from tests.server.conftest import WIRES, provider_config

FIRST, SECOND = "anthropic/one", "compatible/two"
SPENT = Status(429, "You exceeded your current quota", code="insufficient_quota")
UNAVAILABLE = {
    "limited": Status(429, "slow down", headers={"Retry-After": "3600"}),
    "spent": SPENT,
    "unpaid": Status(402, "Insufficient credits"),
    "broke": Status(400, "Your credit balance is too low to access the API."),
    "refused": Status(401, "invalid key a-secret-key"),
    "forbidden": Status(403, "no"),
}


def chained(llm: LLM, **config: Any) -> dict[str, Any]:
    """Return a config whose default model is a chain of two."""
    return provider_config(llm) | {"model": [FIRST, SECOND]} | config


async def ask(server: Server, **fields: Any) -> dict[str, Any]:
    session_id = await server.new_session(title="Named")
    return await server.ask(session_id, "go", **fields)


def notes(answer: dict[str, Any]) -> list[str]:
    return [part["error"]["data"]["message"] for part in answer["parts"] if part["type"] == "retry"]


def name_of(answer: dict[str, Any]) -> str:
    return f"{answer['info']['providerID']}/{answer['info']['modelID']}"


def asked(llm: LLM) -> list[str]:
    """Return the models of the requests that offer tools, in order."""
    return [request.body["model"] for request in llm.requests if request.has_tools]


@pytest.mark.parametrize("kind", UNAVAILABLE)
async def test_the_next_model_answers_and_the_message_tells_why(tmp_path: Path, llm: LLM, kind: str) -> None:
    llm.on("one", UNAVAILABLE[kind])
    llm.on("two", Answer(text="fine"))
    async with running_server(tmp_path, chained(llm)) as server:
        answer = await ask(server)
        stored = json.dumps((await server.client.get("/session")).json())
    assert (text_of(answer), name_of(answer)) == ("fine", SECOND)
    [note] = notes(answer)
    assert note.startswith(f"{FIRST} was unavailable: ")
    assert "a-secret-key" not in note + stored
    assert asked(llm) == ["one", "two"]


@pytest.mark.parametrize("status", [500, 503, 529])
async def test_an_overloaded_model_is_asked_a_few_times_first(tmp_path: Path, llm: LLM, status: int) -> None:
    llm.on("one", Status(status, "overloaded"))
    llm.on("two", Answer(text="fine"))
    async with running_server(tmp_path, chained(llm)) as server:
        assert name_of(await ask(server)) == SECOND
    assert asked(llm) == ["one", "one", "one", "two"]


async def test_a_server_that_can_not_be_reached_is_unavailable(tmp_path: Path, llm: LLM) -> None:
    llm.on("two", Answer(text="fine"))
    config = chained(llm)
    config["provider"]["anthropic"]["options"]["baseURL"] = "http://127.0.0.1:9/v1"
    async with running_server(tmp_path, config) as server:
        answer = await ask(server)
    assert name_of(answer) == SECOND
    assert "refused the connection" in notes(answer)[0]


async def test_a_model_without_a_key_is_passed_over(tmp_path: Path, llm: LLM) -> None:
    llm.on("two", Answer(text="fine"))
    config = provider_config(llm) | {"model": ["groq/qwen", SECOND]}
    async with running_server(tmp_path, config) as server:
        answer = await ask(server)
    assert (text_of(answer), name_of(answer)) == ("fine", SECOND)
    assert "has no key" in notes(answer)[0]


async def test_a_refusal_of_the_request_itself_goes_to_no_other_model(tmp_path: Path, llm: LLM) -> None:
    llm.on("one", Status(400, "temperature must be a number"))
    async with running_server(tmp_path, chained(llm)) as server:
        answer = await ask(server)
    assert (answer["info"]["error"]["name"], name_of(answer)) == ("APIError", FIRST)
    assert asked(llm) == ["one"]


async def test_an_unavailable_model_rests_and_is_asked_again_once_a_key_is_set(
    tmp_path: Path, llm: LLM
) -> None:
    llm.on("one", SPENT)
    llm.on("two", Answer(text="fine"))
    async with running_server(tmp_path, chained(llm)) as server:
        await ask(server)
        answer = await ask(server)
        assert asked(llm) == ["one", "two", "two"]
        assert notes(answer)[0].startswith(f"{FIRST} was unavailable: ")
        llm.on("one", Answer(text="paid"))
        response = await server.client.put("/auth/groq", json={"type": "api", "key": "new"})
        assert response.status_code == 200
        answer = await ask(server)
    assert (text_of(answer), name_of(answer), notes(answer)) == ("paid", FIRST, [])


async def test_the_model_that_answers_one_step_answers_the_next(tmp_path: Path, llm: LLM) -> None:
    llm.on("one", SPENT)
    call, done = Answer(tools=(("todoread", {}),)), Answer(text="Done.")
    llm.on("two", lambda request: done if request.has_tool_output else call)
    async with running_server(tmp_path, chained(llm)) as server:
        answer = await ask(server)
    assert (text_of(answer), name_of(answer)) == ("Done.", SECOND)
    assert asked(llm) == ["one", "two", "two"]


@pytest.mark.parametrize(("one", "two"), [(SPENT, Status(401, "no")), (Status(401, "no"), SPENT)])
async def test_if_no_model_is_available_the_error_is_the_last_ones(
    tmp_path: Path, llm: LLM, one: Status, two: Status
) -> None:
    llm.on("one", one)
    llm.on("two", two)
    async with running_server(tmp_path, chained(llm)) as server:
        answer = await ask(server)
        assert two.message in answer["info"]["error"]["data"]["message"]
        assert len(notes(answer)) == 1
        again = await ask(server)
    assert "error" in again["info"]
    assert asked(llm) == ["one", "two"] * 2


@pytest.mark.parametrize("named", [FIRST, SECOND, "openai/one"])
async def test_a_prompt_that_names_a_model_has_what_follows_it_in_the_chain(
    tmp_path: Path, llm: LLM, named: str
) -> None:
    llm.on("one", SPENT)
    llm.on("two", SPENT)
    async with running_server(tmp_path, chained(llm)) as server:
        await ask(server, model=named)
    assert asked(llm) == {FIRST: ["one", "two"], SECOND: ["two"], "openai/one": ["one"]}[named]


async def test_an_agents_own_chain_comes_before_the_general_one(tmp_path: Path, llm: LLM) -> None:
    llm.on("one", lambda request: SPENT if request.path.endswith("/messages") else Answer(text="mine"))
    agent = {"model": [FIRST, "openai/one"]}
    async with running_server(tmp_path, chained(llm, agent={"build": agent})) as server:
        assert name_of(await ask(server)) == "openai/one"
        agents = (await server.client.get("/agent")).json()
    build = next(agent for agent in agents if agent["name"] == "build")
    assert build["model"] == {"providerID": "anthropic", "modelID": "one"}


async def test_a_summary_is_written_by_the_next_model_too(tmp_path: Path, llm: LLM) -> None:
    llm.on("two", Answer(text="A summary."))
    llm.on("one", Answer(text="Hello."))
    async with running_server(tmp_path, chained(llm)) as server:
        session_id = await server.new_session(title="Named")
        await server.ask(session_id, "go")
        llm.on("one", SPENT)
        body = {"providerID": "anthropic", "modelID": "one"}
        response = await server.client.post(f"/session/{session_id}/summarize", json=body)
        assert response.status_code == 200
        summary = (await server.messages(session_id))[-1]
    assert (text_of(summary), name_of(summary)) == ("A summary.", SECOND)
    assert len(notes(summary)) == 1


@pytest.mark.parametrize("chain", [{"small_model": ["openai/two", "compatible/two"]}, {}])
async def test_a_title_comes_from_the_next_small_model(
    tmp_path: Path, llm: LLM, chain: dict[str, Any]
) -> None:
    llm.on("two", lambda request: SPENT if request.path.endswith("/responses") else Answer(text="A trip"))
    llm.on("one", SPENT)
    async with running_server(tmp_path, chained(llm, **chain)) as server:
        session_id = await server.new_session()
        async with server.listen(f"/session/{session_id}/event") as events:
            await server.ask(session_id, "Plan a trip")
            async for _, event in events:
                if event["properties"].get("info", {}).get("title") == "A trip":
                    break


async def test_clients_see_one_model_and_the_fallbacks_beside_it(tmp_path: Path, llm: LLM) -> None:
    config = chained(llm, small_model=[SECOND, FIRST], agent={"plan": {"model": [SECOND, FIRST]}})
    async with running_server(tmp_path, config) as server:
        shown = (await server.client.get("/config")).json()
    assert (shown["model"], shown["small_model"]) == (FIRST, SECOND)
    plan = {"model": SECOND, "fallbacks": [FIRST], "options": {}, "permission": {}}
    assert shown["agent"]["plan"] == plan
    assert shown["agent"]["build"] == {"fallbacks": [SECOND]}


@pytest.mark.parametrize("wire", WIRES)
async def test_the_page_tells_which_model_answered_and_why(tmp_path: Path, llm: LLM, wire: str) -> None:
    llm.on("one", Status(401, "<b>no</b>"))
    llm.on("two", Answer(text="fine"))
    async with running_server(tmp_path, chained(llm, model=[f"{wire}/one", SECOND])) as server:
        session_id = await server.new_session(title="Named")
        await server.ask(session_id, "go")
        page = (await server.client.get(f"/chat/{session_id}")).text
    assert f"{wire}/one was unavailable: &lt;b&gt;no&lt;/b&gt;" in page
    assert f"Then {SECOND} was asked." in page
