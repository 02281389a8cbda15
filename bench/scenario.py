"""The loads, and what is read off under each. Nothing here knows which server it drives."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import aiohttp
import orjson

from bench.client import Client, Subscriber, Talk, Turn, talking
from bench.measure import ProcessTree, median, percentile
from bench.server import Server

WARM_UP = "tok-5-0"
SETTLES = 1.0  # seconds after the load: what a server does behind the answer (titles, writes) counts too
EDGE = 10  # turns at either end of a long conversation that are compared
CHATTER = ("tok-5-20", "tok-20-20", "tok-40-20", "tool-5-20", "tool-20-20")
CROWD = 50
STUCK_AFTER = 60.0  # seconds
AT_ONCE = 20  # connections that a churn opens and drops together
FORGETS_WITHIN = 20.0  # seconds until a server must have noticed that its listeners left

Launch = Callable[[], AbstractAsyncContextManager[Server]]


@dataclass(frozen=True)
class Load:
    """`count`: how many turns, sessions, listeners, connections or starts. `model`: the LLM's script."""

    count: int
    model: str = WARM_UP

    @property
    def tokens(self) -> int:
        return int(self.model.split("-")[1])


@dataclass(frozen=True)
class Figure:
    """One reading. `value` is None where there was nothing to read."""

    name: str
    unit: str
    value: float | None
    more_is_better: bool = False


@dataclass(frozen=True)
class Scenario:
    """`measure` drives a server that it launches itself. `always`: part of a run that names no scenario."""

    measure: Callable[[Launch, Load], Awaitable[list[Figure]]]
    full: Load
    quick: Load
    always: bool = True


@dataclass
class Meter:
    """What a load took: CPU seconds of the server's processes, and seconds on the clock."""

    cpu: float = 0.0
    wall: float = 0.0


@asynccontextmanager
async def metered(tree: ProcessTree) -> AsyncIterator[Meter]:
    meter = Meter()
    cpu_before, began = tree.cpu_seconds(), time.monotonic()
    yield meter
    meter.wall = time.monotonic() - began
    await asyncio.sleep(SETTLES)
    meter.cpu = tree.cpu_seconds() - cpu_before


@asynccontextmanager
async def connected(launch: Launch) -> AsyncIterator[tuple[Server, Client]]:
    """A server that has answered its first prompt, and a client of it."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(launch())
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                json_serialize=lambda body: orjson.dumps(body).decode(),
                read_bufsize=1 << 20,
            )
        )
        events = await stack.enter_async_context(Subscriber(http, server.url))
        client = Client(http, server.url, events)
        await client.turn(await client.session(), WARM_UP)
        yield server, client


def first_token(turns: list[Turn]) -> Figure:
    times = [turn.first_token_ms for turn in turns if turn.first_token_ms is not None]
    return Figure("first token, median", "ms", median(times))


def token_age(turns: list[Turn]) -> Figure:
    return Figure("token age, p99", "ms", percentile((age for turn in turns for age in turn.ages), 0.99))


def memory(server: Server) -> Figure:
    return Figure("memory after", "MB", server.tree.resident_mb())


async def start(launch: Launch, load: Load) -> list[Figure]:
    """Spawn to healthy."""
    ready, resident = [], []
    for _ in range(load.count):
        async with launch() as server:
            resident.append(server.tree.resident_mb())
            ready.append(server.ready_seconds)
    return [Figure("spawn to healthy", "s", median(ready)), Figure("memory then", "MB", median(resident))]


async def turn(launch: Launch, load: Load) -> list[Figure]:
    """Turns one after another, each in a new session."""
    async with connected(launch) as (server, client):
        async with metered(server.tree) as meter:
            turns = [await client.turn(await client.session(), load.model) for _ in range(load.count)]
        cpu_ms = meter.cpu / load.count * 1e3
        return [
            first_token(turns),
            token_age(turns),
            Figure("CPU per turn", "ms", cpu_ms),
            memory(server),
        ]


async def together(launch: Launch, load: Load) -> list[Figure]:
    """All sessions at once: as fast as tokens come, or at the script's pace."""
    async with connected(launch) as (server, client):
        sessions = [await client.session() for _ in range(load.count)]
        async with metered(server.tree) as meter, asyncio.TaskGroup() as group:
            tasks = [group.create_task(client.turn(session, load.model)) for session in sessions]
        turns = [task.result() for task in tasks]
        tokens = sum(len(turn.ages) for turn in turns)
        return [
            Figure("tokens per second", "/s", tokens / meter.wall, more_is_better=True),
            first_token(turns),
            token_age(turns),
            Figure("CPU per token", "µs", meter.cpu / tokens * 1e6),
            memory(server),
        ]


async def fan_out(launch: Launch, load: Load) -> list[Figure]:
    """One paced answer, many listeners."""
    async with connected(launch) as (server, client), AsyncExitStack() as stack:
        session = await client.session()
        listeners = [Subscriber(client.http, server.url) for _ in range(load.count)]
        for listener in listeners:
            await stack.enter_async_context(listener)
            listener.turns[session] = Turn(load.tokens)
        async with metered(server.tree) as meter:
            await client.turn(session, load.model)
            for listener in listeners:
                await listener.turns[session].complete.wait()
        deliveries = load.count * load.tokens
        return [
            Figure("CPU per delivery", "µs", meter.cpu / deliveries * 1e6),
            token_age([listener.turns[session] for listener in listeners]),
            memory(server),
        ]


async def growth(launch: Launch, load: Load) -> list[Figure]:
    """One conversation that gets long."""
    async with connected(launch) as (server, client):
        session = await client.session()
        turns = [await client.turn(session, load.model) for _ in range(load.count)]
        await asyncio.sleep(SETTLES)
        return [
            Figure("turn at the start", "ms", median(turn.answered_ms for turn in turns[1 : EDGE + 1])),
            Figure("turn at the end", "ms", median(turn.answered_ms for turn in turns[-EDGE:])),
            memory(server),
        ]


async def churn(launch: Launch, load: Load) -> list[Figure]:
    """Listeners that come and are gone without a goodbye."""
    async with connected(launch) as (server, client):
        before_mb, before_sockets = server.tree.resident_mb(), server.tree.open_sockets(server.port)
        for _ in range(load.count // AT_ONCE):
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(come_and_go(server.port))
        after = await client.turn(await client.session(), load.model)
        deadline = time.monotonic() + FORGETS_WITHIN
        while (left := server.tree.open_sockets(server.port) - before_sockets) > 0:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(SETTLES)
        return [
            Figure("turn after", "ms", after.answered_ms),
            Figure("memory growth", "MB", server.tree.resident_mb() - before_mb),
            Figure("sockets left", "", max(left, 0)),
        ]


async def come_and_go(port: int, stay: float = 0) -> None:
    """Listen for so many seconds, and be gone without a goodbye."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /event HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n")
    await reader.readuntil(b"server.connected")
    with suppress(TimeoutError):
        async with asyncio.timeout(stay):
            while await reader.read(1 << 16):
                pass
    writer.transport.abort()


async def crowd(server: Server, seconds: float) -> tuple[Counter[str], list[float]]:
    """Let CROWD people prompt, abort and delete at random, while as many listeners lose their streams.

    Returns what became of it, counted, and the server's memory in MB, second by second.
    """
    seen: Counter[str] = Counter()
    memory: list[float] = []
    async with talking(server) as talk:
        chances = [random.Random(each) for each in range(CROWD)]
        tasks = [asyncio.create_task(_person(talk, chance, seen)) for chance in chances]
        tasks += [asyncio.create_task(_listener(server.port, chance)) for chance in chances]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            memory.append(server.tree.resident_mb())
            await asyncio.sleep(1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await talk.quiet(FORGETS_WITHIN)
        if talk.told.lost:
            seen["stream of events lost, so that not all ends were seen"] += 1
    return seen, memory


async def _person(talk: Talk, chance: random.Random, seen: Counter[str]) -> None:
    while True:
        try:
            await _conversation(talk, chance, seen)
        except aiohttp.ClientError as error:
            seen[f"× {error!r:.90}"] += 1
            await asyncio.sleep(SETTLES)


async def _conversation(talk: Talk, chance: random.Random, seen: Counter[str]) -> None:
    session_id = await talk.session()
    for _ in range(chance.randrange(1, 4)):
        await talk.prompt(session_id, chance.choice(CHATTER))
        if chance.random() < 0.15:
            await asyncio.sleep(chance.random() / 2)
            await talk.call("POST", f"/session/{session_id}/abort")
            seen["of them aborted"] += 1
        seen["turns" if await talk.ends(session_id, STUCK_AFTER) else "turns not ended within a minute"] += 1
    for error in talk.told.errors[session_id]:
        seen["errors other than the aborts"] += not error.startswith("MessageAborted")
    if chance.random() < 0.3:
        await talk.call("DELETE", f"/session/{session_id}")


async def _listener(port: int, chance: random.Random) -> None:
    while True:
        await come_and_go(port, chance.uniform(0, 4))


SCENARIOS: dict[str, Scenario] = {
    "start": Scenario(start, Load(5), Load(2)),
    "turn": Scenario(turn, Load(30, "tok-50-100"), Load(6, "tok-50-100")),
    "tool": Scenario(turn, Load(20, "tool-50-100"), Load(5, "tool-50-100")),
    "flood": Scenario(together, Load(10, "tok-2000-0"), Load(10, "tok-500-0")),
    "steady": Scenario(together, Load(50, "tok-250-50"), Load(50, "tok-100-50")),
    "steady-200": Scenario(together, Load(200, "tok-250-50"), Load(200, "tok-100-50"), always=False),
    "fan-out": Scenario(fan_out, Load(100, "tok-200-50"), Load(100, "tok-50-50")),
    "growth": Scenario(growth, Load(60, "tok-200-0"), Load(20, "tok-200-0")),
    "growth-500": Scenario(growth, Load(500, "tok-200-0"), Load(100, "tok-200-0"), always=False),
    "churn": Scenario(churn, Load(5000), Load(400)),
}
