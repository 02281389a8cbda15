"""Keys mean one thing: Escape closes what is nearest, a composition keeps its keys, Ctrl+K is a palette."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Page, expect

from tests.llm.server import LLM, Answer
from tests.web.conftest import OpenPage, Site
from tests.web.test_conversation import CHAT, at_rest, begin, say
from tests.web.test_robustness import serious

COMPOSING = """key => document.getElementById('box').dispatchEvent(
    new KeyboardEvent('keydown', {...key, bubbles: true, cancelable: true}))"""


@pytest_asyncio.fixture(loop_scope="session")
async def busy(page: Page, llm: LLM) -> AsyncIterator[Page]:
    """A page on which an answer is being written."""
    gate = asyncio.Event()
    llm.script(Answer(text=("on and on", " done"), gate=gate))
    await begin(page)
    await expect(page.locator(".assistant")).to_contain_text("on and on")
    yield page
    await expect(page.locator("#activity")).to_have_attribute("data-state", "busy")
    gate.set()
    await expect(page.locator(".assistant")).to_contain_text("done")


async def test_escape_closes_the_palette_and_the_answer_goes_on(busy: Page) -> None:
    await busy.keyboard.press("Control+k")
    await busy.keyboard.type("abc")
    await busy.keyboard.press("Escape")
    await expect(busy.locator("#palette")).to_be_hidden()


async def test_escape_clears_the_search_and_the_answer_goes_on(busy: Page) -> None:
    await busy.fill("#search", "zebra")
    await expect(busy.locator("#found")).to_contain_text("No chats")
    await busy.press("#search", "Escape")
    await expect(busy.locator("#search")).to_have_value("")
    await busy.press("#search", "Escape")
    await expect(busy.locator("#box")).to_be_focused()


async def test_escape_leaves_editing_and_the_answer_goes_on(busy: Page) -> None:
    await busy.fill("#box", "")
    await busy.press("#box", "ArrowUp")
    await expect(busy.locator(".editing")).to_be_visible()
    await expect(busy.locator("#box")).to_have_value("Hello")
    await busy.press("#box", "Escape")
    await expect(busy.locator(".editing")).to_be_hidden()


async def test_escape_closes_menus_and_the_answer_goes_on(busy: Page) -> None:
    await busy.click(".more summary")
    await busy.keyboard.press("Escape")
    await expect(busy.locator(".menu-list")).to_be_hidden()
    await expect(busy.locator(".more summary")).to_be_focused()


async def test_escape_closes_the_side_bar_of_a_phone_and_the_answer_goes_on(busy: Page) -> None:
    await busy.set_viewport_size({"width": 390, "height": 800})
    await busy.click("label.menu")
    await busy.keyboard.press("Escape")
    await expect(busy.locator("#search")).not_to_be_in_viewport()


async def test_keys_of_a_composition_do_nothing_else(busy: Page) -> None:
    await busy.fill("#box", "你好")
    for key in ({"key": "Escape", "isComposing": True}, {"key": "Escape", "keyCode": 229}):
        await busy.evaluate(COMPOSING, key)
    for key in ({"key": "Enter", "isComposing": True}, {"key": "Enter", "keyCode": 229}):
        await busy.evaluate(COMPOSING, key)
    await expect(busy.locator(".user")).to_have_count(1)
    await expect(busy.locator("#box")).to_have_value("你好")


async def test_a_draft_survives_editing_another_message(page: Page, llm: LLM) -> None:
    llm.script(Answer(text="first"), Answer(text="second"))
    await begin(page)
    await at_rest(page)
    for leave in ("#cancel-edit", None):
        await page.fill("#box", "MY DRAFT")
        await page.hover(".message.user")
        await page.click(".message.user button.edit")
        await (page.click(leave) if leave else page.press("#box", "Escape"))
        await expect(page.locator("#box")).to_have_value("MY DRAFT")
    await page.hover(".message.user")
    await page.click(".message.user button.edit")
    await page.reload()
    await expect(page.locator("#box")).to_have_value("MY DRAFT")
    await page.hover(".message.user")
    await page.click(".message.user button.edit")
    await say(page, "a better question")
    await expect(page.locator(".assistant")).to_contain_text("second")
    await expect(page.locator("#box")).to_have_value("MY DRAFT")


async def test_attached_files_survive_a_reload(page: Page, llm: LLM) -> None:
    llm.script(Answer(text="a note"))
    await page.set_input_files("#files", {"name": "n.txt", "mimeType": "text/plain", "buffer": b"the milk"})
    await expect(page.locator("#attachments figure")).to_have_count(1)
    await page.reload()
    await expect(page.locator("#attachments figure")).to_contain_text("n.txt")
    await begin(page, "What is it?")
    await at_rest(page)
    assert "the milk" in str(llm.requests[0].body)
    await page.goto(page.url.partition("/chat")[0])
    await expect(page.locator(".hello")).to_be_visible()
    await expect(page.locator("#attachments figure")).to_have_count(0)


async def test_the_palette_finds_chats_actions_and_models(open_page: OpenPage, site: Site) -> None:
    session_id = await site.server.new_session(title="Trip to Lisbon")
    page = await open_page()
    await page.keyboard.press("Control+k")
    await expect(page.locator("#palette-words")).to_be_focused()
    await expect(page.locator("#palette-list a", has_text="Settings")).to_be_visible()
    await serious(page)
    await page.keyboard.type("lisbon")
    await expect(page.locator("#palette-list button")).to_have_count(0)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.wait_for_url(CHAT)
    assert session_id in page.url
    await page.keyboard.press("Control+k")
    await page.keyboard.type("local/two")
    await expect(page.locator("#palette-list button")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.locator("#picked")).to_have_text("two")
    await page.keyboard.press("Control+Shift+S")
    await expect(page.locator("#sidebar")).to_be_hidden()
    await page.reload()
    await expect(page.locator("#sidebar")).to_be_hidden()
    await page.click("#main .collapse")
    await expect(page.locator("#sidebar")).to_be_visible()
    await page.keyboard.press("Control+Shift+O")
    await expect(page.locator(".hello")).to_be_visible()
    await page.keyboard.press("Alt+ArrowDown")
    await page.wait_for_url(CHAT)


async def test_copy_shows_its_icon_again_after_two_clicks(page: Page, llm: LLM) -> None:
    llm.script(Answer(text="first"))
    await begin(page)
    await at_rest(page)
    copy = page.locator(".message.assistant .copy-text")
    await copy.dblclick()
    await expect(copy).to_have_text("Copied")
    await expect(copy.locator("svg")).to_have_count(1)
