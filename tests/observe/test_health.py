"""The health check follows the store: red once it can't be written to, green again once it can."""

import asyncio
import sqlite3
from pathlib import Path

from tests.harness import Server
from tests.observe.conftest import scrape


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
        assert found("changes_pending") > 0
        disk.execute("ROLLBACK")
    async with asyncio.timeout(10):
        while (well := await server.client.get("/global/health")).status_code != 200:
            pass
    assert well.json()["healthy"] is True
    assert (await scrape(server))("store_writable") == 1
    assert await server.messages(session_id) == []
