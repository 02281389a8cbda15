"""A chat that is deleted in one tab is deleted in all of them, and Undo brings it back in all of them."""

import re

from playwright.async_api import Page, expect

from tests.llm.server import LLM, Answer
from tests.web.conftest import OpenPage, Site
from tests.web.test_conversation import CHAT, at_rest, begin, say
from tests.web.test_robustness import serious


async def delete(page: Page) -> None:
    await page.click(".more summary")
    await page.click("text=Delete")
    await page.wait_for_url(re.compile(r"/\?deleted=ses_"))


async def path_of(page: Page) -> str:
    return page.url[page.url.index("/chat") :]


async def test_another_tab_says_so_at_once_takes_no_message_and_can_undo(
    page: Page, open_page: OpenPage, llm: LLM
) -> None:
    llm.script(Answer(text="hi"), Answer(text="back again"))
    await begin(page)
    await at_rest(page)
    other = await open_page(await path_of(page), viewport={"width": 390, "height": 800})
    start = await open_page()
    await expect(start.locator("#sessions li")).to_have_count(1)
    await delete(page)
    await expect(other.locator("#notice")).to_contain_text("This chat was deleted.")
    for gone in ("#box", ".more", ".again", ".edit", ".fork"):
        await expect(other.locator(gone).first).to_be_hidden()
    await expect(other.locator(".assistant")).to_contain_text("hi")
    await serious(other)
    for tab in (page, other, start):
        await expect(tab.locator("#sessions li")).to_have_count(0)
    await other.click("text=Undo")
    await other.wait_for_url(CHAT)
    await say(other, "and now?")
    await expect(other.locator(".assistant").last).to_contain_text("back again")
    for tab in (page, start):
        await expect(tab.locator("#sessions li")).to_have_count(1)


async def test_undo_in_one_tab_gives_the_others_their_message_box_back(
    page: Page, open_page: OpenPage, llm: LLM
) -> None:
    llm.script(Answer(text="hi"))
    await begin(page)
    await at_rest(page)
    other = await open_page(await path_of(page))
    await delete(page)
    await expect(other.locator("#box")).to_be_hidden()
    await page.click("text=Undo")
    await expect(other.locator("#notice")).to_be_hidden()
    await expect(other.locator("#box")).to_be_visible()


async def test_a_tab_that_missed_undo_gets_its_message_box_back(
    open_page: OpenPage, site: Site, llm: LLM
) -> None:
    session_id = await site.server.new_session(title="Restored")
    page = await open_page(f"/chat/{session_id}")
    await site.server.client.post(f"/chat/{session_id}/delete")
    await expect(page.locator("#box")).to_be_hidden()
    site.wire.cut()
    await site.server.client.post(f"/chat/{session_id}/undelete")
    site.wire.mend()
    await expect(page.locator("#notice")).to_be_hidden()
    await expect(page.locator("#box")).to_be_visible()


async def test_back_after_undo_offers_no_undo(page: Page, llm: LLM) -> None:
    llm.script(Answer(text="hi"))
    await begin(page)
    await at_rest(page)
    await delete(page)
    await page.click("text=Undo")
    await page.wait_for_url(CHAT)
    await page.go_back()
    await page.wait_for_url(re.compile(r"/\?deleted="))
    await expect(page.locator("h1")).to_have_text("What can I do for you?")
    await expect(page.locator("#notice")).to_be_hidden()


async def test_a_tab_that_missed_it_offers_undo_once_it_is_connected_again(
    page: Page, open_page: OpenPage, site: Site, llm: LLM
) -> None:
    llm.script(Answer(text="hi"))
    await begin(page)
    await at_rest(page)
    session_id = page.url.rpartition("/")[2]
    site.wire.cut()
    await site.server.client.post(f"/chat/{session_id}/delete")
    site.wire.mend()
    await page.wait_for_url(re.compile(rf"/\?deleted={session_id}"), timeout=35_000)
    await page.click("text=Undo")
    await page.wait_for_url(CHAT)
    await expect(page.locator(".assistant")).to_contain_text("hi")


async def test_what_the_api_deletes_cannot_be_undone(open_page: OpenPage, site: Site) -> None:
    session_id = await site.server.new_session(title="Gone")
    page = await open_page(f"/chat/{session_id}")
    deleted = await site.server.client.delete(f"/session/{session_id}")
    assert deleted.status_code == 200, deleted.text
    await expect(page.locator("#notice")).to_contain_text("This chat was deleted.")
    await expect(page.locator("text=Undo")).to_have_count(0)
    await page.click("#notice >> text=New chat")
    await expect(page.locator("h1")).to_have_text("What can I do for you?")
    late = await site.server.client.post(f"/chat/{session_id}/undelete")
    assert late.status_code == 404 and "too late" in late.text


async def test_it_goes_from_search_results_and_older_chats_too(open_page: OpenPage, site: Site) -> None:
    session_ids = [await site.server.new_session(title=f"Chat {number}") for number in range(83)]
    page = await open_page()
    await page.click(".older-chats a")
    oldest = page.locator("#older a", has_text=re.compile("^Chat 0$"))
    await expect(oldest).to_be_visible()
    await site.server.client.post(f"/chat/{session_ids[0]}/delete")
    await expect(oldest).to_have_count(0)
    await page.fill("#search", "Chat 41")
    result = page.locator("#found a", has_text=re.compile("^Chat 41$"))
    await expect(result).to_be_visible()
    await site.server.client.post(f"/chat/{session_ids[41]}/delete")
    await expect(result).to_have_count(0)
