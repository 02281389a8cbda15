"""The file tools on a real server: what a model is offered, what it changes, and what permissions stop."""

from pathlib import Path
from typing import Any

import pytest

from tests.harness import Server, running_server
from tests.llm.server import LLM, Answer

from .conftest import provider_config

READING = {"read", "glob", "grep", "list"}


def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "f.txt").write_text("one\n")
    return root


def environment(root: Path, mode: str) -> dict[str, str]:
    return {"OPENCODE_WORKSPACE": mode, "OPENCODE_DIRECTORY": str(root), "HOST": "127.0.0.1"}


def offered(llm: LLM) -> set[str]:
    names = {tool["function"]["name"] for tool in llm.requests[-1].body["tools"]}
    return names & {*READING, "edit", "write", "apply_patch"}


async def calls(server: Server, session_id: str) -> list[dict[str, Any]]:
    return [
        part["state"]
        for message in await server.messages(session_id)
        for part in message["parts"]
        if part["type"] == "tool"
    ]


@pytest.mark.parametrize(
    ("mode", "agent", "tools", "expected"),
    [
        ("off", "build", {}, set()),
        ("read", "build", {}, READING),
        ("write", "build", {}, READING | {"edit", "write"}),
        ("write", "build", {"write": False}, READING | {"edit"}),
        ("write", "build", {"edit": False, "grep": False}, READING - {"grep"}),
        ("write", "explore", {}, READING),
    ],
)
async def test_models_are_offered_what_the_owner_and_the_agent_allow(
    tmp_path: Path, llm: LLM, mode: str, agent: str, tools: dict[str, bool], expected: set[str]
) -> None:
    llm.script(Answer(text="Hello."))
    root = project(tmp_path)
    async with running_server(tmp_path, provider_config(llm), environment(root, mode)) as server:
        session_id = await server.new_session(title="Files")
        await server.ask(session_id, "go", agent=agent, tools=tools)
    assert offered(llm) == expected
    system = str(llm.requests[-1].body["messages"][0]["content"])
    assert (f"Working directory: {root}\n" in system) == (mode != "off")


async def test_a_change_is_made_shown_and_taken_back(tmp_path: Path, llm: LLM) -> None:
    root = project(tmp_path)
    edit = {"filePath": str(root / "f.txt"), "oldString": "one", "newString": "two"}
    llm.script(
        Answer(tools=(("read", {"filePath": str(root / "f.txt")}), ("edit", edit))), Answer(text="Done.")
    )
    async with running_server(tmp_path, provider_config(llm), environment(root, "write")) as server:
        session_id = await server.new_session(title="Files")
        await server.ask(session_id, "go")
        assert (root / "f.txt").read_text() == "two\n"
        _, edited = await calls(server, session_id)
        assert edited["status"] == "completed" and edited["metadata"]["filediff"]["additions"] == 1
        (diff,) = (await server.client.get(f"/session/{session_id}/diff")).json()
        assert (diff["additions"], diff["deletions"]) == (1, 1)
        prompt = (await server.messages(session_id))[0]["info"]["id"]
        response = await server.client.post(f"/session/{session_id}/revert", json={"messageID": prompt})
        assert response.status_code == 200, response.text
        assert (root / "f.txt").read_text() == "one\n"


@pytest.mark.parametrize(
    ("agent", "permission"),
    [("build", {"edit": "deny"}), ("plan", {}), ("build", {"edit": {"*.txt": "deny"}})],
)
async def test_a_denied_change_is_not_made(
    tmp_path: Path, llm: LLM, agent: str, permission: dict[str, Any]
) -> None:
    root = project(tmp_path)
    llm.script(
        Answer(tools=(("write", {"filePath": str(root / "f.txt"), "content": "x"}),)), Answer(text="No.")
    )
    config = provider_config(llm) | {"permission": permission}
    async with running_server(tmp_path, config, environment(root, "write")) as server:
        session_id = await server.new_session(title="Files")
        await server.ask(session_id, "go", agent=agent)
        (call,) = await calls(server, session_id)
    assert call["status"] == "error" and (root / "f.txt").read_text() == "one\n"
