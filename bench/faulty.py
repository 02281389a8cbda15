"""A provider that fails in one way for each model, in this process, so that it can tell what it was asked.

It speaks chat completions. A model's name is `FAULT.once` or `FAULT.timed` (the first request fails, those
after it are answered), `FAULT.always`, BIG, LONG, or a script of `bench.llm`.
"""

import asyncio
import socket
import time
from collections import Counter
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import orjson

from bench.llm import LAST_CHUNK, STREAM_HEAD, Script, answer, chunk, json_response, read_request, speak
from bench.scenario import CHATTER, WARM_UP
from bench.server import PROVIDER, configuration
from bench.wire import TOOL, TOOL_INPUT, ChatCompletions, Json

LONG = "long"
"""A call whose input comes slowly, then, with its result, ten seconds of text."""
TEXT = "alpha beta gamma"
BIG = "big"
"""100 deltas of 50 kB."""
CHAT = ChatCompletions()
INPUT_PIECES = 20
BIG_PIECE_EVERY = 0.02  # seconds
INPUT_PIECE_EVERY = 0.1  # seconds
READ_WITHIN = 1.0  # seconds until a drop: what was sent before it has been read and told by then
LINE = 50_000_000  # bytes


class Fault(NamedTuple):
    """What is sent, and then: the connection goes on, is closed, or says nothing more; or text floods."""

    data: bytes
    then: Literal["go on", "close", "hold", "flood"] = "go on"


def _status(code: int, headers: bytes = b"") -> Fault:
    body = orjson.dumps({"error": {"message": f"scripted {code}", "type": "scripted", "code": None}})
    head = b"HTTP/1.1 %d Scripted\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
    return Fault(head % (code, headers, len(body)) + body)


def _stream(*events: bytes) -> bytes:
    return STREAM_HEAD + b"".join(map(chunk, events))


def _call(arguments: str, call_id: str | None = None) -> bytes:
    """A delta of a tool call: with an id its beginning, else more of its input."""
    call: Json = {"index": 0, "function": {"arguments": arguments}}
    if call_id:
        call |= {"id": call_id, "type": "function"}
        call["function"]["name"] = TOOL
    return CHAT.chunk("bench", {"tool_calls": [call]})


_OPENING = CHAT.opening("bench")
_CLOSING = CHAT.closing(3)
_SOME_TEXT = _stream(_OPENING, CHAT.token(b"alpha "), CHAT.token(b"beta "))
_SOME_REASONING = _stream(_OPENING, CHAT.chunk("bench", {"reasoning_content": "Let me"}))
_SOME_INPUT = _stream(_OPENING, _call('{"todos": [{"cont', "call_1"))
_BROKEN_INPUT = _stream(
    _OPENING, _call('{"todos": [{"cont', "call_1"), CHAT.chunk("bench", {}, "tool_calls"), b"data: [DONE]\n\n"
)

FAULTS: dict[str, Fault] = {
    **{str(code): _status(code) for code in (400, 401, 403, 413, 500, 529)},
    "429": _status(429, b"Retry-After: 2\r\n"),
    "drop before the first byte": Fault(b"", "close"),
    "drop in the text": Fault(_SOME_TEXT, "close"),
    "drop in the reasoning": Fault(_SOME_REASONING, "close"),
    "drop in a tool's input": Fault(_SOME_INPUT, "close"),
    "silence before the head": Fault(b"", "hold"),
    "silence in the text": Fault(_SOME_TEXT, "hold"),
    "garbage bytes": Fault(_stream(bytes(range(1, 256)) * 4, b"\n\ndata: \xff\xfe{{{\n\n") + LAST_CHUNK),
    "broken tool input": Fault(_BROKEN_INPUT + LAST_CHUNK),
}
HEAVY: dict[str, Fault] = {
    "a line of 50 MB": Fault(_stream(_OPENING, CHAT.token(b"x" * LINE), _CLOSING) + LAST_CHUNK),
    "an endless stream": Fault(_stream(_OPENING), "flood"),
}


IMPATIENT, CLOSED, NAMELESS = "impatient", "closed", "nameless"
"""Providers beside the usual one: with time-outs, where nothing listens, of a name that does not resolve."""
TIMEOUT_MS = 5_000
WATCHED = 20.0  # seconds that a fault is watched, where it passes after the first attempt
WATCHED_LASTING = 90.0  # seconds, where it does not pass


class Case(NamedTuple):
    """A turn of a model, and how many seconds it is watched."""

    model: str
    provider: str = PROVIDER
    watched: float = WATCHED


RUNAWAY = ("413", "broken tool input")
"""Faults that a server may answer with requests without end, as fast as it can: each has it to itself."""
_LASTING = {fault: Case(f"{fault}.always", watched=WATCHED_LASTING) for fault in FAULTS}
STAGES: tuple[dict[str, Case], ...] = (
    {
        **{f"{fault}, once": Case(f"{fault}.once") for fault in FAULTS},
        **{
            f"{fault}, with time-outs": Case(f"{fault}.timed", IMPATIENT)
            for fault in FAULTS
            if "silence" in fault
        },
    },
    {
        **{f"{fault}, lasting": case for fault, case in _LASTING.items() if fault not in RUNAWAY},
        "connection refused": Case("tok-5-20", CLOSED, WATCHED_LASTING),
        "no such host": Case("tok-20-20", NAMELESS, WATCHED_LASTING),
    },
    *({f"{fault}, lasting": _LASTING[fault]._replace(watched=WATCHED)} for fault in RUNAWAY),
)
"""Turns by name: those of a stage run at once, one stage after another."""


class FaultyProvider:
    """Serves on loopback.

    `asked` counts requests for turns by model; `held` failed answers that their client still waits for;
    `broken`: the models that were sent a history which no provider takes.
    """

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.held: Counter[str] = Counter()
        self.broken: list[str] = []

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 24, backlog=1024)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                path, body = await read_request(reader)
                if not path.endswith("chat/completions"):
                    writer.write(json_response({"object": "list", "data": []}))
                elif not await self._answer(orjson.loads(body), reader, writer):
                    break
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, request: Json, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; return whether the connection goes on."""
        model = request["model"]
        name, _, how = model.partition(".")
        if not request.get("tools"):  # a title
            writer.write(_stream(_OPENING, CHAT.token(b"Title"), _CLOSING) + LAST_CHUNK)
            return True
        self.asked[model] += 1
        if not valid(request["messages"]):
            self.broken.append(model)
        fault = FAULTS.get(name) or HEAVY.get(name)
        if fault and (how == "always" or self.asked[model] == 1):
            return await self._fail(model, fault, reader, writer)
        if fault:
            writer.write(_stream(_OPENING, CHAT.token(TEXT.encode()), _CLOSING) + LAST_CHUNK)
        elif model == BIG:
            await _go_on_big(writer)
        elif model == LONG:
            await _go_on_long(writer, request)
        else:
            await answer(writer, CHAT, request)
        return True

    async def _fail(
        self, model: str, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        self.held[model] += 1
        try:
            writer.write(fault.data)
            await writer.drain()
            if fault.then == "close" and fault.data:
                await asyncio.sleep(READ_WITHIN)
            while fault.then == "flood":
                writer.write(chunk(CHAT.token(b"more and more ") * 100))
                await writer.drain()
                await asyncio.sleep(0)
            if fault.then == "hold":
                await reader.read()
            return fault.then == "go on"
        finally:
            self.held[model] -= 1


def config_for(llm: FaultyProvider) -> dict[str, Any]:
    faults = [f"{fault}.{how}" for fault in (*FAULTS, *HEAVY) for how in ("once", "timed", "always")]
    config: dict[str, Any] = configuration(llm.port, "chat", [WARM_UP, BIG, LONG, *CHATTER, *faults])
    usual = config["provider"][PROVIDER]
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    limits = dict.fromkeys(("timeout", "headerTimeout", "chunkTimeout"), TIMEOUT_MS)
    for name, options in {
        IMPATIENT: limits,
        CLOSED: {"baseURL": nobody},
        NAMELESS: {"baseURL": "http://no-such-host.invalid/v1"},
    }.items():
        config["provider"][name] = usual | {"options": usual["options"] | options}
    config["enabled_providers"] = list(config["provider"])
    return config


async def _go_on_big(writer: asyncio.StreamWriter) -> None:
    writer.write(_stream(_OPENING))
    for _ in range(100):
        writer.write(chunk(CHAT.token(b"x" * 50_000)))
        await writer.drain()
        await asyncio.sleep(BIG_PIECE_EVERY)
    writer.write(chunk(_CLOSING) + LAST_CHUNK)


async def _go_on_long(writer: asyncio.StreamWriter, request: Json) -> None:
    writer.write(_stream(_OPENING))
    if CHAT.has_tool_result(request):
        await speak(writer, CHAT, Script(False, 500, 50))
        writer.write(chunk(_CLOSING) + LAST_CHUNK)
        return
    writer.write(chunk(_call("", f"call_{time.monotonic_ns()}")))
    size = -(-len(TOOL_INPUT) // INPUT_PIECES)
    for start in range(0, len(TOOL_INPUT), size):
        writer.write(chunk(_call(TOOL_INPUT[start : start + size])))
        await writer.drain()
        await asyncio.sleep(INPUT_PIECE_EVERY)
    writer.write(chunk(CHAT.chunk("bench", {}, "tool_calls") + b"data: [DONE]\n\n") + LAST_CHUNK)


def valid(messages: list[Json]) -> bool:
    """Tell whether each call has its result right after it, and each result its call before it."""
    calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in calls:
                return False
            calls.remove(message["tool_call_id"])
        elif calls:
            return False
        else:
            calls = {call["id"] for call in message.get("tool_calls") or []}
    return not calls
