"""A server that anyone on its network can use says so on the page."""

from pathlib import Path

import pytest

from opencode.server.app_state import AppState
from tests.harness import running_server

NOTICE = "This server has no password"


@pytest.mark.parametrize("is_open", [True, False])
async def test_the_page_says_that_others_can_use_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_open: bool
) -> None:
    monkeypatch.setattr(AppState, "open_to_network", is_open, raising=False)
    async with running_server(tmp_path) as server:
        session_id = await server.new_session()
        pages = {path: (await server.client.get(path)).text for path in ("/", "/settings")}
        assert {NOTICE in page for page in pages.values()} == {is_open}
        assert NOTICE not in (await server.client.get(f"/chat/{session_id}")).text
