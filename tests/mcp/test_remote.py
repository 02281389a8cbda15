"""MCP servers at an address: both ways to speak to them, and what such servers do wrong."""

import asyncio
import gzip
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest

from opencode.schema.mcp import McpConnected, McpDisabled, McpNeedsAuth, McpRemoteConfig
from opencode.tool.egress import Egress
from opencode.tool.mcp import McpServers
from tests.mcp.conftest import HERE, SECRET, Bench, until
from tests.mcp.endpoint import endpoint

Build = Callable[..., Bench]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@asynccontextmanager
async def serving(kind: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the SDK's server at a port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "program.py"), kind, str(port), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(lambda: answers(port))
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def remote(port: int, path: str = "mcp", timeout: int = 20_000) -> McpRemoteConfig:
    url = f"http://127.0.0.1:{port}/{path}?key={SECRET}-1"
    return McpRemoteConfig(url=url, headers={"Authorization": f"Bearer {SECRET}-2"}, timeout=timeout)


@pytest.mark.parametrize(("kind", "path"), [("http", "mcp"), ("sse", "sse")])
async def test_a_server_at_an_address_gives_its_tools_and_comes_back_after_its_death(
    bench: Build, kind: str, path: str
) -> None:
    port = free_port()
    own = bench(remote(port, path))
    async with serving(kind, port):
        await own.connect()
        assert (await own.call("probe_add", a=2, b=3)).output == "5"
        assert (await own.call("probe_picture")).attachments[0].mime == "image/png"
        assert "validation error" in await own.failure("probe_add", a="x")
    error = await own.failure("probe_add", a=2, b=3)
    assert "the MCP server probe" in error.replace("The", "the")
    async with serving(kind, port):
        await own.connect()
        assert (await own.call("probe_add", a=2, b=4)).output == "6"


async def test_a_call_that_hangs_is_cancelled_at_the_server_and_others_go_on(
    bench: Build, tmp_path_factory: pytest.TempPathFactory
) -> None:
    port = free_port()
    own = bench(remote(port))
    file = tmp_path_factory.mktemp("hang") / "seen"
    async with serving("http", port):
        await own.connect()
        call = asyncio.create_task(own.call("probe_hang", file=str(file)))
        await until(file.exists)
        assert (await own.call("probe_add", a=1, b=1)).output == "2"
        call.cancel()
        await until(lambda: "cancelled" in file.read_text())


def answer(status: str, body: bytes = b"", kind: str = "application/json", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode() + body


@asynccontextmanager
async def canned(reply: bytes | None, endless: bool = False) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Serve one answer to everything, None for silence; yields the port, and what was asked."""
    asked: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            if reply is None:
                await reader.read()
            else:
                writer.write(reply)
            while endless:
                writer.write(b" " * 65536)
                await writer.drain()
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], asked


ENDLESS = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "endless", "reason"),
    [
        (None, False, "It did not answer within 1 s."),
        (answer("500 Oops", b"oops"), False, "It refused with HTTP status 500: "),
        (answer("404 Not Found"), False, "It refused with HTTP status 404."),
        (answer("200 OK", b"<html>", "text/html"), False, "It refused: Unexpected content type: text/html"),
        (answer("200 OK", b"{"), False, "It refused: Failed to parse JSON response"),
        (answer("307 Moved", b"", "a/b", "location: http://example.com/"), False, "not followed"),
        (answer("200 OK", gzip.compress(b"{}"), "a/b", "content-encoding: gzip"), False, "compressed"),
        (ENDLESS, True, "larger than 16 MB"),
    ],
)  # fmt: skip
async def test_an_address_that_is_no_server_fails_with_the_reason(
    bench: Build, reply: bytes | None, endless: bool, reason: str
) -> None:
    async with canned(reply, endless) as (port, asked):
        own = bench(remote(port, timeout=1_000 if reply is None else 15_000))
        assert not await own.servers.connect("probe")
        error = await own.error()
        assert reason in error
        assert SECRET not in error
        assert f"authorization: bearer {SECRET}-2".encode() in asked[0].lower()


async def test_refused_credentials_are_told_apart_and_not_tried_again(bench: Build) -> None:
    words = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Unauthorized"}}'
    async with canned(answer("401 Unauthorized", words)) as (port, asked):
        own = bench(remote(port))
        assert not await own.servers.connect("probe")
        assert await own.servers.statuses() == {"probe": McpNeedsAuth()}
        tried = len(asked)
        await own.tools.ready()
        assert len(asked) == tried


async def test_nobody_at_the_address_is_said_so(bench: Build) -> None:
    own = bench(remote(free_port()))
    assert not await own.servers.connect("probe")
    assert await own.error() == "It can't be reached: All connection attempts failed."


async def test_what_can_not_be_sent_is_said_without_its_content(bench: Build) -> None:
    async with canned(answer("200 OK")) as (port, asked):
        own = bench(McpRemoteConfig(url=f"http://127.0.0.1:{port}/", headers={"X-Any": f"{SECRET}\n2"}))
        assert not await own.servers.connect("probe")
        assert await own.error() == "Its URL or one of its headers is invalid."
        assert asked == []
    own = bench(McpRemoteConfig(url="http://[", enabled=False))
    assert await own.servers.statuses() == {"probe": McpDisabled()}


async def test_an_added_server_is_reached_at_public_addresses_only(bench: Build) -> None:
    async with endpoint() as server:
        own = bench(trusted=server.config())
        await own.connect("trusted")
        asked = len(server.asked)
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"):
            url = f"http://{host}:{server.port}/mcp"
            statuses = await own.servers.add("new", McpRemoteConfig(url=url))
            assert "private, local or reserved address" in str(statuses["new"].error)  # type: ignore[union-attr]
        assert len(server.asked) == asked


async def test_an_added_server_is_reached_at_networks_that_are_allowed(tmp_path: Path) -> None:
    async with endpoint() as server:
        servers = McpServers({}, lambda name: None, may_add=True, egress=Egress([ip_network("127.0.0.0/8")]))
        config = McpRemoteConfig(url=f"http://localhost:{server.port}/mcp")
        assert await servers.add("new", config) == {"new": McpConnected()}
        assert [tool.name for tool in servers.list()] == ["new_count"]
        await servers.close()


async def test_a_refusal_by_the_older_transport_is_told_at_once_and_not_waited_for(bench: Build) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method = (await reader.readuntil(b"\r\n\r\n")).split()[0]
        if method == b"GET":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            writer.write(b"event: endpoint\r\ndata: /messages?id=1\r\n\r\n")
            await writer.drain()
            await reader.read()
        else:
            writer.write(answer("404 Not Found", b"no such session", "text/plain"))
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        own = bench(remote(server.sockets[0].getsockname()[1], "sse"))
        began = asyncio.get_running_loop().time()
        assert not await own.servers.connect("probe")
        assert asyncio.get_running_loop().time() - began < 10
        assert await own.error() == "It refused with HTTP status 404: no such session"
        await own.servers.close()
