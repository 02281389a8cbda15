"""opencode's published SDKs, each in a program of its own that goes through all of its calls."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness import Server, running_server
from tests.llm.server import LLM

from .conftest import CLIENTS, HERE, PYTHON, configuration, environment, finish
from .words import reply


@pytest.fixture
async def guarded(tmp_path: Path, llm: LLM) -> AsyncIterator[Server]:
    """A server with a password, and a model that goes by words."""
    for model in ("one", "two"):
        llm.on(model, reply)
    async with running_server(tmp_path, configuration(llm), {"OPENCODE_SERVER_PASSWORD": "secret"}) as server:
        yield server


@pytest.mark.parametrize("script", ["sdk.mjs", "sdk_v2.mjs"])
@pytest.mark.usefixtures("published")
async def test_the_javascript_sdk_works(guarded: Server, tmp_path: Path, script: str) -> None:
    command = [str(shutil.which("node")), str(HERE / script), guarded.url, str(CLIENTS)]
    finished = await finish(command, environment(tmp_path / "home"), tmp_path)
    assert (finished.code, finished.out) == (0, "done\n"), finished.err


@pytest.mark.usefixtures("published")
async def test_the_python_sdk_works(guarded: Server, tmp_path: Path) -> None:
    command = [str(PYTHON), str(HERE / "sdk.py"), guarded.url]
    finished = await finish(command, environment(tmp_path / "home"), tmp_path)
    assert (finished.code, finished.out) == (0, "done\n"), finished.err
