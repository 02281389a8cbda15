from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opencode.store import Store


@pytest.fixture
async def store(tmp_path: Path, url: str | None) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path, url)
    yield store
    await store.close()
