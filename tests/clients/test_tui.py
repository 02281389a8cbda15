"""`opencode attach`: the terminal interface on this server, key by key."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Server, text_of
from tests.llm.server import LLM, Answer, Status
from tests.requirements import client_program

from .conftest import GUARDED, Attach, environment, finish
from .terminal import Terminal

TODOS = {
    "todos": [
        {"content": "buy milk", "status": "completed", "priority": "high"},
        {"content": "call Ada", "status": "in_progress", "priority": "low"},
    ]
}
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
WIDE = 150
"""Columns from which on the session's sidebar is shown."""

SUMMARY = "A title"
"""What the loopback LLM says where it is given no tools."""

BUSY = "esc interrupt"


async def say(tui: Terminal, text: str) -> None:
    """Write a prompt and send it."""
    await tui.type(text)
    await tui.shows(text)
    await tui.press("Enter")


async def command(tui: Terminal, name: str) -> None:
    """Run a slash command: of the prompt's own, or of the configuration."""
    await tui.type(f"/{name}")
    await tui.shows(re.compile(rf"/{name}\b.*\s{{2,}}\S.*\n(.*\n)*.*/{name}$", re.MULTILINE))
    await tui.press("Enter")


async def ask(tui: Terminal, llm: LLM, prompt: str, answer: str) -> None:
    """Have a prompt answered."""
    llm.script(Answer(text=answer))
    await say(tui, prompt)
    await tui.shows(answer)
    await tui.hides(BUSY)


async def the_session(server: Server) -> dict[str, Any]:
    """Return the session that changed last."""
    session: dict[str, Any] = (await server.client.get("/session?limit=1")).json()[0]
    return session


def turns(llm: LLM) -> list[dict[str, Any]]:
    """Return what the model was asked in turns; titles and summaries are asked for without tools."""
    return [request.body for request in llm.requests if request.has_tools]


async def test_a_prompt_streams(attach: Attach, llm: LLM) -> None:
    gate = asyncio.Event()
    llm.script(Answer(text=("Hello ", "there ", "sailor."), gate=gate))
    async with attach() as tui:
        home = await tui.shows("Build · Model One Local")
        assert not re.search("error|fail|cannot", home, re.IGNORECASE)
        await say(tui, "Hi there")
        screen = await tui.shows("Hello there", BUSY)
        assert "sailor" not in screen
        gate.set()
        await tui.shows("Hello there sailor.", "▣  Build · Model One", "120 (0%)")
        await tui.hides(BUSY)


async def test_tools_thoughts_and_todos_are_shown(attach: Attach, llm: LLM) -> None:
    llm.script(
        Answer(reasoning="Milk, surely.", tools=(("todowrite", TODOS),)),
        Answer(tools=(("websearch", {"query": ""}),)),
        Answer(text="All noted."),
    )
    async with attach(columns=WIDE) as tui:
        await say(tui, "Note it")
        screen = await tui.shows("All noted.", "Thought:", "# Todos", "◈ Web Search", "A title")
        assert screen.count("[✓] buy milk") == 2
        assert screen.count("[•] call Ada") == 2


async def test_a_failing_model_has_its_error_shown_and_the_next_prompt_works(
    attach: Attach, llm: LLM
) -> None:
    llm.script(Status(400, "it is broken"))
    async with attach() as tui:
        await say(tui, "Hi")
        await tui.shows("it is broken", "▣")  # on the session's own screen, to which it moves a moment later
        await ask(tui, llm, "Again", "Mended.")


async def test_sessions_are_listed_opened_renamed_and_deleted(
    attach: Attach, server: Server, llm: LLM
) -> None:
    llm.script(Answer(text="About ships."), Answer(text="About trains."))
    ships = await server.new_session(title="Ships")
    await server.ask(ships, "Ships?")
    trains = await server.new_session(title="Trains")
    await server.ask(trains, "Trains?")
    async with attach() as tui:
        await command(tui, "sessions")
        screen = await tui.shows("Today", "Ships", "Trains")
        assert screen.index("Trains") < screen.index("Ships")
        await tui.press("Down")
        await tui.press("Enter")
        await tui.shows("About ships.")
        await command(tui, "rename")
        await tui.shows("Rename Session", "Ships")
        await tui.press("C-u")
        await tui.type("Tall ships")
        await tui.shows("Tall ships")
        await tui.press("Enter")
        await tui.hides("Rename Session")
        await command(tui, "sessions")
        await tui.shows("Today", "Tall ships", "Trains")
        await tui.type("Trai")
        await tui.hides("Tall ships")
        await tui.press("C-d")
        await tui.shows("again to confirm")
        await tui.press("C-d")
        await tui.shows("No results found")
    assert [each["title"] for each in (await server.client.get("/session")).json()] == ["Tall ships"]


async def test_agents_models_and_variants_are_switched(attach: Attach, llm: LLM) -> None:
    async with attach() as tui:
        await command(tui, "agents")
        await tui.shows("Select agent", "pirate", "Talks like one")
        await tui.type("pir")
        await tui.hides("● build")
        await tui.press("Enter")
        await tui.shows("Pirate · Model One Local")
        await command(tui, "models")
        await tui.shows("Select model", "Model Two")
        await tui.type("Two")
        await tui.hides("● Model One")
        await tui.press("Enter")
        await tui.shows("Select variant", "high")
        await tui.type("high")
        await tui.hides("medium")
        await tui.press("Enter")
        await tui.shows("Pirate · Model Two Local · high")
        await ask(tui, llm, "Hi", "Arr.")
        await tui.shows("▣  Pirate · Model Two")
    body = turns(llm)[0]
    assert (body["model"], body["reasoning_effort"]) == ("two", "high")
    assert body["messages"][0]["content"].startswith("You are a pirate.")


async def test_escape_twice_aborts(attach: Attach, server: Server, llm: LLM) -> None:
    llm.script(Answer(text=("On and on ", "and on"), gate=asyncio.Event()))
    async with attach() as tui:
        await say(tui, "Go on")
        await tui.shows("On and on", BUSY)
        await tui.press("Escape")
        await tui.shows("again to interrupt")
        await tui.press("Escape")
        await tui.shows("interrupted")
        await tui.hides(BUSY)
    messages = await server.messages((await the_session(server))["id"])
    assert messages[1]["info"]["error"]["name"] == "MessageAbortedError"
    assert text_of(messages[1]) == "On and on "


async def test_a_prompt_is_undone_and_redone(attach: Attach, server: Server, llm: LLM) -> None:
    async with attach() as tui:
        await ask(tui, llm, "First", "One.")
        await ask(tui, llm, "Second", "Two.")
        await command(tui, "undo")
        await tui.shows("1 message reverted", "One.", "Second")
        await tui.hides("Two.")
        await tui.press("C-u")
        await command(tui, "redo")
        await tui.shows("Two.")
        await command(tui, "undo")
        await tui.shows("1 message reverted")
        await tui.press("C-u")
        await ask(tui, llm, "Third", "Three.")
        await tui.hides("reverted")
    messages = await server.messages((await the_session(server))["id"])
    assert [text_of(each) for each in messages] == ["First", "One.", "Third", "Three."]


async def test_a_session_is_forked(attach: Attach, server: Server, llm: LLM) -> None:
    async with attach(columns=WIDE) as tui:
        await ask(tui, llm, "First", "One.")
        await ask(tui, llm, "Second", "Two.")
        await tui.shows("A title")
        await command(tui, "fork")
        await tui.shows("Fork session", "Full session")
        await tui.type("Second")
        await tui.hides("Full session")
        await tui.press("Enter")
        await tui.shows("A title (fork #1)", "One.")
        await tui.hides("Two.", "Fork session")
    fork = await the_session(server)
    assert [text_of(each) for each in await server.messages(fork["id"])] == ["First", "One."]


async def test_a_permission_is_given_once_not_and_always(attach: Attach, server: Server, llm: LLM) -> None:
    async with attach() as tui:
        llm.script(Answer(tools=(FETCH,)), Answer(text="One."))
        await say(tui, "Fetch it")
        await tui.shows("Permission required", "URL: http://127.0.0.1:9/page", "Allow once")
        await tui.press("Enter")
        await tui.shows("One.")
        llm.script(Answer(tools=(FETCH,)))
        await say(tui, "And again")
        await tui.shows("Permission required")
        await tui.press("Right", "Right", "Enter")
        await tui.hides("Permission required", BUSY)
        llm.script(Answer(tools=(FETCH,)), Answer(text="Two."), Answer(tools=(FETCH,)), Answer(text="Three."))
        await say(tui, "Try once more")
        await tui.shows("Permission required")
        await tui.press("Right", "Enter")
        await tui.shows("Always allow")
        await tui.press("Enter")
        await tui.shows("Two.")
        await say(tui, "For ever")
        await tui.shows("Three.")
    session = await the_session(server)
    assert session["permission"] == [{"permission": "webfetch", "pattern": "*", "action": "allow"}]
    parts = [part for each in await server.messages(session["id"]) for part in each["parts"]]
    errors = [part["state"]["error"] for part in parts if part["type"] == "tool"]
    assert ["rejected" in error for error in errors] == [False, True, False, False]


async def test_a_question_is_answered(attach: Attach, llm: LLM) -> None:
    llm.script(Answer(tools=(("question", QUESTIONS),)), Answer(text="Blue it is."))
    async with attach() as tui:
        await say(tui, "Paint it")
        await tui.shows("Which colour?", "Red", "Blue", "warm")
        await tui.press("Down", "Enter")
        await tui.shows("Blue it is.")
        await tui.hides(BUSY)
    assert '\\"Which colour?\\"=\\"Blue\\"' in json.dumps(turns(llm)[-1])


async def test_a_second_prompt_is_queued_and_answered(attach: Attach, server: Server, llm: LLM) -> None:
    gate = asyncio.Event()
    llm.script(Answer(text=("One ", "done."), gate=gate), Answer(text="Two done."))
    async with attach() as tui:
        await say(tui, "First")
        await tui.shows("One", BUSY)
        await say(tui, "Second")
        await tui.shows("QUEUED")
        gate.set()
        await tui.shows("One done.", "Two done.")
        await tui.hides("QUEUED", BUSY)
    messages = await server.messages((await the_session(server))["id"])
    assert {text_of(each) for each in messages} == {"First", "One done.", "Second", "Two done."}


async def test_a_session_is_shared_and_no_longer(attach: Attach, server: Server, llm: LLM) -> None:
    async with attach() as tui:
        await ask(tui, llm, "Hi", "Hello sailor.")
        await command(tui, "share")
        await tui.shows("Share Session", "Confirm")
        await tui.press("Enter")
        await tui.shows("Share URL copied to clipboard!")
        url = (await the_session(server))["share"]["url"]
        assert "Hello sailor." in (await server.client.get(url)).text
        await command(tui, "unshare")
        await tui.shows("Session unshared successfully")
    assert (await server.client.get(url)).status_code == 404


async def test_a_conversation_is_exported(attach: Attach, llm: LLM, tmp_path: Path) -> None:
    async with attach() as tui:
        await ask(tui, llm, "Hi", "Hello sailor.")
        await command(tui, "export")
        await tui.shows("Export Options", "Filename:")
        await tui.press("Enter")
        await tui.shows("Session exported to")
        name = re.findall(r"exported to (session-\S+\.md)", await tui.screen())[0]
    assert "Hello sailor." in (tmp_path / name).read_text()


async def test_a_command_of_the_configuration_runs(attach: Attach, llm: LLM) -> None:
    llm.script(Answer(text="Good day, Ada."))
    async with attach() as tui:
        await tui.type("/gre")
        await tui.shows("/greet", "Greets someone")
        await tui.press("Enter")
        await say(tui, "Ada")
        await tui.shows("Good day, Ada.")
    assert turns(llm)[0]["messages"][-1]["content"] == "Greet Ada politely"


async def test_a_conversation_is_compacted(attach: Attach, server: Server, llm: LLM) -> None:
    async with attach() as tui:
        await ask(tui, llm, "Hi", "Hello sailor.")
        await command(tui, "compact")
        await tui.shows("─ Compaction ─", "▣  Compaction · Model One", SUMMARY)
        await tui.hides(BUSY)
        await ask(tui, llm, "Go on", "With pleasure.")
    told = json.dumps(turns(llm)[-1]["messages"])
    assert SUMMARY in told
    assert "Hello sailor." not in told


async def test_a_sub_agent_works_where_one_can_look_at_it(attach: Attach, llm: LLM) -> None:
    task = {"description": "Count ships", "prompt": "Count them.", "subagent_type": "general"}
    llm.script(Answer(tools=(("task", task),)), Answer(text="There are seven."), Answer(text="Seven ships."))
    async with attach() as tui:
        await say(tui, "How many?")
        await tui.shows("Seven ships.", "Count ships")
        await tui.press("C-x", "Down")
        await tui.shows("There are seven.")


async def test_a_provider_is_connected_with_a_key(attach: Attach, server: Server) -> None:
    async def connected() -> list[str]:
        found: list[str] = (await server.client.get("/provider")).json()["connected"]
        return found

    assert "anthropic" not in await connected()
    async with attach() as tui:
        await command(tui, "connect")
        await tui.shows("Connect a provider", "OpenAI")
        await tui.type("Anthropic")
        await tui.hides("OpenAI")
        await tui.press("Enter")
        await tui.shows("API key", "enter submit")
        await tui.type("a-key")
        await tui.shows("a-key")
        await tui.press("Enter")
        await tui.shows("Anthropic", re.compile(r"^\W+one\b", re.MULTILINE))
    assert "anthropic" in await connected()


async def test_mcp_servers_are_switched_on_and_off(attach: Attach, server: Server) -> None:
    async with attach() as tui:
        await command(tui, "mcps")
        await tui.shows("probe", "Disabled")
        await tui.press("Space")
        await tui.shows("Enabled")
        assert (await server.client.get("/mcp")).json()["probe"]["status"] == "connected"
        await tui.press("Space")
        await tui.shows("Disabled")
    assert (await server.client.get("/mcp")).json()["probe"]["status"] == "disabled"


async def test_what_others_say_in_the_session_is_shown(attach: Attach, server: Server, llm: LLM) -> None:
    llm.script(Answer(text="Hello page."), Answer(text="Hello terminal."))
    session_id = await server.new_session(title="Ours")
    await server.ask(session_id, "From the page")
    async with attach("-s", session_id) as tui:
        await tui.shows("From the page", "Hello page.")
        await server.ask(session_id, "Once more from the page")
        await tui.shows("Once more from the page", "Hello terminal.")


@pytest.mark.parametrize("server", [GUARDED], indirect=True)
async def test_the_right_password_lets_in_and_a_wrong_one_does_not(
    attach: Attach, server: Server, llm: LLM, tmp_path: Path
) -> None:
    async with attach(OPENCODE_SERVER_PASSWORD="secret") as tui:
        await ask(tui, llm, "Hi", "Hello sailor.")
    refused = await finish(
        [str(client_program()), "attach", server.url],
        environment(tmp_path / "home") | {"OPENCODE_SERVER_PASSWORD": "wrong"},
        tmp_path,
    )
    assert refused.code == 1
    assert "401" in refused.out + refused.err
