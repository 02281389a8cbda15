"""opencode's own clients, as they are published, on a real server with the loopback LLM behind it."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Server, running_server
from tests.llm.server import LLM
from tests.requirements import CLIENTS, client_program
from tests.server.test_mcp import liar

from .terminal import Terminal, terminal

HERE = Path(__file__).parent
COMMAND_SECONDS = 60.0
TEST_SECONDS = 120


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


GUARDED = {"OPENCODE_SERVER_PASSWORD": "secret"}


def configuration(llm: LLM) -> dict[str, Any]:
    """Return an opencode.json with the loopback LLM, and one of everything that clients show."""
    models = {
        "reasoning": True,
        "cost": {"input": 1, "output": 2},
        "limit": {"context": 100_000, "output": 8_000},
    }
    return {
        "model": "local/one",
        "provider": {
            "local": {
                "name": "Local",
                "npm": "@ai-sdk/openai-compatible",
                "options": {"baseURL": f"{llm.url}/v1", "apiKey": "none"},
                "models": {"one": {"name": "Model One", **models}, "two": {"name": "Model Two", **models}},
            },
        },
        "permission": {"webfetch": "ask"},
        "agent": {
            "pirate": {"description": "Talks like one", "prompt": "You are a pirate.", "mode": "primary"}
        },
        "mcp": {"probe": liar("modest", enabled=False)},
        "command": {"greet": {"template": "Greet $ARGUMENTS politely", "description": "Greets someone"}},
    }


@pytest.fixture
async def llm() -> AsyncIterator[LLM]:
    async with LLM() as llm:
        yield llm


@pytest.fixture
async def server(tmp_path: Path, llm: LLM, request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    """A server; a test's indirect parameter goes into its environment."""
    env = {"ANTHROPIC_BASE_URL": llm.url, **getattr(request, "param", {})}
    async with running_server(tmp_path, configuration(llm), env) as server:
        yield server


def environment(home: Path) -> dict[str, str]:
    """Return what a client's process is given: nothing of this one's but where programs are."""
    home.mkdir(exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "NO_PROXY": "127.0.0.1",
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
    }


@dataclass(frozen=True)
class Finished:
    """What a program wrote, and its exit code."""

    code: int
    out: str
    err: str


async def finish(command: list[str], env: dict[str, str], directory: Path) -> Finished:
    """Run a program to its end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        cwd=directory,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Finished(process.returncode or 0, out.decode(), err.decode())


Cli = Callable[..., Awaitable[Finished]]
Attach = Callable[..., AbstractAsyncContextManager[Terminal]]


@pytest.fixture(scope="session")
def published_clients() -> Path:
    """Where opencode's published clients are."""
    return CLIENTS


@pytest.fixture(scope="session")
def settled_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that commands share: the first one in it takes seconds to set it up."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def cli(tmp_path: Path, server: Server, settled_home: Path) -> Cli:
    """`opencode run --attach` on the server, with more words."""

    async def run(*words: str, **env: str) -> Finished:
        model = () if "-m" in words else ("-m", "local/one")
        command = [str(client_program()), "run", "--attach", server.url, *model, *words]
        return await finish(command, environment(settled_home) | env, tmp_path)

    return run


@pytest.fixture
def attach(tmp_path: Path, server: Server) -> Attach:
    """`opencode attach` on the server, in a terminal."""

    @asynccontextmanager
    async def open_one(
        *words: str, columns: int = 120, wait_for: str = "Build ·", **env: str
    ) -> AsyncIterator[Terminal]:
        command = [str(client_program()), "attach", server.url, *words]
        whole = environment(tmp_path / "home") | env
        async with terminal(command, whole, tmp_path, columns) as tui:
            if wait_for:
                await tui.shows(wait_for)
            yield tui

    return open_one
