"""A scripted LLM on loopback, fast enough not to be what is measured. Runs as a process of its own.

A model's name is its script: `tok-N-R` answers N tokens at R tokens/s (R = 0: as fast as the socket
takes them); `tool-N-R` calls a tool first, and answers so once the request brings the result. Every token is
the sender's monotonic clock in ns, so a reader on the same machine tells each token's age from its text.

`python -m bench.llm` listens on a free port and prints it.
"""

import asyncio
import time
from typing import NamedTuple

import orjson

from bench.wire import WIRES, Json, Wire

TITLE = b"Measured"
BURST = 16  # tokens between two looks at the socket's backlog, where there is no pace
HEAD_END = b"\r\n\r\n"


class Script(NamedTuple):
    """What a model's name asks for."""

    calls_tool: bool
    tokens: int
    rate: float

    @classmethod
    def of(cls, model: str) -> "Script":
        kind, tokens, rate = model.split("-")
        return cls(kind == "tool", int(tokens), float(rate))


async def read_request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """Return the path and the body of the next request on this connection."""
    head = (await reader.readuntil(HEAD_END)).decode("latin-1")
    request_line, *lines = head.rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    path = request_line.split(" ")[1].partition("?")[0]
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return path, await _read_chunked(reader)
    return path, await reader.readexactly(int(headers.get("content-length", "0")))


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    chunks = []
    while size := int(await reader.readline(), 16):
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"".join(chunks)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def json_response(body: Json) -> bytes:
    data = orjson.dumps(body)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(data) + data


async def speak(writer: asyncio.StreamWriter, wire: Wire, script: Script) -> None:
    """Write the script's tokens, each with the time at which it leaves, at the script's pace."""
    start = time.monotonic()
    for number in range(1, script.tokens + 1):
        writer.write(chunk(wire.token(b"%d " % time.monotonic_ns())))
        if script.rate:
            await asyncio.sleep(max(0, start + number / script.rate - time.monotonic()))
            await writer.drain()  # ends where the client has left
        elif number % BURST == 0:
            await writer.drain()


async def answer(writer: asyncio.StreamWriter, wire: Wire, request: Json) -> None:
    model = request["model"]
    script = Script.of(model)
    if not request.get("stream"):
        writer.write(json_response(wire.reply(model, TITLE.decode())))
        return
    writer.write(STREAM_HEAD)
    if not request.get("tools"):  # titles and summaries are asked for without tools
        writer.write(chunk(wire.opening(model) + wire.token(TITLE) + wire.closing(2)))
    elif script.calls_tool and not wire.has_tool_result(request):
        writer.write(chunk(wire.tool_call(model)))
    else:
        writer.write(chunk(wire.opening(model)))
        await speak(writer, wire, script)
        writer.write(chunk(wire.closing(script.tokens)))
    writer.write(LAST_CHUNK)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, request after request, until the client leaves."""
    try:
        while True:
            path, body = await read_request(reader)
            wire = next((wire for ending, wire in WIRES.items() if path.endswith(ending)), None)
            if wire is None:
                writer.write(json_response({"object": "list", "data": []}))
            else:
                await answer(writer, wire, orjson.loads(body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 24, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
