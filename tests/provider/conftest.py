"""A registry from an environment and an opencode.json."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from opencode.config import Config, Settings
from opencode.provider.registry import Registry
from tests.provider.model_server import Connect


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for loopback lists as long as a busy machine needs to import an SDK."""
    for name in (
        "configured_provider.LIST_TIMEOUT_S",
        "registry.LIST_TIMEOUT_S",
        "registry.FIRST_LIST_WAIT_S",
    ):
        monkeypatch.setattr(f"opencode.provider.{name}", 30.0)


@pytest.fixture
async def connect(tmp_path: Path, patience: None) -> AsyncIterator[Connect]:
    """Build a registry from an environment and an opencode.json; closed after the test."""
    opened: list[Registry] = []

    def build(environ: Mapping[str, str] | None = None, **config: Any) -> Registry:
        settings = Settings(data_dir=tmp_path, environ=environ or {}, config=msgspec.convert(config, Config))
        opened.append(Registry(settings))
        return opened[-1]

    yield build
    for registry in opened:
        await registry.close()
