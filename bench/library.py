"""A server with many conversations beside one with few.

`python -m bench.library [SESSIONS] [MESSAGES] [DIRECTORY]`. Both run at once and are asked in turns, so that
whatever else the machine does hits both alike. The exit status is 1 where the large one takes more than WORST
times as long for anything. A DIRECTORY keeps the databases for another run: filling one takes minutes.
"""

import dataclasses
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import uvloop

from bench.client import Client
from bench.fill import Words, fill, marker, phrases
from bench.measure import median
from bench.scenario import WARM_UP, connected
from bench.server import Server, configuration, ours, running, scripted_llm

DEFAULTS = (5000, 100)
FEW = 50
WORST = 1.5
ROUNDS = 60

Action = Callable[[], Awaitable[None]]


class Library:
    """One of the two servers, and what is asked of it. The same seed asks both for the like."""

    def __init__(self, client: Client, listed: list[str], sessions: int, messages: int) -> None:
        self._client = client
        self._listed = listed
        self.sessions = sessions
        self._messages = messages
        self._random = random.Random(1)
        self._words = Words()

    def actions(self) -> dict[str, Action]:
        return {
            "list 40 sessions": lambda: self._get("/session?limit=40"),
            "open a session: its newest 30 messages": lambda: self._get(
                f"/session/{self._some()}/message?limit=30"
            ),
            "open its page": lambda: self._get(f"/chat/{self._some()}"),
            "search titles, a common word": lambda: self._get("/session?limit=40&search=a"),
            "search titles, one that is not there": lambda: self._get("/session?limit=40&search=nowhere"),
            "search texts, a common word": lambda: self._get(f"/chats/search?q={self._words.common}"),
            "search texts, a rare word": lambda: self._get(f"/chats/search?q={self._rare()}"),
            "search texts, part of a rare word": lambda: self._get(f"/chats/search?q={self._rare()[1:]}"),
            "search texts, three words in a row": lambda: self._get(f"/chats/search?q={self._phrase()}"),
            "make a session": self._make,
            "prompt: its answer of 5 tokens": self._prompt,
        }

    async def _get(self, path: str) -> None:
        async with self._client.http.get(self._client.url + path) as response:
            response.raise_for_status()
            await response.read()

    async def _make(self) -> None:
        await self._client.session()

    async def _prompt(self) -> None:
        await self._client.turn(self._some(), WARM_UP)

    def _some(self) -> str:
        return self._random.choice(self._listed)

    def _phrase(self) -> str:
        return self._words.phrase(self._random.randrange(phrases(self.sessions)))

    def _rare(self) -> str:
        return marker(self._random.randrange(self.sessions), self._random.randrange(self._messages))


@asynccontextmanager
async def opened(directory: Path, llm_port: int, sessions: int, messages: int) -> AsyncIterator[Library]:
    """Fill a data directory and serve it."""
    if not (directory / "opencode.db").exists():
        await fill(directory, sessions, messages)
    environment = ours().environment
    served = dataclasses.replace(
        ours(),
        environment=lambda port, home: {**environment(port, home), "OPENCODE_DATA_DIR": str(directory)},
    )

    @asynccontextmanager
    async def launch() -> AsyncIterator[Server]:
        async with running(served, configuration(llm_port, "chat", [WARM_UP])) as server:
            yield server

    async with connected(launch) as (_, client):
        async with client.http.get(f"{client.url}/session?limit=1000") as response:
            listed = [session["id"] for session in await response.json()][1:]
        yield Library(client, random.Random(1).sample(listed, min(FEW, len(listed))), sessions, messages)


async def measure(few: Library, many: Library) -> bool:
    """Print the median times of each action, few beside many; returns whether many are fast enough."""
    print(f"| | {few.sessions} sessions | {many.sessions} sessions | ratio |\n|---|---|---|---|")
    fast = True
    for (name, small), large in zip(few.actions().items(), many.actions().values(), strict=True):
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(ROUNDS):
            for action, taken in zip((small, large), times, strict=True):
                began = time.perf_counter()
                await action()
                taken.append((time.perf_counter() - began) * 1e3)
        before, after = (median(taken[ROUNDS // 6 :]) or 0.0 for taken in times)
        fast = fast and after <= WORST * before
        print(f"| {name} | {before:.2f} ms | {after:.2f} ms | {after / before:.2f} |", flush=True)
    return fast


async def run(sessions: int, messages: int, kept: Path | None) -> bool:
    async with AsyncExitStack() as stack:
        base = kept or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-library-")))
        llm_port = await stack.enter_async_context(scripted_llm())
        few, many = [
            await stack.enter_async_context(opened(base / str(count), llm_port, count, messages))
            for count in (FEW, sessions)
        ]
        return await measure(few, many)


def main() -> int:
    given = [int(argument) for argument in sys.argv[1:3]]
    kept = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    return 0 if uvloop.run(run(*given, *DEFAULTS[len(given) :], kept)) else 1


if __name__ == "__main__":
    sys.exit(main())
