"""`opencode run --attach`: one prompt from the command line."""

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.harness import Server, text_of
from tests.llm.server import LLM, Answer, Status

from .conftest import Cli, Finished

TODOS = {"todos": [{"content": "buy milk", "status": "in_progress", "priority": "high"}]}
FETCH = {"url": "http://127.0.0.1:9/page", "format": "markdown"}


class Heard(asyncio.Event):
    """Open once the client follows the events: it prints what it hears until its prompt is answered."""

    def __init__(self, server: Server, times: int = 1) -> None:
        super().__init__()
        self._server = server
        self._times = times

    async def wait(self) -> bool:  # type: ignore[override]
        await self._server.until_asked("GET /event", self._times)
        return True


def said(text: str, server: Server, times: int = 1) -> Answer:
    return Answer(text=(*text.partition(" "),), gate=Heard(server, times))


def lines(finished: Finished) -> list[dict[str, Any]]:
    return [json.loads(line) for line in finished.out.splitlines()]


async def test_the_answer_is_printed(cli: Cli, server: Server, llm: LLM) -> None:
    llm.script(said("Hello sailor.", server))
    finished = await cli("Hi there")
    assert (finished.code, finished.out) == (0, "Hello sailor.\n")
    assert "build · one" in finished.err
    assert "Hi there" in llm.requests[0].body["messages"][-1]["content"]


async def test_json_has_every_step_tool_and_text(cli: Cli, server: Server, llm: LLM) -> None:
    llm.script(Answer(tools=(("todowrite", TODOS),), gate=Heard(server)), said("All noted.", server))
    finished = await cli("--format", "json", "Note it")
    assert finished.code == 0
    kinds = ["step_start", "tool_use", "step_finish", "step_start", "text", "step_finish"]
    told = lines(finished)
    assert [line["type"] for line in told] == kinds
    assert told[1]["part"]["state"]["status"] == "completed"
    assert told[1]["part"]["state"]["input"] == TODOS
    assert told[4]["part"]["text"] == "All noted."
    assert told[5]["part"]["tokens"]["output"] == 20


async def test_tools_and_thoughts_are_shown(cli: Cli, server: Server, llm: LLM) -> None:
    llm.script(
        Answer(reasoning="Milk, surely.", tools=(("todowrite", TODOS),), gate=Heard(server)),
        said("All noted.", server),
    )
    finished = await cli("--thinking", "Note it")
    assert finished.code == 0
    assert "[•] buy milk" in finished.err
    assert finished.out == "Thinking: Milk, surely.\nAll noted.\n"


async def test_a_session_goes_on(cli: Cli, server: Server, llm: LLM) -> None:
    llm.script(*(said(f"Answer {number}.", server, number) for number in (1, 2, 3)))
    await cli("--title", "Mine", "first")
    (session,) = (await server.client.get("/session")).json()
    assert session["title"] == "Mine"
    assert (await cli("-c", "second")).out == "Answer 2.\n"
    assert (await cli("-s", session["id"], "third")).out == "Answer 3.\n"
    assert [text_of(each) for each in await server.messages(session["id"])][::2] == [
        "first",
        "second",
        "third",
    ]


async def test_a_fork_goes_on_beside_its_origin(cli: Cli, server: Server, llm: LLM) -> None:
    llm.script(said("One.", server), said("Two.", server, 2))
    await cli("first")
    assert (await cli("-c", "--fork", "second")).code == 0
    fork, origin = (await server.client.get("/session")).json()
    assert [text_of(each) for each in await server.messages(fork["id"])] == [
        "first",
        "One.",
        "second",
        "Two.",
    ]
    assert len(await server.messages(origin["id"])) == 2


async def test_an_agent_answers(cli: Cli, server: Server, llm: LLM) -> None:
    llm.script(said("Arr.", server))
    finished = await cli("--agent", "pirate", "Hi")
    assert (finished.code, finished.out) == (0, "Arr.\n")
    assert "pirate · one" in finished.err
    assert llm.requests[0].body["messages"][0]["content"].startswith("You are a pirate.")


async def test_an_agent_that_is_not_there_gives_way_to_the_default_one(
    cli: Cli, server: Server, llm: LLM
) -> None:
    llm.script(said("Hello sailor.", server))
    finished = await cli("--agent", "nobody", "Hi")
    assert (finished.code, finished.out) == (0, "Hello sailor.\n")
    assert 'agent "nobody" not found' in finished.err


async def test_a_file_reaches_the_model(cli: Cli, server: Server, llm: LLM, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("The ship is called Vasa.")
    llm.script(said("It is Vasa.", server))
    finished = await cli("-f", "note.txt", "--", "What is it called?")
    assert (finished.code, finished.out) == (0, "It is Vasa.\n")
    assert "The ship is called Vasa." in json.dumps(llm.requests[0].body)


async def test_a_command_of_the_configuration_runs(cli: Cli, server: Server, llm: LLM) -> None:
    llm.script(said("Good day, Ada.", server))
    finished = await cli("--command", "greet", "Ada")
    assert (finished.code, finished.out) == (0, "Good day, Ada.\n")
    assert llm.requests[0].body["messages"][-1]["content"] == "Greet Ada politely"


async def test_a_shared_session_has_its_link_printed(cli: Cli, server: Server, llm: LLM) -> None:
    llm.script(said("Hello sailor.", server))
    finished = await cli("--share", "Hi")
    (session,) = (await server.client.get("/session")).json()
    assert session["share"]["url"] in finished.err
    assert "Hello sailor." in (await server.client.get(session["share"]["url"])).text


async def test_what_asks_is_refused_where_nobody_can_answer(cli: Cli, server: Server, llm: LLM) -> None:
    llm.script(Answer(tools=(("webfetch", FETCH),), gate=Heard(server)))
    finished = await cli("Fetch it")
    assert finished.code == 0
    assert f"permission requested: webfetch ({FETCH['url']}); auto-rejecting" in finished.err
    question = next(rule for rule in (await server.client.get("/session")).json()[0]["permission"])
    assert question == {"permission": "question", "pattern": "*", "action": "deny"}
    assert "question" not in [tool["function"]["name"] for tool in llm.requests[0].body["tools"]]


async def test_a_failing_model_is_an_error(cli: Cli, server: Server, llm: LLM) -> None:
    for times in (1, 2, 3):
        gate = Heard(server, times)
        llm.script(
            Answer(text=("One", " two"), gate=gate, fault=("end", "drop")), Status(400, "it is broken")
        )
    finished = await cli("Hi")
    assert (finished.code, finished.out) == (1, "")
    assert "it is broken" in finished.err
    finished = await cli("--format", "json", "Hi")
    assert finished.code == 1
    assert {line["error"]["data"]["message"] for line in lines(finished) if line["type"] == "error"} == {
        "it is broken"
    }
    finished = await cli("-c", "--command", "greet", "Ada")
    assert finished.code == 1
    assert "it is broken" in finished.err


async def test_a_model_that_is_not_there_is_an_error(cli: Cli, llm: LLM) -> None:
    finished = await cli("-m", "local/onn", "Hi")
    assert finished.code == 1
    assert "Did you mean one?" in finished.err
    assert llm.requests == []


async def test_a_session_that_is_not_there_is_an_error(cli: Cli) -> None:
    finished = await cli("-s", "ses_nothing", "Hi")
    assert finished.code == 1
    assert "Session not found" in finished.err
