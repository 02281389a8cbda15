"""The servers that are measured, each started fresh: an empty home, and one configuration for both."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson

from bench.measure import ProcessTree

REPOSITORY = Path(__file__).resolve().parent.parent
PROVIDER = "bench"
CONFIG_NAME = "opencode.json"
DRIVERS = {
    "chat": "@ai-sdk/openai-compatible",
    "responses": "@ai-sdk/openai",
    "messages": "@ai-sdk/anthropic",
}
READY_WITHIN = 60.0  # seconds
PROBE_EVERY = 0.01  # seconds
STOPS_WITHIN = 2.0  # seconds; what it would still save goes with its home


class NotHealthy(Exception):
    """A server ended, or never answered, before it was measured."""


@dataclass(frozen=True)
class Contestant:
    """A program that speaks opencode's wire: its command line for a port, and its environment for a home."""

    name: str
    command: Callable[[int], list[str]]
    environment: Callable[[int, Path], dict[str, str]]


@dataclass(frozen=True)
class Server:
    """One that runs. `ready_seconds`: from spawn to the first healthy answer."""

    port: int
    tree: ProcessTree
    ready_seconds: float
    version: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def ours() -> Contestant:
    return Contestant(
        name="ours",
        command=lambda port: [sys.executable, str(REPOSITORY / "app.py")],
        environment=lambda port, home: {
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "OPENCODE_DATA_DIR": str(home / "data"),
        },
    )


def opencode() -> Contestant | None:
    """The real one: $OPENCODE_BIN, else on PATH, else as npm installs it beside this repository's files."""
    local = REPOSITORY / "node_modules" / ".bin" / "opencode"
    program = os.environ.get("OPENCODE_BIN") or shutil.which("opencode") or shutil.which(local)
    if program is None:
        return None
    return Contestant(
        name="opencode",
        command=lambda port: [program, "serve", "--hostname", "127.0.0.1", "--port", str(port)],
        environment=lambda port, home: (
            {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("DATA", "CONFIG", "STATE", "CACHE")}
            | {"OPENCODE_DISABLE_MODELS_FETCH": "1"}
        ),
    )


def configuration(llm_port: int, wire: str, models: list[str]) -> dict[str, object]:
    """Return an opencode.json with the scripted LLM as its only provider."""
    return {
        "autoupdate": False,
        "share": "disabled",
        "permission": "allow",
        "enabled_providers": [PROVIDER],
        "provider": {
            PROVIDER: {
                "npm": DRIVERS[wire],
                "name": "Scripted LLM",
                "options": {"baseURL": f"http://127.0.0.1:{llm_port}/v1", "apiKey": "none"},
                "models": {model: {"tool_call": True} for model in models},
            }
        },
    }


@asynccontextmanager
async def running(contestant: Contestant, config: dict[str, object]) -> AsyncIterator[Server]:
    """Start the contestant in a home of its own; yield it once it is healthy; leave nothing behind."""
    with home_with(config) as home:
        async with started(contestant, home) as server:
            yield server


@asynccontextmanager
async def started(contestant: Contestant, home: Path) -> AsyncIterator[Server]:
    """Start the contestant in a home; yield it once it is healthy; stop it. The home stays as it was left."""
    port = _free_port()
    with tempfile.TemporaryFile() as log:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "OPENCODE_CONFIG": str(home / CONFIG_NAME),
            **contestant.environment(port, home),
        }
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *contestant.command(port),
            env=environment,
            cwd=home,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            version = await _healthy(process, port)
            yield Server(port, ProcessTree(process.pid), time.monotonic() - began, version)
        except NotHealthy:
            await _stop(process)
            log.seek(0)
            raise NotHealthy(f"{contestant.name} did not get ready. It said: {log.read()[-500:]!r}") from None
        finally:
            await _stop(process)


@asynccontextmanager
async def scripted_llm() -> AsyncIterator[int]:
    """Start the scripted LLM; yield its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.llm",
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout
    try:
        yield int(await process.stdout.readline())
    finally:
        await _stop(process)


@contextmanager
def home_with(config: dict[str, object]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        (home / CONFIG_NAME).write_bytes(orjson.dumps(config))
        yield home


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _healthy(process: asyncio.subprocess.Process, port: int) -> str:
    """Wait for the first healthy answer; return the version in it.

    A probe that meets a server which is not quite up may never be answered, so each one is short.
    """
    deadline = time.monotonic() + READY_WITHIN
    brief = aiohttp.ClientTimeout(total=0.5)
    async with aiohttp.ClientSession(timeout=brief) as http:
        while process.returncode is None and time.monotonic() < deadline:
            try:
                async with http.get(f"http://127.0.0.1:{port}/global/health") as response:
                    if response.status == 200:
                        return str((await response.json())["version"])
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(PROBE_EVERY)
    raise NotHealthy


async def _stop(process: asyncio.subprocess.Process) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(TimeoutError):
            async with asyncio.timeout(STOPS_WITHIN):
                await process.wait()
