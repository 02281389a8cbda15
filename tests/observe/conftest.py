"""Servers that are connected to a loopback LLM, and readers of what they tell of themselves."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

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


class Scrape:
    """One reading of /metrics."""

    def __init__(self, text: str) -> None:
        families = text_string_to_metric_families(text)
        self.samples = [sample for family in families for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples with these labels; fails where there is no such metric."""
        found = [sample for sample in self.samples if sample.name == f"opencode_{name}"]
        assert found, name
        return sum(sample.value for sample in found if labels.items() <= sample.labels.items())

    def values(self, label: str) -> set[str]:
        return {sample.labels[label] for sample in self.samples if label in sample.labels}


async def scrape(server: Server) -> Scrape:
    response = await server.client.get("/metrics")
    assert response.status_code == 200
    return Scrape(response.text)
