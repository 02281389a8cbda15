"""An MCP server over HTTP, by hand and in this process: what it answers is the test's to say."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from opencode.schema.mcp import McpRemoteConfig


class Reply(NamedTuple):
    """An HTTP response. `hangs`: its head comes, and nothing else."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    session: str = ""
    hangs: bool = False


class Endpoint:
    """A server with sessions, and one tool that counts its calls.

    `sessions`: those that it knows. `before`: may answer a request by itself. `asked`: the methods so far, of
    JSON-RPC or of HTTP.
    """

    def __init__(self) -> None:
        self.port = 0
        self.sessions: set[str] = set()
        self.given = 0
        self.calls = 0
        self.asked: list[str] = []
        self.unknown = Reply(404)
        self.before: Callable[[str, str], Reply | None] = lambda method, session: None

    def config(self, timeout: int = 10_000) -> McpRemoteConfig:
        return McpRemoteConfig(url=f"http://127.0.0.1:{self.port}/mcp", timeout=timeout)

    def reply(self, http_method: str, session: str, message: dict[str, Any]) -> Reply:
        method = message.get("method", http_method)
        self.asked.append(method)
        if (reply := self.before(method, session)) is not None:
            return reply
        if http_method == "GET":
            return Reply(405)
        if method in ("initialize", "server/discover"):
            return self._introduced(message) if method == "initialize" else Reply(400, b"no session")
        if session not in self.sessions:
            return self.unknown
        if "id" not in message:
            return Reply(202)
        return Reply(body=self._answer(message, self._result(method)))

    def _introduced(self, message: dict[str, Any]) -> Reply:
        self.given += 1
        session = f"session-{self.given}"
        self.sessions.add(session)
        result = {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}, "prompts": {}},
            "serverInfo": {"name": "endpoint", "version": "1"},
        }
        return Reply(body=self._answer(message, result), session=session)

    def _result(self, method: str) -> dict[str, Any]:
        match method:
            case "tools/list":
                return {"tools": [{"name": "count", "inputSchema": {"type": "object"}}]}
            case "prompts/list":
                return {"prompts": [{"name": "ask"}]}
            case "prompts/get":
                return {"messages": [{"role": "user", "content": {"type": "text", "text": "asked"}}]}
            case "tools/call":
                self.calls += 1
        return {"content": [{"type": "text", "text": str(self.calls)}]}

    @staticmethod
    def _answer(message: dict[str, Any], result: dict[str, Any]) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()


@asynccontextmanager
async def endpoint(port: int = 0) -> AsyncIterator[Endpoint]:
    """Serve an endpoint on the loopback."""
    served = Endpoint()
    open_: set[asyncio.StreamWriter] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = {key.lower(): value for key, _, value in (line.partition(": ") for line in head[1:])}
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            message = json.loads(body) if body else {}
            reply = served.reply(head[0].split()[0], fields.get("mcp-session-id", ""), message)
            session = f"mcp-session-id: {reply.session}\r\n" if reply.session else ""
            length = len(reply.body) + reply.hangs
            lines = f"content-type: {reply.kind}\r\n{session}content-length: {length}\r\nconnection: close"
            writer.write(f"HTTP/1.1 {reply.status} Any\r\n{lines}\r\n\r\n".encode() + reply.body)
            await writer.drain()
            if reply.hangs:
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            open_.discard(writer)
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", port) as server:
        served.port = server.sockets[0].getsockname()[1]
        yield served
        for writer in list(open_):
            writer.transport.abort()
