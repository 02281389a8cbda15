"""A search shows the words where they are, and opens the conversation there."""

import re

from playwright.async_api import Page, expect

from tests.harness import Server
from tests.web.conftest import OpenPage, Site


async def note(server: Server, session_id: str, text: str) -> None:
    body = {"parts": [{"type": "text", "text": text}], "noReply": True}
    (await server.client.post(f"/session/{session_id}/message", json=body)).raise_for_status()


async def long_chat(site: Site) -> str:
    session_id = await site.server.new_session(title="Long one")
    for number in range(80):
        await note(site.server, session_id, f"zebra{number} and\n\n**more** of it")
    return session_id


async def in_view(page: Page, words: str) -> None:
    await expect(page.locator(".message.user", has_text=re.compile(rf"{words}\b"))).to_be_in_viewport()


async def test_a_result_shows_the_words_and_opens_at_their_message(open_page: OpenPage, site: Site) -> None:
    session_id = await long_chat(site)
    page = await open_page()
    await page.fill("#search", "zebra3 and")
    await expect(page.locator("#found q")).to_contain_text("zebra3 and")
    await expect(page.locator("#found mark")).to_have_text("zebra3 and")
    await page.press("#search", "ArrowDown")
    await expect(page.locator("#found a:focus")).to_have_count(1)
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(rf"/chat/{session_id}\?at="))
    await in_view(page, "zebra3")
    assert await page.evaluate("CSS.highlights.get('found')?.size") == 1
    await page.reload()
    await in_view(page, "zebra3")
    await page.hover("#scroll")
    for _ in range(20):
        if "zebra79" in await page.inner_text("#messages"):
            break
        await page.mouse.wheel(0, 3_000)
        await page.wait_for_timeout(100)
    numbers = re.findall(r"zebra(\d+)", await page.inner_text("#messages"))
    assert numbers == [str(number) for number in range(80)]


async def test_latest_leads_from_an_old_message_to_the_newest(open_page: OpenPage, site: Site) -> None:
    session_id = await long_chat(site)
    page = await open_page()
    await page.fill("#search", "zebra40")
    await expect(page.locator("#found mark")).to_have_text("zebra40")
    await page.press("#search", "Enter")
    await in_view(page, "zebra40")
    await note(site.server, session_id, "zebra80, new")
    await page.click("#latest")
    await in_view(page, "zebra80")
    await in_view(page, "zebra79")


async def test_a_result_among_the_newest_messages_is_in_view(open_page: OpenPage, site: Site) -> None:
    await long_chat(site)
    page = await open_page()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("zebra55")
    await expect(page.locator("#palette-list mark")).to_have_text("zebra55")
    await page.keyboard.press("Enter")
    await in_view(page, "zebra55")


async def test_an_excerpt_is_text(open_page: OpenPage, site: Site) -> None:
    session_id = await site.server.new_session(title="Hostile")
    await note(site.server, session_id, "before <img src=x onerror=alert(1)> needle 100% <b>after</b>")
    page = await open_page()
    await page.fill("#search", "needle 100%")
    await expect(page.locator("#found q")).to_have_text(
        "…<img src=x onerror=alert(1)> needle 100% <b>after</b>"
    )
    await page.fill("#search", "NEEDLE 100")
    await expect(page.locator("#found mark")).to_have_text("needle 100")
