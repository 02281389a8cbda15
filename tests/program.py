"""The program itself, `python app.py` or another server of `app:app`, in a process of its own."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil

from tests.harness import Server

ROOT = Path(__file__).parents[1]
Process = asyncio.subprocess.Process


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def open_files(process: psutil.Process) -> int:
    """Count what a process has open, but for the database, whose connections are opened when needed."""
    return process.num_fds() - sum("opencode.db" in each.path for each in process.open_files())


async def start(data_dir: Path, port: int, command: tuple[str, ...] = ("app.py",), **env: str) -> Process:
    """Start the program."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(data_dir),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "OPENCODE_DATA_DIR": str(data_dir / "data"),
        **env,
    }
    arguments = [part.format(port=port) for part in command]
    return await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env=environ, stderr=asyncio.subprocess.PIPE
    )


async def said(process: Process) -> str:
    """Wait for the end of a program and return what it wrote to its log."""
    _, stderr = await process.communicate()
    return stderr.decode()


@asynccontextmanager
async def program(
    data_dir: Path, command: tuple[str, ...] = ("app.py",), **env: str
) -> AsyncIterator[tuple[Process, Server]]:
    """Run the program until the block ends."""
    port = free_port()
    process = await start(data_dir, port, command, **env)
    try:
        url = f"http://127.0.0.1:{port}"
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=url, timeout=20, verify=False, limits=limits) as client:
            while process.returncode is None:
                try:
                    await client.get("/global/health")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.02)
            yield process, Server(url, client, asyncio.Event())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()  # its log may be someone else's to read
