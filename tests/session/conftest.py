"""The services without the web: a real store, and the offline demo model as fast as it can."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from opencode.config import Settings
from opencode.session.services import Services, open_services


@asynccontextmanager
async def running_services(data_dir: Path, **environ: str) -> AsyncIterator[Services]:
    environment = {"OPENCODE_DATA_DIR": str(data_dir), "HOME": str(data_dir), "OPENCODE_DEMO_PACE": "0"}
    settings = Settings.load({**environment, "OPENCODE_CONFIG_CONTENT": "{}", **environ})
    async with open_services(settings) as services:
        yield services


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    async with running_services(tmp_path) as services:
        yield services
