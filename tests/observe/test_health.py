"""The health check follows the store: red once it can't be written to, green again once it can."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from opencode import observe
from opencode.errors import Unavailable
from opencode.store import Store
from tests.harness import Server
from tests.observe.conftest import scrape
from tests.store.test_store import make_session


async def test_a_store_that_cannot_be_written_to_is_not_healthy_until_it_can(
    server: Server, tmp_path: Path
) -> None:
    session_id = await server.new_session(title="Named")
    assert (await server.client.get("/global/health")).status_code == 200
    with sqlite3.connect(tmp_path / "data" / "opencode.db", isolation_level=None) as disk:
        disk.execute("BEGIN IMMEDIATE")
        refused = await server.client.post(
            f"/session/{session_id}/message", json={"content": "Hi", "noReply": True}
        )
        assert refused.status_code == 503
        ill = await server.client.get("/global/health")
        assert ill.status_code == 503
        assert ill.json()["healthy"] is False
        assert "locked" in ill.json()["message"]
        found = await scrape(server)
        assert found("store_writable") == 0
        assert found("commit_failures_total") >= 1
        assert found("changes_pending") == 0  # a refused prompt leaves nothing to write
        disk.execute("ROLLBACK")
    async with asyncio.timeout(10):
        while (well := await server.client.get("/global/health")).status_code != 200:
            pass
    assert well.json()["healthy"] is True
    assert (await scrape(server))("store_writable") == 1
    assert await server.messages(session_id) == []


async def test_a_store_recovers_though_nothing_is_left_to_write(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    with sqlite3.connect(tmp_path / "opencode.db", isolation_level=None) as disk:
        disk.execute("ALTER TABLE alembic_version RENAME TO elsewhere")
        disk.execute("ALTER TABLE session RENAME TO lost")
        unit = store.unit()
        unit.put_session(make_session())
        with pytest.raises(Unavailable):
            await unit.commit()
        assert store.failure is not None
        assert store.pending == 0
        with pytest.raises(Unavailable):
            await store.commit()
        disk.execute("ALTER TABLE elsewhere RENAME TO alembic_version")
        async with asyncio.timeout(10):
            with observe.listening(recovery := Recovery()):
                await recovery.seen.wait()
    assert store.failure is None
    await store.close()


class Recovery(observe.Listener):
    """Waits for a transaction that works."""

    def __init__(self) -> None:
        self.seen = asyncio.Event()

    def ended(self, work: observe.Work) -> None:
        if isinstance(work, observe.Commit) and not work.failure:
            self.seen.set()
