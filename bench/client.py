"""A client of opencode's wire that times what it sees: an event stream, and turns read off it."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from bench.server import PROVIDER, Server

CONNECTS_WITHIN = 30.0  # seconds
TURN_WITHIN = 120.0  # seconds
ENDS_WITHIN = 30.0  # seconds for a turn that should simply work
TRAILS_WITHIN = 30.0  # seconds that events may still come after a turn's answer
NS_PER_MS = 1e6


class TurnFailed(Exception):
    """The server answered a prompt with an error."""


@dataclass
class Turn:
    """What was seen of one prompt. `ages`: token by token, the ms from the LLM to here."""

    tokens: int
    began_ns: int = field(default_factory=time.monotonic_ns)
    first_ns: int | None = None
    ages: list[float] = field(default_factory=list)
    answered_ms: float = 0.0
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    _rest: str = ""

    @property
    def first_token_ms(self) -> float | None:
        return None if self.first_ns is None else (self.first_ns - self.began_ns) / NS_PER_MS

    def take(self, delta: str, now_ns: int) -> None:
        """Read the tokens of a delta. One sent before this turn began is the last turn's, come late."""
        *words, self._rest = (self._rest + delta).split(" ")
        for sent_ns in map(int, filter(str.isdigit, words)):
            if sent_ns < self.began_ns:
                continue
            if self.first_ns is None:
                self.first_ns = now_ns
            self.ages.append((now_ns - sent_ns) / NS_PER_MS)
        if len(self.ages) >= self.tokens:
            self.complete.set()


class Subscriber:
    """One subscription to /event, read in a task of its own; `turns` takes deltas by session id."""

    def __init__(self, http: aiohttp.ClientSession, url: str, last_id: str = "") -> None:
        self.turns: dict[str, Turn] = {}
        self._http = http
        self._url = url
        self._last_id = last_id
        self._connected = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._read())
        async with asyncio.timeout(CONNECTS_WITHIN):
            await self._connected.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def lost(self) -> bool:
        """Whether the stream has ended, so that nothing more is seen."""
        return self._task.done()

    async def _read(self) -> None:
        endless = aiohttp.ClientTimeout(total=None)
        headers = {"Accept": "text/event-stream"} | (
            {"Last-Event-ID": self._last_id} if self._last_id else {}
        )
        async with self._http.get(f"{self._url}/event", timeout=endless, headers=headers) as response:
            response.raise_for_status()
            rest = bytearray()
            async for data in response.content.iter_any():
                now_ns = time.monotonic_ns()
                searched = max(0, len(rest) - 1)
                rest += data
                while (end := rest.find(b"\n\n", searched)) >= 0:
                    self._take(bytes(rest[:end]), now_ns)
                    del rest[: end + 2]
                    searched = 0

    def _take(self, event: bytes, now_ns: int) -> None:
        if b"message.part.delta" in event:
            _, _, data = event.partition(b"data:")
            properties = orjson.loads(data)["properties"]
            turn = self.turns.get(properties["sessionID"])
            if turn:
                turn.take(properties["delta"], now_ns)
        elif b"server.connected" in event:
            self._connected.set()


class Client:
    """Sessions and turns on one server, timed by one subscription."""

    def __init__(self, http: aiohttp.ClientSession, url: str, events: Subscriber) -> None:
        self.http = http
        self.url = url
        self.events = events

    async def session(self) -> str:
        async with self.http.post(f"{self.url}/session", json={}) as response:
            response.raise_for_status()
            return str((await response.json())["id"])

    async def turn(self, session_id: str, model: str) -> Turn:
        """Prompt, wait for the answer and then for the tokens that are still on their way."""
        turn = Turn(tokens=int(model.split("-")[1]))
        self.events.turns[session_id] = turn
        try:
            async with self.http.post(
                f"{self.url}/session/{session_id}/message",
                json=prompt_body(model),
                headers={"Accept": "application/json"},
                timeout=aiohttp.ClientTimeout(total=TURN_WITHIN),
            ) as response:
                answer = orjson.loads(await response.read())
        except TimeoutError:
            raise TurnFailed(f"{model}: no answer within {TURN_WITHIN:.0f} s") from None
        turn.answered_ms = (time.monotonic_ns() - turn.began_ns) / NS_PER_MS
        if response.status != 200 or answer["info"].get("error"):
            raise TurnFailed(f"{model}: {response.status} {answer!r:.300}")
        try:
            async with asyncio.timeout(TRAILS_WITHIN):
                await turn.complete.wait()
        except TimeoutError:
            raise TurnFailed(f"{model}: {len(turn.ages)} of {turn.tokens} tokens arrived") from None
        return turn


class Witness(Subscriber):
    """What a client is told: the models' texts by session and part, errors, retries, and turns that ended."""

    def __init__(self, http: aiohttp.ClientSession, url: str, last_id: str = "") -> None:
        super().__init__(http, url, last_id)
        self.ids: list[str] = []
        self.texts: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self.errors: defaultdict[str, list[str]] = defaultdict(list)
        self.retries: Counter[str] = Counter()
        self.idle: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._prompts: set[str] = set()

    def text(self, session_id: str) -> str:
        return "".join(self.texts[session_id].values())

    def _take(self, event: bytes, now_ns: int) -> None:
        _, _, data = event.partition(b"data:")
        told = orjson.loads(data)
        properties = told.get("properties", {})
        session_id = properties.get("sessionID", "")
        if told["type"] not in ("server.connected", "server.heartbeat"):
            self.ids.append(told["id"])
        match told["type"]:
            case "server.connected":
                self._connected.set()
            case "message.updated" if properties["info"]["role"] == "user":
                self._prompts.add(properties["info"]["id"])
            case "message.part.updated":
                part = properties["part"]
                if part["type"] == "text" and part["messageID"] not in self._prompts:
                    self.texts[part["sessionID"]][part["id"]] = part["text"]
            case "message.part.delta":
                if properties["partID"] in self.texts[session_id]:
                    self.texts[session_id][properties["partID"]] += properties["delta"]
            case "message.part.removed":
                self.texts[session_id].pop(properties["partID"], None)
            case "session.error":
                self.errors[session_id].append(described(properties["error"]))
            case "session.status":
                self.retries[session_id] += properties["status"]["type"] == "retry"
            case "session.idle":
                self.idle[session_id].set()


class Talk:
    """A server, and a client of it that is told everything."""

    def __init__(self, server: Server, http: aiohttp.ClientSession, witness: Witness) -> None:
        self.server = server
        self.told = witness
        self._http = http

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer's JSON; None where it has none. Raises ClientResponseError for 400 and above."""
        async with self._http.request(method, self.server.url + path, json=body) as response:
            response.raise_for_status()
            data = await response.read()
            return orjson.loads(data) if data else None

    async def session(self) -> str:
        return str((await self.call("POST", "/session", {}))["id"])

    async def prompt(self, session_id: str, model: str, provider: str = PROVIDER) -> None:
        self.told.idle[session_id].clear()
        await self.call("POST", f"/session/{session_id}/prompt_async", prompt_body(model, provider))

    async def prompt_and_leave(self, session_id: str, model: str, share: float, after: float) -> None:
        """Send that share of a prompt's bytes, and be gone so many seconds later."""
        body = orjson.dumps(prompt_body(model))
        fields = f"Host: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        data = f"POST /session/{session_id}/message HTTP/1.1\r\n{fields}\r\n\r\n".encode() + body
        _, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        writer.write(data[: int(len(data) * share)])
        await writer.drain()
        await asyncio.sleep(after)
        writer.transport.abort()

    async def ends(self, session_id: str, within: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                return await self.told.idle[session_id].wait()
        return False

    async def quiet(self, within: float) -> None:
        """Wait until no turn runs, or for so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while await self.call("GET", "/session/status"):  # noqa: ASYNC110 - whoever is left
                    await asyncio.sleep(0.2)

    async def answers(self, session_id: str) -> list[Any]:
        messages = await self.call("GET", f"/session/{session_id}/message")
        return [message for message in messages if message["info"]["role"] == "assistant"]

    async def goes_on(self, session_id: str, model: str) -> bool:
        """End what still runs, and tell whether another prompt is answered without an error.

        Raises TimeoutError after ENDS_WITHIN, and ClientResponseError where it is refused.
        """
        if session_id in await self.call("GET", "/session/status"):
            await self.call("POST", f"/session/{session_id}/abort")
            await self.ends(session_id, ENDS_WITHIN)
        async with asyncio.timeout(ENDS_WITHIN):
            answer = await self.call("POST", f"/session/{session_id}/message", prompt_body(model))
        return bool(text_of([answer]) and not answer["info"].get("error"))


@asynccontextmanager
async def talking(server: Server, last_id: str = "") -> AsyncIterator[Talk]:
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(connector=connector, read_bufsize=1 << 20) as http,
        Witness(http, server.url, last_id) as witness,
    ):
        yield Talk(server, http, witness)


def prompt_body(model: str, provider: str = PROVIDER) -> dict[str, Any]:
    return {
        "model": {"providerID": provider, "modelID": model},
        "parts": [{"type": "text", "text": "Go on."}],
    }


def text_of(messages: list[Any]) -> str:
    return "".join(part["text"] for each in messages for part in each["parts"] if part["type"] == "text")


def described(error: dict[str, Any]) -> str:
    """Return an error of the wire as its name and the first words of its message."""
    message = str(error.get("data", {}).get("message", ""))[:90]
    return f"{error['name']}: {' '.join(message.split())}"


def is_open(message: Any) -> bool:
    """Tell whether a message has a tool call that has not ended."""
    return any(part.get("state", {}).get("status") in ("pending", "running") for part in message["parts"])
