"""A scripted LLM on loopback that speaks Anthropic Messages, OpenAI Responses and Chat Completions.

In a test: `async with LLM() as llm: llm.script(Answer(text="Hi")); … llm.url`. As a program:
`python -m tests.llm.server PORT`; the model's name then says what to do (see `named_step`).
"""

import asyncio
import json
import re
import sys
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from .answer import Answer, Drop, Fault, Moment, Raw, Silence, Status, Step, Usage, Whole
from .performance import Performance, chunked, gone
from .wires import WIRES, Wire

__all__ = [
    "LLM",
    "Answer",
    "Drop",
    "Fault",
    "Moment",
    "Raw",
    "Request",
    "Silence",
    "Status",
    "Usage",
    "Whole",
]

Chooser = Callable[["Request"], Step]

TODOS = {"todos": [{"content": "bench", "status": "pending", "priority": "low", "id": "1"}]}


@dataclass(frozen=True)
class Request:
    """A request as it came; header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def has_tools(self) -> bool:
        return bool(self.body.get("tools"))

    @property
    def has_tool_output(self) -> bool:
        text = json.dumps(self.body)
        return any(word in text for word in ('"tool_result"', '"role": "tool"', "function_call_output"))


class LLM:
    """Answers what it was scripted to, in this order: by model (`on`), title, by the model's name, the queue.

    `title`: what every request without tools is answered with (a server asks for titles beside its turns), so
    that a test scripts only the turns; None sends such requests to the queue like all others. `models`: what
    `GET /models` lists; None answers it with a page that is no list.
    """

    def __init__(
        self, *, title: str | None = "A title", models: tuple[str, ...] | None = ("one", "two")
    ) -> None:
        self.requests: list[Request] = []
        self.disconnects = 0
        """How many clients left in the middle of an answer."""
        self.connections = 0
        """How many connections were opened."""
        self.listings = 0
        """How often models were asked for."""
        self.key = ""
        """The key that asking for models needs; "" for none."""
        self._title = title
        self._models = models
        self._queue: deque[Step] = deque()
        self._by_model: dict[str, Step | Chooser] = {}
        self._failures: Counter[str] = Counter()
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    def script(self, *steps: Step) -> None:
        """Queue what the next requests get, one each. A request beyond the queue gets a 400 that says so."""
        self._queue.extend(steps)

    def on(self, model: str, step: "Step | Chooser") -> None:
        """Answer every request to `model` with a step, or with what a function of the request returns."""
        self._by_model[model] = step

    @property
    def url(self) -> str:
        """The root; OpenAI's wires live under `/v1`."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def until(self, condition: Callable[["LLM"], bool]) -> None:
        """Wait until a condition of the requests and disconnects holds."""
        async with self._changed:
            await self._changed.wait_for(lambda: condition(self))

    async def start(self, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=1 << 26, backlog=1024)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # cancelled by our own __aexit__, and asyncio's streams would log it
        finally:
            self._serving.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; return whether the connection goes on."""
        start = await reader.readexactly(1)
        if not start.isalpha():  # TLS, to a server that has none
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return False
        head = (start + await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        fields = (line.partition(":") for line in head[1:] if line)
        headers = {name.strip().lower(): value.strip() for name, _, value in fields}
        content = await reader.readexactly(int(headers.get("content-length", "0")))
        path = target.partition("?")[0]
        if method == "GET":
            await self._list(writer, target, headers.get("authorization", ""))
            return True
        request = Request(path, headers, json.loads(content))
        wire = next(wire for wire in WIRES if path.endswith(wire.suffix))
        step = self._choose(request)
        async with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        try:
            return await self._play(step, wire, request, reader, writer)
        except ConnectionError:
            async with self._changed:
                self.disconnects += 1
                self._changed.notify_all()
            raise

    def _choose(self, request: Request) -> Step:
        model = request.body.get("model", "")
        if (scripted := self._by_model.get(model)) is not None:
            return scripted(request) if callable(scripted) else scripted
        if self._title is not None and not request.has_tools:
            return Answer(text=self._title)
        if (step := named_step(model, request, self._failures)) is not None:
            return step
        if self._queue:
            return self._queue.popleft()
        return Status(400, "the test scripted no answer to this request")

    async def _play(
        self,
        step: Step,
        wire: type[Wire],
        request: Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        if isinstance(step, Drop):
            writer.transport.abort()
            return False
        if isinstance(step, Silence):
            await gone(reader)
        if isinstance(step, Status):
            body = json.dumps(wire.error(step.message, step.code)) if step.body is None else step.body
            if step.endless:
                writer.write(_head().replace(b"200 OK", b"%d Scripted" % step.status))
            while step.endless:
                writer.write(chunked(body.encode()))
                await writer.drain()
            await _respond(writer, step.status, body, step.content_type, step.headers)
            return True
        if isinstance(step, Whole):
            body = step.before + json.dumps(step.value)
            writer.write(_head(content_type=step.content_type))
            writer.write(chunked(body.encode()[: step.length]) + b"0\r\n\r\n" * (step.length is None))
            await writer.drain()
            return step.length is None
        writer.write(_head(step.content_type, step.encoding) if isinstance(step, Raw) else _head())
        if isinstance(step, Raw):
            for chunk in step.chunks:
                writer.write(chunked(chunk))
                await writer.drain()
            if step.hold is not None:
                await step.hold.wait()
            if step.end:
                writer.write(b"0\r\n\r\n")
            return step.end
        return await Performance(step, wire, str(request.body.get("model")), reader, writer).run()

    async def _list(self, writer: asyncio.StreamWriter, target: str, authorization: str) -> None:
        self.listings += 1
        if self.key and authorization != f"Bearer {self.key}":
            refusal = json.dumps({"error": {"message": "Incorrect API key provided."}})
            await _respond(writer, 401, refusal, "application/json", {})
            return
        if self._models is None:
            await _respond(writer, 200, "<h1>Welcome</h1>", "text/html", {})
            return
        models = [{"id": name, "object": "model", "type": "model"} for name in self._models]
        after = re.search(r"after_id=([^&]+)", target)
        page = models[1:] if after else models[:1]
        paged = {"has_more": not after and len(models) > 1, "last_id": page[-1]["id"] if page else None}
        listed = {"data": page, **paged} if "limit=" in target else {"object": "list", "data": models}
        await _respond(writer, 200, json.dumps(listed), "application/json", {})


def named_step(model: str, request: Request, failures: Counter[str]) -> Step | None:
    """Return what a model's name says, None where it says nothing. N tokens at R a second (0: all at once).

    tok-N-R: text. tool-N-R: first a todowrite call, then text. err-S: HTTP status S. errthen-S: that twice,
    then text. cut-N-R: the connection drops after N tokens. hang-N-R: silence after N tokens.
    """
    match = re.fullmatch(r"(tok|tool|err|errthen|cut|hang)-(\d+)(?:-(\d+))?", model)
    if match is None:
        return None
    kind, number, rate = match[1], int(match[2]), int(match[3] or 0)
    if kind in ("err", "errthen"):
        failures[model] += 1
        if kind == "err" or failures[model] <= 2:
            code = "context_length_exceeded" if number == 400 else None
            return Status(number, f"scripted {number}", code=code, headers={"Retry-After": "2"})
        return Answer(text="recovered")
    if kind == "tool" and not request.has_tool_output:
        return Answer(tools=(("todowrite", TODOS),))
    fault: tuple[Moment, Fault] | None = None
    if kind in ("cut", "hang"):
        fault = ("end", "drop" if kind == "cut" else "hang")
    text = tuple(f"{token} " for token in range(number))
    return Answer(text=text, pace=1 / rate if rate else 0.0, usage=Usage(output=number), fault=fault)


def _head(content_type: str = "text/event-stream; charset=utf-8", encoding: str = "") -> bytes:
    """Return the head of an answer whose body comes in chunks."""
    fields = {"Content-Type": content_type, "Content-Encoding": encoding, "Transfer-Encoding": "chunked"}
    lines = (f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"HTTP/1.1 200 OK\r\n{''.join(lines)}\r\n".encode()


async def _respond(
    writer: asyncio.StreamWriter, status: int, body: str, content_type: str, headers: dict[str, str]
) -> None:
    content = body.encode()
    fields = {"Content-Type": content_type, "Content-Length": str(len(content)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"HTTP/1.1 {status} Scripted\r\n{head}\r\n".encode() + content)
    await writer.drain()


async def main(port: int) -> None:
    llm = LLM()
    await llm.start(port)
    print(f"llm on {llm.url}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1])))
