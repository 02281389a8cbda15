"""A real server for tests: hypercorn on a free port of the loopback, with its own data directory."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from hypercorn.asyncio import serve
from quart import Quart, request

from opencode.agent.retry import RetryPolicy
from opencode.config import Settings
from opencode.server import hypercorn_compat
from opencode.server.app import create_app
from opencode.server.connections import Connections
from opencode.server.run import hypercorn_config

QUICK = RetryPolicy(attempts=3, first=0.01, longest=0.02)


class Server:
    """A running server: its address, and a client for it."""

    def __init__(self, url: str, client: httpx.AsyncClient, stop: asyncio.Event) -> None:
        self.url = url
        self.client = client
        self.stop = stop
        self.requests: list[str] = []
        """What was asked for so far, as `GET /path`."""
        self._asked = asyncio.Condition()

    async def note(self, request: str) -> None:
        """Keep a request that came in."""
        async with self._asked:
            self.requests.append(request)
            self._asked.notify_all()

    async def until_asked(self, request: str, times: int = 1) -> None:
        """Wait until a request, such as `GET /event`, has come so often."""
        async with self._asked:
            await self._asked.wait_for(lambda: self.requests.count(request) >= times)

    async def new_session(self, **body: Any) -> str:
        response = await self.client.post("/session", json=body)
        assert response.status_code == 200, response.text
        return str(response.json()["id"])

    async def ask(self, session_id: str, text: str, **body: Any) -> dict[str, Any]:
        """Send a prompt and return the whole answer."""
        parts = [{"type": "text", "text": text}]
        response = await self.client.post(f"/session/{session_id}/message", json={"parts": parts, **body})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def stream(self, session_id: str, text: str, **body: Any) -> list[dict[str, Any]]:
        """Send a prompt the simple way and return its events."""
        async with self.client.stream(
            "POST", f"/session/{session_id}/message", json={"content": text, **body}
        ) as response:
            assert response.status_code == 200
            return [event async for _, event in events(response)]

    async def messages(self, session_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.client.get(f"/session/{session_id}/message")).json()
        return found

    @asynccontextmanager
    async def listen(
        self, path: str = "/event", last_event_id: str | None = None
    ) -> AsyncIterator[AsyncIterator[tuple[str, dict[str, Any]]]]:
        """Follow an event stream; yields (id, event) pairs, the first of which has been read already."""
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        async with self.client.stream("GET", path, headers=headers) as response:
            assert response.status_code == 200
            stream = events(response)
            first = await anext(stream)
            assert first[1]["type"] == "server.connected"
            yield stream


async def events(
    response: httpx.Response, heartbeats: bool = False
) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yield the (id, event) pairs of a text/event-stream answer; heartbeats are left out by default."""
    assert response.headers["content-type"] == "text/event-stream"
    event_id = ""
    async for line in response.aiter_lines():
        if line.startswith("id: "):
            event_id = line[4:]
        elif line.startswith("data: "):
            event = json.loads(line[6:])
            assert event_id
            if heartbeats or event["type"] != "server.heartbeat":
                yield event_id, event


def text_of(message: dict[str, Any]) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


@asynccontextmanager
async def running_server(
    data_dir: Path,
    config: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    retry: RetryPolicy = QUICK,
) -> AsyncIterator[Server]:
    """Serve until the block ends; `config` is the opencode.json, `env` the environment."""
    environ = {"OPENCODE_DATA_DIR": str(data_dir / "data"), "HOME": str(data_dir), **(env or {})}
    file = data_dir / "opencode.json"
    file.write_text(json.dumps(config or {}))
    app = create_app(Settings.load({**environ, "OPENCODE_CONFIG": str(file)}), retry)
    auth = (
        (environ.get("OPENCODE_SERVER_USERNAME", "opencode"), environ["OPENCODE_SERVER_PASSWORD"])
        if ("OPENCODE_SERVER_PASSWORD" in environ)
        else None
    )
    async with (
        serving(app) as (url, stop),
        httpx.AsyncClient(base_url=url, timeout=20, auth=auth, trust_env=False) as client,
    ):
        server = Server(url, client, stop)

        @app.before_request
        async def note() -> None:
            await server.note(f"{request.method} {request.path}")

        yield server


@asynccontextmanager
async def serving(
    app: Quart, connections: Connections | None = None
) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Serve an app until the block ends; yields its address, and what stops it before that."""
    hypercorn = hypercorn_config("127.0.0.1:0")
    if connections is not None:
        hypercorn_compat.limit_connections(hypercorn, connections)
    sockets = hypercorn.create_sockets()
    port = sockets.insecure_sockets[0].getsockname()[1]
    hypercorn.bind = [f"fd://{sockets.insecure_sockets[0].detach()}"]
    stop = asyncio.Event()
    task = asyncio.create_task(serve(app, hypercorn, shutdown_trigger=stop.wait))
    url = f"http://127.0.0.1:{port}"
    try:
        while not task.done():
            try:
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
        yield url, stop
    finally:
        stop.set()
        await task
