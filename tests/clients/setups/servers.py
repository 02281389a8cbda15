"""What opencode's own server and this one make of a set-up: their answers, and what the model is sent."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from opencode.config import Settings
from opencode.server.app import create_app
from opencode.tool.mcp.server import CONNECTING
from tests.harness import serving
from tests.llm.server import LLM, Answer
from tests.opencode_server import opencode_server

from .setup import VARIABLES, Setup

ROUTES = ("config", "agent", "command", "skill", "mcp")
MODELS = ("one", "warm", "thinking", "two", "gpt-5.1", "claude-sonnet-4-5", "gemini-3-pro")
PROMPT = "What do you know about this project?"
ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Side:
    """The answers of one server by route, and the body of the request that the model got."""

    answers: dict[str, Any]
    request: dict[str, Any]


def base_configuration(llm: LLM) -> dict[str, Any]:
    """Return the configuration that counts least: the model that every set-up has."""
    limit = {"limit": {"context": 100_000, "output": 8_000}}
    return {
        "$schema": "https://opencode.ai/config.json",
        "username": "tester",
        "model": "local/one",
        "provider": {
            "local": {
                "name": "Local",
                "npm": "@ai-sdk/openai-compatible",
                "options": {"baseURL": f"{llm.url}/v1", "apiKey": "none"},
                "models": {
                    "one": {"name": "One", **limit},
                    "warm": {"name": "Warm", "temperature": True, **limit},
                    "thinking": {"name": "Thinking", "reasoning": True, "temperature": True, **limit},
                },
            }
        },
    }


async def ask(client: httpx.AsyncClient, setup: Setup, llm: LLM) -> Side:
    """Return a server's answers and the request of the set-up's prompt, or of its command."""
    answers = {}
    for route in ROUTES:
        response = await client.get(f"/{route}")
        assert response.status_code == 200, f"GET /{route}: {response.text}"
        answers[route] = response.json()
    before = len(llm.requests)
    response = await client.post("/session", json={"title": "Set-up"})
    assert response.status_code == 200, response.text
    session = f"/session/{response.json()['id']}"
    agent = {"agent": setup.agent} if setup.agent else {}
    if setup.command[0]:
        name, arguments = setup.command
        body = {"command": name, "arguments": arguments, **agent}
        response = await client.post(f"{session}/command", json=body)
    else:
        body = {"parts": [{"type": "text", "text": PROMPT}], **agent}
        response = await client.post(f"{session}/message", json=body)
    assert response.status_code == 200, response.text
    requests = [request.body for request in llm.requests[before:]]
    assert requests, f"the model was not asked: {response.text}"
    return Side(answers, requests[0])


async def ask_ours(setup: Setup, folder: Path, home: Path, llm: LLM) -> Side:
    """Return what this server makes of a set-up, as if it was started in the set-up's directory."""
    env = {
        "HOME": str(home),
        "OPENCODE_DATA_DIR": str(folder / "data"),
        "OPENCODE_DIRECTORY": str(folder / setup.directory),
        **VARIABLES,
        **setup.environment(folder),
    }
    app = create_app(Settings.load(env))
    async with (
        serving(app) as (url, _),
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=ANSWER_SECONDS) as client,
    ):
        for name, status in (await client.get("/mcp")).json().items():
            if status.get("error") == CONNECTING.error:  # opencode's first answer waits for it
                await client.post(f"/mcp/{name}/connect")
        return await ask(client, setup, llm)


class Opencodes:
    """opencode's own servers: one for all set-ups with the same home and variables, as its start takes long.

    The one without files of the user and variables is kept, of the others the last.
    """

    def __init__(self, llm: LLM, directory: Path) -> None:
        self.llm = llm
        self._directory = directory
        self._servers: dict[str, AsyncExitStack] = {}
        self._urls: dict[str, str] = {}

    def home(self, setup: Setup) -> Path:
        """Return the home of a set-up; what it has of the user is written there."""
        home = self._directory / f"home-{setup.key}"
        if not home.exists():
            setup.write_home(home, base_configuration(self.llm), self.llm.url)
        return home

    async def ask(self, setup: Setup, folder: Path) -> Side:
        """Return what opencode makes of a set-up."""
        url = self._urls.get(setup.key) or await self._start(setup, folder)
        headers = {"x-opencode-directory": str(folder / setup.directory)}
        async with httpx.AsyncClient(
            base_url=url, headers=headers, trust_env=False, timeout=ANSWER_SECONDS
        ) as client:
            return await ask(client, setup, self.llm)

    async def close(self) -> None:
        """Stop all servers."""
        for key in list(self._servers):
            await self._stop(key)

    async def _stop(self, key: str) -> None:
        self._urls.pop(key)
        await self._servers.pop(key).aclose()

    async def _start(self, setup: Setup, folder: Path) -> str:
        for key in [key for key in self._servers if key != Setup({}).key]:
            await self._stop(key)
        stack = AsyncExitStack()
        url = await stack.enter_async_context(
            opencode_server(self.home(setup), {**VARIABLES, **setup.environment(folder)})
        )
        self._servers[setup.key], self._urls[setup.key] = stack, url
        return url


@asynccontextmanager
async def opencodes(directory: Path) -> AsyncIterator[Opencodes]:
    """Keep opencode's servers, and the model behind all servers, until the block ends."""
    async with LLM(title=None) as llm:
        for model in MODELS:
            llm.on(model, Answer(text="Nothing."))
        servers = Opencodes(llm, directory)
        try:
            yield servers
        finally:
            await servers.close()
