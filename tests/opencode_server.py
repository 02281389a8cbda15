"""opencode's own server, as it is published, for tests that compare with it."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.requirements import client_program

START_SECONDS = 60
_NO_REGISTRY = "http://127.0.0.1:9"
"""opencode installs packages into folders of a set-up; tests talk to loopback only."""


@asynccontextmanager
async def opencode_server(home: Path, variables: Mapping[str, str]) -> AsyncIterator[str]:
    """Run opencode's server with this home until the block ends; yields its address."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "NO_PROXY": "127.0.0.1",
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "npm_config_registry": _NO_REGISTRY,
        **variables,
    }
    process = await asyncio.create_subprocess_exec(
        *(str(client_program()), "serve", "--port", "0"),
        cwd=home,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        url = None
        async with asyncio.timeout(START_SECONDS):
            while url is None:
                line = await process.stdout.readline()
                assert line, "opencode's server did not start"
                url = re.search(r"http://[\d.]+:\d+", line.decode())
        yield url[0]
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
