"""A PostgreSQL server of the tests' own, where its programs are installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.program import free_port
from tests.requirements import POSTGRES_USER

PASSWORD = "a-secret"


class Postgres:
    """A server on a port of this machine. Its databases sort text as English does."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self._programs = programs
        self._directory = directory
        self._port = free_port()
        self._made = 0

    def make(self) -> None:
        password = self._directory / "password"
        password.write_text(PASSWORD)
        sorts = ("--locale-provider=icu", "--icu-locale=en", "--encoding=UTF8", "--no-locale")
        self._run("initdb", "-A", "scram-sha-256", "-U", "opencode", f"--pwfile={password}", *sorts)

    def start(self) -> None:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c fsync=off -k {self._directory}"
        self._run("pg_ctl", "start", "-w", "-o", options, "-l", str(self._directory / "log"))

    def stop(self) -> None:
        """Stop it at once, its connections with it."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def database(self) -> str:
        """Return the address of a new database."""
        self._made += 1
        name = f"made{self._made}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._address(name)

    def _address(self, name: str) -> str:
        return f"postgresql://opencode:{PASSWORD}@127.0.0.1:{self._port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        another = ["runuser", "-u", POSTGRES_USER, "--"] if os.getuid() == 0 else []
        command = [*another, self._programs / program, "-D", self._directory / "data", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._directory, timeout=60)


@contextmanager
def running(programs: Path) -> Iterator[Postgres]:
    """Make a server, and run it until the block ends."""
    directory = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        if os.getuid() == 0:
            shutil.chown(directory, POSTGRES_USER)
        server = Postgres(programs, directory)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory)
