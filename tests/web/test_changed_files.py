"""What a chat has changed in the workspace: a page of it, and a notice of what a revert left alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Page, expect

from tests.llm.server import LLM, Answer
from tests.web.conftest import Site, serving
from tests.web.test_conversation import at_rest, begin


@pytest_asyncio.fixture(loop_scope="session")
async def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "f.txt").write_text("one\n")
    return root


@pytest_asyncio.fixture(loop_scope="session")
async def site(tmp_path: Path, project: Path, llm: LLM) -> AsyncIterator[Site]:
    env = {"OPENCODE_WORKSPACE": "write", "OPENCODE_DIRECTORY": str(project), "HOST": "127.0.0.1"}
    async with serving(tmp_path, llm, env) as site:
        yield site


async def test_changed_files_and_what_a_revert_left_alone(
    page: Page, site: Site, llm: LLM, project: Path
) -> None:
    file = project / "f.txt"
    edit = {"filePath": str(file), "oldString": "one", "newString": "two"}
    llm.script(Answer(tools=(("read", {"filePath": str(file)}), ("edit", edit))), Answer(text="Done."))
    await begin(page, "Change it")
    await at_rest(page)
    address = page.url
    await page.goto(f"{address}/files")
    await expect(page.locator(".diff figcaption")).to_contain_text("f.txt +1 −1")
    await expect(page.locator(".diff .added")).to_have_text("+two\n")
    await page.get_by_role("link", name="Back to the chat").click()
    await page.click(".more summary")
    await expect(page.get_by_role("link", name="Changed files")).to_be_visible()
    file.write_text("somebody else's\n")
    session_id = address.rpartition("/")[2]
    prompt = (await site.server.messages(session_id))[0]["info"]["id"]
    body = {"messageID": prompt}
    (await site.server.client.post(f"/session/{session_id}/revert", json=body)).raise_for_status()
    await expect(page.locator("#notice")).to_contain_text("Files left as they are: f.txt")
    assert file.read_text() == "somebody else's\n"
