"""`make cluster`: PostgreSQL, three servers and a load balancer on this machine, to look at and to break.

Uses the database at OPENCODE_DATABASE_URL; without one it starts a PostgreSQL of its own, whose data is gone
at the end. The balancer gives each connection to the next server, and leaves out those that do not answer.
"""

import asyncio
import os
import sys
import tempfile
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path

from tests import postgres, requirements
from tests.program import free_port

ROOT = Path(__file__).parents[1]
SERVERS = 3
PORT = int(os.environ.get("PORT", "7860"))
PIECE = 65536


class Balancer:
    """Passes connections on, to one server after the other."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._turn = count()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self._ports:
            port = self._ports[next(self._turn) % len(self._ports)]
            try:
                upstream = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
            await asyncio.gather(_copy(reader, upstream[1]), _copy(upstream[0], writer))
            return
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
    writer.close()


async def _until_open(port: int) -> None:
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.1)


async def run(url: str, folder: Path) -> None:
    """Run the servers and the balancer until they are interrupted."""
    ports = [free_port() for _ in range(SERVERS)]
    processes = []
    for port in ports:
        environ = {
            **os.environ,
            "PORT": str(port),
            "OPENCODE_DATABASE_URL": url,
            "OPENCODE_DATA_DIR": str(folder / str(port)),
        }
        processes.append(
            await asyncio.create_subprocess_exec(sys.executable, "app.py", cwd=ROOT, env=environ)
        )
    try:
        await asyncio.gather(*map(_until_open, ports))
        async with await asyncio.start_server(Balancer(ports).take, "0.0.0.0", PORT) as balancer:
            for port, process in zip(ports, processes, strict=True):
                print(f"server at http://localhost:{port}, process {process.pid}", flush=True)
            print(f"all of them: http://localhost:{PORT}; try `kill -9 {processes[0].pid}`", flush=True)
            await balancer.serve_forever()
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                process.terminate()
        await asyncio.gather(*(process.wait() for process in processes))


def main() -> None:
    with ExitStack() as stack, suppress(KeyboardInterrupt):
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opencode-cluster-")))
        url = os.environ.get("OPENCODE_DATABASE_URL", "")
        if not url:
            programs = requirements.postgres_programs()
            if programs is None:
                sys.exit("Install PostgreSQL (apt-get install postgresql), or set OPENCODE_DATABASE_URL.")
            url = stack.enter_context(postgres.running(programs)).database()
        asyncio.run(run(url, folder))


if __name__ == "__main__":
    main()
