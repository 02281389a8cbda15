"""What is picked below the message box is what answers, whichever button asks."""

import re

from playwright.async_api import Page, expect

from tests.llm.server import LLM, Answer, Status
from tests.web.conftest import OpenPage
from tests.web.test_conversation import CHAT, at_rest, begin


async def pick(page: Page, words: str) -> None:
    await page.click("#pick")
    await page.fill("#model-filter", words)
    await page.press("#model-filter", "Enter")
    await expect(page.locator("#picked")).to_have_text(words)


def asked(llm: LLM) -> list[str]:
    return [str(request.body["model"]) for request in llm.requests]


async def test_the_picked_model_answers_again(page: Page, llm: LLM) -> None:
    llm.on("one", Answer(text="first"))
    llm.on("two", Answer(text="second"))
    await begin(page)
    await at_rest(page)
    await pick(page, "two")
    await page.click(".message.assistant:last-child .again button")
    await expect(page.locator(".assistant")).to_contain_text("second")
    assert asked(llm)[-1] == "two"
    await page.click(".again-with")
    await page.fill("#model-filter", "one")
    await page.press("#model-filter", "Enter")
    await expect(page.locator(".assistant")).to_contain_text("first")
    await expect(page.locator("#picked")).to_have_text("one")


async def test_the_picked_model_answers_what_failed(page: Page, llm: LLM) -> None:
    llm.on("one", Status(400, "No credit."))
    llm.on("two", Answer(text="second"))
    await begin(page)
    await expect(page.locator(".failure")).to_be_visible()
    await pick(page, "two")
    await page.click(".failure button")
    await expect(page.locator(".assistant")).to_contain_text("second")


async def test_the_picked_model_answers_a_suggestion(page: Page, llm: LLM) -> None:
    llm.on("two", Answer(text="second"))
    await pick(page, "two")
    await page.click(".suggestions button >> nth=0")
    await page.wait_for_url(CHAT)
    await expect(page.locator(".assistant")).to_contain_text("second")


async def test_a_new_chat_begins_with_what_was_used_last(page: Page, llm: LLM) -> None:
    llm.on("two", Answer(text="second"))
    await pick(page, "two")
    await page.reload()
    await expect(page.locator("#picked")).to_have_text("two")
    await begin(page)
    await at_rest(page)
    await page.click("a.new")
    await expect(page.locator(".hello")).to_be_visible()
    await expect(page.locator("#picked")).to_have_text("two")


async def test_a_choice_that_there_is_no_more_is_the_default(open_page: OpenPage) -> None:
    page = await open_page()
    await page.context.add_cookies(
        [{"name": "opencode_choice", "value": "gone/model|high|nobody", "url": page.url}]
    )
    await page.reload()
    await expect(page.locator("#picked")).to_have_text("one")
    await expect(page.locator("[name=agent]")).to_have_value("build")


async def test_the_picker_is_used_by_keyboard(page: Page) -> None:
    await page.click("#pick")
    await expect(page.locator("#models [aria-current]").last).to_be_in_viewport()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#models button:focus")).to_have_count(1)
    await page.keyboard.press("ArrowUp")
    await expect(page.locator("#model-filter")).to_be_focused()
    await page.keyboard.type("two")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#models button:focus")).to_have_attribute("data-name", "two")
    await page.keyboard.press("Enter")
    await expect(page.locator("#picked")).to_have_text("two")
    await expect(page.locator("#box")).to_be_focused()
    await page.click("#pick")
    await expect(page.locator("#models .recent button")).to_have_attribute("data-name", "two")
    await expect(page.locator("#models button[data-name=one] small")).to_contain_text(re.compile("reasoning"))
