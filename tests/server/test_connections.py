"""Connections: how many a client may open, how long the head of a request may take, what is told of it."""

import asyncio
import logging
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from opencode import observe
from opencode.config import Limits, Settings
from opencode.server import hypercorn_compat
from opencode.server.app import create_app
from opencode.server.connections import Connections
from opencode.server.run import raise_open_files
from opencode.telemetry.worklog import WorkLog
from tests.harness import serving
from tests.program import program

HEALTH = b"GET /global/health HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Seen(observe.Listener):
    """Keeps the reasons of refusals."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def ended(self, work: observe.Work) -> None:
        if isinstance(work, observe.Refusal):
            self.reasons.append(work.reason)


@asynccontextmanager
async def limited(tmp_path: Path, connections: Connections) -> AsyncIterator[tuple[int, Seen]]:
    """Serve with limits of connections; yields the port and what was refused."""
    app = create_app(Settings.load({"OPENCODE_DATA_DIR": str(tmp_path), "HOME": str(tmp_path)}))
    seen = Seen()
    with observe.listening(seen):
        async with serving(app, connections) as (url, _):
            yield int(url.rpartition(":")[2]), seen


async def answer(port: int, request: bytes = HEALTH, local: str = "127.0.0.1") -> bytes:
    """Return what comes on a connection of its own, until the end of a short body or of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(local, 0))
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(1000), 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def until(connections: Connections, count: int) -> None:
    """Wait until so many connections are open."""
    async with asyncio.timeout(20):
        while connections.count != count:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.005)


async def test_a_client_s_excess_is_refused_and_others_are_answered(tmp_path: Path) -> None:
    connections = Connections(Limits(client_connections=3, connections=100))
    async with limited(tmp_path, connections) as (port, seen):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for _, writer in held:
            writer.write(b"GET / HTTP/1.1\r\nX: ")
        await until(connections, 3)
        refused = await answer(port, b"")
        assert refused.startswith(b"HTTP/1.1 429 ") and b"retry-after: " in refused
        assert b"close some" in refused
        assert seen.reasons == ["client_connections"]
        assert (await answer(port, local="127.0.0.2")).startswith(b"HTTP/1.1 200 ")
        for _, writer in held:
            writer.close()
        await until(connections, 0)
        assert (await answer(port)).startswith(b"HTTP/1.1 200 ")


async def test_what_is_too_much_in_all_is_refused(tmp_path: Path) -> None:
    connections = Connections(Limits(client_connections=100, connections=4))
    async with limited(tmp_path, connections) as (port, seen):
        held = [
            await asyncio.open_connection("127.0.0.1", port, local_addr=(f"127.0.0.{1 + number % 2}", 0))
            for number in range(4)
        ]
        await until(connections, 4)
        assert (await answer(port, b"", local="127.0.0.3")).startswith(b"HTTP/1.1 503 ")
        assert seen.reasons == ["connections"]
        for _, writer in held:
            writer.close()


@pytest.mark.parametrize("before", [b"", HEALTH], ids=["first", "second"])
@pytest.mark.parametrize("part", [b"G", HEALTH[:-2], HEALTH[:-2] + b"X: "])
async def test_a_head_that_does_not_come_closes_its_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes, part: bytes
) -> None:
    monkeypatch.setattr(hypercorn_compat, "HEAD_SECONDS", 0.3)
    connections = Connections(Limits())
    async with limited(tmp_path, connections) as (port, seen), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if before:
            writer.write(before)
            await reader.readuntil(b"}")
        writer.write(part)
        with pytest.raises(ConnectionError):
            assert await reader.read() == b""
            raise ConnectionError
        assert seen.reasons == ["slow_head"]
        writer.close()
        await until(connections, 0)


async def test_a_silent_connection_is_closed_and_an_idle_one_that_was_used_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hypercorn_compat, "HEAD_SECONDS", 0.3)
    async with limited(tmp_path, Connections(Limits())) as (port, seen), asyncio.timeout(20):
        used, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEALTH)
        await used.readuntil(b"}")
        silent, other = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(ConnectionError):
            assert await silent.read() == b""
            raise ConnectionError
        writer.write(HEALTH)
        assert (await used.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
        assert seen.reasons == []
        writer.close()
        other.close()


async def test_a_slow_head_that_comes_in_time_and_a_body_are_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hypercorn_compat, "HEAD_SECONDS", 0.3)
    async with limited(tmp_path, Connections(Limits())) as (port, _), asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /session HTTP/1.1\r\nHost: localhost\r\n")
        await writer.drain()
        writer.write(b"Content-Length: 2\r\n\r\n{")
        late = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.6, late.set_result, None)
        await late
        writer.write(b"}")
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
        writer.close()


def test_the_limits_stay_below_the_limit_of_open_files() -> None:
    def most(connections: Connections) -> tuple[int, int]:
        limit = connections._limit
        return limit._each, limit._total or 0

    assert most(Connections(Limits(), open_files=1024)) == (448, 896)
    assert most(Connections(Limits(), open_files=100)) == (25, 50)
    assert most(Connections(Limits(), open_files=1_000_000)) == (1_000, 10_000)
    assert most(Connections(Limits(client_connections=9_000))) == (5_000, 10_000)


async def test_the_limit_of_open_files_is_raised_to_the_hard_limit(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
        async with program(tmp_path) as (process, _):
            assert psutil.Process(process.pid).rlimit(psutil.RLIMIT_NOFILE) == (hard, hard)
            process.send_signal(signal.SIGTERM)
            await process.wait()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert raise_open_files() == (None if hard == resource.RLIM_INFINITY else hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_refusals_are_one_line_a_minute_of_each_kind(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    log = WorkLog(lambda: now)
    for _ in range(100):
        log.ended(observe.Refusal(reason="connections", client="192.0.2.1"))
    log.ended(observe.Refusal(reason="slow_head", client="192.0.2.2"))
    now = 61.0
    log.ended(observe.Refusal(reason="connections", client="192.0.2.3"))
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(lines) == 3
    assert "OPENCODE_MAX_CONNECTIONS" in lines[0] and "192.0.2.1" in lines[0]
    assert "100 since the last line" in lines[2] and "192.0.2.3" in lines[2]
