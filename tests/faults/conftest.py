"""A loopback LLM, and the settings of a program that is connected to it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness import Server, running_server
from tests.llm.server import LLM
from tests.server.conftest import provider_config


@pytest.fixture
async def llm() -> AsyncIterator[LLM]:
    async with LLM() as llm:
        yield llm


@pytest.fixture
async def server(tmp_path: Path, llm: LLM) -> AsyncIterator[Server]:
    async with running_server(tmp_path, provider_config(llm)) as server:
        yield server


@pytest.fixture
def env(tmp_path: Path, llm: LLM) -> dict[str, str]:
    """The environment of `tests.program` that makes the LLM its three providers."""
    file = tmp_path / "opencode.json"
    file.write_text(json.dumps(provider_config(llm)))
    return {"OPENCODE_CONFIG": str(file), "OPENCODE_LOG_LEVEL": "WARNING"}
