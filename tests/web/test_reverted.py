"""Reverted messages are hidden wherever a conversation is shown, until they are restored."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.harness import Server, running_server
from tests.llm.server import LLM, Answer
from tests.server.conftest import provider_config
from tests.web.conftest import OpenPage, Site
from tests.web.test_conversation import at_rest, say

SECRET = "hunter2"


async def conversation(server: Server, llm: LLM, turns: int = 2) -> tuple[str, list[str]]:
    """Return a session and the ids of its prompts; the last prompt and its answer have the secret."""
    session_id = await server.new_session(title="Undone")
    for number in range(turns):
        words = f"{SECRET} {number}" if number == turns - 1 else f"plain {number}"
        llm.script(Answer(text=f"answer to {words}"))
        await server.ask(session_id, words)
    messages = await server.messages(session_id)
    return session_id, [message["info"]["id"] for message in messages if message["info"]["role"] == "user"]


async def revert(server: Server, session_id: str, message_id: str, part_id: str | None = None) -> None:
    body = {"messageID": message_id} | ({"partID": part_id} if part_id else {})
    (await server.client.post(f"/session/{session_id}/revert", json=body)).raise_for_status()


async def rendered(server: Server, session_id: str) -> dict[str, str]:
    """Return everything that renders the conversation."""
    share = (await server.client.post(f"/session/{session_id}/share")).json()["share"]["url"]
    paths = {
        "page": f"/chat/{session_id}",
        "shared page": share[share.index("/share/") :],
        "Markdown": f"/chat/{session_id}/export.md",
        "older": f"/chat/{session_id}/older?before=msg_zzz",
    }
    return {name: (await server.client.get(path)).raise_for_status().text for name, path in paths.items()}


async def test_reverted_messages_are_not_rendered_anywhere(tmp_path: Path) -> None:
    async with LLM() as llm, running_server(tmp_path, provider_config(llm)) as server:
        session_id, prompts = await conversation(server, llm)
        await revert(server, session_id, prompts[1])
        for name, text in (await rendered(server, session_id)).items():
            assert "plain 0" in text and SECRET not in text, name
        await server.client.post(f"/chat/{session_id}/unrevert")
        for name, text in (await rendered(server, session_id)).items():
            assert SECRET in text, name


async def test_of_an_answer_reverted_in_part_the_parts_before_are_rendered(tmp_path: Path) -> None:
    async with LLM() as llm, running_server(tmp_path, provider_config(llm)) as server:
        session_id = await server.new_session(title="Undone")
        llm.script(Answer(text="kept words", tools=(("todoread", {"note": SECRET}),)), Answer(text=SECRET))
        await server.ask(session_id, "go")
        message = (await server.messages(session_id))[1]
        call = next(part for part in message["parts"] if part["type"] == "tool")
        await revert(server, session_id, message["info"]["id"], call["id"])
        for name, text in (await rendered(server, session_id)).items():
            assert "kept words" in text and SECRET not in text and "todoread" not in text, name


async def test_a_copy_made_on_the_page_has_no_reverted_messages(tmp_path: Path) -> None:
    async with LLM() as llm, running_server(tmp_path, provider_config(llm)) as server:
        session_id, prompts = await conversation(server, llm)
        await revert(server, session_id, prompts[1])
        copy = await server.client.post(f"/chat/{session_id}/fork")
        messages = await server.messages(copy.headers["location"].rpartition("/")[2])
        assert SECRET not in str(messages) and "plain 0" in str(messages)


async def test_a_long_reverted_end_leaves_the_messages_before_it_on_the_page(tmp_path: Path) -> None:
    async with LLM() as llm, running_server(tmp_path, provider_config(llm)) as server:
        session_id, prompts = await conversation(server, llm, 36)
        await revert(server, session_id, prompts[18])
        page = (await server.client.get(f"/chat/{session_id}")).text
        assert "plain 17" in page and "plain 18" not in page
        assert page.count('class="message user"') == 15


@pytest.mark.parametrize("is_connected", [True, False])
async def test_an_open_page_hides_reverted_messages_and_restores_them(
    open_page: OpenPage, site: Site, llm: LLM, is_connected: bool
) -> None:
    session_id, prompts = await conversation(site.server, llm)
    page = await open_page(f"/chat/{session_id}")
    await expect(page.locator(".user")).to_have_count(2)
    if not is_connected:
        site.wire.cut()
    await revert(site.server, session_id, prompts[1])
    site.wire.mend()
    await expect(page.locator("#messages")).not_to_contain_text(SECRET)
    await expect(page.locator(".message")).to_have_count(2)
    if is_connected:
        await page.click("text=Restore")
    else:
        site.wire.cut()
        await site.server.client.post(f"/session/{session_id}/unrevert")
        site.wire.mend()
    await expect(page.locator("#messages")).to_contain_text(f"answer to {SECRET}")
    await expect(page.locator("#reverted")).to_have_count(0)
    await expect(page.locator(".message")).to_have_count(4)


async def test_the_next_message_replaces_reverted_ones(open_page: OpenPage, site: Site, llm: LLM) -> None:
    session_id, prompts = await conversation(site.server, llm)
    await revert(site.server, session_id, prompts[1])
    page = await open_page(f"/chat/{session_id}")
    await expect(page.locator("#reverted")).to_be_visible()
    llm.script(Answer(text="a new answer"))
    await say(page, "something else")
    await expect(page.locator(".assistant").last).to_contain_text("a new answer")
    await at_rest(page)
    await expect(page.locator("#reverted")).to_have_count(0)
    assert await page.locator(".message").count() == 4
    assert SECRET not in await page.inner_text("#messages")
