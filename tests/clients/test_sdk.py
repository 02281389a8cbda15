"""opencode's published SDKs, each in a program of its own that goes through all of its calls."""

import shutil
from pathlib import Path

import pytest

from tests.harness import Server
from tests.llm.server import LLM
from tests.requirements import CLIENTS, CLIENTS_PYTHON

from .conftest import GUARDED, HERE, environment, finish
from .words import reply

pytestmark = [
    pytest.mark.usefixtures("published_clients", "words"),
    pytest.mark.parametrize("server", [GUARDED], indirect=True),
]


@pytest.fixture
def words(llm: LLM) -> None:
    """The model goes by words."""
    for model in ("one", "two"):
        llm.on(model, reply)


@pytest.mark.parametrize("script", ["sdk.mjs", "sdk_v2.mjs"])
async def test_the_javascript_sdk_works(server: Server, tmp_path: Path, script: str) -> None:
    command = [str(shutil.which("node")), str(HERE / script), server.url, str(CLIENTS)]
    finished = await finish(command, environment(tmp_path / "home"), tmp_path)
    assert (finished.code, finished.out) == (0, "done\n"), finished.err


async def test_the_python_sdk_works(server: Server, tmp_path: Path) -> None:
    command = [str(CLIENTS_PYTHON), str(HERE / "sdk.py"), server.url]
    finished = await finish(command, environment(tmp_path / "home"), tmp_path)
    assert (finished.code, finished.out) == (0, "done\n"), finished.err
