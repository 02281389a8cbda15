"""A loopback LLM, and servers that are connected to it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Server, running_server
from tests.llm.server import LLM
from tests.loop import free_loop

__all__ = ["free_loop"]

WIRES = {
    "anthropic": "@ai-sdk/anthropic",
    "openai": "@ai-sdk/openai",
    "compatible": "@ai-sdk/openai-compatible",
}


def provider_config(llm: LLM) -> dict[str, Any]:
    """Return an opencode.json with one provider for each wire, all of them the loopback LLM."""
    return {
        "model": "compatible/one",
        "provider": {
            name: {
                "npm": npm,
                "options": {"baseURL": f"{llm.url}/v1", "apiKey": "a-secret-key"},
                "models": {"one": {"reasoning": True}, "two": {}},
            }
            for name, npm in WIRES.items()
        },
    }


@pytest.fixture
async def llm() -> AsyncIterator[LLM]:
    async with LLM() as llm:
        yield llm


@pytest.fixture
async def server(tmp_path: Path, llm: LLM) -> AsyncIterator[Server]:
    async with running_server(tmp_path, provider_config(llm)) as server:
        yield server
