"""Direct writes to the connection: where they are allowed, and what a slow client sees of them."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from quart import Quart, Response, request

from opencode.server import direct_write
from tests.harness import Server, serving


def app_with_direct_writes() -> Quart:
    """Return an app whose one route writes directly to the connection where it can, and says so."""
    app = Quart(__name__)
    direct_write.register(app)

    @app.route("/", methods=["GET"])
    async def pieces() -> Response:
        writer = direct_write.direct_writer(request)

        async def body() -> AsyncIterator[bytes]:
            yield b"first "
            if writer is None:
                yield b"usual "
            else:
                assert writer.write(b"dir")
                assert writer.write(b"ect ")
                await asyncio.sleep(0)  # pieces sent the usual way come in a later turn
            yield b"last"

        return Response(body())

    return app


@asynccontextmanager
async def under_uvicorn(app: Quart) -> AsyncIterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    task = asyncio.create_task(server.serve([listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def test_hypercorn_allows_direct_writes_and_pieces_come_in_order() -> None:
    async with serving(app_with_direct_writes()) as (url, _), httpx.AsyncClient(trust_env=False) as client:
        for _ in range(2):  # the connection is as good as before
            assert (await client.get(url)).text == "first direct last"


async def test_other_servers_send_pieces_the_usual_way() -> None:
    async with under_uvicorn(app_with_direct_writes()) as url, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(url)).text == "first usual last"


@pytest.mark.parametrize("head", [b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close", b"GET / HTTP/1.0"])
async def test_a_response_that_is_not_chunked_is_sent_the_usual_way(head: bytes) -> None:
    async with serving(app_with_direct_writes()) as (url, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", url.rpartition(":")[2])
        writer.write(head + b"\r\n\r\n")
        answer = await reader.read()
        writer.close()
    assert answer.partition(b"\r\n\r\n")[2] == (b"" if head.startswith(b"HEAD") else b"first usual last")


async def test_a_client_that_does_not_read_is_cut_off_and_sees_it(server: Server) -> None:
    session_id = await server.new_session(title="Named")
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    slow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(slow, ("127.0.0.1", int(server.url.rpartition(":")[2])))
    reader, writer = await asyncio.open_connection(sock=slow)
    writer.write(b"GET /event HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    await reader.readuntil(b"server.connected")
    for number in range(14):
        await server.ask(session_id, f"{number:02}" + "x" * 1_000_000, noReply=True)
    rest = await reader.read()
    writer.close()
    assert rest.endswith(b"\r\n0\r\n\r\n"), "the stream has an end, and is not only torn"
    numbers = [int(each) for each in re.findall(rb'"text":"(\d\d)x+"', rest)]
    assert numbers == list(range(len(numbers)))
    assert 0 < len(numbers) < 14


class Kept(asyncio.WriteTransport):
    """A connection that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


async def test_many_listeners_are_written_to_a_few_at_a_time() -> None:
    end_of_turn = direct_write.EndOfTurn()
    connections = [Kept() for _ in range(250)]
    writers = [direct_write.DirectWriter(each, end_of_turn) for each in connections]

    def served() -> int:
        return sum(bool(each.written) for each in connections)

    for writer in writers:
        assert writer.write(b"one ")
    most = before = 0
    async with asyncio.timeout(5):
        while served() < len(writers):
            await asyncio.sleep(0)
            most, before = max(most, served() - before), served()
            assert writers[-1].write(b"two ")  # collected, until it is this one's turn
    assert most == direct_write.FEW_WRITERS
    assert connections[0].written == [b"4\r\none \r\n"]
    await asyncio.sleep(0.01)
    assert b"".join(connections[-1].written).count(b"one ") == 1
