"""A client of opencode's wire that times what it sees: an event stream, and turns read off it."""

import asyncio
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp
import orjson

from bench.server import PROVIDER

CONNECTS_WITHIN = 30.0  # seconds
TURN_WITHIN = 120.0  # seconds
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

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.turns: dict[str, Turn] = {}
        self._http = http
        self._url = url
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
        await asyncio.wait([self._task])

    async def _read(self) -> None:
        endless = aiohttp.ClientTimeout(total=None)
        headers = {"Accept": "text/event-stream"}
        async with self._http.get(f"{self._url}/event", timeout=endless, headers=headers) as response:
            response.raise_for_status()
            rest = b""
            async for data in response.content.iter_any():
                now_ns = time.monotonic_ns()
                *events, rest = (rest + data).split(b"\n\n")
                for event in events:
                    self._take(event, now_ns)

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
        body = {
            "model": {"providerID": PROVIDER, "modelID": model},
            "parts": [{"type": "text", "text": "Go on."}],
        }
        try:
            async with self.http.post(
                f"{self.url}/session/{session_id}/message",
                json=body,
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
