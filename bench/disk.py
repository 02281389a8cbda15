"""What conversations cost on disk: `python -m bench.disk [--turns N]`.

Bytes are those that the server's process caused to be written (`write_bytes` in /proc/PID/io), with all that
follows a turn: the log copied into the file, texts entered into the search indexes. For PostgreSQL, whose own
server writes, it is the growth of its write-ahead log.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import aiohttp
import psycopg
import uvloop

from bench.server import PROVIDER, Contestant, Server, configuration, home_with, ours, scripted_llm, started
from tests import postgres

SHORT = "tok-10-0"
LONG = "tok-6000-600"
"""Ten seconds; a token has some 16 characters."""

WARM_UP_TURNS = 10
PEOPLE = 20
REST_SECONDS = 8.0
LOOK_SECONDS = 0.05


async def turn(http: aiohttp.ClientSession, number: int, model: str = SHORT) -> int:
    """Let a new session answer one prompt; return how many bytes of text the answer has."""
    async with http.post("/session", json={"title": f"Chat {number}"}) as response:
        session_id = (await response.json())["id"]
    body = {
        "parts": [{"type": "text", "text": f"Prompt number {number}, of a few words"}],
        "model": {"providerID": PROVIDER, "modelID": model},
    }
    async with http.post(f"/session/{session_id}/message", json=body) as response:
        parts = (await response.json())["parts"]
    return sum(len(part["text"]) for part in parts if part["type"] == "text")


async def crowd(http: aiohttp.ClientSession, turns: int) -> None:
    """Let people have as many turns, each in a session of its own."""
    numbers = iter(range(turns))

    async def person() -> None:
        for number in numbers:
            await turn(http, number)

    async with asyncio.TaskGroup() as group:
        for _ in range(PEOPLE):
            group.create_task(person())


class LogSize:
    """The size of SQLite's log: the largest while it is watched, and now. Bytes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.largest = 0

    def now(self) -> int:
        return self._file.stat().st_size if self._file.exists() else 0

    async def watch(self) -> None:
        while True:
            self.largest = max(self.largest, self.now())
            await asyncio.sleep(LOOK_SECONDS)


def written(server: Server) -> int:
    lines = Path(f"/proc/{server.tree.processes()[0].pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


async def cost(count: Callable[[], int], work: Awaitable[object]) -> int:
    """Return how many bytes the work costs, with what is done at rest after it."""
    before = count()
    await work
    await asyncio.sleep(REST_SECONDS)
    return count() - before


async def measure(http: aiohttp.ClientSession, count: Callable[[], int], turns: int) -> dict[str, str]:
    """Return the costs of turns, counted by `count`."""
    for number in range(WARM_UP_TURNS):
        await turn(http, number)
    await asyncio.sleep(REST_SECONDS)

    async def one_after_another() -> None:
        for number in range(turns // 10):
            await turn(http, number)

    began = time.monotonic()
    load = await cost(count, crowd(http, turns))
    seconds = time.monotonic() - began - REST_SECONDS
    alone = await cost(count, one_after_another())
    sizes: list[int] = []

    async def long_answer() -> None:
        sizes.append(await turn(http, 0, LONG))

    long = await cost(count, long_answer())
    rate, size = turns / seconds, sizes[0]
    return {
        f"a short turn, {turns} by {PEOPLE} people ({rate:.0f}/s)": f"{load / turns / 1000:.1f} KB",
        "a short turn, one after another": f"{alone / (turns // 10) / 1000:.1f} KB",
        f"an answer of {size / 1000:.0f} KB": f"{long / 1000:.0f} KB, {long / size:.1f} times its size",
    }


async def sqlite(llm_port: int, turns: int) -> dict[str, str]:
    with home_with(configuration(llm_port, "chat", [SHORT, LONG])) as home:
        async with started(_unlimited(), home) as server, _client(server) as http:
            log = LogSize(home / "data" / "opencode.db-wal")
            watching = asyncio.create_task(log.watch())
            figures = await measure(http, lambda: written(server), turns)
            watching.cancel()
            return figures | {
                "the log, at most": f"{log.largest / 1e6:.1f} MB",
                "the log at rest": f"{log.now() / 1e6:.1f} MB",
            }


async def postgresql(llm_port: int, turns: int) -> dict[str, str]:
    programs = postgres.programs()
    if programs is None:
        return {"PostgreSQL": "not installed"}
    with (
        postgres.running(programs) as cluster,
        home_with(configuration(llm_port, "chat", [SHORT, LONG])) as home,
    ):
        url = cluster.database()
        with psycopg.connect(url, autocommit=True) as connection:

            def count() -> int:
                row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchone()
                return int(row[0]) if row else 0

            async with (
                started(_unlimited(OPENCODE_DATABASE_URL=url), home) as server,
                _client(server) as http,
            ):
                return await measure(http, count, turns)


def _unlimited(**more: str) -> Contestant:
    contestant = ours()
    return replace(
        contestant,
        environment=lambda port, home: {
            **contestant.environment(port, home),
            "OPENCODE_RATE_LIMIT": "0",
            **more,
        },
    )


def _client(server: Server) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(server.url, timeout=aiohttp.ClientTimeout(total=120))


async def main(turns: int) -> None:
    async with scripted_llm() as llm_port:
        for name, measured in (("SQLite", sqlite), ("PostgreSQL", postgresql)):
            print(f"\n| {name}: written for | |\n|---|---|")
            for what, figure in (await measured(llm_port, turns)).items():
                print(f"| {what} | {figure} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m bench.disk", description="Measure what turns cost on disk."
    )
    parser.add_argument("--turns", type=int, default=300)
    uvloop.run(main(parser.parse_args().turns))
