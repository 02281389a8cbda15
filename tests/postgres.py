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

    @property
    def port(self) -> int:
        return self._port

    @property
    def socket_directory(self) -> Path:
        """Where its socket is, for connections that name no host."""
        return self._directory

    def make(self) -> None:
        password = self._directory / "password"
        password.write_text(PASSWORD)
        sorts = ("--locale-provider=icu", "--icu-locale=en", "--encoding=UTF8", "--no-locale")
        self._run("initdb", "-A", "scram-sha-256", "-U", "opencode", f"--pwfile={password}", *sorts)

    def make_standby(self, primary: "Postgres") -> None:
        """Make it a copy of another server that follows that one until it is promoted."""
        self._run("pg_basebackup", "-R", "-c", "fast", "-d", primary._address("postgres"))

    def promote(self) -> None:
        """Make a standby a primary."""
        self._run("pg_ctl", "promote", "-w")

    def start(self, **settings: str) -> None:
        """Start it. `settings`: as in postgresql.conf."""
        further = "".join(f" -c {name}={value}" for name, value in settings.items())
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c fsync=off -k {self._directory}{further}"
        self._run("pg_ctl", "start", "-w", "-o", options, "-l", str(self._directory / "log"))

    def stop(self) -> None:
        """Stop it at once, its connections with it."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def stop_if_running(self) -> None:
        if (self._directory / "data" / "postmaster.pid").exists():
            self.stop()

    def database(self) -> str:
        """Return the address of a new database."""
        self._made += 1
        name = f"made{self._made}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self._address(name)

    def administer(self, statement: str) -> None:
        """Run one statement as the superuser."""
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _address(self, name: str) -> str:
        return f"postgresql://opencode:{PASSWORD}@127.0.0.1:{self._port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        another = ["runuser", "-u", POSTGRES_USER, "--"] if os.getuid() == 0 else []
        command = [*another, self._programs / program, "-D", self._directory / "data", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._directory, timeout=60)


@contextmanager
def running(programs: Path, standby_of: Postgres | None = None, **settings: str) -> Iterator[Postgres]:
    """Make a server, and run it until the block ends."""
    directory = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        if os.getuid() == 0:
            shutil.chown(directory, POSTGRES_USER)
        server = Postgres(programs, directory)
        if standby_of is None:
            server.make()
        else:
            server.make_standby(standby_of)
        server.start(**settings)
        try:
            yield server
        finally:
            server.stop_if_running()
    finally:
        shutil.rmtree(directory)
