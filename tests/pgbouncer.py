"""A PgBouncer of the tests' own, in front of a PostgreSQL server of theirs."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.postgres import PASSWORD, Postgres
from tests.program import free_port
from tests.requirements import POSTGRES_USER, pgbouncer


@contextmanager
def pooling(server: Postgres, mode: str, **settings: str) -> Iterator[int]:
    """Run a pooler until the block ends; yields its port. `mode`: session, transaction or statement."""
    directory = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    port = free_port()
    lines = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": str(directory / "users"),
        "pool_mode": mode,
        "logfile": str(directory / "log"),
        **settings,
    }
    (directory / "users").write_text(f'"opencode" "{PASSWORD}"\n')
    configuration = directory / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port}\n[pgbouncer]\n"
        + "".join(f"{name} = {value}\n" for name, value in lines.items())
    )
    for path in (directory, *directory.iterdir()):
        if os.getuid() == 0:
            shutil.chown(path, POSTGRES_USER)
    another = ["--user", POSTGRES_USER] if os.getuid() == 0 else []
    process = subprocess.Popen(
        [str(pgbouncer()), "-q", *another, str(configuration)], stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 10
        while True:
            try:
                psycopg.connect(f"postgresql://opencode:{PASSWORD}@127.0.0.1:{port}/postgres").close()
                break
            except psycopg.OperationalError:
                assert time.monotonic() < until and process.poll() is None
                time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(directory)
