"""Set-ups: this server's configuration beside that of opencode's own server in the same folder."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from opencode.config import Settings
from tests.requirements import client_program

from .conftest import environment

PROJECT, USER, FOLDER = "project/opencode.json", "home/.config/opencode/opencode.json", "project/.opencode/"
SERVER = {"type": "remote", "url": "http://127.0.0.1:9/mcp", "enabled": False}
SETUPS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "rights": (
        {
            PROJECT: {
                "agent": {"x": {"prompt": "1", "tools": {"bash": False}, "permission": {"edit": "ask"}}},
                "permission": {"bash": {"*": "ask", "git *": "allow"}},
                "tools": {"write": True, "mcp_*": False},
            },
            f"{FOLDER}opencode.jsonc": {
                "agent": {"x": {"steps": 3}},
                "permission": {"bash": {"rm *": "deny"}},
            },
            USER: {"instructions": ["user.md"], "mcp": {"far": SERVER}},
        },
        {},
    ),
    "markdown": (
        {
            f"{FOLDER}agent/sub/review.md": "---\ndescription: Reviews: code\nmode: all\n---\nReview.",
            f"{FOLDER}command/test.md": "---\ndescription: Run\nagent: build\n---\nRun $ARGUMENTS",
            f"{FOLDER}mode/old.md": "---\nmodel: a/b\n---\nMode",
            "home/.config/opencode/agents/mine.md": "---\ntools:\n  write: false\ntop_p: 0.5\n---\nMine",
        },
        {},
    ),
    "variables": (
        {
            "project/opencode.json": {"username": "p", "instructions": ["a"]},
            "home/own.json": {"username": "n"},
        },
        {
            "OPENCODE_CONFIG": "home/own.json",
            "OPENCODE_DIRECTORY": "project",
            "OPENCODE_CONFIG_CONTENT": '{"instructions": ["b", "a"], "autoshare": true}',
        },
    ),
    "further folder": (
        {
            "further/opencode.json": {"username": "further"},
            "further/agents/q.md": "Q",
            PROJECT: {"username": "p"},
            "home/.opencode/commands/a/b.md": "AB",
        },
        {"OPENCODE_CONFIG_DIR": "further"},
    ),
    "keys": (
        {
            PROJECT: {
                "model": "",
                "small_model": "word",
                "unknown": 1,
                "theme": "dark",
                "agent": {"x": {"reasoningEffort": "high", "maxSteps": 3}, "build": {"disable": True}},
                "mode": {"m": {"prompt": "p"}},
                "default_agent": "nobody",
                "lsp": False,
                "watcher": {"ignore": ["x"]},
            }
        },
        {},
    ),
    "as people write": (
        {PROJECT: '\ufeff{"username": {env:QUOTED}, // } ]\n "snapshot": true, /* } */ }', USER: ""},
        {"QUOTED": '"q"'},
    ),
}


async def opencodes(folder: Path, env: dict[str, str]) -> dict[str, Any]:
    """Return the configuration that opencode's server makes of a folder."""
    process = await asyncio.create_subprocess_exec(
        *(str(client_program()), "serve", "--port", "0"),
        cwd=folder / "project",
        env=environment(folder / "home") | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        url = None
        async with asyncio.timeout(60):
            while url is None:
                line = await process.stdout.readline()
                assert line, "opencode's server did not start"
                url = re.search(r"http://[\d.]+:\d+", line.decode())
        async with httpx.AsyncClient(base_url=url[0], trust_env=False, timeout=30) as client:
            response = await client.get("/config")
            assert response.status_code == 200, response.text
            config: dict[str, Any] = response.json()
            return config
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.mark.parametrize("name", SETUPS)
async def test_a_set_up_has_the_configuration_that_opencode_makes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    files, variables = SETUPS[name]
    (tmp_path / "project").mkdir()
    for place, content in files.items():
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    paths = {"OPENCODE_CONFIG", "OPENCODE_CONFIG_DIR", "OPENCODE_DIRECTORY"}
    env = {key: str(tmp_path / value) if key in paths else value for key, value in variables.items()}
    theirs = await opencodes(tmp_path, env)
    monkeypatch.chdir(tmp_path / "project")
    ours = Settings.load(env | {"HOME": str(tmp_path / "home")}).raw
    for config in (theirs, ours):
        config.pop("$schema", None)
    if "username" not in ours:
        theirs.pop("username")  # the name of the machine's user
    assert {key: value for key, value in theirs.items() if value not in ({}, [])} == ours
