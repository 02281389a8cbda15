"""Every route of opencode's API document that is served here answers as that document says."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from werkzeug.routing import Map, Rule

from tests.harness import Server, running_server
from tests.llm.server import LLM
from tests.server.test_mcp import liar

from .compatibility import PAGE, page, served
from .conftest import GUARDED, configuration
from .contract import event_problem, problem, routes, shape
from .words import reply

UNDOCUMENTED = {"server.connected", "server.heartbeat"}
"""opencode's own server tells these two in other words than its document has."""


class Witness:
    """Looks at every answer of a client, and says which of them break the document."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.problems: list[str] = []
        self.events: set[str] = set()
        rules = [
            Rule(
                route.split(" ")[1].replace("{", "<").replace("}", ">"),
                methods=[route.split(" ")[0]],
                endpoint=route,
            )
            for route in routes()
        ]
        self._routes = Map(rules).bind("localhost")

    async def look(self, response: httpx.Response) -> None:
        if response.headers.get("content-type") == "text/event-stream":
            return
        await response.aread()
        request = response.request
        route, _ = self._routes.match(request.url.path, request.method)
        value = response.json() if response.content else None
        found = problem(route, response.status_code, value)
        self.seen.add(route)
        if found:
            self.problems.append(f"{route} {response.status_code}: {found}")

    async def listen(self, url: str, path: str, auth: tuple[str, str]) -> None:
        async with (
            httpx.AsyncClient(base_url=url, auth=auth, timeout=None, trust_env=False) as client,
            client.stream("GET", path) as response,
        ):
            self.seen.add(f"GET {path}")
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    self._look_at_event(json.loads(line[6:]), path)

    def _look_at_event(self, event: Any, path: str) -> None:
        payload = event if path == "/event" else event["payload"]
        self.events.add(payload["type"])
        if payload["type"] in UNDOCUMENTED:
            return
        found = event_problem(event, "Event" if path == "/event" else "GlobalEvent")
        if found:
            self.problems.append(f"{path} {payload['type']}: {found}")


@asynccontextmanager
async def witnessed(tmp_path: Path, llm: LLM) -> AsyncIterator[tuple[Server, Witness]]:
    """A server whose every answer and event is looked at."""
    llm.on("one", reply)
    env = GUARDED | {"ANTHROPIC_BASE_URL": llm.url, "OPENCODE_ALLOW_MCP": "local,remote"}
    async with running_server(tmp_path, configuration(llm), env) as server:
        witness = Witness()
        server.client.event_hooks["response"].append(witness.look)
        listening = [
            asyncio.create_task(witness.listen(server.url, path, ("opencode", "secret")))
            for path in ("/event", "/global/event")
        ]
        await server.until_asked("GET /event")
        await server.until_asked("GET /global/event")
        yield server, witness
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)


@asynccontextmanager
async def waiting(server: Server, session_id: str, word: str, kind: str) -> AsyncIterator[str]:
    """Send a prompt that asks something: its id for the block that answers, and then the turn's end."""
    async with server.listen() as events:

        async def until(wanted: str) -> dict[str, Any]:
            async for _, event in events:
                properties: dict[str, Any] = event["properties"]
                if event["type"] == wanted and properties["sessionID"] == session_id:
                    return properties
            raise AssertionError(f"the stream ended before {wanted}")

        body = {"parts": [{"type": "text", "text": word}]}
        await server.client.post(f"/session/{session_id}/prompt_async", json=body)
        yield (await until(f"{kind}.asked"))["id"]
        await until("session.idle")


async def tour(server: Server) -> None:
    """Go once through everything that is served."""
    client = server.client
    for path in (
        "/path",
        "/project",
        "/project/current",
        "/config",
        "/global/config",
        "/config/providers",
        "/provider",
    ):
        await client.get(path)
    for path in (
        "/provider/auth",
        "/agent",
        "/skill",
        "/command",
        "/mcp",
        "/global/health",
        "/permission",
        "/question",
        "/session",
    ):
        await client.get(path)
    await client.put("/auth/anthropic", json={"type": "api", "key": "a-key"})
    await client.delete("/auth/anthropic")
    for path in ("/config", "/global/config"):
        await client.patch(path, json={"model": "local/one"})
    await client.post("/mcp/probe/connect")
    await client.get("/mcp")
    await client.post("/mcp/probe/disconnect")
    await client.post("/mcp", json={"name": "second", "config": liar("modest")})
    session_id = await server.new_session(title="Tour")
    here = f"/session/{session_id}"
    for word in ("hello", "todo", "task", "fail"):
        await server.ask(session_id, word)
    for path in ("", "/message", "/todo", "/diff", "/children", "/message?limit=2"):
        await client.get(f"{here}{path}")
    await client.post(f"{here}/command", json={"command": "greet", "arguments": "Ada"})
    async with waiting(server, session_id, "fetch", "permission") as asked:
        await client.get("/permission")
        await client.get("/session/status")
        await client.post(f"/permission/{asked}/reply", json={"reply": "once"})
    async with waiting(server, session_id, "fetch", "permission") as asked:
        await client.post(f"{here}/permissions/{asked}", json={"response": "always"})
    async with waiting(server, session_id, "question", "question") as asked:
        await client.get("/question")
        await client.post(f"/question/{asked}/reply", json={"answers": [["A"]]})
    async with waiting(server, session_id, "question", "question") as asked:
        await client.post(f"/question/{asked}/reject")
    await client.post(f"{here}/abort")
    messages = await server.messages(session_id)
    first, second = messages[0]["info"]["id"], messages[1]
    await client.get(f"{here}/message/{first}")
    await client.post(f"{here}/fork", json={"messageID": second["info"]["id"]})
    await client.patch(here, json={"title": "Renamed"})
    await client.post(f"{here}/share")
    await client.delete(f"{here}/share")
    await client.post(f"{here}/revert", json={"messageID": messages[-1]["info"]["id"]})
    await client.post(f"{here}/unrevert")
    part = next(part for part in second["parts"] if part["type"] == "text")
    address = f"{here}/message/{second['info']['id']}/part/{part['id']}"
    await client.patch(address, json=part | {"text": "Changed."})
    await client.delete(address)
    await client.delete(f"{here}/message/{second['info']['id']}")
    await client.post(f"{here}/summarize", json={"providerID": "local", "modelID": "one"})
    await client.get(f"{here}/message")
    await client.delete(here)


async def test_every_answer_and_event_fits_opencodes_document(tmp_path: Path, llm: LLM) -> None:
    async with witnessed(tmp_path, llm) as (server, witness):
        await tour(server)
    assert not witness.problems, "\n".join(witness.problems)
    ours = served()
    assert witness.seen == {route for route in routes() if shape(route) in ours}
    assert {
        "session.created",
        "message.part.delta",
        "todo.updated",
        "session.error",
        "session.compacted",
    } <= witness.events


async def test_what_is_not_there_and_not_served_answers_as_the_document_says(
    tmp_path: Path, llm: LLM
) -> None:
    ours = served()
    async with witnessed(tmp_path, llm) as (server, _):
        for route in routes():
            method, path = route.split(" ")
            if shape(route) in ours and ("{sessionID}" not in path or method not in ("GET", "DELETE")):
                continue
            for name in ("session", "message", "part", "provider", "project"):
                path = path.replace(f"{{{name}ID}}", f"{name[:3]}_nothing")
            response = await server.client.request(method, path.replace("{name}", "nothing"), json={})
            assert response.status_code in (404, 405), route
            assert response.json()["name"] in ("NotFoundError", "MethodNotAllowedError"), route
            assert response.json()["data"]["message"]


def test_the_page_on_compatibility_is_current() -> None:
    """`python -m tests.clients.compatibility` makes it."""
    assert PAGE.read_text() == page()
