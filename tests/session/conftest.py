"""The services without the web: a real store, and the offline demo model as fast as it can."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from opencode.config import Settings
from opencode.session.services import Services, open_services
from tests.harness import QUICK


@asynccontextmanager
async def running_services(
    data_dir: Path, config: Mapping[str, Any] | None = None, **environ: str
) -> AsyncIterator[Services]:
    """Open the services; `config` is the opencode.json, `environ` the environment."""
    environment = {"OPENCODE_DATA_DIR": str(data_dir), "HOME": str(data_dir), "OPENCODE_DEMO_PACE": "0"}
    content = {"OPENCODE_CONFIG_CONTENT": json.dumps(config or {})}
    settings = Settings.load({**environment, **content, **environ})
    async with open_services(settings, QUICK) as services:
        yield services


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    async with running_services(tmp_path) as services:
        yield services
