"""A crowd for a long time: what is left over, and what grows. `python -m tests.faults.soak SECONDS` tells.

The server is a process of its own that tells its tasks when it is asked to (SIGUSR1): `launch`.
"""

import asyncio
import json
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from tests.harness import Server, events
from tests.llm.server import LLM
from tests.program import open_files, program
from tests.server.conftest import provider_config
from tests.tool.web import serving

from .crowd import Crowd, Script, slow_page
from .mirror import Mirror

SESSIONS = 50
SAMPLE_SECONDS = 1.0
MANY = httpx.Limits(max_connections=None)
WARM_UP = 0.25
"""The part of the time after which memory is to stay where it is."""

LAUNCH = """
import asyncio, runpy, signal, sys
def tell(*_):
    loop = asyncio.events._get_running_loop()
    names = sorted(task.get_coro().__qualname__ for task in asyncio.all_tasks(loop))
    print("TASKS", len(names), names, file=sys.stderr, flush=True)
signal.signal(signal.SIGUSR1, tell)
from opencode.bus import Bus
from opencode.store.history_cache import HistoryCache
Bus.__init__.__defaults__ = (1_000_000,)  # what can be replayed, and what is kept decoded,
HistoryCache.__init__.__defaults__ = (300_000,)  # are full within the warm-up
runpy.run_path("app.py", run_name="__main__")
"""


@dataclass
class Findings:
    """What a soak showed. Memory in bytes; `broken` and `log`: everything that should not be."""

    turns: int = 0
    reconnects: int = 0
    memory: list[int] = field(default_factory=list)
    files: tuple[int, int] = (0, 0)
    sockets: tuple[int, int] = (0, 0)
    tasks: tuple[int, int] = (0, 0)
    broken: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    tasks_now: int = 0
    told: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def drift(self) -> int:
        """Memory at the end less that after the warm-up, each the median of a tenth of the time."""
        tenth = max(1, len(self.memory) // 10)
        warm = int(len(self.memory) * WARM_UP)
        return _median(self.memory[-tenth:]) - _median(self.memory[warm : warm + tenth])

    def __str__(self) -> str:
        warm = self.memory[int(len(self.memory) * WARM_UP)]
        course = [round(size / 1e6) for size in self.memory[:: max(1, len(self.memory) // 10)]]
        return (
            f"{self.turns} turns, {self.reconnects} reconnects; "
            f"memory {warm / 1e6:.1f} MB after the warm-up, drift {self.drift / 1e6:+.1f} MB, "
            f"in its course {course}; "
            f"files {self.files}, sockets {self.sockets}, tasks {self.tasks} before and after; "
            f"{len(self.broken)} broken promises, {len(self.log)} lines of log"
        )


def _median(values: list[int]) -> int:
    return sorted(values)[len(values) // 2]


async def soak(seconds: float, place: Path, seed: int = 1) -> Findings:
    """Run it, and return what it showed."""
    found = Findings()
    async with LLM() as llm, serving() as site:
        script = Script(seed, site, pace=0.15)
        site.add("/slow", slow_page(0.3))
        llm.on("one", script)
        (place / "opencode.json").write_text(json.dumps(provider_config(llm)))
        env = {
            "OPENCODE_CONFIG": str(place / "opencode.json"),
            "OPENCODE_FETCH_ALLOW": "127.0.0.1/32",
            "OPENCODE_LOG_LEVEL": "WARNING",
        }
        async with program(place, ("-c", LAUNCH), **env) as (process, server):
            log = asyncio.create_task(_read_log(process, found))
            watched = psutil.Process(process.pid)
            await _warm(server)
            before = await _at_rest(watched, found)
            mirror = Mirror()
            async with httpx.AsyncClient(
                base_url=server.url, timeout=60, trust_env=False, limits=MANY
            ) as client:
                crowd = Crowd(client, mirror, seed, SESSIONS)
                async with crowd.at_work(), _subscribers(server, found, mirror, seed):
                    end = time.monotonic() + seconds
                    while time.monotonic() < end:
                        found.memory.append(watched.memory_info().rss)
                        await asyncio.sleep(SAMPLE_SECONDS)
            await _quiet(server)
            after = await _settled(watched, found, before)
            found.files, found.sockets, found.tasks = zip(before, after, strict=True)
            if after[1] > before[1]:
                print(
                    f"llm {llm.url}, site {site.port}, server {server.url}",
                    *watched.net_connections(),
                    sep="\n",
                )
            await _catch_up(server, mirror)
            await _compare(server, mirror, crowd, found)
            process.terminate()
            await log
    found.turns = crowd.turns
    found.broken += [str(error) for error in script.broken]
    return found


async def _warm(server: Server) -> None:
    """Have everything opened that is opened once."""
    for wire in ("anthropic", "openai", "compatible"):
        await server.stream(await server.new_session(), "go", model=f"{wire}/one")
    await _quiet(server)
    session_id = await server.new_session()
    async with httpx.AsyncClient(base_url=server.url, timeout=60, verify=False) as client:
        await asyncio.gather(*(client.get(f"/session/{session_id}/message") for _ in range(50)))


@asynccontextmanager
async def _subscribers(server: Server, found: Findings, mirror: Mirror, seed: int) -> AsyncIterator[None]:
    """Let as many listeners as there are sessions follow one after the other, and lose their streams."""
    tasks = [asyncio.create_task(_subscriber(server, found, mirror, seed + each)) for each in range(SESSIONS)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _subscriber(server: Server, found: Findings, mirror: Mirror, seed: int) -> None:
    chance = random.Random(seed)
    while True:
        await asyncio.sleep(chance.random())
        alive = list(mirror.sessions)
        if not alive:
            continue
        session_id, last_id = chance.choice(alive), ""
        for _ in range(chance.randrange(1, 6)):
            last_id = await _listen(server, found, f"/session/{session_id}/event", last_id, chance)


async def _listen(server: Server, found: Findings, path: str, last_id: str, chance: random.Random) -> str:
    """Follow a stream for a while; returns where it was lost."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    try:
        async with (
            asyncio.timeout(chance.uniform(0, 4)),
            httpx.AsyncClient(base_url=server.url, timeout=None, verify=False) as client,
            client.stream("GET", path, headers=headers) as response,
        ):
            if response.status_code == 404:
                return last_id
            found.reconnects += bool(last_id)
            async for event_id, _ in events(response):
                if event_id < last_id:
                    found.broken.append(f"{path}: {event_id} after {last_id}")
                last_id = event_id
    except (TimeoutError, httpx.TransportError):
        pass
    return last_id


async def _quiet(server: Server) -> None:
    async with asyncio.timeout(60):
        while (await server.client.get("/session/status")).json():  # noqa: ASYNC110 - whoever is left
            await asyncio.sleep(0.1)


async def _state(watched: psutil.Process, found: Findings) -> tuple[int, int, int]:
    """Return how many files, sockets and tasks the server has."""
    found.told.clear()
    watched.send_signal(signal.SIGUSR1)
    await found.told.wait()
    return open_files(watched), len(watched.net_connections()), found.tasks_now


async def _at_rest(watched: psutil.Process, found: Findings) -> tuple[int, int, int]:
    """Return the state once it stays the same."""
    last = None
    while last != (now := await _state(watched, found)):
        last = now
        await asyncio.sleep(1)
    return now


async def _settled(
    watched: psutil.Process, found: Findings, before: tuple[int, int, int]
) -> tuple[int, int, int]:
    """Return the state once nothing is left over, or after a minute: kept connections have their time."""
    end = time.monotonic() + 60
    while True:
        after = await _state(watched, found)
        if time.monotonic() > end or all(now <= then for now, then in zip(after, before, strict=True)):
            return after
        await asyncio.sleep(0.5)


async def _catch_up(server: Server, mirror: Mirror) -> None:
    """Tell the mirror what it missed since the crowd left."""
    headers = {"Last-Event-ID": mirror.last_id}
    async with server.client.stream("GET", "/event", headers=headers) as response:
        last = await server.new_session()
        async for event_id, event in events(response):
            mirror.take(event_id, event)
            if event["type"] == "session.created" and event["properties"]["sessionID"] == last:
                return


async def _compare(server: Server, mirror: Mirror, crowd: Crowd, found: Findings) -> None:
    """Compare what was told with what is there."""
    for session_id in random.Random(1).sample(sorted(mirror.sessions), min(100, len(mirror.sessions))):
        response = await server.client.get(f"/session/{session_id}/message")
        if response.status_code == 404 and session_id in crowd.asked_to_delete:
            continue
        if response.status_code != 200 or response.json() != mirror.of(session_id):
            found.broken.append(f"{session_id} is not what was told")


async def _read_log(process: asyncio.subprocess.Process, found: Findings) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        text = line.decode().strip()
        if text.startswith("TASKS "):
            found.tasks_now = int(text.split()[1])
            found.told.set()
        else:
            found.log.append(text)


async def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as place:
        found = await soak(seconds, Path(place))
    print(found)
    print("memory in MB:", [round(each / 1e6) for each in found.memory[:: max(1, len(found.memory) // 24)]])
    for line in (*found.broken[:10], *found.log[:20]):
        print(line[:500])


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
